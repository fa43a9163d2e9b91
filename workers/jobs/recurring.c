/*
 * workers/jobs/recurring.c - jobs that come again: their table, and queueing the slots that are due
 *
 * A slot is queued in the transaction that moves the row on, under the row's lock: once, however many dispatchers look.
 */
#include <libpq-fe.h>

#include "base/log.h"
#include "base/timez.h"
#include "base/uuid7.h"
#include "db/arrays.h"
#include "wire/mp.h"
#include "workers/jobs/dispatcher.h"
#include "workers/jobs/jobs_rules.h"

#define BACK_US 2000000 /* less is a clock being set right */

typedef struct recurring {
    const char *name, *cron, *catch_up, *kind, *op, *service;
    int budget_ms, max_attempts;
} recurring_t;

/* clang-format off */
static const recurring_t known[] = {
    {"unpaid-orders", "* * * * *", "last", "booking", "booking.expire_unpaid", "booking", 20000, 3}, /* BR-83 */
    {"payments",      "* * * * *", "last", "gateway", "billing.expire_payments", "billing", 20000, 3}, /* */
    {"waitlist",      "* * * * *", "last", "booking", "booking.tidy_waitlist", "booking", 20000, 3}, /* BR-99, BR-104 */
    {"statistics",    "10 0 * * *", "last", "maintenance", "stats.count_days", "stats", 30000, 5},   /* BR-139 */
    {"requests",      "40 3 * * *", "last", "maintenance", "stats.keep_requests", "stats", 20000, 5},
    {"risk",          "10 3 * * *", "last", "maintenance", "identity.tend_risk", "identity", 60000, 3}, /* BR-131 to BR-133 */
    {"visit-reminders", "0 20 * * *", "last", "mail", "notify.remind_visits", "notify", 20000, 5}, /* BR-147 */
    {"backup",        "30 2 * * *", "last", "backup", "system.run_backup", "system", 3600000, 3}, /* */
};
/* clang-format on */

/* Off until an operator wants it. */
static bool
is_off_at_first(const recurring_t *k)
{
    return strcmp(k->name, "backup") == 0;
}

int
gh_recurring_keep(gh_blocking_t *db)
{
    enum { N = 9 };
    gh_pgarr_t a[N] = {0};
    const char *params[N + 1];
    char now[GH_PG_TIME_TEXT];
    for (size_t i = 0; i < GH_COUNT(known); i++) {
        const recurring_t *k = &known[i];
        const char *const texts[] = {k->name, k->cron, k->catch_up, k->kind, k->op, k->service};
        for (size_t c = 0; c < GH_COUNT(texts); c++)
            gh_pgarr_text(&a[c], gh_str(texts[c]));
        gh_pgarr_i64(&a[6], k->budget_ms);
        gh_pgarr_i64(&a[7], k->max_attempts);
        gh_pgarr_bool(&a[8], !is_off_at_first(k));
    }
    bool whole = true;
    for (size_t c = 0; c < N; c++)
        whole &= (params[c] = gh_pgarr_literal(&a[c])) != NULL;
    gh_pg_time_text(gh_now_us(), now);
    params[N] = now;
    PGresult *r = whole ? gh_blocking_run(db, "schedules_keep", N + 1, params) : NULL;
    int rc = r ? 0 : -1;
    PQclear(r);
    for (size_t c = 0; c < N; c++)
        gh_pgarr_fini(&a[c]);
    return rc;
}

/* {"body": {"slot": "2026-03-09T02:00:00+08:00"}} */
static void
put_args(gh_pgarr_t *out, int64_t slot_us)
{
    gh_buf_t args GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    char text[GH_TEXT_TS];
    gh_ts_text(slot_us, text);
    gh_mpw_map(&args, 1);
    gh_mpw_cstr(&args, "body");
    gh_mpw_map(&args, 1);
    gh_mpw_cstr(&args, "slot");
    gh_mpw_cstr(&args, text);
    gh_pgarr_bytea(out, gh_buf_view(&args));
}

static int
fire(gh_blocking_t *db, const char *name, int64_t slot_us, const char *now, bool *queued)
{
    gh_pgarr_t a[4] = {0};
    uint8_t id[16];
    gh_uuid7_new(id);
    gh_pgarr_text(&a[0], gh_str(name));
    gh_pgarr_uuid(&a[1], id);
    gh_pgarr_time(&a[2], slot_us);
    put_args(&a[3], slot_us);
    const char *params[] = {gh_pgarr_literal(&a[0]), gh_pgarr_literal(&a[1]), gh_pgarr_literal(&a[2]),
                            gh_pgarr_literal(&a[3]), now};
    PGresult *r = gh_blocking_run(db, "schedules_fire", 5, params);
    int rc = r ? 0 : -1;
    *queued = r && PQntuples(r) == 1;
    PQclear(r);
    for (size_t i = 0; i < GH_COUNT(a); i++)
        gh_pgarr_fini(&a[i]);
    return rc;
}

static int
move(gh_blocking_t *db, const char *name, int64_t next_us, int64_t fired_us, const char *now)
{
    gh_pgarr_t a[3] = {0};
    gh_pgarr_text(&a[0], gh_str(name));
    next_us ? gh_pgarr_time(&a[1], next_us) : gh_pgarr_null(&a[1]);
    fired_us ? gh_pgarr_time(&a[2], fired_us) : gh_pgarr_null(&a[2]);
    const char *params[] = {gh_pgarr_literal(&a[0]), gh_pgarr_literal(&a[1]), gh_pgarr_literal(&a[2]), now};
    PGresult *r = gh_blocking_run(db, "schedules_move", 4, params);
    int rc = r ? 0 : -1;
    PQclear(r);
    for (size_t i = 0; i < GH_COUNT(a); i++)
        gh_pgarr_fini(&a[i]);
    return rc;
}

/* One row: name, cron, catch_up, next slot. */
static int
turn_one(gh_blocking_t *db, const PGresult *due, int row, int64_t now_us, const char *now)
{
    const char *name = PQgetvalue(due, row, 0);
    gh_cron_t cron;
    gh_catch_up_t rule;
    bool queued = false;
    if (gh_cron_parse(gh_pg_str(due, row, 1), &cron) || gh_catch_up_parse(gh_pg_str(due, row, 2), &rule)) {
        gh_log(GH_LOG_ERROR, "recurring_cron", GH_KS("name", name), GH_KS("cron", PQgetvalue(due, row, 1)));
        return move(db, name, now_us + INT64_C(3600000000), 0, now);
    }
    gh_slot_t slot = gh_slot_decide(&cron, rule, gh_pg_i64(due, row, 3, 0), now_us);
    if (slot.fire_us && fire(db, name, slot.fire_us, now, &queued))
        return -1;
    if (slot.fire_us && !queued) { /* the last one still runs */
        if (rule == GH_CATCH_UP_ALL)
            return 0;
        gh_log(GH_LOG_WARN, "recurring_skipped", GH_KS("name", name));
    }
    return move(db, name, slot.next_us, queued ? slot.fire_us : 0, now);
}

/* A clock that was put back: slots of the time that comes again are worked out anew, or nothing would run until then. */
static void
watch_clock(gh_blocking_t *db, int64_t now_us, const char *now, int64_t *seen_us)
{
    PGresult *r = NULL;
    bool back = now_us < *seen_us - BACK_US;
    if (back && !(r = gh_blocking_run(db, "schedules_back", 1, &now)))
        return; /* the next turn tries it again */
    *seen_us = now_us;
    PQclear(r);
}

void
gh_recurring_turn(gh_blocking_t *db, int64_t *seen_us)
{
    char now[GH_PG_TIME_TEXT];
    int64_t now_us = gh_now_us();
    gh_pg_time_text(now_us, now);
    watch_clock(db, now_us, now, seen_us);
    PGresult *begun = gh_blocking_run(db, "schedules_begin", 0, NULL);
    PGresult *due = begun ? gh_blocking_run(db, "schedules_due", 1, (const char *[]){now}) : NULL;
    bool good = due != NULL;
    for (int row = 0; good && row < PQntuples(due); row++)
        good = turn_one(db, due, row, now_us, now) == 0;
    if (begun)
        PQclear(gh_blocking_run(db, good ? "schedules_commit" : "schedules_rollback", 0, NULL));
    PQclear(due);
    PQclear(begun);
}
