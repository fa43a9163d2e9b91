/*
 * ops/cmd/init.c - `guahao init` (api/31 CM-01)
 */
#include <errno.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/timez.h"
#include "ops/cmd/dbq.h"
#include "ops/cmd/ephemeral.h"
#include "ops/cmd/migrate.h"
#include "ops/cmd/seed.h"

const gh_opt_t gh_init_opts[] = {
    {"mode", "MODE", "app, migrate or full (default app)"},
    {"sql", "FILE", "full: build the schema from this file first"},
    {"seed-count", "N", "demo patients, 1 to 10000 (default 10)"},
    {"seed-rng", "N", "number that decides names and places (default 1)"},
    {"ephemeral", NULL, "in a PostgreSQL cluster to throw away, which ends with the command; prints its DSN"},
    {"sqlite", NULL, "the same: there is no SQLite here"},
    {"no-demo", NULL, "no demo data"},
    {"force", NULL, "empty the tables wholly, also rows that a person wrote"},
    {NULL, NULL, NULL},
};

enum { MODE_APP, MODE_MIGRATE, MODE_FULL };

/* A schema file of somebody else, in the transaction. */
static int
run_file(gh_cmd_t *c, PGconn *db, const char *path)
{
    FILE *f = fopen(path, "re");
    struct stat st;
    if (!f || fstat(fileno(f), &st) != 0) {
        (void)gh_cmd_failed(c, "%s: %s", path, strerror(errno));
        if (f)
            fclose(f);
        return -1;
    }
    size_t n = (size_t)st.st_size;
    char *sql = calloc(1, n + 1);
    bool ok = sql && fread(sql, 1, n, f) == n;
    fclose(f);
    PGresult *r = ok ? PQexec(db, sql) : NULL;
    ok = ok && (PQresultStatus(r) == PGRES_COMMAND_OK || PQresultStatus(r) == PGRES_TUPLES_OK);
    if (!ok)
        (void)gh_cmd_failed(c, "%s: %s", path, r ? PQresultErrorMessage(r) : "cannot be read");
    PQclear(r);
    free(sql);
    return ok ? 0 : -1;
}

/* With the file or not at all: one that fails leaves what was there. */
static int
drop_schema(gh_cmd_t *c, PGconn *db)
{
    const char *file = gh_args_str(&c->args, "sql", NULL);
    if (gh_dbq_exec(db, "begin") != 0)
        return -1;
    if (gh_schema_drop(db) != 0 || (file && run_file(c, db, file) != 0) || gh_dbq_exec(db, "commit") != 0) {
        PQclear(PQexec(db, "rollback"));
        return -1;
    }
    gh_cmd_say(c, "schema dropped");
    return 0;
}

static int
load_demo(gh_cmd_t *c, PGconn *db, int mode, int64_t patients, int64_t rng)
{
    gh_seed_plan_t plan;
    gh_seed_defaults(&plan, gh_now_us());
    plan.patients = patients;
    plan.rng = (uint64_t)rng;
    plan.reset_users = true;
    /* Seed 000 empties the tables wholly; in development that is what init means too (api/31). In production the caller has
     * said --force. */
    int rc = mode == MODE_APP ? gh_seed_clear(c, db, true) : GH_EXIT_DONE;
    return rc == GH_EXIT_DONE ? gh_seed_run(c, db, &plan) : rc;
}

typedef struct request {
    int mode;
    bool demo;
    int64_t patients, rng;
} request_t;

/* Keys, schema and demo data in the database of the settings. */
static int
prepare(gh_cmd_t *c, const request_t *q)
{
    if (gh_keys_make(c) != 0)
        return GH_EXIT_FAILED;
    PGconn *db = gh_cmd_connect(c);
    if (!db)
        return GH_EXIT_DATABASE;
    size_t applied;
    int rc = q->mode == MODE_FULL && drop_schema(c, db) != 0 ? GH_EXIT_FAILED
                                                             : gh_migrate_up(c, db, 0, false, &applied);
    if (rc == GH_EXIT_DONE && q->demo)
        rc = load_demo(c, db, q->mode, q->patients, q->rng);
    PQfinish(db);
    return rc;
}

/* Settings with the database of the cluster; then it serves until somebody ends us. */
static int
prepare_and_hold(gh_cmd_t *c, const request_t *q, gh_ephemeral_t *e)
{
    gh_conf_t *before = c->conf;
    gh_conf_t *conf = setenv("GUAHAO_DATABASE_URL", e->dsn, 1) == 0
                          ? gh_conf_load(gh_args_str(&c->args, "config", NULL))
                          : NULL;
    if (!conf)
        return GH_EXIT_FAILED;
    c->conf = conf;
    int rc = prepare(c, q);
    if (rc == GH_EXIT_DONE) {
        printf(c->json ? "{\"dsn\":\"%s\"}\n" : "%s\n", e->dsn);
        fflush(stdout);
        gh_cmd_say(c, "serves until Ctrl-C, and is removed then");
        if (gh_ephemeral_hold(e) != 0)
            rc = gh_cmd_failed(c, "PostgreSQL has ended");
    }
    c->conf = before;
    gh_conf_destroy(&conf);
    return rc;
}

static int
prepare_ephemeral(gh_cmd_t *c, const request_t *q)
{
    gh_ephemeral_t e;
    if (gh_args_has(&c->args, "sqlite"))
        fprintf(stderr, "guahao init: --sqlite means --ephemeral here: a PostgreSQL cluster to throw away\n");
    int rc = gh_ephemeral_begin(c, &e) == 0 ? prepare_and_hold(c, q, &e) : GH_EXIT_FAILED;
    gh_ephemeral_end(&e);
    return rc;
}

int
gh_cmd_init(gh_cmd_t *c)
{
    int mode;
    int64_t patients, rng;
    if (gh_args_word(&c->args, "mode", "app|migrate|full", MODE_APP, &mode) != 0 ||
        gh_args_int(&c->args, "seed-count", 1, 10000, 10, &patients) != 0 ||
        gh_args_int(&c->args, "seed-rng", 0, INT64_MAX, 1, &rng) != 0)
        return gh_cmd_bad_option(c);
    if (gh_args_has(&c->args, "sql") && mode != MODE_FULL)
        return gh_cmd_usage(c, "--sql goes with --mode full");
    bool demo = mode != MODE_MIGRATE && !gh_args_has(&c->args, "no-demo");
    bool destroys = mode == MODE_FULL || demo;
    if (destroys && gh_cmd_is_production(c) && !(gh_args_has(&c->args, "force") && c->yes))
        return gh_cmd_usage(c, "refused: this is a production system (R-240; --force --yes)");
    request_t q = {.mode = mode, .demo = demo, .patients = patients, .rng = rng};
    bool ephemeral = gh_args_has(&c->args, "ephemeral") || gh_args_has(&c->args, "sqlite");
    if (ephemeral && gh_args_has(&c->args, "dsn"))
        return gh_cmd_usage(c, "--ephemeral makes its own database: no --dsn");
    if (ephemeral && gh_cmd_is_production(c))
        return gh_cmd_usage(c, "refused: a production system keeps its data");
    return ephemeral ? prepare_ephemeral(c, &q) : prepare(c, &q);
}
