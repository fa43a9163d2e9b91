/*
 * tests/unit/test_buf.c - growable buffer
 */
#include "unit.h"

#include "base/buf.h"

static void
grows_and_keeps_what_was_written(void **state)
{
    (void)state;
    gh_buf_t b GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    for (int i = 0; i < 1000; i++)
        gh_buf_printf(&b, "%04d,", i);
    assert_true(gh_buf_ok(&b));
    assert_int_equal(b.n, 5000);
    assert_memory_equal(b.p, "0000,0001,", 10);
    assert_memory_equal(b.p + 4990, "0998,0999,", 10);
    assert_int_equal(strlen(gh_buf_cstr(&b)), 5000);
    assert_int_equal(b.n, 5000);
}

static void
writes_integers_to_their_limits(void **state)
{
    (void)state;
    gh_buf_t b GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    static const int64_t values[] = {0, 7, -7, 10, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < GH_COUNT(values); i++) {
        gh_buf_i64(&b, values[i]);
        gh_buf_putc(&b, ' ');
    }
    assert_span(gh_buf_view(&b), "0 7 -7 10 9223372036854775807 -9223372036854775808 ");
}

static void
printf_fits_at_every_fill(void **state)
{
    (void)state;
    for (size_t fill = 240; fill < 260; fill++) {
        gh_buf_t b GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
        for (size_t i = 0; i < fill; i++)
            gh_buf_putc(&b, 'x');
        gh_buf_printf(&b, "%s", "0123456789");
        assert_int_equal(b.n, fill + 10);
        assert_memory_equal(b.p + fill, "0123456789", 10);
    }
}

static void
failure_sticks_until_clear(void **state)
{
    (void)state;
    gh_buf_t b GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_buf_puts(&b, "abc");
    assert_null(gh_buf_reserve(&b, SIZE_MAX - 2));
    assert_false(gh_buf_ok(&b));
    gh_buf_puts(&b, "def");
    gh_buf_printf(&b, "%d", 1);
    assert_int_equal(b.n, 3);
    assert_null(gh_buf_cstr(&b));
    gh_buf_clear(&b);
    gh_buf_puts(&b, "g");
    assert_string_equal(gh_buf_cstr(&b), "g");
}

static void
empty_and_repeated_fini_are_harmless(void **state)
{
    (void)state;
    gh_buf_t b = GH_BUF_INIT;
    gh_buf_put(&b, NULL, 0);
    gh_buf_str(&b, (gh_str_t){0});
    assert_string_equal(gh_buf_cstr(&b), "");
    gh_buf_fini(&b);
    gh_buf_fini(&b);
    assert_null(b.p);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_and_keeps_what_was_written),
        cmocka_unit_test(writes_integers_to_their_limits),
        cmocka_unit_test(printf_fits_at_every_fill),
        cmocka_unit_test(failure_sticks_until_clear),
        cmocka_unit_test(empty_and_repeated_fini_are_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
