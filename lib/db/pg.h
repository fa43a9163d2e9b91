/*
 * lib/db/pg.h - one PostgreSQL connection in pipeline mode on a zloop: a "lane"
 *
 * Connects without blocking, sets the session (decisions 17), prepares every named statement it was given,
 * and reports `up`. When the connection is lost it reports `down` and connects again by itself, with
 * back-off, for ever.
 *
 * Statements are queued with gh_pg_query() and closed with gh_pg_sync(): what lies between two syncs is one
 * segment, one implicit transaction, one round trip. For each query one `result` arrives, in order, for each
 * sync one `synced`. After an error the rest of its segment arrives as PGRES_PIPELINE_ABORTED. Statements
 * that fail to prepare (tables missing, migrations still to run) keep the lane down and are logged by name.
 */
#ifndef GH_DB_PG_H
#define GH_DB_PG_H

#include <czmq.h>

#include "base/gh.h"
#include "db/sql.h"

struct pg_result;
typedef struct gh_pg gh_pg_t;

#define GH_PG_TABLES 8

typedef struct gh_pg_config {
    const char *
        conninfo; /* URL or keywords; several hosts: the one that takes writes is chosen, a silent one is passed over */
    const char *application; /* application_name */
    int64_t statement_timeout_ms;
    int64_t lock_timeout_ms;
    int64_t idle_tx_timeout_ms;
    struct {
        const gh_sql_t *sql;
        size_t n;
    } tables[GH_PG_TABLES]; /* statements to prepare; sql NULL ends */
    struct gh_timings *
        timings; /* where the time of each statement is counted (timings.h), borrowed for ever; NULL: nowhere */
} gh_pg_config_t;

/* Called from the loop, never from inside gh_pg_query() or gh_pg_sync(). All may queue further statements. */
typedef struct gh_pg_events {
    void (*up)(void *arg);
    void (*down)(void *arg);                             /* what was queued will never be answered */
    void (*result)(void *arg, struct pg_result *result); /* ownership passes: PQclear it */
    void (*synced)(void *arg);
} gh_pg_events_t;

/* Start connecting. config is copied, its strings and tables are borrowed for ever. NULL when out of memory. */
gh_pg_t *gh_pg_new(zloop_t *loop, const gh_pg_config_t *config, const gh_pg_events_t *events, void *arg);
void gh_pg_destroy(gh_pg_t **pg_p);

bool gh_pg_is_up(const gh_pg_t *pg);
/* Queue a prepared statement with text parameters (NULL = SQL NULL), copied. -1 when the lane is not up or
 * breaks. */
int gh_pg_query(gh_pg_t *pg, const char *statement, int n_params, const char *const *params) GH_MUSTCHECK;
/* The same with bytes: parameter number bytes_at (0..) is `bytes` as a bytea, not text; -1: none is. With binary_rows the
 * columns of the result come in binary format, which for bytea, text and json is what they hold. */
int gh_pg_query_bytes(gh_pg_t *pg, const char *statement, int n_params, const char *const *params,
                      int bytes_at, gh_str_t bytes, bool binary_rows) GH_MUSTCHECK;
/* End the segment and send. -1 as above; `down` follows from the loop. */
int gh_pg_sync(gh_pg_t *pg) GH_MUSTCHECK;
/* Give the connection up and make a new one: for a server that takes no writes any more. `down` follows. */
void gh_pg_reconnect(gh_pg_t *pg);

#endif
