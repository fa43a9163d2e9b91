/*
 * lib/base/json.h - JSON writer over gh_buf (RFC 8259, UTF-8 out)
 *
 * Commas are the writer's business. Strings must be UTF-8; a broken sequence is written as U+FFFD, never raw.
 * Reading JSON is jansson's business (front, tools, answers of other systems: json_read.h): workers read msgpack and write JSON.
 */
#ifndef GH_BASE_JSON_H
#define GH_BASE_JSON_H

#include "base/buf.h"

typedef struct gh_json {
    gh_buf_t *out;  /* borrowed */
    uint8_t depth;  /* open containers */
    bool first[32]; /* no comma needed yet at this depth; deeper nesting sets out->failed */
    bool after_key;
} gh_json_t;

void gh_json_init(gh_json_t *j, gh_buf_t *out);
void gh_json_obj(gh_json_t *j);
void gh_json_obj_end(gh_json_t *j);
void gh_json_arr(gh_json_t *j);
void gh_json_arr_end(gh_json_t *j);
void gh_json_key(gh_json_t *j, const char *key);
void gh_json_str(gh_json_t *j, gh_str_t s);     /* s.p NULL writes null */
void gh_json_cstr(gh_json_t *j, const char *s); /* NULL writes null */
void gh_json_i64(gh_json_t *j, int64_t v);
void gh_json_bool(gh_json_t *j, bool v);
void gh_json_null(gh_json_t *j);
void gh_json_double(gh_json_t *j, double v); /* shortest text that reads back; NaN and infinities are null */
void gh_json_money(gh_json_t *j, int64_t cents); /* 4000 -> 40.00, a number with two decimals */
void gh_json_raw(gh_json_t *j, gh_str_t text);   /* ready-made JSON, spliced in unparsed */

/* key + value in one call */
void gh_json_kstr(gh_json_t *j, const char *key, gh_str_t s);
void gh_json_kcstr(gh_json_t *j, const char *key, const char *s);
void gh_json_ki64(gh_json_t *j, const char *key, int64_t v);
void gh_json_kbool(gh_json_t *j, const char *key, bool v);
void gh_json_knull(gh_json_t *j, const char *key);
void gh_json_kmoney(gh_json_t *j, const char *key, int64_t cents);
void gh_json_kraw(gh_json_t *j, const char *key, gh_str_t text);

#endif
