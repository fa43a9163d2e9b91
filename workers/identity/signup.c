/*
 * workers/identity/signup.c - POST /auth/register (api/01 section 1.3; BR-09, BR-10, BR-16, R-20)
 *
 *   find    is the phone number verified, are the names free? has this very job made the account before?
 *   hash    bcrypt on a thread
 *   write   phone form: the window is used up, account, patient and self relation are written
 *           mail form: an account that waits, and the mail with the link (confirm.c)
 *   reply   phone form: a session at once, its token is the reply
 */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mail.h"
#include "base/timez.h"
#include "db/arrays.h"
#include "domain/message.h"
#include "workers/identity/identity.h"
#include "workers/identity/register_rules.h"

#define OP           "identity.register_account"
#define SECOND_US    INT64_C(1000000)
#define LINK_MINUTES 30

typedef struct signup {
    enum { FOUND, HASHED, WRITTEN, SHOWN } next; /* what the results of the phase before are */
    bool mail_form;
    const char *username, *email, *phone, *name, *gender, *born; /* NULL: not given */
    const char *now, *job;
    gh_hashing_t hashing;
    int64_t id;
} signup_t;

/* ---- arguments */

/* BR-10: what cannot be read is left out, not refused. */
static void
read_person(gh_batch_t *b, signup_t *self)
{
    gh_str_t born = gh_arg_text(b->jobs[0], "birth_date");
    int32_t day;
    self->name = gh_arg_given(b, "name");
    self->gender = gh_gender_word(gh_arg_text(b->jobs[0], "gender"));
    if (!self->gender)
        self->gender = "unknown";
    if (gh_day_parse(born, &day) == 0 && gh_birth_day_ok(day, gh_tz_day(b->now_us)))
        self->born = gh_text(b, born);
}

/* False: the job is refused. */
static bool
read_args(gh_batch_t *b, signup_t *self)
{
    const gh_wjob_t *job = b->jobs[0];
    gh_str_t email = gh_arg_text(job, "email");
    self->mail_form = gh_arg_has(job, "username");
    self->phone = gh_phone_text(b, gh_arg_text(job, "phonenumber"));
    self->email = gh_arg_given(b, "email");
    if ((email.n || self->mail_form) && !gh_mail_address_ok(email))
        return gh_arg_invalid(b, "email", "not a mail address");
    if (!gh_password_usable(gh_arg_text(job, "password")))
        return gh_arg_invalid(b, "password", "cannot be used");
    if (self->mail_form)
        self->username = gh_arg_given(b, "username");
    else
        read_person(b, self);
    return true;
}

/* ---- phases */

static gh_step_t
find(gh_batch_t *b)
{
    signup_t *self = gh_batch_alloc(b, sizeof *self);
    b->state = self;
    if (!read_args(b, self))
        return GH_STEP_DONE;
    self->now = gh_text_time(b, b->now_us);
    self->job = gh_text_uuid(b, b->jobs[0]->head.id);
    const char *names[] = {self->phone, self->email, self->username, self->now};
    gh_batch_query(b, "account_mark_find", 2, (const char *[]){self->job, OP});
    gh_batch_query(b, "signup_release", 4, names);
    gh_batch_query(b, "signup_find", 4, names);
    self->next = FOUND;
    return GH_STEP_MORE;
}

static gh_step_t
reply_detail(gh_batch_t *b)
{
    gh_job_ok(b, b->jobs[0], 0, GH_STR("{\"detail\":\"注册成功，请前往邮箱验证\"}"));
    return GH_STEP_DONE;
}

static gh_step_t
show(gh_batch_t *b, signup_t *self)
{
    const char *id = gh_text_i64(b, self->id);
    gh_mark_login(b, id, NULL);
    gh_batch_query(b, "account_show", 3, (const char *[]){id, self->now, gh_tz_name()});
    self->next = SHOWN;
    return GH_STEP_MORE;
}

/* The window comes first: who has not verified the number does not learn whether it is registered. */
static gh_err_t
judge(const signup_t *self, const PGresult *r)
{
    if (!self->mail_form && !gh_pg_bool(r, 0, 0))
        return GH_E_PHONE_NOT_VERIFIED;
    if (gh_pg_bool(r, 0, 1))
        return GH_E_REGISTER_PHONE_TAKEN;
    if (gh_pg_bool(r, 0, 2))
        return GH_E_REGISTER_EMAIL_TAKEN;
    return gh_pg_bool(r, 0, 3) ? GH_E_REGISTER_USERNAME_TAKEN : GH_E_NONE;
}

static gh_step_t
found(gh_batch_t *b, signup_t *self)
{
    const PGresult *mark = gh_batch_result(b, 0);
    if (PQntuples(mark)) {
        self->id = gh_pg_i64(mark, 0, 0, 0);
        return self->mail_form ? reply_detail(b) : show(b, self);
    }
    gh_err_t err = judge(self, gh_batch_result(b, 2));
    if (err != GH_E_NONE) {
        gh_job_refuse(b, b->jobs[0], err, NULL);
        return GH_STEP_DONE;
    }
    self->next = HASHED;
    return gh_hash_start(b, &self->hashing, gh_arg_text(b->jobs[0], "password")) ? GH_STEP_WAIT
                                                                                 : GH_STEP_DONE;
}

static int
queue_link(gh_batch_t *b, const signup_t *self, int64_t until_us)
{
    gh_buf_t url GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    char *token GH_CLEANUP(gh_freep) = NULL, minutes[8];
    if (gh_token_issue_mail(gh_identity_of(b)->keys, self->email, b->now_us / SECOND_US, until_us / SECOND_US,
                            &token))
        return -1;
    gh_buf_printf(&url, "%s/auth/verifyEmail?token=%s",
                  gh_conf_str(gh_worker_conf(b->worker), "message.link_base"), token);
    snprintf(minutes, sizeof minutes, "%d", LINK_MINUTES);
    if (!gh_buf_ok(&url))
        return -1;
    gh_message_queue(b, GH_MESSAGE_MAIL_LINK, self->email, until_us,
                     (const gh_error_arg_t[]){{"url", gh_buf_view(&url)}, {"n", gh_str(minutes)}, {0}});
    return 0;
}

static gh_step_t
write_waiting(gh_batch_t *b, const signup_t *self)
{
    int64_t until_us = b->now_us + LINK_MINUTES * 60 * SECOND_US;
    gh_batch_query(b, "signup_write", 8,
                   (const char *[]){self->username, self->email, self->phone, self->hashing.hash, self->now,
                                    gh_text_time(b, until_us), self->job, OP});
    return queue_link(b, self, until_us) ? GH_STEP_FAIL : reply_detail(b);
}

static gh_step_t
hashed(gh_batch_t *b, signup_t *self)
{
    gh_hash_took(b, self->hashing.took_us, 1);
    if (!self->hashing.hash[0]) {
        gh_job_refuse(b, b->jobs[0], GH_E_REGISTER_FAILED, NULL);
        return GH_STEP_DONE;
    }
    if (self->mail_form)
        return write_waiting(b, self);
    gh_batch_query(b, "signup_use_window", 2, (const char *[]){self->phone, self->now});
    gh_batch_query(b, "register_write", 13,
                   (const char *[]){NULL, NULL, self->email, self->phone, self->name, NULL, NULL,
                                    self->gender, self->born, self->hashing.hash, self->now, self->job, OP});
    self->next = WRITTEN;
    return GH_STEP_MORE;
}

static gh_step_t
written(gh_batch_t *b, signup_t *self)
{
    self->id = gh_pg_i64(gh_batch_result(b, 1), 0, 0, 0);
    return show(b, self);
}

static gh_step_t
reply_token(gh_batch_t *b, const signup_t *self)
{
    const PGresult *r = gh_batch_result(b, 1);
    gh_pair_t *pair = gh_batch_alloc(b, sizeof *pair);
    if (PQntuples(r) != 1 || gh_session_new(b, GH_SURFACE_BJTU, self->id, gh_pg_str(r, 0, 2), pair))
        return GH_STEP_FAIL;
    gh_pair_reply(b, b->jobs[0], GH_SHAPE_TEXT, pair, (gh_str_t){0});
    return GH_STEP_DONE;
}

gh_step_t
gh_register_account(gh_batch_t *b)
{
    if (b->jobs[0]->done)
        return GH_STEP_DONE;
    if (b->phase == 0)
        return find(b);
    signup_t *self = b->state;
    switch (self->next) {
    case FOUND:
        return found(b, self);
    case HASHED:
        return hashed(b, self);
    case WRITTEN:
        return written(b, self);
    default:
        return reply_token(b, self);
    }
}
