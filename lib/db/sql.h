/*
 * lib/db/sql.h - named SQL statements, compiled in from .sql files
 *
 * A pool's statements live in workers/<pool>/<any>.sql (shared ones in lib/domain, lib/worker), each behind a
 * line `-- name: lock_schedules` and free comments. build/gen/sql_<dir>.c is generated from them: an array
 * gh_sql_<dir>[] with gh_sql_<dir>_count entries. Parameters are $1.. with a cast at their first use; there
 * is no other way to bring a value into a statement.
 */
#ifndef GH_DB_SQL_H
#define GH_DB_SQL_H

#include "base/gh.h"

typedef struct gh_sql {
    const char *name;
    const char *text;
} gh_sql_t;

#endif
