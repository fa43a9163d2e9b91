/*
 * workers/booking/caller.c - what a caller is to an order, and as what he is recorded (BR-86, BR-89, R-99, api/20 section 6)
 */
#include "workers/booking/cancel.h"

uint32_t
gh_caller_by(const gh_actor_t *a, const gh_cancel_order_t *o, gh_cancel_surface_t surface, bool related)
{
    uint32_t by = 0, office = GH_ROLE_ADMIN | GH_ROLE_STAFF | GH_ROLE_SUPERUSER;
    if (surface == GH_CANCEL_CODE)
        return a->user_id == o->patient_user_id || a->user_id == o->initiator_id ? GH_BY_PATIENT : 0;
    if ((a->scopes & GH_SCOPE_ALL) || a->user_id == 0) /* nobody: only with heartbeat.open_access */
        return GH_BY_STAFF;
    if ((a->scopes & GH_SCOPE_DEPT) && a->dept_id && a->dept_id == o->dept_id)
        by |= (a->roles & GH_ROLE_NURSE) && !(a->roles & office) ? GH_BY_NURSE : GH_BY_STAFF;
    if ((a->scopes & (GH_SCOPE_DEPT | GH_SCOPE_OWN)) && a->doctor_id && a->doctor_id == o->doctor_id)
        by |= GH_BY_DOCTOR;
    if ((a->scopes & GH_SCOPE_OWN) && ((a->patient_id && a->patient_id == o->patient_id) || related))
        by |= GH_BY_PATIENT;
    return by;
}

const char *
gh_caller_word(const gh_actor_t *a, uint32_t by)
{
    if (a->user_id == 0)
        return "system";
    if (by & GH_BY_DOCTOR)
        return "doctor";
    return by & GH_BY_STAFF ? "staff" : "patient";
}
