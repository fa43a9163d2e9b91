/*
 * lib/domain/payment_data.c - the books out of the database and into it: the statements of payment.sql (payment.h)
 */
#include "domain/payment.h"

#include <libpq-fe.h>
#include <stdio.h>

#include "base/timez.h"
#include "worker/args.h"
#include "domain/message.h"

/* ---- reading */

void
gh_books_ask(gh_batch_t *b, gh_books_t *books, const gh_books_ask_t *ask)
{
    const char *const whose[] = {ask->orders, ask->bills, ask->payments, ask->payment_nos, ask->refund_nos};
    *books = (gh_books_t){.n_numbers = ask->n_new};
    books->at_orders = gh_batch_query(b, "money_orders", 5, whose);
    books->at_bills = gh_batch_query(b, "money_bills", 5, whose);
    books->at_payments = gh_batch_query(b, "money_payments", 5, whose);
    books->at_refunds = gh_batch_query(b, "money_refunds", 1, &ask->refund_nos);
    books->at_numbers = gh_batch_query(b, "money_numbers", 1,
                                       (const char *[]){gh_text_i64(b, (int64_t)ask->n_new)});
}

static void
copy_text(char *out, size_t size, gh_str_t s)
{
    size_t n = s.n < size ? s.n : size - 1;
    memcpy(out, s.p, n);
    out[n] = '\0';
}

static gh_str_t
keep(gh_batch_t *b, gh_str_t s)
{
    return s.p ? gh_batch_dup(b, s) : s;
}

static int
take_bill(gh_bill_t *bill, const PGresult *r, int i)
{
    *bill = (gh_bill_t){.id = gh_pg_i64(r, i, 0, 0),
                        .order_id = gh_pg_i64(r, i, 1, 0),
                        .patient_id = gh_pg_i64(r, i, 2, 0),
                        .patient_user_id = gh_pg_i64(r, i, 3, 0),
                        .fee = gh_pg_bool(r, i, 4),
                        .total = gh_pg_money(r, i, 6, 0),
                        .settled = gh_pg_money(r, i, 7, 0),
                        .returned = gh_pg_money(r, i, 8, 0),
                        .version = gh_pg_i64(r, i, 10, 0),
                        .initiator_id = gh_pg_i64(r, i, 13, 0),
                        .price = gh_pg_money(r, i, 14, 0)};
    copy_text(bill->currency, sizeof bill->currency, gh_pg_str(r, i, 9));
    if (bill->order_id && (gh_order_state_parse(gh_pg_str(r, i, 11), &bill->order_state) != 0 ||
                           gh_pay_state_parse(gh_pg_str(r, i, 12), &bill->order_payment) != 0))
        return -1;
    return gh_bill_state_parse(gh_pg_str(r, i, 5), &bill->state);
}

static int
take_payment(gh_batch_t *b, const gh_books_t *books, gh_payment_t *p, const PGresult *r, int i)
{
    *p = (gh_payment_t){.id = gh_pg_i64(r, i, 0, 0),
                        .bill = gh_books_bill(books, gh_pg_i64(r, i, 2, 0)),
                        .amount = gh_pg_money(r, i, 3, 0),
                        .refunded = gh_pg_money(r, i, 4, 0),
                        .provider = keep(b, gh_pg_str(r, i, 6)),
                        .provider_ref = keep(b, gh_pg_str(r, i, 7)),
                        .late = gh_pg_bool(r, i, 9),
                        .expires_us = gh_pg_i64(r, i, 10, 0),
                        .created_by = gh_pg_i64(r, i, 11, 0)};
    copy_text(p->no, sizeof p->no, gh_pg_str(r, i, 1));
    if (!p->bill || gh_pay_method_parse(gh_pg_str(r, i, 5), &p->method) != 0)
        return -1;
    return gh_payment_state_parse(gh_pg_str(r, i, 8), &p->state);
}

static int
take_refund(const gh_books_t *books, gh_refund_t *f, const PGresult *r, int i)
{
    *f = (gh_refund_t){.id = gh_pg_i64(r, i, 0, 0),
                       .payment = gh_books_payment(books, gh_pg_i64(r, i, 2, 0)),
                       .amount = gh_pg_money(r, i, 3, 0)};
    copy_text(f->no, sizeof f->no, gh_pg_str(r, i, 1));
    return f->payment ? gh_refund_state_parse(gh_pg_str(r, i, 4), &f->state) : -1;
}

static void
take_numbers(gh_books_t *books, const PGresult *r)
{
    for (size_t i = 0; i < books->n_numbers; i++)
        books->numbers[i] = (struct gh_money_numbers){gh_pg_i64(r, (int)i, 0, 0), gh_pg_i64(r, (int)i, 1, 0),
                                                      gh_pg_i64(r, (int)i, 2, 0), gh_pg_i64(r, (int)i, 3, 0)};
}

int
gh_books_take(gh_batch_t *b, gh_books_t *books)
{
    const PGresult *bills = gh_batch_result(b, books->at_bills),
                   *payments = gh_batch_result(b, books->at_payments),
                   *refunds = gh_batch_result(b, books->at_refunds);
    books->cap_payments = (size_t)PQntuples(payments) + books->n_numbers;
    books->cap_refunds = (size_t)PQntuples(refunds) + books->n_numbers;
    books->bills = gh_batch_alloc(b, ((size_t)PQntuples(bills) + 1) * sizeof *books->bills);
    books->payments = gh_batch_alloc(b, (books->cap_payments + 1) * sizeof *books->payments);
    books->refunds = gh_batch_alloc(b, (books->cap_refunds + 1) * sizeof *books->refunds);
    books->numbers = gh_batch_alloc(b, (books->n_numbers + 1) * sizeof *books->numbers);
    if (!gh_batch_ok(b))
        return -1;
    for (int i = 0; i < PQntuples(bills); i++, books->n_bills++)
        if (take_bill(&books->bills[i], bills, i) != 0)
            return -1;
    for (int i = 0; i < PQntuples(payments); i++, books->n_payments++)
        if (take_payment(b, books, &books->payments[i], payments, i) != 0)
            return -1;
    for (int i = 0; i < PQntuples(refunds); i++, books->n_refunds++)
        if (take_refund(books, &books->refunds[i], refunds, i) != 0)
            return -1;
    take_numbers(books, gh_batch_result(b, books->at_numbers));
    return gh_batch_ok(b) ? 0 : -1;
}

/* ---- writing */

#define ARRAYS_MAX 14

/* Queue a statement whose first parameters are these arrays, when they have any row. */
static int
write(gh_batch_t *b, const char *statement, gh_pgarr_t *a, int n_arrays, int n_more, const char *const *more)
{
    const char *params[ARRAYS_MAX + 4];
    bool whole = true;
    for (int i = 0; i < n_arrays; i++)
        whole = (params[i] = gh_pgarr_literal(&a[i])) != NULL && whole;
    for (int i = 0; i < n_more; i++)
        params[n_arrays + i] = more[i];
    if (whole && a[0].count > 0)
        gh_batch_query(b, statement, n_arrays + n_more, params);
    for (int i = 0; i < n_arrays; i++)
        gh_pgarr_fini(&a[i]);
    return whole ? 0 : -1;
}

static int
write_payments(gh_batch_t *b, const gh_books_t *books, const char *now)
{
    gh_pgarr_t a[14] = {0};
    for (size_t i = 0; i < books->n_payments; i++) {
        const gh_payment_t *p = &books->payments[i];
        if (!p->fresh)
            continue;
        gh_pgarr_i64(&a[0], p->id);
        gh_pgarr_text(&a[1], gh_str(p->no));
        gh_pgarr_i64(&a[2], p->bill->id);
        gh_pgarr_money(&a[3], p->amount);
        gh_pgarr_text(&a[4], gh_str(gh_pay_method_name(p->method)));
        gh_pgarr_opt(&a[5], p->provider);
        gh_pgarr_opt(&a[6], p->provider_ref);
        gh_pgarr_text(&a[7], gh_str(gh_payment_state_name(p->state)));
        p->expires_us ? gh_pgarr_time(&a[8], p->expires_us) : gh_pgarr_null(&a[8]);
        gh_pgarr_opt(&a[9], p->channel);
        gh_pgarr_opt(&a[10], p->pay_url);
        gh_pgarr_opt(&a[11], p->qr);
        gh_pgarr_id(&a[12], p->created_by);
        gh_pgarr_opt(&a[13], p->remark);
    }
    return write(b, "money_put_payments", a, 14, 1, &now);
}

static int
write_steps(gh_batch_t *b, const gh_books_t *books, const char *now)
{
    gh_pgarr_t a[5] = {0};
    for (size_t i = 0; i < books->n_payments; i++) {
        const gh_payment_t *p = &books->payments[i];
        if (p->fresh || !p->touched)
            continue;
        gh_pgarr_i64(&a[0], p->id);
        gh_pgarr_text(&a[1], gh_str(gh_payment_state_name(p->state)));
        gh_pgarr_opt(&a[2], p->provider_ref);
        gh_pgarr_opt(&a[3], p->failure);
        gh_pgarr_bool(&a[4], p->late);
    }
    return write(b, "money_step_payments", a, 5, 1, &now);
}

static int
write_refunds(gh_batch_t *b, const gh_books_t *books, const char *now)
{
    gh_pgarr_t fresh[6] = {0}, over[3] = {0};
    for (size_t i = 0; i < books->n_refunds; i++) {
        const gh_refund_t *r = &books->refunds[i];
        if (r->fresh) {
            gh_pgarr_i64(&fresh[0], r->payment->id);
            gh_pgarr_money(&fresh[1], r->amount);
            gh_pgarr_i64(&fresh[2], r->id);
            gh_pgarr_text(&fresh[3], gh_str(r->no));
            gh_pgarr_text(&fresh[4], r->reason);
            gh_pgarr_id(&fresh[5], r->by);
        } else if (r->touched) {
            gh_pgarr_i64(&over[0], r->id);
            gh_pgarr_text(&over[1], gh_str(gh_refund_state_name(r->state)));
            gh_pgarr_opt(&over[2], r->provider_ref);
        }
    }
    char day[GH_TEXT_DATE];
    gh_day_text(gh_tz_day(b->now_us), day);
    const char *const more[] = {NULL, NULL, now, day};
    int rc = write(b, "money_refund", fresh, 6, 4, more);
    return write(b, "money_step_refunds", over, 3, 1, &now) != 0 ? -1 : rc;
}

static int
write_states(gh_batch_t *b, const gh_books_t *books, const char *now)
{
    gh_pgarr_t bills = {0}, fees[2] = {0}, paid GH_CLEANUP(gh_pgarr_fini) = {0};
    bool any_paid = false;
    for (size_t i = 0; i < books->n_bills; i++) {
        const gh_bill_t *bill = &books->bills[i];
        if (!bill->touched)
            continue;
        gh_pgarr_i64(&bills, bill->id);
        if (bill->fee) {
            gh_pgarr_i64(&fees[0], bill->id);
            gh_pgarr_id(&fees[1], bill->by);
        }
        if (bill->fee && bill->order_id && bill->state == GH_BILL_PAID &&
            bill->order_payment == GH_PAY_PAID) {
            gh_pgarr_i64(&paid, bill->order_id);
            any_paid = true;
        }
    }
    const char *const more[] = {NULL, now};
    int rc = write(b, "money_states", &bills, 1, 2, more);
    if (write(b, "money_fee_orders", fees, 2, 1, &now) != 0)
        rc = -1;
    const char *orders = any_paid ? gh_pgarr_literal(&paid) : NULL;
    if (orders)
        gh_message_orders(b, GH_MESSAGE_BOOKING_PAID, orders, NULL);
    return any_paid && !orders ? -1 : rc;
}

int
gh_books_write(gh_batch_t *b, gh_books_t *books)
{
    char now[GH_PG_TIME_TEXT];
    gh_pg_time_text(b->now_us, now);
    /* one that ends makes room for a new one: payments_pending_uq */
    return write_steps(b, books, now) != 0 || write_payments(b, books, now) != 0 ||
                   write_refunds(b, books, now) != 0 || write_states(b, books, now) != 0
               ? -1
               : 0;
}

/* ---- orders given up, or moved */

static void
refund_orders(gh_batch_t *b, const char *orders, const char *reason, const char *now, const char *day)
{
    const char *const params[] = {"{}", "{}", "{}", "{}", "{}", "{}", orders, reason, now, day};
    gh_batch_query(b, "money_refund", 10, params);
    gh_batch_query(b, "money_states", 3, (const char *const[]){NULL, orders, now});
}

void
gh_books_close(gh_batch_t *b, const char *orders, const char *reason)
{
    char now[GH_PG_TIME_TEXT], day[GH_TEXT_DATE];
    gh_pg_time_text(b->now_us, now);
    gh_day_text(gh_tz_day(b->now_us), day);
    gh_batch_query(b, "money_end_pending", 2, (const char *const[]){orders, now});
    refund_orders(b, orders, reason, now, day);
}

void
gh_books_reprice(gh_batch_t *b, const char *orders, const char *reason)
{
    char now[GH_PG_TIME_TEXT], day[GH_TEXT_DATE];
    gh_pg_time_text(b->now_us, now);
    gh_day_text(gh_tz_day(b->now_us), day);
    const char *const more[] = {orders, now, day, gh_conf_str(gh_worker_conf(b->worker), "hospital.currency"),
                                reason};
    gh_batch_query(b, "money_end_pending", 2, (const char *const[]){orders, now});
    gh_batch_query(b, "money_reprice_bills", 2, (const char *const[]){orders, now});
    gh_batch_query(b, "money_reprice_more", 5, more);
    refund_orders(b, orders, reason, now, day);
    gh_batch_query(b, "money_reprice_paid", 2, (const char *const[]){orders, now});
}
