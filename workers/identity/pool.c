/*
 * workers/identity/pool.c - signing in and out, who am I: operations and state of the pool
 */
#include <stdlib.h>

#include "base/log.h"
#include "gen/sql_domain.h"
#include "gen/sql_identity.h"
#include "workers/identity/doctors.h"
#include "workers/identity/identity.h"

/* R-20; decided by the constraints, so that no two requests get the same name at once. */
static const struct gh_constraint_map names_taken[] = {{"users_username_uq", GH_E_USERNAME_TAKEN},
                                                       {"users_email_uq", GH_E_EMAIL_TAKEN},
                                                       {"users_phone_uq", GH_E_PHONE_TAKEN},
                                                       {"users_identifier_uq", GH_E_IDENTIFIER_TAKEN},
                                                       {"users_identifier_ci_uq", GH_E_IDENTIFIER_TAKEN},
                                                       {NULL, GH_E_NONE}};

static const struct gh_constraint_map admin_names_taken[] = {
    {"users_identifier_uq", GH_E_ADMIN_IDENTIFIER_TAKEN},
    {"users_identifier_ci_uq", GH_E_ADMIN_IDENTIFIER_TAKEN},
    {"users_email_uq", GH_E_ADMIN_EMAIL_TAKEN},
    {NULL, GH_E_NONE}};

static const struct gh_constraint_map code_names_taken[] = {
    {"users_username_uq", GH_E_PROFILE_USERNAME_TAKEN},
    {"users_email_uq", GH_E_PROFILE_EMAIL_TAKEN},
    {"users_phone_uq", GH_E_PROFILE_PHONE_TAKEN},
    {NULL, GH_E_NONE}};

/* Doctors: names, licence, link and department of two at once (BR-21, BR-24, R-65, R-66, R-69). */
#define DOCTOR_TAKEN(username, email, phone, number, dept)                                                   \
    {                                                                                                        \
        {"users_username_uq", username}, {"users_email_uq", email}, {"users_phone_uq", phone},               \
            {"users_identifier_uq", number}, {"users_identifier_ci_uq", number},                             \
            {"doctors_license_uq", GH_E_LICENSE_TAKEN}, {"doctors_user_uq", GH_E_USER_ALREADY_LINKED},       \
            {"doctors_dept_fk", dept}, {"doctor_specialties_specialty_fk", GH_E_VALIDATION_FAILED},          \
        {                                                                                                    \
            NULL, GH_E_NONE                                                                                  \
        }                                                                                                    \
    }
static const struct gh_constraint_map doctor_taken[] = DOCTOR_TAKEN(
    GH_E_USERNAME_TAKEN, GH_E_EMAIL_TAKEN, GH_E_PHONE_TAKEN, GH_E_IDENTIFIER_TAKEN, GH_E_DEPARTMENT_INVALID);
static const struct gh_constraint_map doctor_file_taken[] = DOCTOR_TAKEN(
    GH_E_USERNAME_TAKEN, GH_E_EMAIL_OF_OTHER_USER, GH_E_PHONE_OF_OTHER_USER, GH_E_IDENTIFIER_OF_OTHER_USER,
    GH_E_TARGET_DEPARTMENT_INVALID);

/* A change of an account or a role is decided under its lock. */
#define ADMINISTER(op, function, taken)                                                                      \
    {                                                                                                        \
        .name = op, .kind = GH_OP_WRITE, .batch_max = 1, .step = function, .constraints = taken              \
    }
/* Sessions handed over to a doctor who is busy then. */
static const struct gh_constraint_map doctor_sessions_taken[] = {
    {"schedules_doctor_section_uq", GH_E_SCHEDULE_OVERLAP},
    {"schedules_doctor_free_ex", GH_E_SCHEDULE_OVERLAP},
    {0}};

/* With a password to hash. */
#define MAKE_DOCTOR(op, taken)                                                                               \
    {                                                                                                        \
        .name = op, .kind = GH_OP_TASK, .batch_max = 1, .step = gh_write_doctor, .constraints = taken        \
    }
static const struct gh_constraint_map signup_taken[] = {{"users_username_uq", GH_E_REGISTER_USERNAME_TAKEN},
                                                        {"users_email_uq", GH_E_REGISTER_EMAIL_TAKEN},
                                                        {"users_phone_uq", GH_E_REGISTER_PHONE_TAKEN},
                                                        {0}};
/* Patients: names, national id and link of two at once. */
static const struct gh_constraint_map patient_taken[] = {
    {"users_username_uq", GH_E_USERNAME_TAKEN}, {"users_email_uq", GH_E_EMAIL_TAKEN},
    {"users_phone_uq", GH_E_PHONE_TAKEN},       {"patients_bidx_uq", GH_E_NATIONAL_ID_TAKEN},
    {"patients_user_uq", GH_E_DUPLICATE},       {0}};
static const struct gh_constraint_map assignment_taken[] = {
    {"care_assignments_open_uq", GH_E_DUPLICATE}, {"care_assignments_days_ex", GH_E_DUPLICATE}, {0}};
#define PATIENT(op, how, function)                                                                           \
    {                                                                                                        \
        .name = op, .kind = how, .batch_max = 1, .step = function, .constraints = patient_taken,             \
        .sealed = true                                                                                       \
    }
#define SCOPE_OF_CALLER "actor.patient_id", "actor.doctor_id", "actor.dept_id", "actor.roles"
static const struct gh_constraint_map campus_taken[] = {
    {"patients_identifier_uq", GH_E_CAMPUS_ID_TAKEN_BY_PATIENT},
    {"users_identifier_uq", GH_E_CAMPUS_ID_TAKEN_BY_ACCOUNT},
    {"users_identifier_ci_uq", GH_E_CAMPUS_ID_TAKEN_BY_ACCOUNT},
    {0}};
static const struct gh_constraint_map relatives_taken[] = {
    {"patient_relations_pair_uq", GH_E_RELATIVE_EXISTS}, {"patients_bidx_uq", GH_E_NATIONAL_ID_TAKEN}, {0}};
static const struct gh_constraint_map bind_constraints[] = {{"users_email_uq", GH_E_PROFILE_EMAIL_TAKEN},
                                                            {0}};

/* Sign-ins are TASKs of one job each: bcrypt runs on threads between two round trips (decisions 24), and a lock or a
 * failure is one name's matter. */
static const gh_op_t ops[] = {
    {.name = "identity.login_patient", .kind = GH_OP_TASK, .batch_max = 1, .step = gh_login_patient},
    {.name = "identity.login_staff", .kind = GH_OP_TASK, .batch_max = 1, .step = gh_login_staff},
    {.name = "identity.login_account", .kind = GH_OP_TASK, .batch_max = 1, .step = gh_login_account},
    {.name = "identity.v1_login_user", .kind = GH_OP_TASK, .batch_max = 1, .step = gh_login_v1},
    {.name = "identity.oauth_issue_token", .kind = GH_OP_TASK, .batch_max = 1, .step = gh_oauth_token},
    {.name = "identity.close_session", .kind = GH_OP_WRITE, .batch_max = 1, .step = gh_logout},
    {.name = "identity.v1_logout_session",
     .kind = GH_OP_WRITE,
     .batch_max = 1,
     .step = gh_logout,
     .while_must_change = true},
    {.name = "identity.get_role", .sql = "get_role", .bind = {"actor.user_id"}, .while_must_change = true},
    {.name = "identity.get_user_info", .batch = "user_info", .step = gh_user_info},
    {.name = "identity.fetch_user_info", .batch = "user_info", .step = gh_user_info},
    {.name = "identity.v1_get_auth_me",
     .sql = "v1_me",
     .bind = {"actor.user_id", "now", "tz"},
     .while_must_change = true},
    {.name = "identity.v1_get_password_policy", .batch = "password_policy", .step = gh_tell_password_policy},
    {.name = "identity.v1_check_password", .batch = "password_check", .step = gh_password_check},
    {.name = "identity.v1_register_user",
     .kind = GH_OP_TASK,
     .batch_max = 1,
     .step = gh_register_v1,
     .constraints = names_taken},
    {.name = "identity.v1_change_password",
     .kind = GH_OP_TASK,
     .batch_max = 1,
     .step = gh_change_password,
     .while_must_change = true},
    {.name = "identity.v1_request_password_reset",
     .kind = GH_OP_WRITE,
     .batch_max = 1,
     .step = gh_forgot_password},
    {.name = "identity.v1_reset_password", .kind = GH_OP_TASK, .batch_max = 1, .step = gh_reset_password},
    {.name = "identity.oauth_revoke_token", .kind = GH_OP_WRITE, .batch_max = 1, .step = gh_oauth_revoke},
    {.name = "identity.oauth_introspect_token", .batch_max = 1, .step = gh_oauth_introspect},
    {.name = "identity.v1_refresh_tokens", .kind = GH_OP_TASK, .batch_max = 1, .step = gh_refresh_v1},
    {.name = "identity.v1_list_sessions",
     .sql = "v1_sessions",
     .bind = {"actor.user_id", "actor.session", "now", "tz"}},
    {.name = "identity.v1_revoke_session", .kind = GH_OP_WRITE, .batch_max = 1, .step = gh_logout},
    {.name = "identity.v1_get_me",
     .sql = "v1_user",
     .bind = {"actor.user_id", "query.none", "actor.user_id", "now", "tz"}},
    {.name = "identity.v1_get_user",
     .sql = "v1_user",
     .bind = {"path.id", "actor.scopes", "actor.user_id", "now", "tz"}},
    {.name = "identity.v1_list_users", .sql = "v1_users", .bind = {"query", "actor.roles", "now", "tz"}},
    {.name = "identity.v1_list_roles", .sql = "v1_roles"},
    {.name = "identity.v1_list_permissions", .sql = "v1_permissions"},
    {.name = "identity.list_users", .sql = "code_users"},
    {.name = "identity.get_user",
     .sql = "code_user",
     .bind = {"path.user_id", "actor.user_id", "actor.roles"}},
    {.name = "identity.v1_create_user",
     .kind = GH_OP_TASK,
     .batch_max = 1,
     .step = gh_first_password,
     .constraints = names_taken},
    {.name = "identity.v1_reset_user_password",
     .kind = GH_OP_TASK,
     .batch_max = 1,
     .step = gh_first_password},
    {.name = "identity.register_admin",
     .kind = GH_OP_TASK,
     .batch_max = 1,
     .step = gh_register_admin,
     .constraints = admin_names_taken},
    MAKE_DOCTOR("identity.create_doctor", doctor_taken),
    MAKE_DOCTOR("identity.v1_create_doctor", doctor_taken),
    MAKE_DOCTOR("identity.hb_create_doctor", doctor_taken),
    MAKE_DOCTOR("identity.hb_update_doctor", doctor_taken),
    MAKE_DOCTOR("identity.create_doctor_account", doctor_file_taken),
    ADMINISTER("identity.delete_doctor", gh_delete_doctor, doctor_sessions_taken),
    ADMINISTER("identity.v1_delete_doctor", gh_delete_doctor, doctor_sessions_taken),
    ADMINISTER("identity.hb_delete_doctor", gh_delete_doctor, doctor_sessions_taken),
    ADMINISTER("identity.update_doctor", gh_write_doctor, doctor_file_taken),
    ADMINISTER("identity.transfer_doctor", gh_write_doctor, doctor_file_taken),
    ADMINISTER("identity.v1_update_doctor", gh_write_doctor, doctor_taken),
    ADMINISTER("identity.v1_update_my_doctor", gh_write_doctor, doctor_taken),
    ADMINISTER("identity.v1_create_my_doctor", gh_write_doctor, doctor_taken),
    ADMINISTER("identity.v1_update_me", gh_administer_user, names_taken),
    ADMINISTER("identity.v1_update_user", gh_administer_user, names_taken),
    ADMINISTER("identity.v1_delete_user", gh_administer_user, names_taken),
    ADMINISTER("identity.v1_replace_user_roles", gh_administer_user, names_taken),
    ADMINISTER("identity.v1_unlock_user", gh_administer_user, names_taken),
    ADMINISTER("identity.v1_revoke_user_sessions", gh_administer_user, names_taken),
    ADMINISTER("identity.update_user", gh_administer_user, code_names_taken),
    ADMINISTER("identity.delete_user", gh_administer_user, NULL),
    ADMINISTER("identity.set_user_role", gh_administer_user, NULL),
    ADMINISTER("identity.v1_create_role", gh_define_role, NULL),
    ADMINISTER("identity.v1_update_role", gh_define_role, NULL),
    ADMINISTER("identity.v1_delete_role", gh_define_role, NULL),
    {.name = "identity.send_sms_code", .kind = GH_OP_WRITE, .batch_max = 1, .step = gh_send_sms_code},
    {.name = "identity.verify_sms_code", .kind = GH_OP_WRITE, .batch_max = 1, .step = gh_verify_sms_code},
    {.name = "identity.send_email_code", .kind = GH_OP_WRITE, .batch_max = 1, .step = gh_send_email_code},
    {.name = "identity.bind_email",
     .kind = GH_OP_WRITE,
     .batch_max = 1,
     .step = gh_bind_email,
     .constraints = bind_constraints},
    {.name = "identity.register_account",
     .kind = GH_OP_TASK,
     .batch_max = 1,
     .step = gh_register_account,
     .constraints = signup_taken},
    {.name = "identity.update_profile", .kind = GH_OP_WRITE, .batch_max = 1, .step = gh_update_profile},
    {.name = "identity.update_basic_info",
     .kind = GH_OP_WRITE,
     .batch_max = 1,
     .sql = "basic_info_update",
     .bind = {"actor.patient_id", "body", "actor.user_id", "now"}},
    {.name = "identity.renew_token", .kind = GH_OP_TASK, .batch_max = 1, .step = gh_renew_token},
    {.name = "identity.login_form", .kind = GH_OP_TASK, .batch_max = 1, .step = gh_login_form},
    {.name = "identity.confirm_email", .kind = GH_OP_WRITE, .batch_max = 1, .step = gh_confirm_email},
    /* patients_read.sql, assignments.sql, patients.c, patient_delete.c */
    {.name = "identity.v1_get_my_patient",
     .sql = "v1_patient",
     .bind = {"query.none", "actor.scopes", "actor.user_id", SCOPE_OF_CALLER, "query.include", "query.fields",
              "tz", "today"},
     .sealed = true},
    {.name = "identity.v1_get_patient",
     .sql = "v1_patient",
     .bind = {"path.id", "actor.scopes", "actor.user_id", SCOPE_OF_CALLER, "query.include", "query.fields",
              "tz", "today"},
     .sealed = true},
    {.name = "identity.v1_list_patients",
     .sql = "v1_patients",
     .bind = {"query", "actor.roles", "actor.scopes", "actor.user_id", "actor.patient_id", "actor.doctor_id",
              "actor.dept_id", "tz", "today", "query.gender", "query.status", "query.doctor_id",
              "query.date_of_birth_from", "query.date_of_birth_to", "blind.query.national_id", "query.phone",
              "query.q"},
     .sealed = true},
    {.name = "identity.v1_get_medical_profile",
     .sql = "v1_medical_profile",
     .bind = {"path.id", "actor.scopes", SCOPE_OF_CALLER, "tz", "today"},
     .sealed = true},
    {.name = "identity.v1_get_my_medical_profile",
     .sql = "v1_medical_profile",
     .bind = {"query.none", "actor.scopes", SCOPE_OF_CALLER, "tz", "today"},
     .sealed = true},
    {.name = "identity.v1_list_my_timeline",
     .sql = "v1_timeline",
     .bind = {"query.none", "actor.scopes", "actor.user_id", SCOPE_OF_CALLER, "query", "tz", "today"}},
    {.name = "identity.v1_list_timeline",
     .sql = "v1_timeline",
     .bind = {"path.id", "actor.scopes", "actor.user_id", SCOPE_OF_CALLER, "query", "tz", "today"}},
    /* export.sql */
    {.name = "identity.v1_export_my_data",
     .batch_max = 1,
     .sql = "v1_export",
     .bind = {"actor.patient_id", "actor.user_id", "now", "today", "tz", "conf.hospital.currency"},
     .sealed = true},
    {.name = "identity.v1_list_patient_images",
     .sql = "v1_patient_images",
     .bind = {"path.id", "query", "actor.scopes", SCOPE_OF_CALLER, "tz", "today"}},
    {.name = "identity.v1_list_assignments",
     .sql = "v1_assignments",
     .bind = {"path.id", "actor.scopes", SCOPE_OF_CALLER, "today"}},
    {.name = "identity.v1_create_assignment",
     .kind = GH_OP_WRITE,
     .batch_max = 1,
     .sql = "assignment_make",
     .bind = {"path.id", "body.doctor_id", "body.kind", "body.reason", "body.valid_from", "body.valid_to",
              "actor.user_id", "actor.doctor_id", "actor.roles", "now", "today"},
     .constraints = assignment_taken},
    {.name = "identity.v1_close_assignment",
     .kind = GH_OP_WRITE,
     .batch_max = 1,
     .sql = "assignment_close",
     .bind = {"path.id", "path.aid", "actor.doctor_id", "actor.roles", "now", "today"}},
    {.name = "identity.hb_list_patients",
     .sql = "hb_patients",
     .bind = {"query", "actor.scopes", "actor.user_id", SCOPE_OF_CALLER, "tz", "today"}},
    {.name = "identity.hb_get_patient",
     .sql = "hb_patient",
     .bind = {"path.patient_id", "actor.scopes", "actor.user_id", SCOPE_OF_CALLER, "tz", "today"}},
    PATIENT("identity.v1_update_my_patient", GH_OP_WRITE, gh_keep_patient),
    PATIENT("identity.v1_create_my_patient", GH_OP_WRITE, gh_keep_patient),
    PATIENT("identity.v1_create_patient", GH_OP_TASK, gh_keep_patient),
    PATIENT("identity.v1_update_patient", GH_OP_WRITE, gh_keep_patient),
    PATIENT("identity.v1_update_medical_profile", GH_OP_WRITE, gh_keep_patient),
    PATIENT("identity.v1_update_my_medical_profile", GH_OP_WRITE, gh_keep_patient),
    PATIENT("identity.hb_create_patient", GH_OP_TASK, gh_keep_patient),
    PATIENT("identity.hb_update_patient", GH_OP_TASK, gh_keep_patient),
    PATIENT("identity.v1_delete_patient", GH_OP_WRITE, gh_remove_patient),
    PATIENT("identity.hb_delete_patient", GH_OP_WRITE, gh_remove_patient),
    /* relatives.sql, relatives.c */
    {.name = "identity.list_relatives",
     .sql = "relatives",
     .bind = {"actor.patient_id", "today", "tz"},
     .sealed = true},
    {.name = "identity.get_default_relative",
     .sql = "relative_default",
     .bind = {"actor.patient_id", "today", "tz"},
     .sealed = true},
    ADMINISTER("identity.add_relative", gh_change_relatives, relatives_taken),
    ADMINISTER("identity.update_relative", gh_change_relatives, NULL),
    ADMINISTER("identity.remove_relative", gh_change_relatives, NULL),
    ADMINISTER("identity.set_default_relative", gh_change_relatives, NULL),
    {.name = "identity.verify_campus_identity",
     .kind = GH_OP_TASK,
     .batch_max = 1,
     .step = gh_verify_campus,
     .constraints = campus_taken},
    {.name = "identity.sync_revocations",
     .inner = true,
     .sql = "sync_revocations",
     .bind = {"conf.token.leeway_s", "now"}},
    {.name = "identity.extend_access",
     .inner = true,
     .kind = GH_OP_TASK,
     .batch_max = 1,
     .step = gh_extend_access},
    {.name = "identity.weigh_bookings",
     .kind = GH_OP_WRITE,
     .batch_max = 1,
     .step = gh_weigh_bookings,
     .inner = true},
    {.name = "identity.credit_visit",
     .kind = GH_OP_WRITE,
     .batch_max = 1,
     .step = gh_credit_visit,
     .inner = true},
    {.name = "identity.tend_risk", .kind = GH_OP_WRITE, .batch_max = 1, .step = gh_tend_risk, .inner = true},
    {.name = "identity.permit_metrics", .inner = true, .access_of = "front.get_metrics", .sql = "permit"},
    {.name = "identity.permit_queues", .inner = true, .access_of = "front.v1_list_queues", .sql = "permit"},
    {0},
};

const gh_identity_t *
gh_identity_of(const gh_batch_t *b)
{
    return gh_worker_state(b->worker, &gh_pool_identity);
}

gh_checks_t *
gh_identity_checks(const gh_batch_t *b)
{
    gh_identity_t *self = gh_worker_state(b->worker, &gh_pool_identity);
    return &self->checks;
}

static void
stop(gh_worker_t *w)
{
    gh_identity_t *self = gh_worker_state(w, &gh_pool_identity);
    if (!self)
        return;
    gh_sender_stop(&self->mails);
    gh_sender_stop(&self->texts);
    gh_token_keys_destroy(&self->keys);
    free(self);
    gh_worker_set_state(w, &gh_pool_identity, NULL);
}

static void
configured(gh_worker_t *w)
{
    const gh_conf_t *conf = gh_worker_conf(w);
    gh_identity_t *self = gh_worker_state(w, &gh_pool_identity);
    int cost = (int)gh_conf_int(conf, "password.cost");
    if (self->cost != cost)
        self->checks.mean_us = INT64_C(60000) << (cost - 10); /* until the first ones are measured */
    self->cost = cost;
    self->access_s = gh_conf_int(conf, "token.access_minutes") * 60;
    self->refresh_s = gh_conf_int(conf, "token.refresh_days") * 86400;
    self->classic_s = gh_conf_int(conf, "token.classic_minutes") * 60;
    self->max_failures = gh_conf_int(conf, "login.max_failures");
    self->window_min = gh_conf_int(conf, "login.window_minutes");
    self->lock_min = gh_conf_int(conf, "login.lock_minutes");
}

static int
start(gh_worker_t *w)
{
    const gh_conf_t *conf = gh_worker_conf(w);
    gh_identity_t *self = calloc(1, sizeof *self);
    if (!self)
        return -1;
    gh_worker_set_state(w, &gh_pool_identity, self);
    configured(w);
    self->leeway_s = gh_conf_int(conf, "token.leeway_s");
    self->threads = (int)gh_conf_int(conf, "password.threads");
    self->seal = gh_worker_seal(w);
    if (!self->seal)
        gh_log(GH_LOG_WARN, "sealed_columns_stay_closed", GH_KS("pool", "identity"));
    self->keys = gh_token_keys_load(conf, false);
    self->mails = self->keys ? gh_sender_start(conf, "mail") : NULL;
    self->texts = self->mails ? gh_sender_start(conf, "sms") : NULL;
    if (!self->texts) {
        stop(w);
        return -1;
    }
    return 0;
}

const gh_pool_t gh_pool_identity = {
    .name = "identity",
    .ops = ops,
    .sql = {gh_sql_identity, gh_sql_domain},
    .sql_count = {&gh_sql_identity_count, &gh_sql_domain_count},
    .start = start,
    .stop = stop,
    .configured = configured,
};
