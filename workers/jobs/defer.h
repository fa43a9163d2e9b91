/*
 * workers/jobs/defer.h - a call of the contract becomes a job of its caller (api/20 section 8, RFC 7240)
 *
 * A front that is asked to (Prefer: respond-async; of some operations always) sends the arguments of operation X, checked, to "jobs.defer.X". The caller needs
 * the access of X for that already; it is looked at again when the job runs. An Idempotency-Key holds for the job and for the call in it.
 */
#ifndef GH_JOBS_DEFER_H
#define GH_JOBS_DEFER_H

#include "worker/worker.h"

/* An operation that may be deferred; the contract says x-async to it. */
typedef struct gh_deferral {
    const char *op, *service;
    const char *kind; /* of api/29 */
    int status;       /* of its success */
    int budget_ms;    /* of one attempt */
    bool single;      /* one at a time of a caller: while it is unfinished he is told of that one */
    bool patient;     /* only for an account with a patient row */
} gh_deferral_t;

extern const gh_deferral_t gh_deferrals[]; /* ends with op NULL */

/* The name of the inner operation for op, without it: "jobs.defer.". */
#define GH_DEFER_PREFIX "jobs.defer."

/* 202 with the job, once its row is written: Location. One job a batch. */
gh_step_t gh_defer_step(gh_batch_t *b);

#endif
