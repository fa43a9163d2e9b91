/*
 * broker/loop.c - the one loop: messages, deadlines, heartbeats, signals, and the way out
 */
#include "broker.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/log.h"
#include "base/notify.h"
#include "base/program.h"
#include "base/timez.h"

#define MESSAGES_A_TURN 512  /* of one port, before the others and the clock have their turn */
#define BEAT_MAX_MS     1000 /* between beats; with a shorter heartbeat they come as often as that */

void
gh_broker_clock(gh_broker_t *b)
{
    b->now_us = gh_mono_us();
    b->now_ms = b->now_us / 1000;
}

/* Read until nothing is left: a send on the socket meanwhile may have eaten its wake-up, and the read that finds nothing
 * looks again. */
static void
read_port(gh_broker_t *b, size_t i)
{
    gh_port_t *port = &b->port[i];
    int rc;

    for (int budget = MESSAGES_A_TURN; budget > 0; budget--) {
        port->touched = false;
        if ((rc = gh_port_recv(b, (uint8_t)i)) == 0)
            return;
        if (rc < 0) {
            b->total.invalid++;
            continue;
        }
        gh_broker_clock(b);
        gh_route(b, &b->msg);
        gh_message_clear(&b->msg);
    }
    port->touched = true;
}

/* ---- stopping */

void
gh_broker_drain(gh_broker_t *b, bool on)
{
    b->draining = on;
    gh_events_beat(b); /* fronts and dispatchers hear it at once and turn to the other brokers */
}

void
gh_broker_stop(gh_broker_t *b)
{
    if (b->stopping) { /* asked twice: at once */
        b->stop_at_ms = b->now_ms;
        return;
    }
    gh_log(GH_LOG_INFO, "stopping", GH_KI("limit_ms", b->stop_ms));
    gh_notify_stopping();
    b->stopping = true;
    gh_broker_drain(b, true);
    b->stop_at_ms = b->now_ms + b->stop_ms;
}

static void
refuse_queue(gh_broker_t *b, gh_bservice_t *s, gh_queue_t *q)
{
    for (int p = 0; p < GH_PRIO_COUNT; p++)
        while (!gh_list_empty(&q->list[p])) {
            gh_bjob_t *job = GH_LINK_OWNER(q->list[p].next, gh_bjob_t, link);
            gh_dispatch_remove(s, job);
            gh_client_pass_on(b, job, "SERVICE_UNAVAILABLE");
        }
}

/* What waits was never begun: SERVICE_UNAVAILABLE. */
static void
refuse_waiting(gh_broker_t *b, gh_bservice_t *s)
{
    for (gh_link_t *l = s->workers.next; l != &s->workers; l = l->next)
        refuse_queue(b, s, &GH_LINK_OWNER(l, gh_bworker_t, link)->own);
    refuse_queue(b, s, &s->shared);
}

/* What runs may still have its effect: the job record tells whoever gets it next; a client asks again with its key. */
static void
give_up_running(gh_broker_t *b, gh_bworker_t *w)
{
    while (!gh_list_empty(&w->hand)) {
        gh_bjob_t *job = GH_LINK_OWNER(w->hand.next, gh_bjob_t, link);
        if (job->has_head)
            gh_running_remove(b, job);
        gh_dispatch_finish(w->service, job);
        gh_client_pass_on(b, job, "UPSTREAM_TIMEOUT");
    }
}

static void
check_stop(gh_broker_t *b)
{
    gh_bservice_t *s, *next;
    uint32_t open = 0;

    if (!b->stopping)
        return;
    for (s = b->services; s; s = next) {
        next = s->hh.next;
        if (s->n_workers == 0 || s->paused)
            refuse_waiting(b, s);
        open += s->running + gh_bservice_depth(s);
    }
    b->done = open == 0 || b->now_ms >= b->stop_at_ms;
}

static void
close_down(gh_broker_t *b)
{
    gh_bservice_t *s, *snext;
    gh_bworker_t *w, *wnext;

    gh_broker_clock(b);
    for (s = b->services; s; s = snext) {
        snext = s->hh.next;
        refuse_waiting(b, s);
    }
    for (w = b->workers; w; w = wnext) {
        wnext = w->hh.next;
        give_up_running(b, w);
    }
    gh_workers_disconnect(b);
    while (!gh_list_empty(&b->dead))
        gh_dead_drop(b, GH_LINK_OWNER(b->dead.next, gh_bjob_t, link));
    gh_services_close(b);
    gh_bjobs_close(b);
}

/* ---- time */

/* What the service manager shows of it. */
static void
tell_status(const gh_broker_t *b)
{
    uint32_t services = 0, workers = 0;

    if (!gh_notify_wanted())
        return;
    for (const gh_bservice_t *s = b->services; s; s = s->hh.next) {
        services += s->n_workers > 0;
        workers += s->n_workers;
    }
    gh_notify_status("%u services with %u workers", services, workers);
}

static int64_t
tick_every(const gh_broker_t *b)
{
    return b->heartbeat_ms / 4 < 250 ? b->heartbeat_ms / 4 : 250;
}

static void
on_time(gh_broker_t *b, int64_t *beat_ms)
{
    gh_broker_clock(b);
    gh_notify_alive(b->now_us);
    gh_program_log_tick(b->conf);
    if (b->wheel.n > 0)
        gh_client_expire(b);
    if (b->now_ms - b->tick_ms >= tick_every(b)) {
        gh_workers_tick(b);
        gh_services_sweep(b);
        b->tick_ms = b->now_ms;
    }
    if (b->subscribed)
        gh_events_beat(b);
    b->subscribed = false;
    if (b->now_ms - *beat_ms >= b->beat_every_ms) {
        if (b->curve) {
            gh_curve_reload(b->curve);
            (void)gh_curve_bind(b);
        }
        gh_events_beat(b);
        tell_status(b);
        *beat_ms = b->now_ms;
    }
    if (b->stirred)
        gh_deliver_stirred(b);
    check_stop(b);
}

static long
wait_ms(const gh_broker_t *b)
{
    int64_t tick = tick_every(b);

    if (b->stopping || b->wheel.n > 0)
        return tick < GH_WHEEL_SLOT_MS ? (long)tick : GH_WHEEL_SLOT_MS;
    return (long)(tick > 0 ? tick : 1);
}

/* ---- what is waited for
 *
 * zmq_poll() asks every socket twice with several system calls. The descriptors (ZMQ_FD) are polled directly instead:
 * one says "look at this socket", and stays silent for what a send on the same socket has noticed already; `touched`
 * remembers to look then. */

#define SOURCES_MAX (2 * GH_PORTS_MAX + 5)

typedef struct source {
    void *socket;
    void (*read)(gh_broker_t *b, size_t i);
    size_t i;
    bool *touched; /* look without being told */
} source_t;

typedef struct sources {
    source_t at[SOURCES_MAX];
    struct pollfd fd[SOURCES_MAX + 1]; /* the last one: signals */
    size_t n;
} sources_t;

static int
add_source(sources_t *all, void *socket, void (*read)(gh_broker_t *, size_t), size_t i, bool *touched)
{
    int fd = -1;
    size_t size = sizeof fd;

    if (!socket)
        return 0;
    if (zmq_getsockopt(socket, ZMQ_FD, &fd, &size) < 0)
        return -1;
    *touched = true;
    all->fd[all->n] = (struct pollfd){.fd = fd, .events = POLLIN};
    all->at[all->n++] = (source_t){.socket = socket, .read = read, .i = i, .touched = touched};
    return 0;
}

static int
add_sources(gh_broker_t *b, sources_t *all, int signal_fd)
{
    int rc = add_source(all, b->zap, gh_zap_read, 0, &b->zap_touched);

    for (size_t i = 0; i < b->n_ports; i++) {
        rc |= add_source(all, b->port[i].router, read_port, i, &b->port[i].touched);
        rc |= add_source(all, b->monitor[i], gh_monitor_read, i, &b->monitor_touched[i]);
    }
    for (size_t i = 0; i < 2; i++) {
        rc |= add_source(all, b->events_in[i], gh_events_relay, i, &b->events_in_touched[i]);
        rc |= add_source(all, b->events_out[i], gh_events_ignore, i, &b->events_out_touched[i]);
    }
    all->fd[all->n] = (struct pollfd){.fd = signal_fd, .events = POLLIN};
    return rc;
}

static void
read_signals(gh_broker_t *b, int fd)
{
    struct signalfd_siginfo info;

    while (read(fd, &info, sizeof info) == (ssize_t)sizeof info)
        gh_broker_stop(b);
}

static void
wait_and_read(gh_broker_t *b, sources_t *all)
{
    bool look[SOURCES_MAX];
    int64_t wait = wait_ms(b);

    for (size_t k = 0; k < all->n; k++)
        if ((look[k] = *all->at[k].touched))
            wait = 0;
    if (poll(all->fd, all->n + 1, (int)wait) < 0) /* EINTR: the next turn */
        return;
    for (size_t k = 0; k < all->n; k++)
        if (look[k] || all->fd[k].revents)
            all->at[k].read(b, all->at[k].i);
    if (all->fd[all->n].revents)
        read_signals(b, all->fd[all->n].fd);
}

int
gh_broker_run(gh_broker_t *b)
{
    sources_t all = {.n = 0};
    sigset_t set;
    int64_t beat_ms = 0;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    int signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (signal_fd < 0 || add_sources(b, &all, signal_fd) < 0)
        return -1;
    gh_broker_clock(b);
    b->start_ms = b->tick_ms = b->now_ms;
    b->beat_every_ms = b->heartbeat_ms < BEAT_MAX_MS ? b->heartbeat_ms : BEAT_MAX_MS;
    gh_wheel_init(&b->wheel, b->now_ms);
    gh_notify_ready();
    while (!b->done) {
        wait_and_read(b, &all);
        on_time(b, &beat_ms);
    }
    close_down(b);
    close(signal_fd);
    return 0;
}
