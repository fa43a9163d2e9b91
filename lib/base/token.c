/*
 * lib/base/token.c - issue and verify (lib/base/token.h)
 */
#include "base/token.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/token_keys.h"
#include "base/uuid7.h"

/* No token of ours lives longer: a claim beyond it is a forgery or a mistake in the settings. */
#define LIFETIME_MAX_S ((int64_t)400 * 86400)
#define HEADER_MAX     512

static int
b64url_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

/* Decode unpadded base64url (RFC 7515 section 2); out must hold 3/4 of in. -1 when it is not that. */
static int
b64url_decode(gh_str_t in, char *out, size_t *out_n)
{
    uint32_t bits = 0;
    int have = 0;
    size_t n = 0;
    for (size_t i = 0; i < in.n; i++) {
        int v = b64url_value(in.p[i]);
        if (v < 0)
            return -1;
        bits = (bits << 6 | (uint32_t)v) & 0xffffffu;
        have += 6;
        if (have >= 8) {
            have -= 8;
            out[n++] = (char)(bits >> have & 0xff);
        }
    }
    *out_n = n;
    return in.n % 4 == 1 ? -1 : 0;
}

static bool
json_is(const json_t *obj, const char *name, const char *value)
{
    const char *s = json_string_value(json_object_get(obj, name));
    return s && strcmp(s, value) == 0;
}

/* The key that the header names, else the one that signs. NULL: not one of ours, not its algorithm, or `crit`, which asks
 * for what we do not know. */
static const gh_token_key_t *
find_key(gh_str_t token, const gh_token_key_t keys[GH_TOKEN_KEYS])
{
    const char *dot = memchr(token.p, '.', token.n);
    if (!dot || (size_t)(dot - token.p) > HEADER_MAX)
        return NULL;
    char text[HEADER_MAX];
    size_t n = 0;
    if (b64url_decode((gh_str_t){token.p, (size_t)(dot - token.p)}, text, &n))
        return NULL;
    json_t *h = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
    const gh_token_key_t *key = &keys[GH_TOKEN_SIGNS];
    if (json_object_get(h, "kid") && !json_is(h, "kid", key->kid)) {
        key = &keys[GH_TOKEN_PREVIOUS];
        if (!key->check || !json_is(h, "kid", key->kid))
            key = NULL;
    }
    if (key && (!json_is_object(h) || !json_is(h, "alg", key->alg_name) || json_object_get(h, "crit")))
        key = NULL;
    json_decref(h);
    return key;
}

static bool
claim_is(jwt_t *jwt, const char *name, const char *value)
{
    const char *s = jwt_get_grant(jwt, name);
    return s && strcmp(s, value) == 0;
}

/* A positive integer claim; 0 when missing or of another type (libjwt gives -1 and 0 for these). */
static int64_t
claim_time(jwt_t *jwt, const char *name)
{
    long v = jwt_get_grant_int(jwt, name);
    return v > 0 ? v : 0;
}

static bool
claim_uuid(jwt_t *jwt, const char *name, uint8_t out[16])
{
    const char *s = jwt_get_grant(jwt, name);
    return s && gh_uuid_parse(gh_str(s), out) == 0;
}

static bool
claim_subject(jwt_t *jwt, int64_t *user_id)
{
    const char *s = jwt_get_grant(jwt, "sub");
    if (!s || *s < '1' || *s > '9' || strlen(s) > 18 || s[strspn(s, "0123456789")] != '\0')
        return false;
    *user_id = strtoll(s, NULL, 10);
    return true;
}

/* Roles are informative: what does not fit or is no text is left out. */
static void
claim_roles(jwt_t *jwt, char *csv, size_t size)
{
    char *text = jwt_get_grants_json(jwt, "roles");
    json_t *roles = text ? json_loads(text, 0, NULL) : NULL;
    size_t used = 0;
    csv[0] = '\0';
    for (size_t i = 0; i < json_array_size(roles); i++) {
        const char *s = json_string_value(json_array_get(roles, i));
        if (!s || used + strlen(s) + 2 > size)
            continue;
        used += (size_t)snprintf(csv + used, size - used, "%s%s", used ? "," : "", s);
    }
    json_decref(roles);
    free(text);
}

/* iss, typ and the times. */
static gh_err_t
check_frame(const gh_token_keys_t *keys, jwt_t *jwt, const char *type, int64_t now_s, gh_token_t *out)
{
    if (!claim_is(jwt, "iss", keys->issuer) || !claim_is(jwt, "typ", type))
        return GH_E_TOKEN_INVALID;
    int64_t nbf = claim_time(jwt, "nbf");
    out->iat = claim_time(jwt, "iat");
    out->exp = claim_time(jwt, "exp");
    if (!out->iat || !nbf || !out->exp || out->exp - out->iat > LIFETIME_MAX_S ||
        nbf - keys->leeway_s > now_s || out->iat - keys->leeway_s > now_s)
        return GH_E_TOKEN_INVALID;
    return out->exp + keys->leeway_s <= now_s ? GH_E_TOKEN_EXPIRED : GH_E_NONE;
}

static gh_err_t
check_claims(const gh_token_keys_t *keys, jwt_t *jwt, int64_t now_s, gh_token_t *out)
{
    gh_err_t err = check_frame(keys, jwt, out->refresh ? "refresh" : "access", now_s, out);
    if (err == GH_E_TOKEN_INVALID || !claim_subject(jwt, &out->user_id) ||
        !claim_uuid(jwt, "jti", out->jti) || !claim_uuid(jwt, "sid", out->sid))
        return GH_E_TOKEN_INVALID;
    claim_roles(jwt, out->roles_csv, sizeof out->roles_csv);
    return err;
}

/* A token whose header and signature are right; NULL otherwise. */
static jwt_t *
decode(const gh_token_key_t keys[GH_TOKEN_KEYS], gh_str_t token)
{
    if (token.n == 0 || token.n > GH_TOKEN_MAX || memchr(token.p, '\0', token.n))
        return NULL;
    const gh_token_key_t *key = find_key(token, keys);
    if (!key)
        return NULL;
    char text[GH_TOKEN_MAX + 1];
    memcpy(text, token.p, token.n);
    text[token.n] = '\0';
    jwt_t *jwt = NULL;
    if (jwt_decode(&jwt, text, (const unsigned char *)key->check, key->check_n))
        return NULL;
    /* Once more after libjwt's own reading: two parsers must agree on the algorithm. */
    if (jwt_get_alg(jwt) == key->alg)
        return jwt;
    jwt_free(jwt);
    return NULL;
}

gh_err_t
gh_token_verify(const gh_token_keys_t *keys, gh_str_t token, bool refresh, int64_t now_s, gh_token_t *out)
{
    memset(out, 0, sizeof *out);
    out->refresh = refresh;
    jwt_t *jwt = decode(refresh ? keys->refresh : keys->access, token);
    if (!jwt)
        return GH_E_TOKEN_INVALID;
    gh_err_t err = check_claims(keys, jwt, now_s, out);
    jwt_free(jwt);
    return err;
}

gh_err_t
gh_token_verify_mail(const gh_token_keys_t *keys, gh_str_t token, int64_t now_s,
                     char address[GH_TOKEN_ADDRESS])
{
    gh_token_t frame = {0};
    jwt_t *jwt = decode(keys->access, token);
    if (!jwt)
        return GH_E_TOKEN_INVALID;
    const char *sub = jwt_get_grant(jwt, "sub");
    gh_err_t err = check_frame(keys, jwt, "mail", now_s, &frame);
    if (err == GH_E_NONE && (!sub || strlen(sub) >= GH_TOKEN_ADDRESS))
        err = GH_E_TOKEN_INVALID;
    if (err == GH_E_NONE)
        snprintf(address, GH_TOKEN_ADDRESS, "%s", sub);
    jwt_free(jwt);
    return err;
}

/* "A,B" -> {"roles":["A","B"]}, added to the claims. */
static int
add_roles(jwt_t *jwt, const char *csv)
{
    json_t *claims = json_object(), *list = json_array();
    json_object_set_new(claims, "roles", list);
    for (const char *p = csv; *p;) {
        size_t n = strcspn(p, ",");
        json_array_append_new(list, json_stringn(p, n));
        p += n + (p[n] == ',');
    }
    char *text = json_dumps(claims, JSON_COMPACT);
    int rc = text ? jwt_add_grants_json(jwt, text) : -1;
    free(text);
    json_decref(claims);
    return rc;
}

static int
add_claims(const gh_token_keys_t *keys, const gh_token_t *c, jwt_t *jwt)
{
    char sub[24], jti[GH_UUID_TEXT], sid[GH_UUID_TEXT];
    snprintf(sub, sizeof sub, "%lld", (long long)c->user_id);
    gh_uuid_text(c->jti, jti);
    gh_uuid_text(c->sid, sid);
    return jwt_add_grant(jwt, "iss", keys->issuer) || jwt_add_grant(jwt, "sub", sub) ||
           jwt_add_grant(jwt, "jti", jti) || jwt_add_grant(jwt, "sid", sid) ||
           jwt_add_grant(jwt, "typ", c->refresh ? "refresh" : "access") ||
           jwt_add_grant_int(jwt, "iat", c->iat) || jwt_add_grant_int(jwt, "nbf", c->iat) ||
           jwt_add_grant_int(jwt, "exp", c->exp) || (c->roles_csv[0] && add_roles(jwt, c->roles_csv)) ||
           (c->user_type[0] &&
            (jwt_add_grant_int(jwt, "login_time", c->iat) || jwt_add_grant(jwt, "login_ip", c->login_ip) ||
             jwt_add_grant(jwt, "user_type", c->user_type)));
}

/* Signed text; NULL when it fails. jwt_free_str is libjwt's free(); the text goes to callers that know only free(). */
static char *
sign(const gh_token_key_t keys[GH_TOKEN_KEYS], jwt_t *jwt)
{
    const gh_token_key_t *key = &keys[GH_TOKEN_SIGNS];
    char *text = NULL;
    if (!jwt_add_header(jwt, "kid", key->kid) &&
        !jwt_set_alg(jwt, key->alg, (const unsigned char *)key->sign, key->sign_n))
        text = jwt_encode_str(jwt);
    return text;
}

int
gh_token_issue(const gh_token_keys_t *keys, const gh_token_t *claims, char **out)
{
    *out = NULL;
    jwt_t *jwt = NULL;
    if (jwt_new(&jwt))
        return -1;
    if (!add_claims(keys, claims, jwt))
        *out = sign(claims->refresh ? keys->refresh : keys->access, jwt);
    jwt_free(jwt);
    return *out ? 0 : -1;
}

int
gh_token_issue_mail(const gh_token_keys_t *keys, const char *address, int64_t iat, int64_t exp, char **out)
{
    *out = NULL;
    jwt_t *jwt = NULL;
    if (jwt_new(&jwt))
        return -1;
    if (!jwt_add_grant(jwt, "iss", keys->issuer) && !jwt_add_grant(jwt, "sub", address) &&
        !jwt_add_grant(jwt, "typ", "mail") && !jwt_add_grant_int(jwt, "iat", iat) &&
        !jwt_add_grant_int(jwt, "nbf", iat) && !jwt_add_grant_int(jwt, "exp", exp))
        *out = sign(keys->access, jwt);
    jwt_free(jwt);
    return *out ? 0 : -1;
}
