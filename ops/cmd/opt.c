/*
 * ops/cmd/opt.c - see opt.h
 */
#include "ops/cmd/opt.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* The slot of an option; NULL when no table has it. opt_p gets its row. */
static const char **
find(gh_args_t *a, const char *name, size_t n, const gh_opt_t **opt_p)
{
    for (int t = 0; t < 2; t++)
        for (size_t i = 0; a->table[t] && a->table[t][i].name; i++)
            if (strlen(a->table[t][i].name) == n && memcmp(a->table[t][i].name, name, n) == 0) {
                *opt_p = &a->table[t][i];
                return &a->given[t][i];
            }
    return NULL;
}

/* One `--...` argument; next is the argument behind it. Returns how many were used, 0 for a fault. */
static int
take_option(gh_args_t *a, const char *arg, const char *next)
{
    const char *name = arg + 2, *equals = strchr(name, '=');
    size_t n = equals ? (size_t)(equals - name) : strlen(name);
    const gh_opt_t *opt;
    const char **slot = find(a, name, n, &opt);
    if (!slot) {
        snprintf(a->err, sizeof a->err, "unknown option --%.*s", (int)(n < 80 ? n : 80), name);
        return 0;
    }
    if (!opt->value) {
        if (equals) {
            snprintf(a->err, sizeof a->err, "option --%s takes no value", opt->name);
            return 0;
        }
        *slot = "";
        return 1;
    }
    const char *value = equals ? equals + 1 : next;
    if (!value) {
        snprintf(a->err, sizeof a->err, "option --%s needs a value (%s)", opt->name, opt->value);
        return 0;
    }
    *slot = value;
    return equals ? 1 : 2;
}

int
gh_args_parse(gh_args_t *a, const gh_opt_t *own, const gh_opt_t *global, int argc, char **argv)
{
    *a = (gh_args_t){.table = {own, global}};
    bool options = true;
    for (int i = 0; i < argc;) {
        if (options && strcmp(argv[i], "--") == 0) {
            options = false;
            i++;
            continue;
        }
        const char *arg = options && strcmp(argv[i], "-h") == 0 ? "--help" : argv[i];
        if (options && strncmp(arg, "--", 2) == 0) {
            int used = take_option(a, arg, i + 1 < argc ? argv[i + 1] : NULL);
            if (used == 0)
                return -1;
            i += used;
            continue;
        }
        bool number = arg[1] >= '0' && arg[1] <= '9'; /* -30m */
        if (options && arg[0] == '-' && arg[1] != '\0' && !number) {
            snprintf(a->err, sizeof a->err, "unknown option %.80s", arg);
            return -1;
        }
        if (a->n_words == GH_WORDS_MAX) {
            snprintf(a->err, sizeof a->err, "too many arguments");
            return -1;
        }
        a->words[a->n_words++] = arg;
        i++;
    }
    return 0;
}

static const char *
given(const gh_args_t *a, const char *name)
{
    const gh_opt_t *opt;
    const char **slot = find((gh_args_t *)(uintptr_t)a, name, strlen(name), &opt);
    if (!slot)
        abort();
    return *slot;
}

bool
gh_args_has(const gh_args_t *a, const char *name)
{
    return given(a, name) != NULL;
}

const char *
gh_args_str(const gh_args_t *a, const char *name, const char *otherwise)
{
    const char *s = given(a, name);
    return s ? s : otherwise;
}

int
gh_args_int(gh_args_t *a, const char *name, int64_t min, int64_t max, int64_t otherwise, int64_t *out)
{
    const char *s = given(a, name);
    *out = otherwise;
    if (!s)
        return 0;
    char *end;
    errno = 0;
    long long v = strtoll(s, &end, 10);
    if (errno || end == s || *end || v < min || v > max) {
        snprintf(a->err, sizeof a->err, "option --%s: %.40s is not a number from %lld to %lld", name, s,
                 (long long)min, (long long)max);
        return -1;
    }
    *out = v;
    return 0;
}

int
gh_args_word(gh_args_t *a, const char *name, const char *words, int otherwise, int *out)
{
    const char *s = given(a, name);
    *out = otherwise;
    if (!s)
        return 0;
    size_t n = strlen(s);
    int i = 0;
    for (const char *w = words; w; w = strchr(w, '|') ? strchr(w, '|') + 1 : NULL, i++)
        if (strcspn(w, "|") == n && memcmp(w, s, n) == 0) {
            *out = i;
            return 0;
        }
    snprintf(a->err, sizeof a->err, "option --%s: %.40s is not one of %s", name, s, words);
    return -1;
}
