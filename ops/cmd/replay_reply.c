/*
 * ops/cmd/replay_reply.c - what a booking's reply says, on each surface (pure)
 */
#include "ops/cmd/replay.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

/* The row of the error table that a code-surface refusal renders: same number, and a text that starts like
 * the row's up to its first placeholder; the longest such text wins. */
static const char *
s_row_name(int64_t code, const char *text)
{
    const char *name = NULL;
    size_t best = 0;
    for (int e = GH_E_NONE + 1; e < GH_E_COUNT; e++) {
        const gh_error_row_t *row = gh_error_row((gh_err_t)e);
        size_t n = strcspn(row->zh, "{");
        if (row->code == code && n >= best + (name ? 1 : 0) && strncmp(row->zh, text, n) == 0 &&
            (row->zh[n] == '{' || text[n] == '\0')) {
            name = row->name;
            best = n;
        }
    }
    return name;
}

static bool
s_code(const json_t *root, int64_t *order_id, char reason[40])
{
    const json_t *code = json_object_get(root, "code"), *message = json_object_get(root, "message");
    if (json_is_integer(code) && json_integer_value(code) == 0) {
        *order_id = (int64_t)json_integer_value(json_object_get(message, "id"));
        return true;
    }
    const char *text = json_string_value(json_object_get(message, "msg"));
    const char *name = json_is_integer(code) && text ? s_row_name((int64_t)json_integer_value(code), text)
                                                     : NULL;
    if (name)
        snprintf(reason, 40, "%s", name);
    else if (json_is_integer(code))
        snprintf(reason, 40, "code %lld", (long long)json_integer_value(code));
    return false;
}

static bool
s_v1(const json_t *root, int64_t *order_id, char reason[40])
{
    const json_t *data = json_object_get(root, "data");
    if (json_is_true(json_object_get(root, "success"))) {
        *order_id = (int64_t)json_integer_value(json_object_get(data, "id"));
        return true;
    }
    const char *name = json_string_value(json_object_get(data, "code"));
    if (name)
        snprintf(reason, 40, "%s", name);
    return false;
}

static bool
s_heartbeat(const json_t *root, int status, int64_t *order_id, char reason[40])
{
    if (status == 201 || status == 200) {
        *order_id = (int64_t)json_integer_value(json_object_get(root, "id"));
        return true;
    }
    const char *name = json_string_value(json_object_get(root, "code"));
    if (!name && status < 500)
        name = json_string_value(json_object_get(root, "detail"));
    if (name)
        snprintf(reason, 40, "%s", name);
    return false;
}

bool
gh_replay_read_reply(gh_surface_t surface, int status, gh_str_t body, int64_t *order_id, char reason[40])
{
    *order_id = 0;
    snprintf(reason, 40, "HTTP %d", status);
    json_t *root = body.n ? json_loadb(body.p, body.n, 0, NULL) : NULL;
    bool yes = false;
    if (root && surface == GH_SURFACE_CODE)
        yes = s_code(root, order_id, reason);
    else if (root && surface == GH_SURFACE_V1)
        yes = s_v1(root, order_id, reason);
    else if (root)
        yes = s_heartbeat(root, status, order_id, reason);
    json_decref(root);
    if (yes && *order_id <= 0) {
        snprintf(reason, 40, "no order id in the reply");
        return false;
    }
    return yes;
}
