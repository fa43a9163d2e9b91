/*
 * workers/audit/pool.c - applications and their approval: operations of the pool (api/05, api/08 sections 8.4 to 8.7)
 */
#include "workers/audit/audit.h"
#include "workers/audit/leave_close.h"

#include <stdio.h>
#include <stdlib.h>

#include "gen/sql_audit.h"
#include "gen/sql_domain.h"

static const struct gh_constraint_map leave_constraints[] = {
    {"leave_audits_overlap_ex", GH_E_LEAVE_DUPLICATE}, {NULL, GH_E_NONE}};

/* A session made elsewhere at the same moment. */
static const struct gh_constraint_map plan_constraints[] = {
    {"schedules_doctor_section_uq", GH_E_SCHEDULE_OVERLAP},
    {"schedules_clinic_section_uq", GH_E_SCHEDULE_OVERLAP},
    {"schedules_doctor_free_ex", GH_E_SCHEDULE_OVERLAP},
    {"schedules_doctor_fk", GH_E_AUDIT_DOCTOR_INVALID},
    {NULL, GH_E_NONE}};

static const struct gh_constraint_map slot_constraints[] = {
    {"registration_orders_active_uq", GH_E_ADD_SLOT_ORDER_EXISTS},
    {"registration_orders_overlap_ex", GH_E_PATIENT_CONFLICT},
    {NULL, GH_E_NONE}};

/* One application a transaction: it is decided under its row lock. */
#define DECIDE(op, function, map)                                                                            \
    {                                                                                                        \
        .name = op, .kind = GH_OP_WRITE, .batch_max = 1, .step = function, .constraints = map                \
    }
#define REJECT(op, statement, head)                                                                          \
    {                                                                                                        \
        .name = op, .kind = GH_OP_WRITE, .sql = statement, .bind = {                                         \
            "path.audit_id",                                                                                 \
            "body.comment",                                                                                  \
            "actor.user_id",                                                                                 \
            "now",                                                                                           \
            "tz",                                                                                            \
            head                                                                                             \
        }                                                                                                    \
    }

static const gh_op_t ops[] = {
    /* administrators */
    {.name = "audit.list_schedule_audits", .sql = "schedule_audits", .bind = {"tz"}},
    {.name = "audit.get_schedule_audit", .sql = "schedule_audit", .bind = {"path.audit_id", "tz"}},
    DECIDE("audit.approve_schedule_audit", gh_approve_plan, plan_constraints),
    REJECT("audit.reject_schedule_audit", "reject_schedule_audit", NULL),
    {.name = "audit.list_leave_audits", .sql = "leave_audits", .bind = {"tz"}},
    {.name = "audit.get_leave_audit", .sql = "leave_audit", .bind = {"path.audit_id", "tz"}},
    DECIDE("audit.approve_leave_audit", gh_approve_leave, NULL),
    REJECT("audit.reject_leave_audit", "reject_leave_audit", "query.none"),
    {.name = "audit.list_add_slot_audits", .sql = "add_slot_audits", .bind = {"tz"}},
    DECIDE("audit.approve_add_slot_audit", gh_approve_add_slot, slot_constraints),
    REJECT("audit.reject_add_slot_audit", "reject_add_slot_audit", NULL),

    /* doctors; a place is added by administrators too */
    DECIDE("audit.add_slot", gh_ask_add_slot, slot_constraints),
    {.name = "audit.list_own_add_slots",
     .sql = "own_add_slots",
     .bind = {"actor.user_id", "actor.doctor_id", "tz"}},
    {.name = "audit.cancel_add_slot",
     .kind = GH_OP_WRITE,
     .sql = "withdraw_add_slot",
     .bind = {"path.audit_id", "actor.user_id"}},
    {.name = "audit.get_leave_calendar",
     .sql = "leave_calendar",
     .bind = {"query.year", "query.month", "actor.doctor_id", "today"}},
    DECIDE("audit.apply_leave", gh_apply_leave, leave_constraints),
    {.name = "audit.list_own_leave",
     .sql = "own_leave",
     .bind = {"actor.doctor_id", "query.status", "query.page", "query.pageSize", "tz"}},

    /* heads of department */
    {.name = "audit.get_approval_stats", .sql = "approval_stats", .bind = {"actor.dept_id", "today", "tz"}},
    {.name = "audit.list_department_leave",
     .sql = "department_leave",
     .bind = {"actor.dept_id", "query.status", "query.page", "query.page_size", "tz"}},
    {.name = "audit.get_department_leave",
     .sql = "department_leave_audit",
     .bind = {"path.audit_id", "actor.dept_id", "tz"}},
    DECIDE("audit.approve_department_leave", gh_approve_leave, NULL),
    REJECT("audit.reject_department_leave", "reject_leave_audit", "actor.doctor_id"),
    {.name = "audit.list_department_clinics",
     .sql = "department_clinics",
     .bind = {"actor.dept_id", "today"}},
    {.name = "audit.get_clinic_week",
     .sql = "clinic_week",
     .bind = {"query.clinicId", "query.startDate", "actor.dept_id"}},
    {.name = "audit.list_available_doctors",
     .sql = "available_doctors",
     .bind = {"query.clinicId", "query.date", "query.shift", "actor.dept_id"}},
    DECIDE("audit.submit_schedule_change", gh_submit_plan, NULL),

    /* /api/v1, and the durable job of large closings */
    DECIDE("audit.v1_request_time_off", gh_request_time_off, leave_constraints),
    {.name = "audit.close_leave", .kind = GH_OP_WRITE, .batch_max = 1, .step = gh_close_leave, .inner = true},
    {.name = NULL},
};

const gh_audit_state_t *
gh_audit_state(gh_worker_t *w)
{
    return gh_worker_state(w, &gh_pool_audit);
}

static void
stop(gh_worker_t *w)
{
    free(gh_worker_state(w, &gh_pool_audit));
    gh_worker_set_state(w, &gh_pool_audit, NULL);
}

static int
start(gh_worker_t *w)
{
    const gh_conf_t *conf = gh_worker_conf(w);
    gh_audit_state_t *state = calloc(1, sizeof *state);
    if (!state)
        return -1;
    gh_worker_set_state(w, &gh_pool_audit, state);
    snprintf(state->currency, sizeof state->currency, "%s", gh_conf_str(conf, "hospital.currency"));
    if (gh_order_key_load(gh_conf_str(conf, "order.number_key_file"), true, &state->key) == 0)
        return 0;
    stop(w);
    return -1;
}

const gh_pool_t gh_pool_audit = {.name = "audit",
                                 .ops = ops,
                                 .sql = {gh_sql_audit, gh_sql_domain},
                                 .sql_count = {&gh_sql_audit_count, &gh_sql_domain_count},
                                 .start = start,
                                 .stop = stop};
