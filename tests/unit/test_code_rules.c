/* link: workers/identity/code_rules.c */
/* Unit tests of workers/identity/code_rules.c. */
#include "unit.h"

#include "workers/identity/code_rules.h"

static gh_code_facts_t
fresh(void)
{
    return (gh_code_facts_t){.live = true, .tries_left = GH_CODE_TRIES};
}

static void
br08_a_right_code_passes_while_it_lives(void **state)
{
    (void)state;
    gh_code_facts_t f = fresh();
    f.equal = true;
    assert_int_equal(gh_code_decide(&f), GH_CODE_RIGHT);
    f.tries_left = 1;
    assert_int_equal(gh_code_decide(&f), GH_CODE_RIGHT);
    f.expired = true;
    assert_int_equal(gh_code_decide(&f), GH_CODE_EXPIRED);
    f.expired = false;
    f.live = false;
    assert_int_equal(gh_code_decide(&f), GH_CODE_EXPIRED);
}

static void
br08_the_third_wrong_try_is_the_last(void **state)
{
    (void)state;
    gh_code_facts_t f = fresh();
    assert_int_equal(gh_code_decide(&f), GH_CODE_WRONG);
    f.tries_left = 2;
    assert_int_equal(gh_code_decide(&f), GH_CODE_WRONG);
    f.tries_left = 1;
    assert_int_equal(gh_code_decide(&f), GH_CODE_EXHAUSTED);
}

static void
br11_the_code_of_somebody_else_is_not_tried(void **state)
{
    (void)state;
    gh_code_facts_t f = fresh();
    f.foreign = true;
    assert_int_equal(gh_code_decide(&f), GH_CODE_FOREIGN);
    f.equal = true;
    assert_int_equal(gh_code_decide(&f), GH_CODE_FOREIGN);
}

static void
digits_are_even_handed(void **state)
{
    (void)state;
    char code[GH_CODE_TEXT];
    assert_true(gh_code_digits(0, code));
    assert_string_equal(code, "000000");
    assert_true(gh_code_digits(7000042, code));
    assert_string_equal(code, "000042");
    assert_true(gh_code_digits(4293999999u, code));
    assert_string_equal(code, "999999");
    assert_true(gh_code_digits(4293999999u, code));
    assert_false(gh_code_digits(4294000000u, code)); /* the part of a round at the top */
    assert_false(gh_code_digits(UINT32_MAX, code));
}

static void
addresses_are_masked(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"abcdef@clinic.example", "abc***@clinic.example"},
        {"abc@x.y", "abc***@x.y"},
        {"a@x.y", "a***@x.y"},
        {"医生先生@x.y", "医生先***@x.y"},
    };
    for (size_t i = 0; i < GH_COUNT(cases); i++) {
        char out[64];
        size_t n = gh_mask_mail(gh_str(cases[i][0]), out);
        assert_span(((gh_str_t){out, n}), cases[i][1]);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(br08_a_right_code_passes_while_it_lives),
        cmocka_unit_test(br08_the_third_wrong_try_is_the_last),
        cmocka_unit_test(br11_the_code_of_somebody_else_is_not_tried),
        cmocka_unit_test(digits_are_even_handed),
        cmocka_unit_test(addresses_are_masked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
