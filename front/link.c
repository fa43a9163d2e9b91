/*
 * front/link.c - the way to the brokers: jobs out, replies in, events in (MDP/0.2 client, protocols.md)
 *
 * Which broker takes a job says brokers.h. When it vanishes, or says that another one may take the job (`elsewhere`), the job is
 * sent again, marked `resend`, within its time: the job record makes that safe (design.md, exactly once). Then the refusal of a
 * broker that has the job no more does not count.
 */
#include <stdio.h>
#include <stdlib.h>
#include <zmq.h>

#include <kore/kore.h>
#include <kore/http.h>

#define GH_LOG_PART GH_LOG_LINK
#include "base/log.h"
#include "base/program.h"
#include "base/timez.h"
#include "base/uuid7.h"
#include "front/brokers.h"
#include "front/front.h"
#include "front/watch.h"
#include "wire/event.h"
#include "wire/frames.h"
#include "wire/mdp.h"

#define BUCKETS       16384u
#define TICK_MS       20
#define RESEND_MIN_MS 150 /* with less time left a second try is pointless */
#define RESENDS_MAX   8
#define PATIENCE_MS   1500 /* refused by all brokers while one comes or goes: asked again so long */
#define AGAIN_MS      100
#define CACHED_JOBS   1024
#define OWN_MARGIN_MS 200 /* a job of our own is waited for a little longer than its budget */

struct front_job {
    front_job_t *chain;       /* of the bucket, or of the free list */
    front_job_t *next, *prev; /* all that are parked */
    front_ask_t ask;
    const gh_operation_t *counted; /* among those of its operation (turns.c) */
    gh_job_head_t head;
    char service[GH_MDP_SERVICE_MAX + 1], op[128], trace[GH_TRACE_TEXT];
    char ip[48];
    uint8_t session[16], jti[16];
    gh_buf_t args, shard, extension;
    bool before;      /* a question of ours: the request goes on when it is answered */
    zmq_msg_t *blobs; /* files; NULL if none */
    size_t n_blobs;
    int link;        /* slot of the broker that has it, -1 none */
    uint32_t tried;  /* brokers (1 << slot) that have refused it since it was sent anew */
    uint8_t resends; /* after brokers that vanished */
    bool begun; /* a broker that had it vanished, or stopped while it ran: nobody knows what became of it */
    int64_t deadline_ms, again_ms, patience_ms;
    front_done_fn done; /* a job of the front's own */
    front_told_fn told; /* one for somebody who is named by: */
    uint8_t tag[16];
};

static struct {
    front_job_t *buckets[BUCKETS];
    front_job_t *parked, *free;
    size_t n_parked, n_free;
    gh_buf_t head;
} s_link;

/* ---- parked jobs */

static front_job_t **
bucket_of(const uint8_t id[16])
{
    uint64_t h;
    memcpy(&h, id + 8, sizeof h);
    return &s_link.buckets[(h * 0x9e3779b97f4a7c15u) >> 50];
}

static front_job_t *
find_job(const uint8_t id[16])
{
    front_job_t *j = *bucket_of(id);
    while (j && memcmp(j->head.id, id, 16) != 0)
        j = j->chain;
    return j;
}

static front_job_t *
take_job(void)
{
    front_job_t *j = s_link.free;
    if (!j)
        return calloc(1, sizeof *j);
    s_link.free = j->chain;
    s_link.n_free--;
    gh_buf_t args = j->args, shard = j->shard, extension = j->extension;
    memset(j, 0, sizeof *j);
    j->args = args;
    j->shard = shard;
    j->extension = extension;
    gh_buf_clear(&j->args);
    gh_buf_clear(&j->shard);
    gh_buf_clear(&j->extension);
    return j;
}

/* What a socket has not sent yet keeps its own reference. */
static void
drop_blobs(front_job_t *j)
{
    for (size_t i = 0; i < j->n_blobs; i++)
        zmq_msg_close(&j->blobs[i]);
    free(j->blobs);
    j->blobs = NULL;
    j->n_blobs = 0;
}

static bool
take_blobs(front_job_t *j, gh_upload_t *u)
{
    size_t n = u ? gh_upload_files(u) : 0;
    if (n == 0)
        return true;
    j->blobs = calloc(n, sizeof *j->blobs);
    if (!j->blobs)
        return false;
    for (; j->n_blobs < n; j->n_blobs++)
        front_upload_move(u, j->n_blobs, &j->blobs[j->n_blobs]);
    return true;
}

static void
release_job(front_job_t *j)
{
    drop_blobs(j);
    if (s_link.n_free >= CACHED_JOBS || j->args.cap > 16384) {
        gh_buf_fini(&j->args);
        gh_buf_fini(&j->shard);
        gh_buf_fini(&j->extension);
        free(j);
        return;
    }
    j->chain = s_link.free;
    s_link.free = j;
    s_link.n_free++;
}

static void
park(front_job_t *j)
{
    front_job_t **b = bucket_of(j->head.id);
    j->chain = *b;
    *b = j;
    j->prev = NULL;
    j->next = s_link.parked;
    if (j->next)
        j->next->prev = j;
    s_link.parked = j;
    s_link.n_parked++;
    if (j->link >= 0)
        front_broker(j->link)->n_jobs++;
    j->counted = j->ask.req ? j->ask.op : NULL;
    if (j->counted)
        front_turns_begun(j->counted);
}

/* A parked job is with another broker now, or with none (-1). */
static void
move_to(front_job_t *j, int link)
{
    if (j->link >= 0)
        front_broker(j->link)->n_jobs--;
    j->link = link;
    if (link >= 0)
        front_broker(link)->n_jobs++;
}

static void
unpark(front_job_t *j)
{
    front_job_t **b = bucket_of(j->head.id);
    while (*b != j)
        b = &(*b)->chain;
    *b = j->chain;
    *(j->prev ? &j->prev->next : &s_link.parked) = j->next;
    if (j->next)
        j->next->prev = j->prev;
    s_link.n_parked--;
    move_to(j, -1);
    if (j->counted)
        front_turns_ended(j->counted);
}

size_t
front_link_parked(void)
{
    return s_link.n_parked;
}

/* The client left: Kore frees the request, so nothing of it may stay here. */
static void
on_request_freed(struct http_request *req)
{
    front_job_t *j = req->hdlr_extra;
    if (!j)
        return;
    req->hdlr_extra = NULL;
    front_access(&j->ask, 499, 0);
    front_rows_add(&j->ask, 499);
    unpark(j);
    release_job(j);
    front_add(&front.counters->worker[front.worker].left, 1);
}

void
front_let_go(struct http_request *req)
{
    req->hdlr_extra = NULL;
    req->onfree = NULL;
    if (req->owner && req->owner->state != CONN_STATE_DISCONNECTING && !net_send_flush(req->owner))
        kore_connection_disconnect(req->owner);
    req->flags |= HTTP_REQUEST_DELETE;
    http_request_wakeup(req);
}

static void
finish(front_job_t *j)
{
    struct http_request *req = j->ask.req;
    unpark(j);
    release_job(j);
    if (req)
        front_let_go(req);
}

/* A question of ours is answered: the request goes on, and is parked anew or answered. */
static void
go_on(front_job_t *j, gh_str_t answer)
{
    struct http_request *req = j->ask.req;
    unpark(j);
    req->hdlr_extra = NULL;
    req->onfree = NULL;
    if (req->owner && req->owner->state != CONN_STATE_DISCONNECTING)
        front_request_again(&j->ask, answer);
    else
        front_access(&j->ask, 499, 0); /* the client left at this moment */
    release_job(j);
    if (!req->hdlr_extra)
        front_let_go(req);
}

static void
finish_with_error(front_job_t *j, gh_err_t error)
{
    if (j->done) {
        front_done_fn done = j->done;
        finish(j);
        done(NULL, (gh_str_t){0});
        return;
    }
    if (j->told) {
        front_told_fn told = j->told;
        uint8_t tag[16];
        memcpy(tag, j->tag, sizeof tag);
        finish(j);
        told(tag, NULL, (gh_str_t){0});
        return;
    }
    if (j->before) {
        go_on(j, (gh_str_t){0});
        return;
    }
    front_answer_error(&j->ask, error, NULL, NULL);
    finish(j);
}

/* ---- sending */

/* A reference to the bytes goes out; the job keeps its own for a second try. */
static bool
send_blob(front_link_t *l, zmq_msg_t *blob, bool more)
{
    zmq_msg_t copy;
    zmq_msg_init(&copy);
    if (zmq_msg_copy(&copy, blob) == 0 &&
        zmq_msg_send(&copy, l->jobs, (more ? ZMQ_SNDMORE : 0) | ZMQ_DONTWAIT) >= 0)
        return true;
    zmq_msg_close(&copy);
    return false;
}

static bool
send_frames(front_link_t *l, const front_job_t *j, gh_str_t head)
{
    static const char request[1] = {GH_MDPC_REQUEST};
    gh_str_t args = gh_buf_view(&j->args);
    const char *service = j->service;
    int more = j->n_blobs ? ZMQ_SNDMORE : 0;
    /* The first frame decides: a multipart message is queued whole or not at all. */
    if (zmq_send_const(l->jobs, GH_MDPC02, 6, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0)
        return false;
    bool ok = zmq_send_const(l->jobs, request, 1, ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0 &&
              zmq_send(l->jobs, service, strlen(service), ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0 &&
              zmq_send(l->jobs, head.p, head.n, ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0 &&
              zmq_send(l->jobs, args.p, args.n, more | ZMQ_DONTWAIT) >= 0;
    for (size_t i = 0; ok && i < j->n_blobs; i++)
        ok = send_blob(l, &j->blobs[i], i + 1 < j->n_blobs);
    return ok;
}

/* To the best broker that has not refused it; the one that took it, -1 when none does. */
static int
send_job(front_job_t *j)
{
    int64_t now = gh_mono_ms();
    uint32_t tried = j->tried;
    gh_buf_clear(&s_link.head);
    gh_job_head_encode(&j->head, &s_link.head);
    if (!gh_buf_ok(&s_link.head))
        return -1;
    for (int i; (i = front_broker_best(j->head.shard, tried, now)) >= 0; tried |= UINT32_C(1) << i)
        if (send_frames(front_broker(i), j, gh_buf_view(&s_link.head)))
            return i;
    return -1;
}

/* Send a parked job again; false when no broker takes it now. */
static bool
send_again(front_job_t *j, int64_t now)
{
    int64_t left = j->deadline_ms - now;
    if (left < RESEND_MIN_MS)
        return false;
    j->head.resend = true;
    j->head.budget_ms = (uint32_t)(left - RESEND_MIN_MS / 2);
    int link = send_job(j);
    if (link < 0)
        return false;
    move_to(j, link);
    front_brokers_stir();
    front_add(&front.counters->worker[front.worker].resent, 1);
    return true;
}

/* Broker l says that another one may take the job. False: there is none. */
static bool
pass_on(front_job_t *j, const front_link_t *l, bool begun)
{
    int64_t now = gh_mono_ms();
    j->begun |= begun;
    j->tried |= UINT32_C(1) << l->index;
    move_to(j, -1);
    if (send_again(j, now))
        return true;
    if (!j->patience_ms)
        j->patience_ms = now + PATIENCE_MS;
    if (now >= j->patience_ms || !front_brokers_settling(now))
        return false;
    j->tried = 0;
    j->again_ms = now + AGAIN_MS;
    return true;
}

/* Copy what lives on the caller's stack. */
static front_job_t *
make_job(const gh_job_head_t *head, const char *service, gh_str_t args)
{
    front_job_t *j = take_job();
    if (!j)
        return NULL;
    j->head = *head;
    snprintf(j->service, sizeof j->service, "%s", service);
    snprintf(j->op, sizeof j->op, "%.*s", (int)head->op.n, head->op.p);
    j->head.op = gh_str(j->op);
    snprintf(j->trace, sizeof j->trace, "%.*s", (int)head->trace.n, head->trace.n ? head->trace.p : "");
    j->head.trace = gh_str(j->trace);
    gh_buf_str(&j->args, args);
    gh_buf_str(&j->shard, head->shard);
    j->head.shard = gh_buf_view(&j->shard);
    gh_actor_ref_t *a = &j->head.actor;
    if (a->ip.n < sizeof j->ip && a->ip.n) {
        memcpy(j->ip, a->ip.p, a->ip.n);
        a->ip.p = j->ip;
    }
    if (a->session.n == 16 && a->jti.n == 16) {
        memcpy(j->session, a->session.p, 16);
        memcpy(j->jti, a->jti.p, 16);
        a->session.p = (const char *)j->session;
        a->jti.p = (const char *)j->jti;
    }
    if (!gh_buf_ok(&j->args) || !gh_buf_ok(&j->shard)) {
        gh_buf_fini(&j->args);
        gh_buf_fini(&j->shard);
        gh_buf_fini(&j->extension);
        free(j);
        return NULL;
    }
    return j;
}

/* The request sleeps until its job ends; ask is copied with what it points to on the caller's stack. */
static void
park_request(front_job_t *j, const front_ask_t *ask, uint32_t timeout_ms)
{
    struct http_request *req = ask->req;
    j->deadline_ms = gh_mono_ms() + timeout_ms;
    j->ask = *ask;
    if (ask->render.request_id.p == ask->id_text)
        j->ask.render.request_id.p = j->ask.id_text;
    if (j->head.trace.p == ask->trace)
        j->head.trace.p = j->ask.trace;
    gh_buf_str(&j->extension, ask->extension);
    j->ask.extension = gh_buf_ok(&j->extension) ? gh_buf_view(&j->extension) : (gh_str_t){0};
    park(j);
    req->hdlr_extra = j;
    req->flags |= HTTP_REQUEST_RETAIN_EXTRA;
    req->onfree = on_request_freed;
    http_request_sleep(req);
    front_brokers_stir();
}

/* A job without files that a broker took; NULL: none did, or no memory. */
static front_job_t *
make_sent(const gh_job_head_t *head, const char *service, gh_str_t args)
{
    front_job_t *j = make_job(head, service, args);
    if (j && (j->link = send_job(j)) < 0) {
        release_job(j);
        return NULL;
    }
    return j;
}

/* A job of ours, for which no request sleeps. */
static void
park_own(front_job_t *j)
{
    j->deadline_ms = gh_mono_ms() + j->head.budget_ms + OWN_MARGIN_MS;
    park(j);
    front_brokers_stir();
}

void
front_link_send(const front_ask_t *ask, const gh_job_head_t *head, const char *service, gh_str_t args,
                gh_upload_t *upload)
{
    front_job_t *j = make_job(head, service, args);
    if (j)
        j->link = take_blobs(j, upload) ? send_job(j) : -1;
    if (!j || j->link < 0) {
        if (j)
            release_job(j);
        front_add(&front.counters->worker[front.worker].send_failed, 1);
        front_answer_error(ask, GH_E_SERVICE_UNAVAILABLE, NULL, NULL);
        return;
    }
    park_request(j, ask, ask->op->timeout_ms ? ask->op->timeout_ms : front.timeout_ms);
}

bool
front_link_before(const front_ask_t *ask, const gh_job_head_t *head, const char *service)
{
    static const char empty_map[1] = {(char)0x80};
    front_job_t *j = make_sent(head, service, (gh_str_t){empty_map, sizeof empty_map});
    if (!j)
        return false;
    j->before = true;
    park_request(j, ask, head->budget_ms + OWN_MARGIN_MS);
    return true;
}

bool
front_link_ask(const front_errand_t *errand)
{
    static const char empty_map[1] = {(char)0x80};
    gh_job_head_t head = {.op = gh_str(errand->op),
                          .budget_ms = errand->budget_ms,
                          .priority = (uint8_t)errand->priority,
                          .resend = errand->resend,
                          .has_actor = true};
    if (errand->id)
        memcpy(head.id, errand->id, sizeof head.id);
    else
        gh_uuid7_new(head.id);
    front_job_t *j = make_sent(&head, errand->service,
                               errand->args.n ? errand->args : (gh_str_t){empty_map, sizeof empty_map});
    if (!j)
        return false;
    j->done = errand->done;
    park_own(j);
    return true;
}

bool
front_link_question(const gh_job_head_t *head, const char *service, gh_str_t args, front_told_fn told,
                    const uint8_t tag[16])
{
    front_job_t *j = make_sent(head, service, args);
    if (!j)
        return false;
    j->told = told;
    memcpy(j->tag, tag, sizeof j->tag);
    park_own(j);
    return true;
}

void
front_link_mmi(const char *name)
{
    int64_t now = gh_mono_ms();
    for (size_t i = 0; i < front_brokers(); i++)
        if (front_broker_usable(front_broker((int)i), now)) {
            static const char request[1] = {GH_MDPC_REQUEST};
            void *s = front_broker((int)i)->jobs;
            if (zmq_send_const(s, GH_MDPC02, 6, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0)
                continue;
            (void)zmq_send_const(s, request, 1, ZMQ_SNDMORE | ZMQ_DONTWAIT);
            (void)zmq_send(s, name, strlen(name), ZMQ_SNDMORE | ZMQ_DONTWAIT);
            (void)zmq_send(s, "", 0, ZMQ_DONTWAIT);
            front_brokers_stir();
        }
}

/* ---- receiving */

void
front_frame_release(void *owner)
{
    front_files_give(zmq_msg_size(owner));
    zmq_msg_close(owner);
    free(owner);
}

/* Frames behind the body: they outlive the message, so that a file is sent from where it arrived. False: memory for files
 * is used up, by answers that clients are slow to take. */
static bool
keep_frames(zmq_msg_t *parts, size_t n, front_frames_t *out)
{
    out->n = 0;
    for (size_t i = 0; i < n && i < FRONT_FRAMES_MAX; i++) {
        zmq_msg_t *kept = malloc(sizeof *kept);
        if (!kept || !front_files_take(zmq_msg_size(&parts[i]))) {
            free(kept);
            return false;
        }
        zmq_msg_init(kept);
        zmq_msg_move(kept, &parts[i]);
        out->at[out->n].bytes = gh_frame(kept);
        out->at[out->n++].owner = kept;
    }
    return true;
}

static void
answer(front_job_t *j, const gh_reply_head_t *head, gh_str_t body, zmq_msg_t *more, size_t n_more)
{
    front_frames_t frames;
    if (keep_frames(more, n_more, &frames)) {
        front_answer_reply(&j->ask, head, body, &frames);
        return;
    }
    for (size_t i = 0; i < frames.n; i++)
        front_frame_release(frames.at[i].owner);
    front_answer_error(&j->ask, GH_E_QUEUE_FULL, NULL, NULL);
}

/* No broker takes it. */
static void
give_up(front_job_t *j)
{
    finish_with_error(j, j->begun ? GH_E_UPSTREAM_TIMEOUT : GH_E_SERVICE_UNAVAILABLE);
}

static void
take_reply(const front_link_t *l, gh_str_t head_frame, gh_str_t body, zmq_msg_t *more, size_t n_more)
{
    gh_reply_head_t head;
    if (gh_reply_head_decode(head_frame.p, head_frame.n, &head))
        return;
    front_job_t *j = find_job(head.id);
    if (!j || (head.error.n && j->link != (int)l->index)) {
        front_add(&front.counters->worker[front.worker].late, 1);
        return;
    }
    if (head.elsewhere) {
        if (!pass_on(j, l, gh_str_is(head.error, "UPSTREAM_TIMEOUT")))
            give_up(j);
        return;
    }
    if (j->before) {
        if (head.error.n)
            body.n = 0;
        go_on(j, body);
        return;
    }
    if (!j->done && !j->told && head.error.n == 0 && front_watch_wanted(&j->ask)) {
        unpark(j);
        front_watch_begin(&j->ask, &j->head, head_frame, &head, body);
        release_job(j);
        return;
    }
    if (j->done)
        j->done(&head, body);
    else if (j->told)
        j->told(j->tag, &head, body);
    else if (head.error.n == 0 && strcmp(j->ask.op->pool, "front") == 0)
        front_serve(&j->ask, (gh_str_t){0}); /* the permission that was asked for */
    else
        answer(j, &head, body, more, n_more);
    finish(j);
}

static void
take_message(front_link_t *l, zmq_msg_t *parts, size_t n)
{
    if (n < 4 || !gh_str_is(gh_frame(&parts[0]), GH_MDPC02) || zmq_msg_size(&parts[1]) != 1 ||
        *(const uint8_t *)zmq_msg_data(&parts[1]) != GH_MDPC_FINAL)
        return;
    gh_str_t service = gh_frame(&parts[2]);
    if (service.n > 4 && memcmp(service.p, "mmi.", 4) == 0) {
        gh_str_t body[FRONT_PARTS_MAX];
        for (size_t i = 3; i < n; i++)
            body[i - 3] = gh_frame(&parts[i]);
        front_probes_mmi(l->index, service, body, n - 3);
        return;
    }
    take_reply(l, gh_frame(&parts[3]), n > 4 ? gh_frame(&parts[4]) : (gh_str_t){0}, parts + 5,
               n > 5 ? n - 5 : 0);
}

static void
take_event(front_link_t *l, zmq_msg_t *parts, size_t n)
{
    if (n != 2)
        return;
    gh_str_t topic = gh_frame(&parts[0]);
    if (gh_str_is(topic, "job_state"))
        front_watch_event(gh_frame(&parts[1]));
    front_sync_event(topic, gh_frame(&parts[1]), l->index);
}

void front_turn(void);

/* Kore's hook (front/kore/0007): the end of a turn of its loop. Answers written here leave at once. */
void
front_turn(void)
{
    front_brokers_turn();
    if (front_turns_go_on())
        http_more = 1;
    front_access_flush();
}

/* ---- time */

/* Its broker vanished: what it did with the job is unknown. */
static void
lose_broker(front_job_t *j)
{
    move_to(j, -1);
    j->begun = true;
    j->tried = 0;
    j->resends++;
}

/* Jobs of a connection that is gone are gone, even if a new one comes before the sweep looks. */
static void
lose_all(const front_link_t *l)
{
    for (front_job_t *j = s_link.parked; j; j = j->next)
        if (j->link == (int)l->index)
            lose_broker(j);
}

/* Of a job that no broker has. */
static void
send_lost(front_job_t *j, int64_t now)
{
    if (now < j->again_ms || j->resends > RESENDS_MAX || send_again(j, now))
        return;
    if (j->patience_ms && now >= j->patience_ms)
        give_up(j);
}

static void
sweep(int64_t now)
{
    front_job_t *next;
    for (front_job_t *j = s_link.parked; j; j = next) {
        next = j->next;
        if (now >= j->deadline_ms) {
            finish_with_error(j, GH_E_UPSTREAM_TIMEOUT);
            continue;
        }
        if (j->link >= 0 && !front_broker_usable(front_broker(j->link), now))
            lose_broker(j);
        if (j->link < 0)
            send_lost(j, now);
    }
}

/* ---- start and stop */

static void
tick(void *arg, u_int64_t now_kore)
{
    (void)arg;
    (void)now_kore;
    int64_t now = gh_mono_ms();
    front_brokers_read();
    sweep(now);
    front_brokers_follow(now);
    front_watch_tick(now);
    front_sync_tick(now);
    front_probes_tick(now);
    gh_program_log_tick(front.conf);
    front_rows_tick(now);
    front_worker_counts_t *mine = &front.counters->worker[front.worker];
    atomic_store_explicit(&mine->turned_ms, now, memory_order_relaxed);
    atomic_store_explicit(&mine->linked, front_link_alive(), memory_order_relaxed);
    atomic_store_explicit(&mine->parked, s_link.n_parked, memory_order_relaxed);
    atomic_store_explicit(&mine->file_bytes, front_files_held(), memory_order_relaxed);
}

int
front_link_start(void)
{
    static const front_broker_events_t events = {take_message, take_event, lose_all};
    if (front_brokers_start(&events))
        return -1;
    kore_timer_add(tick, TICK_MS, NULL, 0);
    return 0;
}

void
front_link_stop(void)
{
    front_watch_stop();
    while (s_link.parked)
        finish_with_error(s_link.parked, GH_E_SERVICE_UNAVAILABLE);
    front_access_flush();
    bool last = front_rows_flush();
    while (s_link.parked) { /* those just sent: nobody waits for their replies */
        front_job_t *j = s_link.parked;
        unpark(j);
        release_job(j);
    }
    front_brokers_stop(last);
    while (s_link.free) {
        front_job_t *j = s_link.free;
        s_link.free = j->chain;
        gh_buf_fini(&j->args);
        gh_buf_fini(&j->shard);
        gh_buf_fini(&j->extension);
        free(j);
    }
    gh_buf_fini(&s_link.head);
}
