/*
 * lib/domain/pay_rules.h - may this order be paid on the code surface? (BR-83, BR-84)
 */
#ifndef GH_DOMAIN_PAY_RULES_H
#define GH_DOMAIN_PAY_RULES_H

#include "base/error.h"
#include "domain/order_states.h"

typedef struct gh_pay_facts {
    bool exists;
    bool allowed; /* the caller is the patient, or has placed the order */
    gh_order_state_t state;
    gh_pay_state_t payment;
    int64_t price; /* cents */
    bool overdue;  /* BR-83: pending for longer than its time */
} gh_pay_facts_t;

typedef struct gh_pay_verdict {
    gh_err_t err;   /* GH_E_NONE: it is paid */
    bool times_out; /* refused, and the order becomes a time-out now */
    const char *
        state; /* placeholder x of PAY_PAYMENT_STATUS and PAY_ORDER_STATUS: the word that is in the way; literal */
} gh_pay_verdict_t;

gh_pay_verdict_t gh_br84_pay(const gh_pay_facts_t *f);

#endif
