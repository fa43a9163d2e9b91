/*
 * lib/domain/payment_rules.c - see the header
 */
#include "domain/payment_rules.h"

static const char *const bill_names[GH_BILL_STATES] = {
    [GH_BILL_DRAFT] = "DRAFT",
    [GH_BILL_ISSUED] = "ISSUED",
    [GH_BILL_PARTIALLY_PAID] = "PARTIALLY_PAID",
    [GH_BILL_PAID] = "PAID",
    [GH_BILL_PARTIALLY_REFUNDED] = "PARTIALLY_REFUNDED",
    [GH_BILL_REFUNDED] = "REFUNDED",
    [GH_BILL_CANCELLED] = "CANCELLED",
};
static const char *const payment_names[GH_PAYMENT_STATES] = {
    [GH_PAYMENT_PENDING] = "PENDING", [GH_PAYMENT_SUCCEEDED] = "SUCCEEDED",
    [GH_PAYMENT_FAILED] = "FAILED",   [GH_PAYMENT_CANCELLED] = "CANCELLED",
    [GH_PAYMENT_EXPIRED] = "EXPIRED", [GH_PAYMENT_REVIEW] = "REVIEW",
};
static const struct {
    const char *name, *order;
} methods[GH_METHODS] = {
    [GH_METHOD_CASH] = {"CASH", "cash"},
    [GH_METHOD_CARD] = {"CARD", "card"},
    [GH_METHOD_ONLINE] = {"ONLINE", "online"},
    [GH_METHOD_TRANSFER] = {"TRANSFER", "bank"},
    [GH_METHOD_INSURANCE] = {"INSURANCE", "insurance"},
};
static const char *const refund_names[GH_REFUND_STATES] = {
    [GH_REFUND_PENDING] = "PENDING", [GH_REFUND_SUCCEEDED] = "SUCCEEDED", [GH_REFUND_FAILED] = "FAILED"};

static int
find(gh_str_t word, const char *const *names, size_t n, size_t *at)
{
    for (size_t i = 0; i < n; i++)
        if (gh_str_is(word, names[i])) {
            *at = i;
            return 0;
        }
    return -1;
}

const char *
gh_bill_state_name(gh_bill_state_t s)
{
    return bill_names[s];
}

const char *
gh_payment_state_name(gh_payment_state_t s)
{
    return payment_names[s];
}

const char *
gh_pay_method_name(gh_pay_method_t m)
{
    return methods[m].name;
}

const char *
gh_refund_state_name(gh_refund_state_t s)
{
    return refund_names[s];
}

const char *
gh_order_method(gh_pay_method_t m)
{
    return methods[m].order;
}

int
gh_bill_state_parse(gh_str_t word, gh_bill_state_t *out)
{
    size_t i = 0;
    int rc = find(word, bill_names, GH_BILL_STATES, &i);
    *out = (gh_bill_state_t)i;
    return rc;
}

int
gh_payment_state_parse(gh_str_t word, gh_payment_state_t *out)
{
    size_t i = 0;
    int rc = find(word, payment_names, GH_PAYMENT_STATES, &i);
    *out = (gh_payment_state_t)i;
    return rc;
}

int
gh_refund_state_parse(gh_str_t word, gh_refund_state_t *out)
{
    size_t i = 0;
    int rc = find(word, refund_names, GH_REFUND_STATES, &i);
    *out = (gh_refund_state_t)i;
    return rc;
}

int
gh_pay_method_parse(gh_str_t word, gh_pay_method_t *out)
{
    for (size_t i = 0; i < GH_METHODS; i++)
        if (gh_str_is(word, methods[i].name)) {
            *out = (gh_pay_method_t)i;
            return 0;
        }
    return -1;
}

gh_bill_state_t
gh_bill_state_of(gh_bill_state_t now, int64_t total, int64_t settled, int64_t returned)
{
    if (now == GH_BILL_DRAFT || now == GH_BILL_CANCELLED || settled == 0)
        return now;
    if (returned >= settled)
        return GH_BILL_REFUNDED;
    if (returned > 0)
        return GH_BILL_PARTIALLY_REFUNDED;
    return settled >= total ? GH_BILL_PAID : GH_BILL_PARTIALLY_PAID;
}

gh_err_t
gh_r132_payable(gh_bill_state_t state)
{
    return state == GH_BILL_ISSUED || state == GH_BILL_PARTIALLY_PAID ? GH_E_NONE : GH_E_BILL_NOT_PAYABLE;
}

gh_err_t
gh_r131_within(int64_t amount, int64_t due)
{
    return amount <= due ? GH_E_NONE : GH_E_OVERPAYMENT;
}

gh_err_t
gh_r133_one_pending(bool online, bool pending)
{
    return online && pending ? GH_E_PAYMENT_PENDING : GH_E_NONE;
}

gh_err_t
gh_r142_currency(gh_str_t payment, gh_str_t bill)
{
    return !payment.p || gh_str_eq(payment, bill) ? GH_E_NONE : GH_E_CURRENCY_MISMATCH;
}

gh_err_t
gh_r140_refundable(gh_payment_state_t state, gh_pay_method_t method)
{
    return state == GH_PAYMENT_SUCCEEDED && method != GH_METHOD_INSURANCE ? GH_E_NONE
                                                                          : GH_E_PAYMENT_NOT_REFUNDABLE;
}

gh_err_t
gh_r139_within(int64_t amount, int64_t paid, int64_t refunded)
{
    return amount <= paid - refunded ? GH_E_NONE : GH_E_REFUND_EXCEEDS;
}

bool
gh_refund_waits(gh_pay_method_t method, gh_str_t provider)
{
    return method == GH_METHOD_ONLINE && provider.p && !gh_str_is(provider, "simulated");
}

gh_err_t
gh_r138_cancellable(gh_payment_state_t state)
{
    return state == GH_PAYMENT_PENDING ? GH_E_NONE : GH_E_INVALID_TRANSITION;
}

gh_success_t
gh_r137_success(gh_payment_state_t state, bool same_money, bool bill_takes_it)
{
    if (state == GH_PAYMENT_SUCCEEDED || state == GH_PAYMENT_REVIEW)
        return GH_SUCCESS_IGNORE;
    if (!same_money)
        return GH_SUCCESS_REVIEW;
    return state == GH_PAYMENT_PENDING && bill_takes_it ? GH_SUCCESS_BOOK : GH_SUCCESS_LATE;
}

bool
gh_r135_failure_counts(gh_payment_state_t state)
{
    return state == GH_PAYMENT_PENDING;
}
