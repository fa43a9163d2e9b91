/*
 * workers/audit/add_slot.c - a place is added to a session: by an administrator at once, for a doctor as an application, and with
 * its approval (BR-64..BR-66)
 *
 *   phase 1   who asks? a doctor: read what the application needs; an administrator: lock and read (added.c)
 *   phase 2   decide and write
 *   phase 3   a doctor is told the application's id
 * An approval locks the application in phase 0 and goes on like an administrator.
 */
#include "workers/audit/add_slot.h"

#include <libpq-fe.h>
#include <stdio.h>

typedef struct work {
    bool apply;
    gh_add_slot_t added;
    int64_t audit_id; /* of an approval */
    gh_str_t comment;
    size_t at_hold, at_facts, at_put;
} work_t;

enum { F_DOCTOR, F_OPEN, F_ENDS, F_PATIENT };
enum { H_STATUS, H_SCHEDULE, H_PATIENT, H_SLOT_TYPE, H_REASON, H_APPLICANT };

/* ---- asked for */

/* False: the job was refused. */
static bool
parse(gh_batch_t *b, work_t *w)
{
    gh_wjob_t *job = b->jobs[0];
    w->added.schedule_id = gh_arg_id(job->args, "body.schedule_id");
    w->added.patient_id = gh_arg_id(job->args, "body.patient_id");
    w->added.slot_type = gh_arg_str(job->args, "body.slot_type");
    w->added.initiator_id = job->actor.user_id;
    w->added.no_patient = GH_E_PATIENT_NOT_REGISTERED;
    return gh_audit_text(b, "body.reason", &w->added.reason);
}

static gh_step_t
ask(gh_batch_t *b)
{
    gh_wjob_t *job = b->jobs[0];
    work_t *w = gh_batch_alloc(b, sizeof *w);
    b->state = w;
    bool admin = job->actor.roles & (GH_ROLE_ADMIN | GH_ROLE_SUPERUSER);
    w->apply = !admin;
    if (!admin && (!(job->actor.roles & GH_ROLE_DOCTOR) || job->actor.doctor_id == 0)) {
        gh_job_refuse(b, job, GH_E_ADD_SLOT_DOCTOR_REQUIRED, NULL);
        return GH_STEP_DONE;
    }
    if (!parse(b, w))
        return GH_STEP_DONE;
    if (admin)
        gh_add_slot_ask(b, &w->added);
    else
        w->at_facts = gh_batch_query(
            b, "add_slot_facts", 2,
            (const char *[]){gh_text_i64(b, w->added.schedule_id), gh_text_i64(b, w->added.patient_id)});
    return gh_batch_ok(b) ? GH_STEP_MORE : GH_STEP_FAIL;
}

static void
say(gh_batch_t *b, const char *detail, const char *member, int64_t id)
{
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;
    gh_json_init(&j, &out);
    gh_json_obj(&j);
    gh_json_kcstr(&j, "detail", detail);
    gh_json_ki64(&j, member, id);
    gh_json_obj_end(&j);
    gh_job_ok(b, b->jobs[0], 0, gh_buf_view(&out));
}

/* ---- by an administrator */

/* A member that had no value before. */
static void
made_with(gh_json_t *j, const char *member, gh_str_t text, int64_t number)
{
    gh_json_key(j, member);
    gh_json_arr(j);
    gh_json_null(j);
    if (number)
        gh_json_i64(j, number);
    else
        gh_json_str(j, text);
    gh_json_arr_end(j);
}

static void
note_added(gh_batch_t *b, const gh_add_slot_t *a)
{
    gh_buf_t text GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;
    gh_json_init(&j, &text);
    gh_json_obj(&j);
    made_with(&j, "schedule_id", (gh_str_t){0}, a->schedule_id);
    made_with(&j, "patient_id", (gh_str_t){0}, a->patient_id);
    made_with(&j, "slot_type", a->slot_type, 0);
    if (a->reason.p)
        made_with(&j, "reason", a->reason, 0);
    gh_json_obj_end(&j);
    gh_batch_audit(b, b->jobs[0],
                   &(gh_audit_t){.action = "add_slot.create",
                                 .entity = "appointment",
                                 .entity_id = a->order_id,
                                 .patient_id = a->patient_id,
                                 .changes = gh_buf_ok(&text) ? gh_buf_cstr(&text) : NULL});
}

static gh_step_t
carry_out(gh_batch_t *b, work_t *w)
{
    if (!gh_add_slot_carry_out(b, &w->added))
        return GH_STEP_DONE;
    note_added(b, &w->added);
    say(b, "加号记录已创建", "order_id", w->added.order_id);
    return gh_batch_ok(b) ? GH_STEP_DONE : GH_STEP_FAIL;
}

/* ---- by a doctor */

static gh_err_t
may_apply(const gh_batch_t *b, const PGresult *facts)
{
    int64_t doctor_id = gh_pg_i64(facts, 0, F_DOCTOR, 0);
    if (doctor_id == 0)
        return GH_E_SCHEDULE_NOT_FOUND;
    if (doctor_id != b->jobs[0]->actor.doctor_id)
        return GH_E_ADD_SLOT_FOREIGN_SCHEDULE;
    if (!gh_pg_bool(facts, 0, F_PATIENT))
        return GH_E_PATIENT_NOT_REGISTERED;
    if (!gh_pg_bool(facts, 0, F_OPEN))
        return GH_E_SESSION_SUSPENDED;
    return gh_pg_i64(facts, 0, F_ENDS, 0) > b->now_us ? GH_E_NONE : GH_E_APPOINTMENT_IN_PAST;
}

static gh_step_t
apply(gh_batch_t *b, work_t *w)
{
    const gh_actor_t *actor = &b->jobs[0]->actor;
    gh_err_t err = may_apply(b, gh_batch_result(b, w->at_facts));
    if (err != GH_E_NONE) {
        gh_job_refuse(b, b->jobs[0], err, NULL);
        return GH_STEP_DONE;
    }
    w->at_put = gh_batch_query(
        b, "put_add_slot", 7,
        (const char *[]){gh_text_i64(b, w->added.schedule_id), gh_text_i64(b, actor->doctor_id),
                         gh_text_i64(b, w->added.patient_id), gh_text(b, w->added.slot_type),
                         w->added.reason.p ? gh_text(b, w->added.reason) : NULL,
                         gh_text_i64(b, actor->user_id), gh_text_time(b, b->now_us)});
    return gh_batch_ok(b) ? GH_STEP_MORE : GH_STEP_FAIL;
}

static gh_step_t
answer(gh_batch_t *b, const work_t *w)
{
    const PGresult *r = gh_batch_result(b, w->at_put);
    if (PQntuples(r) == 0) {
        gh_job_refuse(b, b->jobs[0], GH_E_ADD_SLOT_ALREADY_APPROVED, NULL);
        return GH_STEP_DONE;
    }
    gh_batch_audit(b, b->jobs[0],
                   &(gh_audit_t){.action = "add_slot_audit.submit",
                                 .entity = "add_slot_audit",
                                 .entity_id = gh_pg_i64(r, 0, 0, 0),
                                 .patient_id = w->added.patient_id,
                                 .changes = gh_text(b, gh_pg_str(r, 0, 2))});
    say(b, gh_pg_bool(r, 0, 1) ? "加号申请已更新，等待审核" : "加号申请已提交，等待审核", "audit_id",
        gh_pg_i64(r, 0, 0, 0));
    return GH_STEP_DONE;
}

gh_step_t
gh_ask_add_slot(gh_batch_t *b)
{
    if (b->phase == 0)
        return GH_STEP_MORE;
    if (b->jobs[0]->done)
        return GH_STEP_DONE;
    work_t *w = b->state;
    if (b->phase == 1)
        return ask(b);
    if (!w->apply)
        return carry_out(b, w);
    return b->phase == 2 ? apply(b, w) : answer(b, w);
}

/* ---- approved */

static gh_step_t
hold(gh_batch_t *b)
{
    work_t *w = gh_batch_alloc(b, sizeof *w);
    b->state = w;
    w->audit_id = gh_arg_id(b->jobs[0]->args, "path.audit_id");
    const char *id = gh_text_i64(b, w->audit_id);
    w->at_hold = gh_batch_query(b, "hold_add_slot", 1, &id);
    return gh_batch_ok(b) ? GH_STEP_MORE : GH_STEP_FAIL;
}

static gh_step_t
ask_approved(gh_batch_t *b, work_t *w)
{
    const PGresult *r = gh_batch_result(b, w->at_hold);
    if (PQntuples(r) == 0 || !gh_str_is(gh_pg_str(r, 0, H_STATUS), "pending")) {
        gh_decision_refuse(b, PQntuples(r) ? GH_E_AUDIT_ALREADY_DECIDED : GH_E_ADD_SLOT_AUDIT_NOT_FOUND,
                           PQntuples(r) ? gh_pg_str(r, 0, H_STATUS) : (gh_str_t){0});
        return GH_STEP_DONE;
    }
    if (!gh_audit_text(b, "body.comment", &w->comment))
        return GH_STEP_DONE;
    gh_str_t reason = gh_pg_str(r, 0, H_REASON);
    w->added = (gh_add_slot_t){.schedule_id = gh_pg_i64(r, 0, H_SCHEDULE, 0),
                               .patient_id = gh_pg_i64(r, 0, H_PATIENT, 0),
                               .slot_type = gh_batch_dup(b, gh_pg_str(r, 0, H_SLOT_TYPE)),
                               .reason = reason.p ? gh_batch_dup(b, reason) : reason,
                               .initiator_id = gh_pg_i64(r, 0, H_APPLICANT, 0),
                               .no_patient = GH_E_ADD_SLOT_PATIENT_NOT_FOUND};
    gh_add_slot_ask(b, &w->added);
    return gh_batch_ok(b) ? GH_STEP_MORE : GH_STEP_FAIL;
}

static gh_step_t
approve(gh_batch_t *b, work_t *w)
{
    if (!gh_add_slot_carry_out(b, &w->added))
        return GH_STEP_DONE;
    gh_batch_query(b, "approve_add_slot", 4,
                   (const char *[]){gh_text_i64(b, w->audit_id), w->comment.p ? gh_text(b, w->comment) : NULL,
                                    gh_text_i64(b, b->jobs[0]->actor.user_id), gh_text_time(b, b->now_us)});
    gh_decision_note(b, "add_slot_audit", w->audit_id, w->added.patient_id,
                     (const gh_effect_t[]){{"order_id", w->added.order_id}, {0}});
    gh_decision_put(b, w->audit_id);
    return gh_batch_ok(b) ? GH_STEP_DONE : GH_STEP_FAIL;
}

gh_step_t
gh_approve_add_slot(gh_batch_t *b)
{
    if (b->phase == 0)
        return hold(b);
    if (b->jobs[0]->done)
        return GH_STEP_DONE;
    return b->phase == 1 ? ask_approved(b, b->state) : approve(b, b->state);
}
