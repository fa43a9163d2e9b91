/*
 * lib/contract/contract.c - load schema/openapi, merge the files, compile operations
 *
 * Every fault is logged with file, operation and reason; loading goes on to find the others, and fails in the end.
 */
#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "contract/internal.h"
#include "wire/job.h"

#define CHUNK_SIZE  (64u << 10)
#define FILES_MAX   256
#define TIMEOUT_MAX 600000

static const char *const s_methods[GH_METHOD_COUNT] = {"get", "post", "put", "patch", "delete"};
static const char *const s_envelopes[] = {"code", "v1", "plain", "oauth", "raw"};
static const char *const s_known[] = {"operationId",      "summary",          "description",  "tags",
                                      "parameters",       "requestBody",      "responses",    "deprecated",
                                      "x-pool",           "x-envelope",       "x-access",     "x-aliases",
                                      "x-idempotent",     "x-shard",          "x-async",      "x-etag",
                                      "x-batch",          "x-timeout-ms",     "x-optional",   "x-rules",
                                      "x-errors",         "x-literal-status", "x-public-if",  "x-enabled-if",
                                      "x-allow-networks", "x-rate-limit",     "x-dead-token", "x-query-token",
                                      "x-cookie",         "x-rate-key",       "x-bare-form",  "x-signature"};

/* ---- memory and faults */

void *
gh_contract_alloc(gh_contract_t *c, size_t n)
{
    n = (n + 15) & ~(size_t)15;
    if (!c->chunks || c->chunks->size - c->chunks->used < n) {
        size_t size = n > CHUNK_SIZE ? n : CHUNK_SIZE;
        gh_chunk_t *chunk = calloc(1, sizeof *chunk + size);
        if (!chunk)
            abort();
        chunk->size = size;
        chunk->next = c->chunks;
        c->chunks = chunk;
    }
    void *p = c->chunks->data + c->chunks->used;
    c->chunks->used += n;
    return p;
}

char *
gh_contract_dup(gh_contract_t *c, const char *s)
{
    size_t n = strlen(s) + 1;
    return memcpy(gh_contract_alloc(c, n), s, n);
}

void
gh_contract_fault(gh_contract_t *c, const char *fmt, ...)
{
    char reason[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(reason, sizeof reason, fmt, ap);
    va_end(ap);
    c->faults++;
    gh_log(GH_LOG_ERROR, "contract_fault", GH_KS("file", c->at_file ? c->at_file : "-"),
           GH_KS("operation", c->at_op ? c->at_op : "-"), GH_KS("reason", reason));
}

const json_t *
gh_contract_deref(const gh_contract_t *c, const json_t *v)
{
    for (int hops = 0; hops < 16; hops++) {
        const char *ref = gh_json_text(v, "$ref");
        if (!ref)
            return v;
        char kind[32], name[128], beyond;
        if (sscanf(ref, "#/components/%31[A-Za-z]/%127[A-Za-z0-9_.-]%c", kind, name, &beyond) != 2)
            return NULL;
        v = json_object_get(json_object_get(c->components, kind), name);
    }
    return NULL;
}

const json_t *
gh_contract_resolve(gh_contract_t *c, const json_t *v)
{
    const json_t *out = gh_contract_deref(c, v);
    if (!out && v)
        gh_contract_fault(c, "reference leads nowhere: %s", gh_json_text(v, "$ref"));
    return out;
}

/* ---- merging */

static void
merge_components(gh_contract_t *c, json_t *from)
{
    const char *kind, *name;
    json_t *group, *value;
    json_object_foreach(from, kind, group)
    {
        json_t *into = json_object_get(c->components, kind);
        if (!into) {
            into = json_object();
            json_object_set_new(c->components, kind, into);
        }
        json_object_foreach(group, name, value)
        {
            if (json_object_get(into, name))
                gh_contract_fault(c, "component %s/%s stands in two files", kind, name);
            json_object_set(into, name, value);
        }
    }
}

static void
merge_paths(gh_contract_t *c, json_t *from)
{
    const char *path, *member;
    json_t *item, *value;
    json_object_foreach(from, path, item)
    {
        json_t *into = json_object_get(c->paths, path);
        if (!into) {
            into = json_object();
            json_object_set_new(c->paths, path, into);
        }
        /* Parameters of a path item belong to the methods of the same file: keep them with each method. */
        json_t *shared = json_object_get(item, "parameters");
        json_object_foreach(item, member, value)
        {
            if (strcmp(member, "parameters") == 0)
                continue;
            if (json_object_get(into, member))
                gh_contract_fault(c, "%s %s stands twice", member, path);
            if (shared)
                json_object_set(value, ".shared", shared);
            json_object_set_new(value, ".file", json_string(c->at_file));
            json_object_set(into, member, value);
        }
    }
}

/* What the published document says about itself. */
static void
merge_about(gh_contract_t *c, const json_t *doc)
{
    json_t *info = json_object_get(doc, "info");
    if (json_object_get(info, "description")) {
        if (c->info)
            gh_contract_fault(c, "a second file whose info has a description");
        else
            c->info = json_incref(info);
    }
    if (json_object_get(doc, "tags"))
        json_array_extend(c->tags, json_object_get(doc, "tags"));
}

static void
load_file(gh_contract_t *c, const char *dir, const char *name)
{
    char path[4096], err[256];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    c->at_file = gh_contract_dup(c, name);
    json_t *doc = gh_yaml_load(path, err, sizeof err);
    if (!doc) {
        gh_contract_fault(c, "%s", err);
        return;
    }
    const char *version = gh_json_text(doc, "openapi");
    if (!version || strncmp(version, "3.1.", 4) != 0)
        gh_contract_fault(c, "not an OpenAPI 3.1 document");
    merge_components(c, json_object_get(doc, "components"));
    merge_about(c, doc);
    merge_paths(c, json_object_get(doc, "paths"));
    json_decref(doc);
}

static int
is_source(const struct dirent *e)
{
    size_t n = strlen(e->d_name);
    return n > 5 && strcmp(e->d_name + n - 5, ".yaml") == 0 && strcmp(e->d_name, "errors.yaml") != 0 &&
           e->d_name[0] != '.';
}

static void
load_dir(gh_contract_t *c, const char *dir)
{
    struct dirent **list = NULL;
    int n = scandir(dir, &list, is_source, alphasort);
    c->at_file = gh_contract_dup(c, dir);
    if (n <= 0 || n > FILES_MAX)
        gh_contract_fault(c, n < 0 ? "the folder cannot be read" : n == 0 ? "no *.yaml" : "too many files");
    for (int i = 0; i < n; i++) {
        if (n <= FILES_MAX)
            load_file(c, dir, list[i]->d_name);
        free(list[i]);
    }
    free(list);
}

/* ---- operations */

static bool
flag(gh_contract_t *c, const json_t *src, const char *name)
{
    const json_t *v = json_object_get(src, name);
    if (v && !json_is_boolean(v))
        gh_contract_fault(c, "%s must be true or false", name);
    return json_is_true(v);
}

static const char *
text_or_null(gh_contract_t *c, const json_t *src, const char *name)
{
    const char *s = gh_json_text(src, name);
    return s ? gh_contract_dup(c, s) : NULL;
}

static void
check_members(gh_contract_t *c, json_t *src)
{
    const char *name;
    json_t *v;
    json_object_foreach(src, name, v)
    {
        bool known = name[0] == '.';
        for (size_t i = 0; i < GH_COUNT(s_known); i++)
            known = known || strcmp(name, s_known[i]) == 0;
        if (!known)
            gh_contract_fault(c, "unknown member %s", name);
    }
    const json_t *errors = json_object_get(src, "x-errors");
    for (size_t i = 0; i < json_array_size(errors); i++) {
        const char *e = json_string_value(json_array_get(errors, i));
        if (!e || gh_error_find(gh_str(e)) == GH_E_NONE)
            gh_contract_fault(c, "x-errors: no such row: %s", e ? e : "(not a text)");
    }
}

static gh_envelope_t
parse_envelope(gh_contract_t *c, const json_t *src)
{
    const char *s = gh_json_text(src, "x-envelope");
    for (size_t i = 0; s && i < GH_COUNT(s_envelopes); i++)
        if (strcmp(s, s_envelopes[i]) == 0)
            return (gh_envelope_t)i;
    gh_contract_fault(c, "x-envelope is missing or unknown");
    return GH_ENV_CODE;
}

/* The lowest reply of 2xx; a worker may answer with another one that is listed. */
static uint16_t
parse_success(gh_contract_t *c, json_t *src)
{
    const char *key;
    json_t *v;
    int status = 0;
    json_object_foreach(json_object_get(src, "responses"), key, v)
    {
        long s = strtol(key, NULL, 10);
        if (s >= 200 && s < 300 && (status == 0 || s < status))
            status = (int)s;
    }
    if (status == 0)
        gh_contract_fault(c, "responses needs a success");
    return (uint16_t)status;
}

/* A template or a list of them, joined by newlines. */
static const char *
parse_templates(gh_contract_t *c, const json_t *src, const char *member)
{
    const json_t *v = json_object_get(src, member);
    char text[1024] = "";
    size_t used = 0;
    size_t n = json_is_array(v) ? json_array_size(v) : v ? 1 : 0;
    for (size_t i = 0; i < n; i++) {
        const char *one = json_string_value(json_is_array(v) ? json_array_get(v, i) : v);
        if (!one || strchr(one, '\n') || used + strlen(one) + 2 > sizeof text) {
            gh_contract_fault(c, "%s must be a template or a short list of them", member);
            return NULL;
        }
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", i ? "\n" : "", one);
    }
    return n ? gh_contract_dup(c, text) : NULL;
}

static void
parse_limits(gh_contract_t *c, const json_t *src, gh_operation_t *op)
{
    const json_t *ms = json_object_get(src, "x-timeout-ms");
    if (ms && (!json_is_integer(ms) || json_integer_value(ms) < 100 || json_integer_value(ms) > TIMEOUT_MAX))
        gh_contract_fault(c, "x-timeout-ms must be 100..%d", TIMEOUT_MAX);
    else
        op->timeout_ms = (uint32_t)json_integer_value(ms);
    op->priority = flag(c, src, "x-batch") ? GH_PRIO_BATCH : GH_PRIO_NORMAL;
}

static void
check_id(gh_contract_t *c, const gh_operation_t *op)
{
    size_t pool = strlen(op->pool);
    if (pool == 0)
        gh_contract_fault(c, "x-pool is missing");
    if (strncmp(op->id, op->pool, pool) != 0 || op->id[pool] != '.' ||
        strspn(op->id, "abcdefghijklmnopqrstuvwxyz0123456789_.") != strlen(op->id))
        gh_contract_fault(c, "operationId must be %s.verb_noun in lower case", op->pool);
}

static void
add_operation(gh_contract_t *c, gh_operation_t *op)
{
    if (c->n_ops == c->cap_ops) {
        c->cap_ops = c->cap_ops ? 2 * c->cap_ops : 64;
        gh_operation_t **more = realloc(c->ops, c->cap_ops * sizeof(gh_operation_t *));
        if (!more)
            abort();
        c->ops = more;
    }
    op->index = c->n_ops;
    c->ops[c->n_ops++] = op;
}

static bool
has_stream(const json_t *src)
{
    const json_t *success = json_object_get(json_object_get(src, "responses"), "200");
    return json_object_get(json_object_get(success, "content"), "text/event-stream") != NULL;
}

static void
compile_operation(gh_contract_t *c, const char *path, gh_method_t method, json_t *src)
{
    gh_operation_t *op = gh_contract_alloc(c, sizeof *op);
    const char *id = gh_json_text(src, "operationId"), *pool = gh_json_text(src, "x-pool");
    c->at_file = op->file = gh_contract_dup(c, gh_json_text(src, ".file"));
    op->path = gh_contract_dup(c, path);
    op->id = gh_contract_dup(c, id ? id : "");
    c->at_op = *op->id ? op->id : op->path;
    op->method = method;
    op->pool = gh_contract_dup(c, pool ? pool : "");
    op->source = src;
    op->envelope = parse_envelope(c, src);
    gh_access_parse(c, json_object_get(src, "x-access"), &op->access);
    op->access.public_if = text_or_null(c, src, "x-public-if");
    op->idempotent = flag(c, src, "x-idempotent");
    const char *async = gh_json_text(src, "x-async");
    op->always_async = async && strcmp(async, "always") == 0;
    op->async = op->always_async || flag(c, src, "x-async");
    op->stream = has_stream(src);
    op->etag = flag(c, src, "x-etag");
    op->literal_status = flag(c, src, "x-literal-status");
    op->bare_form = flag(c, src, "x-bare-form");
    op->dead_token = flag(c, src, "x-dead-token");
    op->cookie = text_or_null(c, src, "x-cookie");
    if (op->cookie && strcmp(op->cookie, "refresh") != 0 && strcmp(op->cookie, "clear") != 0)
        gh_contract_fault(c, "x-cookie must be refresh or clear");
    op->query_token = flag(c, src, "x-query-token");
    op->signature = flag(c, src, "x-signature");
    op->enabled_if = text_or_null(c, src, "x-enabled-if");
    op->allow_networks = text_or_null(c, src, "x-allow-networks");
    op->rate_limit = text_or_null(c, src, "x-rate-limit");
    op->shard = parse_templates(c, src, "x-shard");
    op->rate_key = parse_templates(c, src, "x-rate-key");
    op->success_status = parse_success(c, src);
    parse_limits(c, src, op);
    check_id(c, op);
    check_members(c, src);
    op->request = gh_request_compile(c, op, json_object_get(src, ".shared"));
    add_operation(c, op);
    c->at_op = NULL;
}

/* The canonical path, /api/X for /api/v1/X, and x-aliases (with theirs). */
static void
add_routes(gh_contract_t *c, const gh_operation_t *op)
{
    const json_t *aliases = json_object_get(op->source, "x-aliases");
    c->at_file = op->file;
    c->at_op = op->id;
    for (size_t i = 0; i <= json_array_size(aliases); i++) {
        const char *path = i == 0 ? op->path : json_string_value(json_array_get(aliases, i - 1));
        if (!path || path[0] != '/') {
            gh_contract_fault(c, "x-aliases must be paths");
            continue;
        }
        gh_routes_add(c, path, op, false);
        if (strncmp(path, "/api/v1/", 8) == 0) {
            char shorter[512];
            snprintf(shorter, sizeof shorter, "/api/%s", path + 8);
            gh_routes_add(c, shorter, op, true);
        }
    }
    c->at_op = NULL;
}

static void
compile_all(gh_contract_t *c)
{
    const char *path, *member;
    json_t *item, *src;
    json_object_foreach(c->paths, path, item)
    {
        json_object_foreach(item, member, src)
        {
            gh_method_t m = 0;
            while (m < GH_METHOD_COUNT && strcmp(member, s_methods[m]) != 0)
                m++;
            if (m < GH_METHOD_COUNT && json_is_object(src))
                compile_operation(c, path, m, src);
            else
                gh_contract_fault(c, "%s: unknown member %s", path, member);
        }
    }
    for (size_t i = 0; i < c->n_ops; i++)
        add_routes(c, c->ops[i]);
    gh_routes_finish(c);
}

static int
by_id(const void *a, const void *b)
{
    return strcmp((*(gh_operation_t *const *)a)->id, (*(gh_operation_t *const *)b)->id);
}

static void
index_ids(gh_contract_t *c)
{
    c->by_id = gh_contract_alloc(c, (c->n_ops + 1) * sizeof(gh_operation_t *));
    if (c->n_ops == 0)
        return;
    memcpy(c->by_id, c->ops, c->n_ops * sizeof(gh_operation_t *));
    qsort(c->by_id, c->n_ops, sizeof(gh_operation_t *), by_id);
    for (size_t i = 1; i < c->n_ops; i++)
        if (strcmp(c->by_id[i - 1]->id, c->by_id[i]->id) == 0)
            gh_contract_fault(c, "operationId %s stands twice", c->by_id[i]->id);
}

gh_contract_t *
gh_contract_load(const char *dir, const char *extra_dir)
{
    gh_contract_t *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->paths = json_object();
    c->components = json_object();
    c->tags = json_array();
    load_dir(c, dir);
    if (extra_dir && *extra_dir)
        load_dir(c, extra_dir);
    compile_all(c);
    index_ids(c);
    c->at_file = NULL;
    if (c->faults) {
        gh_log(GH_LOG_ERROR, "contract_refused", GH_KI("faults", c->faults));
        gh_contract_destroy(&c);
    }
    return c;
}

void
gh_contract_destroy(gh_contract_t **contract_p)
{
    gh_contract_t *c = *contract_p;
    *contract_p = NULL;
    if (!c)
        return;
    for (gh_regex_t *r = c->regexes; r; r = r->next)
        regfree(&r->re);
    while (c->chunks) {
        gh_chunk_t *next = c->chunks->next;
        free(c->chunks);
        c->chunks = next;
    }
    json_decref(c->paths);
    json_decref(c->components);
    json_decref(c->info);
    json_decref(c->tags);
    free(c->ops);
    free(c);
}

size_t
gh_contract_count(const gh_contract_t *c)
{
    return c->n_ops;
}

const gh_operation_t *
gh_contract_at(const gh_contract_t *c, size_t i)
{
    return c->ops[i];
}

const gh_operation_t *
gh_contract_find(const gh_contract_t *c, gh_str_t operation_id)
{
    size_t lo = 0, hi = c->n_ops;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        const char *id = c->by_id[mid]->id;
        int cmp = strncmp(id, operation_id.p ? operation_id.p : "", operation_id.n);
        if (cmp == 0 && id[operation_id.n] == '\0')
            return c->by_id[mid];
        if (cmp < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}
