/*
 * ops/cmd/audit.c - `guahao audit verify`: is the audit log what it was when it was sealed? (api/31 CM-17, R-214)
 *
 * The hash of the chain's end is part of the answer: kept elsewhere, it shows later that nobody has replaced the whole chain.
 */
#include <libpq-fe.h>
#include <stdio.h>

#include "base/json.h"
#include "db/arrays.h"
#include "ops/cmd/cmd.h"
#include "ops/cmd/dbq.h"

const gh_opt_t gh_audit_opts[] = {
    {"from", "ID", "first entry (default: the first there is)"},
    {"to", "ID", "last entry (default: the last there is)"},
    {NULL, NULL, NULL},
};

enum { CHECKED, UNSEALED, BAD, HEAD };

static void
print_json(const PGresult *r, bool ok)
{
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;
    gh_json_init(&j, &out);
    gh_json_obj(&j);
    gh_json_ki64(&j, "checked", gh_pg_i64(r, 0, CHECKED, 0));
    gh_json_kbool(&j, "ok", ok);
    if (!ok)
        gh_json_ki64(&j, "first_bad_id", gh_pg_i64(r, 0, BAD, 0));
    gh_json_ki64(&j, "unsealed", gh_pg_i64(r, 0, UNSEALED, 0));
    gh_json_kstr(&j, "head", gh_pg_str(r, 0, HEAD));
    gh_json_obj_end(&j);
    printf("%s\n", gh_buf_cstr(&out) ? out.p : "null");
}

static int
verify(gh_cmd_t *c, PGconn *db, int64_t from, int64_t to)
{
    char text[2][24];
    snprintf(text[0], sizeof text[0], "%lld", (long long)from);
    snprintf(text[1], sizeof text[1], "%lld", (long long)to);
    PGresult *r = gh_dbq_named(db, "audit_verify", 2, (const char *[]){text[0], text[1]});
    if (!r)
        return GH_EXIT_FAILED;
    bool ok = !gh_pg_str(r, 0, BAD).p;
    if (c->json)
        print_json(r, ok);
    else if (ok)
        printf("%s entries are as they were sealed, %s wait for their seal; the chain ends with %s\n",
               gh_pg_str(r, 0, CHECKED).p, gh_pg_str(r, 0, UNSEALED).p, gh_pg_str(r, 0, HEAD).p);
    else
        printf("entry %s is not what it was when it was sealed, or what stood before it is gone\n",
               gh_pg_str(r, 0, BAD).p);
    PQclear(r);
    return ok ? GH_EXIT_DONE : GH_EXIT_FAILED;
}

int
gh_cmd_audit(gh_cmd_t *c)
{
    int64_t from, to;
    if (c->args.n_words != 1 || strcmp(c->args.words[0], "verify") != 0)
        return gh_cmd_usage(c, "say guahao audit verify");
    if (gh_args_int(&c->args, "from", 1, INT64_MAX, 1, &from) != 0 ||
        gh_args_int(&c->args, "to", 1, INT64_MAX, INT64_MAX, &to) != 0)
        return gh_cmd_bad_option(c);
    PGconn *db = gh_cmd_connect(c);
    if (!db)
        return GH_EXIT_DATABASE;
    int rc = verify(c, db, from, to);
    PQfinish(db);
    return rc;
}
