/*
 * workers/billing/billing.h - what the files of the billing pool share: a batch at the till
 *
 * Every operation that moves money goes the same way:
 *   phase 0   lock what it names (lib/domain/payment.h), read who may manage bills
 *   phase 1   each job is decided in order of arrival and changes the books; they are written
 *   phase 2   answers: payments and refunds as they are now
 */
#ifndef GH_BILLING_BILLING_H
#define GH_BILLING_BILLING_H

#include "domain/payment.h"
#include "worker/args.h"
#include "workers/billing/pool.h"
#include "workers/billing/provider.h"

typedef struct gh_till_job {
    gh_wjob_t *job;
    bool manages;      /* billing:manage, of all bills */
    int64_t answer_id; /* payment or refund to be shown, 0: answered already */
    bool answers_refund;
} gh_till_job_t;

typedef struct gh_till {
    gh_batch_t *b;
    gh_books_t books;
    gh_till_job_t *jobs;
    size_t n;
    bool written;
    size_t at_people, at_payments, at_refunds;
} gh_till_t;

/* What a job names: its bill or payment, from path.id. */
typedef enum { GH_TILL_BILL, GH_TILL_PAYMENT } gh_till_names_t;

/* A step: begin, decide each job that is not done, write, answer. decide sets answer_id, or answers or refuses itself. */
gh_step_t gh_till_step(gh_batch_t *b, gh_till_names_t names, void (*decide)(gh_till_t *t, gh_till_job_t *tj));

/* with the scope `all`; the own patient row's; or who placed the appointment that the bill is for. */
bool gh_till_sees(const gh_till_job_t *tj, const gh_bill_t *bill);

gh_step_t gh_till_pay_step(gh_batch_t *b);    /* PY-01 */
gh_step_t gh_till_cancel_step(gh_batch_t *b); /* PY-05 */
gh_step_t gh_till_refund_step(gh_batch_t *b); /* PY-07 */
gh_step_t gh_till_sync_step(gh_batch_t *b);   /* PY-09 */
gh_step_t gh_till_play_step(gh_batch_t *b);   /* PY-10 */
gh_step_t gh_till_event_step(gh_batch_t *b);  /* PY-06, and what the sandbox reports (events.c) */
gh_step_t gh_till_expire_step(gh_batch_t *b); /* */
gh_step_t gh_order_pay_step(gh_batch_t *b);   /* BR-84, the payment online of an order (order_pay.c) */

#endif
