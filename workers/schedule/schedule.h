/*
 * workers/schedule/schedule.h - what the files of the schedule pool share
 */
#ifndef GH_SCHEDULE_H
#define GH_SCHEDULE_H

#include "workers/schedule/pool.h"

/* Texts of parameters in batch memory; NULL when memory ran out (the batch fails then). */
const char *gh_schedule_json(gh_batch_t *b, gh_mp_t v); /* {} for what is not there */
const char *gh_schedule_i64(gh_batch_t *b, int64_t v);  /* SQL NULL for 0 */
const char *gh_schedule_now(gh_batch_t *b);
const char *gh_schedule_today(gh_batch_t *b);

/* Steps, each of one job at a time. */
gh_step_t gh_session_step(gh_batch_t *b); /* session.c */

#endif
