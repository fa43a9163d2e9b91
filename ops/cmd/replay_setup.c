/*
 * ops/cmd/replay_setup.c - the clinics, doctors, sessions, patients and sign-ins that a replay needs
 *
 * One transaction, one statement a table whatever the size. Nothing of the log but the clinics' names is
 * stored: the patients are numbered.
 */
#include "ops/cmd/replay.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/timez.h"
#include "base/token.h"
#include "base/uuid7.h"
#include "db/arrays.h"
#include "ops/cmd/dbq.h"

/* Reserve ids of a table and write them through `put`. */
static int
s_ids(PGconn *db, const char *table, size_t n, void (*put)(gh_replay_t *, size_t, int64_t), gh_replay_t *r)
{
    char count[16];
    snprintf(count, sizeof count, "%zu", n);
    PGresult *res = gh_dbq_named(db, "replay_ids", 2, (const char *[]){table, count});
    if (!res)
        return -1;
    const char *at = PQgetvalue(res, 0, 0); /* {1,2,3} */
    size_t i = 0;
    for (; i < n && *at && *at != '}'; i++) {
        char *end;
        put(r, i, strtoll(at + 1, &end, 10));
        at = end;
    }
    PQclear(res);
    return i == n ? 0 : -1;
}

static void
put_clinic(gh_replay_t *r, size_t i, int64_t id)
{
    r->sessions[i].clinic_id = id;
}

static void
put_doctor(gh_replay_t *r, size_t i, int64_t id)
{
    r->sessions[i].doctor_id = id;
}

static void
put_schedule(gh_replay_t *r, size_t i, int64_t id)
{
    r->sessions[i].schedule_id = id;
}

static void
put_user(gh_replay_t *r, size_t i, int64_t id)
{
    r->patients[i].user_id = id;
}

static void
put_patient(gh_replay_t *r, size_t i, int64_t id)
{
    r->patients[i].patient_id = id;
}

/* An array parameter list in the making; fini frees all. */
typedef struct params {
    gh_pgarr_t arr[8];
    const char *p[10];
} params_t;

static void
s_params_fini(params_t *p)
{
    for (size_t i = 0; i < GH_COUNT(p->arr); i++)
        gh_pgarr_fini(&p->arr[i]);
}

/* Close the first n arrays into p->p; false when memory ran out. */
static bool
s_close(params_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!(p->p[i] = gh_pgarr_literal(&p->arr[i])))
            return false;
    return true;
}

static int
s_run(PGconn *db, const char *statement, int n, params_t *p)
{
    PGresult *res = gh_dbq_named(db, statement, n, p->p);
    PQclear(res);
    s_params_fini(p);
    *p = (params_t){0};
    return res ? 0 : -1;
}

static int64_t
s_one_id(PGconn *db, const char *statement, const char *tag)
{
    PGresult *res = gh_dbq_named(db, statement, 1, &tag);
    int64_t id = res && PQntuples(res) == 1 ? strtoll(PQgetvalue(res, 0, 0), NULL, 10) : -1;
    PQclear(res);
    return id;
}

static int
s_sessions(gh_replay_t *r, PGconn *db)
{
    int64_t area = s_one_id(db, "replay_area", r->tag), dept = s_one_id(db, "replay_department", r->tag);
    if (area < 0 || dept < 0 || s_ids(db, "clinics", r->n_sessions, put_clinic, r) != 0 ||
        s_ids(db, "doctors", r->n_sessions, put_doctor, r) != 0 ||
        s_ids(db, "schedules", r->n_sessions, put_schedule, r) != 0)
        return -1;
    char area_text[24], dept_text[24];
    snprintf(area_text, sizeof area_text, "%lld", (long long)area);
    snprintf(dept_text, sizeof dept_text, "%lld", (long long)dept);
    params_t clinics = {0}, doctors = {0}, schedules = {0};
    for (size_t i = 0; i < r->n_sessions; i++) {
        gh_replay_session_t *s = &r->sessions[i];
        s->area_id = area;
        s->dept_id = dept;
        gh_pgarr_i64(&clinics.arr[0], s->clinic_id);
        gh_pgarr_text(&clinics.arr[1], s->clinic);
        gh_pgarr_i64(&doctors.arr[0], s->doctor_id);
        gh_pgarr_text(&doctors.arr[1], s->clinic);
        gh_pgarr_i64(&schedules.arr[0], s->schedule_id);
        gh_pgarr_i64(&schedules.arr[1], s->doctor_id);
        gh_pgarr_i64(&schedules.arr[2], s->clinic_id);
        gh_pgarr_day(&schedules.arr[3], s->day);
        gh_pgarr_i64(&schedules.arr[4], s->places);
        gh_pgarr_time(&schedules.arr[5], s->starts_us);
        gh_pgarr_i64(&schedules.arr[6], s->slot_minutes);
    }
    char minutes[12];
    snprintf(minutes, sizeof minutes, "%d", GH_REPLAY_SESSION_MINUTES);
    bool ok = s_close(&clinics, 2) && s_close(&doctors, 2) && s_close(&schedules, 7);
    clinics.p[2] = area_text;
    clinics.p[3] = dept_text;
    doctors.p[2] = dept_text;
    schedules.p[7] = minutes;
    ok = ok && s_run(db, "replay_clinics", 4, &clinics) == 0 &&
         s_run(db, "replay_doctors", 3, &doctors) == 0 && s_run(db, "replay_schedules", 8, &schedules) == 0;
    s_params_fini(&clinics);
    s_params_fini(&doctors);
    s_params_fini(&schedules);
    return ok ? 0 : -1;
}

static int
s_patients(gh_replay_t *r, PGconn *db)
{
    if (s_ids(db, "users", r->n_patients, put_user, r) != 0 ||
        s_ids(db, "patients", r->n_patients, put_patient, r) != 0)
        return -1;
    params_t users = {0}, roles = {0}, patients = {0}, relations = {0};
    for (size_t i = 0; i < r->n_patients; i++) {
        gh_pgarr_i64(&users.arr[0], r->patients[i].user_id);
        gh_pgarr_i64(&roles.arr[0], r->patients[i].user_id);
        gh_pgarr_i64(&patients.arr[0], r->patients[i].patient_id);
        gh_pgarr_i64(&patients.arr[1], r->patients[i].user_id);
        gh_pgarr_i64(&relations.arr[0], r->patients[i].patient_id);
    }
    bool ok = s_close(&users, 1) && s_close(&roles, 1) && s_close(&patients, 2) && s_close(&relations, 1);
    users.p[1] = r->tag;
    ok = ok && s_run(db, "replay_users", 2, &users) == 0 && s_run(db, "replay_roles", 1, &roles) == 0 &&
         s_run(db, "replay_patients", 2, &patients) == 0 && s_run(db, "replay_relations", 1, &relations) == 0;
    s_params_fini(&users);
    s_params_fini(&roles);
    s_params_fini(&patients);
    s_params_fini(&relations);
    return ok ? 0 : -1;
}

/* Long enough for the whole replay: an hour, or the log's span at the wanted speed and an hour. */
static int64_t
s_lifetime_s(const gh_replay_t *r)
{
    int64_t span_us = r->n_rows ? r->rows[r->n_rows - 1].booked_us - r->rows[0].booked_us : 0;
    return 3600 + (r->opt.speed > 0 ? (int64_t)((double)span_us / 1e6 / r->opt.speed) : 0);
}

/* Sign a token and a session row for each patient. */
static int
s_tokens(gh_replay_t *r, PGconn *db, int64_t now_us)
{
    gh_token_keys_t *keys = gh_token_keys_load(r->conf, false);
    if (!keys)
        return -1;
    int64_t now_s = now_us / 1000000, exp = now_s + s_lifetime_s(r);
    params_t p = {0};
    int rc = 0;
    for (size_t i = 0; i < r->n_patients && rc == 0; i++) {
        gh_token_t t = {.user_id = r->patients[i].user_id, .iat = now_s, .exp = exp, .roles_csv = "PATIENT"};
        gh_uuid7_new(t.sid);
        gh_uuid7_new(t.jti);
        rc = gh_token_issue(keys, &t, &r->patients[i].token);
        gh_pgarr_uuid(&p.arr[0], t.sid);
        gh_pgarr_i64(&p.arr[1], t.user_id);
        gh_pgarr_uuid(&p.arr[2], t.jti);
    }
    char now_text[GH_PG_TIME_TEXT], exp_text[GH_PG_TIME_TEXT];
    gh_pg_time_text(now_us, now_text);
    gh_pg_time_text(exp * 1000000, exp_text);
    if (rc == 0 && s_close(&p, 3)) {
        p.p[3] = now_text;
        p.p[4] = exp_text;
        rc = s_run(db, "replay_sessions", 5, &p);
    } else {
        rc = -1;
    }
    s_params_fini(&p);
    gh_token_keys_destroy(&keys);
    return rc;
}

int
gh_replay_setup(gh_replay_t *r, PGconn *db, int64_t now_us)
{
    static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";
    size_t n = 0;
    for (int64_t v = now_us / 1000; v > 0 && n < 9; v /= 32)
        r->tag[n++] = alphabet[v % 32];
    r->tag[n] = '\0';
    if (gh_dbq_exec(db, "begin") != 0)
        return -1;
    bool ok = s_sessions(r, db) == 0 && s_patients(r, db) == 0 && s_tokens(r, db, now_us) == 0;
    return gh_dbq_exec(db, ok ? "commit" : "rollback") == 0 && ok ? 0 : -1;
}
