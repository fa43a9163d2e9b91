/*
 * broker/queue.h - queue of waiting jobs by priority, and the rule that no priority starves. Pure.
 */
#ifndef GH_BROKER_QUEUE_H
#define GH_BROKER_QUEUE_H

#include "model.h"

void gh_queue_init(gh_queue_t *q);
/* The job's priority says which list; link only, the counters of the service are dispatch.c's. */
void gh_queue_push_tail(gh_queue_t *q, gh_bjob_t *job);
void gh_queue_push_head(gh_queue_t *q, gh_bjob_t *job);
void gh_queue_remove(gh_queue_t *q, gh_bjob_t *job);
gh_bjob_t *gh_queue_first(const gh_queue_t *q, gh_prio_t prio); /* NULL when empty */

/* Which priority goes next, given which have jobs; -1 when none has. High before normal before batch, but normal gets
 * every 5th turn and batch every 17th while they wait. gh_fair_took() records the choice. */
int gh_fair_choose(const gh_fair_t *f, const bool ready[GH_PRIO_COUNT]);
void gh_fair_took(gh_fair_t *f, const bool ready[GH_PRIO_COUNT], int prio);

#endif
