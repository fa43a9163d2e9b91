/*
 * workers/booking/places.h - the worker's memory of taken places, a bitmap a session
 *
 * A bitmap is remembered together with the transaction that wrote the session's row version it belongs to (xmin). The
 * locked row tells its writer: the same one means that nobody has taken or freed a place since. A transaction that was
 * rolled back has written nothing, so its memory can never be taken for valid. Bounded: the least recently used is
 * forgotten. Pointers are good until the next gh_places_put.
 */
#ifndef GH_BOOKING_PLACES_H
#define GH_BOOKING_PLACES_H

#include "domain/claim.h"

typedef struct gh_places gh_places_t;

gh_places_t *gh_places_new(size_t max_sessions);
void gh_places_destroy(gh_places_t **self_p);

/* The bitmap of a session whose row was written by writer; NULL when there is none or it is out of date. */
gh_slots_t *gh_places_get(gh_places_t *self, int64_t schedule_id, int64_t writer);
/* An empty bitmap for the session, to be filled; replaces what there was. NULL when out of memory. */
gh_slots_t *gh_places_put(gh_places_t *self, int64_t schedule_id, int64_t writer);
/* The bitmap now belongs to the row version that this transaction is writing. */
void gh_places_moved(gh_places_t *self, int64_t schedule_id, int64_t writer);
void gh_places_forget(gh_places_t *self, int64_t schedule_id);
/* Forget all. How many there were. */
size_t gh_places_clear(gh_places_t *self);
/* Is there a bitmap, of whatever version? */
bool gh_places_has(gh_places_t *self, int64_t schedule_id);

#endif
