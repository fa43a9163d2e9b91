/* Roles of CURVE keys: words, lists, what is unknown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/key_roles.h"

static const struct {
    const char *list;
    int rc;
    uint32_t roles;
} s_cases[] = {
    {"front", 0, GH_KEY_FRONT},
    {"worker,jobs", 0, GH_KEY_WORKER | GH_KEY_JOBS},
    {"identity, ops", 0, GH_KEY_IDENTITY | GH_KEY_OPS},
    {"public", 0, GH_KEY_PUBLIC},
    {"front,fronts", -1, GH_KEY_FRONT},
    {"Front", -1, 0},
    {"", -1, 0},
    {" ,", -1, 0},
    {NULL, -1, 0},
};

static void
test_lists(void **state)
{
    (void)state;
    for (size_t i = 0; i < GH_COUNT(s_cases); i++) {
        uint32_t roles = 99;
        assert_int_equal(gh_key_roles(s_cases[i].list, &roles), s_cases[i].rc);
        assert_int_equal(roles, s_cases[i].roles);
    }
}

static void
test_a_list_that_is_too_long_gives_nothing(void **state)
{
    char list[200];
    uint32_t roles = 99;

    (void)state;
    memset(list, ',', sizeof list - 1);
    memcpy(list, "front", 5);
    list[sizeof list - 1] = '\0';
    assert_int_equal(gh_key_roles(list, &roles), -1);
    assert_int_equal(roles, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_a_list_that_is_too_long_gives_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
