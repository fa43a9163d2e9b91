/*
 * workers/clinical/pool.c - the pool of visits: a doctor's queue (api/08 section 8.3), and records of visits (api/07, api/11)
 */
#include "gen/sql_clinical.h"
#include "gen/sql_domain.h"
#include "workers/clinical/clinical.h"

/* Two who call at once: the second line behind the session's lock. */
static const struct gh_constraint_map queue_constraints[] = {
    {"registration_orders_calling_uq", GH_E_INVALID_TRANSITION},
    {"registration_orders_step_ck", GH_E_INVALID_TRANSITION},
    {NULL, GH_E_NONE}};

#define QUEUE(op, step_)                                                                                     \
    {                                                                                                        \
        .name = op, .kind = GH_OP_WRITE, .batch_max = 1, .step = step_, .constraints = queue_constraints     \
    }

static const gh_op_t ops[] = {
    {.name = "clinical.get_queue",
     .sql = "queue_show",
     .bind = {"query.schedule_id", "actor.doctor_id", "actor.roles", "tz", "today"}},
    QUEUE("clinical.call_next_patient", gh_queue_next),
    QUEUE("clinical.pass_patient", gh_queue_pass),
    QUEUE("clinical.complete_visit", gh_queue_complete),
    {.name = "clinical.get_own_health_record",
     .sql = "health_record",
     .bind = {"actor.patient_id", "tz", "today"},
     .sealed = true},
    {.name = "clinical.list_own_health_records",
     .sql = "list_visits",
     .bind = {"actor.patient_id", "query.page", "query.pageSize", "tz", "today"},
     .sealed = true},
    {.name = "clinical.get_own_visit",
     .sql = "own_visit",
     .bind = {"path.visitId", "actor.patient_id", "tz", "today"},
     .sealed = true},
    {.name = "clinical.get_visit_record",
     .sql = "visit_record",
     .bind = {"path.visit_id", "actor.patient_id", "actor.doctor_id", "actor.roles", "tz", "today"},
     .sealed = true},
    {0},
};

const gh_pool_t gh_pool_clinical = {
    .name = "clinical",
    .ops = ops,
    .sql = {gh_sql_clinical, gh_sql_domain},
    .sql_count = {&gh_sql_clinical_count, &gh_sql_domain_count},
};
