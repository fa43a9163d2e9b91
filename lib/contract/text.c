/*
 * lib/contract/text.c - URL decoding and UTF-8 (lib/contract/validate.h)
 */
#include "contract/validate.h"

int
gh_url_decode(gh_str_t in, bool form, char *out, size_t *n)
{
    size_t w = 0;
    for (size_t i = 0; i < in.n; i++) {
        char c = in.p[i];
        if (c == '%') {
            int byte = in.n - i < 3 ? -1 : gh_hex_byte(in.p + i + 1);
            if (byte < 0)
                return -1;
            out[w++] = (char)byte;
            i += 2;
        } else {
            out[w++] = form && c == '+' ? ' ' : c;
        }
    }
    *n = w;
    return 0;
}

bool
gh_query_next(gh_str_t *rest, gh_str_t *name, gh_str_t *value)
{
    while (rest->n) {
        const char *amp = memchr(rest->p, '&', rest->n);
        size_t n = amp ? (size_t)(amp - rest->p) : rest->n;
        gh_str_t pair = {rest->p, n};
        rest->p += amp ? n + 1 : n;
        rest->n -= amp ? n + 1 : n;
        if (n == 0)
            continue;
        const char *eq = memchr(pair.p, '=', pair.n);
        *name = (gh_str_t){pair.p, eq ? (size_t)(eq - pair.p) : pair.n};
        *value = eq ? (gh_str_t){eq + 1, pair.n - name->n - 1} : (gh_str_t){pair.p + pair.n, 0};
        return true;
    }
    return false;
}

/* Bytes of the sequence at p, 0 when it is broken (Unicode table 3-7). */
static size_t
sequence(const unsigned char *p, size_t n)
{
    if (p[0] < 0x80)
        return 1;
    size_t len = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4 || n < len)
        return 0;
    unsigned char lo = 0x80, hi = 0xbf;
    if (p[0] == 0xe0)
        lo = 0xa0;
    else if (p[0] == 0xed)
        hi = 0x9f;
    else if (p[0] == 0xf0)
        lo = 0x90;
    else if (p[0] == 0xf4)
        hi = 0x8f;
    if (p[1] < lo || p[1] > hi)
        return 0;
    for (size_t i = 2; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return len;
}

int64_t
gh_utf8_length(gh_str_t s)
{
    int64_t count = 0;
    for (size_t i = 0; i < s.n; count++) {
        size_t len = sequence((const unsigned char *)s.p + i, s.n - i);
        if (len == 0)
            return -1;
        i += len;
    }
    return count;
}
