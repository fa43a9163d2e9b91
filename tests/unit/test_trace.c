/*
 * tests/unit/test_trace.c - W3C trace context as the standard's own examples and limits have it
 */
#include "unit.h"

#include "base/trace.h"

#define GOOD "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

static void
good_ones_travel_unchanged(void **state)
{
    (void)state;
    char out[GH_TRACE_TEXT];
    assert_true(gh_trace_parse(GH_STR(GOOD), out));
    assert_string_equal(out, GOOD);
    /* later versions: as much as we know of them */
    assert_true(gh_trace_parse(GH_STR("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), out));
    assert_string_equal(out, GOOD);
    assert_true(
        gh_trace_parse(GH_STR("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more.to.come"), out));
    assert_string_equal(out, GOOD);
}

static void
bad_ones_are_none(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "00",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "0g-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4bf92f3577b34da6a3ce929d0e0e473-600f067aa0ba902b7-01",
        "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0x",
        "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.more",
        "00-4bf92f3577b34da6a3ce929d0e0e473\n-00f067aa0ba902b7-01",
    };
    char out[GH_TRACE_TEXT];
    for (size_t i = 0; i < GH_COUNT(bad); i++) {
        assert_false(gh_trace_parse(gh_str(bad[i]), out));
        assert_string_equal(out, "");
    }
}

static void
a_new_one_is_good_and_not_sampled(void **state)
{
    (void)state;
    static const uint8_t id[16] = {0x01, 0x7f, 0x22, 0xe2, 0x79, 0xb0, 0x7c, 0xc3,
                                   0x98, 0xc4, 0xdc, 0x0c, 0x0c, 0x07, 0x39, 0x8f};
    char made[GH_TRACE_TEXT], out[GH_TRACE_TEXT];
    gh_trace_make(id, made);
    assert_string_equal(made, "00-017f22e279b07cc398c4dc0c0c07398f-98c4dc0c0c07398f-00");
    assert_true(gh_trace_parse(gh_str(made), out));
    assert_true(gh_str_is(gh_trace_id(gh_str(made)), "017f22e279b07cc398c4dc0c0c07398f"));
    assert_false(gh_trace_sampled(gh_str(made)));
    assert_true(gh_trace_sampled(GH_STR(GOOD)));
    assert_true(gh_trace_sampled(GH_STR("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0f")));
    assert_false(gh_trace_sampled(GH_STR("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0e")));
    assert_false(gh_trace_sampled(GH_STR("")));
    assert_int_equal(gh_trace_id(GH_STR("t-1")).n, 0);
}

static void
calls_are_named(void **state)
{
    (void)state;
    char calls[GH_BACKTRACE_TEXT];
    gh_backtrace_text(0, calls);
    assert_non_null(strstr(calls, "test_trace@0x")); /* this function: static, so by its address */
    assert_non_null(strchr(calls, '<'));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_ones_travel_unchanged),
        cmocka_unit_test(bad_ones_are_none),
        cmocka_unit_test(a_new_one_is_good_and_not_sampled),
        cmocka_unit_test(calls_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
