/*
 * ops/cmd/rows.h - rows of a statement for people and for programs
 *
 * A statement for it has the JSON of a row as its first column, then the columns of the table, named as they are headed.
 */
#ifndef GH_CMD_ROWS_H
#define GH_CMD_ROWS_H

#include "ops/cmd/cmd.h"

struct pg_result;

/* An aligned table, or with --json {"<member>": [row, ...]}. Numbers stand at the right. */
void gh_rows_print(const gh_cmd_t *c, const struct pg_result *r, const char *member);
/* One row as lines "name  value", or its JSON. */
void gh_rows_print_one(const gh_cmd_t *c, const struct pg_result *r, int row);

#endif
