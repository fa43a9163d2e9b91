/*
 * workers/system/pool.c - settings that administrators change, and the record of what was changed
 */
#include "gen/sql_system.h"
#include "workers/system/system.h"

static const gh_op_t ops[] = {
    {.name = "system.get_config", .sql = "code_config"},
    {.name = "system.update_config",
     .kind = GH_OP_WRITE,
     .sql = "code_update_config",
     .bind = {"body", "actor.user_id", "now"}},
    {.name = "system.get_consultation_config",
     .sql = "code_consultation_config",
     .bind = {"query.scope_type", "query.scope_id", "tz"}},
    {.name = "system.update_consultation_config",
     .kind = GH_OP_WRITE,
     .sql = "code_update_consultation_config",
     .bind = {"query.scope_type", "query.scope_id", "query.max_pass_count", "actor.user_id", "now"}},
    {.name = "system.v1_list_config", .batch_max = 1, .step = gh_list_settings},
    {.name = "system.v1_update_config", .kind = GH_OP_WRITE, .batch_max = 1, .step = gh_change_settings},
    {.name = "system.v1_get_statistics",
     .sql = "v1_system_statistics",
     .bind = {"query.from", "query.to", "today", "tz"}},
    {.name = "system.v1_set_log_level", .kind = GH_OP_WRITE, .batch_max = 1, .step = gh_change_log_level},
    {.name = "system.v1_flush_cache", .kind = GH_OP_TASK, .batch_max = 1, .step = gh_flush_caches},
    {.name = "system.note_flush",
     .kind = GH_OP_TASK,
     .sql = "note_flush",
     .bind = {"body.flush", "body.process", "body.entries", "now"},
     .inner = true},
    {.name = "system.v1_list_audit_log",
     .sql = "v1_audit_log",
     .bind = {"query", "tz", "query.actor_id", "query.action", "query.entity", "query.entity_id",
              "query.patient_id", "query.outcome", "query.q"}},
    {.name = "system.v1_verify_audit_log", .batch_max = 1, .step = gh_verify_audit_log},
    {.name = "system.v1_create_backup", .kind = GH_OP_WRITE, .batch_max = 1, .step = gh_ask_backup},
    {.name = "system.v1_list_backups", .batch_max = 1, .step = gh_list_backups},
    {.name = "system.run_backup", .kind = GH_OP_TASK, .batch_max = 1, .step = gh_run_backup, .inner = true},
    {0},
};

static void
tick(gh_worker_t *w)
{
    gh_backups_tick(w);
    gh_gauges_tick(w);
}

const gh_pool_t gh_pool_system = {
    .name = "system",
    .ops = ops,
    .sql = {gh_sql_system},
    .sql_count = {&gh_sql_system_count},
    .start = gh_backups_start,
    .stop = gh_backups_stop,
    .tick = tick,
};
