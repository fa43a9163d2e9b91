/*
 * workers/directory/pool.c - the organisation: hospital areas, departments, clinics, specialties, doctors and their sessions, as
 * everybody sees them and as administrators change them
 *
 * Most operations are one SQL statement that makes the reply.
 */
#include "gen/sql_directory.h"
#include "gen/sql_domain.h"
#include "workers/directory/directory.h"
#include "workers/directory/files.h"
#include "workers/directory/pool.h"

/* ---- organisation.sql, departments.sql, specialties.sql: changes, and what constraints say of them */

#define CHANGE(operation, statement, refusals, ...)                                                          \
    {                                                                                                        \
        .name = "directory." operation, .kind = GH_OP_WRITE, .sql = statement, .constraints = refusals,      \
        .bind = {                                                                                            \
            __VA_ARGS__                                                                                      \
        }                                                                                                    \
    }

static const struct gh_constraint_map names[] = {{"major_departments_name_uq", GH_E_DEPARTMENT_NAME_TAKEN},
                                                 {0}};
static const struct gh_constraint_map minor_new[] = {
    {"minor_departments_name_uq", GH_E_DEPARTMENT_NAME_TAKEN},
    {"minor_departments_major_fk", GH_E_MAJOR_DEPARTMENT_INVALID},
    {0}};
static const struct gh_constraint_map minor_moved[] = {
    {"minor_departments_name_uq", GH_E_DEPARTMENT_NAME_TAKEN},
    {"minor_departments_major_fk", GH_E_TARGET_MAJOR_DEPARTMENT_INVALID},
    {0}};
static const struct gh_constraint_map in_use[] = {
    {"minor_departments_major_fk", GH_E_MAJOR_DEPARTMENT_HAS_CHILDREN},
    {"doctors_dept_fk", GH_E_MINOR_DEPARTMENT_HAS_DOCTORS},
    {"clinics_dept_fk", GH_E_MINOR_DEPARTMENT_HAS_CLINICS},
    {0}};
static const struct gh_constraint_map v1_dept[] = {{"major_departments_name_uq", GH_E_DEPARTMENT_NAME_TAKEN},
                                                   {"minor_departments_name_uq", GH_E_DEPARTMENT_NAME_TAKEN},
                                                   {"minor_departments_major_fk", GH_E_DEPARTMENT_INVALID},
                                                   {0}};
static const struct gh_constraint_map specialty[] = {
    {"specialties_code_uq", GH_E_DUPLICATE},
    {"specialties_name_uq", GH_E_DUPLICATE},
    {"doctor_specialties_specialty_fk", GH_E_SPECIALTY_IN_USE},
    {0}};
static const struct gh_constraint_map clinic[] = {
    {"clinics_dept_fk", GH_E_DEPARTMENT_INVALID}, {"clinics_area_fk", GH_E_AREA_INVALID}, {0}};
static const struct gh_constraint_map photo[] = {{"blobs_whole_ck", GH_E_PHOTO_SAVE_FAILED}, {0}};

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
    {.name = "directory.v1_list_my_patients",
     .sql = "v1_my_patients",
     .bind = {"query", "actor.doctor_id", "actor.roles", "tz", "today", "query.q"},
     .sealed = true},
    {.name = "directory.hb_list_doctors",
     .sql = "hb_doctors",
     .bind = {"query", "actor.roles", "actor.user_id", "tz"}},
    {.name = "directory.hb_get_doctor",
     .sql = "hb_doctor",
     .bind = {"path.doctor_id", "actor.roles", "actor.user_id", "tz"}},
    /* organisation.sql */
    {.name = "directory.list_major_departments", .sql = "list_majors", .bind = {"tz"}},
    CHANGE("create_major_department", "create_major", names, "body.name", "body.description", "now", "tz"),
    CHANGE("update_major_department", "update_major", names, "path.dept_id", "body", "now", "tz"),
    CHANGE("delete_major_department", "delete_major", in_use, "path.dept_id", "now"),
    {.name = "directory.list_minor_departments",
     .sql = "list_minors",
     .bind = {"query.major_dept_id", "query.page", "query.page_size", "tz"}},
    CHANGE("create_minor_department", "create_minor", minor_new, "body", "now", "tz"),
    CHANGE("update_minor_department", "update_minor", minor_moved, "path.minor_dept_id", "body", "now", "tz"),
    CHANGE("delete_minor_department", "delete_minor", in_use, "path.minor_dept_id", "now"),
    {.name = "directory.list_clinics",
     .sql = "list_clinics",
     .bind = {"query.dept_id", "query.page", "query.page_size", "tz"}},
    CHANGE("create_clinic", "create_clinic", clinic, "body", "now", "tz"),
    CHANGE("update_clinic", "update_clinic", clinic, "path.clinic_id", "body", "now", "tz"),
    {.name = "directory.list_areas", .sql = "list_areas", .bind = {"query.area_id", "tz"}},
    /* departments.sql, specialties.sql */
    {.name = "directory.v1_list_departments",
     .sql = "v1_departments",
     .bind = {"query", "actor.roles", "tz"}},
    {.name = "directory.v1_get_department", .sql = "v1_department", .bind = {"path.id", "tz"}},
    CHANGE("v1_create_department", "v1_create_department", v1_dept, "body", "now", "tz"),
    CHANGE("v1_update_department", "v1_update_department", v1_dept, "path.id", "body", "if_match", "now",
           "tz"),
    CHANGE("v1_delete_department", "v1_delete_department", in_use, "path.id", "if_match", "now"),
    {.name = "directory.v1_list_specialties", .sql = "v1_specialties", .bind = {"query"}},
    {.name = "directory.v1_get_specialty", .sql = "v1_specialty", .bind = {"path.id"}},
    CHANGE("v1_create_specialty", "v1_create_specialty", specialty, "body.code", "body.name",
           "body.description", "now"),
    CHANGE("v1_update_specialty", "v1_update_specialty", specialty, "path.id", "body", "if_match", "now"),
    CHANGE("v1_delete_specialty", "v1_delete_specialty", specialty, "path.id", "if_match"),
    /* heads.c, people.sql */
    {.name = "directory.select_department_head", .kind = GH_OP_WRITE, .batch_max = 1, .step = gh_select_head},
    CHANGE("remove_department_head", "remove_head", NULL, "path.dept_id", "path.doctor_id", "now"),
    {.name = "directory.list_patients",
     .sql = "find_patients",
     .bind = {"query.name", "query.phone", "query.patient_id", "today"},
     .sealed = true},
    {.name = "directory.find_patients",
     .sql = "find_patients",
     .bind = {"query.name", "query.none", "query.none", "today"},
     .sealed = true},
    /* files.sql, files.c */
    {.name = "directory.upload_doctor_photo",
     .kind = GH_OP_WRITE,
     .batch_max = 1,
     .step = gh_photo_step,
     .constraints = photo},
    {.name = "directory.delete_doctor_photo",
     .kind = GH_OP_WRITE,
     .sql = "delete_doctor_photo",
     .bind = {"path.doctor_id", "now"}},
    {.name = "directory.get_doctor_photo",
     .sql = "get_doctor_photo",
     .bind = {"path.doctor_id", "if_none_match"},
     .file = true},
    {.name = "directory.show_doctor_photo",
     .sql = "show_doctor_photo",
     .bind = {"path.doctor_id", "if_none_match"},
     .file = true},
    {.name = "directory.upload_image", .kind = GH_OP_WRITE, .batch_max = 1, .step = gh_attachment_step},
    {.name = "directory.get_attachment",
     .sql = "get_attachment",
     .bind = {"query.path", "if_none_match"},
     .file = true},
    {.name = "directory.get_static_file",
     .sql = "get_static_file",
     .bind = {"path.path", "if_none_match"},
     .file = true},
    {0},
};

const gh_pool_t gh_pool_directory = {
    .name = "directory",
    .ops = ops,
    .sql = {gh_sql_directory, gh_sql_domain},
    .sql_count = {&gh_sql_directory_count, &gh_sql_domain_count},
};
