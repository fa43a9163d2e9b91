/*
 * lib/base/log_override.h - least levels of log lines that operators set for a while (api/29 SY-11)
 *
 * The setting log.override, "all=debug@1772000000,worker.db=info": component=level, and for such that end, the unix second of it. They
 * are stronger than log.level and log.levels. `all` is every program. Pure; the machine's clock is an argument.
 */
#ifndef GH_BASE_LOG_OVERRIDE_H
#define GH_BASE_LOG_OVERRIDE_H

#include "base/log.h"

#define GH_OVERRIDE_ALL      "all"
#define GH_OVERRIDE_TEXT_MAX 2000 /* bytes of the setting: every component once */

/* Append the rules that hold at now_s, as gh_log_levels_over() takes them. Gives the second at which the next of them ends, 0: none does. */
int64_t gh_override_rules(const char *text, int64_t now_s, gh_buf_t *rules);

/* Append the text with this rule in it: instead of the former one of the component, or of every one for `all`; those that are over are
 * left out. level NULL: without the component's rule. until_s 0: it does not end. */
void gh_override_put(const char *text, gh_str_t component, const char *level, int64_t until_s, int64_t now_s,
                     gh_buf_t *out);

/* The rule of a component that holds at now_s: its level (of the text) and end; level.n 0: there is none. */
gh_str_t gh_override_find(const char *text, gh_str_t component, int64_t now_s, int64_t *until_s);

#endif
