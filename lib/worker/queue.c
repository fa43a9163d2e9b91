/*
 * lib/worker/queue.c - waiting jobs, and which batch starts next
 *
 * Batches form by themselves: while batches run jobs gather, and a free lane takes all of the group whose first job has
 * waited longest. Jobs keep their order of arrival within a group (decisions 10).
 */
#include "base/log.h"
#include "base/timez.h"
#include "worker/internal.h"

#define BATCH_LIMIT 1024
#define TWIN_SLOTS  2048  /* at least twice BATCH_LIMIT */
#define GATHER_US   50000 /* nobody waits longer for company: a running batch may itself wait, for a lock */
#define WRITES_MS   5000  /* a pool that was sent no write for so long expects none */
#define DB_GRACE_MS 1000  /* without a database for longer: refuse at once rather than let everybody wait */

void
gh_group_push(gh_group_t *g, gh_wjob_priv_t *j)
{
    j->next = NULL;
    if (g->tail)
        g->tail->next = j;
    else
        g->head = j;
    g->tail = j;
    g->waiting++;
    g->pool->waiting++;
    if (g->kind != GH_OP_READ)
        g->pool->wrote_ms = gh_mono_ms();
}

void
gh_group_push_front(gh_group_t *g, gh_wjob_priv_t *j)
{
    gh_answer_reset(j);
    j->in_batch = NULL;
    j->job.actor = (gh_actor_t){.user_id = j->job.head.actor.user_id};
    j->next = g->head;
    g->head = j;
    if (!g->tail)
        g->tail = j;
    g->waiting++;
    g->pool->waiting++;
}

static gh_wjob_priv_t *
pop(gh_group_t *g)
{
    gh_wjob_priv_t *j = g->head;
    g->head = j->next;
    if (!g->head)
        g->tail = NULL;
    g->waiting--;
    g->pool->waiting--;
    return j;
}

/* ---- twins */

/* Is another job of the batch under the same idempotency key? */
static bool
key_twin(int64_t slots[TWIN_SLOTS], int64_t key)
{
    if (key == 0)
        key = 1; /* 0 marks a free slot */
    for (size_t i = (uint64_t)key % TWIN_SLOTS;; i = (i + 1) % TWIN_SLOTS) {
        if (slots[i] == key)
            return true;
        if (slots[i] == 0) {
            slots[i] = key;
            return false;
        }
    }
}

/* The same job twice (sent again through another broker while the first is still here). */
static bool
same_job_in(gh_wjob_priv_t *const *jobs, size_t n, const gh_wjob_priv_t *j, bool any_recheck)
{
    if (!any_recheck && !j->recheck)
        return false;
    for (size_t i = 0; i < n; i++)
        if (memcmp(jobs[i]->job.head.id, j->job.head.id, 16) == 0)
            return true;
    return false;
}

size_t
gh_group_take(gh_group_t *g, gh_wjob_priv_t **out, size_t max, int64_t now_ms)
{
    int64_t slots[TWIN_SLOTS];
    bool any_keyed = false, any_recheck = false, alone = false;
    size_t n = 0;
    g->alone_first = false;
    if (max > BATCH_LIMIT)
        max = BATCH_LIMIT;
    while (g->head && n < max && !alone && !(n > 0 && g->head->alone)) {
        gh_wjob_priv_t *j = pop(g);
        if (j->job.deadline_ms <= now_ms || !gh_link_holds(j->link, j->link_generation, now_ms)) {
            gh_job_answer_refusal(j, GH_E_UPSTREAM_TIMEOUT);
            continue;
        }
        if (same_job_in(out, n, j, any_recheck)) {
            j->recheck = true; /* it finds the record of its twin */
            gh_group_push_front(g, j);
            g->alone_first = true;
            break;
        }
        if (j->keyed) {
            if (!any_keyed)
                memset(slots, 0, sizeof(slots));
            any_keyed = true;
            if (key_twin(slots, j->lock_key)) {
                gh_job_answer_refusal(j, GH_E_IDEMPOTENCY_IN_PROGRESS); /* decisions 13 */
                continue;
            }
        }
        any_recheck |= j->recheck;
        alone = j->alone;
        out[n++] = j;
    }
    return n;
}

/* Reads never take the last lane while a pool writes: one slow list must not hold up the bookings. While nobody writes they
 * have it: nor must it hold up the quick reads. */
static bool
lane_kept_for_writes(const gh_wpool_t *p)
{
    size_t reads = 0;
    for (size_t i = 0; i < p->n_groups; i++)
        if (p->groups[i].kind == GH_OP_READ)
            reads += p->groups[i].running;
    return p->n_lanes > 1 && reads + 1 >= p->n_lanes && p->wrote_ms > 0 &&
           gh_mono_ms() - p->wrote_ms < WRITES_MS;
}

/* While batches of writes run, the next one waits until as many jobs have come as those have on average: few large batches cost much
 * less a job than many small ones, and two that want the same rows only wait for each other. When nothing comes any more
 * the end of a running batch starts it. */
static bool
gathering(const gh_group_t *g)
{
    return g->kind == GH_OP_WRITE && g->running > 0 && g->waiting < g->batch_max &&
           g->waiting * g->running < g->jobs_running && g->head &&
           gh_mono_us() - g->head->received_us < GATHER_US;
}

gh_group_t *
gh_pool_pick(gh_wpool_t *p)
{
    gh_group_t *best = NULL;
    bool no_reads = lane_kept_for_writes(p);
    for (size_t i = 0; i < p->n_groups; i++) {
        gh_group_t *g = &p->groups[i];
        if (!g->head || g->gate || (g->alone_first && g->running > 0) || gathering(g) ||
            (no_reads && g->kind == GH_OP_READ))
            continue;
        if (!best || g->head->seq < best->head->seq)
            best = g;
    }
    return best;
}

/* ---- starting */

static void
start_batch(gh_wpool_t *p, gh_group_t *g, gh_lane_t *lane)
{
    gh_wjob_priv_t *jobs[BATCH_LIMIT];
    size_t n = gh_group_take(g, jobs, g->batch_max, gh_mono_ms());
    if (n == 0)
        return;
    gh_batch_priv_t *b = gh_batch_new(p, g, n);
    if (!b || b->arena.failed) {
        gh_log(GH_LOG_ERROR, "batch_memory");
        if (b)
            gh_batch_free(b);
        for (size_t i = 0; i < n; i++)
            gh_job_answer_refusal(jobs[i], GH_E_SERVICE_UNAVAILABLE);
        return;
    }
    for (size_t i = 0; i < n; i++)
        b->batch.jobs[i] = &jobs[i]->job;
    b->batch.op = jobs[0]->op->def;
    gh_exec_start(b, lane);
}

/* True when something was started on the lane (NULL: the pool needs none). */
static bool
start_something(gh_wpool_t *p, gh_lane_t *lane)
{
    gh_batch_priv_t *b = p->resumable;
    if (b) {
        p->resumable = b->next;
        gh_exec_continue(b, lane);
        return true;
    }
    if (lane && gh_upkeep_due(p)) {
        gh_upkeep_start(p, lane);
        return true;
    }
    gh_group_t *g = p->worker->draining || !p->started ? NULL : gh_pool_pick(p);
    if (!g)
        return false;
    start_batch(p, g, lane);
    return true;
}

void
gh_pool_dispatch(gh_wpool_t *p)
{
    if (p->def->no_database) {
        while (start_something(p, NULL))
            ;
        return;
    }
    for (size_t i = 0; i < p->n_lanes; i++) {
        gh_lane_t *lane = &p->lanes[i];
        while (!lane->batch && gh_pg_is_up(lane->pg))
            if (!start_something(p, lane))
                return;
    }
}

bool
gh_pool_run(gh_worker_t *w, const gh_pool_t *pool, gh_step_fn step)
{
    for (size_t p = 0; p < w->n_pools && !w->draining; p++)
        for (size_t i = 0; w->pools[p].def == pool && i < w->pools[p].n_lanes; i++) {
            gh_lane_t *lane = &w->pools[p].lanes[i];
            gh_batch_priv_t *b = lane->batch || !gh_pg_is_up(lane->pg) ? NULL
                                                                       : gh_batch_new(&w->pools[p], NULL, 0);
            if (!b)
                continue;
            b->kind = GH_OP_WRITE;
            b->step = step;
            gh_exec_start(b, lane);
            return true;
        }
    return false;
}

/* ---- what cannot start */

static void
sweep_group(gh_group_t *g, int64_t now_ms, bool no_database)
{
    gh_wjob_priv_t *j = g->head;
    g->head = g->tail = NULL;
    g->pool->waiting -= g->waiting;
    g->waiting = 0;
    for (gh_wjob_priv_t *next; j; j = next) {
        next = j->next;
        if (j->job.deadline_ms <= now_ms)
            gh_job_answer_refusal(j, GH_E_UPSTREAM_TIMEOUT);
        else if (no_database && !j->recheck)
            gh_job_answer_refusal(j, GH_E_SERVICE_UNAVAILABLE);
        else /* one that may have been carried out is not refused: it waits for its record */
            gh_group_push(g, j);
    }
}

void
gh_pool_sweep(gh_wpool_t *p)
{
    int64_t now = gh_mono_ms();
    bool no_database = p->down_since_ms > 0 && now - p->down_since_ms > DB_GRACE_MS;
    for (size_t i = 0; i < p->n_groups; i++)
        if (p->groups[i].head)
            sweep_group(&p->groups[i], now, no_database);
}
