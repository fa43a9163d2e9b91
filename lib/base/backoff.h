/*
 * lib/base/backoff.h - how long to wait before the next try
 */
#ifndef GH_BASE_BACKOFF_H
#define GH_BASE_BACKOFF_H

#include "base/gh.h"

/* Pause before try number tries + 1, in the unit of first and most: first, doubled with each try up to most, less up to a
 * quarter by random (any 32 random bits), so that many that failed together do not come back together. */
int64_t gh_backoff(int tries, int64_t first, int64_t most, uint32_t random);

#endif
