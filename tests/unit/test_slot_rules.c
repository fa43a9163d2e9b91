/* link: workers/audit/slot_rules.c */
/* Added places: BR-36, BR-66, R-88. */
#include "unit.h"

#include "workers/audit/slot_rules.h"

#define MIN(n) ((n)*INT64_C(60000000))
#define START  INT64_C(1800000000000000)

static gh_session_t session;

static int
setup(void **state)
{
    (void)state;
    session = (gh_session_t){.id = 7,
                             .starts_us = START,
                             .ends_us = START + MIN(240),
                             .slot_minutes = 15,
                             .total = 16,
                             .remaining = 0,
                             .open = true,
                             .list_price = 10001};
    return 0;
}

static gh_added_t
add(const gh_patient_order_t *orders, size_t n, int64_t now_us)
{
    return gh_br66_add(&session, session.total + 1, orders, n, 8000, now_us);
}

static void
a_full_session_gets_one_place_more(void **state)
{
    (void)state;
    gh_added_t a = add(NULL, 0, START - 1);
    assert_int_equal(a.err, GH_E_NONE);
    assert_int_equal(a.slot_no, 17);
    assert_int_equal(session.total, 17);
    assert_int_equal(session.remaining, 0);
    assert_true(a.starts_us == START + MIN(225)); /* beside the last place */
    assert_true(a.ends_us == START + MIN(240));
    assert_int_equal(a.price, 8001);
    assert_int_equal(a.state, GH_ORDER_PENDING);
    assert_int_equal(a.payment, GH_PAY_PENDING);
}

static void
free_places_stay_free(void **state)
{
    (void)state;
    session.remaining = 5;
    assert_int_equal(add(NULL, 0, START - 1).slot_no, 17);
    assert_int_equal(session.remaining, 5);
}

static void
a_place_left_of_more_is_not_given_twice(void **state)
{
    (void)state; /* the session once had 17 places, and the last one is held */
    session.remaining = 1;
    gh_added_t a = gh_br66_add(&session, 3, NULL, 0, 8000, START - 1);
    assert_int_equal(a.err, GH_E_NONE);
    assert_int_equal(a.slot_no, 3);
    assert_true(a.starts_us == START + MIN(30));
    assert_int_equal(session.total, 17);
    assert_int_equal(session.remaining, 1);
}

static void
what_costs_nothing_is_confirmed(void **state)
{
    (void)state;
    session.list_price = 0;
    gh_added_t a = add(NULL, 0, START - 1);
    assert_int_equal(a.state, GH_ORDER_CONFIRMED);
    assert_int_equal(a.payment, GH_PAY_PAID);
}

static void
until_the_session_is_over(void **state)
{
    (void)state;
    assert_int_equal(add(NULL, 0, START + MIN(240) - 1).err, GH_E_NONE);
    assert_int_equal(add(NULL, 0, START + MIN(240)).err, GH_E_APPOINTMENT_IN_PAST);
    session.open = false;
    assert_int_equal(add(NULL, 0, START).err, GH_E_SESSION_SUSPENDED);
}

static void
one_order_a_patient(void **state)
{
    static const struct {
        gh_order_state_t state;
        gh_err_t err;
    } cases[] = {{GH_ORDER_PENDING, GH_E_ADD_SLOT_ORDER_EXISTS},
                 {GH_ORDER_CONFIRMED, GH_E_ADD_SLOT_ORDER_EXISTS},
                 {GH_ORDER_COMPLETED, GH_E_ADD_SLOT_ORDER_EXISTS},
                 {GH_ORDER_CANCELLED, GH_E_NONE},
                 {GH_ORDER_TIMEOUT, GH_E_NONE},
                 {GH_ORDER_WAITLIST, GH_E_NONE},
                 {GH_ORDER_NO_SHOW, GH_E_NONE}};
    (void)state;
    for (size_t i = 0; i < GH_COUNT(cases); i++) {
        gh_patient_order_t o = {
            .schedule_id = 7, .starts_us = START, .ends_us = START + MIN(15), .state = cases[i].state};
        setup(NULL);
        assert_int_equal(add(&o, 1, START - 1).err, cases[i].err);
    }
}

static void
visits_do_not_overlap(void **state)
{
    gh_patient_order_t o = {.schedule_id = 8,
                            .starts_us = START + MIN(239),
                            .ends_us = START + MIN(250),
                            .state = GH_ORDER_CONFIRMED};
    (void)state;
    assert_int_equal(add(&o, 1, START - 1).err, GH_E_PATIENT_CONFLICT);
    o.starts_us = START + MIN(240);
    setup(NULL);
    assert_int_equal(add(&o, 1, START - 1).err, GH_E_NONE);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_full_session_gets_one_place_more, setup),
        cmocka_unit_test_setup(free_places_stay_free, setup),
        cmocka_unit_test_setup(a_place_left_of_more_is_not_given_twice, setup),
        cmocka_unit_test_setup(what_costs_nothing_is_confirmed, setup),
        cmocka_unit_test_setup(until_the_session_is_over, setup),
        cmocka_unit_test_setup(one_order_a_patient, setup),
        cmocka_unit_test_setup(visits_do_not_overlap, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
