/* Unit tests of lib/domain/generate.c. */
#include "unit.h"

#include "domain/password_rules.h"
#include "domain/generate.h"

static void
a_made_password_obeys_the_rule(void **state)
{
    (void)state;
    uint8_t random[64];
    char made[GH_MADE_PASSWORD + 4];
    for (size_t i = 0; i < sizeof random; i++)
        random[i] = (uint8_t)(i * 37 + 11);
    assert_true(gh_password_make(random, sizeof random, made));
    assert_int_equal(strlen(made), GH_MADE_PASSWORD + 3);
    for (size_t i = 0; i < strlen(made); i++)
        assert_true((i % 5 == 4) == (made[i] == '-'));
    assert_null(strpbrk(made, "0Oo1lIi"));
    assert_int_equal(gh_password_faults(&gh_password_policy_default, gh_str(made), gh_str(""), gh_str("")),
                     0);
}

static void
poor_or_scarce_randomness_is_not_used(void **state)
{
    (void)state;
    uint8_t same[64] = {0}, high[64], few[15];
    char made[GH_MADE_PASSWORD + 4];
    memset(high, 255, sizeof high);
    for (size_t i = 0; i < sizeof few; i++)
        few[i] = (uint8_t)(i * 13);
    assert_false(gh_password_make(same, sizeof same, made)); /* one character, two kinds with the dash */
    assert_false(gh_password_make(high, sizeof high, made)); /* none of these bytes is fair */
    assert_false(gh_password_make(few, sizeof few, made));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_made_password_obeys_the_rule),
        cmocka_unit_test(poor_or_scarce_randomness_is_not_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
