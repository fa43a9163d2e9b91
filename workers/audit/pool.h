/*
 * workers/audit/pool.h - the audit pool (README.md beside it)
 */
#ifndef GH_AUDIT_POOL_H
#define GH_AUDIT_POOL_H

#include "worker/worker.h"

extern const gh_pool_t gh_pool_audit;

#endif
