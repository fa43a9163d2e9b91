/*
 * lib/contract/yaml.c - YAML files as JSON values (libyaml's document, core schema)
 */
#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

#include "contract/internal.h"

#define DEPTH_MAX 64

typedef struct reader {
    yaml_document_t doc;
    char *err;
    size_t err_size;
} reader_t;

static json_t *convert(reader_t *r, yaml_node_t *node, int depth);

static json_t *
fault(reader_t *r, const yaml_node_t *node, const char *what)
{
    snprintf(r->err, r->err_size, "line %zu: %s", node ? node->start_mark.line + 1 : 0, what);
    return NULL;
}

/* A plain scalar by the core schema; a number must fill the whole text. */
static json_t *
plain_scalar(const char *s, size_t n)
{
    if (n == 0 || strcmp(s, "null") == 0 || strcmp(s, "~") == 0)
        return json_null();
    if (strcmp(s, "true") == 0)
        return json_true();
    if (strcmp(s, "false") == 0)
        return json_false();
    if (strspn(s, "+-.0123456789eE") == n && strpbrk(s, "0123456789")) {
        char *end = NULL;
        if (!strpbrk(s, ".eE")) {
            long long v = strtoll(s, &end, 10);
            if (*end == '\0')
                return json_integer(v);
        } else {
            double v = strtod(s, &end);
            if (*end == '\0')
                return json_real(v);
        }
    }
    return json_stringn(s, n);
}

static json_t *
convert_mapping(reader_t *r, yaml_node_t *node, int depth)
{
    json_t *obj = json_object();
    for (yaml_node_pair_t *p = node->data.mapping.pairs.start; p < node->data.mapping.pairs.top; p++) {
        yaml_node_t *k = yaml_document_get_node(&r->doc, p->key);
        if (!k || k->type != YAML_SCALAR_NODE) {
            json_decref(obj);
            return fault(r, node, "a key must be a scalar");
        }
        const char *key = (const char *)k->data.scalar.value;
        if (json_object_get(obj, key)) {
            json_decref(obj);
            return fault(r, k, "a key stands twice");
        }
        json_t *v = convert(r, yaml_document_get_node(&r->doc, p->value), depth + 1);
        if (!v || json_object_set_new(obj, key, v)) {
            json_decref(obj);
            return v ? fault(r, k, "not UTF-8") : NULL;
        }
    }
    return obj;
}

static json_t *
convert_sequence(reader_t *r, yaml_node_t *node, int depth)
{
    json_t *arr = json_array();
    for (yaml_node_item_t *i = node->data.sequence.items.start; i < node->data.sequence.items.top; i++) {
        json_t *v = convert(r, yaml_document_get_node(&r->doc, *i), depth + 1);
        if (!v) {
            json_decref(arr);
            return NULL;
        }
        json_array_append_new(arr, v);
    }
    return arr;
}

static json_t *
convert(reader_t *r, yaml_node_t *node, int depth)
{
    if (!node || depth > DEPTH_MAX)
        return fault(r, node, "nested too deep");
    if (node->type == YAML_MAPPING_NODE)
        return convert_mapping(r, node, depth);
    if (node->type == YAML_SEQUENCE_NODE)
        return convert_sequence(r, node, depth);
    const char *s = (const char *)node->data.scalar.value;
    json_t *v = node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE
                    ? plain_scalar(s, node->data.scalar.length)
                    : json_stringn(s, node->data.scalar.length);
    return v ? v : fault(r, node, "not UTF-8");
}

json_t *
gh_yaml_load(const char *file, char *err, size_t err_size)
{
    reader_t r = {.err = err, .err_size = err_size};
    FILE *f = fopen(file, "rb");
    if (!f) {
        snprintf(err, err_size, "cannot be opened");
        return NULL;
    }
    yaml_parser_t parser;
    json_t *out = NULL;
    if (!yaml_parser_initialize(&parser)) {
        fclose(f);
        snprintf(err, err_size, "out of memory");
        return NULL;
    }
    yaml_parser_set_input_file(&parser, f);
    if (!yaml_parser_load(&parser, &r.doc)) {
        snprintf(err, err_size, "line %zu: %s", parser.problem_mark.line + 1,
                 parser.problem ? parser.problem : "not YAML");
    } else {
        out = convert(&r, yaml_document_get_root_node(&r.doc), 0);
        yaml_document_delete(&r.doc);
    }
    yaml_parser_delete(&parser);
    fclose(f);
    return out;
}
