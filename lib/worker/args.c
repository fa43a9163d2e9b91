/*
 * lib/worker/args.c - see args.h
 */
#include "worker/args.h"

#include <stdio.h>

#include "base/money.h"
#include "base/timez.h"

int64_t
gh_arg_id(gh_mp_t args, const char *path)
{
    gh_mp_t v = gh_mp_path(args, path);
    int64_t id = 0;
    if (gh_mp_int(v, &id))
        return id > 0 ? id : 0;
    gh_str_t s;
    if (!gh_mp_str(v, &s) || s.n == 0 || s.n > 18)
        return 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return 0;
        id = id * 10 + (s.p[i] - '0');
    }
    return id;
}

gh_str_t
gh_arg_str(gh_mp_t args, const char *path)
{
    gh_str_t s = {0};
    if (!gh_mp_str(gh_mp_path(args, path), &s))
        return (gh_str_t){0};
    return s.p ? s : GH_STR("");
}

bool
gh_arg_bool(gh_mp_t args, const char *path)
{
    bool v = false;
    return gh_mp_bool(gh_mp_path(args, path), &v) && v;
}

int
gh_arg_money(gh_mp_t args, const char *path, int64_t *cents)
{
    gh_mp_t v = gh_mp_path(args, path);
    gh_str_t s;
    double d;
    char text[40];
    if (gh_mp_str(v, &s))
        return gh_money_parse(s, cents) == 0 ? 1 : -1;
    if (!gh_mp_double(v, &d))
        return 0;
    int n = snprintf(text, sizeof text, "%.15g", d);
    return n < (int)sizeof text && gh_money_parse((gh_str_t){text, (size_t)n}, cents) == 0 ? 1 : -1;
}

int
gh_arg_moment(gh_mp_t args, const char *path, int64_t *at_us)
{
    gh_str_t s = gh_arg_str(args, path);
    if (!s.p)
        return 0;
    if (gh_ts_parse(s, at_us) != 0)
        return -1;
    int32_t day = gh_tz_day(*at_us);
    return day > gh_day_from_ymd(1900, 1, 1) && day < gh_day_from_ymd(2999, 1, 1) ? 1 : -1;
}

const char *
gh_text(gh_batch_t *b, gh_str_t s)
{
    char *text = gh_batch_alloc(b, s.n + 1);
    if (s.n)
        memcpy(text, s.p, s.n);
    return text;
}

const char *
gh_text_i64(gh_batch_t *b, int64_t v)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)v);
    return gh_text(b, gh_str(text));
}

const char *
gh_text_time(gh_batch_t *b, int64_t at_us)
{
    char text[GH_PG_TIME_TEXT];
    gh_pg_time_text(at_us, text);
    return gh_text(b, gh_str(text));
}

const char *
gh_text_day(gh_batch_t *b, int32_t day)
{
    char text[GH_TEXT_DATE];
    gh_day_text(day, text);
    return gh_text(b, gh_str(text));
}

const char *
gh_text_json(gh_batch_t *b, gh_mp_t v)
{
    gh_buf_t text GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    if (!v.at)
        return NULL;
    gh_mp_to_json(v, &text);
    return gh_buf_ok(&text) ? gh_text(b, gh_buf_view(&text)) : NULL;
}
