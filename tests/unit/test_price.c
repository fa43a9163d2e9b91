/* BR-36 and BR-37. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "domain/price.h"

static void
br36_rounds_half_up_to_cents(void **state)
{
    (void)state;
    assert_int_equal(gh_price_payable(5000, 8000), 4000);
    assert_int_equal(gh_price_payable(5000, GH_RATE_ONE), 5000);
    assert_int_equal(gh_price_payable(0, 8000), 0);
    assert_int_equal(gh_price_payable(1, 4999), 0);
    assert_int_equal(gh_price_payable(1, 5000), 1);
    assert_int_equal(gh_price_payable(1, 5001), 1);
    assert_int_equal(gh_price_payable(1001, 7500), 751); /* 750.75 */
    assert_int_equal(gh_price_payable(GH_MONEY_MAX, GH_RATE_ONE), GH_MONEY_MAX);
}

static void
br36_unknown_type_pays_in_full(void **state)
{
    (void)state;
    gh_rates_t r = {8000, 7000, 6000, 9000};
    assert_int_equal(gh_rate_of(&r, GH_STR("学生")), 8000);
    assert_int_equal(gh_rate_of(&r, GH_STR("教师")), 7000);
    assert_int_equal(gh_rate_of(&r, GH_STR("职工")), 6000);
    assert_int_equal(gh_rate_of(&r, GH_STR("校外")), 9000);
    assert_int_equal(gh_rate_of(&r, GH_STR("other")), GH_RATE_ONE);
    assert_int_equal(gh_rate_of(&r, (gh_str_t){0}), GH_RATE_ONE);
}

static void
br37_rate_outside_its_range_gives_way(void **state)
{
    (void)state;
    gh_rates_t r = {0, 1, GH_RATE_ONE, GH_RATE_ONE + 1};
    gh_rates_mend(&r);
    assert_int_equal(r.student, 8000);
    assert_int_equal(r.teacher, 1);
    assert_int_equal(r.staff, GH_RATE_ONE);
    assert_int_equal(r.external, GH_RATE_ONE);
    r.staff = -1;
    gh_rates_mend(&r);
    assert_int_equal(r.staff, 8000);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(br36_rounds_half_up_to_cents),
        cmocka_unit_test(br36_unknown_type_pays_in_full),
        cmocka_unit_test(br37_rate_outside_its_range_gives_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
