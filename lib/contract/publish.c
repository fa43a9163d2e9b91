/*
 * lib/contract/publish.c - the document that clients read: envelopes wrapped round replies, errors added, aliases repeated
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "contract/internal.h"

#define JSON_TYPE "application/json"

static const char *const s_methods[GH_METHOD_COUNT] = {"get", "post", "put", "patch", "delete"};

static json_t *
ref(const char *target)
{
    return json_pack("{s:s}", "$ref", target);
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
        return json_pack("{s:s,s:[s,s],s:{s:{s:i},s:o}}", "type", "object", "required", "code", "message",
                         "properties", "code", "const", 0, "message", payload);
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

/* bare: the payload alone is a reply too (x-bare-form). */
static void
wrap_reply(gh_envelope_t env, bool bare, json_t *reply)
{
    if (env != GH_ENV_CODE && env != GH_ENV_V1)
        return;
    json_t *content = json_object_get(reply, "content");
    if (!content)
        json_object_set_new(reply, "content", json_pack("{s:{s:n}}", JSON_TYPE, "example"));
    json_t *media = json_object_get(json_object_get(reply, "content"), JSON_TYPE);
    if (!media)
        return;
    json_t *schema = json_incref(json_object_get(media, "schema"));
    json_t *alone = bare && schema ? json_deep_copy(schema) : NULL;
    json_t *wrapped = wrap_schema(env, schema);
    json_object_set_new(media, "schema", alone ? json_pack("{s:[o,o]}", "anyOf", wrapped, alone) : wrapped);
    json_t *example = json_object_get(media, "example");
    if (example)
        json_object_set_new(media, "example", wrap_example(env, json_incref(example)));
}

/* Header parameters that the source says by a flag. */
static void
add_headers(const gh_operation_t *op, json_t *params)
{
    if (op->idempotent)
        json_array_append_new(params, ref("#/components/parameters/IdempotencyKey"));
    if (op->etag)
        json_array_append_new(params, ref(op->method == GH_GET ? "#/components/parameters/IfNoneMatch"
                                                               : "#/components/parameters/IfMatch"));
    if (op->signature)
        json_array_append_new(params, ref("#/components/parameters/XSignature"));
    if (op->async)
        json_array_append_new(params, ref("#/components/parameters/PreferAsync"));
}

/* The answer to Prefer: respond-async (api/20 section 8). */
static json_t *
accepted(void)
{
    return json_pack("{s:s, s:{s:{s:{s:s}}, s:{s:{s:s}}}, s:{s:{s:{s:s}, s:{s:s, s:s, s:s, s:i, s:n, s:n, "
                     "s:n, s:i, s:s, s:n, s:n, s:n}}}}",
                     "description", "with `Prefer: respond-async`: queued as a job", "headers", "Location",
                     "schema", "type", "string", "Preference-Applied", "schema", "type", "string", "content",
                     JSON_TYPE, "schema", "$ref", "#/components/schemas/V1Job", "example", "id",
                     "0195790c-4f1a-7c3e-9b1d-2f6a7c8e9d12", "kind", "maintenance", "status", "QUEUED",
                     "progress", 0, "result", "result_location", "error", "owner_id", 31, "created_at",
                     "2026-03-09T09:30:00+08:00", "started_at", "finished_at", "expires_at");
}

static void
put_words(gh_buf_t *out, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        gh_buf_printf(out, "%s%s", i ? ", " : "", json_string_value(json_array_get(list, i)));
}

/* Who may call and which rules hold, as a sentence below the operation's own description. */
static void
describe_access(const gh_operation_t *op, json_t *out)
{
    gh_buf_t text GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    const char *own = gh_json_text(out, "description");
    const json_t *access = json_object_get(op->source, "x-access"),
                 *rules = json_object_get(op->source, "x-rules");
    gh_buf_printf(&text, "%s%sAccess: ", own ? own : "", own ? "\n\n" : "");
    if (json_is_array(access)) {
        put_words(&text, access);
    } else if (json_is_object(access)) {
        gh_buf_printf(&text, "permission `%s` (", gh_json_text(access, "permission"));
        put_words(&text, json_object_get(access, "scope"));
        gh_buf_putc(&text, ')');
    } else {
        gh_buf_puts(&text, op->access.kind == GH_ACCESS_PUBLIC ? "public" : "any valid token");
    }
    gh_buf_putc(&text, '.');
    if (json_array_size(rules)) {
        gh_buf_puts(&text, " Rules: ");
        put_words(&text, rules);
        gh_buf_putc(&text, '.');
    }
    json_object_set_new(out, "description", json_stringn(gh_buf_view(&text).p, gh_buf_view(&text).n));
}

/* below /api without a version only the routes of /api/auth/ are open to everybody. */
static json_t *
security_of(const gh_operation_t *op, const char *path)
{
    bool unversioned = strncmp(path, "/api/", 5) == 0 && strncmp(path, "/api/v1/", 8) != 0;
    if (op->access.kind == GH_ACCESS_PUBLIC && (!unversioned || strncmp(path, "/api/auth/", 10) == 0))
        return json_array();
    if (op->access.public_if)
        return json_pack("[{},{s:[]},{s:[]}]", "password", "bearer");
    return json_pack("[{s:[]},{s:[]}]", "password", "bearer");
}

static json_t *
describe(const gh_operation_t *op, const char *path, size_t copy, json_t *components)
{
    json_t *out = json_deep_copy(op->source);
    json_t *shared = json_incref(json_object_get(out, ".shared"));
    strip(out);
    json_t *params = json_object_get(out, "parameters");
    if (!params) {
        params = json_array();
        json_object_set_new(out, "parameters", params);
    }
    if (shared)
        json_array_extend(params, shared);
    json_decref(shared);
    add_headers(op, params);
    if (json_array_size(params) == 0)
        json_object_del(out, "parameters");
    describe_access(op, out);
    if (copy) {
        char id[160];
        snprintf(id, sizeof id, "%s.alias%zu", op->id, copy);
        json_object_set_new(out, "operationId", json_string(id));
        json_object_set_new(out, "summary",
                            json_sprintf("%s (as %s)", gh_json_text(out, "summary"), op->path));
    }
    json_t *responses = json_object_get(out, "responses");
    const char *status;
    json_t *reply;
    if (op->async && !json_object_get(responses, "202"))
        json_object_set_new(responses, "202", accepted());
    json_object_foreach(responses, status, reply)
    {
        if (status[0] == '2')
            wrap_reply(op->envelope, op->bare_form, reply);
    }
    json_t *security = security_of(op, path);
    gh_publish_errors(op, path, json_array_size(security) > 0, responses, components);
    json_object_set_new(out, "security", security);
    return out;
}

static void
publish_at(json_t *paths, const char *path, const gh_operation_t *op, size_t *copy, json_t *components)
{
    json_t *item = json_object_get(paths, path);
    if (!item) {
        item = json_object();
        json_object_set_new(paths, path, item);
    }
    if (!json_object_get(item, s_methods[op->method]))
        json_object_set_new(item, s_methods[op->method], describe(op, path, (*copy)++, components));
}

static void
publish_operation(json_t *paths, const gh_operation_t *op, json_t *components)
{
    const json_t *aliases = json_object_get(op->source, "x-aliases");
    size_t copy = 0;
    for (size_t i = 0; i <= json_array_size(aliases); i++) {
        const char *path = i ? json_string_value(json_array_get(aliases, i - 1)) : op->path;
        publish_at(paths, path, op, &copy, components);
        if (strncmp(path, "/api/v1/", 8) == 0) {
            char shorter[512];
            snprintf(shorter, sizeof shorter, "/api/%s", path + 8);
            publish_at(paths, shorter, op, &copy, components);
        }
    }
}

/* Sort by name; tags that the source describes keep their description. */
static int
by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static json_t *
publish_tags(const gh_contract_t *c)
{
    json_t *used = json_object(), *out = json_array();
    for (size_t i = 0; i < c->n_ops; i++) {
        const json_t *tags = json_object_get(c->ops[i]->source, "tags");
        for (size_t k = 0; k < json_array_size(tags); k++)
            json_object_set_new(used, json_string_value(json_array_get(tags, k)), json_null());
    }
    const json_t *known;
    size_t i, n = 0;
    json_array_foreach(c->tags, i, known) if (json_object_get(used, gh_json_text(known, "name")))
        json_object_set(used, gh_json_text(known, "name"), json_object_get(known, "description"));
    const char **names = calloc(json_object_size(used) + 1, sizeof(char *));
    if (!names)
        abort();
    const char *name;
    json_t *text;
    json_object_foreach(used, name, text) names[n++] = name;
    qsort(names, n, sizeof(char *), by_name);
    for (i = 0; i < n; i++)
        json_array_append_new(out, json_pack("{s:s,s:O*}", "name", names[i], "description",
                                             json_is_string(json_object_get(used, names[i]))
                                                 ? json_object_get(used, names[i])
                                                 : NULL));
    free(names);
    json_decref(used);
    return out;
}

/* The group of components of a kind, made when it is not there. Borrowed. */
json_t *
gh_publish_group(json_t *components, const char *kind)
{
    json_t *group = json_object_get(components, kind);
    if (!group) {
        group = json_object();
        json_object_set_new(components, kind, group);
    }
    return group;
}

json_t *
gh_contract_publish(const gh_contract_t *c, const char *title, const char *version)
{
    json_t *paths = json_object(), *components = json_deep_copy(c->components);
    strip(components);
    for (size_t i = 0; i < c->n_ops; i++)
        publish_operation(paths, c->ops[i], components);
    json_t *info = json_pack("{s:s,s:s}", "title", title, "version", version);
    json_object_update_missing(info, c->info);
    return json_pack("{s:s,s:o,s:o,s:o,s:o}", "openapi", "3.1.0", "info", info, "tags", publish_tags(c),
                     "paths", paths, "components", components);
}
