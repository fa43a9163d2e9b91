/*
 * lib/worker/link.c - one DEALER to one broker for one pool (18/MDP worker side, READY with our credit frame)
 *
 * The broker counts as gone after `broker.liveness` silent intervals, and says goodbye with DISCONNECT (also
 * to a worker that it does not know, after a restart). Either way the socket is closed and a new one opened,
 * with back-off. Replies to jobs of the old socket are dropped: whoever asks again finds the job record.
 *
 * A process that stood still (frozen, starved) for so long that the broker may have given its jobs to others must not carry them out:
 * another worker may have refused them meanwhile, and a refusal leaves no record (decisions 13). The link is closed then, as if
 * the broker had said so; jobs of an old socket are never begun, and what was begun is not committed (exec.c).
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <libpq-fe.h>

#define GH_LOG_PART GH_LOG_LINK
#include "base/log.h"
#include "base/timez.h"
#include "wire/figures.h"
#include "wire/frames.h"
#include "wire/mdp.h"
#include "wire/dial.h"
#include "worker/internal.h"

#define FRAMES_MAX      (4 + 2 + GH_BLOBS_MAX + 1) /* one more than fits: such a job is refused by name */
#define RECEIVE_MAX     512 /* messages a turn of the loop, so that databases get their turn */
#define REOPEN_FIRST_MS 100
#define REOPEN_MAX_MS   4000
#define LINGER_MS       1000
#define LEAVE_MS        3000
#define NO_DB_LEAVE_MS  500 /* without a database for longer: leave the jobs to others */
#define MESSAGE_MAX     ((int64_t)GH_MP_MAX_BYTES + (64 << 10))

static int on_readable(zloop_t *loop, zmq_pollitem_t *item, void *arg);

/* ---- sending */

static int
send_bytes(void *sock, const void *p, size_t n, int flags)
{
    return zmq_send(sock, p, n, flags | ZMQ_DONTWAIT) < 0 ? -1 : 0;
}

static int
send_command(gh_link_t *l, char command, int flags)
{
    if (send_bytes(l->sock, GH_MDPW02, 6, ZMQ_SNDMORE) || send_bytes(l->sock, &command, 1, flags))
        return -1;
    l->sent_ms = gh_mono_ms();
    return 0;
}

static void
send_ready(gh_link_t *l)
{
    char credit[24];
    const char *service = l->pool->def->name;
    const char *name = l->pool->worker->name;
    int n = snprintf(credit, sizeof(credit), "%zu", l->pool->credit);
    if (send_command(l, GH_MDPW_READY, ZMQ_SNDMORE) ||
        send_bytes(l->sock, service, strlen(service), ZMQ_SNDMORE) ||
        send_bytes(l->sock, credit, (size_t)n, ZMQ_SNDMORE) || send_bytes(l->sock, name, strlen(name), 0))
        gh_log(GH_LOG_WARN, "ready_unsent", GH_KS("pool", service));
}

/* A frame as a message of its own, so that libzmq takes the memory instead of copying it once more. */
static int
send_copy(void *sock, gh_str_t s, int flags)
{
    zmq_msg_t m;
    if (zmq_msg_init_size(&m, s.n))
        return -1;
    if (s.n > 0)
        memcpy(zmq_msg_data(&m), s.p, s.n);
    if (zmq_msg_send(&m, sock, flags | ZMQ_DONTWAIT) >= 0)
        return 0;
    zmq_msg_close(&m);
    return -1;
}

/* A result that frames in libzmq's hands point into; the last of them frees it, in whichever thread. */
typedef struct file {
    PGresult *rows;
    atomic_int users;
} file_t;

static void
file_release(void *data, void *hint)
{
    (void)data;
    file_t *f = hint;
    if (atomic_fetch_sub(&f->users, 1) > 1)
        return;
    PQclear(f->rows);
    free(f);
}

static int
send_row(void *sock, file_t *f, int row, int column, int flags)
{
    zmq_msg_t m;
    atomic_fetch_add(&f->users, 1);
    if (zmq_msg_init_data(&m, PQgetvalue(f->rows, row, column), (size_t)PQgetlength(f->rows, row, column),
                          file_release, f)) {
        file_release(NULL, f);
        return -1;
    }
    if (zmq_msg_send(&m, sock, flags | ZMQ_DONTWAIT) >= 0)
        return 0;
    zmq_msg_close(&m);
    return -1;
}

/* The rows of the answer's file, each a frame without copying; the result is taken. */
static bool
send_file(void *sock, gh_answer_t *a)
{
    int n = a->file ? PQntuples(a->file) : 0;
    while (n > 0 && PQgetisnull(a->file, n - 1, a->file_column))
        n--;
    if (send_copy(sock, a->body, n ? ZMQ_SNDMORE : 0))
        return false;
    file_t *f = n ? malloc(sizeof *f) : NULL;
    if (n == 0 || !f)
        return n == 0;
    *f = (file_t){a->file, 1};
    a->file = NULL;
    bool ok = true;
    for (int row = 0; ok && row < n; row++)
        ok = send_row(sock, f, row, a->file_column, row + 1 < n ? ZMQ_SNDMORE : 0) == 0;
    file_release(NULL, f);
    return ok;
}

void
gh_link_send_final(gh_link_t *l, uint32_t generation, zmq_msg_t *client, gh_str_t head, gh_answer_t *a)
{
    /* Only the first frame can meet a full queue: libzmq keeps room for the rest of a message it has begun. */
    if (!l->sock || l->generation != generation || send_command(l, GH_MDPW_FINAL, ZMQ_SNDMORE)) {
        l->pool->stats.dropped++;
        return;
    }
    bool ok = zmq_msg_send(client, l->sock, ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0 &&
              send_bytes(l->sock, "", 0, ZMQ_SNDMORE) == 0 && send_copy(l->sock, head, ZMQ_SNDMORE) == 0 &&
              send_file(l->sock, a);
    if (!ok) {
        gh_log(GH_LOG_ERROR, "reply_unsent", GH_KS("pool", l->pool->def->name));
        gh_link_close(l, false);
    }
}

/* ---- opening and closing */

static void *
new_socket(gh_link_t *l)
{
    gh_worker_t *w = l->pool->worker;
    const int hwm = (int)l->pool->credit * 4 + 1000;
    const gh_dial_t how = {.linger_ms = LINGER_MS,
                           .send_hwm = hwm,
                           .recv_hwm = hwm,
                           .reconnect_ms = 100,
                           .reconnect_max_ms = 500,
                           .frame_max = MESSAGE_MAX};
    return gh_dial(w->zmq, ZMQ_DEALER, &how, w->conf, l->endpoint, l->cert);
}

void
gh_link_open(gh_link_t *l)
{
    l->heard_ms = l->sent_ms = l->job_ms = gh_mono_ms();
    l->silent = true;
    l->sock = new_socket(l);
    if (!l->sock) {
        l->reopen_ms = l->heard_ms + REOPEN_MAX_MS;
        return;
    }
    zmq_pollitem_t item = {l->sock, 0, ZMQ_POLLIN, 0};
    zloop_poller(l->pool->worker->loop, &item, on_readable, l);
    zloop_poller_set_tolerant(l->pool->worker->loop, &item);
    send_ready(l);
}

void
gh_link_close(gh_link_t *l, bool say_disconnect)
{
    if (!l->sock)
        return;
    if (say_disconnect)
        send_command(l, GH_MDPW_DISCONNECT, 0);
    zmq_pollitem_t item = {l->sock, 0, ZMQ_POLLIN, 0};
    zloop_poller_end(l->pool->worker->loop, &item);
    zmq_close(l->sock);
    l->sock = NULL;
    l->generation++;
    l->backoff_ms = l->backoff_ms ? l->backoff_ms * 2 : REOPEN_FIRST_MS;
    if (l->backoff_ms > REOPEN_MAX_MS)
        l->backoff_ms = REOPEN_MAX_MS;
    /* a quarter of jitter by the place of the link: many workers shall not come back in step */
    l->reopen_ms = gh_mono_ms() + l->backoff_ms + (int64_t)((uintptr_t)l / 64 % 25) * l->backoff_ms / 100;
}

/* ---- brokers come and go */

static bool
goes_to(const gh_link_t *l, const gh_broker_at_t *at)
{
    return strcmp(l->endpoint, at->inner) == 0 && strcmp(l->cert, at->cert) == 0;
}

static gh_link_t *
find_link(gh_wpool_t *p, const gh_broker_at_t *at)
{
    for (size_t i = 0; i < p->n_links; i++)
        if (p->links[i].endpoint && goes_to(&p->links[i], at))
            return &p->links[i];
    return NULL;
}

static bool
is_listed(const gh_link_t *l, const gh_broker_list_t *list)
{
    for (size_t i = 0; i < list->n; i++)
        if (goes_to(l, &list->at[i]))
            return true;
    return false;
}

/* A place that no job of an earlier broker points to; NULL: there is none. */
static gh_link_t *
add_link(gh_wpool_t *p, const gh_broker_at_t *at)
{
    const gh_conf_t *conf = p->worker->conf;
    int64_t beat = gh_conf_int(conf, "broker.heartbeat_ms"),
            silence = beat * gh_conf_int(conf, "broker.liveness");
    size_t i = 0;
    while (i < p->n_links && (p->links[i].endpoint || p->links[i].in_hand > 0))
        i++;
    if (i == GH_LINKS_MAX)
        return NULL;
    gh_link_t *l = &p->links[i];
    *l = (gh_link_t){.pool = p,
                     .endpoint = strdup(at->inner),
                     .cert = strdup(at->cert),
                     .generation = l->generation + 1,
                     .silence_ms = silence,
                     .still_ms = silence - beat / 2};
    p->n_links = i < p->n_links ? p->n_links : i + 1;
    return l->endpoint && l->cert ? l : NULL;
}

static void
remove_link(gh_link_t *l)
{
    gh_link_close(l, true);
    free(l->endpoint);
    free(l->cert);
    l->endpoint = l->cert = NULL;
}

int
gh_links_follow(gh_wpool_t *p, const gh_broker_list_t *list)
{
    for (size_t i = 0; i < p->n_links; i++)
        if (p->links[i].endpoint)
            p->links[i].leaving = !is_listed(&p->links[i], list);
    for (size_t i = 0; i < list->n; i++) {
        const gh_broker_at_t *at = &list->at[i];
        gh_link_t *l = find_link(p, at);
        if (l || !at->inner[0])
            continue;
        if (!(l = add_link(p, at)))
            return -1;
        if (p->started && !p->worker->disconnected)
            gh_link_open(l);
    }
    return p->n_links > 0 ? 0 : -1;
}

void
gh_links_fini(gh_wpool_t *p)
{
    for (size_t i = 0; i < p->n_links; i++)
        remove_link(&p->links[i]);
}

/* Taken off the list: fronts have followed it too when no job came for a while, and all are answered. */
static bool
may_leave(const gh_link_t *l, int64_t now)
{
    return l->leaving && l->in_hand == 0 && (l->silent || now - l->job_ms >= LEAVE_MS);
}

/* ---- standing still */

static void
close_if_stood_still(gh_link_t *l, int64_t now)
{
    if (!l->sock || now - l->sent_ms < l->still_ms)
        return;
    gh_log(GH_LOG_WARN, "stood_still", GH_KS("pool", l->pool->def->name), GH_KS("broker", l->endpoint),
           GH_KI("ms", now - l->sent_ms));
    gh_link_close(l, true);
}

bool
gh_link_holds(gh_link_t *l, uint32_t generation, int64_t now_ms)
{
    close_if_stood_still(l, now_ms);
    return l->generation == generation;
}

/* ---- receiving */

static void
heard(gh_link_t *l)
{
    l->heard_ms = gh_mono_ms();
    l->backoff_ms = 0;
    if (!l->silent)
        return;
    l->silent = false;
    gh_log(GH_LOG_INFO, "linked", GH_KS("pool", l->pool->def->name), GH_KS("broker", l->endpoint));
}

static void
handle(gh_link_t *l, zmq_msg_t *m, size_t n)
{
    gh_str_t frames[FRAMES_MAX];
    gh_mdp_msg_t msg;
    for (size_t i = 0; i < n; i++)
        frames[i] = gh_frame(&m[i]);
    if (gh_mdp_parse(frames, n, &msg) || msg.side != GH_MDP_WORKER || msg.version != 2) {
        gh_log(GH_LOG_WARN, "broker_frames", GH_KS("pool", l->pool->def->name), GH_KI("frames", n));
        return;
    }
    heard(l);
    if (msg.command == GH_MDPW_REQUEST)
        gh_job_receive(l, &m[2], &m[msg.body], n - msg.body);
    else if (msg.leave) {
        gh_log(GH_LOG_INFO, "asked_to_leave", GH_KS("pool", l->pool->def->name),
               GH_KS("broker", l->endpoint));
        gh_worker_drain(l->pool->worker);
    } else if (msg.command == GH_MDPW_DISCONNECT) {
        gh_log(GH_LOG_INFO, "disconnected", GH_KS("pool", l->pool->def->name), GH_KS("broker", l->endpoint));
        gh_link_close(l, false);
    }
}

/* One whole message. False when there is none now. */
static bool
receive_one(gh_link_t *l)
{
    zmq_msg_t m[FRAMES_MAX];
    size_t n = gh_frames_recv(l->sock, m, FRAMES_MAX);
    if (n > 0)
        handle(l, m, n);
    gh_frames_close(m, n);
    return n > 0;
}

static int
on_readable(zloop_t *loop, zmq_pollitem_t *item, void *arg)
{
    (void)loop;
    (void)item;
    gh_link_t *l = arg;
    close_if_stood_still(l, gh_mono_ms()); /* what lies in the socket is as old */
    for (int i = 0; i < RECEIVE_MAX && l->sock; i++)
        if (!receive_one(l))
            break;
    gh_pool_dispatch(l->pool);
    return 0;
}

/* ---- time */

static void
tick(gh_link_t *l, int64_t now, int64_t heartbeat_ms)
{
    if (may_leave(l, now)) {
        gh_log(GH_LOG_INFO, "left", GH_KS("pool", l->pool->def->name), GH_KS("broker", l->endpoint));
        remove_link(l);
        return;
    }
    close_if_stood_still(l, now);
    if (!l->sock) {
        if (now >= l->reopen_ms)
            gh_link_open(l);
        return;
    }
    if (now - l->heard_ms > l->silence_ms) {
        if (!l->silent)
            gh_log(GH_LOG_WARN, "broker_silent", GH_KS("pool", l->pool->def->name),
                   GH_KS("broker", l->endpoint));
        gh_link_close(l, false);
    } else if (now - l->sent_ms >= heartbeat_ms)
        send_command(l, GH_MDPW_HEARTBEAT, 0);
}

/* A heartbeat with what the pool has done, to every broker; the frame is made once. */
static void
send_figures(gh_wpool_t *p, int64_t now)
{
    gh_buf_t frame GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    p->figures_ms = now;
    gh_figures_put(p, &frame);
    if (!gh_buf_ok(&frame) || frame.n > GH_FIGURES_MAX)
        return;
    for (size_t i = 0; i < p->n_links; i++)
        if (p->links[i].sock && send_command(&p->links[i], GH_MDPW_HEARTBEAT, ZMQ_SNDMORE) == 0)
            (void)send_copy(p->links[i].sock, gh_buf_view(&frame), 0);
}

/* Without its database a worker says goodbye: the brokers give its jobs to others that have one, and no shard waits for it. It comes back
 * with its first connection. */
static bool
left_without_database(gh_wpool_t *p, int64_t now)
{
    bool open = false;
    if (p->down_since_ms == 0 || now - p->down_since_ms < NO_DB_LEAVE_MS)
        return false;
    for (size_t i = 0; i < p->n_links; i++) {
        open |= p->links[i].sock != NULL;
        gh_link_close(&p->links[i], true);
        p->links[i].backoff_ms = 0;
        p->links[i].reopen_ms = 0;
    }
    if (open)
        gh_log(GH_LOG_WARN, "left_without_database", GH_KS("pool", p->def->name));
    return true;
}

void
gh_links_tick(gh_wpool_t *p)
{
    const gh_conf_t *conf = p->worker->conf;
    int64_t heartbeat_ms = gh_conf_int(conf, "worker.heartbeat_ms"), now = gh_mono_ms();
    if (!p->started || p->worker->disconnected || left_without_database(p, now))
        return;
    for (size_t i = 0; i < p->n_links; i++)
        if (p->links[i].endpoint)
            tick(&p->links[i], now, heartbeat_ms);
    if (now - p->figures_ms >= GH_FIGURES_EVERY)
        send_figures(p, now);
}
