/*
 * lib/worker/figures.c - what a pool says of itself with its heartbeats (wire/figures.h), and what its operations count
 */
#include <unistd.h>

#include "base/log.h"
#include "base/program.h"
#include "base/timez.h"
#include "wire/figures.h"
#include "worker/internal.h"

/* ---- tallies */

static bool
same(const gh_tally_t *t, const char *metric, gh_str_t by, gh_str_t outcome)
{
    return strcmp(t->metric, metric) == 0 && gh_str_is(by, t->by) && gh_str_is(outcome, t->outcome);
}

static void
copy(char *out, size_t size, gh_str_t s)
{
    size_t n = s.n < size - 1 ? s.n : size - 1;
    memcpy(out, n ? s.p : "", n);
    out[n] = '\0';
}

void
gh_tally_add(gh_wpool_t *p, const char *metric, gh_str_t by, gh_str_t outcome)
{
    if (by.n >= sizeof p->tallies[0].by)
        by = GH_STR("other");
    if (outcome.n >= sizeof p->tallies[0].outcome)
        outcome = GH_STR("other");
    size_t i = 0;
    while (i < p->n_tallies && !same(&p->tallies[i], metric, by, outcome))
        i++;
    if (i == GH_COUNT(p->tallies))
        return; /* more kinds than there are methods and refusals: none of ours */
    gh_tally_t *t = &p->tallies[i];
    if (i == p->n_tallies) {
        p->n_tallies++;
        t->metric = metric;
        copy(t->by, sizeof t->by, by);
        copy(t->outcome, sizeof t->outcome, outcome);
    }
    t->n++;
}

typedef struct tally_later {
    gh_wpool_t *pool;
    const char *metric, *by;
} tally_later_t;

static void
tally_now(void *arg, bool committed)
{
    const tally_later_t *t = arg;
    if (committed)
        gh_tally_add(t->pool, t->metric, gh_str(t->by), (gh_str_t){0});
}

void
gh_batch_tally(gh_batch_t *b, const char *metric, const char *by)
{
    tally_later_t *t = gh_batch_alloc(b, sizeof *t);
    *t = (tally_later_t){b->priv->pool, metric, by};
    gh_batch_on_end(b, tally_now, t);
}

void
gh_pool_tally(gh_worker_t *w, const gh_pool_t *pool, const char *metric, gh_str_t by, gh_str_t outcome)
{
    gh_tally_add(gh_wpool_of(w, pool), metric, by, outcome);
}

void
gh_tally_answer(gh_wjob_priv_t *j)
{
    const gh_op_t *op = j->op ? j->op->def : NULL;
    gh_str_t by = {0};
    if (!op || !op->tally || j->answer.by_runtime)
        return;
    if (op->tally_by && !gh_mp_str(gh_mp_path(j->job.args, op->tally_by), &by))
        by = GH_STR("none");
    if (!op->tally_by)
        by = gh_str(gh_job_surface(j));
    gh_tally_add(j->link->pool, op->tally, by,
                 j->answer.err == GH_E_NONE ? GH_STR("ok") : gh_str(gh_error_row(j->answer.err)->name));
}

/* ---- gauges */

void
gh_gauges_begin(gh_worker_t *w, const gh_pool_t *pool)
{
    gh_wpool_of(w, pool)->n_gauges = 0;
}

void
gh_gauges_add(gh_worker_t *w, const gh_pool_t *pool, gh_str_t metric, gh_str_t by, double value)
{
    gh_wpool_t *p = gh_wpool_of(w, pool);
    if (p->n_gauges == GH_COUNT(p->gauges) || metric.n >= sizeof p->gauges[0].metric ||
        by.n >= sizeof p->gauges[0].by)
        return;
    gh_gauge_t *g = &p->gauges[p->n_gauges++];
    copy(g->metric, sizeof g->metric, metric);
    copy(g->by, sizeof g->by, by);
    g->value = value;
}

/* ---- the frame */

static void
put_text(gh_buf_t *out, const char *key, const char *value)
{
    gh_mpw_cstr(out, key);
    gh_mpw_cstr(out, value);
}

static void
put_number(gh_buf_t *out, const char *key, int64_t value)
{
    gh_mpw_cstr(out, key);
    gh_mpw_int(out, value);
}

static void
put_numbers(gh_buf_t *out, const char *key, const uint64_t *values, uint32_t n)
{
    gh_mpw_cstr(out, key);
    gh_mpw_array(out, n);
    for (uint32_t i = 0; i < n; i++)
        gh_mpw_int(out, (int64_t)values[i]);
}

static void
put_process(gh_wpool_t *p, gh_buf_t *out)
{
    static char host[65];
    if (!*host && gethostname(host, sizeof host - 1))
        copy(host, sizeof host, GH_STR("unknown"));
    put_text(out, "pool", p->def->name);
    put_text(out, "host", host);
    put_text(out, "version", GH_VERSION);
    put_text(out, "level", gh_log_level_name(gh_log_level_now()));
    put_text(out, "state", p->worker->draining ? "draining" : "ready");
    put_number(out, "pid", getpid());
    put_number(out, "start", p->worker->started_s);
    put_number(out, "n", ++p->figures_n);
    put_number(out, "rss", gh_program_resident(getpid()));
}

static void
put_work(const gh_wpool_t *p, gh_buf_t *out)
{
    const gh_pool_stats_t *now = &p->stats, *before = &p->before;
    uint64_t up = 0, busy = 0;
    for (size_t i = 0; i < p->n_lanes; i++) {
        up += gh_pg_is_up(p->lanes[i].pg);
        busy += p->lanes[i].batch != NULL;
    }
    put_number(out, "credit", (int64_t)p->credit);
    put_number(out, "hand", (int64_t)p->in_hand);
    put_number(out, "waiting", (int64_t)p->waiting);
    put_number(out, "running", (int64_t)p->running);
    put_number(out, "actors", (int64_t)gh_actor_cache_used(p->worker->actors));
    put_numbers(out, "lanes", (const uint64_t[]){p->n_lanes, up, busy}, 3);
    put_numbers(out, "jobs",
                (const uint64_t[]){now->jobs + before->jobs, now->refused + before->refused,
                                   now->failed + before->failed, now->requeued + before->requeued,
                                   now->dropped + before->dropped},
                5);
}

static void
put_tallies(const gh_wpool_t *p, gh_buf_t *out)
{
    gh_mpw_cstr(out, "tallies");
    gh_mpw_array(out, (uint32_t)p->n_tallies);
    for (size_t i = 0; i < p->n_tallies; i++) {
        gh_mpw_array(out, 4);
        gh_mpw_cstr(out, p->tallies[i].metric);
        gh_mpw_cstr(out, p->tallies[i].by);
        gh_mpw_cstr(out, p->tallies[i].outcome);
        gh_mpw_int(out, (int64_t)p->tallies[i].n);
    }
}

static void
put_gauges(const gh_wpool_t *p, gh_buf_t *out)
{
    gh_mpw_cstr(out, "gauges");
    gh_mpw_array(out, (uint32_t)p->n_gauges);
    for (size_t i = 0; i < p->n_gauges; i++) {
        gh_mpw_array(out, 3);
        gh_mpw_cstr(out, p->gauges[i].metric);
        gh_mpw_cstr(out, p->gauges[i].by);
        gh_mpw_double(out, p->gauges[i].value);
    }
}

static bool
used(const gh_timing_t *t)
{
    for (size_t i = 0; i < GH_TIMING_BUCKETS; i++)
        if (t->bucket[i])
            return true;
    return false;
}

static void
put_statement(const gh_timing_t *t, gh_buf_t *out)
{
    gh_mpw_array(out, 2 + GH_TIMING_BUCKETS);
    gh_mpw_cstr(out, t->name);
    gh_mpw_int(out, (int64_t)t->sum_us);
    for (size_t i = 0; i < GH_TIMING_BUCKETS; i++)
        gh_mpw_int(out, (int64_t)t->bucket[i]);
}

static void
put_database(const gh_wpool_t *p, gh_buf_t *out)
{
    static const gh_timings_t none;
    const gh_timings_t *t = p->timings ? p->timings : &none;
    put_numbers(out, "db", (const uint64_t[]){t->queries, t->segments, t->slow, t->segment_us}, 4);
    uint32_t n = 0;
    for (size_t i = 0; i < t->n; i++)
        n += used(&t->at[i]);
    gh_mpw_cstr(out, "statements");
    gh_mpw_array(out, n);
    for (size_t i = 0; i < t->n; i++)
        if (used(&t->at[i]))
            put_statement(&t->at[i], out);
}

void
gh_figures_put(gh_wpool_t *p, gh_buf_t *out)
{
    gh_mpw_map(out, 20);
    put_process(p, out);
    put_work(p, out);
    put_tallies(p, out);
    put_gauges(p, out);
    put_database(p, out);
}
