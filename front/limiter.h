/*
 * front/limiter.h - token buckets of many keys, in memory that all workers of a front share
 *
 * A table of fixed size, made before the fork. A key belongs to a set of WAYS slots; a slot is a key and a bucket, each
 * one atomic word, and there is no lock: a worker that is killed leaves nothing behind. A full bucket needs no slot, so
 * slots free themselves with time. When all slots of a set are in use, the bucket that is nearest to full gives way and
 * counts as full from then on: too many keys make the limit weaker for those who asked least, never stricter for
 * anybody. Two workers that race for a slot may let a request through uncounted, for the same reason.
 */
#ifndef GH_FRONT_LIMITER_H
#define GH_FRONT_LIMITER_H

#include "front/bucket.h"

typedef struct front_limiter front_limiter_t;

/* keys: how many it holds, rounded up to a power of two (at least one set). NULL without memory. */
front_limiter_t *front_limiter_new(size_t keys);
void front_limiter_destroy(front_limiter_t **l_p);
/* Take a token of a key (a hash that outsiders cannot steer: gh_hash64 of policy and caller). */
void front_limiter_take(front_limiter_t *l, uint64_t key, const front_bucket_t *bucket, uint64_t now_ns,
                        front_take_t *out);

#endif
