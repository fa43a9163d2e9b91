/*
 * lib/domain/payment_rules.h - what may happen to a bill, a payment, a refund (api/26; R-131..R-142)
 *
 * Pure functions over amounts in cents. gh_bill_state() of the migrations repeats gh_bill_state_of() for sets of bills.
 */
#ifndef GH_DOMAIN_PAYMENT_RULES_H
#define GH_DOMAIN_PAYMENT_RULES_H

#include "base/error.h"

typedef enum {
    GH_BILL_DRAFT,
    GH_BILL_ISSUED,
    GH_BILL_PARTIALLY_PAID,
    GH_BILL_PAID,
    GH_BILL_PARTIALLY_REFUNDED,
    GH_BILL_REFUNDED,
    GH_BILL_CANCELLED,
    GH_BILL_STATES
} gh_bill_state_t;

typedef enum {
    GH_PAYMENT_PENDING,
    GH_PAYMENT_SUCCEEDED,
    GH_PAYMENT_FAILED,
    GH_PAYMENT_CANCELLED,
    GH_PAYMENT_EXPIRED,
    GH_PAYMENT_REVIEW, /* somebody has to look at it: R-136 */
    GH_PAYMENT_STATES
} gh_payment_state_t;

typedef enum {
    GH_METHOD_CASH,
    GH_METHOD_CARD,
    GH_METHOD_ONLINE,
    GH_METHOD_TRANSFER,
    GH_METHOD_INSURANCE,
    GH_METHODS
} gh_pay_method_t;

typedef enum { GH_REFUND_PENDING, GH_REFUND_SUCCEEDED, GH_REFUND_FAILED, GH_REFUND_STATES } gh_refund_state_t;

/* Stored words, which are those of the wire; parse: -1 when it is none. */
const char *gh_bill_state_name(gh_bill_state_t s);
const char *gh_payment_state_name(gh_payment_state_t s);
const char *gh_pay_method_name(gh_pay_method_t m);
const char *gh_refund_state_name(gh_refund_state_t s);
int gh_bill_state_parse(gh_str_t word, gh_bill_state_t *out) GH_MUSTCHECK;
int gh_payment_state_parse(gh_str_t word, gh_payment_state_t *out) GH_MUSTCHECK;
int gh_pay_method_parse(gh_str_t word, gh_pay_method_t *out) GH_MUSTCHECK;
int gh_refund_state_parse(gh_str_t word, gh_refund_state_t *out) GH_MUSTCHECK;

/* The state of a bill after its sums changed: what was settled (payments and insurance) and of that given back. Drafts and
 * cancelled bills stay; so does a bill of which nothing is settled. */
gh_bill_state_t gh_bill_state_of(gh_bill_state_t now, int64_t total, int64_t settled, int64_t returned);

/* May amount be paid on a bill of which `settled` is paid? due: what is left. */
gh_err_t gh_r132_payable(gh_bill_state_t state);            /* BILL_NOT_PAYABLE */
gh_err_t gh_r131_within(int64_t amount, int64_t due);       /* OVERPAYMENT */
gh_err_t gh_r133_one_pending(bool online, bool pending);    /* PAYMENT_PENDING */
gh_err_t gh_r142_currency(gh_str_t payment, gh_str_t bill); /* CURRENCY_MISMATCH; p NULL: not said */

/* May amount of a payment be given back? refunded: what was or is being. R-140 before R-139. */
gh_err_t gh_r140_refundable(gh_payment_state_t state, gh_pay_method_t method); /* PAYMENT_NOT_REFUNDABLE */
gh_err_t gh_r139_within(int64_t amount, int64_t paid, int64_t refunded);       /* REFUND_EXCEEDS */
/* A refund that its provider carries out and reports later; others are done at once. provider p NULL: none. */
bool gh_refund_waits(gh_pay_method_t method, gh_str_t provider);

gh_err_t gh_r138_cancellable(gh_payment_state_t state); /* INVALID_TRANSITION: only PENDING ones */

/* What becomes of a payment when its provider reports its success (R-134..R-137). */
typedef enum {
    GH_SUCCESS_BOOK, /* it pays the bill */
    GH_SUCCESS_LATE, /* the money is here, but nothing is left to be paid with it: booked and given back, once */
    GH_SUCCESS_REVIEW, /* amount or currency differ */
    GH_SUCCESS_IGNORE  /* known already, or under review */
} gh_success_t;

gh_success_t gh_r137_success(gh_payment_state_t state, bool same_money, bool bill_takes_it);
/* A failure counts for what is still waiting only: after a success it came out of order. */
bool gh_r135_failure_counts(gh_payment_state_t state);

/* What a payment stores on its order: the channel of the surface of seed 002, else by its method. */
const char *gh_order_method(gh_pay_method_t method);

#endif
