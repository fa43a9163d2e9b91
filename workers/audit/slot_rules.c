/*
 * workers/audit/slot_rules.c - see slot_rules.h
 */
#include "workers/audit/slot_rules.h"

/* BR-66: a patient who waits for the visit or had it; one who did not come may be added. */
static bool
has_order(const gh_patient_order_t *orders, size_t n, int64_t schedule_id)
{
    for (size_t i = 0; i < n; i++)
        if (orders[i].schedule_id == schedule_id && orders[i].state != GH_ORDER_NO_SHOW &&
            gh_order_holds_place(orders[i].state))
            return true;
    return false;
}

static gh_err_t
claim(gh_session_t *s, int32_t place, gh_added_t *a)
{
    gh_slots_t places = {0}; /* of this place alone: nobody has it */
    s->total++;
    s->remaining++;
    gh_err_t err = gh_claim_named(s, &places, place, &a->slot_no);
    if (err == GH_E_NONE && gh_claim_take(s, &places, a->slot_no) != 0)
        err = GH_E_SLOT_TAKEN;
    gh_slots_fini(&places);
    gh_slot_bounds(s, place, &a->starts_us, &a->ends_us);
    return err;
}

gh_added_t
gh_br66_add(gh_session_t *s, int32_t place, const gh_patient_order_t *orders, size_t n_orders, int32_t rate,
            int64_t now_us)
{
    gh_added_t a = {.err = gh_claim_open(s), .rate = rate};
    if (a.err == GH_E_NONE && s->ends_us <= now_us)
        a.err = GH_E_APPOINTMENT_IN_PAST;
    if (a.err == GH_E_NONE && has_order(orders, n_orders, s->id))
        a.err = GH_E_ADD_SLOT_ORDER_EXISTS;
    if (a.err == GH_E_NONE)
        a.err = claim(s, place, &a);
    if (a.err == GH_E_NONE)
        a.err = gh_r88_no_overlap(&(gh_book_facts_t){.orders = orders, .n_orders = n_orders}, a.starts_us,
                                  a.ends_us);
    a.price = gh_price_payable(s->list_price, rate);
    a.state = a.price > 0 ? GH_ORDER_PENDING : GH_ORDER_CONFIRMED;
    a.payment = a.price > 0 ? GH_PAY_PENDING : GH_PAY_PAID;
    return a;
}
