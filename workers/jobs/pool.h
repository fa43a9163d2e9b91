/*
 * workers/jobs/pool.h - the jobs pool (README.md beside it)
 */
#ifndef GH_JOBS_POOL_H
#define GH_JOBS_POOL_H

#include "worker/worker.h"

extern const gh_pool_t gh_pool_jobs;

#endif
