/*
 * ops/cmd/token_cmd.c - `guahao token`: access tokens of existing accounts (decisions 24)
 *
 * Each token has a row in `sessions`, as a sign-in would make it, so that signing out and revoking work on it. Passwords are
 * not asked for: whoever holds the signing key and the database could sign anything anyway.
 */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/timez.h"
#include "base/token.h"
#include "base/uuid7.h"
#include "db/arrays.h"
#include "ops/cmd/cmd.h"
#include "ops/cmd/copy.h"
#include "ops/cmd/dbq.h"

const gh_opt_t gh_token_opts[] = {
    {"user", "LOGIN", "one account"},
    {"first-phone", "PHONE", "accounts by phone number, counting up from this one"},
    {"count", "N", "sessions of --user, or accounts from --first-phone (default 1)"},
    {"minutes", "N", "life of the tokens (default 720)"},
    {"surface", "NAME", "v1, oauth or bjtu: what the session counts as (default v1)"},
    {"format", "NAME", "lines, csv or json (default lines)"},
    {NULL, NULL, NULL},
};

typedef struct minted {
    gh_token_t claims;
    const char *login, *patient_id, *doctor_id; /* borrowed from the result */
    char *token;
} minted_t;

typedef struct request {
    int64_t count, minutes;
    int surface, format;
    const char *user, *first_phone;
} request_t;

static const char *const s_surfaces[] = {"v1", "oauth", "bjtu"};

static int
read_request(gh_cmd_t *c, request_t *q)
{
    q->user = gh_args_str(&c->args, "user", NULL);
    q->first_phone = gh_args_str(&c->args, "first-phone", NULL);
    if (gh_args_int(&c->args, "count", 1, 1000000, 1, &q->count) != 0 ||
        gh_args_int(&c->args, "minutes", 1, 43200, 720, &q->minutes) != 0 ||
        gh_args_word(&c->args, "surface", "v1|oauth|bjtu", 0, &q->surface) != 0 ||
        gh_args_word(&c->args, "format", "lines|csv|json", c->json ? 2 : 0, &q->format) != 0)
        return gh_cmd_bad_option(c);
    if (!q->user == !q->first_phone)
        return gh_cmd_usage(c, "give --user or --first-phone");
    return GH_EXIT_DONE;
}

/* Sign one token for a row (user id, login, roles, patient, doctor). */
static int
mint(const gh_token_keys_t *keys, const PGresult *r, int row, const request_t *q, int64_t now_s,
     minted_t *out)
{
    gh_token_t *t = &out->claims;
    t->user_id = gh_pg_i64(r, row, 0, 0);
    t->iat = now_s;
    t->exp = now_s + q->minutes * 60;
    snprintf(t->roles_csv, sizeof t->roles_csv, "%s", PQgetvalue(r, row, 2));
    gh_uuid7_new(t->sid);
    gh_uuid7_new(t->jti);
    out->login = PQgetvalue(r, row, 1);
    out->patient_id = PQgetvalue(r, row, 3);
    out->doctor_id = PQgetvalue(r, row, 4);
    return gh_token_issue(keys, t, &out->token);
}

static int
store(PGconn *db, const minted_t *v, size_t n, const request_t *q)
{
    gh_copy_t copy;
    char now[GH_TEXT_TS], end[GH_TEXT_TS];
    gh_ts_text(v[0].claims.iat * 1000000, now);
    gh_ts_text(v[0].claims.exp * 1000000, end);
    if (gh_copy_begin(
            &copy, db,
            "copy sessions (id, user_id, surface, access_jti, access_expires_at, created_at, last_seen_at, "
            "expires_at, user_agent) from stdin") != 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        gh_copy_uuid(&copy, v[i].claims.sid);
        gh_copy_i64(&copy, v[i].claims.user_id);
        gh_copy_cstr(&copy, s_surfaces[q->surface]);
        gh_copy_uuid(&copy, v[i].claims.jti);
        gh_copy_cstr(&copy, end);
        gh_copy_cstr(&copy, now);
        gh_copy_cstr(&copy, now);
        gh_copy_cstr(&copy, end);
        gh_copy_cstr(&copy, "guahao token");
        gh_copy_row(&copy);
    }
    return gh_copy_end(&copy);
}

static void
print_json(const minted_t *v, size_t n)
{
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;
    gh_json_init(&j, &out);
    gh_json_arr(&j);
    for (size_t i = 0; i < n; i++) {
        gh_json_obj(&j);
        gh_json_ki64(&j, "user_id", v[i].claims.user_id);
        gh_json_kraw(&j, "patient_id", gh_str(*v[i].patient_id ? v[i].patient_id : "null"));
        gh_json_kraw(&j, "doctor_id", gh_str(*v[i].doctor_id ? v[i].doctor_id : "null"));
        gh_json_kcstr(&j, "login", v[i].login);
        gh_json_kcstr(&j, "token", v[i].token);
        gh_json_obj_end(&j);
    }
    gh_json_arr_end(&j);
    puts(gh_buf_cstr(&out) ? out.p : "null");
}

static void
print(const minted_t *v, size_t n, int format)
{
    if (format == 2) {
        print_json(v, n);
        return;
    }
    if (format == 1)
        puts("user_id,patient_id,doctor_id,login,token");
    for (size_t i = 0; i < n; i++)
        if (format == 1)
            printf("%lld,%s,%s,%s,%s\n", (long long)v[i].claims.user_id, v[i].patient_id, v[i].doctor_id,
                   v[i].login, v[i].token);
        else
            puts(v[i].token);
}

/* The accounts asked for: one row each; --user has one row whatever --count says. */
static PGresult *
find_accounts(gh_cmd_t *c, PGconn *db, const request_t *q)
{
    char count[24];
    snprintf(count, sizeof count, "%lld", (long long)q->count);
    PGresult *r = q->user ? gh_dbq_named(db, "token_user", 1, (const char *[]){q->user})
                          : gh_dbq_named(db, "token_phones", 2, (const char *[]){q->first_phone, count});
    int want = q->user ? 1 : (int)q->count;
    if (r && PQntuples(r) < want) {
        (void)gh_cmd_failed(
            c, q->user ? "there is no such active account" : "there are only %d such active accounts",
            PQntuples(r));
        PQclear(r);
        return NULL;
    }
    return r;
}

int
gh_cmd_token(gh_cmd_t *c)
{
    request_t q;
    int rc = read_request(c, &q);
    if (rc != GH_EXIT_DONE)
        return rc;
    gh_token_keys_t *keys = gh_token_keys_load(c->conf, false);
    if (!keys)
        return gh_cmd_failed(c, "there is no usable signing key (guahao keys init makes one)");
    PGconn *db = gh_cmd_connect(c);
    rc = db ? GH_EXIT_FAILED : GH_EXIT_DATABASE;
    PGresult *accounts = db ? find_accounts(c, db, &q) : NULL;
    size_t n = (size_t)q.count, made = 0;
    minted_t *v = accounts ? calloc(n, sizeof *v) : NULL;
    int64_t now_s = gh_now_us() / 1000000;
    while (v && made < n && mint(keys, accounts, q.user ? 0 : (int)made, &q, now_s, &v[made]) == 0)
        made++;
    if (v && made == n && store(db, v, n, &q) == 0) {
        print(v, n, q.format);
        rc = GH_EXIT_DONE;
    }
    for (size_t i = 0; i < made; i++)
        free(v[i].token);
    free(v);
    PQclear(accounts);
    PQfinish(db);
    gh_token_keys_destroy(&keys);
    return rc;
}
