/* Unit tests of lib/deliver/sender_rules.c. */
#include "unit.h"

#include "deliver/sender.h"

static void
pauses_double_up_to_an_hour(void **state)
{
    (void)state;
    assert_int_equal(gh_sender_pause_ms(1, 0), 5000);
    assert_int_equal(gh_sender_pause_ms(2, 0), 10000);
    assert_int_equal(gh_sender_pause_ms(10, 0), 2560000);
    assert_int_equal(gh_sender_pause_ms(11, 0), 3600000);
    assert_int_equal(gh_sender_pause_ms(1000, 0), 3600000);
}

static void
jitter_takes_less_than_a_quarter(void **state)
{
    (void)state;
    for (uint32_t r = 0; r < 5000; r++) {
        int64_t pause = gh_sender_pause_ms(3, r);
        assert_true(pause > 15000 && pause <= 20000);
    }
    assert_int_not_equal(gh_sender_pause_ms(3, 1), gh_sender_pause_ms(3, 1000));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pauses_double_up_to_an_hour),
        cmocka_unit_test(jitter_takes_less_than_a_quarter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
