/*
 * workers/booking/expire.c - unpaid orders past their time become time-outs (BR-83)
 *
 * An inner operation, sent every minute by the jobs pool (workers/jobs/recurring.c): the orders that seem overdue are locked and
 * decided like cancellations, BATCH in a transaction; while there are more, a further job is queued with the writes.
 */
#include "workers/booking/cancel.h"

#include <libpq-fe.h>

#include "domain/later.h"
#include "worker/args.h"

#define BATCH 200

typedef struct expire {
    size_t at;
    gh_cancel_t *c; /* NULL: nothing was overdue */
} expire_t;

static gh_step_t
find(gh_batch_t *b, expire_t *e)
{
    const char *params[] = {gh_text_time(b, b->now_us), gh_text_i64(b, BATCH)};
    b->state = e;
    e->at = gh_batch_query(b, "unpaid_orders", 2, params);
    return gh_batch_ok(b) ? GH_STEP_MORE : GH_STEP_FAIL;
}

static void
answer(gh_batch_t *b, size_t expired)
{
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_buf_printf(&out, "{\"expired\":%zu}", expired);
    gh_job_ok(b, b->jobs[0], 0, gh_buf_view(&out));
}

static gh_step_t
lock(gh_batch_t *b, expire_t *e)
{
    const PGresult *r = gh_batch_result(b, e->at);
    size_t n = (size_t)PQntuples(r);
    if (n == 0) {
        answer(b, 0);
        gh_job_no_effect(b->jobs[0]);
        return GH_STEP_DONE;
    }
    e->c = gh_batch_alloc(b, sizeof *e->c);
    gh_cancel_job_t *jobs = gh_batch_alloc(b, n * sizeof *jobs);
    if (!gh_batch_ok(b))
        return GH_STEP_FAIL;
    *e->c = (gh_cancel_t){.b = b, .pool = gh_booking_state(b->worker), .jobs = jobs, .n = n};
    for (size_t i = 0; i < n; i++)
        jobs[i] = (gh_cancel_job_t){.job = b->jobs[0],
                                    .surface = GH_CANCEL_CODE,
                                    .order_id = gh_pg_i64(r, (int)i, 0, 0),
                                    .reason = GH_STR("支付超时"),
                                    .by = "system"};
    gh_cancel_ask(e->c);
    return gh_batch_ok(b) ? GH_STEP_MORE : GH_STEP_FAIL;
}

/* Paid, cancelled or moved meanwhile: no longer overdue. */
static gh_step_t
write(gh_batch_t *b, expire_t *e)
{
    size_t expired = 0;
    if (gh_cancel_take(e->c) != 0)
        return gh_batch_ok(b) ? GH_STEP_AGAIN : GH_STEP_FAIL;
    for (size_t i = 0; i < e->c->n; i++) {
        gh_cancel_job_t *cj = &e->c->jobs[i];
        gh_cancel_facts_t facts = cj->order ? gh_cancel_facts_of(e->c, cj) : (gh_cancel_facts_t){0};
        if (!cj->order || !gh_br87_overdue(&facts))
            continue;
        cj->verdict = (gh_cancel_verdict_t){.state = GH_ORDER_TIMEOUT, .payment = GH_PAY_FAILED};
        gh_cancel_apply(e->c, cj);
        expired++;
    }
    if (gh_cancel_write(e->c) != 0)
        return GH_STEP_FAIL;
    if (expired == 0)
        gh_job_no_effect(b->jobs[0]);
    else if (e->c->n == BATCH)
        gh_later_put(b,
                     &(gh_later_t){.kind = "booking",
                                   .op = "booking.expire_unpaid",
                                   .service = "booking",
                                   .priority = GH_PRIO_BATCH,
                                   .max_attempts = 3},
                     NULL);
    answer(b, expired);
    e->c->written = true;
    bool more = gh_cancel_ask_waiting(e->c);
    if (!gh_batch_ok(b))
        return GH_STEP_FAIL;
    return more ? GH_STEP_MORE : GH_STEP_DONE;
}

gh_step_t
gh_expire_step(gh_batch_t *b)
{
    expire_t *e = b->state;
    if (!e) {
        e = gh_batch_alloc(b, sizeof *e);
        return gh_batch_ok(b) ? find(b, e) : GH_STEP_FAIL;
    }
    if (b->jobs[0]->done && !(e->c && e->c->written))
        return GH_STEP_DONE;
    if (!e->c)
        return lock(b, e);
    if (e->c->written)
        return gh_cancel_offer(e->c) == 0 ? GH_STEP_DONE : GH_STEP_FAIL;
    return write(b, e);
}
