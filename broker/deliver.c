/*
 * broker/deliver.c - from the queues to the workers, and the dead letters
 *
 * A job goes out with the budget that is left and its attempt number written into its header. It stays here until its
 * FINAL: its frames are shared with the socket, not copied.
 */
#include "broker.h"

#include <stdio.h>

#include "base/log.h"
#include "base/uuid7.h"

/* Send the frames of the job. The identity frame tells whether the worker is there at all. */
static int
send_job(gh_broker_t *b, gh_bworker_t *w, gh_bjob_t *job)
{
    uint8_t port = w->peer.port, command = GH_MDPW_REQUEST;

    if (gh_port_begin(b, port, &w->peer.id) < 0)
        return -1;
    if (w->version == 1)
        gh_port_put(b, port, "", 0, true);
    gh_port_put(b, port, w->version == 1 ? GH_MDPW01 : GH_MDPW02, 6, true);
    gh_port_put(b, port, &command, 1, true);
    gh_port_share(b, port, &job->client.id, true);
    gh_port_put(b, port, "", 0, true);
    uint32_t i = 0;
    if (job->has_head) {
        gh_port_put(b, port, b->scratch.p, b->scratch.n, job->n_frames > 1);
        i = 1;
    }
    for (; i < job->n_frames; i++)
        gh_port_share(b, port, gh_bjob_frame(job, i), i + 1 < job->n_frames);
    return 0;
}

/* The header as this worker shall see it, into b->scratch. */
static int
make_head(gh_broker_t *b, const gh_bworker_t *w, gh_bjob_t *job)
{
    gh_str_t head = gh_frame_str(&job->frame[0]);
    bool strip = !job->trusted || !w->trusted;

    gh_buf_clear(&b->scratch);
    int64_t waited = b->now_us - job->arrived_us;
    return gh_job_head_forward(head.p, head.n, (uint32_t)(job->deadline_ms - b->now_ms), job->attempt,
                               waited < UINT32_MAX ? (uint32_t)waited : UINT32_MAX, strip, &b->scratch);
}

/* Give the worker a job that is in its hand already. False when the worker turned out to be gone. */
static bool
hand_over(gh_broker_t *b, gh_bservice_t *s, gh_bworker_t *w, gh_bjob_t *job)
{
    gh_wheel_remove(&b->wheel, job);
    job->sent_us = 0;
    if (job->deadline_ms <= b->now_ms) {
        gh_dispatch_finish(s, job);
        s->count.expired++;
        gh_client_end(b, job, "UPSTREAM_TIMEOUT");
        return true;
    }
    if (job->has_head && make_head(b, w, job) < 0) { /* out of memory */
        gh_dispatch_finish(s, job);
        gh_client_end(b, job, "SERVICE_UNAVAILABLE");
        return true;
    }
    if (send_job(b, w, job) < 0) {
        gh_worker_gone(b, w, "unreachable", true); /* this job, not sent, goes back with the others */
        return false;
    }
    job->sent_us = b->now_us;
    w->sent_ms = b->now_ms;
    gh_hist_add(&s->wait, b->now_us - job->arrived_us);
    if (job->has_head)
        gh_running_add(b, job);
    return true;
}

void
gh_deliver_to(gh_broker_t *b, gh_bworker_t *w)
{
    gh_bservice_t *s = w->service;
    gh_bjob_t *job;

    while ((job = gh_dispatch_take(s, w, b->max_attempts > 1 ? b->max_attempts - 1 : 1)))
        if (!hand_over(b, s, w, job))
            return;
}

void
gh_deliver(gh_broker_t *b, gh_bservice_t *s)
{
    /* A worker that fills up or is gone leaves the list, and only itself. */
    for (gh_link_t *l = s->free.next, *next; l != &s->free && s->shared.n > 0; l = next) {
        next = l->next;
        gh_deliver_to(b, GH_LINK_OWNER(l, gh_bworker_t, free_link));
    }
}

/* To every worker with room: what is shared, and what waits for it alone. */
static void
deliver_all(gh_broker_t *b, gh_bservice_t *s)
{
    for (gh_link_t *l = s->free.next, *next; l != &s->free; l = next) {
        next = l->next;
        gh_deliver_to(b, GH_LINK_OWNER(l, gh_bworker_t, free_link));
    }
}

void
gh_deliver_stirred(gh_broker_t *b)
{
    gh_bservice_t *s, *next;

    while (b->stirred) { /* each further turn has lost a worker: it ends */
        b->stirred = false;
        for (s = b->services; s; s = next) {
            next = s->hh.next;
            if (!s->stirred)
                continue;
            s->stirred = false;
            deliver_all(b, s);
        }
    }
}

/* ---- dead letters: jobs whose workers died, kept for a person to look at (at most GH_DEAD_MAX, and an eighth of the
 * broker's memory: they must not keep living jobs out) */

static void
id_text(const gh_bjob_t *job, char out[GH_UUID_TEXT])
{
    if (job->has_head)
        gh_uuid_text(job->id, out);
    else
        snprintf(out, GH_UUID_TEXT, "opaque-%llu", (unsigned long long)job->seq);
}

void
gh_deliver_bury(gh_broker_t *b, gh_bjob_t *job)
{
    char id[GH_UUID_TEXT];

    id_text(job, id);
    gh_log(GH_LOG_ERROR, "dead_letter", GH_KS("service", job->service->name), GH_KS("job", id),
           GH_KI("crashes", job->crashes));
    gh_client_refuse(b, job, "SERVICE_UNAVAILABLE");
    gh_wheel_remove(&b->wheel, job);
    gh_dispatch_forget(job->service, job, b->now_ms);
    job->state = GH_BJOB_DEAD;
    job->service->count.dead++;
    job->service->n_dead++;
    gh_list_push_tail(&b->dead, &job->link);
    b->n_dead++;
    b->dead_bytes += job->bytes;
    while (b->n_dead > GH_DEAD_MAX || b->dead_bytes > b->max_bytes / 8)
        gh_dead_drop(b, GH_LINK_OWNER(b->dead.next, gh_bjob_t, link));
}

gh_bjob_t *
gh_dead_find(gh_broker_t *b, gh_str_t wanted)
{
    char id[GH_UUID_TEXT];

    for (gh_link_t *l = b->dead.next; l != &b->dead; l = l->next) {
        gh_bjob_t *job = GH_LINK_OWNER(l, gh_bjob_t, link);
        id_text(job, id);
        if (gh_str_is(wanted, id))
            return job;
    }
    return NULL;
}

static void
exhume(gh_broker_t *b, gh_bjob_t *job)
{
    gh_list_remove(&job->link);
    b->n_dead--;
    b->dead_bytes -= job->bytes;
    job->service->n_dead--;
}

void
gh_dead_drop(gh_broker_t *b, gh_bjob_t *job)
{
    exhume(b, job);
    gh_bjob_free(b, job);
}

void
gh_dead_requeue(gh_broker_t *b, gh_bjob_t *job)
{
    exhume(b, job);
    job->no_client = true; /* it was told long ago */
    job->crashes = 0;
    job->attempt++;
    job->arrived_us = b->now_us;
    job->deadline_ms = b->now_ms + b->opaque_ttl_ms;
    if (gh_dispatch_enqueue(job->service, job, (gh_str_t){NULL, 0}) < 0) {
        gh_bjob_free(b, job);
        return;
    }
    gh_wheel_add(&b->wheel, job);
    gh_deliver(b, job->service);
}

void
gh_dead_json(gh_broker_t *b, gh_json_t *j)
{
    char id[GH_UUID_TEXT];
    gh_job_head_t head;

    gh_json_key(j, "dead");
    gh_json_arr(j);
    for (gh_link_t *l = b->dead.next; l != &b->dead; l = l->next) {
        gh_bjob_t *job = GH_LINK_OWNER(l, gh_bjob_t, link);
        gh_str_t frame = gh_frame_str(&job->frame[0]);
        id_text(job, id);
        gh_json_obj(j);
        gh_json_kcstr(j, "id", id);
        gh_json_kcstr(j, "service", job->service->name);
        if (job->has_head && gh_job_head_decode(frame.p, frame.n, &head) == 0)
            gh_json_kstr(j, "op", head.op);
        gh_json_ki64(j, "attempt", job->attempt);
        gh_json_ki64(j, "crashes", job->crashes);
        gh_json_ki64(j, "age_s", (b->now_us - job->arrived_us) / 1000000);
        gh_json_ki64(j, "bytes", (int64_t)job->bytes);
        gh_json_obj_end(j);
    }
    gh_json_arr_end(j);
}
