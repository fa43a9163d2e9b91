/*
 * workers/billing/till.c - the way of a batch that moves money; see billing.h
 */
#include <libpq-fe.h>

#include "base/timez.h"
#include "workers/billing/billing.h"

bool
gh_till_sees(const gh_till_job_t *tj, const gh_bill_t *bill)
{
    const gh_actor_t *a = &tj->job->actor;
    return (a->scopes & GH_SCOPE_ALL) || (a->patient_id && a->patient_id == bill->patient_id) ||
           (bill->initiator_id && bill->initiator_id == a->user_id);
}

static gh_till_t *
begin(gh_batch_t *b, gh_till_names_t names)
{
    gh_till_t *t = gh_batch_alloc(b, sizeof *t);
    gh_till_job_t *jobs = gh_batch_alloc(b, b->n * sizeof *jobs);
    gh_pgarr_t ids = {0}, users = {0};
    if (!gh_batch_ok(b))
        return NULL;
    *t = (gh_till_t){.b = b, .jobs = jobs, .n = b->n};
    for (size_t i = 0; i < b->n; i++) {
        jobs[i].job = b->jobs[i];
        gh_pgarr_i64(&ids, gh_arg_id(b->jobs[i]->args, "path.id"));
        gh_pgarr_i64(&users, b->jobs[i]->head.actor.user_id);
    }
    const char *list = gh_pgarr_literal(&ids), *who = gh_pgarr_literal(&users);
    gh_books_ask_t ask = {.bills = names == GH_TILL_BILL ? list : NULL,
                          .payments = names == GH_TILL_PAYMENT ? list : NULL,
                          .n_new = b->n};
    if (list && who) {
        gh_books_ask(b, &t->books, &ask);
        t->at_people = gh_batch_query(b, "till_people", 1, &who);
        b->state = t;
    }
    gh_pgarr_fini(&ids);
    gh_pgarr_fini(&users);
    return b->state && gh_batch_ok(b) ? t : NULL;
}

static size_t
ask_shown(gh_till_t *t, const char *statement, bool refunds, bool *any)
{
    gh_pgarr_t ids = {0};
    for (size_t i = 0; i < t->n; i++)
        if (t->jobs[i].answer_id && t->jobs[i].answers_refund == refunds)
            gh_pgarr_i64(&ids, t->jobs[i].answer_id);
    *any |= ids.count > 0;
    const char *params[] = {gh_pgarr_literal(&ids), gh_tz_name()};
    size_t at = params[0] ? gh_batch_query(t->b, statement, 2, params) : 0;
    gh_pgarr_fini(&ids);
    return at;
}

static gh_step_t
decide_all(gh_till_t *t, void (*decide)(gh_till_t *t, gh_till_job_t *tj))
{
    gh_batch_t *b = t->b;
    const PGresult *people = gh_batch_result(b, t->at_people);
    bool any = false;
    if (gh_books_take(b, &t->books) != 0)
        return GH_STEP_FAIL;
    for (size_t i = 0; i < t->n; i++) {
        gh_till_job_t *tj = &t->jobs[i];
        if (tj->job->done)
            continue;
        tj->manages = gh_pg_bool(people, (int)i, 0) || (tj->job->actor.roles & GH_ROLE_SUPERUSER);
        decide(t, tj);
    }
    if (gh_books_write(b, &t->books) != 0)
        return GH_STEP_FAIL;
    t->written = true;
    t->at_payments = ask_shown(t, "till_payments", false, &any);
    t->at_refunds = ask_shown(t, "till_refunds", true, &any);
    if (!gh_batch_ok(b))
        return GH_STEP_FAIL;
    return any ? GH_STEP_MORE : GH_STEP_DONE;
}

static gh_step_t
answer_all(gh_till_t *t)
{
    for (size_t i = 0; i < t->n; i++) {
        gh_till_job_t *tj = &t->jobs[i];
        if (!tj->answer_id)
            continue;
        const PGresult *r = gh_batch_result(t->b, tj->answers_refund ? t->at_refunds : t->at_payments);
        int row = 0;
        while (row < PQntuples(r) && gh_pg_i64(r, row, 0, 0) != tj->answer_id)
            row++;
        if (row == PQntuples(r))
            return GH_STEP_FAIL;
        if (gh_pg_str(r, row, 2).p)
            gh_job_header(t->b, tj->job, "Location", PQgetvalue(r, row, 2));
        gh_job_ok(t->b, tj->job, 0, gh_pg_str(r, row, 1));
    }
    return GH_STEP_DONE;
}

gh_step_t
gh_till_step(gh_batch_t *b, gh_till_names_t names, void (*decide)(gh_till_t *t, gh_till_job_t *tj))
{
    gh_till_t *t = b->state;
    if (!t)
        return begin(b, names) ? GH_STEP_MORE : GH_STEP_FAIL;
    return t->written ? answer_all(t) : decide_all(t, decide);
}
