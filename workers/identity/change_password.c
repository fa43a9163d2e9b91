/*
 * workers/identity/change_password.c - POST /api/v1/auth/change-password (AU-08)
 *
 *   find    the account; has this very job changed it before?
 *   try     on a thread: is the current one right, was the new one used before, its hash
 *   list    the caller's session and the others, which end
 *   write   under locks; wrong guesses count as those of a sign-in, under every name of the account
 *
 * A job that comes again after its commit finds its mark, and renews the session once more for its reply.
 */
#include <libpq-fe.h>

#include "db/arrays.h"
#include "workers/identity/new_password.h"

#define OP "identity.v1_change_password"

typedef struct change {
    enum { FOUND, TRIED, LISTED } next; /* what the results of the phase before are */
    gh_new_password_t password;
    const char *job, *sid;
    bool again; /* marked: the password is changed already */
} change_t;

static gh_step_t
find(gh_batch_t *b)
{
    const gh_job_head_t *head = &b->jobs[0]->head;
    change_t *self = gh_batch_alloc(b, sizeof *self);
    b->state = self;
    self->job = gh_text_uuid(b, head->id);
    if (head->actor.session.n == 16)
        self->sid = gh_text_uuid(b, (const uint8_t *)head->actor.session.p);
    gh_batch_query(b, "account_mark_find", 2, (const char *[]){self->job, OP});
    gh_new_password_ask(b, &self->password, head->actor.user_id);
    self->next = FOUND;
    return GH_STEP_MORE;
}

static gh_step_t
list(gh_batch_t *b, change_t *self)
{
    gh_batch_query(b, "own_session", 2, (const char *[]){self->sid, self->password.user});
    gh_new_password_sessions(b, &self->password, self->sid);
    self->next = LISTED;
    return GH_STEP_MORE;
}

static gh_step_t
found(gh_batch_t *b, change_t *self)
{
    gh_wjob_t *job = b->jobs[0];
    gh_new_password_t *p = &self->password;
    self->again = PQntuples(gh_batch_result(b, 0)) > 0;
    if (!gh_new_password_take(b, p, gh_batch_result(b, 1))) {
        gh_job_refuse(b, job, GH_E_TOKEN_USER_GONE, NULL);
        return GH_STEP_DONE;
    }
    if (!gh_batch_ok(b))
        return GH_STEP_FAIL;
    if (self->again)
        return list(b, self);
    if (p->locked_until_us) {
        gh_refuse_locked(b, GH_E_ACCOUNT_LOCKED, p->locked_until_us);
        return GH_STEP_DONE;
    }
    self->next = TRIED;
    gh_str_t current = gh_arg_text(job, "current_password");
    return gh_new_password_hash(b, p, &current, gh_arg_text(job, "new_password")) ? GH_STEP_WAIT
                                                                                  : GH_STEP_DONE;
}

static void
lock_names(gh_batch_t *b, const gh_new_password_t *p)
{
    for (int i = 0; i < p->n_names; i++)
        gh_guess_lock(b, p->names[i]);
}

static gh_step_t
tried(gh_batch_t *b, change_t *self)
{
    gh_new_password_t *p = &self->password;
    gh_hash_took(b, p->took_us, p->hashes);
    if (!p->right) {
        lock_names(b, p);
        for (int i = 0; i < p->n_names; i++)
            gh_guess_failed(b, p->names[i]);
        gh_job_refuse(b, b->jobs[0], GH_E_CURRENT_PASSWORD_WRONG, NULL);
        return GH_STEP_DONE;
    }
    return gh_new_password_allowed(b, p, "new_password") ? list(b, self) : GH_STEP_DONE;
}

static gh_step_t
listed(gh_batch_t *b, change_t *self)
{
    const PGresult *own = gh_batch_result(b, 0), *others = gh_batch_result(b, 1);
    const gh_job_head_t *head = &b->jobs[0]->head;
    const gh_new_password_t *p = &self->password;
    gh_pair_t *pair = gh_batch_alloc(b, sizeof *pair);
    if (PQntuples(own) == 0) { /* it was ended a moment ago */
        gh_job_refuse(b, b->jobs[0], GH_E_TOKEN_REVOKED, NULL);
        return GH_STEP_DONE;
    }
    if (gh_pair_issue(b, gh_surface_of(gh_pg_str(own, 0, 0)), p->user_id,
                      (const uint8_t *)head->actor.session.p, p->roles, (gh_str_t){0}, pair))
        return GH_STEP_FAIL;
    pair->cookie = gh_pg_bool(own, 0, 1);
    if (!self->again) {
        lock_names(b, p);
        if (gh_new_password_write(b, p, self->sid, others, "password_changed"))
            return GH_STEP_FAIL;
        gh_batch_query(b, "account_mark", 3, (const char *[]){self->job, OP, p->user});
    }
    gh_session_renew(b, pair);
    gh_pair_reply(b, b->jobs[0], GH_SHAPE_PAIR, pair, p->brief);
    return GH_STEP_DONE;
}

gh_step_t
gh_change_password(gh_batch_t *b)
{
    if (b->jobs[0]->done)
        return GH_STEP_DONE;
    if (b->phase == 0)
        return find(b);
    change_t *self = b->state;
    switch (self->next) {
    case FOUND:
        return found(b, self);
    case TRIED:
        return tried(b, self);
    default:
        return listed(b, self);
    }
}
