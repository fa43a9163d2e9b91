/*
 * lib/base/conf_live.c - settings of the database, taken while the program runs (conf.h)
 */
#include <stdlib.h>

#include "base/conf_table.h"
#include "base/log.h"

static const char *
text_of(const gh_setting_t *set, const gh_conf_value_t *values, size_t n, char out[GH_CONF_TEXT_MAX])
{
    for (size_t i = 0; i < n; i++)
        if (gh_str_is(values[i].key, gh_setting_key(set)) && values[i].text.n < GH_CONF_TEXT_MAX) {
            memcpy(out, values[i].text.p, values[i].text.n);
            out[values[i].text.n] = 0;
            return out;
        }
    return NULL;
}

/* The former text is kept: whoever asked for it holds it still. 0 done, -1 out of memory: nothing has changed. */
static int
replace(gh_conf_t *conf, size_t i, char *text, int64_t number, const char *source)
{
    char **more = realloc(conf->former, (conf->n_former + 1) * sizeof(*more));
    char *from = strdup(source);
    if (more)
        conf->former = more;
    if (!more || !from) {
        free(from);
        return -1;
    }
    conf->former[conf->n_former++] = conf->text[i];
    free(conf->source[i]);
    conf->text[i] = text;
    conf->number[i] = number;
    conf->source[i] = from;
    return 0;
}

static bool
take_one(gh_conf_t *conf, size_t i, const char *given)
{
    const gh_setting_t *set = &gh_settings[i];
    const char *wanted = given ? given : conf->initial[i], *source = given ? "database" : "default";
    if (strcmp(conf->text[i], wanted) == 0 && strcmp(conf->source[i], source) == 0)
        return false;
    char reason[256], *text = strdup(wanted);
    int64_t number = 0;
    const char *fault = text ? gh_setting_check(set, &text, &number, reason) : "out of memory";
    if (fault)
        gh_log(GH_LOG_WARN, "setting_ignored", GH_KS("setting", set->name), GH_KS("reason", fault));
    bool other = !fault && strcmp(conf->text[i], text) != 0;
    if (fault || replace(conf, i, text, number, source)) {
        free(text);
        return false;
    }
    return other;
}

bool
gh_conf_take(gh_conf_t *conf, int64_t revision, const gh_conf_value_t *values, size_t n)
{
    bool changed = false;
    for (size_t i = 0; i < gh_settings_count; i++) {
        char buffer[GH_CONF_TEXT_MAX];
        if (gh_settings[i].live && gh_conf_is_open(conf, i))
            changed |= take_one(conf, i, text_of(&gh_settings[i], values, n, buffer));
    }
    conf->revision = revision;
    return changed;
}

int64_t
gh_conf_revision(const gh_conf_t *conf)
{
    return conf->revision;
}

size_t
gh_conf_taken(const gh_conf_t *conf, gh_conf_value_t *out)
{
    size_t n = 0;
    for (size_t i = 0; i < gh_settings_count && n < GH_CONF_VALUES_MAX; i++)
        if (strcmp(conf->source[i], "database") == 0)
            out[n++] = (gh_conf_value_t){gh_str(gh_setting_key(&gh_settings[i])), gh_str(conf->text[i])};
    return n;
}
