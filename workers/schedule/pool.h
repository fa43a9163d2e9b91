/*
 * workers/schedule/pool.h - the schedule pool (README.md beside it)
 */
#ifndef GH_SCHEDULE_POOL_H
#define GH_SCHEDULE_POOL_H

#include "worker/worker.h"

extern const gh_pool_t gh_pool_schedule;

#endif
