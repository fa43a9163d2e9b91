/* Unit tests of lib/deliver/wechat_text.c: answers here have the shape of the platform's documentation. */
#include "unit.h"
#include "deliver/wechat_api.h"

static void
an_errcode_is_read_and_none_is_zero(void **state)
{
    (void)state;
    assert_int_equal(gh_wechat_errcode(GH_STR("{\"errcode\":0,\"errmsg\":\"ok\"}")), 0);
    assert_int_equal(
        gh_wechat_errcode(GH_STR("{\"errcode\":43101,\"errmsg\":\"user refuse to accept the msg\"}")), 43101);
    assert_int_equal(gh_wechat_errcode(GH_STR("{\"errcode\":-1}")), -1);
    assert_int_equal(gh_wechat_errcode(GH_STR("{\"openid\":\"o1\"}")), 0);
    assert_true(gh_wechat_errcode(GH_STR("")) == INT64_MIN);
    assert_true(gh_wechat_errcode(GH_STR("[]")) == INT64_MIN);
    assert_true(gh_wechat_errcode(GH_STR("<html>")) == INT64_MIN);
}

static void
a_token_is_renewed_five_minutes_before_its_end(void **state)
{
    gh_wechat_token_t t;
    (void)state;
    assert_int_equal(gh_wechat_read_token(GH_STR("{\"access_token\":\"T1\",\"expires_in\":7200}"), 1000, &t),
                     0);
    assert_string_equal(t.text, "T1");
    assert_int_equal(t.until_ms, 1000 + 6900 * 1000);
    assert_int_equal(gh_wechat_read_token(GH_STR("{\"access_token\":\"T2\",\"expires_in\":200}"), 1000, &t),
                     0);
    assert_int_equal(t.until_ms, 1000);
    assert_int_equal(
        gh_wechat_read_token(GH_STR("{\"errcode\":40125,\"errmsg\":\"invalid appsecret\"}"), 1000, &t), -1);
    assert_string_equal(t.text, "");
    assert_int_equal(t.until_ms, 0);
    assert_int_equal(gh_wechat_read_token(GH_STR("{\"access_token\":5,\"expires_in\":7200}"), 1000, &t), -1);
    assert_int_equal(gh_wechat_read_token(GH_STR(""), 1000, &t), -1);
}

static void
an_identity_has_an_id_that_fits(void **state)
{
    gh_wechat_identity_t who;
    char long_id[200], answer[300];
    (void)state;
    assert_int_equal(gh_wechat_read_identity(
                         GH_STR("{\"openid\":\"oAbc\",\"session_key\":\"k\",\"unionid\":\"u1\"}"), &who),
                     0);
    assert_string_equal(who.openid, "oAbc");
    assert_string_equal(who.unionid, "u1");
    assert_int_equal(gh_wechat_read_identity(GH_STR("{\"openid\":\"oAbc\",\"session_key\":\"k\"}"), &who), 0);
    assert_string_equal(who.unionid, "");
    assert_int_equal(gh_wechat_read_identity(GH_STR("{\"openid\":\"\"}"), &who), -1);
    assert_int_equal(gh_wechat_read_identity(GH_STR("{\"errcode\":40029}"), &who), -1);
    memset(long_id, 'o', 129);
    for (size_t n = 128; n <= 129; n++) {
        long_id[n] = 0;
        snprintf(answer, sizeof answer, "{\"openid\":\"%s\"}", long_id);
        assert_int_equal(gh_wechat_read_identity(gh_str(answer), &who), n == 128 ? 0 : -1);
        long_id[n] = 'o';
    }
}

static void
a_body_takes_the_members_as_they_are(void **state)
{
    gh_buf_t out = GH_BUF_INIT;
    (void)state;
    assert_int_equal(gh_wechat_body(&out, "o\"1", "t1", "{\"thing1\":{\"value\":\"医生\"}}"), 0);
    assert_string_equal(
        gh_buf_cstr(&out),
        "{\"touser\":\"o\\\"1\",\"template_id\":\"t1\",\"data\":{\"thing1\":{\"value\":\"医生\"}}}");
    gh_buf_fini(&out);
    assert_int_equal(gh_wechat_body(&out, "o1", "t1", "no json"), -1);
    assert_int_equal(gh_wechat_body(&out, "o1", "t1", ""), -1);
    assert_int_equal(gh_wechat_body(&out, "o1", "t1", "[1]"), -1);
    gh_buf_fini(&out);
}

static void
what_another_try_cannot_mend_is_not_tried_again(void **state)
{
    (void)state;
    assert_int_equal(gh_wechat_verdict(0), GH_WECHAT_SENT);
    assert_int_equal(gh_wechat_verdict(40001), GH_WECHAT_RENEW);
    assert_int_equal(gh_wechat_verdict(42001), GH_WECHAT_RENEW);
    assert_int_equal(gh_wechat_verdict(43101), GH_WECHAT_NEVER);
    assert_int_equal(gh_wechat_verdict(40003), GH_WECHAT_NEVER);
    assert_int_equal(gh_wechat_verdict(-1), GH_WECHAT_LATER);
    assert_int_equal(gh_wechat_verdict(45009), GH_WECHAT_LATER);
    assert_int_equal(gh_wechat_verdict(INT64_MIN), GH_WECHAT_LATER);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_errcode_is_read_and_none_is_zero),
        cmocka_unit_test(a_token_is_renewed_five_minutes_before_its_end),
        cmocka_unit_test(an_identity_has_an_id_that_fits),
        cmocka_unit_test(a_body_takes_the_members_as_they_are),
        cmocka_unit_test(what_another_try_cannot_mend_is_not_tried_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
