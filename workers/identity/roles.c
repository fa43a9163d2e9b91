/*
 * workers/identity/roles.c - defining roles (RO-02, RO-03, RO-04)
 *
 *   phase 0   nothing: the runtime loads the caller and decides x-access first
 *   phase 1   lock who administers (users.sql); read what the rules ask
 *   phase 2   decide (admin_rules.h), write, tell all workers that roles have changed
 *   phase 3   answer with the role as it is now; note what has changed in the audit log
 */
#include <libpq-fe.h>
#include <stdio.h>

#include "db/arrays.h"
#include "workers/identity/admin_rules.h"
#include "workers/identity/identity.h"

typedef struct work {
    gh_role_act_t act;
    gh_str_t code;
    const char *role, *name;   /* name: NULL when not given */
    const char *body, *grants; /* JSON text; grants NULL when not given */
    size_t at_facts, at_state, at_shown, at_changes;
} work_t;

/* Columns of role_facts. */
enum { F_KNOWN, F_BUILTIN, F_RENAMED, F_SHRINKS, F_HOLDERS, F_ALL_ROLES, F_FAULTS, F_FIELD };

static gh_step_t
begin(gh_batch_t *b)
{
    work_t *w = gh_batch_alloc(b, sizeof *w);
    gh_wjob_t *job = b->jobs[0];
    gh_mp_t body = gh_mp_get(job->args, "body"), grants = gh_mp_get(body, "permissions");
    b->state = w;
    w->act = gh_str_is(job->head.op, "identity.v1_create_role")   ? GH_ROLE_MADE
             : gh_str_is(job->head.op, "identity.v1_update_role") ? GH_ROLE_CHANGED
                                                                  : GH_ROLE_GONE;
    if (w->act == GH_ROLE_MADE)
        w->code = gh_arg_text(job, "code");
    else if (!gh_mp_str(gh_mp_path(job->args, "path.code"), &w->code))
        return GH_STEP_FAIL;
    w->role = gh_text(b, w->code);
    if (gh_arg_has(job, "name"))
        w->name = gh_text(b, gh_arg_text(job, "name"));
    if (gh_mp_type(grants) == GH_MP_ARRAY && !(w->grants = gh_text_json(b, grants)))
        return GH_STEP_FAIL;
    w->body = "{}";
    if (gh_mp_type(body) == GH_MP_MAP && !(w->body = gh_text_json(b, body)))
        return GH_STEP_FAIL;
    gh_batch_query(b, "admin_lock", 0, NULL);
    w->at_facts = gh_batch_query(b, "role_facts", 3, (const char *[]){w->role, w->name, w->grants});
    w->at_state = gh_batch_query(b, "role_state", 1, (const char *[]){w->role});
    return GH_STEP_MORE;
}

/* True: refused. */
static bool
refused(gh_batch_t *b, const work_t *w, const PGresult *r)
{
    gh_wjob_t *job = b->jobs[0];
    gh_role_facts_t facts = {
        .known = gh_pg_bool(r, 0, F_KNOWN),
        .builtin = gh_pg_bool(r, 0, F_BUILTIN),
        .admin = w->code.n == 5 && strncasecmp(w->code.p, "ADMIN", 5) == 0,
        .renamed = gh_pg_bool(r, 0, F_RENAMED),
        .shrinks = gh_pg_bool(r, 0, F_SHRINKS),
        .holders = gh_pg_i64(r, 0, F_HOLDERS, 0),
        .all_roles = gh_pg_i64(r, 0, F_ALL_ROLES, 0),
    };
    gh_err_t err = gh_role_decide(w->act, &facts);
    if (err == GH_E_VALIDATION_FAILED)
        gh_job_invalid(b, job, "code", "value_error", "there are as many roles as can be");
    else if (err != GH_E_NONE)
        gh_job_refuse(b, job, err, NULL);
    else if (gh_pg_str(r, 0, F_FAULTS).p) {
        gh_job_extra(b, job, "errors", gh_pg_str(r, 0, F_FAULTS));
        gh_job_refuse(b, job, GH_E_VALIDATION_FAILED,
                      (const gh_error_arg_t[]){{"field", gh_pg_str(r, 0, F_FIELD)}, {0}});
    } else
        return false;
    return true;
}

static gh_step_t
carry_out(gh_batch_t *b, work_t *w)
{
    if (refused(b, w, gh_batch_result(b, w->at_facts)))
        return GH_STEP_DONE;
    const PGresult *was = gh_batch_result(b, w->at_state);
    gh_str_t description = gh_arg_text(b->jobs[0], "description");
    const char *about = description.n ? gh_text(b, description) : NULL;
    if (w->act == GH_ROLE_MADE)
        gh_batch_query(b, "role_make", 3, (const char *[]){w->role, w->name, about});
    if (w->act == GH_ROLE_CHANGED)
        gh_batch_query(b, "role_change", 2, (const char *[]){w->role, w->body});
    if (w->act == GH_ROLE_GONE) {
        gh_batch_query(b, "role_leave", 1, (const char *[]){w->role});
        gh_batch_query(b, "role_drop", 1, (const char *[]){w->role});
    } else if (w->grants)
        gh_batch_query(b, "role_permit", 2, (const char *[]){w->role, w->grants});
    if (gh_authz_publish(b, 0))
        return GH_STEP_FAIL;
    w->at_shown = gh_batch_query(b, "v1_role", 1, (const char *[]){w->role});
    w->at_changes = gh_batch_query(b, "role_changes", 2,
                                   (const char *[]){w->role, PQntuples(was) ? gh_pg_str(was, 0, 0).p : NULL});
    return GH_STEP_MORE;
}

static void
note(gh_batch_t *b, const work_t *w)
{
    static const char *const actions[] = {
        [GH_ROLE_MADE] = "role.create", [GH_ROLE_CHANGED] = "role.update", [GH_ROLE_GONE] = "role.delete"};
    const PGresult *r = gh_batch_result(b, w->at_changes);
    gh_str_t changes = gh_pg_str(r, 0, 0);
    if (!gh_str_is(changes, "{}"))
        gh_batch_audit(b, b->jobs[0],
                       &(gh_audit_t){.action = actions[w->act],
                                     .entity = "role",
                                     .entity_key = gh_pg_str(r, 0, 1).p,
                                     .changes = changes.p});
}

static gh_step_t
answer(gh_batch_t *b, const work_t *w)
{
    gh_wjob_t *job = b->jobs[0];
    note(b, w);
    const PGresult *r = gh_batch_result(b, w->at_shown);
    if (w->act == GH_ROLE_MADE) {
        char location[64];
        gh_str_t code = gh_pg_str(r, 0, 1);
        snprintf(location, sizeof location, "/api/v1/roles/%.*s", (int)code.n, code.p);
        gh_job_header(b, job, "Location", location);
    }
    gh_job_ok(b, job, 0, w->act == GH_ROLE_GONE ? GH_STR("null") : gh_pg_str(r, 0, 0));
    return GH_STEP_DONE;
}

gh_step_t
gh_define_role(gh_batch_t *b)
{
    if (b->phase == 0)
        return GH_STEP_MORE;
    if (b->jobs[0]->done)
        return GH_STEP_DONE;
    return b->phase == 1 ? begin(b) : b->phase == 2 ? carry_out(b, b->state) : answer(b, b->state);
}
