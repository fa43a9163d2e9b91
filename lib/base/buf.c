/*
 * lib/base/buf.c - growable byte buffer
 *
 * Grows by doubling from 256 bytes. One byte is always kept free for gh_buf_cstr().
 */
#include "base/buf.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define BUF_MIN 256
#define BUF_MAX ((size_t)1 << 31) /* far above any message; stops a runaway writer */

void
gh_buf_fini(gh_buf_t *b)
{
    free(b->p);
    *b = GH_BUF_INIT;
}

void
gh_buf_clear(gh_buf_t *b)
{
    b->n = 0;
    b->failed = false;
}

char *
gh_buf_reserve(gh_buf_t *b, size_t n)
{
    if (b->failed)
        return NULL;
    if (b->cap - b->n > n)
        return b->p + b->n;
    if (n >= BUF_MAX || b->n >= BUF_MAX - n) {
        b->failed = true;
        return NULL;
    }
    size_t cap = b->cap ? b->cap : BUF_MIN;
    while (cap <= b->n + n)
        cap *= 2;
    char *p = realloc(b->p, cap);
    if (!p) {
        b->failed = true;
        return NULL;
    }
    b->p = p;
    b->cap = cap;
    return p + b->n;
}

void
gh_buf_put(gh_buf_t *b, const void *data, size_t n)
{
    char *at = n ? gh_buf_reserve(b, n) : NULL;
    if (!at)
        return;
    memcpy(at, data, n);
    b->n += n;
}

void
gh_buf_puts(gh_buf_t *b, const char *s)
{
    gh_buf_put(b, s, strlen(s));
}

void
gh_buf_putc(gh_buf_t *b, char c)
{
    gh_buf_put(b, &c, 1);
}

void
gh_buf_str(gh_buf_t *b, gh_str_t s)
{
    gh_buf_put(b, s.p, s.n);
}

void
gh_buf_i64(gh_buf_t *b, int64_t v)
{
    char text[24], *p = text + sizeof(text);
    uint64_t u = v < 0 ? -(uint64_t)v : (uint64_t)v;
    do
        *--p = (char)('0' + u % 10);
    while (u /= 10);
    if (v < 0)
        *--p = '-';
    gh_buf_put(b, p, (size_t)(text + sizeof(text) - p));
}

void
gh_buf_printf(gh_buf_t *b, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    size_t room = b->failed ? 0 : b->cap - b->n;
    int n = vsnprintf(room ? b->p + b->n : NULL, room, fmt, ap);
    if (n < 0) {
        b->failed = true;
    } else if ((size_t)n < room) {
        b->n += (size_t)n;
    } else {
        char *at = gh_buf_reserve(b, (size_t)n);
        if (at) {
            vsnprintf(at, (size_t)n + 1, fmt, again);
            b->n += (size_t)n;
        }
    }
    va_end(again);
    va_end(ap);
}

const char *
gh_buf_cstr(gh_buf_t *b)
{
    char *at = gh_buf_reserve(b, 0);
    if (!at)
        return NULL;
    *at = 0;
    return b->p;
}
