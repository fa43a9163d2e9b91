/*
 * lib/domain/later.h - work for later, queued in the transaction of its cause
 *
 * A row of `jobs` beside a pool's other writes: when the transaction is rolled back nothing happens, when it is committed the
 * jobs pool (workers/jobs) carries the operation out, again and again until it was done, refused by a rule, or tried
 * max_attempts times; its effect happens once. The operation is one of the contract, carried out as owner_id, or an inner
 * one, which only the jobs pool and other trusted peers may send.
 */
#ifndef GH_DOMAIN_LATER_H
#define GH_DOMAIN_LATER_H

#include "worker/worker.h"

/* What becomes of a job whose unique key an unfinished one has: it is not queued, and gh_later_put() does not mind; the other one
 * answers for it; or it is refused, by a violation of jobs_unique_uq, which the operation maps in its `constraints`. */
typedef enum { GH_TWIN_IGNORED, GH_TWIN_JOINED, GH_TWIN_REFUSED } gh_twin_t;

typedef struct gh_later {
    const char *kind;       /* of api/29: "booking", "maintenance", ... */
    const char *op;         /* operationId, or an inner operation's name */
    const char *service;    /* the pool that serves it */
    gh_str_t args;          /* encoded argument map ({"path": {..}, "body": ..}); empty: {} */
    int64_t owner_id;       /* who asks; 0: the system */
    int64_t run_at_us;      /* not before; 0: at once */
    const char *unique_key; /* NULL: none. While a job of this key is unfinished no second one is queued */
    gh_twin_t twin;
    gh_prio_t priority;
    int budget_ms;    /* of one attempt; 0: 30 s */
    int max_attempts; /* 0: five */
} gh_later_t;

/* Queue it with the writes of this phase (the last one, of a WRITE or TASK). All is copied. id_out (or NULL): the job's id,
 * the public name of api/29; with a unique key it may be another row's that stays. When memory runs out the batch fails. */
void gh_later_put(gh_batch_t *b, const gh_later_t *later, uint8_t id_out[16]);
/* The same from an earlier phase, with a twin that is joined or refused: the index of a result for the next phase, whose row is the id of
 * the job that will do it, and whether it is a new one. */
size_t gh_later_ask(gh_batch_t *b, const gh_later_t *later);

/* For a run that has more to do than fits one transaction: with its writes, the row of this unique key goes back into the queue with
 * the progress made (percent), and the job is carried out again at once, as one job for whoever watches it. It is DONE by a
 * run that does not say so. Tries that were left stay left. */
void gh_later_again(gh_batch_t *b, const char *unique_key, int progress);

#endif
