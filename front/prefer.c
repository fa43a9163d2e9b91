/*
 * front/prefer.c - see prefer.h
 */
#include "front/prefer.h"

#include <strings.h>

/* One preference, `word`, `word = value` or `word="value"`, with or without parameters behind a semicolon. */
static bool
is_preference(gh_str_t one, const char *word, size_t n, gh_str_t *value)
{
    const char *end = memchr(one.p, ';', one.n);
    one = gh_str_trim((gh_str_t){one.p, end ? (size_t)(end - one.p) : one.n});
    if (one.n < n || strncasecmp(one.p, word, n) != 0)
        return false;
    gh_str_t rest = gh_str_trim((gh_str_t){one.p + n, one.n - n});
    *value = (gh_str_t){0};
    if (rest.n == 0)
        return true;
    if (rest.p[0] != '=')
        return false;
    *value = gh_str_trim((gh_str_t){rest.p + 1, rest.n - 1});
    if (value->n >= 2 && value->p[0] == '"' && value->p[value->n - 1] == '"')
        *value = (gh_str_t){value->p + 1, value->n - 2};
    return true; /* an empty value is as none */
}

/* The value of the first preference of this name in a list (RFC 7240 section 2): empty when it has none, without quotes when it has
 * those. False: it is not there. Commas and words in quotes do not count. */
static bool
find_preference(gh_str_t list, const char *word, gh_str_t *value)
{
    size_t n = strlen(word), from = 0;
    bool quoted = false;
    for (size_t i = 0; i <= list.n; i++) {
        if (i < list.n && quoted && list.p[i] == '\\') {
            i++;
            continue;
        }
        if (i < list.n && list.p[i] == '"')
            quoted = !quoted;
        if (i < list.n && (quoted || list.p[i] != ','))
            continue;
        if (is_preference((gh_str_t){list.p + from, i - from}, word, n, value))
            return true;
        from = i + 1;
    }
    return false;
}

/* Seconds of `wait=n`; 0 when that is none, or no number. */
static uint32_t
wait_of(gh_str_t list)
{
    gh_str_t value;
    uint32_t s = 0;
    if (!find_preference(list, "wait", &value) || value.n == 0 || value.n > 6)
        return 0;
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] < '0' || value.p[i] > '9')
            return 0;
        s = s * 10 + (uint32_t)(value.p[i] - '0');
    }
    return s;
}

static bool
is_async(gh_str_t list)
{
    gh_str_t value;
    return find_preference(list, "respond-async", &value) && value.n == 0;
}

void
front_prefer_read(gh_str_t list, bool *async, uint32_t *wait_s)
{
    *async |= is_async(list);
    if (*wait_s == 0)
        *wait_s = wait_of(list);
}
