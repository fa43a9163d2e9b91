/*
 * front/metrics.c - /metrics in Prometheus' text format 0.0.4 (api/29, R-212): this front's workers added up, then what brokers
 * (metrics_brokers.c) and workers (metrics_workers.c) say of themselves
 */
#include "base/program.h"
#include "base/timez.h"
#include "front/front.h"
#include "front/metrics.h"

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

void
front_metrics_head(gh_buf_t *out, const char *name, const char *type, const char *help)
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
    front_metrics_head(out, "guahao_http_requests_total", "counter", "Answered requests.");
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
    front_metrics_head(out, name, type, help);
    gh_buf_printf(out, "%s %llu\n", name, (unsigned long long)total(offset));
}

static void
put_auth(gh_buf_t *out)
{
    static const char *const reasons[] = {"missing", "invalid", "expired", "revoked"};
    front_metrics_head(out, "guahao_auth_failures_total", "counter",
                       "Requests refused for their token, and wrong passwords (reason credentials).");
    for (size_t i = 0; i < GH_COUNT(reasons); i++)
        gh_buf_printf(out, "guahao_auth_failures_total{reason=\"%s\"} %llu\n", reasons[i],
                      (unsigned long long)total(offsetof(front_worker_counts_t, auth_failures) +
                                                i * sizeof(atomic_uint_fast64_t)));
    front_metrics_tallies(out, "auth_failures");
}

static void
put_limited(gh_buf_t *out)
{
    front_metrics_head(out, "guahao_rate_limited_total", "counter", "Requests refused for their rate.");
    for (size_t i = 0; i < FRONT_POLICIES; i++)
        gh_buf_printf(out, "guahao_rate_limited_total{policy=\"%s\"} %llu\n", front_rates_name(i),
                      (unsigned long long)total(offsetof(front_worker_counts_t, rate_limited) +
                                                i * sizeof(atomic_uint_fast64_t)));
}

static void
put_memory(gh_buf_t *out)
{
    front_metrics_head(out, "guahao_process_resident_bytes", "gauge", "Resident memory of a process.");
    for (size_t w = 0; w < front.counters->workers; w++) {
        int64_t pid = atomic_load_explicit(&front.counters->worker[w].pid, memory_order_relaxed);
        if (pid)
            gh_buf_printf(out, "guahao_process_resident_bytes{process=\"front-%zu\"} %lld\n", w,
                          (long long)gh_program_resident(pid));
    }
    front_metrics_broker_memory(out);
    front_metrics_worker_memory(out);
}

void
front_metrics(gh_buf_t *out)
{
    put_requests(out);
    front_metrics_head(out, "guahao_http_request_seconds", "histogram",
                       "Time from the whole request to its answer.");
    for (size_t r = 0; r < front.counters->routes; r++)
        put_histogram(out, r);
    put_auth(out);
    put_limited(out);
    put_one(out, "guahao_front_parked", "gauge", "Requests that wait for a reply.",
            offsetof(front_worker_counts_t, parked));
    put_one(out, "guahao_front_waiting", "gauge", "Requests of a crowd that wait for their turn.",
            offsetof(front_worker_counts_t, waiting));
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
    put_memory(out);
    front_metrics_brokers(out);
    front_metrics_workers(out);
}
