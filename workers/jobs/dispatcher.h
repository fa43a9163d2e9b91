/*
 * workers/jobs/dispatcher.h - carries durable jobs out: from rows of `jobs` through the brokers to the pools and back
 *
 * A thread with a database connection and broker sockets of its own. It claims rows that are due (FOR UPDATE SKIP LOCKED, so
 * any number of processes may dispatch), sends each with its time limit, and notes what came back. A claim is a lease, renewed while
 * the job is in hand: when its dispatcher dies or stands still another one takes the job up, with the same delivery id, so that an effect that was
 * committed is found and not repeated; a completion counts only for the attempt under way. Recurring jobs are queued
 * when their slot comes (recurring.c).
 */
#ifndef GH_JOBS_DISPATCHER_H
#define GH_JOBS_DISPATCHER_H

#include "base/conf.h"
#include "db/blocking.h"

typedef struct gh_dispatcher gh_dispatcher_t;

/* Start the thread. conf is borrowed until gh_dispatcher_stop(). NULL when it cannot be started (logged). */
gh_dispatcher_t *gh_dispatcher_start(const gh_conf_t *conf);
/* Stop it: jobs in hand may finish for two seconds, the others are given back. */
void gh_dispatcher_stop(gh_dispatcher_t **d_p);

/* Diagnoses that have ended since the last call, for the counter of /metrics; from any one thread. */
typedef void (*gh_diagnosed_fn)(void *arg, const char *model, const char *outcome);
void gh_dispatcher_diagnosed(gh_dispatcher_t *d, gh_diagnosed_fn fn, void *arg);

/* ---- recurring.c, of the dispatcher's thread */

/* Make a row in job_schedules for each recurring job of this version. -1 after an error, which is logged. */
int gh_recurring_keep(gh_blocking_t *db) GH_MUSTCHECK;
/* Queue what is due. *seen_us is the caller's, 0 at first: the clock of the last turn, by which a clock that was put back is seen. */
void gh_recurring_turn(gh_blocking_t *db, int64_t *seen_us);

#endif
