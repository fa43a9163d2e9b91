/* Unit tests of lib/domain/if_match.c. */
#include "unit.h"

#include "domain/if_match.h"

static void
a_tag_names_entity_row_and_version(void **state)
{
    (void)state;
    char tag[GH_ETAG_TEXT];
    gh_etag(tag, "user", 42, 7);
    assert_string_equal(tag, "\"user-42-7\"");
    gh_etag(tag, "appointment", INT64_MAX, INT64_MAX);
    assert_string_equal(tag, "\"appointment-9223372036854775807-9223372036854775807\"");
}

static void
r08_lists_and_the_star_match(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        bool match;
    } cases[] = {
        {"\"user-4-7\"", true},
        {"*", true},
        {"\"user-4-6\", \"user-4-7\"", true},
        {"\"user-4-6\",\"user-4-7\"", true},
        {"\"user-4-6\",\t\"user-4-7\"", true},
        {"\"user-4-6\"", false},
        {"\"user-4-77\"", false},
        {"\"user-14-7\"", false},
        {"W/\"user-4-7\"", false},
        {"user-4-7", false},
        {"", false},
    };
    for (size_t i = 0; i < GH_COUNT(cases); i++)
        assert_int_equal(gh_if_match(gh_str(cases[i].header), "\"user-4-7\""), cases[i].match);
    assert_true(gh_if_match((gh_str_t){0}, "\"user-4-7\""));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tag_names_entity_row_and_version),
        cmocka_unit_test(r08_lists_and_the_star_match),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
