/*
 * workers/notify/pool.h - the pool between the hospital and people: feedback, what doctors want to be told
 */
#ifndef GH_WORKERS_NOTIFY_POOL_H
#define GH_WORKERS_NOTIFY_POOL_H

#include "worker/worker.h"

extern const gh_pool_t gh_pool_notify;

#endif
