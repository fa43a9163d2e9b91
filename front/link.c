/*
 * front/link.c - the way to the brokers: jobs out, replies in, events in (MDP/0.2 client, protocols.md)
 *
 * One DEALER and one SUB a broker of the list (wire/broker_list.h), which may change meanwhile: a new one is used as soon as its
 * beat is heard, one that was taken off gets no more jobs and is left when it has answered those it has. A broker is usable
 * while its connection stands and its beat is heard. Jobs with one shard go to one broker while it lives (the highest hash of
 * name and shard: a change of the list moves only the shards of the broker that comes or goes); others go where this process
 * has the fewest. When a broker vanishes, or says that another one may take the job (`elsewhere`), the job is sent again,
 * marked `resend`, within its time: the job record makes that safe (design.md, exactly once). Then the refusal of a broker
 * that has the job no more does not count.
 * ZMQ_FD is edge-like: a socket that was sent on is drained at the end of the turn (pitfalls 1.2).
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
#include "front/front.h"
#include "front/watch.h"
#include "wire/broker_list.h"
#include "wire/event.h"
#include "wire/frames.h"
#include "wire/mdp.h"
#include "wire/secure.h"

#define BUCKETS       16384u
#define TICK_MS       20
#define DRAIN_BUDGET  256
#define RESEND_MIN_MS 150 /* with less time left a second try is pointless */
#define RESENDS_MAX   8
#define PATIENCE_MS   1500 /* refused by all brokers while one comes or goes: asked again so long */
#define AGAIN_MS      100
#define SETTLING_MS   5000
#define OPEN_AGAIN_MS 5000
#define PARTS_MAX     (5 + FRONT_FRAMES_MAX)
#define CACHED_JOBS   1024
#define OWN_MARGIN_MS 200 /* a job of our own is waited for a little longer than its budget */
#define LAST_MS       500 /* for what is sent when the process ends */

struct front_job {
    front_job_t *chain;       /* of the bucket, or of the free list */
    front_job_t *next, *prev; /* all that are parked */
    front_ask_t ask;
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

/* What epoll gives back: the event must stand first. */
typedef struct front_watch {
    struct kore_event event;
    struct front_link *link;
    int fd;
} front_watch_t;

typedef struct front_link {
    front_watch_t jobs_watch, events_watch;
    void *jobs, *events, *jobs_monitor, *events_monitor;
    size_t index;
    gh_broker_at_t at;
    bool open, up;
    bool leaving;  /* no longer listed: it gets no more jobs, and is closed when it has none */
    bool draining; /* it says so: it gets no more jobs */
    size_t n_jobs; /* parked here */
    int64_t beat_ms, changed_ms;
} front_link_t;

static struct {
    void *ctx;
    front_link_t at[GH_BROKERS_MAX];
    size_t n, turn, serial; /* n: slots that were ever used */
    gh_broker_list_t list;
    gh_broker_follow_t follow;
    int64_t silence_ms, again_ms;
    front_job_t *buckets[BUCKETS];
    front_job_t *parked, *free;
    size_t n_parked, n_free;
    gh_buf_t head;
    bool look; /* something was sent, or a drain ran out of budget: look at the sockets when the turn ends */
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
        s_link.at[j->link].n_jobs++;
}

/* A parked job is with another broker now, or with none (-1). */
static void
move_to(front_job_t *j, int link)
{
    if (j->link >= 0)
        s_link.at[j->link].n_jobs--;
    j->link = link;
    if (link >= 0)
        s_link.at[link].n_jobs++;
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

static bool
is_usable(const front_link_t *l, int64_t now)
{
    return l->up && now - l->beat_ms < s_link.silence_ms;
}

static bool
takes_jobs(const front_link_t *l, int64_t now)
{
    return is_usable(l, now) && !l->draining && !l->leaving;
}

bool
front_link_alive(void)
{
    int64_t now = gh_mono_ms();
    for (size_t i = 0; i < s_link.n; i++)
        if (takes_jobs(&s_link.at[i], now))
            return true;
    return false;
}

size_t
front_brokers(void)
{
    return s_link.n;
}

/* FNV-1a of broker and shard, then mixed: every front must send a shard to the same broker, so nothing keyed by process. */
static uint64_t
shard_score(const char *broker, gh_str_t shard)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (; *broker; broker++)
        h = (h ^ (unsigned char)*broker) * 0x100000001b3u;
    for (size_t i = 0; i < shard.n; i++)
        h = (h ^ (unsigned char)shard.p[i]) * 0x100000001b3u;
    h = (h ^ h >> 33) * 0xff51afd7ed558ccdu;
    h = (h ^ h >> 33) * 0xc4ceb9fe1a85ec53u;
    return h ^ h >> 33;
}

/* The best broker for a job, beside those of `tried`; -1: there is none. */
static int
best_link(const front_job_t *j, uint32_t tried, int64_t now)
{
    int best = -1;
    uint64_t best_score = 0;
    for (size_t i = 0; i < s_link.n; i++) {
        const front_link_t *l = &s_link.at[(s_link.turn + i) % s_link.n];
        if ((tried >> l->index & 1) || !takes_jobs(l, now))
            continue;
        uint64_t score = j->head.shard.n ? shard_score(l->at.name, j->head.shard) : UINT64_MAX - l->n_jobs;
        if (best < 0 || score > best_score) {
            best = (int)l->index;
            best_score = score;
        }
    }
    return best;
}

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
    s_link.turn += j->head.shard.n == 0;
    gh_buf_clear(&s_link.head);
    gh_job_head_encode(&j->head, &s_link.head);
    if (!gh_buf_ok(&s_link.head))
        return -1;
    for (int i; (i = best_link(j, tried, now)) >= 0; tried |= UINT32_C(1) << i)
        if (send_frames(&s_link.at[i], j, gh_buf_view(&s_link.head)))
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
    s_link.look = true;
    front_add(&front.counters->worker[front.worker].resent, 1);
    return true;
}

/* A broker has come or gone just now: workers, and other fronts, are still finding their way. */
static bool
settling(int64_t now)
{
    for (size_t i = 0; i < s_link.n; i++)
        if (s_link.at[i].open && now - s_link.at[i].changed_ms < SETTLING_MS)
            return true;
    return false;
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
    if (now >= j->patience_ms || !settling(now))
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
    gh_buf_str(&j->extension, ask->extension);
    j->ask.extension = gh_buf_ok(&j->extension) ? gh_buf_view(&j->extension) : (gh_str_t){0};
    park(j);
    req->hdlr_extra = j;
    req->flags |= HTTP_REQUEST_RETAIN_EXTRA;
    req->onfree = on_request_freed;
    http_request_sleep(req);
    s_link.look = true;
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
    front_job_t *j = make_job(head, service, (gh_str_t){empty_map, sizeof empty_map});
    if (!j)
        return false;
    j->link = send_job(j);
    if (j->link < 0) {
        release_job(j);
        return false;
    }
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
    front_job_t *j = make_job(&head, errand->service,
                              errand->args.n ? errand->args : (gh_str_t){empty_map, sizeof empty_map});
    if (!j)
        return false;
    j->link = send_job(j);
    if (j->link < 0) {
        release_job(j);
        return false;
    }
    j->done = errand->done;
    j->deadline_ms = gh_mono_ms() + errand->budget_ms + OWN_MARGIN_MS;
    park(j);
    s_link.look = true;
    return true;
}

bool
front_link_question(const gh_job_head_t *head, const char *service, gh_str_t args, front_told_fn told,
                    const uint8_t tag[16])
{
    front_job_t *j = make_job(head, service, args);
    if (!j)
        return false;
    j->link = send_job(j);
    if (j->link < 0) {
        release_job(j);
        return false;
    }
    j->told = told;
    memcpy(j->tag, tag, sizeof j->tag);
    j->deadline_ms = gh_mono_ms() + head->budget_ms + OWN_MARGIN_MS;
    park(j);
    s_link.look = true;
    return true;
}

void
front_link_mmi(const char *name)
{
    int64_t now = gh_mono_ms();
    for (size_t i = 0; i < s_link.n; i++)
        if (is_usable(&s_link.at[i], now)) {
            static const char request[1] = {GH_MDPC_REQUEST};
            void *s = s_link.at[i].jobs;
            if (zmq_send_const(s, GH_MDPC02, 6, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0)
                continue;
            (void)zmq_send_const(s, request, 1, ZMQ_SNDMORE | ZMQ_DONTWAIT);
            (void)zmq_send(s, name, strlen(name), ZMQ_SNDMORE | ZMQ_DONTWAIT);
            (void)zmq_send(s, "", 0, ZMQ_DONTWAIT);
            s_link.look = true;
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
        gh_str_t body[PARTS_MAX];
        for (size_t i = 3; i < n; i++)
            body[i - 3] = gh_frame(&parts[i]);
        front_probes_mmi(l->index, service, body, n - 3);
        return;
    }
    take_reply(l, gh_frame(&parts[3]), n > 4 ? gh_frame(&parts[4]) : (gh_str_t){0}, parts + 5,
               n > 5 ? n - 5 : 0);
}

static void
take_beat(front_link_t *l, gh_str_t frame)
{
    int64_t now = gh_mono_ms();
    bool draining = gh_event_draining(frame);
    if (draining != l->draining || now - l->beat_ms >= s_link.silence_ms)
        l->changed_ms = now;
    l->beat_ms = now;
    if (draining != l->draining)
        gh_log(GH_LOG_INFO, draining ? "broker_drains" : "broker_takes_jobs", GH_KS("broker", l->at.name));
    l->draining = draining;
}

static void
take_event(front_link_t *l, zmq_msg_t *parts, size_t n)
{
    if (n != 2)
        return;
    gh_str_t topic = gh_frame(&parts[0]);
    if (gh_str_is(topic, "beat"))
        take_beat(l, gh_frame(&parts[1]));
    if (gh_str_is(topic, "job_state"))
        front_watch_event(gh_frame(&parts[1]));
    front_sync_event(topic, gh_frame(&parts[1]), l->index);
}

/* Receive until nothing is left: the last try, which finds nothing, also re-reads the socket's state. */
static void
drain(front_link_t *l, void *socket, void (*take)(front_link_t *, zmq_msg_t *, size_t))
{
    for (int budget = DRAIN_BUDGET; socket && budget > 0; budget--) {
        zmq_msg_t parts[PARTS_MAX];
        size_t n = gh_frames_recv(socket, parts, PARTS_MAX);
        if (n == 0)
            return;
        take(l, parts, n);
        gh_frames_close(parts, n);
    }
    s_link.look = true;
}

static void
drain_jobs(front_link_t *l)
{
    drain(l, l->jobs, take_message);
}

static void
on_jobs(void *arg, int error)
{
    front_watch_t *w = arg;
    (void)error;
    drain_jobs(w->link);
}

static void
on_events(void *arg, int error)
{
    front_watch_t *w = arg;
    (void)error;
    drain(w->link, w->link->events, take_event);
}

void front_turn(void);

/* Kore's hook (front/kore/0007): the end of a turn of its loop. Answers written here leave at once. */
void
front_turn(void)
{
    for (int pass = 0; s_link.look && pass < 4; pass++) {
        s_link.look = false;
        for (size_t i = 0; i < s_link.n; i++)
            drain_jobs(&s_link.at[i]);
    }
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
        if (j->link >= 0 && !is_usable(&s_link.at[j->link], now))
            lose_broker(j);
        if (j->link < 0)
            send_lost(j, now);
    }
}

/* The number of the next monitor event (2 bytes and a value, then the endpoint), 0 when there is none. */
static int
next_change(void *monitor)
{
    zmq_msg_t parts[PARTS_MAX];
    uint16_t event = 0;
    size_t n = gh_frames_recv(monitor, parts, PARTS_MAX);
    if (n && zmq_msg_size(&parts[0]) >= sizeof event)
        memcpy(&event, zmq_msg_data(&parts[0]), sizeof event);
    gh_frames_close(parts, n);
    return event;
}

static void
set_up(front_link_t *l, bool up)
{
    if (up == l->up)
        return;
    l->up = up;
    l->changed_ms = gh_mono_ms();
    if (!up) {
        l->beat_ms = 0;
        l->draining = false;
        /* Jobs of a connection that is gone are gone, even if a new one comes before the sweep looks. */
        for (front_job_t *j = s_link.parked; j; j = j->next)
            if (j->link == (int)l->index)
                lose_broker(j);
    }
    gh_log(up || l->leaving ? GH_LOG_INFO : GH_LOG_WARN, up ? "broker_up" : "broker_gone",
           GH_KS("broker", l->at.name));
}

static void
watch_connections(front_link_t *l)
{
    int event;
    while ((event = next_change(l->jobs_monitor)) != 0)
        set_up(l, event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
    /* Between two connections events may have passed unheard. */
    while ((event = next_change(l->events_monitor)) != 0)
        if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED)
            front_sync_need();
}

/* ---- start and stop */

static void
set_int(void *socket, int option, int value)
{
    (void)zmq_setsockopt(socket, option, &value, sizeof value);
}

static void *
open_socket(int type)
{
    void *s = zmq_socket(s_link.ctx, type);
    if (!s)
        return NULL;
    set_int(s, ZMQ_LINGER, 0);
    set_int(s, ZMQ_IMMEDIATE, 1);
    set_int(s, ZMQ_SNDHWM, 20000);
    set_int(s, ZMQ_RCVHWM, 100000);
    set_int(s, ZMQ_RECONNECT_IVL, 50);
    set_int(s, ZMQ_RECONNECT_IVL_MAX, 1000);
    int64_t most = (int64_t)GH_REPLY_MAX + (64 << 10);
    (void)zmq_setsockopt(s, ZMQ_MAXMSGSIZE, &most, sizeof most);
    if (type == ZMQ_SUB)
        (void)zmq_setsockopt(s, ZMQ_SUBSCRIBE, "", 0);
    return s;
}

static void
watch(front_watch_t *w, front_link_t *l, void *socket, void (*handle)(void *, int))
{
    int fd = -1;
    size_t size = sizeof fd;
    w->link = l;
    w->event.type = 0;
    w->event.handle = handle;
    w->fd = -1;
    if (zmq_getsockopt(socket, ZMQ_FD, &fd, &size) == 0) {
        w->fd = fd;
        kore_platform_event_level_read(fd, w);
    }
}

/* A socket that tells when the other one is connected and when no longer. */
static void *
open_monitor(void *socket, const char *what, size_t i)
{
    char name[48];
    snprintf(name, sizeof name, "inproc://monitor-%s-%zu", what, i);
    void *m = zmq_socket(s_link.ctx, ZMQ_PAIR);
    if (!m || zmq_socket_monitor(socket, name, ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED) ||
        zmq_connect(m, name)) {
        if (m)
            zmq_close(m);
        return NULL;
    }
    return m;
}

/* Whatever of it was opened: an open socket would keep the context from ending. */
static void
close_link(front_link_t *l)
{
    void *all[] = {l->jobs_monitor, l->events_monitor, l->jobs, l->events};
    if (l->jobs)
        (void)zmq_socket_monitor(l->jobs, NULL, 0);
    if (l->events)
        (void)zmq_socket_monitor(l->events, NULL, 0);
    for (size_t i = 0; i < GH_COUNT(all); i++)
        if (all[i])
            zmq_close(all[i]);
    *l = (front_link_t){.index = l->index};
}

static int
connect_link(front_link_t *l)
{
    const gh_broker_at_t *at = &l->at;
    size_t serial =
        s_link.serial++; /* the monitor of the slot's last broker may not have let go of its name */
    l->jobs = open_socket(ZMQ_DEALER);
    l->events = open_socket(ZMQ_SUB);
    return !l->jobs || !l->events || gh_link_secure(l->jobs, front.conf, at->inner, at->cert) ||
                   gh_link_secure(l->events, front.conf, at->events_out, at->cert) ||
                   !(l->jobs_monitor = open_monitor(l->jobs, "jobs", serial)) ||
                   !(l->events_monitor = open_monitor(l->events, "events", serial)) ||
                   zmq_connect(l->jobs, at->inner) || zmq_connect(l->events, at->events_out)
               ? -1
               : 0;
}

/* In a slot that is free. */
static int
open_link(const gh_broker_at_t *at)
{
    size_t i = 0;
    while (i < s_link.n && s_link.at[i].open)
        i++;
    if (i == GH_BROKERS_MAX) {
        gh_log(GH_LOG_ERROR, "brokers_too_many", GH_KS("broker", at->name));
        return -1;
    }
    front_link_t *l = &s_link.at[i];
    *l = (front_link_t){.index = i, .at = *at, .open = true};
    s_link.n = i < s_link.n ? s_link.n : i + 1;
    if (connect_link(l)) {
        gh_log(GH_LOG_ERROR, "link_failed", GH_KS("endpoint", at->inner),
               GH_KS("reason", zmq_strerror(zmq_errno())));
        close_link(l);
        return -1;
    }
    watch(&l->jobs_watch, l, l->jobs, on_jobs);
    watch(&l->events_watch, l, l->events, on_events);
    return 0;
}

/* ---- brokers come and go */

static bool
is_open(const gh_broker_at_t *at)
{
    for (size_t i = 0; i < s_link.n; i++)
        if (s_link.at[i].open && gh_broker_same(&s_link.at[i].at, at))
            return true;
    return false;
}

/* Also now and then: what could not be opened, because its certificate was not there yet, is tried again. */
static void
follow_list(int64_t now)
{
    s_link.again_ms = now + OPEN_AGAIN_MS;
    for (size_t i = 0; i < s_link.n; i++) {
        front_link_t *l = &s_link.at[i];
        l->leaving = l->open && !gh_broker_listed(&s_link.list, &l->at);
    }
    for (size_t i = 0; i < s_link.list.n; i++)
        if (s_link.list.at[i].inner[0] && !is_open(&s_link.list.at[i]))
            (void)open_link(&s_link.list.at[i]);
}

/* Brokers that were taken off the list and have answered all. */
static void
leave_idle(void)
{
    for (size_t i = 0; i < s_link.n; i++) {
        front_link_t *l = &s_link.at[i];
        if (!l->open || !l->leaving || l->n_jobs > 0)
            continue;
        gh_log(GH_LOG_INFO, "broker_left", GH_KS("broker", l->at.name));
        kore_platform_disable_read(l->jobs_watch.fd);
        kore_platform_disable_read(l->events_watch.fd);
        close_link(l);
        front_probes_forget(i);
    }
}

static void
tick(void *arg, u_int64_t now_kore)
{
    (void)arg;
    (void)now_kore;
    int64_t now = gh_mono_ms();
    for (size_t i = 0; i < s_link.n; i++) {
        front_link_t *l = &s_link.at[i];
        if (!l->open)
            continue;
        watch_connections(l);
        drain_jobs(l);
        drain(l, l->events, take_event);
    }
    sweep(now);
    if (gh_broker_follow(&s_link.follow, front.conf, now, &s_link.list) || now >= s_link.again_ms)
        follow_list(now);
    leave_idle();
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
    char why[5000];
    s_link.ctx = zmq_ctx_new();
    s_link.silence_ms = gh_broker_silence_ms(front.conf);
    if (!s_link.ctx)
        return -1;
    if (gh_broker_list_load(front.conf, &s_link.list, why, sizeof why)) {
        gh_log(GH_LOG_ERROR, "brokers_unread", GH_KS("reason", why));
        return -1;
    }
    for (size_t i = 0; i < s_link.list.n; i++) {
        const gh_broker_at_t *at = &s_link.list.at[i];
        if (at->inner[0] && !at->events_out[0]) {
            gh_log(GH_LOG_ERROR, "link_lists_differ", GH_KS("more", "link.inner"),
                   GH_KS("than", "link.events_out"));
            return -1;
        }
        if (at->inner[0] && open_link(at))
            return -1;
    }
    kore_timer_add(tick, TICK_MS, NULL, 0);
    return s_link.n ? 0 : -1;
}

void
front_link_stop(void)
{
    front_watch_stop();
    while (s_link.parked)
        finish_with_error(s_link.parked, GH_E_SERVICE_UNAVAILABLE);
    front_access_flush();
    if (front_rows_flush())
        for (size_t i = 0; i < s_link.n; i++)
            if (s_link.at[i].jobs)
                set_int(s_link.at[i].jobs, ZMQ_LINGER, LAST_MS);
    while (s_link.parked) { /* those just sent: nobody waits for their replies */
        front_job_t *j = s_link.parked;
        unpark(j);
        release_job(j);
    }
    for (size_t i = 0; i < s_link.n; i++)
        close_link(&s_link.at[i]);
    s_link.n = 0;
    if (s_link.ctx)
        zmq_ctx_term(s_link.ctx);
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
