/*
 * workers/stats/keep.c - once a day: partitions of user_access_log are made ahead and dropped (decisions 14), accounts counted anew
 *
 * An inner operation, sent by the jobs pool (workers/jobs/recurring.c).
 */
#include "workers/stats/stats.h"

#include <libpq-fe.h>

#include "base/log.h"
#include "worker/args.h"

gh_step_t
gh_keep_requests(gh_batch_t *b)
{
    if (b->phase == 0)
        return GH_STEP_MORE;
    if (b->phase == 1) {
        const char *params[] = {gh_text_time(b, b->now_us),
                                gh_conf_text(gh_worker_conf(b->worker), "accesslog.keep_days")};
        if (b->jobs[0]->done)
            return GH_STEP_DONE;
        gh_batch_query(b, "keep_requests", 2, params);
        return gh_batch_ok(b) ? GH_STEP_MORE : GH_STEP_FAIL;
    }
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    const PGresult *r = gh_batch_result(b, 0);
    int64_t strays = gh_pg_i64(r, 0, 2, 0);
    if (strays > 0) /* rows of no month that has a partition: a clock is wrong, or nobody made one in time */
        gh_log(GH_LOG_WARN, "default_partition", GH_KS("table", "user_access_log"), GH_KI("rows", strays));
    gh_buf_printf(&out, "{\"made\":%lld,\"dropped\":%lld,\"strays\":%lld}", (long long)gh_pg_i64(r, 0, 0, 0),
                  (long long)gh_pg_i64(r, 0, 1, 0), (long long)strays);
    gh_job_ok(b, b->jobs[0], 0, gh_buf_view(&out));
    return GH_STEP_DONE;
}
