/* link: ops/cmd/http_reply.c */
/*
 * tests/unit/test_http_reply.c - the strict reply parser of the load client
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "ops/cmd/http_load.h"

static int64_t
s_parse(const char *text, gh_load_reply_t *reply, bool *keep)
{
    return gh_load_parse_reply(gh_str(text), reply, keep);
}

static void
a_reply_is_complete_at_its_last_byte(void **state)
{
    (void)state;
    static const char text[] =
        "HTTP/1.1 201 Created\r\nContent-Length: 7\r\nX-A: b\r\nRetry-After:  3 \r\n\r\n{\"a\":1}";
    gh_load_reply_t r;
    bool keep = false;
    for (size_t n = 0; n < sizeof text - 1; n++)
        assert_int_equal(gh_load_parse_reply((gh_str_t){text, n}, &r, &keep), 0);
    assert_int_equal(gh_load_parse_reply((gh_str_t){text, sizeof text - 1}, &r, &keep), sizeof text - 1);
    assert_int_equal(r.status, 201);
    assert_true(gh_str_is(r.body, "{\"a\":1}"));
    assert_int_equal(r.retry_after_s, 3);
    assert_true(keep);
}

static void
connections_close_when_the_reply_says_so(void **state)
{
    (void)state;
    gh_load_reply_t r;
    bool keep = true;
    assert_true(s_parse("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nConnection: Close\r\n\r\n", &r, &keep) > 0);
    assert_false(keep);
    assert_true(s_parse("HTTP/1.0 503 x\r\nContent-Length: 0\r\n\r\n", &r, &keep) > 0);
    assert_false(keep);
    assert_int_equal(r.retry_after_s, -1);
    assert_true(s_parse("HTTP/1.1 204 No Content\r\n\r\n", &r, &keep) > 0);
    assert_true(keep);
}

static void
improper_replies_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "SSH-2.0-OpenSSH\r\n\r\n",
        "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 99 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon here\r\n\r\n",
    };
    gh_load_reply_t r;
    bool keep;
    for (size_t i = 0; i < GH_COUNT(bad); i++)
        assert_int_equal(s_parse(bad[i], &r, &keep), -1);
    char *endless = malloc(GH_LOAD_HEAD_MAX + 1);
    assert_non_null(endless);
    memset(endless, 'a', GH_LOAD_HEAD_MAX + 1);
    assert_int_equal(gh_load_parse_reply((gh_str_t){endless, GH_LOAD_HEAD_MAX + 1}, &r, &keep), -1);
    free(endless);
}

static void
urls_are_host_and_port(void **state)
{
    (void)state;
    static const struct {
        const char *url, *host, *port;
    } good[] = {{"http://127.0.0.1:8080", "127.0.0.1", "8080"},
                {"http://front/", "front", "80"},
                {"http://[::1]:81", "::1", "81"},
                {"http://[::1]", "::1", "80"}};
    static const char *const bad[] = {"https://a",  "a:80",       "http://",     "http://a:",
                                      "http://a:x", "http://a/b", "http://[::1", "http://a:123456"};
    char host[256], port[8];
    for (size_t i = 0; i < GH_COUNT(good); i++) {
        assert_int_equal(gh_load_parse_url(good[i].url, host, port), 0);
        assert_string_equal(host, good[i].host);
        assert_string_equal(port, good[i].port);
    }
    for (size_t i = 0; i < GH_COUNT(bad); i++)
        assert_int_equal(gh_load_parse_url(bad[i], host, port), -1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_reply_is_complete_at_its_last_byte),
                                       cmocka_unit_test(connections_close_when_the_reply_says_so),
                                       cmocka_unit_test(improper_replies_are_refused),
                                       cmocka_unit_test(urls_are_host_and_port)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
