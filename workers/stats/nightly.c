/*
 * workers/stats/nightly.c - the nightly count of registrations as a chain of durable jobs (BR-139 to BR-141)
 *
 *   stats.count_days     what is to be counted: days that ended, sessions touched since; a job for each area
 *   stats.count_area     counts one area; the last one queues the end
 *   stats.close_count    the days are counted from here on; the next run when something is left
 *
 * Each job is a transaction with its effect, the next job and its record: wherever the chain is cut it goes on from there, and what
 * is counted twice is counted the same. Inner operations, sent by the jobs pool alone (workers/jobs/recurring.c).
 */
#include "workers/stats/stats.h"

#include <libpq-fe.h>

#include "base/log.h"
#include "base/timez.h"
#include "domain/later.h"
#include "worker/args.h"

static void
later(gh_batch_t *b, const char *op, int64_t run, int64_t area, const char *key)
{
    gh_buf_t args GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_mpw_map(&args, 1);
    gh_mpw_cstr(&args, "body");
    gh_mpw_map(&args, 2);
    gh_mpw_cstr(&args, "run");
    gh_mpw_int(&args, run);
    gh_mpw_cstr(&args, "area");
    gh_mpw_int(&args, area);
    gh_later_put(b,
                 &(gh_later_t){.kind = "maintenance",
                               .op = op,
                               .service = "stats",
                               .args = gh_buf_view(&args),
                               .unique_key = key,
                               .priority = GH_PRIO_BATCH},
                 NULL);
}

static void
answer(gh_batch_t *b, const char *member, int64_t value)
{
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_buf_printf(&out, "{\"%s\":%lld}", member, (long long)value);
    gh_job_ok(b, b->jobs[0], 0, gh_buf_view(&out));
}

static int64_t
arg(const gh_batch_t *b, const char *name)
{
    int64_t value = 0;
    return gh_mp_int(gh_mp_path(b->jobs[0]->args, name), &value) ? value : 0;
}

/* Phase 0 waits for the job record, phase 1 asks, phase 2 has the answer: a job that was done before asks nothing. */
static gh_step_t
ask(gh_batch_t *b, const char *statement, int n, const char *const *params)
{
    if (b->phase == 0)
        return GH_STEP_MORE;
    if (b->jobs[0]->done)
        return GH_STEP_DONE;
    gh_batch_query(b, statement, n, params);
    return gh_batch_ok(b) ? GH_STEP_MORE : GH_STEP_FAIL;
}

gh_step_t
gh_count_days(gh_batch_t *b)
{
    if (b->phase < 2)
        return ask(b, "begin_count", 2,
                   (const char *[]){gh_text_day(b, gh_tz_day(b->now_us)), gh_text_time(b, b->now_us)});
    const PGresult *r = gh_batch_result(b, 0);
    for (int row = 0; row < PQntuples(r); row++)
        later(b, "stats.count_area", gh_pg_i64(r, row, 0, 0), gh_pg_i64(r, row, 1, 0), NULL);
    answer(b, "areas", PQntuples(r));
    return gh_batch_ok(b) ? GH_STEP_DONE : GH_STEP_FAIL;
}

gh_step_t
gh_count_area(gh_batch_t *b)
{
    int64_t run = arg(b, "body.run");
    if (b->phase < 2)
        return ask(b, "count_area", 3,
                   (const char *[]){gh_text_i64(b, run), gh_text_i64(b, arg(b, "body.area")),
                                    gh_text_time(b, b->now_us)});
    int64_t left = gh_pg_i64(gh_batch_result(b, 0), 0, 0, -1);
    if (left == 0)
        later(b, "stats.close_count", run, 0, NULL);
    answer(b, "left", left);
    return gh_batch_ok(b) ? GH_STEP_DONE : GH_STEP_FAIL;
}

gh_step_t
gh_close_count(gh_batch_t *b)
{
    if (b->phase < 2)
        return ask(b, "close_count", 2,
                   (const char *[]){gh_text_i64(b, arg(b, "body.run")), gh_text_time(b, b->now_us)});
    const PGresult *r = gh_batch_result(b, 0);
    int64_t differed = gh_pg_i64(r, 0, 1, 0);
    if (differed > 0)
        gh_log(GH_LOG_WARN, "statistics_differed", GH_KI("sessions", differed));
    if (gh_pg_bool(r, 0, 2))
        later(b, "stats.count_days", 0, 0, "statistics");
    answer(b, "days", gh_pg_i64(r, 0, 0, 0));
    return gh_batch_ok(b) ? GH_STEP_DONE : GH_STEP_FAIL;
}
