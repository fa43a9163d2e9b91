/*
 * lib/contract/render.c - one renderer for every surface, driven by the error table (lib/contract/render.h)
 */
#include "contract/render.h"

#include <ctype.h>
#include <jansson.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/json.h"
#include "contract/schema.h"

#define FIELDS_SHOWN 3 /* of a sentence for people */

static const char s_json[] = "application/json";

/* What the front and the brokers refuse keeps its status on every surface (decisions 1). */
static bool
is_transport(gh_err_t e)
{
    return e == GH_E_QUEUE_FULL || e == GH_E_SERVICE_UNAVAILABLE || e == GH_E_UPSTREAM_TIMEOUT ||
           e == GH_E_RATE_LIMITED || e == GH_E_PAYLOAD_TOO_LARGE || e == GH_E_ROUTE_NOT_FOUND ||
           e == GH_E_METHOD_NOT_ALLOWED || e == GH_E_UNSUPPORTED_MEDIA_TYPE || e == GH_E_NOT_ACCEPTABLE;
}

static bool
is_dead_token(gh_err_t e)
{
    return e == GH_E_TOKEN_MISSING || e == GH_E_TOKEN_INVALID || e == GH_E_TOKEN_EXPIRED ||
           e == GH_E_TOKEN_REVOKED || e == GH_E_TOKEN_USER_GONE;
}

/* ---- success */

void
gh_render_success(const gh_render_t *r, uint16_t status, gh_str_t payload, gh_buf_t *body, gh_rendered_t *out)
{
    *out = (gh_rendered_t){.status = status              ? status
                                     : r->success_status ? r->success_status
                                                         : 200,
                           .type = s_json};
    if (payload.n == 0 && r->envelope == GH_ENV_OAUTH) { /* RFC 7009 section 2.2: no body */
        out->type = "";
        return;
    }
    if (payload.n == 0)
        payload = GH_STR("null");
    switch (r->bare ? GH_ENV_PLAIN : r->envelope) {
    case GH_ENV_CODE:
        gh_buf_puts(body, "{\"code\":0,\"message\":");
        gh_buf_str(body, payload);
        gh_buf_putc(body, '}');
        break;
    case GH_ENV_V1:
        gh_buf_puts(body, "{\"success\":true,\"data\":");
        gh_buf_str(body, payload);
        gh_buf_puts(body, ",\"message\":\"OK\"}");
        break;
    default:
        gh_buf_str(body, payload);
    }
}

/* ---- texts */

/* Names of the faulty members, for the {field} of a sentence. */
static void
put_fields(gh_buf_t *out, const gh_faults_t *faults, const char *between)
{
    size_t shown = 0;
    for (size_t i = 0; i < faults->n && shown < FIELDS_SHOWN; i++) {
        if (shown++)
            gh_buf_puts(out, between);
        const gh_fault_t *f = &faults->at[i];
        gh_buf_puts(out, f->named[0] ? f->named : f->field[0] ? f->field : "body");
    }
}

static void
put_text(gh_buf_t *out, const gh_refusal_t *x, const char *tmpl, const char *between)
{
    if (!x->faults || x->faults->n == 0) {
        gh_error_text(out, tmpl, x->args);
        return;
    }
    gh_buf_t fields GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    put_fields(&fields, x->faults, between);
    const gh_file_rules_t *file = x->faults->at[0].file;
    gh_error_text(out, tmpl,
                  (const gh_error_arg_t[]){{"field", gh_buf_view(&fields)},
                                           {"formats", gh_str(file ? file->formats : NULL)},
                                           {"limit", gh_str(file ? file->limit : NULL)},
                                           {0}});
}

static void
json_text(gh_json_t *j, const char *key, const gh_refusal_t *x, const char *tmpl, const char *between)
{
    gh_buf_t text GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    put_text(&text, x, tmpl, between);
    gh_json_kstr(j, key, (gh_str_t){text.p ? text.p : "", text.n});
}

/* ---- code surface */

static void
refuse_code(const gh_render_t *r, const gh_refusal_t *x, gh_buf_t *body, gh_rendered_t *out)
{
    const gh_error_row_t *row = gh_error_row(x->error);
    if (r->envelope == GH_ENV_RAW || is_transport(x->error))
        out->status = row->http;
    else if (is_dead_token(x->error))
        out->status = 401;
    else
        out->status = r->literal_status ? row->strict : 200;
    out->code = row->code;
    gh_json_t j;
    gh_json_init(&j, body);
    gh_json_obj(&j);
    gh_json_ki64(&j, "code", row->code);
    gh_json_key(&j, "message");
    gh_json_obj(&j);
    gh_json_kcstr(&j, "error", gh_error_label(row->code));
    json_text(&j, "msg", x, row->zh, "、");
    gh_json_obj_end(&j);
    gh_json_obj_end(&j);
}

/* ---- v1 */

static void
put_type(gh_buf_t *out, const char *name)
{
    gh_buf_puts(out, "urn:guahao:error:");
    for (; *name; name++)
        gh_buf_putc(out, (char)tolower((unsigned char)*name));
}

static void
put_faults(gh_json_t *j, const gh_faults_t *faults)
{
    gh_json_key(j, "errors");
    gh_json_arr(j);
    for (size_t i = 0; i < faults->n; i++) {
        gh_json_obj(j);
        gh_json_kcstr(j, "field", faults->at[i].field);
        gh_json_kcstr(j, "code", faults->at[i].type);
        gh_json_kcstr(j, "message", gh_fault_text(faults->at[i].type));
        gh_json_obj_end(j);
    }
    gh_json_arr_end(j);
}

/* The members of a ready object without its braces, after a comma. */
static void
splice(gh_buf_t *out, gh_str_t object)
{
    while (object.n && isspace((unsigned char)object.p[object.n - 1]))
        object.n--;
    if (object.n <= 2 || object.p[0] != '{' || object.p[object.n - 1] != '}')
        return;
    gh_buf_putc(out, ',');
    gh_buf_put(out, object.p + 1, object.n - 2);
}

/* The same for every occurrence (RFC 9457 section 3.1.4): the sentence, or the code in words when the sentence needs values. */
static void
put_title(gh_buf_t *out, const gh_error_row_t *row)
{
    if (!strchr(row->en, '{')) {
        gh_buf_puts(out, row->en);
        return;
    }
    for (const char *c = row->name; *c; c++) {
        char word = *c == '_' ? ' ' : (char)tolower((unsigned char)*c);
        gh_buf_putc(out, c == row->name ? *c : word);
    }
}

static void
put_problem(const gh_render_t *r, const gh_refusal_t *x, const gh_error_row_t *row,
            const gh_error_row_t *shown, gh_buf_t *body)
{
    gh_buf_t type GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT, title GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    put_type(&type, shown->name);
    put_title(&title, shown);
    gh_json_t j;
    gh_json_init(&j, body);
    gh_json_obj(&j);
    gh_json_kstr(&j, "type", gh_buf_view(&type));
    gh_json_kstr(&j, "title", gh_buf_view(&title));
    gh_json_ki64(&j, "status", r->forced_status ? r->forced_status : shown->http);
    json_text(&j, "detail", x, r->chinese ? row->zh : row->en, ", ");
    gh_json_kcstr(&j, "code", shown->name);
    gh_json_kstr(&j, "instance", (gh_str_t){r->path.p ? r->path.p : "", r->path.n});
    gh_json_kstr(&j, "request_id", (gh_str_t){r->request_id.p ? r->request_id.p : "", r->request_id.n});
    if (x->faults && x->faults->n)
        put_faults(&j, x->faults);
    splice(body, x->extra);
    gh_json_obj_end(&j);
}

static void
refuse_v1(const gh_render_t *r, const gh_refusal_t *x, gh_buf_t *body, gh_rendered_t *out)
{
    const gh_error_row_t *row = gh_error_row(x->error), *shown = gh_error_row(row->v1);
    out->status = shown->http;
    if (r->problem) {
        out->type = "application/problem+json";
        put_problem(r, x, row, shown, body);
        return;
    }
    gh_buf_puts(body, "{\"success\":false,\"data\":");
    put_problem(r, x, row, shown, body);
    gh_buf_puts(body, ",\"message\":");
    gh_buf_t text GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    put_text(&text, x, r->chinese ? row->zh : row->en, ", ");
    gh_json_t j;
    gh_json_init(&j, body);
    gh_json_str(&j, (gh_str_t){text.p ? text.p : "", text.n});
    gh_buf_putc(body, '}');
}

/* ---- Heartbeat */

/* ["body", "items", 0, "quantity"] from "items[0].quantity". */
static void
put_loc(gh_json_t *j, char where, const char *field)
{
    gh_json_key(j, "loc");
    gh_json_arr(j);
    gh_json_cstr(j, where == 'p' ? "path" : where == 'q' ? "query" : "body");
    while (*field) {
        size_t n = strcspn(field, ".[");
        if (n)
            gh_json_str(j, (gh_str_t){field, n});
        field += n;
        if (*field == '[') {
            char *end = NULL;
            gh_json_i64(j, strtoll(field + 1, &end, 10));
            field = *end == ']' ? end + 1 : end;
        }
        if (*field == '.')
            field++;
    }
    gh_json_arr_end(j);
}

static void
put_detail(gh_json_t *j, char where, const char *field, const char *type, const char *message)
{
    gh_json_obj(j);
    put_loc(j, where, field);
    gh_json_kcstr(j, "msg", message);
    gh_json_kcstr(j, "type", type);
    gh_json_obj_end(j);
}

static bool
query_has(gh_str_t query, gh_str_t wanted)
{
    gh_str_t name, value;
    while (gh_query_next(&query, &name, &value))
        if (name.n == wanted.n && memcmp(name.p, wanted.p, name.n) == 0)
            return true;
    return false;
}

static bool
body_has(const gh_schema_t *body, gh_str_t name)
{
    for (size_t i = 0; body && i < body->n_props; i++)
        if (gh_str_is(name, body->props[i].name))
            return true;
    return false;
}

/* A worker names a member: it came from the parameter of that name, unless it is one of the body too and was not in the
 * query. */
static char
where_of(const gh_render_t *r, const char *field)
{
    const gh_request_schema_t *s = r->op ? r->op->request : NULL;
    gh_str_t name = {field, strcspn(field, ".[")};
    for (size_t i = 0; s && i < s->n_params; i++) {
        if (!gh_str_is(name, s->params[i].name))
            continue;
        if (s->params[i].in == GH_IN_PATH)
            return 'p';
        return query_has(r->query, name) || !body_has(s->json, name) ? 'q' : 'b';
    }
    return 'b';
}

/* Faults that a worker found stand in the further members as `errors` ({field, code, message}). type_of_all NULL: their codes. */
static bool
put_worker_faults(gh_json_t *j, const gh_render_t *r, gh_str_t extra, const char *type_of_all)
{
    json_t *root = extra.n ? json_loadb(extra.p, extra.n, 0, NULL) : NULL;
    const json_t *list = json_object_get(root, "errors");
    size_t n = json_array_size(list);
    for (size_t i = 0; i < n; i++) {
        const json_t *e = json_array_get(list, i);
        const char *field = json_string_value(json_object_get(e, "field"));
        const char *type = json_string_value(json_object_get(e, "code"));
        const char *message = json_string_value(json_object_get(e, "message"));
        if (!type || type_of_all)
            type = type_of_all ? type_of_all : "value_error";
        put_detail(j, where_of(r, field ? field : ""), field ? field : "", type, message ? message : "");
    }
    json_decref(root);
    return n > 0;
}

static void
put_validation(const gh_render_t *r, const gh_refusal_t *x, gh_json_t *j)
{
    const gh_error_row_t *row = gh_error_row(x->error);
    gh_json_key(j, "detail");
    gh_json_arr(j);
    if (x->error == GH_E_MALFORMED_JSON) {
        put_detail(j, 'b', "", "json_invalid", gh_fault_text("json_invalid"));
    } else if (x->faults && x->faults->n) {
        for (size_t i = 0; i < x->faults->n; i++)
            put_detail(j, x->faults->at[i].where, x->faults->at[i].field, x->faults->at[i].type,
                       gh_fault_text(x->faults->at[i].type));
    } else if (!put_worker_faults(j, r, x->extra, row->v1 == GH_E_VALIDATION_FAILED ? NULL : "value_error")) {
        gh_buf_t text GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
        put_text(&text, x, row->v1 == GH_E_VALIDATION_FAILED ? gh_fault_text("value_error") : row->en, ", ");
        put_detail(j, 'b', "", "value_error", gh_buf_ok(&text) ? gh_buf_cstr(&text) : "");
    }
    gh_json_arr_end(j);
}

/* What a booking asked for is well formed but cannot be: a conflict on this surface ("409 as AP-01", api/30), while a 422
 * is always a list of members there. */
static bool
is_booking_conflict(gh_err_t err)
{
    return err == GH_E_APPOINTMENT_IN_PAST || err == GH_E_BEYOND_BOOKING_WINDOW ||
           err == GH_E_SLOT_NOT_ALIGNED;
}

static void
refuse_plain(const gh_render_t *r, const gh_refusal_t *x, gh_buf_t *body, gh_rendered_t *out)
{
    const gh_error_row_t *row = gh_error_row(x->error), *shown = gh_error_row(row->v1);
    gh_json_t j;
    gh_json_init(&j, body);
    gh_json_obj(&j);
    out->status = is_booking_conflict(row->v1) ? 409 : shown->http;
    if (x->error == GH_E_MALFORMED_JSON || row->v1 == GH_E_VALIDATION_FAILED || out->status == 422) {
        out->status = 422;
        put_validation(r, x, &j);
    } else {
        /* Every 401 and 403 has one sentence here (errors.yaml). */
        const char *text = row->en;
        if (shown->http == 401 && x->error != GH_E_TOKEN_MISSING && is_dead_token(x->error))
            text = gh_error_row(GH_E_TOKEN_INVALID)->en;
        else if (shown->http == 403)
            text = gh_error_row(GH_E_FORBIDDEN)->en;
        json_text(&j, "detail", x, text, ", ");
        if (out->status == 409)
            gh_json_kcstr(&j, "code", shown->name);
    }
    gh_json_obj_end(&j);
}

/* ---- OAuth */

static void
oauth_word(const gh_refusal_t *x, const gh_error_row_t *row, gh_buf_t *word, gh_rendered_t *out)
{
    out->status = row->http;
    if (strncmp(row->name, "OAUTH_", 6) == 0) {
        for (const char *p = row->name + 6; *p; p++)
            gh_buf_putc(word, (char)tolower((unsigned char)*p));
        return;
    }
    if (x->error == GH_E_TOKEN_MISSING)
        gh_buf_puts(word, "invalid_client"); /* RFC 7662 section 2.3 */
    else if (is_dead_token(x->error))
        gh_buf_puts(word, "invalid_token");
    else if (row->http == 401 || row->http == 403 || row->http == 423) {
        out->status = 400;
        gh_buf_puts(word, "invalid_grant");
    } else if (row->http >= 500)
        gh_buf_puts(word, row->http == 500 ? "server_error" : "temporarily_unavailable");
    else {
        if (row->http == 422)
            out->status = 400;
        gh_buf_puts(word, "invalid_request");
    }
}

static void
refuse_oauth(const gh_refusal_t *x, gh_buf_t *body, gh_rendered_t *out)
{
    const gh_error_row_t *row = gh_error_row(x->error);
    gh_buf_t word GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    oauth_word(x, row, &word, out);
    gh_json_t j;
    gh_json_init(&j, body);
    gh_json_obj(&j);
    gh_json_kstr(&j, "error", gh_buf_view(&word));
    json_text(&j, "error_description", x, row->en, ", ");
    json_text(&j, "detail", x, row->en, ", ");
    gh_json_obj_end(&j);
}

/* ---- all of them */

/* Refusals there have the envelope, also of operations whose success has none. */
static bool
is_api(gh_str_t path)
{
    return path.n >= 5 && memcmp(path.p, "/api/", 5) == 0;
}

static const char *
authenticate(const gh_render_t *r, gh_err_t e)
{
    if (r->envelope == GH_ENV_PLAIN && !is_api(r->path))
        return "Bearer";
    switch (e) {
    case GH_E_TOKEN_EXPIRED:
        return "Bearer realm=\"guahao\", error=\"invalid_token\", error_description=\"The token has "
               "expired\"";
    case GH_E_TOKEN_REVOKED:
        return "Bearer realm=\"guahao\", error=\"invalid_token\", error_description=\"The session has "
               "ended\"";
    case GH_E_TOKEN_INVALID:
    case GH_E_TOKEN_USER_GONE:
        return "Bearer realm=\"guahao\", error=\"invalid_token\", error_description=\"The token is not "
               "valid\"";
    default:
        return "Bearer realm=\"guahao\"";
    }
}

void
gh_render_refusal(const gh_render_t *r, const gh_refusal_t *x, gh_buf_t *body, gh_rendered_t *out)
{
    *out = (gh_rendered_t){.type = s_json, .code = gh_error_row(x->error)->code};
    if (r->envelope == GH_ENV_V1 ||
        ((r->envelope == GH_ENV_RAW || r->envelope == GH_ENV_PLAIN) && is_api(r->path)))
        refuse_v1(r, x, body, out);
    else if (r->envelope == GH_ENV_PLAIN)
        refuse_plain(r, x, body, out);
    else if (r->envelope == GH_ENV_OAUTH)
        refuse_oauth(x, body, out);
    else
        refuse_code(r, x, body, out);
    if (r->forced_status)
        out->status = r->forced_status;
    if (out->status == 401)
        out->authenticate = authenticate(r, x->error);
    if (out->status == 503 || out->status == 504)
        out->retry_after_s = 1;
}
