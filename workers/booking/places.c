/*
 * workers/booking/places.c - remembered bitmaps: a hash table whose insertion order is the order of use
 */
#include "workers/booking/places.h"

#include <stdlib.h>

/* uthash ends the process by default when memory runs out: here the entry is simply not kept. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

typedef struct entry {
    int64_t schedule_id;
    int64_t writer; /* transaction id, 32 bits */
    gh_slots_t slots;
    UT_hash_handle hh;
} entry_t;

struct gh_places {
    entry_t *entries;
    size_t max;
};

gh_places_t *
gh_places_new(size_t max_sessions)
{
    gh_places_t *self = calloc(1, sizeof *self);
    if (self)
        self->max = max_sessions;
    return self;
}

static void
drop(gh_places_t *self, entry_t *e)
{
    HASH_DEL(self->entries, e);
    gh_slots_fini(&e->slots);
    free(e);
}

size_t
gh_places_clear(gh_places_t *self)
{
    size_t n = 0;
    for (; self->entries; n++)
        drop(self, self->entries);
    return n;
}

void
gh_places_destroy(gh_places_t **self_p)
{
    gh_places_t *self = *self_p;
    if (!self)
        return;
    (void)gh_places_clear(self);
    free(self);
    *self_p = NULL;
}

static entry_t *
find(gh_places_t *self, int64_t schedule_id)
{
    entry_t *e = NULL;
    HASH_FIND(hh, self->entries, &schedule_id, sizeof schedule_id, e);
    return e;
}

/* Put the entry behind all others. false: it is lost. */
static bool
append(gh_places_t *self, entry_t *e)
{
    e->hh.tbl = NULL;
    HASH_ADD(hh, self->entries, schedule_id, sizeof e->schedule_id, e);
    if (e->hh.tbl)
        return true;
    gh_slots_fini(&e->slots);
    free(e);
    return false;
}

gh_slots_t *
gh_places_get(gh_places_t *self, int64_t schedule_id, int64_t writer)
{
    entry_t *e = find(self, schedule_id);
    if (!e || e->writer != writer)
        return NULL;
    HASH_DEL(self->entries, e);
    return append(self, e) ? &e->slots : NULL;
}

gh_slots_t *
gh_places_put(gh_places_t *self, int64_t schedule_id, int64_t writer)
{
    gh_places_forget(self, schedule_id);
    while (self->entries && HASH_COUNT(self->entries) >= self->max)
        drop(self, self->entries);
    entry_t *e = calloc(1, sizeof *e);
    if (!e)
        return NULL;
    e->schedule_id = schedule_id;
    e->writer = writer;
    return append(self, e) ? &e->slots : NULL;
}

void
gh_places_moved(gh_places_t *self, int64_t schedule_id, int64_t writer)
{
    entry_t *e = find(self, schedule_id);
    if (e)
        e->writer = writer;
}

void
gh_places_forget(gh_places_t *self, int64_t schedule_id)
{
    entry_t *e = find(self, schedule_id);
    if (e)
        drop(self, e);
}

bool
gh_places_has(gh_places_t *self, int64_t schedule_id)
{
    return find(self, schedule_id) != NULL;
}
