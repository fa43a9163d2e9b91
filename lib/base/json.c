/*
 * lib/base/json.c - JSON writer
 */
#include "base/json.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/money.h"

void
gh_json_init(gh_json_t *j, gh_buf_t *out)
{
    *j = (gh_json_t){.out = out, .first = {true}};
}

/* The comma before a value or key, unless it is the first of its container or follows its key. Texts at depth 0 are
 * not separated: a writer may be used for one value after the other. */
static void
separate(gh_json_t *j)
{
    if (j->after_key) {
        j->after_key = false;
        return;
    }
    if (j->depth >= GH_COUNT(j->first))
        return;
    if (j->depth > 0 && !j->first[j->depth])
        gh_buf_putc(j->out, ',');
    j->first[j->depth] = false;
}

static void
open_container(gh_json_t *j, char c)
{
    separate(j);
    gh_buf_putc(j->out, c);
    if (j->depth == UINT8_MAX || ++j->depth >= GH_COUNT(j->first))
        j->out->failed = true;
    else
        j->first[j->depth] = true;
}

static void
close_container(gh_json_t *j, char c)
{
    assert(j->depth > 0 && !j->after_key);
    j->depth--;
    gh_buf_putc(j->out, c);
}

void
gh_json_obj(gh_json_t *j)
{
    open_container(j, '{');
}

void
gh_json_obj_end(gh_json_t *j)
{
    close_container(j, '}');
}

void
gh_json_arr(gh_json_t *j)
{
    open_container(j, '[');
}

void
gh_json_arr_end(gh_json_t *j)
{
    close_container(j, ']');
}

/* Length of the well-formed UTF-8 sequence at p (RFC 3629: no overlong forms, surrogates or values over 10FFFF), 0
 * when there is none. The first byte is not ASCII. */
static size_t
utf8_length(const unsigned char *p, size_t n)
{
    unsigned char c = p[0], lo = 0x80, hi = 0xbf;
    size_t len;
    if (c >= 0xc2 && c <= 0xdf)
        len = 2;
    else if (c >= 0xe0 && c <= 0xef)
        len = 3;
    else if (c >= 0xf0 && c <= 0xf4)
        len = 4;
    else
        return 0;
    if (c == 0xe0)
        lo = 0xa0;
    else if (c == 0xed)
        hi = 0x9f;
    else if (c == 0xf0)
        lo = 0x90;
    else if (c == 0xf4)
        hi = 0x8f;
    if (n < len || p[1] < lo || p[1] > hi)
        return 0;
    for (size_t i = 2; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return len;
}

static void
put_escape(gh_buf_t *out, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    const char *known = c ? strchr(from, c) : NULL;
    if (known) {
        char two[2] = {'\\', to[known - from]};
        gh_buf_put(out, two, 2);
    } else {
        char six[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
        gh_buf_put(out, six, 6);
    }
}

static void
put_string(gh_buf_t *out, gh_str_t s)
{
    const unsigned char *p = (const unsigned char *)s.p;
    size_t i = 0, start = 0; /* start: first byte not yet copied */
    gh_buf_putc(out, '"');
    while (i < s.n) {
        unsigned char c = p[i];
        size_t len = c < 0x80 ? 1 : utf8_length(p + i, s.n - i);
        if (len > 0 && c >= 0x20 && c != '"' && c != '\\') {
            i += len;
            continue;
        }
        gh_buf_put(out, s.p + start, i - start);
        if (len == 0)
            gh_buf_put(out, "\xef\xbf\xbd", 3);
        else
            put_escape(out, c);
        start = ++i;
    }
    gh_buf_put(out, s.p + start, s.n - start);
    gh_buf_putc(out, '"');
}

void
gh_json_key(gh_json_t *j, const char *key)
{
    assert(!j->after_key);
    separate(j);
    put_string(j->out, gh_str(key));
    gh_buf_putc(j->out, ':');
    j->after_key = true;
}

void
gh_json_raw(gh_json_t *j, gh_str_t text)
{
    separate(j);
    gh_buf_str(j->out, text);
}

void
gh_json_str(gh_json_t *j, gh_str_t s)
{
    if (!s.p) {
        gh_json_null(j);
        return;
    }
    separate(j);
    put_string(j->out, s);
}

void
gh_json_cstr(gh_json_t *j, const char *s)
{
    gh_json_str(j, gh_str(s));
}

void
gh_json_i64(gh_json_t *j, int64_t v)
{
    separate(j);
    gh_buf_i64(j->out, v);
}

void
gh_json_bool(gh_json_t *j, bool v)
{
    gh_json_raw(j, v ? GH_STR("true") : GH_STR("false"));
}

void
gh_json_null(gh_json_t *j)
{
    gh_json_raw(j, GH_STR("null"));
}

void
gh_json_double(gh_json_t *j, double v)
{
    if (!isfinite(v)) {
        gh_json_null(j);
        return;
    }
    char text[32];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            break;
    }
    gh_json_raw(j, gh_str(text));
}

void
gh_json_money(gh_json_t *j, int64_t cents)
{
    char text[24];
    int n = gh_money_text(cents, text);
    gh_json_raw(j, (gh_str_t){text, (size_t)n});
}

void
gh_json_kstr(gh_json_t *j, const char *key, gh_str_t s)
{
    gh_json_key(j, key);
    gh_json_str(j, s);
}

void
gh_json_kcstr(gh_json_t *j, const char *key, const char *s)
{
    gh_json_key(j, key);
    gh_json_cstr(j, s);
}

void
gh_json_ki64(gh_json_t *j, const char *key, int64_t v)
{
    gh_json_key(j, key);
    gh_json_i64(j, v);
}

void
gh_json_kbool(gh_json_t *j, const char *key, bool v)
{
    gh_json_key(j, key);
    gh_json_bool(j, v);
}

void
gh_json_knull(gh_json_t *j, const char *key)
{
    gh_json_key(j, key);
    gh_json_null(j);
}

void
gh_json_kmoney(gh_json_t *j, const char *key, int64_t cents)
{
    gh_json_key(j, key);
    gh_json_money(j, cents);
}

void
gh_json_kraw(gh_json_t *j, const char *key, gh_str_t text)
{
    gh_json_key(j, key);
    gh_json_raw(j, text);
}
