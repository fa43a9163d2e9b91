/*
 * front/settings.c - settings that change while the front runs (decisions 21, api/29 SY-06)
 *
 * The front has no database: the list comes with that of the revocations, at start, after a gap and once a minute, and changes come
 * as events "config", which carry all of it. Each worker process of the front takes them for itself.
 */
#include <jansson.h>

#include "base/log.h"
#include "base/program.h"
#include "front/front.h"
#include "wire/config_event.h"

static int
read_networks(const char *setting, gh_networks_t *out)
{
    if (gh_networks_parse(gh_conf_str(front.conf, setting), out) == 0)
        return 0;
    gh_log(GH_LOG_ERROR, "setting_invalid", GH_KS("setting", setting));
    return -1;
}

static int
access_level(void)
{
    gh_log_level_t level;
    return gh_log_level_parse(gh_conf_str(front.conf, "front.access_log"), &level) ? -1 : (int)level;
}

/* Everything that is made of a setting that may change; the others read front.conf each time. */
static int
read_live(void)
{
    front.access_level = access_level();
    front.timeout_ms = (uint32_t)gh_conf_int(front.conf, "front.timeout_ms");
    front.drain_ms = (uint32_t)gh_conf_int(front.conf, "front.drain_ms");
    front.gzip_level = (int)gh_conf_int(front.conf, "front.gzip_level");
    front.docs = gh_conf_bool(front.conf, "docs.enabled");
    return read_networks("metrics.allow", &front.metrics_allow) || front_rates_configure(front.conf) ? -1 : 0;
}

int
front_settings_init(void)
{
    front.https_redirect = gh_conf_bool(front.conf, "https.redirect");
    front.https_port = gh_conf_int(front.conf, "https.port");
    front.hsts = gh_conf_bool(front.conf, "https.hsts");
    front.rows = gh_conf_bool(front.conf, "accesslog.rows");
    return read_live() || read_networks("proxy.trusted", &front.proxy_trusted) ? -1 : 0;
}

static void
changed(void)
{
    gh_program_log(front.conf);
    (void)gh_program_clock(front.conf);
    if (read_live() == 0)
        gh_log(GH_LOG_INFO, "configured", GH_KI("revision", gh_conf_revision(front.conf)));
}

void
front_settings_list(const json_t *settings, bool fresh)
{
    gh_conf_value_t values[GH_CONF_VALUES_MAX];
    size_t n = 0;
    const char *key;
    json_t *value;
    json_object_foreach(json_object_get(settings, "set"), key, value)
    {
        if (n < GH_CONF_VALUES_MAX && json_is_string(value))
            values[n++] = (gh_conf_value_t){gh_str(key),
                                            {json_string_value(value), json_string_length(value)}};
    }
    int64_t revision = json_integer_value(json_object_get(settings, "rev"));
    if (json_is_object(settings) && (fresh || revision > gh_conf_revision(front.conf)) &&
        gh_conf_take(front.conf, revision, values, n))
        changed();
}

void
front_settings_event(gh_mp_t map)
{
    if (gh_config_event_take(front.conf, map))
        changed();
}
