/*
 * workers/identity/users.c - changing accounts: one's own (US-02), and by an administrator (US-06 to US-09, US-11; the
 * same on the code surface: api/01 section 1.4, BR-14, BR-15)
 *
 *   phase 0   nothing: the runtime loads the caller and decides x-access first
 *   phase 1   lock who administers, the account, its living sessions; read what the rules ask
 *   phase 2   decide (admin_rules.h), write, end sessions, tell fronts and workers
 *   phase 3   answer with the account as it is now; note what has changed in the audit log
 */
#include <libpq-fe.h>

#include "base/timez.h"
#include "db/arrays.h"
#include "domain/if_match.h"
#include "workers/identity/admin_rules.h"
#include "workers/identity/identity.h"

typedef enum {
    UPDATE_ME,
    UPDATE,
    DELETE,
    SET_ROLES,
    UNLOCK,
    END_SESSIONS,
    CODE_UPDATE,
    CODE_DELETE,
    CODE_SET_ADMIN
} action_t;

static const struct {
    const char *op;
    action_t action;
    const char *audit; /* in the audit log */
} actions[] = {
    {"identity.v1_update_me", UPDATE_ME, "user.update"},
    {"identity.v1_update_user", UPDATE, "user.update"},
    {"identity.v1_delete_user", DELETE, "user.delete"},
    {"identity.v1_replace_user_roles", SET_ROLES, "user.set_roles"},
    {"identity.v1_unlock_user", UNLOCK, "user.unlock"},
    {"identity.v1_revoke_user_sessions", END_SESSIONS, "user.end_sessions"},
    {"identity.update_user", CODE_UPDATE, "user.update"},
    {"identity.delete_user", CODE_DELETE, "user.delete"},
    {"identity.set_user_role", CODE_SET_ADMIN, "user.set_roles"},
};

/* Members that change an account. The others of User are refused in one's own, and read-only for administrators. */
static const struct {
    const char *name;
    bool own; /* one may change it oneself */
    unsigned login_name;
} members[] = {
    {"username", true, GH_NAME_USERNAME},
    {"email", true, GH_NAME_EMAIL},
    {"phone", true, GH_NAME_PHONE},
    {"phonenumber", true, GH_NAME_PHONE}, /* the same on the code surface */
    {"full_name", true, 0},
    {"identifier", false, GH_NAME_IDENTIFIER},
    {"is_active", false, 0},
    {"is_superuser", false, 0},
    {"must_change_password", false, 0},
};
static const char *const read_only[] = {"id",         "roles",     "role",         "permissions",
                                        "patient_id", "doctor_id", "locked_until", "last_login_at",
                                        "created_at", "updated_at"};

/* Kinds of names, in the order of the bits GH_NAME_*. */
enum { KINDS = 4 };

typedef struct work {
    action_t action;
    const char *audit;
    int64_t account;
    const char *id, *caller, *now; /* parameter texts */
    const char *body;              /* members that change, JSON text; NULL: none */
    const char *roles;             /* array literal, NULL: not asked for */
    const char *names[KINDS];      /* to sign in by, that are asked for; NULL: others */
    gh_admin_change_t change;
    size_t at_facts, at_names, at_sessions, at_state, at_shown, at_changes;
    int ended;
} work_t;

/* Columns of admin_facts. */
enum {
    F_VERSION,
    F_ACTIVE,
    F_SUPERUSER,
    F_ADMIN,
    F_OTHER_ADMIN,
    F_NAMES,
    F_BY_SUPERUSER,
    F_BY_ADMIN,
    F_BY_ROLES,
    F_NO_ROLE,
    F_OTHER_ROLES
};

static bool
on_code(const work_t *w)
{
    return w->action >= CODE_UPDATE;
}

/* ---- what is asked for */

static void
refuse_member(gh_batch_t *b, const char *name)
{
    gh_job_refuse(b, b->jobs[0], GH_E_FIELD_NOT_ALLOWED,
                  (const gh_error_arg_t[]){{"field", gh_str(name)}, {0}});
}

/* True: refused. */
static bool
protected_named(gh_batch_t *b, gh_mp_t body)
{
    for (size_t i = 0; i < GH_COUNT(read_only); i++)
        if (gh_mp_get(body, read_only[i]).at) {
            refuse_member(b, read_only[i]);
            return true;
        }
    for (size_t i = 0; i < GH_COUNT(members); i++)
        if (!members[i].own && gh_mp_get(body, members[i].name).at) {
            refuse_member(b, members[i].name);
            return true;
        }
    return false;
}

/* The code surface changes three names only, and calls one of them its own way. */
static bool
belongs(const char *member, bool code)
{
    bool its_own = strcmp(member, "phonenumber") == 0;
    return code ? its_own || strcmp(member, "username") == 0 || strcmp(member, "email") == 0 : !its_own;
}

/* -1: the job is refused. */
static int
take_members(gh_batch_t *b, work_t *w, gh_mp_t body)
{
    gh_buf_t text GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t json;
    gh_json_init(&json, &text);
    gh_json_obj(&json);
    for (size_t i = 0; i < GH_COUNT(members); i++) {
        gh_mp_t v = gh_mp_get(body, members[i].name);
        gh_str_t given = {0};
        if (!v.at || !belongs(members[i].name, w->action == CODE_UPDATE))
            continue;
        if (gh_mp_str(v, &given) && given.n && memchr(given.p, 0, given.n)) {
            gh_job_invalid(b, b->jobs[0], members[i].name, "value_error", "not a valid text");
            return -1;
        }
        gh_json_key(&json, members[i].name);
        gh_buf_t value GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
        gh_mp_to_json(v, &value);
        gh_json_raw(&json, gh_buf_view(&value));
        if (gh_mp_type(v) == GH_MP_NIL)
            w->change.names_cleared |= members[i].login_name;
        else
            w->change.names_set |= members[i].login_name;
        for (unsigned kind = 0; kind < KINDS && given.n; kind++)
            if (members[i].login_name == 1u << kind)
                w->names[kind] = gh_text(b, given);
    }
    gh_json_obj_end(&json);
    w->body = gh_text(b, gh_buf_view(&text));
    if (w->action != UPDATE)
        return 0;
    w->change.sets_active = gh_mp_bool(gh_mp_get(body, "is_active"), &w->change.active);
    w->change.sets_superuser = gh_mp_bool(gh_mp_get(body, "is_superuser"), &w->change.superuser);
    return 0;
}

static int
take_roles(gh_batch_t *b, work_t *w, gh_mp_t roles)
{
    if (gh_mp_type(roles) != GH_MP_ARRAY)
        return 0;
    gh_pgarr_t list GH_CLEANUP(gh_pgarr_fini) = {0};
    for (gh_mp_iter_t it = gh_mp_iter(roles); gh_mp_next(&it);) {
        gh_str_t code;
        if (!gh_mp_str(it.value, &code))
            continue;
        gh_pgarr_text(&list, code);
        w->change.to_admin |= code.n == 5 && strncasecmp(code.p, "ADMIN", 5) == 0;
    }
    w->change.no_roles = list.count == 0;
    const char *literal = gh_pgarr_literal(&list);
    if (!literal)
        return -1;
    w->roles = gh_text(b, gh_str(literal));
    return 0;
}

static gh_step_t
begin(gh_batch_t *b)
{
    work_t *w = gh_batch_alloc(b, sizeof *w);
    gh_wjob_t *job = b->jobs[0];
    gh_mp_t body = gh_mp_get(job->args, "body");
    b->state = w;
    size_t at = 0;
    while (at < GH_COUNT(actions) && !gh_str_is(job->head.op, actions[at].op))
        at++;
    if (at == GH_COUNT(actions))
        return GH_STEP_FAIL;
    w->action = actions[at].action;
    w->audit = actions[at].audit;
    w->account = job->actor.user_id;
    if (w->action != UPDATE_ME &&
        !gh_mp_int(gh_mp_path(job->args, on_code(w) ? "path.user_id" : "path.id"), &w->account))
        return GH_STEP_FAIL;
    if (w->action == UPDATE_ME && protected_named(b, body))
        return GH_STEP_DONE;
    if ((w->action == UPDATE_ME || w->action == UPDATE || w->action == CODE_UPDATE) &&
        take_members(b, w, body))
        return GH_STEP_DONE;
    if ((w->action == UPDATE || w->action == SET_ROLES) && take_roles(b, w, gh_mp_get(body, "roles")))
        return GH_STEP_FAIL;
    if (w->action == CODE_SET_ADMIN && !gh_mp_bool(gh_mp_get(body, "is_admin"), &w->change.to_admin))
        return GH_STEP_FAIL;
    w->change.edits = w->action == UPDATE_ME || w->action == UPDATE || w->action == SET_ROLES ||
                      w->action == CODE_SET_ADMIN;
    w->change.deletes = w->action == DELETE || w->action == CODE_DELETE;
    w->change.only_own = w->action == CODE_UPDATE;
    w->change.spares_admins = w->action == CODE_DELETE;
    w->id = gh_text_i64(b, w->account);
    w->caller = gh_text_i64(b, job->actor.user_id);
    w->now = gh_text_time(b, b->now_us);
    if (w->action != UPDATE_ME)
        gh_batch_query(b, "admin_lock", 0, NULL);
    gh_batch_query(b, "login_lock_user", 1, (const char *[]){w->id}); /* no new session from here on */
    w->at_sessions = gh_batch_query(b, "logout_lock", 3, (const char *[]){w->id, "{}", "t"});
    w->at_names = gh_batch_query(b, "names_elsewhere", 5,
                                 (const char *[]){w->id, w->names[0], w->names[1], w->names[2], w->names[3]});
    w->at_facts = gh_batch_query(b, "admin_facts", 3, (const char *[]){w->id, w->caller, w->roles});
    w->at_state = gh_batch_query(b, "user_state", 1, (const char *[]){w->id});
    return GH_STEP_MORE;
}

/* ---- the decision */

static gh_err_t
judge(const work_t *w, const gh_wjob_t *job, const PGresult *r, gh_admin_account_t *account)
{
    if (PQntuples(r) == 0)
        return GH_E_NOT_FOUND;
    *account = (gh_admin_account_t){
        .id = w->account,
        .known = true,
        .active = gh_pg_bool(r, 0, F_ACTIVE),
        .superuser = gh_pg_bool(r, 0, F_SUPERUSER),
        .admin = gh_pg_bool(r, 0, F_ADMIN),
        .other_admin = gh_pg_bool(r, 0, F_OTHER_ADMIN),
        .names = (unsigned)gh_pg_i64(r, 0, F_NAMES, 0),
    };
    gh_admin_caller_t caller = {
        .id = job->actor.user_id,
        .superuser = gh_pg_bool(r, 0, F_BY_SUPERUSER),
        .admin = gh_pg_bool(r, 0, F_BY_ADMIN),
        .role_manager = gh_pg_bool(r, 0, F_BY_ROLES),
    };
    gh_err_t err = gh_admin_decide(&caller, account, &w->change);
    gh_str_t wanted = {0};
    char tag[GH_ETAG_TEXT];
    gh_etag(tag, "user", w->account, gh_pg_i64(r, 0, F_VERSION, 0));
    if (err == GH_E_NONE && gh_mp_str(gh_mp_get(job->args, "if_match"), &wanted) && !gh_if_match(wanted, tag))
        err = GH_E_PRECONDITION_FAILED;
    return err;
}

/* a name of somebody else, of whatever kind. */
static gh_err_t
taken(const gh_batch_t *b, const work_t *w)
{
    static const gh_err_t errors[2][KINDS] = {
        {GH_E_USERNAME_TAKEN, GH_E_EMAIL_TAKEN, GH_E_PHONE_TAKEN, GH_E_IDENTIFIER_TAKEN},
        {GH_E_PROFILE_USERNAME_TAKEN, GH_E_PROFILE_EMAIL_TAKEN, GH_E_PROFILE_PHONE_TAKEN,
         GH_E_IDENTIFIER_TAKEN}};
    const PGresult *r = gh_batch_result(b, w->at_names);
    return PQntuples(r) ? errors[on_code(w)][gh_pg_i64(r, 0, 0, 0)] : GH_E_NONE;
}

/* Faults of members that only the database shows. True: refused. */
static bool
faulty(gh_batch_t *b, const work_t *w, const PGresult *r, const gh_admin_account_t *account)
{
    unsigned missed = gh_admin_name_missed(account, &w->change);
    if (gh_pg_str(r, 0, F_NO_ROLE).p) {
        char text[80];
        gh_str_t code = gh_pg_str(r, 0, F_NO_ROLE);
        snprintf(text, sizeof text, "no such role: %.*s", (int)(code.n < 40 ? code.n : 40), code.p);
        gh_job_invalid(b, b->jobs[0], "roles", "value_error", text);
        return true;
    }
    for (size_t i = 0; i < GH_COUNT(members); i++)
        if (missed & members[i].login_name) {
            gh_job_invalid(b, b->jobs[0], members[i].name, "value_error",
                           "the account would have no name left to sign in by");
            return true;
        }
    return false;
}

/* ---- the change */

static void
write_change(gh_batch_t *b, work_t *w)
{
    if (w->roles && w->change.sets_roles)
        gh_batch_query(b, "user_roles_set", 4, (const char *[]){w->id, w->roles, w->caller, w->now});
    if (w->action == CODE_SET_ADMIN && w->change.sets_roles)
        gh_batch_query(b, "user_admin_set", 4,
                       (const char *[]){w->id, w->change.to_admin ? "t" : "f", w->caller, w->now});
    if (w->change.edits || w->action == CODE_UPDATE)
        gh_batch_query(b, "user_change", 3, (const char *[]){w->id, w->body ? w->body : "{}", w->now});
    if (w->change.deletes)
        gh_batch_query(b, "user_delete", 2, (const char *[]){w->id, w->now});
    if (w->action == UNLOCK)
        gh_batch_query(b, "user_unlock", 1, (const char *[]){w->id});
}

/* deactivation and deletion end all sessions. */
static const char *
why_sessions_end(const work_t *w)
{
    if (w->change.deletes)
        return "deleted";
    if (w->change.sets_active && !w->change.active)
        return "deactivated";
    return w->action == END_SESSIONS ? "administrator" : NULL;
}

static gh_step_t
carry_out(gh_batch_t *b, work_t *w)
{
    gh_wjob_t *job = b->jobs[0];
    const PGresult *facts = gh_batch_result(b, w->at_facts);
    const PGresult *living = gh_batch_result(b, w->at_sessions);
    gh_admin_account_t account = {0};
    if (PQntuples(facts))
        w->change.sets_roles = w->action == CODE_SET_ADMIN
                                   ? gh_pg_bool(facts, 0, F_ADMIN) != w->change.to_admin
                                   : w->roles && gh_pg_bool(facts, 0, F_OTHER_ROLES);
    if (w->action == CODE_SET_ADMIN)
        w->change.edits = w->change.sets_roles; /* asked again, nothing changes */
    gh_err_t err = judge(w, job, facts, &account);
    if (err == GH_E_NONE)
        err = taken(b, w);
    if (err != GH_E_NONE) {
        gh_job_refuse(b, job, err == GH_E_NOT_FOUND && on_code(w) ? GH_E_USER_NOT_FOUND : err, NULL);
        return GH_STEP_DONE;
    }
    if (faulty(b, w, facts, &account))
        return GH_STEP_DONE;
    write_change(b, w);
    const char *reason = why_sessions_end(w);
    if (reason && (w->ended = gh_end_sessions(b, living, reason)) < 0)
        return GH_STEP_FAIL;
    bool other_rights = w->change.deletes || (w->change.edits && w->action != UPDATE_ME);
    if (other_rights && gh_authz_publish(b, w->account))
        return GH_STEP_FAIL;
    if (on_code(w))
        w->at_shown = gh_batch_query(b, "code_user_shown", 1, (const char *[]){w->id});
    else
        w->at_shown = gh_batch_query(b, "v1_user", 5,
                                     (const char *[]){w->id, NULL, w->caller, w->now, gh_tz_name()});
    w->at_changes = gh_batch_query(
        b, "user_changes", 2, (const char *[]){w->id, gh_pg_str(gh_batch_result(b, w->at_state), 0, 0).p});
    return GH_STEP_MORE;
}

/* A change of nothing leaves no entry; lifting a lock and ending sessions show in no member of the account. */
static void
note(gh_batch_t *b, const work_t *w)
{
    const char *changes = gh_pg_str(gh_batch_result(b, w->at_changes), 0, 0).p;
    char sessions[48];
    if (w->action == END_SESSIONS) {
        snprintf(sessions, sizeof sessions, "{\"sessions\": [%d, 0]}", w->ended);
        changes = sessions;
    } else if (strcmp(changes, "{}") == 0 && w->action != UNLOCK)
        return;
    gh_batch_audit(
        b, b->jobs[0],
        &(gh_audit_t){.action = w->audit, .entity = "user", .entity_id = w->account, .changes = changes});
}

static gh_step_t
answer_code(gh_batch_t *b, const work_t *w)
{
    gh_buf_t text GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT, detail GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    const PGresult *r = gh_batch_result(b, w->at_shown);
    gh_json_t json;
    gh_json_init(&json, &text);
    gh_json_obj(&json);
    if (w->action == CODE_UPDATE)
        gh_json_kraw(&json, "user", gh_pg_str(r, 0, 0));
    else if (w->action == CODE_SET_ADMIN)
        gh_json_kcstr(&json, "detail", "用户角色已更新");
    else {
        gh_buf_puts(&detail, "成功删除用户");
        gh_buf_str(&detail, gh_pg_str(r, 0, 1));
        gh_json_kstr(&json, "detail", gh_buf_view(&detail));
    }
    gh_json_obj_end(&json);
    if (!gh_buf_ok(&text) || !gh_buf_ok(&detail))
        return GH_STEP_FAIL;
    gh_job_ok(b, b->jobs[0], 0, gh_buf_view(&text));
    return GH_STEP_DONE;
}

static gh_step_t
answer(gh_batch_t *b, const work_t *w)
{
    enum { BODY = 1, VERSION = 3 };
    gh_wjob_t *job = b->jobs[0];
    const PGresult *r = gh_batch_result(b, w->at_shown);
    char text[GH_ETAG_TEXT];
    if (w->action == DELETE)
        gh_job_ok(b, job, 0, GH_STR("null"));
    else if (w->action == END_SESSIONS) {
        snprintf(text, sizeof text, "{\"revoked\": %d}", w->ended);
        gh_job_ok(b, job, 0, gh_str(text));
    } else {
        gh_etag(text, "user", w->account, gh_pg_i64(r, 0, VERSION, 0));
        gh_job_header(b, job, "ETag", text);
        gh_job_ok(b, job, 0, gh_pg_str(r, 0, BODY));
    }
    return GH_STEP_DONE;
}

gh_step_t
gh_administer_user(gh_batch_t *b)
{
    if (b->phase == 0)
        return GH_STEP_MORE;
    if (b->jobs[0]->done)
        return GH_STEP_DONE;
    if (b->phase < 3)
        return b->phase == 1 ? begin(b) : carry_out(b, b->state);
    note(b, b->state);
    return on_code(b->state) ? answer_code(b, b->state) : answer(b, b->state);
}
