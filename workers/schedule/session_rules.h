/*
 * workers/schedule/session_rules.h - may a session be made, changed, deleted so, and what becomes of its orders and of the
 * session that has its place? (BR-31, BR-38, BR-39, BR-42, BR-45, BR-46, BR-58, R-72 to R-77, decisions 15 and 19)
 *
 * Pure: the facts are read under the locks of the doctor, the clinic and the sessions. The surfaces differ: on the code surface
 * an administrator has his way and bookings go, on v1 what has bookings or is in the way refuses.
 */
#ifndef GH_SCHEDULE_SESSION_RULES_H
#define GH_SCHEDULE_SESSION_RULES_H

#include "base/error.h"

typedef enum { GH_SESSION_CREATE, GH_SESSION_CHANGE, GH_SESSION_DELETE } gh_session_act_t;

typedef struct gh_session_facts {
    gh_session_act_t act;
    bool v1;
    bool cancel;         /* v1: the call cancels the bookings */
    bool may;            /* v1: the session is the caller's to change */
    bool matches;        /* If-Match names the row as it is */
    bool known, current; /* the session: is it there, is it held */
    bool has_doctor;     /* the doctor it is to have exists */
    bool has_clinic;     /* the clinic likewise, or none */
    bool moved;          /* another doctor, day or part of the day */
    bool other_clinic;   /* another clinic */
    bool other_day;      /* its day is a new one */
    bool beyond;         /* later than the horizon */
    bool begun;          /* it would begin in the past */
    bool has_length;     /* it ends after it starts, one place long at least */
    bool open, stays;    /* it is to be bookable; it is to be held (not CLOSED) */
    bool was_open;       /* it was bookable */
    bool too_few;        /* fewer places than are taken */
    bool too_few_over;   /* fewer than orders that are over hold */
    bool booked;         /* it has pending or confirmed orders */
    bool awaited;        /* somebody waits for a place of it */
    bool doctor_has;     /* the doctor holds another session then */
    bool clinic_has;     /* the clinic has another session then */
} gh_session_facts_t;

/* What to do with the orders of the session itself. */
typedef enum {
    GH_ORDERS_STAY,
    GH_ORDERS_CLEAR,     /* cancelled; the session goes on elsewhere */
    GH_ORDERS_SUSPEND,   /* cancelled, and the session is 停诊 */
    GH_ORDERS_SUPERSEDE, /* cancelled, and the session is no longer current */
    GH_ORDERS_DELETE     /* cancelled, and the session is deleted */
} gh_session_orders_t;

typedef struct gh_session_verdict {
    gh_err_t err; /* GH_E_NONE: done as below */
    gh_session_orders_t orders;
    bool displaces; /* the clinic's other session is superseded (BR-39) */
    bool promotes;  /* the one it had displaced becomes current again (BR-46) */
} gh_session_verdict_t;

gh_session_verdict_t gh_session_decide(const gh_session_facts_t *f);

#endif
