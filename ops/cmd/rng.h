/*
 * ops/cmd/rng.h - reproducible pseudo-random numbers for demo data (SplitMix64)
 *
 * Each item draws from a stream of its own, named by seed, kind and number: what one item gets never depends on how many
 * others there are, so that more patients or more days leave the former ones as they were. Not for secrets.
 */
#ifndef GH_CMD_RNG_H
#define GH_CMD_RNG_H

#include "base/gh.h"

typedef struct gh_rng {
    uint64_t state;
} gh_rng_t;

static inline uint64_t
gh_rng_next(gh_rng_t *r)
{
    uint64_t z = (r->state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static inline gh_rng_t
gh_rng_stream(uint64_t seed, uint64_t kind, uint64_t item)
{
    gh_rng_t r = {seed};
    r.state = gh_rng_next(&r) ^ kind * UINT64_C(0xD6E8FEB86659FD93);
    r.state = gh_rng_next(&r) ^ item;
    (void)gh_rng_next(&r);
    return r;
}

/* 0..n-1, n >= 1. The bias is below n / 2^32. */
static inline uint32_t
gh_rng_below(gh_rng_t *r, uint32_t n)
{
    return (uint32_t)(((gh_rng_next(r) >> 32) * n) >> 32);
}

static inline int
gh_rng_between(gh_rng_t *r, int lo, int hi)
{
    return lo + (int)gh_rng_below(r, (uint32_t)(hi - lo + 1));
}

#endif
