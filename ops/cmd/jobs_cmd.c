/*
 * ops/cmd/jobs_cmd.c - `guahao jobs`: durable jobs (workers/jobs), for operators
 */
#include <ctype.h>
#include <libpq-fe.h>
#include <stdio.h>

#include "base/timez.h"
#include "ops/cmd/dbq.h"
#include "ops/cmd/jobs.h"
#include "ops/cmd/rows.h"

#define MOST 50

const gh_opt_t gh_jobs_opts[] = {
    {"kind", "KIND", "list, retry, drop: only these kinds, with commas; enqueue: its kind (maintenance)"},
    {"status", "STATUS", "list: queued, running, done, failed, cancelled or dead, with commas"},
    {"operation", "NAME", "list: operations that begin so"},
    {"limit", "N", "list: at most so many, the newest (50)"},
    {"dead", NULL, "retry, drop: all jobs whose tries are used up"},
    {"tries", "N",
     "retry, enqueue: how often it is tried (5); kinds: the most for any job of the kind, or none"},
    {"args", "JSON", "enqueue: arguments, {\"body\": {...}, \"path\": {...}}"},
    {"owner", "ID", "enqueue: account as which it runs (the system)"},
    {"key", "KEY", "enqueue: of one key only one job is unfinished; a second is refused"},
    {"join", NULL, "enqueue: answer with the unfinished job of the key instead"},
    {"priority", "WORD", "enqueue: high, normal or batch (batch)"},
    {"at", "MOMENT", "enqueue: not before"},
    {"budget", "MS", "enqueue: time of one attempt (30000); kinds: the longest of the kind, or none"},
    {"running", "N", "kinds: how many of the kind run at once, or none; 0 stops it"},
    {NULL, NULL, NULL},
};

gh_change_t
gh_change_new(void)
{
    gh_change_t change;
    uint8_t id[16];
    gh_uuid7_new(id);
    gh_uuid_text(id, change.request);
    gh_pg_time_text(gh_now_us(), change.now);
    return change;
}

static bool
is_state(gh_str_t word)
{
    static const char *const states[] = {"QUEUED", "RUNNING", "DONE", "FAILED", "CANCELLED", "DEAD"};
    for (size_t i = 0; i < GH_COUNT(states); i++)
        if (gh_str_is(word, states[i]))
            return true;
    return false;
}

/* A comma list of states in capitals. -1: one of them is none. */
static int
states_of(const char *text, gh_buf_t *out)
{
    for (const char *p = text; *p; p++)
        gh_buf_putc(out, (char)toupper((unsigned char)*p));
    gh_str_t all = gh_buf_view(out);
    for (size_t from = 0; from <= all.n;) {
        size_t to = from;
        while (to < all.n && all.p[to] != ',')
            to++;
        if (!is_state((gh_str_t){all.p + from, to - from}))
            return -1;
        from = to + 1;
    }
    return 0;
}

static int
list(gh_cmd_t *c, PGconn *db)
{
    gh_buf_t states GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    const char *status = gh_args_str(&c->args, "status", NULL);
    char most[24];
    int64_t limit;
    if (c->args.n_words > 1)
        return gh_cmd_usage(c, "%s is too much", c->args.words[1]);
    if (gh_args_int(&c->args, "limit", 1, 100000, MOST, &limit) != 0)
        return gh_cmd_bad_option(c);
    if (status && states_of(status, &states) != 0)
        return gh_cmd_usage(c, "--status takes queued, running, done, failed, cancelled or dead");
    snprintf(most, sizeof most, "%lld", (long long)limit);
    const char *params[] = {gh_args_str(&c->args, "kind", NULL), status ? gh_buf_cstr(&states) : NULL,
                            gh_args_str(&c->args, "operation", NULL), most, gh_tz_name()};
    PGresult *r = gh_dbq_named(db, "jobs_list", (int)GH_COUNT(params), params);
    if (r)
        gh_rows_print(c, r, "jobs");
    PQclear(r);
    return r ? GH_EXIT_DONE : GH_EXIT_FAILED;
}

static int
show(gh_cmd_t *c, PGconn *db)
{
    uint8_t id[16];
    if (c->args.n_words != 2 || gh_uuid_parse(gh_str(c->args.words[1]), id) != 0)
        return gh_cmd_usage(c, "show takes the id of a job");
    PGresult *r = gh_dbq_named(db, "jobs_show", 2, (const char *[]){c->args.words[1], gh_tz_name()});
    int rc = !r             ? GH_EXIT_FAILED
             : PQntuples(r) ? GH_EXIT_DONE
                            : gh_cmd_failed(c, "%s: there is no such job", c->args.words[1]);
    if (rc == GH_EXIT_DONE)
        gh_rows_print_one(c, r, 0);
    PQclear(r);
    return rc;
}

static int
figures(gh_cmd_t *c, PGconn *db)
{
    char now[GH_PG_TIME_TEXT];
    if (c->args.n_words > 1)
        return gh_cmd_usage(c, "figures takes nothing more");
    gh_pg_time_text(gh_now_us(), now);
    PGresult *r = gh_dbq_named(db, "jobs_figures", 1, (const char *[]){now});
    if (r)
        gh_rows_print(c, r, "figures");
    PQclear(r);
    return r ? GH_EXIT_DONE : GH_EXIT_FAILED;
}

static int
retry(gh_cmd_t *c, PGconn *db)
{
    return gh_jobs_again(c, db, false);
}

static int
drop(gh_cmd_t *c, PGconn *db)
{
    return gh_jobs_again(c, db, true);
}

static const struct {
    const char *word;
    int (*run)(gh_cmd_t *c, PGconn *db);
} verbs[] = {
    {"list", list}, {"figures", figures},         {"show", show},           {"retry", retry},
    {"drop", drop}, {"enqueue", gh_jobs_enqueue}, {"kinds", gh_jobs_kinds}, {"schedule", gh_jobs_schedule},
};

int
gh_cmd_jobs(gh_cmd_t *c)
{
    const char *word = c->args.n_words ? c->args.words[0] : "list";
    size_t v = 0;
    if (strcmp(word, "letters") == 0)
        return c->args.n_words == 1 ? gh_jobs_letters(c) : gh_cmd_usage(c, "letters takes nothing more");
    while (v < GH_COUNT(verbs) && strcmp(verbs[v].word, word) != 0)
        v++;
    if (v == GH_COUNT(verbs))
        return gh_cmd_usage(c, "one of: list, show ID, retry ID..., drop ID..., enqueue OPERATION, kinds, "
                               "schedule, letters, figures");
    PGconn *db = gh_cmd_connect(c);
    if (!db)
        return GH_EXIT_DATABASE;
    int rc = verbs[v].run(c, db);
    PQfinish(db);
    return rc;
}
