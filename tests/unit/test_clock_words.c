/* link: ops/cmd/clock_words.c */
/*
 * tests/unit/test_clock_words.c - what `guahao clock` understands, and the moved clock itself
 */
#include "unit.h"

#include "base/conf_table.h"
#include "base/timez.h"
#include "ops/cmd/clock_words.h"

#define MINUTE INT64_C(60000)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

static void
spans_move_from_where_the_clock_is(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t from, to;
    } good[] = {{"+2h", 0, 2 * HOUR},
                {"+2h", HOUR, 3 * HOUR},
                {"-30m", 0, -30 * MINUTE},
                {"-30m", HOUR, 30 * MINUTE},
                {"+1d12h30m5s", 0, DAY + 12 * HOUR + 30 * MINUTE + 5000},
                {"+1w2s", 0, 7 * DAY + 2000},
                {"+0s", 5, 5},
                {"+90s", 0, 90000},
                {"reset", 3 * HOUR, 0},
                {"+36500d", 0, 36500 * DAY},
                {"+3155760000s", 0, GH_CLOCK_MS_MAX},
                {"-3155760000s", 0, -GH_CLOCK_MS_MAX}};
    for (size_t i = 0; i < GH_COUNT(good); i++) {
        int64_t out = -1;
        assert_true(gh_clock_words(good[i].text, 0, good[i].from, &out));
        assert_int_equal(out, good[i].to);
    }
}

static void
moments_are_reached_from_the_machines_clock(void **state)
{
    (void)state;
    int64_t out = -1;
    assert_int_equal(gh_tz_init("Asia/Shanghai"), 0);
    int64_t at = gh_tz_instant(2026, 12, 1, 8, 0, 0) / 1000;
    assert_true(gh_clock_words("2026-12-01T08:00:00+08:00", at - HOUR, 77, &out));
    assert_int_equal(out, HOUR);
    assert_true(gh_clock_words("2026-12-01T08:00:00", at + HOUR, 77, &out)); /* the hospital's zone */
    assert_int_equal(out, -HOUR);
    assert_true(gh_clock_words("2026-12-01 00:00:00Z", at, 0, &out));
    assert_int_equal(out, 0);
}

static void
other_words_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "+",
                                      "-",
                                      "2h",
                                      "+h",
                                      "+2",
                                      "+2x",
                                      "+2h2h",
                                      "+5s1m",
                                      "+2h ",
                                      "+-2h",
                                      "tomorrow",
                                      "2026-12-01",
                                      "RESET",
                                      "+2 h",
                                      "+1.5h",
                                      "+99999999999999999999s",
                                      "+36526d",
                                      "+3155760001s",
                                      "2026-13-01T00:00:00Z"};
    for (size_t i = 0; i < GH_COUNT(bad); i++) {
        int64_t out;
        assert_false(gh_clock_words(bad[i], 0, 0, &out));
    }
    int64_t out;
    assert_false(gh_clock_words("+1s", 0, GH_CLOCK_MS_MAX, &out));
}

static void
the_moved_clock_is_ahead_of_the_machines(void **state)
{
    (void)state;
    gh_clock_shift(HOUR * 1000);
    int64_t mono = gh_mono_ms(), ahead = gh_now_us() - gh_machine_us();
    assert_in_range((uint64_t)ahead, (uint64_t)(HOUR * 1000 - 1000000), (uint64_t)(HOUR * 1000));
    assert_true(gh_mono_ms() - mono < 1000);
    assert_int_equal(gh_clock_shifted(), HOUR * 1000);
    gh_clock_shift(0);
    assert_true(gh_now_us() <= gh_machine_us());
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spans_move_from_where_the_clock_is),
        cmocka_unit_test(moments_are_reached_from_the_machines_clock),
        cmocka_unit_test(other_words_are_refused),
        cmocka_unit_test(the_moved_clock_is_ahead_of_the_machines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
