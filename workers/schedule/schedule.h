/*
 * workers/schedule/schedule.h - what the files of the schedule pool share
 */
#ifndef GH_SCHEDULE_H
#define GH_SCHEDULE_H

#include "workers/schedule/pool.h"

/* Steps, each of one job at a time. */
gh_step_t gh_session_step(gh_batch_t *b);      /* session.c */
gh_step_t gh_availability_step(gh_batch_t *b); /* availability.c */

/* extend.c: carries weekly rules on to the horizon, from tick(). start: -1 when memory ran out. */
int gh_extend_start(gh_worker_t *w);
void gh_extend_stop(gh_worker_t *w);
void gh_extend_tick(gh_worker_t *w);

#endif
