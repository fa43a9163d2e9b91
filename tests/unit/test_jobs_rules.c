/* link: workers/jobs/jobs_rules.c */
/* Recurring jobs: which missed slots are queued, and when to look again. */
#include "unit.h"

#include "base/timez.h"
#include "workers/jobs/jobs_rules.h"

#define SECOND INT64_C(1000000)
#define DAY    (86400 * SECOND)

static gh_cron_t
cron_of(const char *text)
{
    gh_cron_t c;
    assert_int_equal(gh_cron_parse(gh_str(text), &c), 0);
    return c;
}

static int64_t
at(int year, int month, int day, int hour, int minute)
{
    return gh_tz_instant(year, month, day, hour, minute, 0);
}

/* What is queued and looked at next, when a job of `cron` was due at next and is looked at now. */
static gh_slot_t
decide(const char *cron, gh_catch_up_t rule, int64_t next_us, int64_t now_us)
{
    gh_cron_t c = cron_of(cron);
    return gh_slot_decide(&c, rule, next_us, now_us);
}

static void
assert_slot(gh_slot_t got, int64_t fire_us, int64_t next_us)
{
    assert_int_equal(got.fire_us, fire_us);
    assert_int_equal(got.next_us, next_us);
}

static void
a_slot_is_queued_when_it_comes(void **state)
{
    (void)state;
    int64_t night = at(2026, 3, 9, 0, 10);
    assert_slot(decide("10 0 * * *", GH_CATCH_UP_LAST, 0, night - 1), 0, night);
    assert_slot(decide("10 0 * * *", GH_CATCH_UP_LAST, night, night - 1), 0, night);
    assert_slot(decide("10 0 * * *", GH_CATCH_UP_LAST, night, night), night, night + DAY);
    assert_slot(decide("10 0 * * *", GH_CATCH_UP_LAST, night, night + DAY - 1), night, night + DAY);
    assert_slot(decide("10 0 * * *", GH_CATCH_UP_LAST, night, night + DAY), night + DAY, night + 2 * DAY);
}

static void
of_slots_that_were_missed_the_last_is_queued(void **state)
{
    (void)state;
    int64_t now = at(2026, 3, 9, 15, 30) + 20 * SECOND;
    int64_t missed[] = {1, 59, 60, 61, 1439, 1440, 9000, 60 * 24 * 400};
    for (size_t i = 0; i < GH_COUNT(missed); i++)
        assert_slot(
            decide("* * * * *", GH_CATCH_UP_LAST, at(2026, 3, 9, 15, 30) - missed[i] * 60 * SECOND, now),
            at(2026, 3, 9, 15, 30), at(2026, 3, 9, 15, 31));
    assert_slot(decide("10 0 * * *", GH_CATCH_UP_LAST, at(2025, 12, 1, 0, 10), now), at(2026, 3, 9, 0, 10),
                at(2026, 3, 10, 0, 10));
    assert_slot(decide("0 6 * * 1", GH_CATCH_UP_LAST, at(2025, 12, 1, 6, 0), at(2026, 3, 15, 23, 59)),
                at(2026, 3, 9, 6, 0), at(2026, 3, 16, 6, 0));
    assert_slot(decide("0 0 29 2 *", GH_CATCH_UP_LAST, at(2024, 2, 29, 0, 0), now), at(2024, 2, 29, 0, 0),
                at(2028, 2, 29, 0, 0));
    assert_slot(decide("0 0 1 1 *", GH_CATCH_UP_LAST, at(2012, 1, 1, 0, 0), now), at(2026, 1, 1, 0, 0),
                at(2027, 1, 1, 0, 0));
}

static void
where_none_is_caught_up_only_a_fresh_slot_is_queued(void **state)
{
    (void)state;
    int64_t night = at(2026, 3, 9, 0, 10);
    assert_slot(decide("10 0 * * *", GH_CATCH_UP_NONE, night, night + 60 * SECOND), night, night + DAY);
    assert_slot(decide("10 0 * * *", GH_CATCH_UP_NONE, night, night + 60 * SECOND + 1), 0, night + DAY);
    assert_slot(decide("10 0 * * *", GH_CATCH_UP_NONE, night - 5 * DAY, night + DAY / 2), 0, night + DAY);
}

static void
where_all_are_caught_up_they_come_one_by_one(void **state)
{
    (void)state;
    int64_t night = at(2026, 3, 9, 0, 10);
    assert_slot(decide("10 0 * * *", GH_CATCH_UP_ALL, night, night + 3 * DAY), night, night + DAY);
}

/* gh_cron_next() skips hours that are over: nothing is skipped that fits. */
static void
the_next_moment_is_the_first_that_fits(void **state)
{
    (void)state;
    static const char *const texts[] = {"* * * * *",   "*/7 * * * *", "59 * * * *",
                                        "0 */5 * * *", "30 23 * * *", "5,50 1-3 * * *"};
    for (size_t i = 0; i < GH_COUNT(texts); i++) {
        gh_cron_t c = cron_of(texts[i]);
        int64_t expected = 0;
        for (int64_t t = at(2026, 3, 10, 0, 0); t > at(2026, 3, 8, 0, 0); t -= 60 * SECOND) {
            gh_civil_t civil = gh_tz_civil(t);
            if (c.minutes >> civil.minute & 1 && c.hours >> civil.hour & 1)
                expected = t;
            if (expected)
                assert_int_equal(gh_cron_next(&c, t - 1), expected);
        }
    }
}

int
main(void)
{
    assert_int_equal(gh_tz_init("Asia/Shanghai"), 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slot_is_queued_when_it_comes),
        cmocka_unit_test(of_slots_that_were_missed_the_last_is_queued),
        cmocka_unit_test(where_none_is_caught_up_only_a_fresh_slot_is_queued),
        cmocka_unit_test(where_all_are_caught_up_they_come_one_by_one),
        cmocka_unit_test(the_next_moment_is_the_first_that_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
