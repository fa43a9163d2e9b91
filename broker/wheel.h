/*
 * broker/wheel.h - deadlines of waiting jobs: a hashed timing wheel, O(1) to add and remove. Pure.
 *
 * A slot is 8 ms wide and 1024 slots make a turn (8 s); a job with a later deadline stays in its slot for further turns.
 * A job is never given out before its deadline, and at most one slot and one call's delay after it.
 */
#ifndef GH_BROKER_WHEEL_H
#define GH_BROKER_WHEEL_H

#include "model.h"

#define GH_WHEEL_SLOTS   1024
#define GH_WHEEL_SLOT_MS 8

typedef struct gh_wheel {
    gh_link_t slot[GH_WHEEL_SLOTS];
    int64_t tick; /* last tick that was looked at */
    uint32_t n;
} gh_wheel_t;

void gh_wheel_init(gh_wheel_t *w, int64_t now_ms);
void gh_wheel_add(gh_wheel_t *w, gh_bjob_t *job);    /* by job->deadline_ms */
void gh_wheel_remove(gh_wheel_t *w, gh_bjob_t *job); /* harmless when it is not in */
/* Move every job whose deadline is <= now_ms to the list out (by wheel_link). */
void gh_wheel_advance(gh_wheel_t *w, int64_t now_ms, gh_link_t *out);

#endif
