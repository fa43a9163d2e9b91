/*
 * workers/echo/pool.h - the pool table of service "echo"
 */
#ifndef GH_WORKERS_ECHO_POOL_H
#define GH_WORKERS_ECHO_POOL_H

#include "worker/worker.h"

extern const gh_pool_t gh_pool_echo;

#endif
