/*
 * workers/identity/first_password.c - passwords given by an administrator: new accounts (US-04) and resets (US-10)
 *
 *   phase 0   nothing: the runtime loads the caller and decides x-access first
 *   phase 1   read what the rules ask; has this very job made the account before?
 *   phase 2   decide (admin_rules.h), then bcrypt on a thread
 *   phase 3   a reset: which sessions end
 *   phase 4   under the locks, and only if what was read still holds: write, end sessions, tell fronts and workers
 *   phase 5   read the account as it is now
 *   phase 6   answer; a made password is shown this once
 */
#include <libpq-fe.h>
#include <stdio.h>
#include <sys/random.h>

#include "base/timez.h"
#include "base/uuid7.h"
#include "db/arrays.h"
#include "domain/password_refusal.h"
#include "domain/password_rules.h"
#include "workers/identity/admin_rules.h"
#include "domain/generate.h"
#include "workers/identity/identity.h"
#include "workers/identity/register_rules.h"

#define OP_MAKE "identity.v1_create_user"

/* Bits of gh_admin_rights(). */
enum { RIGHT_SUPERUSER = 1, RIGHT_ADMIN = 2, RIGHT_ROLES = 4 };

typedef struct work {
    bool resets;     /* US-10 */
    int64_t account; /* of a reset, or made already by this job */
    const char *id, *caller, *now, *job, *rights;
    const char *username, *base, *email, *phone, *identifier, *full_name, *roles;
    gh_admin_change_t change;
    bool active, must_change, high; /* high: an administrator's or superuser's */
    size_t at_facts, at_mark, at_account, at_sessions, at_made, at_shown;
    gh_hashing_t hashing;
    gh_str_t password;
    char made[GH_MADE_PASSWORD + 4]; /* empty: the password was given */
} work_t;

/* ---- what is asked for */

static const char *
given(gh_batch_t *b, const char *name)
{
    gh_str_t s = gh_arg_text(b->jobs[0], name);
    return s.n ? gh_text(b, s) : NULL;
}

/* -1 when the system has no randomness. */
static int
make_password(work_t *w)
{
    uint8_t random[4 * GH_MADE_PASSWORD];
    for (int i = 0; i < 100; i++) {
        if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
            return -1;
        bool made = gh_password_make(random, sizeof random, w->made);
        explicit_bzero(random, sizeof random);
        if (made)
            return 0;
    }
    return -1;
}

static int
take_roles(gh_batch_t *b, work_t *w)
{
    gh_pgarr_t list GH_CLEANUP(gh_pgarr_fini) = {0};
    gh_mp_t roles = gh_mp_path(b->jobs[0]->args, "body.roles");
    for (gh_mp_iter_t it = gh_mp_iter(roles); gh_mp_type(roles) == GH_MP_ARRAY && gh_mp_next(&it);) {
        gh_str_t code;
        if (!gh_mp_str(it.value, &code))
            continue;
        w->change.to_admin |= code.n == 5 && strncasecmp(code.p, "ADMIN", 5) == 0;
        char upper[40];
        size_t n = code.n < sizeof upper ? code.n : sizeof upper;
        for (size_t i = 0; i < n; i++)
            upper[i] = (char)(code.p[i] >= 'a' && code.p[i] <= 'z' ? code.p[i] - 32 : code.p[i]);
        gh_pgarr_text(&list, (gh_str_t){upper, n});
    }
    w->change.no_roles = list.count == 0;
    const char *literal = gh_pgarr_literal(&list);
    if (literal)
        w->roles = gh_text(b, gh_str(literal));
    return literal ? 0 : -1;
}

/* -1: the batch must fail, 1: the job is refused. */
static int
take_account(gh_batch_t *b, work_t *w)
{
    gh_wjob_t *job = b->jobs[0];
    char base[GH_NAME_BASE_SIZE];
    gh_str_t phone = gh_arg_text(job, "phone");
    w->username = given(b, "username");
    w->email = given(b, "email");
    w->identifier = given(b, "identifier");
    w->full_name = given(b, "full_name");
    if (phone.n)
        w->phone = gh_phone_text(b, phone);
    if (!w->username && !w->email && !w->identifier && !(w->phone && *w->phone)) {
        gh_job_invalid(b, job, "username", "value_error", "give a name to sign in by");
        return 1;
    }
    if (!w->username && w->email) {
        gh_name_base(gh_str(w->email), base);
        w->base = gh_text(b, gh_str(base));
    }
    w->active = !gh_arg_has(job, "is_active") || gh_arg_flag(job, "is_active");
    w->change.superuser = gh_arg_flag(job, "is_superuser");
    w->change.sets_superuser = w->change.superuser;
    w->change.edits = true;
    return take_roles(b, w);
}

static gh_step_t
begin(gh_batch_t *b)
{
    work_t *w = gh_batch_alloc(b, sizeof *w);
    gh_wjob_t *job = b->jobs[0];
    b->state = w;
    w->resets = !gh_str_is(job->head.op, OP_MAKE);
    w->caller = gh_text_i64(b, job->actor.user_id);
    w->now = gh_text_time(b, b->now_us);
    w->job = gh_text_uuid(b, job->head.id);
    w->password = gh_arg_text(job, w->resets ? "new_password" : "password");
    bool makes = w->resets ? !gh_arg_has(job, "new_password") : gh_arg_flag(job, "generate_password");
    if (!makes && !w->resets && !gh_arg_has(job, "password")) {
        gh_job_invalid(b, job, "password", "missing", "give a password, or have one generated");
        return GH_STEP_DONE;
    }
    if (makes && make_password(w))
        return GH_STEP_FAIL;
    if (makes)
        w->password = gh_str(w->made);
    w->must_change = gh_arg_has(job, "must_change_password") ? gh_arg_flag(job, "must_change_password")
                                                             : makes;
    if (w->resets) {
        w->must_change = true; /* */
        w->change.edits = true;
        if (!gh_mp_int(gh_mp_path(job->args, "path.id"), &w->account))
            return GH_STEP_FAIL;
        w->id = gh_text_i64(b, w->account);
        w->at_facts = gh_batch_query(b, "admin_facts", 3, (const char *[]){w->id, w->caller, NULL});
        w->at_account = gh_batch_query(b, "user_password_facts", 2, (const char *[]){w->id, w->caller});
        return GH_STEP_MORE;
    }
    int bad = take_account(b, w);
    if (bad)
        return bad < 0 ? GH_STEP_FAIL : GH_STEP_DONE;
    w->at_mark = gh_batch_query(b, "account_mark_find", 2, (const char *[]){w->job, OP_MAKE});
    w->at_facts = gh_batch_query(
        b, "make_facts", 6,
        (const char *[]){w->caller, w->roles, w->username, w->email, w->phone, w->identifier});
    return GH_STEP_MORE;
}

/* ---- the decision */

static gh_err_t
judge_reset(gh_batch_t *b, work_t *w)
{
    enum { F_VERSION, F_ACTIVE, F_SUPERUSER, F_ADMIN };
    enum { C_USERNAME, C_EMAIL, C_RIGHTS };
    const PGresult *r = gh_batch_result(b, w->at_facts), *names = gh_batch_result(b, w->at_account);
    if (PQntuples(r) == 0 || PQntuples(names) == 0)
        return GH_E_NOT_FOUND;
    gh_admin_account_t account = {
        .id = w->account,
        .known = true,
        .active = gh_pg_bool(r, 0, F_ACTIVE),
        .superuser = gh_pg_bool(r, 0, F_SUPERUSER),
        .admin = gh_pg_bool(r, 0, F_ADMIN),
    };
    int64_t rights = gh_pg_i64(names, 0, C_RIGHTS, 0);
    gh_admin_caller_t caller = {.id = b->jobs[0]->actor.user_id, .superuser = rights & RIGHT_SUPERUSER};
    w->rights = gh_text_i64(b, rights);
    w->high = account.admin || account.superuser;
    w->username = gh_text(b, gh_pg_str(names, 0, C_USERNAME));
    w->email = gh_text(b, gh_pg_str(names, 0, C_EMAIL));
    return gh_admin_decide(&caller, &account, &w->change);
}

static gh_err_t
judge_new(gh_batch_t *b, work_t *w)
{
    enum { C_RIGHTS, C_NO_ROLE, C_PATIENT_ONLY, C_TAKEN };
    static const gh_err_t taken[] = {GH_E_USERNAME_TAKEN, GH_E_EMAIL_TAKEN, GH_E_PHONE_TAKEN,
                                     GH_E_IDENTIFIER_TAKEN};
    const PGresult *r = gh_batch_result(b, w->at_facts), *mark = gh_batch_result(b, w->at_mark);
    int64_t rights = gh_pg_i64(r, 0, C_RIGHTS, 0);
    gh_admin_account_t nobody = {.known = true};
    gh_admin_caller_t caller = {
        .id = b->jobs[0]->actor.user_id,
        .superuser = rights & RIGHT_SUPERUSER,
        .admin = rights & RIGHT_ADMIN,
        .role_manager = rights & RIGHT_ROLES,
    };
    w->rights = gh_text_i64(b, rights);
    w->change.sets_roles = !gh_pg_bool(r, 0, C_PATIENT_ONLY);
    gh_err_t err = gh_admin_decide(&caller, &nobody, &w->change);
    if (PQntuples(mark))
        w->account = gh_pg_i64(mark, 0, 0, 0);
    for (int i = 0; err == GH_E_NONE && !w->account && i < (int)GH_COUNT(taken); i++)
        if (gh_pg_bool(r, 0, C_TAKEN + i))
            err = taken[i];
    if (err == GH_E_NONE && gh_pg_str(r, 0, C_NO_ROLE).p) {
        gh_job_invalid(b, b->jobs[0], "roles", "value_error", "no such role");
        err = GH_E_VALIDATION_FAILED;
    }
    return err;
}

static gh_step_t
decide(gh_batch_t *b, work_t *w)
{
    gh_wjob_t *job = b->jobs[0];
    gh_err_t err = w->resets ? judge_reset(b, w) : judge_new(b, w);
    if (err != GH_E_NONE) {
        if (!job->done)
            gh_job_refuse(b, job, err, NULL);
        return GH_STEP_DONE;
    }
    gh_str_t username = gh_str(w->username ? w->username : w->base ? w->base : "");
    if (!w->made[0] && !gh_password_accept(b, job, w->resets ? "new_password" : "password", w->password,
                                           username, gh_str(w->email ? w->email : "")))
        return GH_STEP_DONE;
    return gh_hash_start(b, &w->hashing, w->password) ? GH_STEP_WAIT : GH_STEP_DONE;
}

/* ---- the writes */

static gh_step_t
hashed(gh_batch_t *b, work_t *w)
{
    gh_hash_took(b, w->hashing.took_us, 1);
    if (!w->hashing.hash[0])
        return GH_STEP_FAIL;
    if (w->resets)
        w->at_sessions = gh_batch_query(b, "living_sessions", 1, (const char *[]){w->id});
    return GH_STEP_MORE;
}

static void
set_password(gh_batch_t *b, const work_t *w, const char *id)
{
    gh_password_policy_t policy = gh_password_policy(gh_worker_conf(b->worker));
    gh_batch_query(b, "password_set", 4,
                   (const char *[]){id, w->hashing.hash, w->now, gh_text_i64(b, policy.history)});
    gh_batch_query(b, "password_given", 3, (const char *[]){id, w->now, w->must_change ? "t" : "f"});
}

static int
write_reset(gh_batch_t *b, work_t *w)
{
    const PGresult *living = gh_batch_result(b, w->at_sessions);
    gh_pgarr_t ids GH_CLEANUP(gh_pgarr_fini) = {0};
    for (int i = 0; i < PQntuples(living); i++) {
        uint8_t sid[16];
        if (gh_uuid_parse(gh_pg_str(living, i, 0), sid))
            return -1;
        gh_pgarr_uuid(&ids, sid);
    }
    const char *sids = gh_pgarr_literal(&ids);
    if (!sids)
        return -1;
    gh_batch_query(b, "login_lock_user", 1, (const char *[]){w->id});
    gh_batch_query(b, "sessions_still", 3, (const char *[]){w->id, sids, w->high ? "t" : "f"});
    set_password(b, w, w->id);
    if (gh_end_sessions(b, living, "password_reset") < 0) /* */
        return -1;
    gh_batch_audit(b, b->jobs[0],
                   &(gh_audit_t){.action = "user.reset_password", .entity = "user", .entity_id = w->account});
    return gh_authz_publish(b, w->account);
}

static gh_step_t
write_all(gh_batch_t *b, work_t *w)
{
    gh_batch_query(b, "admin_lock", 0, NULL);
    gh_batch_query(b, "admin_still", 2, (const char *[]){w->caller, w->rights});
    if (w->resets)
        return write_reset(b, w) ? GH_STEP_FAIL : GH_STEP_MORE;
    if (w->account) { /* delivered again: the password that was made then is known to nobody */
        if (w->made[0])
            set_password(b, w, gh_text_i64(b, w->account));
        return GH_STEP_MORE;
    }
    gh_batch_query(b, "register_lock", 1, (const char *[]){w->base ? w->base : ""});
    const char *params[] = {w->username,
                            w->base,
                            w->email,
                            w->phone,
                            w->identifier,
                            w->full_name,
                            w->active ? "t" : "f",
                            w->change.superuser ? "t" : "f",
                            w->must_change ? "t" : "f",
                            w->hashing.hash,
                            w->roles,
                            w->caller,
                            w->now,
                            w->job,
                            OP_MAKE};
    w->at_made = gh_batch_query(b, "user_make", (int)GH_COUNT(params), params);
    gh_note_account(b, "user.create",
                    (const gh_made_t[]){{"username", w->username},
                                        {"email", w->email},
                                        {"phone", w->phone},
                                        {"identifier", w->identifier},
                                        {"full_name", w->full_name},
                                        {"roles", w->roles},
                                        {"is_active", w->active ? "true" : "false"},
                                        {"is_superuser", w->change.superuser ? "true" : "false"},
                                        {NULL, NULL}});
    return GH_STEP_MORE;
}

/* ---- the answer */

static gh_step_t
show(gh_batch_t *b, work_t *w)
{
    if (!w->account)
        w->account = gh_pg_i64(gh_batch_result(b, w->at_made), 0, 0, 0);
    w->at_shown = gh_batch_query(b, "account_show", 3,
                                 (const char *[]){gh_text_i64(b, w->account), w->now, gh_tz_name()});
    return GH_STEP_MORE;
}

static gh_step_t
answer(gh_batch_t *b, work_t *w)
{
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_wjob_t *job = b->jobs[0];
    const PGresult *r = gh_batch_result(b, w->at_shown);
    if (PQntuples(r) != 1)
        return GH_STEP_FAIL;
    gh_str_t account = gh_pg_str(r, 0, 0);
    if (w->resets)
        gh_buf_putc(&out, '{');
    else
        gh_buf_put(&out, account.p, account.n - 1); /* without its last brace */
    if (w->made[0]) {
        gh_buf_puts(&out, w->resets ? "\"initial_password\": \"" : ", \"initial_password\": \"");
        gh_buf_puts(&out, w->made);
        gh_buf_putc(&out, '"');
    }
    gh_buf_putc(&out, '}');
    if (!gh_buf_ok(&out))
        return GH_STEP_FAIL;
    gh_job_header(b, job, "Cache-Control", "no-store");
    if (!w->resets) {
        char location[48];
        snprintf(location, sizeof location, "/api/v1/users/%lld", (long long)w->account);
        gh_job_header(b, job, "Location", location);
    }
    gh_job_ok(b, job, 0, gh_buf_view(&out));
    if (out.p)
        explicit_bzero(out.p, out.n);
    explicit_bzero(w->made, sizeof w->made);
    return GH_STEP_DONE;
}

gh_step_t
gh_first_password(gh_batch_t *b)
{
    if (b->phase == 0)
        return GH_STEP_MORE;
    if (b->jobs[0]->done)
        return GH_STEP_DONE;
    switch (b->phase) {
    case 1:
        return begin(b);
    case 2:
        return decide(b, b->state);
    case 3:
        return hashed(b, b->state);
    case 4:
        return write_all(b, b->state);
    case 5:
        return show(b, b->state);
    default:
        return answer(b, b->state);
    }
}
