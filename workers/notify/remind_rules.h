/*
 * workers/notify/remind_rules.h - BR-148: may a reminder of this order be sent now? Pure.
 */
#ifndef GH_WORKERS_NOTIFY_REMIND_RULES_H
#define GH_WORKERS_NOTIFY_REMIND_RULES_H

#include "base/error.h"

typedef struct gh_remind_facts {
    bool has_patient; /* the caller has a patient record */
    bool found;
    bool related; /* the caller's own order, one that he placed, or of a relative */
    bool paid, confirmed;
    int days;       /* from today to the visit day, in the hospital's zone */
    bool reachable; /* somebody has bound WeChat and accepted the template (BR-149) */
} gh_remind_facts_t;

/* GH_E_NONE: send it. Of GH_E_REMINDER_TOO_EARLY, {n} is facts->days. */
gh_err_t gh_br148_remind(const gh_remind_facts_t *facts);

#endif
