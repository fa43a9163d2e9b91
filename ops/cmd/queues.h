/*
 * ops/cmd/queues.h - `guahao queues`, `workers` and `top`: what the brokers hold
 */
#ifndef GH_CMD_QUEUES_H
#define GH_CMD_QUEUES_H

#include "base/conf.h"
#include "ops/cmd/mdp_client.h"
#include "ops/cmd/mmi_view.h"

/* Ask one broker for its queues and, unless workers is NULL, its workers; the texts are the broker's JSON.
 * -1 when it does not answer in time or refuses. */
int gh_queues_fetch(gh_mdp_client_t *c, size_t broker, gh_buf_t *queues, gh_buf_t *workers) GH_MUSTCHECK;

/* Print the queues of every broker of link.inner: a table, or with json
 * {"brokers":[{"endpoint","queues","workers"}...]} ("queues" null for one that does not answer). Exit
 * status: 0, or 1 when a broker did not answer. */
int gh_queues_run(const gh_conf_t *conf, int timeout_ms, bool json);

/* Print the workers of every broker: a table, or with json an array of {pool, host, pid, state, in_hand, credit, done, refused, failed,
 * level, version, rss_bytes, started, brokers, seen_ms, trusted}; host, pid, level and version are null for a worker that told nothing
 * of itself. Exit status: 0, or 1 when a broker did not answer. */
int gh_workers_run(const gh_conf_t *conf, int timeout_ms, bool json);

/* Append the services of n brokers side by side, with what they add up to; NULL for a broker that does not answer. */
void gh_queues_side(gh_buf_t *out, const gh_mdp_client_t *c, const gh_view_t *const *views, size_t n);

typedef struct gh_top_options {
    int interval_ms; /* between two looks, 100..60000 */
    bool once;       /* two looks, one screen, no terminal control */
    bool plain;      /* one block after the other, as when the output is no terminal */
    int count;       /* stop after so many screens, 0: never */
} gh_top_options_t;

/* Live view until q, Ctrl-C or SIGTERM. Exit status: 0, or 1 when no broker answered at all. */
int gh_top_run(const gh_conf_t *conf, const gh_top_options_t *opt);

#endif
