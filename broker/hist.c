/*
 * broker/hist.c - histogram of microseconds (see hist.h)
 *
 * A value v belongs by v - 1, so that the edges are inclusive: bucket i < 8 holds v == i + 1, and the doubling
 * 2^k < v <= 2^(k+1) is cut in eight.
 */
#include "hist.h"

static unsigned
index_of(uint64_t v)
{
    v = v > 0 ? v - 1 : 0;
    if (v < 8)
        return (unsigned)v;
    unsigned k = 63u - (unsigned)__builtin_clzll(v);
    unsigned i = (k - 2) * 8 + (unsigned)(v >> (k - 3) & 7);
    return i < GH_HIST_BUCKETS ? i : GH_HIST_BUCKETS - 1;
}

/* Largest value that falls into bucket i. */
static uint64_t
edge_of(unsigned i)
{
    if (i < 8)
        return i + 1;
    unsigned k = i / 8 + 2;
    return (UINT64_C(1) << k) + ((uint64_t)(i % 8 + 1) << (k - 3));
}

void
gh_hist_add(gh_hist_t *h, int64_t us)
{
    uint64_t v = us > 0 ? (uint64_t)us : 0;

    h->bucket[index_of(v)]++;
    h->count++;
    h->sum += v;
    if (v > h->max)
        h->max = v;
}

uint64_t
gh_hist_quantile(const gh_hist_t *h, unsigned per_mille)
{
    uint64_t seen = 0, wanted = (h->count * per_mille + 999) / 1000;

    if (h->count == 0)
        return 0;
    for (unsigned i = 0; i < GH_HIST_BUCKETS; i++) {
        seen += h->bucket[i];
        if (seen >= wanted && seen > 0) {
            uint64_t edge = edge_of(i);
            return edge < h->max && i < GH_HIST_BUCKETS - 1 ? edge : h->max;
        }
    }
    return h->max;
}

void
gh_hist_json(const gh_hist_t *h, gh_json_t *j)
{
    uint64_t seen = 0;

    gh_json_obj(j);
    gh_json_ki64(j, "count", (int64_t)h->count);
    gh_json_ki64(j, "sum", (int64_t)h->sum);
    gh_json_ki64(j, "p50", (int64_t)gh_hist_quantile(h, 500));
    gh_json_ki64(j, "p95", (int64_t)gh_hist_quantile(h, 950));
    gh_json_ki64(j, "p99", (int64_t)gh_hist_quantile(h, 990));
    gh_json_ki64(j, "max", (int64_t)h->max);
    gh_json_key(j, "buckets");
    gh_json_arr(j);
    for (unsigned i = 0; i < GH_HIST_BUCKETS - 8;
         i++) { /* the last doubling also holds what lies above: no edge */
        seen += h->bucket[i];
        if (i % 8 == 7 && edge_of(i) >= 64) {
            gh_json_arr(j);
            gh_json_i64(j, (int64_t)edge_of(i));
            gh_json_i64(j, (int64_t)seen);
            gh_json_arr_end(j);
        }
    }
    gh_json_arr_end(j);
    gh_json_obj_end(j);
}
