/*
 * workers/stats/record.c - the requests that fronts gathered become rows of user_access_log
 *
 * A job is one front's batch: columns of equal length (front/rows.c). Jobs are carried out one transaction after the other,
 * over all workers, so that repeats which came through different fronts are seen.
 */
#include "workers/stats/stats.h"

static void
store(gh_batch_t *b, gh_wjob_t *job)
{
    gh_buf_t columns GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_mp_to_json(gh_mp_get(job->args, "body"), &columns);
    const char *text = gh_buf_cstr(&columns);
    if (!text) {
        gh_job_refuse(b, job, GH_E_INTERNAL, NULL);
        return;
    }
    gh_batch_query(b, "record_requests", 1, &text);
    gh_job_ok(b, job, 0, GH_STR("null"));
}

gh_step_t
gh_record_requests(gh_batch_t *b)
{
    if (b->phase == 0) {
        gh_batch_query(b, "record_lock", 0, NULL);
        return GH_STEP_MORE;
    }
    for (size_t i = 0; i < b->n; i++)
        if (!b->jobs[i]->done)
            store(b, b->jobs[i]);
    return GH_STEP_DONE;
}
