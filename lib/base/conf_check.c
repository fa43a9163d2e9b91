/*
 * lib/base/conf_check.c - does a value fit its setting?
 */
#include "base/conf_table.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/networks.h"

#define SOCKET_PATH_MAX 107 /* sun_path without its NUL */

static const char *
check_int(const gh_setting_t *set, const char *text, int64_t *number, char reason[256])
{
    char *end;
    errno = 0;
    long long v = strtoll(text, &end, 10);
    if (end == text || *end || errno)
        return "not a whole number";
    if (v < set->min || v > set->max) {
        snprintf(reason, 256, "%lld lies outside %" PRId64 "..%" PRId64, v, set->min, set->max);
        return reason;
    }
    *number = v;
    return NULL;
}

static const char *
check_bool(const char *text, int64_t *number)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};
    for (size_t i = 0; i < GH_COUNT(words); i++) {
        if (strcmp(text, words[i]) == 0) {
            *number = i & 1;
            return NULL;
        }
    }
    return "neither true nor false";
}

static const char *
check_word(const gh_setting_t *set, const char *text, char reason[256])
{
    size_t n = strlen(text);
    for (const char *w = set->words; *w;) {
        size_t len = strcspn(w, "|");
        if (len == n && memcmp(w, text, n) == 0)
            return NULL;
        w += len + (w[len] == '|');
    }
    snprintf(reason, 256, "must be one of %s", set->words);
    return reason;
}

static const char *
check_endpoints(const char *text, char reason[256])
{
    while (*text) {
        text += strspn(text, " ");
        size_t n = strcspn(text, ",");
        if (strncmp(text, "ipc://", 6) == 0) {
            if (n - 6 > SOCKET_PATH_MAX || n == 6) {
                snprintf(reason, 256, "the socket path has %zu bytes of at most %d; choose a shorter run.dir",
                         n - 6, SOCKET_PATH_MAX);
                return reason;
            }
        } else if (strncmp(text, "tcp://", 6) != 0 && strncmp(text, "inproc://", 9) != 0) {
            return "an endpoint begins with ipc:// or tcp://";
        }
        text += n + (text[n] == ',');
    }
    return NULL;
}

/* The drivers of the older systems name themselves in the scheme (api/31). */
static const char *
check_dsn(char **text)
{
    static const char *const schemes[] = {"postgresql://", "postgres://", "postgresql+asyncpg://",
                                          "postgresql+psycopg2://", "postgresql+psycopg://"};
    const char *colon = strstr(*text, "://");
    if (!colon || strcspn(*text, "= ") < (size_t)(colon - *text)) /* empty, or key=value */
        return strchr(*text, '=') || !**text ? NULL : "neither a postgresql:// URL nor key=value pairs";
    for (size_t i = 0; i < GH_COUNT(schemes); i++) {
        size_t n = strlen(schemes[i]);
        if (strncmp(*text, schemes[i], n) != 0)
            continue;
        char *url;
        if (asprintf(&url, "postgresql://%s", *text + n) < 0)
            return "out of memory";
        free(*text);
        *text = url;
        return NULL;
    }
    return "only PostgreSQL is supported: the scheme must be postgresql://";
}

/* RFC 6454: a scheme, a host and perhaps a port, nothing behind; or "*". */
static const char *
check_origins(const char *text, char reason[256])
{
    while (*text) {
        size_t n = strcspn(text, ", ");
        const char *host = memmem(text, n, "://", 3);
        bool good = n == 0 || (n == 1 && *text == '*') ||
                    (host && host > text && host + 3 < text + n &&
                     !memchr(host + 3, '/', n - (size_t)(host + 3 - text)));
        for (size_t i = 0; i < n; i++)
            good = good && text[i] > ' ' && text[i] < 0x7f;
        if (!good) {
            snprintf(reason, 256, "%.*s is no origin: scheme://host, perhaps :port", n < 100 ? (int)n : 100,
                     text);
            return reason;
        }
        text += n + strspn(text + n, ", ");
    }
    return NULL;
}

static const char *
check_networks(const char *text)
{
    gh_networks_t list;
    return gh_networks_parse(text, &list) ? "not a list of networks such as 10.0.0.0/8" : NULL;
}

const char *
gh_setting_check(const gh_setting_t *set, char **text, int64_t *number, char reason[256])
{
    if (set->type == GH_SET_INT)
        return check_int(set, *text, number, reason);
    if (set->type == GH_SET_BOOL)
        return check_bool(*text, number);
    if (set->type == GH_SET_WORD)
        return check_word(set, *text, reason);
    size_t n = strlen(*text);
    if (n < (size_t)set->min || n > (size_t)set->max) {
        snprintf(reason, 256, "its length %zu lies outside %" PRId64 "..%" PRId64, n, set->min, set->max);
        return reason;
    }
    if (set->type == GH_SET_NETWORKS)
        return check_networks(*text);
    if (set->type == GH_SET_LEVELS)
        return gh_log_rules_fault(*text);
    if (set->type == GH_SET_ORIGINS)
        return check_origins(*text, reason);
    if (set->type == GH_SET_ENDPOINTS)
        return check_endpoints(*text, reason);
    return set->type == GH_SET_DSN ? check_dsn(text) : NULL;
}
