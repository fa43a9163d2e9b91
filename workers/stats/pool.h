/*
 * workers/stats/pool.h - the pool that counts: requests recorded, visits
 */
#ifndef GH_WORKERS_STATS_POOL_H
#define GH_WORKERS_STATS_POOL_H

#include "worker/worker.h"

extern const gh_pool_t gh_pool_stats;

#endif
