/*
 * workers/billing/provider.c - the table of providers, and the sandbox among them; see the header
 */
#include "workers/billing/provider.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/random.h>

#include "base/hash.h"
#include "base/keyfile.h"
#include "base/log.h"
#include "base/money.h"

/* ---- the sandbox */

#define KEY_BYTES 32

static bool
sandbox_enabled(const gh_conf_t *conf)
{
    return gh_conf_bool(conf, "payment.sandbox") &&
           strcmp(gh_conf_str(conf, "system.mode"), "production") != 0;
}

/* Two processes may start together: the first one's key counts. */
static int
create_key(const char *file)
{
    uint8_t bytes[KEY_BYTES];
    char text[2 * KEY_BYTES + 1];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return -1;
    gh_hex(bytes, sizeof bytes, text);
    return gh_keyfile_write(file, gh_str(text), false);
}

/* The key of the file, made when there is none. */
static gh_str_t
key_of_file(const char *file)
{
    static char text[2 * KEY_BYTES];
    int64_t n = gh_keyfile_read(file, text, sizeof text);
    if (n < 0 && errno == ENOENT && create_key(file) == 0)
        n = gh_keyfile_read(file, text, sizeof text);
    if (n <= 0)
        gh_log(GH_LOG_ERROR, "sandbox_key_missing", GH_KS("file", file));
    return n > 0 ? (gh_str_t){text, (size_t)n} : (gh_str_t){0};
}

static int
sandbox_keys(const gh_conf_t *conf, gh_sign_keys_t *out)
{
    gh_str_t own = gh_str(gh_conf_str(conf, "payment.sandbox_secret"));
    out->key[0] = own.n ? own : key_of_file(gh_conf_str(conf, "payment.sandbox_secret_file"));
    out->key[1] = gh_str(gh_conf_str(conf, "payment.sandbox_previous_secret"));
    return out->key[0].n > 0 ? 0 : -1;
}

static void
put_escaped(gh_buf_t *out, gh_str_t s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                     c == '_' || c == '.' || c == '~';
        plain ? gh_buf_putc(out, (char)c) : gh_buf_printf(out, "%%%02X", c);
    }
}

/* page/NO?amount=45.00&currency=CNY&expires=<unix s>[&return_url=..]&signature=t%3D..%2Cv1%3D..: over what stands between ? and
 * &signature, after the number: "NO?amount=...". */
static int
sandbox_start(const gh_conf_t *conf, const gh_pay_request_t *pay, gh_buf_t *pay_url, gh_buf_t *qr)
{
    gh_buf_t message GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT, sign GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_sign_keys_t keys;
    char amount[24];
    gh_money_text(pay->amount, amount);
    gh_buf_printf(&message, "%s?amount=%s&currency=%s&expires=%" PRId64, pay->payment_no, amount,
                  pay->currency, pay->expires_us / 1000000);
    if (pay->return_url.p) {
        gh_buf_puts(&message, "&return_url=");
        put_escaped(&message, pay->return_url);
    }
    if (sandbox_keys(conf, &keys) != 0 ||
        gh_signature_put(&keys, gh_buf_view(&message), pay->now_us / 1000000, &sign) != 0)
        return -1;
    gh_buf_printf(pay_url, "%s/", gh_conf_str(conf, "payment.sandbox_page"));
    gh_buf_str(pay_url, gh_buf_view(&message));
    gh_buf_puts(pay_url, "&signature=");
    put_escaped(pay_url, gh_buf_view(&sign));
    gh_buf_printf(qr, "sandbox:%s", pay->payment_no);
    return gh_buf_ok(pay_url) && gh_buf_ok(qr) ? 0 : -1;
}

/* It ends payments when their time is over, and reports everything else by itself. */
static int
sandbox_query(const gh_conf_t *conf, const gh_payment_t *p, int64_t now_us, gh_payment_state_t *out)
{
    (void)conf;
    *out = p->expires_us && p->expires_us <= now_us ? GH_PAYMENT_EXPIRED : GH_PAYMENT_PENDING;
    return 0;
}

/* ---- all of them */

static const gh_provider_t providers[] = {
    {.name = "sandbox",
     .enabled = sandbox_enabled,
     .keys = sandbox_keys,
     .start = sandbox_start,
     .query = sandbox_query,
     .plays = true},
};

const gh_provider_t *
gh_provider_find(const gh_conf_t *conf, gh_str_t name)
{
    for (size_t i = 0; i < GH_COUNT(providers); i++)
        if (gh_str_is(name, providers[i].name) && providers[i].enabled(conf))
            return &providers[i];
    return NULL;
}

bool
gh_return_url_allowed(const gh_conf_t *conf, gh_str_t url)
{
    size_t slashes = 0, n = 0;
    while (n < url.n && (url.p[n] != '/' || slashes < 2) && url.p[n] != '?' && url.p[n] != '#')
        slashes += url.p[n++] == '/';
    for (const char *p = gh_conf_str(conf, "payment.return_origins"); *p;) {
        size_t k = strcspn(p, ", ");
        if (k > 0 && gh_str_eq((gh_str_t){p, k}, (gh_str_t){url.p, n}))
            return true;
        p += k + (p[k] != '\0');
    }
    return false;
}
