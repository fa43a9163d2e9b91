/*
 * ops/cmd/jobs_schedule.c - recurring jobs, and limits of kinds
 */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/timez.h"
#include "domain/cron.h"
#include "ops/cmd/dbq.h"
#include "ops/cmd/jobs.h"
#include "ops/cmd/rows.h"

static int
list(gh_cmd_t *c, PGconn *db, const char *statement, int n, const char *const *params, const char *member)
{
    PGresult *r = gh_dbq_named(db, statement, n, params);
    if (r)
        gh_rows_print(c, r, member);
    PQclear(r);
    return r ? GH_EXIT_DONE : GH_EXIT_FAILED;
}

/* A statement that changes the row of the name params[0] and gives that name. */
static int
change_one(gh_cmd_t *c, PGconn *db, const char *statement, int n, const char *const *params, const char *what)
{
    PGresult *r = gh_dbq_named(db, statement, n, params);
    int rc = !r             ? GH_EXIT_FAILED
             : PQntuples(r) ? GH_EXIT_DONE
                            : gh_cmd_failed(c, "there is no %s %s", what, params[0]);
    if (rc == GH_EXIT_DONE && c->json)
        printf("{\"changed\": \"%s\"}\n", PQgetvalue(r, 0, 0));
    PQclear(r);
    return rc;
}

static int
set_schedule(gh_cmd_t *c, PGconn *db, const char *name, const char *enabled, const char *cron)
{
    gh_change_t change = gh_change_new();
    gh_cron_t parsed;
    if (cron && gh_cron_parse(gh_str(cron), &parsed) != 0)
        return gh_cmd_usage(c, "%s is no cron expression: minute, hour, day, month, day of week", cron);
    if (cron && gh_cron_next(&parsed, gh_now_us()) == 0)
        return gh_cmd_usage(c, "%s never comes", cron);
    const char *params[] = {name, enabled, cron, change.now, change.request};
    return change_one(c, db, "jobs_schedule_set", (int)GH_COUNT(params), params, "recurring job");
}

static int
run_schedule(gh_cmd_t *c, PGconn *db, const char *name)
{
    gh_buf_t json GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT, hex GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_change_t change = gh_change_new();
    char slot[GH_TEXT_TS], id_text[GH_UUID_TEXT];
    uint8_t id[16];
    gh_uuid7_new(id);
    gh_uuid_text(id, id_text);
    gh_ts_text(gh_now_us(), slot);
    gh_buf_printf(&json, "{\"body\": {\"slot\": \"%s\"}}", slot); /* as workers/jobs/recurring.c */
    if (gh_jobs_args(gh_buf_view(&json), &hex) != 0)
        return GH_EXIT_FAILED;
    const char *params[] = {name, id_text, gh_buf_cstr(&hex), change.now, change.request};
    PGresult *r = gh_dbq_named(db, "jobs_schedule_run", (int)GH_COUNT(params), params);
    int rc = !r                     ? GH_EXIT_FAILED
             : PQntuples(r) == 0    ? gh_cmd_failed(c, "there is no recurring job %s", name)
             : !gh_pg_bool(r, 0, 1) ? gh_cmd_failed(c, "its run %s is unfinished", PQgetvalue(r, 0, 0))
                                    : GH_EXIT_DONE;
    if (rc == GH_EXIT_DONE)
        printf(c->json ? "{\"id\": \"%s\"}\n" : "%s\n", PQgetvalue(r, 0, 0));
    PQclear(r);
    return rc;
}

int
gh_jobs_schedule(gh_cmd_t *c, PGconn *db)
{
    const char *const *w = c->args.words;
    size_t n = c->args.n_words;
    if (n == 1 || (n == 2 && strcmp(w[1], "list") == 0))
        return list(c, db, "jobs_schedules", 1, (const char *[]){gh_tz_name()}, "schedules");
    if (n == 3 && strcmp(w[1], "enable") == 0)
        return set_schedule(c, db, w[2], "true", NULL);
    if (n == 3 && strcmp(w[1], "disable") == 0)
        return set_schedule(c, db, w[2], "false", NULL);
    if (n == 3 && strcmp(w[1], "run") == 0)
        return run_schedule(c, db, w[2]);
    if (n == 4 && strcmp(w[1], "set") == 0)
        return set_schedule(c, db, w[2], NULL, w[3]);
    return gh_cmd_usage(c,
                        "schedule takes one of: list, enable NAME, disable NAME, run NAME, set NAME 'CRON'");
}

/* "none" or a number within min..max. */
static bool
is_limit(const char *text, long min, long max)
{
    char *end;
    if (!text || strcmp(text, "none") == 0)
        return true;
    long v = strtol(text, &end, 10);
    return end != text && !*end && v >= min && v <= max && text[0] != ' ' && text[0] != '+';
}

int
gh_jobs_kinds(gh_cmd_t *c, PGconn *db)
{
    const char *running = gh_args_str(&c->args, "running", NULL),
               *budget = gh_args_str(&c->args, "budget", NULL), *tries = gh_args_str(&c->args, "tries", NULL);
    gh_change_t change = gh_change_new();
    if (c->args.n_words == 1 && !running && !budget && !tries)
        return list(c, db, "jobs_kinds", 0, NULL, "kinds");
    if (c->args.n_words != 2 || (!running && !budget && !tries))
        return gh_cmd_usage(c,
                            "kinds, or kinds KIND with --running N|none, --budget MS|none or --tries N|none");
    if (!is_limit(running, 0, 1000))
        return gh_cmd_usage(c, "--running takes 0..1000 or none");
    if (!is_limit(budget, 1, 86400000))
        return gh_cmd_usage(c, "--budget takes 1..86400000 ms or none");
    if (!is_limit(tries, 1, 1000))
        return gh_cmd_usage(c, "--tries takes 1..1000 or none");
    const char *params[] = {c->args.words[1], running, budget, tries, change.now, change.request};
    return change_one(c, db, "jobs_kind_set", (int)GH_COUNT(params), params, "kind");
}
