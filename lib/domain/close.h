/*
 * lib/domain/close.h - closing sessions, and what becomes of their orders (BR-46, BR-57, BR-58, R-78, decisions 19)
 *
 * The one way in which a session stops being held: an administrator or the doctor stops it (停诊), another one takes its
 * place in the clinic, it is deleted, its doctor is on leave or removed. Whatever the cause, in one transaction:
 *   - the session is suspended (停诊, still current), superseded (no longer current), deleted (kept as a row), or only cleared:
 *     it stays as it is, because it is moved to another time
 *   - its orders pending and confirmed become cancelled, with time, reason and who did it; what was paid is refunded in full
 *     (payment refunded, refund rows, ledger), what was not is cancelled; the registration bill is closed
 *   - entries of its waitlist become cancelled
 *   - their places return
 *   - each of these is a row of the appointment's history
 *   - patients are told at the own address, else whoever booked is; the doctor is told, unless it was he
 * Orders that are over (completed, no_show) stay. All is done in sets, three statements for any number of orders.
 *
 * Two phases of a GH_OP_WRITE step:
 *   phase n     lock the sessions by id (all of them, in one statement, before); gh_close_begin()
 *   phase n+1   gh_close_finish(); what is left is for the caller
 * The pool lists gh_sql_domain among its statement tables.
 */
#ifndef GH_DOMAIN_CLOSE_H
#define GH_DOMAIN_CLOSE_H

#include "worker/worker.h"

typedef enum { GH_CLOSE_SUSPEND, GH_CLOSE_SUPERSEDE, GH_CLOSE_DELETE, GH_CLOSE_CLEAR } gh_close_mode_t;

typedef struct gh_close {
    const char *sessions; /* array literal of ids, locked by this transaction; lives as long as the batch */
    gh_close_mode_t mode;
    int64_t
        patient_id; /* with GH_CLOSE_CLEAR: the orders of this patient alone, whom nobody but himself is told of; 0: all */
    const char *by;  /* patient, doctor, staff or system: who is recorded as having cancelled */
    int64_t user_id; /* account that closes; 0: the system */
    const char *
        reason; /* kept with each order and refund, and said to the people; Chinese, at most 500 characters */
    /* Filled by gh_close_finish(): orders that held a place, those of them refunded, entries of the waitlist */
    int64_t bookings, refunds, waiting;
    size_t at; /* the module's own */
} gh_close_t;

/* Queue the closing of the sessions. c lives as long as the batch. */
void gh_close_begin(gh_batch_t *b, gh_close_t *c);
/* In the phase after: fill the counts; queue bills, refunds and messages. -1: memory ran out, the batch must fail. */
int gh_close_finish(gh_batch_t *b, gh_close_t *c) GH_MUSTCHECK;

#endif
