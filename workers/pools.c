/*
 * workers/pools.c - the pools that guahao-worker can run: one line each
 */
#include "workers/echo/pool.h"

const gh_pool_t *const gh_pools[] = {
    &gh_pool_echo,
    NULL,
};
