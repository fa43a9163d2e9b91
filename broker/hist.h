/*
 * broker/hist.h - histogram of microseconds in fixed, logarithmic buckets: eight to a doubling, 1 us to 134 s
 *
 * Percentiles are the upper edge of a bucket, at most an eighth too high; what lies above the last bucket counts in it,
 * and `max` keeps the true value.
 */
#ifndef GH_BROKER_HIST_H
#define GH_BROKER_HIST_H

#include "base/json.h"

#define GH_HIST_DOUBLINGS 27
#define GH_HIST_BUCKETS   (8 * (GH_HIST_DOUBLINGS - 2))

typedef struct gh_hist {
    uint64_t bucket[GH_HIST_BUCKETS];
    uint64_t count, sum, max;
} gh_hist_t;

void gh_hist_add(gh_hist_t *h, int64_t us); /* a negative value counts as 0 */
uint64_t gh_hist_quantile(const gh_hist_t *h, unsigned per_mille);
/* Append {"count","sum","p50","p95","p99","max","buckets":[[le_us, cumulative], ...]}, one pair a doubling from 64 us. */
void gh_hist_json(const gh_hist_t *h, gh_json_t *j);

#endif
