/*
 * workers/billing/signature.c - see the header
 */
#include "workers/billing/signature.h"

#include <stdlib.h>

#include "base/hash.h"

#define HEX_N 64

/* HMAC of "<t>.<message>" in hex. */
static int
digest(gh_str_t key, int64_t t, gh_str_t message, char out[HEX_N + 1])
{
    gh_buf_t text GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    uint8_t bytes[32];
    gh_buf_printf(&text, "%lld.", (long long)t);
    gh_buf_str(&text, message);
    if (!gh_buf_ok(&text) || gh_hmac_sha256(key, gh_buf_view(&text), bytes) != 0)
        return -1;
    gh_hex(bytes, sizeof bytes, out);
    return 0;
}

/* The next "name=value" of the header. */
static bool
next_part(gh_str_t *rest, gh_str_t *name, gh_str_t *value)
{
    if (rest->n == 0)
        return false;
    const char *comma = memchr(rest->p, ',', rest->n);
    size_t n = comma ? (size_t)(comma - rest->p) : rest->n;
    const char *eq = memchr(rest->p, '=', n);
    size_t at = eq ? (size_t)(eq - rest->p) : n;
    *name = (gh_str_t){rest->p, at};
    *value = eq ? (gh_str_t){eq + 1, n - at - 1} : (gh_str_t){0};
    *rest = comma ? (gh_str_t){rest->p + n + 1, rest->n - n - 1} : (gh_str_t){0};
    return true;
}

static bool
seconds(gh_str_t text, int64_t *out)
{
    *out = 0;
    if (text.n == 0 || text.n > 12)
        return false;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9')
            return false;
        *out = *out * 10 + (text.p[i] - '0');
    }
    return true;
}

/* Hex digits of either case. */
static bool
same(gh_str_t given, const char *own)
{
    unsigned differs = 0;
    if (given.n != HEX_N)
        return false;
    for (size_t i = 0; i < HEX_N; i++) {
        unsigned c = (unsigned char)given.p[i];
        c |= c >= 'A' && c <= 'F' ? 0x20u : 0;
        differs |= c ^ (unsigned char)own[i];
    }
    return differs == 0;
}

gh_err_t
gh_signature_check(const gh_sign_keys_t *keys, gh_str_t header, gh_str_t message, int64_t now_s)
{
    gh_str_t rest = header, name, value;
    char own[GH_SIGNATURE_KEYS][HEX_N + 1] = {{0}};
    int64_t t = 0;
    bool right = false;
    if (header.n > GH_SIGNATURE_MAX || !next_part(&rest, &name, &value) || !gh_str_is(name, "t") ||
        !seconds(value, &t))
        return GH_E_SIGNATURE_INVALID;
    for (size_t k = 0; k < GH_SIGNATURE_KEYS; k++)
        if (keys->key[k].n > 0 && digest(keys->key[k], t, message, own[k]) != 0)
            return GH_E_SIGNATURE_INVALID;
    while (next_part(&rest, &name, &value))
        for (size_t k = 0; k < GH_SIGNATURE_KEYS; k++)
            right |= keys->key[k].n > 0 && gh_str_is(name, "v1") && same(value, own[k]);
    if (!right)
        return GH_E_SIGNATURE_INVALID;
    return llabs(now_s - t) <= GH_SIGNATURE_SKEW_S ? GH_E_NONE : GH_E_SIGNATURE_STALE;
}

int
gh_signature_put(const gh_sign_keys_t *keys, gh_str_t message, int64_t now_s, gh_buf_t *out)
{
    char own[HEX_N + 1];
    if (keys->key[0].n == 0 || digest(keys->key[0], now_s, message, own) != 0)
        return -1;
    gh_buf_printf(out, "t=%lld,v1=%s", (long long)now_s, own);
    return 0;
}
