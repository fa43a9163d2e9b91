/*
 * lib/contract/match.c - which operation a path means
 *
 * A tree over path segments: literal children sorted, then one child for digits, one for any text, one for the rest
 * of the path (x-multi-segment). A literal wins over a parameter (api/20 section 1); when a branch leads nowhere, the
 * next one is tried, so /patient/12 and /patient/doctors live side by side (api/30). No allocation, no regular
 * expression, bounded by the depth of the tree.
 */
#include <stdlib.h>

#include "contract/internal.h"

#define SEGMENTS_MAX 16

typedef struct gh_route {
    const gh_operation_t *op;
    bool unversioned;
} gh_route_t;

struct gh_route_node {
    gh_str_t segment; /* of a literal */
    gh_route_node_t **literals;
    size_t n_literals;
    gh_route_node_t *digits, *text, *rest;
    gh_route_t at[GH_METHOD_COUNT];
    bool action; /* .../{id}/verb: see add_synonyms */
};

typedef struct gh_split {
    gh_str_t at[SEGMENTS_MAX];
    size_t n;
} gh_split_t;

/* Split at '/', one trailing slash ignored. -1 unless it starts with '/', has no empty segment and is not too long. */
static int
split(gh_str_t path, gh_split_t *out)
{
    out->n = 0;
    if (path.n == 0 || path.p[0] != '/')
        return -1;
    const char *p = path.p + 1, *end = path.p + path.n;
    if (end > p && end[-1] == '/' && --end == p)
        return -1; /* "//" */
    while (p < end) {
        const char *slash = memchr(p, '/', (size_t)(end - p));
        const char *stop = slash ? slash : end;
        if (stop == p || out->n == SEGMENTS_MAX)
            return -1;
        out->at[out->n++] = (gh_str_t){p, (size_t)(stop - p)};
        p = slash ? slash + 1 : end;
        if (slash && p == end)
            return -1;
    }
    return 0;
}

static int
compare(gh_str_t a, gh_str_t b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int cmp = memcmp(a.p, b.p, n);
    return cmp ? cmp : a.n < b.n ? -1 : a.n > b.n;
}

static gh_route_node_t *
find_literal(const gh_route_node_t *node, gh_str_t segment)
{
    size_t lo = 0, hi = node->n_literals;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        int cmp = compare(node->literals[mid]->segment, segment);
        if (cmp == 0)
            return node->literals[mid];
        if (cmp < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

/* ---- building */

static gh_route_node_t *
add_literal(gh_contract_t *c, gh_route_node_t *node, gh_str_t segment)
{
    gh_route_node_t *child = find_literal(node, segment);
    if (child)
        return child;
    child = gh_contract_alloc(c, sizeof *child);
    child->segment = segment;
    gh_route_node_t **list = gh_contract_alloc(c, (node->n_literals + 1) * sizeof *list);
    size_t i = 0;
    for (; i < node->n_literals && compare(node->literals[i]->segment, segment) < 0; i++)
        list[i] = node->literals[i];
    list[i] = child;
    for (; i < node->n_literals; i++)
        list[i + 1] = node->literals[i];
    node->literals = list;
    node->n_literals++;
    return child;
}

static const gh_param_t *
path_param(const gh_operation_t *op, gh_str_t name)
{
    for (size_t i = 0; i < op->request->n_path; i++)
        if (gh_str_is(name, op->request->params[i].name))
            return &op->request->params[i];
    return NULL;
}

static gh_route_node_t *
add_param(gh_contract_t *c, gh_route_node_t *node, const gh_operation_t *op, gh_str_t segment, bool last)
{
    gh_str_t name = {segment.p + 1, segment.n - 2};
    const gh_param_t *p = path_param(op, name);
    if (segment.n < 3 || segment.p[segment.n - 1] != '}' || !p) {
        gh_contract_fault(c, "path segment %.*s names no path parameter", (int)segment.n, segment.p);
        return node;
    }
    gh_route_node_t **slot = p->schema->types == GH_T_INT ? &node->digits : &node->text;
    if (p->rest) {
        if (!last)
            gh_contract_fault(c, "x-multi-segment must be the last segment");
        slot = &node->rest;
    }
    if (!*slot)
        *slot = gh_contract_alloc(c, sizeof **slot);
    return *slot;
}

void
gh_routes_add(gh_contract_t *c, const char *path, const gh_operation_t *op, bool unversioned)
{
    gh_split_t s;
    const char *kept = gh_contract_dup(c, path);
    if (!op->request || split(gh_str(kept), &s)) {
        gh_contract_fault(c, "path %s cannot be matched", path);
        return;
    }
    if (!c->routes)
        c->routes = gh_contract_alloc(c, sizeof *c->routes);
    gh_route_node_t *node = c->routes;
    size_t n_params = 0;
    for (size_t i = 0; i < s.n; i++) {
        bool param = s.at[i].p[0] == '{';
        n_params += param;
        node = param ? add_param(c, node, op, s.at[i], i + 1 == s.n) : add_literal(c, node, s.at[i]);
    }
    node->action = s.n >= 2 && s.at[s.n - 1].p[0] != '{' && s.at[s.n - 2].p[0] == '{';
    if (n_params != op->request->n_path)
        gh_contract_fault(c, "path %s and the declared path parameters differ", path);
    gh_route_t *at = &node->at[op->method];
    if (at->op && at->op != op)
        gh_contract_fault(c, "path %s is taken by %s", path, at->op->id);
    *at = (gh_route_t){op, unversioned};
}

/* api/20 section 1: PUT and PATCH on an item are the same; action routes take POST, PUT and PATCH. v1 only. */
static void
add_synonyms(gh_route_node_t *node)
{
    gh_route_t *at = node->at;
    for (int m = 0; m < GH_METHOD_COUNT; m++)
        if (at[m].op && at[m].op->envelope != GH_ENV_V1)
            return;
    if (node->action && at[GH_POST].op && !at[GH_GET].op && !at[GH_PUT].op && !at[GH_PATCH].op)
        at[GH_PUT] = at[GH_PATCH] = at[GH_POST];
    else if (at[GH_PUT].op && !at[GH_PATCH].op)
        at[GH_PATCH] = at[GH_PUT];
    else if (at[GH_PATCH].op && !at[GH_PUT].op)
        at[GH_PUT] = at[GH_PATCH];
}

static void
finish_node(gh_route_node_t *node)
{
    if (!node)
        return;
    add_synonyms(node);
    for (size_t i = 0; i < node->n_literals; i++)
        finish_node(node->literals[i]);
    finish_node(node->digits);
    finish_node(node->text);
    finish_node(node->rest);
}

void
gh_routes_finish(gh_contract_t *c)
{
    finish_node(c->routes);
}

/* ---- matching */

/* 1..18 digits: what fits into 63 bits whatever the digits are. */
static bool
is_digits(gh_str_t s)
{
    if (s.n > 18)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return true;
}

static uint32_t
allowed(const gh_route_node_t *node)
{
    uint32_t set = 0;
    for (int m = 0; m < GH_METHOD_COUNT; m++)
        if (node->at[m].op)
            set |= 1u << m;
    return set;
}

/* Descend; the parameters found on the way stand in out->params. */
static const gh_route_node_t *
descend(const gh_route_node_t *node, const gh_split_t *s, size_t i, gh_match_t *out)
{
    if (i == s->n)
        return allowed(node) ? node : NULL;
    const gh_route_node_t *hit, *child = find_literal(node, s->at[i]);
    if (child && (hit = descend(child, s, i + 1, out)))
        return hit;
    size_t mark = out->n_params;
    if (mark == GH_PATH_PARAMS)
        return NULL;
    const gh_route_node_t *branches[] = {is_digits(s->at[i]) ? node->digits : NULL, node->text};
    for (size_t b = 0; b < GH_COUNT(branches); b++) {
        if (!branches[b])
            continue;
        out->params[out->n_params++] = s->at[i];
        if ((hit = descend(branches[b], s, i + 1, out)))
            return hit;
        out->n_params = mark;
    }
    if (node->rest) {
        const gh_str_t *last = &s->at[s->n - 1];
        out->params[out->n_params++] = (gh_str_t){s->at[i].p, (size_t)(last->p + last->n - s->at[i].p)};
        return node->rest;
    }
    return NULL;
}

static bool
starts_with(gh_str_t s, const char *prefix)
{
    size_t n = strlen(prefix);
    return s.n >= n && memcmp(s.p, prefix, n) == 0;
}

static gh_envelope_t
surface_of(gh_str_t path)
{
    if (starts_with(path, "/api/") || gh_str_is(path, "/api"))
        return GH_ENV_V1;
    return starts_with(path, "/appointment/") ? GH_ENV_PLAIN : GH_ENV_CODE;
}

void
gh_contract_match(const gh_contract_t *c, gh_method_t method, gh_str_t path, gh_match_t *out)
{
    gh_split_t s;
    out->op = NULL;
    out->n_params = 0;
    out->allowed = 0;
    out->unversioned = false;
    out->envelope = surface_of(path);
    if (!c->routes || split(path, &s))
        return;
    const gh_route_node_t *node = descend(c->routes, &s, 0, out);
    if (!node)
        return;
    out->allowed = allowed(node);
    const gh_route_t *at = &node->at[method];
    if (at->op) {
        out->op = at->op;
        out->envelope = at->op->envelope;
        out->unversioned = at->unversioned;
        return;
    }
    for (int m = 0; m < GH_METHOD_COUNT; m++)
        if (node->at[m].op)
            out->envelope = node->at[m].op->envelope;
}
