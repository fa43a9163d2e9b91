/*
 * tests/unit/test_front_crowd.c - who of a crowd waits while others are asked for too
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "front/crowd.h"

#define NOW 5000000

/* n jobs begun within the last moments, at the pace of a crowd. */
static front_crowd_t
crowd_of(int n)
{
    front_crowd_t c = {0};
    for (int i = 0; i < n; i++)
        front_crowd_begin(&c, NOW - 1000);
    return c;
}

static void
alone_an_operation_has_all_the_room(void **state)
{
    (void)state;
    front_crowd_t c = crowd_of(1000);
    assert_false(front_crowd_waits(&c, 24, 0, NOW));
    assert_false(front_crowd_waits(&c, 24, NOW - FRONT_CROWD_OTHERS_US, NOW));
}

static void
beside_others_it_has_its_window(void **state)
{
    (void)state;
    front_crowd_t c = crowd_of(23);
    assert_false(front_crowd_waits(&c, 24, NOW, NOW));
    front_crowd_begin(&c, NOW);
    assert_true(front_crowd_waits(&c, 24, NOW, NOW));
    assert_true(front_crowd_waits(&c, 24, NOW - FRONT_CROWD_OTHERS_US + 1, NOW));
    assert_false(front_crowd_waits(&c, 0, NOW, NOW));
    assert_false(front_crowd_waits(&c, 25, NOW, NOW));
    front_crowd_end(&c);
    assert_int_equal(c.under_way, 23);
    assert_false(front_crowd_waits(&c, 24, NOW, NOW));
}

/* Jobs that never end while others come all the time: 24 go on in each span, none of them at once. */
static void
slow_jobs_go_on_at_their_pace(void **state)
{
    (void)state;
    front_crowd_t c = {0};
    int begun = 0, most = 0;
    for (int64_t now = NOW; now < NOW + 20 * FRONT_CROWD_FLOOR_US; now += 100) {
        int at_once = 0;
        while (!front_crowd_waits(&c, 24, now, now)) {
            front_crowd_begin(&c, now);
            at_once++;
        }
        begun += at_once;
        if (now > NOW)
            most = at_once > most ? at_once : most;
    }
    assert_in_range(begun, 20 * 24 - 24, 21 * 24 + 24);
    assert_in_range(most, 1, 2);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alone_an_operation_has_all_the_room),
        cmocka_unit_test(beside_others_it_has_its_window),
        cmocka_unit_test(slow_jobs_go_on_at_their_pace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
