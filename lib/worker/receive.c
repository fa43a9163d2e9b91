/*
 * lib/worker/receive.c - a delivered message becomes a job in a queue, or is refused at once
 *
 * Everything here comes from outside, through the broker: nothing is assumed about it.
 */
#include <stdlib.h>
#include <libpq-fe.h>

#include "base/log.h"
#include "base/timez.h"
#include "base/uuid7.h"
#include "worker/internal.h"

#define FUTURE_MAX_MS (3600 * 1000LL) /* ids from further ahead come from a clock that is wrong */

static gh_str_t
view(zmq_msg_t *m)
{
    return (gh_str_t){zmq_msg_data(m), zmq_msg_size(m)};
}

static void
take(zmq_msg_t *to, zmq_msg_t *from)
{
    zmq_msg_init(to);
    zmq_msg_move(to, from);
}

void
gh_job_free(gh_worker_t *w, gh_wjob_priv_t *j)
{
    j->link->in_hand--;
    zmq_msg_close(&j->client);
    zmq_msg_close(&j->head_msg);
    zmq_msg_close(&j->args_msg);
    for (size_t i = 0; i < j->job.n_blobs; i++)
        zmq_msg_close(&j->blob_msgs[i]);
    free(j->blob_msgs);
    free(j->blobs);
    PQclear(j->answer.file);
    j->answer.file = NULL;
    j->next = w->free_jobs;
    w->free_jobs = j;
}

static gh_wjob_priv_t *
job_new(gh_link_t *l)
{
    gh_worker_t *w = l->pool->worker;
    gh_wjob_priv_t *j = w->free_jobs;
    if (j)
        w->free_jobs = j->next;
    else if (!(j = malloc(sizeof(*j))))
        return NULL;
    memset(j, 0, sizeof(*j));
    j->job.priv = j;
    j->link = l;
    j->link_generation = l->generation;
    j->seq = w->next_seq++;
    j->received_us = gh_mono_us();
    l->in_hand++;
    l->job_ms = j->received_us / 1000;
    return j;
}

static int
take_blobs(gh_wjob_priv_t *j, zmq_msg_t *frames, size_t n)
{
    if (n == 0)
        return 0;
    j->blob_msgs = malloc(n * sizeof(*j->blob_msgs));
    j->blobs = malloc(n * sizeof(*j->blobs));
    if (!j->blob_msgs || !j->blobs)
        return -1;
    for (size_t i = 0; i < n; i++) {
        take(&j->blob_msgs[i], &frames[i]);
        j->blobs[i] = view(&j->blob_msgs[i]);
    }
    j->job.blobs = j->blobs;
    j->job.n_blobs = n;
    return 0;
}

/* Read header and arguments, find the operation. */
static gh_err_t
decode(gh_wjob_priv_t *j)
{
    gh_wjob_t *job = &j->job;
    gh_str_t head = view(&j->head_msg), args = view(&j->args_msg);
    if (!gh_job_is_head(head.p, head.n) || gh_job_head_decode(head.p, head.n, &job->head)) {
        job->head = (gh_job_head_t){0};
        return GH_E_BAD_REQUEST;
    }
    job->deadline_ms = gh_mono_ms() + job->head.budget_ms;
    if (!gh_uuid7_valid(job->head.id) || gh_mp_check(args.p, args.n, 0, &job->args) ||
        gh_mp_type(job->args) != GH_MP_MAP)
        return GH_E_BAD_REQUEST;
    j->op = gh_wpool_find(j->link->pool, job->head.op);
    if (!j->op) {
        /* front and workers of different releases: the caller did nothing wrong */
        gh_log(GH_LOG_WARN, "unknown_operation", GH_KN("op", job->head.op));
        return GH_E_SERVICE_UNAVAILABLE;
    }
    if (j->op->def->inner && !job->head.has_actor)
        return GH_E_FORBIDDEN;
    if (!job->head.has_actor)
        job->head.actor = (gh_actor_ref_t){0};
    job->actor.user_id = job->head.actor.user_id;
    return GH_E_NONE;
}

/* A write is only safe to carry out while its record would still be found (decisions 14). */
static gh_err_t
check_age(const gh_wjob_priv_t *j)
{
    int64_t age_ms = gh_machine_us() / 1000 - gh_uuid7_ms(j->job.head.id);
    if (j->op->def->kind != GH_OP_WRITE)
        return GH_E_NONE;
    if (age_ms > GH_JOB_AGE_MAX_MS)
        return GH_E_UPSTREAM_TIMEOUT;
    return age_ms < -FUTURE_MAX_MS ? GH_E_BAD_REQUEST : GH_E_NONE;
}

static gh_err_t
admit(gh_wjob_priv_t *j)
{
    gh_wpool_t *p = j->link->pool;
    gh_err_t err = decode(j);
    if (err != GH_E_NONE)
        return err;
    err = check_age(j);
    if (err != GH_E_NONE)
        return err;
    /* a broker that ignores our credit must not fill our memory */
    if (p->in_hand > p->credit * 4 + 16)
        return GH_E_QUEUE_FULL;
    j->recheck = j->job.head.attempt > 0 || j->job.head.resend;
    return j->op->idempotent && j->job.head.key.n > 0 ? gh_job_prepare_key(j) : GH_E_NONE;
}

void
gh_job_receive(gh_link_t *l, zmq_msg_t *client, zmq_msg_t *frames, size_t n)
{
    gh_wpool_t *p = l->pool;
    gh_wjob_priv_t *j = job_new(l);
    if (!j) {
        gh_log(GH_LOG_ERROR, "job_memory");
        return; /* the broker sees its deadline pass */
    }
    take(&j->client, client);
    take(&j->head_msg, &frames[0]);
    if (n > 1)
        take(&j->args_msg, &frames[1]);
    else
        zmq_msg_init(&j->args_msg);
    bool fits = n <= 2 || (n - 2 <= GH_BLOBS_MAX && take_blobs(j, frames + 2, n - 2) == 0);
    p->in_hand++;
    gh_err_t err = admit(j);
    if (err == GH_E_NONE && !fits)
        err = GH_E_PAYLOAD_TOO_LARGE;
    if (err != GH_E_NONE)
        gh_job_answer_refusal(j, err);
    else
        gh_group_push(j->op->group, j);
}
