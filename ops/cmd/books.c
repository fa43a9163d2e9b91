/*
 * ops/cmd/books.c - `guahao books`: do places, appointments, waitlists and money agree?
 *
 * The invariants are the statements of books.sql that begin with a block comment, `RULES: what must hold`; there is no list of them
 * here. All read one snapshot.
 */
#include <libpq-fe.h>
#include <stdio.h>

#include "base/json.h"
#include "base/timez.h"
#include "db/arrays.h"
#include "gen/sql_cmd.h"
#include "ops/cmd/cmd.h"
#include "ops/cmd/dbq.h"
#include "ops/cmd/progress.h"

#define PREFIX "books_"

const gh_opt_t gh_books_opts[] = {
    {"only", "NAME", "this invariant alone, by its name (see --json)"},
    {"grace", "S", "how long work that the clock drives may lag (120)"},
    {"examples", "N", "rows shown of an invariant that does not hold (5)"},
    {NULL, NULL, NULL},
};

typedef struct invariant {
    const char *name; /* without prefix */
    gh_str_t rules, says;
    const char *sql;
} invariant_t;

typedef struct run {
    gh_cmd_t *c;
    PGconn *db;
    int64_t examples;
    gh_json_t *json;
    int checked, broken;
} run_t;

/* "books_x", and a text that begins with its rules and what it says. */
static bool
read_invariant(const gh_sql_t *row, invariant_t *out)
{
    if (strncmp(row->name, PREFIX, sizeof PREFIX - 1) != 0 || strncmp(row->text, "/* ", 3) != 0)
        return false;
    const char *begin = row->text + 3, *colon = strstr(begin, ": "), *end = strstr(begin, " */");
    if (!colon || !end || colon > end)
        return false;
    *out = (invariant_t){.name = row->name + sizeof PREFIX - 1,
                         .rules = {begin, (size_t)(colon - begin)},
                         .says = {colon + 2, (size_t)(end - colon) - 2},
                         .sql = end + 3};
    return true;
}

/* Rows: how many there are, id, what. NULL after a message. */
static PGresult *
look(const run_t *r, const invariant_t *v)
{
    gh_buf_t sql GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    char most[24];
    snprintf(most, sizeof most, "%lld", (long long)r->examples);
    gh_buf_printf(&sql, "select count(*) over (), b.id, b.what from (%s) b order by b.id limit $1::int",
                  v->sql);
    PGresult *res = gh_buf_cstr(&sql)
                        ? PQexecParams(r->db, sql.p, 1, NULL, (const char *[]){most}, NULL, NULL, 0)
                        : NULL;
    if (PQresultStatus(res) == PGRES_TUPLES_OK)
        return res;
    char said[GH_DBQ_FAULT_MAX];
    fprintf(stderr, "guahao books: %s: %s\n", v->name, gh_dbq_fault(r->db, res, said));
    PQclear(res);
    return NULL;
}

static void
put_json(gh_json_t *j, const invariant_t *v, const PGresult *found, int64_t n)
{
    gh_json_obj(j);
    gh_json_kcstr(j, "name", v->name);
    gh_json_kstr(j, "rules", v->rules);
    gh_json_kstr(j, "says", v->says);
    gh_json_ki64(j, "differences", n);
    gh_json_key(j, "examples");
    gh_json_arr(j);
    for (int row = 0; row < PQntuples(found); row++) {
        gh_json_obj(j);
        gh_json_ki64(j, "id", gh_pg_i64(found, row, 1, 0));
        gh_json_kstr(j, "what", gh_pg_str(found, row, 2));
        gh_json_obj_end(j);
    }
    gh_json_arr_end(j);
    gh_json_obj_end(j);
}

static void
put_text(const invariant_t *v, const PGresult *found, int64_t n)
{
    printf("%-4s  %-20.*s  %.*s\n", n == 0 ? "ok" : "NO", (int)v->rules.n, v->rules.p, (int)v->says.n,
           v->says.p);
    for (int row = 0; row < PQntuples(found); row++)
        printf("      %12s  %s\n", PQgetvalue(found, row, 1), PQgetvalue(found, row, 2));
    if (n > PQntuples(found))
        printf("      and %lld more\n", (long long)(n - PQntuples(found)));
}

static int
check_one(run_t *r, const invariant_t *v)
{
    gh_progress_t progress;
    gh_progress_begin(&progress, r->c, v->name, 0);
    if (progress.tty)
        gh_progress_at(&progress, 0);
    PGresult *found = look(r, v);
    if (progress.on && progress.tty)
        fprintf(stderr, "\r\033[K");
    if (!found)
        return -1;
    int64_t n = PQntuples(found) ? gh_pg_i64(found, 0, 0, 0) : 0;
    r->checked++;
    r->broken += n > 0;
    if (r->json)
        put_json(r->json, v, found, n);
    else
        put_text(v, found, n);
    PQclear(found);
    return 0;
}

static int
check_all(run_t *r, const char *only)
{
    for (size_t i = 0; i < gh_sql_cmd_count; i++) {
        invariant_t v;
        if (!read_invariant(&gh_sql_cmd[i], &v) || (only && strcmp(only, v.name) != 0))
            continue;
        if (check_one(r, &v) != 0)
            return -1;
    }
    return 0;
}

/* Begin the snapshot with the tables that the invariants share. */
static int
open_books(PGconn *db, int64_t grace_s)
{
    static const char *const steps[] = {PREFIX "begin", PREFIX "clock", PREFIX "money", PREFIX "ready"};
    char now[GH_PG_TIME_TEXT], grace[24];
    gh_pg_time_text(gh_now_us(), now);
    snprintf(grace, sizeof grace, "%lld", (long long)grace_s);
    for (size_t i = 0; i < GH_COUNT(steps); i++) {
        PGresult *res = gh_dbq_named(db, steps[i], i == 1 ? 2 : 0, (const char *[]){now, grace});
        if (!res)
            return -1;
        PQclear(res);
    }
    return 0;
}

static int
run_json(run_t *r, const char *only)
{
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;
    gh_json_init(&j, &out);
    r->json = &j;
    gh_json_obj(&j);
    gh_json_key(&j, "invariants");
    gh_json_arr(&j);
    int rc = check_all(r, only);
    r->json = NULL;
    if (rc != 0)
        return -1;
    gh_json_arr_end(&j);
    gh_json_ki64(&j, "checked", r->checked);
    gh_json_kbool(&j, "ok", r->broken == 0);
    gh_json_obj_end(&j);
    if (r->checked > 0)
        printf("%s\n", gh_buf_cstr(&out) ? out.p : "null");
    return 0;
}

int
gh_cmd_books(gh_cmd_t *c)
{
    run_t r = {.c = c};
    int64_t grace;
    const char *only = gh_args_str(&c->args, "only", NULL);
    if (gh_args_int(&c->args, "grace", 0, 86400, 120, &grace) != 0 ||
        gh_args_int(&c->args, "examples", 1, 100000, 5, &r.examples) != 0)
        return gh_cmd_bad_option(c);
    r.db = gh_cmd_connect(c);
    if (!r.db)
        return GH_EXIT_DATABASE;
    bool good = open_books(r.db, grace) == 0 && (c->json ? run_json(&r, only) : check_all(&r, only)) == 0;
    PQfinish(r.db);
    if (good && r.checked == 0)
        return gh_cmd_usage(c, "there is no invariant %s", only);
    if (good && !c->json)
        printf("%s: %d invariants, %d that do not hold\n", r.broken ? "differences" : "in order", r.checked,
               r.broken);
    return good && r.broken == 0 ? GH_EXIT_DONE : GH_EXIT_FAILED;
}
