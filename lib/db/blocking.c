/*
 * lib/db/blocking.c - see blocking.h
 */
#include "db/blocking.h"

#include <libpq-fe.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/timez.h"

#define RECONNECT_MS 3000

struct gh_blocking {
    const gh_conf_t *conf;
    const char *application;
    const gh_sql_t *table;
    size_t n;
    PGconn *db;
    bool *prepared;   /* [n], on this connection */
    int64_t tried_ms; /* 0: never */
    bool down_told;
};

gh_blocking_t *
gh_blocking_new(const gh_conf_t *conf, const char *application, const gh_sql_t *table, size_t n)
{
    gh_blocking_t *b = calloc(1, sizeof *b);
    bool *prepared = calloc(n ? n : 1, sizeof *prepared);
    if (!b || !prepared) {
        free(b);
        free(prepared);
        return NULL;
    }
    *b = (gh_blocking_t){
        .conf = conf, .application = application, .table = table, .n = n, .prepared = prepared};
    return b;
}

void
gh_blocking_destroy(gh_blocking_t **b_p)
{
    gh_blocking_t *b = *b_p;
    *b_p = NULL;
    if (b) {
        PQfinish(b->db);
        free(b->prepared);
    }
    free(b);
}

static void
quiet(void *arg, const char *message)
{
    (void)arg;
    (void)message;
}

static PGconn *
connect_to(const gh_blocking_t *b)
{
    static const char *const keys[] = {"dbname",
                                       "application_name",
                                       "connect_timeout",
                                       "target_session_attrs",
                                       "tcp_user_timeout",
                                       "client_encoding",
                                       NULL};
    const char *values[] = {
        gh_conf_str(b->conf, "database.url"), b->application, "5", "read-write", "5000", "UTF8", NULL};
    return PQconnectdbParams(keys, values, 1);
}

bool
gh_blocking_up(gh_blocking_t *b)
{
    if (b->db && PQstatus(b->db) == CONNECTION_OK)
        return true;
    if (b->tried_ms && gh_mono_ms() - b->tried_ms < RECONNECT_MS)
        return false;
    PQfinish(b->db);
    b->db = connect_to(b);
    bool up = PQstatus(b->db) == CONNECTION_OK;
    b->tried_ms = up ? 0 : gh_mono_ms();
    if (up) {
        PQsetNoticeProcessor(b->db, quiet, NULL);
        memset(b->prepared, 0, b->n * sizeof *b->prepared);
        PQclear(PQexec(b->db, "set timezone = 'UTC'; set datestyle = 'ISO'; set jit = off; set "
                              "enable_seqscan = off; set statement_timeout = '5s'; "
                              "set lock_timeout = '3s'; set idle_in_transaction_session_timeout = '5s'"));
    } else if (!b->down_told)
        gh_log(GH_LOG_WARN, "database_down", GH_KS("connection", b->application));
    b->down_told = !up;
    return up;
}

PGresult *
gh_blocking_run(gh_blocking_t *b, const char *name, int n, const char *const *params)
{
    size_t i = 0;
    while (i < b->n && strcmp(b->table[i].name, name) != 0)
        i++;
    if (i == b->n)
        abort();
    PGresult *r = NULL;
    if (!b->prepared[i]) {
        r = PQprepare(b->db, name, b->table[i].text, 0, NULL);
        b->prepared[i] = PQresultStatus(r) == PGRES_COMMAND_OK;
    }
    if (b->prepared[i]) {
        PQclear(r);
        r = PQexecPrepared(b->db, name, n, params, NULL, NULL, 0);
    }
    ExecStatusType status = PQresultStatus(r);
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
        return r;
    const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    gh_log(GH_LOG_WARN, "statement_failed", GH_KS("connection", b->application), GH_KS("statement", name),
           GH_KS("sqlstate", state ? state : ""));
    PQclear(r);
    return NULL;
}
