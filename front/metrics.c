/*
 * front/metrics.c - /metrics in Prometheus' text format 0.0.4 (api/29): this front's workers added up, and what the
 * brokers say of their queues and workers
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/timez.h"
#include "front/front.h"

static const char *const s_methods[GH_METHOD_COUNT] = {"GET", "POST", "PUT", "PATCH", "DELETE"};
static const char *const s_surfaces[] = {"code", "v1", "heartbeat", "oauth", "raw"};

void
front_count(const front_ask_t *ask, uint16_t status)
{
    size_t route = ask->op ? ask->op->index : front.counters->routes - 1;
    front_route_counts_t *c = front_counters_route(front.counters, front.worker, route);
    int64_t us = gh_mono_us() - ask->start_us;
    size_t b = 0;
    while (b < FRONT_BUCKETS && us > front_bucket_us[b])
        b++;
    front_add(&c->status[front_status_slot(status)], 1);
    front_add(&c->bucket[b], 1);
    front_add(&c->sum_us, (uint64_t)us);
}

static void
head(gh_buf_t *out, const char *name, const char *type, const char *help)
{
    gh_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static const gh_operation_t *
route_op(size_t route)
{
    return route < gh_contract_count(front.contract) ? gh_contract_at(front.contract, route) : NULL;
}

/* surface, route and method labels of a row. */
static void
put_labels(gh_buf_t *out, size_t route, bool method)
{
    const gh_operation_t *op = route_op(route);
    gh_buf_printf(out, "surface=\"%s\",route=\"%s\"", op ? s_surfaces[op->envelope] : "none",
                  op ? op->path : "none");
    if (method)
        gh_buf_printf(out, ",method=\"%s\"", op ? s_methods[op->method] : "any");
}

static uint64_t
total_status(size_t route, size_t slot)
{
    uint64_t n = 0;
    for (size_t w = 0; w < front.counters->workers; w++)
        n += front_read(&front_counters_route(front.counters, w, route)->status[slot]);
    return n;
}

static void
put_requests(gh_buf_t *out)
{
    head(out, "guahao_http_requests_total", "counter", "Answered requests.");
    for (size_t r = 0; r < front.counters->routes; r++)
        for (size_t s = 0; s < 32; s++) {
            uint64_t n = total_status(r, s);
            if (n == 0)
                continue;
            gh_buf_puts(out, "guahao_http_requests_total{");
            put_labels(out, r, true);
            gh_buf_printf(out, ",status=\"%u\"} %llu\n", front_slot_status(s), (unsigned long long)n);
        }
}

static void
put_histogram(gh_buf_t *out, size_t route)
{
    uint64_t sum = 0, below[FRONT_BUCKETS + 1] = {0}, running = 0;
    for (size_t w = 0; w < front.counters->workers; w++) {
        const front_route_counts_t *c = front_counters_route(front.counters, w, route);
        sum += front_read(&c->sum_us);
        for (size_t b = 0; b <= FRONT_BUCKETS; b++)
            below[b] += front_read(&c->bucket[b]);
    }
    for (size_t b = 0; b <= FRONT_BUCKETS; b++)
        running += below[b];
    if (running == 0)
        return;
    running = 0;
    for (size_t b = 0; b <= FRONT_BUCKETS; b++) {
        running += below[b];
        gh_buf_puts(out, "guahao_http_request_seconds_bucket{");
        put_labels(out, route, false);
        if (b < FRONT_BUCKETS)
            gh_buf_printf(out, ",le=\"%g\"} %llu\n", front_bucket_us[b] / 1e6, (unsigned long long)running);
        else
            gh_buf_printf(out, ",le=\"+Inf\"} %llu\n", (unsigned long long)running);
    }
    gh_buf_puts(out, "guahao_http_request_seconds_sum{");
    put_labels(out, route, false);
    gh_buf_printf(out, "} %.6f\n", (double)sum / 1e6);
    gh_buf_puts(out, "guahao_http_request_seconds_count{");
    put_labels(out, route, false);
    gh_buf_printf(out, "} %llu\n", (unsigned long long)running);
}

static uint64_t
total(size_t offset)
{
    uint64_t n = 0;
    for (size_t w = 0; w < front.counters->workers; w++)
        n += front_read(
            (const atomic_uint_fast64_t *)(const void *)((const char *)&front.counters->worker[w] + offset));
    return n;
}

static void
put_one(gh_buf_t *out, const char *name, const char *type, const char *help, size_t offset)
{
    head(out, name, type, help);
    gh_buf_printf(out, "%s %llu\n", name, (unsigned long long)total(offset));
}

static void
put_auth(gh_buf_t *out)
{
    static const char *const reasons[] = {"missing", "invalid", "expired", "revoked"};
    head(out, "guahao_auth_failures_total", "counter", "Requests refused for their token.");
    for (size_t i = 0; i < GH_COUNT(reasons); i++)
        gh_buf_printf(out, "guahao_auth_failures_total{reason=\"%s\"} %llu\n", reasons[i],
                      (unsigned long long)total(offsetof(front_worker_counts_t, auth_failures) +
                                                i * sizeof(atomic_uint_fast64_t)));
}

static void
put_limited(gh_buf_t *out)
{
    head(out, "guahao_rate_limited_total", "counter", "Requests refused for their rate.");
    for (size_t i = 0; i < FRONT_POLICIES; i++)
        gh_buf_printf(out, "guahao_rate_limited_total{policy=\"%s\"} %llu\n", front_rates_name(i),
                      (unsigned long long)total(offsetof(front_worker_counts_t, rate_limited) +
                                                i * sizeof(atomic_uint_fast64_t)));
}

/* Resident memory from /proc, which the sandbox lets us read. */
static uint64_t
resident_bytes(int64_t pid)
{
    char path[64];
    char text[128];
    snprintf(path, sizeof path, "/proc/%lld/statm", (long long)pid);
    FILE *f = fopen(path, "r");
    if (!f)
        return 0;
    const char *got = fgets(text, sizeof text, f);
    fclose(f);
    const char *second = got ? strchr(text, ' ') : NULL; /* "size resident ..." in pages */
    unsigned long long pages = second ? strtoull(second, NULL, 10) : 0;
    return pages * 4096;
}

static void
put_workers(gh_buf_t *out)
{
    head(out, "guahao_process_resident_bytes", "gauge", "Resident memory of the front's workers.");
    for (size_t w = 0; w < front.counters->workers; w++) {
        int64_t pid = atomic_load_explicit(&front.counters->worker[w].pid, memory_order_relaxed);
        if (pid)
            gh_buf_printf(out, "guahao_process_resident_bytes{process=\"front-%zu\"} %llu\n", w,
                          (unsigned long long)resident_bytes(pid));
    }
}

/* ---- the brokers' words */

static double
number(const json_t *obj, const char *key)
{
    return json_number_value(json_object_get(obj, key));
}

typedef struct gauge {
    const char *name, *type, *help, *member;
    double scale;
} gauge_t;

static const gauge_t s_gauges[] = {
    {"guahao_queue_depth", "gauge", "Jobs waiting for a pool.", "depth", 1},
    {"guahao_queue_oldest_seconds", "gauge", "Age of the oldest waiting job.", "oldest_ms", 1e-3},
    {"guahao_worker_up", "gauge", "Workers of a pool.", "workers", 1},
    {"guahao_worker_running", "gauge", "Jobs that workers hold.", "running", 1}};

static const struct {
    const char *outcome, *member;
} s_outcomes[] = {
    {"done", "done"},       {"refused_full", "refused_full"}, {"refused_no_worker", "refused_no_worker"},
    {"expired", "expired"}, {"requeued", "requeued"},         {"dead", "dead"}};

/* A service name comes from whoever registered it: only the characters that MDP names may have. */
static const char *
service_name(const json_t *s)
{
    const char *name = json_string_value(json_object_get(s, "name"));
    bool plain = name && *name && strlen(name) <= 128 &&
                 strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") ==
                     strlen(name);
    return plain ? name : "other";
}

static void
put_gauge(gh_buf_t *out, const gauge_t *g, json_t *const *roots, size_t n)
{
    head(out, g->name, g->type, g->help);
    for (size_t b = 0; b < n; b++) {
        const json_t *list = json_object_get(roots[b], "services");
        for (size_t i = 0; i < json_array_size(list); i++) {
            const json_t *s = json_array_get(list, i);
            gh_buf_printf(out, "%s{pool=\"%s\",broker=\"%zu\"} %.10g\n", g->name, service_name(s), b,
                          number(s, g->member) * g->scale);
        }
    }
}

static void
put_outcomes(gh_buf_t *out, json_t *const *roots, size_t n)
{
    head(out, "guahao_worker_jobs_total", "counter", "Jobs by what became of them.");
    for (size_t b = 0; b < n; b++) {
        const json_t *list = json_object_get(roots[b], "services");
        for (size_t i = 0; i < json_array_size(list); i++)
            for (size_t o = 0; o < GH_COUNT(s_outcomes); o++)
                gh_buf_printf(out,
                              "guahao_worker_jobs_total{pool=\"%s\",broker=\"%zu\",outcome=\"%s\"} %.0f\n",
                              service_name(json_array_get(list, i)), b, s_outcomes[o].outcome,
                              number(json_array_get(list, i), s_outcomes[o].member));
    }
}

static void
put_brokers(gh_buf_t *out)
{
    json_t *roots[8] = {NULL};
    size_t n = front_brokers() < GH_COUNT(roots) ? front_brokers() : GH_COUNT(roots);
    head(out, "guahao_broker_up", "gauge", "Brokers that answer this front.");
    for (size_t b = 0; b < n; b++) {
        gh_str_t text = front_probes_queues(b);
        roots[b] = text.n ? json_loadb(text.p, text.n, 0, NULL) : NULL;
        gh_buf_printf(out, "guahao_broker_up{broker=\"%zu\"} %d\n", b, roots[b] != NULL);
    }
    for (size_t g = 0; g < GH_COUNT(s_gauges); g++)
        put_gauge(out, &s_gauges[g], roots, n);
    put_outcomes(out, roots, n);
    for (size_t b = 0; b < n; b++)
        json_decref(roots[b]);
}

void
front_metrics(gh_buf_t *out)
{
    front_worker_counts_t *mine = &front.counters->worker[front.worker];
    uint64_t hits, misses;
    front_tokens_counts(front.tokens, &hits, &misses);
    atomic_store_explicit(&mine->token_hits, hits, memory_order_relaxed);
    atomic_store_explicit(&mine->token_misses, misses, memory_order_relaxed);
    put_requests(out);
    head(out, "guahao_http_request_seconds", "histogram", "Time from the whole request to its answer.");
    for (size_t r = 0; r < front.counters->routes; r++)
        put_histogram(out, r);
    put_auth(out);
    put_limited(out);
    put_one(out, "guahao_front_parked", "gauge", "Requests that wait for a reply.",
            offsetof(front_worker_counts_t, parked));
    put_one(out, "guahao_front_file_bytes", "gauge", "Bytes of files on their way in or out.",
            offsetof(front_worker_counts_t, file_bytes));
    put_one(out, "guahao_front_resent_total", "counter", "Jobs sent again because a broker vanished.",
            offsetof(front_worker_counts_t, resent));
    put_one(out, "guahao_front_late_total", "counter", "Replies that nobody waited for any more.",
            offsetof(front_worker_counts_t, late));
    put_one(out, "guahao_front_left_total", "counter", "Clients that left before their answer.",
            offsetof(front_worker_counts_t, left));
    put_one(out, "guahao_front_send_failed_total", "counter", "Jobs that no broker took.",
            offsetof(front_worker_counts_t, send_failed));
    put_one(out, "guahao_front_rows_total", "counter", "Requests recorded as rows.",
            offsetof(front_worker_counts_t, rows));
    put_one(out, "guahao_front_rows_lost_total", "counter", "Requests whose rows nobody took in time.",
            offsetof(front_worker_counts_t, rows_lost));
    put_workers(out);
    put_brokers(out);
}
