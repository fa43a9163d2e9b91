/*
 * workers/booking/cancel.h - a batch of cancellations: what cancel.c decides and cancel_data.c reads and writes
 */
#ifndef GH_BOOKING_CANCEL_H
#define GH_BOOKING_CANCEL_H

#include "domain/offer.h"
#include "workers/booking/booking.h"

typedef enum { GH_CANCEL_CODE, GH_CANCEL_V1, GH_CANCEL_HB } gh_cancel_surface_t;

typedef struct gh_cancel_order {
    int64_t id, schedule_id, price;
    int32_t slot_no;
    gh_order_state_t state;
    gh_pay_state_t payment;
    int64_t session_starts_us, starts_us, ends_us, created_us, payable_since_us;
    int64_t patient_id, patient_user_id, initiator_id, doctor_id, dept_id;
    bool hidden;
    int64_t version;
    gh_str_t reason;
} gh_cancel_order_t;

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
    gh_cancel_verdict_t verdict;
    bool cancelled, hide_only;
    const char *by;
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
    gh_offer_t offer;
    size_t at_sessions, at_orders, at_people, at_rules, at_after;
} gh_cancel_t;

/* cancel.c: what the rules decide from; note that the order becomes what the job's verdict says, and its place free. */
gh_cancel_facts_t gh_cancel_facts_of(const gh_cancel_t *c, const gh_cancel_job_t *cj);
void gh_cancel_apply(gh_cancel_t *c, gh_cancel_job_t *cj);

/* cancel_data.c. -1: out of memory, or the orders have moved to other sessions: the batch fails and runs again. */
void gh_cancel_ask(gh_cancel_t *c);
int gh_cancel_take(gh_cancel_t *c) GH_MUSTCHECK;
gh_cancel_session_t *gh_cancel_session(gh_cancel_t *c, int64_t id);
int gh_cancel_write(gh_cancel_t *c) GH_MUSTCHECK;
/* Freed places for whoever waits for them: after gh_cancel_write() ask, true when somebody may; in the phase after give them. */
bool gh_cancel_ask_waiting(gh_cancel_t *c);
int gh_cancel_offer(gh_cancel_t *c) GH_MUSTCHECK;

#endif
