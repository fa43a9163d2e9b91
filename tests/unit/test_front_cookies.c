/* link: front/cookies.c */
/*
 * tests/unit/test_front_cookies.c - cookies read and set
 */
#include "unit.h"

#include "front/cookies.h"

static void
is(gh_str_t got, const char *want)
{
    assert_int_equal(got.n, strlen(want));
    if (got.n)
        assert_memory_equal(got.p, want, got.n);
}

static void
cookies_are_found_by_their_whole_name(void **state)
{
    (void)state;
    gh_str_t h = GH_STR("xcsrf=1; csrf2=2; csrf=3; __Host-refresh=a.b-c_d; csrf=4");
    is(front_cookie(h, "csrf"), "3");
    is(front_cookie(h, "xcsrf"), "1");
    is(front_cookie(h, "csr"), "");
    is(front_cookie(h, "refresh"), "");
    is(front_cookie_refresh(h), "a.b-c_d");
    is(front_cookie(GH_STR(""), "csrf"), "");
    is(front_cookie(GH_STR("csrf"), "csrf"), "");
    is(front_cookie(GH_STR("csrf="), "csrf"), "");
    is(front_cookie(GH_STR(";;; csrf=x;"), "csrf"), "x");
    is(front_cookie(GH_STR("a=csrf=5"), "csrf"), "");
    is(front_cookie_refresh(GH_STR("__Host-refresh=a\"b")), "");
    is(front_cookie_refresh(GH_STR("__host-refresh=ab")), "");
}

static void
the_csrf_header_must_equal_the_cookie(void **state)
{
    (void)state;
    gh_str_t h = GH_STR("csrf=abcd");
    assert_true(front_cookie_csrf_ok(h, GH_STR("abcd")));
    assert_false(front_cookie_csrf_ok(h, GH_STR("abce")));
    assert_false(front_cookie_csrf_ok(h, GH_STR("abc")));
    assert_false(front_cookie_csrf_ok(h, GH_STR("abcde")));
    assert_false(front_cookie_csrf_ok(h, (gh_str_t){0}));
    assert_false(front_cookie_csrf_ok((gh_str_t){0}, (gh_str_t){0}));
    assert_false(front_cookie_csrf_ok(GH_STR("csrf="), GH_STR("")));
}

static void
a_token_becomes_two_lines(void **state)
{
    (void)state;
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    front_cookies_put(&out, GH_STR("604800 a.b.c"));
    const char *text = gh_buf_cstr(&out);
    static const char first[] =
        "set-cookie: __Host-refresh=a.b.c; Path=/; Max-Age=604800; Secure; HttpOnly; SameSite=Strict\r\n"
        "set-cookie: csrf=";
    assert_memory_equal(text, first, sizeof first - 1);
    assert_string_equal(text + sizeof first - 1 + 32,
                        "; Path=/; Max-Age=604800; Secure; SameSite=Strict\r\n");
    gh_buf_clear(&out);
    static const char *const bad[] = {"",    "604800",   "604800 ", " a",
                                      "x a", "1 a\r\nb", "1 a;b",   "12345678901 a"};
    for (size_t i = 0; i < GH_COUNT(bad); i++) {
        front_cookies_put(&out, gh_str(bad[i]));
        assert_int_equal(out.n, 0);
    }
    front_cookies_clear(&out);
    assert_non_null(strstr(gh_buf_cstr(&out), "__Host-refresh=; Path=/; Max-Age=0; Secure; HttpOnly"));
    assert_non_null(strstr(gh_buf_cstr(&out), "csrf=; Path=/; Max-Age=0; Secure; SameSite"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cookies_are_found_by_their_whole_name),
        cmocka_unit_test(the_csrf_header_must_equal_the_cookie),
        cmocka_unit_test(a_token_becomes_two_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
