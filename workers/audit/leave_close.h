/*
 * workers/audit/leave_close.h - approved leave closes sessions with their appointments (BR-57, BR-58, R-78)
 *
 * Up to `audit.close_at_once` orders all is done in the transaction of the approval: 5,000 take well under a second, and then nothing
 * is ever half done. Beyond, statements would come near database.statement_timeout_ms, and an approval that is too large could never
 * be made. Then the approval suspends the sessions - no booking is possible from its commit on - and queues a durable job
 * (domain/later.h) that deals with some hundred orders a transaction, whole sessions at a time, until none is left. It survives
 * the death of workers and dispatchers, no order is dealt with twice, and its progress shows in /api/v1/jobs.
 *
 *   phase n     gh_leave_close_ask(): lock the doctor's sessions in the leave, count what they hold
 *   phase n+1   gh_leave_close_take(): which it closes; then, once the application is approved, gh_leave_close_begin()
 *   phase n+2   gh_leave_close_finish()
 */
#ifndef GH_AUDIT_LEAVE_CLOSE_H
#define GH_AUDIT_LEAVE_CLOSE_H

#include "domain/close.h"
#include "workers/audit/leave_rules.h"

typedef struct gh_leave_close {
    int64_t doctor_id;
    gh_leave_t leave;
    /* gh_leave_close_take(): sessions that the leave closes, appointments and entries of the waitlist in them */
    int64_t sessions, bookings, waiting;
    bool later; /* gh_leave_close_begin(): a durable job does it */
    gh_close_t close;
    size_t at_sessions, at_bookings; /* the module's own */
} gh_leave_close_t;

void gh_leave_close_ask(gh_batch_t *b, gh_leave_close_t *c);
int gh_leave_close_take(gh_batch_t *b, gh_leave_close_t *c) GH_MUSTCHECK; /* -1: no memory */
/* by: staff or doctor (domain/close.h). */
void gh_leave_close_begin(gh_batch_t *b, gh_leave_close_t *c, int64_t audit_id, const char *by,
                          int64_t user_id);
int gh_leave_close_finish(gh_batch_t *b, gh_leave_close_t *c) GH_MUSTCHECK; /* -1: no memory */

/* The durable job's operation audit.close_leave (inner): {audit_id, total, by}. */
gh_step_t gh_close_leave(gh_batch_t *b);

#endif
