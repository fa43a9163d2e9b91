/*
 * broker/curve_bind.c - endpoints with a server key: bound while their key is there, so that a key is changed without a
 * restart: the second key gets endpoints of its own (broker.second_*), peers move over, the first key is removed
 *
 * The options of a socket hold for what is bound afterwards: one socket serves endpoints with different keys.
 */
#include "broker.h"

#include <stdio.h>

#include "base/log.h"

int
gh_curve_server(void *socket)
{
    static const char domain[] = "guahao";
    int yes = 1, handshake_ms = 3000;

    return zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, domain, sizeof domain - 1) < 0 ||
                   zmq_setsockopt(socket, ZMQ_HANDSHAKE_IVL, &handshake_ms, sizeof handshake_ms) < 0 ||
                   zmq_setsockopt(socket, ZMQ_CURVE_SERVER, &yes, sizeof yes) < 0
               ? -1
               : 0;
}

static int
failed(gh_curve_at_t *at, const char *reason)
{
    if (!at->failed) /* once, it is tried each second */
        gh_log(GH_LOG_ERROR, "bind_failed", GH_KS("endpoint", at->endpoint), GH_KS("reason", reason));
    at->failed = true;
    return -1;
}

int
gh_curve_at_add(gh_broker_t *b, void *socket, const char *endpoint, size_t key)
{
    gh_curve_at_t *at = &b->curve_at[b->n_curve_at];

    if (b->n_curve_at == GH_CURVE_AT_MAX || strlen(endpoint) >= sizeof at->endpoint) {
        gh_log(GH_LOG_ERROR, "endpoint_refused", GH_KS("endpoint", endpoint),
               GH_KS("reason", "too many endpoints with keys, or too long"));
        return -1;
    }
    *at = (gh_curve_at_t){.socket = socket, .key = (uint8_t)key};
    memcpy(at->endpoint, endpoint, strlen(endpoint) + 1);
    b->n_curve_at++;
    return 0;
}

static int
open_at(gh_curve_at_t *at, const uint8_t *secret)
{
    size_t n = sizeof at->bound;

    if (zmq_setsockopt(at->socket, ZMQ_CURVE_SECRETKEY, secret, 32) < 0 ||
        zmq_bind(at->socket, at->endpoint) < 0 ||
        zmq_getsockopt(at->socket, ZMQ_LAST_ENDPOINT, at->bound, &n) < 0)
        return failed(at, zmq_strerror(zmq_errno()));
    memcpy(at->secret, secret, sizeof at->secret);
    at->up = true;
    at->failed = false;
    gh_log(GH_LOG_INFO, "endpoint_open", GH_KS("endpoint", at->endpoint), GH_KI("key", at->key + 1));
    return 0;
}

/* Connections that came by it end. */
static void
close_at(gh_curve_at_t *at)
{
    (void)zmq_unbind(at->socket, at->bound);
    explicit_bzero(at->secret, sizeof at->secret);
    at->up = false;
    gh_log(GH_LOG_INFO, "endpoint_closed", GH_KS("endpoint", at->endpoint), GH_KS("reason", "key removed"));
}

/* These calls may have swallowed what the descriptors had to tell (loop.c). */
static void
touch_all(gh_broker_t *b)
{
    for (size_t i = 0; i < b->n_ports; i++)
        b->port[i].touched = true;
    b->events_in_touched[1] = b->events_out_touched[1] = true;
}

int
gh_curve_bind(gh_broker_t *b)
{
    bool changed = false;
    int rc = 0;

    for (size_t i = 0; i < b->n_curve_at; i++) {
        gh_curve_at_t *at = &b->curve_at[i];
        const uint8_t *secret = gh_curve_secret(b->curve, at->key);
        if (at->up && (!secret || memcmp(secret, at->secret, sizeof at->secret) != 0)) {
            close_at(at);
            changed = true;
        }
        if (!at->up && secret) {
            rc |= open_at(at, secret);
            changed = true;
        }
    }
    if (changed)
        touch_all(b);
    return rc;
}
