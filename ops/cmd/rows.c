/*
 * ops/cmd/rows.c - see rows.h
 */
#include "ops/cmd/rows.h"

#include <libpq-fe.h>
#include <stdio.h>

#define COLUMNS_MAX 24
#define INT4_OID    23
#define INT8_OID    20

/* Cells of a terminal: bytes that do not continue a character. */
static int
cells(const char *text)
{
    int n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

static bool
is_number(const PGresult *r, int col)
{
    return PQftype(r, col) == INT4_OID || PQftype(r, col) == INT8_OID;
}

static void
put_cell(const PGresult *r, int col, const char *text, int width, bool last)
{
    int pad = width - cells(text);
    if (is_number(r, col))
        printf("%*s%s", pad, "", text);
    else
        printf("%s%*s", text, last ? 0 : pad, "");
    fputs(last ? "\n" : "  ", stdout);
}

static void
put_table(const PGresult *r)
{
    int width[COLUMNS_MAX] = {0}, n = PQnfields(r) < COLUMNS_MAX ? PQnfields(r) : COLUMNS_MAX;
    for (int col = 1; col < n; col++) {
        width[col] = cells(PQfname(r, col));
        for (int row = 0; row < PQntuples(r); row++)
            if (cells(PQgetvalue(r, row, col)) > width[col])
                width[col] = cells(PQgetvalue(r, row, col));
    }
    for (int row = -1; row < PQntuples(r); row++)
        for (int col = 1; col < n; col++)
            put_cell(r, col, row < 0 ? PQfname(r, col) : PQgetvalue(r, row, col), width[col], col == n - 1);
}

void
gh_rows_print(const gh_cmd_t *c, const PGresult *r, const char *member)
{
    if (!c->json) {
        put_table(r);
        return;
    }
    printf("{\"%s\": [", member);
    for (int row = 0; row < PQntuples(r); row++)
        printf("%s%s", row ? ", " : "", PQgetvalue(r, row, 0));
    printf("]}\n");
}

void
gh_rows_print_one(const gh_cmd_t *c, const PGresult *r, int row)
{
    int width = 0;
    if (c->json) {
        puts(PQgetvalue(r, row, 0));
        return;
    }
    for (int col = 1; col < PQnfields(r); col++)
        if (cells(PQfname(r, col)) > width)
            width = cells(PQfname(r, col));
    for (int col = 1; col < PQnfields(r); col++)
        if (!PQgetisnull(r, row, col))
            printf("%-*s  %s\n", width, PQfname(r, col), PQgetvalue(r, row, col));
}
