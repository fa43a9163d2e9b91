/*
 * tests/unit/test_offer.c - which place a waiting patient is given
 */
#include "unit.h"

#include "domain/offer.h"

#define MINUTE INT64_C(60000000)

/* Four places of a quarter of an hour each, from minute 100 on. */
static gh_session_t
session(void)
{
    return (gh_session_t){.id = 1,
                          .starts_us = 100 * MINUTE,
                          .ends_us = 160 * MINUTE,
                          .slot_minutes = 15,
                          .total = 4,
                          .remaining = 4,
                          .open = true};
}

static void
br99_gives_the_lowest_free_place(void **state)
{
    (void)state;
    gh_session_t s = session();
    gh_slots_t slots = {0};
    assert_int_equal(gh_offer_place(&s, &slots, 0, NULL, 0), 1);
    assert_int_equal(gh_slots_take(&slots, 1), 0);
    assert_int_equal(gh_slots_take(&slots, 2), 0);
    assert_int_equal(gh_offer_place(&s, &slots, 0, NULL, 0), 3);
    assert_int_equal(gh_slots_take(&slots, 3), 0);
    assert_int_equal(gh_slots_take(&slots, 4), 0);
    assert_int_equal(gh_offer_place(&s, &slots, 0, NULL, 0), 0);
    gh_slots_fini(&slots);
}

static void
br99_gives_no_place_that_has_begun(void **state)
{
    (void)state;
    gh_session_t s = session();
    gh_slots_t slots = {0};
    assert_int_equal(gh_offer_place(&s, &slots, 100 * MINUTE - 1, NULL, 0), 1);
    assert_int_equal(gh_offer_place(&s, &slots, 100 * MINUTE, NULL, 0), 2);
    assert_int_equal(gh_offer_place(&s, &slots, 145 * MINUTE, NULL, 0), 0);
    gh_slots_fini(&slots);
}

static void
br99_passes_over_what_meets_other_appointments(void **state)
{
    (void)state;
    gh_session_t s = session();
    gh_slots_t slots = {0};
    gh_busy_t first = {90 * MINUTE, 101 * MINUTE};
    assert_int_equal(gh_offer_place(&s, &slots, 0, &first, 1), 2);
    gh_busy_t touching = {85 * MINUTE, 100 * MINUTE};
    assert_int_equal(gh_offer_place(&s, &slots, 0, &touching, 1), 1);
    gh_busy_t two[] = {{100 * MINUTE, 115 * MINUTE}, {116 * MINUTE, 131 * MINUTE}};
    assert_int_equal(gh_offer_place(&s, &slots, 0, two, 2), 4);
    gh_busy_t all = {0, 1000 * MINUTE};
    assert_int_equal(gh_offer_place(&s, &slots, 0, &all, 1), 0);
    gh_slots_fini(&slots);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(br99_gives_the_lowest_free_place),
        cmocka_unit_test(br99_gives_no_place_that_has_begun),
        cmocka_unit_test(br99_passes_over_what_meets_other_appointments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
