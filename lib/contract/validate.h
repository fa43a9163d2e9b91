/*
 * lib/contract/validate.h - check a request against the contract and pack its arguments
 *
 * All faults are found at once (up to GH_FAULTS_MAX), each with a dotted field and a type word of api/30:
 *   missing, int_parsing, string_type, string_too_short, string_too_long, value_error, enum, datetime_parsing,
 *   json_invalid
 * The packed arguments are what lib/wire/job.h describes. Pure: no I/O, no clock.
 */
#ifndef GH_CONTRACT_VALIDATE_H
#define GH_CONTRACT_VALIDATE_H

#include "base/buf.h"
#include "contract/schema.h"

#define GH_FAULTS_MAX     20
#define GH_JSON_DEPTH_MAX 9     /* of a body; the argument map adds two (GH_MP_MAX_DEPTH) */
#define GH_JSON_PARTS_MAX 32000 /* values of a body (GH_MP_MAX_ELEMENTS) */

typedef struct gh_fault {
    char where;                  /* 'p' path, 'q' query, 'b' body or form */
    char field[112];             /* "items[0].quantity"; empty: the body itself */
    const char *type;            /* literal */
    char named[40];              /* what is unknown (UNKNOWN_SORT, UNKNOWN_FIELD), cut; else empty */
    gh_err_t error;              /* x-error or x-missing; GH_E_NONE: the general error */
    const gh_file_rules_t *file; /* of a file: what its sentence names; NULL */
} gh_fault_t;

typedef struct gh_faults {
    size_t n;
    bool more; /* there were others */
    gh_fault_t at[GH_FAULTS_MAX];
} gh_faults_t;

typedef enum { GH_BODY_NONE, GH_BODY_JSON, GH_BODY_FORM, GH_BODY_MULTIPART } gh_body_kind_t;

typedef struct gh_request_in {
    const gh_operation_t *op;
    const gh_str_t *params; /* as gh_contract_match gave them, percent-encoded */
    gh_str_t query;         /* what follows '?', percent-encoded */
    gh_body_kind_t kind;
    gh_str_t body;
    const struct gh_upload *upload; /* GH_BODY_MULTIPART: the body, read (contract/upload.h) */
    gh_str_t
        if_match; /* the header If-Match, empty when there is none: "if_match" of the arguments where x-etag says
                          so and the operation changes the row */
    gh_str_t
        signature; /* the header X-Signature: "signature" of the arguments where x-signature says so, beside
                           "raw", the bytes of the body as they came */
    gh_str_t if_none_match; /* likewise "if_none_match" where bytes are read, which then need not travel */
} gh_request_in_t;

/* GH_E_NONE: args holds the argument map (appended). MALFORMED_JSON, MALFORMED_FORM, PAYLOAD_TOO_LARGE, or VALIDATION_FAILED, or the error that the first
 * fault's schema names: faults tells where; args is then unspecified. INTERNAL when memory ran out. */
gh_err_t gh_request_check(const gh_request_in_t *in, gh_buf_t *args, gh_faults_t *faults);

/* Affinity of checked arguments by the operation's x-shard: nothing is appended when no template fits. */
void gh_request_shard(const gh_operation_t *op, gh_str_t args, gh_buf_t *out);

/* Whom a rate limit counts besides the caller, by the operation's x-rate-key; likewise. */
void gh_request_rate_key(const gh_operation_t *op, gh_str_t args, gh_buf_t *out);

/* A sentence for a type word, in English. Literal. */
const char *gh_fault_text(const char *type);

/* Percent-decode into out (room for in.n bytes), '+' as a blank when form. -1 for a broken escape. */
int gh_url_decode(gh_str_t in, bool form, char *out, size_t *n) GH_MUSTCHECK;
/* Take the next `name=value` pair off a query string; values stay encoded. */
bool gh_query_next(gh_str_t *rest, gh_str_t *name, gh_str_t *value);
/* Characters of a UTF-8 text; -1 when it is not UTF-8 (RFC 3629: no surrogates, no overlong forms). */
int64_t gh_utf8_length(gh_str_t s);

#endif
