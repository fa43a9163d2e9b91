/*
 * broker/dispatch.c - which worker gets which job (see dispatch.h)
 */
/* NOLINTBEGIN(clang-analyzer-unix.Malloc,clang-analyzer-core.NullDereference): the analyzer does not follow the links of uthash and lists */
#include "dispatch.h"

#include "base/hash.h"
#include "queue.h"

/* ---- shards */

static gh_bshard_t *
find_shard(gh_bservice_t *s, gh_str_t key, unsigned hash)
{
    gh_bshard_t *shard;

    HASH_FIND_BYHASHVALUE(hh, s->shards, key.p, key.n, hash, shard);
    return shard;
}

static gh_bshard_t *
require_shard(gh_bservice_t *s, gh_str_t key)
{
    unsigned hash = (unsigned)gh_hash64(key.p, key.n);
    gh_bshard_t *shard = find_shard(s, key, hash);

    if (shard || !(shard = calloc(1, sizeof *shard + key.n)))
        return shard;
    gh_list_init(&shard->waiting);
    gh_list_init(&shard->idle_link);
    shard->key_len = (uint16_t)key.n;
    memcpy(shard->key, key.p, key.n);
    HASH_ADD_KEYPTR_BYHASHVALUE(hh, s->shards, shard->key, key.n, hash, shard);
    return shard;
}

static void
drop_shard(gh_bservice_t *s, gh_bshard_t *shard)
{
    if (!gh_list_empty(&shard->idle_link)) {
        gh_list_remove(&shard->idle_link);
        s->n_idle--;
    }
    HASH_DELETE(hh, s->shards, shard);
    free(shard);
}

static void
wake_shard(gh_bservice_t *s, gh_bshard_t *shard)
{
    if (gh_list_empty(&shard->idle_link))
        return;
    gh_list_remove(&shard->idle_link);
    s->n_idle--;
}

/* Its last job is over: remember for a while whose it was. */
static void
rest_shard(gh_bservice_t *s, gh_bshard_t *shard, int64_t now_ms)
{
    if (!shard->worker) {
        drop_shard(s, shard);
        return;
    }
    shard->idle_ms = now_ms;
    wake_shard(s, shard);
    gh_list_push_tail(&s->idle, &shard->idle_link);
    if (++s->n_idle > GH_SHARDS_IDLE_MAX)
        drop_shard(s, GH_LINK_OWNER(s->idle.next, gh_bshard_t, idle_link));
}

/* May the shard's next job still go to the worker it is bound to? */
static bool
keeps_worker(const gh_bservice_t *s, const gh_bshard_t *shard)
{
    if (!shard->worker)
        return false;
    return shard->n_jobs > 0 || shard->worker->running < shard->worker->credit || gh_list_empty(&s->free);
}

/* ---- waiting jobs */

static gh_queue_t *
queue_of(gh_bservice_t *s, const gh_bjob_t *job)
{
    return job->worker ? &job->worker->own : &s->shared;
}

static void
count_in(gh_bservice_t *s, gh_bjob_t *job)
{
    job->state = GH_BJOB_WAITING;
    s->waiting[job->prio]++;
}

/* Out of its queue; it still counts as a job of its shard. */
static void
take_out(gh_bservice_t *s, gh_bjob_t *job)
{
    gh_queue_remove(queue_of(s, job), job);
    s->waiting[job->prio]--;
    if (job->shard)
        gh_list_remove(&job->shard_link);
}

/* Bind the shard and move its waiting jobs, in order, from the shared queue to the worker's own. */
static void
bind_shard(gh_bservice_t *s, gh_bshard_t *shard, gh_bworker_t *w)
{
    shard->worker = w;
    for (gh_link_t *l = shard->waiting.next; l != &shard->waiting; l = l->next) {
        gh_bjob_t *job = GH_LINK_OWNER(l, gh_bjob_t, shard_link);
        gh_queue_remove(&s->shared, job);
        job->worker = w;
        gh_queue_push_tail(&w->own, job);
    }
}

int
gh_dispatch_enqueue(gh_bservice_t *s, gh_bjob_t *job, gh_str_t shard)
{
    job->worker = NULL;
    job->shard = NULL;
    if (shard.n > 0) {
        gh_bshard_t *of = require_shard(s, shard);
        if (!of)
            return -1;
        if (keeps_worker(s, of))
            job->worker = of->worker;
        else
            of->worker = NULL; /* idle, or nobody's: its next taker gets it */
        wake_shard(s, of);
        job->shard = of;
        of->n_jobs++;
        gh_list_push_tail(&of->waiting, &job->shard_link);
    }
    gh_queue_push_tail(queue_of(s, job), job);
    count_in(s, job);
    return 0;
}

void
gh_dispatch_requeue(gh_bservice_t *s, gh_bjob_t *job)
{
    job->worker = NULL;
    if (job->shard) {
        gh_list_push_head(&job->shard->waiting, &job->shard_link);
        job->worker = job->shard->worker;
    }
    gh_queue_push_head(queue_of(s, job), job);
    count_in(s, job);
}

void
gh_dispatch_remove(gh_bservice_t *s, gh_bjob_t *job)
{
    take_out(s, job);
    job->worker = NULL;
    job->state = GH_BJOB_NEW;
}

/* ---- workers */

void
gh_dispatch_service_init(gh_bservice_t *s)
{
    gh_queue_init(&s->shared);
    gh_list_init(&s->workers);
    gh_list_init(&s->free);
    gh_list_init(&s->idle);
}

void
gh_dispatch_service_fini(gh_bservice_t *s)
{
    gh_bshard_t *shard, *next;

    for (shard = s->shards; shard; shard = next) {
        next = shard->hh.next;
        drop_shard(s, shard);
    }
}

void
gh_dispatch_join(gh_bservice_t *s, gh_bworker_t *w)
{
    w->service = s;
    gh_queue_init(&w->own);
    gh_list_init(&w->hand);
    gh_list_init(&w->free_link);
    gh_list_push_tail(&s->workers, &w->link);
    gh_list_push_tail(&s->free, &w->free_link);
    s->n_workers++;
    s->credit += w->credit;
}

void
gh_dispatch_leave(gh_bservice_t *s, gh_bworker_t *w)
{
    gh_bshard_t *shard, *next;

    /* What waited for it is older than most of what is shared: back to the head, the last one first. */
    for (int prio = 0; prio < GH_PRIO_COUNT; prio++) {
        while (!gh_list_empty(&w->own.list[prio])) {
            gh_bjob_t *job = GH_LINK_OWNER(w->own.list[prio].prev, gh_bjob_t, link);
            gh_queue_remove(&w->own, job);
            job->worker = NULL;
            gh_queue_push_head(&s->shared, job);
        }
    }
    for (shard = s->shards; shard; shard = next) {
        next = shard->hh.next;
        if (shard->worker != w)
            continue;
        shard->worker = NULL;
        if (shard->n_jobs == 0)
            drop_shard(s, shard);
    }
    gh_list_remove(&w->link);
    gh_list_remove(&w->free_link);
    s->n_workers--;
    s->credit -= w->credit;
}

gh_bworker_t *
gh_dispatch_next_worker(const gh_bservice_t *s)
{
    return gh_list_empty(&s->free) ? NULL : GH_LINK_OWNER(s->free.next, gh_bworker_t, free_link);
}

/* The older of the two first jobs of a priority. */
static gh_bjob_t *
first_for(const gh_bservice_t *s, const gh_bworker_t *w, int prio)
{
    gh_bjob_t *a = gh_queue_first(&w->own, (gh_prio_t)prio), *b = gh_queue_first(&s->shared, (gh_prio_t)prio);

    if (!a || !b)
        return a ? a : b;
    return a->seq < b->seq ? a : b;
}

gh_bjob_t *
gh_dispatch_take(gh_bservice_t *s, gh_bworker_t *w, uint32_t solo_crashes)
{
    bool ready[GH_PRIO_COUNT];

    if (s->paused || w->solo || w->leaving || w->running >= w->credit || s->shared.n + w->own.n == 0)
        return NULL;
    for (int i = 0; i < GH_PRIO_COUNT; i++)
        ready[i] = !gh_list_empty(&w->own.list[i]) || !gh_list_empty(&s->shared.list[i]);
    int prio = gh_fair_choose(&s->fair, ready);
    gh_bjob_t *job = first_for(s, w, prio);
    bool solo = job->crashes > 0 && job->crashes >= solo_crashes;
    if (solo && w->running > 0)
        return NULL; /* w drains, then it gets the job alone */
    gh_fair_took(&s->fair, ready, prio);
    take_out(s, job);
    if (job->shard && !job->shard->worker)
        bind_shard(s, job->shard, w);
    job->worker = w;
    job->state = GH_BJOB_RUNNING;
    gh_list_push_tail(&w->hand, &job->link);
    s->running++;
    w->solo = solo;
    if (++w->running == w->credit)
        gh_list_remove(&w->free_link);
    return job;
}

void
gh_dispatch_finish(gh_bservice_t *s, gh_bjob_t *job)
{
    gh_bworker_t *w = job->worker;

    gh_list_remove(&job->link);
    if (w->running-- == w->credit)
        gh_list_push_tail(&s->free, &w->free_link);
    if (w->running == 0)
        w->solo = false;
    s->running--;
    job->worker = NULL;
    job->state = GH_BJOB_NEW;
}

void
gh_dispatch_forget(gh_bservice_t *s, gh_bjob_t *job, int64_t now_ms)
{
    gh_bshard_t *shard = job->shard;

    job->shard = NULL;
    if (shard && --shard->n_jobs == 0)
        rest_shard(s, shard, now_ms);
}

void
gh_dispatch_sweep(gh_bservice_t *s, int64_t now_ms)
{
    while (!gh_list_empty(&s->idle)) {
        gh_bshard_t *shard = GH_LINK_OWNER(s->idle.next, gh_bshard_t, idle_link);
        if (now_ms - shard->idle_ms < GH_SHARD_MEMORY_MS)
            return;
        drop_shard(s, shard);
    }
}
/* NOLINTEND(clang-analyzer-unix.Malloc,clang-analyzer-core.NullDereference) */
