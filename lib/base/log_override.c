/*
 * lib/base/log_override.c - see the header
 */
#include "base/log_override.h"

#include <stdlib.h>

typedef struct rule {
    gh_str_t whole, component, level; /* whole: without its end */
    int64_t until_s;                  /* 0: never */
} rule_t;

/* The next rule of the text; false: there is none. What is no rule is skipped. */
static bool
next_rule(const char **text, rule_t *out)
{
    for (;;) {
        *text += strspn(*text, ", ");
        size_t n = strcspn(*text, ", ");
        if (n == 0)
            return false;
        const char *p = *text, *equals = memchr(p, '=', n), *at = memchr(p, '@', n);
        *text += n;
        size_t whole = at ? (size_t)(at - p) : n;
        if (!equals || equals == p || (at && at < equals) || (at ? at : p + n) == equals + 1)
            continue;
        *out = (rule_t){
            {p, whole}, {p, (size_t)(equals - p)}, {equals + 1, whole - (size_t)(equals - p) - 1}, 0};
        out->until_s = at ? strtoll(at + 1, NULL, 10) : 0;
        return true;
    }
}

static bool
holds(const rule_t *r, int64_t now_s)
{
    return r->until_s == 0 || r->until_s > now_s;
}

int64_t
gh_override_rules(const char *text, int64_t now_s, gh_buf_t *rules)
{
    static const char *const programs[] = {"front", "broker", "worker", "guahao"};
    int64_t next = 0;
    for (rule_t r; next_rule(&text, &r);) {
        if (!holds(&r, now_s))
            continue;
        if (r.until_s && (!next || r.until_s < next))
            next = r.until_s;
        if (gh_str_is(r.component, GH_OVERRIDE_ALL))
            for (size_t i = 0; i < GH_COUNT(programs); i++)
                gh_buf_printf(rules, "%s=%.*s,", programs[i], (int)r.level.n, r.level.p);
        else
            gh_buf_printf(rules, "%.*s,", (int)r.whole.n, r.whole.p);
    }
    return next;
}

static void
put_rule(gh_buf_t *out, gh_str_t component, gh_str_t level, int64_t until_s)
{
    gh_buf_printf(out, "%s%.*s=%.*s", out->n ? "," : "", (int)component.n, component.p, (int)level.n,
                  level.p);
    if (until_s)
        gh_buf_printf(out, "@%lld", (long long)until_s);
}

void
gh_override_put(const char *text, gh_str_t component, const char *level, int64_t until_s, int64_t now_s,
                gh_buf_t *out)
{
    bool all = gh_str_is(component, GH_OVERRIDE_ALL);
    for (rule_t r; next_rule(&text, &r);)
        if (holds(&r, now_s) && !all && !gh_str_eq(r.component, component))
            put_rule(out, r.component, r.level, r.until_s);
    if (level)
        put_rule(out, component, gh_str(level), until_s);
}

gh_str_t
gh_override_find(const char *text, gh_str_t component, int64_t now_s, int64_t *until_s)
{
    *until_s = 0;
    for (rule_t r; next_rule(&text, &r);)
        if (holds(&r, now_s) && gh_str_eq(r.component, component)) {
            *until_s = r.until_s;
            return r.level;
        }
    return (gh_str_t){0};
}
