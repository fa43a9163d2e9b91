/*
 * ops/cmd/jobs_args.c - arguments of a job, typed as JSON
 */
#include <jansson.h>

#include "base/hash.h"
#include "base/json_read.h"
#include "ops/cmd/jobs.h"
#include "wire/mp.h"

#define DEPTH_MAX 32

static bool
put_value(const json_t *v, gh_buf_t *out, int depth)
{
    const char *key;
    json_t *member;
    size_t i;
    bool good = depth < DEPTH_MAX;
    switch (json_typeof(v)) {
    case JSON_OBJECT:
        gh_mpw_map(out, (uint32_t)json_object_size(v));
        json_object_foreach((json_t *)v, key, member)
        {
            gh_mpw_cstr(out, key);
            good = good && put_value(member, out, depth + 1);
        }
        return good;
    case JSON_ARRAY:
        gh_mpw_array(out, (uint32_t)json_array_size(v));
        json_array_foreach(v, i, member) good = good && put_value(member, out, depth + 1);
        return good;
    case JSON_STRING:
        gh_mpw_str(out, (gh_str_t){json_string_value(v), json_string_length(v)});
        return true;
    case JSON_INTEGER:
        gh_mpw_int(out, json_integer_value(v));
        return true;
    case JSON_REAL:
        gh_mpw_double(out, json_real_value(v));
        return true;
    case JSON_TRUE:
    case JSON_FALSE:
        gh_mpw_bool(out, json_is_true(v));
        return true;
    default:
        gh_mpw_nil(out);
        return true;
    }
}

int
gh_jobs_args(gh_str_t json, gh_buf_t *hex)
{
    gh_buf_t frame GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    json_t *o = gh_json_object(json);
    bool good = o && put_value(o, &frame, 0) && gh_buf_ok(&frame);
    json_decref(o);
    char *p = good ? gh_buf_reserve(hex, frame.n * 2 + 1) : NULL;
    if (!p)
        return -1;
    gh_hex((const uint8_t *)frame.p, frame.n, p);
    hex->n += frame.n * 2;
    return 0;
}
