/*
 * tests/unit/test_cron.c - cron expressions against hand-made calendars
 */
#include "unit.h"

#include "base/timez.h"
#include "domain/cron.h"

static const char *
next(const char *cron, const char *after)
{
    static char out[GH_TEXT_TS];
    gh_cron_t c;
    int64_t at = 0;
    assert_int_equal(gh_cron_parse(gh_str(cron), &c), 0);
    assert_int_equal(gh_ts_parse(gh_str(after), &at), 0);
    at = gh_cron_next(&c, at);
    if (at == 0)
        return "never";
    gh_ts_text(at, out);
    return out;
}

static void
knows_every_form_of_a_field(void **state)
{
    (void)state;
    assert_int_equal(gh_tz_init("Asia/Shanghai"), 0);
    assert_string_equal(next("* * * * *", "2026-03-09T08:15:30"), "2026-03-09T08:16:00+08:00");
    assert_string_equal(next("*/20 * * * *", "2026-03-09T08:15:30"), "2026-03-09T08:20:00+08:00");
    assert_string_equal(next("5,35 8-18/5 * * *", "2026-03-09T08:35:00"), "2026-03-09T13:05:00+08:00");
    assert_string_equal(next("0 2 * * *", "2026-03-09T02:00:00"), "2026-03-10T02:00:00+08:00");
    assert_string_equal(next("0 0 1 jan *", "2026-03-09T02:00:00"), "2027-01-01T00:00:00+08:00");
    assert_string_equal(next("0 0 1 1,JUL *", "2026-03-09T02:00:00"), "2026-07-01T00:00:00+08:00");
    assert_string_equal(next("30 6 * * mon-fri", "2026-03-13T06:30:00"),
                        "2026-03-16T06:30:00+08:00"); /* a Friday */
    assert_string_equal(next("30 6 * * 7", "2026-03-13T06:30:00"), "2026-03-15T06:30:00+08:00");
    assert_string_equal(next("\t30  6 * *\t0 ", "2026-03-13T06:30:00"), "2026-03-15T06:30:00+08:00");
}

static void
takes_a_day_that_fits_either_of_two_restricted_days(void **state)
{
    (void)state;
    assert_int_equal(gh_tz_init("Asia/Shanghai"), 0);
    assert_string_equal(next("0 0 13 * fri", "2026-03-07T00:00:00"), "2026-03-13T00:00:00+08:00");
    assert_string_equal(next("0 0 13 * fri", "2026-03-13T00:00:00"), "2026-03-20T00:00:00+08:00");
    assert_string_equal(next("0 0 */2 * fri", "2026-03-07T00:00:00"), "2026-03-13T00:00:00+08:00");
    assert_string_equal(next("0 0 */2 * fri", "2026-03-13T00:00:00"), "2026-03-27T00:00:00+08:00");
}

static void
finds_rare_days_and_says_when_there_are_none(void **state)
{
    (void)state;
    assert_int_equal(gh_tz_init("Asia/Shanghai"), 0);
    assert_string_equal(next("0 0 31 * *", "2026-03-31T00:00:00"), "2026-05-31T00:00:00+08:00");
    assert_string_equal(next("0 0 29 2 *", "2026-03-01T00:00:00"), "2028-02-29T00:00:00+08:00");
    assert_string_equal(next("0 0 29 2 *", "2096-03-01T00:00:00"), "2104-02-29T00:00:00+08:00");
    assert_string_equal(next("0 0 30 2 *", "2026-03-01T00:00:00"), "never");
}

static void
follows_the_shifts_of_the_zone(void **state)
{
    (void)state;
    assert_int_equal(gh_tz_init("America/New_York"), 0);
    /* 02:30 does not exist on 8 March 2026 */
    assert_string_equal(next("30 2 * * *", "2026-03-08T00:00:00"), "2026-03-08T03:30:00-04:00");
    assert_string_equal(next("30 2 * * *", "2026-03-08T03:30:00"), "2026-03-09T02:30:00-04:00");
    /* 01:30 comes twice on 1 November 2026 */
    assert_string_equal(next("30 1 * * *", "2026-11-01T00:00:00"), "2026-11-01T01:30:00-04:00");
    assert_string_equal(next("30 1 * * *", "2026-11-01T01:30:00-04:00"), "2026-11-02T01:30:00-05:00");
}

/* Where the clock jumps over an hour, jobs of every hour come once for it; where an hour is repeated they run in both. */
static void
runs_each_hour_and_minute_through_the_shifts(void **state)
{
    (void)state;
    assert_int_equal(gh_tz_init("America/New_York"), 0);
    assert_string_equal(next("0 * * * *", "2026-03-08T01:00:00"), "2026-03-08T03:00:00-04:00");
    assert_string_equal(next("0 * * * *", "2026-03-08T03:00:00"), "2026-03-08T04:00:00-04:00");
    assert_string_equal(next("* * * * *", "2026-03-08T01:59:00"), "2026-03-08T03:00:00-04:00");
    assert_string_equal(next("0 * * * *", "2026-11-01T00:59:00"), "2026-11-01T01:00:00-04:00");
    assert_string_equal(next("0 * * * *", "2026-11-01T01:00:00-04:00"), "2026-11-01T01:00:00-05:00");
    assert_string_equal(next("0 * * * *", "2026-11-01T01:00:00-05:00"), "2026-11-01T02:00:00-05:00");
    assert_string_equal(next("*/20 * * * *", "2026-11-01T01:40:00-04:00"), "2026-11-01T01:00:00-05:00");
    assert_string_equal(next("*/20 * * * *", "2026-11-01T01:20:00-05:00"), "2026-11-01T01:40:00-05:00");
    assert_string_equal(next("* * * * *", "2026-11-01T01:59:30-04:00"), "2026-11-01T01:00:00-05:00");
    assert_string_equal(next("* * * * *", "2026-11-01T01:59:30-05:00"), "2026-11-01T02:00:00-05:00");
    /* named hours come once */
    assert_string_equal(next("0 1,2 * * *", "2026-11-01T01:00:00-04:00"), "2026-11-01T02:00:00-05:00");
    assert_string_equal(next("15 0-23 * * *", "2026-11-01T01:15:00-04:00"), "2026-11-01T02:15:00-05:00");
}

/* Over a year with two shifts each slot of the hour comes once an hour, never twice, never out of order. */
static void
has_a_slot_in_each_hour_of_a_year(void **state)
{
    (void)state;
    gh_cron_t c;
    int64_t at = 0, first = 0;
    assert_int_equal(gh_tz_init("America/New_York"), 0);
    assert_int_equal(gh_cron_parse(gh_str("7 * * * *"), &c), 0);
    assert_int_equal(gh_ts_parse(gh_str("2026-01-01T00:07:00-05:00"), &at), 0);
    first = at;
    for (int i = 1; i <= 365 * 24; i++) {
        at = gh_cron_next(&c, at);
        if (at != first + i * INT64_C(3600000000))
            fail_msg("slot %d", i);
    }
}

static void
refuses_what_is_no_expression(void **state)
{
    static const char *const bad[] = {
        "",
        "* * * *",
        "* * * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * 32 * *",
        "* * * 13 *",
        "* * * 0 *",
        "* * * * 8",
        "5- * * * *",
        "9-5 * * * *",
        "*/0 * * * *",
        "5/2 * * * *",
        "1,,2 * * * *",
        ",1 * * * *",
        "1, * * * *",
        "a * * * *",
        "* * * foo *",
        "* * * * m",
        "-1 * * * *",
        "*5 * * * *",
        "100 * * * *",
        "1.5 * * * *",
        "@daily",
        "* * * jan- *",
        "*/ * * * *",
        "0x1 * * * *",
    };
    (void)state;
    for (size_t i = 0; i < GH_COUNT(bad); i++) {
        gh_cron_t c;
        if (gh_cron_parse(gh_str(bad[i]), &c) == 0)
            fail_msg("accepted: %s", bad[i]);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_every_form_of_a_field),
        cmocka_unit_test(takes_a_day_that_fits_either_of_two_restricted_days),
        cmocka_unit_test(finds_rare_days_and_says_when_there_are_none),
        cmocka_unit_test(follows_the_shifts_of_the_zone),
        cmocka_unit_test(runs_each_hour_and_minute_through_the_shifts),
        cmocka_unit_test(has_a_slot_in_each_hour_of_a_year),
        cmocka_unit_test(refuses_what_is_no_expression),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
