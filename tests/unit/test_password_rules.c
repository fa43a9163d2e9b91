/* Unit tests of lib/domain/password_rules.c. */
#include "unit.h"

#include "domain/password_rules.h"

static unsigned
of(const char *password)
{
    return gh_password_faults(&gh_password_policy_default, gh_str(password), (gh_str_t){0}, (gh_str_t){0});
}

static void
r23_length_is_8_to_72_bytes(void **state)
{
    (void)state;
    char long_one[GH_PASSWORD_MAX + 2];
    memset(long_one, 'x', sizeof long_one);
    long_one[0] = 'A';
    long_one[1] = '1';
    assert_int_equal(of("Guaha-1"), GH_PW_TOO_SHORT);
    assert_int_equal(of("Guahao-1"), 0);
    assert_int_equal(of("Guahaoo-1"), 0);
    for (size_t n = GH_PASSWORD_MAX - 1; n <= GH_PASSWORD_MAX + 1; n++)
        assert_int_equal(gh_password_faults(&gh_password_policy_default, (gh_str_t){long_one, n},
                                            (gh_str_t){0}, (gh_str_t){0}),
                         n > GH_PASSWORD_MAX ? GH_PW_TOO_LONG : 0);
    assert_int_equal(of("密码A1"), 0); /* bytes are counted: 8 */
    assert_int_equal(of("密A1"), GH_PW_TOO_SHORT);
}

static void
r23_three_of_four_classes(void **state)
{
    (void)state;
    static const char *const two[] = {"zhuomian", "zhuoMIAN", "zhuo7391", "ZHUO7391",
                                      "zhuo-mia", "7391-462", "密码zhuo"};
    static const char *const three[] = {"zhuoMI73", "zhuo-739", "ZHUO-739", "zhuo-MIA", "zhuo密73"};
    for (size_t i = 0; i < GH_COUNT(two); i++)
        assert_int_equal(of(two[i]), GH_PW_TOO_FEW_CLASSES);
    for (size_t i = 0; i < GH_COUNT(three); i++)
        assert_int_equal(of(three[i]), 0);
}

static void
r23_neither_one_character_nor_common(void **state)
{
    (void)state;
    assert_int_equal(of("zzzzzzzz"), GH_PW_TOO_FEW_CLASSES | GH_PW_ONE_CHARACTER);
    assert_int_equal(of("Password1"), GH_PW_COMMON);
    assert_int_equal(of("P@SSW0RD"), GH_PW_COMMON);
    assert_int_equal(of("p@ssw0rd"), GH_PW_COMMON); /* lower case, digit, other */
    assert_int_equal(of("123456"), GH_PW_TOO_SHORT | GH_PW_TOO_FEW_CLASSES | GH_PW_COMMON);
    assert_int_equal(of(""), GH_PW_TOO_SHORT | GH_PW_TOO_FEW_CLASSES);
    assert_int_equal(of("Algeria123!"), 0); /* of seed 003 */
    assert_int_equal(of("Guahao-2026"), 0);
}

static void
r23_the_names_of_the_account_are_not_inside(void **state)
{
    (void)state;
    gh_str_t none = {0}, password = GH_STR("xLi.MingX-1");
    assert_int_equal(gh_password_faults(&gh_password_policy_default, password, GH_STR("li.ming"), none),
                     GH_PW_HAS_USERNAME);
    assert_int_equal(
        gh_password_faults(&gh_password_policy_default, password, none, GH_STR("LI.MING@example.test")),
        GH_PW_HAS_EMAIL);
    assert_int_equal(gh_password_faults(&gh_password_policy_default, password, none, GH_STR("other@li.ming")),
                     0);
    assert_int_equal(
        gh_password_faults(&gh_password_policy_default, password, GH_STR("li"), GH_STR("g@x.test")),
        0); /* too short to count */
    assert_int_equal(gh_password_faults(&gh_password_policy_default, password, GH_STR("Min"), none),
                     GH_PW_HAS_USERNAME);
    assert_int_equal(
        gh_password_faults(&gh_password_policy_default, GH_STR("Xy-12345"), GH_STR("Xy-123456"), none), 0);
    assert_int_equal(
        gh_password_faults(&gh_password_policy_default, GH_STR("Xy-12345"), GH_STR("xy-12345"), none),
        GH_PW_HAS_USERNAME);
}

static void
a_nul_is_a_fault(void **state)
{
    (void)state;
    gh_str_t s = {"Guaha\0-2026", 11};
    assert_int_equal(gh_password_faults(&gh_password_policy_default, s, (gh_str_t){0}, (gh_str_t){0}),
                     GH_PW_HAS_NUL);
}

static void
the_score_grows_with_length_and_kinds(void **state)
{
    (void)state;
    static const struct {
        const char *password;
        int score;
    } rows[] = {{"", 0},          {"zzzzzzzz", 0},     {"Password1", 0},    {"Ab-1", 1},
                {"zhuomian", 1},  {"zhuomianzhuo", 1}, {"zhuo-739", 2},     {"zhuo-7391462", 3},
                {"Zhuo-7391", 2}, {"Zhuo-73914", 3},   {"Zhuo-7391462", 4}, {"zhuo-73914628537", 4}};
    for (size_t i = 0; i < GH_COUNT(rows); i++)
        assert_int_equal(gh_password_score(gh_str(rows[i].password), of(rows[i].password)), rows[i].score);
}

static void
the_common_list_is_in_order_and_in_lower_case(void **state)
{
    (void)state;
    for (size_t i = 0; i < gh_common_passwords_count; i++) {
        assert_true(i == 0 || strcmp(gh_common_passwords[i - 1], gh_common_passwords[i]) < 0);
        for (const char *c = gh_common_passwords[i]; *c; c++)
            assert_false(*c >= 'A' && *c <= 'Z');
        assert_true(of(gh_common_passwords[i]) & GH_PW_COMMON);
    }
}

static void
every_fault_has_its_own_word(void **state)
{
    (void)state;
    assert_string_equal(gh_password_fault_word(GH_PW_TOO_SHORT), "too_short");
    assert_string_equal(gh_password_fault_word(GH_PW_HAS_NUL), "has_nul");
    assert_string_equal(gh_password_fault_word(GH_PW_HAS_USERNAME), "contains_username");
    assert_string_equal(gh_password_fault_word(GH_PW_COMMON), "common");
    for (unsigned i = 0; i < GH_PW_FAULTS; i++)
        for (unsigned k = 0; k < i; k++) {
            char one[GH_PASSWORD_FAULT_TEXT], two[GH_PASSWORD_FAULT_TEXT];
            assert_string_not_equal(gh_password_fault_word(1u << i), gh_password_fault_word(1u << k));
            assert_string_not_equal(gh_password_fault_text(&gh_password_policy_default, 1u << i, one),
                                    gh_password_fault_text(&gh_password_policy_default, 1u << k, two));
        }
}

/* auth.password.* of api/29. */
static void
a_hospital_may_ask_for_more(void **state)
{
    (void)state;
    const gh_password_policy_t strict = {.min_length = 12, .min_classes = 4, .history = 5};
    const gh_str_t none = {0}, eleven = GH_STR("Xy-12345678"), lower = GH_STR("xy-123456789");
    char text[GH_PASSWORD_FAULT_TEXT];
    assert_int_equal(gh_password_faults(&gh_password_policy_default, eleven, none, none), 0);
    assert_int_equal(gh_password_faults(&strict, eleven, none, none), GH_PW_TOO_SHORT);
    assert_int_equal(gh_password_faults(&strict, lower, none, none), GH_PW_TOO_FEW_CLASSES);
    assert_int_equal(gh_password_faults(&strict, GH_STR("Xy-123456789"), none, none), 0);
    assert_string_equal(gh_password_fault_text(&strict, GH_PW_TOO_SHORT, text),
                        "at least 12 bytes are needed");
    assert_string_equal(gh_password_fault_text(&strict, GH_PW_TOO_FEW_CLASSES, text),
                        "use all of: lower case, upper case, digits, other characters");
    assert_string_equal(gh_password_fault_text(&gh_password_policy_default, GH_PW_TOO_FEW_CLASSES, text),
                        "use three of: lower case, upper case, digits, other characters");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(r23_length_is_8_to_72_bytes),
        cmocka_unit_test(r23_three_of_four_classes),
        cmocka_unit_test(r23_neither_one_character_nor_common),
        cmocka_unit_test(r23_the_names_of_the_account_are_not_inside),
        cmocka_unit_test(a_nul_is_a_fault),
        cmocka_unit_test(the_score_grows_with_length_and_kinds),
        cmocka_unit_test(the_common_list_is_in_order_and_in_lower_case),
        cmocka_unit_test(every_fault_has_its_own_word),
        cmocka_unit_test(a_hospital_may_ask_for_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
