/* Unit tests of lib/base/seal_text.c and mask.c: sealed values in JSON texts open in their place and nowhere else. */
#include "unit.h"

#include "base/mask.h"
#include "base/seal_text.h"

static gh_seal_t *
make(void)
{
    gh_seal_t *seal = gh_seal_new((uint8_t[32]){7});
    assert_non_null(seal);
    return seal;
}

/* `"` U+0001 how ":patients.national_id_enc:" row ":" hex `"` as PostgreSQL writes it. */
static void
put_marker(const gh_seal_t *seal, const char *how, int64_t sealed_for, int64_t row, gh_str_t plain,
           gh_buf_t *out)
{
    gh_buf_t hex = GH_BUF_INIT;
    gh_seal_place_t place = {"patients", "national_id_enc", sealed_for};
    assert_int_equal(gh_seal_param(seal, place, plain, &hex), 0);
    gh_buf_printf(out, "\"\\u0001%s:patients.national_id_enc:%lld:%s\"", how, (long long)row,
                  gh_buf_cstr(&hex) + 2);
    gh_buf_fini(&hex);
}

static void
assert_spliced(const gh_seal_t *seal, gh_buf_t *json, const char *want)
{
    gh_buf_t out = GH_BUF_INIT;
    gh_seal_splice(seal, gh_buf_view(json), &out);
    assert_string_equal(gh_buf_cstr(&out), want);
    gh_buf_fini(&out);
    gh_buf_clear(json);
}

static void
members_of_a_sealed_object(void **state)
{
    (void)state;
    gh_seal_t *seal = make();
    gh_buf_t json = GH_BUF_INIT;
    const gh_str_t object = GH_STR("{\"advice\":\"休息 \\\"两天\\\"\",\"n\":3}");
    static const char *const ways[] = {"member-advice", "text-advice", "member-none",
                                       "text-none",     "text-n",      "member-n"};
    gh_buf_puts(&json, "[");
    for (size_t i = 0; i < GH_COUNT(ways); i++) {
        gh_buf_puts(&json, i ? "," : "");
        put_marker(seal, ways[i], 7, 7, object, &json);
    }
    gh_buf_puts(&json, "]");
    assert_spliced(seal, &json, "[\"休息 \\\"两天\\\"\",\"休息 \\\"两天\\\"\",null,\"\",\"\",null]");
    put_marker(seal, "member-advice", 7, 7, GH_STR("no object"), &json);
    assert_spliced(seal, &json, "null");
    put_marker(seal, "member-advice", 8, 7, object, &json); /* another row's */
    assert_spliced(seal, &json, "null");
    gh_buf_fini(&json);
    gh_seal_destroy(&seal);
}

static void
each_way_of_showing(void **state)
{
    (void)state;
    gh_seal_t *seal = make();
    gh_buf_t json = GH_BUF_INIT;
    gh_buf_puts(&json, "{\"a\" : ");
    put_marker(seal, "clear", 42, 42, GH_STR("11010119900307001X"), &json);
    gh_buf_puts(&json, ", \"b\" : ");
    put_marker(seal, "tail", 43, 43, GH_STR("11010119900307001X"), &json);
    gh_buf_puts(&json, ", \"c\" : ");
    put_marker(seal, "card", 44, 44, GH_STR("11010119900307001X"), &json);
    gh_buf_puts(&json, ", \"d\" : ");
    put_marker(seal, "clear", 45, 45, GH_STR("a \"quoted\"\nline"), &json);
    gh_buf_puts(&json, "}");
    assert_spliced(
        seal, &json,
        "{\"a\" : \"11010119900307001X\", \"b\" : \"**************001X\", \"c\" : \"110101********001X\", "
        "\"d\" : \"a \\\"quoted\\\"\\nline\"}");
    gh_buf_fini(&json);
    gh_seal_destroy(&seal);
}

static void
what_does_not_open_is_null(void **state)
{
    (void)state;
    gh_seal_t *seal = make();
    gh_buf_t json = GH_BUF_INIT;
    put_marker(seal, "clear", 42, 43, GH_STR("moved"), &json);
    assert_spliced(seal, &json, "null");
    put_marker(seal, "clear", 42, 42, GH_STR("no key"), &json);
    assert_spliced(NULL, &json, "null");
    static const char *const forged[] = {"\"\\u0001\"", "\"\\u0001clear\"", "\"\\u0001clear:patients:1:00\"",
                                         "\"\\u0001clear:patients.national_id_enc:1:0\"",
                                         "\"\\u0001clear:patients.national_id_enc:1:zz\""};
    for (size_t i = 0; i < GH_COUNT(forged); i++) {
        gh_buf_puts(&json, forged[i]);
        assert_spliced(seal, &json, "null");
    }
    gh_buf_fini(&json);
    gh_seal_destroy(&seal);
}

static void
other_texts_stay(void **state)
{
    (void)state;
    gh_seal_t *seal = make();
    gh_buf_t json = GH_BUF_INIT;
    static const char *const texts[] = {"", "{}", "{\"a\" : \"\\\"\\u0001clear:x\"}", "[\"x\\u0001\", 1]",
                                        "\"\\u0001open"};
    for (size_t i = 0; i < GH_COUNT(texts); i++) {
        gh_buf_puts(&json, texts[i]);
        gh_buf_t out = GH_BUF_INIT;
        gh_seal_splice(seal, gh_buf_view(&json), &out);
        assert_int_equal(out.n, strlen(texts[i]));
        if (out.n)
            assert_memory_equal(out.p, texts[i], out.n);
        gh_buf_fini(&out);
        gh_buf_clear(&json);
    }
    gh_buf_fini(&json);
    gh_seal_destroy(&seal);
}

static void
blind_index_as_a_parameter(void **state)
{
    (void)state;
    gh_seal_t *seal = make();
    gh_buf_t a = GH_BUF_INIT, b = GH_BUF_INIT;
    assert_int_equal(gh_blind_param(seal, GH_STR("1101 x"), &a), 0);
    assert_int_equal(gh_blind_param(seal, GH_STR("1101X"), &b), 0);
    assert_int_equal(a.n, 66);
    assert_string_equal(gh_buf_cstr(&a), gh_buf_cstr(&b));
    assert_int_equal(gh_blind_param(NULL, GH_STR("1"), &a), -1);
    assert_int_equal(gh_seal_param(NULL, (gh_seal_place_t){"t", "c", 1}, GH_STR("1"), &a), -1);
    gh_buf_fini(&a);
    gh_buf_fini(&b);
    gh_seal_destroy(&seal);
}

static void
masks(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"12345", "*2345"}, {"1234", "****"}, {"1", "*"}, {"", ""}, {"身份证一二三四", "***一二三四"}};
    for (size_t i = 0; i < GH_COUNT(cases); i++) {
        gh_buf_t out = GH_BUF_INIT;
        gh_mask_tail(gh_str(cases[i][0]), &out);
        assert_string_equal(out.n ? gh_buf_cstr(&out) : "", cases[i][1]);
        gh_buf_fini(&out);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_of_a_sealed_object), cmocka_unit_test(each_way_of_showing),
        cmocka_unit_test(what_does_not_open_is_null), cmocka_unit_test(other_texts_stay),
        cmocka_unit_test(blind_index_as_a_parameter), cmocka_unit_test(masks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
