/*
 * lib/wire/figures.h - what a worker process says of one of its pools, in a frame of its heartbeats (wire/mdp.h)
 *
 * A msgpack map; brokers keep the last one of each worker and hand them out as they are (mmi.figures: an array of
 * [worker, age_ms, figures as bin]). Counters count from the start of the process. A worker that serves several brokers sends all of them
 * the same: what has the same host, pid, start and pool is one worker, the highest `n` is the newest.
 *
 *   pool, host, version, level, state: text    state: "ready", "draining"
 *   pid, start (unix, s), n, rss (bytes), credit, hand (jobs), waiting, running (batches), actors (cached callers): integers
 *   lanes: [size, up, busy]                     connections to the database
 *   jobs: [answered, refused, failed, requeued, dropped]
 *   db: [results, segments, slow, segment_us]   db/timings.h
 *   tallies: [[metric, by, outcome, n], ...]    gh_batch_tally()
 *   gauges: [[metric, by, value], ...]          gh_gauges_add()
 *   statements: [[name, sum_us, bucket...], ...]  only those that were used
 */
#ifndef GH_WIRE_FIGURES_H
#define GH_WIRE_FIGURES_H

#include "wire/mp.h"

#define GH_FIGURES_MAX   (128u << 10) /* bytes of one; brokers keep no larger ones */
#define GH_FIGURES_EVERY 2000         /* ms between two of a worker */
#define GH_FIGURES_ALL   (16u << 20)  /* bytes of what a broker hands out at once */

/* Spans live as long as the frame. What is missing reads as 0 or empty, and no number is below 0. */
typedef struct gh_figures {
    gh_str_t worker; /* the broker's id of it, in hex */
    gh_str_t pool, host, version, level, state;
    int64_t age_ms; /* since the broker heard it */
    int64_t pid, start, n, rss, credit, hand, waiting, running, actors;
    int64_t lanes[3], jobs[5], db[4];
    gh_mp_t tallies, gauges, statements;
} gh_figures_t;

enum { GH_LANES_SIZE, GH_LANES_UP, GH_LANES_BUSY };
enum { GH_JOBS_ANSWERED, GH_JOBS_REFUSED, GH_JOBS_FAILED, GH_JOBS_REQUEUED, GH_JOBS_DROPPED };
enum { GH_DB_RESULTS, GH_DB_SEGMENTS, GH_DB_SLOW, GH_DB_US };

/* One frame. -1 when it is none. */
int gh_figures_read(gh_str_t frame, gh_figures_t *out) GH_MUSTCHECK;

/* Append a broker's answer to mmi.figures to a list of workers, each once, the newest kept: list[*n], at most max. -1 when the
 * text is not such an answer. */
int gh_figures_collect(gh_str_t answer, gh_figures_t *list, size_t *n, size_t max);

/* The same worker process and pool. */
bool gh_figures_same(const gh_figures_t *a, const gh_figures_t *b);

#endif
