/*
 * front/queues.c - queues and workers as the brokers tell of them once a second, for /api/v1/system/queues (api/29 SY-04)
 *
 * One entry a pool, over all brokers of this front: depths, places and jobs in hand add up, the oldest job is the oldest anywhere. A
 * worker has a line at each broker that it serves.
 */
#include <jansson.h>
#include <stdlib.h>

#include "base/timez.h"
#include "front/front.h"

static int64_t
number(const json_t *of, const char *member)
{
    return json_integer_value(json_object_get(of, member));
}

static void
add(json_t *entry, const char *member, int64_t n)
{
    (void)json_object_set_new(entry, member, json_integer(number(entry, member) + n));
}

/* The entry of a pool, made when it is not there. NULL when memory ran out. */
static json_t *
entry_of(json_t *pools, const char *name)
{
    json_t *entry = name ? json_object_get(pools, name) : NULL;
    if (entry || !name)
        return entry;
    entry = json_pack("{s:s, s:i, s:i, s:n, s:i, s:[]}", "pool", name, "depth", 0, "capacity", 0,
                      "oldest_age_ms", "in_flight", 0, "workers");
    return entry && json_object_set_new(pools, name, entry) == 0 ? entry : NULL;
}

static void
take_queues(json_t *pools, gh_str_t text)
{
    json_t *root = text.n ? json_loadb(text.p, text.n, 0, NULL) : NULL;
    const json_t *list = json_object_get(root, "services");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *s = json_array_get(list, i);
        json_t *entry = entry_of(pools, json_string_value(json_object_get(s, "name")));
        if (!entry)
            continue;
        add(entry, "depth", number(s, "depth"));
        add(entry, "in_flight", number(s, "running"));
        add(entry, "capacity", gh_conf_int(front.conf, "broker.max_depth"));
        if (number(s, "depth") > 0 && number(s, "oldest_ms") >= number(entry, "oldest_age_ms"))
            (void)json_object_set_new(entry, "oldest_age_ms", json_integer(number(s, "oldest_ms")));
    }
    json_decref(root);
}

static void
take_workers(json_t *pools, gh_str_t text)
{
    json_t *root = text.n ? json_loadb(text.p, text.n, 0, NULL) : NULL;
    const json_t *list = json_object_get(root, "workers");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *w = json_array_get(list, i);
        json_t *entry = entry_of(pools, json_string_value(json_object_get(w, "service")));
        char seen[GH_TEXT_TS];
        gh_ts_text(gh_now_us() - number(w, "silent_ms") * 1000, seen);
        (void)json_array_append_new(
            json_object_get(entry, "workers"),
            json_pack("{s:s, s:s, s:s, s:I, s:I}", "id", json_string_value(json_object_get(w, "id")), "state",
                      number(w, "running") > 0 ? "busy" : "idle", "last_seen", seen, "done",
                      (json_int_t)number(w, "done"), "failed", (json_int_t)number(w, "failed")));
    }
    json_decref(root);
}

static int
by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void
front_queues_put(gh_buf_t *out)
{
    json_t *pools = json_object(), *list = json_array();
    for (size_t b = 0; b < front_brokers(); b++) {
        take_queues(pools, front_probes_queues(b));
        take_workers(pools, front_probes_workers(b));
    }
    size_t n = 0;
    const char **names = calloc(json_object_size(pools) + 1, sizeof *names);
    for (void *it = json_object_iter(pools); names && it; it = json_object_iter_next(pools, it))
        names[n++] = json_object_iter_key(it);
    if (names)
        qsort(names, n, sizeof *names, by_name);
    for (size_t i = 0; i < n; i++)
        (void)json_array_append(list, json_object_get(pools, names[i]));
    char *text = json_dumps(list, JSON_COMPACT);
    gh_buf_puts(out, text ? text : "[]");
    free(text);
    free(names);
    json_decref(list);
    json_decref(pools);
}
