/*
 * lib/db/blocking.c - see blocking.h
 */
#include "db/blocking.h"

#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/timez.h"

#define BACKOFF_FIRST_MS 250
#define BACKOFF_MAX_MS   1000
#define STATEMENT_MS     5000 /* what a statement may take */
#define SILENCE_MS       3000 /* a server silent this long beyond it is gone */

struct gh_blocking {
    const gh_conf_t *conf;
    const char *application;
    const gh_sql_t *table;
    size_t n;
    PGconn *db;
    bool *prepared;   /* [n], on this connection */
    int64_t retry_ms; /* not before */
    int backoff_ms;
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
    const char *values[] = {gh_conf_str(b->conf, "database.url"),
                            b->application,
                            "2",
                            "read-write",
                            "4000",
                            "UTF8",
                            NULL}; /* 2 s a host */
    return PQconnectdbParams(keys, values, 1);
}

static bool
set_up(PGconn *db)
{
    /* Queues fill and empty quicker than statistics follow: rows by index, in its order, one by one. So costs mean little here, and a plan
     * is kept without comparing it with a fresh one by them, for which some statements were planned at every call. */
    char text[440];
    snprintf(
        text, sizeof text,
        "set timezone = 'UTC'; set datestyle = 'ISO'; set jit = off; set enable_seqscan = off; "
        "set enable_hashjoin = off; set enable_mergejoin = off; set enable_sort = off; set plan_cache_mode = "
        "force_generic_plan; "
        "set statement_timeout = %d; set lock_timeout = '3s'; set idle_in_transaction_session_timeout = '5s'",
        STATEMENT_MS);
    PQsetNoticeProcessor(db, quiet, NULL);
    PGresult *r = PQexec(db, text);
    bool ok = PQresultStatus(r) == PGRES_COMMAND_OK;
    PQclear(r);
    return ok;
}

static void
drop(gh_blocking_t *b)
{
    PQfinish(b->db);
    b->db = NULL;
}

bool
gh_blocking_up(gh_blocking_t *b)
{
    if (b->db && PQstatus(b->db) == CONNECTION_OK)
        return true;
    drop(b);
    if (gh_mono_ms() < b->retry_ms)
        return false;
    b->db = connect_to(b);
    bool up = PQstatus(b->db) == CONNECTION_OK && set_up(b->db);
    if (up) {
        b->backoff_ms = 0;
        memset(b->prepared, 0, b->n * sizeof *b->prepared);
    } else {
        drop(b);
        if (!b->down_told)
            gh_log(GH_LOG_WARN, "database_down", GH_KS("connection", b->application));
        b->backoff_ms = b->backoff_ms ? b->backoff_ms * 2 : BACKOFF_FIRST_MS;
        if (b->backoff_ms > BACKOFF_MAX_MS)
            b->backoff_ms = BACKOFF_MAX_MS;
        b->retry_ms = gh_mono_ms() + b->backoff_ms;
    }
    b->down_told = !up;
    return up;
}

/* Until the whole answer is here. False: the connection broke, or the server fell silent. */
static bool
wait_answer(PGconn *db)
{
    int64_t end = gh_mono_ms() + STATEMENT_MS + SILENCE_MS;
    for (;;) {
        if (!PQisBusy(db))
            return true;
        int64_t left = end - gh_mono_ms();
        struct pollfd fd = {.fd = PQsocket(db), .events = POLLIN};
        int ready = left > 0 ? poll(&fd, 1, (int)left) : 0;
        if (ready == 0 || (ready < 0 && errno != EINTR) || !PQconsumeInput(db))
            return false;
    }
}

/* The last result of what was sent; NULL when the connection is gone. */
static PGresult *
collect(PGconn *db)
{
    PGresult *last = NULL;
    for (;;) {
        PGresult *next = wait_answer(db) ? PQgetResult(db) : NULL;
        if (!next)
            break;
        PQclear(last);
        last = next;
    }
    if (PQtransactionStatus(db) == PQTRANS_ACTIVE || PQstatus(db) != CONNECTION_OK) {
        PQclear(last);
        return NULL;
    }
    return last;
}

/* Statement i of the table, prepared when it is run for the first time. */
static PGresult *
execute(gh_blocking_t *b, size_t i, int n, const char *const *params)
{
    const gh_sql_t *s = &b->table[i];
    if (!b->prepared[i]) {
        PGresult *r = PQsendPrepare(b->db, s->name, s->text, 0, NULL) ? collect(b->db) : NULL;
        b->prepared[i] = PQresultStatus(r) == PGRES_COMMAND_OK;
        if (!b->prepared[i])
            return r;
        PQclear(r);
    }
    return PQsendQueryPrepared(b->db, s->name, n, params, NULL, NULL, 0) ? collect(b->db) : NULL;
}

/* It stopped, crashed or takes no writes any more: another server, or none. */
static bool
is_away(const char *sqlstate)
{
    return strncmp(sqlstate, "57P0", 4) == 0 || strcmp(sqlstate, "25006") == 0;
}

PGresult *
gh_blocking_run(gh_blocking_t *b, const char *name, int n, const char *const *params)
{
    size_t i = 0;
    while (i < b->n && strcmp(b->table[i].name, name) != 0)
        i++;
    if (i == b->n)
        abort();
    PGresult *r = b->db ? execute(b, i, n, params) : NULL;
    ExecStatusType status = PQresultStatus(r);
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
        return r;
    const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    gh_log(GH_LOG_WARN, "statement_failed", GH_KS("connection", b->application), GH_KS("statement", name),
           GH_KS("sqlstate", state ? state : ""));
    if (!r || (state && is_away(state)))
        drop(b);
    PQclear(r);
    return NULL;
}
