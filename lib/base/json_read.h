/*
 * lib/base/json_read.h - small answers of other systems, read with jansson
 */
#ifndef GH_BASE_JSON_READ_H
#define GH_BASE_JSON_READ_H

#include <jansson.h>

#include "base/gh.h"

/* The object that the text is, to be given back by json_decref(); NULL: it is none. */
json_t *gh_json_object(gh_str_t text);

/* Copy a member that is text. False: it is absent, no text, empty or longer than size - 1; out is as it was. o may be NULL. */
bool gh_json_take(const json_t *o, const char *member, char *out, size_t size);

#endif
