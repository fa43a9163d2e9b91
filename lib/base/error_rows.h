/*
 * lib/base/error_rows.h - what error.c and the generated error_table.c share; others use base/error.h
 */
#ifndef GH_BASE_ERROR_ROWS_H
#define GH_BASE_ERROR_ROWS_H

#include "base/error.h"

typedef struct gh_error_name {
    const char *name; /* a row's name or one of its `also` names */
    gh_err_t err;
} gh_error_name_t;

extern const gh_error_row_t gh_error_rows[GH_E_COUNT]; /* [GH_E_NONE] is empty */
extern const gh_error_name_t gh_error_names[];         /* sorted by strcmp */
extern const size_t gh_error_names_count;

#endif
