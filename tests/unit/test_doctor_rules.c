/* link: workers/identity/doctor_rules.c */
#include "unit.h"
#include "workers/identity/doctor_rules.h"

static void
pictures_lie_below_static_or_on_the_web(void **state)
{
    (void)state;
    static const char *const good[] = {"static/a.png",
                                       "/static/image/doctor_17.jpg",
                                       "/static/a/b/c.d..e.png",
                                       "https://x.example/a?b",
                                       "http://x",
                                       "static/医生.png"};
    static const char *const bad[] = {"",
                                      "/",
                                      "static",
                                      "static/",
                                      "/static/",
                                      "etc/passwd",
                                      "/etc/passwd",
                                      "static/..",
                                      "static/../x",
                                      "static/a/../b",
                                      "static/./a",
                                      "static//a",
                                      "//static/a",
                                      "static/a\\b",
                                      "static/a\nb",
                                      "statically/a",
                                      "STATIC/a",
                                      "http://",
                                      "https://",
                                      "javascript:alert(1)",
                                      "file:///static/a",
                                      "https:/static/a"};
    for (size_t i = 0; i < GH_COUNT(good); i++)
        if (!gh_photo_path_ok(gh_str(good[i])))
            fail_msg("refused: %s", good[i]);
    for (size_t i = 0; i < GH_COUNT(bad); i++)
        if (gh_photo_path_ok(gh_str(bad[i])))
            fail_msg("taken: %s", bad[i]);
    assert_false(gh_photo_path_ok((gh_str_t){"static/a\0b", 10}));
}

static void
taken_names_are_told_in_the_words_of_their_rule(void **state)
{
    (void)state;
    assert_int_equal(gh_doctor_name_taken(false, 3), GH_E_IDENTIFIER_TAKEN);
    assert_int_equal(gh_doctor_name_taken(true, 3), GH_E_IDENTIFIER_OF_OTHER_USER);
    assert_int_equal(gh_doctor_name_taken(false, 1), GH_E_EMAIL_TAKEN);
    assert_int_equal(gh_doctor_name_taken(true, 2), GH_E_PHONE_OF_OTHER_USER);
    assert_int_equal(gh_doctor_name_taken(true, 0), GH_E_USERNAME_TAKEN);
    assert_int_equal(gh_doctor_name_taken(false, 9), GH_E_DUPLICATE);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pictures_lie_below_static_or_on_the_web),
        cmocka_unit_test(taken_names_are_told_in_the_words_of_their_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
