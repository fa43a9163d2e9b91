/*
 * workers/booking/after.h - jobs that are answered with the appointment as it is after the writes of their batch
 *
 * With the last writes: gh_after_want() for each, gh_after_ask(); in the phase after: gh_after_answer() for each.
 */
#ifndef GH_BOOKING_AFTER_H
#define GH_BOOKING_AFTER_H

#include "workers/booking/booking.h"

typedef struct gh_after {
    gh_pgarr_t v1, hb; /* orders, until they are asked for */
    bool any_v1, any_hb;
    size_t at_v1, at_hb;
} gh_after_t;

void gh_after_want(gh_after_t *after, bool heartbeat, int64_t order_id);
/* Queue the reads; false: nobody wants any. */
bool gh_after_ask(gh_batch_t *b, gh_after_t *after, const char *currency);
/* The appointment, on v1 with its tag. -1: it is not there. */
int gh_after_answer(gh_batch_t *b, const gh_after_t *after, gh_wjob_t *job, bool heartbeat,
                    int64_t order_id) GH_MUSTCHECK;

#endif
