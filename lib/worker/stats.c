/*
 * lib/worker/stats.c - what a pool has done, once a minute in one line
 */
#include "base/log.h"
#include "worker/internal.h"

/* Four buckets an octave: bucket 4k + m holds [2^k (1 + m/4), ...), good to a fifth. */
static size_t
bucket(int64_t us)
{
    if (us < 4)
        return us < 0 ? 0 : (size_t)us;
    unsigned top = 63 - (unsigned)__builtin_clzll((unsigned long long)us);
    size_t i = (size_t)top * 4 + (size_t)(us >> (top - 2) & 3);
    return i < GH_COUNT(((gh_pool_stats_t *)0)->hist) ? i : GH_COUNT(((gh_pool_stats_t *)0)->hist) - 1;
}

static int64_t
upper_bound(size_t i)
{
    if (i < 8)
        return (int64_t)i;
    return ((int64_t)(i % 4) + 5) << (i / 4 - 2);
}

void
gh_stats_job(gh_pool_stats_t *s, int64_t work_us)
{
    s->jobs++;
    s->hist[bucket(work_us)]++;
}

int64_t
gh_stats_percentile(const gh_pool_stats_t *s, unsigned percent)
{
    uint64_t total = 0, seen = 0;
    for (size_t i = 0; i < GH_COUNT(s->hist); i++)
        total += s->hist[i];
    for (size_t i = 0; i < GH_COUNT(s->hist); i++) {
        seen += s->hist[i];
        if (total > 0 && seen * 100 >= total * percent)
            return upper_bound(i);
    }
    return 0;
}

void
gh_stats_line(gh_wpool_t *p)
{
    gh_pool_stats_t *s = &p->stats;
    if (s->jobs > 0)
        gh_log(GH_LOG_INFO, "worked", GH_KS("pool", p->def->name), GH_KI("jobs", s->jobs),
               GH_KI("refused", s->refused), GH_KI("failed", s->failed), GH_KI("requeued", s->requeued),
               GH_KI("dropped", s->dropped), GH_KI("contended", s->contended), GH_KI("batches", s->batches),
               GH_KI("mean_batch", s->batches ? s->batch_jobs / s->batches : 0),
               GH_KI("p50_us", gh_stats_percentile(s, 50)), GH_KI("p95_us", gh_stats_percentile(s, 95)));
    p->before.jobs += s->jobs;
    p->before.refused += s->refused;
    p->before.failed += s->failed;
    p->before.requeued += s->requeued;
    p->before.dropped += s->dropped;
    *s = (gh_pool_stats_t){0};
}
