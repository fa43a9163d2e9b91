/*
 * workers/notify/pool.c - the pool between the hospital and people: feedback, what doctors want to be told
 */
#include "workers/notify/pool.h"

#include "gen/sql_notify.h"

static const gh_op_t ops[] = {
    {.name = "notify.create_feedback",
     .kind = GH_OP_WRITE,
     .sql = "feedback_create",
     .bind = {"body", "actor.user_id", "now", "tz"}},
    {.name = "notify.list_own_feedback", .sql = "feedback_list", .bind = {"actor.user_id", "tz"}},
    {.name = "notify.get_own_feedback",
     .sql = "feedback_get",
     .bind = {"path.feedback_id", "actor.user_id", "tz"}},
    {.name = "notify.list_feedback", .sql = "feedback_list", .bind = {"query.none", "tz"}},
    {.name = "notify.set_feedback_status",
     .kind = GH_OP_WRITE,
     .sql = "feedback_status",
     .bind = {"path.feedback_id", "body.status", "now"}},
    {.name = "notify.get_doctor_settings", .sql = "doctor_settings", .bind = {"actor.doctor_id"}},
    {.name = "notify.set_doctor_settings",
     .kind = GH_OP_WRITE,
     .sql = "doctor_settings_set",
     .bind = {"actor.doctor_id", "body", "now"}},
    {0},
};

const gh_pool_t gh_pool_notify = {
    .name = "notify",
    .ops = ops,
    .sql = {gh_sql_notify},
    .sql_count = {&gh_sql_notify_count},
};
