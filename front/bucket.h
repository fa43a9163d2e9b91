/*
 * front/bucket.h - token bucket of one key, as arithmetic on one number
 *
 * A bucket of `quota` tokens that fills at quota / window is kept as the moment at which it will be full again (GCRA,
 * ITU-T I.371): a token moves that moment on by window / quota, and is refused when the moment would then lie more than
 * a whole bucket ahead. One number can be changed with one atomic exchange. 0 and any moment passed are a full bucket.
 * Pure: the caller gives the time, in ns of any clock that does not go back.
 */
#ifndef GH_FRONT_BUCKET_H
#define GH_FRONT_BUCKET_H

#include "base/gh.h"

typedef struct front_bucket {
    uint64_t token_ns; /* time in which one token comes back */
    uint64_t whole_ns; /* time in which an empty bucket fills: quota tokens */
    uint32_t quota;
} front_bucket_t;

typedef struct front_take {
    bool allowed;
    uint32_t left;    /* whole tokens that remain */
    uint32_t reset_s; /* until the bucket is full, rounded up */
    uint32_t retry_s; /* refused: a request after this wait is allowed if no other comes; at least 1 */
} front_take_t;

/* quota 1..1000000000 tokens, window_s 1..86400. */
front_bucket_t front_bucket(uint32_t quota, uint32_t window_s);
/* Take a token from the bucket that is full again at full_ns. Returns the new moment: that given when refused. */
uint64_t front_bucket_take(const front_bucket_t *b, uint64_t full_ns, uint64_t now_ns, front_take_t *out);

#endif
