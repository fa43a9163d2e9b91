/* link: workers/clinical/queue_rules.c */
/* Unit tests of workers/clinical/queue_rules.c. */
#include "unit.h"
#include "workers/clinical/queue_rules.h"

static void
br116_nobody_is_called_while_somebody_is_seen(void **state)
{
    (void)state;
    assert_int_equal(gh_br116_next(&(gh_call_facts_t){0}), GH_E_QUEUE_SCHEDULE_NOT_FOUND);
    assert_int_equal(gh_br116_next(&(gh_call_facts_t){.found = true, .seen = 7}), GH_E_CALL_FORBIDDEN);
    assert_int_equal(gh_br116_next(&(gh_call_facts_t){true, true, 7}), GH_E_PATIENT_IN_CONSULTATION);
    assert_int_equal(gh_br116_next(&(gh_call_facts_t){true, true, 0}), GH_E_NONE);
}

static void
br117_br118_only_who_is_called_of_ones_own_queue(void **state)
{
    gh_seen_facts_t f = {.order = {.state = GH_ORDER_PENDING}};
    (void)state;
    assert_int_equal(gh_br117_pass(&f), GH_E_QUEUE_ORDER_NOT_FOUND);
    assert_int_equal(gh_br118_complete(&f), GH_E_QUEUE_ORDER_NOT_FOUND);
    f.found = true;
    assert_int_equal(gh_br117_pass(&f), GH_E_PASS_FORBIDDEN);
    assert_int_equal(gh_br118_complete(&f), GH_E_COMPLETE_FORBIDDEN);
    f.own = true;
    for (gh_order_state_t s = 0; s < GH_ORDER_STATES; s++) {
        f.order.state = s;
        assert_int_equal(gh_br117_pass(&f),
                         s == GH_ORDER_CONFIRMED ? GH_E_PASS_NOT_CALLED : GH_E_PASS_NOT_CONFIRMED);
        assert_int_equal(gh_br118_complete(&f),
                         s == GH_ORDER_CONFIRMED ? GH_E_COMPLETE_NOT_CALLED : GH_E_COMPLETE_NOT_CONFIRMED);
    }
    f.order.state = GH_ORDER_CONFIRMED;
    f.calling = true;
    assert_int_equal(gh_br117_pass(&f), GH_E_NONE);
    assert_int_equal(gh_br118_complete(&f), GH_E_NONE);
}

static void
r100_a_visit_before_its_time_counts_only_where_that_is_allowed(void **state)
{
    gh_seen_facts_t f = {true, true, true, {.state = GH_ORDER_CONFIRMED, .starts_us = 100, .now_us = 99}};
    (void)state;
    assert_int_equal(gh_br118_complete(&f), GH_E_NONE);
    f.order.start_before_complete = true;
    assert_int_equal(gh_br118_complete(&f), GH_E_INVALID_TRANSITION);
    f.order.now_us = 100;
    assert_int_equal(gh_br118_complete(&f), GH_E_NONE);
}

static void
br119_the_nearest_limit_counts(void **state)
{
    (void)state;
    assert_int_equal(gh_br119_limit(5, 4, 2), 5);
    assert_int_equal(gh_br119_limit(0, 4, 2), 4);
    assert_int_equal(gh_br119_limit(0, 0, 2), 2);
    assert_int_equal(gh_br119_limit(0, 0, 0), 3);
}

static void
br117_at_the_limit_he_has_not_come(void **state)
{
    (void)state;
    assert_false(gh_br117_no_show(0, 3));
    assert_false(gh_br117_no_show(1, 3));
    assert_true(gh_br117_no_show(2, 3));
    assert_true(gh_br117_no_show(3, 3));
    assert_true(gh_br117_no_show(0, 1));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(br116_nobody_is_called_while_somebody_is_seen),
        cmocka_unit_test(br117_br118_only_who_is_called_of_ones_own_queue),
        cmocka_unit_test(r100_a_visit_before_its_time_counts_only_where_that_is_allowed),
        cmocka_unit_test(br119_the_nearest_limit_counts),
        cmocka_unit_test(br117_at_the_limit_he_has_not_come),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
