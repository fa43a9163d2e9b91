/* BR-31, BR-36 and BR-37. */
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

/* The examples of api/03. */
static void
br31_the_most_specific_level_counts(void **state)
{
    (void)state;
    static const struct {
        int64_t doctor, clinic, dept, global;
        const char *slot_type;
        int64_t price;
        gh_price_level_t from;
    } cases[] = {
        {8200, -1, 6100, 5000, "普通", 8200, GH_PRICE_DOCTOR},
        {-1, 17500, -1, 10000, "专家", 17500, GH_PRICE_CLINIC},
        {-1, -1, 6100, 5000, "普通", 6100, GH_PRICE_DEPT},
        {-1, -1, -1, 5100, "普通", 5100, GH_PRICE_GLOBAL},
        {-1, -1, -1, -1, "特需", 50000, GH_PRICE_BUILTIN},
        {-1, -1, -1, -1, "专家", 10000, GH_PRICE_BUILTIN},
        {-1, -1, -1, -1, "普通", 5000, GH_PRICE_BUILTIN},
        {0, 17500, -1, 10000, "专家", 0, GH_PRICE_DOCTOR}, /* free of charge is a price */
    };
    for (size_t i = 0; i < GH_COUNT(cases); i++) {
        gh_price_levels_t levels = {{[GH_PRICE_DOCTOR] = cases[i].doctor,
                                     [GH_PRICE_CLINIC] = cases[i].clinic,
                                     [GH_PRICE_DEPT] = cases[i].dept,
                                     [GH_PRICE_GLOBAL] = cases[i].global}};
        gh_price_level_t from;
        assert_int_equal(gh_price_list(&levels, gh_str(cases[i].slot_type), &from), cases[i].price);
        assert_int_equal(from, cases[i].from);
    }
}

static void
a_quote_tells_price_level_rate_and_what_is_paid(void **state)
{
    (void)state;
    gh_price_levels_t levels = {
        {[GH_PRICE_DOCTOR] = 8200, [GH_PRICE_CLINIC] = -1, [GH_PRICE_DEPT] = -1, [GH_PRICE_GLOBAL] = -1}};
    gh_rates_t rates = {8000, 7000, 9000, GH_RATE_ONE};
    gh_quote_t q = gh_price_quote(8200, GH_STR("普通"), &levels, &rates, GH_STR("学生"));
    assert_int_equal(q.from, GH_PRICE_DOCTOR);
    assert_int_equal(q.payable, 6560);
    q = gh_price_quote(3335, GH_STR("普通"), &levels, &rates,
                       GH_STR("职工")); /* another price than any level says */
    assert_int_equal(q.from, GH_PRICE_SCHEDULE);
    assert_int_equal(q.list, 3335);
    assert_int_equal(q.rate, 9000);
    assert_int_equal(q.payable, 3002); /* half up */
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(br36_rounds_half_up_to_cents),
        cmocka_unit_test(br36_unknown_type_pays_in_full),
        cmocka_unit_test(br37_rate_outside_its_range_gives_way),
        cmocka_unit_test(br31_the_most_specific_level_counts),
        cmocka_unit_test(a_quote_tells_price_level_rate_and_what_is_paid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
