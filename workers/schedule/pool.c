/*
 * workers/schedule/pool.c - the schedule pool's table of operations (api/04, api/23)
 */
#include "gen/sql_domain.h"
#include "gen/sql_schedule.h"
#include "workers/schedule/schedule.h"

/* What the locks have let through after all: two at once (session_rules.h says the same before). */
static const struct gh_constraint_map taken[] = {{"schedules_doctor_section_uq", GH_E_SCHEDULE_OVERLAP},
                                                 {"schedules_clinic_section_uq", GH_E_SCHEDULE_OVERLAP},
                                                 {"schedules_doctor_free_ex", GH_E_SCHEDULE_OVERLAP},
                                                 {"schedules_places_ck", GH_E_SLOTS_BELOW_BOOKED},
                                                 {NULL, GH_E_NONE}};

#define SESSION(op)                                                                                          \
    {                                                                                                        \
        .name = op, .kind = GH_OP_WRITE, .batch = "session", .batch_max = 1, .step = gh_session_step,        \
        .constraints = taken                                                                                 \
    }

static const gh_op_t ops[] = {
    SESSION("schedule.delete_schedule"),
    {0},
};

const gh_pool_t gh_pool_schedule = {
    .name = "schedule",
    .ops = ops,
    .sql = {gh_sql_schedule, gh_sql_domain},
    .sql_count = {&gh_sql_schedule_count, &gh_sql_domain_count},
};
