/*
 * ops/cmd/http_load.c - see http_load.h
 *
 *   CLOSED -request-> CONNECTING -writable-> BUSY -whole reply-> IDLE -request-> BUSY ...
 *   any -> CLOSED when the peer closes, time is up or the reply is not proper HTTP: the request is then lost
 */
#include "ops/cmd/http_load.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/timez.h"

#define TICK_US (200 * 1000)

typedef enum { CLOSED, CONNECTING, IDLE, BUSY } conn_state_t;

typedef struct conn {
    int fd;
    conn_state_t state;
    gh_buf_t out, in;
    size_t sent;
    void *tag;
    int64_t since_us;
    struct conn *next_free;
} conn_t;

typedef struct load {
    const gh_load_options_t *opt;
    const gh_load_ops_t *ops;
    void *arg;
    struct sockaddr_storage address;
    socklen_t address_n;
    int epoll;
    conn_t *conns;
    conn_t *free; /* CLOSED and IDLE ones; last used first, so that few connections carry little load */
    int in_flight;
    bool ended;
    int64_t wake_us, tick_us;
} load_t;

static void
s_release(load_t *l, conn_t *c)
{
    c->next_free = l->free;
    l->free = c;
}

static void
s_close(conn_t *c)
{
    if (c->fd >= 0)
        close(c->fd); /* leaves the epoll set with it */
    c->fd = -1;
    c->state = CLOSED;
}

static void
s_finish(load_t *l, conn_t *c, gh_load_reply_t *reply)
{
    void *tag = c->tag;
    c->tag = NULL;
    reply->latency_us = gh_mono_us() - c->since_us;
    l->in_flight--;
    s_release(l, c);
    l->ops->done(l->arg, tag, reply);
}

/* The connection is of no more use; a request on it is lost. */
static void
s_lose(load_t *l, conn_t *c, const char *why)
{
    bool pending = c->state == BUSY || c->state == CONNECTING;
    s_close(c);
    if (pending)
        s_finish(l, c, &(gh_load_reply_t){.lost = why, .retry_after_s = -1});
}

static bool
s_watch(load_t *l, conn_t *c, int op, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.ptr = c};
    return epoll_ctl(l->epoll, op, c->fd, &e) == 0;
}

static bool
s_connect(load_t *l, conn_t *c)
{
    c->fd = socket(l->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        return false;
    int one = 1;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(c->fd, (struct sockaddr *)&l->address, l->address_n) != 0 && errno != EINPROGRESS)
        return false;
    c->state = CONNECTING;
    return s_watch(l, c, EPOLL_CTL_ADD, EPOLLIN | EPOLLOUT);
}

/* Write what is left of the request. False when the connection broke. */
static bool
s_flush(load_t *l, conn_t *c)
{
    while (c->sent < c->out.n) {
        ssize_t n = send(c->fd, c->out.p + c->sent, c->out.n - c->sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return s_watch(l, c, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
        if (n <= 0)
            return false;
        c->sent += (size_t)n;
    }
    return true;
}

/* Look for a whole reply in what has arrived. */
static void
s_parse(load_t *l, conn_t *c)
{
    gh_load_reply_t reply;
    bool keep = false;
    int64_t n = gh_load_parse_reply(gh_buf_view(&c->in), &reply, &keep);
    if (n == 0)
        return;
    if (n < 0 || c->sent < c->out.n) {
        s_lose(l, c, "protocol");
        return;
    }
    if (keep && (size_t)n == c->in.n)
        c->state = IDLE;
    else
        s_close(c);
    s_finish(l, c, &reply);
}

static void
s_readable(load_t *l, conn_t *c)
{
    for (;;) {
        char *room = gh_buf_reserve(&c->in, 16384);
        if (!room || c->in.n > GH_LOAD_HEAD_MAX + GH_LOAD_BODY_MAX) {
            s_lose(l, c, "protocol");
            return;
        }
        ssize_t n = recv(c->fd, room, 16384, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return;
        if (n <= 0 || c->state != BUSY) { /* an idle connection has nothing to say but good-bye */
            s_lose(l, c, "closed");
            return;
        }
        c->in.n += (size_t)n;
        bool short_read = n < 16384;
        s_parse(l, c);
        if (c->state != BUSY || short_read)
            return;
    }
}

static void
s_event(load_t *l, conn_t *c, uint32_t events)
{
    if (c->fd < 0)
        return;
    if (c->state == CONNECTING) {
        int err = 0;
        socklen_t n = sizeof err;
        if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &n) != 0 || err != 0) {
            s_lose(l, c, "connect");
            return;
        }
        if (!(events & EPOLLOUT))
            return;
        c->state = BUSY;
    }
    if ((events & EPOLLOUT) && c->state == BUSY) {
        if (!s_watch(l, c, EPOLL_CTL_MOD, EPOLLIN) || !s_flush(l, c)) {
            s_lose(l, c, "closed");
            return;
        }
    }
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        s_readable(l, c);
}

/* Put one request on a free connection. */
static void
s_start(load_t *l, conn_t *c, int64_t now)
{
    c->since_us = now;
    c->sent = 0;
    gh_buf_clear(&c->in);
    l->in_flight++;
    if (c->state == CLOSED) {
        if (!s_connect(l, c)) {
            c->state = CONNECTING;
            s_lose(l, c, "connect");
        }
        return;
    }
    c->state = BUSY;
    if (!s_flush(l, c))
        s_lose(l, c, "closed");
}

/* Hand out requests while there are free connections. */
static void
s_fill(load_t *l)
{
    l->wake_us = INT64_MAX;
    int budget = l->opt->connections; /* a refused connect reports at once: do not spin on it */
    while (!l->ended && l->free && budget-- > 0) {
        conn_t *c = l->free;
        gh_buf_clear(&c->out);
        int64_t now = gh_mono_us(), wake = INT64_MAX;
        gh_load_next_t what = l->ops->next(l->arg, now, &c->out, &c->tag, &wake);
        if (what == GH_LOAD_END)
            l->ended = true;
        if (what == GH_LOAD_WAIT)
            l->wake_us = wake;
        if (what != GH_LOAD_SEND)
            return;
        l->free = c->next_free;
        s_start(l, c, now);
    }
    if (!l->ended && l->free)
        l->wake_us = 0;
}

/* Requests whose time is up. */
static void
s_sweep(load_t *l, int64_t now)
{
    for (int i = 0; i < l->opt->connections; i++) {
        conn_t *c = &l->conns[i];
        if ((c->state == BUSY || c->state == CONNECTING) &&
            now - c->since_us > (int64_t)l->opt->timeout_ms * 1000)
            s_lose(l, c, "timeout");
    }
}

static int
s_loop(load_t *l)
{
    struct epoll_event events[256];
    while (!(l->opt->stop && *l->opt->stop)) {
        s_fill(l);
        if (l->ended && l->in_flight == 0)
            return 0;
        int64_t now = gh_mono_us();
        int64_t until = l->wake_us < l->tick_us ? l->wake_us : l->tick_us;
        int64_t wait_us = until > now ? until - now : 0;
        int n = epoll_wait(l->epoll, events, (int)GH_COUNT(events), (int)((wait_us + 999) / 1000));
        if (n < 0 && errno != EINTR)
            return -1;
        for (int i = 0; i < n; i++)
            s_event(l, events[i].data.ptr, events[i].events);
        now = gh_mono_us();
        if (now >= l->tick_us) {
            s_sweep(l, now);
            if (l->ops->tick)
                l->ops->tick(l->arg, now);
            l->tick_us = now + TICK_US;
        }
    }
    return 0;
}

static int
s_resolve(load_t *l)
{
    char host[256], port[8];
    if (gh_load_parse_url(l->opt->url, host, port) != 0) {
        fprintf(stderr, "guahao: not of the form http://host:port: %s\n", l->opt->url);
        return -1;
    }
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    int rc = getaddrinfo(host, port, &hints, &found);
    if (rc != 0) {
        fprintf(stderr, "guahao: %s: %s\n", host, gai_strerror(rc));
        return -1;
    }
    memcpy(&l->address, found->ai_addr, found->ai_addrlen);
    l->address_n = found->ai_addrlen;
    freeaddrinfo(found);
    return 0;
}

int
gh_load_run(const gh_load_options_t *opt, const gh_load_ops_t *ops, void *arg)
{
    load_t l = {.opt = opt, .ops = ops, .arg = arg, .epoll = -1, .tick_us = gh_mono_us() + TICK_US};
    int rc = -1;
    if (s_resolve(&l) != 0)
        return -1;
    l.conns = calloc((size_t)opt->connections, sizeof *l.conns);
    l.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (l.conns && l.epoll >= 0) {
        for (int i = opt->connections - 1; i >= 0; i--) {
            l.conns[i].fd = -1;
            s_release(&l, &l.conns[i]);
        }
        rc = s_loop(&l);
    }
    if (rc != 0)
        perror("guahao: load client");
    for (int i = 0; l.conns && i < opt->connections; i++) {
        s_close(&l.conns[i]);
        gh_buf_fini(&l.conns[i].out);
        gh_buf_fini(&l.conns[i].in);
    }
    if (l.epoll >= 0)
        close(l.epoll);
    free(l.conns);
    return rc;
}
