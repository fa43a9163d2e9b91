/*
 * lib/domain/payment.c - what jobs do to the books, in memory; payment_data.c reads and writes them. See payment.h
 */
#include "domain/payment.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/timez.h"

const struct gh_constraint_map gh_books_constraints[] = {
    {"bills_overpaid_ck", GH_E_OVERPAYMENT},
    {"payments_pending_uq", GH_E_PAYMENT_PENDING},
    {"refunds_sum_ck", GH_E_REFUND_EXCEEDS},
    {"payments_provider_uq", GH_E_GATEWAY_ERROR},
    {"registration_orders_step_ck", GH_E_INVALID_TRANSITION},
    {NULL, GH_E_NONE}};

/* ---- finding */

gh_bill_t *
gh_books_bill(const gh_books_t *books, int64_t id)
{
    for (size_t i = 0; i < books->n_bills; i++)
        if (books->bills[i].id == id)
            return &books->bills[i];
    return NULL;
}

gh_bill_t *
gh_books_fee_bill(const gh_books_t *books, int64_t order_id)
{
    for (size_t i = 0; i < books->n_bills; i++)
        if (books->bills[i].fee && books->bills[i].order_id == order_id)
            return &books->bills[i];
    return NULL;
}

gh_payment_t *
gh_books_payment(const gh_books_t *books, int64_t id)
{
    for (size_t i = 0; i < books->n_payments; i++)
        if (books->payments[i].id == id)
            return &books->payments[i];
    return NULL;
}

gh_payment_t *
gh_books_payment_no(const gh_books_t *books, gh_str_t no)
{
    for (size_t i = 0; i < books->n_payments; i++)
        if (gh_str_is(no, books->payments[i].no))
            return &books->payments[i];
    return NULL;
}

gh_payment_t *
gh_books_pending(const gh_books_t *books, const gh_bill_t *bill)
{
    for (size_t i = 0; i < books->n_payments; i++)
        if (books->payments[i].bill == bill && books->payments[i].state == GH_PAYMENT_PENDING)
            return &books->payments[i];
    return NULL;
}

gh_refund_t *
gh_books_refund_no(const gh_books_t *books, gh_str_t no)
{
    for (size_t i = 0; i < books->n_refunds; i++)
        if (gh_str_is(no, books->refunds[i].no))
            return &books->refunds[i];
    return NULL;
}

int64_t
gh_books_due(const gh_bill_t *bill)
{
    return bill->total - bill->settled;
}

/* ---- changing */

/* The bill's sums have changed by a job of this account. */
static void
touch(gh_bill_t *bill, int64_t by)
{
    bill->state = gh_bill_state_of(bill->state, bill->total, bill->settled, bill->returned);
    bill->by = by;
    bill->touched = true;
    if (bill->fee && bill->state == GH_BILL_PAID && bill->order_payment != GH_PAY_PAID) {
        bill->order_payment = GH_PAY_PAID;
        if (bill->order_state == GH_ORDER_PENDING)
            bill->order_state = GH_ORDER_CONFIRMED;
    }
    if (bill->fee && bill->state == GH_BILL_REFUNDED && bill->order_payment == GH_PAY_PAID)
        bill->order_payment = GH_PAY_REFUNDED;
}

static void
step(gh_payment_t *p, gh_payment_state_t state)
{
    p->state = state;
    p->touched = true;
}

static void
settle(gh_books_t *books, gh_payment_t *p, int64_t by)
{
    p->bill->settled += p->amount;
    touch(p->bill, by);
    gh_payment_t *other = gh_books_pending(books, p->bill);
    if (other && other != p && other->amount > gh_books_due(p->bill))
        step(other, GH_PAYMENT_CANCELLED);
}

/* "PM2026112100000001" */
static void
number(char out[GH_MONEY_NO_TEXT], const char *kind, int64_t now_us, int64_t seq)
{
    int y, m, d;
    gh_day_to_ymd(gh_tz_day(now_us), &y, &m, &d);
    snprintf(out, GH_MONEY_NO_TEXT, "%s%04d%02d%02d%08lld", kind, y, m, d, (long long)seq);
}

static gh_payment_t *
new_payment(gh_batch_t *b, gh_books_t *books)
{
    if (books->used_payments == books->n_numbers || books->n_payments == books->cap_payments)
        abort(); /* more than n_new: a bug of the caller */
    const struct gh_money_numbers *n = &books->numbers[books->used_payments++];
    gh_payment_t *p = &books->payments[books->n_payments++];
    *p = (gh_payment_t){.id = n->payment_id, .fresh = true};
    number(p->no, "PM", b->now_us, n->payment_no);
    return p;
}

static gh_refund_t *
new_refund(gh_batch_t *b, gh_books_t *books)
{
    if (books->used_refunds == books->n_numbers || books->n_refunds == books->cap_refunds)
        abort();
    const struct gh_money_numbers *n = &books->numbers[books->used_refunds++];
    gh_refund_t *r = &books->refunds[books->n_refunds++];
    *r = (gh_refund_t){.id = n->refund_id, .fresh = true};
    number(r->no, "RF", b->now_us, n->refund_no);
    return r;
}

gh_err_t
gh_books_pay(gh_batch_t *b, gh_books_t *books, const gh_pay_t *pay, gh_payment_t **out)
{
    gh_bill_t *bill = pay->bill;
    int64_t amount = pay->amount ? pay->amount : gh_books_due(bill);
    gh_err_t err = gh_r132_payable(bill->state);
    if (err == GH_E_NONE)
        err = gh_r142_currency(pay->currency, gh_str(bill->currency));
    if (err == GH_E_NONE)
        err = gh_r131_within(amount, gh_books_due(bill));
    if (err == GH_E_NONE)
        err = gh_r133_one_pending(pay->pending, gh_books_pending(books, bill) != NULL);
    if (err != GH_E_NONE)
        return err;
    gh_payment_t *p = new_payment(b, books);
    p->bill = bill;
    p->amount = amount;
    p->method = pay->method;
    p->provider = pay->provider;
    p->provider_ref = pay->provider_ref;
    p->channel = pay->channel;
    p->remark = pay->remark;
    p->created_by = pay->by;
    p->state = pay->pending ? GH_PAYMENT_PENDING : GH_PAYMENT_SUCCEEDED;
    p->expires_us = pay->pending ? pay->expires_us : 0;
    if (!pay->pending)
        settle(books, p, pay->by);
    *out = p;
    return GH_E_NONE;
}

void
gh_books_pay_page(gh_payment_t *p, gh_str_t pay_url, gh_str_t qr)
{
    p->pay_url = pay_url;
    p->qr = qr;
}

gh_err_t
gh_books_end(gh_payment_t *p, gh_payment_state_t state, gh_str_t failure)
{
    gh_err_t err = gh_r138_cancellable(p->state);
    if (err != GH_E_NONE)
        return err;
    step(p, state);
    p->failure = failure;
    return GH_E_NONE;
}

static gh_err_t
give_back(gh_batch_t *b, gh_books_t *books, gh_payment_t *p, int64_t amount, gh_str_t reason, int64_t by,
          gh_refund_t **out)
{
    gh_refund_t *r = new_refund(b, books);
    r->payment = p;
    r->amount = amount;
    r->reason = reason;
    r->by = by;
    r->state = gh_refund_waits(p->method, p->provider) ? GH_REFUND_PENDING : GH_REFUND_SUCCEEDED;
    p->refunded += amount;
    if (r->state == GH_REFUND_SUCCEEDED && !p->late) {
        p->bill->returned += amount;
        touch(p->bill, by);
    }
    if (out)
        *out = r;
    return GH_E_NONE;
}

gh_err_t
gh_books_refund(gh_batch_t *b, gh_books_t *books, gh_payment_t *p, int64_t amount, gh_str_t reason,
                int64_t by, gh_refund_t **out)
{
    gh_err_t err = gh_r140_refundable(p->state, p->method);
    int64_t asked = amount ? amount : p->amount - p->refunded;
    if (err == GH_E_NONE)
        err = asked > 0 ? gh_r139_within(asked, p->amount, p->refunded) : GH_E_REFUND_EXCEEDS;
    return err == GH_E_NONE ? give_back(b, books, p, asked, reason, by, out) : err;
}

gh_success_t
gh_books_event_success(gh_batch_t *b, gh_books_t *books, gh_payment_t *p, int64_t amount, gh_str_t currency,
                       gh_str_t provider_ref)
{
    gh_bill_t *bill = p->bill;
    bool same = amount == p->amount && gh_str_is(currency, bill->currency);
    bool takes = gh_r132_payable(bill->state) == GH_E_NONE && p->amount <= gh_books_due(bill);
    gh_success_t becomes = gh_r137_success(p->state, same, takes);
    if (becomes == GH_SUCCESS_IGNORE)
        return becomes;
    p->provider_ref = provider_ref;
    step(p, becomes == GH_SUCCESS_REVIEW ? GH_PAYMENT_REVIEW : GH_PAYMENT_SUCCEEDED);
    if (becomes == GH_SUCCESS_BOOK)
        settle(books, p, p->created_by);
    if (becomes == GH_SUCCESS_LATE) {
        p->late = true;
        give_back(b, books, p, p->amount, GH_STR("支付已失效，自动退款"), 0, NULL);
    }
    return becomes;
}

bool
gh_books_refund_end(gh_refund_t *r, bool succeeded, gh_str_t provider_ref)
{
    gh_payment_t *p = r->payment;
    if (r->state != GH_REFUND_PENDING)
        return false;
    r->state = succeeded ? GH_REFUND_SUCCEEDED : GH_REFUND_FAILED;
    r->provider_ref = provider_ref;
    r->touched = true;
    if (!succeeded)
        p->refunded -= r->amount;
    else if (!p->late) {
        p->bill->returned += r->amount;
        touch(p->bill, 0);
    }
    return true;
}
