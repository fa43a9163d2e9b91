/*
 * ops/cmd/seed.h - the demo hospital (api/31 CM-10, R-243): what it holds is decided here in C, row by row and reproducibly;
 * how it enters the database is set-based SQL (seed.sql)
 */
#ifndef GH_CMD_SEED_H
#define GH_CMD_SEED_H

#include "base/buf.h"
#include "ops/cmd/cmd.h"

#define GH_SEED_MAJORS    8
#define GH_SEED_MINORS    24
#define GH_SEED_PASSWORD  "Guahao-2026"
#define GH_SEED_PHONE     INT64_C(13800000001)
#define GH_SEED_NAME_SIZE 128

typedef struct gh_seed_plan {
    uint64_t rng;
    int areas, minors, clinics, doctors;
    int64_t patients;
    int days;    /* after today; today itself as far as it lies ahead */
    int per_day; /* sessions of a clinic and day, 1..3 */
    int places;  /* of every session; 0: by its type */
    int32_t first_day;
    int64_t now_us;   /* sessions that start before are left out */
    bool reset_users; /* give existing demo accounts the demo password again (init) */
} gh_seed_plan_t;

/* Numbers run from 0. All texts are NUL-terminated and borrowed or written into the struct. */
typedef struct gh_seed_place {
    char name[GH_SEED_NAME_SIZE];
    const char *text;
} gh_seed_place_t;

typedef struct gh_seed_clinic {
    int minor, area, type;
    char name[GH_SEED_NAME_SIZE], address[GH_SEED_NAME_SIZE];
} gh_seed_clinic_t;

typedef struct gh_seed_doctor {
    int minor;
    bool head;
    char identifier[16], license[24], name[32];
    const char *title, *degree;
    char specialty[GH_SEED_NAME_SIZE], introduction[2 * GH_SEED_NAME_SIZE];
    int years;
} gh_seed_doctor_t;

typedef struct gh_seed_patient {
    char phone[24], name[32], birth[16];
    const char *gender, *type;
} gh_seed_patient_t;

typedef struct gh_seed_session {
    int doctor; /* -1: no doctor is free for it */
    const char *slot_type;
    int places;
} gh_seed_session_t;

void gh_seed_area(const gh_seed_plan_t *p, int n, gh_seed_place_t *out);
void gh_seed_major(int n, gh_seed_place_t *out);
/* Departments beyond the 24 known ones repeat them with a number. The major department is n % 24 / 3. */
void gh_seed_minor(int n, gh_seed_place_t *out);
/* n below GH_SEED_MINORS; that of the doctors of minor department n % GH_SEED_MINORS. */
void gh_seed_specialty(int n, const char **code, gh_seed_place_t *out);
void gh_seed_clinic(const gh_seed_plan_t *p, int n, gh_seed_clinic_t *out);
void gh_seed_doctor(const gh_seed_plan_t *p, int n, gh_seed_doctor_t *out);
void gh_seed_patient(const gh_seed_plan_t *p, int64_t n, gh_seed_patient_t *out);
/* The session of a clinic on a day (absolute number) in section 0..2. Over all clinics no doctor is in two places. */
void gh_seed_session(const gh_seed_plan_t *p, int clinic, int32_t day, int section, gh_seed_session_t *out);

/* Load. One transaction. Exit status. */
struct pg_conn;
int gh_seed_run(gh_cmd_t *c, struct pg_conn *db, const gh_seed_plan_t *plan);
/* `seed algeria`: are its options good (GH_EXIT_DONE, or usage after a message); load. Exit status. */
int gh_seed_algeria_options(gh_cmd_t *c);
int gh_seed_algeria(gh_cmd_t *c, struct pg_conn *db);
/* Remove rows with the demo mark and what hangs on them, or (whole) empty the tables that demo data fills. */
int gh_seed_clear(gh_cmd_t *c, struct pg_conn *db, bool whole);
/* Defaults of the issue of this program: 2 areas, 24 departments, 48 clinics, 120 doctors, 1000 patients, 14 days. */
void gh_seed_defaults(gh_seed_plan_t *p, int64_t now_us);
/* The options that gh_seed_opts and gh_init_opts share. GH_EXIT_DONE, or usage after a message. */
int gh_seed_read_options(gh_cmd_t *c, gh_seed_plan_t *p);

#endif
