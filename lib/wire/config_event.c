/*
 * lib/wire/config_event.c - see the header
 */
#include "wire/config_event.h"

void
gh_config_event_put(gh_buf_t *out, int64_t revision, const gh_conf_value_t *values, size_t n)
{
    gh_mpw_map(out, 2);
    gh_mpw_cstr(out, "rev");
    gh_mpw_int(out, revision);
    gh_mpw_cstr(out, "set");
    gh_mpw_map(out, (uint32_t)n);
    for (size_t i = 0; i < n; i++) {
        gh_mpw_str(out, values[i].key);
        gh_mpw_str(out, values[i].text);
    }
}

bool
gh_config_event_take(gh_conf_t *conf, gh_mp_t map)
{
    gh_conf_value_t values[GH_CONF_VALUES_MAX];
    size_t n = 0;
    int64_t revision = 0;
    gh_mp_t set = gh_mp_get(map, "set");
    if (!gh_mp_int(gh_mp_get(map, "rev"), &revision) || revision <= gh_conf_revision(conf) ||
        gh_mp_type(set) != GH_MP_MAP)
        return false;
    for (gh_mp_iter_t it = gh_mp_iter(set); gh_mp_next(&it) && n < GH_CONF_VALUES_MAX;)
        if (gh_mp_str(it.value, &values[n].text))
            values[n++].key = it.key;
    return gh_conf_take(conf, revision, values, n);
}
