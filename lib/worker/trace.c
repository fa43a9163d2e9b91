/*
 * lib/worker/trace.c - what is told of each job: its line in the log, its trace where the database shows it, why it was slow or failed
 *
 * Lines of jobs are gathered and written together, ten times a second or when there are many; a job that took log.slow_ms or
 * longer has a line of its own at once, with the round trips to the database and what was asked in each. (Statements that are sent
 * together are answered together, so a time belongs to a round trip.)
 */
#include <stdio.h>
#include <libpq-fe.h>

#define GH_LOG_PART GH_LOG_JOB
#include "base/log.h"
#include "base/timez.h"
#include "base/trace.h"
#include "base/uuid7.h"
#include "worker/internal.h"

#define LINES_MAX      32768 /* bytes; then written at once */
#define STATEMENTS_MAX 1500

void
gh_trace_configured(gh_worker_t *w)
{
    gh_log_level_t level;
    w->slow_us = gh_conf_int(w->conf, "log.slow_ms") * 1000;
    w->job_lines_most = gh_conf_int(w->conf, "worker.job_lines");
    w->job_level = gh_log_level_parse(gh_conf_str(w->conf, "worker.job_log"), &level) ? -1 : (int)level;
}

/* ---- round trips */

void
gh_trips_asked(gh_trips_t *t, const char *statement)
{
    if (t->n_names > t->from && t->name[t->n_names - 1] == statement)
        return; /* the same for many jobs */
    if (t->n_names < GH_COUNT(t->name))
        t->name[t->n_names++] = statement;
}

void
gh_trips_sent(gh_trips_t *t)
{
    t->asked_us = gh_mono_us();
}

void
gh_trips_back(gh_trips_t *t)
{
    int64_t us = gh_mono_us() - t->asked_us;
    t->db_us += us;
    if (t->n < GH_COUNT(t->trip)) {
        t->trip[t->n].us = us;
        t->trip[t->n].end = t->n_names;
        t->n++;
    }
    t->from = t->n_names;
}

/* "rt_begin,lock_sessions 1.234ms; put_orders,rt_commit 0.512ms" */
static gh_str_t
trips_text(const gh_trips_t *t, char out[STATEMENTS_MAX])
{
    size_t at = 0, name = 0;
    out[0] = 0;
    for (size_t i = 0; i < t->n; i++) {
        int n = 0;
        for (; name < t->trip[i].end && at < STATEMENTS_MAX - 120; name++, n++)
            at += (size_t)snprintf(out + at, 80, "%s%.70s", n ? "," : i ? "; " : "", t->name[name]);
        if (at < STATEMENTS_MAX - 120)
            at += (size_t)snprintf(out + at, 40, "%s%lld.%03dms",
                                   n   ? " "
                                   : i ? "; "
                                       : "",
                                   (long long)(t->trip[i].us / 1000), (int)(t->trip[i].us % 1000));
    }
    return (gh_str_t){out, at};
}

/* ---- lines */

static const char *
outcome(gh_err_t err)
{
    return err == GH_E_NONE               ? "ok"
           : err == GH_E_INTERNAL         ? "failed"
           : err == GH_E_UPSTREAM_TIMEOUT ? "expired"
                                          : "refused";
}

gh_str_t
gh_job_request_id(const gh_wjob_priv_t *j, char out[37])
{
    if (j->job.head.request.n)
        return j->job.head.request;
    gh_uuid_text(j->job.head.id, out);
    return (gh_str_t){out, 36};
}

#define JOB_FIELDS 18

/* What a line says of a job; kv has room for two more. */
static size_t
fields(const gh_wjob_priv_t *j, int64_t work_us, gh_kv_t kv[JOB_FIELDS + 2], char id[37])
{
    const gh_job_head_t *h = &j->job.head;
    gh_err_t err = j->answer.err;
    int64_t wait_us = j->started_us ? j->started_us - j->received_us : work_us;
    size_t n = 0;
    kv[n++] = GH_KN("request_id", gh_job_request_id(j, id));
    if (h->trace.n)
        kv[n++] = GH_KN("trace", h->trace);
    kv[n++] = GH_KB("job", ((gh_str_t){(const char *)h->id, 16}));
    kv[n++] = GH_KS("pool", j->link->pool->def->name);
    kv[n++] = GH_KN("op", h->op);
    if (h->actor.user_id)
        kv[n++] = GH_KI("user_id", h->actor.user_id);
    kv[n++] = GH_KS("outcome", outcome(err));
    if (err != GH_E_NONE)
        kv[n++] = GH_KS("err", gh_error_row(err)->name);
    kv[n++] = GH_KI("attempt", h->attempt);
    if (j->tries)
        kv[n++] = GH_KI("tries", j->tries);
    kv[n++] = GH_KM("queue_ms", h->waited_us);
    kv[n++] = GH_KM("wait_ms", wait_us);
    kv[n++] = GH_KM("work_ms", work_us);
    if (j->in_batch) {
        kv[n++] = GH_KM("db_ms", j->in_batch->trips.db_us);
        kv[n++] = GH_KI("batch", j->in_batch->batch.n);
        const gh_batch_priv_t *b = j->in_batch;
        if (b->shown[0] && b->shown_seq != j->seq) /* PostgreSQL shows the batch under the trace of another */
            kv[n++] = GH_KN("shown_as", gh_trace_id(gh_str(b->shown)));
    }
    return n;
}

/* Of jobs that went well only so many lines are written a second: a line costs more than a small job. */
static bool
may_tell(gh_worker_t *w, const gh_wjob_priv_t *j)
{
    if (j->answer.err != GH_E_NONE)
        return true;
    if (w->job_lines_told >= w->job_lines_most) {
        w->job_lines_left++;
        return false;
    }
    w->job_lines_told++;
    return true;
}

/* A second is over: say what was left out of it. */
static void
next_second(gh_worker_t *w)
{
    int64_t now = gh_mono_ms();
    if (now - w->job_second_ms < 1000)
        return;
    if (w->job_lines_left)
        gh_log(GH_LOG_INFO, "jobs_left_out", GH_KI("jobs", w->job_lines_left));
    w->job_lines_told = w->job_lines_left = 0;
    w->job_second_ms = now;
}

void
gh_trace_answered(gh_wjob_priv_t *j, int64_t work_us)
{
    gh_worker_t *w = j->link->pool->worker;
    bool line = w->job_level >= 0 && gh_log_enabled((gh_log_level_t)w->job_level);
    bool slow = w->slow_us > 0 && work_us >= w->slow_us;
    line = line && (slow || may_tell(w, j));
    if (!line && !slow)
        return;
    char id[37], statements[STATEMENTS_MAX];
    gh_kv_t kv[JOB_FIELDS + 2];
    size_t n = fields(j, work_us, kv, id);
    kv[n] = (gh_kv_t){0};
    if (line)
        gh_log_append(&w->job_lines, GH_LOG_JOB, (gh_log_level_t)w->job_level, "job", kv);
    if (slow) {
        if (j->in_batch)
            kv[n++] = GH_KN("statements", trips_text(&j->in_batch->trips, statements));
        kv[n] = (gh_kv_t){0};
        gh_log_kv(GH_LOG_JOB, GH_LOG_WARN, "slow_job", kv);
    }
    if (w->job_lines.n > LINES_MAX || !gh_buf_ok(&w->job_lines))
        gh_trace_flush(w);
}

void
gh_trace_flush(gh_worker_t *w)
{
    next_second(w);
    if (w->job_lines.n == 0)
        return;
    gh_log_write(GH_LOG_JOB, &w->job_lines);
    gh_buf_clear(&w->job_lines);
}

void
gh_trace_failed(gh_wjob_priv_t *j, const gh_pg_error_t *e)
{
    char id[37], calls[GH_BACKTRACE_TEXT], statements[STATEMENTS_MAX];
    gh_str_t asked = j->in_batch ? trips_text(&j->in_batch->trips, statements) : (gh_str_t){0};
    j->failure_told = true;
    gh_backtrace_text(1, calls);
    gh_log(GH_LOG_ERROR, "internal_error", GH_KN("request_id", gh_job_request_id(j, id)),
           GH_KN("trace", j->job.head.trace), GH_KB("job", ((gh_str_t){(const char *)j->job.head.id, 16})),
           GH_KS("pool", j->link->pool->def->name), GH_KN("op", j->job.head.op),
           GH_KI("attempt", j->job.head.attempt), GH_KI("tries", j->tries),
           GH_KS("sqlstate", e ? e->sqlstate : ""), GH_KS("constraint", e ? e->constraint : ""),
           GH_KS("table", e ? e->table : ""), GH_KS("routine", e ? e->routine : ""),
           GH_KS("where", e ? e->where : ""), GH_KN("statements", asked), GH_KS("backtrace", calls));
}

/* ---- the database */

bool
gh_trace_wanted(const gh_batch_priv_t *b, const gh_wjob_priv_t *j)
{
    gh_str_t trace = j->job.head.trace;
    return b->lane && (b->kind == GH_OP_WRITE ? gh_trace_id(trace).n > 0 : gh_trace_sampled(trace));
}

void
gh_trace_put(gh_batch_priv_t *b, const gh_wjob_priv_t *j, size_t others)
{
    char name[80], more[24] = "";
    gh_str_t id = gh_trace_id(j->job.head.trace);
    if (others)
        snprintf(more, sizeof more, "+%zu", others);
    snprintf(name, sizeof name, "%s %.*s%s", b->pool->app_name, (int)id.n, id.p, more);
    snprintf(b->shown, sizeof b->shown, "%.*s", (int)j->job.head.trace.n, j->job.head.trace.p);
    b->shown_seq = j->seq;
    gh_batch_ask(b, "rt_trace", 1, (const char *[]){name});
}

const char *
gh_batch_trace(gh_batch_t *b)
{
    gh_str_t trace = b->priv->shown[0] ? gh_str(b->priv->shown)
                     : b->n            ? b->jobs[0]->head.trace
                                       : (gh_str_t){0};
    return gh_trace_id(trace).n ? gh_batch_dup(b, trace).p : NULL;
}

void
gh_trace_begin(gh_batch_priv_t *b)
{
    if (b->batch.n && gh_trace_wanted(b, gh_priv(b->batch.jobs[0])))
        gh_trace_put(b, gh_priv(b->batch.jobs[0]), b->batch.n - 1);
}
