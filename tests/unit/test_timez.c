/*
 * tests/unit/test_timez.c - days, instants and texts under three zones (lessons D11)
 */
#include "unit.h"

#include <time.h>

#include "base/timez.h"

#define S INT64_C(1000000)

static const char *const zones[] = {"UTC", "Asia/Shanghai", "America/New_York"};

static void
use(const char *zone)
{
    assert_int_equal(gh_tz_init(zone), 0);
    assert_string_equal(gh_tz_name(), zone);
}

static const char *
ts(int64_t at_us)
{
    static char out[GH_TEXT_TS];
    gh_ts_text(at_us, out);
    return out;
}

static int64_t
parsed(const char *text)
{
    int64_t at = 0;
    assert_int_equal(gh_ts_parse(gh_str(text), &at), 0);
    return at;
}

static void
starts_in_utc_whatever_the_machine_says(void **state)
{
    (void)state;
    setenv("TZ", "Asia/Tokyo", 1);
    tzset();
    assert_string_equal(gh_tz_name(), "UTC");
    assert_string_equal(ts(0), "1970-01-01T00:00:00+00:00");
}

static void
unknown_zones_are_refused(void **state)
{
    (void)state;
    use("Asia/Shanghai");
    static const char *const bad[] = {"",     "Mars/Olympus", "../zoneinfo/UTC", "/etc/localtime",
                                      "Asia", "UTC\n",        "Asia/Shanghai "};
    for (size_t i = 0; i < GH_COUNT(bad); i++)
        assert_int_equal(gh_tz_init(bad[i]), -1);
    assert_string_equal(gh_tz_name(), "Asia/Shanghai");
}

static void
visit_day_is_the_hospitals_day(void **state)
{
    (void)state;
    int64_t at = INT64_C(1773014399) * S; /* 2026-03-08T23:59:59Z */
    static const char *const days[] = {"2026-03-08", "2026-03-09", "2026-03-08"};
    static const char *const texts[] = {"2026-03-08T23:59:59+00:00", "2026-03-09T07:59:59+08:00",
                                        "2026-03-08T19:59:59-04:00"};
    for (size_t i = 0; i < GH_COUNT(zones); i++) {
        use(zones[i]);
        char out[GH_TEXT_DATE], dt[GH_TEXT_DT];
        gh_day_text(gh_tz_day(at), out);
        assert_string_equal(out, days[i]);
        assert_string_equal(ts(at), texts[i]);
        gh_dt_text(at, ' ', dt);
        assert_memory_equal(dt, texts[i], 10);
        assert_int_equal(dt[10], ' ');
        assert_memory_equal(dt + 11, texts[i] + 11, 8);
        assert_int_equal(parsed(texts[i]), at);
    }
}

static void
every_hour_of_years_goes_there_and_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < GH_COUNT(zones); i++) {
        use(zones[i]);
        int twice = 0; /* hours that a shift back repeats come back as their first */
        for (int64_t at = INT64_C(1735689600) * S; at < INT64_C(1830297600) * S;
             at += 3600 * S) { /* 2025-2027 */
            gh_civil_t c = gh_tz_civil(at);
            int64_t back = gh_tz_instant(c.year, c.month, c.day, c.hour, c.minute, c.second);
            int32_t day = gh_day_from_ymd(c.year, c.month, c.day);
            assert_int_equal(day, gh_tz_day(at));
            assert_int_equal(gh_day_at(day, c.hour * 60 + c.minute), back);
            if (back != at) {
                assert_int_equal(at - back, 3600 * S);
                twice++;
            }
        }
        assert_int_equal(twice, i == 2 ? 3 : 0);
    }
}

static void
skipped_clock_times_move_forward(void **state)
{
    (void)state;
    use("America/New_York"); /* 2026-03-08: 02:00 EST -> 03:00 EDT */
    assert_string_equal(ts(gh_tz_instant(2026, 3, 8, 1, 59, 59)), "2026-03-08T01:59:59-05:00");
    assert_string_equal(ts(gh_tz_instant(2026, 3, 8, 2, 0, 0)), "2026-03-08T03:00:00-04:00");
    assert_string_equal(ts(gh_tz_instant(2026, 3, 8, 2, 30, 0)), "2026-03-08T03:30:00-04:00");
    assert_string_equal(ts(gh_tz_instant(2026, 3, 8, 3, 0, 0)), "2026-03-08T03:00:00-04:00");
    assert_string_equal(ts(parsed("2026-03-08 02:30")), "2026-03-08T03:30:00-04:00");
}

static void
doubled_clock_times_are_the_first(void **state)
{
    (void)state;
    use("America/New_York"); /* 2026-11-01: 02:00 EDT -> 01:00 EST */
    assert_string_equal(ts(gh_tz_instant(2026, 11, 1, 1, 30, 0)), "2026-11-01T01:30:00-04:00");
    assert_string_equal(ts(gh_tz_instant(2026, 11, 1, 2, 0, 0)), "2026-11-01T02:00:00-05:00");
    assert_string_equal(ts(parsed("2026-11-01T01:30:00-05:00")), "2026-11-01T01:30:00-05:00");
    /* days of 23, 25 and 24 hours */
    int32_t spring = gh_day_from_ymd(2026, 3, 8), autumn = gh_day_from_ymd(2026, 11, 1);
    assert_int_equal(gh_day_at(spring + 1, 0) - gh_day_at(spring, 0), 23 * 3600 * S);
    assert_int_equal(gh_day_at(autumn + 1, 0) - gh_day_at(autumn, 0), 25 * 3600 * S);
    use("Asia/Shanghai");
    assert_int_equal(gh_day_at(spring + 1, 0) - gh_day_at(spring, 0), 24 * 3600 * S);
}

static void
days_agree_with_the_c_library(void **state)
{
    (void)state;
    for (int32_t day = -200000; day < 200000; day += 7) {
        time_t t = (time_t)day * 86400;
        struct tm tm;
        int y, m, d;
        gmtime_r(&t, &tm);
        gh_day_to_ymd(day, &y, &m, &d);
        assert_int_equal(y, tm.tm_year + 1900);
        assert_int_equal(m, tm.tm_mon + 1);
        assert_int_equal(d, tm.tm_mday);
        assert_int_equal(gh_day_from_ymd(y, m, d), day);
        assert_int_equal(gh_day_weekday(day), tm.tm_wday == 0 ? 7 : tm.tm_wday);
    }
}

static void
dates_must_be_real(void **state)
{
    (void)state;
    int32_t day;
    assert_int_equal(gh_day_parse(GH_STR("2024-02-29"), &day), 0);
    assert_int_equal(day, 19782);
    assert_int_equal(gh_day_parse(GH_STR("2000-02-29"), &day), 0);
    static const char *const bad[] = {
        "",           "2026-02-29", "1900-02-29",  "2026-13-01",  "2026-00-10",  "2026-01-00",
        "2026-04-31", "2026-1-1",   "2026-01-01 ", " 2026-01-01", "20260101",    "2026/01/01",
        "0000-01-01", "+026-01-01", "2026-01-0x",  "26-01-01",    "2026-01-011", "2026-01-01T00:00"};
    for (size_t i = 0; i < GH_COUNT(bad); i++)
        assert_int_equal(gh_day_parse(gh_str(bad[i]), &day), -1);
}

static void
timestamps_of_the_wire_parse(void **state)
{
    (void)state;
    use("Asia/Shanghai");
    int64_t at = INT64_C(1773015330) * S; /* 2026-03-09T00:15:30Z */
    assert_int_equal(parsed("2026-03-09T08:15:30"), at);
    assert_int_equal(parsed("2026-03-09 08:15:30"), at);
    assert_int_equal(parsed("2026-03-09T08:15"), at - 30 * S);
    assert_int_equal(parsed("2026-03-09T00:15:30Z"), at);
    assert_int_equal(parsed("2026-03-08T19:15:30.25-05:00"), at + 250000);
    assert_int_equal(parsed("2026-03-09T05:45:30.000001+05:30"), at + 1);
    assert_int_equal(parsed("2026-03-09T08:15:30.123456"), at + 123456);
    static const char *const bad[] = {
        "",
        "2026-03-09",
        "2026-03-09T",
        "2026-03-09T24:00:00",
        "2026-03-09T08:60:00",
        "2026-03-09T08:15:60",
        "2026-03-09T08:15:30.",
        "2026-03-09T08:15:30.1234567",
        "2026-03-09T08:15.5",
        "2026-03-09T08:15:30+8",
        "2026-03-09T08:15:30+0800",
        "2026-03-09T08:15:30+08:00 ",
        "2026-03-09T08:15:30ZZ",
        "2026-03-09X08:15:30",
        "2026-02-30T08:15:30",
    };
    for (size_t i = 0; i < GH_COUNT(bad); i++) {
        int64_t out = 5;
        assert_int_equal(gh_ts_parse(gh_str(bad[i]), &out), -1);
        assert_int_equal(out, 5);
    }
    int64_t out;
    assert_int_equal(gh_ts_parse((gh_str_t){"2026-03-09\00008:15", 16}, &out), -1);
}

static void
clock_times_parse(void **state)
{
    (void)state;
    int minute;
    assert_int_equal(gh_clock_parse(GH_STR("00:00"), &minute), 0);
    assert_int_equal(minute, 0);
    assert_int_equal(gh_clock_parse(GH_STR("23:59"), &minute), 0);
    assert_int_equal(minute, 1439);
    static const char *const bad[] = {"", "24:00", "8:00", "08:60", "08:00:00", "0800", "-1:00"};
    for (size_t i = 0; i < GH_COUNT(bad); i++)
        assert_int_equal(gh_clock_parse(gh_str(bad[i]), &minute), -1);
}

static void
instants_before_1970_and_fractions(void **state)
{
    (void)state;
    use("UTC");
    assert_string_equal(ts(-1), "1969-12-31T23:59:59+00:00");
    assert_int_equal(gh_tz_civil(-1).usec, 999999);
    assert_int_equal(gh_tz_day(-1), -1);
    use("Asia/Shanghai");
    assert_int_equal(gh_tz_day(-1), 0);
}

static void
clocks_run(void **state)
{
    (void)state;
    assert_true(gh_now_us() > INT64_C(1700000000) * S);
    int64_t a = gh_mono_us(), b = gh_mono_us();
    assert_true(b >= a);
    assert_true(gh_mono_ms() >= a / 1000);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_in_utc_whatever_the_machine_says), /* first: before any gh_tz_init */
        cmocka_unit_test(unknown_zones_are_refused),
        cmocka_unit_test(visit_day_is_the_hospitals_day),
        cmocka_unit_test(every_hour_of_years_goes_there_and_back),
        cmocka_unit_test(skipped_clock_times_move_forward),
        cmocka_unit_test(doubled_clock_times_are_the_first),
        cmocka_unit_test(days_agree_with_the_c_library),
        cmocka_unit_test(dates_must_be_real),
        cmocka_unit_test(timestamps_of_the_wire_parse),
        cmocka_unit_test(clock_times_parse),
        cmocka_unit_test(instants_before_1970_and_fractions),
        cmocka_unit_test(clocks_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
