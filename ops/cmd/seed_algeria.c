/*
 * ops/cmd/seed_algeria.c - `guahao seed algeria` (api/31 CM-11; ): the sample data of seed 003
 *
 * A polyclinic in Algiers: specialties, doctors with weekly hours, patients with appointments that are to come, and others that were held,
 * cancelled, missed or never paid. What it holds is decided by statements of algeria.sql from the random number alone, and by the day
 * of the run; here are their order, the password and the numbers of orders. One transaction.
 */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/password.h"
#include "base/timez.h"
#include "db/arrays.h"
#include "domain/order_no.h"
#include "ops/cmd/dbq.h"
#include "ops/cmd/progress.h"
#include "ops/cmd/seed.h"

#define PASSWORD "Algeria123!" /* of the seed: for samples only, production refuses them */

typedef struct algeria {
    gh_cmd_t *c;
    PGconn *db;
    const char *currency;
    char now[GH_PG_TIME_TEXT], today[GH_TEXT_DATE], rng[24], doctors[24], patients[24],
        hash[GH_PASSWORD_HASH];
    int64_t added;
    gh_json_t *json;
} algeria_t;

/* The parameters that a statement may have, by a letter each. */
static const char *
param(const algeria_t *a, char letter)
{
    switch (letter) {
    case 'n':
        return a->now;
    case 't':
        return a->today;
    case 'z':
        return gh_tz_name();
    case 'h':
        return a->hash;
    case 'r':
        return a->rng;
    case 'd':
        return a->doctors;
    default:
        return a->patients;
    }
}

static const struct {
    const char *statement, *label; /* label: its rows are counted and shown */
    const char *params;
} s_steps[] = {
    {"seed_lock", NULL, ""},
    {"algeria_pick", NULL, ""},
    {"algeria_stage_fields", NULL, ""},
    {"algeria_stage_people", NULL, "rdp"},
    {"algeria_departments", "specialties", "n"},
    {"algeria_users", "accounts", "nh"},
    {"algeria_roles", NULL, "n"},
    {"algeria_administrator", NULL, "n"},
    {"algeria_doctors", "doctors", "nr"},
    {"algeria_patients", "patients", "nr"},
    {"algeria_relations", NULL, "n"},
    {"algeria_rules", "weekly hours", "nt"},
    {"algeria_sessions", "sessions", "ntz"},
    {"algeria_stage_orders", NULL, "nt"},
};

static int
run_step(algeria_t *a, size_t i)
{
    const char *params[8];
    int n = 0;
    gh_progress_t progress;
    for (const char *p = s_steps[i].params; *p; p++)
        params[n++] = param(a, *p);
    gh_progress_begin(&progress, a->c, s_steps[i].label, 0);
    PGresult *r = gh_dbq_named(a->db, s_steps[i].statement, n, params);
    int64_t rows = r ? strtoll(PQcmdTuples(r), NULL, 10) : 0;
    PQclear(r);
    if (r && s_steps[i].label) {
        a->added += rows;
        gh_progress_end(&progress, rows);
        if (a->json)
            gh_json_ki64(a->json, s_steps[i].label, rows);
    }
    return r ? 0 : -1;
}

/* Numbers of the staged orders: only who has the key can make them (decisions 18). */
static int
add_orders(algeria_t *a, const gh_order_key_t *key, int32_t day)
{
    gh_progress_t progress;
    gh_pgarr_t k = {0}, orders = {0}, bills = {0};
    gh_progress_begin(&progress, a->c, "appointments", 0);
    PGresult *r = gh_dbq_named(a->db, "algeria_numbers", 0, NULL);
    for (int row = 0; r && row < PQntuples(r); row++) {
        char order[GH_ORDER_NO_TEXT], bill[32];
        gh_order_no_text(key, day, gh_pg_i64(r, row, 1, 0), order);
        snprintf(bill, sizeof bill, "B%.8s%08lld", order, (long long)gh_pg_i64(r, row, 2, 0));
        gh_pgarr_i64(&k, gh_pg_i64(r, row, 0, 0));
        gh_pgarr_text(&orders, gh_str(order));
        gh_pgarr_text(&bills, gh_str(bill));
    }
    PQclear(r);
    const char *params[] = {
        a->now,      gh_pgarr_literal(&k), gh_pgarr_literal(&orders), gh_pgarr_literal(&bills),
        a->currency, gh_tz_name()};
    PGresult *made = r && params[1] && params[2] && params[3]
                         ? gh_dbq_named(a->db, "algeria_orders", 6, params)
                         : NULL;
    int64_t rows = made ? gh_pg_i64(made, 0, 0, 0) : 0;
    PQclear(made);
    gh_pgarr_fini(&k);
    gh_pgarr_fini(&orders);
    gh_pgarr_fini(&bills);
    if (!made)
        return -1;
    a->added += rows;
    gh_progress_end(&progress, rows);
    if (a->json)
        gh_json_ki64(a->json, "appointments", rows);
    return 0;
}

static int
add_all(algeria_t *a, const gh_order_key_t *key, int32_t day)
{
    for (size_t i = 0; i < GH_COUNT(s_steps); i++)
        if (run_step(a, i) != 0)
            return -1;
    return add_orders(a, key, day);
}

/* ISO 4217, as the setting hospital.currency has it. */
static bool
is_currency(const char *s)
{
    return strlen(s) == 3 && strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 3;
}

/* What bills are in: what was asked for; in a database without bills dinars; else the hospital's. -1 after a message. */
static int
choose_currency(algeria_t *a)
{
    const char *own = gh_conf_str(a->c->conf, "hospital.currency");
    PGresult *r = gh_dbq_named(a->db, "algeria_is_empty", 0, NULL);
    if (!r)
        return -1;
    a->currency = gh_args_str(&a->c->args, "currency", gh_pg_bool(r, 0, 0) ? "DZD" : own);
    PQclear(r);
    if (strcmp(a->currency, own) != 0)
        gh_cmd_say(
            a->c,
            "bills are in %s, the hospital's currency is %s: GUAHAO_HOSPITAL_CURRENCY=%s makes them agree",
            a->currency, own, a->currency);
    return 0;
}

int
gh_seed_algeria_options(gh_cmd_t *c)
{
    int64_t n;
    if (gh_args_int(&c->args, "count", 1, 10000, 0, &n) != 0 ||
        gh_args_int(&c->args, "rng", 0, INT64_MAX, 1, &n) != 0)
        return gh_cmd_bad_option(c);
    const char *currency = gh_args_str(&c->args, "currency", NULL);
    return currency && !is_currency(currency) ? gh_cmd_usage(c, "--currency has three letters A-Z (ISO 4217)")
                                              : GH_EXIT_DONE;
}

int
gh_seed_algeria(gh_cmd_t *c, PGconn *db)
{
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;
    gh_order_key_t key;
    algeria_t a = {.c = c, .db = db, .json = c->json ? &j : NULL};
    int64_t now_us = gh_now_us(), count, rng, start = gh_mono_ms();
    int32_t day = gh_tz_day(now_us);
    if (gh_args_int(&c->args, "count", 1, 10000, 20, &count) != 0 ||
        gh_args_int(&c->args, "rng", 0, INT64_MAX, 1, &rng) != 0)
        return gh_cmd_bad_option(c);
    gh_json_init(&j, &out);
    gh_json_obj(&j);
    gh_pg_time_text(now_us, a.now);
    gh_day_text(day, a.today);
    snprintf(a.rng, sizeof a.rng, "%lld", (long long)rng);
    snprintf(a.patients, sizeof a.patients, "%lld", (long long)count);
    snprintf(a.doctors, sizeof a.doctors, "%lld", (long long)(count / 20 > 8 ? count / 20 : 8));
    if (gh_order_key_load(gh_conf_str(c->conf, "order.number_key_file"), false, &key) != 0)
        return gh_cmd_failed(c, "the key of order numbers is missing: guahao keys init");
    if (gh_password_hash(GH_STR(PASSWORD), (int)gh_conf_int(c->conf, "password.cost"), a.hash) != 0)
        return gh_cmd_failed(c, "the password cannot be hashed");
    if (choose_currency(&a) != 0 || gh_dbq_exec(db, "begin") != 0)
        return GH_EXIT_FAILED;
    int rc = add_all(&a, &key, day) == 0 && gh_dbq_exec(db, "commit") == 0 ? GH_EXIT_DONE : GH_EXIT_FAILED;
    explicit_bzero(&key, sizeof key);
    if (rc != GH_EXIT_DONE) {
        PQclear(PQexec(db, "rollback"));
        return rc;
    }
    gh_json_obj_end(&j);
    if (c->json && gh_buf_cstr(&out))
        puts(out.p);
    gh_cmd_say(c, "%lld rows added in %.2f s; all accounts have the password " PASSWORD, (long long)a.added,
               (double)(gh_mono_ms() - start) / 1000);
    return GH_EXIT_DONE;
}
