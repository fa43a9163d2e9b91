/*
 * front/watch.c - see watch.h
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include <kore/kore.h>
#include <kore/http.h>

#include "base/log.h"
#include "base/timez.h"
#include "base/uuid7.h"
#include "front/watch.h"
#include "wire/event.h"

#define FIRST_LOOK_MS 40   /* most deferred calls are short */
#define WAIT_LOOK_MS  500  /* how often is looked without an event */
#define LOOK_MS       2000 /* the same of streams */
#define ASK_BUDGET_MS 2000
#define TOKEN_MS      500   /* how often a stream's token is looked at */
#define STUCK_MS      30000 /* a client that reads nothing of its stream */

typedef struct front_watch {
    struct front_watch *next, *prev;
    uint8_t tag[16]; /* names it in answers to its questions */
    uint8_t job[16];
    char job_text[GH_UUID_TEXT];
    front_ask_t ask;
    gh_buf_t extension;
    gh_job_head_t as; /* whose questions it asks */
    char ip[48];
    uint8_t session[16], jti[16];
    bool stream, asking, again; /* again: something changed while it was asking */
    int64_t look_ms, until_ms, beat_ms, token_ms, moved_ms;
    gh_buf_t first, body; /* wait: header frame of the 202, the job as last seen */
    char state[16];       /* of what was sent last */
    int64_t progress;
    size_t sent;
} front_watch_t;

static struct {
    front_watch_t *all;
    size_t streams;
    gh_buf_t text, args;
} s_watch;

/* ---- one watch */

static void
drop(front_watch_t *w)
{
    *(w->prev ? &w->prev->next : &s_watch.all) = w->next;
    if (w->next)
        w->next->prev = w->prev;
    s_watch.streams -= w->stream;
    gh_buf_fini(&w->extension);
    gh_buf_fini(&w->first);
    gh_buf_fini(&w->body);
    free(w);
}

/* A stream is one request of its whole length. */
static void
note_stream(const front_watch_t *w)
{
    front_count(&w->ask, 200);
    front_access(&w->ask, 200, w->sent);
    front_rows_add(&w->ask, 200);
}

/* The client left. */
static void
on_request_freed(struct http_request *req)
{
    front_watch_t *w = req->hdlr_extra;
    if (!w)
        return;
    req->hdlr_extra = NULL;
    if (w->stream) {
        note_stream(w);
    } else {
        front_access(&w->ask, 499, 0);
        front_rows_add(&w->ask, 499);
    }
    front_add(&front.counters->worker[front.worker].left, 1);
    drop(w);
}

static bool
is_there(const front_watch_t *w)
{
    const struct connection *c = w->ask.req->owner;
    return c && c->state != CONN_STATE_DISCONNECTING;
}

/* The request is nobody's: answer it, and let it go. */
static struct http_request *
take_back(front_watch_t *w)
{
    struct http_request *req = w->ask.req;
    req->hdlr_extra = NULL;
    req->onfree = NULL;
    return req;
}

static front_watch_t *
find(const uint8_t tag[16])
{
    front_watch_t *w = s_watch.all;
    while (w && memcmp(w->tag, tag, 16) != 0)
        w = w->next;
    return w;
}

/* ---- questions about the job */

/* The job's id as argument goes to s_watch.args. */
static void
fill_question(const front_watch_t *w, const char *op, gh_job_head_t *head)
{
    *head = w->as;
    gh_uuid7_new(head->id);
    head->op = gh_str(op);
    head->budget_ms = ASK_BUDGET_MS;
    head->key = head->shard = (gh_str_t){0};
    head->resend = false;
    head->attempt = 0;
    gh_buf_clear(&s_watch.args);
    gh_mpw_map(&s_watch.args, 1);
    gh_mpw_cstr(&s_watch.args, "path");
    gh_mpw_map(&s_watch.args, 1);
    gh_mpw_cstr(&s_watch.args, "id");
    gh_mpw_cstr(&s_watch.args, w->job_text);
}

static void take_look(const uint8_t tag[16], const gh_reply_head_t *head, gh_str_t body);

static void
look(front_watch_t *w, int64_t now)
{
    gh_job_head_t head;
    fill_question(w, "jobs.v1_get_job", &head);
    /* The question may outlive the request, and be sent again then: nothing of it points there. */
    head.request = head.actor.agent = head.actor.lang = (gh_str_t){0};
    w->look_ms = now + (w->stream ? LOOK_MS : WAIT_LOOK_MS);
    w->again = false;
    w->asking = gh_buf_ok(&s_watch.args) &&
                front_link_question(&head, "jobs", gh_buf_view(&s_watch.args), take_look, w->tag);
}

/* ---- the end of a wait */

/* 202, as the call would have been answered at first, with the job as it is by now. */
static void
answer_accepted(front_watch_t *w)
{
    gh_reply_head_t head;
    struct http_request *req = take_back(w);
    gh_str_t first = gh_buf_view(&w->first);
    if (gh_reply_head_decode(first.p, first.n, &head) == 0)
        front_answer_reply(&w->ask, &head, gh_buf_view(&w->body), NULL);
    else
        front_answer_error(&w->ask, GH_E_INTERNAL, NULL, NULL);
    drop(w);
    front_let_go(req);
}

/* The call had made its job before: the result is a stored answer as well (api/20, Idempotency). */
static bool
is_replay_of_accepted(const front_watch_t *w)
{
    gh_reply_head_t head;
    gh_str_t first = gh_buf_view(&w->first);
    return gh_reply_head_decode(first.p, first.n, &head) == 0 && front_is_replay(&head);
}

/* The job ended: its result is the answer. */
static void
answer_result(front_watch_t *w)
{
    gh_job_head_t head;
    struct http_request *req = take_back(w);
    fill_question(w, "jobs.v1_get_job_result", &head);
    head.budget_ms = front.timeout_ms;
    w->ask.wait_s = 0;
    w->ask.replayed = is_replay_of_accepted(w);
    front_link_send(&w->ask, &head, "jobs", gh_buf_view(&s_watch.args), NULL);
    drop(w);
    if (!req->hdlr_extra)
        front_let_go(req);
}

/* ---- streams */

static void
push(front_watch_t *w, gh_str_t text)
{
    struct connection *c = w->ask.req->owner;
    if (!is_there(w))
        return; /* it is about to be freed */
    net_send_queue(c, text.p, text.n);
    w->sent += text.n;
    w->beat_ms = gh_mono_ms() + gh_conf_int(front.conf, "front.stream_beat_ms");
    if (!net_send_flush(c))
        kore_connection_disconnect(c);
}

/* A line feed in the data would end its line. */
static void
put_event(gh_buf_t *out, const char *name, const char *id, int64_t progress, gh_str_t data)
{
    gh_buf_printf(out, "event: %s\n", name);
    if (id)
        gh_buf_printf(out, "id: %s-%lld\n", id, (long long)progress);
    gh_buf_puts(out, "data: ");
    for (size_t i = 0; i < data.n; i++)
        if (data.p[i] == '\n')
            gh_buf_puts(out, "\ndata: ");
        else if (data.p[i] != '\r')
            gh_buf_putc(out, data.p[i]);
    gh_buf_puts(out, "\n\n");
}

/* The last bytes were queued: the connection closes behind them. */
static void
end_stream(front_watch_t *w)
{
    struct http_request *req = take_back(w);
    note_stream(w);
    if (is_there(w))
        req->owner->flags |= CONN_CLOSE_EMPTY;
    drop(w);
    front_let_go(req);
}

static void
refuse_stream(front_watch_t *w, gh_err_t error)
{
    gh_buf_t data GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;
    gh_json_init(&j, &data);
    gh_json_obj(&j);
    gh_json_kcstr(&j, "code", gh_error_row(error)->name);
    gh_json_kcstr(&j, "message", gh_error_row(error)->en);
    gh_json_obj_end(&j);
    w->ask.error = error;
    gh_buf_clear(&s_watch.text);
    put_event(&s_watch.text, "refused", NULL, 0, gh_buf_view(&data));
    push(w, gh_buf_view(&s_watch.text));
    end_stream(w);
}

static bool
is_end(const char *state)
{
    return strcmp(state, "DONE") == 0 || strcmp(state, "FAILED") == 0 || strcmp(state, "CANCELLED") == 0;
}

/* Status and progress of a job's JSON; false: it is none. */
static bool
read_job(gh_str_t body, char state[16], int64_t *progress)
{
    json_t *job = body.n ? json_loadb(body.p, body.n, 0, NULL) : NULL;
    const char *status = json_string_value(json_object_get(job, "status"));
    snprintf(state, 16, "%s", status ? status : "");
    *progress = json_integer_value(json_object_get(job, "progress"));
    json_decref(job);
    return status != NULL;
}

/* The job as it is now. The watch may be gone afterwards. */
static void
tell(front_watch_t *w, gh_str_t body)
{
    char state[16];
    int64_t progress;
    if (!read_job(body, state, &progress) || (strcmp(state, w->state) == 0 && progress == w->progress))
        return;
    memcpy(w->state, state, sizeof state);
    w->progress = progress;
    gh_buf_clear(&s_watch.text);
    put_event(&s_watch.text, is_end(state) ? "end" : "job", state, progress, body);
    push(w, gh_buf_view(&s_watch.text));
    if (is_end(state))
        end_stream(w);
}

/* ---- answers to questions */

static void
take_job(front_watch_t *w, gh_str_t body)
{
    char state[16];
    int64_t progress;
    if (w->stream) {
        tell(w, body);
        return;
    }
    gh_buf_clear(&w->body);
    gh_buf_str(&w->body, body);
    if (!read_job(body, state, &progress) || !is_end(state))
        return;
    if (strcmp(state, "CANCELLED") == 0)
        answer_accepted(w);
    else
        answer_result(w);
}

/* What passes is asked again; any other refusal ends the watch. */
static void
take_refusal(front_watch_t *w, gh_str_t name)
{
    gh_err_t error = gh_error_find(name);
    if (error == GH_E_NONE || gh_error_row(error)->http >= 500 || gh_error_row(error)->http == 429)
        return;
    if (w->stream)
        refuse_stream(w, error);
    else
        answer_accepted(w);
}

static void
take_look(const uint8_t tag[16], const gh_reply_head_t *head, gh_str_t body)
{
    front_watch_t *w = find(tag);
    if (!w)
        return; /* the client left meanwhile */
    w->asking = false;
    if (w->again)
        w->look_ms = 0;
    if (!head)
        return;
    if (head->error.n)
        take_refusal(w, head->error);
    else
        take_job(w, body);
}

/* ---- beginning */

bool
front_watch_wanted(const front_ask_t *ask)
{
    return ask->wait_s > 0 || ask->stream;
}

/* Copies of what does not live as long as the request. */
static void
copy_caller(front_watch_t *w, const gh_job_head_t *job)
{
    w->as = *job;
    w->as.trace = gh_str(w->ask.trace);
    gh_actor_ref_t *a = &w->as.actor;
    if (a->ip.n && a->ip.n < sizeof w->ip) {
        memcpy(w->ip, a->ip.p, a->ip.n);
        a->ip.p = w->ip;
    } else
        a->ip = (gh_str_t){0};
    if (a->session.n == 16 && a->jti.n == 16) {
        memcpy(w->session, a->session.p, 16);
        memcpy(w->jti, a->jti.p, 16);
        a->session.p = (const char *)w->session;
        a->jti.p = (const char *)w->jti;
    }
}

static void
copy_ask(front_watch_t *w, const front_ask_t *ask)
{
    w->ask = *ask;
    if (ask->render.request_id.p == ask->id_text)
        w->ask.render.request_id.p = w->ask.id_text;
    gh_buf_str(&w->extension, ask->extension);
    w->ask.extension = gh_buf_ok(&w->extension) ? gh_buf_view(&w->extension) : (gh_str_t){0};
}

/* The id at the end of the Location of a 202, or in the body of JB-02. */
static bool
job_id(gh_str_t body, uint8_t out[16])
{
    json_t *job = body.n ? json_loadb(body.p, body.n, 0, NULL) : NULL;
    const char *id = json_string_value(json_object_get(job, "id"));
    bool found = id && gh_uuid_parse(gh_str(id), out) == 0;
    json_decref(job);
    return found;
}

static front_watch_t *
make(const front_ask_t *ask, const gh_job_head_t *job, gh_str_t body)
{
    struct http_request *req = ask->req;
    front_watch_t *w = calloc(1, sizeof *w);
    if (!w || !job_id(body, w->job)) {
        free(w);
        return NULL;
    }
    int64_t now = gh_mono_ms();
    gh_uuid7_new(w->tag);
    gh_uuid_text(w->job, w->job_text);
    copy_ask(w, ask);
    copy_caller(w, job);
    w->stream = ask->stream;
    w->progress = -1;
    w->moved_ms = now;
    w->next = s_watch.all;
    if (w->next)
        w->next->prev = w;
    s_watch.all = w;
    s_watch.streams += w->stream;
    req->hdlr_extra = w;
    req->onfree = on_request_freed;
    return w;
}

/* Browsers come back by themselves after an end, and say what they saw last: 204 tells them to stay away. */
static bool
has_seen_end(const front_ask_t *ask, gh_str_t body)
{
    char state[16];
    int64_t progress;
    size_t n;
    if (!read_job(body, state, &progress) || !is_end(state))
        return false;
    n = strlen(state);
    return ask->last_event.n > n && memcmp(ask->last_event.p, state, n) == 0 && ask->last_event.p[n] == '-';
}

static void
begin_stream(const front_ask_t *ask, const gh_job_head_t *job, gh_str_t body)
{
    struct http_request *req = ask->req;
    front_watch_t *w = NULL;
    if (s_watch.streams >= (size_t)gh_conf_int(front.conf, "front.streams") || front.draining)
        front_answer_error(ask, GH_E_QUEUE_FULL, NULL, NULL);
    else if (has_seen_end(ask, body))
        front_answer(ask, 204, "", (gh_str_t){0}, (gh_str_t){0});
    else if (!(w = make(ask, job, body)))
        front_answer_error(ask, GH_E_INTERNAL, NULL, NULL);
    if (!w) {
        req->hdlr_extra = NULL;
        req->onfree = NULL;
        front_let_go(req);
        return;
    }
    w->look_ms = gh_mono_ms() + LOOK_MS;
    w->sent = front_stream_begin(&w->ask);
    tell(w, body);
}

static void
begin_wait(const front_ask_t *ask, const gh_job_head_t *job, gh_str_t frame, const gh_reply_head_t *head,
           gh_str_t body)
{
    struct http_request *req = ask->req;
    front_watch_t *w = front.draining ? NULL : make(ask, job, body);
    if (!w) {
        front_ask_t told = *ask;
        req->hdlr_extra = NULL;
        req->onfree = NULL;
        if (ask->render.request_id.p == ask->id_text)
            told.render.request_id.p = told.id_text;
        front_answer_reply(&told, head, body, NULL);
        front_let_go(req);
        return;
    }
    gh_buf_str(&w->first, frame);
    gh_buf_str(&w->body, body);
    w->until_ms = gh_mono_ms() + (int64_t)ask->wait_s * 1000;
    w->look_ms = gh_mono_ms() + FIRST_LOOK_MS;
}

void
front_watch_begin(const front_ask_t *ask, const gh_job_head_t *job, gh_str_t frame,
                  const gh_reply_head_t *head, gh_str_t body)
{
    if (ask->stream)
        begin_stream(ask, job, body);
    else
        begin_wait(ask, job, frame, head, body);
}

/* ---- time and events */

void
front_watch_event(gh_str_t frame)
{
    gh_mp_t map;
    gh_str_t id;
    if (!s_watch.all || gh_event_decode(frame.p, frame.n, &map) || !gh_mp_bin(gh_mp_get(map, "id"), &id) ||
        id.n != 16)
        return;
    for (front_watch_t *w = s_watch.all; w; w = w->next)
        if (memcmp(w->job, id.p, 16) == 0) {
            w->again = w->asking;
            w->look_ms = 0;
        }
}

/* Whether the client takes what is sent. Then, keep the connection in sight of who stands in between. */
static void
keep_stream(front_watch_t *w, int64_t now)
{
    struct connection *c = w->ask.req->owner;
    if (!is_there(w))
        return;
    if (TAILQ_EMPTY(&c->send_queue))
        w->moved_ms = now;
    else if (now - w->moved_ms > STUCK_MS) {
        kore_connection_disconnect(c);
        return;
    }
    if (now >= w->beat_ms)
        push(w, GH_STR(":\n\n"));
}

static gh_err_t
token_error(front_watch_t *w, int64_t now)
{
    if (now < w->token_ms)
        return GH_E_NONE;
    w->token_ms = now + TOKEN_MS;
    return front_token_error(w->ask.authorization);
}

static void
tick_one(front_watch_t *w, int64_t now)
{
    gh_err_t error = w->stream ? token_error(w, now) : GH_E_NONE;
    if (error != GH_E_NONE) {
        refuse_stream(w, error);
        return;
    }
    if (w->stream && front.draining) {
        end_stream(w);
        return;
    }
    if (!w->stream && (front.draining || now >= w->until_ms)) {
        answer_accepted(w);
        return;
    }
    if (!w->asking && now >= w->look_ms)
        look(w, now);
    if (w->stream)
        keep_stream(w, now);
}

void
front_watch_tick(int64_t now)
{
    front_watch_t *next;
    for (front_watch_t *w = s_watch.all; w; w = next) {
        next = w->next;
        tick_one(w, now);
    }
}

void
front_watch_stop(void)
{
    while (s_watch.all)
        if (s_watch.all->stream)
            end_stream(s_watch.all);
        else
            answer_accepted(s_watch.all);
    gh_buf_fini(&s_watch.text);
    gh_buf_fini(&s_watch.args);
}
