/*
 * workers/audit/audit.h - what the files of the audit pool share
 *
 * Applications are decided one a transaction (batch_max 1): the row of the application is locked first, then sessions by id,
 * orders by id, bills by id (decisions 17). What is decided under those locks is pure: *_rules.c.
 */
#ifndef GH_AUDIT_AUDIT_H
#define GH_AUDIT_AUDIT_H

#include "domain/order_no.h"
#include "worker/args.h"
#include "workers/audit/pool.h"

/* The pool's own state. */
typedef struct gh_audit_state {
    gh_order_key_t key;
    char currency[8];
} gh_audit_state_t;

const gh_audit_state_t *gh_audit_state(gh_worker_t *w);

/* A text of the request that is to be stored. False: the job was refused, PostgreSQL cannot hold it. */
bool gh_audit_text(gh_batch_t *b, const char *path, gh_str_t *out);

/* plan.c: a head of department submits a week of a clinic (BR-50, BR-51). */
gh_step_t gh_submit_plan(gh_batch_t *b);

/* approve_plan.c: an administrator approves it (BR-49, BR-52..BR-56, BR-58). */
gh_step_t gh_approve_plan(gh_batch_t *b);

/* leave.c: a doctor asks for leave (BR-60, BR-61). */
gh_step_t gh_apply_leave(gh_batch_t *b);

/* approve_leave.c: an administrator or a head of department approves it (BR-49, BR-57, BR-58, BR-62). */
gh_step_t gh_approve_leave(gh_batch_t *b);

/* time_off.c: time off on /api/v1 (AV-06, R-78). */
gh_step_t gh_request_time_off(gh_batch_t *b);

/* add_slot.c: a place is added by an administrator, asked for by a doctor, approved (BR-64..BR-66). */
gh_step_t gh_ask_add_slot(gh_batch_t *b);
gh_step_t gh_approve_add_slot(gh_batch_t *b);

/* ---- decision.c: what every approval says */

/* Refuse the job; status is for the text of BR-49. */
void gh_decision_refuse(gh_batch_t *b, gh_err_t err, gh_str_t status);
/* The reply to an approval, by the caller and now. */
void gh_decision_put(gh_batch_t *b, int64_t audit_id);

/* What an approval has brought about, in numbers. */
typedef struct gh_effect {
    const char *member; /* NULL ends a list */
    int64_t value;
} gh_effect_t;
/* The entry of an approval in the audit log: "<entity>.approve", the comment, the effects. */
void gh_decision_note(gh_batch_t *b, const char *entity, int64_t audit_id, int64_t patient_id,
                      const gh_effect_t *effects);

#endif
