/*
 * workers/identity/refresh.c - refresh tokens that work once, on every surface (OA-01, AU-03)
 *
 * Phase 0 reads the session; phase 1, under the session's row lock, either exchanges the token (the old one is burnt, the
 * session goes on) or ends the session because a burnt token came again.
 */
#include <libpq-fe.h>

#include "base/uuid7.h"
#include "db/arrays.h"
#include "workers/identity/identity.h"
#include "workers/identity/login_rules.h"

#define SECOND_US INT64_C(1000000)

typedef struct refresh {
    gh_shape_t shape;
    gh_token_t token;
    char hash[65];
    const char *sid, *user_id, *now;
} refresh_t;

/* Columns of refresh_find. */
enum {
    C_CURRENT,
    C_BURNT_AT,
    C_REVOKED,
    C_EXPIRED,
    C_ACCESS_UNTIL,
    C_WELCOME,
    C_ROLES,
    C_LIVE_HASH,
    C_BRIEF
};

/* RFC 6749 knows one word for all of them. */
static gh_step_t
refuse(gh_batch_t *b, gh_err_t err)
{
    const refresh_t *self = b->state;
    gh_job_refuse(b, b->jobs[0], self->shape == GH_SHAPE_OAUTH ? GH_E_OAUTH_INVALID_GRANT : err, NULL);
    return GH_STEP_DONE;
}

static gh_step_t
find(gh_batch_t *b, gh_shape_t shape)
{
    refresh_t *self = gh_batch_alloc(b, sizeof *self);
    self->shape = shape;
    b->state = self;
    gh_err_t err = gh_token_verify(gh_identity_of(b)->keys, gh_arg_text(b->jobs[0], "refresh_token"), true,
                                   b->now_us / SECOND_US, &self->token);
    if (err != GH_E_NONE)
        return refuse(b, err);
    if (gh_jti_hash(self->token.jti, self->hash))
        return GH_STEP_FAIL;
    self->sid = gh_text_uuid(b, self->token.sid);
    self->user_id = gh_text_i64(b, self->token.user_id);
    self->now = gh_text_time(b, b->now_us);
    gh_batch_query(b, "refresh_find", 4, (const char *[]){self->sid, self->user_id, self->hash, self->now});
    return GH_STEP_MORE;
}

/* Take the session's row lock; start over when it is no longer as it was read. */
static void
lock_session(gh_batch_t *b, const refresh_t *self, const PGresult *r)
{
    const char *live = gh_text(b, gh_pg_str(r, 0, C_LIVE_HASH));
    const char *until = gh_text_i64(b, gh_pg_i64(r, 0, C_ACCESS_UNTIL, 0));
    gh_batch_query(b, "refresh_check", 3, (const char *[]){self->sid, live, until});
}

static gh_step_t
rotate(gh_batch_t *b, const refresh_t *self, const PGresult *r)
{
    gh_pair_t *pair = gh_batch_alloc(b, sizeof *pair);
    gh_str_t roles = gh_batch_dup(b, gh_pg_str(r, 0, C_ROLES));
    if (gh_pair_issue(b, GH_SURFACE_OAUTH, self->token.user_id, self->token.sid, roles, (gh_str_t){0}, pair))
        return GH_STEP_FAIL;
    pair->cookie = self->shape == GH_SHAPE_PAIR && gh_arg_flag(b->jobs[0], "use_cookie");
    lock_session(b, self, r);
    gh_session_renew(b, pair);
    gh_pair_reply(b, b->jobs[0], self->shape, pair, gh_pg_str(r, 0, C_BRIEF));
    return GH_STEP_DONE;
}

static gh_step_t
end_session(gh_batch_t *b, const refresh_t *self, const PGresult *r)
{
    gh_pgarr_t ids GH_CLEANUP(gh_pgarr_fini) = {0};
    gh_pgarr_uuid(&ids, self->token.sid);
    const char *sids = gh_pgarr_literal(&ids);
    if (!sids || gh_revoke_publish(b, self->token.sid, gh_pg_i64(r, 0, C_ACCESS_UNTIL, 0)))
        return GH_STEP_FAIL;
    lock_session(b, self, r);
    gh_batch_query(b, "sessions_end", 3, (const char *[]){sids, self->now, "refresh_reused"});
    return refuse(b, GH_E_REFRESH_REUSED);
}

static gh_step_t
answer(gh_batch_t *b, const refresh_t *self)
{
    const PGresult *r = gh_batch_result(b, 0);
    if (PQntuples(r) == 0)
        return refuse(b, GH_E_REFRESH_INVALID);
    const gh_job_head_t *head = &b->jobs[0]->head;
    gh_refresh_facts_t facts = {
        .current = gh_pg_bool(r, 0, C_CURRENT),
        .burnt_at_us = gh_pg_time(r, 0, C_BURNT_AT, 0),
        .revoked = gh_pg_bool(r, 0, C_REVOKED),
        .expired = gh_pg_bool(r, 0, C_EXPIRED),
        .welcome = gh_pg_bool(r, 0, C_WELCOME),
        .redelivered = head->attempt > 0 || head->resend,
    };
    facts.burnt = facts.burnt_at_us != 0;
    switch (gh_refresh_decide(&facts, b->now_us)) {
    case GH_REFRESH_ROTATE:
        return rotate(b, self, r);
    case GH_REFRESH_REVOKE:
        return end_session(b, self, r);
    default:
        return refuse(b, gh_refresh_error(&facts));
    }
}

static gh_step_t
step(gh_batch_t *b, gh_shape_t shape)
{
    if (b->jobs[0]->done)
        return GH_STEP_DONE;
    return b->phase == 0 ? find(b, shape) : answer(b, b->state);
}

gh_step_t
gh_refresh_oauth(gh_batch_t *b)
{
    return step(b, GH_SHAPE_OAUTH);
}

gh_step_t
gh_refresh_v1(gh_batch_t *b)
{
    return step(b, GH_SHAPE_PAIR);
}
