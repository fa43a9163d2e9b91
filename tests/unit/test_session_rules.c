/* link: workers/schedule/session_rules.c */
#include "unit.h"

#include "workers/schedule/session_rules.h"

/* A call that nothing speaks against. */
static gh_session_facts_t
sound(gh_session_act_t act, bool v1)
{
    return (gh_session_facts_t){.act = act,
                                .v1 = v1,
                                .may = true,
                                .matches = true,
                                .known = true,
                                .current = true,
                                .has_doctor = true,
                                .has_clinic = true,
                                .moved = act == GH_SESSION_CREATE,
                                .other_day = act == GH_SESSION_CREATE,
                                .has_length = true,
                                .open = true,
                                .stays = true,
                                .was_open = act != GH_SESSION_CREATE};
}

static gh_session_verdict_t
decide(gh_session_facts_t f)
{
    return gh_session_decide(&f);
}

static void
what_is_sound_is_done(void **state)
{
    (void)state;
    for (int v1 = 0; v1 < 2; v1++)
        for (int act = GH_SESSION_CREATE; act <= GH_SESSION_CHANGE; act++) {
            gh_session_verdict_t v = decide(sound((gh_session_act_t)act, v1));
            assert_int_equal(v.err, GH_E_NONE);
            assert_int_equal(v.orders, GH_ORDERS_STAY);
            assert_false(v.displaces || v.promotes);
        }
}

static void
each_fault_has_its_refusal_on_each_surface(void **state)
{
    (void)state;
#define FAULT(act_, member_, value_, code_, v1_)                                                             \
    do {                                                                                                     \
        gh_session_facts_t f = sound(act_, false);                                                           \
        f.member_ = value_;                                                                                  \
        assert_int_equal(gh_session_decide(&f).err, code_);                                                  \
        f = sound(act_, true);                                                                               \
        f.member_ = value_;                                                                                  \
        assert_int_equal(gh_session_decide(&f).err, v1_);                                                    \
    } while (0)
    FAULT(GH_SESSION_CHANGE, known, false, GH_E_SCHEDULE_NOT_FOUND, GH_E_SCHEDULE_NOT_FOUND);
    FAULT(GH_SESSION_DELETE, known, false, GH_E_SCHEDULE_NOT_FOUND, GH_E_SCHEDULE_NOT_FOUND);
    FAULT(GH_SESSION_CHANGE, current, false, GH_E_SCHEDULE_NOT_FOUND, GH_E_NONE);
    FAULT(GH_SESSION_CHANGE, may, false, GH_E_NONE, GH_E_NOT_OWNER);
    FAULT(GH_SESSION_DELETE, matches, false, GH_E_PRECONDITION_FAILED, GH_E_PRECONDITION_FAILED);
    FAULT(GH_SESSION_CREATE, has_doctor, false, GH_E_DOCTOR_INVALID, GH_E_DOCTOR_NOT_FOUND);
    FAULT(GH_SESSION_CREATE, has_clinic, false, GH_E_CLINIC_INVALID, GH_E_CLINIC_NOT_FOUND);
    FAULT(GH_SESSION_CREATE, has_length, false, GH_E_VALIDATION_FAILED, GH_E_VALIDATION_FAILED);
    FAULT(GH_SESSION_CREATE, beyond, true, GH_E_BEYOND_HORIZON, GH_E_BEYOND_HORIZON);
    FAULT(GH_SESSION_CHANGE, beyond, true, GH_E_NONE, GH_E_NONE); /* it was there before the setting */
    FAULT(GH_SESSION_CREATE, begun, true, GH_E_NONE, GH_E_SESSION_IN_PAST);
    FAULT(GH_SESSION_CREATE, doctor_has, true, GH_E_DOCTOR_ALREADY_SCHEDULED, GH_E_SCHEDULE_OVERLAP);
    FAULT(GH_SESSION_CREATE, clinic_has, true, GH_E_NONE, GH_E_SCHEDULE_OVERLAP);
    FAULT(GH_SESSION_CHANGE, too_few, true, GH_E_SLOTS_BELOW_BOOKED, GH_E_SLOTS_BELOW_BOOKED);
#undef FAULT
}

static void
stopping_and_moving_cancel_on_the_code_surface(void **state)
{
    (void)state;
    gh_session_facts_t f = sound(GH_SESSION_CHANGE, false);
    f.booked = true;
    f.open = false;
    assert_int_equal(decide(f).orders, GH_ORDERS_SUSPEND);
    f.was_open = false; /* it was stopped before */
    assert_int_equal(decide(f).orders, GH_ORDERS_STAY);
    f.open = f.was_open = f.moved = true;
    assert_int_equal(decide(f).orders, GH_ORDERS_CLEAR);
    f.booked = false;
    assert_int_equal(decide(f).orders, GH_ORDERS_STAY); /* nothing to cancel */
    f.awaited = true;
    assert_int_equal(decide(f).orders, GH_ORDERS_CLEAR);
    f.moved = false;
    f.other_clinic = true; /* only another room */
    assert_int_equal(decide(f).orders, GH_ORDERS_STAY);
}

static void
bookings_refuse_on_v1_unless_the_call_cancels_them(void **state)
{
    (void)state;
    for (int way = 0; way < 4; way++) {
        gh_session_facts_t f = sound(way == 3 ? GH_SESSION_DELETE : GH_SESSION_CHANGE, true);
        f.booked = true;
        f.open = way != 0 && way != 1;
        f.stays = way != 1;
        f.other_clinic = way == 2;
        assert_int_equal(decide(f).err, GH_E_SCHEDULE_HAS_BOOKINGS);
        f.cancel = true;
        static const gh_session_orders_t orders[] = {GH_ORDERS_SUSPEND, GH_ORDERS_SUPERSEDE, GH_ORDERS_CLEAR,
                                                     GH_ORDERS_DELETE};
        assert_int_equal(decide(f).err, GH_E_NONE);
        assert_int_equal(decide(f).orders, orders[way]);
        f.cancel = f.booked = false;
        assert_int_equal(decide(f).err, GH_E_NONE);
    }
}

static void
places_count_without_the_orders_that_go(void **state)
{
    (void)state;
    gh_session_facts_t f = sound(GH_SESSION_CHANGE, false);
    f.too_few = f.booked = f.moved = true;
    assert_int_equal(decide(f).err, GH_E_NONE);
    f.too_few_over = true; /* visits that are over stay */
    assert_int_equal(decide(f).err, GH_E_SLOTS_BELOW_BOOKED);
}

static void
the_clinic_changes_hands(void **state)
{
    (void)state;
    gh_session_facts_t f = sound(GH_SESSION_CREATE, false);
    f.clinic_has = true;
    assert_true(decide(f).displaces);
    f = sound(GH_SESSION_DELETE, false);
    assert_true(decide(f).promotes);
    assert_int_equal(decide(f).orders, GH_ORDERS_DELETE);
    f.current = false; /* one that was replaced itself */
    assert_false(decide(f).promotes);
    assert_int_equal(decide(f).err, GH_E_NONE);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_sound_is_done),
        cmocka_unit_test(each_fault_has_its_refusal_on_each_surface),
        cmocka_unit_test(stopping_and_moving_cancel_on_the_code_surface),
        cmocka_unit_test(bookings_refuse_on_v1_unless_the_call_cancels_them),
        cmocka_unit_test(places_count_without_the_orders_that_go),
        cmocka_unit_test(the_clinic_changes_hands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
