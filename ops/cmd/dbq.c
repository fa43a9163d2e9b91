/*
 * ops/cmd/dbq.c - see dbq.h
 */
#include "ops/cmd/dbq.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gen/sql_cmd.h"

/* Undefined table, column, function or schema: it was never migrated, or not by this version. */
static bool
s_lacks(const PGresult *res)
{
    static const char *const states[] = {"42P01", "42703", "42883", "3F000"};
    const char *state = res ? PQresultErrorField(res, PG_DIAG_SQLSTATE) : NULL;
    for (size_t i = 0; state && i < GH_COUNT(states); i++)
        if (strcmp(state, states[i]) == 0)
            return true;
    return false;
}

const char *
gh_dbq_fault(const PGconn *db, const PGresult *res, char out[GH_DBQ_FAULT_MAX])
{
    size_t n = 0;
    out[0] = '\0';
    for (const char *line = PQerrorMessage(db), *end; *line; line = end + (*end == '\n')) {
        end = line + strcspn(line, "\n");
        bool place = strncmp(line, "LINE ", 5) == 0;
        if (end > line && *line != '\t' && *line != ' ' && !place && n < GH_DBQ_FAULT_MAX) {
            int put = snprintf(out + n, GH_DBQ_FAULT_MAX - n, "%s%.*s", n ? "; " : "", (int)(end - line),
                               line);
            n += put > 0 ? (size_t)put : 0;
        }
        if (place) /* the line after it points into the statement */
            end += *end ? 1 + strcspn(end + 1, "\n") : 0;
    }
    if (s_lacks(res) && n < GH_DBQ_FAULT_MAX)
        snprintf(out + n, GH_DBQ_FAULT_MAX - n, " (guahao migrate status shows which migrations it lacks)");
    return out;
}

static PGresult *
s_checked(PGconn *db, PGresult *res, const char *what)
{
    char said[GH_DBQ_FAULT_MAX];
    ExecStatusType status = PQresultStatus(res);
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
        return res;
    fprintf(stderr, "guahao: %s: %s\n", what, gh_dbq_fault(db, res, said));
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
