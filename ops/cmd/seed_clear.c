/*
 * ops/cmd/seed_clear.c - removing demo data (api/31 CM-01, CM-12; R-244)
 */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

#include "ops/cmd/dbq.h"
#include "ops/cmd/seed.h"

/* In this order: what hangs on a row goes before it. Later tables that hang on demo rows are added here. */
static const char *const s_steps[] = {
    "clear_doomed",       "clear_free_places",    "clear_history",   "clear_ledger",
    "clear_refunds",      "clear_gateway_events", "clear_payments",  "clear_bill_items",
    "clear_bills",        "clear_messages",       "clear_notices",   "clear_images",
    "clear_records",      "clear_add_slots",      "clear_orders",    "clear_leave",
    "clear_rules",        "clear_applications",   "clear_sessions",  "clear_primary_doctor",
    "clear_patients",     "clear_clinics",        "clear_doctors",   "clear_specialties",
    "clear_minors",       "clear_majors",         "clear_areas",     "clear_admins",
    "clear_users_doomed", "clear_tokens",         "clear_sign_ins",  "clear_resets",
    "clear_passwords",    "clear_bans",           "clear_risk_logs", "clear_risk",
    "clear_feedback",     "clear_wechat",         "clear_roles",     "clear_job_files",
    "clear_jobs",         "clear_users",
};

static int
remove_marked(gh_cmd_t *c, PGconn *db)
{
    int64_t rows = 0;
    for (size_t i = 0; i < GH_COUNT(s_steps); i++) {
        PGresult *r = gh_dbq_named(db, s_steps[i], 0, NULL);
        if (!r)
            return -1;
        rows += strtoll(PQcmdTuples(r), NULL, 10);
        PQclear(r);
    }
    gh_cmd_say(c, "%lld demo rows removed", (long long)rows);
    return 0;
}

static int
empty_tables(gh_cmd_t *c, PGconn *db)
{
    PGresult *r = gh_dbq_named(db, "clear_whole", 0, NULL);
    PQclear(r);
    if (r)
        gh_cmd_say(c, "departments, doctors, sessions, appointments and patients emptied");
    return r ? 0 : -1;
}

int
gh_seed_clear(gh_cmd_t *c, PGconn *db, bool whole)
{
    if (gh_dbq_exec(db, "begin") != 0 || gh_dbq_exec(db, "set local guahao.clearing = 'on'") != 0)
        return GH_EXIT_FAILED;
    if ((whole ? empty_tables(c, db) : remove_marked(c, db)) != 0 || gh_dbq_exec(db, "commit") != 0) {
        PQclear(PQexec(db, "rollback"));
        return GH_EXIT_FAILED;
    }
    return GH_EXIT_DONE;
}
