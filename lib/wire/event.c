/*
 * lib/wire/event.c - payload of a broadcast (see event.h)
 */
#include "wire/event.h"

#define MAGIC_LEN (sizeof GH_EVENT_MAGIC - 1)

int
gh_event_decode(const void *frame, size_t n, gh_mp_t *map)
{
    *map = (gh_mp_t){NULL, NULL};
    if (!frame || n <= MAGIC_LEN || n > GH_EVENT_MAX || memcmp(frame, GH_EVENT_MAGIC, MAGIC_LEN) != 0)
        return -1;
    if (gh_mp_check((const uint8_t *)frame + MAGIC_LEN, n - MAGIC_LEN, GH_EVENT_MAX, map) < 0)
        return -1;
    if (gh_mp_type(*map) == GH_MP_MAP)
        return 0;
    *map = (gh_mp_t){NULL, NULL};
    return -1;
}

void
gh_event_begin(gh_buf_t *out)
{
    gh_buf_put(out, GH_EVENT_MAGIC, MAGIC_LEN);
}

bool
gh_event_draining(gh_str_t frame)
{
    gh_mp_t map;
    bool draining = false;
    return gh_event_decode(frame.p, frame.n, &map) == 0 &&
           gh_mp_bool(gh_mp_get(map, "draining"), &draining) && draining;
}
