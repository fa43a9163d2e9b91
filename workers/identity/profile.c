/*
 * workers/identity/profile.c - /auth/user-info: the caller's patient and doctor profiles
 *
 * The identity number is sealed in its column (decisions 22): phase 0 reads it, phase 1 opens and masks it (BR-112), the
 * statement of phase 1 makes the reply with it.
 */
#include <libpq-fe.h>

#include "base/timez.h"
#include "db/arrays.h"
#include "domain/national_id.h"
#include "workers/identity/identity.h"
#include "workers/identity/login_rules.h"

static gh_step_t
read_sealed(gh_batch_t *b)
{
    for (size_t i = 0; i < b->n; i++) {
        const char *user = gh_text_i64(b, b->jobs[i]->head.actor.user_id);
        gh_batch_query(b, "user_info_sealed", 1, (const char *[]){user});
    }
    return GH_STEP_MORE;
}

/* Phase 1: of job i the result i; queues its reply statement, whose index goes into *at. */
static void
make(gh_batch_t *b, size_t i, const char *today, size_t *at)
{
    gh_wjob_t *job = b->jobs[i];
    const PGresult *r = gh_batch_result(b, i);
    char masked[GH_MASKED_ID];
    gh_str_t hex = PQntuples(r) ? gh_pg_str(r, 0, 1) : (gh_str_t){0};
    if (hex.p && gh_national_id_masked(gh_identity_of(b)->seal, gh_pg_i64(r, 0, 0, 0), hex, masked)) {
        gh_job_refuse(b, job, GH_E_USER_INFO_FAILED, NULL);
        return;
    }
    const char *params[] = {gh_text_i64(b, job->head.actor.user_id), today, gh_tz_name(),
                            gh_conf_str(gh_worker_conf(b->worker), "hospital.name"), hex.p ? masked : NULL};
    *at = gh_batch_query(b, "user_info", 5, params);
}

static gh_step_t
make_all(gh_batch_t *b)
{
    char today[GH_TEXT_DATE];
    size_t *at = gh_batch_alloc(b, b->n * sizeof *at);
    gh_day_text(gh_tz_day(b->now_us), today);
    b->state = at;
    for (size_t i = 0; i < b->n; i++)
        if (!b->jobs[i]->done)
            make(b, i, today, &at[i]);
    return gh_batch_ok(b) ? GH_STEP_MORE : GH_STEP_FAIL;
}

static gh_step_t
answer_all(gh_batch_t *b)
{
    const size_t *at = b->state;
    for (size_t i = 0; i < b->n; i++) {
        gh_wjob_t *job = b->jobs[i];
        if (job->done)
            continue;
        const PGresult *r = gh_batch_result(b, at[i]);
        if (PQntuples(r) == 1)
            gh_job_ok(b, job, 0, gh_pg_str(r, 0, 0));
        else
            gh_job_refuse(b, job, GH_E_TOKEN_USER_GONE, NULL);
    }
    return GH_STEP_DONE;
}

gh_step_t
gh_user_info(gh_batch_t *b)
{
    return b->phase == 0 ? read_sealed(b) : b->phase == 1 ? make_all(b) : answer_all(b);
}
