/*
 * lib/wire/dial.h - sockets that connect to brokers
 */
#ifndef GH_WIRE_DIAL_H
#define GH_WIRE_DIAL_H

#include "base/conf.h"

/* How a socket behaves; 0 leaves libzmq's own value, but for linger_ms, where 0 means that nothing is waited for. */
typedef struct gh_dial {
    int linger_ms, send_hwm, recv_hwm, reconnect_ms, reconnect_max_ms;
    int64_t frame_max;         /* bytes of a frame; a peer that sends more is cut off */
    bool connected_only;       /* nothing is queued for a broker that is not there */
    const char *const *topics; /* of a SUB socket, NULL-terminated */
} gh_dial_t;

/* A socket that is not connected yet, the caller's; NULL: no memory or no descriptor. */
void *gh_dial_new(void *context, int type, const gh_dial_t *how) GH_MUSTCHECK;
/* Connect it to a broker's endpoint, with CURVE where there is a certificate (secure.h). -1 after a log line. */
int gh_dial_connect(void *socket, const gh_conf_t *conf, const char *endpoint, const char *cert) GH_MUSTCHECK;
/* Both; the socket is closed when it cannot connect. */
void *gh_dial(void *context, int type, const gh_dial_t *how, const gh_conf_t *conf, const char *endpoint,
              const char *cert) GH_MUSTCHECK;

#endif
