/*
 * workers/pricing/pool.h - the pricing pool (README.md beside it)
 */
#ifndef GH_PRICING_POOL_H
#define GH_PRICING_POOL_H

#include "worker/worker.h"

extern const gh_pool_t gh_pool_pricing;

#endif
