/* link: workers/jobs/jobs_rules.c */
/* Recurring jobs: which missed slots are queued, and when to look again; attempts and places. */
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

/* 02:30 does not exist on 8 March 2026 in New York, 01:30 comes twice on 1 November. */
static void
a_stop_over_a_shift_of_the_zone_catches_up_once(void **state)
{
    (void)state;
    int64_t night, next;
    assert_int_equal(gh_tz_init("America/New_York"), 0);
    night = at(2026, 3, 8, 3, 30);
    assert_slot(decide("30 2 * * *", GH_CATCH_UP_LAST, night, night + 5 * 3600 * SECOND), night,
                at(2026, 3, 9, 2, 30));
    assert_slot(decide("30 2 * * *", GH_CATCH_UP_LAST, at(2026, 3, 6, 2, 30), at(2026, 3, 8, 12, 0)), night,
                at(2026, 3, 9, 2, 30));
    night = at(2026, 11, 1, 1, 30);
    next = at(2026, 11, 2, 1, 30);
    assert_int_equal(next - night, 25 * 3600 * SECOND);
    assert_slot(decide("30 1 * * *", GH_CATCH_UP_LAST, night, night + 3600 * SECOND), night, next);
    assert_slot(decide("30 1 * * *", GH_CATCH_UP_ALL, night - DAY, night + 3600 * SECOND), night - DAY,
                night);
    assert_slot(decide("0 * * * *", GH_CATCH_UP_ALL, at(2026, 11, 1, 1, 0), at(2026, 11, 1, 3, 0)),
                at(2026, 11, 1, 1, 0), at(2026, 11, 1, 1, 0) + 3600 * SECOND);
    assert_int_equal(gh_tz_init("Asia/Shanghai"), 0);
}

static void
what_may_pass_is_tried_again_and_what_will_not_is_not(void **state)
{
    (void)state;
    assert_int_equal(gh_run_decide(false, GH_E_NONE, 1, 5), GH_RUN_DONE);
    assert_int_equal(gh_run_decide(true, GH_E_NOT_FOUND, 1, 5), GH_RUN_FAILED);
    assert_int_equal(gh_run_decide(true, GH_E_RATE_LIMITED, 4, 5), GH_RUN_AGAIN);
    assert_int_equal(gh_run_decide(true, GH_E_RATE_LIMITED, 5, 5), GH_RUN_DEAD);
    assert_int_equal(gh_run_decide(true, GH_E_NONE, 6, 5), GH_RUN_DEAD);
    assert_int_equal(gh_run_decide(true, GH_E_IDEMPOTENCY_IN_PROGRESS, 1, 5), GH_RUN_AGAIN);
}

static void
pauses_double_up_to_ten_minutes_and_differ(void **state)
{
    (void)state;
    int64_t full = SECOND;
    for (int attempt = 1; attempt < 40; attempt++) {
        assert_int_equal(gh_run_pause_us(attempt, 0), full);
        int64_t least = gh_run_pause_us(attempt, UINT32_MAX);
        assert_true(least < full && least >= full - full / 4);
        full = full * 2 > 600 * SECOND ? 600 * SECOND : full * 2;
    }
}

/* However few places there are at a time, every fourth goes by age, and hardly any claim is all by age. */
static void
every_fourth_place_goes_by_age(void **state)
{
    (void)state;
    for (int room = 1; room <= 256; room++) {
        uint32_t given = 0;
        int by_age = 0;
        for (int claim = 0; claim < 64; claim++) {
            int n = gh_claim_by_age(room, given);
            assert_true(n <= room && n >= room / 4);
            by_age += n;
            given += (uint32_t)room;
        }
        assert_int_equal(by_age, 64 * room / 4);
    }
    assert_int_equal(gh_claim_by_age(1, 2), 0);
    assert_int_equal(gh_claim_by_age(1, 3), 1);
    assert_int_equal(gh_claim_by_age(1, UINT32_MAX), 1);
    assert_int_equal(gh_claim_by_age(0, 3), 0);
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
        cmocka_unit_test(a_stop_over_a_shift_of_the_zone_catches_up_once),
        cmocka_unit_test(what_may_pass_is_tried_again_and_what_will_not_is_not),
        cmocka_unit_test(pauses_double_up_to_ten_minutes_and_differ),
        cmocka_unit_test(every_fourth_place_goes_by_age),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
