/*
 * ops/cmd/live.c - options of `guahao queues`, `top` and `replay`
 */
#include "ops/cmd/live.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

#include "ops/cmd/http_load.h"
#include "ops/cmd/queues.h"
#include "ops/cmd/replay.h"

const gh_opt_t gh_queues_opts[] = {{"timeout", "MS", "how long to wait for each broker (1000)"},
                                   {NULL, NULL, NULL}};

int
gh_cmd_queues(gh_cmd_t *c)
{
    int64_t timeout;
    if (gh_args_int(&c->args, "timeout", 50, 60000, 1000, &timeout) != 0)
        return gh_cmd_bad_option(c);
    return gh_queues_run(c->conf, (int)timeout, c->json);
}

int
gh_cmd_workers(gh_cmd_t *c)
{
    int64_t timeout;
    if (gh_args_int(&c->args, "timeout", 50, 60000, 1000, &timeout) != 0)
        return gh_cmd_bad_option(c);
    return gh_workers_run(c->conf, (int)timeout, c->json);
}

const gh_opt_t gh_top_opts[] = {{"interval", "MS", "time between two looks (1000)"},
                                {"once", NULL, "one screen without terminal control, then stop"},
                                {"plain", NULL, "one block after the other, also on a terminal"},
                                {"count", "N", "stop after N screens"},
                                {NULL, NULL, NULL}};

int
gh_cmd_top(gh_cmd_t *c)
{
    int64_t interval, count;
    if (gh_args_int(&c->args, "interval", 100, 60000, 1000, &interval) != 0 ||
        gh_args_int(&c->args, "count", 1, 1000000, 0, &count) != 0)
        return gh_cmd_bad_option(c);
    if (c->json)
        return gh_cmd_usage(c, "--json: take guahao queues --json, or /metrics");
    const gh_top_options_t opt = {(int)interval, gh_args_has(&c->args, "once"),
                                  gh_args_has(&c->args, "plain"), (int)count};
    return gh_top_run(c->conf, &opt);
}

const gh_opt_t gh_replay_opts[] = {
    {"surface", "WHICH", "code, v1, heartbeat or mixed (v1)"},
    {"url", "URL", "the front, http://host:port (front.host and front.port)"},
    {"connections", "N", "connections to the front (64)"},
    {"speed", "N", "times real time; default: as fast as possible"},
    {"places", "N", "places of every session (as many as it has rows)"},
    {"places-busiest", "N", "places of the session with most rows"},
    {"days-ahead", "N", "the log's first visit day becomes today + N, 1..13 (7)"},
    {"clinic-column", "NAME", "column of the clinic (Neighbourhood)"},
    {"patient-column", "NAME", "column of the patient (PatientId)"},
    {"booked-column", "NAME", "column of the moment of booking (ScheduledDay)"},
    {"visit-column", "NAME", "column of the day of the visit (AppointmentDay)"},
    {"timeout", "MS", "for one reply (8000)"},
    {"retry-for", "S", "give a row up after so long without a proper answer (60)"},
    {NULL, NULL, NULL}};

/* A positive decimal number; 0 when the option is absent; -1 when it is something else. */
static double
s_speed(const gh_cmd_t *c)
{
    const char *text = gh_args_str(&c->args, "speed", NULL);
    if (!text)
        return 0;
    char *end;
    double v = strtod(text, &end);
    return end != text && *end == '\0' && v > 0 && v <= 1e9 ? v : -1;
}

static int
s_numbers(gh_cmd_t *c, gh_replay_options_t *o)
{
    const struct {
        const char *name;
        int64_t min, max, otherwise;
        int *out;
    } numbers[] = {{"connections", 1, 10000, 64, &o->connections},
                   {"places", 1, 1000000, 0, &o->places},
                   {"places-busiest", 1, 1000000, 0, &o->places_busiest},
                   {"days-ahead", 1, GH_REPLAY_DAYS, 7, &o->days_ahead},
                   {"timeout", 100, 600000, 8000, &o->timeout_ms},
                   {"retry-for", 0, 86400, 60, &o->retry_for_s}};
    for (size_t i = 0; i < GH_COUNT(numbers); i++) {
        int64_t v;
        if (gh_args_int(&c->args, numbers[i].name, numbers[i].min, numbers[i].max, numbers[i].otherwise,
                        &v) != 0)
            return -1;
        *numbers[i].out = (int)v;
    }
    return 0;
}

int
gh_cmd_replay(gh_cmd_t *c)
{
    gh_replay_options_t o = {.clinic_column = gh_args_str(&c->args, "clinic-column", "Neighbourhood"),
                             .patient_column = gh_args_str(&c->args, "patient-column", "PatientId"),
                             .booked_column = gh_args_str(&c->args, "booked-column", "ScheduledDay"),
                             .visit_column = gh_args_str(&c->args, "visit-column", "AppointmentDay"),
                             .json = c->json,
                             .quiet = c->quiet};
    if (c->args.n_words != 1)
        return gh_cmd_usage(c, "name one file of bookings (- for standard input)");
    o.file = c->args.words[0];
    int surface;
    if (s_numbers(c, &o) != 0 ||
        gh_args_word(&c->args, "surface", "code|v1|heartbeat|mixed", GH_SURFACE_V1, &surface) != 0)
        return gh_cmd_bad_option(c);
    o.surface = (gh_surface_t)surface;
    o.speed = s_speed(c);
    if (o.speed < 0)
        return gh_cmd_usage(c, "--speed takes a positive number");
    if (gh_cmd_is_production(c) && !c->yes)
        return gh_cmd_usage(c, "makes demo clinics and bookings: refused in production without --yes");
    char url[300];
    snprintf(url, sizeof url, "http://%s:%lld", gh_conf_str(c->conf, "front.host"),
             (long long)gh_conf_int(c->conf, "front.port"));
    o.url = gh_args_str(&c->args, "url", url);
    char host[256], port[8];
    if (gh_load_parse_url(o.url, host, port) != 0)
        return gh_cmd_usage(c, "--url takes http://host:port");
    PGconn *db = gh_cmd_connect(c);
    if (!db)
        return GH_EXIT_DATABASE;
    int rc = gh_replay_run(c->conf, &o, db);
    PQfinish(db);
    return rc;
}
