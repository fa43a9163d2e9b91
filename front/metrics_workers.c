/*
 * front/metrics_workers.c - /metrics: what worker processes say of themselves, as the brokers pass it on (wire/figures.h)
 *
 * Every sample has the process as a label: counters of a process that ends go with it, and those that remain never fall.
 */
#include <stdio.h>
#include <stdlib.h>

#include "db/timings.h"
#include "front/front.h"
#include "front/metrics.h"

#define WORKERS_MAX 1024

static gh_figures_t s_list[WORKERS_MAX];

static int
by_text(gh_str_t a, gh_str_t b)
{
    int rc = memcmp(a.p ? a.p : "", b.p ? b.p : "", a.n < b.n ? a.n : b.n);
    return rc ? rc : (a.n > b.n) - (a.n < b.n);
}

static int
by_process(const void *a, const void *b)
{
    const gh_figures_t *x = a, *y = b;
    int rc = by_text(x->pool, y->pool);
    if (rc == 0)
        rc = by_text(x->host, y->host);
    return rc ? rc : (x->pid > y->pid) - (x->pid < y->pid);
}

size_t
front_figures(const gh_figures_t **list)
{
    size_t n = 0;
    for (size_t b = 0; b < front_brokers(); b++) {
        gh_str_t text = front_probes_figures(b);
        if (text.n)
            gh_figures_collect(text, s_list, &n, WORKERS_MAX);
    }
    qsort(s_list, n, sizeof *s_list, by_process);
    *list = s_list;
    return n;
}

gh_str_t
front_metrics_label(gh_str_t name)
{
    bool plain = name.n > 0 && name.n <= 128;
    for (size_t i = 0; plain && i < name.n; i++)
        plain = name.p[i] &&
                strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-:+", name.p[i]);
    return plain ? name : GH_STR("other");
}

/* pool and worker labels of a row. */
static void
labels(const gh_figures_t *f, char out[320])
{
    gh_str_t pool = front_metrics_label(f->pool), host = front_metrics_label(f->host);
    snprintf(out, 320, "pool=\"%.*s\",worker=\"%.*s:%lld\"", (int)pool.n, pool.p, (int)host.n, host.p,
             (long long)f->pid);
}

/* ---- counters of operations */

static void
put_tally(gh_buf_t *out, const gh_figures_t *f, gh_mp_t row, const char *metric, const char *by_label)
{
    gh_mp_t part[4] = {{0}};
    gh_str_t name, by, outcome;
    int64_t n;
    char where[320];
    size_t i = 0;
    for (gh_mp_iter_t it = gh_mp_iter(row); i < 4 && gh_mp_next(&it); i++)
        part[i] = it.value;
    if (!gh_mp_str(part[0], &name) || !gh_mp_str(part[1], &by) || !gh_mp_str(part[2], &outcome) ||
        !gh_mp_int(part[3], &n) || !gh_str_is(name, metric))
        return;
    labels(f, where);
    by = front_metrics_label(by);
    gh_buf_printf(out, "guahao_%s_total{%s=\"%.*s\",", metric, by_label, (int)by.n, by.p);
    if (outcome.n) {
        outcome = front_metrics_label(outcome);
        gh_buf_printf(out, "outcome=\"%.*s\",", (int)outcome.n, outcome.p);
    }
    gh_buf_printf(out, "%s} %lld\n", where, (long long)n);
}

static const struct {
    const char *metric, *by, *help; /* help NULL: the front counts some of it too, metrics.c begins it */
} s_tallies[] = {{"bookings", "channel", "Bookings that were asked for, by surface and outcome."},
                 {"payments", "method", "Payments that patients asked for, by method and outcome."},
                 {"diagnosis", "model", "Durable jobs of kind diagnosis that ended, by model and outcome."},
                 {"lockouts", "reason",
                  "Sign-ins and changes of passwords that were refused because the account is locked."},
                 {"auth_failures", "reason", NULL}};

void
front_metrics_tallies(gh_buf_t *out, const char *metric)
{
    const gh_figures_t *list;
    size_t n = front_figures(&list), t = 0;
    while (strcmp(s_tallies[t].metric, metric) != 0)
        t++;
    for (size_t i = 0; i < n; i++)
        for (gh_mp_iter_t it = gh_mp_iter(list[i].tallies); gh_mp_next(&it);)
            put_tally(out, &list[i], it.value, metric, s_tallies[t].by);
}

/* ---- the database */

static void
put_statement(gh_buf_t *out, gh_mp_t row, const char *where)
{
    int64_t values[1 + GH_TIMING_BUCKETS] = {0};
    uint64_t running = 0; /* a worker may say what it likes: the sum wraps */
    gh_str_t name = {0};
    size_t i = 0;
    for (gh_mp_iter_t it = gh_mp_iter(row); i <= GH_COUNT(values) && gh_mp_next(&it); i++)
        if (i == 0 ? !gh_mp_str(it.value, &name) : !gh_mp_int(it.value, &values[i - 1]))
            return;
    name = front_metrics_label(name);
    for (size_t b = 0; b < GH_TIMING_BUCKETS; b++) {
        running += (uint64_t)values[1 + b];
        gh_buf_printf(out, "guahao_db_query_seconds_bucket{statement=\"%.*s\",%s,le=", (int)name.n, name.p,
                      where);
        if (b < GH_TIMING_BUCKETS - 1)
            gh_buf_printf(out, "\"%g\"} %llu\n", gh_timing_edges_us[b] / 1e6, (unsigned long long)running);
        else
            gh_buf_printf(out, "\"+Inf\"} %llu\n", (unsigned long long)running);
    }
    gh_buf_printf(out,
                  "guahao_db_query_seconds_sum{statement=\"%.*s\",%s} %.6f\n"
                  "guahao_db_query_seconds_count{statement=\"%.*s\",%s} %llu\n",
                  (int)name.n, name.p, where, (double)values[0] / 1e6, (int)name.n, name.p, where,
                  (unsigned long long)running);
}

static void
put_statements(gh_buf_t *out, const gh_figures_t *list, size_t n)
{
    char where[320];
    front_metrics_head(
        out, "guahao_db_query_seconds", "histogram",
        "Time from when a statement could begin until its result; statements sent together count all of it.");
    for (size_t i = 0; i < n; i++) {
        labels(&list[i], where);
        for (gh_mp_iter_t it = gh_mp_iter(list[i].statements); gh_mp_next(&it);)
            put_statement(out, it.value, where);
    }
}

static void
put_connections(gh_buf_t *out, const gh_figures_t *list, size_t n)
{
    char where[320];
    front_metrics_head(out, "guahao_db_pool_connections", "gauge", "Connections of workers to the database.");
    for (size_t i = 0; i < n; i++) {
        const int64_t *l = list[i].lanes, busy = l[GH_LANES_BUSY],
                      idle = l[GH_LANES_UP] > busy ? l[GH_LANES_UP] - busy : 0;
        const struct {
            const char *state;
            int64_t n;
        } states[] = {{"idle", idle}, {"busy", busy}, {"down", l[GH_LANES_SIZE] - l[GH_LANES_UP]}};
        if (l[GH_LANES_SIZE] == 0)
            continue;
        labels(&list[i], where);
        for (size_t s = 0; s < GH_COUNT(states); s++)
            gh_buf_printf(out, "guahao_db_pool_connections{state=\"%s\",%s} %lld\n", states[s].state, where,
                          (long long)states[s].n);
    }
}

/* ---- gauges of the whole database: any worker of the pool `system` tells them, the newest word counts */

static const struct {
    const char *metric, *by, *help; /* by NULL: it has no label */
} s_gauges[] = {
    {"replication_standbys", NULL, "Standbys that stream from the primary."},
    {"replication_lag_seconds", "standby",
     "How long a standby takes to have what was written; 0 when nothing is written."},
    {"replication_lag_bytes", "standby", "What a standby does not have yet."},
    {"default_partition_rows", "table", "Rows that no partition was made for, 10,000 at most."},
    {"durable_jobs", "status", "Durable jobs that wait, run, or were given up (dead); 10,000 at most."},
    {"durable_oldest_seconds", NULL, "How long the oldest durable job is due."},
    {"database_bytes", NULL, "Size of the database."},
    {"database_connections", NULL, "Connections to the database, of all programs."},
    {"database_connections_max", NULL, "How many PostgreSQL takes."},
    {"database_oldest_transaction_seconds", NULL, "Age of the oldest open transaction."}};

static void
put_gauge(gh_buf_t *out, gh_mp_t row, size_t g)
{
    gh_mp_t part[3] = {{0}};
    gh_str_t metric, by;
    double value;
    size_t i = 0;
    for (gh_mp_iter_t it = gh_mp_iter(row); i < 3 && gh_mp_next(&it); i++)
        part[i] = it.value;
    if (!gh_mp_str(part[0], &metric) || !gh_mp_str(part[1], &by) || !gh_mp_double(part[2], &value) ||
        !gh_str_is(metric, s_gauges[g].metric))
        return;
    gh_buf_printf(out, "guahao_%s", s_gauges[g].metric);
    if (s_gauges[g].by) {
        by = front_metrics_label(by);
        gh_buf_printf(out, "{%s=\"%.*s\"}", s_gauges[g].by, (int)by.n, by.p);
    }
    gh_buf_printf(out, " %.15g\n", value);
}

static void
put_gauges(gh_buf_t *out, const gh_figures_t *list, size_t n)
{
    const gh_figures_t *newest = NULL;
    for (size_t i = 0; i < n; i++)
        if (gh_mp_count(list[i].gauges) && (!newest || list[i].age_ms < newest->age_ms))
            newest = &list[i];
    for (size_t g = 0; g < GH_COUNT(s_gauges); g++) {
        char name[64];
        snprintf(name, sizeof name, "guahao_%s", s_gauges[g].metric);
        front_metrics_head(out, name, "gauge", s_gauges[g].help);
        if (!newest)
            continue;
        for (gh_mp_iter_t it = gh_mp_iter(newest->gauges); gh_mp_next(&it);)
            put_gauge(out, it.value, g);
    }
}

/* ---- the process */

typedef struct simple {
    const char *name, *type, *help;
    size_t offset; /* of an int64_t in gh_figures_t */
} simple_t;

#define OF(member) offsetof(gh_figures_t, member)
static const simple_t s_simple[] = {
    {"guahao_worker_start_seconds", "gauge", "When the process started, unix time.", OF(start)},
    {"guahao_worker_in_hand", "gauge", "Jobs received and not answered.", OF(hand)},
    {"guahao_worker_waiting", "gauge", "Of those, jobs that wait for a connection to the database.",
     OF(waiting)},
    {"guahao_worker_batches", "gauge", "Batches under way.", OF(running)},
    {"guahao_worker_callers_cached", "gauge", "Callers whose roles the process knows.", OF(actors)},
    {"guahao_worker_answered_total", "counter", "Jobs answered.", OF(jobs[GH_JOBS_ANSWERED])},
    {"guahao_worker_refused_total", "counter", "Of those, refusals.", OF(jobs[GH_JOBS_REFUSED])},
    {"guahao_worker_failed_total", "counter", "Jobs answered INTERNAL after an error of the database.",
     OF(jobs[GH_JOBS_FAILED])},
    {"guahao_worker_retried_total", "counter", "Jobs run again after a failed batch.",
     OF(jobs[GH_JOBS_REQUEUED])},
    {"guahao_worker_dropped_total", "counter", "Answers that no broker took.", OF(jobs[GH_JOBS_DROPPED])},
    {"guahao_db_segments_total", "counter", "Round trips to the database.", OF(db[GH_DB_SEGMENTS])},
    {"guahao_db_slow_total", "counter", "Of those, such of half a second and more.", OF(db[GH_DB_SLOW])}};

static void
put_simple(gh_buf_t *out, const simple_t *s, const gh_figures_t *list, size_t n)
{
    char where[320];
    front_metrics_head(out, s->name, s->type, s->help);
    for (size_t i = 0; i < n; i++) {
        int64_t v;
        memcpy(&v, (const char *)&list[i] + s->offset, sizeof v);
        labels(&list[i], where);
        gh_buf_printf(out, "%s{%s} %lld\n", s->name, where, (long long)v);
    }
}

static void
put_info(gh_buf_t *out, const gh_figures_t *list, size_t n)
{
    char where[320];
    front_metrics_head(out, "guahao_worker_info", "gauge",
                       "Version, state and least level of log lines; always 1.");
    for (size_t i = 0; i < n; i++) {
        gh_str_t v = front_metrics_label(list[i].version), level = front_metrics_label(list[i].level),
                 state = front_metrics_label(list[i].state);
        labels(&list[i], where);
        gh_buf_printf(out, "guahao_worker_info{%s,version=\"%.*s\",level=\"%.*s\",state=\"%.*s\"} 1\n", where,
                      (int)v.n, v.p, (int)level.n, level.p, (int)state.n, state.p);
    }
}

void
front_metrics_workers(gh_buf_t *out)
{
    const gh_figures_t *list;
    size_t n = front_figures(&list);
    for (size_t t = 0; t < GH_COUNT(s_tallies); t++) {
        char name[64];
        if (!s_tallies[t].help)
            continue;
        snprintf(name, sizeof name, "guahao_%s_total", s_tallies[t].metric);
        front_metrics_head(out, name, "counter", s_tallies[t].help);
        front_metrics_tallies(out, s_tallies[t].metric);
    }
    put_info(out, list, n);
    for (size_t i = 0; i < GH_COUNT(s_simple); i++)
        put_simple(out, &s_simple[i], list, n);
    put_gauges(out, list, n);
    put_connections(out, list, n);
    put_statements(out, list, n);
}

/* A process that serves several pools speaks for each of them. */
static bool
seen_before(const gh_figures_t *list, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (list[i].pid == list[at].pid && gh_str_eq(list[i].host, list[at].host))
            return true;
    return false;
}

void
front_metrics_worker_memory(gh_buf_t *out)
{
    const gh_figures_t *list;
    size_t n = front_figures(&list);
    for (size_t i = 0; i < n; i++) {
        gh_str_t host = front_metrics_label(list[i].host);
        if (!seen_before(list, i))
            gh_buf_printf(out, "guahao_process_resident_bytes{process=\"worker-%.*s:%lld\"} %lld\n",
                          (int)host.n, host.p, (long long)list[i].pid, (long long)list[i].rss);
    }
}
