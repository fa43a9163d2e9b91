/* Bills, payments and refunds: R-131..R-142. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "domain/payment_rules.h"

static void
words_are_read_as_they_are_written(void **state)
{
    (void)state;
    for (int i = 0; i < GH_BILL_STATES; i++) {
        gh_bill_state_t s;
        assert_int_equal(gh_bill_state_parse(gh_str(gh_bill_state_name((gh_bill_state_t)i)), &s), 0);
        assert_int_equal(s, i);
    }
    for (int i = 0; i < GH_PAYMENT_STATES; i++) {
        gh_payment_state_t s;
        assert_int_equal(gh_payment_state_parse(gh_str(gh_payment_state_name((gh_payment_state_t)i)), &s), 0);
        assert_int_equal(s, i);
    }
    for (int i = 0; i < GH_METHODS; i++) {
        gh_pay_method_t m;
        assert_int_equal(gh_pay_method_parse(gh_str(gh_pay_method_name((gh_pay_method_t)i)), &m), 0);
        assert_int_equal(m, i);
    }
    for (int i = 0; i < GH_REFUND_STATES; i++) {
        gh_refund_state_t s;
        assert_int_equal(gh_refund_state_parse(gh_str(gh_refund_state_name((gh_refund_state_t)i)), &s), 0);
        assert_int_equal(s, i);
    }
    gh_bill_state_t bill;
    gh_payment_state_t payment;
    gh_pay_method_t method;
    gh_refund_state_t refund;
    assert_int_equal(gh_bill_state_parse(GH_STR("paid"), &bill), -1);
    assert_int_equal(gh_payment_state_parse(GH_STR("PENDINGS"), &payment), -1);
    assert_int_equal(gh_pay_method_parse(GH_STR(""), &method), -1);
    assert_int_equal(gh_refund_state_parse(GH_STR("DONE"), &refund), -1);
}

static void
r129_state_of_a_bill_follows_its_sums(void **state)
{
    (void)state;
    static const struct {
        gh_bill_state_t from;
        int64_t settled, returned;
        gh_bill_state_t to;
    } cases[] = {
        {GH_BILL_ISSUED, 0, 0, GH_BILL_ISSUED},
        {GH_BILL_ISSUED, 1, 0, GH_BILL_PARTIALLY_PAID},
        {GH_BILL_ISSUED, 4999, 0, GH_BILL_PARTIALLY_PAID},
        {GH_BILL_ISSUED, 5000, 0, GH_BILL_PAID},
        {GH_BILL_PARTIALLY_PAID, 5000, 0, GH_BILL_PAID},
        {GH_BILL_PAID, 5000, 1, GH_BILL_PARTIALLY_REFUNDED},
        {GH_BILL_PARTIALLY_PAID, 2000, 1999, GH_BILL_PARTIALLY_REFUNDED},
        {GH_BILL_PARTIALLY_PAID, 2000, 2000, GH_BILL_REFUNDED},
        {GH_BILL_PARTIALLY_REFUNDED, 5000, 4999, GH_BILL_PARTIALLY_REFUNDED},
        {GH_BILL_PARTIALLY_REFUNDED, 5000, 5000, GH_BILL_REFUNDED},
        {GH_BILL_DRAFT, 0, 0, GH_BILL_DRAFT},
        {GH_BILL_CANCELLED, 0, 0, GH_BILL_CANCELLED},
    };
    for (size_t i = 0; i < GH_COUNT(cases); i++)
        assert_int_equal(gh_bill_state_of(cases[i].from, 5000, cases[i].settled, cases[i].returned),
                         cases[i].to);
}

static void
r131_not_above_what_is_due(void **state)
{
    (void)state;
    assert_int_equal(gh_r131_within(4999, 5000), GH_E_NONE);
    assert_int_equal(gh_r131_within(5000, 5000), GH_E_NONE);
    assert_int_equal(gh_r131_within(5001, 5000), GH_E_OVERPAYMENT);
    assert_int_equal(gh_r131_within(1, 0), GH_E_OVERPAYMENT);
}

static void
r132_only_issued_bills_are_payable(void **state)
{
    (void)state;
    for (int s = 0; s < GH_BILL_STATES; s++)
        assert_int_equal(gh_r132_payable((gh_bill_state_t)s),
                         s == GH_BILL_ISSUED || s == GH_BILL_PARTIALLY_PAID ? GH_E_NONE
                                                                            : GH_E_BILL_NOT_PAYABLE);
}

static void
r133_one_online_payment_waits(void **state)
{
    (void)state;
    assert_int_equal(gh_r133_one_pending(true, true), GH_E_PAYMENT_PENDING);
    assert_int_equal(gh_r133_one_pending(true, false), GH_E_NONE);
    assert_int_equal(gh_r133_one_pending(false, true), GH_E_NONE);
}

static void
r142_currencies_are_equal(void **state)
{
    (void)state;
    assert_int_equal(gh_r142_currency(GH_STR("CNY"), GH_STR("CNY")), GH_E_NONE);
    assert_int_equal(gh_r142_currency((gh_str_t){0}, GH_STR("CNY")), GH_E_NONE);
    assert_int_equal(gh_r142_currency(GH_STR("EUR"), GH_STR("CNY")), GH_E_CURRENCY_MISMATCH);
}

static void
r136_other_money_is_for_somebody_to_look_at(void **state)
{
    (void)state;
    assert_int_equal(gh_r137_success(GH_PAYMENT_PENDING, false, true), GH_SUCCESS_REVIEW);
    assert_int_equal(gh_r137_success(GH_PAYMENT_EXPIRED, false, false), GH_SUCCESS_REVIEW);
    assert_int_equal(gh_r137_success(GH_PAYMENT_SUCCEEDED, false, false), GH_SUCCESS_IGNORE);
    assert_int_equal(gh_r137_success(GH_PAYMENT_REVIEW, true, true), GH_SUCCESS_IGNORE);
}

static void
r137_late_money_is_booked_and_given_back(void **state)
{
    (void)state;
    assert_int_equal(gh_r137_success(GH_PAYMENT_PENDING, true, true), GH_SUCCESS_BOOK);
    assert_int_equal(gh_r137_success(GH_PAYMENT_PENDING, true, false), GH_SUCCESS_LATE);
    assert_int_equal(gh_r137_success(GH_PAYMENT_EXPIRED, true, true), GH_SUCCESS_LATE);
    assert_int_equal(gh_r137_success(GH_PAYMENT_CANCELLED, true, true), GH_SUCCESS_LATE);
    assert_int_equal(gh_r137_success(GH_PAYMENT_FAILED, true, true), GH_SUCCESS_LATE);
    assert_int_equal(gh_r137_success(GH_PAYMENT_SUCCEEDED, true, true), GH_SUCCESS_IGNORE); /* once */
}

static void
r135_a_failure_out_of_order_changes_nothing(void **state)
{
    (void)state;
    for (int s = 0; s < GH_PAYMENT_STATES; s++)
        assert_int_equal(gh_r135_failure_counts((gh_payment_state_t)s), s == GH_PAYMENT_PENDING);
}

static void
r138_only_pending_payments_are_cancelled(void **state)
{
    (void)state;
    for (int s = 0; s < GH_PAYMENT_STATES; s++)
        assert_int_equal(gh_r138_cancellable((gh_payment_state_t)s),
                         s == GH_PAYMENT_PENDING ? GH_E_NONE : GH_E_INVALID_TRANSITION);
}

static void
r139_refunds_stay_within_their_payment(void **state)
{
    (void)state;
    assert_int_equal(gh_r139_within(2000, 5000, 3000), GH_E_NONE);
    assert_int_equal(gh_r139_within(2001, 5000, 3000), GH_E_REFUND_EXCEEDS);
    assert_int_equal(gh_r139_within(1, 5000, 5000), GH_E_REFUND_EXCEEDS);
}

static void
r140_only_what_succeeded_is_refundable(void **state)
{
    (void)state;
    for (int s = 0; s < GH_PAYMENT_STATES; s++)
        assert_int_equal(gh_r140_refundable((gh_payment_state_t)s, GH_METHOD_CASH),
                         s == GH_PAYMENT_SUCCEEDED ? GH_E_NONE : GH_E_PAYMENT_NOT_REFUNDABLE);
    assert_int_equal(gh_r140_refundable(GH_PAYMENT_SUCCEEDED, GH_METHOD_INSURANCE),
                     GH_E_PAYMENT_NOT_REFUNDABLE);
}

static void
refunds_wait_for_providers_that_report(void **state)
{
    (void)state;
    assert_true(gh_refund_waits(GH_METHOD_ONLINE, GH_STR("sandbox")));
    assert_false(gh_refund_waits(GH_METHOD_ONLINE, GH_STR("simulated")));
    assert_false(gh_refund_waits(GH_METHOD_ONLINE, (gh_str_t){0}));
    assert_false(gh_refund_waits(GH_METHOD_CARD, GH_STR("sandbox")));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_read_as_they_are_written),
        cmocka_unit_test(r129_state_of_a_bill_follows_its_sums),
        cmocka_unit_test(r131_not_above_what_is_due),
        cmocka_unit_test(r132_only_issued_bills_are_payable),
        cmocka_unit_test(r133_one_online_payment_waits),
        cmocka_unit_test(r142_currencies_are_equal),
        cmocka_unit_test(r136_other_money_is_for_somebody_to_look_at),
        cmocka_unit_test(r137_late_money_is_booked_and_given_back),
        cmocka_unit_test(r135_a_failure_out_of_order_changes_nothing),
        cmocka_unit_test(r138_only_pending_payments_are_cancelled),
        cmocka_unit_test(r139_refunds_stay_within_their_payment),
        cmocka_unit_test(r140_only_what_succeeded_is_refundable),
        cmocka_unit_test(refunds_wait_for_providers_that_report),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
