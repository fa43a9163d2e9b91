/*
 * workers/clinical/queue_rules.c - see queue_rules.h
 */
#include "workers/clinical/queue_rules.h"

gh_err_t
gh_br116_next(const gh_call_facts_t *f)
{
    if (!f->found)
        return GH_E_QUEUE_SCHEDULE_NOT_FOUND;
    if (!f->own)
        return GH_E_CALL_FORBIDDEN;
    return f->seen ? GH_E_PATIENT_IN_CONSULTATION : GH_E_NONE;
}

gh_err_t
gh_br117_pass(const gh_seen_facts_t *f)
{
    if (!f->found)
        return GH_E_QUEUE_ORDER_NOT_FOUND;
    if (!f->own)
        return GH_E_PASS_FORBIDDEN;
    if (f->order.state != GH_ORDER_CONFIRMED)
        return GH_E_PASS_NOT_CONFIRMED;
    return f->calling ? GH_E_NONE : GH_E_PASS_NOT_CALLED;
}

gh_err_t
gh_br118_complete(const gh_seen_facts_t *f)
{
    if (!f->found)
        return GH_E_QUEUE_ORDER_NOT_FOUND;
    if (!f->own)
        return GH_E_COMPLETE_FORBIDDEN;
    if (f->order.state != GH_ORDER_CONFIRMED)
        return GH_E_COMPLETE_NOT_CONFIRMED;
    if (!f->calling)
        return GH_E_COMPLETE_NOT_CALLED;
    return gh_order_may(GH_DO_COMPLETE, GH_BY_DOCTOR, &f->order); /* */
}

int
gh_br119_limit(int of_request, int of_doctor, int of_hospital)
{
    if (of_request > 0)
        return of_request;
    if (of_doctor > 0)
        return of_doctor;
    return of_hospital > 0 ? of_hospital : GH_PASS_LIMIT;
}

bool
gh_br117_no_show(int passed, int limit)
{
    return passed + 1 >= limit;
}
