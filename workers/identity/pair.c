/*
 * workers/identity/pair.c - tokens of a session and the shapes in which they are handed out
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/uuid7.h"
#include "workers/identity/identity.h"

#define SECOND_US INT64_C(1000000)

const char *
gh_surface_word(gh_surface_t surface)
{
    static const char *const words[] = {"bjtu", "v1", "oauth"};
    return words[surface];
}

gh_surface_t
gh_surface_of(gh_str_t word)
{
    return gh_str_is(word, "bjtu")    ? GH_SURFACE_BJTU
           : gh_str_is(word, "oauth") ? GH_SURFACE_OAUTH
                                      : GH_SURFACE_V1;
}

int
gh_jti_hash(const uint8_t jti[16], char out[65])
{
    uint8_t digest[32];
    if (gh_sha256(jti, 16, digest))
        return -1;
    gh_hex(digest, sizeof digest, out);
    return 0;
}

/* The list as claims carry it: what does not fit is left out whole, the claim is informative. */
static void
put_roles(gh_token_t *claims, gh_str_t roles)
{
    size_t n = roles.n, max = sizeof claims->roles_csv - 1;
    if (n > max)
        for (n = max; n > 0 && roles.p[n] != ',';)
            n--;
    if (n)
        memcpy(claims->roles_csv, roles.p, n);
    claims->roles_csv[n] = 0;
}

static int
issue(gh_batch_t *b, const gh_token_t *claims, gh_str_t *out)
{
    char *text = NULL;
    if (gh_token_issue(gh_identity_of(b)->keys, claims, &text))
        return -1;
    *out = gh_batch_dup(b, gh_str(text));
    free(text);
    return 0;
}

int
gh_pair_issue(gh_batch_t *b, gh_surface_t surface, int64_t user_id, const uint8_t sid[16], gh_str_t roles,
              gh_str_t user_type, gh_pair_t *out)
{
    const gh_identity_t *self = gh_identity_of(b);
    gh_str_t ip = b->jobs[0]->head.actor.ip;
    gh_token_t claims = {.user_id = user_id, .iat = b->now_us / SECOND_US};
    if (user_type.n > 0 && user_type.n < sizeof claims.user_type && ip.n < sizeof claims.login_ip) {
        memcpy(claims.user_type, user_type.p, user_type.n);
        if (ip.n > 0)
            memcpy(claims.login_ip, ip.p, ip.n);
    }
    *out = (gh_pair_t){.user_id = user_id, .has_refresh = surface != GH_SURFACE_BJTU};
    memcpy(claims.sid, sid, 16);
    gh_uuid7_new(claims.jti);
    put_roles(&claims, roles);
    claims.exp = claims.iat + (out->has_refresh ? self->access_s : self->classic_s);
    gh_uuid_text(sid, out->sid);
    gh_uuid_text(claims.jti, out->access_jti);
    out->access_exp = out->session_exp = claims.exp;
    if (issue(b, &claims, &out->access))
        return -1;
    if (!out->has_refresh)
        return 0;
    gh_uuid7_new(claims.jti);
    claims.roles_csv[0] = claims.user_type[0] = 0;
    claims.refresh = true;
    out->session_exp = claims.exp = claims.iat + self->refresh_s;
    return gh_jti_hash(claims.jti, out->refresh_hash) || issue(b, &claims, &out->refresh) ? -1 : 0;
}

int
gh_access_issue(gh_batch_t *b, int64_t user_id, const uint8_t sid[16], gh_str_t roles, int64_t until_s,
                gh_str_t *token, int64_t *exp)
{
    gh_token_t claims = {.user_id = user_id, .iat = b->now_us / SECOND_US};
    memcpy(claims.sid, sid, 16);
    gh_uuid7_new(claims.jti);
    put_roles(&claims, roles);
    claims.exp = claims.iat + gh_identity_of(b)->access_s;
    if (claims.exp > until_s)
        claims.exp = until_s;
    *exp = claims.exp;
    return issue(b, &claims, token);
}

static void
put_pair(gh_json_t *j, const gh_identity_t *self, const gh_pair_t *pair, gh_str_t brief)
{
    gh_json_kstr(j, "access_token", pair->access);
    gh_json_kcstr(j, "token_type", "Bearer");
    gh_json_ki64(j, "expires_in", pair->has_refresh ? self->access_s : self->classic_s);
    gh_str_t refresh = pair->cookie ? (gh_str_t){0} : pair->refresh; /* null */
    gh_json_kstr(j, "refresh_token", refresh);
    gh_json_ki64(j, "refresh_expires_in", self->refresh_s);
    gh_json_kcstr(j, "session_id", pair->sid);
    gh_json_kstr(j, "accessToken", pair->access);
    gh_json_kstr(j, "refreshToken", refresh);
    gh_json_kraw(j, "user", brief);
}

void
gh_pair_json(gh_batch_t *b, gh_json_t *j, const gh_pair_t *pair, gh_str_t brief)
{
    gh_json_obj(j);
    put_pair(j, gh_identity_of(b), pair, brief);
    gh_json_obj_end(j);
}

void
gh_session_open(gh_batch_t *b, gh_surface_t surface, const gh_pair_t *pair)
{
    gh_batch_query(b, "session_open", 11,
                   (const char *[]){pair->sid, gh_text_i64(b, pair->user_id), gh_surface_word(surface),
                                    pair->has_refresh ? pair->refresh_hash : NULL, pair->access_jti,
                                    gh_text_i64(b, pair->access_exp), gh_caller_ip(b, b->jobs[0]),
                                    gh_caller_agent(b, b->jobs[0]), gh_text_time(b, b->now_us),
                                    gh_text_i64(b, pair->session_exp), pair->cookie ? "t" : "f"});
}

int
gh_session_new(gh_batch_t *b, gh_surface_t surface, int64_t user_id, gh_str_t roles, gh_pair_t *pair)
{
    uint8_t sid[16];
    gh_uuid7_new(sid);
    if (gh_pair_issue(b, surface, user_id, sid, roles, (gh_str_t){0}, pair))
        return -1;
    pair->cookie = pair->has_refresh && gh_arg_flag(b->jobs[0], "use_cookie");
    gh_session_open(b, surface, pair);
    return 0;
}

void
gh_session_renew(gh_batch_t *b, const gh_pair_t *pair)
{
    gh_batch_query(b, "session_renew", 7,
                   (const char *[]){pair->sid, pair->has_refresh ? pair->refresh_hash : NULL,
                                    pair->access_jti, gh_text_i64(b, pair->access_exp),
                                    gh_text_time(b, b->now_us), gh_text_i64(b, pair->session_exp),
                                    pair->cookie ? "t" : "f"});
}

static void
put_oauth(gh_json_t *j, const gh_identity_t *self, const gh_pair_t *pair)
{
    gh_json_kstr(j, "access_token", pair->access);
    gh_json_kcstr(j, "token_type", "bearer");
    gh_json_ki64(j, "expires_in", self->access_s);
    gh_json_kstr(j, "refresh_token", pair->refresh);
    gh_json_kcstr(j, "scope", "");
}

/* What the front makes a cookie of (front/cookies.h). */
static void
put_cookie(gh_batch_t *b, gh_wjob_t *job, const gh_pair_t *pair)
{
    gh_buf_t value GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_buf_printf(&value, "%lld ", (long long)gh_identity_of(b)->refresh_s);
    gh_buf_str(&value, pair->refresh);
    const char *text = gh_buf_cstr(&value);
    if (text)
        gh_job_header(b, job, "x-refresh-cookie", text);
}

void
gh_pair_headers(gh_batch_t *b, gh_wjob_t *job, const gh_pair_t *pair)
{
    gh_job_header(b, job, "Cache-Control", "no-store");
    gh_job_header(b, job, "x-signed-in", gh_text_i64(b, pair->user_id)); /* for the front's logs */
    if (pair->cookie)
        put_cookie(b, job, pair);
}

void
gh_pair_reply(gh_batch_t *b, gh_wjob_t *job, gh_shape_t shape, const gh_pair_t *pair, gh_str_t brief)
{
    const gh_identity_t *self = gh_identity_of(b);
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;
    gh_json_init(&j, &out);
    if (shape == GH_SHAPE_TEXT)
        gh_json_str(&j, pair->access);
    else {
        gh_json_obj(&j);
        if (shape == GH_SHAPE_OBJECT) {
            gh_json_ki64(&j, "userid", pair->user_id);
            gh_json_kstr(&j, "access_token", pair->access);
            gh_json_kcstr(&j, "token_type", "Bearer");
        } else if (shape == GH_SHAPE_TOKEN)
            gh_json_kstr(&j, "token", pair->access);
        else if (shape == GH_SHAPE_FORM) {
            gh_json_kstr(&j, "access_token", pair->access);
            gh_json_kcstr(&j, "token_type", "bearer");
        } else if (shape == GH_SHAPE_PAIR)
            put_pair(&j, self, pair, brief);
        else
            put_oauth(&j, self, pair);
        gh_json_obj_end(&j);
    }
    gh_pair_headers(b, job, pair);
    if (gh_buf_ok(&out))
        gh_job_ok(b, job, 0, gh_buf_view(&out));
    else
        gh_job_refuse(b, job, GH_E_INTERNAL, NULL);
}
