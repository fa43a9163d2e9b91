/*
 * workers/pools.c - the pools that guahao-worker can run: one line each
 */
#include "workers/audit/pool.h"
#include "workers/billing/pool.h"
#include "workers/booking/pool.h"
#include "workers/clinical/pool.h"
#include "workers/directory/pool.h"
#include "workers/echo/pool.h"
#include "workers/identity/pool.h"
#include "workers/jobs/pool.h"
#include "workers/notify/pool.h"
#include "workers/pricing/pool.h"
#include "workers/schedule/pool.h"
#include "workers/stats/pool.h"
#include "workers/system/pool.h"

/* One line a pool, so that two that are added do not meet. */
/* clang-format off */
const gh_pool_t *const gh_pools[] = {
    &gh_pool_audit,
    &gh_pool_billing,
    &gh_pool_booking,
    &gh_pool_clinical,
    &gh_pool_directory,
    &gh_pool_echo,
    &gh_pool_identity,
    &gh_pool_jobs,
    &gh_pool_notify,
    &gh_pool_pricing,
    &gh_pool_schedule,
    &gh_pool_stats,
    &gh_pool_system,
    NULL,
};
/* clang-format on */
