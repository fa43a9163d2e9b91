/*
 * workers/identity/oauth.c - POST /auth/token (OA-01): the grants of RFC 6749
 */
#include "workers/identity/identity.h"

gh_step_t
gh_oauth_token(gh_batch_t *b)
{
    gh_wjob_t *job = b->jobs[0];
    gh_str_t grant = gh_arg_text(job, "grant_type");
    bool refresh = gh_str_is(grant, "refresh_token");
    if (b->phase > 0)
        return refresh ? gh_refresh_oauth(b) : gh_login_oauth(b);
    gh_job_header(b, job, "Pragma", "no-cache");
    if (!refresh && grant.n && !gh_str_is(grant, "password")) {
        gh_job_refuse(b, job, GH_E_OAUTH_UNSUPPORTED_GRANT_TYPE, NULL);
        return GH_STEP_DONE;
    }
    bool complete = refresh ? gh_arg_has(job, "refresh_token")
                            : gh_arg_has(job, "username") && gh_arg_has(job, "password");
    if (!complete) {
        gh_job_refuse(b, job, GH_E_OAUTH_INVALID_REQUEST, NULL);
        return GH_STEP_DONE;
    }
    return refresh ? gh_refresh_oauth(b) : gh_login_oauth(b);
}
