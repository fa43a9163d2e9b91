/*
 * workers/schedule/session_rules.c - the rules of one session; see the header
 */
#include "workers/schedule/session_rules.h"

/* ---- who, and is it there */

static gh_err_t
find_target(const gh_session_facts_t *f)
{
    if (f->act == GH_SESSION_CREATE)
        return GH_E_NONE;
    if (!f->known || (f->act == GH_SESSION_CHANGE && !f->v1 && !f->current))
        return GH_E_SCHEDULE_NOT_FOUND;
    if (f->v1 && !f->may)
        return GH_E_NOT_OWNER; /* */
    return f->matches ? GH_E_NONE : GH_E_PRECONDITION_FAILED;
}

/* ---- is the plan sound */

static gh_err_t
find_people(const gh_session_facts_t *f)
{
    if (!f->has_doctor)
        return f->v1 ? GH_E_DOCTOR_NOT_FOUND : GH_E_DOCTOR_INVALID;
    if (!f->has_clinic)
        return f->v1 ? GH_E_CLINIC_NOT_FOUND : GH_E_CLINIC_INVALID;
    return GH_E_NONE;
}

static gh_err_t
check_time(const gh_session_facts_t *f)
{
    if (f->moved && !f->has_length)
        return GH_E_VALIDATION_FAILED;
    if (f->other_day && f->beyond) /* BR-45, R-72 */
        return GH_E_BEYOND_HORIZON;
    if (f->v1 && f->moved && f->begun) /* R-73; the code surface writes down the past too */
        return GH_E_SESSION_IN_PAST;
    return GH_E_NONE;
}

static gh_err_t
check_conflicts(const gh_session_facts_t *f)
{
    if (!f->stays)
        return GH_E_NONE;
    if (f->doctor_has) /* BR-38, R-74 */
        return f->v1 ? GH_E_SCHEDULE_OVERLAP : GH_E_DOCTOR_ALREADY_SCHEDULED;
    return f->v1 && f->clinic_has ? GH_E_SCHEDULE_OVERLAP : GH_E_NONE;
}

/* ---- what becomes of the orders */

static gh_session_orders_t
orders_of(const gh_session_facts_t *f)
{
    if (f->act == GH_SESSION_DELETE)
        return GH_ORDERS_DELETE;
    if (f->act == GH_SESSION_CREATE)
        return GH_ORDERS_STAY;
    if (!f->stays)
        return f->current ? GH_ORDERS_SUPERSEDE : GH_ORDERS_STAY;
    if (f->was_open && !f->open)
        return GH_ORDERS_SUSPEND;
    /* Patients booked this doctor at that time: a session that moves away leaves them without (decisions 19). */
    bool leaves = f->moved || (f->v1 && f->other_clinic);
    return leaves && (f->booked || f->awaited) ? GH_ORDERS_CLEAR : GH_ORDERS_STAY;
}

gh_session_verdict_t
gh_session_decide(const gh_session_facts_t *f)
{
    gh_session_verdict_t v = {.err = find_target(f)};
    if (v.err == GH_E_NONE && f->act != GH_SESSION_DELETE) {
        v.err = find_people(f);
        if (v.err == GH_E_NONE)
            v.err = check_time(f);
        if (v.err == GH_E_NONE)
            v.err = check_conflicts(f);
    }
    v.orders = orders_of(f);
    if (v.err == GH_E_NONE && f->act == GH_SESSION_CHANGE &&
        (v.orders == GH_ORDERS_STAY ? f->too_few : f->too_few_over)) /* R-76, decisions 15 */
        v.err = GH_E_SLOTS_BELOW_BOOKED;
    if (v.err != GH_E_NONE)
        return v;
    if (f->v1 && f->booked && v.orders != GH_ORDERS_STAY && !f->cancel) { /* */
        v.err = GH_E_SCHEDULE_HAS_BOOKINGS;
        return v;
    }
    v.displaces = f->act != GH_SESSION_DELETE && f->clinic_has && f->stays;
    v.promotes = f->act == GH_SESSION_DELETE && f->current;
    return v;
}
