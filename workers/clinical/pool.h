/*
 * workers/clinical/pool.h - the pool of visits: a doctor's queue, and the records of what took place
 */
#ifndef GH_WORKERS_CLINICAL_POOL_H
#define GH_WORKERS_CLINICAL_POOL_H

#include "worker/worker.h"

extern const gh_pool_t gh_pool_clinical;

#endif
