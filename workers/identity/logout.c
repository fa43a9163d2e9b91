/*
 * workers/identity/logout.c - ending sessions at once, on all fronts (BR-07, R-30, R-34)
 *
 *   identity.close_session      the token's session; a token that is dead already, or none, is a success too
 *   identity.v1_logout_session  the token's session, the one of a refresh token of the same user, or all of the user's
 *   identity.v1_revoke_session  one of the user's sessions by its id (AU-10)
 *
 * phase 0 locks the sessions, phase 1 ends them; the event leaves after the commit.
 */
#include "base/uuid7.h"
#include "db/arrays.h"
#include "workers/identity/identity.h"

#define SECOND_US INT64_C(1000000)

static bool
by_id(const gh_wjob_t *job)
{
    return gh_str_is(job->head.op, "identity.v1_revoke_session");
}

static gh_step_t
reply(gh_batch_t *b)
{
    gh_wjob_t *job = b->jobs[0];
    bool v1 = by_id(job) || gh_str_is(job->head.op, "identity.v1_logout_session");
    gh_job_ok(b, job, 0, v1 ? GH_STR("null") : GH_STR("\"登出成功\""));
    return GH_STEP_DONE;
}

/* The sessions that the caller names, as an array literal; NULL when memory ran out. */
static const char *
named(gh_batch_t *b, gh_pgarr_t *ids)
{
    const gh_wjob_t *job = b->jobs[0];
    const gh_actor_ref_t *actor = &job->head.actor;
    gh_str_t text = gh_arg_text(job, "refresh_token");
    gh_token_t token;
    if (by_id(job)) {
        uint8_t sid[16];
        if (gh_mp_str(gh_mp_path(job->args, "path.sid"), &text) && gh_uuid_parse(text, sid) == 0)
            gh_pgarr_uuid(ids, sid);
        return gh_pgarr_literal(ids);
    }
    if (actor->session.n == 16)
        gh_pgarr_uuid(ids, (const uint8_t *)actor->session.p);
    if (text.n &&
        gh_token_verify(gh_identity_of(b)->keys, text, true, b->now_us / SECOND_US, &token) == GH_E_NONE &&
        token.user_id == actor->user_id)
        gh_pgarr_uuid(ids, token.sid);
    return gh_pgarr_literal(ids);
}

static gh_step_t
lock(gh_batch_t *b)
{
    gh_wjob_t *job = b->jobs[0];
    gh_pgarr_t ids GH_CLEANUP(gh_pgarr_fini) = {0};
    bool all = false;
    if (!job->head.has_actor || job->head.actor.user_id <= 0) {
        gh_job_no_effect(job);
        return reply(b);
    }
    if (!gh_mp_bool(gh_mp_path(job->args, "body.all"), &all))
        all = false;
    const char *user = gh_text_i64(b, job->head.actor.user_id), *sids = named(b, &ids);
    if (!sids)
        return GH_STEP_FAIL;
    gh_batch_query(b, "login_lock_user", 1,
                   (const char *[]){user}); /* no new session until this has ended them */
    gh_batch_query(b, "logout_lock", 3, (const char *[]){user, sids, all ? "t" : "f"});
    return GH_STEP_MORE;
}

static gh_step_t
end_sessions(gh_batch_t *b)
{
    int n = gh_end_sessions(b, gh_batch_result(b, 1), "logout");
    if (n < 0)
        return GH_STEP_FAIL;
    if (n == 0 && by_id(b->jobs[0])) {
        gh_job_refuse(b, b->jobs[0], GH_E_NOT_FOUND, NULL);
        return GH_STEP_DONE;
    }
    if (n == 0)
        gh_job_no_effect(b->jobs[0]);
    return reply(b);
}

gh_step_t
gh_logout(gh_batch_t *b)
{
    if (b->jobs[0]->done)
        return GH_STEP_DONE;
    return b->phase == 0 ? lock(b) : end_sessions(b);
}
