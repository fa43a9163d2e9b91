/*
 * workers/schedule/args.c - parameters of the pool's statements
 */
#include "workers/schedule/schedule.h"

#include <stdio.h>

#include "base/timez.h"

static const char *
kept(gh_batch_t *b, const char *text)
{
    return gh_batch_dup(b, gh_str(text)).p;
}

const char *
gh_schedule_json(gh_batch_t *b, gh_mp_t v)
{
    gh_buf_t text GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    if (!v.at)
        return "{}";
    gh_mp_to_json(v, &text);
    return gh_buf_ok(&text) ? gh_batch_dup(b, gh_buf_view(&text)).p : NULL;
}

const char *
gh_schedule_i64(gh_batch_t *b, int64_t v)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)v);
    return v ? kept(b, text) : NULL;
}

const char *
gh_schedule_now(gh_batch_t *b)
{
    char text[GH_PG_TIME_TEXT];
    gh_pg_time_text(b->now_us, text);
    return kept(b, text);
}

const char *
gh_schedule_today(gh_batch_t *b)
{
    char text[GH_TEXT_DATE];
    gh_day_text(gh_tz_day(b->now_us), text);
    return kept(b, text);
}
