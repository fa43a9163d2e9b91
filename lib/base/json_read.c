/*
 * lib/base/json_read.c - see json_read.h
 */
#include "base/json_read.h"

#include <string.h>

json_t *
gh_json_object(gh_str_t text)
{
    json_t *o = text.n ? json_loadb(text.p, text.n, 0, NULL) : NULL;
    if (json_is_object(o))
        return o;
    json_decref(o);
    return NULL;
}

bool
gh_json_take(const json_t *o, const char *member, char *out, size_t size)
{
    const char *text = json_string_value(json_object_get(o, member));
    size_t n = text ? strlen(text) : 0;
    if (n == 0 || n >= size)
        return false;
    memcpy(out, text, n + 1);
    return true;
}
