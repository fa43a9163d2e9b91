/*
 * workers/jobs/jobs_rules.h - what becomes of an attempt, and which slots of a recurring job are queued: pure
 */
#ifndef GH_JOBS_RULES_H
#define GH_JOBS_RULES_H

#include "base/error.h"
#include "domain/cron.h"

typedef enum { GH_RUN_DONE, GH_RUN_AGAIN, GH_RUN_FAILED, GH_RUN_DEAD } gh_run_end_t;

/* An attempt ended: `failed` tells whether it was refused, with err (GH_E_NONE: a name we do not know). What will not help by
 * itself later (a refusal by a rule) fails at once; overload, time-outs and internal errors are tried again, max_attempts
 * in all, then set aside as dead. */
gh_run_end_t gh_run_decide(bool failed, gh_err_t err, int attempt, int max_attempts);
/* Pause before the next attempt, in us: a second, doubled up to ten minutes, jittered. */
int64_t gh_run_pause_us(int attempt, uint32_t random);

/* Of `room` places for waiting jobs, after `given` others were given away: how many go by age alone, the others by priority first.
 * Every fourth place does, so that what has a low priority is slow in a rush and never stands still. */
int gh_claim_by_age(int room, uint32_t given);

typedef enum { GH_CATCH_UP_NONE, GH_CATCH_UP_LAST, GH_CATCH_UP_ALL } gh_catch_up_t;
int gh_catch_up_parse(gh_str_t word, gh_catch_up_t *out) GH_MUSTCHECK;

typedef struct gh_slot {
    int64_t fire_us; /* the slot to queue, 0: none */
    int64_t next_us; /* when to look again, 0: never */
} gh_slot_t;

/* A recurring job whose next slot is next_us (0: not known yet), looked at now. A slot that is at most a minute old is no
 * missed one. ALL queues one at a time: `next_us` is then the following slot, in the past too. */
gh_slot_t gh_slot_decide(const gh_cron_t *cron, gh_catch_up_t rule, int64_t next_us, int64_t now_us);

#endif
