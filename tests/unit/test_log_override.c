/*
 * tests/unit/test_log_override.c - levels of log lines for a while (lib/base/log_override.c)
 */
#include "unit.h"

#include "base/log_override.h"

#define NOW 1772000000

static void
expect_rules(const char *text, int64_t now_s, const char *rules, int64_t next_s)
{
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    assert_int_equal(gh_override_rules(text, now_s, &out), next_s);
    assert_span(gh_buf_view(&out), rules);
    if (out.n)
        assert_null(gh_log_rules_fault(gh_buf_cstr(&out)));
}

static void
rules_end_at_their_second(void **state)
{
    (void)state;
    const char *text = "worker.db=debug@1772000000,db=warn@1772000060,broker=error";
    expect_rules(text, NOW - 1, "worker.db=debug,db=warn,broker=error,", NOW);
    expect_rules(text, NOW, "db=warn,broker=error,", NOW + 60);
    expect_rules(text, NOW + 60, "broker=error,", 0);
    expect_rules("", NOW, "", 0);
}

static void
all_is_every_program(void **state)
{
    (void)state;
    expect_rules("all=debug,worker=info", NOW,
                 "front=debug,broker=debug,worker=debug,guahao=debug,worker=info,", 0);
}

static void
what_is_no_rule_is_skipped(void **state)
{
    (void)state;
    expect_rules("worker, =,@5=x,db=,=warn,db=warn", NOW, "db=warn,", 0);
}

static void
expect_put(const char *text, const char *component, const char *level, int64_t until_s, const char *after)
{
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_override_put(text, gh_str(component), level, until_s, NOW, &out);
    assert_span(gh_buf_view(&out), after);
}

static void
a_new_rule_takes_the_place_of_the_former(void **state)
{
    (void)state;
    expect_put("", "db", "debug", 0, "db=debug");
    expect_put("", "db", "debug", NOW + 5, "db=debug@1772000005");
    expect_put("db=debug,front=warn@1772000009", "db", "info", 0, "front=warn@1772000009,db=info");
    expect_put("db=debug@1772000000,front=warn", "broker", "info", 0,
               "front=warn,broker=info"); /* one was over */
    expect_put("db=debug,front=warn", "all", "error", 0, "all=error");
    expect_put("db=debug,front=warn", "db", NULL, 0, "front=warn");
    expect_put("db=debug,front=warn", "all", NULL, 0, "");
    expect_put("db=debug", "worker.db", "warn", 0, "db=debug,worker.db=warn");
}

static void
a_rule_is_found_while_it_holds(void **state)
{
    (void)state;
    const char *text = "db=debug@1772000060,worker=info";
    int64_t until_s = 5;
    assert_span(gh_override_find(text, GH_STR("db"), NOW, &until_s), "debug");
    assert_int_equal(until_s, NOW + 60);
    assert_span(gh_override_find(text, GH_STR("worker"), NOW, &until_s), "info");
    assert_int_equal(until_s, 0);
    assert_int_equal(gh_override_find(text, GH_STR("db"), NOW + 60, &until_s).n, 0);
    assert_int_equal(gh_override_find(text, GH_STR("broker"), NOW, &until_s).n, 0);
}

static void
they_are_stronger_than_the_settings(void **state)
{
    (void)state;
    gh_log_init("worker", GH_LOG_INFO, GH_LOGFMT);
    assert_int_equal(gh_log_levels(GH_LOG_INFO, "worker.db=error,job=warn"), 0);
    assert_int_equal(gh_log_levels_over("worker=debug,"), 0);
    assert_true(gh_log_on(GH_LOG_DB, GH_LOG_DEBUG));
    assert_int_equal(gh_log_level_now(), GH_LOG_DEBUG);
    assert_int_equal(gh_log_levels(GH_LOG_INFO, "worker.db=error"), 0);
    assert_int_equal(gh_log_levels_over("front=debug,job=warn"), 0);
    assert_false(gh_log_on(GH_LOG_DB, GH_LOG_WARN));
    assert_false(gh_log_on(GH_LOG_JOB, GH_LOG_INFO));
    assert_int_equal(gh_log_levels_over("nonsense"), -1);
    assert_true(gh_log_on(GH_LOG_MAIN, GH_LOG_INFO));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_end_at_their_second),
        cmocka_unit_test(all_is_every_program),
        cmocka_unit_test(what_is_no_rule_is_skipped),
        cmocka_unit_test(a_new_rule_takes_the_place_of_the_former),
        cmocka_unit_test(a_rule_is_found_while_it_holds),
        cmocka_unit_test(they_are_stronger_than_the_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
