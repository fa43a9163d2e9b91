/*
 * workers/directory/pool.h - the directory pool (README.md beside it)
 */
#ifndef GH_DIRECTORY_POOL_H
#define GH_DIRECTORY_POOL_H

#include "worker/worker.h"

extern const gh_pool_t gh_pool_directory;

#endif
