/*
 * workers/identity/oauth_tokens.c - POST /auth/revoke (OA-02, RFC 7009) and POST /auth/introspect (OA-03, RFC 7662)
 *
 * Revoking a token, of either kind, ends its session; whoever holds it may, and one that is unknown or dead is a
 * success. Introspection is for callers with system:read, and for everybody about tokens of the own account.
 */
#include <libpq-fe.h>
#include <stdio.h>

#include "base/uuid7.h"
#include "db/arrays.h"
#include "workers/identity/identity.h"

#define SECOND_US INT64_C(1000000)

/* Read a token of either kind. False: it is none of ours. expired: its time is over. */
static bool
read_token(const gh_batch_t *b, gh_str_t text, gh_token_t *token, bool *expired)
{
    const gh_token_keys_t *keys = gh_identity_of(b)->keys;
    gh_err_t err = gh_token_verify(keys, text, false, b->now_us / SECOND_US, token);
    if (err == GH_E_TOKEN_INVALID)
        err = gh_token_verify(keys, text, true, b->now_us / SECOND_US, token);
    *expired = err == GH_E_TOKEN_EXPIRED;
    return err == GH_E_NONE || *expired;
}

/* ---- revoke */

static gh_step_t
revoked(gh_batch_t *b, bool effect)
{
    if (!effect)
        gh_job_no_effect(b->jobs[0]);
    gh_job_header(b, b->jobs[0], "Cache-Control", "no-store");
    gh_job_ok(b, b->jobs[0], 0, (gh_str_t){0});
    return GH_STEP_DONE;
}

static gh_step_t
find_session(gh_batch_t *b)
{
    gh_wjob_t *job = b->jobs[0];
    gh_str_t text = gh_arg_text(job, "token"), hint = gh_arg_text(job, "token_type_hint");
    gh_pgarr_t ids GH_CLEANUP(gh_pgarr_fini) = {0};
    gh_token_t token;
    bool expired;
    if (text.n == 0) {
        gh_job_refuse(b, job, GH_E_OAUTH_INVALID_REQUEST, NULL);
        return GH_STEP_DONE;
    }
    if (hint.n && !gh_str_is(hint, "access_token") && !gh_str_is(hint, "refresh_token")) {
        gh_job_refuse(b, job, GH_E_OAUTH_UNSUPPORTED_TOKEN_TYPE, NULL);
        return GH_STEP_DONE;
    }
    if (!read_token(b, text, &token, &expired))
        return revoked(b, false);
    gh_pgarr_uuid(&ids, token.sid);
    const char *sids = gh_pgarr_literal(&ids), *user = gh_text_i64(b, token.user_id);
    if (!sids)
        return GH_STEP_FAIL;
    gh_batch_query(b, "login_lock_user", 1, (const char *[]){user});
    gh_batch_query(b, "logout_lock", 3, (const char *[]){user, sids, "f"});
    return GH_STEP_MORE;
}

gh_step_t
gh_oauth_revoke(gh_batch_t *b)
{
    if (b->jobs[0]->done)
        return GH_STEP_DONE;
    if (b->phase == 0)
        return find_session(b);
    int n = gh_end_sessions(b, gh_batch_result(b, 1), "revoked");
    return n < 0 ? GH_STEP_FAIL : revoked(b, n > 0);
}

/* ---- introspect */

typedef struct asked {
    gh_token_t token;
    bool known, expired;
} asked_t;

static gh_step_t
ask(gh_batch_t *b)
{
    gh_wjob_t *job = b->jobs[0];
    asked_t *self = gh_batch_alloc(b, sizeof *self);
    const char *user = NULL, *sid = NULL;
    char hash[65];
    b->state = self;
    if (gh_arg_text(job, "token").n == 0) {
        gh_job_refuse(b, job, GH_E_OAUTH_INVALID_REQUEST, NULL);
        return GH_STEP_DONE;
    }
    self->known = read_token(b, gh_arg_text(job, "token"), &self->token, &self->expired);
    if (self->known && gh_jti_hash(self->token.jti, hash))
        return GH_STEP_FAIL;
    if (self->known) {
        user = gh_text_i64(b, self->token.user_id);
        sid = gh_text_uuid(b, self->token.sid);
    }
    gh_batch_query(b, "introspect", 5,
                   (const char *[]){gh_text_i64(b, job->head.actor.user_id), user, sid,
                                    self->known && self->token.refresh ? hash : NULL,
                                    gh_text_time(b, b->now_us)});
    return GH_STEP_MORE;
}

static void
put_token(gh_json_t *j, const gh_token_t *token, gh_str_t username)
{
    char sub[24];
    snprintf(sub, sizeof sub, "%lld", (long long)token->user_id);
    gh_json_kbool(j, "active", true);
    gh_json_kcstr(j, "sub", sub);
    gh_json_kstr(j, "username", username);
    gh_json_ki64(j, "exp", token->exp);
    gh_json_ki64(j, "iat", token->iat);
    gh_json_kcstr(j, "scope", "");
    gh_json_kcstr(j, "token_type", token->refresh ? "refresh_token" : "Bearer");
}

static gh_step_t
tell(gh_batch_t *b, const asked_t *self)
{
    gh_wjob_t *job = b->jobs[0];
    const PGresult *r = gh_batch_result(b, 0);
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;
    gh_job_header(b, job, "Cache-Control", "no-store");
    if (!gh_pg_bool(r, 0, 0)) {
        gh_job_refuse(b, job, GH_E_OAUTH_INVALID_CLIENT, NULL);
        return GH_STEP_DONE;
    }
    gh_json_init(&j, &out);
    gh_json_obj(&j);
    if (self->known && !self->expired && gh_pg_bool(r, 0, 1))
        put_token(&j, &self->token, gh_pg_str(r, 0, 2));
    else
        gh_json_kbool(&j, "active", false);
    gh_json_obj_end(&j);
    if (!gh_buf_ok(&out))
        return GH_STEP_FAIL;
    gh_job_ok(b, job, 0, gh_buf_view(&out));
    return GH_STEP_DONE;
}

gh_step_t
gh_oauth_introspect(gh_batch_t *b)
{
    if (b->jobs[0]->done)
        return GH_STEP_DONE;
    return b->phase == 0 ? ask(b) : tell(b, b->state);
}
