/*
 * ops/cmd/http_load.h - many HTTP/1.1 requests over many connections, from one thread with epoll
 *
 * The caller says what to send when a connection is free and is told what came of it; keep-alive connections
 * carry one request at a time. Strict and bounded: a reply needs a status line, at most 16 KiB of headers
 * and a Content-Length of at most 1 MiB (204 and 304 have no body); whatever breaks that counts as a lost
 * connection.
 */
#ifndef GH_CMD_HTTP_LOAD_H
#define GH_CMD_HTTP_LOAD_H

#include "base/buf.h"

#define GH_LOAD_HEAD_MAX (16u << 10)
#define GH_LOAD_BODY_MAX (1u << 20)

typedef enum {
    GH_LOAD_SEND, /* `request` and `tag` were filled in */
    GH_LOAD_WAIT, /* nothing before *wake_us (gh_mono_us clock), or before a reply that is still awaited */
    GH_LOAD_END   /* nothing more, ever; what is on its way is still awaited */
} gh_load_next_t;

typedef struct gh_load_reply {
    int status;        /* HTTP status; 0: no reply, see lost */
    gh_str_t body;     /* borrowed during the call */
    int retry_after_s; /* -1: not said */
    int64_t
        latency_us;   /* from the caller's request to the whole reply, a fresh connection's making included */
    const char *lost; /* why there is no reply: "connect", "closed", "timeout", "protocol"; NULL otherwise */
} gh_load_reply_t;

typedef struct gh_load_ops {
    /* Append one whole request to `request` (it is empty) and set *tag, or say that there is none. */
    gh_load_next_t (*next)(void *arg, int64_t now_us, gh_buf_t *request, void **tag, int64_t *wake_us);
    void (*done)(void *arg, void *tag, const gh_load_reply_t *reply);
    void (*tick)(void *arg, int64_t now_us); /* about five times a second; NULL if not needed */
} gh_load_ops_t;

typedef struct gh_load_options {
    const char *url;     /* "http://host:port", nothing after it */
    int connections;     /* 1..10000 */
    int timeout_ms;      /* for one reply */
    volatile bool *stop; /* set by a signal: give up what is on its way and return; NULL: never */
} gh_load_options_t;

/* Run until `next` has said END and every reply is in. -1 after a message on stderr when the URL or the
 * system refuses. */
int gh_load_run(const gh_load_options_t *opt, const gh_load_ops_t *ops, void *arg) GH_MUSTCHECK;

/* "http://host:port" -> host and port texts; -1 for another form. The port is 80 when none is given. */
int gh_load_parse_url(const char *url, char host[256], char port[8]) GH_MUSTCHECK;

/* Parse what has arrived of one reply. Returns its whole length when complete (status, body, retry_after_s
 * and *keep are set), 0 when more bytes are needed, -1 when it is not a proper reply. */
int64_t gh_load_parse_reply(gh_str_t in, gh_load_reply_t *reply, bool *keep);

#endif
