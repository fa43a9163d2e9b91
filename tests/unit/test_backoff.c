/*
 * tests/unit/test_backoff.c - pauses between tries
 */
#include "unit.h"

#include "base/backoff.h"

static void
doubles_up_to_the_most(void **state)
{
    (void)state;
    assert_int_equal(gh_backoff(1, 1000, 60000, 0), 1000);
    assert_int_equal(gh_backoff(2, 1000, 60000, 0), 2000);
    assert_int_equal(gh_backoff(6, 1000, 60000, 0), 32000);
    assert_int_equal(gh_backoff(7, 1000, 60000, 0), 60000);
    assert_int_equal(gh_backoff(INT32_MAX, 1000, 60000, 0), 60000);
    assert_int_equal(gh_backoff(0, 1000, 60000, 0), 1000);
}

static void
takes_off_at_most_a_quarter(void **state)
{
    (void)state;
    for (uint32_t random = 0; random < 5000; random++) {
        int64_t pause = gh_backoff(3, 1000, 60000, random);
        assert_in_range(pause, 3000, 4000);
    }
    assert_in_range(gh_backoff(3, 1000, 60000, UINT32_MAX), 3000, 4000);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(doubles_up_to_the_most),
        cmocka_unit_test(takes_off_at_most_a_quarter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
