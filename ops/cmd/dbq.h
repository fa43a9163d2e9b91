/*
 * ops/cmd/dbq.h - named statements of ops/cmd/<name>.sql on a blocking connection
 */
#ifndef GH_CMD_DBQ_H
#define GH_CMD_DBQ_H

#include "base/gh.h"

struct pg_conn;
struct pg_result;

/* Run a named statement with text parameters (NULL = SQL NULL). The result is the caller's (PQclear); NULL after a message
 * on stderr that names the statement. An unknown name is a bug: aborts. */
struct pg_result *gh_dbq_named(struct pg_conn *db, const char *statement, int n, const char *const *params);
/* A plain command such as "begin". -1 after a message on stderr. */
int gh_dbq_exec(struct pg_conn *db, const char *command) GH_MUSTCHECK;

#endif
