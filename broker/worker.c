/*
 * broker/worker.c - workers: READY, answers, heartbeats, and what happens when one is gone
 *
 *   unknown --READY--> known --silence | unreachable | DISCONNECT | kick | READY again--> unknown
 *
 * Whatever an unknown peer sends but READY and DISCONNECT is answered with DISCONNECT: it must open a new socket and say
 * READY. So a worker that was given up and wakes up again cannot complete what others hold now.
 */
#include "broker.h"

#include <stdio.h>

#include "base/hash.h"
#include "base/log.h"
#include "wire/figures.h"

/* ---- commands out */

static int
send_command(gh_broker_t *b, uint8_t port, zmq_msg_t *id, uint8_t version, uint8_t command)
{
    uint8_t code = command;

    if (gh_port_begin(b, port, id) < 0)
        return -1;
    if (version == 1) {
        code = command == GH_MDPW_HEARTBEAT ? GH_MDPW01_HEARTBEAT : GH_MDPW01_DISCONNECT;
        gh_port_put(b, port, "", 0, true);
    }
    gh_port_put(b, port, version == 1 ? GH_MDPW01 : GH_MDPW02, 6, true);
    gh_port_put(b, port, &code, 1, false);
    return 0;
}

int
gh_worker_send(gh_broker_t *b, gh_bworker_t *w, uint8_t command)
{
    if (send_command(b, w->peer.port, &w->peer.id, w->version, command) < 0)
        return -1;
    w->sent_ms = b->now_ms;
    return 0;
}

/* A valid command that does not fit: 18/MDP has one answer. */
static void
reject(gh_broker_t *b, gh_message_t *m, const gh_mdp_msg_t *cmd)
{
    b->total.unexpected++;
    (void)send_command(b, m->port_index, &m->frame[0], cmd->version, GH_MDPW_DISCONNECT);
}

/* ---- table */

static uint16_t
make_key(uint8_t port, zmq_msg_t *id, uint8_t key[256])
{
    size_t n = zmq_msg_size(id); /* at most 255, says ZMTP */

    n = n < 255 ? n : 255;
    key[0] = port;
    memcpy(key + 1, zmq_msg_data(id), n);
    return (uint16_t)(1 + n);
}

static gh_bworker_t *
find_worker(gh_broker_t *b, gh_message_t *m)
{
    uint8_t key[256];
    uint16_t n = make_key(m->port_index, &m->frame[0], key);
    gh_bworker_t *w;

    HASH_FIND_BYHASHVALUE(hh, b->workers, key, n, (unsigned)gh_hash64(key, n), w);
    return w;
}

static void
add_worker(gh_broker_t *b, gh_bworker_t *w)
{
    w->key_len = make_key(w->peer.port, &w->peer.id, w->key);
    HASH_ADD_KEYPTR_BYHASHVALUE(hh, b->workers, w->key, w->key_len, (unsigned)gh_hash64(w->key, w->key_len),
                                w);
    b->n_workers++;
    b->n_public_workers += !w->trusted;
}

static void
free_worker(gh_broker_t *b, gh_bworker_t *w)
{
    HASH_DELETE(hh, b->workers, w);
    b->n_workers--;
    b->n_public_workers -= !w->trusted;
    zmq_msg_close(&w->peer.id);
    free(w->figures);
    free(w);
}

void
gh_worker_hex(const gh_bworker_t *w, char out[2 * 256 + 1])
{
    gh_hex(w->key, w->key_len, out);
}

gh_bworker_t *
gh_worker_by_hex(gh_broker_t *b, gh_str_t hex)
{
    char text[2 * 256 + 1];
    gh_bworker_t *w, *next;

    for (w = b->workers; w; w = next) {
        next = w->hh.next;
        gh_worker_hex(w, text);
        if (gh_str_is(hex, text))
            return w;
    }
    return NULL;
}

/* ---- gone */

/* A job that its worker will not answer: back to the head of the queue, or over. */
static void
take_back(gh_broker_t *b, gh_bjob_t *job, bool crashed)
{
    gh_bservice_t *s = job->service;

    if (job->sent_us != 0) {
        job->attempt++;
        job->crashes += crashed;
        s->count.requeued++;
    }
    if (job->crashes >= b->max_attempts) {
        gh_deliver_bury(b, job);
    } else if (job->deadline_ms <= b->now_ms) {
        s->count.expired++;
        gh_client_end(b, job, "UPSTREAM_TIMEOUT");
    } else {
        gh_dispatch_requeue(s, job);
        gh_wheel_add(&b->wheel, job);
    }
}

void
gh_worker_gone(gh_broker_t *b, gh_bworker_t *w, const char *reason, bool crashed)
{
    gh_bservice_t *s = w->service;
    gh_link_t hand;
    char id[2 * 256 + 1];

    gh_worker_hex(w, id);
    gh_log(crashed ? GH_LOG_WARN : GH_LOG_INFO, "worker_gone", GH_KS("service", s->name), GH_KS("worker", id),
           GH_KS("reason", reason), GH_KI("held", w->running), GH_KI("waited", w->own.n));
    b->total.workers_lost += crashed;
    gh_list_init(&hand);
    while (!gh_list_empty(&w->hand)) {
        gh_bjob_t *job = GH_LINK_OWNER(w->hand.next, gh_bjob_t, link);
        if (job->has_head)
            gh_running_remove(b, job);
        gh_dispatch_finish(s, job);
        gh_list_push_tail(&hand, &job->link);
    }
    gh_dispatch_leave(s, w);
    while (!gh_list_empty(&hand)) { /* the last first: each goes to the head */
        gh_bjob_t *job = GH_LINK_OWNER(hand.prev, gh_bjob_t, link);
        gh_list_remove(&job->link);
        take_back(b, job, crashed);
    }
    if (s->n_workers == 0)
        s->no_worker_ms = b->now_ms;
    s->used_ms = b->now_ms;
    s->stirred = b->stirred = true;
    free_worker(b, w);
}

/* DISCONNECT "leave": only our own workers, which say a name, know it. */
static int
send_leave(gh_broker_t *b, gh_bworker_t *w)
{
    static const uint8_t command = GH_MDPW_DISCONNECT;

    if (gh_port_begin(b, w->peer.port, &w->peer.id) < 0)
        return -1;
    gh_port_put(b, w->peer.port, GH_MDPW02, 6, true);
    gh_port_put(b, w->peer.port, &command, 1, true);
    gh_port_put(b, w->peer.port, GH_MDPW_LEAVE, strlen(GH_MDPW_LEAVE), false);
    return 0;
}

static void
let_leave(gh_broker_t *b, gh_bworker_t *w)
{
    w->leaving = true;
    if (w->name[0] ? send_leave(b, w) < 0 : w->running == 0)
        gh_worker_kick(b, w, "drained");
}

size_t
gh_workers_drain(gh_broker_t *b, gh_str_t which)
{
    char id[2 * 256 + 1];
    gh_bworker_t *w, *next;
    size_t n = 0;

    for (w = b->workers; w; w = next) {
        next = w->hh.next;
        gh_worker_hex(w, id);
        if (which.n == 0 || (!gh_str_is(which, id) && !gh_str_is(which, w->name)))
            continue;
        n++;
        let_leave(b, w);
    }
    return n;
}

void
gh_worker_kick(gh_broker_t *b, gh_bworker_t *w, const char *reason)
{
    (void)gh_worker_send(b, w, GH_MDPW_DISCONNECT);
    gh_worker_gone(b, w, reason, false);
}

/* ---- READY */

static bool
may_serve(gh_broker_t *b, const gh_message_t *m, gh_str_t service)
{
    const gh_bservice_t *s;

    if (gh_mmi_is(service) || b->stopping || b->n_workers >= GH_WORKERS_MAX)
        return false;
    if (m->port->inner)
        return (m->roles & (GH_KEY_WORKER | GH_KEY_IDENTITY | GH_KEY_JOBS)) != 0;
    s = gh_service_find(b, service);
    return !(s && s->trusted) && b->n_public_workers < GH_WORKERS_MAX / GH_PUBLIC_SHARE;
}

/* From the first trusted worker on, a service is the hospital's own. */
static void
claim_service(gh_broker_t *b, gh_bservice_t *s)
{
    if (s->trusted)
        return;
    s->trusted = true;
    for (gh_link_t *l = s->workers.next, *next; l != &s->workers; l = next) {
        next = l->next;
        gh_worker_kick(b, GH_LINK_OWNER(l, gh_bworker_t, link), "service is trusted now");
    }
}

static void
on_ready(gh_broker_t *b, gh_message_t *m, const gh_mdp_msg_t *cmd)
{
    gh_bservice_t *s = may_serve(b, m, cmd->service) ? gh_service_require(b, cmd->service, m->port->inner)
                                                     : NULL;
    gh_bworker_t *w = s ? calloc(1, sizeof *w) : NULL;
    char id[2 * 256 + 1];

    if (!w) {
        reject(b, m, cmd);
        return;
    }
    if (m->port->inner)
        claim_service(b, s);
    w->trusted = m->port->inner;
    w->version = cmd->version;
    w->credit = cmd->credit.n > 0 ? gh_mdp_credit(cmd->credit) : 1;
    if (w->credit > GH_CREDIT_MAX)
        w->credit = GH_CREDIT_MAX;
    if (m->port->inner && cmd->name.n < sizeof w->name)
        memcpy(w->name, cmd->name.p ? cmd->name.p : "", cmd->name.n);
    w->peer.port = m->port_index;
    zmq_msg_init(&w->peer.id);
    zmq_msg_copy(&w->peer.id, &m->frame[0]);
    snprintf(w->curve_key, sizeof w->curve_key, "%s", m->curve_key);
    w->seen_ms = w->sent_ms = w->ready_ms = b->now_ms;
    add_worker(b, w);
    gh_dispatch_join(s, w);
    gh_worker_hex(w, id);
    gh_log(GH_LOG_INFO, "worker_ready", GH_KS("service", s->name), GH_KS("worker", id),
           GH_KI("credit", w->credit), GH_KI("version", w->version));
    gh_deliver_to(b, w);
}

/* ---- answers */

static bool
same_client(const gh_bjob_t *job, gh_str_t client)
{
    return gh_str_eq(gh_frame_str((zmq_msg_t *)&job->client.id), client);
}

/* Which job does an answer without our header end? An opaque one of that client, or, from a plain worker, the one that
 * it holds. */
static gh_bjob_t *
find_plain(const gh_bworker_t *w, gh_str_t client)
{
    for (gh_link_t *l = w->hand.next; l != &w->hand; l = l->next) {
        gh_bjob_t *job = GH_LINK_OWNER(l, gh_bjob_t, link);
        if ((!job->has_head || w->credit == 1) && same_client(job, client))
            return job;
    }
    return NULL;
}

/* The job that an answer belongs to. Ours are found by id and attempt: a late answer of an old attempt finds nothing.
 * stale: it carries our header, and yet nothing is waiting for it; failed: it says INTERNAL. */
static gh_bjob_t *
find_job(gh_broker_t *b, gh_bworker_t *w, gh_message_t *m, const gh_mdp_msg_t *cmd, bool *stale, bool *failed)
{
    gh_str_t first = gh_frame_str(&m->frame[cmd->body]);
    uint8_t id[16];
    uint32_t attempt;
    size_t queue_at;
    gh_bjob_t *job;

    *stale = *failed = false;
    if (gh_reply_head_ref(first.p, first.n, id, &attempt, failed, &queue_at) < 0)
        return find_plain(w, cmd->client);
    job = gh_running_find(b, w, id, attempt);
    if (!job || !same_client(job, cmd->client)) {
        for (gh_link_t *l = w->hand.next; l != &w->hand; l = l->next) {
            job = GH_LINK_OWNER(l, gh_bjob_t, link);
            if (!job->has_head && same_client(job, cmd->client))
                return job; /* one of ours refused an opaque job, with a header */
        }
        *stale = true;
        return NULL;
    }
    int64_t waited = job->sent_us - job->arrived_us;
    gh_reply_head_set_queue(zmq_msg_data(&m->frame[cmd->body]), queue_at,
                            waited > UINT32_MAX ? UINT32_MAX : (uint32_t)waited);
    return job;
}

static void
on_answer(gh_broker_t *b, gh_bworker_t *w, gh_message_t *m, const gh_mdp_msg_t *cmd)
{
    gh_bservice_t *s = w->service;
    bool stale, failed;
    gh_bjob_t *job = find_job(b, w, m, cmd, &stale, &failed);

    if (!job) {
        s->count.stale++;
        if (!stale) { /* a plain answer to nothing */
            reject(b, m, cmd);
            gh_worker_gone(b, w, "answer without request", true);
        }
        return;
    }
    if (cmd->command == GH_MDPW_PARTIAL) {
        gh_client_answer(b, job, GH_MDPC_PARTIAL, m, cmd->body);
        return;
    }
    gh_client_answer(b, job, GH_MDPC_FINAL, m, cmd->body);
    gh_hist_add(&s->work, b->now_us - job->sent_us);
    s->count.done++;
    w->done++;
    w->failed += failed;
    if (job->has_head)
        gh_running_remove(b, job);
    gh_dispatch_finish(s, job);
    gh_dispatch_forget(s, job, b->now_ms);
    gh_bjob_free(b, job);
    if (w->leaving && w->running == 0 && !w->name[0])
        gh_worker_kick(b, w, "drained");
    else
        gh_deliver_to(b, w);
}

/* What a worker of ours says of itself; of others it is only a heartbeat. */
static void
keep_figures(const gh_broker_t *b, gh_bworker_t *w, gh_str_t frame)
{
    gh_figures_t f;
    if (!w->trusted || gh_figures_read(frame, &f))
        return;
    uint8_t *copy = realloc(w->figures, frame.n);
    if (!copy)
        return;
    memcpy(copy, frame.p, frame.n);
    w->figures = copy;
    w->n_figures = frame.n;
    w->figures_ms = b->now_ms;
}

void
gh_worker_command(gh_broker_t *b, gh_message_t *m, const gh_mdp_msg_t *cmd)
{
    gh_bworker_t *w = find_worker(b, m);

    if (cmd->command == GH_MDPW_REQUEST) { /* only a broker says that */
        b->total.invalid++;
        return;
    }
    if (cmd->command == GH_MDPW_DISCONNECT) {
        if (w)
            gh_worker_gone(b, w, "disconnect", false);
        return;
    }
    if (cmd->command == GH_MDPW_READY) {
        if (w) {
            reject(b, m, cmd);
            gh_worker_gone(b, w, "ready twice", true);
        } else {
            on_ready(b, m, cmd);
        }
        return;
    }
    if (!w) {
        reject(b, m, cmd);
        return;
    }
    w->seen_ms = b->now_ms;
    if (cmd->command != GH_MDPW_HEARTBEAT)
        on_answer(b, w, m, cmd);
    else if (cmd->body < m->n)
        keep_figures(b, w, gh_frame_str(&m->frame[cmd->body]));
}

/* ---- time */

/* A broker that was itself stopped for a while must not blame the workers: their heartbeats are still in the sockets. */
static void
forgive(gh_broker_t *b, int64_t late_ms)
{
    gh_bworker_t *w, *next;

    for (w = b->workers; w; w = next) {
        next = w->hh.next;
        w->seen_ms += late_ms;
        if (w->seen_ms > b->now_ms)
            w->seen_ms = b->now_ms;
    }
}

void
gh_workers_tick(gh_broker_t *b)
{
    gh_bworker_t *w, *next;
    int64_t late = b->now_ms - b->tick_ms;

    if (late > b->heartbeat_ms / 2 + 200)
        forgive(b, late);
    for (w = b->workers; w; w = next) {
        next = w->hh.next;
        if (b->now_ms - w->seen_ms > b->heartbeat_ms * b->liveness)
            gh_worker_gone(b, w, "silent", true);
        else if (w->curve_key[0] && gh_curve_roles(b->curve, w->curve_key) == 0)
            gh_worker_kick(b, w, "key revoked");
        else if (b->now_ms - w->sent_ms >= b->heartbeat_ms && gh_worker_send(b, w, GH_MDPW_HEARTBEAT) < 0)
            gh_worker_gone(b, w, "unreachable", true);
    }
}

void
gh_workers_disconnect(gh_broker_t *b)
{
    gh_bworker_t *w, *next;

    for (w = b->workers; w; w = next) {
        next = w->hh.next;
        gh_worker_kick(b, w, "broker stops");
    }
}
