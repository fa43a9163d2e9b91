/*
 * ops/cmd/seed.c - `guahao seed`: the demo hospital into the database (seed.h)
 *
 * One transaction: staging tables by COPY, then one statement a table. What is there stays as it is; sessions are added for the
 * days ahead that have none, so that running it every day keeps the demo alive (decisions 28).
 */
#include "ops/cmd/seed.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/password.h"
#include "base/timez.h"
#include "ops/cmd/copy.h"
#include "ops/cmd/dbq.h"
#include "ops/cmd/progress.h"

#define PATIENT_STEP 10000 /* patients merged by one statement, so that progress can be shown */

const gh_opt_t gh_seed_opts[] = {
    {"areas", "N", "hospital areas (default 2)"},
    {"departments", "N", "minor departments (default 24)"},
    {"clinics", "N", "clinics (default 48)"},
    {"doctors", "N", "doctors with accounts D0001.. (default 120)"},
    {"patients", "N", "patients with accounts 13800000001.. (default 1000)"},
    {"count", "N", "the same as --patients; algeria: patients, 1 to 10000 (default 20)"},
    {"days", "N", "days with sessions after today (default 14)"},
    {"schedules-per-day", "N", "sessions of a clinic and day, 1 to 3 (default 3)"},
    {"places", "N", "places of every session (default: 20 to 50 by its type)"},
    {"rng", "N", "number that decides names and places (default 1)"},
    {"currency", "CODE",
     "algeria: of the bills (default DZD in a database without accounts and bills, else the hospital's)"},
    {"if-empty", NULL,
     "do nothing, quietly, unless the database has no accounts or demo ones, and in production"},
    {NULL, NULL, NULL},
};

static const struct {
    const char *identifier, *username, *name, *role, *user_type, *job_title;
} s_staff[] = {{"A0001", "admin", "系统管理员", "ADMIN", "admin", "信息科"},
               {"N0001", "nurse", "导诊护士", "NURSE", "external", "门诊部"},
               {"S0001", "staff", "挂号员", "STAFF", "external", "挂号处"}};

typedef struct seeding {
    gh_cmd_t *c;
    PGconn *db;
    const gh_seed_plan_t *plan;
    char now[GH_TEXT_TS];
    char hash[GH_PASSWORD_HASH];
    int64_t added; /* rows of this run */
    gh_json_t *json;
} seeding_t;

void
gh_seed_defaults(gh_seed_plan_t *p, int64_t now_us)
{
    *p = (gh_seed_plan_t){.rng = 1,
                          .areas = 2,
                          .minors = GH_SEED_MINORS,
                          .clinics = 48,
                          .doctors = 120,
                          .patients = 1000,
                          .days = 14,
                          .per_day = 3,
                          .first_day = gh_tz_day(now_us),
                          .now_us = now_us};
}

/* Run a named statement of the merge; the rows it added, or -1. */
static int64_t
run(seeding_t *s, const char *statement, int n, const char *const *params)
{
    PGresult *r = gh_dbq_named(s->db, statement, n, params);
    if (!r)
        return -1;
    int64_t rows = strtoll(PQcmdTuples(r), NULL, 10);
    PQclear(r);
    return rows;
}

static int
stage(seeding_t *s, gh_copy_t *copy, const char *table, const char *columns)
{
    char statement[64], command[256];
    snprintf(statement, sizeof statement, "seed_stage_%s", table);
    snprintf(command, sizeof command, "copy s_%s (%s) from stdin", table, columns);
    return run(s, statement, 0, NULL) < 0 ? -1 : gh_copy_begin(copy, s->db, command);
}

static int
stage_areas(seeding_t *s)
{
    gh_copy_t copy;
    if (stage(s, &copy, "areas", "n, name, destination, latitude, longitude") != 0)
        return -1;
    for (int n = 0; n < s->plan->areas; n++) {
        gh_seed_place_t a;
        char latitude[24], longitude[24];
        gh_seed_area(s->plan, n, &a);
        snprintf(latitude, sizeof latitude, "%.4f", 30.5 + 0.02 * n);
        snprintf(longitude, sizeof longitude, "%.4f", 114.3 + 0.03 * n);
        gh_copy_i64(&copy, n);
        gh_copy_cstr(&copy, a.name);
        gh_copy_cstr(&copy, a.text);
        gh_copy_cstr(&copy, latitude);
        gh_copy_cstr(&copy, longitude);
        gh_copy_row(&copy);
    }
    return gh_copy_end(&copy);
}

static int
stage_majors(seeding_t *s)
{
    gh_copy_t copy;
    if (stage(s, &copy, "majors", "n, name, description") != 0)
        return -1;
    for (int n = 0; n < GH_SEED_MAJORS && n * 3 < s->plan->minors; n++) {
        gh_seed_place_t m;
        gh_seed_major(n, &m);
        gh_copy_i64(&copy, n);
        gh_copy_cstr(&copy, m.name);
        gh_copy_cstr(&copy, m.text);
        gh_copy_row(&copy);
    }
    return gh_copy_end(&copy);
}

static int
stage_minors(seeding_t *s)
{
    gh_copy_t copy;
    if (stage(s, &copy, "minors", "n, major_n, name, description") != 0)
        return -1;
    for (int n = 0; n < s->plan->minors; n++) {
        gh_seed_place_t m;
        gh_seed_minor(n, &m);
        gh_copy_i64(&copy, n);
        gh_copy_i64(&copy, n % GH_SEED_MINORS / 3);
        gh_copy_cstr(&copy, m.name);
        gh_copy_cstr(&copy, m.text);
        gh_copy_row(&copy);
    }
    return gh_copy_end(&copy);
}

static int
stage_specialties(seeding_t *s)
{
    gh_copy_t copy;
    if (stage(s, &copy, "specialties", "n, code, name, description") != 0)
        return -1;
    for (int n = 0; n < GH_SEED_MINORS && n < s->plan->minors; n++) {
        const char *code;
        gh_seed_place_t x;
        gh_seed_specialty(n, &code, &x);
        gh_copy_i64(&copy, n);
        gh_copy_cstr(&copy, code);
        gh_copy_cstr(&copy, x.name);
        gh_copy_cstr(&copy, x.text);
        gh_copy_row(&copy);
    }
    return gh_copy_end(&copy);
}

static int
stage_clinics(seeding_t *s)
{
    gh_copy_t copy;
    if (stage(s, &copy, "clinics", "n, minor_n, area_n, name, address, clinic_type") != 0)
        return -1;
    for (int n = 0; n < s->plan->clinics; n++) {
        gh_seed_clinic_t c;
        gh_seed_clinic(s->plan, n, &c);
        gh_copy_i64(&copy, n);
        gh_copy_i64(&copy, c.minor);
        gh_copy_i64(&copy, c.area);
        gh_copy_cstr(&copy, c.name);
        gh_copy_cstr(&copy, c.address);
        gh_copy_i64(&copy, c.type);
        gh_copy_row(&copy);
    }
    return gh_copy_end(&copy);
}

static int
stage_doctors(seeding_t *s)
{
    gh_copy_t copy;
    if (stage(s, &copy, "doctors",
              "n, minor_n, identifier, name, title, specialty, introduction, is_head, license_no, degree, "
              "years, specialty_n") != 0)
        return -1;
    for (int n = 0; n < s->plan->doctors; n++) {
        gh_seed_doctor_t d;
        gh_seed_doctor(s->plan, n, &d);
        gh_copy_i64(&copy, n);
        gh_copy_i64(&copy, d.minor);
        gh_copy_cstr(&copy, d.identifier);
        gh_copy_cstr(&copy, d.name);
        gh_copy_cstr(&copy, d.title);
        gh_copy_cstr(&copy, d.specialty);
        gh_copy_cstr(&copy, d.introduction);
        gh_copy_bool(&copy, d.head);
        gh_copy_cstr(&copy, d.license);
        gh_copy_cstr(&copy, d.degree);
        gh_copy_i64(&copy, d.years);
        gh_copy_i64(&copy, d.minor % GH_SEED_MINORS);
        gh_copy_row(&copy);
    }
    return gh_copy_end(&copy);
}

static int
stage_staff(seeding_t *s)
{
    gh_copy_t copy;
    if (stage(s, &copy, "staff", "n, identifier, username, name, role, user_type, job_title") != 0)
        return -1;
    for (size_t n = 0; n < GH_COUNT(s_staff); n++) {
        gh_copy_i64(&copy, (int64_t)n);
        gh_copy_cstr(&copy, s_staff[n].identifier);
        gh_copy_cstr(&copy, s_staff[n].username);
        gh_copy_cstr(&copy, s_staff[n].name);
        gh_copy_cstr(&copy, s_staff[n].role);
        gh_copy_cstr(&copy, s_staff[n].user_type);
        gh_copy_cstr(&copy, s_staff[n].job_title);
        gh_copy_row(&copy);
    }
    return gh_copy_end(&copy);
}

static int
stage_patients(seeding_t *s, gh_progress_t *progress)
{
    gh_copy_t copy;
    if (stage(s, &copy, "patients", "n, phone, name, gender, birth, patient_type") != 0)
        return -1;
    for (int64_t n = 0; n < s->plan->patients && !copy.failed; n++) {
        gh_seed_patient_t p;
        gh_seed_patient(s->plan, n, &p);
        gh_copy_i64(&copy, n);
        gh_copy_cstr(&copy, p.phone);
        gh_copy_cstr(&copy, p.name);
        gh_copy_cstr(&copy, p.gender);
        gh_copy_cstr(&copy, p.birth);
        gh_copy_cstr(&copy, p.type);
        gh_copy_row(&copy);
        gh_progress_at(progress, n / 10); /* a tenth of the work of a patient */
    }
    return gh_copy_end(&copy);
}

static int
stage_sessions(seeding_t *s)
{
    static const char *const sections[] = {"上午", "下午", "晚上"};
    const gh_seed_plan_t *p = s->plan;
    gh_copy_t copy;
    if (stage(s, &copy, "sessions", "clinic_n, doctor_n, day, section, slot_type, places") != 0)
        return -1;
    for (int32_t day = p->first_day; day <= p->first_day + p->days; day++)
        for (int i = 0; i < p->clinics * p->per_day; i++) {
            gh_seed_session_t one;
            char date[GH_TEXT_DATE];
            gh_seed_session(p, i / p->per_day, day, i % p->per_day, &one);
            if (one.doctor < 0)
                continue;
            gh_day_text(day, date);
            gh_copy_i64(&copy, i / p->per_day);
            gh_copy_i64(&copy, one.doctor);
            gh_copy_cstr(&copy, date);
            gh_copy_cstr(&copy, sections[i % p->per_day]);
            gh_copy_cstr(&copy, one.slot_type);
            gh_copy_i64(&copy, one.places);
            gh_copy_row(&copy);
        }
    return gh_copy_end(&copy);
}

static void
note(seeding_t *s, gh_progress_t *progress, const char *label, int64_t rows)
{
    s->added += rows;
    gh_progress_end(progress, rows);
    if (s->json)
        gh_json_ki64(s->json, label, rows);
}

/* Statement `name` merges a table and, unless ids is NULL, that one learns its keys. */
static int
merge(seeding_t *s, const char *label, int (*fill)(seeding_t *s), const char *name, const char *ids)
{
    gh_progress_t progress;
    gh_progress_begin(&progress, s->c, label, 0);
    if (fill(s) != 0)
        return -1;
    int64_t rows = run(s, name, 1, (const char *[]){s->now});
    if (rows < 0 || (ids && run(s, ids, 0, NULL) < 0))
        return -1;
    note(s, &progress, label, rows);
    return 0;
}

static int
merge_staff(seeding_t *s)
{
    gh_progress_t progress;
    gh_progress_begin(&progress, s->c, "staff", 0);
    const char *const params[] = {s->now, s->hash};
    int64_t rows = stage_staff(s) == 0 ? run(s, "seed_staff_users", 2, params) : -1;
    if (rows < 0 || run(s, "seed_staff_roles", 1, params) < 0 || run(s, "seed_administrators", 1, params) < 0)
        return -1;
    note(s, &progress, "staff", rows);
    return 0;
}

static int
merge_doctors(seeding_t *s)
{
    gh_progress_t progress;
    gh_progress_begin(&progress, s->c, "doctors", 0);
    const char *const params[] = {s->now, s->hash};
    if (stage_doctors(s) != 0 || run(s, "seed_doctor_users", 2, params) < 0 ||
        run(s, "seed_doctor_roles", 1, params) < 0)
        return -1;
    int64_t rows = run(s, "seed_doctors", 1, params);
    if (rows < 0 || run(s, "seed_doctors_ids", 0, NULL) < 0 ||
        run(s, "seed_doctor_specialties", 1, params) < 0)
        return -1;
    note(s, &progress, "doctors", rows);
    return 0;
}

/* Accounts, patients, roles, relations and medical profiles of a range; the patients added, or -1. */
static int64_t
merge_patient_range(seeding_t *s, int64_t first)
{
    char from[24], to[24];
    snprintf(from, sizeof from, "%lld", (long long)first);
    snprintf(to, sizeof to, "%lld", (long long)(first + PATIENT_STEP - 1));
    const char *const users[] = {s->now, s->hash, from, to};
    const char *const others[] = {s->now, from, to, gh_tz_name()};
    if (run(s, "seed_patient_users", 4, users) < 0)
        return -1;
    int64_t rows = run(s, "seed_patients", 3, others);
    if (rows < 0 || run(s, "seed_patient_roles", 3, others) < 0 || run(s, "seed_relations", 3, others) < 0 ||
        run(s, "seed_profiles", 4, others) < 0)
        return -1;
    return rows;
}

static int
merge_patients(seeding_t *s)
{
    gh_progress_t progress;
    int64_t added = 0, total = s->plan->patients;
    gh_progress_begin(&progress, s->c, "patients", total);
    if (stage_patients(s, &progress) != 0)
        return -1;
    PQclear(PQexec(s->db, "analyze s_patients"));
    for (int64_t n = 0; n < total; n += PATIENT_STEP) {
        int64_t rows = merge_patient_range(s, n);
        if (rows < 0)
            return -1;
        added += rows;
        gh_progress_at(&progress, total / 10 + n * 9 / 10);
    }
    note(s, &progress, "patients", added);
    return 0;
}

static int
merge_sessions(seeding_t *s)
{
    gh_progress_t progress;
    gh_progress_begin(&progress, s->c, "sessions", 0);
    if (stage_sessions(s) != 0)
        return -1;
    PQclear(PQexec(s->db, "analyze s_sessions"));
    int64_t rows = run(s, "seed_sessions", 2, (const char *[]){s->now, gh_tz_name()});
    if (rows < 0)
        return -1;
    note(s, &progress, "sessions", rows);
    return 0;
}

static int
merge_all(seeding_t *s)
{
    if (run(s, "seed_lock", 0, NULL) < 0 ||
        merge(s, "areas", stage_areas, "seed_areas", "seed_areas_ids") != 0 ||
        merge(s, "majors", stage_majors, "seed_majors", "seed_majors_ids") != 0 ||
        merge(s, "departments", stage_minors, "seed_minors", "seed_minors_ids") != 0 ||
        merge(s, "specialties", stage_specialties, "seed_specialties", "seed_specialties_ids") != 0 ||
        merge(s, "clinics", stage_clinics, "seed_clinics", "seed_clinics_ids") != 0 || merge_staff(s) != 0 ||
        merge_doctors(s) != 0 || merge_patients(s) != 0 || merge_sessions(s) != 0)
        return -1;
    return !s->plan->reset_users || run(s, "seed_reset_users", 1, (const char *[]){s->hash}) >= 0 ? 0 : -1;
}

int
gh_seed_run(gh_cmd_t *c, PGconn *db, const gh_seed_plan_t *plan)
{
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;
    seeding_t s = {.c = c, .db = db, .plan = plan, .json = c->json ? &j : NULL};
    int64_t start = gh_mono_ms();
    gh_json_init(&j, &out);
    gh_json_obj(&j);
    gh_ts_text(plan->now_us, s.now);
    if (gh_password_hash(GH_STR(GH_SEED_PASSWORD), (int)gh_conf_int(c->conf, "password.cost"), s.hash) != 0)
        return gh_cmd_failed(c, "the password cannot be hashed");
    if (gh_dbq_exec(db, "begin") != 0)
        return GH_EXIT_FAILED;
    if (merge_all(&s) != 0 || gh_dbq_exec(db, "commit") != 0) {
        PQclear(PQexec(db, "rollback"));
        return GH_EXIT_FAILED;
    }
    if (s.added >= PATIENT_STEP)
        PQclear(PQexec(db, "analyze"));
    gh_json_obj_end(&j);
    if (c->json && gh_buf_cstr(&out))
        puts(out.p);
    gh_cmd_say(c, "%lld rows added in %.2f s", (long long)s.added, (double)(gh_mono_ms() - start) / 1000);
    return GH_EXIT_DONE;
}

int
gh_seed_read_options(gh_cmd_t *c, gh_seed_plan_t *p)
{
    gh_args_t *a = &c->args;
    int64_t areas, minors, clinics, doctors, days, per_day, places, rng;
    if (gh_args_int(a, "count", 1, 9000000, p->patients, &p->patients) != 0 ||
        gh_args_int(a, "patients", 1, 9000000, p->patients, &p->patients) != 0 ||
        gh_args_int(a, "areas", 1, 50, p->areas, &areas) != 0 ||
        gh_args_int(a, "departments", 1, 240, p->minors, &minors) != 0 ||
        gh_args_int(a, "clinics", 1, 20000, p->clinics, &clinics) != 0 ||
        gh_args_int(a, "doctors", 1, 9999, p->doctors, &doctors) != 0 ||
        gh_args_int(a, "days", 0, 180, p->days, &days) != 0 ||
        gh_args_int(a, "schedules-per-day", 1, 3, p->per_day, &per_day) != 0 ||
        gh_args_int(a, "places", 1, 100000, 0, &places) != 0 ||
        gh_args_int(a, "rng", 0, INT64_MAX, 1, &rng) != 0)
        return gh_cmd_bad_option(c);
    p->areas = (int)areas;
    p->minors = (int)minors;
    p->clinics = (int)clinics;
    p->doctors = (int)doctors;
    p->days = (int)days;
    p->per_day = (int)per_day;
    p->places = (int)places;
    p->rng = (uint64_t)rng;
    return GH_EXIT_DONE;
}

/* Whether the database is a hospital's own: it has accounts, and no demo ones. -1 after a message. */
static int
is_real(PGconn *db)
{
    PGresult *r = gh_dbq_named(db, "seed_is_real", 0, NULL);
    int real = !r ? -1 : strcmp(PQgetvalue(r, 0, 0), "t") == 0;
    PQclear(r);
    return real;
}

static int
seed(gh_cmd_t *c, PGconn *db, const gh_seed_plan_t *plan)
{
    int real = gh_args_has(&c->args, "if-empty") ? is_real(db) : 0;
    if (real != 0)
        return real < 0 ? GH_EXIT_FAILED : GH_EXIT_DONE;
    return gh_seed_run(c, db, plan);
}

int
gh_cmd_seed(gh_cmd_t *c)
{
    const char *verb = c->args.n_words ? c->args.words[0] : "demo";
    bool clear = strcmp(verb, "clear") == 0, algeria = strcmp(verb, "algeria") == 0;
    if (!clear && !algeria && strcmp(verb, "demo") != 0)
        return gh_cmd_usage(c, "unknown: %s (demo, algeria, clear)", verb);
    if (!algeria && gh_args_has(&c->args, "currency"))
        return gh_cmd_usage(c, "--currency goes with algeria");
    if (gh_cmd_is_production(c))
        return gh_args_has(&c->args, "if-empty") ? GH_EXIT_DONE
                                                 : gh_cmd_usage(c, "refused: this is a production system");
    if (clear && !c->yes)
        return gh_cmd_usage(c, "clearing needs --yes");
    gh_seed_plan_t plan;
    gh_seed_defaults(&plan, gh_now_us());
    int rc = algeria ? gh_seed_algeria_options(c) : gh_seed_read_options(c, &plan);
    if (rc != GH_EXIT_DONE)
        return rc;
    PGconn *db = gh_cmd_connect(c);
    if (!db)
        return GH_EXIT_DATABASE;
    rc = clear ? gh_seed_clear(c, db, false) : algeria ? gh_seed_algeria(c, db) : seed(c, db, &plan);
    PQfinish(db);
    return rc;
}
