/*
 * workers/identity/forgot.c - POST /api/v1/auth/forgot (AU-05; R-36): a mail with a token that lets set a new password
 *
 * phase 0 finds the account, phase 1 writes token and mail, if there is an account with an address. The reply is the same
 * anyhow. An account gets at most RESETS_AN_HOUR; what it asks for beyond is left out in silence.
 */
#include <libpq-fe.h>
#include <stdio.h>
#include <sys/random.h>

#include "base/hash.h"
#include "base/log.h"
#include "db/arrays.h"
#include "domain/message.h"
#include "workers/identity/identity.h"

#define MINUTE_US      INT64_C(60000000)
#define RESETS_AN_HOUR 5
#define TOKEN_BYTES    32
#define TOKEN_TEXT     44 /* base64url of it, with the NUL */

/* base64url without padding (RFC 4648 section 5). */
static void
base64url(const uint8_t bytes[TOKEN_BYTES], char out[TOKEN_TEXT])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t n = 0;
    uint32_t bits = 0;
    int held = 0;
    for (size_t i = 0; i < TOKEN_BYTES; i++) {
        bits = bits << 8 | bytes[i];
        for (held += 8; held >= 6; held -= 6)
            out[n++] = digits[bits >> (held - 6) & 63];
    }
    if (held > 0)
        out[n++] = digits[bits << (6 - held) & 63];
    out[n] = 0;
}

/* A new token and the hex of its sha-256. */
static int
make_token(char token[TOKEN_TEXT], char hash[65])
{
    uint8_t bytes[TOKEN_BYTES], digest[32];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes) {
        gh_log(GH_LOG_ERROR, "no_randomness");
        return -1;
    }
    base64url(bytes, token);
    explicit_bzero(bytes, sizeof bytes);
    if (gh_sha256(token, strlen(token), digest))
        return -1;
    gh_hex(digest, sizeof digest, hash);
    return 0;
}

static gh_step_t
find(gh_batch_t *b)
{
    gh_str_t name = gh_arg_text(b->jobs[0], "email");
    if (name.n && memchr(name.p, 0, name.n))
        name.n = 0; /* no name has a NUL */
    gh_batch_query(b, "forgot_find", 2, (const char *[]){gh_text(b, name), gh_text_time(b, b->now_us)});
    return GH_STEP_MORE;
}

static void
send_link(gh_batch_t *b, const char *address, const char *token)
{
    const gh_conf_t *conf = gh_worker_conf(b->worker);
    int64_t minutes = gh_conf_int(conf, "reset.ttl_min");
    const char *page = gh_conf_str(conf, "reset.page"), *n = gh_text_i64(b, minutes);
    size_t size = strlen(page) + TOKEN_TEXT + 8;
    char *url = gh_batch_alloc(b, size);
    snprintf(url, size, "%s%ctoken=%s", page, strchr(page, '?') ? '&' : '?', token);
    gh_message_queue(b, GH_MESSAGE_PASSWORD_RESET, address, b->now_us + minutes * MINUTE_US,
                     (const gh_error_arg_t[]){{"url", gh_str(url)}, {"n", gh_str(n)}, {0}});
}

/* Only where nobody but developers sees it. */
static bool
exposed(const gh_batch_t *b)
{
    const gh_conf_t *conf = gh_worker_conf(b->worker);
    return gh_conf_bool(conf, "reset.expose_token") &&
           strcmp(gh_conf_str(conf, "system.mode"), "production") != 0;
}

static gh_step_t
reply(gh_batch_t *b, const char *token)
{
    char body[TOKEN_TEXT + 24];
    snprintf(body, sizeof body, "{\"reset_token\":\"%s\"}", token ? token : "");
    gh_job_ok(b, b->jobs[0], 0, token && exposed(b) ? gh_str(body) : GH_STR("null"));
    return GH_STEP_DONE;
}

static gh_step_t
write(gh_batch_t *b)
{
    const PGresult *r = gh_batch_result(b, 0);
    char token[TOKEN_TEXT], hash[65];
    gh_str_t address = PQntuples(r) ? gh_pg_str(r, 0, 1) : (gh_str_t){0};
    if (address.n == 0 || gh_pg_i64(r, 0, 2, 0) >= RESETS_AN_HOUR) {
        gh_job_no_effect(b->jobs[0]);
        return reply(b, NULL);
    }
    if (make_token(token, hash))
        return GH_STEP_FAIL;
    int64_t life_us = gh_conf_int(gh_worker_conf(b->worker), "reset.ttl_min") * MINUTE_US;
    const char *user = gh_text(b, gh_pg_str(r, 0, 0));
    gh_batch_query(
        b, "forgot_write", 4,
        (const char *[]){user, hash, gh_text_time(b, b->now_us), gh_text_time(b, b->now_us + life_us)});
    send_link(b, gh_text(b, address), token);
    return reply(b, token);
}

gh_step_t
gh_forgot_password(gh_batch_t *b)
{
    if (b->jobs[0]->done)
        return GH_STEP_DONE;
    return b->phase == 0 ? find(b) : write(b);
}
