/*
 * workers/identity/pool.h - the identity pool (README.md beside it)
 */
#ifndef GH_IDENTITY_POOL_H
#define GH_IDENTITY_POOL_H

#include "worker/worker.h"

extern const gh_pool_t gh_pool_identity;

#endif
