/*
 * workers/stats/pool.c - the pool that counts: requests recorded, visits
 */
#include "gen/sql_stats.h"
#include "workers/stats/stats.h"

static const gh_op_t ops[] = {
    {.name = "stats.record_requests", .kind = GH_OP_WRITE, .step = gh_record_requests, .inner = true},
    {.name = "stats.list_requests", .sql = "list_requests", .bind = {"query", "tz"}},
    {.name = "stats.count_users", .sql = "count_users"},
    {.name = "stats.count_visits",
     .sql = "count_visits",
     .bind = {"query.compare_days", "conf.stats.compare_days", "now"}},
    {0},
};

const gh_pool_t gh_pool_stats = {
    .name = "stats",
    .ops = ops,
    .sql = {gh_sql_stats},
    .sql_count = {&gh_sql_stats_count},
};
