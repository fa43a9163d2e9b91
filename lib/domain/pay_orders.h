/*
 * lib/domain/pay_orders.h - orders that somebody wants to pay on the {code, message} surface: read, judged, refused (BR-83, BR-84)
 *
 * Beside the books (payment.h), which hold bills: an order may have none, and has a time within which it is to be paid. Ask once
 * before the books lock, to see what is overdue, and once more behind them; what is taken lives in batch memory.
 */
#ifndef GH_DOMAIN_PAY_ORDERS_H
#define GH_DOMAIN_PAY_ORDERS_H

#include "domain/pay_rules.h"
#include "worker/worker.h"

typedef struct gh_pay_order {
    int64_t id, price; /* cents */
    int64_t patient_user_id, initiator_id;
    int64_t until_us; /* unpaid: when it becomes overdue; else 0 */
    gh_str_t no;
    gh_order_state_t state;
    gh_pay_state_t payment;
    bool overdue;
} gh_pay_order_t;

typedef struct gh_pay_orders {
    gh_pay_order_t *rows; /* by id */
    size_t n;
    size_t at; /* the module's own */
} gh_pay_orders_t;

/* Queue the reading of these orders (array literal); take the result in the phase after. -1: memory ran out, the batch must fail. */
void gh_pay_orders_ask(gh_batch_t *b, gh_pay_orders_t *p, const char *orders);
int gh_pay_orders_take(gh_batch_t *b, gh_pay_orders_t *p) GH_MUSTCHECK;
gh_pay_order_t *gh_pay_orders_find(const gh_pay_orders_t *p, int64_t id); /* NULL: no such order */

/* May this caller pay this order (NULL: there is none) now? A caller without a patient record: PATIENT_RECORD_MISSING. */
gh_pay_verdict_t gh_pay_order_verdict(const gh_pay_order_t *o, const gh_actor_t *caller);
/* Refuse the job with the verdict's row and its placeholder. */
void gh_pay_refuse(gh_batch_t *b, gh_wjob_t *job, const gh_pay_verdict_t *v);

#endif
