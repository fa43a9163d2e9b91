/*
 * tests/unit/test_mp.c - msgpack: what is refused, what is read back, what is written (lib/wire/mp.c)
 */
#include "wire/mp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static bool
good(const void *p, size_t n)
{
    gh_mp_t root;
    /* A copy of the exact size, so that AddressSanitizer sees any read past the end. */
    uint8_t *copy = malloc(n ? n : 1);
    bool ok;

    assert_non_null(copy);
    memcpy(copy, p, n);
    ok = gh_mp_check(copy, n, 0, &root) == 0;
    if (ok)
        assert_int_equal(gh_mp_raw(root).n, n);
    else
        assert_null(root.at);
    free(copy);
    return ok;
}

#define GOOD(bytes) good((bytes), sizeof(bytes) - 1)

static void
scalars_are_accepted(void **state)
{
    (void)state;
    assert_true(GOOD("\x00"));
    assert_true(GOOD("\x7f"));
    assert_true(GOOD("\xe0"));
    assert_true(GOOD("\xc0"));
    assert_true(GOOD("\xc3"));
    assert_true(GOOD("\xca\x00\x00\x00\x00"));
    assert_true(GOOD("\xd9\x01x"));
    assert_true(GOOD("\xc4\x00"));
    assert_true(GOOD("\xd4\x01x"));
    assert_true(GOOD("\xc7\x02\x01xy"));
    assert_true(GOOD("\xc8\x00\x01\x01x"));
}

static void
hostile_input_is_refused(void **state)
{
    (void)state;
    assert_false(good("", 0));
    assert_false(GOOD("\xc1"));
    assert_false(GOOD("\x00\x00")); /* trailing byte */
    assert_false(GOOD("\xcd\x00")); /* truncated integer */
    assert_false(GOOD("\xcf\x00\x00\x00\x00"));
    assert_false(GOOD("\xa5"
                      "abcd")); /* truncated strings */
    assert_false(GOOD("\xd9"));
    assert_false(GOOD("\xdb\xff\xff\xff\xff"
                      "a"));
    assert_false(GOOD("\xc6\xff\xff\xff\xff"));
    assert_false(GOOD("\xd8\x01"
                      "0123456789"));
    assert_false(GOOD("\xc9\xff\xff\xff\xff\x01"));
    assert_false(GOOD("\x92\x01"));             /* missing elements */
    assert_false(GOOD("\xdd\xff\xff\xff\xff")); /* counts that the bytes cannot hold */
    assert_false(GOOD("\xdf\xff\xff\xff\xff\xa1x\x01"));
    assert_false(GOOD("\xdf\x80\x00\x00\x00\xa1x\x01"));
    assert_false(GOOD("\x81\x01\x01"));           /* key that is no string */
    assert_false(GOOD("\x82\xa1x\x01\xa1x\x02")); /* key twice */
    assert_false(GOOD("\x81\xa1x\x82\xa1y\x01\xa1y\x02"));
    assert_false(GOOD("\x81\xa1x")); /* key without value */
}

static void
every_truncation_is_refused(void **state)
{
    (void)state;
    gh_buf_t b GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    size_t mark = gh_mpw_map_begin(&b);

    gh_mpw_cstr(&b, "list");
    gh_mpw_array(&b, 3);
    gh_mpw_int(&b, 1);
    gh_mpw_double(&b, 1.5);
    gh_mpw_cstr(&b, "a longer string, more than thirty-one bytes");
    gh_mpw_cstr(&b, "bin");
    gh_mpw_bin(&b, "0123456789abcdef", 16);
    gh_mpw_map_end(&b, mark, 2);
    assert_true(gh_buf_ok(&b));
    assert_true(good(b.p, b.n));
    for (size_t n = 0; n < b.n; n++)
        assert_false(good(b.p, n));
}

static void
depth_is_limited(void **state)
{
    (void)state;
    uint8_t bytes[GH_MP_MAX_DEPTH + 2];

    memset(bytes, 0x91, sizeof bytes);
    bytes[GH_MP_MAX_DEPTH] = 0x01;
    assert_true(good(bytes, GH_MP_MAX_DEPTH + 1));
    bytes[GH_MP_MAX_DEPTH] = 0x91;
    bytes[GH_MP_MAX_DEPTH + 1] = 0x01;
    assert_false(good(bytes, GH_MP_MAX_DEPTH + 2));
    uint8_t *deep = malloc(1 << 20);
    assert_non_null(deep);
    memset(deep, 0x91, 1 << 20);
    assert_false(good(deep, 1 << 20));
    free(deep);
}

static void
elements_are_limited(void **state)
{
    (void)state;
    gh_buf_t b GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;

    gh_mpw_array(&b, GH_MP_MAX_ELEMENTS - 1);
    for (int i = 0; i < GH_MP_MAX_ELEMENTS - 1; i++)
        gh_mpw_int(&b, 1);
    assert_true(good(b.p, b.n));
    gh_buf_clear(&b);
    gh_mpw_array(&b, GH_MP_MAX_ELEMENTS);
    for (int i = 0; i < GH_MP_MAX_ELEMENTS; i++)
        gh_mpw_int(&b, 1);
    assert_false(good(b.p, b.n));
}

static void
bytes_are_limited(void **state)
{
    (void)state;
    gh_mp_t root;

    assert_int_equal(gh_mp_check("\xa3"
                                 "abc",
                                 4, 4, &root),
                     0);
    assert_int_equal(gh_mp_check("\xa3"
                                 "abc",
                                 4, 3, &root),
                     -1);
}

static void
put_keys(gh_buf_t *b, int n, int last)
{
    char key[16];

    gh_buf_clear(b);
    gh_mpw_map(b, (uint32_t)n);
    for (int i = 0; i < n; i++) {
        (void)snprintf(key, sizeof key, "k%d", i == n - 1 ? last : i);
        gh_mpw_cstr(b, key);
        gh_mpw_nil(b);
    }
}

static void
duplicate_keys_are_found_in_large_maps(void **state)
{
    (void)state;
    gh_buf_t b GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    static const int sizes[] = {2, 24, 25, 1000, 30000};

    for (size_t i = 0; i < GH_COUNT(sizes); i++) {
        put_keys(&b, sizes[i], sizes[i] - 1);
        assert_true(good(b.p, b.n));
        put_keys(&b, sizes[i], 0);
        assert_false(good(b.p, b.n));
        put_keys(&b, sizes[i], sizes[i] / 2 - 1);
        assert_false(good(b.p, b.n));
    }
}

static gh_mp_t
checked(const gh_buf_t *b)
{
    gh_mp_t root;

    assert_true(gh_buf_ok(b));
    assert_int_equal(gh_mp_check(b->p, b->n, 0, &root), 0);
    return root;
}

static void
integers_come_back_at_every_boundary(void **state)
{
    (void)state;
    static const int64_t v[] = {
        0,         1,  127, 128, 255,  256,  65535,  65536,  UINT32_MAX, (int64_t)UINT32_MAX + 1,
        INT64_MAX, -1, -32, -33, -128, -129, -32768, -32769, INT32_MIN,  (int64_t)INT32_MIN - 1,
        INT64_MIN};
    static const size_t size[] = {1, 1, 1, 2, 2, 3, 3, 5, 5, 9, 9, 1, 1, 2, 2, 3, 3, 5, 5, 9, 9};

    for (size_t i = 0; i < GH_COUNT(v); i++) {
        gh_buf_t b GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
        int64_t got = 42;
        gh_mpw_int(&b, v[i]);
        assert_int_equal(b.n, size[i]);
        assert_true(gh_mp_int(checked(&b), &got));
        assert_true(got == v[i]);
    }
}

static void
integer_above_int64_is_no_int(void **state)
{
    (void)state;
    gh_mp_t root;
    int64_t i;
    double d;

    assert_int_equal(gh_mp_check("\xcf\x80\x00\x00\x00\x00\x00\x00\x00", 9, 0, &root), 0);
    assert_false(gh_mp_int(root, &i));
    assert_true(gh_mp_double(root, &d));
    assert_true(d == 9223372036854775808.0);
}

static void
values_have_their_types_only(void **state)
{
    (void)state;
    gh_buf_t b GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_str_t s;
    int64_t i;
    bool flag;
    double d;

    gh_mpw_cstr(&b, "12");
    gh_mp_t v = checked(&b);
    assert_int_equal(gh_mp_type(v), GH_MP_STR);
    assert_false(gh_mp_int(v, &i));
    assert_false(gh_mp_bool(v, &flag));
    assert_false(gh_mp_double(v, &d));
    assert_false(gh_mp_bin(v, &s));
    assert_true(gh_mp_str(v, &s));
    assert_true(gh_str_is(s, "12"));
    assert_int_equal(gh_mp_count(v), 0);
    assert_int_equal(gh_mp_type((gh_mp_t){NULL, NULL}), GH_MP_NONE);
    assert_false(gh_mp_int((gh_mp_t){NULL, NULL}, &i));
    assert_int_equal(gh_mp_raw((gh_mp_t){NULL, NULL}).n, 0);
}

static void
strings_come_back_at_every_length_form(void **state)
{
    (void)state;
    static const size_t lengths[] = {0, 31, 32, 255, 256, 65535, 65536};
    char *text = calloc(1, 65536);

    assert_non_null(text);
    memset(text, 'x', 65536);
    for (size_t i = 0; i < GH_COUNT(lengths); i++) {
        gh_buf_t b GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
        gh_str_t s;
        gh_mpw_array(&b, 2);
        gh_mpw_str(&b, (gh_str_t){text, lengths[i]});
        gh_mpw_bin(&b, text, lengths[i]);
        gh_mp_iter_t it = gh_mp_iter(checked(&b));
        assert_true(gh_mp_next(&it));
        assert_true(gh_mp_str(it.value, &s));
        assert_int_equal(s.n, lengths[i]);
        assert_true(gh_mp_next(&it));
        assert_true(gh_mp_bin(it.value, &s));
        assert_int_equal(s.n, lengths[i]);
        assert_false(gh_mp_next(&it));
    }
    free(text);
}

static void
paths_find_nested_members(void **state)
{
    (void)state;
    gh_buf_t b GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    int64_t i = 0;

    gh_mpw_map(&b, 2);
    gh_mpw_cstr(&b, "list");
    gh_mpw_array(&b, 2);
    gh_mpw_map(&b, 1);
    gh_mpw_cstr(&b, "scheduleId");
    gh_mpw_int(&b, 1);
    gh_mpw_nil(&b);
    gh_mpw_cstr(&b, "body");
    gh_mpw_map(&b, 1);
    gh_mpw_cstr(&b, "scheduleId");
    gh_mpw_int(&b, 812);
    gh_mp_t root = checked(&b);
    assert_true(gh_mp_int(gh_mp_path(root, "body.scheduleId"), &i));
    assert_int_equal(i, 812);
    assert_null(gh_mp_path(root, "body.other").at);
    assert_null(gh_mp_path(root, "body.scheduleId.x").at);
    assert_null(gh_mp_path(root, "list.scheduleId").at);
    assert_null(gh_mp_get(root, "bod").at);
    assert_int_equal(gh_mp_count(gh_mp_get(root, "list")), 2);
}

static void
raw_bytes_of_a_member_are_a_value(void **state)
{
    (void)state;
    gh_mp_t root;
    gh_str_t raw;

    assert_int_equal(gh_mp_check("\x82\xa1"
                                 "a\x92\x01\xa1x\xa1"
                                 "b\xc0",
                                 10, 0, &root),
                     0);
    raw = gh_mp_raw(gh_mp_get(root, "a"));
    assert_int_equal(raw.n, 4);
    assert_memory_equal(raw.p, "\x92\x01\xa1x", 4);
    assert_int_equal(gh_mp_raw(gh_mp_get(root, "b")).n, 1);
}

static void
walks_over_unchecked_bytes_stay_inside(void **state)
{
    (void)state;
    static const char *const bad[] = {"\xdf\xff\xff\xff\xff\xa1", "\x82\xa1x\x92", "\x83\xa1x\x01\xc1",
                                      "\xdb\xff"};
    static const size_t size[] = {6, 4, 5, 2};

    for (size_t i = 0; i < GH_COUNT(bad); i++) {
        uint8_t *p = malloc(size[i]);
        assert_non_null(p);
        memcpy(p, bad[i], size[i]);
        gh_mp_t v = {p, p + size[i]};
        for (gh_mp_iter_t it = gh_mp_iter(v); gh_mp_next(&it);)
            (void)gh_mp_type(it.value);
        assert_true(gh_mp_raw(v).n <= size[i]);
        free(p);
    }
}

static void
json_shows_every_type(void **state)
{
    (void)state;
    gh_buf_t b GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT, out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;

    gh_mpw_map(&b, 7);
    gh_mpw_cstr(&b, "a\"b");
    gh_mpw_array(&b, 3);
    gh_mpw_int(&b, -5);
    gh_mpw_bool(&b, true);
    gh_mpw_nil(&b);
    gh_mpw_cstr(&b, "d");
    gh_mpw_double(&b, 0.5);
    gh_mpw_cstr(&b, "s");
    gh_mpw_cstr(&b, "\xe6\x8c\x82\n");
    gh_mpw_cstr(&b, "bin");
    gh_mpw_bin(&b, "x", 1);
    gh_mpw_cstr(&b, "m");
    gh_mpw_map(&b, 0);
    gh_mpw_cstr(&b, "e");
    gh_mpw_array(&b, 0);
    gh_mpw_cstr(&b, "");
    gh_mpw_cstr(&b, "");
    gh_mp_to_json(checked(&b), &out);
    assert_string_equal(gh_buf_cstr(&out), "{\"a\\\"b\":[-5,true,null],\"d\":0.5,\"s\":\"\xe6\x8c\x82\\n\","
                                           "\"bin\":null,\"m\":{},\"e\":[],\"\":\"\"}");
}

/* Random bytes and mutations of good ones: no answer is expected, only that nothing is read outside. */
static void
random_bytes_do_no_harm(void **state)
{
    (void)state;
    uint8_t bytes[64];
    unsigned seed = 20260309;

    for (int round = 0; round < 200000; round++) {
        size_t n = 1 + (size_t)rand_r(&seed) % sizeof bytes;
        for (size_t i = 0; i < n; i++)
            bytes[i] = (uint8_t)(rand_r(&seed) >> 7);
        if (round % 2)
            bytes[0] = (uint8_t)(0x80 | (bytes[0] & 0x1f));
        (void)good(bytes, n);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalars_are_accepted),
        cmocka_unit_test(hostile_input_is_refused),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(elements_are_limited),
        cmocka_unit_test(bytes_are_limited),
        cmocka_unit_test(duplicate_keys_are_found_in_large_maps),
        cmocka_unit_test(integers_come_back_at_every_boundary),
        cmocka_unit_test(integer_above_int64_is_no_int),
        cmocka_unit_test(values_have_their_types_only),
        cmocka_unit_test(strings_come_back_at_every_length_form),
        cmocka_unit_test(paths_find_nested_members),
        cmocka_unit_test(raw_bytes_of_a_member_are_a_value),
        cmocka_unit_test(walks_over_unchecked_bytes_stay_inside),
        cmocka_unit_test(json_shows_every_type),
        cmocka_unit_test(random_bytes_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
