/*
 * workers/audit/approve_leave.c - leave is approved, by an administrator or the head of the department
 *
 *   phase 0   lock the application
 *   phase 1   may it be approved? lock the doctor's sessions in it
 *   phase 2   approve; what it covers closes with its orders (leave_close.h)
 *   phase 3   answer
 */
#include <libpq-fe.h>

#include "workers/audit/audit.h"
#include "workers/audit/leave_close.h"

typedef struct work {
    int64_t audit_id;
    bool head; /* the operation of heads */
    gh_str_t comment;
    gh_leave_close_t closing;
    size_t at_hold;
} work_t;

enum { H_STATUS, H_DOCTOR, H_DEPT, H_FROM, H_TO, H_SHIFT };

static gh_step_t
hold(gh_batch_t *b)
{
    gh_wjob_t *job = b->jobs[0];
    work_t *w = gh_batch_alloc(b, sizeof *w);
    b->state = w;
    w->audit_id = gh_arg_id(job->args, "path.audit_id");
    w->head = gh_str_is(job->head.op, "audit.approve_department_leave");
    const char *id = gh_text_i64(b, w->audit_id);
    w->at_hold = gh_batch_query(b, "hold_leave", 1, &id);
    return gh_batch_ok(b) ? GH_STEP_MORE : GH_STEP_FAIL;
}

/* BR-49, BR-62: both say what they refuse in words of their own. */
static gh_err_t
may_approve(const work_t *w, const gh_actor_t *actor, const PGresult *r)
{
    if (PQntuples(r) == 0)
        return w->head ? GH_E_LEAVE_APPLICATION_NOT_FOUND : GH_E_LEAVE_AUDIT_NOT_FOUND;
    if (w->head && (actor->dept_id == 0 || gh_pg_i64(r, 0, H_DEPT, 0) != actor->dept_id))
        return GH_E_LEAVE_OTHER_DEPARTMENT;
    if (!gh_str_is(gh_pg_str(r, 0, H_STATUS), "pending"))
        return w->head ? GH_E_LEAVE_NOT_APPROVABLE : GH_E_AUDIT_ALREADY_DECIDED;
    return GH_E_NONE;
}

static gh_step_t
hold_sessions(gh_batch_t *b, work_t *w)
{
    const PGresult *r = gh_batch_result(b, w->at_hold);
    gh_err_t err = may_approve(w, &b->jobs[0]->actor, r);
    if (err != GH_E_NONE) {
        gh_decision_refuse(b, err, PQntuples(r) ? gh_pg_str(r, 0, H_STATUS) : (gh_str_t){0});
        return GH_STEP_DONE;
    }
    if (!gh_audit_text(b, "body.comment", &w->comment))
        return GH_STEP_DONE;
    gh_leave_t *leave = &w->closing.leave;
    w->closing.doctor_id = gh_pg_i64(r, 0, H_DOCTOR, 0);
    leave->from = (int32_t)gh_pg_i64(r, 0, H_FROM, 0);
    leave->to = (int32_t)gh_pg_i64(r, 0, H_TO, 0);
    if (gh_shift_parse(gh_pg_str(r, 0, H_SHIFT), &leave->shift) != 0)
        return GH_STEP_FAIL;
    gh_leave_close_ask(b, &w->closing);
    return gh_batch_ok(b) ? GH_STEP_MORE : GH_STEP_FAIL;
}

static gh_step_t
approve(gh_batch_t *b, work_t *w)
{
    const gh_actor_t *actor = &b->jobs[0]->actor;
    if (gh_leave_close_take(b, &w->closing) != 0)
        return GH_STEP_FAIL;
    gh_batch_query(b, "approve_leave", 4,
                   (const char *[]){gh_text_i64(b, w->audit_id), w->comment.p ? gh_text(b, w->comment) : NULL,
                                    gh_text_i64(b, actor->user_id), gh_text_time(b, b->now_us)});
    gh_leave_close_begin(b, &w->closing, w->audit_id, w->head ? "doctor" : "staff", actor->user_id);
    return gh_batch_ok(b) ? GH_STEP_MORE : GH_STEP_FAIL;
}

static gh_step_t
answer(gh_batch_t *b, work_t *w)
{
    if (gh_leave_close_finish(b, &w->closing) != 0)
        return GH_STEP_FAIL;
    gh_decision_note(
        b, "leave_audit", w->audit_id, 0,
        (const gh_effect_t[]){
            {"sessions_closed", w->closing.sessions},
            {w->closing.later ? "appointments_to_cancel" : "appointments_cancelled", w->closing.bookings},
            {0}});
    gh_decision_put(b, w->audit_id);
    return GH_STEP_DONE;
}

gh_step_t
gh_approve_leave(gh_batch_t *b)
{
    if (b->phase == 0)
        return hold(b);
    if (b->jobs[0]->done)
        return GH_STEP_DONE;
    work_t *w = b->state;
    return b->phase == 1 ? hold_sessions(b, w) : b->phase == 2 ? approve(b, w) : answer(b, w);
}
