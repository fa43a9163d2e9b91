/*
 * tests/unit/test_json.c - JSON writer, read back with jansson
 */
#include "unit.h"

#include <float.h>
#include <jansson.h>
#include <math.h>

#include "base/json.h"

static void
separates_values_in_nested_containers(void **state)
{
    (void)state;
    gh_buf_t b GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;
    gh_json_init(&j, &b);
    gh_json_obj(&j);
    gh_json_ki64(&j, "a", -5);
    gh_json_key(&j, "list");
    gh_json_arr(&j);
    gh_json_obj(&j);
    gh_json_obj_end(&j);
    gh_json_arr(&j);
    gh_json_arr_end(&j);
    gh_json_bool(&j, false);
    gh_json_null(&j);
    gh_json_arr_end(&j);
    gh_json_kbool(&j, "t", true);
    gh_json_knull(&j, "n");
    gh_json_kcstr(&j, "c", NULL);
    gh_json_kstr(&j, "e", gh_str(""));
    gh_json_kmoney(&j, "m", 4000);
    gh_json_kraw(&j, "r", GH_STR("[1]"));
    gh_json_obj_end(&j);
    assert_span(gh_buf_view(&b), "{\"a\":-5,\"list\":[{},[],false,null],\"t\":true,\"n\":null,\"c\":null,"
                                 "\"e\":\"\",\"m\":40.00,\"r\":[1]}");
}

static void
escapes_what_json_forbids(void **state)
{
    (void)state;
    gh_buf_t b GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;
    gh_json_init(&j, &b);
    gh_json_str(&j, GH_STR("q\" b\\ \b\f\n\r\t \x01 \x1f \x7f / 挂号 \xf0\x9f\x8f\xa5 \0."));
    assert_span(gh_buf_view(&b),
                "\"q\\\" b\\\\ \\b\\f\\n\\r\\t \\u0001 \\u001f \x7f / 挂号 \xf0\x9f\x8f\xa5 \\u0000.\"");
}

static void
any_bytes_give_valid_json(void **state)
{
    (void)state;
    uint64_t seed = 88172645463325252u;
    for (int round = 0; round < 20000; round++) {
        char bytes[24];
        size_t n = (size_t)round % sizeof(bytes);
        for (size_t i = 0; i < n; i++) {
            seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
            /* mostly bytes around the limits of UTF-8 */
            static const uint8_t edges[] = {0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf,
                                            0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xf5, 0xff, '"',  '\\', 'a'};
            bytes[i] = (char)edges[seed % sizeof(edges)];
        }
        gh_buf_t b GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
        gh_json_t j;
        gh_json_init(&j, &b);
        gh_json_str(&j, (gh_str_t){bytes, n});
        json_t *read = json_loadb(b.p, b.n, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        assert_non_null(read);
        json_decref(read);
    }
}

#define R "\xef\xbf\xbd" /* U+FFFD */

static void
broken_utf8_becomes_replacement(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"\x80", "\"" R "\""},
        {"a\xc3", "\"a" R "\""},
        {"\xc0\xaf", "\"" R R "\""},                   /* overlong */
        {"\xe0\x80\x80.", "\"" R R R ".\""},           /* overlong */
        {"\xed\xa0\x80", "\"" R R R "\""},             /* surrogate */
        {"\xe6\x8c", "\"" R R "\""},                   /* cut short */
        {"\xf4\x90\x80\x80", "\"" R R R R "\""},       /* above U+10FFFF */
        {"\xff\xe5\x8f\xb7", "\"" R "\xe5\x8f\xb7\""}, /* a good one after a bad byte */
    };
    for (size_t i = 0; i < GH_COUNT(cases); i++) {
        gh_buf_t b GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
        gh_json_t j;
        gh_json_init(&j, &b);
        gh_json_str(&j, gh_str(cases[i].in));
        assert_span(gh_buf_view(&b), cases[i].out);
    }
}

static void
doubles_read_back_exactly(void **state)
{
    (void)state;
    static const double values[] = {0.0,
                                    -0.0,
                                    0.1,
                                    1.0 / 3,
                                    1e21,
                                    -2.5e-7,
                                    DBL_MAX,
                                    DBL_MIN,
                                    0.3,
                                    0.1 + 0.2,
                                    100,
                                    5e-324,
                                    123456789012345678.0};
    for (size_t i = 0; i < GH_COUNT(values); i++) {
        gh_buf_t b GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
        gh_json_t j;
        gh_json_init(&j, &b);
        gh_json_double(&j, values[i]);
        double back = strtod(gh_buf_cstr(&b), NULL);
        assert_memory_equal(&back, &values[i], sizeof(back));
    }
    gh_buf_t b GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_json_t j;
    gh_json_init(&j, &b);
    gh_json_arr(&j);
    gh_json_double(&j, 0.1);
    gh_json_double(&j, (double)NAN);
    gh_json_double(&j, (double)-INFINITY);
    gh_json_arr_end(&j);
    assert_span(gh_buf_view(&b), "[0.1,null,null]");
}

static void
too_deep_nesting_fails_the_buffer(void **state)
{
    (void)state;
    for (int depth = 1; depth < 300; depth++) {
        gh_buf_t b GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
        gh_json_t j;
        gh_json_init(&j, &b);
        for (int i = 0; i < depth; i++)
            gh_json_arr(&j);
        assert_int_equal(gh_buf_ok(&b), depth <= 31);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(separates_values_in_nested_containers),
        cmocka_unit_test(escapes_what_json_forbids),
        cmocka_unit_test(any_bytes_give_valid_json),
        cmocka_unit_test(broken_utf8_becomes_replacement),
        cmocka_unit_test(doubles_read_back_exactly),
        cmocka_unit_test(too_deep_nesting_fails_the_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
