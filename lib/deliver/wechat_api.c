/*
 * lib/deliver/wechat_api.c - requests to the WeChat platform by libcurl; see wechat_api.h
 */
#define GH_LOG_PART GH_LOG_SEND
#include "deliver/wechat_api.h"

#include <stdio.h>

#include "base/hash.h"
#include "base/json.h"
#include "base/keyfile.h"
#include "base/log.h"
#include "base/timez.h"
#include "deliver/transfer.h"

#define WHY        200
#define SECRET_MAX 512

static bool
production(const gh_conf_t *conf)
{
    return strcmp(gh_conf_str(conf, "system.mode"), "production") == 0;
}

/* ---- one request */

static void
forget(gh_buf_t *b)
{
    if (b->p)
        explicit_bzero(b->p, b->cap);
    gh_buf_fini(b);
}

/* POST the body, or GET when it is NULL. -1 with the reason in why unless the answer is 200. */
static int
ask(const gh_conf_t *conf, const char *url, const char *body, const atomic_bool *stop, gh_buf_t *answer,
    char why[WHY])
{
    const gh_transfer_t t = {.conf = conf,
                             .url = url,
                             .ca_file = gh_conf_str(conf, "wechat.ca_file"),
                             .timeout_s = (long)gh_conf_int(conf, "wechat.timeout_s"),
                             .stop = stop,
                             .body = gh_str(body),
                             .answer = answer};
    long status;
    CURLcode rc = gh_transfer_json(&t, &status);
    if (rc == CURLE_OK && status == 200)
        return 0;
    snprintf(why, WHY, "wechat %ld: %s", status, rc == CURLE_OK ? "refused" : curl_easy_strerror(rc));
    return -1;
}

/* The first line of wechat.secret_file, read anew each time so that it can be renewed. -1: there is none. */
static int
read_secret(const gh_conf_t *conf, char out[SECRET_MAX], char why[WHY])
{
    int64_t n = gh_keyfile_read(gh_conf_str(conf, "wechat.secret_file"), out, SECRET_MAX);
    int64_t used = 0;
    while (used < n && used < SECRET_MAX - 1 && out[used] > ' ' && out[used] <= '~')
        used++;
    if (n > 0 && used < SECRET_MAX)
        out[used] = 0;
    if (n > 0 && used > 0)
        return 0;
    snprintf(why, WHY, "wechat.secret_file holds no secret");
    return -1;
}

/* ---- messages */

static int
renew(const gh_conf_t *conf, const atomic_bool *stop, gh_wechat_token_t *token, char why[WHY])
{
    gh_buf_t body GH_CLEANUP(forget) = GH_BUF_INIT, answer GH_CLEANUP(forget) = GH_BUF_INIT;
    gh_buf_t url GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    char secret[SECRET_MAX] = "";
    gh_json_t j;
    if (read_secret(conf, secret, why))
        return -1;
    gh_buf_printf(&url, "%s/cgi-bin/stable_token", gh_conf_str(conf, "wechat.url"));
    gh_json_init(&j, &body);
    gh_json_obj(&j);
    gh_json_kcstr(&j, "grant_type", "client_credential");
    gh_json_kcstr(&j, "appid", gh_conf_str(conf, "wechat.app_id"));
    gh_json_kcstr(&j, "secret", secret);
    gh_json_obj_end(&j);
    explicit_bzero(secret, sizeof secret);
    const char *to = gh_buf_cstr(&url), *text = gh_buf_cstr(&body);
    if (!to || !text) {
        snprintf(why, WHY, "out of memory");
        return -1;
    }
    if (ask(conf, to, text, stop, &answer, why))
        return -1;
    if (gh_wechat_read_token(gh_buf_view(&answer), gh_mono_ms(), token) == 0)
        return 0;
    snprintf(why, WHY, "wechat: no token, %lld", (long long)gh_wechat_errcode(gh_buf_view(&answer)));
    return -1;
}

/* One try with the token at hand. -1: no answer, the reason in why. */
static int
try_send(const gh_conf_t *conf, const gh_delivery_t *d, const char *body, const atomic_bool *stop,
         char why[WHY])
{
    gh_buf_t answer GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT, url GH_CLEANUP(forget) = GH_BUF_INIT;
    gh_buf_printf(&url, "%s/cgi-bin/message/subscribe/send?access_token=", gh_conf_str(conf, "wechat.url"));
    gh_transfer_escape(&url, d->token->text);
    const char *to = gh_buf_cstr(&url);
    if (!to) {
        snprintf(why, WHY, "out of memory");
        return -1;
    }
    if (ask(conf, to, body, stop, &answer, why))
        return -1;
    *d->errcode = gh_wechat_errcode(gh_buf_view(&answer));
    return 0;
}

int
gh_wechat_deliver(const gh_conf_t *conf, const gh_delivery_t *d, const atomic_bool *stop, char why[WHY])
{
    gh_buf_t body GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    if (gh_wechat_body(&body, d->recipient, d->template_id, d->data)) {
        snprintf(why, WHY, "wechat: the members of the template are no JSON object");
        return GH_DELIVER_NEVER;
    }
    const char *text = gh_buf_cstr(&body);
    for (int round = 0; text && round < 2; round++) {
        if (gh_mono_ms() >= d->token->until_ms && renew(conf, stop, d->token, why))
            return -1;
        if (try_send(conf, d, text, stop, why))
            return -1;
        gh_wechat_verdict_t verdict = gh_wechat_verdict(*d->errcode);
        if (verdict == GH_WECHAT_SENT)
            return 0;
        snprintf(why, WHY, "wechat: refused, %lld", (long long)*d->errcode);
        if (verdict == GH_WECHAT_NEVER)
            return GH_DELIVER_NEVER;
        if (verdict == GH_WECHAT_LATER)
            return -1;
        *d->token = (gh_wechat_token_t){0};
    }
    if (!text)
        snprintf(why, WHY, "out of memory");
    return -1;
}

int
gh_wechat_dry_run(const gh_conf_t *conf, const gh_delivery_t *d, const atomic_bool *stop, char why[WHY])
{
    gh_buf_t body GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    (void)conf;
    (void)stop;
    if (gh_wechat_body(&body, d->recipient, d->template_id, d->data) == 0)
        return 0;
    snprintf(why, WHY, "wechat: the members of the template are no JSON object");
    return GH_DELIVER_NEVER;
}

/* ---- codes */

static void
make_up(gh_wechat_exchange_t *x)
{
    gh_buf_t seed GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    uint8_t digest[32];
    gh_buf_printf(&seed, "%lld %s", (long long)x->user_id, x->code);
    if (!gh_buf_ok(&seed) || gh_sha256(seed.p, seed.n, digest)) {
        x->word = GH_WECHAT_SILENT;
        return;
    }
    memcpy(x->who.openid, "dry_", 4);
    gh_hex(digest, 12, x->who.openid + 4);
    x->word = GH_WECHAT_KNOWN;
}

static void
ask_platform(gh_wechat_exchange_t *x, char why[WHY])
{
    gh_buf_t url GH_CLEANUP(forget) = GH_BUF_INIT, answer GH_CLEANUP(forget) = GH_BUF_INIT;
    char secret[SECRET_MAX] = "";
    x->word = GH_WECHAT_SILENT;
    if (read_secret(x->conf, secret, why))
        return;
    gh_buf_printf(&url, "%s/sns/jscode2session?grant_type=authorization_code&appid=",
                  gh_conf_str(x->conf, "wechat.url"));
    gh_transfer_escape(&url, gh_conf_str(x->conf, "wechat.app_id"));
    gh_buf_puts(&url, "&secret=");
    gh_transfer_escape(&url, secret);
    gh_buf_puts(&url, "&js_code=");
    gh_transfer_escape(&url, x->code);
    explicit_bzero(secret, sizeof secret);
    const char *to = gh_buf_cstr(&url);
    if (!to || ask(x->conf, to, NULL, NULL, &answer, why))
        return;
    int64_t errcode = gh_wechat_errcode(gh_buf_view(&answer));
    snprintf(why, WHY, "wechat: no id, %lld", (long long)errcode);
    if (errcode == 0 && gh_wechat_read_identity(gh_buf_view(&answer), &x->who) == 0)
        x->word = GH_WECHAT_KNOWN;
    else if (errcode == 40029 || errcode == 40163 ||
             errcode == 40226) /* not valid; used before; a risky account */
        x->word = GH_WECHAT_REFUSED;
}

void
gh_wechat_exchange(void *exchange)
{
    gh_wechat_exchange_t *x = exchange;
    const char *word = gh_conf_str(x->conf, "message.wechat");
    char why[WHY] = "out of memory";
    x->who = (gh_wechat_identity_t){0};
    x->word = GH_WECHAT_REFUSED;
    if (strcmp(word, "dry_run") == 0 && !production(x->conf))
        make_up(x);
    else if (strcmp(word, "api") == 0)
        ask_platform(x, why);
    if (x->word == GH_WECHAT_SILENT)
        gh_log(GH_LOG_WARN, "wechat_code_not_exchanged", GH_KS("reason", why));
}
