/*
 * lib/backup/query.c - see query.h
 */
#include "backup/query.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

#include "gen/sql_backup.h"

/* The first line of what the server said. */
static PGresult *
checked(PGconn *db, PGresult *r, const char *what, char err[GH_BACKUP_ERR])
{
    ExecStatusType status = PQresultStatus(r);
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
        return r;
    const char *said = PQerrorMessage(db);
    snprintf(err, GH_BACKUP_ERR, "%.60s: %.*s", what, (int)strcspn(said, "\n"), said);
    PQclear(r);
    return NULL;
}

struct pg_result *
gh_backup_query(struct pg_conn *db, const char *statement, char err[GH_BACKUP_ERR])
{
    for (size_t i = 0; i < gh_sql_backup_count; i++)
        if (strcmp(gh_sql_backup[i].name, statement) == 0)
            return checked(db, PQexec(db, gh_sql_backup[i].text), statement, err);
    abort();
}

struct pg_result *
gh_backup_exec(struct pg_conn *db, const char *command, char err[GH_BACKUP_ERR])
{
    return checked(db, PQexec(db, command), command, err);
}
