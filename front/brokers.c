/*
 * front/brokers.c - see brokers.h
 */
#include "front/brokers.h"

#include <stdio.h>

#define GH_LOG_PART GH_LOG_LINK
#include "base/log.h"
#include "base/timez.h"
#include "wire/dial.h"
#include "wire/event.h"
#include "wire/frames.h"

#define DRAIN_BUDGET  256
#define SETTLING_MS   5000
#define OPEN_AGAIN_MS 5000
#define LAST_MS       500 /* for what is sent when the process ends */

static struct {
    const front_broker_events_t *on;
    void *ctx;
    front_link_t at[GH_BROKERS_MAX];
    size_t n, turn, serial; /* n: slots that were ever used */
    gh_broker_list_t list;
    gh_broker_follow_t follow;
    int64_t silence_ms, again_ms;
    bool look; /* something was sent, or a drain ran out of budget: look at the sockets when the turn ends */
} s_brokers;

/* ---- which one */

front_link_t *
front_broker(int i)
{
    return &s_brokers.at[i];
}

bool
front_broker_usable(const front_link_t *l, int64_t now)
{
    return l->up && now - l->beat_ms < s_brokers.silence_ms;
}

static bool
takes_jobs(const front_link_t *l, int64_t now)
{
    return front_broker_usable(l, now) && !l->draining && !l->leaving;
}

bool
front_link_alive(void)
{
    int64_t now = gh_mono_ms();
    for (size_t i = 0; i < s_brokers.n; i++)
        if (takes_jobs(&s_brokers.at[i], now))
            return true;
    return false;
}

size_t
front_brokers(void)
{
    return s_brokers.n;
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

int
front_broker_best(gh_str_t shard, uint32_t tried, int64_t now)
{
    s_brokers.turn += shard.n == 0;
    int best = -1;
    uint64_t best_score = 0;
    for (size_t i = 0; i < s_brokers.n; i++) {
        const front_link_t *l = &s_brokers.at[(s_brokers.turn + i) % s_brokers.n];
        if ((tried >> l->index & 1) || !takes_jobs(l, now))
            continue;
        uint64_t score = shard.n ? shard_score(l->at.name, shard) : UINT64_MAX - l->n_jobs;
        if (best < 0 || score > best_score) {
            best = (int)l->index;
            best_score = score;
        }
    }
    return best;
}

bool
front_brokers_settling(int64_t now)
{
    for (size_t i = 0; i < s_brokers.n; i++)
        if (s_brokers.at[i].open && now - s_brokers.at[i].changed_ms < SETTLING_MS)
            return true;
    return false;
}

/* ---- reading */

static void
take_beat(front_link_t *l, gh_str_t frame)
{
    int64_t now = gh_mono_ms();
    bool draining = gh_event_draining(frame);
    if (draining != l->draining || now - l->beat_ms >= s_brokers.silence_ms)
        l->changed_ms = now;
    l->beat_ms = now;
    if (draining != l->draining)
        gh_log(GH_LOG_INFO, draining ? "broker_drains" : "broker_takes_jobs", GH_KS("broker", l->at.name));
    l->draining = draining;
}

/* Receive until nothing is left: the last try, which finds nothing, also re-reads the socket's state. */
static void
drain(front_link_t *l, void *socket, void (*take)(front_link_t *, zmq_msg_t *, size_t))
{
    for (int budget = DRAIN_BUDGET; socket && budget > 0; budget--) {
        zmq_msg_t parts[FRONT_PARTS_MAX];
        size_t n = gh_frames_recv(socket, parts, FRONT_PARTS_MAX);
        if (n == 0)
            return;
        take(l, parts, n);
        gh_frames_close(parts, n);
    }
    s_brokers.look = true;
}

static void
drain_jobs(front_link_t *l)
{
    drain(l, l->jobs, s_brokers.on->message);
}

/* The beat is ours, the rest goes on. */
static void
take_event(front_link_t *l, zmq_msg_t *parts, size_t n)
{
    if (n == 2 && gh_str_is(gh_frame(&parts[0]), "beat"))
        take_beat(l, gh_frame(&parts[1]));
    s_brokers.on->event(l, parts, n);
}

static void
drain_events(front_link_t *l)
{
    drain(l, l->events, take_event);
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
    drain_events(w->link);
}

/* The number of the next monitor event (2 bytes and a value, then the endpoint), 0 when there is none. */
static int
next_change(void *monitor)
{
    zmq_msg_t parts[FRONT_PARTS_MAX];
    uint16_t event = 0;
    size_t n = gh_frames_recv(monitor, parts, FRONT_PARTS_MAX);
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
        s_brokers.on->lost(l);
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

/* ---- sockets */

static void *
open_socket(int type)
{
    static const char *const all[] = {"", NULL};
    const gh_dial_t how = {.send_hwm = 20000,
                           .recv_hwm = 100000,
                           .reconnect_ms = 50,
                           .reconnect_max_ms = 1000,
                           .frame_max = (int64_t)GH_REPLY_MAX + (64 << 10),
                           .connected_only = true,
                           .topics = type == ZMQ_SUB ? all : NULL};
    return gh_dial_new(s_brokers.ctx, type, &how);
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
    void *m = zmq_socket(s_brokers.ctx, ZMQ_PAIR);
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
        s_brokers.serial++; /* the monitor of the slot's last broker may not have let go of its name */
    l->jobs = open_socket(ZMQ_DEALER);
    l->events = open_socket(ZMQ_SUB);
    return !l->jobs || !l->events || !(l->jobs_monitor = open_monitor(l->jobs, "jobs", serial)) ||
                   !(l->events_monitor = open_monitor(l->events, "events", serial)) ||
                   gh_dial_connect(l->jobs, front.conf, at->inner, at->cert) ||
                   gh_dial_connect(l->events, front.conf, at->events_out, at->cert)
               ? -1
               : 0;
}

/* In a slot that is free. */
static int
open_link(const gh_broker_at_t *at)
{
    size_t i = 0;
    while (i < s_brokers.n && s_brokers.at[i].open)
        i++;
    if (i == GH_BROKERS_MAX) {
        gh_log(GH_LOG_ERROR, "brokers_too_many", GH_KS("broker", at->name));
        return -1;
    }
    front_link_t *l = &s_brokers.at[i];
    *l = (front_link_t){.index = i, .at = *at, .open = true};
    s_brokers.n = i < s_brokers.n ? s_brokers.n : i + 1;
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
    for (size_t i = 0; i < s_brokers.n; i++)
        if (s_brokers.at[i].open && gh_broker_same(&s_brokers.at[i].at, at))
            return true;
    return false;
}

/* Also now and then: what could not be opened, because its certificate was not there yet, is tried again. */
static void
follow_list(int64_t now)
{
    s_brokers.again_ms = now + OPEN_AGAIN_MS;
    for (size_t i = 0; i < s_brokers.n; i++) {
        front_link_t *l = &s_brokers.at[i];
        l->leaving = l->open && !gh_broker_listed(&s_brokers.list, &l->at);
    }
    for (size_t i = 0; i < s_brokers.list.n; i++)
        if (s_brokers.list.at[i].inner[0] && !is_open(&s_brokers.list.at[i]))
            (void)open_link(&s_brokers.list.at[i]);
}

/* Brokers that were taken off the list and have answered all. */
static void
leave_idle(void)
{
    for (size_t i = 0; i < s_brokers.n; i++) {
        front_link_t *l = &s_brokers.at[i];
        if (!l->open || !l->leaving || l->n_jobs > 0)
            continue;
        gh_log(GH_LOG_INFO, "broker_left", GH_KS("broker", l->at.name));
        kore_platform_disable_read(l->jobs_watch.fd);
        kore_platform_disable_read(l->events_watch.fd);
        close_link(l);
        front_probes_forget(i);
    }
}

void
front_brokers_follow(int64_t now)
{
    if (gh_broker_follow(&s_brokers.follow, front.conf, now, &s_brokers.list) || now >= s_brokers.again_ms)
        follow_list(now);
    leave_idle();
}

/* ---- all of them */

void
front_brokers_read(void)
{
    for (size_t i = 0; i < s_brokers.n; i++) {
        front_link_t *l = &s_brokers.at[i];
        if (!l->open)
            continue;
        watch_connections(l);
        drain_jobs(l);
        drain_events(l);
    }
}

void
front_brokers_stir(void)
{
    s_brokers.look = true;
}

void
front_brokers_turn(void)
{
    for (int pass = 0; s_brokers.look && pass < 4; pass++) {
        s_brokers.look = false;
        for (size_t i = 0; i < s_brokers.n; i++)
            drain_jobs(&s_brokers.at[i]);
    }
}

int
front_brokers_start(const front_broker_events_t *events)
{
    char why[5000];
    s_brokers.on = events;
    s_brokers.ctx = zmq_ctx_new();
    s_brokers.silence_ms = gh_broker_silence_ms(front.conf);
    if (!s_brokers.ctx)
        return -1;
    if (gh_broker_list_load(front.conf, &s_brokers.list, why, sizeof why)) {
        gh_log(GH_LOG_ERROR, "brokers_unread", GH_KS("reason", why));
        return -1;
    }
    for (size_t i = 0; i < s_brokers.list.n; i++) {
        const gh_broker_at_t *at = &s_brokers.list.at[i];
        if (at->inner[0] && !at->events_out[0]) {
            gh_log(GH_LOG_ERROR, "link_lists_differ", GH_KS("more", "link.inner"),
                   GH_KS("than", "link.events_out"));
            return -1;
        }
        if (at->inner[0] && open_link(at))
            return -1;
    }
    return s_brokers.n ? 0 : -1;
}

void
front_brokers_stop(bool last)
{
    for (size_t i = 0; i < s_brokers.n; i++) {
        if (last && s_brokers.at[i].jobs)
            (void)zmq_setsockopt(s_brokers.at[i].jobs, ZMQ_LINGER, &(int){LAST_MS}, sizeof(int));
        close_link(&s_brokers.at[i]);
    }
    s_brokers.n = 0;
    if (s_brokers.ctx)
        zmq_ctx_term(s_brokers.ctx);
}
