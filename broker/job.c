/*
 * broker/job.c - jobs in memory: frames taken from a request, struct reuse, the table of running jobs
 */
#include "broker.h"

#include "base/hash.h"

#define SPARE_MAX 1024

zmq_msg_t *
gh_bjob_frame(gh_bjob_t *job, uint32_t i)
{
    return i < GH_BJOB_FRAMES ? &job->frame[i] : &job->more[i - GH_BJOB_FRAMES];
}

static gh_bjob_t *
take_struct(gh_broker_t *b)
{
    if (gh_list_empty(&b->spare))
        return malloc(sizeof(gh_bjob_t));
    gh_link_t *l = b->spare.next;
    gh_list_remove(l);
    b->n_spare--;
    return GH_LINK_OWNER(l, gh_bjob_t, link);
}

static void
give_struct(gh_broker_t *b, gh_bjob_t *job)
{
    if (b->n_spare >= SPARE_MAX) {
        free(job);
        return;
    }
    gh_list_push_tail(&b->spare, &job->link);
    b->n_spare++;
}

gh_bjob_t *
gh_bjob_new(gh_broker_t *b, gh_message_t *m, size_t body)
{
    uint32_t n = (uint32_t)(m->n - body);
    zmq_msg_t *more = NULL;
    gh_bjob_t *job = take_struct(b);

    if (!job)
        return NULL;
    if (n > GH_BJOB_FRAMES && !(more = malloc((n - GH_BJOB_FRAMES) * sizeof *more))) {
        give_struct(b, job);
        return NULL;
    }
    *job = (gh_bjob_t){.n_frames = n, .more = more, .bytes = sizeof *job, .client.port = m->port_index};
    gh_list_init(&job->link);
    gh_list_init(&job->shard_link);
    gh_list_init(&job->wheel_link);
    for (uint32_t i = 0; i < n; i++) {
        zmq_msg_t *to = gh_bjob_frame(job, i);
        zmq_msg_init(to);
        zmq_msg_move(to, &m->frame[body + i]);
        job->bytes += zmq_msg_size(to);
    }
    zmq_msg_init(&job->client.id);
    zmq_msg_copy(&job->client.id, &m->frame[0]);
    b->bytes += job->bytes;
    if (!m->port->inner)
        b->public_bytes += job->bytes;
    return job;
}

void
gh_bjob_free(gh_broker_t *b, gh_bjob_t *job)
{
    b->bytes -= job->bytes;
    if (!b->port[job->client.port].inner)
        b->public_bytes -= job->bytes;
    for (uint32_t i = 0; i < job->n_frames; i++)
        zmq_msg_close(gh_bjob_frame(job, i));
    zmq_msg_close(&job->client.id);
    free(job->more);
    give_struct(b, job);
}

void
gh_bjobs_close(gh_broker_t *b)
{
    for (gh_link_t *l = b->spare.next, *next; l != &b->spare; l = next) {
        next = l->next;
        free(GH_LINK_OWNER(l, gh_bjob_t, link));
    }
    gh_list_init(&b->spare);
    b->n_spare = 0;
}

/* ---- running jobs by id */

static gh_bjob_t **
bucket_of(gh_broker_t *b, const uint8_t id[16])
{
    return &b->running[gh_hash64(id, 16) % GH_RUNNING_BUCKETS];
}

void
gh_running_add(gh_broker_t *b, gh_bjob_t *job)
{
    gh_bjob_t **bucket = bucket_of(b, job->id);

    job->next_running = *bucket;
    *bucket = job;
}

void
gh_running_remove(gh_broker_t *b, gh_bjob_t *job)
{
    for (gh_bjob_t **at = bucket_of(b, job->id); *at; at = &(*at)->next_running)
        if (*at == job) {
            *at = job->next_running;
            return;
        }
}

gh_bjob_t *
gh_running_find(gh_broker_t *b, const gh_bworker_t *w, const uint8_t id[16], uint32_t attempt)
{
    gh_bjob_t *job = *bucket_of(b, id);

    while (job && !(job->worker == w && job->attempt == attempt && memcmp(job->id, id, 16) == 0))
        job = job->next_running;
    return job;
}
