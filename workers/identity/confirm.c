/*
 * workers/identity/confirm.c - GET /auth/verifyEmail: the link in the mail of a registration (api/01 section 1.3)
 *
 * Opening it a second time within its life is a success too: mail programs open links before their readers do.
 */
#include <libpq-fe.h>

#include "db/arrays.h"
#include "workers/identity/identity.h"

#define SECOND_US INT64_C(1000000)

static gh_step_t
refuse(gh_batch_t *b)
{
    gh_job_refuse(b, b->jobs[0], GH_E_EMAIL_LINK_INVALID, NULL);
    return GH_STEP_DONE;
}

static gh_step_t
find(gh_batch_t *b)
{
    char address[GH_TOKEN_ADDRESS];
    gh_str_t token;
    if (!gh_mp_str(gh_mp_path(b->jobs[0]->args, "query.token"), &token) ||
        gh_token_verify_mail(gh_identity_of(b)->keys, token, b->now_us / SECOND_US, address) != GH_E_NONE)
        return refuse(b);
    gh_batch_query(b, "confirm_find", 2, (const char *[]){address, gh_text_time(b, b->now_us)});
    return GH_STEP_MORE;
}

static gh_step_t
confirm(gh_batch_t *b)
{
    const PGresult *r = gh_batch_result(b, 0);
    if (PQntuples(r) == 0)
        return refuse(b);
    if (gh_pg_bool(r, 0, 1))
        gh_job_no_effect(b->jobs[0]);
    else {
        const char *id = gh_text_i64(b, gh_pg_i64(r, 0, 0, 0));
        gh_batch_query(b, "confirm_write", 2, (const char *[]){id, gh_text_time(b, b->now_us)});
    }
    gh_job_ok(b, b->jobs[0], 0, GH_STR("{\"detail\":\"邮箱验证成功\"}"));
    return GH_STEP_DONE;
}

gh_step_t
gh_confirm_email(gh_batch_t *b)
{
    if (b->jobs[0]->done)
        return GH_STEP_DONE;
    return b->phase == 0 ? find(b) : confirm(b);
}
