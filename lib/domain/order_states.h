/*
 * lib/domain/order_states.h - the life of an order: its states, the steps between them, who may do which, and what a step needs
 * (api/12 section 12.4, api/24, api/32 section 9; ..R-100, R-104)
 *
 * Two tables, of states and of steps, used by every dialect and by what happens by itself. The trigger registration_orders_step
 * repeats them in the database; nothing else decides about a step. Pure: now comes with the facts.
 */
#ifndef GH_DOMAIN_ORDER_STATES_H
#define GH_DOMAIN_ORDER_STATES_H

#include "base/error.h"
#include "base/gh.h"

typedef enum {
    GH_ORDER_WAITLIST,
    GH_ORDER_PENDING,
    GH_ORDER_CONFIRMED,
    GH_ORDER_COMPLETED,
    GH_ORDER_CANCELLED,
    GH_ORDER_TIMEOUT,
    GH_ORDER_NO_SHOW,
    GH_ORDER_STATES
} gh_order_state_t;

typedef enum {
    GH_PAY_PENDING,
    GH_PAY_PAYING,
    GH_PAY_PAID,
    GH_PAY_FAILED,
    GH_PAY_CANCELLED,
    GH_PAY_REFUNDED,
    GH_PAY_STATES
} gh_pay_state_t;

const char *gh_order_state_name(gh_order_state_t state);                     /* the stored word */
int gh_order_state_parse(gh_str_t word, gh_order_state_t *out) GH_MUSTCHECK; /* -1: no such word */
/* The words of api/24: `status` (of an order on the waitlist NULL: it is not shown) and `fhir_status`. SQL says them in gh_shown_status()
 * and gh_fhir_status(). */
const char *gh_order_shown(gh_order_state_t state);
const char *gh_order_fhir(gh_order_state_t state, bool arrived);
const char *gh_pay_state_name(gh_pay_state_t state);
int gh_pay_state_parse(gh_str_t word, gh_pay_state_t *out) GH_MUSTCHECK;

bool gh_order_can_step(gh_order_state_t from, gh_order_state_t to);
/* pending or confirmed: what one-per-session, overlap and limits count. */
bool gh_order_active(gh_order_state_t state);
/* The place is not free: pending, confirmed, completed, no_show. */
bool gh_order_holds_place(gh_order_state_t state);

/* ---- steps */

typedef enum {
    GH_DO_PROMOTE,  /* a place for one who waits (BR-99, BR-100) */
    GH_DO_LEAVE,    /* leaves the waitlist, or its session begins (BR-103, BR-104) */
    GH_DO_PAY,      /* paid: the place is sure (BR-84) */
    GH_DO_EXPIRE,   /* not paid in time (BR-83, BR-87) */
    GH_DO_EDIT,     /* reason, notes, kind of visit (AP-06) */
    GH_DO_MOVE,     /* to another place (BR-89, R-96) */
    GH_DO_CANCEL,   /* BR-86, R-93..R-95 */
    GH_DO_ARRIVE,   /* checked in (AP-10) */
    GH_DO_COMPLETE, /* the visit took place (BR-118, R-100) */
    GH_DO_MISS,     /* nobody came (BR-117, R-104) */
    GH_ORDER_STEPS
} gh_order_step_t;

/* What somebody is to an order; a person may be several. Administrators are staff. */
enum {
    GH_BY_PATIENT = 1 << 0, /* it is the own appointment, or a relative's */
    GH_BY_DOCTOR = 1 << 1,  /* the own session's */
    GH_BY_NURSE = 1 << 2,   /* of the department */
    GH_BY_STAFF = 1 << 3,
    GH_BY_SYSTEM = 1 << 4 /* time-outs, payments, the queue's pass limit */
};

typedef struct gh_order_facts {
    gh_order_state_t state;
    bool arrived;      /* checked in */
    int64_t starts_us; /* start of the place */
    int64_t
        deadline_us; /* R-94, BR-85: a patient must act before it; 0: no deadline, or it is overridden */
    int64_t now_us;
    bool start_before_complete; /* appointment.enforce_start_before_complete */
} gh_order_facts_t;

/* May somebody who is `by` to the order do this to it now? NOT_OWNER when he is nothing to it, FORBIDDEN when
 * that is not for him, INVALID_TRANSITION by the state or before the start, CANCEL_TOO_LATE. */
gh_err_t gh_order_may(gh_order_step_t step, uint32_t by, const gh_order_facts_t *f);
/* The state after a step that is allowed: of PROMOTE pending, of MOVE and EDIT as it was. */
gh_order_state_t gh_order_after(gh_order_step_t step, gh_order_state_t from);
/* Whom of `by` the step is for: the capacity in which it is done. 0: none. */
uint32_t gh_order_step_by(gh_order_step_t step, uint32_t by);
/* The action of appointment_history (api/24, HistoryEntry); NULL: none. */
const char *gh_order_step_action(gh_order_step_t step);

/* ---- a wanted status (AP-09, HB-16) */

typedef enum {
    GH_WANT_SCHEDULED,
    GH_WANT_COMPLETED,
    GH_WANT_CANCELLED,
    GH_WANT_ARRIVED,
    GH_WANT_FULFILLED,
    GH_WANT_FHIR_CANCELLED,
    GH_WANT_NOSHOW,
    GH_WANTED
} gh_wanted_t;

/* A word of `status`, or with fhir of `fhir_status`. -1: none that can be asked for. */
int gh_wanted_parse(gh_str_t word, bool fhir, gh_wanted_t *out) GH_MUSTCHECK;

typedef struct gh_wanted_verdict {
    gh_err_t err;
    bool same; /* it is so already: nothing is done (AP-09) */
    gh_order_step_t
        step; /* else the step to do; CANCEL goes through gh_cancel_decide() for what becomes of the money */
} gh_wanted_verdict_t;

/* Which step a wanted status asks for, and whether it may be done. An order on the waitlist has no status of these. */
gh_wanted_verdict_t gh_wanted_decide(gh_wanted_t wanted, uint32_t by, const gh_order_facts_t *f);

#endif
