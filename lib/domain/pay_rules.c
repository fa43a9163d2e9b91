/*
 * lib/domain/pay_rules.c - see the header
 */
#include "domain/pay_rules.h"

gh_pay_verdict_t
gh_br84_pay(const gh_pay_facts_t *f)
{
    if (!f->exists)
        return (gh_pay_verdict_t){.err = GH_E_ORDER_NOT_FOUND};
    if (!f->allowed)
        return (gh_pay_verdict_t){.err = GH_E_PAY_FORBIDDEN};
    bool times_out = f->overdue && f->state == GH_ORDER_PENDING && f->payment == GH_PAY_PENDING;
    gh_pay_state_t payment = times_out ? GH_PAY_FAILED : f->payment; /* what a time-out leaves */
    if (payment != GH_PAY_PENDING)
        return (gh_pay_verdict_t){
            .err = GH_E_PAY_PAYMENT_STATUS, .times_out = times_out, .state = gh_pay_state_name(payment)};
    const gh_order_facts_t order = {.state = f->state};
    if (gh_order_may(GH_DO_PAY, GH_BY_PATIENT, &order) != GH_E_NONE)
        return (gh_pay_verdict_t){.err = GH_E_PAY_ORDER_STATUS, .state = gh_order_state_name(f->state)};
    return (gh_pay_verdict_t){.err = f->price > 0 ? GH_E_NONE : GH_E_PAY_AMOUNT_INVALID};
}
