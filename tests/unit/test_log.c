/*
 * tests/unit/test_log.c - log lines as an operator's tools read them
 */
#include "unit.h"

#include <jansson.h>
#include <unistd.h>

#include "base/log.h"
#include "base/timez.h"
#include "capture.h"

static char out[8192];

static void
logfmt_quotes_only_what_needs_it(void **state)
{
    (void)state;
    static const uint8_t id[16] = {0x01, 0x7f, 0x22, 0xe2, 0x79, 0xb0, 0x7c, 0xc3,
                                   0x98, 0xc4, 0xdc, 0x0c, 0x0c, 0x07, 0x39, 0x8f};
    gh_log_init("test", GH_LOG_INFO, GH_LOGFMT);
    assert_int_equal(gh_tz_init("Asia/Shanghai"), 0);
    capture_t c = capture_begin(STDERR_FILENO);
    gh_log(GH_LOG_WARN, "ready", GH_KS("pool", "booking"), GH_KI("credit", -64), GH_KS("text", "a \"b\"=\n"),
           GH_KS("none", NULL), GH_KB("job", ((gh_str_t){(const char *)id, 16})),
           GH_KB("bytes", ((gh_str_t){(const char *)id, 3})));
    capture_end(&c, out, sizeof(out));
    assert_memory_equal(out, "ts=20", 5);
    char head[80];
    snprintf(head, sizeof head, " level=warn component=test pid=%d event=", (int)getpid());
    assert_memory_equal(strchr(out, ' '), head, strlen(head));
    assert_string_equal(strstr(out, " event"),
                        " event=ready pool=booking credit=-64 text=\"a \\\"b\\\"=\\n\" none=\"\" "
                        "job=017f22e2-79b0-7cc3-98c4-dc0c0c07398f bytes=017f22\n");
    assert_memory_equal(strchr(out, ' ') - 6, "+08:00", 6);
}

static void
json_lines_parse(void **state)
{
    (void)state;
    gh_log_init("test", GH_LOG_INFO, GH_LOGJSON);
    capture_t c = capture_begin(STDERR_FILENO);
    gh_log(GH_LOG_ERROR, "failed", GH_KS("why", "\"\xff\x01"), GH_KI("n", 5));
    gh_log(GH_LOG_INFO, "plain");
    capture_end(&c, out, sizeof(out));
    char *end = strchr(out, '\n');
    assert_non_null(end);
    *end = 0;
    json_t *line = json_loads(out, 0, NULL), *second = json_loads(end + 1, 0, NULL);
    assert_non_null(line);
    assert_non_null(second);
    assert_string_equal(json_string_value(json_object_get(line, "level")), "error");
    assert_string_equal(json_string_value(json_object_get(line, "msg")), "failed");
    assert_int_equal(json_integer_value(json_object_get(line, "n")), 5);
    assert_string_equal(json_string_value(json_object_get(second, "msg")), "plain");
    json_decref(line);
    json_decref(second);
}

static void
levels_below_the_least_are_silent(void **state)
{
    (void)state;
    gh_log_level_t level;
    assert_int_equal(gh_log_level_parse("warn", &level), 0);
    assert_int_equal(level, GH_LOG_WARN);
    assert_int_equal(gh_log_level_parse("loud", &level), -1);
    gh_log_init("test", level, GH_LOGFMT);
    capture_t c = capture_begin(STDERR_FILENO);
    gh_log(GH_LOG_INFO, "quiet", GH_KI("n", 1));
    gh_log_kv(GH_LOG_MAIN, GH_LOG_DEBUG, "quiet", NULL);
    assert_string_equal(capture_end(&c, out, sizeof(out)), "");
    assert_false(gh_log_enabled(GH_LOG_INFO));
    assert_true(gh_log_enabled(GH_LOG_ERROR));
}

static void
long_values_are_cut(void **state)
{
    (void)state;
    static char big[100000];
    memset(big, 'x', sizeof(big) - 1);
    gh_log_init("test", GH_LOG_INFO, GH_LOGFMT);
    capture_t c = capture_begin(STDERR_FILENO);
    gh_log(GH_LOG_INFO, "big", GH_KS("value", big), GH_KI("after", 1));
    capture_end(&c, out, sizeof(out));
    assert_non_null(strstr(out, "xxx after=1\n"));
    assert_true(strlen(out) < 4096);
}

static void
lines_can_be_gathered(void **state)
{
    (void)state;
    gh_buf_t lines GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_log_init("test", GH_LOG_WARN, GH_LOGFMT);
    gh_log_append(&lines, GH_LOG_JOB, GH_LOG_INFO, "a",
                  (const gh_kv_t[]){GH_KM("ms", 1234), GH_KM("none", 0), {0}});
    gh_log_append(&lines, GH_LOG_JOB, GH_LOG_INFO, "b", NULL);
    capture_t c = capture_begin(STDERR_FILENO);
    gh_log_write(GH_LOG_JOB, &lines);
    capture_end(&c, out, sizeof(out));
    assert_non_null(strstr(out, " event=a ms=1.234 none=0.000\nts=20"));
    char head[80];
    snprintf(head, sizeof head, " level=info component=test.job pid=%d event=b\n", (int)getpid());
    assert_non_null(strstr(out, head));
    gh_log_init("test", GH_LOG_WARN, GH_LOGJSON);
    gh_buf_clear(&lines);
    gh_log_append(&lines, GH_LOG_JOB, GH_LOG_INFO, "a", (const gh_kv_t[]){GH_KM("ms", 61234567), {0}});
    json_t *line = json_loads(gh_buf_cstr(&lines), 0, NULL);
    assert_non_null(line);
    assert_true(json_real_value(json_object_get(line, "ms")) == 61234.567);
    json_decref(line);
}

/* The least level of a part after the rules. */
static gh_log_level_t
least(gh_log_part_t part)
{
    gh_log_level_t level = GH_LOG_DEBUG;
    while (level <= GH_LOG_ERROR && !gh_log_on(part, level))
        level++;
    return level;
}

static void
components_have_levels_of_their_own(void **state)
{
    (void)state;
    static const struct {
        const char *rules;
        gh_log_level_t main, db, link;
    } cases[] = {
        {"", GH_LOG_INFO, GH_LOG_INFO, GH_LOG_INFO},
        {"worker=debug", GH_LOG_DEBUG, GH_LOG_DEBUG, GH_LOG_DEBUG},
        {"front=debug,broker=error", GH_LOG_INFO, GH_LOG_INFO, GH_LOG_INFO},
        {"db=warn", GH_LOG_INFO, GH_LOG_WARN, GH_LOG_INFO},
        {"worker.db=error, db=debug", GH_LOG_INFO, GH_LOG_ERROR, GH_LOG_INFO},
        {"db=warn,worker=debug", GH_LOG_DEBUG, GH_LOG_WARN, GH_LOG_DEBUG},
        {"front.db=error,link=error", GH_LOG_INFO, GH_LOG_INFO, GH_LOG_ERROR},
        {"worker=warn,worker=error", GH_LOG_ERROR, GH_LOG_ERROR, GH_LOG_ERROR},
    };
    gh_log_init("worker", GH_LOG_INFO, GH_LOGFMT);
    for (size_t i = 0; i < GH_COUNT(cases); i++) {
        assert_int_equal(gh_log_levels(GH_LOG_INFO, cases[i].rules), 0);
        assert_int_equal(least(GH_LOG_MAIN), cases[i].main);
        assert_int_equal(least(GH_LOG_DB), cases[i].db);
        assert_int_equal(least(GH_LOG_LINK), cases[i].link);
    }
    static const char *const faults[] = {"db",
                                         "db=",
                                         "=info",
                                         "db=loud",
                                         "booking=info",
                                         "db.link=info",
                                         "worker.=info",
                                         ".db=info",
                                         "worker=infos",
                                         "worker.worker=info",
                                         "db=informational",
                                         "worker.db.x=info"};
    for (size_t i = 0; i < GH_COUNT(faults); i++) {
        assert_non_null(gh_log_rules_fault(faults[i]));
        assert_int_equal(gh_log_levels(GH_LOG_DEBUG, faults[i]), -1);
        assert_int_equal(least(GH_LOG_MAIN), GH_LOG_ERROR); /* as the last good rules left it */
    }
    assert_true(gh_log_component_ok(GH_STR("front.kore")));
    assert_true(gh_log_component_ok(GH_STR("job")));
    assert_false(gh_log_component_ok(GH_STR("")));
    assert_false(gh_log_component_ok(GH_STR("nothing")));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logfmt_quotes_only_what_needs_it),
        cmocka_unit_test(json_lines_parse),
        cmocka_unit_test(levels_below_the_least_are_silent),
        cmocka_unit_test(long_values_are_cut),
        cmocka_unit_test(lines_can_be_gathered),
        cmocka_unit_test(components_have_levels_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
