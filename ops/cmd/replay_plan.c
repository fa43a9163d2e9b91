/*
 * ops/cmd/replay_plan.c - from a booking log to rows, sessions and patients (no I/O but the file itself)
 */
#include "ops/cmd/replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <uthash.h>

#include "base/buf.h"
#include "base/timez.h"

/* Entry of an index by text: the number of a session or patient. */
typedef struct index_entry {
    UT_hash_handle hh;
    size_t at;
    size_t n;
    char key[];
} index_entry_t;

/* Number of `key`, `*count` for a new one (which is then counted). SIZE_MAX when memory ran out. */
static size_t
s_number_of(index_entry_t **index, gh_str_t key, size_t *count)
{
    index_entry_t *e = NULL;
    HASH_FIND(hh, *index, key.p, key.n, e);
    if (e)
        return e->at;
    e = malloc(sizeof *e + key.n + 1);
    if (!e)
        return SIZE_MAX;
    e->at = (*count)++;
    e->n = key.n;
    memcpy(e->key, key.p, key.n);
    e->key[key.n] = '\0';
    HASH_ADD_KEYPTR(hh, *index, e->key, e->n, e);
    return e->at;
}

static void
s_index_fini(index_entry_t **index)
{
    index_entry_t *e, *next;
    HASH_ITER(hh, *index, e, next)
    {
        HASH_DEL(*index, e);
        free(e);
    }
}

static gh_str_t
s_trim(gh_str_t s)
{
    while (s.n && (*s.p == ' ' || *s.p == '\t'))
        s.p++, s.n--;
    while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

typedef struct columns {
    int clinic, patient, booked, visit;
} columns_t;

static int
s_columns(const gh_replay_t *r, columns_t *c, char err[300])
{
    const struct {
        const char *name;
        int *out;
        const char *option;
    } want[] = {{r->opt.clinic_column, &c->clinic, "--clinic-column"},
                {r->opt.patient_column, &c->patient, "--patient-column"},
                {r->opt.booked_column, &c->booked, "--booked-column"},
                {r->opt.visit_column, &c->visit, "--visit-column"}};
    for (size_t i = 0; i < GH_COUNT(want); i++) {
        *want[i].out = gh_csv_column(&r->csv, want[i].name);
        if (*want[i].out < 0) {
            snprintf(err, 300, "no column \"%s\" in the header line; name yours with %s", want[i].name,
                     want[i].option);
            return -1;
        }
    }
    return 0;
}

/* The visit day as it is written: a date, or the date of a moment (the moment's zone does not move the
 * day). */
static int
s_visit_day(gh_str_t text, int32_t *day)
{
    int64_t at;
    if (gh_day_parse(text, day) == 0)
        return 0;
    if (text.n < 10 || gh_ts_parse(text, &at) != 0)
        return -1;
    return gh_day_parse((gh_str_t){text.p, 10}, day);
}

typedef struct indexes {
    index_entry_t *sessions, *patients, *pairs;
    size_t n_pairs;
} indexes_t;

/* Read row i; new sessions and patients are numbered as they come. log_days[session] gets the visit day. */
static int
s_read_row(gh_replay_t *r, size_t i, const columns_t *c, indexes_t *x, char err[300])
{
    gh_replay_row_t *row = &r->rows[i];
    row->line = r->csv.lines[i];
    gh_str_t clinic = s_trim(gh_csv_cell(&r->csv, i, c->clinic)),
             patient = s_trim(gh_csv_cell(&r->csv, i, c->patient));
    gh_str_t visit = s_trim(gh_csv_cell(&r->csv, i, c->visit));
    int32_t day;
    if (clinic.n == 0 || patient.n == 0) {
        snprintf(err, 300, "line %zu: no clinic or patient", row->line);
        return -1;
    }
    if (gh_ts_parse(s_trim(gh_csv_cell(&r->csv, i, c->booked)), &row->booked_us) != 0 ||
        s_visit_day(visit, &day) != 0) {
        snprintf(err, 300, "line %zu: booking time or visit day is not a date (RFC 3339)", row->line);
        return -1;
    }
    gh_buf_t key GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_buf_printf(&key, "%d ", (int)day);
    gh_buf_str(&key, clinic);
    if (!gh_buf_ok(&key))
        return -1;
    size_t known = r->n_sessions, known_patients = r->n_patients;
    size_t session = s_number_of(&x->sessions, gh_buf_view(&key), &r->n_sessions);
    size_t who = s_number_of(&x->patients, patient, &r->n_patients);
    if (session == SIZE_MAX || who == SIZE_MAX)
        return -1;
    if (session == known)
        r->sessions[session] = (gh_replay_session_t){.clinic = clinic, .log_day = day};
    if (who == known_patients)
        r->patients[who] = (gh_replay_patient_t){.key = patient, .waiting = SIZE_MAX};
    r->sessions[session].wanted++;
    row->session = (uint32_t)session;
    row->patient = (uint32_t)who;
    row->next_waiting = SIZE_MAX;
    return 0;
}

static int
by_booking_time(const void *a, const void *b)
{
    const gh_replay_row_t *x = a, *y = b;
    if (x->booked_us != y->booked_us)
        return x->booked_us < y->booked_us ? -1 : 1;
    return x->line < y->line ? -1 : x->line > y->line;
}

/* Which slot each row asks for where one books by time: the k-th patient of a session slot k (decisions 32). A row
 * of a patient who has booked the session already asks for one behind those that the session's patients ask for, so
 * that it takes none from them and is refused for what it is. Always one that exists. */
static int
s_rank_rows(gh_replay_t *r, indexes_t *x)
{
    int rc = 0;
    for (size_t i = 0; i < r->n_rows && rc == 0; i++) {
        gh_replay_row_t *row = &r->rows[i];
        uint32_t pair[2] = {row->session, row->patient};
        size_t before = x->n_pairs;
        size_t at = s_number_of(&x->pairs, (gh_str_t){(const char *)pair, sizeof pair}, &x->n_pairs);
        rc = at == SIZE_MAX ? -1 : 0;
        row->nth = at == before ? (uint32_t)++r->sessions[row->session].distinct : UINT32_MAX;
        row->surface = r->opt.surface == GH_SURFACE_MIXED ? (gh_surface_t)(i % 3) : r->opt.surface;
    }
    for (size_t i = 0; i < r->n_rows; i++) {
        gh_replay_row_t *row = &r->rows[i];
        const gh_replay_session_t *s = &r->sessions[row->session];
        if (row->nth == UINT32_MAX)
            row->nth = (uint32_t)s->distinct + 1;
        if (row->nth > (uint32_t)s->places)
            row->nth = (uint32_t)s->places;
    }
    return rc;
}

/* Days, places and slot lengths of the sessions. The first visit day of the log becomes today +
 * days_ahead; later ones follow in the same order and wrap inside the booking window. */
static void
s_shape_sessions(gh_replay_t *r, int32_t today)
{
    int32_t first = r->n_sessions ? r->sessions[0].log_day : 0;
    for (size_t i = 0; i < r->n_sessions; i++) {
        if (r->sessions[i].log_day < first)
            first = r->sessions[i].log_day;
        if (r->sessions[i].wanted > r->sessions[r->busiest].wanted)
            r->busiest = i;
    }
    for (size_t i = 0; i < r->n_sessions; i++) {
        gh_replay_session_t *s = &r->sessions[i];
        s->day = today + 1 + (r->opt.days_ahead - 1 + s->log_day - first) % GH_REPLAY_DAYS;
        s->places = r->opt.places > 0 ? r->opt.places : (int)s->wanted;
        if (i == r->busiest && r->opt.places_busiest > 0)
            s->places = r->opt.places_busiest;
        /* Where some book by session and others by time, all places start together: slot k might be taken. */
        int shares = r->opt.surface == GH_SURFACE_MIXED || s->places < 1 ? 1 : s->places;
        s->slot_minutes = GH_REPLAY_SESSION_MINUTES / shares;
        if (s->slot_minutes < 1)
            s->slot_minutes = 1;
        s->starts_us = gh_day_at(s->day, 8 * 60);
    }
}

int64_t
gh_replay_slot_start(const gh_replay_session_t *s, uint32_t k)
{
    uint32_t cap = (uint32_t)(GH_REPLAY_SESSION_MINUTES / s->slot_minutes);
    if (k > cap)
        k = cap;
    return s->starts_us + (int64_t)(k - 1) * s->slot_minutes * 60 * 1000000;
}

int
gh_replay_plan_rows(gh_replay_t *r, int32_t today, char err[300])
{
    columns_t c;
    indexes_t x = {0};
    if (s_columns(r, &c, err) != 0)
        return -1;
    size_t n = r->csv.rows;
    r->rows = calloc(n ? n : 1, sizeof *r->rows);
    r->sessions = calloc(n ? n : 1, sizeof *r->sessions);
    r->patients = calloc(n ? n : 1, sizeof *r->patients);
    snprintf(err, 300, "out of memory");
    int rc = r->rows && r->sessions && r->patients ? 0 : -1;
    for (size_t i = 0; i < n && rc == 0; i++)
        rc = s_read_row(r, i, &c, &x, err);
    if (rc == 0) {
        r->n_rows = n;
        qsort(r->rows, n, sizeof *r->rows, by_booking_time);
        s_shape_sessions(r, today);
        rc = s_rank_rows(r, &x);
    }
    s_index_fini(&x.sessions);
    s_index_fini(&x.patients);
    s_index_fini(&x.pairs);
    return rc;
}

int
gh_replay_plan(gh_replay_t *r, int32_t today, char err[300])
{
    char why[200];
    if (gh_csv_load(&r->csv, r->opt.file, why) != 0) {
        snprintf(err, 300, "%s", why);
        return -1;
    }
    return gh_replay_plan_rows(r, today, err);
}

void
gh_replay_fini(gh_replay_t *r)
{
    for (size_t i = 0; r->patients && i < r->n_patients; i++)
        free(r->patients[i].token);
    free(r->patients);
    free(r->sessions);
    free(r->rows);
    gh_csv_fini(&r->csv);
    r->patients = NULL;
    r->sessions = NULL;
    r->rows = NULL;
}
