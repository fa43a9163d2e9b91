/*
 * ops/cmd/replay.h - `guahao replay`: a hospital's booking log, booked again over HTTP (decisions 32)
 *
 *   plan    the log's rows in order of their booking time, and the clinics, sessions, patients they need
 *   setup   those in the database, set-based, under one tag; a signed session for every patient
 *   send    the bookings over HTTP, each with its own Idempotency-Key; overload and lost replies are retried
 *   check   the database beside what was answered
 *   report  text or JSON
 */
#ifndef GH_CMD_REPLAY_H
#define GH_CMD_REPLAY_H

#include "base/conf.h"
#include "base/error.h"
#include "ops/cmd/csv.h"

typedef enum { GH_SURFACE_CODE, GH_SURFACE_V1, GH_SURFACE_HEARTBEAT, GH_SURFACE_MIXED } gh_surface_t;

typedef struct gh_replay_options {
    const char *file;
    const char *clinic_column, *patient_column, *booked_column, *visit_column;
    const char *url; /* http://host:port of a front */
    gh_surface_t surface;
    int places;         /* of every session; 0: as many as its rows */
    int places_busiest; /* of the session with most rows; 0: like the others */
    int days_ahead;     /* the log's first visit day becomes today + this */
    double speed;       /* times real time; 0: as fast as possible */
    int connections;
    int timeout_ms;  /* for one reply */
    int retry_for_s; /* give up a row that got no proper answer for so long */
    bool json, quiet;
} gh_replay_options_t;

/* A session: one clinic on one (moved) visit day. */
typedef struct gh_replay_session {
    gh_str_t clinic;
    int32_t log_day; /* visit day of the log */
    int32_t day;     /* the day it is moved to */
    size_t wanted;   /* rows */
    size_t distinct; /* different patients among them */
    int places;
    int slot_minutes;
    int64_t starts_us;
    int64_t area_id, dept_id, clinic_id, doctor_id, schedule_id; /* after setup */
    size_t accepted;                                             /* after sending */
} gh_replay_session_t;

typedef struct gh_replay_patient {
    gh_str_t key; /* as the log names the patient */
    int64_t user_id, patient_id;
    char *token;    /* owned */
    size_t waiting; /* first row held back until the patient's row in hand is answered; SIZE_MAX: none */
    bool busy;
} gh_replay_patient_t;

typedef enum { GH_ROW_WAITING, GH_ROW_ACCEPTED, GH_ROW_REFUSED, GH_ROW_UNANSWERED } gh_row_state_t;

typedef struct gh_replay_row {
    size_t line; /* of the file */
    uint32_t session, patient;
    int64_t booked_us;
    uint32_t nth; /* which slot a booking by time asks for: its rank, 1.., among the session's patients */
    gh_surface_t surface;
    gh_row_state_t state;
    int64_t order_id;            /* accepted */
    int64_t sent_us, latency_us; /* first request; last reply's own latency */
    int64_t due_us;
    int attempts;
    char reason[40];     /* refused: name of the error row */
    size_t next_waiting; /* see gh_replay_patient_t.waiting */
} gh_replay_row_t;

typedef struct gh_replay {
    const gh_conf_t *conf;
    gh_replay_options_t opt;
    char tag[16]; /* names everything this run made */
    gh_csv_t csv;
    gh_replay_row_t *rows; /* in order of booking time */
    size_t n_rows;
    gh_replay_session_t *sessions;
    size_t n_sessions, busiest;
    gh_replay_patient_t *patients;
    size_t n_patients;
    int64_t retries, lost; /* requests sent again; replies that never came */
    double seconds;        /* first request to last reply */
    /* check */
    size_t db_orders, faults;
    char fault[8][200]; /* the first ones, in words */
} gh_replay_t;

/* Read the file and fill rows, sessions, patients. today: the hospital's day. -1 after writing why into
 * err. */
int gh_replay_plan(gh_replay_t *r, int32_t today, char err[300]) GH_MUSTCHECK;
/* The same from text that is parsed already (tests). Takes nothing: r->csv is set. */
int gh_replay_plan_rows(gh_replay_t *r, int32_t today, char err[300]) GH_MUSTCHECK;
void gh_replay_fini(gh_replay_t *r);
/* The start of slot k (from 1) of a session: slots above those that fit share the last start (api/24). */
int64_t gh_replay_slot_start(const gh_replay_session_t *s, uint32_t k);

/* Length of the sessions that are made: 08:00 to 12:00. */
#define GH_REPLAY_SESSION_MINUTES 240
/* Days a session may be moved ahead, below the booking window's default of 14. */
#define GH_REPLAY_DAYS 13

struct pg_conn;
/* Create what the plan needs and sign the tokens. -1 after a message on stderr. */
int gh_replay_setup(gh_replay_t *r, struct pg_conn *db, int64_t now_us) GH_MUSTCHECK;
/* Send every row. -1 after a message on stderr when the client itself fails; rows then stay WAITING. */
int gh_replay_send(gh_replay_t *r) GH_MUSTCHECK;
/* Compare with the database: r->faults counts what disagrees. -1 when the database cannot be asked. */
int gh_replay_check(gh_replay_t *r, struct pg_conn *db) GH_MUSTCHECK;
void gh_replay_report(const gh_replay_t *r);

/* The whole: exit status 0 when every row was answered and the database agrees, else 1. */
int gh_replay_run(const gh_conf_t *conf, const gh_replay_options_t *opt, struct pg_conn *db);

/* What a reply says: accepted with order id, or the name of the refusal. Pure; for tests. */
bool gh_replay_read_reply(gh_surface_t surface, int status, gh_str_t body, int64_t *order_id,
                          char reason[40]);

#endif
