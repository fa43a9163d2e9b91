/*
 * front/metrics.h - parts of /metrics, and what its files share
 */
#ifndef GH_FRONT_METRICS_H
#define GH_FRONT_METRICS_H

#include "base/buf.h"
#include "wire/figures.h"

void front_metrics_head(gh_buf_t *out, const char *name, const char *type, const char *help);
/* A name from outside as a label: what has other characters than MDP names and addresses is "other". */
gh_str_t front_metrics_label(gh_str_t name);

/* ---- metrics_brokers.c: queues, workers and internals by broker; `broker` is its place in link.inner */
void front_metrics_brokers(gh_buf_t *out);
void front_metrics_broker_memory(gh_buf_t *out);

/* ---- metrics_workers.c: what worker processes say of themselves; `worker` is host:pid */

/* All of them, over all brokers, each once, ordered by pool, host and process; valid until the front's loop goes on. */
size_t front_figures(const gh_figures_t **list);
void front_metrics_workers(gh_buf_t *out);
void front_metrics_worker_memory(gh_buf_t *out);
/* The samples of guahao_<metric>_total that workers count. */
void front_metrics_tallies(gh_buf_t *out, const char *metric);

#endif
