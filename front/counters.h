/*
 * front/counters.h - counters of all workers of a front, in memory that they share
 *
 * Each worker writes its own block, any worker adds them up for /metrics. Routes are operations by their index in the
 * contract; the last one is "no route".
 */
#ifndef GH_FRONT_COUNTERS_H
#define GH_FRONT_COUNTERS_H

#include <stdatomic.h>

#include "contract/contract.h"
#include "front/rates.h"

#define FRONT_BUCKETS 14

typedef struct front_route_counts {
    atomic_uint_fast64_t status[32]; /* by front_status_slot() */
    atomic_uint_fast64_t bucket[FRONT_BUCKETS + 1];
    atomic_uint_fast64_t sum_us;
} front_route_counts_t;

typedef struct front_worker_counts {
    atomic_uint_fast64_t auth_failures[4]; /* missing, invalid, expired, revoked */
    atomic_uint_fast64_t rate_limited[FRONT_POLICIES];
    atomic_uint_fast64_t parked, waiting, resent, late, left, send_failed, resident_bytes, token_hits,
        token_misses, token_size, revoked, rows, rows_lost, file_bytes;
    atomic_int_fast64_t pid;
    atomic_int_fast64_t ready_ms;  /* gh_mono_ms() when it last could serve protected routes, 0: it cannot */
    atomic_int_fast64_t turned_ms; /* gh_mono_ms() when its loop last looked at the time */
    atomic_int_fast64_t others_us; /* gh_mono_us() when others than the crowd had jobs under way (crowd.h) */
    atomic_bool linked;            /* some broker was heard of late */
} front_worker_counts_t;

typedef struct front_counters {
    atomic_bool failed; /* a worker could not start: the program exits with 1 */
    size_t workers, routes;
    front_worker_counts_t *worker; /* [workers] */
    front_route_counts_t *route;   /* [workers][routes] */
} front_counters_t;

/* Before the fork. NULL without memory. */
front_counters_t *front_counters_new(size_t workers, size_t routes);
front_route_counts_t *front_counters_route(const front_counters_t *c, size_t worker, size_t route);
/* Slot of a status, and the status of a slot (0: "other"). */
size_t front_status_slot(uint16_t status);
uint16_t front_slot_status(size_t slot);
extern const uint32_t front_bucket_us[FRONT_BUCKETS];

static inline void
front_add(atomic_uint_fast64_t *n, uint64_t v)
{
    atomic_fetch_add_explicit(n, v, memory_order_relaxed);
}

static inline uint64_t
front_read(const atomic_uint_fast64_t *n)
{
    return atomic_load_explicit((atomic_uint_fast64_t *)(uintptr_t)n, memory_order_relaxed);
}

#endif
