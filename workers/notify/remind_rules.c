/*
 * workers/notify/remind_rules.c - see remind_rules.h
 */
#include "workers/notify/remind_rules.h"

gh_err_t
gh_br148_remind(const gh_remind_facts_t *facts)
{
    if (!facts->has_patient)
        return GH_E_PATIENT_RECORD_MISSING;
    if (!facts->found)
        return GH_E_ORDER_NOT_FOUND;
    if (!facts->related)
        return GH_E_REMINDER_FORBIDDEN;
    if (!facts->paid)
        return GH_E_REMINDER_UNPAID;
    if (!facts->confirmed)
        return GH_E_REMINDER_UNCONFIRMED;
    if (facts->days > 1)
        return GH_E_REMINDER_TOO_EARLY;
    if (facts->days < 0)
        return GH_E_REMINDER_TOO_LATE;
    return facts->reachable ? GH_E_NONE : GH_E_REMINDER_NOT_SENT;
}
