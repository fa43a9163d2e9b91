/*
 * ops/cmd/csv.h - a table with a header line (RFC 4180), wholly in memory
 *
 * The separator is the first of , ; and TAB that the header line holds outside quotes. A byte order mark is
 * skipped, blank lines are skipped, every row must have as many cells as the header. Bounded: GH_CSV_MAX
 * bytes, GH_CSV_COLUMNS columns.
 */
#ifndef GH_CMD_CSV_H
#define GH_CMD_CSV_H

#include "base/gh.h"

#define GH_CSV_MAX     (512u << 20)
#define GH_CSV_COLUMNS 256

typedef struct gh_csv {
    char *text;           /* owned; cells point into it (quotes are resolved in place) */
    gh_str_t *cells;      /* owned; the header first, then row by row */
    size_t columns, rows; /* rows without the header */
    size_t *lines;        /* owned; line number of each row in the file */
} gh_csv_t;

/* Read a file ("-": standard input). -1 after writing why into err. */
int gh_csv_load(gh_csv_t *csv, const char *path, char err[200]) GH_MUSTCHECK;
/* Parse n bytes of malloc'ed text; takes it in any case. */
int gh_csv_parse(gh_csv_t *csv, char *text, size_t n, char err[200]) GH_MUSTCHECK;
void gh_csv_fini(gh_csv_t *csv);

/* Column of a name (ASCII letters in either case), or -1. */
int gh_csv_column(const gh_csv_t *csv, const char *name);

static inline gh_str_t
gh_csv_cell(const gh_csv_t *csv, size_t row, int column)
{
    return csv->cells[(row + 1) * csv->columns + (size_t)column];
}

#endif
