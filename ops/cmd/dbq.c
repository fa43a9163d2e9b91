/*
 * ops/cmd/dbq.c - see dbq.h
 */
#include "ops/cmd/dbq.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

#include "gen/sql_cmd.h"

static PGresult *
s_checked(PGconn *db, PGresult *res, const char *what)
{
    ExecStatusType status = PQresultStatus(res);
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
        return res;
    fprintf(stderr, "guahao: %s: %s", what, PQerrorMessage(db));
    PQclear(res);
    return NULL;
}

PGresult *
gh_dbq_named(PGconn *db, const char *statement, int n, const char *const *params)
{
    for (size_t i = 0; i < gh_sql_cmd_count; i++)
        if (strcmp(gh_sql_cmd[i].name, statement) == 0)
            return s_checked(db, PQexecParams(db, gh_sql_cmd[i].text, n, NULL, params, NULL, NULL, 0),
                             statement);
    abort();
}

int
gh_dbq_exec(PGconn *db, const char *command)
{
    PGresult *res = s_checked(db, PQexec(db, command), command);
    PQclear(res);
    return res ? 0 : -1;
}
