/*
 * lib/contract/contract.h - the contract (schema/openapi) in memory
 *
 * Loaded once at start by the front (before it forks), by workers (access and idempotency of their operations) and by
 * `guahao openapi`. Files are OpenAPI 3.1 source with the x- members of schema/openapi/README.md; references are
 * resolved, faults stop the program with file, operation and reason. Read-only afterwards, so it is shared by threads
 * and forked processes.
 */
#ifndef GH_CONTRACT_CONTRACT_H
#define GH_CONTRACT_CONTRACT_H

#include <jansson.h>
#include <stdio.h>

#include "contract/access.h"

typedef enum { GH_ENV_CODE, GH_ENV_V1, GH_ENV_PLAIN, GH_ENV_OAUTH, GH_ENV_RAW } gh_envelope_t;
typedef enum { GH_GET, GH_POST, GH_PUT, GH_PATCH, GH_DELETE, GH_METHOD_COUNT } gh_method_t;

typedef struct gh_contract gh_contract_t;

typedef struct gh_operation {
    const char *id;   /* operationId */
    const char *path; /* canonical template */
    gh_method_t method;
    const char *pool; /* x-pool; "front" = answered by the front itself */
    gh_envelope_t envelope;
    gh_access_t access;
    bool idempotent, async, etag, literal_status;
    bool always_async; /* x-async: always */
    bool stream;       /* its success is a text/event-stream too (front/watch.h) */
    uint8_t priority;  /* gh_prio_t */
    uint32_t timeout_ms;
    uint16_t success_status;                 /* 200, 201, ... of `responses` */
    const char *rate_limit;                  /* x-rate-limit or NULL */
    const char *rate_key;                    /* x-rate-key: templates as of shard, or NULL */
    const json_t *source;                    /* the operation object, references resolved lazily (borrowed) */
    const struct gh_request_schema *request; /* compiled parameters and bodies: contract/validate.h */
    const char *shard;  /* x-shard: affinity templates joined by '\n', the first whose members exist counts;
                                 NULL if none (contract/validate.h: gh_request_shard) */
    bool bare_form;     /* x-bare-form: a success of a form goes out without the envelope */
    bool dead_token;    /* x-dead-token: an expired or revoked token is passed on too (sign-out) */
    const char *cookie; /* x-cookie: "refresh" the cookie stands in for the body, "clear" it ends; NULL */
    bool query_token;   /* x-query-token: ?token= is accepted */
    bool signature;     /* x-signature: the body goes on byte for byte as well, with the header X-Signature */
    const char *enabled_if;     /* x-enabled-if: a boolean setting, NULL if none */
    const char *allow_networks; /* x-allow-networks: a setting with networks, NULL if none */
    const char *file;           /* where it stands, for messages */
    size_t index;               /* gh_contract_at(c, index) is this operation */
} gh_operation_t;

/* Load every *.yaml of dir, and of extra_dir unless NULL or "". NULL after a message on the log. */
gh_contract_t *gh_contract_load(const char *dir, const char *extra_dir);
void gh_contract_destroy(gh_contract_t **contract_p);

size_t gh_contract_count(const gh_contract_t *c);
const gh_operation_t *gh_contract_at(const gh_contract_t *c, size_t i);
const gh_operation_t *gh_contract_find(const gh_contract_t *c, gh_str_t operation_id);

/* Path match. params: up to GH_PATH_PARAMS values in the order of the template. */
#define GH_PATH_PARAMS 8
typedef struct gh_match {
    const gh_operation_t *op; /* NULL: see allowed */
    gh_str_t params[GH_PATH_PARAMS];
    size_t n_params;
    uint32_t allowed;       /* no such path: 0; else bit set of 1 << gh_method_t (405 and OPTIONS) */
    gh_envelope_t envelope; /* of the surface, also when nothing matched (api/20 section 1) */
    bool unversioned;       /* matched as /api/X: R-02 asks for a token even where v1 is public */
} gh_match_t;

/* Trailing slash ignored, literal segments before parameters, integer parameters match digits only. Under 2 us. */
void gh_contract_match(const gh_contract_t *c, gh_method_t method, gh_str_t path, gh_match_t *out);

/* The published document: envelopes wrapped round replies, error replies with their examples added, aliases repeated,
 * access and rules told in words. title and version become those of its info. New reference. */
json_t *gh_contract_publish(const gh_contract_t *c, const char *title, const char *version);

/* Write a JSON value as YAML 1.1, UTF-8. 0, or -1 when memory or the file failed. */
int gh_yaml_write(const json_t *v, FILE *out) GH_MUSTCHECK;

#endif
