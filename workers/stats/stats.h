/*
 * workers/stats/stats.h - what the files of the pool offer each other
 */
#ifndef GH_WORKERS_STATS_STATS_H
#define GH_WORKERS_STATS_STATS_H

#include "workers/stats/pool.h"

/* Requests of fronts become rows (record.c). */
gh_step_t gh_record_requests(gh_batch_t *b);
/* Their partitions, once a day (keep.c). */
gh_step_t gh_keep_requests(gh_batch_t *b);

/* The nightly count of registrations (nightly.c), one job at a time. */
gh_step_t gh_count_days(gh_batch_t *b);
gh_step_t gh_count_area(gh_batch_t *b);
gh_step_t gh_close_count(gh_batch_t *b);

#endif
