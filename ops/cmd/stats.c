/*
 * ops/cmd/stats.c - `guahao stats`: count registrations of past days anew, or compare what is counted with the orders
 *
 * The nightly job counts by itself; `rebuild` is for rows that came past it (a restored or imported database), and the first count of a
 * long history. Ten days are one transaction: those who read meanwhile see them before or after.
 */
#include <libpq-fe.h>
#include <stdio.h>

#include "base/json.h"
#include "base/timez.h"
#include "db/arrays.h"
#include "ops/cmd/cmd.h"
#include "ops/cmd/dbq.h"
#include "ops/cmd/progress.h"

#define REBUILD_DAYS 10
#define VERIFY_DAYS  31

const gh_opt_t gh_stats_opts[] = {
    {"from", "DAY", "first day, YYYY-MM-DD (default: the first that registrations are for)"},
    {"to", "DAY", "last day (default: yesterday)"},
    {NULL, NULL, NULL},
};

typedef struct span {
    int32_t from, to, today;
    int32_t step;
} span_t;

/* One stretch of days: $1, $2 of the statements. */
typedef struct stretch {
    char from[GH_TEXT_DATE], to[GH_TEXT_DATE], today[GH_TEXT_DATE];
} stretch_t;

static stretch_t
stretch_at(const span_t *s, int32_t day)
{
    stretch_t t;
    gh_day_text(day, t.from);
    gh_day_text(day + s->step - 1 < s->to ? day + s->step - 1 : s->to, t.to);
    gh_day_text(s->today, t.today);
    return t;
}

static int
day_of(gh_cmd_t *c, const char *name, int32_t *out)
{
    const char *text = gh_args_str(&c->args, name, NULL);
    if (!text || gh_day_parse(gh_str(text), out) == 0)
        return 0;
    return gh_cmd_usage(c, "--%s: %s is not a day YYYY-MM-DD", name, text);
}

/* What was asked for, else the days that registrations are for; from > to: there are none. */
static int
bounds(PGconn *db, const gh_cmd_t *c, span_t *s)
{
    char today[GH_TEXT_DATE];
    gh_day_text(s->today, today);
    PGresult *r = gh_dbq_named(db, "stats_bounds", 1, (const char *[]){today});
    if (!r)
        return -1;
    int32_t first = s->today, last = s->today - 1;
    bool any = gh_pg_str(r, 0, 0).p && gh_day_parse(gh_pg_str(r, 0, 0), &first) == 0 &&
               gh_day_parse(gh_pg_str(r, 0, 1), &last) == 0;
    PQclear(r);
    if (!gh_args_has(&c->args, "from"))
        s->from = first;
    if (!gh_args_has(&c->args, "to"))
        s->to = any ? last : s->today - 1;
    return 0;
}

static int
run_one(PGconn *db, const char *statement, int n, const char *const *params, int64_t *out)
{
    PGresult *r = gh_dbq_named(db, statement, n, params);
    if (!r)
        return -1;
    if (out)
        *out += gh_pg_i64(r, 0, 0, 0);
    PQclear(r);
    return 0;
}

static int
count_stretch(PGconn *db, const stretch_t *t, int64_t *sessions)
{
    char now[GH_PG_TIME_TEXT];
    int64_t differed = 0;
    gh_pg_time_text(gh_now_us(), now);
    const char *days[] = {t->from, t->to, t->today};
    const char *done[] = {t->from, t->to, now};
    if (gh_dbq_exec(db, "begin") != 0)
        return -1;
    bool good = run_one(db, "stats_lock", 0, NULL, NULL) == 0 &&
                run_one(db, "stats_forget", 2, days, NULL) == 0 &&
                run_one(db, "stats_count", 3, days, sessions) == 0 &&
                run_one(db, "stats_done", 3, done, &differed) == 0;
    return gh_dbq_exec(db, good ? "commit" : "rollback") == 0 && good ? 0 : -1;
}

static int
rebuild(gh_cmd_t *c, PGconn *db, const span_t *s)
{
    gh_progress_t p;
    int64_t sessions = 0;
    int32_t days = s->to < s->from ? 0 : s->to - s->from + 1;
    gh_progress_begin(&p, c, "days", days);
    for (int32_t day = s->from; day <= s->to; day += s->step) {
        stretch_t t = stretch_at(s, day);
        gh_progress_at(&p, day - s->from);
        if (count_stretch(db, &t, &sessions) != 0)
            return GH_EXIT_FAILED;
    }
    gh_progress_end(&p, days);
    printf(c->json ? "{\"days\":%d,\"sessions\":%lld}\n" : "%d days, %lld sessions counted\n", days,
           (long long)sessions);
    return GH_EXIT_DONE;
}

typedef struct found {
    int64_t registrations, completed, revenue, differences;
} found_t;

static void
show_differences(const PGresult *r)
{
    for (int row = 1; row < PQntuples(r); row++)
        fprintf(stderr,
                "%s doctor %s clinic %s: counted %s (%s completed, %s), orders say %s (%s completed, %s)\n",
                PQgetvalue(r, row, 0), PQgetisnull(r, row, 1) ? "-" : PQgetvalue(r, row, 1),
                PQgetisnull(r, row, 2) ? "-" : PQgetvalue(r, row, 2), PQgetvalue(r, row, 3),
                PQgetvalue(r, row, 4), PQgetvalue(r, row, 5), PQgetvalue(r, row, 6), PQgetvalue(r, row, 7),
                PQgetvalue(r, row, 8));
}

static int
verify(gh_cmd_t *c, PGconn *db, const span_t *s)
{
    gh_progress_t p;
    found_t f = {0};
    int32_t days = s->to < s->from ? 0 : s->to - s->from + 1;
    gh_progress_begin(&p, c, "days", days);
    for (int32_t day = s->from; day <= s->to; day += s->step) {
        stretch_t t = stretch_at(s, day);
        gh_progress_at(&p, day - s->from);
        PGresult *r = gh_dbq_named(db, "stats_compare", 2, (const char *[]){t.from, t.to});
        if (!r)
            return GH_EXIT_FAILED;
        f.registrations += gh_pg_i64(r, 0, 3, 0);
        f.completed += gh_pg_i64(r, 0, 4, 0);
        f.revenue += gh_pg_money(r, 0, 5, 0);
        f.differences += gh_pg_i64(r, 0, 6, 0);
        show_differences(r);
        PQclear(r);
    }
    gh_progress_end(&p, days);
    printf(c->json ? "{\"days\":%d,\"registrations\":%lld,\"completed\":%lld,\"revenue\":%lld.%02d,"
                     "\"differences\":%lld}\n"
                   : "%d days: %lld registrations, %lld completed, revenue %lld.%02d; %lld differences\n",
           days, (long long)f.registrations, (long long)f.completed, (long long)(f.revenue / 100),
           (int)(f.revenue % 100), (long long)f.differences);
    return f.differences == 0 ? GH_EXIT_DONE : GH_EXIT_FAILED;
}

int
gh_cmd_stats(gh_cmd_t *c)
{
    const char *word = c->args.n_words ? c->args.words[0] : "";
    bool counting = strcmp(word, "rebuild") == 0;
    span_t s = {.step = counting ? REBUILD_DAYS : VERIFY_DAYS};
    if (!counting && strcmp(word, "verify") != 0)
        return gh_cmd_usage(c, "say guahao stats rebuild, or guahao stats verify");
    if (day_of(c, "from", &s.from) != 0 || day_of(c, "to", &s.to) != 0)
        return GH_EXIT_USAGE;
    PGconn *db = gh_cmd_connect(c);
    if (!db)
        return GH_EXIT_DATABASE;
    s.today = gh_tz_day(gh_now_us()); /* by the database's clock */
    int rc = counting && gh_args_has(&c->args, "to") && s.to >= s.today
                 ? gh_cmd_usage(c, "--to: only days that have ended are counted; the others are live")
             : bounds(db, c, &s) != 0 ? GH_EXIT_FAILED
             : counting               ? rebuild(c, db, &s)
                                      : verify(c, db, &s);
    PQfinish(db);
    return rc;
}
