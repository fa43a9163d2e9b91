/*
 * lib/db/blocking.h - a connection for a thread of its own, which may wait for answers
 *
 * Made anew by itself after it was lost. One thread at a time. Errors of statements are logged by name and SQLSTATE, never
 * with their texts: those may quote values, or the connection string.
 */
#ifndef GH_DB_BLOCKING_H
#define GH_DB_BLOCKING_H

#include "base/conf.h"
#include "db/sql.h"

struct pg_result;
typedef struct gh_blocking gh_blocking_t;

/* For the statements of a table; nothing is connected yet. conf, application and table are borrowed for ever. NULL when out
 * of memory. */
gh_blocking_t *gh_blocking_new(const gh_conf_t *conf, const char *application, const gh_sql_t *table,
                               size_t n);
void gh_blocking_destroy(gh_blocking_t **b_p);

/* Is the connection up? Tries to connect when it is not, with back-off to a second; takes up to two seconds a host of the connection
 * string. */
bool gh_blocking_up(gh_blocking_t *b);
/* Run a named statement with text parameters (NULL = SQL NULL). The result is the caller's (PQclear, which takes NULL); NULL
 * after an error, which is logged. A server that is silent for eight seconds, stops or takes no writes any more is given up: what
 * follows fails at once, until gh_blocking_up() has found another connection. A name that the table lacks is a bug: aborts. */
struct pg_result *gh_blocking_run(gh_blocking_t *b, const char *name, int n, const char *const *params);

#endif
