/*
 * workers/system/pool.h - the system pool (README.md beside it)
 */
#ifndef GH_SYSTEM_POOL_H
#define GH_SYSTEM_POOL_H

#include "worker/worker.h"

extern const gh_pool_t gh_pool_system;

#endif
