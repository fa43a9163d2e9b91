/*
 * workers/billing/pool.h - bills, payments and refunds (api/26)
 */
#ifndef GH_BILLING_POOL_H
#define GH_BILLING_POOL_H

#include "worker/worker.h"

extern const gh_pool_t gh_pool_billing;

#endif
