/*
 * lib/contract/value.h - one value of a request, JSON or text; shared by check.c, pack.c and validate.c only
 */
#ifndef GH_CONTRACT_VALUE_H
#define GH_CONTRACT_VALUE_H

#include "contract/schema.h"
#include "contract/validate.h"

/* j is NULL for a text (query, path, form member). */
typedef struct gh_value {
    const json_t *j;
    gh_str_t text;
} gh_value_t;

/* What a walk over a request needs to know. */
typedef struct gh_walk {
    bool lenient; /* numeric strings count as integers (code surface, Heartbeat) */
    bool trim;    /* strings are trimmed and control characters refused (v1, Heartbeat) */
    bool as_text; /* strings of this JSON value came from a form: convert them */
    char where;
    gh_faults_t *faults; /* NULL: only probing a branch */
    char path[112];
    size_t path_n;
} gh_walk_t;

bool gh_value_check(gh_walk_t *w, const gh_schema_t *s, gh_value_t v);
void gh_value_pack(const gh_walk_t *w, const gh_schema_t *s, gh_value_t v, gh_buf_t *out);
/* A JSON value as it is. */
void gh_value_pack_json(const json_t *j, gh_buf_t *out);

void gh_walk_fault(gh_walk_t *w, const char *type, gh_err_t error);
size_t gh_walk_push(gh_walk_t *w, gh_str_t member); /* ".member"; gives the mark for pop */
size_t gh_walk_push_index(gh_walk_t *w, size_t i);  /* "[i]" */
void gh_walk_pop(gh_walk_t *w, size_t mark);

/* The text as this surface sees it. */
gh_str_t gh_value_trim(const gh_walk_t *w, const gh_schema_t *s, gh_str_t t);
bool gh_value_int(gh_str_t t, int64_t *out);
bool gh_value_decimal(gh_str_t t, double *out);
bool gh_value_bool(gh_str_t t, bool *out);
/* Take the next part of a comma list. */
bool gh_value_part(gh_str_t *rest, gh_str_t *part);
/* Which of its types the schema takes this text for: GH_T_STR, INT, NUM, BOOL, ARR; 0 when none. */
uint8_t gh_value_text_type(const gh_walk_t *w, const gh_schema_t *s, gh_str_t t);
/* The first branch that accepts the value; NULL when none. count (may be NULL): how many do. */
const gh_schema_t *gh_value_branch(const gh_walk_t *w, const gh_schema_t *const *list, gh_value_t v,
                                   size_t *count);

#endif
