/* link: workers/booking/places.c */
/* The memory of taken places: valid for one writer only, bounded, least recently used goes first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "workers/booking/places.h"

static void
valid_for_the_writer_only(void **state)
{
    (void)state;
    gh_places_t *p = gh_places_new(8);
    assert_null(gh_places_get(p, 1, 100));
    gh_slots_t *s = gh_places_put(p, 1, 100);
    assert_non_null(s);
    assert_int_equal(gh_slots_take(s, 3), 0);
    assert_ptr_equal(gh_places_get(p, 1, 100), s);
    assert_null(gh_places_get(p, 1, 101)); /* somebody else wrote the row */
    assert_true(gh_places_has(p, 1));
    gh_places_moved(p, 1, 101); /* it was us */
    assert_null(gh_places_get(p, 1, 100));
    assert_true(gh_slots_taken(gh_places_get(p, 1, 101), 3));
    s = gh_places_put(p, 1, 102); /* read again: starts empty */
    assert_false(gh_slots_taken(s, 3));
    gh_places_forget(p, 1);
    gh_places_moved(p, 1, 103);
    assert_false(gh_places_has(p, 1));
    gh_places_destroy(&p);
    assert_null(p);
    gh_places_destroy(&p);
}

static void
bounded_by_use(void **state)
{
    (void)state;
    gh_places_t *p = gh_places_new(3);
    for (int64_t id = 1; id <= 3; id++)
        assert_non_null(gh_places_put(p, id, 7));
    assert_non_null(gh_places_get(p, 1, 7)); /* used: 2 is now the oldest */
    assert_non_null(gh_places_put(p, 4, 7));
    assert_true(gh_places_has(p, 1) && gh_places_has(p, 3) && gh_places_has(p, 4));
    assert_false(gh_places_has(p, 2));
    for (int64_t id = 10; id < 1000; id++)
        assert_non_null(gh_places_put(p, id, 7));
    assert_true(gh_places_has(p, 999) && gh_places_has(p, 998) && gh_places_has(p, 997) &&
                !gh_places_has(p, 996));
    gh_places_destroy(&p);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_for_the_writer_only),
        cmocka_unit_test(bounded_by_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
