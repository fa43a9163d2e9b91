/*
 * workers/directory/pool.c - the public catalogue: hospital areas, departments, clinics, doctors and their sessions
 *
 * Every operation is one SQL statement (directory.sql) that makes the reply; there is nothing to decide in C.
 */
#include "gen/sql_directory.h"
#include "workers/directory/pool.h"

static const gh_op_t ops[] = {
    {.name = "directory.browse_hospitals", .sql = "browse_hospitals", .bind = {"query.area_id", "tz"}},
    {.name = "directory.browse_major_departments", .sql = "browse_major_departments"},
    {.name = "directory.browse_minor_departments",
     .sql = "browse_minor_departments",
     .bind = {"query.major_dept_id", "query.page", "query.page_size"}},
    {.name = "directory.browse_clinics",
     .sql = "browse_clinics",
     .bind = {"query.dept_id", "query.area_id", "query.page", "query.page_size"}},
    {.name = "directory.browse_doctors",
     .sql = "browse_doctors",
     .bind = {"query.dept_id", "query.name", "query.page", "query.page_size"}},
    {.name = "directory.show_doctor", .sql = "show_doctor", .bind = {"path.doctor_id"}},
    {.name = "directory.search_catalogue",
     .sql = "search_catalogue",
     .bind = {"query.keyword", "query.page", "query.page_size"}},
    {.name = "directory.browse_department_schedules",
     .sql = "browse_department_schedules",
     .bind = {"path.dept_id", "query.start_date", "query.end_date"}},
    {.name = "directory.browse_doctor_schedules",
     .sql = "browse_doctor_schedules",
     .bind = {"path.doctor_id", "query.start_date", "query.end_date"}},
    {.name = "directory.browse_clinic_schedules",
     .sql = "browse_clinic_schedules",
     .bind = {"path.clinic_id", "query.start_date", "query.end_date"}},
    {.name = "directory.browse_bookable_schedules",
     .sql = "browse_bookable_schedules",
     .bind = {"query.departmentId", "query.hospitalId", "query.date", "today", "now", "tz"}},
    /* doctors.sql */
    {.name = "directory.list_doctors",
     .sql = "code_doctors",
     .bind = {"query.dept_id", "query.name", "query.page", "query.page_size", "tz"}},
    {.name = "directory.v1_list_doctors",
     .sql = "v1_doctors",
     .bind = {"query", "actor.roles", "now", "tz", "query.dept_id", "query.specialty", "query.language",
              "query.available_on", "query.accepting_patients", "query.q"}},
    {.name = "directory.v1_get_doctor", .sql = "v1_doctor", .bind = {"path.id", "actor.roles", "tz"}},
    {.name = "directory.v1_get_my_doctor", .sql = "v1_my_doctor", .bind = {"actor.doctor_id", "tz"}},
    {.name = "directory.hb_list_doctors",
     .sql = "hb_doctors",
     .bind = {"query", "actor.roles", "actor.user_id", "tz"}},
    {.name = "directory.hb_get_doctor",
     .sql = "hb_doctor",
     .bind = {"path.doctor_id", "actor.roles", "actor.user_id", "tz"}},
    {0},
};

const gh_pool_t gh_pool_directory = {
    .name = "directory",
    .ops = ops,
    .sql = {gh_sql_directory},
    .sql_count = {&gh_sql_directory_count},
};
