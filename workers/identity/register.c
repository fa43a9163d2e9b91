/*
 * workers/identity/register.c - POST /api/v1/auth/register (AU-01)
 *
 *   find    are the names free? has this very job made the account before?
 *   hash    bcrypt on a thread
 *   write   user, role, patient, self relation, mark of the job: one statement; races end at the unique indexes
 *   show    the account as the reply has it
 *   reply   with a session when tokens were asked for
 */
#include <libpq-fe.h>
#include <stdio.h>

#include "base/timez.h"
#include "db/arrays.h"
#include "domain/password_refusal.h"
#include "workers/identity/identity.h"
#include "workers/identity/register_rules.h"

#define OP "identity.v1_register_user"

typedef struct reg {
    enum { FOUND, HASHED, WRITTEN, SHOWN } next; /* what the results of the phase before are */
    const char *username, *base, *email, *phone; /* NULL: not given */
    const char *full_name, *first_name, *last_name, *gender, *born;
    const char *now, *job;
    bool tokens;
    gh_hashing_t hashing;
    int64_t id;
} reg_t;

/* ---- arguments */

static bool
read_names(gh_batch_t *b, reg_t *reg)
{
    char base[GH_NAME_BASE_SIZE];
    gh_str_t number = gh_arg_text(b->jobs[0], "phone");
    reg->username = gh_arg_given(b, "username");
    reg->email = gh_arg_given(b, "email");
    if (number.n)
        reg->phone = gh_phone_text(b, number);
    if (!reg->username && !reg->email && !reg->phone)
        return gh_arg_invalid(b, "username", "give a user name, a mail address or a phone number");
    if (!reg->username && reg->email) {
        gh_name_base(gh_str(reg->email), base);
        reg->base = gh_text(b, gh_str(base));
    }
    return true;
}

static void
read_full_name(gh_batch_t *b, reg_t *reg)
{
    reg->full_name = gh_arg_given(b, "full_name");
    reg->first_name = gh_arg_given(b, "first_name");
    reg->last_name = gh_arg_given(b, "last_name");
    if (!reg->full_name && (reg->first_name || reg->last_name)) {
        const char *first = reg->first_name ? reg->first_name : "",
                   *last = reg->last_name ? reg->last_name : "";
        size_t n = strlen(first) + strlen(last) + 2;
        char *both = gh_batch_alloc(b, n);
        snprintf(both, n, "%s%s%s", first, *first && *last ? " " : "", last);
        reg->full_name = both;
    }
}

static bool
read_person(gh_batch_t *b, reg_t *reg)
{
    gh_str_t gender = gh_arg_text(b->jobs[0], "gender"), born = gh_arg_text(b->jobs[0], "date_of_birth");
    int32_t day;
    read_full_name(b, reg);
    reg->gender = gender.n == 0            ? "unknown"
                  : gh_str_is(gender, "M") ? "male"
                  : gh_str_is(gender, "F") ? "female"
                                           : gh_text(b, gender);
    if (born.n == 0)
        return true;
    if (gh_day_parse(born, &day) || !gh_birth_day_ok(day, gh_tz_day(b->now_us)))
        return gh_arg_invalid(b, "date_of_birth", "a day in the past, at most 130 years ago");
    reg->born = gh_text(b, born);
    return true;
}

/* False: the job is refused. */
static bool
read_args(gh_batch_t *b, reg_t *reg)
{
    gh_wjob_t *job = b->jobs[0];
    gh_str_t role = gh_arg_text(job, "role"), password = gh_arg_text(job, "password");
    if (role.n && !gh_str_is(role, "PATIENT")) {
        gh_job_refuse(b, job, GH_E_ROLE_NOT_ALLOWED, NULL);
        return false;
    }
    if (!gh_mp_bool(gh_mp_path(job->args, "body.issue_tokens"), &reg->tokens))
        reg->tokens = false;
    return read_names(b, reg) && read_person(b, reg) &&
           gh_password_accept(b, job, "password", password, gh_str(reg->username ? reg->username : reg->base),
                              gh_str(reg->email));
}

/* ---- phases */

static gh_step_t
find(gh_batch_t *b)
{
    reg_t *reg = gh_batch_alloc(b, sizeof *reg);
    b->state = reg;
    if (!read_args(b, reg))
        return GH_STEP_DONE;
    reg->now = gh_text_time(b, b->now_us);
    reg->job = gh_text_uuid(b, b->jobs[0]->head.id);
    gh_batch_query(b, "account_mark_find", 2, (const char *[]){reg->job, OP});
    gh_batch_query(b, "register_find", 3, (const char *[]){reg->username, reg->email, reg->phone});
    reg->next = FOUND;
    return GH_STEP_MORE;
}

static gh_step_t
show(gh_batch_t *b, reg_t *reg)
{
    const char *id = gh_text_i64(b, reg->id);
    if (reg->tokens)
        gh_mark_login(b, id, NULL);
    gh_batch_query(b, "account_show", 3, (const char *[]){id, reg->now, gh_tz_name()});
    reg->next = SHOWN;
    return GH_STEP_MORE;
}

static gh_step_t
found(gh_batch_t *b, reg_t *reg)
{
    static const gh_err_t taken[] = {GH_E_USERNAME_TAKEN, GH_E_EMAIL_TAKEN, GH_E_PHONE_TAKEN};
    const PGresult *mark = gh_batch_result(b, 0), *names = gh_batch_result(b, 1);
    if (PQntuples(mark)) {
        reg->id = gh_pg_i64(mark, 0, 0, 0);
        return show(b, reg);
    }
    for (int i = 0; i < (int)GH_COUNT(taken); i++)
        if (gh_pg_bool(names, 0, i)) {
            gh_job_refuse(b, b->jobs[0], taken[i], NULL);
            return GH_STEP_DONE;
        }
    reg->next = HASHED;
    return gh_hash_start(b, &reg->hashing, gh_arg_text(b->jobs[0], "password")) ? GH_STEP_WAIT : GH_STEP_DONE;
}

static gh_step_t
hashed(gh_batch_t *b, reg_t *reg)
{
    gh_hash_took(b, reg->hashing.took_us, 1);
    if (!reg->hashing.hash[0])
        return GH_STEP_FAIL;
    gh_batch_query(b, "register_lock", 1, (const char *[]){reg->base ? reg->base : ""});
    gh_batch_query(b, "register_write", 13,
                   (const char *[]){reg->username, reg->base, reg->email, reg->phone, reg->full_name,
                                    reg->first_name, reg->last_name, reg->gender, reg->born,
                                    reg->hashing.hash, reg->now, reg->job, OP});
    reg->next = WRITTEN;
    return GH_STEP_MORE;
}

static gh_step_t
written(gh_batch_t *b, reg_t *reg)
{
    reg->id = gh_pg_i64(gh_batch_result(b, 1), 0, 0, 0);
    return show(b, reg);
}

static gh_step_t
reply(gh_batch_t *b, const reg_t *reg)
{
    const PGresult *r = gh_batch_result(b, reg->tokens ? 1 : 0);
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;
    gh_pair_t *pair = gh_batch_alloc(b, sizeof *pair);
    char location[48];
    if (PQntuples(r) != 1 ||
        (reg->tokens && gh_session_new(b, GH_SURFACE_V1, reg->id, gh_pg_str(r, 0, 2), pair)))
        return GH_STEP_FAIL;
    gh_str_t account = gh_pg_str(r, 0, 0);
    gh_buf_put(&out, account.p, account.n - 1); /* without its last brace */
    gh_buf_puts(&out, ",\"tokens\":");
    gh_json_init(&j, &out);
    if (reg->tokens)
        gh_pair_json(b, &j, pair, gh_pg_str(r, 0, 1));
    else
        gh_json_null(&j);
    gh_buf_putc(&out, '}');
    if (!gh_buf_ok(&out))
        return GH_STEP_FAIL;
    snprintf(location, sizeof location, "/api/v1/users/%lld", (long long)reg->id);
    gh_job_header(b, b->jobs[0], "Location", location);
    if (reg->tokens)
        gh_pair_headers(b, b->jobs[0], pair);
    gh_job_ok(b, b->jobs[0], 0, gh_buf_view(&out));
    return GH_STEP_DONE;
}

gh_step_t
gh_register_v1(gh_batch_t *b)
{
    if (b->jobs[0]->done)
        return GH_STEP_DONE;
    if (b->phase == 0)
        return find(b);
    reg_t *reg = b->state;
    switch (reg->next) {
    case FOUND:
        return found(b, reg);
    case HASHED:
        return hashed(b, reg);
    case WRITTEN:
        return written(b, reg);
    default:
        return reply(b, reg);
    }
}
