/*
 * lib/contract/check.c - does a value fit a schema? (lib/contract/value.h)
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mail.h"
#include "base/timez.h"
#include "base/uuid7.h"
#include "contract/value.h"

/* ---- the walk */

void
gh_walk_fault(gh_walk_t *w, const char *type, gh_err_t error)
{
    if (!w->faults)
        return;
    if (w->faults->n == GH_FAULTS_MAX) {
        w->faults->more = true;
        return;
    }
    for (size_t i = 0; i < w->faults->n; i++) {
        const gh_fault_t *had = &w->faults->at[i];
        if (had->where == w->where && strlen(had->field) == w->path_n &&
            memcmp(had->field, w->path, w->path_n) == 0)
            return; /* one fault a member tells enough */
    }
    gh_fault_t *f = &w->faults->at[w->faults->n++];
    f->where = w->where;
    f->type = type;
    f->error = error;
    f->named[0] = '\0';
    f->file = NULL;
    memcpy(f->field, w->path, w->path_n);
    f->field[w->path_n] = '\0';
}

static size_t
push(gh_walk_t *w, const char *lead, gh_str_t s)
{
    size_t mark = w->path_n, lead_n = strlen(lead);
    if (w->path_n + lead_n + s.n < sizeof w->path) {
        memcpy(w->path + w->path_n, lead, lead_n);
        memcpy(w->path + w->path_n + lead_n, s.p, s.n);
        w->path_n += lead_n + s.n;
    }
    return mark;
}

size_t
gh_walk_push(gh_walk_t *w, gh_str_t member)
{
    return push(w, w->path_n ? "." : "", member);
}

size_t
gh_walk_push_index(gh_walk_t *w, size_t i)
{
    char text[24];
    int n = snprintf(text, sizeof text, "[%zu]", i);
    return push(w, "", (gh_str_t){text, (size_t)n});
}

void
gh_walk_pop(gh_walk_t *w, size_t mark)
{
    w->path_n = mark;
}

static bool
refuse(gh_walk_t *w, const gh_schema_t *s, const char *type)
{
    gh_walk_fault(w, type, s->error);
    return false;
}

static bool
refuse_type(gh_walk_t *w, const gh_schema_t *s)
{
    return refuse(w, s,
                  s->types & (GH_T_INT | GH_T_NUM) ? "int_parsing"
                  : s->types & GH_T_STR            ? "string_type"
                                                   : "value_error");
}

/* ---- texts */

gh_str_t
gh_value_trim(const gh_walk_t *w, const gh_schema_t *s, gh_str_t t)
{
    if (!w->trim || s->format == GH_F_PASSWORD)
        return t;
    while (t.n && strchr(" \t\r\n", t.p[0]))
        t = (gh_str_t){t.p + 1, t.n - 1};
    while (t.n && strchr(" \t\r\n", t.p[t.n - 1]))
        t.n--;
    return t;
}

bool
gh_value_int(gh_str_t t, int64_t *out)
{
    size_t i = t.n && t.p[0] == '-';
    if (t.n == i || t.n - i > 18)
        return false;
    int64_t v = 0;
    for (; i < t.n; i++) {
        if (t.p[i] < '0' || t.p[i] > '9')
            return false;
        v = 10 * v + (t.p[i] - '0');
    }
    *out = t.p[0] == '-' ? -v : v;
    return true;
}

bool
gh_value_decimal(gh_str_t t, double *out)
{
    char text[40];
    size_t i = t.n && t.p[0] == '-', dots = 0;
    if (t.n == i || t.n >= sizeof text || t.p[i] == '.' || t.p[t.n - 1] == '.')
        return false;
    for (; i < t.n; i++) {
        dots += t.p[i] == '.';
        if ((t.p[i] < '0' || t.p[i] > '9') && t.p[i] != '.')
            return false;
    }
    memcpy(text, t.p, t.n);
    text[t.n] = '\0';
    *out = strtod(text, NULL);
    return dots <= 1;
}

bool
gh_value_bool(gh_str_t t, bool *out)
{
    *out = gh_str_is(t, "true") || gh_str_is(t, "1");
    return *out || gh_str_is(t, "false") || gh_str_is(t, "0");
}

bool
gh_value_part(gh_str_t *rest, gh_str_t *part)
{
    if (!rest->p)
        return false;
    const char *comma = rest->n ? memchr(rest->p, ',', rest->n) : NULL;
    *part = (gh_str_t){rest->p, comma ? (size_t)(comma - rest->p) : rest->n};
    if (comma)
        *rest = (gh_str_t){comma + 1, rest->n - part->n - 1};
    else
        *rest = (gh_str_t){NULL, 0};
    return true;
}

static bool
two_digits(const char *p, int max)
{
    return p[0] >= '0' && p[0] <= '9' && p[1] >= '0' && p[1] <= '9' && (p[0] - '0') * 10 + p[1] - '0' <= max;
}

/* A pattern made sure of the shape; here the day must exist and the clock time be one. */
static bool
moment_ok(gh_str_t t)
{
    int32_t day;
    if (t.n < 10 || gh_day_parse((gh_str_t){t.p, 10}, &day))
        return false;
    if (t.n >= 16 && (!two_digits(t.p + 11, 23) || !two_digits(t.p + 14, 59)))
        return false;
    return t.n < 19 || t.p[16] != ':' || two_digits(t.p + 17, 59);
}

static bool
format_ok(const gh_schema_t *s, gh_str_t t)
{
    int32_t day;
    int64_t at;
    uint8_t id[16];
    switch (s->format) {
    case GH_F_DATE:
        return gh_day_parse(t, &day) == 0;
    case GH_F_DATETIME:
        return gh_ts_parse(t, &at) == 0;
    case GH_F_MOMENT:
        return moment_ok(t);
    case GH_F_EMAIL:
        return gh_mail_address_ok(t);
    case GH_F_UUID:
        return gh_uuid_parse(t, id) == 0;
    case GH_F_URI:
        return memchr(t.p, ':', t.n) && !memchr(t.p, ' ', t.n);
    default:
        return true;
    }
}

static bool
is_time(const gh_schema_t *s)
{
    return s->format == GH_F_DATE || s->format == GH_F_DATETIME || s->format == GH_F_MOMENT;
}

static bool
pattern_ok(const gh_schema_t *s, gh_str_t t)
{
    if (!s->pattern)
        return true;
    /* A copy with an end: texts of paths and queries have none, and not every regexec() leaves it alone then. */
    char few[256], *text = t.n < sizeof few ? few : malloc(t.n + 1);
    if (!text)
        return false;
    if (t.n)
        memcpy(text, t.p, t.n);
    text[t.n] = '\0';
    regmatch_t span = {0, (regoff_t)t.n};
    bool ok = regexec(s->pattern, text, 1, &span, REG_STARTEND) == 0;
    if (text != few)
        free(text);
    return ok;
}

/* NUL is refused everywhere (PostgreSQL cannot hold it), other control characters on v1 and Heartbeat (api/20 section 8). */
static bool
characters_ok(const gh_walk_t *w, gh_str_t t)
{
    for (size_t i = 0; i < t.n; i++) {
        unsigned char c = (unsigned char)t.p[i];
        if (c == 0 || (w->trim && (c == 0x7f || (c < ' ' && c != '\t' && c != '\r' && c != '\n'))))
            return false;
    }
    return true;
}

static bool
choice_text(const json_t *choices, gh_str_t t)
{
    for (size_t i = 0; i < json_array_size(choices); i++) {
        const json_t *c = json_array_get(choices, i);
        if (json_is_string(c) && gh_str_eq((gh_str_t){json_string_value(c), json_string_length(c)}, t))
            return true;
    }
    return false;
}

static bool
check_string(gh_walk_t *w, const gh_schema_t *s, gh_str_t t)
{
    int64_t length = gh_utf8_length(t);
    if (length < 0 || !characters_ok(w, t))
        return refuse(w, s, "value_error");
    if (s->choices)
        return choice_text(s->choices, t) || refuse(w, s, "enum");
    if (length < s->min_len)
        return refuse(w, s, "string_too_short");
    if (length > s->max_len)
        return refuse(w, s, "string_too_long");
    if (!pattern_ok(s, t) || !format_ok(s, t))
        return refuse(w, s, is_time(s) ? "datetime_parsing" : "value_error");
    return true;
}

/* ---- numbers */

static bool
choice_number(const json_t *choices, double v)
{
    for (size_t i = 0; i < json_array_size(choices); i++)
        if (json_is_number(json_array_get(choices, i)) && json_number_value(json_array_get(choices, i)) == v)
            return true;
    return false;
}

/* On decimal digits: 0.07 is a multiple of 0.01 although their binary quotient is not whole. */
static bool
multiple_ok(const gh_schema_t *s, double v)
{
    if (!s->has_multiple)
        return true;
    double q = v / s->multiple;
    return fabs(q - round(q)) < 1e-6;
}

static bool
check_number(gh_walk_t *w, const gh_schema_t *s, double v)
{
    if (s->choices)
        return choice_number(s->choices, v) || refuse(w, s, "enum");
    bool ok = isfinite(v) && (!s->has_min || (s->min_excl ? v > s->min : v >= s->min)) &&
              (!s->has_max || (s->max_excl ? v < s->max : v <= s->max)) && multiple_ok(s, v);
    return ok || refuse(w, s, "value_error");
}

/* ---- what a text counts as */

uint8_t
gh_value_text_type(const gh_walk_t *w, const gh_schema_t *s, gh_str_t t)
{
    int64_t i;
    double d;
    bool b;
    if (s->types & GH_T_STR)
        return GH_T_STR;
    if ((s->types & GH_T_INT) && (w->as_text || w->lenient || s->lenient_int) && gh_value_int(t, &i))
        return GH_T_INT;
    if ((s->types & GH_T_NUM) && gh_value_decimal(t, &d))
        return GH_T_NUM;
    if (w->as_text && (s->types & GH_T_BOOL) && gh_value_bool(t, &b))
        return GH_T_BOOL;
    return w->as_text && (s->types & GH_T_ARR) ? GH_T_ARR : 0;
}

static bool
check_list(gh_walk_t *w, const gh_schema_t *s, gh_str_t t)
{
    gh_str_t rest = t, part;
    size_t n = 0;
    bool ok = true;
    while (gh_value_part(&rest, &part)) {
        if (++n > s->max_items)
            return refuse(w, s, "value_error");
        ok = (!s->items || gh_value_check(w, s->items, (gh_value_t){NULL, part})) && ok;
    }
    return n < s->min_items ? refuse(w, s, "value_error") : ok;
}

static bool
check_text(gh_walk_t *w, const gh_schema_t *s, gh_str_t t)
{
    int64_t i = 0;
    double d = 0;
    t = gh_value_trim(w, s, t);
    switch (gh_value_text_type(w, s, t)) {
    case GH_T_STR:
        return check_string(w, s, t);
    case GH_T_INT:
        return gh_value_int(t, &i) && check_number(w, s, (double)i);
    case GH_T_NUM:
        return gh_value_decimal(t, &d) && check_number(w, s, d);
    case GH_T_BOOL:
        return true;
    case GH_T_ARR:
        return check_list(w, s, t);
    default:
        return refuse_type(w, s);
    }
}

/* ---- files */

static bool
refuse_file(gh_walk_t *w, const gh_schema_t *s, const char *type, gh_err_t error)
{
    size_t before = w->faults ? w->faults->n : 0;
    gh_walk_fault(w, type, error ? error : s->error);
    if (w->faults && w->faults->n > before)
        w->faults->at[before].file = s->file;
    return false;
}

static bool
is_accepted(const gh_file_rules_t *f, const char *media)
{
    bool ok = media && !f->types;
    for (size_t i = 0; media && i < json_array_size(f->types); i++)
        ok = ok || strcmp(json_string_value(json_array_get(f->types, i)), media) == 0;
    return ok;
}

/* j is what contract/upload.c says of a file. */
static bool
check_file(gh_walk_t *w, const gh_schema_t *s, const json_t *j)
{
    const gh_file_rules_t *f = s->file;
    const json_t *size = json_object_get(j, "size");
    const char *media = json_string_value(json_object_get(j, "media"));
    if (!json_is_integer(size))
        return refuse_file(w, s, "value_error", s->error);
    if (f->nameless && json_string_length(json_object_get(j, "name")) == 0)
        return refuse_file(w, s, "missing", f->nameless);
    if (json_integer_value(size) == 0)
        return refuse_file(w, s, "string_too_short", f->empty);
    if ((size_t)json_integer_value(size) > f->max_bytes)
        return refuse_file(w, s, "string_too_long", f->too_large);
    if (f->kind && (!media || strncmp(media, f->kind, strlen(f->kind)) != 0))
        return refuse_file(w, s, "value_error", f->not_kind ? f->not_kind : f->wrong_type);
    return is_accepted(f, media) || refuse_file(w, s, "value_error", f->wrong_type);
}

/* ---- JSON containers */

static bool
check_array(gh_walk_t *w, const gh_schema_t *s, const json_t *j)
{
    size_t n = json_array_size(j);
    bool ok = true;
    if (n < s->min_items || n > s->max_items)
        ok = refuse(w, s, "value_error");
    for (size_t i = 0; i < n && s->items; i++) {
        size_t mark = gh_walk_push_index(w, i);
        ok = gh_value_check(w, s->items, (gh_value_t){json_array_get(j, i), {0}}) && ok;
        gh_walk_pop(w, mark);
    }
    /* Quadratic, but bounded by maxItems; without one the limit of parts keeps it small enough only up to here. */
    for (size_t i = 0; s->unique && ok && i < n && i < 200; i++)
        for (size_t k = i + 1; k < n; k++)
            if (json_equal(json_array_get(j, i), json_array_get(j, k)))
                return refuse(w, s, "value_error");
    return ok;
}

static bool
known_member(const gh_schema_t *s, const char *name)
{
    for (size_t i = 0; i < s->n_props; i++)
        if (strcmp(s->props[i].name, name) == 0)
            return true;
    return false;
}

static bool
check_members(gh_walk_t *w, const gh_schema_t *s, const json_t *j)
{
    bool ok = true;
    for (size_t i = 0; i < s->n_props; i++) {
        const gh_property_t *p = &s->props[i];
        const json_t *v = json_object_getn(j, p->name, p->name_n);
        size_t mark = gh_walk_push(w, (gh_str_t){p->name, p->name_n});
        if (v) {
            ok = gh_value_check(w, p->schema, (gh_value_t){v, {0}}) && ok;
        } else if (p->required) {
            gh_walk_fault(w, "missing", p->missing);
            ok = false;
        }
        gh_walk_pop(w, mark);
    }
    const char *name;
    json_t *v;
    if (s->extra)
        json_object_foreach((json_t *)(uintptr_t)j, name, v)
        {
            if (known_member(s, name))
                continue;
            size_t mark = gh_walk_push(w, gh_str(name));
            ok = gh_value_check(w, s->extra, (gh_value_t){v, {0}}) && ok;
            gh_walk_pop(w, mark);
        }
    return ok;
}

static bool
check_object(gh_walk_t *w, const gh_schema_t *s, const json_t *j)
{
    size_t n = json_object_size(j);
    bool ok = n >= s->min_props && n <= s->max_props;
    if (!ok)
        refuse(w, s, "value_error");
    return check_members(w, s, j) && ok;
}

static bool
check_json(gh_walk_t *w, const gh_schema_t *s, const json_t *j)
{
    switch (json_typeof(j)) {
    case JSON_STRING:
        return check_text(w, s, (gh_str_t){json_string_value(j), json_string_length(j)});
    case JSON_INTEGER:
        return s->types & (GH_T_INT | GH_T_NUM) ? check_number(w, s, (double)json_integer_value(j))
                                                : refuse_type(w, s);
    case JSON_REAL: {
        double d = json_real_value(j);
        bool whole = (s->types & GH_T_INT) && fabs(d) < 9e15 && d == round(d);
        return whole || (s->types & GH_T_NUM) ? check_number(w, s, d) : refuse_type(w, s);
    }
    case JSON_TRUE:
    case JSON_FALSE:
        return s->types & GH_T_BOOL ? true : refuse_type(w, s);
    case JSON_NULL:
        return s->types & GH_T_NULL ? true : refuse_type(w, s);
    case JSON_ARRAY:
        return s->types & GH_T_ARR ? check_array(w, s, j) : refuse_type(w, s);
    case JSON_OBJECT:
        return s->types & GH_T_OBJ ? check_object(w, s, j) : refuse_type(w, s);
    }
    return refuse_type(w, s);
}

/* ---- branches */

const gh_schema_t *
gh_value_branch(const gh_walk_t *w, const gh_schema_t *const *list, gh_value_t v, size_t *count)
{
    gh_walk_t probe = *w;
    probe.faults = NULL;
    const gh_schema_t *first = NULL;
    size_t n = 0;
    for (; *list; list++) {
        if (!gh_value_check(&probe, *list, v))
            continue;
        n++;
        first = first ? first : *list;
        if (!count)
            break;
    }
    if (count)
        *count = n;
    return first;
}

/* The branch that an object comes nearest to: of which it has most members; the first of several. */
static const gh_schema_t *
nearest_branch(const gh_schema_t *const *list, const json_t *j)
{
    const gh_schema_t *best = list[0];
    for (size_t most = 0; *list; list++) {
        size_t n = 0;
        for (size_t i = 0; i < (*list)->n_props; i++)
            n += json_object_getn(j, (*list)->props[i].name, (*list)->props[i].name_n) != NULL;
        if (n > most) {
            most = n;
            best = *list;
        }
    }
    return best;
}

/* Nothing fits: say what the nearest branch finds wrong; the commonest form stands first in the contract. Several fit
 * where one must: name the first member of the first branch. */
static bool
refuse_branches(gh_walk_t *w, const gh_schema_t *s, const gh_schema_t *const *list, gh_value_t v,
                size_t count)
{
    if (count == 0 && json_is_object(v.j) && !s->error)
        return gh_value_check(w, nearest_branch(list, v.j), v);
    size_t mark = w->path_n;
    if (count > 1 && list[0]->n_props)
        gh_walk_push(w, (gh_str_t){list[0]->props[0].name, list[0]->props[0].name_n});
    refuse(w, s, "value_error");
    gh_walk_pop(w, mark);
    return false;
}

static bool
check_branches(gh_walk_t *w, const gh_schema_t *s, gh_value_t v)
{
    bool ok = true;
    size_t count = 0;
    for (const gh_schema_t *const *a = s->all_of; a && *a; a++)
        ok = gh_value_check(w, *a, v) && ok;
    if (s->any_of && !gh_value_branch(w, s->any_of, v, NULL))
        ok = refuse_branches(w, s, s->any_of, v, 0);
    if (s->one_of) {
        gh_value_branch(w, s->one_of, v, &count);
        if (count != 1)
            ok = refuse_branches(w, s, s->one_of, v, count);
    }
    if (s->not_this) {
        const gh_schema_t *const list[] = {s->not_this, NULL};
        if (gh_value_branch(w, list, v, NULL))
            ok = refuse(w, s, "value_error");
    }
    return ok;
}

bool
gh_value_check(gh_walk_t *w, const gh_schema_t *s, gh_value_t v)
{
    bool ok = s->file ? check_file(w, s, v.j) : v.j ? check_json(w, s, v.j) : check_text(w, s, v.text);
    if (!s->one_of && !s->any_of && !s->all_of && !s->not_this)
        return ok;
    /* Faults of an object's own members do not hide those of its branches. */
    if (ok || ((s->types & GH_T_OBJ) && json_is_object(v.j)))
        ok = check_branches(w, s, v) && ok;
    return ok;
}
