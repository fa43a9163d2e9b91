/*
 * lib/db/timings.c - see timings.h
 */
#include "db/timings.h"

#include <stdlib.h>

#define STATEMENTS_MAX 10000

const uint32_t gh_timing_edges_us[GH_TIMING_BUCKETS - 1] = {500,   1000,   2000,   5000,   10000,
                                                            50000, 100000, 500000, 2000000};

/* FNV-1a: names are our own, nobody chooses them to collide. */
static size_t
hash(const char *name)
{
    uint64_t h = UINT64_C(14695981039346656037);
    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * UINT64_C(1099511628211);
    return (size_t)(h ^ h >> 32);
}

static void
add_name(gh_timings_t *t, const char *name)
{
    if (gh_timings_find(t, name) < t->n)
        return;
    size_t i = hash(name) & t->mask;
    while (t->index[i])
        i = (i + 1) & t->mask;
    t->at[t->n].name = name;
    t->index[i] = (uint16_t)++t->n;
}

gh_timings_t *
gh_timings_new(const gh_sql_t *const *tables, const size_t *counts, size_t n)
{
    size_t all = 0, slots = 16;
    for (size_t i = 0; i < n; i++)
        all += counts[i];
    while (slots < 2 * all)
        slots *= 2;
    gh_timings_t *t = all <= STATEMENTS_MAX ? calloc(1, sizeof *t) : NULL;
    if (!t)
        return NULL;
    t->at = calloc(all + 1, sizeof *t->at);
    t->index = calloc(slots, sizeof *t->index);
    t->mask = slots - 1;
    if (!t->at || !t->index) {
        gh_timings_destroy(&t);
        return NULL;
    }
    for (size_t i = 0; i < n; i++)
        for (size_t s = 0; s < counts[i]; s++)
            add_name(t, tables[i][s].name);
    return t;
}

void
gh_timings_destroy(gh_timings_t **t_p)
{
    gh_timings_t *t = *t_p;
    *t_p = NULL;
    if (!t)
        return;
    free(t->at);
    free(t->index);
    free(t);
}

size_t
gh_timings_find(const gh_timings_t *t, const char *name)
{
    for (size_t i = hash(name) & t->mask; t->index[i]; i = (i + 1) & t->mask)
        if (strcmp(t->at[t->index[i] - 1].name, name) == 0)
            return (size_t)t->index[i] - 1;
    return t->n;
}

void
gh_timings_add(gh_timings_t *t, size_t at, int64_t us)
{
    if (at >= t->n)
        return;
    size_t b = 0;
    while (b < GH_TIMING_BUCKETS - 1 && us > gh_timing_edges_us[b])
        b++;
    t->at[at].bucket[b]++;
    t->at[at].sum_us += us > 0 ? (uint64_t)us : 0;
    t->queries++;
}

void
gh_timings_segment(gh_timings_t *t, int64_t us)
{
    t->segments++;
    t->slow += us >= GH_TIMING_SLOW_US;
    t->segment_us += us > 0 ? (uint64_t)us : 0;
}
