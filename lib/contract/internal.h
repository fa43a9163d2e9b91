/*
 * lib/contract/internal.h - what the files of this folder share; not for others
 */
#ifndef GH_CONTRACT_INTERNAL_H
#define GH_CONTRACT_INTERNAL_H

#include "contract/contract.h"
#include "contract/schema.h"

/* Memory that lives as long as the contract. */
typedef struct gh_chunk {
    struct gh_chunk *next;
    size_t used, size;
    _Alignas(16) char data[];
} gh_chunk_t;

typedef struct gh_regex {
    struct gh_regex *next; /* of the contract, for regfree */
    regex_t re;
} gh_regex_t;

/* A name of the resolved components and what was compiled from it (references may be recursive). */
typedef struct gh_named_schema {
    struct gh_named_schema *next;
    const char *name;
    gh_schema_t *schema;
} gh_named_schema_t;

typedef struct gh_route_node gh_route_node_t;

struct gh_contract {
    gh_chunk_t *chunks;
    gh_regex_t *regexes;
    gh_named_schema_t *named;
    json_t *paths;      /* path -> method -> operation object, merged */
    json_t *components; /* kind -> name -> object, merged */
    json_t *info;       /* of the file whose info has a description; NULL if none */
    json_t *tags;       /* descriptions of tags, of all files */
    gh_operation_t **ops;
    size_t n_ops, cap_ops;
    gh_operation_t **by_id; /* sorted */
    gh_route_node_t *routes;
    /* where the loader is, for faults */
    const char *at_file, *at_op;
    size_t faults;
};

/* Zeroed memory; NULL never (aborts: this is start-up). */
void *gh_contract_alloc(gh_contract_t *c, size_t n);
char *gh_contract_dup(gh_contract_t *c, const char *s);
/* Log one fault of the file and operation in hand, and count it. Loading fails when any was found. */
void gh_contract_fault(gh_contract_t *c, const char *fmt, ...) GH_PRINTF(2, 3);

/* Follow `$ref` (to #/components/... only) until something else. NULL after a fault. */
const json_t *gh_contract_resolve(gh_contract_t *c, const json_t *v);
/* The same without faults, for a loaded contract. */
const json_t *gh_contract_deref(const gh_contract_t *c, const json_t *v);

void gh_access_parse(gh_contract_t *c, const json_t *v, gh_access_t *out);

/* match.c */
void gh_routes_add(gh_contract_t *c, const char *path, const gh_operation_t *op, bool unversioned);
void gh_routes_finish(gh_contract_t *c);

/* schema.c: compile parameters and bodies of an operation. */
const gh_request_schema_t *gh_request_compile(gh_contract_t *c, const gh_operation_t *op,
                                              const json_t *shared_params);

/* publish_errors.c: add to responses what the operation may refuse at this path; examples and shared replies go into
 * components. token: callers need one. */
void gh_publish_errors(const gh_operation_t *op, const char *path, bool token, json_t *responses,
                       json_t *components);
/* publish.c: the member of that name, made as an empty object when it is not there. Borrowed. */
json_t *gh_publish_group(json_t *components, const char *kind);

/* yaml.c: a YAML file as JSON (core schema: null, true, false, numbers; everything quoted is a string). New reference;
 * NULL with a message in err. */
json_t *gh_yaml_load(const char *file, char *err, size_t err_size);

static inline const char *
gh_json_text(const json_t *obj, const char *key)
{
    return json_string_value(json_object_get(obj, key));
}

#endif
