/*
 * lib/worker/exec.c - a batch on its way through its phases (head comment of worker.h)
 *
 *   PHASE -> step() -> MORE: sync, results, next phase
 *                      WAIT: lane given back, next phase after the wait
 *                      DONE: ENDING: records, commit, results -> answers
 *                      FAIL, or an error: ROLLBACK -> fail.c
 *
 * A batch whose connection breaks is ended by gh_exec_lost(), which the lane calls from the loop; until then
 * functions here return as soon as they see b->lost.
 */
#include <libpq-fe.h>

#include "base/log.h"
#include "base/timez.h"
#include "worker/internal.h"

static void run_step(gh_batch_priv_t *b);

void
gh_exec_detach(gh_batch_priv_t *b)
{
    if (b->lane)
        b->lane->batch = NULL;
    b->lane = NULL;
}

void
gh_exec_sync(gh_batch_priv_t *b)
{
    b->queued = 0;
    if (b->lost)
        return;
    if (!b->lane || gh_pg_sync(b->lane->pg))
        b->failed = b->lost = true;
    else if (b->syncs++ == 0)
        gh_trips_sent(&b->trips);
}

static void
open_gate(gh_batch_priv_t *b)
{
    if (b->group && b->group->gate == b)
        b->group->gate = NULL;
}

/* ---- ends */

static void
call_on_end(gh_batch_priv_t *b, bool committed)
{
    for (gh_on_end_t *e = b->on_end; e; e = e->next)
        e->fn(e->arg, committed);
    b->on_end = NULL;
}

static void
fail_now(gh_batch_priv_t *b)
{
    open_gate(b);
    gh_exec_detach(b);
    call_on_end(b, false);
    if (b->work_open > 0)
        b->state = GH_BATCH_WAIT; /* threads still use its memory: gh_exec_wait_over() comes back here */
    else
        gh_fail_batch(b);
}

/* End a batch that cannot go on: the transaction is rolled back in a segment of its own, because an error
 * earlier in the segment would skip the ROLLBACK too. */
static void
roll_back(gh_batch_priv_t *b)
{
    b->failed = true;
    if (b->lost && b->lane)
        return; /* gh_exec_lost() will follow */
    if (b->lane && b->queued > 0)
        gh_exec_sync(b);
    if (b->in_tx) {
        b->in_tx = false;
        b->failed = false; /* so that it is sent */
        gh_batch_ask(b, "rt_rollback", 0, NULL);
        b->failed = true;
        gh_exec_sync(b);
    }
    b->state = GH_BATCH_ROLLBACK;
    if (b->syncs == 0 && !(b->lost && b->lane))
        fail_now(b);
}

static void
succeed(gh_batch_priv_t *b)
{
    const PGresult *commit = gh_batch_own(b, b->at_commit);
    if (commit && strcmp(PQcmdStatus((PGresult *)commit), "COMMIT") != 0) {
        gh_log(GH_LOG_ERROR, "commit_refused", GH_KS("pool", b->pool->def->name));
        fail_now(b);
        return;
    }
    open_gate(b);
    gh_events_publish(b);
    if (b->audited)
        gh_upkeep_audited(b->pool->worker->upkeep);
    gh_exec_detach(b);
    call_on_end(b, true);
    if (b->group) {
        b->pool->stats.batches++;
        b->pool->stats.batch_jobs += b->batch.n;
        gh_log(GH_LOG_DEBUG, "batch", GH_KS("kind", b->group->name), GH_KI("jobs", b->batch.n),
               GH_KI("us", gh_mono_us() - b->started_us));
    }
    for (size_t i = b->batch.n; i-- > 0;)
        if (gh_priv(b->batch.jobs[i])->again) {
            gh_group_push_front(b->group, gh_priv(b->batch.jobs[i]));
            b->batch.jobs[i] = NULL; /* it is the group's, as if it had just come */
        }
    for (size_t i = 0; i < b->batch.n; i++)
        if (b->batch.jobs[i])
            gh_job_answer(b, gh_priv(b->batch.jobs[i]));
    gh_batch_free(b);
}

/* ---- the last segment */

/* What goes with the writes of a transaction, whatever the operation. */
static void
put_side_rows(gh_batch_priv_t *b)
{
    gh_audit_put(b);
    gh_events_put(b);
}

/* Its client was told no, or the broker may have given the job to another worker, who may have refused it. */
static bool
effect_too_late(const gh_batch_priv_t *b)
{
    int64_t now = gh_mono_ms();
    for (size_t i = 0; i < b->batch.n; i++) {
        const gh_wjob_priv_t *j = gh_priv(b->batch.jobs[i]);
        if (gh_job_has_effect(b, gh_priv(b->batch.jobs[i])) &&
            (j->job.deadline_ms <= now || !gh_link_holds(j->link, j->link_generation, now)))
            return true;
    }
    return false;
}

static bool
any_job(const gh_batch_priv_t *b, bool (*is)(const gh_batch_priv_t *, const gh_wjob_priv_t *))
{
    for (size_t i = 0; i < b->batch.n; i++)
        if (is(b, gh_priv(b->batch.jobs[i])))
            return true;
    return false;
}

/* wrote: the step queued statements in its last phase. A batch without any effect is rolled back rather than
 * committed: a commit with row locks waits for the disk, and in a rush for a full session nearly all batches
 * are such. */
static void
finish_tx(gh_batch_priv_t *b, bool wrote)
{
    if (effect_too_late(b)) {
        b->expired = true; /* decisions 9: the client was told no; the others are run again without it */
        roll_back(b);
        return;
    }
    bool good = wrote || b->n_events > 0 || b->audits || any_job(b, gh_job_has_effect) || b->batch.n == 0,
         records = any_job(b, gh_job_is_recorded);
    if (!good)
        gh_batch_ask(b, "rt_rollback", 0, NULL);
    if (!good && records) /* of refusals alone: nothing else of this transaction may stay */
        gh_batch_ask(b, "rt_begin", 0, NULL);
    if (good || records) {
        gh_exactly_put(b);
        put_side_rows(b);
        b->at_commit = gh_batch_ask_own(b, "rt_commit", 0, NULL);
    }
    if (b->failed && !b->lost) /* memory for the records ran out */
        roll_back(b);
    else
        gh_exec_sync(b);
}

static void
finish(gh_batch_priv_t *b, bool wrote)
{
    b->state = GH_BATCH_ENDING;
    for (size_t i = 0; i < b->batch.n; i++)
        if (!b->batch.jobs[i]->done && !gh_priv(b->batch.jobs[i])->again) {
            gh_log(GH_LOG_ERROR, "unanswered", GH_KN("op", b->batch.jobs[i]->head.op));
            gh_job_refuse_by_runtime(b, gh_priv(b->batch.jobs[i]), GH_E_INTERNAL);
        }
    if (b->in_tx) {
        finish_tx(b, wrote);
        return;
    }
    put_side_rows(b);
    if (b->queued > 0)
        gh_exec_sync(b);
    if (b->syncs == 0 && !b->lost)
        succeed(b);
}

/* ---- phases */

static void
expire_jobs(gh_batch_priv_t *b)
{
    int64_t now = gh_mono_ms();
    for (size_t i = 0; i < b->batch.n; i++) {
        gh_wjob_t *job = b->batch.jobs[i];
        if (!job->done && job->deadline_ms <= now)
            gh_job_refuse_by_runtime(b, gh_priv(job), GH_E_UPSTREAM_TIMEOUT);
    }
}

/* The results of the phase are here (or there were none): read the runtime's own, go to the next. */
static void
next_phase(gh_batch_priv_t *b)
{
    if (b->batch.phase == 0) {
        gh_exactly_take_records(b);
        gh_actors_take(b);
        gh_access_check_batch(b);
        gh_exactly_take_keys(b);
    }
    open_gate(b);
    if (!b->in_tx)
        gh_events_publish(b);
    expire_jobs(b);
    b->batch.phase++;
    b->sent = b->base_next = 0;
    b->at_records = b->at_locks = b->at_keys = b->at_actors = b->at_outbox = GH_NONE;
}

static void
wait_begin(gh_batch_priv_t *b)
{
    b->state = GH_BATCH_WAIT;
    put_side_rows(b);
    if (b->queued > 0)
        gh_exec_sync(b);
    if (b->lost)
        return;
    if (b->syncs == 0) {
        gh_exec_detach(b);
        if (b->resume)
            gh_exec_wait_over(b);
    }
}

/* Call the step until it has to wait for something. Ends in exactly one of: results owed, a wait, the batch
 * ended. */
static void
run_step(gh_batch_priv_t *b)
{
    for (;;) {
        size_t before = b->sent;
        gh_step_t next = b->step(&b->batch);
        bool wrote = b->sent > before;
        gh_batch_drop_results(b);
        b->base = b->base_next;
        if (b->failed || b->arena.failed || (next != GH_STEP_WAIT && b->work_open > 0) ||
            (next == GH_STEP_WAIT && b->in_tx))
            next = GH_STEP_FAIL;
        switch (next) {
        case GH_STEP_MORE:
            if (!b->in_tx)
                put_side_rows(b);
            if (b->queued > 0)
                gh_exec_sync(b);
            if (b->syncs > 0 || b->lost)
                return;
            next_phase(b);
            break;
        case GH_STEP_WAIT:
            wait_begin(b);
            return;
        case GH_STEP_DONE:
            finish(b, wrote);
            return;
        case GH_STEP_AGAIN: /* as the database would say it */
            memcpy(b->error.sqlstate, "40001", sizeof "40001");
            roll_back(b);
            return;
        default:
            roll_back(b);
            return;
        }
    }
}

static void
take_jobs(gh_batch_priv_t *b)
{
    for (size_t i = 0; i < b->batch.n; i++) {
        gh_wjob_priv_t *j = gh_priv(b->batch.jobs[i]);
        j->in_batch = b;
        if (j->started_us == 0)
            j->started_us = b->started_us;
    }
}

void
gh_exec_start(gh_batch_priv_t *b, gh_lane_t *lane)
{
    b->lane = lane;
    if (lane)
        lane->batch = b;
    take_jobs(b);
    if (b->kind == GH_OP_WRITE) {
        if (b->group)
            b->group->gate = b;
        b->in_tx = gh_batch_ask(b, "rt_begin", 0, NULL) == 0;
        gh_trace_begin(b);
        gh_exactly_ask(b);
        gh_actors_ask(b);
    } else if (gh_actors_from_cache(b))
        gh_access_check_batch(b);
    else {
        gh_trace_begin(b);
        gh_actors_ask(b);
    }
    b->base_next = b->sent;
    run_step(b);
}

void
gh_exec_wait_over(gh_batch_priv_t *b)
{
    b->resume = true;
    if (b->state != GH_BATCH_WAIT || b->syncs > 0 || b->work_open > 0)
        return;
    if (b->failed) {
        fail_now(b);
        return;
    }
    b->resume = false;
    gh_batch_priv_t **tail = &b->pool->resumable;
    while (*tail)
        tail = &(*tail)->next;
    b->next = NULL;
    *tail = b;
}

void
gh_exec_continue(gh_batch_priv_t *b, gh_lane_t *lane)
{
    b->lane = lane;
    if (lane)
        lane->batch = b;
    b->state = GH_BATCH_PHASE;
    next_phase(b);
    run_step(b);
}

/* ---- what the lane reports */

void
gh_pg_error_of(const PGresult *r, gh_pg_error_t *out)
{
    static const struct {
        int field;
        size_t offset, size;
    } map[] = {
        {PG_DIAG_SQLSTATE, offsetof(gh_pg_error_t, sqlstate), sizeof(out->sqlstate)},
        {PG_DIAG_CONSTRAINT_NAME, offsetof(gh_pg_error_t, constraint), sizeof(out->constraint)},
        {PG_DIAG_TABLE_NAME, offsetof(gh_pg_error_t, table), sizeof(out->table)},
        {PG_DIAG_SOURCE_FUNCTION, offsetof(gh_pg_error_t, routine), sizeof(out->routine)},
    };
    *out = (gh_pg_error_t){0};
    for (size_t i = 0; i < GH_COUNT(map); i++) {
        const char *s = PQresultErrorField(r, map[i].field);
        if (s)
            snprintf((char *)out + map[i].offset, map[i].size, "%s", s);
    }
    /* The context may quote a statement and what stands in it: only the line of a function is ours. */
    const char *context = PQresultErrorField(r, PG_DIAG_CONTEXT);
    const char *call = context ? strstr(context, "PL/pgSQL function ") : NULL;
    if (call)
        snprintf(out->where, sizeof(out->where), "%.*s", (int)strcspn(call, "\n"), call);
}

void
gh_exec_result(gh_batch_priv_t *b, PGresult *r)
{
    ExecStatusType status = PQresultStatus(r);
    bool good = status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;
    if (!good && !b->per_job) {
        if (!b->failed) {
            gh_pg_error_of(r, &b->error);
            b->failed = true;
        }
        PQclear(r);
        return;
    }
    if (b->n_results == b->cap_results) {
        size_t cap = b->cap_results ? b->cap_results * 2 : 32;
        PGresult **more = realloc(b->results, cap * sizeof(PGresult *));
        if (!more) {
            b->failed = true;
            PQclear(r);
            return;
        }
        b->results = more;
        b->cap_results = cap;
    }
    b->results[b->n_results++] = r;
}

void
gh_exec_synced(gh_batch_priv_t *b)
{
    if (--b->syncs > 0)
        return;
    gh_trips_back(&b->trips);
    if (b->state == GH_BATCH_ROLLBACK)
        fail_now(b);
    else if (b->failed && !b->lost)
        roll_back(b);
    else if (b->state == GH_BATCH_ENDING)
        succeed(b);
    else if (b->state == GH_BATCH_WAIT) {
        gh_exec_detach(b);
        if (b->resume)
            gh_exec_wait_over(b);
    } else {
        next_phase(b);
        run_step(b);
    }
}

void
gh_exec_lost(gh_batch_priv_t *b)
{
    b->lost = b->failed = true;
    b->in_tx = false;
    b->syncs = 0;
    fail_now(b);
}
