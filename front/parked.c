/*
 * front/parked.c - jobs whose reply is waited for, by id
 */
#include <stdio.h>
#include <stdlib.h>
#include <zmq.h>

#include "front/parked.h"

#define BUCKETS     16384u
#define CACHED_JOBS 1024

static struct {
    front_job_t *buckets[BUCKETS];
    front_job_t *parked, *free;
    size_t n_parked, n_free;
} s_jobs;

static front_job_t **
bucket_of(const uint8_t id[16])
{
    uint64_t h;
    memcpy(&h, id + 8, sizeof h);
    return &s_jobs.buckets[(h * 0x9e3779b97f4a7c15u) >> 50];
}

front_job_t *
front_job_find(const uint8_t id[16])
{
    front_job_t *j = *bucket_of(id);
    while (j && memcmp(j->head.id, id, 16) != 0)
        j = j->chain;
    return j;
}

static front_job_t *
take_job(void)
{
    front_job_t *j = s_jobs.free;
    if (!j)
        return calloc(1, sizeof *j);
    s_jobs.free = j->chain;
    s_jobs.n_free--;
    gh_buf_t args = j->args, shard = j->shard, extension = j->extension;
    memset(j, 0, sizeof *j);
    j->args = args;
    j->shard = shard;
    j->extension = extension;
    gh_buf_clear(&j->args);
    gh_buf_clear(&j->shard);
    gh_buf_clear(&j->extension);
    return j;
}

/* What a socket has not sent yet keeps its own reference. */
static void
drop_blobs(front_job_t *j)
{
    for (size_t i = 0; i < j->n_blobs; i++)
        zmq_msg_close(&j->blobs[i]);
    free(j->blobs);
    j->blobs = NULL;
    j->n_blobs = 0;
}

bool
front_job_take_blobs(front_job_t *j, gh_upload_t *u)
{
    size_t n = u ? gh_upload_files(u) : 0;
    if (n == 0)
        return true;
    j->blobs = calloc(n, sizeof *j->blobs);
    if (!j->blobs)
        return false;
    for (; j->n_blobs < n; j->n_blobs++)
        front_upload_move(u, j->n_blobs, &j->blobs[j->n_blobs]);
    return true;
}

void
front_job_free(front_job_t *j)
{
    drop_blobs(j);
    if (s_jobs.n_free >= CACHED_JOBS || j->args.cap > 16384) {
        gh_buf_fini(&j->args);
        gh_buf_fini(&j->shard);
        gh_buf_fini(&j->extension);
        free(j);
        return;
    }
    j->chain = s_jobs.free;
    s_jobs.free = j;
    s_jobs.n_free++;
}

void
front_job_park(front_job_t *j)
{
    front_job_t **b = bucket_of(j->head.id);
    j->chain = *b;
    *b = j;
    j->prev = NULL;
    j->next = s_jobs.parked;
    if (j->next)
        j->next->prev = j;
    s_jobs.parked = j;
    s_jobs.n_parked++;
    if (j->link >= 0)
        front_broker(j->link)->n_jobs++;
    j->counted = j->ask.req ? j->ask.op : NULL;
    if (j->counted)
        front_turns_begun(j->counted);
}

void
front_job_move(front_job_t *j, int link)
{
    if (j->link >= 0)
        front_broker(j->link)->n_jobs--;
    j->link = link;
    if (link >= 0)
        front_broker(link)->n_jobs++;
}

void
front_job_unpark(front_job_t *j)
{
    front_job_t **b = bucket_of(j->head.id);
    while (*b != j)
        b = &(*b)->chain;
    *b = j->chain;
    *(j->prev ? &j->prev->next : &s_jobs.parked) = j->next;
    if (j->next)
        j->next->prev = j->prev;
    s_jobs.n_parked--;
    front_job_move(j, -1);
    if (j->counted)
        front_turns_ended(j->counted);
}

size_t
front_link_parked(void)
{
    return s_jobs.n_parked;
}

front_job_t *
front_jobs_parked(void)
{
    return s_jobs.parked;
}

front_job_t *
front_job_make(const gh_job_head_t *head, const char *service, gh_str_t args)
{
    front_job_t *j = take_job();
    if (!j)
        return NULL;
    j->head = *head;
    snprintf(j->service, sizeof j->service, "%s", service);
    snprintf(j->op, sizeof j->op, "%.*s", (int)head->op.n, head->op.p);
    j->head.op = gh_str(j->op);
    snprintf(j->trace, sizeof j->trace, "%.*s", (int)head->trace.n, head->trace.n ? head->trace.p : "");
    j->head.trace = gh_str(j->trace);
    gh_buf_str(&j->args, args);
    gh_buf_str(&j->shard, head->shard);
    j->head.shard = gh_buf_view(&j->shard);
    gh_actor_ref_t *a = &j->head.actor;
    if (a->ip.n < sizeof j->ip && a->ip.n) {
        memcpy(j->ip, a->ip.p, a->ip.n);
        a->ip.p = j->ip;
    }
    if (a->session.n == 16 && a->jti.n == 16) {
        memcpy(j->session, a->session.p, 16);
        memcpy(j->jti, a->jti.p, 16);
        a->session.p = (const char *)j->session;
        a->jti.p = (const char *)j->jti;
    }
    if (!gh_buf_ok(&j->args) || !gh_buf_ok(&j->shard)) {
        gh_buf_fini(&j->args);
        gh_buf_fini(&j->shard);
        gh_buf_fini(&j->extension);
        free(j);
        return NULL;
    }
    return j;
}

void
front_jobs_stop(void)
{
    while (s_jobs.free) {
        front_job_t *j = s_jobs.free;
        s_jobs.free = j->chain;
        gh_buf_fini(&j->args);
        gh_buf_fini(&j->shard);
        gh_buf_fini(&j->extension);
        free(j);
    }
}
