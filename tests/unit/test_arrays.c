/*
 * tests/unit/test_arrays.c - array literals as PostgreSQL reads them
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "db/arrays.h"

static void
numbers_and_nulls_stand_bare(void **state)
{
    (void)state;
    gh_pgarr_t a = {0};
    gh_pgarr_i64(&a, 1);
    gh_pgarr_i64(&a, INT64_MIN);
    gh_pgarr_null(&a);
    gh_pgarr_money(&a, -25);
    gh_pgarr_bool(&a, true);
    assert_string_equal(gh_pgarr_literal(&a), "{1,-9223372036854775808,NULL,-0.25,t}");
    assert_int_equal(a.count, 5);
    gh_pgarr_clear(&a);
    assert_string_equal(gh_pgarr_literal(&a), "{}");
    gh_pgarr_fini(&a);
}

static void
no_id_and_no_text_are_null(void **state)
{
    (void)state;
    gh_pgarr_t a = {0};
    gh_pgarr_id(&a, 0);
    gh_pgarr_id(&a, 7);
    gh_pgarr_opt(&a, (gh_str_t){0});
    gh_pgarr_opt(&a, GH_STR(""));
    assert_string_equal(gh_pgarr_literal(&a), "{NULL,7,NULL,\"\"}");
    gh_pgarr_fini(&a);
}

static void
text_is_quoted_and_escaped(void **state)
{
    (void)state;
    gh_pgarr_t a = {0};
    gh_pgarr_text(&a, GH_STR("NULL"));
    gh_pgarr_text(&a, GH_STR(""));
    gh_pgarr_text(&a, GH_STR("a\"b\\c,{d}'"));
    gh_pgarr_text(&a, GH_STR("\"\\"));
    assert_string_equal(gh_pgarr_literal(&a), "{\"NULL\",\"\",\"a\\\"b\\\\c,{d}'\",\"\\\"\\\\\"}");
    gh_pgarr_fini(&a);
}

static void
text_with_nul_gives_no_literal(void **state)
{
    (void)state;
    gh_pgarr_t a = {0};
    gh_pgarr_text(&a, (gh_str_t){"a\0b", 3});
    assert_null(gh_pgarr_literal(&a));
    gh_pgarr_fini(&a);
}

static void
bytes_ids_days_and_times(void **state)
{
    (void)state;
    static const uint8_t id[16] = {0x01, 0x95, 0x7a, 0, 0, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, 0xff};
    gh_pgarr_t a = {0};
    gh_pgarr_bytea(&a, (gh_str_t){"\0\xff", 2});
    gh_pgarr_bytea(&a, (gh_str_t){"", 0});
    gh_pgarr_uuid(&a, id);
    gh_pgarr_day(&a, 0);
    gh_pgarr_time(&a, 0);
    gh_pgarr_time(&a, -1);
    gh_pgarr_time(&a, INT64_C(1772985600123456));
    assert_string_equal(gh_pgarr_literal(&a),
                        "{\"\\\\x00ff\",\"\\\\x\",01957a00-0000-7000-8000-0000000000ff,1970-01-01,"
                        "\"1970-01-01 00:00:00.000000+00\",\"1969-12-31 23:59:59.999999+00\","
                        "\"2026-03-08 16:00:00.123456+00\"}");
    gh_pgarr_fini(&a);
}

static void
times_outside_the_calendar_are_no_times(void **state)
{
    (void)state;
    char text[GH_PG_TIME_TEXT];
    gh_pg_time_text(INT64_MAX, text);
    assert_string_equal(text, "out of range");
    gh_pg_time_text(INT64_MIN, text);
    assert_string_equal(text, "out of range");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_and_nulls_stand_bare),
        cmocka_unit_test(no_id_and_no_text_are_null),
        cmocka_unit_test(text_is_quoted_and_escaped),
        cmocka_unit_test(text_with_nul_gives_no_literal),
        cmocka_unit_test(bytes_ids_days_and_times),
        cmocka_unit_test(times_outside_the_calendar_are_no_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
