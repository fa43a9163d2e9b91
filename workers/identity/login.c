/*
 * workers/identity/login.c - sign-in by password, on every surface (R-25 to, BR-01 to BR-05)
 *
 *   phase 0  look the name up: account, ban, lock
 *   phase 1  locked: refuse; else bcrypt on a thread (a name that does not exist costs the same time)
 *   phase 2  wrong or closed: count the failure, refuse; right: which sessions does this one end?
 *   phase 3  under locks: nothing has changed meanwhile; new session, ended ones revoked and published, reply
 *   then     only after many within the hour (BR-130): the risk score, and when that comes to a ban, the end of all
 *            sessions, the new one too (BR-135, BR-136)
 *
 * The last statements of a sign-in are one transaction that begins with the lock on the name: of many guesses at the
 * same moment each sees the failures of those before, and a right one after the fifth failure is refused too.
 */
#include <libpq-fe.h>
#include <stdio.h>

#include "base/password.h"
#include "base/timez.h"
#include "base/uuid7.h"
#include "db/arrays.h"
#include "workers/identity/identity.h"
#include "workers/identity/login_rules.h"

/* What the thread works on: touches nothing else. */
typedef struct check {
    gh_str_t password, hash;
    int cost; /* of new hashes */
    int64_t took_us;
    bool right;
    char rehash[GH_PASSWORD_HASH]; /* empty: the stored one will do */
} check_t;

typedef struct login {
    const char *way; /* of login_find: what the name may be */
    gh_surface_t surface;
    gh_shape_t shape;
    const char *name, *name_hash, *user_id, *hash, *now;
    gh_account_t account;
    int64_t id;
    gh_str_t roles, brief, ban_reason, user_type;
    int64_t ban_until_us; /* 0: for ever */
    int64_t logins;       /* within the hour, before this one */
    gh_pair_t *pair;
    size_t at_risk; /* result of login_risk */
    check_t check;
} login_t;

/* Columns of login_find. */
enum {
    C_NAME_HASH,
    C_LOCKED_UNTIL,
    C_ID,
    C_HASH,
    C_ACTIVE,
    C_VERIFIED,
    C_BY_IDENTIFIER,
    C_BANNED,
    C_BAN_REASON,
    C_BAN_UNTIL,
    C_ROLES,
    C_BRIEF,
    C_LOGINS,
    C_USER_TYPE
};

/* Sentences of /auth/swagger-login (api/01 section 1.1). */
static gh_err_t
form_error(gh_err_t err)
{
    switch (err) {
    case GH_E_BAD_CREDENTIALS:
        return GH_E_FORM_LOGIN_BAD_CREDENTIALS;
    case GH_E_ACCOUNT_BANNED:
        return GH_E_FORM_LOGIN_BANNED;
    case GH_E_PATIENT_NOT_VERIFIED:
    case GH_E_STAFF_NOT_VERIFIED:
        return GH_E_FORM_LOGIN_NOT_VERIFIED;
    default:
        return err;
    }
}

/* The route for OAuth2 forms, which has sentences and claims of its own. */
static bool
is_form(const gh_batch_t *b)
{
    return gh_str_is(b->jobs[0]->head.op, "identity.login_form");
}

/* A refusal as the route says it: RFC 6749 knows one word for all of them. */
static gh_err_t
worded(const gh_batch_t *b, gh_err_t err)
{
    const login_t *login = b->state;
    if (is_form(b))
        err = form_error(err);
    return login->surface == GH_SURFACE_OAUTH ? GH_E_OAUTH_INVALID_GRANT : err;
}

void
gh_refuse_locked(gh_batch_t *b, gh_err_t err, int64_t until_us)
{
    char seconds[24];
    snprintf(seconds, sizeof seconds, "%lld", (long long)gh_seconds_until(until_us, b->now_us));
    gh_job_header(b, b->jobs[0], "Retry-After", seconds);
    gh_batch_tally(b, "lockouts", "account");
    gh_job_refuse(b, b->jobs[0], err, (const gh_error_arg_t[]){{"n", gh_str(seconds)}, {0}});
}

static void
refuse_closed(gh_batch_t *b, gh_err_t err)
{
    const login_t *login = b->state;
    char when[GH_TEXT_DT], until[64] = "永久封禁";
    if (login->ban_until_us) {
        gh_dt_text(login->ban_until_us, ' ', when);
        snprintf(until, sizeof until, "封禁至: %s", when);
    }
    gh_str_t reason = login->ban_reason.n ? login->ban_reason : GH_STR("未说明");
    gh_job_refuse(b, b->jobs[0], worded(b, err),
                  (const gh_error_arg_t[]){{"reason", reason}, {"until", gh_str(until)}, {0}});
}

/* ---- phase 0 */

static gh_step_t
find(gh_batch_t *b, login_t *login, gh_str_t name)
{
    const gh_wjob_t *job = b->jobs[0];
    login->check.password = gh_arg_text(job, "password");
    login->check.cost = gh_identity_of(b)->cost;
    if (name.n && memchr(name.p, 0, name.n))
        name.n = 0; /* no name has a NUL; PostgreSQL could not take it */
    login->name = gh_text(b, name);
    login->now = gh_text_time(b, b->now_us);
    gh_batch_query(b, "login_find", 3, (const char *[]){login->name, login->way, login->now});
    return GH_STEP_MORE;
}

/* ---- phase 1 */

static void
read_account(gh_batch_t *b, login_t *login, const PGresult *r)
{
    login->name_hash = gh_text(b, gh_pg_str(r, 0, C_NAME_HASH));
    gh_str_t hash = gh_pg_str(r, 0, C_HASH);
    login->id = gh_pg_i64(r, 0, C_ID, 0);
    login->user_id = gh_text_i64(b, login->id);
    login->hash = gh_text(b, hash);
    login->check.hash = gh_str(login->hash);
    login->account = (gh_account_t){
        .known = login->id != 0 && hash.n > 0,
        .active = gh_pg_bool(r, 0, C_ACTIVE),
        .verified = gh_pg_bool(r, 0, C_VERIFIED),
        .banned = gh_pg_bool(r, 0, C_BANNED),
        .by_identifier = gh_pg_bool(r, 0, C_BY_IDENTIFIER),
    };
    login->ban_reason = gh_batch_dup(b, gh_pg_str(r, 0, C_BAN_REASON));
    login->ban_until_us = gh_pg_time(r, 0, C_BAN_UNTIL, 0);
    login->roles = gh_batch_dup(b, gh_pg_str(r, 0, C_ROLES));
    login->brief = gh_batch_dup(b, gh_pg_str(r, 0, C_BRIEF));
    login->logins = gh_pg_i64(r, 0, C_LOGINS, 0);
    login->user_type = gh_batch_dup(b, gh_pg_str(r, 0, C_USER_TYPE));
}

/* On a thread. A wrong answer always costs at least one hash of the present cost, so that unknown names, unusable
 * passwords and old cheap hashes cannot be told apart by their time. */
static void
check_password(void *arg)
{
    check_t *c = arg;
    int64_t began = gh_mono_us();
    int stored = gh_password_cost(c->hash);
    bool tried = stored >= 0 && gh_password_usable(c->password);
    c->right = tried && gh_password_verify(c->password, c->hash);
    if (!c->right && (!tried || stored < c->cost))
        gh_password_burn(c->password, c->cost);
    if (c->right && stored < c->cost && gh_password_hash(c->password, c->cost, c->rehash))
        c->rehash[0] = 0;
    c->took_us = gh_mono_us() - began;
}

static gh_step_t
start_check(gh_batch_t *b, login_t *login)
{
    const PGresult *r = gh_batch_result(b, 0);
    if (PQntuples(r) != 1)
        return GH_STEP_FAIL;
    int64_t locked_until = gh_pg_time(r, 0, C_LOCKED_UNTIL, 0);
    if (locked_until) {
        gh_refuse_locked(b, worded(b, GH_E_ACCOUNT_LOCKED), locked_until);
        return GH_STEP_DONE;
    }
    read_account(b, login, r);
    if (!gh_batch_ok(b))
        return GH_STEP_FAIL;
    if (!gh_hash_admit(b, 1))
        return GH_STEP_DONE;
    gh_batch_work(b, check_password, &login->check);
    return GH_STEP_WAIT;
}

/* ---- phase 2 */

void
gh_guess_lock(gh_batch_t *b, const char *name_hash)
{
    gh_batch_query(b, "login_lock_name", 1, (const char *[]){name_hash});
    gh_batch_query(b, "login_check_name", 2, (const char *[]){name_hash, gh_text_time(b, b->now_us)});
}

void
gh_guess_failed(gh_batch_t *b, const char *name_hash)
{
    const gh_identity_t *self = gh_identity_of(b);
    const char *now = gh_text_time(b, b->now_us);
    const char *params[] = {name_hash,
                            gh_caller_ip(b, b->jobs[0]),
                            now,
                            gh_text_i64(b, self->max_failures),
                            gh_text_i64(b, self->window_min),
                            gh_text_i64(b, self->lock_min)};
    gh_batch_query(b, "login_failed", 6, params);
    gh_batch_tally(b, "auth_failures", "credentials");
    gh_batch_query(b, "sign_in_prune", 1, (const char *[]){now});
}

static gh_step_t
decide(gh_batch_t *b, login_t *login)
{
    gh_hash_took(b, login->check.took_us, 1);
    gh_err_t err = gh_login_decide(&login->account, login->check.right);
    if (err == GH_E_NONE) {
        const char *params[] = {login->user_id, gh_surface_word(login->surface), login->now};
        gh_batch_query(b, "login_former", 3, params);
        return GH_STEP_MORE;
    }
    gh_guess_lock(b, login->name_hash);
    if (err == GH_E_BAD_CREDENTIALS)
        gh_guess_failed(b, login->name_hash);
    refuse_closed(b, err);
    return GH_STEP_DONE;
}

/* ---- phase 3 */

void
gh_mark_login(gh_batch_t *b, const char *user_id, const char *rehash)
{
    gh_batch_query(
        b, "login_mark_user", 4,
        (const char *[]){user_id, gh_text_time(b, b->now_us), gh_caller_ip(b, b->jobs[0]), rehash});
}

static void
write_session(gh_batch_t *b, const login_t *login, const gh_pair_t *pair, const char *former)
{
    const char *ip = gh_caller_ip(b, b->jobs[0]), *surface = gh_surface_word(login->surface);
    const char *rehash = login->check.rehash[0] ? login->check.rehash : NULL;
    gh_guess_lock(b, login->name_hash);
    gh_batch_query(b, "login_lock_user", 1, (const char *[]){login->user_id});
    gh_batch_query(b, "login_check_user", 5,
                   (const char *[]){login->user_id, login->hash, surface, login->now, former});
    gh_batch_query(b, "login_succeeded", 3, (const char *[]){login->name_hash, ip, login->now});
    gh_mark_login(b, login->user_id, rehash);
    gh_batch_query(b, "sessions_end", 3, (const char *[]){former, login->now, "replaced"});
    gh_session_open(b, login->surface, pair);
    gh_batch_query(b, "sign_in_prune", 1, (const char *[]){login->now});
}

static gh_step_t
reply(gh_batch_t *b, const login_t *login)
{
    gh_pair_reply(b, b->jobs[0], login->shape, login->pair, login->brief);
    return GH_STEP_DONE;
}

static gh_step_t
open_session(gh_batch_t *b, login_t *login)
{
    uint8_t sid[16];
    gh_pair_t *pair = gh_batch_alloc(b, sizeof *pair);
    gh_pgarr_t ids GH_CLEANUP(gh_pgarr_fini) = {0};
    const char *former = gh_revoke_rows(b, gh_batch_result(b, 0), &ids);
    gh_uuid7_new(sid);
    if (!former || gh_pair_issue(b, login->surface, login->id, sid, login->roles,
                                 is_form(b) ? login->user_type : (gh_str_t){0}, pair))
        return GH_STEP_FAIL;
    pair->cookie = login->shape == GH_SHAPE_PAIR && gh_arg_flag(b->jobs[0], "use_cookie");
    write_session(b, login, pair, former);
    login->pair = pair;
    if (!gh_login_recount(login->logins))
        return reply(b, login);
    const char *params[] = {login->user_id, login->now, gh_text_i64(b, GH_LOGINS_TOO_MANY)};
    login->at_risk = gh_batch_query(b, "login_risk", 3, params);
    return GH_STEP_MORE;
}

/* ---- after one of many */

static gh_step_t
find_sessions(gh_batch_t *b, const login_t *login)
{
    if (gh_pg_str(gh_batch_result(b, login->at_risk), 0, 0).n == 0)
        return reply(b, login);
    gh_batch_query(b, "logout_lock", 3, (const char *[]){login->user_id, "{}", "t"});
    return GH_STEP_MORE;
}

static gh_step_t
end_sessions(gh_batch_t *b, const login_t *login)
{
    if (gh_end_sessions(b, gh_batch_result(b, 0), "banned") < 0)
        return GH_STEP_FAIL;
    return reply(b, login);
}

/* ---- operations */

static gh_step_t
step(gh_batch_t *b, const char *way, gh_surface_t surface, gh_shape_t shape, gh_str_t name)
{
    if (b->jobs[0]->done)
        return GH_STEP_DONE; /* its time ran out */
    if (b->phase == 0) {
        login_t *login = gh_batch_alloc(b, sizeof *login);
        login->way = way;
        login->surface = surface;
        login->shape = shape;
        b->state = login;
        return find(b, login, name);
    }
    login_t *login = b->state;
    switch (b->phase) {
    case 1:
        return start_check(b, login);
    case 2:
        return decide(b, login);
    case 3:
        return open_session(b, login);
    case 4:
        return find_sessions(b, login);
    default:
        return end_sessions(b, login);
    }
}

/* Seed 002 and its clients differ in body and reply on one route: who sends `username` gets the object, who sends the
 * clients' own member gets the token as text (api/01 section 1.0). */
static gh_step_t
step_classic(gh_batch_t *b, const char *way, const char *member)
{
    const gh_wjob_t *job = b->jobs[0];
    bool client = gh_arg_has(job, member);
    return step(b, way, GH_SURFACE_BJTU, client ? GH_SHAPE_TEXT : GH_SHAPE_OBJECT,
                gh_arg_text(job, client ? member : "username"));
}

gh_step_t
gh_login_patient(gh_batch_t *b)
{
    return step_classic(b, "phone", "phonenumber");
}

gh_step_t
gh_login_staff(gh_batch_t *b)
{
    return step_classic(b, "staff", "identifier");
}

gh_step_t
gh_login_account(gh_batch_t *b)
{
    return step(b, "phone_or_staff", GH_SURFACE_BJTU, GH_SHAPE_OBJECT, gh_arg_text(b->jobs[0], "username"));
}

/* A form is what OAuth2 tools send: they get the bare object that they know. */
gh_step_t
gh_login_form(gh_batch_t *b)
{
    const gh_wjob_t *job = b->jobs[0];
    bool form = gh_mp_get(job->args, "form").at != NULL;
    return step(b, "phone_or_staff", GH_SURFACE_BJTU, form ? GH_SHAPE_FORM : GH_SHAPE_OBJECT,
                gh_arg_text(job, "username"));
}

gh_step_t
gh_login_v1(gh_batch_t *b)
{
    static const char *const members[] = {"username", "email", "phone", "identifier"};
    gh_str_t name = {0};
    for (size_t i = 0; i < GH_COUNT(members) && name.n == 0; i++)
        name = gh_arg_text(b->jobs[0], members[i]);
    return step(b, "any", GH_SURFACE_V1, GH_SHAPE_PAIR, name);
}

gh_step_t
gh_login_oauth(gh_batch_t *b)
{
    return step(b, "any", GH_SURFACE_OAUTH, GH_SHAPE_OAUTH, gh_arg_text(b->jobs[0], "username"));
}
