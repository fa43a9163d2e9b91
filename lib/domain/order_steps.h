/*
 * lib/domain/order_steps.h - steps of orders that leave their places are written: arrived, completed, nobody came (BR-117, BR-118, R-98 to
 * What may be done is decided before, by order_states.h; the orders are locked.
 *
 * With a completed order goes the record of the visit (BR-118), with one that nobody came for the patient's count, with each its
 * line of the history. What a visit does for the account's score (BR-134) follows by trigger.
 *
 * The pool lists gh_sql_domain among its statement tables.
 */
#ifndef GH_DOMAIN_ORDER_STEPS_H
#define GH_DOMAIN_ORDER_STEPS_H

#include "domain/order_states.h"
#include "worker/worker.h"

typedef struct gh_step_row {
    int64_t order_id;
    gh_order_state_t state; /* after the step */
    gh_order_step_t step;
    gh_str_t note;   /* borrowed; p NULL: none */
    int64_t by_user; /* 0: nobody */
} gh_step_row_t;

/* Queue the writes. -1: memory ran out, the batch must fail. */
int gh_order_steps_write(gh_batch_t *b, const gh_step_row_t *rows, size_t n) GH_MUSTCHECK;

#endif
