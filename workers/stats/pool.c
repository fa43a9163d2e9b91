/*
 * workers/stats/pool.c - the pool that counts: requests recorded, visits, registrations
 */
#include "gen/sql_stats.h"
#include "workers/stats/stats.h"

static const gh_op_t ops[] = {
    {.name = "stats.record_requests", .kind = GH_OP_WRITE, .step = gh_record_requests, .inner = true},
    {.name = "stats.keep_requests",
     .kind = GH_OP_WRITE,
     .step = gh_keep_requests,
     .batch_max = 1,
     .inner = true},
    {.name = "stats.list_requests", .sql = "list_requests", .bind = {"query", "tz"}},
    {.name = "stats.count_users", .sql = "count_users"},
    {.name = "stats.count_visits",
     .sql = "count_visits",
     .bind = {"query.compare_days", "conf.stats.compare_days", "now"}},
    {.name = "stats.get_hospital_registrations",
     .sql = "hospital_registrations",
     .bind = {"query.date", "query.date_range", "today"}},
    {.name = "stats.get_area_registrations",
     .sql = "area_registrations",
     .bind = {"path.area_id", "query.date", "today"}},
    {.name = "stats.get_department_registrations",
     .sql = "department_registrations",
     .bind = {"path.minor_dept_id", "query.date", "query.date_range", "today"}},
    {.name = "stats.get_doctor_registrations",
     .sql = "doctor_registrations",
     .bind = {"path.doctor_id", "query.date", "query.date_range", "today"}},
    {.name = "stats.rank_departments",
     .sql = "rank_departments",
     .bind = {"query.date", "query.order_by", "query.limit", "today"}},
    {.name = "stats.rank_doctors",
     .sql = "rank_doctors",
     .bind = {"query.dept_id", "query.date", "query.order_by", "query.limit", "today"}},
    {.name = "stats.count_days", .kind = GH_OP_WRITE, .step = gh_count_days, .batch_max = 1, .inner = true},
    {.name = "stats.count_area", .kind = GH_OP_WRITE, .step = gh_count_area, .batch_max = 1, .inner = true},
    {.name = "stats.close_count", .kind = GH_OP_WRITE, .step = gh_close_count, .batch_max = 1, .inner = true},
    {0},
};

const gh_pool_t gh_pool_stats = {
    .name = "stats",
    .ops = ops,
    .sql = {gh_sql_stats},
    .sql_count = {&gh_sql_stats_count},
};
