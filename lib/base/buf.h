/*
 * lib/base/buf.h - growable byte buffer with a sticky error
 *
 * Writers do not check each call: after the last one, gh_buf_ok() tells whether memory ever ran out. A buffer
 * that failed stays failed until gh_buf_clear().
 */
#ifndef GH_BASE_BUF_H
#define GH_BASE_BUF_H

#include "base/gh.h"

typedef struct gh_buf {
    char *p;     /* owned; NULL while empty */
    size_t n;    /* bytes used */
    size_t cap;  /* bytes allocated */
    bool failed; /* memory ran out once */
} gh_buf_t;

#define GH_BUF_INIT ((gh_buf_t){0})

void gh_buf_fini(gh_buf_t *b);  /* frees; harmless when repeated; usable with GH_CLEANUP */
void gh_buf_clear(gh_buf_t *b); /* length 0, memory kept, error forgotten */
void gh_buf_put(gh_buf_t *b, const void *data, size_t n);
void gh_buf_puts(gh_buf_t *b, const char *s);
void gh_buf_putc(gh_buf_t *b, char c);
void gh_buf_str(gh_buf_t *b, gh_str_t s);
void gh_buf_i64(gh_buf_t *b, int64_t v); /* decimal */
void gh_buf_printf(gh_buf_t *b, const char *fmt, ...) GH_PRINTF(2, 3);
/* Make room for n more bytes and return where they start, or NULL; the caller then adds to b->n. */
char *gh_buf_reserve(gh_buf_t *b, size_t n);
/* NUL-terminate without counting the NUL, and borrow the text; NULL when the buffer has failed. */
const char *gh_buf_cstr(gh_buf_t *b);

static inline bool
gh_buf_ok(const gh_buf_t *b)
{
    return !b->failed;
}

static inline gh_str_t
gh_buf_view(const gh_buf_t *b)
{
    return (gh_str_t){b->p, b->n};
}

#endif
