/*
 * ops/cmd/mdp_client.c - see mdp_client.h
 */
#include "ops/cmd/mdp_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <zmq.h>

#include "base/timez.h"
#include "wire/broker_list.h"
#include "wire/mdp.h"
#include "wire/dial.h"

typedef struct broker {
    gh_broker_at_t at;
    void *socket;
} broker_t;

struct gh_mdp_client {
    const gh_conf_t *conf;
    void *context;
    int timeout_ms;
    size_t n;
    broker_t brokers[GH_MMI_BROKERS_MAX];
};

/* Close the broker's socket, if any, and connect a new one. */
static int
s_reconnect(gh_mdp_client_t *c, broker_t *b)
{
    if (b->socket)
        zmq_close(b->socket);
    const gh_dial_t how = {.reconnect_max_ms = 1000, .frame_max = GH_MMI_REPLY_MAX};
    b->socket = gh_dial(c->context, ZMQ_DEALER, &how, c->conf, b->at.inner, b->at.cert);
    return b->socket ? 0 : -1;
}

gh_mdp_client_t *
gh_mdp_client_new(const gh_conf_t *conf, int timeout_ms)
{
    char why[5000];
    gh_mdp_client_t *c = calloc(1, sizeof *c);
    gh_broker_list_t *list = calloc(1, sizeof *list);
    if (!c || !list)
        goto fail;
    c->conf = conf;
    c->timeout_ms = timeout_ms;
    c->context = zmq_ctx_new();
    if (!c->context)
        goto fail;
    if (gh_broker_list_load(conf, list, why, sizeof why) != 0) {
        fprintf(stderr, "guahao: %s\n", why);
        goto fail;
    }
    for (size_t i = 0; i < list->n; i++) {
        if (!list->at[i].inner[0])
            continue;
        c->brokers[c->n].at = list->at[i];
        if (s_reconnect(c, &c->brokers[c->n++]) != 0) {
            fprintf(stderr, "guahao: not a usable broker endpoint: %s\n", list->at[i].inner);
            goto fail;
        }
    }
    free(list);
    if (c->n > 0)
        return c;
    fprintf(stderr, "guahao: no broker endpoint (setting link.inner)\n");
    gh_mdp_client_destroy(&c);
    return NULL;
fail:
    free(list);
    gh_mdp_client_destroy(&c);
    return NULL;
}

void
gh_mdp_client_destroy(gh_mdp_client_t **client_p)
{
    gh_mdp_client_t *c = *client_p;
    if (!c)
        return;
    for (size_t i = 0; i < GH_MMI_BROKERS_MAX; i++)
        if (c->brokers[i].socket)
            zmq_close(c->brokers[i].socket);
    if (c->context)
        zmq_ctx_term(c->context);
    free(c);
    *client_p = NULL;
}

size_t
gh_mdp_client_count(const gh_mdp_client_t *c)
{
    return c->n;
}

const char *
gh_mdp_client_endpoint(const gh_mdp_client_t *c, size_t broker)
{
    return c->brokers[broker].at.inner;
}

const char *
gh_mdp_client_name(const gh_mdp_client_t *c, size_t broker)
{
    return c->brokers[broker].at.name;
}

int
gh_mdp_client_find(const gh_mdp_client_t *c, const char *which)
{
    for (size_t i = 0; i < c->n; i++)
        if (strcmp(c->brokers[i].at.name, which) == 0 || strcmp(c->brokers[i].at.inner, which) == 0)
            return (int)i;
    return -1;
}

static int
s_send(void *socket, const char *service, const char *arg)
{
    const char command = GH_MDPC_REQUEST;
    if (zmq_send(socket, GH_MDPC02, 6, ZMQ_SNDMORE | ZMQ_DONTWAIT) != 6)
        return -1;
    if (zmq_send(socket, &command, 1, ZMQ_SNDMORE) != 1 ||
        zmq_send(socket, service, strlen(service), ZMQ_SNDMORE) < 0)
        return -1;
    return zmq_send(socket, arg ? arg : "", arg ? strlen(arg) : 0, 0) < 0 ? -1 : 0;
}

/* Receive one whole message: its first `want` frames go to `frames`, the rest is dropped. Returns the
 * count of frames. */
static size_t
s_recv(void *socket, zmq_msg_t *frames, size_t want)
{
    size_t n = 0;
    for (int more = 1; more; n++) {
        zmq_msg_t spare;
        zmq_msg_t *m = n < want ? &frames[n] : &spare;
        zmq_msg_init(m);
        if (zmq_msg_recv(m, socket, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(m);
            return n;
        }
        more = zmq_msg_more(m);
        if (n >= want)
            zmq_msg_close(m);
    }
    return n;
}

/* A FINAL of our service: MDPC02 | 03 | service | code [| body]. */
static bool
s_take(zmq_msg_t *f, size_t n, const char *service, char code[8], gh_buf_t *body)
{
    if (n < 4)
        return false;
    gh_str_t head = {zmq_msg_data(&f[0]), zmq_msg_size(&f[0])},
             command = {zmq_msg_data(&f[1]), zmq_msg_size(&f[1])};
    gh_str_t name = {zmq_msg_data(&f[2]), zmq_msg_size(&f[2])};
    if (!gh_str_is(head, GH_MDPC02) || command.n != 1 || command.p[0] != GH_MDPC_FINAL ||
        !gh_str_is(name, service))
        return false;
    size_t code_n = zmq_msg_size(&f[3]);
    if (code_n < 3 || code_n > 7)
        return false;
    memcpy(code, zmq_msg_data(&f[3]), code_n);
    code[code_n] = '\0';
    if (n > 4)
        gh_buf_put(body, zmq_msg_data(&f[4]), zmq_msg_size(&f[4]));
    return gh_buf_ok(body);
}

int
gh_mdp_client_mmi(gh_mdp_client_t *c, size_t broker, const char *service, const char *arg, char code[8],
                  gh_buf_t *body)
{
    broker_t *b = &c->brokers[broker];
    gh_buf_clear(body);
    bool answered = false;
    int64_t until = gh_mono_ms() + c->timeout_ms;
    bool sent = b->socket && s_send(b->socket, service, arg) == 0;
    while (sent && !answered) {
        int64_t left = until - gh_mono_ms();
        zmq_pollitem_t item = {b->socket, 0, ZMQ_POLLIN, 0};
        int rc = left > 0 ? zmq_poll(&item, 1, left) : 0;
        if (rc < 0 && errno != EINTR)
            break;
        if (rc <= 0 && left <= 0)
            break;
        if (rc <= 0)
            continue;
        zmq_msg_t frames[5];
        size_t n = s_recv(b->socket, frames, GH_COUNT(frames));
        answered = s_take(frames, n, service, code, body);
        for (size_t i = 0; i < n && i < GH_COUNT(frames); i++)
            zmq_msg_close(&frames[i]);
        if (!answered)
            gh_buf_clear(body);
    }
    if (!answered)
        (void)s_reconnect(c, b);
    return answered ? 0 : -1;
}
