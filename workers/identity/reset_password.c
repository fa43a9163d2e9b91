/*
 * workers/identity/reset_password.c - POST /api/v1/auth/reset (AU-06; ): a new password for a token
 *
 *   find    the token; has this very job used it before?
 *   facts   of its account
 *   try     on a thread: was the new one used before, its hash
 *   list    all sessions of the account, which end
 *   write   under locks: token used, password set, sessions ended, failures forgotten
 */
#include <libpq-fe.h>

#include "base/hash.h"
#include "db/arrays.h"
#include "workers/identity/new_password.h"

#define OP "identity.v1_reset_password"

typedef struct reset {
    enum { FOUND, FACTS, TRIED, LISTED } next; /* what the results of the phase before are */
    gh_new_password_t password;
    char token_hash[65];
    const char *job, *field;
    gh_str_t wanted;
} reset_t;

static gh_step_t
refuse(gh_batch_t *b)
{
    gh_job_refuse(b, b->jobs[0], GH_E_RESET_TOKEN_INVALID, NULL);
    return GH_STEP_DONE;
}

static gh_step_t
answer(gh_batch_t *b)
{
    gh_job_ok(b, b->jobs[0], 0, GH_STR("null"));
    return GH_STEP_DONE;
}

static gh_step_t
find(gh_batch_t *b)
{
    const gh_wjob_t *job = b->jobs[0];
    reset_t *self = gh_batch_alloc(b, sizeof *self);
    gh_str_t token = gh_arg_text(job, "token");
    uint8_t digest[32];
    b->state = self;
    self->job = gh_text_uuid(b, job->head.id);
    self->field = gh_arg_has(job, "new_password") ? "new_password" : "password";
    self->wanted = gh_arg_text(job, self->field);
    if (gh_sha256(token.p, token.n, digest))
        return GH_STEP_FAIL;
    gh_hex(digest, sizeof digest, self->token_hash);
    gh_batch_query(b, "account_mark_find", 2, (const char *[]){self->job, OP});
    gh_batch_query(b, "reset_find", 2, (const char *[]){self->token_hash, gh_text_time(b, b->now_us)});
    self->next = FOUND;
    return GH_STEP_MORE;
}

static gh_step_t
found(gh_batch_t *b, reset_t *self)
{
    const PGresult *token = gh_batch_result(b, 1);
    if (PQntuples(gh_batch_result(b, 0)))
        return answer(b);
    if (PQntuples(token) == 0)
        return refuse(b);
    gh_new_password_ask(b, &self->password, gh_pg_i64(token, 0, 0, 0));
    self->next = FACTS;
    return GH_STEP_MORE;
}

static gh_step_t
facts(gh_batch_t *b, reset_t *self)
{
    if (!gh_new_password_take(b, &self->password, gh_batch_result(b, 0)))
        return refuse(b);
    if (!gh_batch_ok(b))
        return GH_STEP_FAIL;
    self->next = TRIED;
    return gh_new_password_hash(b, &self->password, NULL, self->wanted) ? GH_STEP_WAIT : GH_STEP_DONE;
}

static gh_step_t
tried(gh_batch_t *b, reset_t *self)
{
    gh_hash_took(b, self->password.took_us, self->password.hashes);
    if (!gh_new_password_allowed(b, &self->password, self->field))
        return GH_STEP_DONE;
    gh_new_password_sessions(b, &self->password, NULL);
    self->next = LISTED;
    return GH_STEP_MORE;
}

static gh_step_t
listed(gh_batch_t *b, const reset_t *self)
{
    const gh_new_password_t *p = &self->password;
    if (gh_new_password_write(b, p, NULL, gh_batch_result(b, 0), "password_reset"))
        return GH_STEP_FAIL;
    gh_batch_query(b, "reset_use", 2, (const char *[]){self->token_hash, p->now});
    gh_batch_query(b, "user_unlock", 1, (const char *[]){p->user});
    gh_batch_query(b, "account_mark", 3, (const char *[]){self->job, OP, p->user});
    return answer(b);
}

gh_step_t
gh_reset_password(gh_batch_t *b)
{
    if (b->jobs[0]->done)
        return GH_STEP_DONE;
    if (b->phase == 0)
        return find(b);
    reset_t *self = b->state;
    switch (self->next) {
    case FOUND:
        return found(b, self);
    case FACTS:
        return facts(b, self);
    case TRIED:
        return tried(b, self);
    default:
        return listed(b, self);
    }
}
