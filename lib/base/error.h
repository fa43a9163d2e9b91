/*
 * lib/base/error.h - the one error table (schema/openapi/errors.yaml), compiled in
 *
 * build/gen/error_table.h is generated from errors.yaml: enum gh_err (GH_E_SLOT_FULL, ...) in the order of the
 * file, GH_E_NONE = 0 first. Every refusal of every surface is one row.
 */
#ifndef GH_BASE_ERROR_H
#define GH_BASE_ERROR_H

#include "base/gh.h"
#include "gen/error_table.h"

typedef enum gh_err gh_err_t;

typedef struct gh_error_row {
    const char *name; /* "SLOT_FULL" */
    uint16_t http;    /* status on v1 and Heartbeat */
    uint16_t strict;  /* intended status on the code surface (== http unless the row says otherwise) */
    uint16_t code;    /* number of the {code, message} surface */
    const char *zh;   /* texts with {placeholders} */
    const char *en;
    gh_err_t v1; /* the row shown on v1: itself, or the one its `v1` member names (resolved by the generator,
                           with the defaults by status that errors.yaml's head describes) */
} gh_error_row_t;

const gh_error_row_t *gh_error_row(gh_err_t err); /* never NULL: an unknown value gives INTERNAL */
gh_err_t gh_error_find(gh_str_t name);            /* by name or `also`; GH_E_NONE when unknown */
/* `message.error` of the code surface for a number: "登录失败", ... (api/00 section 0.2). */
const char *gh_error_label(uint16_t code);

/* One placeholder value for a text. */
typedef struct gh_error_arg {
    const char *name; /* NULL ends the list */
    gh_str_t value;
} gh_error_arg_t;

struct gh_buf;
/* Append tmpl with {name} replaced from args; a placeholder without value is dropped. */
void gh_error_text(struct gh_buf *out, const char *tmpl, const gh_error_arg_t *args);

#endif
