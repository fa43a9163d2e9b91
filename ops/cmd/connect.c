/*
 * ops/cmd/connect.c - the command line's blocking connection (cmd.h)
 */
#include <libpq-fe.h>
#include <stdio.h>

#include "base/timez.h"
#include "ops/cmd/cmd.h"
#include "ops/cmd/dbq.h"
#include "ops/cmd/env.h"

static void
drop_notice(void *arg, const char *message)
{
    (void)arg;
    (void)message;
}

struct pg_conn *
gh_cmd_connect(const gh_cmd_t *c)
{
    const char *url = gh_conf_str(c->conf, "database.url");
    if (*url == '\0') {
        fprintf(stderr, "guahao %s: no database: give --dsn or DATABASE_URL, or start one with make run\n",
                c->row->name);
        return NULL;
    }
    if (!c->quiet)
        gh_env_warn_unused();
    const char *const keys[] = {"dbname", "fallback_application_name", "connect_timeout",
                                "target_session_attrs", NULL};
    const char *const values[] = {url, "guahao", "10", "read-write", NULL};
    PGconn *db = PQconnectdbParams(keys, values, 1);
    if (PQstatus(db) != CONNECTION_OK) {
        char said[GH_DBQ_FAULT_MAX];
        fprintf(stderr, "guahao %s: %s\n", c->row->name, gh_dbq_fault(db, NULL, said));
        PQfinish(db);
        return NULL;
    }
    PQsetNoticeProcessor(db, drop_notice, NULL);
    if (gh_dbq_exec(db, "set timezone = 'UTC'; set statement_timeout = 0; set client_encoding = 'UTF8'; "
                        "set standard_conforming_strings = on") != 0) {
        PQfinish(db);
        return NULL;
    }
    if (gh_conf_int(c->conf, "clock.shift_ms") == 0 && !gh_cmd_is_production(c))
        gh_clock_shift(gh_clock_of(db) * 1000);
    return db;
}
