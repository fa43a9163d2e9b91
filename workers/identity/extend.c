/*
 * workers/identity/extend.c - one more access token for a session that goes on: a front asks for it before it serves a
 * request that came with X-Auto-Refresh
 *
 * The refresh token stays as it is. A TASK, because the runtime would keep the reply of a WRITE.
 */
#include <libpq-fe.h>

#include "workers/identity/identity.h"

static gh_step_t
find(gh_batch_t *b)
{
    const gh_actor_ref_t *actor = &b->jobs[0]->head.actor;
    if (actor->session.n != 16) {
        gh_job_refuse(b, b->jobs[0], GH_E_TOKEN_INVALID, NULL);
        return GH_STEP_DONE;
    }
    const char *params[] = {gh_text_uuid(b, (const uint8_t *)actor->session.p),
                            gh_text_i64(b, actor->user_id), gh_text_time(b, b->now_us)};
    gh_batch_query(b, "extend_find", 3, params);
    return GH_STEP_MORE;
}

static gh_step_t
issue(gh_batch_t *b)
{
    const PGresult *r = gh_batch_result(b, 0);
    gh_wjob_t *job = b->jobs[0];
    const gh_actor_ref_t *actor = &job->head.actor;
    const uint8_t *sid = (const uint8_t *)actor->session.p;
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;
    gh_str_t token;
    int64_t exp;
    if (PQntuples(r) == 0) {
        gh_job_refuse(b, job, GH_E_TOKEN_REVOKED, NULL);
        return GH_STEP_DONE;
    }
    gh_str_t roles = gh_batch_dup(b, gh_pg_str(r, 0, 0));
    if (gh_access_issue(b, actor->user_id, sid, roles, gh_pg_i64(r, 0, 1, 0), &token, &exp))
        return GH_STEP_FAIL;
    gh_batch_query(b, "extend_session", 3,
                   (const char *[]){gh_text_uuid(b, sid), gh_text_i64(b, exp), gh_text_time(b, b->now_us)});
    gh_json_init(&j, &out);
    gh_json_obj(&j);
    gh_json_kstr(&j, "token", token);
    gh_json_ki64(&j, "expires_in", exp - b->now_us / 1000000);
    gh_json_obj_end(&j);
    if (!gh_buf_ok(&out))
        return GH_STEP_FAIL;
    gh_job_ok(b, job, 0, gh_buf_view(&out));
    return GH_STEP_DONE;
}

gh_step_t
gh_extend_access(gh_batch_t *b)
{
    if (b->jobs[0]->done)
        return GH_STEP_DONE;
    return b->phase == 0 ? find(b) : issue(b);
}
