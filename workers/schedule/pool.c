/*
 * workers/schedule/pool.c - the schedule pool's table of operations (api/04, api/23)
 */
#include "gen/sql_domain.h"
#include "gen/sql_schedule.h"
#include "workers/schedule/schedule.h"

/* What the locks have let through after all: two at once (session_rules.h says the same before). */
#define IN_THE_WAY                                                                                           \
    {"schedules_doctor_section_uq", GH_E_SCHEDULE_OVERLAP},                                                  \
        {"schedules_clinic_section_uq", GH_E_SCHEDULE_OVERLAP},                                              \
        {"schedules_doctor_free_ex", GH_E_SCHEDULE_OVERLAP},                                                 \
    {                                                                                                        \
        "schedules_places_ck", GH_E_SLOTS_BELOW_BOOKED                                                       \
    }
static const struct gh_constraint_map code_taken[] = {IN_THE_WAY,
                                                      {"schedules_doctor_fk", GH_E_DOCTOR_INVALID},
                                                      {"schedules_clinic_fk", GH_E_CLINIC_INVALID},
                                                      {NULL, GH_E_NONE}};
static const struct gh_constraint_map v1_taken[] = {
    IN_THE_WAY,
    {"schedules_doctor_fk", GH_E_DOCTOR_NOT_FOUND},
    {"schedules_clinic_fk", GH_E_CLINIC_NOT_FOUND},
    {"availability_rules_overlap_ex", GH_E_AVAILABILITY_OVERLAP},
    {"availability_rules_clinic_fk", GH_E_CLINIC_NOT_FOUND},
    {NULL, GH_E_NONE}};

#define SESSION(op, taken)                                                                                   \
    {                                                                                                        \
        .name = op, .kind = GH_OP_WRITE, .batch = "session", .batch_max = 1, .step = gh_session_step,        \
        .constraints = taken                                                                                 \
    }
#define AVAILABILITY(op)                                                                                     \
    {                                                                                                        \
        .name = op, .kind = GH_OP_WRITE, .batch = "availability", .batch_max = 1,                            \
        .step = gh_availability_step, .constraints = v1_taken                                                \
    }

static const gh_op_t ops[] = {
    SESSION("schedule.create_schedule", code_taken),
    SESSION("schedule.update_schedule", code_taken),
    SESSION("schedule.delete_schedule", code_taken),
    {.name = "schedule.list_department_schedules",
     .sql = "department_schedules",
     .bind = {"path.dept_id", "query.start_date", "query.end_date", "tz"}},
    {.name = "schedule.list_doctor_schedules",
     .sql = "doctor_schedules",
     .bind = {"path.doctor_id", "query.start_date", "query.end_date", "tz"}},
    {.name = "schedule.list_clinic_schedules",
     .sql = "clinic_schedules",
     .bind = {"path.clinic_id", "query.start_date", "query.end_date", "tz"}},
    {.name = "schedule.list_doctor_schedules_today",
     .sql = "doctor_schedules_today",
     .bind = {"path.doctor_id", "today"}},
    SESSION("schedule.v1_create_session", v1_taken),
    SESSION("schedule.v1_update_session", v1_taken),
    SESSION("schedule.v1_delete_session", v1_taken),
    {.name = "schedule.v1_list_sessions",
     .sql = "v1_list_sessions",
     .bind = {"query", "actor.roles", "tz", "conf.hospital.currency"}},
    {.name = "schedule.v1_get_session",
     .sql = "v1_get_session",
     .bind = {"path.id", "query.slots", "now", "tz", "conf.hospital.currency"}},
    {.name = "schedule.v1_get_availability",
     .sql = "v1_get_availability",
     .bind = {"path.id", "query.from", "query.to", "query.slot_type", "query.only_free", "now", "today", "tz",
              "conf.hospital.currency"}},
    AVAILABILITY("schedule.v1_add_availability"),
    AVAILABILITY("schedule.v1_replace_availability"),
    AVAILABILITY("schedule.v1_update_availability_rule"),
    AVAILABILITY("schedule.v1_delete_availability_rule"),
    {0},
};

const gh_pool_t gh_pool_schedule = {
    .name = "schedule",
    .ops = ops,
    .sql = {gh_sql_schedule, gh_sql_domain},
    .sql_count = {&gh_sql_schedule_count, &gh_sql_domain_count},
    .start = gh_extend_start,
    .stop = gh_extend_stop,
    .tick = gh_extend_tick,
};
