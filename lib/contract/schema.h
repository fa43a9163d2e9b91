/*
 * lib/contract/schema.h - JSON schemas of requests, compiled (the keywords that schema/openapi/README.md lists)
 */
#ifndef GH_CONTRACT_SCHEMA_H
#define GH_CONTRACT_SCHEMA_H

#include <jansson.h>
#include <regex.h>

#include "base/error.h"
#include "contract/contract.h"

enum {
    GH_T_NULL = 1 << 0,
    GH_T_BOOL = 1 << 1,
    GH_T_INT = 1 << 2,
    GH_T_NUM = 1 << 3, /* integers too */
    GH_T_STR = 1 << 4,
    GH_T_ARR = 1 << 5,
    GH_T_OBJ = 1 << 6,
    GH_T_ANY = 0x7f
};

typedef enum {
    GH_F_NONE,
    GH_F_DATE,
    GH_F_DATETIME, /* RFC 3339 */
    GH_F_MOMENT,   /* a pattern that begins with a date: the parts must be a real date and time */
    GH_F_EMAIL,
    GH_F_UUID,
    GH_F_URI,
    GH_F_PASSWORD /* never trimmed */
} gh_format_t;

typedef struct gh_schema gh_schema_t;

/* What a file of a multipart form must be (x-file). */
typedef struct gh_file_rules {
    size_t max_bytes;
    const char *kind;         /* prefix of its media type ("image/"), NULL: any */
    const json_t *types;      /* accepted media types, NULL: any that is known */
    const char *formats;      /* text for {formats} */
    char limit[24];           /* text for {limit} */
    gh_err_t nameless, empty; /* GH_E_NONE: a file without name may come, an empty one is a general fault */
    gh_err_t too_large, not_kind, wrong_type;
} gh_file_rules_t;

typedef struct gh_property {
    const char *name;
    size_t name_n;
    const gh_schema_t *schema;
    bool required;
    gh_err_t missing; /* x-missing, GH_E_NONE when the general error is meant */
} gh_property_t;

struct gh_schema {
    uint8_t types;    /* GH_T_*; several = any of them */
    bool lenient_int; /* a numeric string counts as an integer, whatever the surface */
    bool unique;
    bool drop_unknown; /* objects: members beyond props are left out of the arguments */
    bool has_min, has_max, min_excl, max_excl, has_multiple;
    gh_format_t format;
    gh_err_t error; /* x-error */
    double min, max, multiple;
    uint32_t min_len, max_len; /* characters */
    uint32_t min_items, max_items, min_props, max_props;
    const regex_t *pattern;
    const gh_file_rules_t *file;      /* a file of a multipart form; NULL for everything else */
    const json_t *choices;            /* enum as an array, NULL if none (const is a list of one) */
    const json_t *preset;             /* default, NULL if none */
    const gh_schema_t *items, *extra; /* extra: additionalProperties as a schema */
    const gh_property_t *props;
    size_t n_props;
    const gh_schema_t *const *one_of, *const *any_of, *const *all_of; /* NULL-terminated, NULL if none */
    const gh_schema_t *not_this;
};

typedef enum { GH_IN_PATH, GH_IN_QUERY } gh_param_in_t;

typedef struct gh_param {
    const char *name;
    gh_param_in_t in;
    bool required;
    gh_err_t missing;
    const gh_schema_t *schema;
    const json_t *sortable; /* x-sortable: names, NULL if none */
    bool rest;              /* x-multi-segment: takes the rest of the path */
    bool fields;            /* the `fields` parameter of v1: names are checked against the reply's schema */
} gh_param_t;

/* Everything that an operation may be sent. */
typedef struct gh_request_schema {
    const gh_param_t *params; /* path parameters first, in the order of the template, then query */
    size_t n_path, n_params;
    const gh_schema_t *json, *form, *multipart; /* bodies; NULL when not accepted */
    bool body_required;
    const json_t *reply; /* success payload schema, unresolved, NULL if none */
    const gh_contract_t *contract;
} gh_request_schema_t;

#endif
