/*
 * workers/audit/add_slot.h - carrying out an added place, by an administrator or with an approval (added.c)
 */
#ifndef GH_AUDIT_ADD_SLOT_H
#define GH_AUDIT_ADD_SLOT_H

#include "domain/new_order.h"
#include "workers/audit/audit.h"
#include "workers/audit/slot_rules.h"

typedef struct gh_add_slot {
    int64_t schedule_id, patient_id;
    gh_str_t slot_type, reason; /* reason p NULL: none */
    int64_t initiator_id;
    gh_err_t no_patient; /* the refusal when there is no such patient */
    /* filled by gh_add_slot_carry_out() */
    int64_t order_id;
    /* the module's own */
    size_t at_patient, at_session, at_exists, at_orders, at_settings, at_numbers;
} gh_add_slot_t;

/* Queue the locks and reads. What it points to lives as long as the batch. */
void gh_add_slot_ask(gh_batch_t *b, gh_add_slot_t *a);
/* In the phase after: decide and queue the writes. False: the job was refused. When memory runs out the batch fails. */
bool gh_add_slot_carry_out(gh_batch_t *b, gh_add_slot_t *a);

#endif
