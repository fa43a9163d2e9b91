/* Paying for an order: BR-83, BR-84. */
#include "unit.h"

#include "domain/pay_rules.h"

static const gh_pay_facts_t payable = {
    .exists = true, .allowed = true, .state = GH_ORDER_PENDING, .payment = GH_PAY_PENDING, .price = 1};

static void
br84_a_pending_order_with_a_price_is_paid(void **state)
{
    (void)state;
    gh_pay_facts_t f = payable;
    assert_int_equal(gh_br84_pay(&f).err, GH_E_NONE);
    f.price = 0;
    assert_int_equal(gh_br84_pay(&f).err, GH_E_PAY_AMOUNT_INVALID);
    f.allowed = false;
    assert_int_equal(gh_br84_pay(&f).err, GH_E_PAY_FORBIDDEN);
    f.exists = false;
    assert_int_equal(gh_br84_pay(&f).err, GH_E_ORDER_NOT_FOUND);
}

static void
br84_the_payment_is_looked_at_before_the_order(void **state)
{
    (void)state;
    for (int s = 0; s < GH_ORDER_STATES; s++)
        for (int p = 0; p < GH_PAY_STATES; p++) {
            gh_pay_facts_t f = payable;
            f.state = (gh_order_state_t)s;
            f.payment = (gh_pay_state_t)p;
            gh_pay_verdict_t v = gh_br84_pay(&f);
            assert_false(v.times_out);
            if (p != GH_PAY_PENDING) {
                assert_int_equal(v.err, GH_E_PAY_PAYMENT_STATUS);
                assert_string_equal(v.state, gh_pay_state_name(f.payment));
            } else if (s != GH_ORDER_PENDING) {
                assert_int_equal(v.err, GH_E_PAY_ORDER_STATUS);
                assert_string_equal(v.state, gh_order_state_name(f.state));
            } else {
                assert_int_equal(v.err, GH_E_NONE);
            }
        }
}

static void
br83_an_overdue_order_becomes_a_timeout(void **state)
{
    (void)state;
    gh_pay_facts_t f = payable;
    f.overdue = true;
    gh_pay_verdict_t v = gh_br84_pay(&f);
    assert_int_equal(v.err, GH_E_PAY_PAYMENT_STATUS);
    assert_true(v.times_out);
    assert_string_equal(v.state, "failed");
    f.payment = GH_PAY_PAID;
    assert_false(gh_br84_pay(&f).times_out);
    f = payable;
    f.overdue = true;
    f.allowed = false; /* a stranger changes nothing */
    v = gh_br84_pay(&f);
    assert_int_equal(v.err, GH_E_PAY_FORBIDDEN);
    assert_false(v.times_out);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(br84_a_pending_order_with_a_price_is_paid),
        cmocka_unit_test(br84_the_payment_is_looked_at_before_the_order),
        cmocka_unit_test(br83_an_overdue_order_becomes_a_timeout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
