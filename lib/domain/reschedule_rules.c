/*
 * lib/domain/reschedule_rules.c - the rules of moving an order, one function each; see the header
 */
#include "domain/reschedule_rules.h"

gh_err_t
gh_br89_state(const gh_movable_t *o, int64_t now_us)
{
    gh_cancel_facts_t due = {.state = o->state,
                             .payment = o->payment,
                             .payable_since_us = o->payable_since_us,
                             .now_us = now_us,
                             .rules = o->rules};
    return gh_order_active(o->state) && !gh_br87_overdue(&due) ? GH_E_NONE : GH_E_RESCHEDULE_STATUS;
}

gh_err_t
gh_br89_payment(gh_pay_state_t payment)
{
    return payment == GH_PAY_PENDING || payment == GH_PAY_PAID ? GH_E_NONE : GH_E_RESCHEDULE_PAYMENT_STATUS;
}

gh_err_t
gh_br89_not_started(int64_t starts_us, int64_t now_us)
{
    return now_us < starts_us ? GH_E_NONE : GH_E_RESCHEDULE_STARTED;
}

gh_err_t
gh_r97_moves_left(int32_t moves, int32_t max)
{
    return moves < max ? GH_E_NONE : GH_E_RESCHEDULE_LIMIT;
}

gh_err_t
gh_br90_target(const gh_movable_t *o, const gh_session_t *s, int64_t now_us)
{
    if (!s)
        return GH_E_RESCHEDULE_TARGET_NOT_FOUND;
    if (s->id == o->schedule_id)
        return GH_E_RESCHEDULE_TARGET_SAME;
    if (s->doctor_id != o->doctor_id)
        return GH_E_RESCHEDULE_TARGET_DOCTOR;
    if (s->clinic_id != o->clinic_id)
        return GH_E_RESCHEDULE_TARGET_CLINIC;
    if (!gh_str_is(o->slot_type, s->slot_type))
        return GH_E_RESCHEDULE_TARGET_SLOT_TYPE;
    gh_err_t err = gh_claim_open(s);
    if (err == GH_E_NONE && s->starts_us <= now_us)
        err = GH_E_RESCHEDULE_TARGET_STARTED;
    if (err == GH_E_NONE && s->remaining <= 0)
        err = GH_E_RESCHEDULE_TARGET_FULL;
    return err;
}

gh_err_t
gh_br91_same_price(gh_pay_state_t payment, int64_t before, int64_t after)
{
    return payment == GH_PAY_PAID && before != after ? GH_E_RESCHEDULE_PRICE_DIFFERS : GH_E_NONE;
}

gh_move_fee_t
gh_r96_fee(const gh_movable_t *o, int64_t after)
{
    gh_move_fee_t fee = {
        .state = o->state, .payment = o->payment, .price = after, .rebill = o->price != after};
    if (o->payment == GH_PAY_PAID && after < o->price)
        fee.refund = o->price - after;
    else if (o->payment == GH_PAY_PAID && after > o->price && !o->billed)
        fee.payment =
            GH_PAY_PENDING; /* was free; one that was paid gets a further bill for what is lacking */
    if (after == 0) {       /* nothing to wait for */
        fee.payment = GH_PAY_PAID;
        fee.state = GH_ORDER_CONFIRMED;
    }
    return fee;
}

bool
gh_move_stays(const gh_movable_t *o, const gh_move_wish_t *w)
{
    if (!w->session || w->session->id != o->schedule_id)
        return false;
    if (w->place.at_us)
        return w->place.down ? o->starts_us <= w->place.at_us && w->place.at_us < o->ends_us
                             : o->starts_us == w->place.at_us;
    return !w->place.slot_no || w->place.slot_no == o->slot_no;
}

/* The order as it is, and who asks: what holds whatever the target. */
static gh_err_t
check_order(const gh_mover_t *who, const gh_movable_t *o, int32_t max_moves, int64_t now_us)
{
    uint32_t as = gh_order_step_by(GH_DO_MOVE, who->by);
    gh_err_t err = GH_E_NONE;
    if (!who->by)
        err = who->code ? GH_E_RESCHEDULE_FORBIDDEN : GH_E_APPOINTMENT_FORBIDDEN;
    else if (!as)
        err = GH_E_FORBIDDEN;
    if (err == GH_E_NONE && who->wants_override && !who->may_override)
        err = GH_E_FORBIDDEN;
    if (err == GH_E_NONE)
        err = gh_br89_state(o, now_us);
    if (err == GH_E_NONE)
        err = gh_br89_payment(o->payment);
    if (err != GH_E_NONE)
        return err;
    if (who->code)
        return gh_br89_not_started(o->starts_us, now_us);
    if (as != GH_BY_PATIENT || who->wants_override)
        return GH_E_NONE;
    err = gh_br85_before_deadline(o->starts_us, now_us, o->rules->cancel_hours); /* */
    return err == GH_E_NONE ? gh_r97_moves_left(o->moves, max_moves) : err;
}

gh_move_verdict_t
gh_move_decide(const gh_mover_t *who, const gh_movable_t *o, const gh_move_wish_t *w, int32_t max_moves,
               const gh_book_facts_t *f)
{
    gh_move_verdict_t v = {.err = check_order(who, o, max_moves, f->now_us)};
    if (v.err == GH_E_NONE && who->code)
        v.err = gh_br90_target(o, w->session, f->now_us);
    if (v.err == GH_E_NONE && !w->session) {
        v.err = w->missing != GH_E_NONE ? w->missing : GH_E_SCHEDULE_NOT_FOUND;
        return v;
    }
    if (v.err != GH_E_NONE || (v.stays = gh_move_stays(o, w)))
        return v;
    /* R-92 was settled by whose the order is; the other rules of booking are asked anew */
    const gh_booker_t booker = {.patient_exists = true,
                                .own = true,
                                .banned = who->banned,
                                .wants_override = who->wants_override,
                                .may_override = who->may_override};
    gh_book_verdict_t b = gh_book_decide(w->session, w->slots, &w->place, &booker, f);
    v.err = b.err;
    if (v.err != GH_E_NONE)
        return v;
    bool same = w->session->id == o->schedule_id; /* what was agreed for the session stays */
    v.slot_no = b.slot_no;
    v.starts_us = b.starts_us;
    v.ends_us = b.ends_us;
    v.rate = same ? o->rate : b.rate;
    int64_t price = same ? o->price : b.price;
    if (who->code)
        v.err = gh_br91_same_price(o->payment, o->price, price);
    v.fee = gh_r96_fee(o, price);
    return v;
}
