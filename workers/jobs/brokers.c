/*
 * workers/jobs/brokers.c - see brokers.h
 */
#include "workers/jobs/brokers.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/timez.h"
#include "wire/broker_list.h"
#include "wire/dial.h"
#include "wire/event.h"
#include "wire/frames.h"
#include "wire/mdp.h"

#define PARTS_MAX     48 /* a file comes in many frames */
#define OPEN_AGAIN_MS 5000
#define TURN_MAX      256 /* messages of one socket in a turn */

typedef struct broker {
    gh_broker_at_t at;
    void *jobs, *events, *tell; /* NULL: the place is free */
    int64_t beat_ms;            /* 0: never heard */
    bool leaving;               /* taken off the list: closed when nothing is in hand there */
    bool draining;              /* takes no more jobs */
} broker_t;

struct gh_brokers {
    const gh_conf_t *conf;
    const gh_brokers_events_t *events;
    void *arg;
    void *ctx;
    broker_t at[GH_BROKERS_MAX];
    size_t n, turn; /* n: places that were ever used */
    gh_broker_list_t list;
    gh_broker_follow_t follow;
    int64_t silence_ms, again_ms;
    gh_buf_t head, file;
};

/* ---- start and stop */

static void *
open_socket(gh_brokers_t *self, int type, const char *endpoint, const char *cert)
{
    static const char *const topics[] = {"beat", "jobs", NULL};
    const gh_dial_t how = {.reconnect_ms = 100,
                           .reconnect_max_ms = 2000,
                           .frame_max = (int64_t)GH_REPLY_MAX + (64 << 10),
                           .connected_only = true,
                           .topics = type == ZMQ_SUB ? topics : NULL};
    return gh_dial(self->ctx, type, &how, self->conf, endpoint, cert);
}

static void
close_broker(broker_t *b)
{
    if (b->jobs)
        zmq_close(b->jobs);
    if (b->events)
        zmq_close(b->events);
    if (b->tell)
        zmq_close(b->tell);
    *b = (broker_t){0};
}

/* In a place that is free. */
static int
open_broker(gh_brokers_t *self, const gh_broker_at_t *at)
{
    size_t i = 0;
    while (i < self->n && self->at[i].jobs)
        i++;
    if (i == GH_BROKERS_MAX || !at->inner[0] || !at->events_in[0] || !at->events_out[0])
        return -1;
    broker_t *b = &self->at[i];
    *b = (broker_t){.at = *at,
                    .jobs = open_socket(self, ZMQ_DEALER, at->inner, at->cert),
                    .events = open_socket(self, ZMQ_SUB, at->events_out, at->cert),
                    .tell = open_socket(self, ZMQ_PUB, at->events_in, at->cert)};
    self->n = i < self->n ? self->n : i + 1;
    if (b->jobs && b->events && b->tell)
        return 0;
    close_broker(b);
    return -1;
}

static bool
is_open(const gh_brokers_t *self, const gh_broker_at_t *at)
{
    for (size_t i = 0; i < self->n; i++)
        if (self->at[i].jobs && gh_broker_same(&self->at[i].at, at))
            return true;
    return false;
}

static void
follow_list(gh_brokers_t *self)
{
    for (size_t i = 0; i < self->n; i++) {
        broker_t *b = &self->at[i];
        b->leaving = b->jobs && !gh_broker_listed(&self->list, &b->at);
    }
    for (size_t i = 0; i < self->list.n; i++)
        if (!is_open(self, &self->list.at[i]) && open_broker(self, &self->list.at[i]))
            gh_log(GH_LOG_ERROR, "broker_unused", GH_KS("broker", self->list.at[i].name));
}

/* One that was taken off the list is left when it has answered all: until then nobody else has its number. */
static void
follow(gh_brokers_t *self)
{
    int64_t now = gh_mono_ms();
    if (gh_broker_follow(&self->follow, self->conf, now, &self->list) || now >= self->again_ms) {
        self->again_ms = now + OPEN_AGAIN_MS; /* what could not be opened */
        follow_list(self);
    }
    for (size_t i = 0; i < self->n; i++)
        if (self->at[i].leaving && !self->events->awaited(self->arg, (int)i))
            close_broker(&self->at[i]);
}

gh_brokers_t *
gh_brokers_new(const gh_conf_t *conf, const gh_brokers_events_t *events, void *arg)
{
    char why[5000];
    gh_brokers_t *self = calloc(1, sizeof *self);
    if (!self)
        return NULL;
    self->conf = conf;
    self->events = events;
    self->arg = arg;
    self->silence_ms = gh_broker_silence_ms(conf);
    self->ctx = zmq_ctx_new();
    if (gh_broker_list_load(conf, &self->list, why, sizeof why))
        gh_log(GH_LOG_ERROR, "brokers_unread", GH_KS("reason", why));
    for (size_t i = 0; self->ctx && i < self->list.n; i++)
        if (open_broker(self, &self->list.at[i])) {
            gh_brokers_destroy(&self);
            return NULL;
        }
    if (self->n == 0)
        gh_brokers_destroy(&self);
    return self;
}

void
gh_brokers_destroy(gh_brokers_t **self_p)
{
    gh_brokers_t *self = *self_p;
    *self_p = NULL;
    if (!self)
        return;
    for (size_t i = 0; i < self->n; i++)
        close_broker(&self->at[i]);
    if (self->ctx)
        zmq_ctx_term(self->ctx);
    gh_buf_fini(&self->head);
    gh_buf_fini(&self->file);
    free(self);
}

/* ---- sending */

bool
gh_brokers_usable(const gh_brokers_t *self, int broker)
{
    const broker_t *b = broker >= 0 && (size_t)broker < self->n ? &self->at[broker] : NULL;
    return b && b->beat_ms && gh_mono_ms() - b->beat_ms < self->silence_ms;
}

static bool
takes_jobs(const gh_brokers_t *self, int broker)
{
    return gh_brokers_usable(self, broker) && !self->at[broker].draining && !self->at[broker].leaving;
}

bool
gh_brokers_any(const gh_brokers_t *self)
{
    for (size_t i = 0; i < self->n; i++)
        if (takes_jobs(self, (int)i))
            return true;
    return false;
}

static bool
send_frames(void *socket, const char *service, gh_str_t head, gh_str_t args)
{
    static const char request[1] = {GH_MDPC_REQUEST};
    /* the first frame decides: a message is queued whole or not at all */
    if (zmq_send_const(socket, GH_MDPC02, 6, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0)
        return false;
    return zmq_send_const(socket, request, 1, ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0 &&
           zmq_send(socket, service, strlen(service), ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0 &&
           zmq_send(socket, head.p, head.n, ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0 &&
           zmq_send(socket, args.p, args.n, ZMQ_DONTWAIT) >= 0;
}

int
gh_brokers_send(gh_brokers_t *self, const char *service, const gh_job_head_t *head, gh_str_t args)
{
    gh_buf_clear(&self->head);
    gh_job_head_encode(head, &self->head);
    for (size_t i = 0; gh_buf_ok(&self->head) && i < self->n; i++) {
        int broker = (int)(self->turn++ % self->n);
        if (takes_jobs(self, broker) &&
            send_frames(self->at[broker].jobs, service, gh_buf_view(&self->head), args))
            return broker;
    }
    return -1;
}

void
gh_brokers_tell(gh_brokers_t *self, const uint8_t job[16])
{
    gh_buf_clear(&self->head);
    gh_event_begin(&self->head);
    gh_mpw_map(&self->head, 1);
    gh_mpw_cstr(&self->head, "id");
    gh_mpw_bin(&self->head, job, 16);
    for (size_t i = 0; gh_buf_ok(&self->head) && i < self->n; i++)
        if (zmq_send(self->at[i].tell, "job_state", strlen("job_state"), ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0)
            (void)zmq_send(self->at[i].tell, self->head.p, self->head.n, ZMQ_DONTWAIT);
}

/* ---- receiving */

/* The body in one piece. False: memory does not hold it. */
static bool
body_of(gh_brokers_t *self, const gh_str_t *frames, size_t n, gh_str_t *body)
{
    gh_buf_clear(&self->file);
    *body = n > 4 ? frames[4] : (gh_str_t){0};
    if (n <= 5)
        return true;
    for (size_t i = 4; i < n; i++)
        gh_buf_str(&self->file, frames[i]);
    *body = gh_buf_view(&self->file);
    return gh_buf_ok(&self->file);
}

static void
take_reply(gh_brokers_t *self, broker_t *b, zmq_msg_t *parts, size_t n)
{
    gh_str_t frames[PARTS_MAX];
    gh_str_t body;
    gh_reply_head_t head;
    for (size_t i = 0; i < n; i++)
        frames[i] = gh_frame(&parts[i]);
    if (n < 4 || !gh_str_is(frames[0], GH_MDPC02) || frames[1].n != 1 || *frames[1].p != GH_MDPC_FINAL)
        return;
    if (gh_reply_head_decode(frames[3].p, frames[3].n, &head) == 0 && body_of(self, frames, n, &body))
        self->events->reply(self->arg, (int)(b - self->at), &head, body);
}

static void
take_event(gh_brokers_t *self, broker_t *b, zmq_msg_t *parts, size_t n)
{
    if (n == 2 && gh_str_is(gh_frame(&parts[0]), "beat")) {
        b->beat_ms = gh_mono_ms();
        b->draining = gh_event_draining(gh_frame(&parts[1]));
    } else if (n == 2)
        self->events->wake(self->arg);
}

static void
drain(gh_brokers_t *self, broker_t *b, void *socket,
      void (*take)(gh_brokers_t *, broker_t *, zmq_msg_t *, size_t))
{
    for (int i = 0; socket && i < TURN_MAX; i++) {
        zmq_msg_t parts[PARTS_MAX];
        size_t n = gh_frames_recv(socket, parts, PARTS_MAX);
        if (n == 0)
            return;
        take(self, b, parts, n);
        gh_frames_close(parts, n);
    }
}

void
gh_brokers_turn(gh_brokers_t *self, long timeout_ms)
{
    zmq_pollitem_t items[2 * GH_BROKERS_MAX];
    int n = 0;
    follow(self);
    for (size_t i = 0; i < self->n; i++) {
        if (!self->at[i].jobs)
            continue;
        items[n++] = (zmq_pollitem_t){self->at[i].jobs, 0, ZMQ_POLLIN, 0};
        items[n++] = (zmq_pollitem_t){self->at[i].events, 0, ZMQ_POLLIN, 0};
    }
    if (zmq_poll(items, n, timeout_ms) <= 0)
        return;
    for (size_t i = 0; i < self->n; i++) {
        drain(self, &self->at[i], self->at[i].events, take_event);
        drain(self, &self->at[i], self->at[i].jobs, take_reply);
    }
}
