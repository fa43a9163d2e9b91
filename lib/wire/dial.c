/*
 * lib/wire/dial.c - see dial.h
 */
#include "wire/dial.h"

#include <string.h>
#include <zmq.h>

#include "base/log.h"
#include "wire/secure.h"

static void
set_int(void *socket, int option, int value)
{
    if (value > 0)
        (void)zmq_setsockopt(socket, option, &value, sizeof value);
}

void *
gh_dial_new(void *context, int type, const gh_dial_t *how)
{
    void *s = zmq_socket(context, type);
    if (!s)
        return NULL;
    (void)zmq_setsockopt(s, ZMQ_LINGER, &how->linger_ms, sizeof how->linger_ms);
    set_int(s, ZMQ_SNDHWM, how->send_hwm);
    set_int(s, ZMQ_RCVHWM, how->recv_hwm);
    set_int(s, ZMQ_RECONNECT_IVL, how->reconnect_ms);
    set_int(s, ZMQ_RECONNECT_IVL_MAX, how->reconnect_max_ms);
    set_int(s, ZMQ_IMMEDIATE, how->connected_only);
    if (how->frame_max > 0)
        (void)zmq_setsockopt(s, ZMQ_MAXMSGSIZE, &how->frame_max, sizeof how->frame_max);
    for (const char *const *topic = how->topics; topic && *topic; topic++)
        (void)zmq_setsockopt(s, ZMQ_SUBSCRIBE, *topic, strlen(*topic));
    return s;
}

int
gh_dial_connect(void *socket, const gh_conf_t *conf, const char *endpoint, const char *cert)
{
    if (gh_link_secure(socket, conf, endpoint, cert))
        return -1;
    if (zmq_connect(socket, endpoint) == 0)
        return 0;
    gh_log(GH_LOG_ERROR, "connect", GH_KS("endpoint", endpoint), GH_KS("said", zmq_strerror(zmq_errno())));
    return -1;
}

void *
gh_dial(void *context, int type, const gh_dial_t *how, const gh_conf_t *conf, const char *endpoint,
        const char *cert)
{
    void *s = gh_dial_new(context, type, how);
    if (s && gh_dial_connect(s, conf, endpoint, cert)) {
        zmq_close(s);
        return NULL;
    }
    return s;
}
