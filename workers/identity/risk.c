/*
 * workers/identity/risk.c - the risk of accounts: what bookings add (BR-128, BR-129), what visits and time take away (BR-131 to BR-134)
 *
 *   identity.weigh_bookings   inner; queued by the booking pool for an account that has booked much within the hour
 *   identity.credit_visit     inner; queued with the completion of a visit of an account that has a score
 *   identity.tend_risk        inner; daily, by the jobs pool
 *
 * phase 0 changes scores; a ban that came of it ends the sessions of the account in phases 1 and 2 (BR-136).
 */
#include <libpq-fe.h>

#include "db/arrays.h"
#include "workers/identity/identity.h"

#define CHANGES_MAX 2

typedef struct risk {
    size_t at[CHANGES_MAX]; /* statements that give kinds of bans and accounts */
    size_t n;
    bool ending;
} risk_t;

static gh_step_t
answer(gh_batch_t *b)
{
    gh_job_ok(b, b->jobs[0], 0, GH_STR("null"));
    return gh_batch_ok(b) ? GH_STEP_DONE : GH_STEP_FAIL;
}

/* Accounts that have just been banned are shown out. */
static gh_step_t
show_out(gh_batch_t *b, risk_t *r)
{
    gh_pgarr_t users GH_CLEANUP(gh_pgarr_fini) = {0};
    for (size_t i = 0; i < r->n; i++) {
        const PGresult *changes = gh_batch_result(b, r->at[i]);
        for (int row = 0; row < PQntuples(changes); row++)
            if (gh_pg_str(changes, row, 0).n > 0)
                gh_pgarr_i64(&users, gh_pg_i64(changes, row, 1, 0));
    }
    if (users.count == 0)
        return answer(b);
    const char *ids = gh_pgarr_literal(&users);
    if (!ids)
        return GH_STEP_FAIL;
    gh_batch_query(b, "risk_sessions", 1, &ids);
    r->ending = true;
    return gh_batch_ok(b) ? GH_STEP_MORE : GH_STEP_FAIL;
}

static gh_step_t
step(gh_batch_t *b, void (*change)(gh_batch_t *b, risk_t *r))
{
    risk_t *r = b->state;
    if (!r) {
        r = gh_batch_alloc(b, sizeof *r);
        b->state = r;
        change(b, r);
        return gh_batch_ok(b) ? GH_STEP_MORE : GH_STEP_FAIL;
    }
    if (b->jobs[0]->done)
        return GH_STEP_DONE;
    if (!r->ending)
        return show_out(b, r);
    return gh_end_sessions(b, gh_batch_result(b, 0), "banned") < 0 ? GH_STEP_FAIL : answer(b);
}

static void
weigh(gh_batch_t *b, risk_t *r)
{
    const char *const params[] = {gh_text_i64(b, gh_arg_id(b->jobs[0]->args, "body.user_id")),
                                  gh_text_time(b, b->now_us)};
    gh_batch_query(b, "login_lock_user", 1,
                   params); /* one account's bookings are weighed one after the other */
    r->at[r->n++] = gh_batch_query(b, "risk_orders_fast", 2, params);
    r->at[r->n++] = gh_batch_query(b, "risk_orders_wide", 2, params);
}

static void
credit(gh_batch_t *b, risk_t *r)
{
    const char *const params[] = {gh_text_i64(b, gh_arg_id(b->jobs[0]->args, "body.order_id")),
                                  gh_text_time(b, b->now_us)};
    r->at[r->n++] = gh_batch_query(b, "risk_visit", 2, params);
}

static void
tend(gh_batch_t *b, risk_t *r)
{
    const char *now = gh_text_time(b, b->now_us);
    gh_batch_query(b, "risk_bans_end", 1, &now);
    gh_batch_query(b, "risk_decay", 1, &now);
    r->at[r->n++] = gh_batch_query(b, "risk_stable", 1, &now);
}

gh_step_t
gh_weigh_bookings(gh_batch_t *b)
{
    return step(b, weigh);
}

gh_step_t
gh_credit_visit(gh_batch_t *b)
{
    return step(b, credit);
}

gh_step_t
gh_tend_risk(gh_batch_t *b)
{
    return step(b, tend);
}
