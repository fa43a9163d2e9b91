/*
 * broker/loop.c - the one loop: messages, deadlines, heartbeats, signals, and the way out
 */
#include "broker.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/log.h"
#include "base/timez.h"

#define MESSAGES_A_TURN 512 /* of one port, before the others and the clock have their turn */
#define BEAT_MS         1000

void
gh_broker_clock(gh_broker_t *b)
{
    b->now_us = gh_mono_us();
    b->now_ms = b->now_us / 1000;
}

static void
read_port(gh_broker_t *b, uint8_t port)
{
    int rc;

    for (int budget = MESSAGES_A_TURN; budget > 0 && (rc = gh_port_recv(b, port)) != 0; budget--) {
        if (rc < 0) {
            b->total.invalid++;
            continue;
        }
        gh_broker_clock(b);
        gh_route(b, &b->msg);
        gh_message_clear(&b->msg);
    }
}

/* ---- stopping */

void
gh_broker_stop(gh_broker_t *b)
{
    if (b->stopping) { /* asked twice: at once */
        b->stop_at_ms = b->now_ms;
        return;
    }
    gh_log(GH_LOG_INFO, "stopping", GH_KI("limit_ms", b->stop_ms));
    b->draining = b->stopping = true;
    b->stop_at_ms = b->now_ms + b->stop_ms;
}

static void
refuse_queue(gh_broker_t *b, gh_bservice_t *s, gh_queue_t *q)
{
    for (int p = 0; p < GH_PRIO_COUNT; p++)
        while (!gh_list_empty(&q->list[p])) {
            gh_bjob_t *job = GH_LINK_OWNER(q->list[p].next, gh_bjob_t, link);
            gh_dispatch_remove(s, job);
            gh_client_end(b, job, "SERVICE_UNAVAILABLE");
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

/* What runs may still have its effect: the client must ask again with its key. */
static void
give_up_running(gh_broker_t *b, gh_bworker_t *w)
{
    while (!gh_list_empty(&w->hand)) {
        gh_bjob_t *job = GH_LINK_OWNER(w->hand.next, gh_bjob_t, link);
        if (job->has_head)
            gh_running_remove(b, job);
        gh_dispatch_finish(w->service, job);
        gh_client_end(b, job, "UPSTREAM_TIMEOUT");
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

static int64_t
tick_every(const gh_broker_t *b)
{
    return b->heartbeat_ms / 4 < 250 ? b->heartbeat_ms / 4 : 250;
}

static void
on_time(gh_broker_t *b, int64_t *beat_ms)
{
    gh_broker_clock(b);
    if (b->wheel.n > 0)
        gh_client_expire(b);
    if (b->now_ms - b->tick_ms >= tick_every(b)) {
        gh_workers_tick(b);
        gh_services_sweep(b);
        b->tick_ms = b->now_ms;
    }
    if (b->now_ms - *beat_ms >= BEAT_MS) {
        if (b->curve)
            gh_curve_reload(b->curve);
        gh_events_beat(b);
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

/* ---- */

static void
read_signals(gh_broker_t *b, int fd)
{
    struct signalfd_siginfo info;

    while (read(fd, &info, sizeof info) == (ssize_t)sizeof info)
        gh_broker_stop(b);
}

static size_t
poll_items(const gh_broker_t *b, int signal_fd, zmq_pollitem_t *items)
{
    size_t n = 0;

    for (size_t i = 0; i < b->n_ports; i++)
        items[n++] = (zmq_pollitem_t){.socket = b->port[i].router, .events = ZMQ_POLLIN};
    for (int i = 0; i < 2; i++) { /* both or none of a pair may be there; a free place polls nothing */
        items[n++] = (zmq_pollitem_t){.socket = b->events_in[i], .fd = -1, .events = ZMQ_POLLIN};
        items[n++] = (zmq_pollitem_t){.socket = b->events_out[i], .fd = -1, .events = ZMQ_POLLIN};
    }
    items[n++] = (zmq_pollitem_t){.fd = signal_fd, .events = ZMQ_POLLIN};
    return n;
}

static void
read_ready(gh_broker_t *b, const zmq_pollitem_t *items, int signal_fd)
{
    size_t n = b->n_ports;

    for (size_t i = 0; i < n; i++)
        if (items[i].revents & ZMQ_POLLIN)
            read_port(b, (uint8_t)i);
    for (size_t i = 0; i < 2; i++, n += 2) {
        if (items[n].revents & ZMQ_POLLIN)
            gh_events_relay(b, i);
        if (items[n + 1].revents & ZMQ_POLLIN)
            gh_events_ignore(b, i);
    }
    if (items[n].revents & ZMQ_POLLIN)
        read_signals(b, signal_fd);
}

int
gh_broker_run(gh_broker_t *b)
{
    zmq_pollitem_t items[GH_PORTS_MAX + 5];
    sigset_t set;
    int64_t beat_ms = 0;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    int signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (signal_fd < 0)
        return -1;
    size_t n = poll_items(b, signal_fd, items);
    gh_broker_clock(b);
    b->start_ms = b->tick_ms = b->now_ms;
    gh_wheel_init(&b->wheel, b->now_ms);
    while (!b->done) {
        if (zmq_poll(items, (int)n, wait_ms(b)) > 0)
            read_ready(b, items, signal_fd);
        on_time(b, &beat_ms);
    }
    close_down(b);
    close(signal_fd);
    return 0;
}
