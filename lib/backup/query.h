/*
 * lib/backup/query.h - the statements of backups (backup.sql) on a connection of their own
 */
#ifndef GH_BACKUP_QUERY_H
#define GH_BACKUP_QUERY_H

#include "base/gh.h"

#define GH_BACKUP_ERR 256 /* room for a reason */

struct pg_conn;
struct pg_result;

/* Run a named statement without parameters, or a command. The result is the caller's (PQclear); NULL with a reason in err. */
struct pg_result *gh_backup_query(struct pg_conn *db, const char *statement,
                                  char err[GH_BACKUP_ERR]) GH_MUSTCHECK;
struct pg_result *gh_backup_exec(struct pg_conn *db, const char *command,
                                 char err[GH_BACKUP_ERR]) GH_MUSTCHECK;

#endif
