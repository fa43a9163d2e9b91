/*
 * workers/billing/order_pay.c - opening the payment online of an order on the {code, message} surface (api/07 section 7.6; BR-83, BR-84)
 *
 *   phase 0   lock orders with their bills, look at the orders
 *   phase 1   decide each job in order of arrival: a payment under way is the answer, else one is opened at the provider; write
 *   phase 2   answer with the payments as they are now
 *
 * What makes the payment succeed is the provider's event (events.c), as for any other.
 */
#include <libpq-fe.h>

#include "base/timez.h"
#include "domain/later.h"
#include "domain/pay_orders.h"
#include "workers/billing/billing.h"

#define MINUTE_US INT64_C(60000000)

typedef struct open_job {
    gh_wjob_t *job;
    int64_t order_id;
    bool opened;
} open_job_t;

typedef struct open_batch {
    gh_batch_t *b;
    open_job_t *jobs;
    size_t n;
    gh_books_t books;
    gh_pay_orders_t orders;
    bool written;
    size_t at_open;
} open_batch_t;

static gh_step_t
begin(gh_batch_t *b)
{
    gh_pgarr_t ids GH_CLEANUP(gh_pgarr_fini) = {0};
    open_batch_t *o = gh_batch_alloc(b, sizeof *o);
    b->state = o;
    o->b = b;
    o->n = b->n;
    o->jobs = gh_batch_alloc(b, b->n * sizeof *o->jobs);
    if (!gh_batch_ok(b))
        return GH_STEP_FAIL;
    for (size_t i = 0; i < b->n; i++) {
        o->jobs[i] = (open_job_t){.job = b->jobs[i],
                                  .order_id = gh_arg_id(b->jobs[i]->args, "body.appointmentId")};
        gh_pgarr_i64(&ids, o->jobs[i].order_id);
    }
    const char *orders = gh_pgarr_literal(&ids);
    if (!orders)
        return GH_STEP_FAIL;
    gh_books_ask(b, &o->books, &(gh_books_ask_t){.orders = orders, .n_new = b->n});
    gh_pay_orders_ask(b, &o->orders, orders);
    return gh_batch_ok(b) ? GH_STEP_MORE : GH_STEP_FAIL;
}

/* ---- deciding */

static void
refuse(open_batch_t *o, open_job_t *oj, gh_pay_verdict_t v)
{
    gh_pay_refuse(o->b, oj->job, &v);
    if (!v.times_out)
        return;
    gh_later_put(o->b, /* BR-83: who times orders out is told now */
                 &(gh_later_t){.kind = "booking",
                               .op = "booking.expire_unpaid",
                               .service = "booking",
                               .unique_key = "expire-unpaid",
                               .priority = GH_PRIO_BATCH,
                               .max_attempts = 3},
                 NULL);
    gh_job_no_effect(oj->job); /* the refusal has one */
}

static bool
begin_online(open_batch_t *o, const gh_provider_t *provider, gh_payment_t *p)
{
    gh_buf_t url GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT, qr GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_pay_request_t ask = {.payment_no = p->no,
                            .currency = p->bill->currency,
                            .amount = p->amount,
                            .now_us = o->b->now_us,
                            .expires_us = p->expires_us};
    if (provider->start(gh_worker_conf(o->b->worker), &ask, &url, &qr) != 0)
        return false;
    gh_books_pay_page(p, gh_batch_dup(o->b, gh_buf_view(&url)), gh_batch_dup(o->b, gh_buf_view(&qr)));
    return true;
}

/* A new payment of all that is due. */
static gh_err_t
open_one(open_batch_t *o, const open_job_t *oj, const gh_pay_order_t *order, gh_bill_t *bill)
{
    const gh_conf_t *conf = gh_worker_conf(o->b->worker);
    const gh_provider_t *provider = gh_provider_find(conf,
                                                     gh_str(gh_conf_str(conf, "payment.default_provider")));
    int64_t until = o->b->now_us + gh_conf_int(conf, "payment.pending_min") * MINUTE_US;
    gh_payment_t *made = NULL;
    if (!provider)
        return GH_E_GATEWAY_ERROR;
    gh_pay_t pay = {.bill = bill,
                    .method = GH_METHOD_ONLINE,
                    .pending = true,
                    .provider = gh_str(provider->name),
                    .channel = gh_batch_dup(o->b, gh_arg_str(oj->job->args, "body.paymentMethod")),
                    .expires_us = order->until_us && order->until_us < until ? order->until_us : until,
                    .by = oj->job->actor.user_id};
    gh_err_t err = gh_books_pay(o->b, &o->books, &pay, &made);
    if (err == GH_E_NONE && !begin_online(o, provider, made)) {
        (void)gh_books_end(made, GH_PAYMENT_FAILED, GH_STR("GATEWAY_ERROR")); /* stays as a failed attempt */
        err = GH_E_GATEWAY_ERROR;
    }
    return err;
}

static void
decide(open_batch_t *o, open_job_t *oj)
{
    gh_pay_order_t *order = gh_pay_orders_find(&o->orders, oj->order_id);
    gh_pay_verdict_t v = gh_pay_order_verdict(order, &oj->job->actor);
    gh_bill_t *bill = order ? gh_books_fee_bill(&o->books, order->id) : NULL;
    int64_t amount = 0;
    if (v.err == GH_E_NONE && !bill)
        v.err = GH_E_BILL_NOT_PAYABLE;
    if (v.err == GH_E_NONE &&
        (gh_arg_money(oj->job->args, "body.amount", &amount) <= 0 || amount != gh_books_due(bill)))
        v.err = GH_E_PAY_AMOUNT_INVALID;
    gh_payment_t *pending = v.err == GH_E_NONE ? gh_books_pending(&o->books, bill) : NULL;
    if (pending && pending->expires_us && pending->expires_us <= o->b->now_us) {
        (void)gh_books_end(pending, GH_PAYMENT_EXPIRED, (gh_str_t){0}); /* R-138, before its job came */
        pending = NULL;
    }
    if (v.err == GH_E_NONE && !pending)
        v.err = open_one(o, oj, order, bill);
    if (v.err != GH_E_NONE) {
        refuse(o, oj, v);
        return;
    }
    oj->opened = true;
}

static gh_step_t
decide_all(open_batch_t *o)
{
    gh_pgarr_t ids GH_CLEANUP(gh_pgarr_fini) = {0};
    if (gh_books_take(o->b, &o->books) != 0 || gh_pay_orders_take(o->b, &o->orders) != 0)
        return GH_STEP_FAIL;
    for (size_t i = 0; i < o->n; i++) {
        if (!o->jobs[i].job->done)
            decide(o, &o->jobs[i]);
        if (o->jobs[i].opened)
            gh_pgarr_i64(&ids, o->jobs[i].order_id);
    }
    const char *orders = gh_pgarr_literal(&ids);
    if (!orders || gh_books_write(o->b, &o->books) != 0)
        return GH_STEP_FAIL;
    o->written = true;
    if (ids.count > 0)
        o->at_open = gh_batch_query(o->b, "order_payment_open", 2, (const char *[]){orders, gh_tz_name()});
    if (!gh_batch_ok(o->b))
        return GH_STEP_FAIL;
    return ids.count > 0 ? GH_STEP_MORE : GH_STEP_DONE;
}

/* ---- answering */

static gh_step_t
answer_all(open_batch_t *o)
{
    const PGresult *r = gh_batch_result(o->b, o->at_open);
    for (size_t i = 0; i < o->n; i++) {
        if (!o->jobs[i].opened)
            continue;
        int row = 0;
        while (row < PQntuples(r) && gh_pg_i64(r, row, 0, 0) != o->jobs[i].order_id)
            row++;
        if (row == PQntuples(r))
            return GH_STEP_FAIL;
        gh_job_ok(o->b, o->jobs[i].job, 0, gh_pg_str(r, row, 1));
    }
    return GH_STEP_DONE;
}

gh_step_t
gh_order_pay_step(gh_batch_t *b)
{
    open_batch_t *o = b->state;
    if (!o)
        return begin(b);
    return o->written ? answer_all(o) : decide_all(o);
}
