/*
 * workers/audit/leave_close.c - see leave_close.h
 */
#include "workers/audit/leave_close.h"

#include <libpq-fe.h>
#include <stdio.h>

#include "base/timez.h"
#include "domain/later.h"
#include "workers/audit/audit.h"

#define REASON "医生请假" /* what orders and the people concerned are told */
#define STEP   500        /* orders of one run of the durable job, and the rest of the last session */

enum { S_ID, S_DAY, S_PART, S_ENDS, S_OPEN };

/* ---- with the approval */

void
gh_leave_close_ask(gh_batch_t *b, gh_leave_close_t *c)
{
    const char *const params[] = {gh_text_i64(b, c->doctor_id), gh_text_day(b, c->leave.from),
                                  gh_text_day(b, c->leave.to)};
    c->at_sessions = gh_batch_query(b, "hold_doctor_sessions", 3, params);
    c->at_bookings = gh_batch_query(b, "leave_bookings", 3, params);
}

static void
count(gh_leave_close_t *c, const PGresult *r, int64_t session_id)
{
    for (int i = 0; i < PQntuples(r); i++)
        if (gh_pg_i64(r, i, 0, 0) == session_id) {
            c->bookings += gh_pg_i64(r, i, 1, 0);
            c->waiting += gh_pg_i64(r, i, 2, 0);
        }
}

int
gh_leave_close_take(gh_batch_t *b, gh_leave_close_t *c)
{
    const PGresult *r = gh_batch_result(b, c->at_sessions), *held = gh_batch_result(b, c->at_bookings);
    gh_pgarr_t ids = {0};
    for (int i = 0; i < PQntuples(r); i++) {
        gh_leave_session_t s = {.id = gh_pg_i64(r, i, S_ID, 0),
                                .day = (int32_t)gh_pg_i64(r, i, S_DAY, 0),
                                .part = (int)gh_pg_i64(r, i, S_PART, 0),
                                .ends_us = gh_pg_i64(r, i, S_ENDS, 0),
                                .open = gh_pg_bool(r, i, S_OPEN)};
        if (!gh_br57_closes(&c->leave, &s, b->now_us))
            continue;
        gh_pgarr_i64(&ids, s.id);
        count(c, held, s.id);
    }
    c->sessions = (int64_t)ids.count;
    const char *literal = gh_pgarr_literal(&ids);
    c->close.sessions = literal ? gh_text(b, gh_str(literal)) : NULL;
    gh_pgarr_fini(&ids);
    return c->close.sessions ? 0 : -1;
}

static void
job_key(int64_t audit_id, char out[48])
{
    snprintf(out, 48, "leave:%lld", (long long)audit_id);
}

static void
put_job(gh_batch_t *b, const gh_leave_close_t *c, int64_t audit_id, const char *by)
{
    char key[48];
    gh_buf_t args GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_mpw_map(&args, 3);
    gh_mpw_cstr(&args, "audit_id");
    gh_mpw_int(&args, audit_id);
    gh_mpw_cstr(&args, "total");
    gh_mpw_int(&args, c->bookings + c->waiting);
    gh_mpw_cstr(&args, "by");
    gh_mpw_cstr(&args, by);
    job_key(audit_id, key);
    gh_later_put(b,
                 &(gh_later_t){.kind = "maintenance",
                               .op = "audit.close_leave",
                               .service = "audit",
                               .args = gh_buf_view(&args),
                               .unique_key = key,
                               .priority = GH_PRIO_NORMAL,
                               .budget_ms = 10000},
                 NULL);
}

void
gh_leave_close_begin(gh_batch_t *b, gh_leave_close_t *c, int64_t audit_id, const char *by, int64_t user_id)
{
    c->close.mode = GH_CLOSE_SUSPEND;
    c->close.by = by;
    c->close.user_id = user_id;
    c->close.reason = REASON;
    c->later = c->bookings + c->waiting > gh_conf_int(gh_worker_conf(b->worker), "audit.close_at_once");
    if (c->sessions == 0)
        return;
    if (!c->later) {
        gh_close_begin(b, &c->close);
        return;
    }
    gh_batch_query(b, "suspend_sessions", 2, (const char *[]){c->close.sessions, gh_text_time(b, b->now_us)});
    put_job(b, c, audit_id, by);
}

int
gh_leave_close_finish(gh_batch_t *b, gh_leave_close_t *c)
{
    return c->sessions > 0 && !c->later ? gh_close_finish(b, &c->close) : 0;
}

/* ---- the durable job: some hundred orders a run, then its row goes back into the queue with the progress made */

typedef struct rest {
    int64_t audit_id, total, left;
    gh_close_t close;
    size_t at;
} rest_t;

static gh_step_t
find(gh_batch_t *b)
{
    rest_t *w = gh_batch_alloc(b, sizeof *w);
    gh_mp_t args = b->jobs[0]->args;
    int64_t total;
    b->state = w;
    w->audit_id = gh_arg_id(args, "audit_id");
    w->total = gh_mp_int(gh_mp_get(args, "total"), &total) && total > 0 ? total : 1;
    w->close = (gh_close_t){.mode = GH_CLOSE_SUSPEND,
                            .by = gh_str_is(gh_arg_str(args, "by"), "doctor") ? "doctor" : "staff",
                            .reason = REASON};
    w->at = gh_batch_query(b, "leave_rest", 2,
                           (const char *[]){gh_text_i64(b, w->audit_id), gh_text_i64(b, STEP)});
    return gh_batch_ok(b) ? GH_STEP_MORE : GH_STEP_FAIL;
}

static gh_step_t
answer(gh_batch_t *b, const rest_t *w)
{
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_buf_printf(&out, "{\"audit_id\":%lld,\"cancelled\":%lld,\"left\":%lld}", (long long)w->audit_id,
                  (long long)w->close.bookings + w->close.waiting, (long long)w->left);
    gh_job_ok(b, b->jobs[0], 0, gh_buf_view(&out));
    return GH_STEP_DONE;
}

static gh_step_t
close_some(gh_batch_t *b, rest_t *w)
{
    const PGresult *r = gh_batch_result(b, w->at);
    gh_str_t ids = gh_pg_str(r, 0, 0);
    if (!ids.p) {
        gh_job_no_effect(b->jobs[0]);
        return answer(b, w);
    }
    w->left = gh_pg_i64(r, 0, 1, 0);
    w->close.sessions = gh_text(b, ids);
    w->close.user_id = gh_pg_i64(r, 0, 2, 0);
    gh_batch_query(b, "hold_sessions", 1, &w->close.sessions);
    gh_close_begin(b, &w->close);
    return gh_batch_ok(b) ? GH_STEP_MORE : GH_STEP_FAIL;
}

static gh_step_t
finish(gh_batch_t *b, rest_t *w)
{
    char key[48];
    if (gh_close_finish(b, &w->close) != 0)
        return GH_STEP_FAIL;
    job_key(w->audit_id, key);
    if (w->left > 0)
        gh_later_again(b, key, (int)(100 * (w->total - w->left) / w->total));
    answer(b, w);
    return gh_batch_ok(b) ? GH_STEP_DONE : GH_STEP_FAIL;
}

gh_step_t
gh_close_leave(gh_batch_t *b)
{
    if (b->phase == 0)
        return find(b);
    if (b->jobs[0]->done)
        return GH_STEP_DONE;
    return b->phase == 1 ? close_some(b, b->state) : finish(b, b->state);
}
