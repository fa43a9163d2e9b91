/*
 * lib/worker/fail.c - what follows an error: once more, one by one, a refusal, or INTERNAL
 */
#define GH_LOG_PART GH_LOG_JOB
#include "base/log.h"
#include "base/timez.h"
#include "worker/internal.h"

#define TRIES_MAX      6  /* of a job alone against deadlocks and the like */
#define TRIES_LOST_MAX 20 /* against lost connections: in truth the budget ends it */

static bool
class_is(const char *sqlstate, const char *class)
{
    return strncmp(sqlstate, class, strlen(class)) == 0;
}

/* The server went away or takes no writes: 08 connection, 57P0x shutdown or crash, 25006 read-only (a standby
 * now), 25P03 the transaction stood idle too long and the session was ended. */
static bool
away(const char *sqlstate, bool lost)
{
    return lost || class_is(sqlstate, "08") || class_is(sqlstate, "57P0") || class_is(sqlstate, "25006") ||
           class_is(sqlstate, "25P03");
}

/* 40001 serialization, 40P01 deadlock, 55P03 lock timeout. */
static bool
contended(const char *sqlstate)
{
    return class_is(sqlstate, "40001") || class_is(sqlstate, "40P01") || class_is(sqlstate, "55P03");
}

gh_verdict_t
gh_fail_decide(const char *sqlstate, bool lost, size_t n, unsigned tries, gh_op_kind_t kind)
{
    (void)kind;
    if (away(sqlstate, lost))
        return tries >= TRIES_LOST_MAX ? GH_GIVE_UP : n > 1 && tries > 0 ? GH_ALONE : GH_RETRY_WHEN_UP;
    if (n > 1)
        /* a deadlock or serialization failure is nobody's fault: once more together, then apart */
        return class_is(sqlstate, "40") && tries == 0 ? GH_RETRY : GH_ALONE;
    if (contended(sqlstate) && tries < TRIES_MAX)
        return GH_RETRY;
    return GH_GIVE_UP;
}

gh_err_t
gh_fail_error(const gh_op_t *op, const gh_pg_error_t *e)
{
    if (class_is(e->sqlstate, "23") && e->constraint[0])
        for (const struct gh_constraint_map *m = op->constraints; m && m->constraint; m++)
            if (strcmp(m->constraint, e->constraint) == 0)
                return m->err;
    /* out of some resource, or over statement_timeout: worth another try by the client, not a fault of this
     * job */
    if (class_is(e->sqlstate, "53"))
        return GH_E_SERVICE_UNAVAILABLE;
    if (class_is(e->sqlstate, "57014"))
        return GH_E_UPSTREAM_TIMEOUT;
    if (contended(e->sqlstate) || away(e->sqlstate, e->sqlstate[0] == '\0'))
        return GH_E_SERVICE_UNAVAILABLE;
    return GH_E_INTERNAL;
}

static void
log_error(gh_wjob_priv_t *j, const gh_pg_error_t *e, gh_err_t err)
{
    char id[37];
    if (err == GH_E_INTERNAL)
        gh_trace_failed(j, e);
    else
        gh_log(GH_LOG_INFO, "job_failed", GH_KN("request_id", gh_job_request_id(j, id)),
               GH_KN("trace", j->job.head.trace),
               GH_KB("job", ((gh_str_t){(const char *)j->job.head.id, 16})),
               GH_KS("pool", j->link->pool->def->name), GH_KN("op", j->job.head.op),
               GH_KS("sqlstate", e->sqlstate), GH_KS("constraint", e->constraint), GH_KS("table", e->table),
               GH_KS("err", gh_error_row(err)->name));
}

/* The record of this very job, or the row of its key, is there already: somebody else carried it out
 * meanwhile. Not an error of the job; it looks its answer up. */
static bool
done_elsewhere(const gh_pg_error_t *e)
{
    return strcmp(e->sqlstate, "23505") == 0 &&
           (class_is(e->table, "job_done") || class_is(e->table, "idempotency_keys"));
}

static void
again(gh_batch_priv_t *b, gh_wjob_priv_t *j, bool recheck, bool alone)
{
    j->recheck |= recheck;
    j->alone = alone;
    if (j->tries < UINT8_MAX)
        j->tries++;
    b->pool->stats.requeued++;
    gh_group_push_front(b->group, j);
}

/* A job alone, or one segment of a READ: true when it shall run again. */
static bool
run_again(gh_batch_priv_t *b, gh_wjob_priv_t *j, const gh_pg_error_t *e, bool lost, bool *recheck)
{
    *recheck = lost || done_elsewhere(e);
    if (b->pool->def->no_database || j->job.deadline_ms <= gh_mono_ms())
        return false;
    if (done_elsewhere(e))
        return j->tries < TRIES_MAX;
    /* sent before: what it violates may be the effect of its own earlier delivery, committed since its record was looked for */
    if (j->recheck && class_is(e->sqlstate, "23") && j->tries < 2)
        return true;
    return gh_fail_decide(e->sqlstate, lost, 1, j->tries, b->kind) != GH_GIVE_UP;
}

static gh_err_t
last_word(gh_batch_priv_t *b, gh_wjob_priv_t *j, const gh_pg_error_t *e, bool lost)
{
    gh_err_t err = j->job.deadline_ms <= gh_mono_ms() ? GH_E_UPSTREAM_TIMEOUT : gh_fail_error(j->op->def, e);
    if (err != GH_E_UPSTREAM_TIMEOUT && !lost && e->sqlstate[0] == '\0')
        err = GH_E_INTERNAL; /* the step gave up, or memory ran out */
    /* an earlier try may have committed, or still be about to (it waits for the standby, and this one for its locks): only "no answer in
     * time" is true then */
    if (j->recheck && (lost || err == GH_E_SERVICE_UNAVAILABLE))
        err = GH_E_UPSTREAM_TIMEOUT;
    b->pool->stats.failed++;
    log_error(j, e, err);
    return err;
}

static void
fail_one(gh_batch_priv_t *b, gh_wjob_priv_t *j)
{
    bool recheck;
    if (run_again(b, j, &b->error, b->lost, &recheck)) {
        again(b, j, recheck && b->kind == GH_OP_WRITE, true);
        return;
    }
    gh_err_t err = last_word(b, j, &b->error, b->lost);
    gh_job_answer_refusal(j, err);
}

static void
fail_many(gh_batch_priv_t *b)
{
    unsigned tries = 0;
    for (size_t i = 0; i < b->batch.n; i++)
        if (gh_priv(b->batch.jobs[i])->tries > tries)
            tries = gh_priv(b->batch.jobs[i])->tries;
    /* its twin has committed while our record waited for it: once more together, it will be found now */
    bool found = done_elsewhere(&b->error) && tries < 2;
    bool apart = !b->expired && !found &&
                 gh_fail_decide(b->error.sqlstate, b->lost, b->batch.n, tries, b->kind) == GH_ALONE;
    bool recheck = b->kind == GH_OP_WRITE && (b->lost || done_elsewhere(&b->error));
    /* a deadlock, or a row that changed before it was locked, is an ordinary thing in a rush: counted, and run again */
    bool ordinary = contended(b->error.sqlstate) && !apart && !b->lost;
    b->pool->stats.contended += ordinary;
    gh_log(ordinary ? GH_LOG_DEBUG : GH_LOG_WARN, "batch_failed", GH_KS("kind", b->group->name),
           GH_KI("jobs", b->batch.n), GH_KS("sqlstate", b->error.sqlstate),
           GH_KS("constraint", b->error.constraint), GH_KS("then", apart ? "one_by_one" : "again"),
           GH_KI("lost", b->lost), GH_KI("expired", b->expired));
    for (size_t i = b->batch.n; i-- > 0;)
        again(b, gh_priv(b->batch.jobs[i]), recheck, apart);
}

void
gh_fail_batch(gh_batch_priv_t *b)
{
    if (away(b->error.sqlstate, false) && class_is(b->error.sqlstate, "25006"))
        for (size_t i = 0; i < b->pool->n_lanes; i++)
            gh_pg_reconnect(b->pool->lanes[i].pg); /* to whichever server takes writes now */
    if (!b->group)
        gh_log(GH_LOG_WARN, "upkeep_failed", GH_KS("sqlstate", b->error.sqlstate), GH_KI("lost", b->lost));
    else if (b->batch.n == 1 && !b->expired)
        fail_one(b, gh_priv(b->batch.jobs[0]));
    else
        fail_many(b); /* expired ones are answered when the next batch is made */
    gh_batch_free(b);
}

void
gh_fail_job(gh_batch_priv_t *b, gh_wjob_priv_t *j, const gh_pg_error_t *e)
{
    bool recheck;
    if (run_again(b, j, e, false, &recheck)) {
        j->again = true;
        j->tries++;
        return;
    }
    gh_err_t err = last_word(b, j, e, false);
    gh_job_refuse_by_runtime(b, j, err);
}
