/* link: ops/cmd/opt.c */
/*
 * tests/unit/test_opt.c - options of the guahao command
 */
#include "unit.h"

#include "ops/cmd/opt.h"

static const gh_opt_t s_own[] = {
    {"count", "N", ""}, {"force", NULL, ""}, {"mode", "MODE", ""}, {NULL, NULL, NULL}};
static const gh_opt_t s_global[] = {
    {"json", NULL, ""}, {"help", NULL, ""}, {"dsn", "DSN", ""}, {NULL, NULL, NULL}};

static int
parse(gh_args_t *a, const char *const *words)
{
    static char copy[16][64];
    char *argv[16];
    int n = 0;
    for (; words[n]; n++) {
        snprintf(copy[n], sizeof copy[n], "%s", words[n]);
        argv[n] = copy[n];
    }
    return gh_args_parse(a, s_own, s_global, n, argv);
}

#define PARSE(a, ...) parse((a), (const char *const[]){__VA_ARGS__, NULL})

static void
values_flags_and_words_may_be_mixed(void **state)
{
    (void)state;
    gh_args_t a;
    assert_int_equal(PARSE(&a, "up", "--count", "7", "--json", "now", "--dsn=postgresql:///x?a=b", "-"), 0);
    assert_int_equal(a.n_words, 3);
    assert_string_equal(a.words[0], "up");
    assert_string_equal(a.words[2], "-");
    assert_string_equal(gh_args_str(&a, "count", NULL), "7");
    assert_string_equal(gh_args_str(&a, "dsn", NULL), "postgresql:///x?a=b");
    assert_true(gh_args_has(&a, "json"));
    assert_false(gh_args_has(&a, "force"));
    assert_null(gh_args_str(&a, "mode", NULL));
    assert_string_equal(gh_args_str(&a, "mode", "app"), "app");
}

static void
the_last_value_counts_and_an_empty_one_is_a_value(void **state)
{
    (void)state;
    gh_args_t a;
    assert_int_equal(PARSE(&a, "--count", "1", "--count=2", "--mode="), 0);
    assert_string_equal(gh_args_str(&a, "count", NULL), "2");
    assert_string_equal(gh_args_str(&a, "mode", "app"), "");
}

static void
two_dashes_end_the_options(void **state)
{
    (void)state;
    gh_args_t a;
    assert_int_equal(PARSE(&a, "--force", "--", "--count", "-x"), 0);
    assert_int_equal(a.n_words, 2);
    assert_string_equal(a.words[0], "--count");
    assert_true(gh_args_has(&a, "force"));
}

static void
wrong_options_are_named(void **state)
{
    (void)state;
    gh_args_t a;
    assert_int_equal(PARSE(&a, "--bogus"), -1);
    assert_non_null(strstr(a.err, "--bogus"));
    assert_int_equal(PARSE(&a, "-q"), -1);
    assert_int_equal(PARSE(&a, "--count"), -1);
    assert_non_null(strstr(a.err, "needs a value"));
    assert_int_equal(PARSE(&a, "--force=1"), -1);
    assert_non_null(strstr(a.err, "takes no value"));
    assert_int_equal(PARSE(&a, "--coun", "1"), -1);
    assert_int_equal(PARSE(&a, "--counter", "1"), -1);
    assert_int_equal(PARSE(&a, "--"), 0);
    assert_int_equal(PARSE(&a, "-h"), 0);
    assert_true(gh_args_has(&a, "help"));
}

static void
too_many_words_are_refused(void **state)
{
    (void)state;
    char word[] = "w", *argv[GH_WORDS_MAX + 1];
    for (size_t i = 0; i < GH_COUNT(argv); i++)
        argv[i] = word;
    gh_args_t a;
    assert_int_equal(gh_args_parse(&a, s_own, NULL, GH_WORDS_MAX, argv), 0);
    assert_int_equal(a.n_words, GH_WORDS_MAX);
    assert_int_equal(gh_args_parse(&a, s_own, NULL, GH_WORDS_MAX + 1, argv), -1);
}

static void
numbers_are_whole_and_within_their_bounds(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int rc;
        int64_t value;
    } cases[] = {{"5", 0, 5},   {"10", 0, 10}, {"4", -1, 0},   {"11", -1, 0},
                 {"7x", -1, 0}, {"", -1, 0},   {"7.0", -1, 0}, {"99999999999999999999", -1, 0}};
    gh_args_t a;
    int64_t v;
    for (size_t i = 0; i < GH_COUNT(cases); i++) {
        assert_int_equal(PARSE(&a, "--count", cases[i].text), 0);
        assert_int_equal(gh_args_int(&a, "count", 5, 10, 6, &v), cases[i].rc);
        if (cases[i].rc == 0)
            assert_int_equal(v, cases[i].value);
        else
            assert_non_null(strstr(a.err, "--count"));
    }
    assert_int_equal(PARSE(&a, "x"), 0);
    assert_int_equal(gh_args_int(&a, "count", 5, 10, 6, &v), 0);
    assert_int_equal(v, 6);
}

static void
words_come_from_their_list(void **state)
{
    (void)state;
    gh_args_t a;
    int at;
    assert_int_equal(PARSE(&a, "--mode", "migrate"), 0);
    assert_int_equal(gh_args_word(&a, "mode", "app|migrate|full", 0, &at), 0);
    assert_int_equal(at, 1);
    assert_int_equal(PARSE(&a, "--mode", "full"), 0);
    assert_int_equal(gh_args_word(&a, "mode", "app|migrate|full", 0, &at), 0);
    assert_int_equal(at, 2);
    static const char *const wrong[] = {"ful", "fulls", "app|migrate", "", "APP"};
    for (size_t i = 0; i < GH_COUNT(wrong); i++) {
        assert_int_equal(PARSE(&a, "--mode", wrong[i]), 0);
        assert_int_equal(gh_args_word(&a, "mode", "app|migrate|full", 0, &at), -1);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_flags_and_words_may_be_mixed),
        cmocka_unit_test(the_last_value_counts_and_an_empty_one_is_a_value),
        cmocka_unit_test(two_dashes_end_the_options),
        cmocka_unit_test(wrong_options_are_named),
        cmocka_unit_test(too_many_words_are_refused),
        cmocka_unit_test(numbers_are_whole_and_within_their_bounds),
        cmocka_unit_test(words_come_from_their_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
