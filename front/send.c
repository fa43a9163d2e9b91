/*
 * front/send.c - a job's way out (MDP/0.2 client, protocols.md), and out again when a broker vanished or refused it
 */
#include <string.h>
#include <zmq.h>

#include "base/timez.h"
#include "front/parked.h"

#define RESEND_MIN_MS 150  /* with less time left a second try is pointless */
#define PATIENCE_MS   1500 /* refused by all brokers while one comes or goes: asked again so long */
#define AGAIN_MS      100

/* A reference to the bytes goes out; the job keeps its own for a second try. */
static bool
send_blob(front_link_t *l, zmq_msg_t *blob, bool more)
{
    zmq_msg_t copy;
    zmq_msg_init(&copy);
    if (zmq_msg_copy(&copy, blob) == 0 &&
        zmq_msg_send(&copy, l->jobs, (more ? ZMQ_SNDMORE : 0) | ZMQ_DONTWAIT) >= 0)
        return true;
    zmq_msg_close(&copy);
    return false;
}

static bool
send_frames(front_link_t *l, const front_job_t *j, gh_str_t head)
{
    static const char request[1] = {GH_MDPC_REQUEST};
    gh_str_t args = gh_buf_view(&j->args);
    const char *service = j->service;
    int more = j->n_blobs ? ZMQ_SNDMORE : 0;
    /* The first frame decides: a multipart message is queued whole or not at all. */
    if (zmq_send_const(l->jobs, GH_MDPC02, 6, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0)
        return false;
    bool ok = zmq_send_const(l->jobs, request, 1, ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0 &&
              zmq_send(l->jobs, service, strlen(service), ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0 &&
              zmq_send(l->jobs, head.p, head.n, ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0 &&
              zmq_send(l->jobs, args.p, args.n, more | ZMQ_DONTWAIT) >= 0;
    for (size_t i = 0; ok && i < j->n_blobs; i++)
        ok = send_blob(l, &j->blobs[i], i + 1 < j->n_blobs);
    return ok;
}

/* To the best broker that has not refused it; the one that took it, -1 when none does. */
int
front_job_send(front_job_t *j)
{
    int64_t now = gh_mono_ms();
    uint32_t tried = j->tried;
    static gh_buf_t head; /* of the last one that was sent, for its memory */
    gh_buf_clear(&head);
    gh_job_head_encode(&j->head, &head);
    if (!gh_buf_ok(&head))
        return -1;
    for (int i; (i = front_broker_best(j->head.shard, tried, now)) >= 0; tried |= UINT32_C(1) << i)
        if (send_frames(front_broker(i), j, gh_buf_view(&head)))
            return i;
    return -1;
}

/* Send a parked job again; false when no broker takes it now. */
bool
front_job_send_again(front_job_t *j, int64_t now)
{
    int64_t left = j->deadline_ms - now;
    if (left < RESEND_MIN_MS)
        return false;
    j->head.resend = true;
    j->head.budget_ms = (uint32_t)(left - RESEND_MIN_MS / 2);
    int link = front_job_send(j);
    if (link < 0)
        return false;
    front_job_move(j, link);
    front_brokers_stir();
    front_add(&front.counters->worker[front.worker].resent, 1);
    return true;
}

/* Broker l says that another one may take the job. False: there is none. */
bool
front_job_pass_on(front_job_t *j, const front_link_t *l, bool begun)
{
    int64_t now = gh_mono_ms();
    j->begun |= begun;
    j->tried |= UINT32_C(1) << l->index;
    front_job_move(j, -1);
    if (front_job_send_again(j, now))
        return true;
    if (!j->patience_ms)
        j->patience_ms = now + PATIENCE_MS;
    if (now >= j->patience_ms || !front_brokers_settling(now))
        return false;
    j->tried = 0;
    j->again_ms = now + AGAIN_MS;
    return true;
}
