/*
 * lib/domain/payment.h - the books: payments, refunds, bills and their ledger (api/26, api/32 section 5; ..R-142, R-155)
 *
 * The one place where money moves, whatever the surface. In a GH_OP_WRITE step:
 *
 *   phase n     gh_books_ask()    lock orders by id, their bills by id, the payments of these by id (decisions 17; sessions, when
 *                                 they are needed too, were locked before); draw numbers
 *   phase n+1   gh_books_take()   the rows as structs; then, job by job, in order of arrival:
 *               gh_books_pay()    a new payment: SUCCEEDED at once, or PENDING until its provider reports
 *               gh_books_end()    a PENDING payment becomes FAILED, CANCELLED or EXPIRED
 *               gh_books_event_success(), gh_books_refund(), gh_books_refund_end()
 *                                 each decides by payment_rules.h, changes the structs, and notes what is to be written
 *               gh_books_write()  queue the writes, in sets: payments, ledger, refunds, bill states; and what follows for
 *                                 the order of a fee bill: paid in full it is `paid`, a `pending` order becomes `confirmed`, with time, method
 *                                 and history; given back in full it is `refunded`
 *
 * For orders that are given up (cancelled, timed out, their session closed), when they were written in this transaction:
 *               gh_books_close()  in three statements for any number of orders: pending payments end, unpaid bills are
 *                                 cancelled, what was paid is refunded in full
 *
 * Refunds are done at once, but for payments whose provider reports later: such a refund stays PENDING, its row in `jobs` is queued
 * in the same transaction (billing.send_refund), and it counts as given back on the bill and in the ledger when the
 * provider's event comes. The order is `refunded` at once.
 *
 * The database holds the rest: sums of a bill are kept from its ledger by trigger (bills_sums_ck, R-155), nothing is paid above a
 * total (bills_overpaid_ck, R-131) or given back above a payment (refunds_sum_ck, R-139), one payment of a bill is PENDING
 * (payments_pending_uq, R-133); gh_books_constraints maps them.
 *
 * Everything lives in batch memory. The pool lists gh_sql_domain among its statement tables.
 */
#ifndef GH_DOMAIN_PAYMENT_H
#define GH_DOMAIN_PAYMENT_H

#include "domain/order_states.h"
#include "domain/payment_rules.h"
#include "worker/worker.h"

#define GH_MONEY_NO_TEXT 48 /* "PM2026112100000001" */

typedef struct gh_bill {
    int64_t id, order_id, patient_id; /* order 0: of no appointment */
    int64_t patient_user_id;          /* account of the patient, 0: none */
    bool fee;                         /* the registration fee of its order */
    gh_bill_state_t state;
    int64_t total, settled, returned; /* cents; late payments are no part of these */
    char currency[4];
    int64_t version; /* as stored before this batch */
    /* The order, when there is one */
    gh_order_state_t order_state;
    gh_pay_state_t order_payment;
    int64_t initiator_id, price;
    /* the module's own */
    int64_t by;
    bool touched;
} gh_bill_t;

typedef struct gh_payment {
    int64_t id;
    char no[GH_MONEY_NO_TEXT];
    gh_bill_t *bill;
    int64_t amount, refunded; /* cents; refunded: PENDING and SUCCEEDED refunds */
    gh_pay_method_t method;
    gh_str_t provider, provider_ref; /* p NULL: none */
    gh_payment_state_t state;
    bool late;
    int64_t expires_us, created_by; /* 0: never; nobody */
    /* the module's own */
    gh_str_t failure, channel, pay_url, qr, remark;
    bool fresh, touched;
} gh_payment_t;

typedef struct gh_refund {
    int64_t id;
    char no[GH_MONEY_NO_TEXT];
    gh_payment_t *payment;
    int64_t amount;
    gh_refund_state_t state;
    /* the module's own */
    gh_str_t reason, provider_ref;
    int64_t by;
    bool fresh, touched;
} gh_refund_t;

typedef struct gh_books {
    gh_bill_t *bills; /* by id */
    gh_payment_t *payments;
    gh_refund_t *refunds; /* those asked for by number, and new ones */
    size_t n_bills, n_payments, n_refunds;
    /* the module's own */
    struct gh_money_numbers {
        int64_t payment_id, payment_no, refund_id, refund_no;
    } * numbers;
    size_t n_numbers, used_payments, used_refunds, cap_payments, cap_refunds;
    size_t at_orders, at_bills, at_payments, at_refunds, at_numbers;
} gh_books_t;

/* Whose books: array literals (gh_pgarr_literal()), NULL: none of that kind. Bills of an order: its fee and what adds to it, but
 * cancelled ones. */
typedef struct gh_books_ask {
    const char *orders, *bills, *payments; /* ids */
    const char *payment_nos, *refund_nos;  /* numbers */
    size_t n_new; /* payments, and refunds, that may be made: at most one of each a job */
} gh_books_ask_t;

void gh_books_ask(gh_batch_t *b, gh_books_t *books, const gh_books_ask_t *ask);
/* -1: memory ran out, the batch must fail. */
int gh_books_take(gh_batch_t *b, gh_books_t *books) GH_MUSTCHECK;

/* NULL: no such row. */
gh_bill_t *gh_books_bill(const gh_books_t *books, int64_t id);
gh_bill_t *gh_books_fee_bill(const gh_books_t *books, int64_t order_id);
gh_payment_t *gh_books_payment(const gh_books_t *books, int64_t id);
gh_payment_t *gh_books_payment_no(const gh_books_t *books, gh_str_t no);
gh_payment_t *gh_books_pending(const gh_books_t *books, const gh_bill_t *bill);
gh_refund_t *gh_books_refund_no(const gh_books_t *books, gh_str_t no);
int64_t gh_books_due(const gh_bill_t *bill); /* cents that are left to be paid */

/* A payment to be made. The texts live as long as the batch. */
typedef struct gh_pay {
    gh_bill_t *bill;
    int64_t amount; /* cents; 0: all that is due */
    gh_pay_method_t method;
    bool pending;                    /* ONLINE, until the provider reports; else it succeeds at once */
    gh_str_t currency;               /* p NULL: not said */
    gh_str_t provider, provider_ref; /* p NULL: none; "simulated" for what succeeds at once */
    gh_str_t channel;   /* bank, alipay, wechat: what the order stores as its method; p NULL: by the method */
    gh_str_t remark;    /* the payer's own words, at most 200 characters; p NULL: none */
    int64_t expires_us; /* of a pending one */
    int64_t by;         /* account that pays; 0: the system */
} gh_pay_t;

/* R-131..R-133, R-142: GH_E_BILL_NOT_PAYABLE, OVERPAYMENT, PAYMENT_PENDING, CURRENCY_MISMATCH. A payment at once that leaves nothing for
 * a pending one cancels it. *out (id and number are its own already): the new payment. */
gh_err_t gh_books_pay(gh_batch_t *b, gh_books_t *books, const gh_pay_t *pay, gh_payment_t **out);

/* Where the payer goes; of a payment made in this batch. Borrowed for the batch. */
void gh_books_pay_page(gh_payment_t *p, gh_str_t pay_url, gh_str_t qr);

/* a PENDING payment becomes FAILED, CANCELLED or EXPIRED; any other one is GH_E_INVALID_TRANSITION. failure: p NULL or at
 * most 40 characters. */
gh_err_t gh_books_end(gh_payment_t *p, gh_payment_state_t state, gh_str_t failure);

/* A provider's report of success, checked already. What became of it; GH_SUCCESS_LATE has booked and refunded it. */
gh_success_t gh_books_event_success(gh_batch_t *b, gh_books_t *books, gh_payment_t *p, int64_t amount,
                                    gh_str_t currency, gh_str_t provider_ref);

/* amount 0: all that is left. reason: 1 to 500 characters. by 0: the system. */
gh_err_t gh_books_refund(gh_batch_t *b, gh_books_t *books, gh_payment_t *p, int64_t amount, gh_str_t reason,
                         int64_t by, gh_refund_t **out);
/* A provider's report of a refund; false: it was over before, nothing changes. */
bool gh_books_refund_end(gh_refund_t *r, bool succeeded, gh_str_t provider_ref);

/* Queue the writes. -1: memory ran out. */
int gh_books_write(gh_batch_t *b, gh_books_t *books) GH_MUSTCHECK;

/* Queue what follows from giving up the orders (array literal), whose rows are written already with their new states: payments
 * under way become EXPIRED (order timed out) or CANCELLED, unpaid bills are cancelled, paid ones refunded in full with this reason. */
void gh_books_close(gh_batch_t *b, const char *orders, const char *reason);

/* R-96, BR-91: the fees of moved orders (array literal; only those whose price has changed, list_price and price written already)
 * become what the orders say now. Not paid yet: the bill takes the new price, a payment under way is cancelled. Paid: more becomes a further bill
 * (OTHER, `supplements` the first), less is refunded. reason: of the refund, and the line of the further bill. */
void gh_books_reprice(gh_batch_t *b, const char *orders, const char *reason);

extern const struct gh_constraint_map gh_books_constraints[];

#endif
