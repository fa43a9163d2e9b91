/*
 * workers/booking/cancel.h - a batch of cancellations: what cancel.c decides and cancel_data.c reads and writes
 */
#ifndef GH_BOOKING_CANCEL_H
#define GH_BOOKING_CANCEL_H

#include "domain/offer.h"
#include "workers/booking/after.h"
#include "workers/booking/booking.h"

typedef enum { GH_CANCEL_CODE, GH_CANCEL_V1, GH_CANCEL_HB } gh_cancel_surface_t;

typedef struct gh_cancel_order {
    int64_t id, schedule_id, price;
    int32_t slot_no;
    gh_order_state_t state;
    gh_pay_state_t payment;
    int64_t session_starts_us, starts_us, ends_us, created_us, payable_since_us;
    int64_t patient_id, patient_user_id, initiator_id, doctor_id, dept_id;
    bool hidden, arrived;
    bool changed; /* by a job of this batch, status.c */
    int64_t version;
    gh_str_t reason, notes, visit_type;
} gh_cancel_order_t;

/* caller.c: what the caller is to the order (bits GH_BY_*), and the word that is stored of it. */
uint32_t gh_caller_by(const gh_actor_t *a, const gh_cancel_order_t *o, gh_cancel_surface_t surface,
                      bool related);
const char *gh_caller_word(const gh_actor_t *a, uint32_t by);

/* Jobs of the batch that are no cancellations (status.c). */
typedef enum { GH_CHANGE_NONE, GH_CHANGE_EDIT, GH_CHANGE_STATUS, GH_CHANGE_ARRIVE } gh_change_t;

/* AP-06: members given, and their new values (p NULL: null). */
enum { GH_EDIT_REASON, GH_EDIT_NOTES, GH_EDIT_VISIT, GH_EDITS };
typedef struct gh_edit {
    bool given[GH_EDITS];
    gh_str_t value[GH_EDITS];
} gh_edit_t;

typedef struct gh_cancel_job {
    gh_wjob_t *job;
    gh_cancel_surface_t surface;
    const gh_cancel_way_t *way;
    int64_t order_id;
    bool override;
    gh_str_t reason, if_match;
    const char *fault_field, *fault_type, *fault_text;
    bool related, may_override;
    gh_cancel_order_t *order;
    int64_t owed; /* cents of its price that are not paid yet, though it is `paid` */
    gh_cancel_verdict_t verdict;
    bool cancelled, hide_only;
    const char *by;
    gh_change_t change;
    bool wants; /* GH_CHANGE_STATUS: a status is named (it always is on v1) */
    gh_wanted_t wanted;
    gh_edit_t edit; /* GH_CHANGE_EDIT; Heartbeat sends it along with a status */
    gh_order_step_t step;
    bool changed, same; /* done; there was nothing to do */
} gh_cancel_job_t;

typedef struct gh_cancel_session {
    int64_t id, writer;
    int32_t freed;
    bool waited; /* somebody waits for a place */
} gh_cancel_session_t;

typedef struct gh_cancel {
    gh_batch_t *b;
    gh_booking_t *pool;
    gh_cancel_job_t *jobs;
    size_t n;
    gh_cancel_order_t *orders; /* by id */
    size_t n_orders;
    gh_cancel_session_t *sessions; /* by id */
    size_t n_sessions;
    int64_t this_xid;
    struct gh_doctor_rules *rules;
    size_t n_rules;
    bool written, reading_after, offering;
    bool start_before_complete; /* */
    bool twice;                 /* two changes of one order: the batch fails, and they run one by one */
    gh_offer_t offer;
    gh_after_t after;
    size_t at_sessions, at_orders, at_people, at_rules, at_switches;
} gh_cancel_t;

/* cancel.c: what the rules decide from; note that the order becomes what the job's verdict says, and its place free. */
gh_cancel_facts_t gh_cancel_facts_of(const gh_cancel_t *c, const gh_cancel_job_t *cj);
void gh_cancel_apply(gh_cancel_t *c, gh_cancel_job_t *cj);

/* HB-17: the appointment is hidden from Heartbeat. */
bool gh_cancel_hides(const gh_cancel_job_t *cj);
/* the appointment stands in the query or the body; a fault of it sets type and text. */
int64_t gh_hb_order_id(gh_mp_t args, const char **type, const char **text);

/* What the caller is to the order of his job: GH_BY_*. */
uint32_t gh_cancel_by(const gh_cancel_job_t *cj);

/* status.c: take in a job that is a change, false when it is another; decide it, true when it asks for a cancellation; write. */
bool gh_change_parse(gh_cancel_job_t *cj);
bool gh_change_decide(gh_cancel_t *c, gh_cancel_job_t *cj);
int gh_change_write(gh_cancel_t *c) GH_MUSTCHECK;
/* Members of orders that change; a transaction that holds them writes them with its other writes. */
typedef struct gh_edit_row {
    int64_t order_id;
    const gh_edit_t *edit;
} gh_edit_row_t;
int gh_edits_write(gh_batch_t *b, const gh_edit_row_t *rows, size_t n) GH_MUSTCHECK;
/* The description of HB-16 is the reason of the visit. */
void gh_edit_parse_hb(gh_mp_t args, gh_edit_t *edit);
/* The entry of the audit log of a step that somebody else than the patient has done; from: the state before it. */
void gh_change_audit(gh_cancel_t *c, gh_cancel_job_t *cj, gh_order_state_t from);

/* cancel_data.c. -1: out of memory, or the orders have moved to other sessions: the batch fails and runs again. */
void gh_cancel_ask(gh_cancel_t *c);
int gh_cancel_take(gh_cancel_t *c) GH_MUSTCHECK;
/* Row i of lock_orders. -1: a word that is none. */
int gh_cancel_order_row(gh_batch_t *b, const struct pg_result *r, int i, gh_cancel_order_t *o) GH_MUSTCHECK;
gh_cancel_session_t *gh_cancel_session(gh_cancel_t *c, int64_t id);
int gh_cancel_write(gh_cancel_t *c) GH_MUSTCHECK;
/* Freed places for whoever waits for them: after gh_cancel_write() ask, true when somebody may; in the phase after give them. */
bool gh_cancel_ask_waiting(gh_cancel_t *c);
int gh_cancel_offer(gh_cancel_t *c) GH_MUSTCHECK;

#endif
