/*
 * lib/domain/wait_rules.c - see the header
 */
#include "domain/wait_rules.h"

#define EACH_MINUTES 10 /* BR-98 */

gh_err_t
gh_br96_may_join(const gh_wait_ask_t *a)
{
    if (a->own_id == 0)
        return GH_E_PATIENT_NOT_BOUND;
    if (!a->session)
        return GH_E_SCHEDULE_NOT_FOUND;
    if (a->patient_id == 0)
        return GH_E_PATIENT_NOT_FOUND;
    if (a->own_id != a->patient_id && !a->related)
        return GH_E_WAITLIST_PATIENT_FORBIDDEN;
    if (a->banned)
        return GH_E_BOOKING_SUSPENDED;
    gh_err_t err = gh_claim_open(a->session);
    if (err == GH_E_NONE)
        err = gh_br81_not_started(a->session, a->now_us);
    if (err != GH_E_NONE)
        return err;
    if (a->has_place)
        return GH_E_DUPLICATE_BOOKING;
    if (a->waits)
        return GH_E_WAITLIST_DUPLICATE;
    return a->session->remaining > 0 ? GH_E_WAITLIST_SLOTS_FREE : GH_E_NONE;
}

int64_t
gh_br97_position(int64_t waiting)
{
    return waiting + 1;
}

int64_t
gh_br98_estimate_minutes(int64_t position)
{
    return position * EACH_MINUTES;
}

/* The one question of BR-100 and BR-103, each with words of its own. */
static gh_err_t
theirs_and_waiting(const gh_wait_entry_t *e, gh_order_step_t step, int64_t user_id, int64_t own_id,
                   gh_err_t forbidden, gh_err_t state)
{
    if (own_id == 0)
        return GH_E_PATIENT_RECORD_MISSING;
    if (!e->exists)
        return GH_E_WAITLIST_NOT_FOUND;
    bool theirs = e->initiator_id == user_id || e->patient_id == own_id;
    const gh_order_facts_t facts = {.state = e->state};
    if (!theirs)
        return forbidden;
    return gh_order_may(step, GH_BY_PATIENT, &facts) == GH_E_NONE ? GH_E_NONE : state;
}

gh_err_t
gh_br100_may_convert(const gh_wait_entry_t *e, int64_t user_id, int64_t own_id)
{
    return theirs_and_waiting(e, GH_DO_PROMOTE, user_id, own_id, GH_E_WAITLIST_FORBIDDEN,
                              GH_E_WAITLIST_NOT_CONVERTIBLE);
}

gh_err_t
gh_br103_may_leave(const gh_wait_entry_t *e, int64_t user_id, int64_t own_id)
{
    return theirs_and_waiting(e, GH_DO_LEAVE, user_id, own_id, GH_E_WAITLIST_CANCEL_FORBIDDEN,
                              GH_E_WAITLIST_NOT_CANCELLABLE);
}
