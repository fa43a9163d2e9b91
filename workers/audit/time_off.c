/*
 * workers/audit/time_off.c - time off on /api/v1: a leave request, approved at once for an administrator (AV-06, R-78)
 *
 *   phase 1   whose, when; read what the rules ask, lock the doctor's sessions in it
 *   phase 2   decide, write the request
 *   phase 3   an administrator's closes what it covers (leave_close.h)
 *   phase 4   answer
 */
#include <libpq-fe.h>
#include <stdio.h>

#include "base/timez.h"
#include "workers/audit/audit.h"
#include "workers/audit/leave_close.h"

typedef struct work {
    bool approved; /* it is the administrator's */
    bool cancel;   /* appointments do not stand in the way */
    gh_str_t reason;
    gh_leave_close_t closing;
    size_t at_facts, at_put;
    int64_t id;
} work_t;

enum { F_DOCTOR, F_TAKEN, F_BEGINS };

static gh_step_t
refuse(gh_batch_t *b, gh_err_t err)
{
    gh_job_refuse(b, b->jobs[0], err, NULL);
    return GH_STEP_DONE;
}

static gh_step_t
invalid(gh_batch_t *b, const char *field, const char *text)
{
    gh_job_invalid(b, b->jobs[0], field, "value_error", text);
    return GH_STEP_DONE;
}

static gh_step_t
ask(gh_batch_t *b)
{
    gh_wjob_t *job = b->jobs[0];
    work_t *w = gh_batch_alloc(b, sizeof *w);
    gh_leave_t *leave = &w->closing.leave;
    b->state = w;
    w->approved = job->actor.scopes & GH_SCOPE_ALL;
    w->cancel = gh_arg_bool(job->args, "body.cancel_appointments");
    bool me = gh_str_is(gh_arg_str(job->args, "path.id"), "me");
    w->closing.doctor_id = me ? job->actor.doctor_id : gh_arg_id(job->args, "path.id");
    if (me && w->closing.doctor_id == 0)
        return refuse(b, GH_E_PROFILE_NOT_FOUND);
    if (gh_day_parse(gh_arg_str(job->args, "body.from"), &leave->from) != 0 ||
        gh_day_parse(gh_arg_str(job->args, "body.to"), &leave->to) != 0 ||
        gh_shift_parse(gh_arg_str(job->args, "body.section"), &leave->shift) != 0)
        return GH_STEP_FAIL; /* the contract lets none pass */
    if (leave->to < leave->from)
        return invalid(b, "to", "must not lie before from");
    if (!gh_audit_text(b, "body.reason", &w->reason))
        return GH_STEP_DONE;
    w->at_facts = gh_batch_query(b, "leave_facts", 6,
                                 (const char *[]){gh_text_i64(b, w->closing.doctor_id),
                                                  gh_text_day(b, leave->from), gh_text_day(b, leave->to),
                                                  gh_shift_name(leave->shift), gh_tz_name(), "[]"});
    gh_leave_close_ask(b, &w->closing);
    return gh_batch_ok(b) ? GH_STEP_MORE : GH_STEP_FAIL;
}

/* True: refused. BR-60 binds a doctor; an administrator may send somebody home in the middle of a day, not of the past. */
static bool
refused(gh_batch_t *b, const work_t *w)
{
    const PGresult *facts = gh_batch_result(b, w->at_facts);
    const gh_leave_t *leave = &w->closing.leave;
    int32_t today = gh_tz_day(b->now_us);
    if (!gh_pg_bool(facts, 0, F_DOCTOR))
        refuse(b, GH_E_DOCTOR_NOT_FOUND);
    else if (!w->approved && w->closing.doctor_id != b->jobs[0]->actor.doctor_id)
        refuse(b, GH_E_NOT_OWNER);
    else if (w->approved && leave->to < today)
        invalid(b, "to", "lies in the past");
    else if (!w->approved &&
             gh_br60_in_time(leave, today, gh_pg_i64(facts, 0, F_BEGINS, 0), b->now_us) != GH_E_NONE)
        invalid(b, "from",
                leave->shift == GH_SHIFT_FULL ? "whole days are asked for the day before"
                                              : "the section has begun");
    else if (gh_pg_bool(facts, 0, F_TAKEN))
        refuse(b, GH_E_LEAVE_DUPLICATE);
    else if (w->closing.bookings > 0 && !w->cancel)
        refuse(b, GH_E_DOCTOR_HAS_APPOINTMENTS);
    else
        return false;
    return true;
}

static gh_step_t
put(gh_batch_t *b, work_t *w)
{
    const gh_leave_t *leave = &w->closing.leave;
    const char *by = w->approved ? gh_text_i64(b, b->jobs[0]->actor.user_id) : NULL;
    if (gh_leave_close_take(b, &w->closing) != 0)
        return GH_STEP_FAIL;
    if (refused(b, w))
        return GH_STEP_DONE;
    w->at_put = gh_batch_query(b, "put_leave", 8,
                               (const char *[]){gh_text_i64(b, w->closing.doctor_id),
                                                gh_text_day(b, leave->from), gh_text_day(b, leave->to),
                                                gh_shift_name(leave->shift), gh_text(b, w->reason), "[]",
                                                gh_text_time(b, b->now_us), by});
    return gh_batch_ok(b) ? GH_STEP_MORE : GH_STEP_FAIL;
}

static gh_step_t
close_sessions(gh_batch_t *b, work_t *w)
{
    const PGresult *r = gh_batch_result(b, w->at_put);
    w->id = gh_pg_i64(r, 0, 0, 0);
    gh_batch_audit(b, b->jobs[0],
                   &(gh_audit_t){.action = w->approved ? "leave_audit.grant" : "leave_audit.submit",
                                 .entity = "leave_audit",
                                 .entity_id = w->id,
                                 .changes = gh_text(b, gh_pg_str(r, 0, 1))});
    if (w->approved)
        gh_leave_close_begin(b, &w->closing, w->id, "staff", b->jobs[0]->actor.user_id);
    return gh_batch_ok(b) ? GH_STEP_MORE : GH_STEP_FAIL;
}

static gh_step_t
answer(gh_batch_t *b, work_t *w)
{
    if (w->approved && gh_leave_close_finish(b, &w->closing) != 0)
        return GH_STEP_FAIL;
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;
    gh_json_init(&j, &out);
    gh_json_obj(&j);
    gh_json_ki64(&j, "id", w->id);
    gh_json_kcstr(&j, "status", w->approved ? "approved" : "pending");
    gh_json_ki64(&j, "sessions", w->closing.sessions);
    gh_json_ki64(&j, "appointments", w->closing.bookings);
    gh_json_obj_end(&j);
    gh_job_ok(b, b->jobs[0], 0, gh_buf_view(&out));
    return GH_STEP_DONE;
}

gh_step_t
gh_request_time_off(gh_batch_t *b)
{
    if (b->phase == 0)
        return GH_STEP_MORE;
    if (b->jobs[0]->done)
        return GH_STEP_DONE;
    work_t *w = b->state;
    switch (b->phase) {
    case 1:
        return ask(b);
    case 2:
        return put(b, w);
    case 3:
        return close_sessions(b, w);
    default:
        return answer(b, w);
    }
}
