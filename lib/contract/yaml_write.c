/*
 * lib/contract/yaml_write.c - a JSON value as YAML (libyaml's emitter); what gh_yaml_load reads back is the same value
 */
#include <stdio.h>
#include <yaml.h>

#include "contract/contract.h"

static bool emit(yaml_emitter_t *e, const json_t *v);

static bool
scalar(yaml_emitter_t *e, const char *text, size_t n, bool quoted)
{
    yaml_event_t event;
    return yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)text, (int)n, !quoted,
                                        quoted,
                                        quoted ? YAML_DOUBLE_QUOTED_SCALAR_STYLE : YAML_PLAIN_SCALAR_STYLE) &&
           yaml_emitter_emit(e, &event);
}

/* Keys are plain where they cannot be taken for anything else than a text. */
static bool
emit_key(yaml_emitter_t *e, const char *key)
{
    size_t n = strlen(key);
    bool word = (key[0] >= 'a' && key[0] <= 'z') || (key[0] >= 'A' && key[0] <= 'Z') || key[0] == '/';
    word = word && strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_/.-") == n;
    for (const char *const *odd =
             (const char *const[]){"null", "true", "false", "yes", "no", "on", "off", "y", "n", NULL};
         *odd; odd++)
        word = word && strcasecmp(key, *odd) != 0;
    return scalar(e, key, n, !word);
}

static bool
emit_object(yaml_emitter_t *e, const json_t *v)
{
    yaml_event_t event;
    const char *key;
    json_t *member;
    if (!yaml_mapping_start_event_initialize(&event, NULL, NULL, 1,
                                             json_object_size(v) ? YAML_BLOCK_MAPPING_STYLE
                                                                 : YAML_FLOW_MAPPING_STYLE) ||
        !yaml_emitter_emit(e, &event))
        return false;
    json_object_foreach((json_t *)(uintptr_t)v, key, member)
    {
        if (!emit_key(e, key) || !emit(e, member))
            return false;
    }
    return yaml_mapping_end_event_initialize(&event) && yaml_emitter_emit(e, &event);
}

static bool
emit_array(yaml_emitter_t *e, const json_t *v)
{
    yaml_event_t event;
    if (!yaml_sequence_start_event_initialize(&event, NULL, NULL, 1,
                                              json_array_size(v) ? YAML_BLOCK_SEQUENCE_STYLE
                                                                 : YAML_FLOW_SEQUENCE_STYLE) ||
        !yaml_emitter_emit(e, &event))
        return false;
    for (size_t i = 0; i < json_array_size(v); i++)
        if (!emit(e, json_array_get(v, i)))
            return false;
    return yaml_sequence_end_event_initialize(&event) && yaml_emitter_emit(e, &event);
}

static bool
emit(yaml_emitter_t *e, const json_t *v)
{
    if (json_is_object(v))
        return emit_object(e, v);
    if (json_is_array(v))
        return emit_array(e, v);
    if (json_is_string(v))
        return scalar(e, json_string_value(v), json_string_length(v), true);
    char *text = json_dumps(v, JSON_ENCODE_ANY);
    bool ok = text && scalar(e, text, strlen(text), false);
    free(text);
    return ok;
}

int
gh_yaml_write(const json_t *v, FILE *out)
{
    yaml_emitter_t e;
    yaml_event_t event;
    if (!yaml_emitter_initialize(&e))
        return -1;
    yaml_emitter_set_output_file(&e, out);
    yaml_emitter_set_unicode(&e, 1);
    yaml_emitter_set_width(&e, 120);
    bool ok = yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING) &&
              yaml_emitter_emit(&e, &event) &&
              yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1) &&
              yaml_emitter_emit(&e, &event) && emit(&e, v) && yaml_document_end_event_initialize(&event, 1) &&
              yaml_emitter_emit(&e, &event) && yaml_stream_end_event_initialize(&event) &&
              yaml_emitter_emit(&e, &event);
    yaml_emitter_delete(&e);
    return ok && fflush(out) == 0 && !ferror(out) ? 0 : -1;
}
