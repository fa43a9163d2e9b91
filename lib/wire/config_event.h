/*
 * lib/wire/config_event.h - the event "config": {seq, rev: int, set: {key: text}}, all settings of the database (wire/event.h)
 *
 * The whole set travels, not what has changed: whoever hears one event needs no other. A receiver takes it when its revision is
 * above the one taken last.
 */
#ifndef GH_WIRE_CONFIG_EVENT_H
#define GH_WIRE_CONFIG_EVENT_H

#include "base/conf.h"
#include "wire/mp.h"

/* Append the map without seq, which the publisher adds. */
void gh_config_event_put(gh_buf_t *out, int64_t revision, const gh_conf_value_t *values, size_t n);
/* Take what an event says. True when a value has changed by it. */
bool gh_config_event_take(gh_conf_t *conf, gh_mp_t map);

#endif
