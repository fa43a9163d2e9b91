/*
 * workers/clinical/queue_rules.h - the queue of a session: who may call, pass over and complete whom (BR-116 to BR-119). Pure.
 */
#ifndef GH_WORKERS_CLINICAL_QUEUE_RULES_H
#define GH_WORKERS_CLINICAL_QUEUE_RULES_H

#include "domain/order_states.h"

#define GH_PASS_LIMIT 3 /* BR-119, when nobody says otherwise */

typedef struct gh_call_facts {
    bool found, own; /* the session; it is the caller's */
    int64_t seen;    /* order whose patient is being seen, 0: none */
} gh_call_facts_t;

/* BR-116. Of GH_E_QUEUE_SCHEDULE_NOT_FOUND {id} is the session, of GH_E_PATIENT_IN_CONSULTATION the order. */
gh_err_t gh_br116_next(const gh_call_facts_t *f);

typedef struct gh_seen_facts {
    bool found, own, calling;
    gh_order_facts_t order;
} gh_seen_facts_t;

/* Errors with {id}: the order; with {s}: its state. */
gh_err_t gh_br117_pass(const gh_seen_facts_t *f);
gh_err_t gh_br118_complete(const gh_seen_facts_t *f);

/* BR-119: the first that is more than 0, else GH_PASS_LIMIT. */
int gh_br119_limit(int of_request, int of_doctor, int of_hospital);
/* BR-117: passed over once more, after `passed` times: does he count as not come? */
bool gh_br117_no_show(int passed, int limit);

#endif
