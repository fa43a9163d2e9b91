/*
 * front/cors.c - which pages of other origins may read our answers (api/00 section 0.12, api/20 section 8)
 */
#include "front/front.h"

#define EXPOSED                                                                                              \
    "ETag, Link, Location, Retry-After, X-Total-Count, X-Request-Id, RateLimit, RateLimit-Policy, "          \
    "X-New-Access-Token, X-Access-Expires-In, Idempotency-Replayed, Preference-Applied, Content-Disposition"

/* 2: listed by name, 1: by "*", 0: not allowed. */
static int
allowed(gh_str_t origin)
{
    const char *list = gh_conf_str(front.conf, "front.cors_origins");
    int found = 0;
    while (*list && origin.n) {
        size_t n = strcspn(list, ", ");
        if (n == 1 && *list == '*')
            found = found ? found : 1;
        else if (n == origin.n && memcmp(list, origin.p, n) == 0)
            found = 2;
        list += n + strspn(list + n, ", ");
    }
    return found;
}

void
front_cors(gh_buf_t *out, gh_str_t origin)
{
    int kind = allowed(origin);
    if (!*gh_conf_str(front.conf, "front.cors_origins"))
        return;
    gh_buf_puts(out, "vary: Origin\r\n");
    if (kind == 0)
        return;
    gh_buf_puts(out, "access-control-allow-origin: ");
    if (kind == 2)
        gh_buf_str(out, origin);
    else
        gh_buf_putc(out, '*');
    /* Credentials and "*" exclude each other. */
    gh_buf_puts(out, kind == 2 ? "\r\naccess-control-allow-credentials: true\r\n" : "\r\n");
    gh_buf_puts(out, "access-control-expose-headers: " EXPOSED "\r\n");
}

bool
front_cors_preflight(gh_buf_t *out, gh_str_t origin)
{
    if (!allowed(origin))
        return false;
    gh_buf_puts(
        out, "access-control-allow-methods: GET, POST, PUT, PATCH, DELETE, OPTIONS\r\n"
             "access-control-allow-headers: Authorization, Content-Type, Accept, Accept-Language, "
             "Idempotency-Key, If-Match, If-None-Match, Prefer, X-Request-Id, X-Auto-Refresh, X-CSRF-Token, "
             "traceparent\r\n"
             "access-control-max-age: 600\r\n");
    return true;
}
