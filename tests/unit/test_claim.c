/* Places of a session: slot model of api/24, R-81..R-85, R-102, R-224. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "domain/claim.h"

#define MIN(n) ((n)*INT64_C(60000000))
#define T0     INT64_C(1800000000000000)

/* 4 hours from T0, 16 places of 15 minutes. */
static gh_session_t
session(void)
{
    return (gh_session_t){.id = 1,
                          .doctor_id = 7,
                          .starts_us = T0,
                          .ends_us = T0 + MIN(240),
                          .slot_minutes = 15,
                          .total = 16,
                          .remaining = 16,
                          .open = true,
                          .list_price = 5000};
}

static void
slots_lowest_free_grows_and_refills(void **state)
{
    (void)state;
    gh_slots_t s = {0};
    assert_int_equal(gh_slots_lowest(&s, 1, 10), 1);
    for (int k = 1; k <= 200; k++) {
        assert_int_equal(gh_slots_lowest(&s, 1, 200), k);
        assert_int_equal(gh_slots_take(&s, k), 0);
    }
    assert_int_equal(gh_slots_take(&s, 200), 0); /* again: no change */
    assert_int_equal(s.taken, 200);
    assert_int_equal(gh_slots_lowest(&s, 1, 200), 0);
    assert_int_equal(gh_slots_lowest(&s, 1, 201), 201);
    gh_slots_free(&s, 64);
    gh_slots_free(&s, 3);
    assert_int_equal(gh_slots_lowest(&s, 1, 200), 3);
    assert_int_equal(gh_slots_lowest(&s, 4, 200), 64);
    assert_int_equal(gh_slots_lowest(&s, 65, 200), 0);
    assert_int_equal(gh_slots_lowest(&s, 5, 4), 0);
    assert_false(gh_slots_taken(&s, 0));
    assert_false(gh_slots_taken(&s, 100000));
    assert_int_equal(gh_slots_take(&s, 0), -1);
    assert_int_equal(gh_slots_take(&s, GH_SLOT_MAX + 1), -1);
    gh_slots_fini(&s);
}

static void
slots_far_range_is_free_beyond_the_bitmap(void **state)
{
    (void)state;
    gh_slots_t s = {0};
    assert_int_equal(gh_slots_lowest(&s, 500, 600), 500);
    assert_int_equal(gh_slots_take(&s, 1), 0);
    assert_int_equal(gh_slots_lowest(&s, 500, 600), 500);
    assert_int_equal(gh_slots_lowest(&s, 128, 128), 128);
    gh_slots_fini(&s);
}

static void
slot_bounds_share_the_last_start_above_cap(void **state)
{
    (void)state;
    gh_session_t s = session();
    int64_t a, b;
    assert_int_equal(gh_slot_cap(&s), 16);
    gh_slot_bounds(&s, 1, &a, &b);
    assert_true(a == T0 && b == T0 + MIN(15));
    gh_slot_bounds(&s, 16, &a, &b);
    assert_true(a == T0 + MIN(225) && b == T0 + MIN(240));
    gh_slot_bounds(&s, 17, &a, &b);
    assert_true(a == T0 + MIN(225) && b == T0 + MIN(240));
    s.slot_minutes = 240;
    assert_int_equal(gh_slot_cap(&s), 1);
    s.ends_us = T0 + MIN(100); /* one slot longer than its session ends with it */
    gh_slot_bounds(&s, 3, &a, &b);
    assert_int_equal(gh_slot_cap(&s), 1);
    assert_true(a == T0 && b == T0 + MIN(100));
}

static void
br73_any_place_lowest_first_until_full(void **state)
{
    (void)state;
    gh_session_t s = session();
    gh_slots_t slots = {0};
    int32_t k = 0;
    s.total = s.remaining = 2;
    assert_int_equal(gh_claim_any(&s, &slots, T0 - 1, &k), GH_E_NONE);
    assert_int_equal(k, 1);
    assert_int_equal(gh_claim_take(&s, &slots, k), 0);
    assert_int_equal(gh_claim_any(&s, &slots, T0 - 1, &k), GH_E_NONE);
    assert_int_equal(k, 2);
    assert_int_equal(gh_claim_take(&s, &slots, k), 0);
    assert_int_equal(gh_claim_any(&s, &slots, T0 - 1, &k), GH_E_SLOT_FULL);
    assert_int_equal(gh_claim_take(&s, &slots, 1), -1);
    assert_int_equal(gh_claim_release(&s, &slots, 1), 0);
    assert_int_equal(gh_claim_release(&s, &slots, 1), -1); /* freed once */
    assert_int_equal(gh_claim_any(&s, &slots, T0 - 1, &k), GH_E_NONE);
    assert_int_equal(k, 1);
    assert_int_equal(s.remaining, 1);
    gh_slots_fini(&slots);
}

static void
r85_running_session_gives_only_later_places(void **state)
{
    (void)state;
    gh_session_t s = session();
    gh_slots_t slots = {0};
    int32_t k = 0;
    assert_int_equal(gh_claim_any(&s, &slots, T0 - 1, &k), GH_E_NONE);
    assert_int_equal(k, 1);
    assert_int_equal(gh_claim_any(&s, &slots, T0, &k), GH_E_NONE);
    assert_int_equal(k, 2);
    assert_int_equal(gh_claim_any(&s, &slots, T0 + MIN(15) - 1, &k), GH_E_NONE);
    assert_int_equal(k, 2);
    assert_int_equal(gh_claim_any(&s, &slots, T0 + MIN(15), &k), GH_E_NONE);
    assert_int_equal(k, 3);
    assert_int_equal(gh_claim_any(&s, &slots, T0 + MIN(225) - 1, &k), GH_E_NONE);
    assert_int_equal(k, 16);
    assert_int_equal(gh_claim_any(&s, &slots, T0 + MIN(225), &k), GH_E_APPOINTMENT_IN_PAST);
    assert_int_equal(gh_claim_future(T0, T0 - 1), GH_E_NONE);
    assert_int_equal(gh_claim_future(T0, T0), GH_E_APPOINTMENT_IN_PAST);
    assert_int_equal(gh_claim_future(T0, T0 + 1), GH_E_APPOINTMENT_IN_PAST);
    gh_slots_fini(&slots);
}

static void
r82_named_place(void **state)
{
    (void)state;
    gh_session_t s = session();
    gh_slots_t slots = {0};
    int32_t k = 0;
    assert_int_equal(gh_claim_named(&s, &slots, 0, &k), GH_E_SLOT_NOT_ALIGNED);
    assert_int_equal(gh_claim_named(&s, &slots, 16, &k), GH_E_NONE);
    assert_int_equal(k, 16);
    assert_int_equal(gh_claim_named(&s, &slots, 17, &k), GH_E_SLOT_NOT_ALIGNED);
    assert_int_equal(gh_claim_take(&s, &slots, 16), 0);
    assert_int_equal(gh_claim_named(&s, &slots, 16, &k), GH_E_SLOT_TAKEN);
    gh_slots_fini(&slots);
}

static void
r84_time_must_be_a_slot_start(void **state)
{
    (void)state;
    gh_session_t s = session();
    gh_slots_t slots = {0};
    int32_t k = 0;
    assert_int_equal(gh_claim_at(&s, &slots, T0 + MIN(30), false, &k), GH_E_NONE);
    assert_int_equal(k, 3);
    assert_int_equal(gh_claim_at(&s, &slots, T0 + MIN(30) + 1, false, &k), GH_E_SLOT_NOT_ALIGNED);
    assert_int_equal(gh_claim_at(&s, &slots, T0 + MIN(30) - 1, false, &k), GH_E_SLOT_NOT_ALIGNED);
    assert_int_equal(gh_claim_at(&s, &slots, T0 - 1, false, &k), GH_E_DOCTOR_UNAVAILABLE);
    assert_int_equal(gh_claim_at(&s, &slots, T0 + MIN(240), false, &k), GH_E_DOCTOR_UNAVAILABLE);
    assert_int_equal(gh_claim_take(&s, &slots, 3), 0);
    assert_int_equal(gh_claim_at(&s, &slots, T0 + MIN(30), false, &k), GH_E_SLOT_TAKEN);
    gh_slots_fini(&slots);
}

static void
r224_time_moves_down_to_its_slot(void **state)
{
    (void)state;
    gh_session_t s = session();
    gh_slots_t slots = {0};
    int32_t k = 0;
    assert_int_equal(gh_claim_at(&s, &slots, T0 + MIN(44), true, &k), GH_E_NONE);
    assert_int_equal(k, 3);
    assert_int_equal(gh_claim_at(&s, &slots, T0 + MIN(45), true, &k), GH_E_NONE);
    assert_int_equal(k, 4);
    assert_int_equal(gh_claim_at(&s, &slots, T0 + MIN(240) - 1, true, &k), GH_E_NONE);
    assert_int_equal(k, 16);
    assert_int_equal(gh_claim_at(&s, &slots, T0 + MIN(240), true, &k), GH_E_DOCTOR_UNAVAILABLE);
    s.total = s.remaining = 4; /* behind the places it offers there is no slot */
    assert_int_equal(gh_claim_at(&s, &slots, T0 + MIN(59), true, &k), GH_E_NONE);
    assert_int_equal(gh_claim_at(&s, &slots, T0 + MIN(60), true, &k), GH_E_DOCTOR_UNAVAILABLE);
    assert_int_equal(gh_claim_at(&s, &slots, T0 + MIN(60), false, &k), GH_E_SLOT_NOT_ALIGNED);
    gh_slots_fini(&slots);
}

static void
shared_start_gives_its_lowest_free_place(void **state)
{
    (void)state;
    gh_session_t s = session();
    gh_slots_t slots = {0};
    int32_t k = 0;
    s.total = s.remaining = 18;
    for (int want = 16; want <= 18; want++) {
        assert_int_equal(gh_claim_at(&s, &slots, T0 + MIN(225), false, &k), GH_E_NONE);
        assert_int_equal(k, want);
        assert_int_equal(gh_claim_take(&s, &slots, k), 0);
    }
    assert_int_equal(gh_claim_at(&s, &slots, T0 + MIN(225), false, &k), GH_E_SLOT_TAKEN);
    gh_slots_fini(&slots);
}

static void
r81_only_open_sessions(void **state)
{
    (void)state;
    gh_session_t s = session();
    assert_int_equal(gh_claim_open(&s), GH_E_NONE);
    s.open = false;
    assert_int_equal(gh_claim_open(&s), GH_E_SESSION_SUSPENDED);
}

/* remaining + taken = total after any mix of taking and freeing. */
static void
r102_counter_and_places_agree(void **state)
{
    (void)state;
    gh_session_t s = session();
    gh_slots_t slots = {0};
    uint32_t seed = 12345;
    s.total = s.remaining = 100;
    for (int i = 0; i < 20000; i++) {
        seed = seed * 1103515245u + 12345u;
        int32_t k = (int32_t)(seed >> 16) % 110 + 1;
        if (seed & 0x8000u)
            (void)!gh_claim_release(&s, &slots, k);
        else if (gh_claim_named(&s, &slots, k, &k) == GH_E_NONE)
            assert_int_equal(gh_claim_take(&s, &slots, k), 0);
        assert_int_equal(s.remaining + slots.taken, s.total);
        int32_t low = 0;
        for (int32_t j = 1; j <= s.total && !low; j++)
            low = gh_slots_taken(&slots, j) ? 0 : j;
        assert_int_equal(gh_slots_lowest(&slots, 1, s.total), low);
    }
    gh_slots_fini(&slots);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_lowest_free_grows_and_refills),
        cmocka_unit_test(slots_far_range_is_free_beyond_the_bitmap),
        cmocka_unit_test(slot_bounds_share_the_last_start_above_cap),
        cmocka_unit_test(br73_any_place_lowest_first_until_full),
        cmocka_unit_test(r85_running_session_gives_only_later_places),
        cmocka_unit_test(r82_named_place),
        cmocka_unit_test(r84_time_must_be_a_slot_start),
        cmocka_unit_test(r224_time_moves_down_to_its_slot),
        cmocka_unit_test(shared_start_gives_its_lowest_free_place),
        cmocka_unit_test(r81_only_open_sessions),
        cmocka_unit_test(r102_counter_and_places_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
