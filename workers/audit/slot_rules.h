/*
 * workers/audit/slot_rules.h - may this patient be added to this session, and where? (BR-36, BR-66, R-88)
 *
 * An added place is one more than the session has: the total grows by one, the claim of lib/domain takes the new place, the patient
 * is called before the others (priority -1). Pure: rows and the time are arguments.
 */
#ifndef GH_AUDIT_SLOT_RULES_H
#define GH_AUDIT_SLOT_RULES_H

#include "domain/book_rules.h"

#define GH_ADDED_PRIORITY (-1)

typedef struct gh_added {
    gh_err_t err; /* GH_E_NONE: as below */
    int32_t slot_no;
    int64_t starts_us, ends_us;
    int32_t rate;
    int64_t price; /* cents */
    gh_order_state_t state;
    gh_pay_state_t payment;
} gh_added_t;

/* place: the one to be taken, free once the session has one more; mostly that one. orders: those of the patient that hold a place, on
 * this session or near it. Changes s as the claim does. SESSION_SUSPENDED for one
 * that is not held, APPOINTMENT_IN_PAST for one that is over, ADD_SLOT_ORDER_EXISTS (BR-66), PATIENT_CONFLICT. */
gh_added_t gh_br66_add(gh_session_t *s, int32_t place, const gh_patient_order_t *orders, size_t n_orders,
                       int32_t rate, int64_t now_us);

#endif
