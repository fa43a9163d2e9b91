/*
 * lib/base/gh.h - what every file of Guahao may rely on: byte spans, return codes, scoped clean-up
 *
 * Ownership in one sentence: a `const T *` or gh_str_t is borrowed, a `T **` is taken, a plain returned
 * pointer is new and the caller's (lib/README.md says it at length).
 */
#ifndef GH_BASE_GH_H
#define GH_BASE_GH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define GH_MUSTCHECK    __attribute__((warn_unused_result))
#define GH_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define GH_CLEANUP(fn)  __attribute__((cleanup(fn)))
#define GH_UNUSED       __attribute__((unused))
#define GH_VERSION      "0.1.0" /* of the whole of Guahao */

#define GH_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Every fallible function of lib/ that has no better value returns 0 for done and -1 for failed (and has
 * logged why, unless its comment says otherwise). Refusals by the rules are not failures: they are replies. */

/* Borrowed bytes, not terminated by NUL. p may be NULL only when n is 0. */
typedef struct gh_str {
    const char *p;
    size_t n;
} gh_str_t;

#define GH_STR(literal) ((gh_str_t){(literal), sizeof(literal) - 1})

/* Borrow a C string; NULL gives the empty span. */
static inline gh_str_t
gh_str(const char *s)
{
    return (gh_str_t){s, s ? strlen(s) : 0};
}

static inline bool
gh_str_eq(gh_str_t a, gh_str_t b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool
gh_str_is(gh_str_t a, const char *b)
{
    return gh_str_eq(a, gh_str(b));
}

/* Without the blanks (spaces and tabs) at its ends. */
static inline gh_str_t
gh_str_trim(gh_str_t s)
{
    while (s.n && (s.p[0] == ' ' || s.p[0] == '\t'))
        s = (gh_str_t){s.p + 1, s.n - 1};
    while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

/* The byte that two hex digits (either case) stand for, or -1. */
int gh_hex_byte(const char digits[2]);

/* For scoped clean-up: `char *p GH_CLEANUP(gh_freep) = malloc(...)`. */
void gh_freep(void *p);

#endif
