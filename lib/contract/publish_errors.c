/*
 * lib/contract/publish_errors.c - the refusals of an operation in the published document
 *
 * What an operation may refuse is what it names (x-errors) and what its shape brings with it: a token that is missing, a
 * body that is not JSON, a queue that is full. Each is rendered as the front renders it (contract/render.h), so that
 * status and example are those of the wire; the example stands once in components, by surface and error.
 */
#include <stdio.h>

#include "contract/internal.h"
#include "contract/render.h"
#include "contract/schema.h"

#define NAMES_MAX     128
#define MEMBERS_DEPTH 5
#define JSON_TYPE     "application/json"

enum {
    WANTS_BODY = 1,
    WANTS_INPUT = 2,
    WANTS_TOKEN = 4,
    WANTS_POOL = 8,
    WANTS_KEY = 16,
    WANTS_ROLE = 32,
    WANTS_MATCH = 64,
    WANTS_RATE = 128,
    WANTS_ROW = 256,
    WANTS_FIELDS = 512,
    WANTS_SORT = 1024,
    WANTS_ACCOUNT = 2048,
    WANTS_UPLOAD = 4096
};

/* api/20 section 2, as far as it can happen to an operation of that shape; 0: to all. */
static const struct {
    gh_err_t error;
    unsigned when;
} s_common[] = {{GH_E_MALFORMED_JSON, WANTS_BODY},
                {GH_E_MALFORMED_FORM, WANTS_UPLOAD},
                {GH_E_TOKEN_MISSING, WANTS_TOKEN},
                {GH_E_TOKEN_INVALID, WANTS_TOKEN},
                {GH_E_TOKEN_EXPIRED, WANTS_TOKEN},
                {GH_E_TOKEN_REVOKED, WANTS_TOKEN},
                {GH_E_PASSWORD_CHANGE_REQUIRED, WANTS_ACCOUNT},
                {GH_E_FORBIDDEN, WANTS_ROLE},
                {GH_E_METHOD_NOT_ALLOWED, 0},
                {GH_E_PRECONDITION_FAILED, WANTS_MATCH},
                {GH_E_PAYLOAD_TOO_LARGE, WANTS_BODY | WANTS_UPLOAD},
                {GH_E_UNSUPPORTED_MEDIA_TYPE, WANTS_BODY | WANTS_UPLOAD},
                {GH_E_NOT_FOUND, WANTS_ROW},
                {GH_E_VALIDATION_FAILED, WANTS_INPUT},
                {GH_E_UNKNOWN_FIELD, WANTS_FIELDS},
                {GH_E_UNKNOWN_SORT, WANTS_SORT},
                {GH_E_IDEMPOTENCY_KEY_INVALID, WANTS_KEY},
                {GH_E_IDEMPOTENCY_KEY_REUSED, WANTS_KEY},
                {GH_E_IDEMPOTENCY_IN_PROGRESS, WANTS_KEY},
                {GH_E_RATE_LIMITED, WANTS_RATE},
                {GH_E_INTERNAL, WANTS_POOL},
                {GH_E_SERVICE_UNAVAILABLE, WANTS_POOL | WANTS_TOKEN},
                {GH_E_QUEUE_FULL, WANTS_POOL},
                {GH_E_UPSTREAM_TIMEOUT, WANTS_POOL}};

/* Values for the placeholders of the sentences. */
static const gh_error_arg_t s_args[] = {{"field", {"name", 4}},
                                        {"n", {"30", 2}},
                                        {"limit", {"1048576", 7}},
                                        {"date", {"2026-03-09", 10}},
                                        {"hm", {"08:15", 5}},
                                        {"id", {"17", 2}},
                                        {"key", {"maxFutureDays", 13}},
                                        {"name", {"name", 4}},
                                        {"status", {"CANCELLED", 9}},
                                        {"section", {"上午", 6}},
                                        {"start", {"08:00", 5}},
                                        {"end", {"12:00", 5}},
                                        {"reason", {"-", 1}},
                                        {"s", {"30", 2}},
                                        {"until", {"2026-03-09 08:15:30", 19}},
                                        {"value", {"7", 1}},
                                        {"x", {"7", 1}},
                                        {"substance", {"penicillin", 10}},
                                        {"formats", {"png, jpeg", 9}},
                                        {"path", {"images/17.png", 13}},
                                        {0}};

typedef struct refusal {
    gh_err_t error;
    uint16_t status;
    const char *key; /* of the example, owned by components */
} refusal_t;

/* The surface whose shape refusals of this operation have (contract/render.h). */
static gh_envelope_t
surface(const gh_operation_t *op)
{
    if (op->envelope != GH_ENV_RAW && op->envelope != GH_ENV_PLAIN)
        return op->envelope;
    if (strncmp(op->path, "/api/", 5) == 0)
        return GH_ENV_V1;
    return op->envelope == GH_ENV_RAW ? GH_ENV_CODE : GH_ENV_PLAIN;
}

static const char *
prefix(gh_envelope_t env)
{
    return env == GH_ENV_V1 ? "V1" : env == GH_ENV_PLAIN ? "Hb" : env == GH_ENV_OAUTH ? "Oauth" : "Code";
}

static unsigned
shape(const gh_operation_t *op, bool token)
{
    unsigned out = 0;
    if (op->request->json || op->request->form)
        out |= WANTS_BODY | WANTS_INPUT;
    if (op->request->multipart)
        out |= WANTS_UPLOAD | WANTS_INPUT;
    if (op->request->n_params)
        out |= WANTS_INPUT;
    for (size_t i = 0; i < op->request->n_params; i++)
        out |= (op->request->params[i].fields ? WANTS_FIELDS : 0u) |
               (op->request->params[i].sortable ? WANTS_SORT : 0u);
    /* On the code surface every row that may be absent has an error of its own. */
    if (op->request->n_path && op->envelope == GH_ENV_V1)
        out |= WANTS_ROW;
    if (!op->rate_limit || strcmp(op->rate_limit, "none") != 0)
        out |= WANTS_RATE;
    if (token)
        out |= WANTS_TOKEN;
    if (strcmp(op->pool, "front") == 0)
        return out & ~(unsigned)WANTS_BODY;
    out |= WANTS_POOL;
    if (token)
        out |= WANTS_ACCOUNT;
    if (op->access.kind == GH_ACCESS_ROLES || op->access.kind == GH_ACCESS_PERMISSION)
        out |= WANTS_ROLE;
    if (op->idempotent)
        out |= WANTS_KEY;
    if (op->etag && op->method != GH_GET)
        out |= WANTS_MATCH;
    return out;
}

/* Render a refusal, keep it as an example of components. False when the document has no room or memory is short. */
static bool
render(const gh_operation_t *op, gh_err_t error, json_t *examples, refusal_t *out)
{
    static const gh_faults_t faults = {
        .n = 1, .at = {{.where = 'b', .field = "name", .type = "missing", .error = GH_E_NONE}}};
    gh_buf_t body GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT, summary GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_render_t how = {.envelope = op->envelope,
                       .literal_status = op->literal_status,
                       .path = gh_str(surface(op) == GH_ENV_V1 ? "/api/v1/appointments" : op->path),
                       .request_id = GH_STR("0195790a-3d2c-7c14-9f63-5b0c1f7a2e11")};
    gh_refusal_t x = {
        .error = error, .args = s_args, .faults = error == GH_E_VALIDATION_FAILED ? &faults : NULL};
    gh_rendered_t shown;
    char key[96];
    gh_render_refusal(&how, &x, &body, &shown);
    snprintf(key, sizeof key, "%s.%s", prefix(surface(op)), gh_error_row(error)->name);
    gh_error_text(&summary, gh_error_row(error)->en, s_args);
    if (!json_object_get(examples, key))
        json_object_set_new(examples, key,
                            json_pack("{s:s%,s:o}", "summary", summary.p ? summary.p : "", summary.n, "value",
                                      json_loadb(body.p, body.n, 0, NULL)));
    *out = (refusal_t){error, shown.status, json_object_iter_key(json_object_iter_at(examples, key))};
    return gh_buf_ok(&body) && out->key;
}

/* By status; those of one status keep their order. */
static void
sort(refusal_t *list, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        refusal_t one = list[i];
        size_t k = i;
        for (; k > 0 && list[k - 1].status > one.status; k--)
            list[k] = list[k - 1];
        list[k] = one;
    }
}

/* Errors of its own that a parameter or a member has (x-error, x-missing). */
static size_t
collect_own(const gh_operation_t *op, json_t *examples, gh_err_t error, refusal_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (out[i].error == error)
            return n;
    return n + (error && n < NAMES_MAX && render(op, error, examples, &out[n]));
}

static size_t
collect_members(const gh_operation_t *op, json_t *examples, const gh_schema_t *s, int depth, refusal_t *out,
                size_t n)
{
    if (!s || depth == MEMBERS_DEPTH)
        return n;
    n = collect_own(op, examples, s->error, out, n);
    n = collect_members(op, examples, s->items, depth + 1, out, n);
    for (size_t i = 0; i < s->n_props; i++) {
        n = collect_own(op, examples, s->props[i].missing, out, n);
        n = collect_members(op, examples, s->props[i].schema, depth + 1, out, n);
    }
    return n;
}

static size_t
collect(const gh_operation_t *op, bool token, json_t *examples, refusal_t *out)
{
    const json_t *names = json_object_get(op->source, "x-errors");
    unsigned have = shape(op, token);
    size_t n = 0;
    for (size_t i = 0; i < json_array_size(names) && n < NAMES_MAX; i++) {
        gh_err_t error = gh_error_find(gh_str(json_string_value(json_array_get(names, i))));
        n += render(op, error, examples, &out[n]);
    }
    for (size_t i = 0; i < op->request->n_params; i++) {
        n = collect_own(op, examples, op->request->params[i].missing, out, n);
        n = collect_members(op, examples, op->request->params[i].schema, 0, out, n);
    }
    n = collect_members(op, examples, op->request->json, 0, out, n);
    n = collect_members(op, examples, op->request->form, 0, out, n);
    for (size_t i = 0; i < GH_COUNT(s_common) && n < NAMES_MAX; i++) {
        gh_err_t error = s_common[i].error == GH_E_FORBIDDEN ? op->access.refusal : s_common[i].error;
        bool twice = s_common[i].when && !(s_common[i].when & have);
        for (size_t k = 0; k < n; k++)
            twice = twice || out[k].error == error;
        n += !twice && render(op, error, examples, &out[n]);
    }
    sort(out, n);
    return n;
}

/* The reply of one status: its names, its schema, an example each. */
static json_t *
reply_of(gh_envelope_t env, const refusal_t *list, size_t n, uint16_t status)
{
    gh_buf_t text GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    json_t *examples = json_object();
    char target[128];
    for (size_t i = 0; i < n; i++) {
        if (list[i].status != status)
            continue;
        const char *name = gh_error_row(list[i].error)->name;
        gh_buf_printf(&text, "%s%s", text.n ? ", " : "", name);
        snprintf(target, sizeof target, "#/components/examples/%s", list[i].key);
        json_object_set_new(examples, name, json_pack("{s:s}", "$ref", target));
    }
    snprintf(target, sizeof target, "#/components/schemas/%sError", prefix(env));
    return json_pack("{s:s%,s:{s:{s:{s:s},s:o}}}", "description", text.p ? text.p : "", text.n, "content",
                     JSON_TYPE, "schema", "$ref", target, "examples", examples);
}

/* The success reply of this status also carries refusals (the code surface answers 200 to most). */
static void
merge(json_t *reply, const json_t *errors)
{
    json_t *media = json_object_get(json_object_get(reply, "content"), JSON_TYPE);
    const json_t *from = json_object_get(json_object_get(errors, "content"), JSON_TYPE);
    if (!media) {
        json_object_set(gh_publish_group(reply, "content"), JSON_TYPE, (json_t *)(uintptr_t)from);
        return;
    }
    json_t *example = json_object_get(media, "example");
    json_t *examples = json_object();
    if (example)
        json_object_set_new(examples, "success", json_pack("{s:O}", "value", example));
    json_object_update(examples, json_object_get(from, "examples"));
    json_object_del(media, "example");
    json_object_set_new(media, "examples", examples);
    json_t *schema = json_object_get(media, "schema");
    json_object_set_new(media, "schema",
                        json_pack("{s:[O,O]}", "oneOf", schema, json_object_get(from, "schema")));
}

/* Most operations share their replies of a status word for word: those stand once in components. Takes reply. */
static void
put_shared(gh_envelope_t env, uint16_t status, json_t *reply, json_t *responses, json_t *components)
{
    json_t *shared = gh_publish_group(components, "responses");
    char key[16], name[32], target[64];
    snprintf(key, sizeof key, "%u", status);
    snprintf(name, sizeof name, "%s.%u", prefix(env), status);
    snprintf(target, sizeof target, "#/components/responses/%s", name);
    if (!json_object_get(shared, name))
        json_object_set(shared, name, reply);
    if (json_equal(json_object_get(shared, name), reply)) {
        json_object_set_new(responses, key, json_pack("{s:s}", "$ref", target));
        json_decref(reply);
    } else {
        json_object_set_new(responses, key, reply);
    }
}

void
gh_publish_errors(const gh_operation_t *op, const char *path, bool token, json_t *responses,
                  json_t *components)
{
    refusal_t list[NAMES_MAX];
    gh_operation_t here = *op;
    here.path = path;
    op = &here;
    size_t n = collect(op, token, gh_publish_group(components, "examples"), list);
    gh_envelope_t env = surface(op);
    for (size_t i = 0; i < n; i++) {
        bool done = i > 0 && list[i - 1].status == list[i].status;
        char key[16];
        snprintf(key, sizeof key, "%u", list[i].status);
        json_t *own = json_object_get(responses, key);
        if (done || (own && list[i].status != op->success_status))
            continue;
        json_t *reply = reply_of(env, list, n, list[i].status);
        if (own) {
            merge(own, reply);
            json_decref(reply);
        } else {
            put_shared(env, list[i].status, reply, responses, components);
        }
    }
}
