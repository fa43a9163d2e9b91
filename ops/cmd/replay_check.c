/*
 * ops/cmd/replay_check.c - the database beside what was answered
 *
 * Every booking answered yes is there once, with the patient and session it was asked for; nothing else is
 * there but rows that were never answered (at most one booking each); no session holds more than its places,
 * no patient a session twice, and the counters agree with the bookings.
 */
#include "ops/cmd/replay.h"

#include <libpq-fe.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "db/arrays.h"
#include "ops/cmd/dbq.h"

static void s_fault(gh_replay_t *r, const char *fmt, ...) GH_PRINTF(2, 3);

static void
s_fault(gh_replay_t *r, const char *fmt, ...)
{
    if (r->faults < GH_COUNT(r->fault)) {
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(r->fault[r->faults], sizeof r->fault[0], fmt, ap);
        va_end(ap);
    }
    r->faults++;
}

/* A booking as answered or as stored. */
typedef struct booking {
    int64_t order, patient, schedule;
    size_t row; /* answered ones */
} booking_t;

static int
by_order(const void *a, const void *b)
{
    const booking_t *x = a, *y = b;
    return x->order < y->order ? -1 : x->order > y->order;
}

static int
by_patient_schedule(const void *a, const void *b)
{
    const booking_t *x = a, *y = b;
    if (x->patient != y->patient)
        return x->patient < y->patient ? -1 : 1;
    return x->schedule < y->schedule ? -1 : x->schedule > y->schedule;
}

/* The bookings of the wanted state that the client knows of, in a new array. */
static booking_t *
s_answered(const gh_replay_t *r, gh_row_state_t state, size_t *n)
{
    booking_t *list = calloc(r->n_rows ? r->n_rows : 1, sizeof *list);
    *n = 0;
    for (size_t i = 0; list && i < r->n_rows; i++) {
        const gh_replay_row_t *row = &r->rows[i];
        if (row->state == state)
            list[(*n)++] = (booking_t){row->order_id, r->patients[row->patient].patient_id,
                                       r->sessions[row->session].schedule_id, i};
    }
    return list;
}

/* Walk both lists, ordered by order id, side by side. Stored bookings without an answer go to `extra`. */
static size_t
s_merge(gh_replay_t *r, const booking_t *yes, size_t n_yes, const booking_t *stored, size_t n_stored,
        booking_t *extra)
{
    size_t n_extra = 0;
    for (size_t i = 0, k = 0; i < n_yes || k < n_stored;) {
        if (i > 0 && i < n_yes && yes[i].order == yes[i - 1].order) {
            s_fault(r, "lines %zu and %zu were answered with the same order %lld",
                    r->rows[yes[i - 1].row].line, r->rows[yes[i].row].line, (long long)yes[i].order);
            i++;
        } else if (k == n_stored || (i < n_yes && yes[i].order < stored[k].order)) {
            s_fault(r, "line %zu was answered with order %lld, which is not there", r->rows[yes[i].row].line,
                    (long long)yes[i].order);
            i++;
        } else if (i == n_yes || stored[k].order < yes[i].order) {
            extra[n_extra++] = stored[k++];
        } else {
            if (yes[i].patient != stored[k].patient || yes[i].schedule != stored[k].schedule)
                s_fault(r, "order %lld is of another patient or session than line %zu asked for",
                        (long long)yes[i].order, r->rows[yes[i].row].line);
            i++;
            k++;
        }
    }
    return n_extra;
}

/* Stored bookings that nobody was told of must belong to rows that never got an answer. */
static void
s_check_extra(gh_replay_t *r, booking_t *extra, size_t n_extra, booking_t *open, size_t n_open)
{
    qsort(extra, n_extra, sizeof *extra, by_patient_schedule);
    qsort(open, n_open, sizeof *open, by_patient_schedule);
    for (size_t i = 0, k = 0; i < n_extra; i++) {
        while (k < n_open && by_patient_schedule(&open[k], &extra[i]) < 0)
            k++;
        if (k < n_open && by_patient_schedule(&open[k], &extra[i]) == 0)
            k++;
        else
            s_fault(r, "order %lld is there although nobody was told so", (long long)extra[i].order);
    }
}

static void
s_check_pairs(gh_replay_t *r, booking_t *stored, size_t n)
{
    qsort(stored, n, sizeof *stored, by_patient_schedule);
    for (size_t i = 1; i < n; i++)
        if (by_patient_schedule(&stored[i - 1], &stored[i]) == 0)
            s_fault(r, "patient %lld holds session %lld twice", (long long)stored[i].patient,
                    (long long)stored[i].schedule);
}

static int
s_check_orders(gh_replay_t *r, PGconn *db, const char *schedules)
{
    PGresult *res = gh_dbq_named(db, "replay_orders", 1, &schedules);
    if (!res)
        return -1;
    size_t n = (size_t)PQntuples(res), n_yes, n_open;
    booking_t *stored = calloc(n ? n : 1, sizeof *stored), *extra = calloc(n ? n : 1, sizeof *extra);
    booking_t *yes = s_answered(r, GH_ROW_ACCEPTED, &n_yes),
              *open = s_answered(r, GH_ROW_UNANSWERED, &n_open);
    int rc = stored && extra && yes && open ? 0 : -1;
    if (rc == 0) {
        for (size_t i = 0; i < n; i++)
            stored[i] = (booking_t){gh_pg_i64(res, (int)i, 0, 0), gh_pg_i64(res, (int)i, 1, 0),
                                    gh_pg_i64(res, (int)i, 2, 0), 0};
        r->db_orders = n;
        qsort(yes, n_yes, sizeof *yes, by_order);
        size_t n_extra = s_merge(r, yes, n_yes, stored, n, extra);
        s_check_extra(r, extra, n_extra, open, n_open);
        s_check_pairs(r, stored, n);
    }
    free(stored);
    free(extra);
    free(yes);
    free(open);
    PQclear(res);
    return rc;
}

static int
s_check_counters(gh_replay_t *r, PGconn *db, const char *schedules)
{
    PGresult *res = gh_dbq_named(db, "replay_counters", 1, &schedules);
    if (!res)
        return -1;
    for (int i = 0; i < PQntuples(res); i++) {
        int64_t total = gh_pg_i64(res, i, 1, 0), left = gh_pg_i64(res, i, 2, 0),
                taken = gh_pg_i64(res, i, 3, 0);
        if (left < 0 || left + taken != total)
            s_fault(r, "session %lld: %lld places, %lld left, %lld taken", (long long)gh_pg_i64(res, i, 0, 0),
                    (long long)total, (long long)left, (long long)taken);
    }
    if ((size_t)PQntuples(res) != r->n_sessions)
        s_fault(r, "%d of %zu sessions are there", PQntuples(res), r->n_sessions);
    PQclear(res);
    return 0;
}

int
gh_replay_check(gh_replay_t *r, PGconn *db)
{
    gh_pgarr_t ids = {0};
    for (size_t i = 0; i < r->n_sessions; i++)
        gh_pgarr_i64(&ids, r->sessions[i].schedule_id);
    const char *schedules = gh_pgarr_literal(&ids);
    int rc = schedules && s_check_orders(r, db, schedules) == 0 && s_check_counters(r, db, schedules) == 0
                 ? 0
                 : -1;
    gh_pgarr_fini(&ids);
    return rc;
}
