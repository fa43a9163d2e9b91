/*
 * workers/audit/plan.c - a head of department submits a week of a clinic (api/08 section 8.7; BR-50, BR-51)
 *
 *   phase 0   the changes; read the clinic, what it has in that week, doctors that do not exist
 *   phase 1   decide (plan_rules.h), write the application
 *   phase 2   answer with its id
 */
#include <libpq-fe.h>
#include <stdio.h>

#include "base/timez.h"
#include "workers/audit/audit.h"
#include "workers/audit/plan_rules.h"

typedef struct work {
    gh_plan_change_t *changes;
    size_t n;
    gh_err_t fault; /* of the changes themselves */
    int64_t clinic_id;
    int32_t monday;
    size_t at_clinic, at_now, at_strangers, at_put;
} work_t;

/* ---- what arrives */

static int
part_of(gh_str_t shift)
{
    return gh_str_is(shift, "morning") ? 0 : gh_str_is(shift, "afternoon") ? 1 : 2;
}

static void
parse(gh_batch_t *b, work_t *w)
{
    gh_mp_t args = b->jobs[0]->args, list = gh_mp_path(args, "body.changes");
    w->clinic_id = gh_arg_id(args, "body.clinicId");
    w->changes = gh_batch_alloc(b, (gh_mp_count(list) + 1) * sizeof *w->changes);
    for (gh_mp_iter_t it = gh_mp_iter(list); gh_batch_ok(b) && gh_mp_next(&it); w->n++) {
        gh_plan_change_t *c = &w->changes[w->n];
        c->part = part_of(gh_arg_str(it.value, "shift"));
        c->doctor_id = gh_arg_id(it.value, "doctorId");
        if (gh_day_parse(gh_arg_str(it.value, "date"), &c->day) != 0)
            w->fault = GH_E_SCHEDULE_CHANGE_DATE_INVALID;
    }
    if (w->n == 0)
        w->fault = GH_E_SCHEDULE_CHANGE_INVALID;
}

static gh_step_t
ask(gh_batch_t *b)
{
    work_t *w = gh_batch_alloc(b, sizeof *w);
    b->state = w;
    parse(b, w);
    if (!gh_batch_ok(b))
        return GH_STEP_FAIL;
    if (w->fault != GH_E_NONE)
        return GH_STEP_MORE;
    w->monday = gh_plan_week_of(w->changes, w->n);
    gh_pgarr_t doctors = {0};
    for (size_t i = 0; i < w->n; i++)
        if (w->changes[i].day < w->monday + GH_PLAN_DAYS)
            gh_pgarr_i64(&doctors, w->changes[i].doctor_id);
    const char *clinic = gh_text_i64(b, w->clinic_id), *named = gh_pgarr_literal(&doctors);
    w->at_clinic = gh_batch_query(b, "plan_clinic", 1, &clinic);
    w->at_now = gh_batch_query(b, "plan_now", 2, (const char *[]){clinic, gh_text_day(b, w->monday)});
    if (named)
        w->at_strangers = gh_batch_query(b, "plan_strangers", 1, &named);
    gh_pgarr_fini(&doctors);
    return named && gh_batch_ok(b) ? GH_STEP_MORE : GH_STEP_FAIL;
}

/* ---- what is decided */

static gh_plan_t
plan_now(gh_batch_t *b, const work_t *w)
{
    const PGresult *r = gh_batch_result(b, w->at_now);
    gh_plan_t now = {0};
    for (int i = 0; i < PQntuples(r); i++)
        now.doctor[gh_pg_i64(r, i, 0, 0)][gh_pg_i64(r, i, 1, 0)] = gh_pg_i64(r, i, 2, 0);
    return now;
}

/* True: refused. */
static bool
refused(gh_batch_t *b, const work_t *w, gh_plan_t *plan)
{
    gh_wjob_t *job = b->jobs[0];
    gh_err_t err = w->fault;
    if (err == GH_E_NONE) {
        const PGresult *clinic = gh_batch_result(b, w->at_clinic), *odd = gh_batch_result(b, w->at_strangers);
        gh_plan_t now = plan_now(b, w);
        if (PQntuples(clinic) == 0)
            err = GH_E_CLINIC_NOT_FOUND;
        else if (job->actor.dept_id == 0 || gh_pg_i64(clinic, 0, 0, 0) != job->actor.dept_id)
            err = GH_E_CLINIC_OTHER_DEPARTMENT;
        else if (PQntuples(odd) > 0) {
            gh_job_refuse(b, job, GH_E_AUDIT_DOCTOR_INVALID,
                          (const gh_error_arg_t[]){{"id", gh_pg_str(odd, 0, 0)}, {0}});
            return true;
        } else
            err = gh_plan_of_changes(w->changes, w->n, gh_tz_day(b->now_us), &now, plan);
        if (err == GH_E_NONE &&
            w->monday + gh_plan_last_new(plan, &now) > gh_tz_day(b->now_us) + gh_pg_i64(clinic, 0, 1, 0))
            err = GH_E_BEYOND_HORIZON;
    }
    if (err != GH_E_NONE)
        gh_job_refuse(b, job, err, NULL);
    return err != GH_E_NONE;
}

/* As it is stored: seven lists of three cells, null or {"doctor_id": 12}. */
static const char *
stored(gh_batch_t *b, const gh_plan_t *plan)
{
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;
    gh_json_init(&j, &out);
    gh_json_arr(&j);
    for (int day = 0; day < GH_PLAN_DAYS; day++) {
        gh_json_arr(&j);
        for (int part = 0; part < GH_PLAN_PARTS; part++) {
            if (!plan->doctor[day][part]) {
                gh_json_null(&j);
                continue;
            }
            gh_json_obj(&j);
            gh_json_ki64(&j, "doctor_id", plan->doctor[day][part]);
            gh_json_obj_end(&j);
        }
        gh_json_arr_end(&j);
    }
    gh_json_arr_end(&j);
    return gh_buf_ok(&out) ? gh_text(b, gh_buf_view(&out)) : NULL;
}

static gh_step_t
write_plan(gh_batch_t *b, work_t *w)
{
    gh_plan_t plan;
    if (refused(b, w, &plan))
        return GH_STEP_DONE;
    const gh_actor_t *head = &b->jobs[0]->actor;
    const char *cells = stored(b, &plan);
    if (!cells)
        return GH_STEP_FAIL;
    w->at_put = gh_batch_query(b, "submit_plan", 6,
                               (const char *[]){gh_text_i64(b, head->dept_id), gh_text_i64(b, w->clinic_id),
                                                gh_text_i64(b, head->doctor_id), gh_text_day(b, w->monday),
                                                cells, gh_text_time(b, b->now_us)});
    return gh_batch_ok(b) ? GH_STEP_MORE : GH_STEP_FAIL;
}

static gh_step_t
answer(gh_batch_t *b, const work_t *w)
{
    const PGresult *r = gh_batch_result(b, w->at_put);
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;
    gh_json_init(&j, &out);
    gh_json_obj(&j);
    gh_json_kcstr(&j, "msg", "申请已提交，等待审核");
    gh_json_ki64(&j, "auditId", gh_pg_i64(r, 0, 0, 0));
    gh_json_obj_end(&j);
    gh_job_ok(b, b->jobs[0], 0, gh_buf_view(&out));
    gh_batch_audit(b, b->jobs[0],
                   &(gh_audit_t){.action = "schedule_audit.submit",
                                 .entity = "schedule_audit",
                                 .entity_id = gh_pg_i64(r, 0, 0, 0),
                                 .changes = gh_text(b, gh_pg_str(r, 0, 1))});
    return GH_STEP_DONE;
}

gh_step_t
gh_submit_plan(gh_batch_t *b)
{
    if (b->phase == 0)
        return ask(b);
    if (b->jobs[0]->done)
        return GH_STEP_DONE;
    return b->phase == 1 ? write_plan(b, b->state) : answer(b, b->state);
}
