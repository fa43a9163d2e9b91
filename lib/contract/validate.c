/*
 * lib/contract/validate.c - a whole request: path, query, body (lib/contract/validate.h)
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "contract/internal.h"
#include "contract/upload.h"
#include "contract/value.h"
#include "wire/mp.h"

#define NAME_MAX_N 64

static const struct {
    const char *type, *text;
} s_sentences[] = {
    {"missing", "The member is missing"},
    {"int_parsing", "Not a valid number"},
    {"string_type", "Not a text"},
    {"string_too_short", "The text is too short"},
    {"string_too_long", "The text is too long"},
    {"value_error", "The value is not allowed"},
    {"enum", "Not one of the allowed values"},
    {"datetime_parsing", "Not a valid date or time"},
    {"json_invalid", "The body is not valid JSON"},
};

const char *
gh_fault_text(const char *type)
{
    for (size_t i = 0; i < GH_COUNT(s_sentences); i++)
        if (strcmp(s_sentences[i].type, type) == 0)
            return s_sentences[i].text;
    return "The value is not allowed";
}

/* ---- parameters */

typedef struct request {
    const gh_request_in_t *in;
    const gh_request_schema_t *schema;
    gh_walk_t walk;
    gh_str_t *values; /* of the parameters, decoded; p NULL when absent */
    gh_buf_t scratch; /* what values point into */
    bool decoded;     /* all escapes were whole */
} request_t;

/* Decode into the scratch buffer, which has room for everything from the start. */
static bool
decode(request_t *r, gh_str_t in, bool form, gh_str_t *out)
{
    size_t n = 0;
    char *at = r->scratch.p + r->scratch.n;
    if (r->scratch.cap - r->scratch.n < in.n + 1 || gh_url_decode(in, form, at, &n))
        return false;
    r->scratch.n += n;
    *out = (gh_str_t){at, n};
    return true;
}

static void
param_fault(request_t *r, const gh_param_t *p, const char *type, gh_err_t error)
{
    r->walk.where = p->in == GH_IN_PATH ? 'p' : 'q';
    size_t mark = gh_walk_push(&r->walk, gh_str(p->name));
    gh_walk_fault(&r->walk, type, error);
    gh_walk_pop(&r->walk, mark);
}

/* Values of the query by parameter; the last one of a name counts. */
static void
read_query(request_t *r)
{
    const gh_request_schema_t *s = r->schema;
    gh_str_t rest = r->in->query, name, value, plain;
    if (s->n_params == s->n_path)
        return;
    while (gh_query_next(&rest, &name, &value)) {
        if (name.n > NAME_MAX_N || !decode(r, name, true, &plain))
            continue;
        for (size_t i = s->n_path; i < s->n_params; i++) {
            if (!gh_str_is(plain, s->params[i].name))
                continue;
            if (!decode(r, value, true, &r->values[i]))
                param_fault(r, &s->params[i], "value_error", s->params[i].schema->error);
        }
    }
}

/* The last fault is that a list names what does not exist. */
static void
name_unknown(gh_walk_t *w, gh_err_t error, gh_str_t name)
{
    size_t before = w->faults->n;
    gh_walk_fault(w, "enum", error);
    if (w->faults->n == before)
        return;
    char *out = w->faults->at[before].named;
    size_t n = 0;
    while (n < name.n && n < sizeof w->faults->at[before].named - 1)
        n++;
    while (n > 0 && n < name.n && ((unsigned char)name.p[n] & 0xc0) == 0x80)
        n--; /* not within a character */
    memcpy(out, name.p, n);
    out[n] = '\0';
}

/* x-sortable: a comma list of names, `-` before a descending one. The first unknown one is a fault; so is a name that comes twice,
 * and lists have to honour no more keys than there are names. */
static void
check_sort(gh_walk_t *w, const gh_param_t *p, gh_str_t value)
{
    gh_str_t rest = value, part;
    uint64_t seen = 0;
    while (gh_value_part(&rest, &part)) {
        if (part.n && part.p[0] == '-')
            part = (gh_str_t){part.p + 1, part.n - 1};
        size_t at = 0, n = json_array_size(p->sortable);
        while (at < n && !gh_str_is(part, json_string_value(json_array_get(p->sortable, at))))
            at++;
        if (at == n) {
            name_unknown(w, GH_E_UNKNOWN_SORT, part);
            return;
        }
        uint64_t bit = UINT64_C(1) << (at & 63);
        if (seen & bit) {
            gh_walk_fault(w, "value_error", GH_E_NONE);
            return;
        }
        seen |= bit;
    }
}

/* The schema of member `name` of a reply schema: through references, allOf, oneOf, lists and the items of a page. */
static const json_t *
reply_member(const gh_contract_t *c, const json_t *s, gh_str_t name, int depth)
{
    s = gh_contract_deref(c, s);
    if (!s || depth > 8)
        return NULL;
    const json_t *hit = json_object_getn(json_object_get(s, "properties"), name.p, name.n);
    const json_t *all = json_object_get(s, "allOf"), *one = json_object_get(s, "oneOf"),
                 *items = json_object_get(s, "items");
    for (size_t i = 0; !hit && i < json_array_size(all); i++)
        hit = reply_member(c, json_array_get(all, i), name, depth + 1);
    for (size_t i = 0; !hit && i < json_array_size(one); i++)
        hit = reply_member(c, json_array_get(one, i), name, depth + 1);
    return hit || !items ? hit : reply_member(c, items, name, depth + 1);
}

static bool
field_known(const request_t *r, gh_str_t dotted)
{
    const gh_contract_t *c = r->schema->contract;
    const json_t *page = reply_member(c, r->schema->reply, GH_STR("items"), 0);
    if (reply_member(c, r->schema->reply, GH_STR("id"), 0))
        page = NULL; /* a bill has items of its own */
    const json_t *at = page ? page : r->schema->reply;
    while (dotted.n) {
        const char *dot = memchr(dotted.p, '.', dotted.n);
        gh_str_t name = {dotted.p, dot ? (size_t)(dot - dotted.p) : dotted.n};
        at = name.n ? reply_member(c, at, name, 0) : NULL;
        if (!at)
            return false;
        if (!dot)
            return true;
        dotted = (gh_str_t){dot + 1, dotted.n - name.n - 1};
    }
    return false;
}

static void
check_fields(request_t *r, gh_str_t value)
{
    gh_str_t rest = value, part;
    while (gh_value_part(&rest, &part))
        if (!field_known(r, part)) {
            name_unknown(&r->walk, GH_E_UNKNOWN_FIELD, part);
            return;
        }
}

/* Whether an empty text can be a value: of a text that is free, or where the choices say so. */
static bool
may_be_empty(const gh_param_t *p)
{
    const json_t *choice;
    size_t i;
    if (!(p->schema->types & GH_T_STR))
        return false;
    json_array_foreach(p->schema->choices, i, choice)
    {
        if (json_is_string(choice) && json_string_length(choice) == 0)
            return true;
    }
    return p->required || !p->schema->choices;
}

static void
check_param(request_t *r, const gh_param_t *p, gh_str_t *value)
{
    /* Screens send empty filters (registration surface and Heartbeat). */
    if (value->p && value->n == 0 && r->walk.lenient && !may_be_empty(p))
        value->p = NULL;
    if (!value->p) {
        if (p->required)
            param_fault(r, p, "missing", p->missing);
        return;
    }
    r->walk.where = p->in == GH_IN_PATH ? 'p' : 'q';
    size_t mark = gh_walk_push(&r->walk, gh_str(p->name));
    bool ok = gh_value_check(&r->walk, p->schema, (gh_value_t){NULL, *value});
    if (ok && p->sortable)
        check_sort(&r->walk, p, *value);
    if (ok && p->fields)
        check_fields(r, *value);
    gh_walk_pop(&r->walk, mark);
}

static void
check_params(request_t *r)
{
    const gh_request_schema_t *s = r->schema;
    for (size_t i = 0; i < s->n_path; i++)
        if (!decode(r, r->in->params[i], false, &r->values[i]))
            param_fault(r, &s->params[i], "value_error", GH_E_NONE);
    read_query(r);
    r->walk.as_text = true;
    for (size_t i = 0; i < s->n_params; i++)
        check_param(r, &s->params[i], &r->values[i]);
    r->walk.as_text = false;
}

/* One section of the argument map; nothing when it would be empty. */
static uint16_t
pack_params(request_t *r, gh_param_in_t in, gh_buf_t *out)
{
    const gh_request_schema_t *s = r->schema;
    size_t from = in == GH_IN_PATH ? 0 : s->n_path, to = in == GH_IN_PATH ? s->n_path : s->n_params;
    size_t start = out->n, mark;
    uint16_t n = 0;
    gh_mpw_cstr(out, in == GH_IN_PATH ? "path" : "query");
    mark = gh_mpw_map_begin(out);
    for (size_t i = from; i < to; i++) {
        const gh_param_t *p = &s->params[i];
        if (!r->values[i].p && !p->schema->preset)
            continue;
        gh_mpw_cstr(out, p->name);
        if (r->values[i].p)
            gh_value_pack(&r->walk, p->schema, (gh_value_t){NULL, r->values[i]}, out);
        else
            gh_value_pack_json(p->schema->preset, out);
        n++;
    }
    gh_mpw_map_end(out, mark, n);
    if (n == 0)
        out->n = start;
    return n > 0;
}

/* ---- bodies */

/* Bound nesting and number of values before jansson allocates for them. */
static bool
json_bounded(gh_str_t s)
{
    size_t depth = 0, parts = 0;
    bool quoted = false;
    for (size_t i = 0; i < s.n; i++) {
        char ch = s.p[i];
        if (quoted) {
            if (ch == '\\')
                i++;
            else if (ch == '"')
                quoted = false;
        } else if (ch == '"') {
            quoted = true;
        } else if (ch == '{' || ch == '[') {
            if (++depth > GH_JSON_DEPTH_MAX)
                return false;
            parts++;
        } else if ((ch == '}' || ch == ']') && depth) {
            depth--;
        } else if (ch == ',' || ch == ':') {
            parts++;
        }
    }
    return parts <= GH_JSON_PARTS_MAX;
}

static bool
is_blank(gh_str_t s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!strchr(" \t\r\n", s.p[i]) || s.p[i] == '\0')
            return false;
    return true;
}

static json_t *
parse_json(gh_str_t s)
{
    return json_bounded(s) ? json_loadb(s.p, s.n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL) : NULL;
}

/* A form as an object of texts; NULL when it is not UTF-8 or an escape is broken. */
static json_t *
parse_form(request_t *r)
{
    json_t *obj = json_object();
    gh_str_t rest = r->in->body, name, value, plain_name, plain;
    size_t n = 0;
    while (gh_query_next(&rest, &name, &value)) {
        r->scratch.n = 0;
        char key[NAME_MAX_N + 1];
        if (name.n > NAME_MAX_N)
            continue;
        json_t *text = NULL;
        if (++n <= 1000 && decode(r, name, true, &plain_name) && decode(r, value, true, &plain) &&
            !memchr(plain_name.p, '\0', plain_name.n))
            text = json_stringn(plain.p, plain.n);
        if (!text) {
            json_decref(obj);
            return NULL;
        }
        memcpy(key, plain_name.p, plain_name.n);
        key[plain_name.n] = '\0';
        if (json_object_set_new(obj, key, text)) {
            json_decref(obj);
            return NULL;
        }
    }
    return obj;
}

/* The body as an object, and the schema that it must fit; NULL when it is broken. s stays NULL where none is taken. */
static json_t *
read_body(request_t *r, const gh_schema_t **s)
{
    const gh_request_schema_t *all = r->schema;
    switch (r->in->kind) {
    case GH_BODY_MULTIPART:
        *s = all->multipart;
        return gh_upload_form(r->in->upload);
    case GH_BODY_FORM:
        *s = all->form;
        return *s && !is_blank(r->in->body) ? parse_form(r) : json_object();
    case GH_BODY_JSON:
        *s = all->json;
        return *s && !is_blank(r->in->body) ? parse_json(r->in->body) : json_object();
    default:
        *s = all->json ? all->json : all->multipart;
        return json_object();
    }
}

/* Read, check and (when nothing was wrong so far) pack the body as a section. */
static gh_err_t
take_body(request_t *r, gh_buf_t *out, uint16_t *sections)
{
    const gh_schema_t *s = NULL;
    json_t *j = read_body(r, &s);
    if (!s) {
        json_decref(j);
        return GH_E_NONE;
    }
    if (!j)
        return r->in->kind == GH_BODY_MULTIPART ? gh_upload_error(r->in->upload) : GH_E_MALFORMED_JSON;
    bool form = r->in->kind == GH_BODY_NONE ? !r->schema->json : r->in->kind != GH_BODY_JSON;
    r->walk.where = 'b';
    r->walk.as_text = form;
    gh_err_t err = GH_E_NONE;
    if (!gh_value_check(&r->walk, s, (gh_value_t){j, {0}}))
        err = GH_E_VALIDATION_FAILED;
    else if (r->walk.faults->n == 0) {
        gh_mpw_cstr(out, form ? "form" : "body");
        gh_value_pack(&r->walk, s, (gh_value_t){j, {0}}, out);
        ++*sections;
    }
    json_decref(j);
    return err;
}

static gh_err_t
check_all(request_t *r, gh_buf_t *args)
{
    check_params(r);
    uint16_t sections = 0;
    size_t mark = gh_mpw_map_begin(args);
    if (r->walk.faults->n == 0) {
        r->walk.as_text = true;
        sections = (uint16_t)(sections + pack_params(r, GH_IN_PATH, args));
        sections = (uint16_t)(sections + pack_params(r, GH_IN_QUERY, args));
        r->walk.as_text = false;
    }
    gh_err_t err = take_body(r, args, &sections);
    if (r->in->if_match.n > 0 && r->in->op->etag && r->in->op->method != GH_GET) {
        gh_mpw_cstr(args, "if_match");
        gh_mpw_str(args, r->in->if_match);
        sections++;
    }
    if (r->in->if_none_match.n > 0 && r->in->op->etag && r->in->op->envelope == GH_ENV_RAW) {
        gh_mpw_cstr(args, "if_none_match");
        gh_mpw_str(args, r->in->if_none_match);
        sections++;
    }
    if (r->in->op->signature) {
        gh_mpw_cstr(args, "raw");
        gh_mpw_bin(args, r->in->body.p, r->in->body.n);
        gh_mpw_cstr(args, "signature");
        gh_mpw_str(args, r->in->signature);
        sections = (uint16_t)(sections + 2);
    }
    gh_mpw_map_end(args, mark, sections);
    if (err != GH_E_NONE && err != GH_E_VALIDATION_FAILED)
        return err;
    if (r->walk.faults->n) {
        gh_err_t named = r->walk.faults->at[0].error;
        return named ? named : GH_E_VALIDATION_FAILED;
    }
    return gh_buf_ok(args) && err == GH_E_NONE ? GH_E_NONE : GH_E_INTERNAL;
}

gh_err_t
gh_request_check(const gh_request_in_t *in, gh_buf_t *args, gh_faults_t *faults)
{
    const gh_request_schema_t *s = in->op->request;
    gh_envelope_t env = in->op->envelope;
    faults->n = 0;
    faults->more = false;
    request_t r = {.in = in, .schema = s};
    r.walk.faults = faults;
    r.walk.lenient = env != GH_ENV_V1;
    r.walk.trim = env == GH_ENV_V1 || env == GH_ENV_PLAIN;
    gh_str_t values[64] = {{0}};
    if (s->n_params > GH_COUNT(values))
        return GH_E_INTERNAL;
    r.values = values;
    size_t room = in->query.n + 1;
    for (size_t i = 0; i < s->n_path; i++)
        room += in->params[i].n;
    if (in->kind == GH_BODY_FORM)
        room += in->body.n;
    /* Every decoded text is followed by room for one byte, so that an empty one has an address too. */
    if (!gh_buf_reserve(&r.scratch, 2 * room + 64))
        return GH_E_INTERNAL;
    gh_err_t err = check_all(&r, args);
    gh_buf_fini(&r.scratch);
    return err;
}

/* ---- affinity, keys of rate limits */

/* Replace {section.member[|date]} by its value; false when a member is absent. */
static bool
expand(gh_str_t tmpl, gh_mp_t root, gh_buf_t *out)
{
    for (size_t i = 0; i < tmpl.n; i++) {
        if (tmpl.p[i] != '{') {
            gh_buf_putc(out, tmpl.p[i]);
            continue;
        }
        char path[96];
        const char *close = memchr(tmpl.p + i, '}', tmpl.n - i);
        size_t n = close ? (size_t)(close - tmpl.p) - i - 1 : sizeof path;
        if (n >= sizeof path)
            return false;
        memcpy(path, tmpl.p + i + 1, n);
        path[n] = '\0';
        char *filter = strchr(path, '|');
        if (filter)
            *filter = '\0';
        gh_mp_t v = gh_mp_path(root, path);
        int64_t number;
        gh_str_t text;
        if (gh_mp_int(v, &number))
            gh_buf_i64(out, number);
        else if (gh_mp_str(v, &text))
            gh_buf_str(out, (gh_str_t){text.p, filter && text.n > 10 ? 10 : text.n});
        else
            return false;
        i += n + 1;
    }
    return true;
}

/* The first of the templates whose members are all there, if it gets no longer than most. */
static void
expand_first(const char *templates, size_t most, gh_str_t args, gh_buf_t *out)
{
    if (!templates)
        return;
    gh_mp_t root = {(const uint8_t *)args.p, (const uint8_t *)args.p + args.n};
    size_t start = out->n;
    for (const char *p = templates; *p;) {
        size_t n = strcspn(p, "\n");
        if (expand((gh_str_t){p, n}, root, out) && out->n - start <= most)
            return;
        out->n = start;
        p += n + (p[n] == '\n');
    }
}

void
gh_request_shard(const gh_operation_t *op, gh_str_t args, gh_buf_t *out)
{
    expand_first(op->shard, 64, args, out);
}

void
gh_request_rate_key(const gh_operation_t *op, gh_str_t args, gh_buf_t *out)
{
    expand_first(op->rate_key, 1024, args, out);
}
