/*
 * front/metrics_brokers.c - /metrics: queues and workers as the brokers tell of them, and the brokers themselves
 */
#include <jansson.h>

#include "front/front.h"
#include "front/metrics.h"
#include "wire/broker_list.h"

/* A figure of a service or of a broker by its member in mmi.queues. */
typedef struct figure {
    const char *name, *type, *help, *member;
    double scale;
} figure_t;

static const figure_t s_of_services[] = {
    {"guahao_queue_depth", "gauge", "Jobs waiting for a pool.", "depth", 1},
    {"guahao_queue_oldest_seconds", "gauge", "Age of the oldest waiting job.", "oldest_ms", 1e-3},
    {"guahao_queue_paused", "gauge", "1 while the pool is paused by an operator.", "paused", 1},
    {"guahao_worker_up", "gauge", "Workers of a pool.", "workers", 1},
    {"guahao_worker_credit", "gauge", "Jobs that the pool's workers want in hand.", "credit", 1},
    {"guahao_worker_running", "gauge", "Jobs that workers hold.", "running", 1},
    {"guahao_queue_accepted_total", "counter", "Jobs that were taken into the queue.", "accepted", 1}};

static const figure_t s_of_brokers[] = {
    {"guahao_broker_uptime_seconds", "gauge", "Time since the broker's start.", "uptime_s", 1},
    {"guahao_broker_draining", "gauge", "1 while the broker refuses new jobs.", "draining", 1},
    {"guahao_broker_peers", "gauge", "Connections of fronts, workers and tools.", "inner_peers", 1},
    {"guahao_broker_workers", "gauge", "Workers that said READY.", "workers", 1},
    {"guahao_broker_bytes", "gauge", "Bytes of the jobs that the broker holds.", "bytes", 1},
    {"guahao_broker_dead_letters", "gauge", "Jobs given up after they took several workers down.",
     "dead_letters", 1},
    {"guahao_broker_event_seq", "gauge", "Highest number of an event that was carried.", "event_seq", 1},
    {"guahao_broker_events_total", "counter", "Events carried.", "events", 1},
    {"guahao_broker_events_invalid_total", "counter", "Events dropped because they were none.",
     "events_invalid", 1},
    {"guahao_broker_mmi_total", "counter", "Questions and commands of operators and fronts.", "mmi", 1},
    {"guahao_broker_invalid_total", "counter", "Messages that were no Majordomo.", "invalid", 1},
    {"guahao_broker_unexpected_total", "counter", "Commands of workers that did not fit.", "unexpected", 1},
    {"guahao_broker_unknown_key_total", "counter", "Messages of revoked or unfit keys.", "unknown_key", 1},
    {"guahao_broker_unknown_service_total", "counter", "Jobs for services that nobody ever served.",
     "unknown_service", 1},
    {"guahao_broker_replies_dropped_total", "counter", "Replies whose client was gone.", "reply_dropped", 1},
    {"guahao_broker_handshakes_failed_total", "counter", "Connections refused for their key or protocol.",
     "handshakes_failed", 1},
    {"guahao_broker_workers_lost_total", "counter", "Workers that vanished without a word.", "workers_lost",
     1}};

static const struct {
    const char *outcome, *member;
} s_outcomes[] = {
    {"done", "done"},       {"refused_full", "refused_full"}, {"refused_no_worker", "refused_no_worker"},
    {"expired", "expired"}, {"requeued", "requeued"},         {"dead", "dead"},
    {"stale", "stale"}};

/* What every broker said last; NULL for one that is silent. Borrowed within one answer. */
typedef struct words {
    json_t *root[GH_BROKERS_MAX];
    size_t n;
} words_t;

static void
words_read(words_t *w)
{
    w->n = front_brokers() < GH_BROKERS_MAX ? front_brokers() : GH_BROKERS_MAX;
    for (size_t b = 0; b < w->n; b++) {
        gh_str_t text = front_probes_queues(b);
        w->root[b] = text.n ? json_loadb(text.p, text.n, 0, NULL) : NULL;
    }
}

static void
words_free(words_t *w)
{
    for (size_t b = 0; b < w->n; b++)
        json_decref(w->root[b]);
}

static double
number(const json_t *obj, const char *key)
{
    const json_t *v = json_object_get(obj, key);
    return json_is_boolean(v) ? json_is_true(v) : json_number_value(v);
}

static gh_str_t
service_name(const json_t *s)
{
    const json_t *name = json_object_get(s, "name");
    return front_metrics_label((gh_str_t){json_string_value(name), json_string_length(name)});
}

/* Call put(out, broker, service, arg) for every service of every broker. */
static void
each_service(gh_buf_t *out, const words_t *w, void (*put)(gh_buf_t *, size_t, const json_t *, const void *),
             const void *arg)
{
    for (size_t b = 0; b < w->n; b++) {
        const json_t *list = json_object_get(w->root[b], "services");
        for (size_t i = 0; i < json_array_size(list); i++)
            put(out, b, json_array_get(list, i), arg);
    }
}

static void
put_figure(gh_buf_t *out, size_t broker, const json_t *s, const void *arg)
{
    const figure_t *f = arg;
    gh_str_t pool = service_name(s);
    gh_buf_printf(out, "%s{pool=\"%.*s\",broker=\"%zu\"} %.10g\n", f->name, (int)pool.n, pool.p, broker,
                  number(s, f->member) * f->scale);
}

static void
put_outcomes(gh_buf_t *out, size_t broker, const json_t *s, const void *arg)
{
    (void)arg;
    gh_str_t pool = service_name(s);
    for (size_t o = 0; o < GH_COUNT(s_outcomes); o++)
        gh_buf_printf(out, "guahao_worker_jobs_total{pool=\"%.*s\",broker=\"%zu\",outcome=\"%s\"} %.0f\n",
                      (int)pool.n, pool.p, broker, s_outcomes[o].outcome, number(s, s_outcomes[o].member));
}

/* A broker's histogram (broker/hist.h) has a bound at each doubling; every second one is enough here. */
static void
put_histogram(gh_buf_t *out, size_t broker, const json_t *s, const void *arg)
{
    const figure_t *f = arg;
    const json_t *h = json_object_get(s, f->member), *buckets = json_object_get(h, "buckets");
    gh_str_t pool = service_name(s);
    char labels[200];
    snprintf(labels, sizeof labels, "pool=\"%.*s\",broker=\"%zu\"", (int)pool.n, pool.p, broker);
    for (size_t i = 0; i < json_array_size(buckets); i += 2) {
        const json_t *pair = json_array_get(buckets, i);
        gh_buf_printf(out, "%s_bucket{%s,le=\"%.10g\"} %.0f\n", f->name, labels,
                      json_number_value(json_array_get(pair, 0)) * f->scale,
                      json_number_value(json_array_get(pair, 1)));
    }
    gh_buf_printf(out, "%s_bucket{%s,le=\"+Inf\"} %.0f\n%s_sum{%s} %.10g\n%s_count{%s} %.0f\n", f->name,
                  labels, number(h, "count"), f->name, labels, number(h, "sum") * f->scale, f->name, labels,
                  number(h, "count"));
}

static void
put_up(gh_buf_t *out, const words_t *w)
{
    front_metrics_head(out, "guahao_broker_up", "gauge", "1: the broker answers this front.");
    for (size_t b = 0; b < w->n; b++)
        gh_buf_printf(out, "guahao_broker_up{broker=\"%zu\"} %d\n", b, w->root[b] != NULL);
    front_metrics_head(out, "guahao_broker_info", "gauge", "Which broker that is; always 1.");
    for (size_t b = 0; b < w->n; b++) {
        const json_t *broker = json_object_get(w->root[b], "broker");
        const char *id = json_string_value(json_object_get(broker, "id")),
                   *version = json_string_value(json_object_get(broker, "version"));
        if (!id || !version)
            continue;
        gh_str_t i = front_metrics_label(gh_str(id)), v = front_metrics_label(gh_str(version));
        gh_buf_printf(out, "guahao_broker_info{broker=\"%zu\",id=\"%.*s\",version=\"%.*s\"} 1\n", b, (int)i.n,
                      i.p, (int)v.n, v.p);
    }
}

void
front_metrics_brokers(gh_buf_t *out)
{
    static const figure_t wait = {"guahao_queue_wait_seconds", "histogram",
                                  "Time that jobs waited for a worker.", "wait_us", 1e-6},
                          work = {"guahao_worker_seconds", "histogram", "Time that workers had jobs.",
                                  "work_us", 1e-6};
    words_t w;
    words_read(&w);
    put_up(out, &w);
    for (size_t i = 0; i < GH_COUNT(s_of_brokers); i++) {
        const figure_t *f = &s_of_brokers[i];
        front_metrics_head(out, f->name, f->type, f->help);
        for (size_t b = 0; b < w.n; b++)
            if (w.root[b])
                gh_buf_printf(out, "%s{broker=\"%zu\"} %.15g\n", f->name, b,
                              number(json_object_get(w.root[b], "broker"), f->member));
    }
    for (size_t i = 0; i < GH_COUNT(s_of_services); i++) {
        const figure_t *f = &s_of_services[i];
        front_metrics_head(out, f->name, f->type, f->help);
        each_service(out, &w, put_figure, f);
    }
    front_metrics_head(out, "guahao_worker_jobs_total", "counter", "Jobs by what became of them.");
    each_service(out, &w, put_outcomes, NULL);
    front_metrics_head(out, wait.name, wait.type, wait.help);
    each_service(out, &w, put_histogram, &wait);
    front_metrics_head(out, work.name, work.type, work.help);
    each_service(out, &w, put_histogram, &work);
    words_free(&w);
}

void
front_metrics_broker_memory(gh_buf_t *out)
{
    words_t w;
    words_read(&w);
    for (size_t b = 0; b < w.n; b++) {
        double bytes = number(json_object_get(w.root[b], "broker"), "resident_bytes");
        if (bytes > 0)
            gh_buf_printf(out, "guahao_process_resident_bytes{process=\"broker-%zu\"} %.0f\n", b, bytes);
    }
    words_free(&w);
}
