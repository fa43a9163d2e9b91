/*
 * broker/port.c - the broker's sockets: what is bound where, messages in and out frame by frame
 *
 * ROUTER_MANDATORY makes a send to a peer that is gone fail at its identity frame (EHOSTUNREACH); after that frame was
 * taken, libzmq takes the rest of the message whatever happens to the peer.
 */
#include "broker.h"

#include <czmq.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "wire/event.h"
#include "wire/mp.h"

#define HWM 10000 /* messages waiting for one peer that does not read; above GH_CREDIT_MAX */
/* Largest frame, and some room: of our own peers the body of a reply, of others the arguments of a job with an upload. */
#define INNER_FRAME_MAX  ((int64_t)GH_REPLY_MAX + 65536)
#define PUBLIC_FRAME_MAX ((int64_t)GH_MP_MAX_BYTES + 65536)

static int
set_int(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof value);
}

static void *
new_socket(gh_broker_t *b, int type, bool curve, int64_t frame_max)
{
    void *s = zmq_socket(b->ctx, type);

    if (!s)
        return NULL;
    if (set_int(s, ZMQ_LINGER, 1000) < 0 || set_int(s, ZMQ_SNDHWM, HWM) < 0 ||
        set_int(s, ZMQ_RCVHWM, HWM) < 0 || set_int(s, ZMQ_HEARTBEAT_IVL, 5000) < 0 ||
        set_int(s, ZMQ_HEARTBEAT_TIMEOUT, 15000) < 0 ||
        zmq_setsockopt(s, ZMQ_MAXMSGSIZE, &frame_max, sizeof frame_max) < 0 || set_int(s, ZMQ_IPV6, 1) < 0 ||
        (type == ZMQ_ROUTER && set_int(s, ZMQ_ROUTER_MANDATORY, 1) < 0) ||
        (type == ZMQ_XPUB &&
         set_int(s, ZMQ_XPUB_VERBOSE, 1) < 0) || /* each subscriber is seen, and its key */
        (curve && gh_curve_server(s) < 0)) {
        zmq_close(s);
        return NULL;
    }
    return s;
}

/* ---- binding */

/* One setting that names endpoints. */
typedef struct list {
    const char *setting;
    int type;   /* of the socket */
    bool inner; /* for trusted peers */
    size_t key; /* which server key its tcp endpoints have */
    int64_t frame_max;
    void **sockets; /* [0] is plain, [1] has CURVE, made when first needed */
} list_t;

/* libzmq would silently take over the socket file of a broker that still runs: a lock beside it prevents that. It is
 * held until the process ends. */
static int
lock_ipc(const char *endpoint)
{
    char path[4200];
    int n = snprintf(path, sizeof path, "%s.lock", endpoint + strlen("ipc://"));

    if (n < 0 || (size_t)n >= sizeof path)
        return -1;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    gh_log(GH_LOG_ERROR, "bind_failed", GH_KS("endpoint", endpoint),
           GH_KS("reason", errno == EWOULDBLOCK ? "another broker serves it" : strerror(errno)));
    if (fd >= 0)
        close(fd);
    return -1;
}

static int
bind_to(void *socket, const char *endpoint, gh_endpoint_t kind)
{
    if (kind == GH_ENDPOINT_IPC && lock_ipc(endpoint) < 0)
        return -1;
    mode_t old = umask(0177); /* the socket file is ours alone */
    int rc = zmq_bind(socket, endpoint);
    umask(old);
    if (rc == 0)
        return 0;
    gh_log(GH_LOG_ERROR, "bind_failed", GH_KS("endpoint", endpoint),
           GH_KS("reason", zmq_strerror(zmq_errno())));
    return -1;
}

/* Which socket serves an endpoint: 0 plain, 1 CURVE; -1 after a log line when none may. */
static int
socket_for(gh_broker_t *b, const list_t *list, const char *endpoint, gh_endpoint_t kind)
{
    if (list->key > 0 && (kind == GH_ENDPOINT_IPC || !b->curve)) {
        gh_log(GH_LOG_ERROR, "endpoint_refused", GH_KS("setting", list->setting), GH_KS("endpoint", endpoint),
               GH_KS("reason", "it is for tcp with the second key of broker.curve_dir"));
        return -1;
    }
    if (kind == GH_ENDPOINT_IPC)
        return gh_endpoint_ipc_dir(endpoint, list->inner) < 0 ? -1 : 0;
    if (kind != GH_ENDPOINT_BAD && b->curve)
        return 1;
    if (kind == GH_ENDPOINT_LOOPBACK)
        return 0;
    gh_log(GH_LOG_ERROR, "endpoint_refused", GH_KS("setting", list->setting), GH_KS("endpoint", endpoint),
           GH_KS("reason", kind == GH_ENDPOINT_TCP ? "tcp beyond the loopback needs CURVE (broker.curve_dir)"
                                                   : "neither ipc:///path nor tcp://address:port"));
    return -1;
}

/* The socket that serves an endpoint, made when first needed. A ROUTER becomes a port, watched before it is bound so that
 * no connection is missed. */
static void *
require_socket(gh_broker_t *b, const list_t *list, bool curve)
{
    void **socket = &list->sockets[curve];

    if (*socket || !(*socket = new_socket(b, list->type, curve, list->frame_max)) || list->type != ZMQ_ROUTER)
        return *socket;
    b->port[b->n_ports] = (gh_port_t){.router = *socket, .inner = list->inner, .curve = curve};
    return gh_monitor_open(b, b->n_ports++) < 0 ? NULL : *socket;
}

/* Bind every endpoint of a setting; those with a key are noted for gh_curve_bind(). */
static int
bind_list(gh_broker_t *b, const gh_conf_t *conf, const list_t *l)
{
    char *text = strdup(gh_conf_str(conf, l->setting)), *save = NULL;
    int rc = text ? 0 : -1, n = 0;

    for (char *e = rc == 0 ? strtok_r(text, ", ", &save) : NULL; e && rc == 0;
         e = strtok_r(NULL, ", ", &save), n++) {
        gh_endpoint_t kind = gh_endpoint_kind(e);
        int i = socket_for(b, l, e, kind);
        if (i < 0 || !require_socket(b, l, i == 1))
            rc = -1;
        else
            rc = i == 1 ? gh_curve_at_add(b, l->sockets[1], e, l->key) : bind_to(l->sockets[0], e, kind);
    }
    free(text);
    if (rc == 0 && n == 0 && l->type != ZMQ_ROUTER && l->key == 0) {
        gh_log(GH_LOG_ERROR, "endpoint_refused", GH_KS("setting", l->setting), GH_KS("reason", "empty"));
        return -1;
    }
    return rc;
}

int
gh_ports_open(gh_broker_t *b, const gh_conf_t *conf)
{
    const char *dir = gh_conf_str(conf, "broker.curve_dir");
    void *inner[2] = {NULL, NULL}, *public[2] = {NULL, NULL};
    const list_t lists[] = {
        {"broker.inner", ZMQ_ROUTER, true, 0, INNER_FRAME_MAX, inner},
        {"broker.public", ZMQ_ROUTER, false, 0, PUBLIC_FRAME_MAX, public},
        {"broker.events_in", ZMQ_XSUB, true, 0, GH_EVENT_MAX, b->events_in},
        {"broker.events_out", ZMQ_XPUB, true, 0, GH_EVENT_MAX, b->events_out},
        {"broker.second_inner", ZMQ_ROUTER, true, 1, INNER_FRAME_MAX, inner},
        {"broker.second_public", ZMQ_ROUTER, false, 1, PUBLIC_FRAME_MAX, public},
        {"broker.second_events_in", ZMQ_XSUB, true, 1, GH_EVENT_MAX, b->events_in},
        {"broker.second_events_out", ZMQ_XPUB, true, 1, GH_EVENT_MAX, b->events_out},
    };

    if (dir[0] && (!(b->curve = gh_curve_new(dir)) || gh_zap_open(b) < 0))
        return -1;
    for (size_t i = 0; i < GH_COUNT(lists); i++)
        if (bind_list(b, conf, &lists[i]) < 0)
            return -1;
    if (b->curve && gh_curve_bind(b) < 0)
        return -1;
    if (b->n_ports == 0) {
        gh_log(GH_LOG_ERROR, "endpoint_refused", GH_KS("setting", "broker.inner"), GH_KS("reason", "empty"));
        return -1;
    }
    /* We carry every topic, whoever listens: the sequence numbers pass here. */
    for (int i = 0; i < 2; i++)
        if (b->events_in[i] && zmq_send(b->events_in[i], "\x01", 1, 0) < 0)
            return -1;
    return 0;
}

static void
close_socket(void **socket)
{
    if (*socket)
        zmq_close(*socket);
    *socket = NULL;
}

void
gh_ports_close(gh_broker_t *b)
{
    for (size_t i = 0; i < b->n_ports; i++) {
        gh_monitor_close(b, i);
        close_socket(&b->port[i].router);
    }
    for (int i = 0; i < 2; i++) {
        close_socket(&b->events_in[i]);
        close_socket(&b->events_out[i]);
    }
    gh_zap_close(b);
    gh_curve_destroy(&b->curve);
}

/* ---- messages */

gh_str_t
gh_frame_str(zmq_msg_t *frame)
{
    return (gh_str_t){zmq_msg_data(frame), zmq_msg_size(frame)};
}

void
gh_message_clear(gh_message_t *m)
{
    for (size_t i = 0; i < m->n; i++)
        zmq_msg_close(&m->frame[i]);
    m->n = 0;
}

/* Read and forget what is left of a message. */
static void
discard_rest(void *router, zmq_msg_t *frame)
{
    while (zmq_msg_more(frame) && zmq_msg_recv(frame, router, ZMQ_DONTWAIT) >= 0)
        ;
}

/* What the sender may do. */
static void
identify(gh_broker_t *b, gh_message_t *m)
{
    m->curve_key = "";
    m->roles = m->port->inner ? GH_KEY_INSIDE : 0;
    if (!m->port->curve)
        return;
    /* The identity frame is the ROUTER's own and tells nothing of the connection. */
    m->roles = 0;
    if (m->n > 1)
        m->curve_key = gh_curve_identify(b->curve, &m->frame[1], &m->roles);
    m->roles &= m->port->inner ? GH_KEY_INSIDE : GH_KEY_ALL;
}

int
gh_port_recv(gh_broker_t *b, uint8_t port)
{
    gh_message_t *m = &b->msg;
    void *router = b->port[port].router;
    bool more = true;

    m->port = &b->port[port];
    m->port_index = port;
    m->n = 0;
    while (more) {
        zmq_msg_t *frame = &m->frame[m->n];
        zmq_msg_init(frame);
        if (zmq_msg_recv(frame, router, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(frame);
            gh_message_clear(m);
            return 0;
        }
        m->n++;
        more = zmq_msg_more(frame);
        if (more && m->n == GH_FRAMES_MAX) {
            discard_rest(router, frame);
            gh_message_clear(m);
            return -1;
        }
    }
    identify(b, m);
    return 1;
}

static int
flags_of(bool more)
{
    return ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0);
}

int
gh_port_begin(gh_broker_t *b, uint8_t port, zmq_msg_t *id)
{
    zmq_msg_t copy;

    b->port[port].touched = true;
    zmq_msg_init(&copy);
    zmq_msg_copy(&copy, id);
    if (zmq_msg_send(&copy, b->port[port].router, flags_of(true)) >= 0)
        return 0;
    int err = errno;
    zmq_msg_close(&copy);
    errno = err;
    return -1;
}

void
gh_port_put(gh_broker_t *b, uint8_t port, const void *data, size_t n, bool more)
{
    zmq_send(b->port[port].router, data, n, flags_of(more));
}

void
gh_port_move(gh_broker_t *b, uint8_t port, zmq_msg_t *frame, bool more)
{
    if (zmq_msg_send(frame, b->port[port].router, flags_of(more)) < 0)
        zmq_msg_close(frame);
}

void
gh_port_share(gh_broker_t *b, uint8_t port, zmq_msg_t *frame, bool more)
{
    zmq_msg_t copy;

    zmq_msg_init(&copy);
    zmq_msg_copy(&copy, frame);
    gh_port_move(b, port, &copy, more);
}
