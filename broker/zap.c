/*
 * broker/zap.c - libzmq asks here whether a key may connect (RFC 27/ZAP 1.0, mechanism CURVE): when curve.c knows a role of
 * it. The key, in Z85, becomes the `User-Id` of the connection's messages.
 * A refusal is 300, "temporary": after a 400 the peer's libzmq would never try again, also when the key is allowed later;
 * so it is dropped when the time for its handshake is over, and connects anew.
 */
#include "broker.h"

#include <stdio.h>

#include "base/log.h"

#define ZAP_FRAMES 7 /* version, request, domain, address, identity, mechanism, key */

int
gh_zap_open(gh_broker_t *b)
{
    if ((b->zap = zmq_socket(b->ctx, ZMQ_REP)) && zmq_bind(b->zap, "inproc://zeromq.zap.01") == 0)
        return 0;
    gh_log(GH_LOG_ERROR, "curve_failed", GH_KS("reason", "no authentication service"));
    return -1;
}

/* Receive one request whole: its frames, at most ZAP_FRAMES of them are kept. 0: none. */
static size_t
receive(void *zap, zmq_msg_t frame[ZAP_FRAMES])
{
    size_t n = 0;
    bool more = true;

    while (more) {
        zmq_msg_t rest, *f = n < ZAP_FRAMES ? &frame[n] : &rest;
        zmq_msg_init(f);
        if (zmq_msg_recv(f, zap, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(f);
            return 0; /* libzmq hands over whole messages: nothing was read yet */
        }
        more = zmq_msg_more(f);
        if (f == &rest)
            zmq_msg_close(f);
        n++;
    }
    return n;
}

static bool
may_connect(gh_broker_t *b, zmq_msg_t frame[ZAP_FRAMES], size_t n, char key[41])
{
    key[0] = '\0';
    if (n != ZAP_FRAMES || !gh_str_is(gh_frame_str(&frame[0]), "1.0") ||
        !gh_str_is(gh_frame_str(&frame[5]), "CURVE") || zmq_msg_size(&frame[6]) != 32)
        return false;
    if (!zmq_z85_encode(key, zmq_msg_data(&frame[6]), 32))
        return false;
    if (gh_curve_roles(b->curve, key) == 0)
        gh_curve_reload(b->curve); /* it may be new this moment */
    return gh_curve_roles(b->curve, key) != 0;
}

static void
answer(void *zap, gh_str_t request, bool yes, const char *key)
{
    const gh_str_t frames[] = {GH_STR("1.0"),
                               request,
                               yes ? GH_STR("200") : GH_STR("300"),
                               yes ? GH_STR("OK") : GH_STR("No access"),
                               {key, yes ? strlen(key) : 0},
                               GH_STR("")};

    for (size_t i = 0; i < GH_COUNT(frames); i++)
        zmq_send(zap, frames[i].p, frames[i].n, ZMQ_DONTWAIT | (i + 1 < GH_COUNT(frames) ? ZMQ_SNDMORE : 0));
}

void
gh_zap_read(gh_broker_t *b, size_t i)
{
    zmq_msg_t frame[ZAP_FRAMES];
    char key[41];
    size_t n;

    (void)i;
    b->zap_touched = false;
    while ((n = receive(b->zap, frame)) > 0) {
        bool yes = may_connect(b, frame, n, key);
        answer(b->zap, n > 1 ? gh_frame_str(&frame[1]) : GH_STR(""), yes, key);
        for (size_t k = 0; k < n && k < ZAP_FRAMES; k++)
            zmq_msg_close(&frame[k]);
    }
}

void
gh_zap_close(gh_broker_t *b)
{
    if (b->zap)
        zmq_close(b->zap);
    b->zap = NULL;
}
