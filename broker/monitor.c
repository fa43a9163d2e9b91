/*
 * broker/monitor.c - connections of the ROUTERs, from libzmq's monitor events: how many trusted peers there are, and
 * handshakes that failed (a wrong or unknown CURVE key), which the sender itself is not told
 */
#include "broker.h"

#include <stdio.h>

#include "base/log.h"

#define FAILED                                                                                               \
    (ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |                            \
     ZMQ_EVENT_HANDSHAKE_FAILED_AUTH)

int
gh_monitor_open(gh_broker_t *b, size_t i)
{
    char endpoint[64];

    snprintf(endpoint, sizeof endpoint, "inproc://monitor-%zu", i);
    if (zmq_socket_monitor(b->port[i].router, endpoint,
                           ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED | FAILED) < 0 ||
        !(b->monitor[i] = zmq_socket(b->ctx, ZMQ_PAIR)))
        return -1;
    return zmq_connect(b->monitor[i], endpoint);
}

/* A connection is known by its descriptor, unique in the process while it is open. */
static void
mark(gh_broker_t *b, uint32_t fd, bool open)
{
    uint8_t bit = (uint8_t)(1u << fd % 8);

    if (fd >= GH_FDS_MAX || !!(b->peer_fds[fd / 8] & bit) == open)
        return;
    b->peer_fds[fd / 8] ^= bit;
    if (open)
        b->n_peers++;
    else
        b->n_peers--;
}

static void
on_failed(gh_broker_t *b, uint16_t event)
{
    b->total.handshakes_failed++;
    if (b->now_ms - b->handshake_logged_ms < 1000)
        return;
    b->handshake_logged_ms = b->now_ms;
    gh_log(GH_LOG_WARN, "handshake_failed",
           GH_KS("reason", event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH       ? "key refused"
                           : event == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL ? "not our protocol or mechanism"
                                                                          : "connection ended"),
           GH_KI("count", b->total.handshakes_failed));
}

void
gh_monitor_read(gh_broker_t *b, size_t i)
{
    uint8_t head[6];
    char endpoint[256];
    uint16_t event;
    uint32_t value;

    b->monitor_touched[i] = false;
    /* Two frames an event: number and value in the machine's order (zmq_socket_monitor(3)), endpoint. */
    while (zmq_recv(b->monitor[i], head, sizeof head, ZMQ_DONTWAIT) == (int)sizeof head) {
        (void)zmq_recv(b->monitor[i], endpoint, sizeof endpoint, ZMQ_DONTWAIT);
        memcpy(&event, head, sizeof event);
        memcpy(&value, head + 2, sizeof value);
        if (event & FAILED)
            on_failed(b, event);
        else if (b->port[i].inner)
            mark(b, value, event == ZMQ_EVENT_ACCEPTED);
    }
}

void
gh_monitor_close(gh_broker_t *b, size_t i)
{
    if (!b->monitor[i])
        return;
    /* libzmq loses the memory of events that nobody reads: stop it, then read the last ones. */
    zmq_socket_monitor(b->port[i].router, NULL, 0);
    gh_monitor_read(b, i);
    zmq_close(b->monitor[i]);
    b->monitor[i] = NULL;
}
