/*
 * ops/cmd/mmi_view.h - what brokers say about their queues and workers, as plain structs
 *
 * Reads the JSON of mmi.queues and mmi.workers (broker/README.md). Members that are missing or have another
 * type read as 0 or "": an older or newer broker must not break the view of an operator.
 */
#ifndef GH_CMD_MMI_VIEW_H
#define GH_CMD_MMI_VIEW_H

#include "base/buf.h"

#define GH_VIEW_NAME    64
#define GH_VIEW_BUCKETS 64

/* A latency histogram since the broker's start: cumulative counts by upper bound, microseconds. */
typedef struct gh_view_hist {
    int64_t count, sum, p50, p95, p99, max; /* as the broker says */
    size_t n;
    int64_t le[GH_VIEW_BUCKETS];
    int64_t cumulative[GH_VIEW_BUCKETS];
} gh_view_hist_t;

typedef struct gh_view_service {
    char name[GH_VIEW_NAME];
    int64_t workers, credit, running, waiting[3], depth, oldest_ms;
    int64_t accepted, done, refused_full, refused_no_worker, expired, requeued, dead;
    bool paused;
    gh_view_hist_t wait, work;
} gh_view_service_t;

typedef struct gh_view_worker {
    char id[GH_VIEW_NAME];
    char name[GH_VIEW_NAME]; /* of its process, host:pid; "" for a plain one */
    char service[GH_VIEW_NAME];
    int64_t credit, running, done, failed, age_s, silent_ms;
    bool trusted, leaving;
} gh_view_worker_t;

typedef struct gh_view {
    char broker[GH_VIEW_NAME];
    char version[GH_VIEW_NAME];
    int64_t uptime_s, peers, dead_letters;
    bool draining;
    gh_view_service_t *services; /* owned, by name */
    size_t n_services;
    gh_view_worker_t *workers; /* owned, by service */
    size_t n_workers;
} gh_view_t;

/* Fill `v` from the texts (workers may be empty). -1 when a text is not such JSON or memory ran out; v is
 * then empty. */
int gh_view_parse(gh_view_t *v, gh_str_t queues, gh_str_t workers) GH_MUSTCHECK;
void gh_view_fini(gh_view_t *v); /* harmless when repeated */
const gh_view_service_t *gh_view_find(const gh_view_t *v,
                                      const char *service); /* NULL when it is not there */

/* Percentile q (0..1) of what happened between `before` (NULL: the start) and `after`, in microseconds,
 * interpolated inside a bucket; -1 when nothing happened. Falls back to the broker's own figures when
 * there are no buckets. */
int64_t gh_view_percentile(const gh_view_hist_t *before, const gh_view_hist_t *after, double q);

/* A duration for people: "850us", "4.2ms", "1.3s"; "-" for negative ones. */
const char *gh_view_us(int64_t us, char out[16]);

#endif
