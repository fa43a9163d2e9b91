/*
 * workers/audit/approve_plan.c - a week of a clinic is approved (BR-49, BR-52..BR-56, BR-58)
 *
 *   phase 0   lock the application and the clinic's sessions of that week; read what bears on it
 *   phase 1   decide (plan_rules.h), all or nothing; what gives way closes with its orders (domain/close.h), then the new
 *             sessions are made
 *   phase 2   answer
 */
#include <libpq-fe.h>
#include <stdio.h>

#include "base/timez.h"
#include "domain/close.h"
#include "workers/audit/audit.h"
#include "workers/audit/plan_rules.h"

#define REASON "排班调整" /* what the patients of sessions that give way are told */

typedef struct work {
    int64_t audit_id;
    gh_str_t comment;
    gh_plan_facts_t facts;
    gh_plan_outcome_t outcome;
    int32_t monday;
    gh_close_t close;
    size_t at_hold, at_cells, at_sessions, at_hours;
} work_t;

static gh_step_t
ask(gh_batch_t *b)
{
    work_t *w = gh_batch_alloc(b, sizeof *w);
    b->state = w;
    w->audit_id = gh_arg_id(b->jobs[0]->args, "path.audit_id");
    const char *const params[] = {gh_text_i64(b, w->audit_id), gh_tz_name()};
    w->at_hold = gh_batch_query(b, "hold_plan", 1, params);
    gh_batch_query(b, "hold_plan_week", 1, params);
    w->at_cells = gh_batch_query(b, "plan_cells", 1, params);
    w->at_sessions = gh_batch_query(b, "plan_sessions", 1, params);
    w->at_hours = gh_batch_query(b, "plan_hours", 2, params);
    return gh_batch_ok(b) ? GH_STEP_MORE : GH_STEP_FAIL;
}

/* ---- what was read */

static void
take_cells(gh_batch_t *b, work_t *w)
{
    const PGresult *r = gh_batch_result(b, w->at_cells);
    size_t n = (size_t)PQntuples(r);
    gh_plan_cell_t *cells = gh_batch_alloc(b, (n + 1) * sizeof *cells);
    int64_t *doctors = gh_batch_alloc(b, (n + 1) * sizeof *doctors);
    for (size_t i = 0; i < n && gh_batch_ok(b); i++) {
        int row = (int)i;
        cells[i] = (gh_plan_cell_t){(int)gh_pg_i64(r, row, 0, 0), (int)gh_pg_i64(r, row, 1, 0),
                                    gh_pg_i64(r, row, 2, 0)};
        if (gh_pg_bool(r, row, 3))
            doctors[w->facts.n_doctors++] = cells[i].doctor_id;
    }
    w->facts.cells = cells;
    w->facts.n_cells = n;
    w->facts.doctors = doctors;
}

static void
take_sessions(gh_batch_t *b, work_t *w)
{
    const PGresult *r = gh_batch_result(b, w->at_sessions);
    size_t n = (size_t)PQntuples(r);
    gh_plan_session_t *sessions = gh_batch_alloc(b, (n + 1) * sizeof *sessions);
    for (size_t i = 0; i < n && gh_batch_ok(b); i++) {
        int row = (int)i;
        sessions[i] = (gh_plan_session_t){.id = gh_pg_i64(r, row, 0, 0),
                                          .doctor_id = gh_pg_i64(r, row, 1, 0),
                                          .here = gh_pg_bool(r, row, 2),
                                          .day = (int)gh_pg_i64(r, row, 3, 0),
                                          .part = (int)gh_pg_i64(r, row, 4, 0),
                                          .starts_us = gh_pg_i64(r, row, 5, 0),
                                          .ends_us = gh_pg_i64(r, row, 6, 0),
                                          .open = gh_pg_bool(r, row, 7)};
    }
    w->facts.sessions = sessions;
    w->facts.n_sessions = n;
}

static void
take_hours(gh_batch_t *b, work_t *w)
{
    const PGresult *r = gh_batch_result(b, w->at_hours);
    for (int i = 0; i < PQntuples(r); i++) {
        gh_plan_bounds_t at = {gh_pg_i64(r, i, 2, 0), gh_pg_i64(r, i, 3, 0)};
        int64_t part = gh_pg_i64(r, i, 0, 0), day = gh_pg_i64(r, i, 1, 0);
        w->facts.bounds[day][part] = at;
        if (day == 0)
            w->monday = gh_tz_day(at.starts_us);
    }
}

/* ---- deciding */

/* The text of BR-54 to BR-56 names the doctor, the day and the part of the day. */
static void
refuse_cell(gh_batch_t *b, const work_t *w, const gh_plan_refusal_t *no)
{
    char date[GH_TEXT_DATE];
    gh_day_text(w->monday + no->cell.day, date);
    gh_job_refuse(b, b->jobs[0], no->err,
                  (const gh_error_arg_t[]){{"id", gh_str(gh_text_i64(b, no->cell.doctor_id))},
                                           {"date", gh_str(date)},
                                           {"section", gh_str(gh_plan_section(no->cell.part))},
                                           {0}});
}

/* True: refused. */
static bool
refused(gh_batch_t *b, work_t *w)
{
    const PGresult *held = gh_batch_result(b, w->at_hold);
    if (PQntuples(held) == 0 || !gh_str_is(gh_pg_str(held, 0, 0), "pending")) {
        gh_decision_refuse(b, PQntuples(held) ? GH_E_AUDIT_ALREADY_DECIDED : GH_E_SCHEDULE_AUDIT_NOT_FOUND,
                           PQntuples(held) ? gh_pg_str(held, 0, 0) : (gh_str_t){0});
        return true;
    }
    if (!gh_audit_text(b, "body.comment", &w->comment))
        return true;
    w->facts.now_us = b->now_us;
    gh_plan_refusal_t no = gh_plan_decide(&w->facts, &w->outcome);
    const gh_plan_outcome_t *o = &w->outcome; /* what it makes is in the order of the week */
    if (no.err == GH_E_NONE && o->n_created > 0 &&
        w->monday + o->created[o->n_created - 1].day > gh_tz_day(b->now_us) + gh_pg_i64(held, 0, 1, 0))
        no = (gh_plan_refusal_t){GH_E_BEYOND_HORIZON, o->created[o->n_created - 1]};
    if (no.err != GH_E_NONE)
        refuse_cell(b, w, &no);
    return no.err != GH_E_NONE;
}

/* ---- writing */

static int
supersede(gh_batch_t *b, work_t *w)
{
    gh_pgarr_t ids = {0};
    for (size_t i = 0; i < w->outcome.n_superseded; i++)
        gh_pgarr_i64(&ids, w->outcome.superseded[i]);
    const char *literal = gh_pgarr_literal(&ids);
    w->close = (gh_close_t){.sessions = literal ? gh_text(b, gh_str(literal)) : NULL,
                            .mode = GH_CLOSE_SUPERSEDE,
                            .by = "staff",
                            .user_id = b->jobs[0]->actor.user_id,
                            .reason = REASON};
    gh_pgarr_fini(&ids);
    if (!w->close.sessions)
        return -1;
    if (w->outcome.n_superseded > 0)
        gh_close_begin(b, &w->close);
    return 0;
}

static int
create(gh_batch_t *b, const work_t *w)
{
    enum { DAY, PART, DOCTOR, STARTS, ENDS, N };
    gh_pgarr_t a[N] = {0};
    const char *params[N + 2] = {gh_text_i64(b, w->audit_id)};
    for (size_t i = 0; i < w->outcome.n_created; i++) {
        const gh_plan_cell_t *cell = &w->outcome.created[i];
        gh_pgarr_i64(&a[DAY], cell->day);
        gh_pgarr_i64(&a[PART], cell->part);
        gh_pgarr_i64(&a[DOCTOR], cell->doctor_id);
        gh_pgarr_time(&a[STARTS], w->facts.bounds[cell->day][cell->part].starts_us);
        gh_pgarr_time(&a[ENDS], w->facts.bounds[cell->day][cell->part].ends_us);
    }
    bool ok = true;
    for (int i = 0; i < N; i++)
        ok &= (params[i + 1] = gh_pgarr_literal(&a[i])) != NULL;
    params[N + 1] = gh_text_time(b, b->now_us);
    if (ok && w->outcome.n_created > 0)
        gh_batch_query(b, "create_planned", N + 2, params);
    for (int i = 0; i < N; i++)
        gh_pgarr_fini(&a[i]);
    return ok ? 0 : -1;
}

static gh_step_t
approve(gh_batch_t *b, work_t *w)
{
    take_cells(b, w);
    take_sessions(b, w);
    take_hours(b, w);
    if (!gh_batch_ok(b))
        return GH_STEP_FAIL;
    if (refused(b, w))
        return GH_STEP_DONE;
    gh_batch_query(b, "approve_plan", 4,
                   (const char *[]){gh_text_i64(b, w->audit_id), w->comment.p ? gh_text(b, w->comment) : NULL,
                                    gh_text_i64(b, b->jobs[0]->actor.user_id), gh_text_time(b, b->now_us)});
    if (supersede(b, w) != 0 || create(b, w) != 0)
        return GH_STEP_FAIL;
    gh_batch_query(b, "open_planned", 2,
                   (const char *[]){gh_text_i64(b, w->audit_id), gh_text_time(b, b->now_us)});
    return gh_batch_ok(b) ? GH_STEP_MORE : GH_STEP_FAIL;
}

static gh_step_t
answer(gh_batch_t *b, work_t *w)
{
    if (w->outcome.n_superseded > 0 && gh_close_finish(b, &w->close) != 0)
        return GH_STEP_FAIL;
    gh_decision_note(b, "schedule_audit", w->audit_id, 0,
                     (const gh_effect_t[]){{"sessions_made", (int64_t)w->outcome.n_created},
                                           {"sessions_kept", (int64_t)w->outcome.kept},
                                           {"sessions_replaced", (int64_t)w->outcome.n_superseded},
                                           {"appointments_cancelled", w->close.bookings},
                                           {0}});
    gh_decision_put(b, w->audit_id);
    return GH_STEP_DONE;
}

gh_step_t
gh_approve_plan(gh_batch_t *b)
{
    if (b->phase == 0)
        return ask(b);
    if (b->jobs[0]->done)
        return GH_STEP_DONE;
    return b->phase == 1 ? approve(b, b->state) : answer(b, b->state);
}
