/*
 * workers/clinical/clinical.h - what the files of the pool offer each other
 */
#ifndef GH_WORKERS_CLINICAL_CLINICAL_H
#define GH_WORKERS_CLINICAL_CLINICAL_H

#include "workers/clinical/pool.h"

/* Steps of the queue (queue.c). */
gh_step_t gh_queue_next(gh_batch_t *b);     /* POST /doctor/consultation/next (BR-116) */
gh_step_t gh_queue_pass(gh_batch_t *b);     /* POST /doctor/consultation/pass (BR-117, BR-119) */
gh_step_t gh_queue_complete(gh_batch_t *b); /* POST /doctor/consultation/complete (BR-118) */

#endif
