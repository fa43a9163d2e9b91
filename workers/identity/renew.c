/*
 * workers/identity/renew.c - POST /auth/refresh-token: a new token for the one that is presented (api/01 section 1.2, BR-05)
 *
 * phase 0 reads which sessions the new one ends: that of the token, and those that a sign-in would end; phase 1 ends them
 * and opens the new one, unless anything has changed meanwhile. A TASK, because the runtime would keep the reply of a WRITE.
 */
#include <libpq-fe.h>

#include "base/uuid7.h"
#include "db/arrays.h"
#include "workers/identity/identity.h"

typedef struct renew {
    const char *user, *sid, *now;
} renew_t;

static gh_step_t
find(gh_batch_t *b)
{
    const gh_actor_ref_t *actor = &b->jobs[0]->head.actor;
    renew_t *self = gh_batch_alloc(b, sizeof *self);
    b->state = self;
    if (actor->session.n != 16) {
        gh_job_refuse(b, b->jobs[0], GH_E_TOKEN_INVALID, NULL);
        return GH_STEP_DONE;
    }
    self->user = gh_text_i64(b, actor->user_id);
    self->sid = gh_text_uuid(b, (const uint8_t *)actor->session.p);
    self->now = gh_text_time(b, b->now_us);
    gh_batch_query(b, "renew_find", 3, (const char *[]){self->sid, self->user, self->now});
    gh_batch_query(b, "renew_former", 3, (const char *[]){self->sid, self->user, self->now});
    return GH_STEP_MORE;
}

static gh_step_t
exchange(gh_batch_t *b, const renew_t *self)
{
    const PGresult *r = gh_batch_result(b, 0);
    gh_pgarr_t ids GH_CLEANUP(gh_pgarr_fini) = {0};
    gh_pair_t *pair = gh_batch_alloc(b, sizeof *pair);
    uint8_t sid[16];
    if (PQntuples(r) == 0) { /* ended since the front looked, or the account may not sign in */
        gh_job_refuse(b, b->jobs[0], GH_E_TOKEN_REVOKED, NULL);
        return GH_STEP_DONE;
    }
    gh_str_t roles = gh_batch_dup(b, gh_pg_str(r, 0, 0));
    const char *former = gh_revoke_rows(b, gh_batch_result(b, 1), &ids);
    gh_uuid7_new(sid);
    if (!former ||
        gh_pair_issue(b, GH_SURFACE_BJTU, b->jobs[0]->head.actor.user_id, sid, roles, (gh_str_t){0}, pair))
        return GH_STEP_FAIL;
    gh_batch_query(b, "login_lock_user", 1, (const char *[]){self->user});
    gh_batch_query(b, "renew_check", 4, (const char *[]){self->sid, self->user, self->now, former});
    gh_batch_query(b, "sessions_end", 3, (const char *[]){former, self->now, "replaced"});
    gh_session_open(b, GH_SURFACE_BJTU, pair);
    gh_pair_reply(b, b->jobs[0], GH_SHAPE_TOKEN, pair, (gh_str_t){0});
    return GH_STEP_DONE;
}

gh_step_t
gh_renew_token(gh_batch_t *b)
{
    if (b->jobs[0]->done)
        return GH_STEP_DONE;
    return b->phase == 0 ? find(b) : exchange(b, b->state);
}
