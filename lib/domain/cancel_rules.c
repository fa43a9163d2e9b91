/*
 * lib/domain/cancel_rules.c - the rules of cancelling; see the header
 */
#include "domain/cancel_rules.h"

#define MINUTE_US INT64_C(60000000)

const gh_cancel_way_t gh_cancel_appointment = {.missing = GH_E_APPOINTMENT_NOT_FOUND,
                                               .forbidden = GH_E_APPOINTMENT_FORBIDDEN,
                                               .cancelled = GH_E_APPOINTMENT_NOT_CANCELLABLE,
                                               .over = GH_E_APPOINTMENT_NOT_CANCELLABLE,
                                               .too_late = GH_E_CANCEL_TOO_LATE,
                                               .unpaid_has_deadline = true};
const gh_cancel_way_t gh_cancel_payment = {.missing = GH_E_ORDER_NOT_FOUND,
                                           .forbidden = GH_E_CANCEL_PAYMENT_FORBIDDEN,
                                           .cancelled = GH_E_ORDER_ALREADY_CANCELLED,
                                           .over = GH_E_ORDER_ALREADY_OVER,
                                           .too_late = GH_E_CANCEL_PAYMENT_TOO_LATE};

gh_err_t
gh_br86_cancellable(gh_order_state_t state)
{
    const gh_order_facts_t f = {.state = state};
    return gh_order_may(GH_DO_CANCEL, GH_BY_SYSTEM, &f) == GH_E_NONE ? GH_E_NONE
                                                                     : GH_E_APPOINTMENT_NOT_CANCELLABLE;
}

gh_err_t
gh_br85_before_deadline(int64_t start_us, int64_t now_us, int32_t cancel_hours)
{
    return now_us < start_us - cancel_hours * 60 * MINUTE_US ? GH_E_NONE : GH_E_CANCEL_TOO_LATE;
}

int64_t
gh_br83_pay_until(int64_t since_us, const gh_registration_t *r)
{
    return since_us + r->payment_minutes * MINUTE_US;
}

bool
gh_br87_overdue(const gh_cancel_facts_t *f)
{
    const gh_order_facts_t order = {.state = f->state};
    return gh_order_may(GH_DO_EXPIRE, GH_BY_SYSTEM, &order) == GH_E_NONE && f->payment == GH_PAY_PENDING &&
           f->payable_since_us && f->now_us >= gh_br83_pay_until(f->payable_since_us, f->rules);
}

bool
gh_br93_can_cancel(const gh_cancel_facts_t *f)
{
    return gh_order_active(f->state) &&
           gh_br85_before_deadline(f->deadline_start_us, f->now_us, f->rules->cancel_hours) == GH_E_NONE;
}

/* What the state of the order refuses. A time-out or an entry of the waitlist has a payment to cancel as little as a place. */
static gh_err_t
state_allows(const gh_cancel_way_t *way, gh_order_state_t state)
{
    gh_err_t err = gh_br86_cancellable(state);
    if (err != GH_E_NONE && state == GH_ORDER_CANCELLED)
        return way->cancelled;
    if (err != GH_E_NONE && (state == GH_ORDER_COMPLETED || state == GH_ORDER_NO_SHOW))
        return way->over;
    return err;
}

gh_cancel_verdict_t
gh_cancel_decide(const gh_canceller_t *c, const gh_cancel_facts_t *f)
{
    const gh_cancel_way_t *way = c->way ? c->way : &gh_cancel_appointment;
    gh_cancel_verdict_t v = {.err = c->allowed ? GH_E_NONE : way->forbidden};
    if (v.err == GH_E_NONE && c->wants_override && !c->may_override)
        v.err = GH_E_FORBIDDEN;
    if (v.err == GH_E_NONE)
        v.err = state_allows(way, f->state);
    if (v.err != GH_E_NONE)
        return v;
    if (gh_br87_overdue(f)) { /* the sweeper would have done it: no deadline, and it counts as a time-out */
        v.state = GH_ORDER_TIMEOUT;
        v.payment = GH_PAY_FAILED;
        return v;
    }
    bool bound = c->has_deadline && !c->wants_override &&
                 (way->unpaid_has_deadline || f->payment == GH_PAY_PAID);
    if (bound &&
        gh_br85_before_deadline(f->deadline_start_us, f->now_us, f->rules->cancel_hours) != GH_E_NONE)
        v.err = way->too_late;
    v.state = GH_ORDER_CANCELLED;
    bool paid = f->payment == GH_PAY_PAID && f->price > 0;
    v.payment = paid || f->payment == GH_PAY_REFUNDED ? GH_PAY_REFUNDED : GH_PAY_CANCELLED;
    v.refund = paid ? f->price : 0;
    return v;
}
