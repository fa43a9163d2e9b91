/*
 * front/auth.c - who asks: bearer token, revocation, and which operations need one (decisions 3, api/00 section 0.6)
 */
#include <strings.h>

#include "base/timez.h"
#include "front/front.h"

/* The token of `Bearer <token>`; empty for none or another scheme. */
static gh_str_t
bearer(gh_str_t authorization)
{
    if (authorization.n < 8 || strncasecmp(authorization.p, "bearer ", 7) != 0)
        return (gh_str_t){0};
    gh_str_t t = {authorization.p + 7, authorization.n - 7};
    while (t.n && t.p[0] == ' ')
        t = (gh_str_t){t.p + 1, t.n - 1};
    return t;
}

static gh_str_t
query_token(gh_str_t query)
{
    gh_str_t name, value;
    while (gh_query_next(&query, &name, &value))
        if (gh_str_is(name, "token"))
            return value; /* the characters of a JWT need no escape */
    return (gh_str_t){0};
}

/* Under /api every route outside /api/auth/ needs a token, whatever v1 says. */
static bool
is_public(const front_ask_t *ask, const gh_match_t *match)
{
    gh_str_t path = ask->render.path;
    bool auth = path.n >= 10 && memcmp(path.p, "/api/auth/", 10) == 0;
    return match->op->access.kind == GH_ACCESS_PUBLIC && (!match->unversioned || auth);
}

static void
count_failure(gh_err_t err)
{
    size_t slot = err == GH_E_TOKEN_MISSING   ? 0
                  : err == GH_E_TOKEN_EXPIRED ? 2
                  : err == GH_E_TOKEN_REVOKED ? 3
                                              : 1;
    front_add(&front.counters->worker[front.worker].auth_failures[slot], 1);
}

static gh_err_t
check(gh_str_t text, gh_token_t *token)
{
    gh_err_t err = front_tokens_verify(front.tokens, front.keys, text, gh_now_us() / 1000000, token);
    if (err == GH_E_NONE && front_revoked_has(front.revoked, token->sid, token->user_id, token->iat))
        err = GH_E_TOKEN_REVOKED;
    return err;
}

gh_err_t
front_token_error(gh_str_t authorization)
{
    gh_token_t token;
    gh_str_t text = bearer(authorization);
    return text.n ? check(text, &token) : GH_E_TOKEN_MISSING;
}

bool
front_token_good(gh_str_t authorization)
{
    return front_token_error(authorization) == GH_E_NONE;
}

gh_err_t
front_authenticate(const front_ask_t *ask, const gh_match_t *match, gh_str_t authorization, gh_str_t query,
                   gh_token_t *token, bool *known)
{
    const gh_operation_t *op = match->op;
    bool open = is_public(ask, match);
    gh_str_t text = bearer(authorization);
    if (text.n == 0 && op->query_token)
        text = query_token(query);
    *known = false;
    if (text.n == 0) {
        /* x-public-if is a setting in the database: the worker knows whether it is on, and refuses otherwise. */
        if (open || op->access.public_if)
            return GH_E_NONE;
        count_failure(GH_E_TOKEN_MISSING);
        return GH_E_TOKEN_MISSING;
    }
    gh_err_t err = check(text, token);
    if (op->dead_token) {
        *known = err != GH_E_TOKEN_INVALID;
        return GH_E_NONE;
    }
    if (open) {
        *known = err == GH_E_NONE && front_sync_ready();
        return GH_E_NONE;
    }
    if (err != GH_E_NONE) {
        count_failure(err);
        return err;
    }
    *known = true;
    return front_sync_ready() ? GH_E_NONE : GH_E_SERVICE_UNAVAILABLE;
}
