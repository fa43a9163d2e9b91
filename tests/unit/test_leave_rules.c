/* link: workers/audit/leave_rules.c */
/* Leave: BR-57, BR-60. */
#include "unit.h"

#include "workers/audit/leave_rules.h"

#define TODAY 20600
#define NOW   INT64_C(1780000000000000)

static gh_err_t
asked(gh_shift_t shift, int32_t from, int64_t begins_us)
{
    return gh_br60_in_time(&(gh_leave_t){from, from, shift}, TODAY, begins_us, NOW);
}

static void
whole_days_are_asked_for_the_day_before(void **state)
{
    (void)state;
    assert_int_equal(asked(GH_SHIFT_FULL, TODAY + 1, 0), GH_E_NONE);
    assert_int_equal(asked(GH_SHIFT_FULL, TODAY, NOW + 1), GH_E_LEAVE_FULL_DAY_TOO_LATE);
    assert_int_equal(asked(GH_SHIFT_FULL, TODAY - 1, NOW + 1), GH_E_LEAVE_FULL_DAY_TOO_LATE);
}

static void
a_part_of_today_is_asked_for_before_it_begins(void **state)
{
    (void)state;
    assert_int_equal(asked(GH_SHIFT_NIGHT, TODAY, NOW + 1), GH_E_NONE);
    assert_int_equal(asked(GH_SHIFT_NIGHT, TODAY, NOW), GH_E_LEAVE_SECTION_STARTED);
    assert_int_equal(asked(GH_SHIFT_MORNING, TODAY - 1, NOW + 1), GH_E_LEAVE_DATE_PAST);
    assert_int_equal(asked(GH_SHIFT_MORNING, TODAY + 1, NOW - 1), GH_E_NONE);
}

static void
leave_closes_what_it_covers(void **state)
{
    (void)state;
    const gh_leave_t full = {TODAY, TODAY + 2, GH_SHIFT_FULL}, part = {TODAY, TODAY + 2, GH_SHIFT_AFTERNOON};
    gh_leave_session_t s = {.id = 1, .day = TODAY, .part = 0, .ends_us = NOW + 1, .open = true};
    assert_true(gh_br57_closes(&full, &s, NOW));
    assert_false(gh_br57_closes(&part, &s, NOW));
    s.part = 1;
    assert_true(gh_br57_closes(&part, &s, NOW));
    s.day = TODAY + 2;
    assert_true(gh_br57_closes(&part, &s, NOW));
    s.day = TODAY + 3;
    assert_false(gh_br57_closes(&part, &s, NOW));
    s.day = TODAY - 1;
    assert_false(gh_br57_closes(&full, &s, NOW));
}

static void
what_is_over_or_closed_stays(void **state)
{
    (void)state;
    const gh_leave_t full = {TODAY, TODAY, GH_SHIFT_FULL};
    gh_leave_session_t s = {.id = 1, .day = TODAY, .part = 0, .ends_us = NOW, .open = true};
    assert_false(gh_br57_closes(&full, &s, NOW));
    s.ends_us = NOW + 1;
    s.open = false;
    assert_false(gh_br57_closes(&full, &s, NOW));
}

static void
shifts_have_two_spellings(void **state)
{
    (void)state;
    gh_shift_t shift = GH_SHIFT_FULL;
    assert_int_equal(gh_shift_parse(GH_STR("EVENING"), &shift), 0);
    assert_string_equal(gh_shift_name(shift), "night");
    assert_int_equal(gh_shift_parse(GH_STR("full"), &shift), 0);
    assert_string_equal(gh_shift_name(shift), "full");
    assert_int_equal(gh_shift_parse(GH_STR("Morning"), &shift), -1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_days_are_asked_for_the_day_before),
        cmocka_unit_test(a_part_of_today_is_asked_for_before_it_begins),
        cmocka_unit_test(leave_closes_what_it_covers),
        cmocka_unit_test(what_is_over_or_closed_stays),
        cmocka_unit_test(shifts_have_two_spellings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
