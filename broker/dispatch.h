/*
 * broker/dispatch.h - which worker gets which job (decisions 10): pure changes of the model, no sockets, no clock
 *
 *   - a job with a shard waits for the worker that its shard is bound to, while any job of it waits or runs; an idle
 *     shard is remembered for GH_SHARD_MEMORY_MS and kept by its worker unless that one is full and another is free
 *   - other jobs go to the free worker at the head of the list until it is full (its batch fills), then to the next; a
 *     worker that becomes free again joins at the tail, so that the least recently used comes first
 *   - between a worker's own queue and the shared one, priority first (queue.h), then order of arrival
 *   - a job that has seen `solo_crashes` workers die is given only to an empty worker, alone: one poisoned job does not
 *     take its neighbours into the dead letters
 */
#ifndef GH_BROKER_DISPATCH_H
#define GH_BROKER_DISPATCH_H

#include "model.h"

#define GH_SHARD_MEMORY_MS 2000
#define GH_SHARDS_IDLE_MAX 32768 /* a service's; the longest idle are forgotten first */

void gh_dispatch_service_init(gh_bservice_t *s);
void gh_dispatch_service_fini(gh_bservice_t *s); /* no workers, no jobs */

/* A worker joins with its credit set, or leaves with an empty hand; what waited for it goes back to the shared queue's
 * head, in order, and its shards are bound to nobody. */
void gh_dispatch_join(gh_bservice_t *s, gh_bworker_t *w);
void gh_dispatch_leave(gh_bservice_t *s, gh_bworker_t *w);

/* Put a new job at the tail. shard: empty when it has none. -1 when memory ran out; the job is then in no queue. */
int gh_dispatch_enqueue(gh_bservice_t *s, gh_bjob_t *job, gh_str_t shard) GH_MUSTCHECK;
/* Put a job that was running (after gh_dispatch_finish) back at the head of the shared queue. Its worker must have left
 * already, so that its shard is bound to nobody. */
void gh_dispatch_requeue(gh_bservice_t *s, gh_bjob_t *job);
/* Take a waiting job out: it has expired, or is refused. gh_dispatch_forget() must follow. */
void gh_dispatch_remove(gh_bservice_t *s, gh_bjob_t *job);

/* The free worker that is next, NULL when there is none. */
gh_bworker_t *gh_dispatch_next_worker(const gh_bservice_t *s);
/* Move the next job that w may be given into its hand; NULL when there is none, or w is full, or the service paused. */
gh_bjob_t *gh_dispatch_take(gh_bservice_t *s, gh_bworker_t *w, uint32_t solo_crashes);
/* The job leaves its worker's hand. It still counts for its shard until gh_dispatch_forget(). */
void gh_dispatch_finish(gh_bservice_t *s, gh_bjob_t *job);
/* The job is over (finished, or removed): let go of its shard; now_ms starts the shard's memory. */
void gh_dispatch_forget(gh_bservice_t *s, gh_bjob_t *job, int64_t now_ms);
/* Forget shards that have been idle for long. */
void gh_dispatch_sweep(gh_bservice_t *s, int64_t now_ms);

#endif
