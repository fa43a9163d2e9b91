/*
 * workers/booking/pay.c - paying for orders on the code surface (BR-83, BR-84; api/07 section 7.2)
 *
 *   phase 0   look at the orders, without a lock
 *   phase 1   lock them with their bills (lib/domain/payment.h), look again
 *   phase 2   decide each job in order of arrival; write payments, and what follows for bills and orders
 *
 * An order that is found overdue becomes a time-out instead, as a cancellation does it: its session is locked first, its place
 * returns and goes to whoever waits. That needs the batch for itself; several jobs are then run one by one.
 */
#include "base/timez.h"
#include "domain/pay_orders.h"
#include "domain/payment.h"
#include "domain/wechat.h"
#include "workers/booking/cancel.h"

typedef struct pay_job {
    gh_wjob_t *job;
    int64_t order_id;
    gh_str_t method, remark;
} pay_job_t;

typedef enum { LOOKED, LOCKED, TIMING_OUT, OFFERING } pay_stage_t;

typedef struct pay {
    gh_batch_t *b;
    pay_stage_t stage;
    pay_job_t *jobs;
    size_t n;
    const char *orders; /* array literal */
    gh_pay_orders_t found;
    gh_books_t books;
    gh_cancel_t *timeout; /* the order that is overdue */
} pay_t;

/* ---- reading */

static gh_step_t
begin(gh_batch_t *b)
{
    gh_pgarr_t ids GH_CLEANUP(gh_pgarr_fini) = {0};
    pay_t *p = gh_batch_alloc(b, sizeof *p);
    b->state = p;
    p->b = b;
    p->jobs = gh_batch_alloc(b, b->n * sizeof *p->jobs);
    p->n = b->n;
    if (!gh_batch_ok(b))
        return GH_STEP_FAIL;
    for (size_t i = 0; i < b->n; i++) {
        gh_mp_t args = b->jobs[i]->args;
        p->jobs[i] = (pay_job_t){.job = b->jobs[i],
                                 .order_id = gh_arg_id(args, "path.appointmentId"),
                                 .method = gh_arg_str(args, "body.method"),
                                 .remark = gh_arg_str(args, "body.remark")};
        gh_pgarr_i64(&ids, p->jobs[i].order_id);
    }
    const char *literal = gh_pgarr_literal(&ids);
    if (!literal)
        return GH_STEP_FAIL;
    p->orders = gh_text(b, gh_str(literal));
    gh_pay_orders_ask(b, &p->found, p->orders);
    return gh_batch_ok(b) ? GH_STEP_MORE : GH_STEP_FAIL;
}

static gh_pay_verdict_t
verdict_of(const pay_t *p, const pay_job_t *pj)
{
    return gh_pay_order_verdict(gh_pay_orders_find(&p->found, pj->order_id), &pj->job->actor);
}

/* ---- an overdue order */

static gh_step_t
begin_timeout(pay_t *p, const pay_job_t *pj)
{
    gh_cancel_t *c = gh_batch_alloc(p->b, sizeof *c);
    gh_cancel_job_t *job = gh_batch_alloc(p->b, sizeof *job);
    if (!gh_batch_ok(p->b))
        return GH_STEP_FAIL;
    *job = (gh_cancel_job_t){.job = pj->job,
                             .surface = GH_CANCEL_CODE,
                             .order_id = pj->order_id,
                             .reason = GH_STR("支付超时"),
                             .by = "system"};
    *c = (gh_cancel_t){.b = p->b, .pool = gh_booking_state(p->b->worker), .jobs = job, .n = 1};
    p->timeout = c;
    p->stage = TIMING_OUT;
    gh_cancel_ask(c);
    return gh_batch_ok(p->b) ? GH_STEP_MORE : GH_STEP_FAIL;
}

static gh_step_t
time_out(pay_t *p)
{
    gh_cancel_t *c = p->timeout;
    gh_cancel_job_t *cj = c->jobs;
    if (gh_cancel_take(c) != 0 || !cj->order)
        return GH_STEP_FAIL;
    gh_cancel_facts_t facts = gh_cancel_facts_of(c, cj);
    bool overdue = gh_br87_overdue(&facts);
    gh_pay_verdict_t v = gh_br84_pay(&(gh_pay_facts_t){
        .exists = true, .allowed = true, .state = facts.state, .payment = facts.payment, .overdue = overdue});
    if (!overdue && facts.state == GH_ORDER_PENDING && facts.payment == GH_PAY_PENDING)
        return GH_STEP_FAIL; /* it can be paid after all: look again */
    gh_pay_refuse(p->b, p->jobs->job, &v);
    if (!overdue) /* paid, cancelled or timed out meanwhile */
        return GH_STEP_DONE;
    gh_job_no_effect(p->jobs->job); /* the refusal has one */
    cj->verdict = (gh_cancel_verdict_t){.state = GH_ORDER_TIMEOUT, .payment = GH_PAY_FAILED};
    gh_cancel_apply(c, cj);
    if (gh_cancel_write(c) != 0)
        return GH_STEP_FAIL;
    p->stage = OFFERING;
    bool more = gh_cancel_ask_waiting(c);
    if (!gh_batch_ok(p->b))
        return GH_STEP_FAIL;
    return more ? GH_STEP_MORE : GH_STEP_DONE;
}

/* ---- paying */

static gh_step_t
lock(pay_t *p)
{
    if (gh_pay_orders_take(p->b, &p->found) != 0)
        return GH_STEP_FAIL;
    for (size_t i = 0; i < p->n; i++)
        if (!p->jobs[i].job->done && verdict_of(p, &p->jobs[i]).times_out)
            return p->n == 1 ? begin_timeout(p, &p->jobs[i]) : GH_STEP_FAIL;
    gh_books_ask(p->b, &p->books, &(gh_books_ask_t){.orders = p->orders, .n_new = p->n});
    gh_pay_orders_ask(p->b, &p->found, p->orders);
    p->stage = LOCKED;
    return gh_batch_ok(p->b) ? GH_STEP_MORE : GH_STEP_FAIL;
}

static void
answer(pay_t *p, const pay_job_t *pj, const gh_pay_order_t *o, const gh_payment_t *paid)
{
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;
    char at[GH_TEXT_DT];
    gh_dt_text(p->b->now_us, ' ', at);
    gh_json_init(&j, &out);
    gh_json_obj(&j);
    gh_json_kbool(&j, "success", true);
    gh_json_ki64(&j, "orderId", o->id);
    gh_json_kstr(&j, "orderNo", o->no);
    gh_json_kcstr(&j, "paymentStatus", gh_pay_state_name(GH_PAY_PAID));
    gh_json_kcstr(&j, "paymentTime", at);
    gh_json_kstr(&j, "method", pj->method);
    gh_json_kmoney(&j, "amount", paid->amount);
    gh_json_obj_end(&j);
    gh_job_ok(p->b, pj->job, 0, gh_buf_view(&out));
    gh_wechat_note(p->b, pj->job, "appointment_paid");
}

/* All that is due of the fee, at once, by the simulated provider. */
static int
pay_one(pay_t *p, const pay_job_t *pj)
{
    gh_pay_verdict_t v = verdict_of(p, pj);
    gh_pay_order_t *o = gh_pay_orders_find(&p->found, pj->order_id);
    if (v.times_out) /* not so when it was looked at */
        return -1;
    gh_payment_t *paid = NULL;
    if (v.err == GH_E_NONE) {
        gh_bill_t *bill = gh_books_fee_bill(&p->books, o->id);
        gh_pay_t pay = {.bill = bill,
                        .method = GH_METHOD_ONLINE,
                        .provider = GH_STR("simulated"),
                        .channel = pj->method,
                        .remark = pj->remark,
                        .by = pj->job->actor.user_id};
        v.err = bill ? gh_books_pay(p->b, &p->books, &pay, &paid) : GH_E_BILL_NOT_PAYABLE;
    }
    if (v.err != GH_E_NONE) {
        gh_pay_refuse(p->b, pj->job, &v);
        return 0;
    }
    o->state = paid->bill->order_state; /* for the jobs behind this one */
    o->payment = paid->bill->order_payment;
    answer(p, pj, o, paid);
    return 0;
}

static gh_step_t
pay_all(pay_t *p)
{
    if (gh_books_take(p->b, &p->books) != 0 || gh_pay_orders_take(p->b, &p->found) != 0)
        return GH_STEP_FAIL;
    for (size_t i = 0; i < p->n; i++)
        if (!p->jobs[i].job->done && pay_one(p, &p->jobs[i]) != 0)
            return GH_STEP_FAIL;
    return gh_books_write(p->b, &p->books) == 0 && gh_batch_ok(p->b) ? GH_STEP_DONE : GH_STEP_FAIL;
}

gh_step_t
gh_pay_step(gh_batch_t *b)
{
    pay_t *p = b->state;
    if (!p)
        return begin(b);
    switch (p->stage) {
    case LOOKED:
        return lock(p);
    case LOCKED:
        return pay_all(p);
    case TIMING_OUT:
        return time_out(p);
    case OFFERING:
        break;
    }
    return gh_cancel_offer(p->timeout) == 0 ? GH_STEP_DONE : GH_STEP_FAIL;
}
