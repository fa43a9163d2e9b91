/*
 * workers/identity/risk.c - the risk of accounts: what bookings add (BR-128, BR-129), what time takes away (BR-131 to BR-133)
 *
 *   identity.weigh_bookings   inner; queued by the booking pool for an account that has booked much within the hour
 *   identity.tend_risk        inner; daily, by the jobs pool
 *
 * phase 0 changes scores; a ban that came of it ends the sessions of the account in phases 1 and 2 (BR-136).
 */
#include <libpq-fe.h>

#include "db/arrays.h"
#include "workers/identity/identity.h"

typedef struct risk {
    size_t at[2];
    bool ending;
} risk_t;

static risk_t *
begin(gh_batch_t *b)
{
    risk_t *r = gh_batch_alloc(b, sizeof *r);
    b->state = r;
    return gh_batch_ok(b) ? r : NULL;
}

static gh_step_t
answer(gh_batch_t *b)
{
    gh_job_ok(b, b->jobs[0], 0, GH_STR("null"));
    return gh_batch_ok(b) ? GH_STEP_DONE : GH_STEP_FAIL;
}

/* Accounts that have just been banned are shown out. */
static gh_step_t
show_out(gh_batch_t *b, risk_t *r, gh_pgarr_t *users)
{
    const char *ids = gh_pgarr_literal(users);
    if (!ids)
        return GH_STEP_FAIL;
    gh_batch_query(b, "risk_sessions", 1, &ids);
    r->ending = true;
    return gh_batch_ok(b) ? GH_STEP_MORE : GH_STEP_FAIL;
}

static gh_step_t
end_sessions(gh_batch_t *b)
{
    return gh_end_sessions(b, gh_batch_result(b, 0), "banned") < 0 ? GH_STEP_FAIL : answer(b);
}

/* ---- bookings of one account */

static gh_step_t
weigh(gh_batch_t *b, const char *user)
{
    risk_t *r = begin(b);
    if (!r || !user)
        return GH_STEP_FAIL;
    const char *const params[] = {user, gh_text_time(b, b->now_us)};
    gh_batch_query(b, "login_lock_user", 1,
                   &user); /* one account's bookings are weighed one after the other */
    r->at[0] = gh_batch_query(b, "risk_orders_fast", 2, params);
    r->at[1] = gh_batch_query(b, "risk_orders_wide", 2, params);
    return gh_batch_ok(b) ? GH_STEP_MORE : GH_STEP_FAIL;
}

static bool
banned(gh_batch_t *b, size_t at)
{
    const PGresult *r = gh_batch_result(b, at);
    return PQntuples(r) == 1 && gh_pg_str(r, 0, 0).n > 0;
}

gh_step_t
gh_weigh_bookings(gh_batch_t *b)
{
    risk_t *r = b->state;
    int64_t user = gh_arg_id(b->jobs[0]->args, "body.user_id");
    if (!r)
        return weigh(b, gh_text_i64(b, user));
    if (b->jobs[0]->done)
        return GH_STEP_DONE;
    if (r->ending)
        return end_sessions(b);
    if (!banned(b, r->at[0]) && !banned(b, r->at[1]))
        return answer(b);
    gh_pgarr_t users GH_CLEANUP(gh_pgarr_fini) = {0};
    gh_pgarr_i64(&users, user);
    return show_out(b, r, &users);
}

/* ---- every day */

gh_step_t
gh_tend_risk(gh_batch_t *b)
{
    risk_t *r = b->state;
    if (!r) {
        const char *now = gh_text_time(b, b->now_us);
        if (!(r = begin(b)))
            return GH_STEP_FAIL;
        gh_batch_query(b, "risk_bans_end", 1, &now);
        gh_batch_query(b, "risk_decay", 1, &now);
        r->at[0] = gh_batch_query(b, "risk_stable", 1, &now);
        return gh_batch_ok(b) ? GH_STEP_MORE : GH_STEP_FAIL;
    }
    if (b->jobs[0]->done)
        return GH_STEP_DONE;
    if (r->ending)
        return end_sessions(b);
    const PGresult *bans = gh_batch_result(b, r->at[0]);
    gh_pgarr_t users GH_CLEANUP(gh_pgarr_fini) = {0};
    for (int i = 0; i < PQntuples(bans); i++)
        gh_pgarr_i64(&users, gh_pg_i64(bans, i, 0, 0));
    return PQntuples(bans) > 0 ? show_out(b, r, &users) : answer(b);
}
