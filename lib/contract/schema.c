/*
 * lib/contract/schema.c - compile request schemas (lib/contract/schema.h)
 *
 * allOf of objects is flattened into one list of members; `oneOf: [X, null]` becomes X or null; a choice of an integer
 * and a numeric string (IdIn) becomes an integer that numeric strings may stand for. What is left of oneOf, anyOf and
 * allOf is checked branch by branch.
 */
#include <stdio.h>
#include <stdlib.h>

#include "contract/internal.h"
#include "contract/upload.h"

#define PROPS_MAX 200
#define DEPTH_MAX 40

static const char *const s_keywords[] = {
    "$ref", "type", "enum", "const", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
    "multipleOf", "minLength", "maxLength", "pattern", "format", "items", "minItems", "maxItems",
    "uniqueItems", "properties", "required", "additionalProperties", "minProperties", "maxProperties",
    "oneOf", "anyOf", "allOf", "not", "default",
    /* without effect on a request */
    "description", "title", "example", "examples", "writeOnly", "readOnly", "deprecated", "contentEncoding",
    "x-error", "x-missing", "x-sortable", "x-file"};

static const struct {
    const char *name;
    uint8_t bits;
} s_types[] = {{"null", GH_T_NULL},  {"boolean", GH_T_BOOL}, {"integer", GH_T_INT}, {"number", GH_T_NUM},
               {"string", GH_T_STR}, {"array", GH_T_ARR},    {"object", GH_T_OBJ}};

static const struct {
    const char *name;
    gh_format_t format;
} s_formats[] = {
    {"date", GH_F_DATE},  {"date-time", GH_F_DATETIME}, {"email", GH_F_EMAIL}, {"uuid", GH_F_UUID},
    {"uri", GH_F_URI},    {"password", GH_F_PASSWORD},  {"int64", GH_F_NONE},  {"int32", GH_F_NONE},
    {"binary", GH_F_NONE}};

static const gh_schema_t *compile(gh_contract_t *c, const json_t *src, int depth);

static gh_err_t
error_name(gh_contract_t *c, const json_t *v)
{
    if (!v)
        return GH_E_NONE;
    const char *name = json_string_value(v);
    gh_err_t err = name ? gh_error_find(gh_str(name)) : GH_E_NONE;
    if (err == GH_E_NONE)
        gh_contract_fault(c, "no such error: %s", name ? name : "(not a text)");
    return err;
}

static uint8_t
type_bit(gh_contract_t *c, const json_t *v)
{
    const char *s = json_string_value(v);
    for (size_t i = 0; s && i < GH_COUNT(s_types); i++)
        if (strcmp(s_types[i].name, s) == 0)
            return s_types[i].bits;
    gh_contract_fault(c, "unknown type");
    return 0;
}

static uint8_t
parse_types(gh_contract_t *c, const json_t *src)
{
    const json_t *t = json_object_get(src, "type");
    if (!t)
        return json_object_get(src, "properties") || json_object_get(src, "required") ? GH_T_OBJ : GH_T_ANY;
    if (!json_is_array(t))
        return type_bit(c, t);
    uint8_t bits = 0;
    for (size_t i = 0; i < json_array_size(t); i++)
        bits |= type_bit(c, json_array_get(t, i));
    return bits;
}

static const regex_t *
parse_pattern(gh_contract_t *c, const char *pattern)
{
    /* ECMA's \d is the only class in use that POSIX lacks. */
    char posix[1024];
    size_t n = 0;
    for (const char *p = pattern; *p && n + 8 < sizeof posix; p++) {
        if (p[0] == '\\' && p[1] == 'd') {
            n += (size_t)snprintf(posix + n, sizeof posix - n, "[0-9]");
            p++;
        } else if (p[0] == '\\' && strchr("wWsSDbB", p[1])) {
            gh_contract_fault(c, "pattern uses \\%c, which is not supported", p[1]);
            return NULL;
        } else {
            posix[n++] = *p;
        }
    }
    posix[n] = '\0';
    gh_regex_t *r = gh_contract_alloc(c, sizeof *r);
    if (regcomp(&r->re, posix, REG_EXTENDED | REG_NOSUB)) {
        gh_contract_fault(c, "pattern cannot be compiled: %s", pattern);
        return NULL;
    }
    r->next = c->regexes;
    c->regexes = r;
    return &r->re;
}

static void
parse_text_rules(gh_contract_t *c, const json_t *src, gh_schema_t *s)
{
    const char *pattern = gh_json_text(src, "pattern"), *format = gh_json_text(src, "format");
    if (pattern) {
        s->pattern = parse_pattern(c, pattern);
        if (strncmp(pattern, "^\\d{4}-\\d{2}-\\d{2}", 18) == 0 ||
            strncmp(pattern, "^[0-9]{4}-[0-9]{2}-[0-9]{2}", 27) == 0)
            s->format = GH_F_MOMENT;
    }
    bool known = !format;
    for (size_t i = 0; format && i < GH_COUNT(s_formats); i++)
        if (strcmp(s_formats[i].name, format) == 0) {
            known = true;
            s->format = s_formats[i].format;
        }
    if (!known)
        gh_contract_fault(c, "unknown format %s", format);
}

static uint32_t
parse_count(gh_contract_t *c, const json_t *src, const char *key, uint32_t otherwise)
{
    const json_t *v = json_object_get(src, key);
    if (!v)
        return otherwise;
    json_int_t n = json_integer_value(v);
    if (!json_is_integer(v) || n < 0 || n > UINT32_MAX)
        gh_contract_fault(c, "%s must be a count", key);
    return (uint32_t)n;
}

static void
parse_number_rules(gh_contract_t *c, const json_t *src, gh_schema_t *s)
{
    const json_t *min = json_object_get(src, "minimum"), *max = json_object_get(src, "maximum");
    const json_t *xmin = json_object_get(src, "exclusiveMinimum"),
                 *xmax = json_object_get(src, "exclusiveMaximum");
    const json_t *multiple = json_object_get(src, "multipleOf");
    s->has_min = min || xmin;
    s->min_excl = xmin != NULL;
    s->min = json_number_value(xmin ? xmin : min);
    s->has_max = max || xmax;
    s->max_excl = xmax != NULL;
    s->max = json_number_value(xmax ? xmax : max);
    s->has_multiple = multiple != NULL;
    s->multiple = json_number_value(multiple);
    if (multiple && s->multiple <= 0)
        gh_contract_fault(c, "multipleOf must be positive");
}

static const gh_schema_t *const *
parse_branches(gh_contract_t *c, const json_t *list, int depth)
{
    size_t n = json_array_size(list);
    if (n == 0)
        return NULL;
    const gh_schema_t **out = gh_contract_alloc(c, (n + 1) * sizeof *out);
    for (size_t i = 0; i < n; i++)
        out[i] = compile(c, json_array_get(list, i), depth + 1);
    return out;
}

/* ---- files */

static gh_err_t
file_error(gh_contract_t *c, const json_t *rules, const char *key, gh_err_t otherwise)
{
    const json_t *name = json_object_get(rules, key);
    return name ? error_name(c, name) : otherwise;
}

/* x-file of a schema with format binary. */
static const gh_file_rules_t *
parse_file(gh_contract_t *c, const json_t *src)
{
    static const char *const known[] = {"max-bytes", "kind",      "types",    "formats",   "nameless",
                                        "empty",     "too-large", "not-kind", "wrong-type"};
    json_t *rules = json_object_get(src, "x-file"), *v;
    const char *key;
    json_object_foreach(rules, key, v)
    {
        bool found = false;
        for (size_t i = 0; i < GH_COUNT(known); i++)
            found = found || strcmp(known[i], key) == 0;
        if (!found)
            gh_contract_fault(c, "x-file: unknown member %s", key);
    }
    json_int_t most = json_integer_value(json_object_get(rules, "max-bytes"));
    if (most < 1 || most > GH_UPLOAD_MAX)
        gh_contract_fault(c, "x-file: max-bytes must be 1..%d", GH_UPLOAD_MAX);
    gh_file_rules_t *f = gh_contract_alloc(c, sizeof *f);
    *f = (gh_file_rules_t){
        .max_bytes = (size_t)most,
        .kind = gh_json_text(rules, "kind"),
        .types = json_object_get(rules, "types"),
        .formats = gh_json_text(rules, "formats"),
        .nameless = file_error(c, rules, "nameless", GH_E_NONE),
        .empty = file_error(c, rules, "empty", GH_E_NONE),
        .too_large = file_error(c, rules, "too-large", GH_E_PAYLOAD_TOO_LARGE),
        .not_kind = file_error(c, rules, "not-kind", GH_E_NONE),
        .wrong_type = file_error(c, rules, "wrong-type", GH_E_NONE),
    };
    snprintf(f->limit, sizeof f->limit, "%zu", f->max_bytes);
    return f;
}

/* ---- objects */

typedef struct props {
    gh_property_t at[PROPS_MAX];
    size_t n;
    bool open; /* additionalProperties: true somewhere */
} props_t;

static gh_property_t *
find_prop(props_t *p, const char *name)
{
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->at[i].name, name) == 0)
            return &p->at[i];
    return NULL;
}

/* Collect properties, required and x-missing of an object and of its allOf. */
static void
collect(gh_contract_t *c, const json_t *src, props_t *p, int depth)
{
    src = gh_contract_resolve(c, src);
    if (!src || depth > DEPTH_MAX)
        return;
    const json_t *list = json_object_get(src, "allOf");
    for (size_t i = 0; i < json_array_size(list); i++)
        collect(c, json_array_get(list, i), p, depth + 1);
    const char *name;
    json_t *v;
    json_object_foreach(json_object_get(src, "properties"), name, v)
    {
        gh_property_t *at = find_prop(p, name);
        if (!at && p->n == PROPS_MAX) {
            gh_contract_fault(c, "more than %d members", PROPS_MAX);
            return;
        }
        if (!at) {
            at = &p->at[p->n++];
            *at = (gh_property_t){0};
        }
        at->name = gh_contract_dup(c, name);
        at->name_n = strlen(name);
        at->schema = compile(c, v, depth + 1);
    }
    list = json_object_get(src, "required");
    const json_t *missing = json_object_get(src, "x-missing");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *need = json_string_value(json_array_get(list, i));
        gh_property_t *at = need ? find_prop(p, need) : NULL;
        if (!at && json_object_get(src, "properties"))
            gh_contract_fault(c, "required member %s has no schema", need ? need : "?");
        if (!at)
            continue;
        at->required = true;
        at->missing = error_name(c, json_object_get(missing, need));
    }
    p->open = p->open || json_is_true(json_object_get(src, "additionalProperties"));
}

/* A branch such as {required: [a]} has no members of its own: it only asks for names. */
static void
collect_names(gh_contract_t *c, const json_t *src, props_t *p)
{
    const json_t *list = json_object_get(src, "required");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *need = json_string_value(json_array_get(list, i));
        if (!need || p->n == PROPS_MAX || find_prop(p, need))
            continue;
        gh_schema_t *any = gh_contract_alloc(c, sizeof *any);
        *any = (gh_schema_t){
            .types = GH_T_ANY, .max_len = UINT32_MAX, .max_items = UINT32_MAX, .max_props = UINT32_MAX};
        p->at[p->n++] = (gh_property_t){gh_contract_dup(c, need), strlen(need), any, true, GH_E_NONE};
    }
}

static void
parse_object(gh_contract_t *c, const json_t *src, gh_schema_t *s, int depth)
{
    props_t *mine = malloc(sizeof *mine); /* large, and objects nest: not on the stack */
    if (!mine)
        abort();
    mine->n = 0;
    mine->open = false;
    collect(c, src, mine, depth);
    if (mine->n == 0)
        collect_names(c, src, mine);
    const json_t *more = json_object_get(src, "additionalProperties");
    bool named = json_object_get(src, "properties") || json_object_get(src, "allOf");
    s->drop_unknown = named && !mine->open && !json_is_object(more);
    s->extra = json_is_object(more) ? compile(c, more, depth + 1) : NULL;
    if (mine->n) {
        gh_property_t *props = gh_contract_alloc(c, mine->n * sizeof *props);
        memcpy(props, mine->at, mine->n * sizeof *props);
        s->props = props;
        s->n_props = mine->n;
    }
    free(mine);
}

/* ---- choices */

static bool
is_null_schema(const gh_schema_t *s)
{
    return s->types == GH_T_NULL;
}

/* oneOf/anyOf [X, null] -> X or null; [integer, numeric string] -> a lenient integer. */
static bool
simplify(const gh_schema_t *const *branches, gh_schema_t *s)
{
    const gh_schema_t *null = NULL, *number = NULL, *text = NULL, *other = NULL;
    size_t n = 0;
    for (; branches[n]; n++) {
        const gh_schema_t *b = branches[n];
        if (is_null_schema(b))
            null = b;
        else if ((b->types & ~GH_T_NULL) == GH_T_INT && !number)
            number = b;
        else if (b->types == GH_T_STR && b->pattern && !text)
            text = b;
        else
            other = b;
    }
    size_t used = 0;
    used += null != NULL;
    used += number != NULL;
    used += text != NULL;
    used += other != NULL;
    if (used != n || (number && (other || (text && regexec(text->pattern, "7", 0, NULL, 0) != 0))))
        return false;
    const gh_schema_t *base = number ? number : other ? other : text;
    if (!base || (!number && text && other) || base->one_of || base->any_of || base->all_of)
        return false;
    const json_t *preset = s->preset;
    gh_err_t error = s->error;
    *s = *base;
    s->types |= null ? GH_T_NULL : 0;
    s->lenient_int = base->lenient_int || (number && text);
    s->preset = preset ? preset : s->preset;
    s->error = error ? error : s->error;
    return true;
}

/* What members of an allOf say beside their own members: choices, and what must not be. */
static void
gather_choices(gh_contract_t *c, const json_t *src, json_t *into, int depth)
{
    static const char *const keys[] = {"oneOf", "anyOf", "not"};
    const json_t *list = json_object_get(src, "allOf");
    for (size_t i = 0; depth <= DEPTH_MAX && i < json_array_size(list); i++) {
        const json_t *part = gh_contract_resolve(c, json_array_get(list, i));
        json_t *said = json_pack("{s:s}", "type", "object");
        for (size_t k = 0; part && k < GH_COUNT(keys); k++)
            if (json_object_get(part, keys[k]))
                json_object_set(said, keys[k], json_object_get(part, keys[k]));
        if (json_object_size(said) > 1)
            json_array_append(into, said);
        json_decref(said);
        if (part)
            gather_choices(c, part, into, depth + 1);
    }
}

static const gh_schema_t *const *
choices_of_parts(gh_contract_t *c, const json_t *src, int depth)
{
    json_t *list = json_object_get(src, ".choices");
    if (!list) { /* kept with the source, as `.const` is */
        list = json_array();
        gather_choices(c, src, list, 0);
        json_object_set_new((json_t *)(uintptr_t)src, ".choices", list);
    }
    return json_array_size(list) ? parse_branches(c, list, depth) : NULL;
}

static void
parse_choices(gh_contract_t *c, const json_t *src, gh_schema_t *s, int depth)
{
    const json_t *choices = json_object_get(src, "enum"), *one = json_object_get(src, "const");
    s->choices = json_array_size(choices) ? choices : NULL;
    if (one && !(s->choices = json_object_get(src, ".const"))) {
        /* Kept with the source, which lives as long as the contract; another compilation finds it again. */
        json_t *list = json_array();
        json_array_append(list, (json_t *)(uintptr_t)one);
        json_object_set_new((json_t *)(uintptr_t)src, ".const", list);
        s->choices = list;
    }
    s->one_of = parse_branches(c, json_object_get(src, "oneOf"), depth);
    s->any_of = parse_branches(c, json_object_get(src, "anyOf"), depth);
    if (s->one_of && !json_object_get(src, "type") && !s->any_of && !s->n_props && simplify(s->one_of, s))
        s->one_of = NULL;
    else if (s->any_of && !json_object_get(src, "type") && !s->one_of && !s->n_props &&
             simplify(s->any_of, s))
        s->any_of = NULL;
    /* The members of an allOf of objects were flattened by parse_object. */
    bool flat = (s->types & GH_T_OBJ) && s->n_props;
    s->all_of = flat && json_object_get(src, "allOf") ? choices_of_parts(c, src, depth)
                : flat                                ? NULL
                       : parse_branches(c, json_object_get(src, "allOf"), depth);
    const json_t *no = json_object_get(src, "not");
    s->not_this = no ? compile(c, no, depth + 1) : NULL;
}

static void
check_keywords(gh_contract_t *c, const json_t *src)
{
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)src, key, v)
    {
        bool known = key[0] == '.';
        for (size_t i = 0; i < GH_COUNT(s_keywords); i++)
            known = known || strcmp(s_keywords[i], key) == 0;
        if (!known)
            gh_contract_fault(c, "keyword %s is not supported in a request", key);
    }
}

static void
compile_into(gh_contract_t *c, const json_t *src, gh_schema_t *s, int depth)
{
    check_keywords(c, src);
    s->types = parse_types(c, src);
    s->error = error_name(c, json_object_get(src, "x-error"));
    s->preset = json_object_get(src, "default");
    s->min_len = parse_count(c, src, "minLength", 0);
    s->max_len = parse_count(c, src, "maxLength", UINT32_MAX);
    s->min_items = parse_count(c, src, "minItems", 0);
    s->max_items = parse_count(c, src, "maxItems", UINT32_MAX);
    s->min_props = parse_count(c, src, "minProperties", 0);
    s->max_props = parse_count(c, src, "maxProperties", UINT32_MAX);
    s->unique = json_is_true(json_object_get(src, "uniqueItems"));
    s->file = json_object_get(src, "x-file") ? parse_file(c, src) : NULL;
    parse_text_rules(c, src, s);
    parse_number_rules(c, src, s);
    const json_t *items = json_object_get(src, "items");
    s->items = items ? compile(c, items, depth + 1) : NULL;
    if (s->types & GH_T_OBJ)
        parse_object(c, src, s, depth);
    parse_choices(c, src, s, depth);
}

static const gh_schema_t *
compile(gh_contract_t *c, const json_t *src, int depth)
{
    const char *ref = gh_json_text(src, "$ref");
    if (!json_is_object(src) || depth > DEPTH_MAX) {
        gh_contract_fault(c, "a schema is missing or nested too deep");
        return gh_contract_alloc(c, sizeof(gh_schema_t));
    }
    if (ref)
        for (gh_named_schema_t *n = c->named; n; n = n->next)
            if (strcmp(n->name, ref) == 0)
                return n->schema;
    gh_schema_t *s = gh_contract_alloc(c, sizeof *s);
    const json_t *real = gh_contract_resolve(c, src);
    if (!real)
        return s;
    if (ref) {
        gh_named_schema_t *n = gh_contract_alloc(c, sizeof *n);
        *n = (gh_named_schema_t){c->named, gh_contract_dup(c, ref), s};
        c->named = n;
    }
    compile_into(c, real, s, depth);
    return s;
}

/* ---- operations */

static bool
compile_param(gh_contract_t *c, const json_t *src, gh_param_t *p)
{
    const json_t *real = gh_contract_resolve(c, src);
    const char *name = gh_json_text(real, "name"), *in = gh_json_text(real, "in");
    if (!name || !in) {
        gh_contract_fault(c, "a parameter needs name and in");
        return false;
    }
    if (strcmp(in, "path") != 0 && strcmp(in, "query") != 0)
        return false; /* headers and cookies are the front's own business */
    p->name = gh_contract_dup(c, name);
    p->in = in[0] == 'p' ? GH_IN_PATH : GH_IN_QUERY;
    p->required = json_is_true(json_object_get(real, "required"));
    p->missing = error_name(c, json_object_get(real, "x-missing"));
    p->rest = json_is_true(json_object_get(real, "x-multi-segment"));
    p->sortable = json_object_get(real, "x-sortable");
    p->schema = compile(c, json_object_get(real, "schema"), 0);
    if (p->in == GH_IN_PATH && !p->required)
        gh_contract_fault(c, "path parameter %s must be required", name);
    if (p->schema->types != GH_T_ANY && (p->schema->types & GH_T_OBJ))
        gh_contract_fault(c, "parameter %s cannot be an object", name);
    return true;
}

static void
compile_params(gh_contract_t *c, const gh_operation_t *op, const json_t *shared, gh_request_schema_t *out)
{
    const json_t *lists[] = {shared, json_object_get(op->source, "parameters")};
    size_t most = json_array_size(lists[0]) + json_array_size(lists[1]);
    gh_param_t *all = gh_contract_alloc(c, (most + 1) * sizeof *all);
    gh_param_t *params = gh_contract_alloc(c, (most + 1) * sizeof *params);
    size_t n = 0;
    for (size_t l = 0; l < 2; l++)
        for (size_t i = 0; i < json_array_size(lists[l]); i++)
            n += compile_param(c, json_array_get(lists[l], i), &all[n]);
    /* Path parameters in the order of the template, then the query's. */
    for (const char *p = strchr(op->path, '{'); p; p = strchr(p + 1, '{')) {
        size_t len = strcspn(p + 1, "}");
        for (size_t i = 0; i < n; i++)
            if (all[i].in == GH_IN_PATH && strlen(all[i].name) == len &&
                strncmp(all[i].name, p + 1, len) == 0)
                params[out->n_params++] = all[i];
    }
    out->n_path = out->n_params;
    for (size_t i = 0; i < n; i++)
        if (all[i].in == GH_IN_QUERY) {
            params[out->n_params] = all[i];
            params[out->n_params].fields = op->envelope == GH_ENV_V1 && op->method == GH_GET &&
                                           strcmp(all[i].name, "fields") == 0;
            out->n_params++;
        }
    if (out->n_path > GH_PATH_PARAMS)
        gh_contract_fault(c, "more than %d path parameters", GH_PATH_PARAMS);
    out->params = params;
}

static void
compile_body(gh_contract_t *c, const json_t *src, gh_request_schema_t *out)
{
    const json_t *body = gh_contract_resolve(c, json_object_get(src, "requestBody"));
    out->body_required = json_is_true(json_object_get(body, "required"));
    const char *type;
    json_t *v;
    json_object_foreach(json_object_get(body, "content"), type, v)
    {
        if (strcmp(type, "application/json") == 0)
            out->json = compile(c, json_object_get(v, "schema"), 0);
        else if (strcmp(type, "application/x-www-form-urlencoded") == 0)
            out->form = compile(c, json_object_get(v, "schema"), 0);
        else if (strcmp(type, "multipart/form-data") == 0)
            out->multipart = compile(c, json_object_get(v, "schema"), 0);
        else
            gh_contract_fault(c, "request body of type %s is not supported", type);
    }
    const gh_schema_t *forms[] = {out->form, out->multipart};
    for (size_t i = 0; i < GH_COUNT(forms); i++)
        if (forms[i] && (forms[i]->types != GH_T_OBJ || !forms[i]->n_props))
            gh_contract_fault(c, "a form body must be an object with members");
}

/* Payload schema of the success reply, as it stands in the file. */
static const json_t *
reply_schema(const json_t *src)
{
    const char *key, *type;
    json_t *reply, *media;
    json_object_foreach(json_object_get(src, "responses"), key, reply)
    {
        if (key[0] == '2')
            json_object_foreach(json_object_get(reply, "content"), type, media)
            {
                if (strcmp(type, "application/json") == 0)
                    return json_object_get(media, "schema");
            }
    }
    return NULL;
}

const gh_request_schema_t *
gh_request_compile(gh_contract_t *c, const gh_operation_t *op, const json_t *shared_params)
{
    gh_request_schema_t *out = gh_contract_alloc(c, sizeof *out);
    out->contract = c;
    compile_params(c, op, shared_params, out);
    compile_body(c, op->source, out);
    out->reply = reply_schema(op->source);
    return out;
}
