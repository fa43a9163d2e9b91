/*
 * workers/directory/directory.h - steps of the pool
 */
#ifndef GH_DIRECTORY_DIRECTORY_H
#define GH_DIRECTORY_DIRECTORY_H

#include "worker/worker.h"

gh_step_t gh_select_head(gh_batch_t *b); /* heads.c */

#endif
