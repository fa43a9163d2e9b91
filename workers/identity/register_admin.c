/*
 * workers/identity/register_admin.c - POST /auth/register-admin (BR-12, BR-13, BR-16)
 *
 * Open to everybody while there is no administrator at all: the first one is made so, and is a superuser. Arguments come as
 * JSON, as a form or in the query, in that order.
 *
 *   phase 0   read who asks and whether the names are free; has this very job made the account before?
 *   phase 1   decide, then bcrypt on a thread
 *   phase 2   under the lock, and only if what was read still holds: write
 */
#include <libpq-fe.h>

#include "db/arrays.h"
#include "workers/identity/identity.h"

#define OP         "identity.register_admin"
#define RIGHT_SOME 3 /* superuser or administrator: bits of gh_admin_rights() */

typedef struct work {
    gh_mp_t section;
    const char *identifier, *name, *email, *job_title;
    const char *caller, *now, *job, *rights;
    gh_str_t password;
    bool first;
    gh_hashing_t hashing;
} work_t;

static gh_str_t
text_of(const work_t *w, const char *name)
{
    gh_str_t s;
    return gh_mp_str(gh_mp_get(w->section, name), &s) ? s : (gh_str_t){0};
}

/* The text of a member, NULL when absent or empty. False: the job is refused. */
static bool
take(gh_batch_t *b, const work_t *w, const char *name, bool required, const char **out)
{
    gh_str_t s = text_of(w, name);
    bool has_nul = s.n && memchr(s.p, 0, s.n);
    if (has_nul || (required && s.n == 0)) {
        gh_job_invalid(b, b->jobs[0], name, has_nul ? "value_error" : "missing",
                       has_nul ? "not a valid text" : "is needed");
        return false;
    }
    if (out)
        *out = s.n ? gh_text(b, s) : NULL;
    return true;
}

static gh_step_t
begin(gh_batch_t *b)
{
    work_t *w = gh_batch_alloc(b, sizeof *w);
    gh_wjob_t *job = b->jobs[0];
    static const char *const sections[] = {"body", "form", "query"};
    b->state = w;
    for (size_t i = 0; i < GH_COUNT(sections) && gh_mp_count(w->section) == 0; i++)
        w->section = gh_mp_get(job->args, sections[i]);
    w->password = text_of(w, "password");
    if (!take(b, w, "identifier", true, &w->identifier) || !take(b, w, "password", true, NULL) ||
        !take(b, w, "name", true, &w->name) || !take(b, w, "email", false, &w->email) ||
        !take(b, w, "job_title", false, &w->job_title))
        return GH_STEP_DONE;
    w->caller = gh_text_i64(b, job->head.has_actor ? job->head.actor.user_id : 0);
    w->now = gh_text_time(b, b->now_us);
    w->job = gh_text_uuid(b, job->head.id);
    gh_batch_query(b, "account_mark_find", 2, (const char *[]){w->job, OP});
    gh_batch_query(b, "admin_make_facts", 3, (const char *[]){w->caller, w->identifier, w->email});
    return GH_STEP_MORE;
}

static gh_step_t
reply(gh_batch_t *b, const work_t *w)
{
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT, detail GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t json;
    gh_buf_puts(&detail, "成功创建管理员 ");
    gh_buf_puts(&detail, w->name);
    gh_json_init(&json, &out);
    gh_json_obj(&json);
    gh_json_kstr(&json, "detail", gh_buf_view(&detail));
    gh_json_obj_end(&json);
    if (!gh_buf_ok(&out) || !gh_buf_ok(&detail))
        return GH_STEP_FAIL;
    gh_job_ok(b, b->jobs[0], 0, gh_buf_view(&out));
    return GH_STEP_DONE;
}

static gh_step_t
decide(gh_batch_t *b, work_t *w)
{
    enum { C_RIGHTS, C_FIRST, C_IDENTIFIER, C_EMAIL };
    const PGresult *mark = gh_batch_result(b, 0), *r = gh_batch_result(b, 1);
    gh_err_t err = GH_E_NONE;
    int64_t rights = gh_pg_i64(r, 0, C_RIGHTS, 0);
    if (PQntuples(mark))
        return reply(b, w);
    w->first = gh_pg_bool(r, 0, C_FIRST);
    w->rights = gh_text_i64(b, rights);
    if (!w->first && !(rights & RIGHT_SOME))
        err = GH_E_ADMIN_CREATION_FORBIDDEN; /* BR-12 */
    else if (gh_pg_bool(r, 0, C_IDENTIFIER))
        err = GH_E_ADMIN_IDENTIFIER_TAKEN; /* BR-13 */
    else if (gh_pg_bool(r, 0, C_EMAIL))
        err = GH_E_ADMIN_EMAIL_TAKEN;
    if (err == GH_E_ADMIN_CREATION_FORBIDDEN)
        gh_batch_denied(b, b->jobs[0]);
    if (err != GH_E_NONE) {
        gh_job_refuse(b, b->jobs[0], err, NULL);
        return GH_STEP_DONE;
    }
    return gh_hash_start(b, &w->hashing, w->password) ? GH_STEP_WAIT : GH_STEP_DONE;
}

static gh_step_t
write_all(gh_batch_t *b, const work_t *w)
{
    gh_hash_took(b, w->hashing.took_us, 1);
    if (!w->hashing.hash[0])
        return GH_STEP_FAIL;
    gh_batch_query(b, "admin_lock", 0, NULL);
    gh_batch_query(b, "first_still", 1, (const char *[]){w->first ? "t" : "f"});
    gh_batch_query(b, "admin_still", 2, (const char *[]){w->caller, w->rights});
    gh_batch_query(b, "admin_make", 10,
                   (const char *[]){w->identifier, w->email, w->name, w->job_title, w->first ? "t" : "f",
                                    w->hashing.hash, w->caller, w->now, w->job, OP});
    gh_note_account(b, "user.create",
                    (const gh_made_t[]){{"identifier", w->identifier},
                                        {"email", w->email},
                                        {"full_name", w->name},
                                        {"job_title", w->job_title},
                                        {"roles", "ADMIN"},
                                        {"is_superuser", w->first ? "true" : NULL},
                                        {NULL, NULL}});
    return reply(b, w);
}

gh_step_t
gh_register_admin(gh_batch_t *b)
{
    if (b->jobs[0]->done)
        return GH_STEP_DONE;
    return b->phase == 0 ? begin(b) : b->phase == 1 ? decide(b, b->state) : write_all(b, b->state);
}
