/*
 * workers/identity/codes.c - codes of six digits by short message and mail (BR-08, BR-11)
 *
 *   send    phase 0 writes the code unless the last one is too fresh; phase 1 queues the message with it
 *   verify  phase 0 reads the code under its row lock; phase 1 decides: a wrong one is counted although the job is refused
 *
 * A right short-message code opens the window to register in, a right mail code binds the address to the caller.
 */
#include <libpq-fe.h>
#include <stdio.h>
#include <sys/random.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/mail.h"
#include "db/arrays.h"
#include "domain/message.h"
#include "workers/identity/code_rules.h"
#include "workers/identity/identity.h"

#define SECOND_US INT64_C(1000000)

typedef struct kind {
    const char *channel;
    gh_message_t message;
    gh_err_t too_frequent;
    gh_err_t refusals[GH_CODE_VERDICTS];
} kind_t;

static const kind_t sms = {.channel = "sms",
                           .message = GH_MESSAGE_SMS_CODE,
                           .too_frequent = GH_E_SMS_TOO_FREQUENT,
                           .refusals = {[GH_CODE_EXPIRED] = GH_E_SMS_CODE_EXPIRED,
                                        [GH_CODE_FOREIGN] = GH_E_SMS_CODE_EXPIRED,
                                        [GH_CODE_WRONG] = GH_E_SMS_CODE_WRONG,
                                        [GH_CODE_EXHAUSTED] = GH_E_SMS_CODE_EXHAUSTED}};
static const kind_t mail = {.channel = "mail",
                            .message = GH_MESSAGE_MAIL_CODE,
                            .too_frequent = GH_E_EMAIL_CODE_TOO_FREQUENT,
                            .refusals = {[GH_CODE_EXPIRED] = GH_E_EMAIL_CODE_EXPIRED,
                                         [GH_CODE_FOREIGN] = GH_E_EMAIL_CODE_NOT_YOURS,
                                         [GH_CODE_WRONG] = GH_E_EMAIL_CODE_WRONG,
                                         [GH_CODE_EXHAUSTED] = GH_E_EMAIL_CODE_EXHAUSTED}};

typedef struct state {
    const char *recipient; /* as codes are filed */
    const char *user;      /* NULL: nobody's in particular */
    char code[GH_CODE_TEXT];
    char hash[65];
    int tries_left;
} state_t;

static gh_step_t
refuse(gh_batch_t *b, gh_err_t err)
{
    gh_job_refuse(b, b->jobs[0], err, NULL);
    return GH_STEP_DONE;
}

static gh_step_t
reply_detail(gh_batch_t *b, const char *detail, const char *member, gh_str_t value)
{
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;
    gh_json_init(&j, &out);
    gh_json_obj(&j);
    gh_json_kcstr(&j, "detail", detail);
    if (member)
        gh_json_kstr(&j, member, value);
    gh_json_obj_end(&j);
    if (!gh_buf_ok(&out))
        return GH_STEP_FAIL;
    gh_job_ok(b, b->jobs[0], 0, gh_buf_view(&out));
    return GH_STEP_DONE;
}

/* Whom the code goes to: a phone number loses blanks and dashes, an address is taken in lower case. */
static state_t *
start(gh_batch_t *b, const kind_t *kind)
{
    const gh_wjob_t *job = b->jobs[0];
    state_t *self = gh_batch_alloc(b, sizeof *self);
    b->state = self;
    if (kind == &sms) {
        self->recipient = gh_phone_text(b, gh_arg_text(job, "phone"));
        return self;
    }
    gh_str_t address = gh_arg_text(job, "email");
    char *lower = gh_batch_alloc(b, address.n + 1);
    for (size_t i = 0; i < address.n; i++)
        lower[i] = address.p[i] >= 'A' && address.p[i] <= 'Z' ? (char)(address.p[i] | 32) : address.p[i];
    self->recipient = lower;
    self->user = gh_text_i64(b, job->head.actor.user_id);
    return self;
}

static int
hash_code(const kind_t *kind, state_t *self, gh_str_t digits)
{
    gh_buf_t text GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    uint8_t digest[32];
    gh_buf_printf(&text, "%s:%s:", kind->channel, self->recipient);
    gh_buf_str(&text, digits);
    if (!gh_buf_ok(&text) || gh_sha256(text.p, text.n, digest))
        return -1;
    gh_hex(digest, sizeof digest, self->hash);
    return 0;
}

/* ---- sending */

static int
draw(state_t *self)
{
    uint32_t random;
    do {
        if (getrandom(&random, sizeof random, 0) != sizeof random) {
            gh_log(GH_LOG_ERROR, "getrandom");
            return -1;
        }
    } while (!gh_code_digits(random, self->code));
    return 0;
}

static int64_t
setting_s(const gh_batch_t *b, const char *name)
{
    return gh_conf_int(gh_worker_conf(b->worker), name);
}

static gh_step_t
send_put(gh_batch_t *b, const kind_t *kind)
{
    state_t *self = start(b, kind);
    if (kind == &mail && !gh_mail_address_ok(gh_arg_text(b->jobs[0], "email")))
        return refuse(b, GH_E_EMAIL_FORMAT_INVALID);
    if (kind == &sms && !gh_sender_serves(gh_worker_conf(b->worker), "sms"))
        return refuse(b, GH_E_SMS_NOT_CONFIGURED);
    if (draw(self) || hash_code(kind, self, gh_str(self->code)))
        return GH_STEP_FAIL;
    gh_batch_query(b, "code_put", 8,
                   (const char *[]){kind->channel, self->recipient, self->user, self->hash,
                                    gh_text_i64(b, GH_CODE_TRIES), gh_text_time(b, b->now_us),
                                    gh_text_time(b, b->now_us + setting_s(b, "code.ttl_s") * SECOND_US),
                                    gh_text_i64(b, setting_s(b, "code.resend_s"))});
    if (kind == &mail)
        gh_batch_query(b, "email_owner", 2, (const char *[]){self->recipient, self->user});
    return GH_STEP_MORE;
}

static gh_step_t
send_message(gh_batch_t *b, const kind_t *kind)
{
    const state_t *self = b->state;
    char minutes[24], detail[100];
    int64_t ttl = setting_s(b, "code.ttl_s");
    if (kind == &mail && gh_pg_bool(gh_batch_result(b, 1), 0, 0))
        return refuse(b, GH_E_PROFILE_EMAIL_TAKEN); /* the code is rolled back */
    if (PQntuples(gh_batch_result(b, 0)) == 0)
        return refuse(b, kind->too_frequent);
    snprintf(minutes, sizeof minutes, "%lld", (long long)(ttl / 60));
    gh_message_queue(b, kind->message, self->recipient, b->now_us + ttl * SECOND_US,
                     (const gh_error_arg_t[]){{"code", gh_str(self->code)}, {"n", gh_str(minutes)}, {0}});
    gh_batch_query(b, "code_prune", 1, (const char *[]){gh_text_time(b, b->now_us)});
    if (kind == &sms)
        return reply_detail(b, "验证码已发送", NULL, (gh_str_t){0});
    gh_str_t address = gh_arg_text(b->jobs[0], "email");
    char *masked = gh_batch_alloc(b, address.n + 4);
    size_t n = gh_mask_mail(address, masked);
    snprintf(detail, sizeof detail, "验证码已发送到你的邮箱，请在%s分钟内验证", minutes);
    return reply_detail(b, detail, "email_masked", (gh_str_t){masked, n});
}

/* ---- verifying */

static gh_step_t
verify_find(gh_batch_t *b, const kind_t *kind)
{
    state_t *self = start(b, kind);
    if (kind == &mail && !gh_mail_address_ok(gh_arg_text(b->jobs[0], "email")))
        return refuse(b, GH_E_EMAIL_FORMAT_INVALID);
    if (hash_code(kind, self, gh_arg_text(b->jobs[0], "code")))
        return GH_STEP_FAIL;
    gh_batch_query(
        b, "code_find", 5,
        (const char *[]){kind->channel, self->recipient, gh_text_time(b, b->now_us), self->hash, self->user});
    if (kind == &mail)
        gh_batch_query(b, "email_owner", 2, (const char *[]){self->recipient, self->user});
    return GH_STEP_MORE;
}

static gh_code_verdict_t
judge(gh_batch_t *b, state_t *self)
{
    const PGresult *r = gh_batch_result(b, 0);
    if (PQntuples(r) == 0)
        return GH_CODE_EXPIRED;
    gh_code_facts_t facts = {.live = gh_pg_bool(r, 0, 0),
                             .expired = gh_pg_bool(r, 0, 1),
                             .foreign = gh_pg_bool(r, 0, 2),
                             .equal = gh_pg_bool(r, 0, 3),
                             .tries_left = (int)gh_pg_i64(r, 0, 4, 0)};
    self->tries_left = facts.tries_left;
    return gh_code_decide(&facts);
}

static gh_step_t
verified(gh_batch_t *b, const kind_t *kind, const state_t *self)
{
    if (kind == &sms) {
        const char *until = gh_text_time(b, b->now_us + setting_s(b, "code.window_s") * SECOND_US);
        gh_batch_query(b, "code_used", 3, (const char *[]){kind->channel, self->recipient, until});
        return reply_detail(b, "验证码验证通过", NULL, (gh_str_t){0});
    }
    gh_str_t address = gh_arg_text(b->jobs[0], "email");
    if (gh_pg_bool(gh_batch_result(b, 1), 0, 0))
        return refuse(b, GH_E_PROFILE_EMAIL_TAKEN);
    gh_batch_query(b, "code_used", 3, (const char *[]){kind->channel, self->recipient, NULL});
    gh_batch_query(b, "email_bind", 2, (const char *[]){self->user, gh_text(b, address)});
    return reply_detail(b, "邮箱绑定成功", "email", address);
}

static gh_step_t
verify(gh_batch_t *b, const kind_t *kind)
{
    state_t *self = b->state;
    gh_code_verdict_t verdict = judge(b, self);
    char left[16];
    if (verdict == GH_CODE_RIGHT)
        return verified(b, kind, self);
    if (verdict == GH_CODE_WRONG || verdict == GH_CODE_EXHAUSTED)
        gh_batch_query(b, "code_missed", 2, (const char *[]){kind->channel, self->recipient});
    snprintf(left, sizeof left, "%d", self->tries_left - 1);
    gh_job_refuse(b, b->jobs[0], kind->refusals[verdict], (const gh_error_arg_t[]){{"n", gh_str(left)}, {0}});
    return GH_STEP_DONE;
}

/* ---- operations */

static gh_step_t
step(gh_batch_t *b, const kind_t *kind, gh_step_t (*first)(gh_batch_t *, const kind_t *),
     gh_step_t (*second)(gh_batch_t *, const kind_t *))
{
    if (b->jobs[0]->done)
        return GH_STEP_DONE;
    return b->phase == 0 ? first(b, kind) : second(b, kind);
}

gh_step_t
gh_send_sms_code(gh_batch_t *b)
{
    return step(b, &sms, send_put, send_message);
}

gh_step_t
gh_verify_sms_code(gh_batch_t *b)
{
    return step(b, &sms, verify_find, verify);
}

gh_step_t
gh_send_email_code(gh_batch_t *b)
{
    return step(b, &mail, send_put, send_message);
}

gh_step_t
gh_bind_email(gh_batch_t *b)
{
    return step(b, &mail, verify_find, verify);
}
