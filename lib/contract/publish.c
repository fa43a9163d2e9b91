/*
 * lib/contract/publish.c - the document that clients read: envelopes wrapped round replies, errors added, aliases repeated
 */
#include <stdio.h>
#include <stdlib.h>

#include "contract/internal.h"

#define REF(name) "#/components/schemas/" name

static const char *const s_methods[GH_METHOD_COUNT] = {"get", "post", "put", "patch", "delete"};

/* Statuses that every operation of a surface may answer besides its own (api/20 section 2, api/00 section 0.4). */
static const int s_common[] = {400, 401, 403, 404, 405, 413, 415, 422, 429, 500, 503, 504};
static const int s_common_code[] = {401, 404, 405, 413, 415, 429, 503, 504};

static const char s_components[] =
    "{\"CodeError\":{\"type\":\"object\",\"required\":[\"code\",\"message\"],\"properties\":{\"code\":{"
    "\"type\":\"integer\","
    "\"not\":{\"const\":0}},\"message\":{\"type\":\"object\",\"required\":[\"error\",\"msg\"],\"properties\":"
    "{\"error\":{\"type\":"
    "\"string\"},\"msg\":{\"type\":\"string\"}}}}},"
    "\"V1Problem\":{\"type\":\"object\",\"required\":[\"type\",\"title\",\"status\",\"detail\",\"code\","
    "\"instance\",\"request_id\"],"
    "\"properties\":{\"type\":{\"type\":\"string\"},\"title\":{\"type\":\"string\"},\"status\":{\"type\":"
    "\"integer\"},\"detail\":"
    "{\"type\":\"string\"},\"code\":{\"type\":\"string\"},\"instance\":{\"type\":\"string\"},\"request_id\":{"
    "\"type\":\"string\"},"
    "\"errors\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"field\",\"code\","
    "\"message\"],\"properties\":"
    "{\"field\":{\"type\":\"string\"},\"code\":{\"type\":\"string\"},\"message\":{\"type\":\"string\"}}}}}},"
    "\"V1Error\":{\"type\":\"object\",\"required\":[\"success\",\"data\",\"message\"],\"properties\":{"
    "\"success\":{\"const\":false},"
    "\"data\":{\"$ref\":\"#/components/schemas/V1Problem\"},\"message\":{\"type\":\"string\"}}},"
    "\"HbError\":{\"type\":\"object\",\"required\":[\"detail\"],\"properties\":{\"detail\":{\"type\":["
    "\"string\",\"array\"]},\"code\":"
    "{\"type\":\"string\"}}},"
    "\"OauthError\":{\"type\":\"object\",\"required\":[\"error\"],\"properties\":{\"error\":{\"type\":"
    "\"string\"},"
    "\"error_description\":{\"type\":\"string\"},\"detail\":{\"type\":\"string\"}}}}";

static json_t *
ref(const char *target)
{
    return json_pack("{s:s}", "$ref", target);
}

static const char *
error_ref(gh_envelope_t env)
{
    switch (env) {
    case GH_ENV_V1:
        return REF("V1Error");
    case GH_ENV_PLAIN:
        return REF("HbError");
    case GH_ENV_OAUTH:
        return REF("OauthError");
    default:
        return REF("CodeError");
    }
}

/* Remove what is only for the source, all the way down. */
static void
strip(json_t *v)
{
    if (json_is_array(v)) {
        for (size_t i = 0; i < json_array_size(v); i++)
            strip(json_array_get(v, i));
        return;
    }
    const char *key;
    json_t *member;
    void *next;
    json_object_foreach_safe(v, next, key, member)
    {
        if (key[0] == '.' || strncmp(key, "x-", 2) == 0)
            json_object_del(v, key);
        else
            strip(member);
    }
}

/* The payload's schema inside the surface's envelope. Takes payload (may be NULL). */
static json_t *
wrap_schema(gh_envelope_t env, json_t *payload)
{
    if (!payload)
        payload = json_pack("{s:s}", "type", "null");
    if (env == GH_ENV_CODE)
        return json_pack("{s:[{s:s,s:[s,s],s:{s:{s:i},s:o}},{s:s}]}", "oneOf", "type", "object", "required",
                         "code", "message", "properties", "code", "const", 0, "message", payload, "$ref",
                         REF("CodeError"));
    if (env == GH_ENV_V1)
        return json_pack("{s:s,s:[s,s,s],s:{s:{s:b},s:o,s:{s:s}}}", "type", "object", "required", "success",
                         "data", "message", "properties", "success", "const", 1, "data", payload, "message",
                         "type", "string");
    return payload;
}

static json_t *
wrap_example(gh_envelope_t env, json_t *payload)
{
    if (env == GH_ENV_CODE)
        return json_pack("{s:i,s:o}", "code", 0, "message", payload);
    if (env == GH_ENV_V1)
        return json_pack("{s:b,s:o,s:s}", "success", 1, "data", payload, "message", "OK");
    return payload;
}

static void
wrap_reply(gh_envelope_t env, json_t *reply)
{
    const char *type;
    json_t *media;
    if (env == GH_ENV_RAW)
        return;
    if (!json_object_get(reply, "content") && (env == GH_ENV_CODE || env == GH_ENV_V1))
        json_object_set_new(reply, "content", json_pack("{s:{}}", "application/json"));
    json_object_foreach(json_object_get(reply, "content"), type, media)
    {
        if (strcmp(type, "application/json") != 0)
            continue;
        json_t *schema = json_incref(json_object_get(media, "schema"));
        json_object_set_new(media, "schema", wrap_schema(env, schema));
        json_t *example = json_object_get(media, "example");
        if (example)
            json_object_set_new(media, "example", wrap_example(env, json_incref(example)));
    }
}

static void
add_error(json_t *responses, int status, const char *names, gh_envelope_t env)
{
    char key[8];
    snprintf(key, sizeof key, "%d", status);
    if (json_object_get(responses, key))
        return;
    json_object_set_new(responses, key,
                        json_pack("{s:s,s:{s:{s:o}}}", "description", names, "content", "application/json",
                                  "schema", ref(error_ref(env))));
}

/* Errors that the operation names, by status, then the common ones. */
static void
add_errors(const gh_operation_t *op, json_t *responses)
{
    const json_t *names = json_object_get(op->source, "x-errors");
    bool code = op->envelope == GH_ENV_CODE && !op->literal_status;
    for (size_t i = 0; i < json_array_size(names); i++) {
        gh_err_t err = gh_error_find(gh_str(json_string_value(json_array_get(names, i))));
        const gh_error_row_t *row = gh_error_row(err);
        int status = op->envelope == GH_ENV_CODE ? (code ? 200 : row->strict) : gh_error_row(row->v1)->http;
        char text[2048] = "";
        for (size_t k = 0; k < json_array_size(names); k++) {
            const gh_error_row_t *other = gh_error_row(
                gh_error_find(gh_str(json_string_value(json_array_get(names, k)))));
            int s = op->envelope == GH_ENV_CODE ? (code ? 200 : other->strict)
                                                : gh_error_row(other->v1)->http;
            if (s == status)
                snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", *text ? ", " : "",
                         other->name);
        }
        add_error(responses, status, text, op->envelope);
    }
    const int *common = code ? s_common_code : s_common;
    size_t n = code ? GH_COUNT(s_common_code) : GH_COUNT(s_common);
    for (size_t i = 0; i < n; i++)
        add_error(responses, common[i], "a common refusal", op->envelope);
}

static json_t *
describe(const gh_operation_t *op, size_t copy)
{
    json_t *out = json_deep_copy(op->source);
    json_t *shared = json_incref(json_object_get(out, ".shared"));
    strip(out);
    if (shared) {
        json_t *params = json_object_get(out, "parameters");
        if (!params) {
            params = json_array();
            json_object_set_new(out, "parameters", params);
        }
        json_array_extend(params, shared);
        json_decref(shared);
    }
    if (copy) {
        char id[160];
        snprintf(id, sizeof id, "%s.alias%zu", op->id, copy);
        json_object_set_new(out, "operationId", json_string(id));
    }
    json_t *responses = json_object_get(out, "responses");
    const char *status;
    json_t *reply;
    json_object_foreach(responses, status, reply) wrap_reply(op->envelope, reply);
    add_errors(op, responses);
    json_object_set_new(out, "security",
                        op->access.kind == GH_ACCESS_PUBLIC
                            ? json_pack("[{},{s:[]}]", "bearer")
                            : json_pack("[{s:[]},{s:[]}]", "bearer", "password"));
    return out;
}

static void
publish_at(json_t *paths, const char *path, const gh_operation_t *op, size_t *copy)
{
    json_t *item = json_object_get(paths, path);
    if (!item) {
        item = json_object();
        json_object_set_new(paths, path, item);
    }
    if (!json_object_get(item, s_methods[op->method]))
        json_object_set_new(item, s_methods[op->method], describe(op, (*copy)++));
}

static void
publish_operation(json_t *paths, const gh_operation_t *op)
{
    const json_t *aliases = json_object_get(op->source, "x-aliases");
    size_t copy = 0;
    for (size_t i = 0; i <= json_array_size(aliases); i++) {
        const char *path = i ? json_string_value(json_array_get(aliases, i - 1)) : op->path;
        publish_at(paths, path, op, &copy);
        if (strncmp(path, "/api/v1/", 8) == 0) {
            char shorter[512];
            snprintf(shorter, sizeof shorter, "/api/%s", path + 8);
            publish_at(paths, shorter, op, &copy);
        }
    }
}

json_t *
gh_contract_publish(const gh_contract_t *c, const char *title, const char *version)
{
    json_t *paths = json_object(), *components = json_deep_copy(c->components);
    json_t *errors = json_loads(s_components, 0, NULL);
    strip(components);
    json_t *schemas = json_object_get(components, "schemas");
    if (!schemas) {
        schemas = json_object();
        json_object_set_new(components, "schemas", schemas);
    }
    json_object_update(schemas, errors);
    json_decref(errors);
    for (size_t i = 0; i < c->n_ops; i++)
        publish_operation(paths, c->ops[i]);
    return json_pack("{s:s,s:{s:s,s:s},s:o,s:o}", "openapi", "3.1.0", "info", "title", title, "version",
                     version, "paths", paths, "components", components);
}
