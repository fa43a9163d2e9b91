/*
 * ops/cmd/dbq.h - named statements of ops/cmd/<name>.sql on a blocking connection
 */
#ifndef GH_CMD_DBQ_H
#define GH_CMD_DBQ_H

#include "base/gh.h"

struct pg_conn;
struct pg_result;

#define GH_DBQ_FAULT_MAX 512

/* What PostgreSQL said, as one line without its hints and the place in the statement; with a word about migrations when the database lacks
 * what the statement needs. res may be NULL (a connection). Returns out. */
const char *gh_dbq_fault(const struct pg_conn *db, const struct pg_result *res, char out[GH_DBQ_FAULT_MAX]);
/* Run a named statement with text parameters (NULL = SQL NULL). The result is the caller's (PQclear); NULL after a message
 * on stderr that names the statement. An unknown name is a bug: aborts. */
struct pg_result *gh_dbq_named(struct pg_conn *db, const char *statement, int n, const char *const *params);
/* A plain command such as "begin". -1 after a message on stderr. */
int gh_dbq_exec(struct pg_conn *db, const char *command) GH_MUSTCHECK;

#endif
