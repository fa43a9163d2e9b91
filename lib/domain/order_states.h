/*
 * lib/domain/order_states.h - the states of an order and the steps between them (api/12 section 12.4, api/32 section 9)
 *
 * One table. The trigger registration_orders_step repeats it in the database; nothing else decides about a step.
 */
#ifndef GH_DOMAIN_ORDER_STATES_H
#define GH_DOMAIN_ORDER_STATES_H

#include "base/gh.h"

typedef enum {
    GH_ORDER_WAITLIST,
    GH_ORDER_PENDING,
    GH_ORDER_CONFIRMED,
    GH_ORDER_COMPLETED,
    GH_ORDER_CANCELLED,
    GH_ORDER_TIMEOUT,
    GH_ORDER_NO_SHOW,
    GH_ORDER_STATES
} gh_order_state_t;

typedef enum {
    GH_PAY_PENDING,
    GH_PAY_PAYING,
    GH_PAY_PAID,
    GH_PAY_FAILED,
    GH_PAY_CANCELLED,
    GH_PAY_REFUNDED,
    GH_PAY_STATES
} gh_pay_state_t;

const char *gh_order_state_name(gh_order_state_t state);                     /* the stored word */
int gh_order_state_parse(gh_str_t word, gh_order_state_t *out) GH_MUSTCHECK; /* -1: no such word */
const char *gh_pay_state_name(gh_pay_state_t state);
int gh_pay_state_parse(gh_str_t word, gh_pay_state_t *out) GH_MUSTCHECK;

bool gh_order_can_step(gh_order_state_t from, gh_order_state_t to);
/* pending or confirmed: what one-per-session, overlap and limits count. */
bool gh_order_active(gh_order_state_t state);
/* The place is not free: pending, confirmed, completed, no_show. */
bool gh_order_holds_place(gh_order_state_t state);

#endif
