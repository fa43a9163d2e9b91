/*
 * tests/unit/test_wait_rules.c - the waitlist: BR-96 to BR-98, BR-100, BR-103
 */
#include "unit.h"

#include "domain/wait_rules.h"

#define NOW INT64_C(1800000000000000)

static gh_session_t session;
static gh_wait_ask_t ask;
static gh_wait_entry_t entry;

static int
setup(void **state)
{
    (void)state;
    session = (gh_session_t){.id = 1, .starts_us = NOW + 1, .ends_us = NOW + 100, .total = 4, .open = true};
    ask = (gh_wait_ask_t){.own_id = 5, .patient_id = 5, .session = &session, .now_us = NOW};
    entry = (gh_wait_entry_t){
        .exists = true, .state = GH_ORDER_WAITLIST, .initiator_id = 70, .patient_id = 5};
    return 0;
}

static void
br96_who_may_join(void **state)
{
    (void)state;
    assert_int_equal(gh_br96_may_join(&ask), GH_E_NONE);
    ask.own_id = 0;
    assert_int_equal(gh_br96_may_join(&ask), GH_E_PATIENT_NOT_BOUND);
    ask.own_id = 5;
    ask.session = NULL;
    assert_int_equal(gh_br96_may_join(&ask), GH_E_SCHEDULE_NOT_FOUND);
    ask.session = &session;
    ask.patient_id = 0;
    assert_int_equal(gh_br96_may_join(&ask), GH_E_PATIENT_NOT_FOUND);
    ask.patient_id = 6;
    assert_int_equal(gh_br96_may_join(&ask), GH_E_WAITLIST_PATIENT_FORBIDDEN);
    ask.related = true;
    assert_int_equal(gh_br96_may_join(&ask), GH_E_NONE);
}

static void
br96_only_a_full_session_and_once(void **state)
{
    (void)state;
    session.remaining = 1;
    assert_int_equal(gh_br96_may_join(&ask), GH_E_WAITLIST_SLOTS_FREE);
    ask.waits = true;
    assert_int_equal(gh_br96_may_join(&ask), GH_E_WAITLIST_DUPLICATE);
    ask.has_place = true;
    assert_int_equal(gh_br96_may_join(&ask), GH_E_DUPLICATE_BOOKING);
}

static void
br96_br80_br81_bans_and_sessions_that_are_not_open(void **state)
{
    (void)state;
    ask.banned = true;
    assert_int_equal(gh_br96_may_join(&ask), GH_E_BOOKING_SUSPENDED);
    ask.banned = false;
    session.starts_us = NOW;
    assert_int_equal(gh_br96_may_join(&ask), GH_E_APPOINTMENT_IN_PAST);
    session.open = false;
    assert_int_equal(gh_br96_may_join(&ask), GH_E_SESSION_SUSPENDED);
}

static void
br97_behind_those_who_wait(void **state)
{
    (void)state;
    assert_int_equal(gh_br97_position(0), 1);
    assert_int_equal(gh_br97_position(41), 42);
}

static void
br98_ten_minutes_each(void **state)
{
    (void)state;
    assert_int_equal(gh_br98_estimate_minutes(1), 10);
    assert_int_equal(gh_br98_estimate_minutes(7), 70);
}

static void
br100_who_may_convert(void **state)
{
    (void)state;
    assert_int_equal(gh_br100_may_convert(&entry, 70, 9), GH_E_NONE); /* who joined */
    assert_int_equal(gh_br100_may_convert(&entry, 71, 5), GH_E_NONE); /* the patient */
    assert_int_equal(gh_br100_may_convert(&entry, 71, 9), GH_E_WAITLIST_FORBIDDEN);
    assert_int_equal(gh_br100_may_convert(&entry, 70, 0), GH_E_PATIENT_RECORD_MISSING);
    for (int s = 0; s < GH_ORDER_STATES; s++) {
        entry.state = (gh_order_state_t)s;
        assert_int_equal(gh_br100_may_convert(&entry, 70, 9),
                         s == GH_ORDER_WAITLIST ? GH_E_NONE : GH_E_WAITLIST_NOT_CONVERTIBLE);
    }
    entry.exists = false;
    assert_int_equal(gh_br100_may_convert(&entry, 70, 9), GH_E_WAITLIST_NOT_FOUND);
}

static void
br103_who_may_leave(void **state)
{
    (void)state;
    assert_int_equal(gh_br103_may_leave(&entry, 70, 9), GH_E_NONE);
    assert_int_equal(gh_br103_may_leave(&entry, 71, 5), GH_E_NONE);
    assert_int_equal(gh_br103_may_leave(&entry, 71, 9), GH_E_WAITLIST_CANCEL_FORBIDDEN);
    assert_int_equal(gh_br103_may_leave(&entry, 70, 0), GH_E_PATIENT_RECORD_MISSING);
    for (int s = 0; s < GH_ORDER_STATES; s++) {
        entry.state = (gh_order_state_t)s;
        assert_int_equal(gh_br103_may_leave(&entry, 70, 9),
                         s == GH_ORDER_WAITLIST ? GH_E_NONE : GH_E_WAITLIST_NOT_CANCELLABLE);
    }
    entry.exists = false;
    assert_int_equal(gh_br103_may_leave(&entry, 70, 9), GH_E_WAITLIST_NOT_FOUND);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(br96_who_may_join, setup),
        cmocka_unit_test_setup(br96_only_a_full_session_and_once, setup),
        cmocka_unit_test_setup(br96_br80_br81_bans_and_sessions_that_are_not_open, setup),
        cmocka_unit_test(br97_behind_those_who_wait),
        cmocka_unit_test(br98_ten_minutes_each),
        cmocka_unit_test_setup(br100_who_may_convert, setup),
        cmocka_unit_test_setup(br103_who_may_leave, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
