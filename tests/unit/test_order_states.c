/* The table of steps against the one of api/32 section 9, and its words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "domain/order_states.h"

static void
steps_are_those_of_the_contract(void **state)
{
    (void)state;
    static const char *const allowed[] = {"pending>confirmed",   "pending>cancelled",   "pending>timeout",
                                          "confirmed>completed", "confirmed>cancelled", "confirmed>no_show",
                                          "waitlist>pending",    "waitlist>confirmed",  "waitlist>cancelled"};
    size_t found = 0;
    for (int a = 0; a < GH_ORDER_STATES; a++)
        for (int b = 0; b < GH_ORDER_STATES; b++) {
            char step[32];
            snprintf(step, sizeof step, "%s>%s", gh_order_state_name((gh_order_state_t)a),
                     gh_order_state_name((gh_order_state_t)b));
            bool want = false;
            for (size_t i = 0; i < GH_COUNT(allowed); i++)
                want = want || strcmp(allowed[i], step) == 0;
            found += want;
            assert_int_equal(gh_order_can_step((gh_order_state_t)a, (gh_order_state_t)b), want);
        }
    assert_int_equal(found, GH_COUNT(allowed));
}

static void
words_read_back(void **state)
{
    (void)state;
    gh_order_state_t o;
    gh_pay_state_t p;
    for (int a = 0; a < GH_ORDER_STATES; a++) {
        assert_int_equal(gh_order_state_parse(gh_str(gh_order_state_name((gh_order_state_t)a)), &o), 0);
        assert_int_equal(o, a);
    }
    for (int a = 0; a < GH_PAY_STATES; a++) {
        assert_int_equal(gh_pay_state_parse(gh_str(gh_pay_state_name((gh_pay_state_t)a)), &p), 0);
        assert_int_equal(p, a);
    }
    assert_int_equal(gh_order_state_parse(GH_STR("finished"), &o), -1);
    assert_int_equal(gh_pay_state_parse(GH_STR(""), &p), -1);
}

static void
r102_states_that_hold_a_place(void **state)
{
    (void)state;
    assert_true(gh_order_holds_place(GH_ORDER_PENDING) && gh_order_holds_place(GH_ORDER_CONFIRMED) &&
                gh_order_holds_place(GH_ORDER_COMPLETED) && gh_order_holds_place(GH_ORDER_NO_SHOW));
    assert_false(gh_order_holds_place(GH_ORDER_WAITLIST) || gh_order_holds_place(GH_ORDER_CANCELLED) ||
                 gh_order_holds_place(GH_ORDER_TIMEOUT));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_are_those_of_the_contract),
        cmocka_unit_test(words_read_back),
        cmocka_unit_test(r102_states_that_hold_a_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
