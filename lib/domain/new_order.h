/*
 * lib/domain/new_order.h - orders on their way into the database: the one shape in which they are made, whoever makes them
 *
 * The caller holds the lock of their sessions, has claimed a place for each (claim.h) and knows the price (price.h). Written in sets:
 * orders with bills and history in one statement, counters in another. The pool lists gh_sql_domain among its statement tables.
 */
#ifndef GH_DOMAIN_NEW_ORDER_H
#define GH_DOMAIN_NEW_ORDER_H

#include "domain/claim.h"
#include "domain/order_no.h"
#include "domain/order_states.h"
#include "domain/price.h"
#include "worker/worker.h"

/* Numbers of an order and its bill, drawn from their sequences (statement order_numbers, in this order). */
typedef struct gh_order_numbers {
    int64_t order_id, order_seq, bill_id, bill_seq;
} gh_order_numbers_t;

typedef struct gh_new_order {
    gh_order_numbers_t numbers;
    char order_no[GH_ORDER_NO_TEXT];
    int64_t patient_id, user_id, initiator_id; /* user_id, initiator_id 0: none */
    int64_t schedule_id;
    int32_t slot_no;
    int64_t starts_us, ends_us;
    int32_t rate;
    int64_t price; /* cents; above 0 there is a bill */
    gh_order_state_t state;
    gh_pay_state_t payment;
    gh_str_t reason, notes; /* p NULL: none */
    const char *channel, *visit_type;
    const char *source;    /* normal, add_slot */
    const char *slot_type; /* NULL: the session's */
    int32_t priority;      /* place in the queue: 0, added ones -1 */
} gh_new_order_t;

/* Row of statement order_numbers. */
gh_order_numbers_t gh_order_numbers_row(const struct pg_result *r, int row);
/* Row of statement lock_sessions; *writer (or NULL) is the transaction that wrote it. */
gh_session_t gh_session_row(const struct pg_result *r, int row, int64_t *writer);
/* The rates of statement booking_settings, mended (BR-37). */
gh_rates_t gh_rates_row(const struct pg_result *r);

/* Queue the orders with bills and history; all is copied. today: the visit day of now. -1: memory ran out, the batch must fail. */
int gh_new_orders_write(gh_batch_t *b, const gh_new_order_t *orders, size_t n, int32_t today,
                        const char *currency) GH_MUSTCHECK;

/* Queue the counters: places taken of each session. */
typedef struct gh_places_taken {
    int64_t schedule_id;
    int32_t n;
} gh_places_taken_t;
int gh_places_count(gh_batch_t *b, const gh_places_taken_t *taken, size_t n) GH_MUSTCHECK;

#endif
