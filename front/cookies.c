/*
 * front/cookies.c - refresh tokens in cookies
 */
#include "front/cookies.h"

#include <stdlib.h>
#include <sys/random.h>

#include "base/hash.h"

#define REFRESH   "__Host-refresh"
#define TOKEN_MAX 4096 /* as in the contract */

gh_str_t
front_cookie(gh_str_t header, const char *name)
{
    size_t n = strlen(name);
    while (header.n) {
        const char *semicolon = memchr(header.p, ';', header.n);
        gh_str_t pair = {header.p, semicolon ? (size_t)(semicolon - header.p) : header.n};
        header = semicolon ? (gh_str_t){semicolon + 1, header.n - pair.n - 1} : (gh_str_t){0};
        while (pair.n && pair.p[0] == ' ')
            pair = (gh_str_t){pair.p + 1, pair.n - 1};
        if (pair.n > n && memcmp(pair.p, name, n) == 0 && pair.p[n] == '=')
            return (gh_str_t){pair.p + n + 1, pair.n - n - 1};
    }
    return (gh_str_t){0};
}

/* Characters of a JWT: none needs an escape in JSON or in a cookie. */
static bool
is_token(gh_str_t s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.", s.p[i]) || !s.p[i])
            return false;
    return s.n > 0 && s.n <= TOKEN_MAX;
}

gh_str_t
front_cookie_refresh(gh_str_t header)
{
    gh_str_t value = front_cookie(header, REFRESH);
    return is_token(value) ? value : (gh_str_t){0};
}

bool
front_cookie_csrf_ok(gh_str_t header, gh_str_t csrf)
{
    gh_str_t want = front_cookie(header, "csrf");
    unsigned differ = 0;
    if (want.n == 0 || want.n != csrf.n)
        return false;
    for (size_t i = 0; i < want.n; i++)
        differ |= (unsigned char)want.p[i] ^ (unsigned char)csrf.p[i];
    return differ == 0;
}

static void
put(gh_buf_t *lines, const char *name, gh_str_t value, gh_str_t seconds, bool secret)
{
    gh_buf_puts(lines, "set-cookie: ");
    gh_buf_puts(lines, name);
    gh_buf_putc(lines, '=');
    gh_buf_str(lines, value);
    gh_buf_puts(lines, "; Path=/; Max-Age=");
    gh_buf_str(lines, seconds);
    gh_buf_puts(lines, secret ? "; Secure; HttpOnly; SameSite=Strict\r\n" : "; Secure; SameSite=Strict\r\n");
}

void
front_cookies_put(gh_buf_t *lines, gh_str_t value)
{
    uint8_t bytes[16];
    char csrf[33];
    size_t digits = 0;
    while (digits < value.n && value.p[digits] >= '0' && value.p[digits] <= '9')
        digits++;
    if (digits == 0 || digits > 10 || digits == value.n || value.p[digits] != ' ')
        return;
    gh_str_t seconds = {value.p, digits}, token = {value.p + digits + 1, value.n - digits - 1};
    if (!is_token(token) || getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return;
    gh_hex(bytes, sizeof bytes, csrf);
    put(lines, REFRESH, token, seconds, true);
    put(lines, "csrf", gh_str(csrf), seconds, false);
}

void
front_cookies_clear(gh_buf_t *lines)
{
    put(lines, REFRESH, (gh_str_t){0}, GH_STR("0"), true);
    put(lines, "csrf", (gh_str_t){0}, GH_STR("0"), false);
}
