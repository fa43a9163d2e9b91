/* Cancelling: BR-85..BR-87, BR-93, R-93..R-95, R-101. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "domain/cancel_rules.h"

#define MIN(n) ((n)*INT64_C(60000000))
#define NOW    INT64_C(1800000000000000)

static gh_registration_t rules;
static gh_cancel_facts_t facts;
static gh_canceller_t who;

static int
setup(void **state)
{
    (void)state;
    rules = gh_registration_default;
    facts = (gh_cancel_facts_t){.state = GH_ORDER_CONFIRMED,
                                .payment = GH_PAY_PAID,
                                .price = 4000,
                                .deadline_start_us = NOW + MIN(121),
                                .now_us = NOW,
                                .rules = &rules};
    who = (gh_canceller_t){.allowed = true, .has_deadline = true};
    return 0;
}

static void
br85_r94_deadline_is_exact(void **state)
{
    (void)state;
    assert_int_equal(gh_br85_before_deadline(NOW + MIN(120) + 1, NOW, 2), GH_E_NONE);
    assert_int_equal(gh_br85_before_deadline(NOW + MIN(120), NOW, 2), GH_E_CANCEL_TOO_LATE);
    assert_int_equal(gh_br85_before_deadline(NOW + MIN(120) - 1, NOW, 2), GH_E_CANCEL_TOO_LATE);
    facts.deadline_start_us = NOW + MIN(120);
    assert_int_equal(gh_cancel_decide(&who, &facts).err, GH_E_CANCEL_TOO_LATE);
    who.has_deadline = false; /* R-94 binds patients */
    assert_int_equal(gh_cancel_decide(&who, &facts).err, GH_E_NONE);
}

static void
br86_r95_paid_is_refunded_unpaid_is_cancelled(void **state)
{
    (void)state;
    gh_cancel_verdict_t v = gh_cancel_decide(&who, &facts);
    assert_int_equal(v.err, GH_E_NONE);
    assert_int_equal(v.state, GH_ORDER_CANCELLED);
    assert_int_equal(v.payment, GH_PAY_REFUNDED);
    assert_int_equal(v.refund, 4000);
    facts.payment = GH_PAY_PENDING;
    v = gh_cancel_decide(&who, &facts);
    assert_int_equal(v.payment, GH_PAY_CANCELLED);
    assert_int_equal(v.refund, 0);
    facts.payment = GH_PAY_REFUNDED; /* the desk gave it back before: it stays so */
    v = gh_cancel_decide(&who, &facts);
    assert_int_equal(v.payment, GH_PAY_REFUNDED);
    assert_int_equal(v.refund, 0);
    facts.payment = GH_PAY_PAID; /* free of charge: nothing to give back */
    facts.price = 0;
    assert_int_equal(gh_cancel_decide(&who, &facts).payment, GH_PAY_CANCELLED);
}

static void
r93_only_active_orders(void **state)
{
    (void)state;
    for (int s = 0; s < GH_ORDER_STATES; s++) {
        facts.state = (gh_order_state_t)s;
        bool active = s == GH_ORDER_PENDING || s == GH_ORDER_CONFIRMED;
        assert_int_equal(gh_cancel_decide(&who, &facts).err,
                         active ? GH_E_NONE : GH_E_APPOINTMENT_NOT_CANCELLABLE);
    }
}

static void
br83_br102_time_counts_from_the_moment_it_became_payable(void **state)
{
    (void)state;
    rules.payment_minutes = 30;
    assert_true(gh_br83_pay_until(NOW, &rules) == NOW + MIN(30));
    facts.state = GH_ORDER_PENDING;
    facts.payment = GH_PAY_PENDING;
    facts.payable_since_us = NOW - MIN(30) +
                             1; /* a converted entry: since the conversion, however old the order is */
    assert_false(gh_br87_overdue(&facts));
    facts.payable_since_us--;
    assert_true(gh_br87_overdue(&facts));
    facts.payable_since_us = 0; /* never became payable */
    assert_false(gh_br87_overdue(&facts));
}

static void
br83_br87_overdue_unpaid_becomes_timeout(void **state)
{
    (void)state;
    facts.state = GH_ORDER_PENDING;
    facts.payment = GH_PAY_PENDING;
    facts.payable_since_us = NOW - MIN(30) + 1;
    assert_int_equal(gh_cancel_decide(&who, &facts).state, GH_ORDER_CANCELLED);
    facts.payable_since_us = NOW - MIN(30);
    facts.deadline_start_us = NOW; /* succeeds even after the deadline */
    gh_cancel_verdict_t v = gh_cancel_decide(&who, &facts);
    assert_int_equal(v.err, GH_E_NONE);
    assert_int_equal(v.state, GH_ORDER_TIMEOUT);
    assert_int_equal(v.payment, GH_PAY_FAILED);
    facts.payable_since_us = 0; /* confirmed at once on v1: never payable in that sense */
    assert_int_equal(gh_cancel_decide(&who, &facts).err, GH_E_CANCEL_TOO_LATE);
}

static void
stranger_is_refused_first(void **state)
{
    (void)state;
    who.allowed = false;
    facts.state = GH_ORDER_CANCELLED;
    assert_int_equal(gh_cancel_decide(&who, &facts).err, GH_E_APPOINTMENT_FORBIDDEN);
}

static void
r101_override_needs_the_permission(void **state)
{
    (void)state;
    facts.deadline_start_us = NOW;
    who.wants_override = true;
    assert_int_equal(gh_cancel_decide(&who, &facts).err, GH_E_FORBIDDEN);
    who.may_override = true;
    assert_int_equal(gh_cancel_decide(&who, &facts).err, GH_E_NONE);
}

static void
br93_can_cancel(void **state)
{
    (void)state;
    assert_true(gh_br93_can_cancel(&facts));
    facts.deadline_start_us = NOW + MIN(120);
    assert_false(gh_br93_can_cancel(&facts));
    facts.deadline_start_us = NOW + MIN(500);
    facts.state = GH_ORDER_COMPLETED;
    assert_false(gh_br93_can_cancel(&facts));
}

static void
br88_a_payment_is_refused_in_its_own_words(void **state)
{
    (void)state;
    static const gh_err_t want[GH_ORDER_STATES] = {
        [GH_ORDER_WAITLIST] = GH_E_APPOINTMENT_NOT_CANCELLABLE,
        [GH_ORDER_CANCELLED] = GH_E_ORDER_ALREADY_CANCELLED,
        [GH_ORDER_TIMEOUT] = GH_E_APPOINTMENT_NOT_CANCELLABLE,
        [GH_ORDER_COMPLETED] = GH_E_ORDER_ALREADY_OVER,
        [GH_ORDER_NO_SHOW] = GH_E_ORDER_ALREADY_OVER,
    };
    who.way = &gh_cancel_payment;
    for (int s = 0; s < GH_ORDER_STATES; s++) {
        facts.state = (gh_order_state_t)s;
        assert_int_equal(gh_cancel_decide(&who, &facts).err, want[s]);
    }
    who.allowed = false;
    assert_int_equal(gh_cancel_decide(&who, &facts).err, GH_E_CANCEL_PAYMENT_FORBIDDEN);
}

static void
br88_the_deadline_binds_what_was_paid(void **state)
{
    (void)state;
    who.way = &gh_cancel_payment;
    facts.deadline_start_us = NOW + MIN(120);
    assert_int_equal(gh_cancel_decide(&who, &facts).err, GH_E_CANCEL_PAYMENT_TOO_LATE);
    facts.deadline_start_us = NOW + MIN(120) + 1;
    assert_int_equal(gh_cancel_decide(&who, &facts).refund, 4000);
    facts.deadline_start_us = NOW;
    facts.state = GH_ORDER_PENDING;
    facts.payment = GH_PAY_PENDING;
    facts.payable_since_us = NOW - MIN(30) + 1;
    assert_int_equal(gh_cancel_decide(&who, &facts).state, GH_ORDER_CANCELLED);
    assert_int_equal(gh_cancel_decide(&who, &facts).payment, GH_PAY_CANCELLED);
    facts.payable_since_us = NOW - MIN(30);
    assert_int_equal(gh_cancel_decide(&who, &facts).state, GH_ORDER_TIMEOUT);
    assert_int_equal(gh_cancel_decide(&who, &facts).payment, GH_PAY_FAILED);
}

#define T(f) cmocka_unit_test_setup(f, setup)
int
main(void)
{
    const struct CMUnitTest tests[] = {
        T(br85_r94_deadline_is_exact),
        T(br86_r95_paid_is_refunded_unpaid_is_cancelled),
        T(r93_only_active_orders),
        T(br83_br102_time_counts_from_the_moment_it_became_payable),
        T(br83_br87_overdue_unpaid_becomes_timeout),
        T(stranger_is_refused_first),
        T(r101_override_needs_the_permission),
        T(br93_can_cancel),
        T(br88_a_payment_is_refused_in_its_own_words),
        T(br88_the_deadline_binds_what_was_paid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
