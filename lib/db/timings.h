/*
 * lib/db/timings.h - how long named statements take: a histogram for each of them, counted since the process's start
 *
 * Statements that are sent together are answered together, so each of them counts the time of its whole segment: from when it could
 * begin (it was sent, or what lay before it on the connection was done) until its result was here. One pool has one table, shared by its
 * connections; not for several threads.
 */
#ifndef GH_DB_TIMINGS_H
#define GH_DB_TIMINGS_H

#include "base/gh.h"
#include "db/sql.h"

#define GH_TIMING_BUCKETS 10
#define GH_TIMING_SLOW_US 500000 /* a segment that takes this long counts as slow */

/* Upper bounds of all buckets but the last, microseconds, inclusive. */
extern const uint32_t gh_timing_edges_us[GH_TIMING_BUCKETS - 1];

typedef struct gh_timing {
    const char *name; /* of the statement, borrowed */
    uint64_t sum_us;
    uint64_t bucket[GH_TIMING_BUCKETS];
} gh_timing_t;

typedef struct gh_timings {
    gh_timing_t *at;
    size_t n;
    uint16_t *index; /* open addressing by name, position + 1; power of two */
    size_t mask;
    uint64_t queries;                    /* results that were counted */
    uint64_t segments, slow, segment_us; /* segments, those of GH_TIMING_SLOW_US and more, their time */
} gh_timings_t;

/* Tables as in gh_pg_config_t, borrowed. NULL without memory or with more than 10,000 statements. Caller destroys. */
gh_timings_t *gh_timings_new(const gh_sql_t *const *tables, const size_t *counts, size_t n);
void gh_timings_destroy(gh_timings_t **t_p);
/* Position of a statement, or t->n when there is none of that name. */
size_t gh_timings_find(const gh_timings_t *t, const char *name);
/* One result of the statement at that position arrived after so long. */
void gh_timings_add(gh_timings_t *t, size_t at, int64_t us);
/* A segment is over. */
void gh_timings_segment(gh_timings_t *t, int64_t us);

#endif
