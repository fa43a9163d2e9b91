/*
 * tests/unit/test_money.c - cents, rates, discounts
 */
#include "unit.h"

#include "base/money.h"

static void
parses_amounts_of_two_decimals(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t cents;
    } good[] = {
        {"0", 0},        {"-0", 0},
        {"40", 4000},    {"40.5", 4050},
        {"40.05", 4005}, {"-0.25", -25},
        {"007.10", 710}, {"9999999999.99", GH_MONEY_MAX},
        {"0.01", 1},     {"-9999999999.99", -GH_MONEY_MAX},
    };
    for (size_t i = 0; i < GH_COUNT(good); i++) {
        int64_t cents = -1;
        assert_int_equal(gh_money_parse(gh_str(good[i].text), &cents), 0);
        assert_int_equal(cents, good[i].cents);
    }
}

static void
refuses_what_is_not_an_amount(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "-",
                                      ".",
                                      ".5",
                                      "5.",
                                      "1.234",
                                      "1,5",
                                      "+1",
                                      " 1",
                                      "1 ",
                                      "1e3",
                                      "--1",
                                      "10000000000",
                                      "9999999999.999",
                                      "0x1",
                                      "1..2",
                                      "1.2.",
                                      "99999999999999999999999999"};
    for (size_t i = 0; i < GH_COUNT(bad); i++) {
        int64_t cents = 77;
        assert_int_equal(gh_money_parse(gh_str(bad[i]), &cents), -1);
        assert_int_equal(cents, 77);
    }
    int64_t cents;
    assert_int_equal(gh_money_parse((gh_str_t){"1\0002", 3}, &cents), -1);
}

static void
text_and_parse_agree(void **state)
{
    (void)state;
    static const int64_t cents[] = {0, 1, -1, 99, 100, -100, 4000, GH_MONEY_MAX, -GH_MONEY_MAX};
    static const char *const texts[] = {"0.00",  "0.01",  "-0.01",         "0.99",          "1.00",
                                        "-1.00", "40.00", "9999999999.99", "-9999999999.99"};
    for (size_t i = 0; i < GH_COUNT(cents); i++) {
        char out[24];
        int64_t back;
        int n = gh_money_text(cents[i], out);
        assert_string_equal(out, texts[i]);
        assert_int_equal(n, strlen(out));
        assert_int_equal(gh_money_parse(gh_str(out), &back), 0);
        assert_int_equal(back, cents[i]);
    }
    char out[24];
    gh_money_text(INT64_MIN, out);
    assert_string_equal(out, "-92233720368547758.08");
}

static void
rates_have_four_decimals_up_to_one(void **state)
{
    (void)state;
    int32_t rate;
    assert_int_equal(gh_rate_parse(GH_STR("0.8"), &rate), 0);
    assert_int_equal(rate, 8000);
    assert_int_equal(gh_rate_parse(GH_STR("0.8575"), &rate), 0);
    assert_int_equal(rate, 8575);
    assert_int_equal(gh_rate_parse(GH_STR("1.0000"), &rate), 0);
    assert_int_equal(rate, GH_RATE_ONE);
    assert_int_equal(gh_rate_parse(GH_STR("0"), &rate), 0);
    assert_int_equal(rate, 0);
    static const char *const bad[] = {"", "-0.1", "1.0001", "2", "0.12345", "abc"};
    for (size_t i = 0; i < GH_COUNT(bad); i++)
        assert_int_equal(gh_rate_parse(gh_str(bad[i]), &rate), -1);
}

static void
discount_rounds_half_up(void **state)
{
    (void)state;
    assert_int_equal(gh_money_discount(4000, 8000), 3200);
    assert_int_equal(gh_money_discount(1, 5000), 1);       /* 0.5 -> 1 */
    assert_int_equal(gh_money_discount(1, 4999), 0);       /* 0.4999 -> 0 */
    assert_int_equal(gh_money_discount(333, 8500), 283);   /* 283.05 */
    assert_int_equal(gh_money_discount(3333, 8575), 2858); /* 2858.0475 */
    assert_int_equal(gh_money_discount(GH_MONEY_MAX, GH_RATE_ONE), GH_MONEY_MAX);
    assert_int_equal(gh_money_discount(12345, 0), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_amounts_of_two_decimals),
        cmocka_unit_test(refuses_what_is_not_an_amount),
        cmocka_unit_test(text_and_parse_agree),
        cmocka_unit_test(rates_have_four_decimals_up_to_one),
        cmocka_unit_test(discount_rounds_half_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
