/*
 * lib/contract/pack.c - a checked value as msgpack, members in the order of the contract (lib/contract/value.h)
 */
#include <math.h>

#include "contract/value.h"
#include "wire/mp.h"

static gh_str_t
json_text(const json_t *j)
{
    return (gh_str_t){json_string_value(j), json_string_length(j)};
}

void
gh_value_pack_json(const json_t *j, gh_buf_t *out)
{
    const char *name;
    json_t *v;
    switch (json_typeof(j)) {
    case JSON_OBJECT:
        gh_mpw_map(out, (uint32_t)json_object_size(j));
        json_object_foreach((json_t *)(uintptr_t)j, name, v)
        {
            gh_mpw_cstr(out, name);
            gh_value_pack_json(v, out);
        }
        break;
    case JSON_ARRAY:
        gh_mpw_array(out, (uint32_t)json_array_size(j));
        for (size_t i = 0; i < json_array_size(j); i++)
            gh_value_pack_json(json_array_get(j, i), out);
        break;
    case JSON_STRING:
        gh_mpw_str(out, json_text(j));
        break;
    case JSON_INTEGER:
        gh_mpw_int(out, json_integer_value(j));
        break;
    case JSON_REAL:
        gh_mpw_double(out, json_real_value(j));
        break;
    case JSON_NULL:
        gh_mpw_nil(out);
        break;
    default:
        gh_mpw_bool(out, json_is_true(j));
    }
}

static void
pack_list(const gh_walk_t *w, const gh_schema_t *s, gh_str_t t, gh_buf_t *out)
{
    gh_str_t rest = t, part;
    uint32_t n = 0;
    while (gh_value_part(&rest, &part))
        n++;
    gh_mpw_array(out, n);
    for (rest = t; gh_value_part(&rest, &part);) {
        if (s->items)
            gh_value_pack(w, s->items, (gh_value_t){NULL, part}, out);
        else
            gh_mpw_str(out, part);
    }
}

static void
pack_text(const gh_walk_t *w, const gh_schema_t *s, gh_str_t t, gh_buf_t *out)
{
    int64_t i = 0;
    double d = 0;
    bool b = false;
    t = gh_value_trim(w, s, t);
    uint8_t type = gh_value_text_type(w, s, t);
    if (type == GH_T_INT && gh_value_int(t, &i))
        gh_mpw_int(out, i);
    else if (type == GH_T_NUM && gh_value_decimal(t, &d))
        gh_mpw_double(out, d);
    else if (type == GH_T_BOOL && gh_value_bool(t, &b))
        gh_mpw_bool(out, b);
    else if (type == GH_T_ARR)
        pack_list(w, s, t, out);
    else
        gh_mpw_str(out, t);
}

static bool
is_prop(const gh_schema_t *s, const char *name)
{
    for (size_t i = 0; i < s->n_props; i++)
        if (strcmp(s->props[i].name, name) == 0)
            return true;
    return false;
}

/* Members of the contract in its order, absent ones with their default; then, if wanted, the others as they came. */
static void
pack_object(const gh_walk_t *w, const gh_schema_t *s, const json_t *j, gh_buf_t *out)
{
    size_t mark = gh_mpw_map_begin(out);
    uint16_t n = 0;
    for (size_t i = 0; i < s->n_props; i++) {
        const gh_property_t *p = &s->props[i];
        const json_t *v = json_object_getn(j, p->name, p->name_n);
        if (!v && !p->schema->preset)
            continue;
        gh_mpw_str(out, (gh_str_t){p->name, p->name_n});
        if (v)
            gh_value_pack(w, p->schema, (gh_value_t){v, {0}}, out);
        else
            gh_value_pack_json(p->schema->preset, out);
        n++;
    }
    const char *name;
    json_t *v;
    if (!s->drop_unknown)
        json_object_foreach((json_t *)(uintptr_t)j, name, v)
        {
            if (is_prop(s, name))
                continue;
            gh_mpw_cstr(out, name);
            gh_value_pack_json(v, out);
            n++;
        }
    gh_mpw_map_end(out, mark, n);
}

void
gh_value_pack(const gh_walk_t *w, const gh_schema_t *s, gh_value_t v, gh_buf_t *out)
{
    /* A choice without members of its own: the branch that fits knows what they are. */
    const gh_schema_t *const *list = s->one_of ? s->one_of : s->any_of;
    if (list && s->n_props == 0) {
        const gh_schema_t *branch = gh_value_branch(w, list, v, NULL);
        gh_value_pack(w, branch ? branch : s, v, out);
        return;
    }
    if (!v.j) {
        pack_text(w, s, v.text, out);
        return;
    }
    switch (json_typeof(v.j)) {
    case JSON_STRING:
        pack_text(w, s, json_text(v.j), out);
        break;
    case JSON_OBJECT:
        pack_object(w, s, v.j, out);
        break;
    case JSON_ARRAY:
        gh_mpw_array(out, (uint32_t)json_array_size(v.j));
        for (size_t i = 0; i < json_array_size(v.j); i++) {
            const json_t *item = json_array_get(v.j, i);
            if (s->items)
                gh_value_pack(w, s->items, (gh_value_t){item, {0}}, out);
            else
                gh_value_pack_json(item, out);
        }
        break;
    case JSON_REAL:
        if (!(s->types & GH_T_NUM))
            gh_mpw_int(out, llround(json_real_value(v.j)));
        else
            gh_mpw_double(out, json_real_value(v.j));
        break;
    default:
        gh_value_pack_json(v.j, out);
    }
}
