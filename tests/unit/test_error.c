/*
 * tests/unit/test_error.c - the error table as the generator wrote it, and its texts
 */
#include "unit.h"

#include "base/buf.h"
#include "base/error.h"

static void
rows_carry_what_errors_yaml_says(void **state)
{
    (void)state;
    const gh_error_row_t *row = gh_error_row(GH_E_EMAIL_TAKEN);
    assert_string_equal(row->name, "EMAIL_TAKEN");
    assert_int_equal(row->http, 409);
    assert_int_equal(row->strict, 400);
    assert_int_equal(row->code, 99);
    assert_string_equal(row->zh, "邮箱已被使用");
    assert_string_equal(row->en, "The mail address is taken");
    assert_int_equal(gh_error_row(GH_E_NOT_FOUND)->strict, 404);
}

static void
every_row_is_whole_and_found_by_name(void **state)
{
    (void)state;
    assert_true(GH_E_COUNT > 300);
    for (int e = 1; e < GH_E_COUNT; e++) {
        const gh_error_row_t *row = gh_error_row((gh_err_t)e);
        assert_int_equal(gh_error_find(gh_str(row->name)), e);
        assert_in_range(row->http, 400, 599);
        assert_in_range(row->strict, 400, 599);
        assert_true(row->code >= 97 && *row->zh && *row->en);
        assert_true(row->v1 > GH_E_NONE && row->v1 < GH_E_COUNT);
        assert_int_equal(gh_error_row(row->v1)->v1, row->v1); /* what v1 shows is a code of v1 */
    }
}

static void
other_names_and_unknown_names(void **state)
{
    (void)state;
    assert_int_equal(gh_error_find(GH_STR("EMAIL_IN_USE")), GH_E_EMAIL_TAKEN);
    static const char *const unknown[] = {"",  "NOPE", "EMAIL_TAKE", "EMAIL_TAKENX", "email_taken",
                                          "A", "ZZZZ"};
    for (size_t i = 0; i < GH_COUNT(unknown); i++)
        assert_int_equal(gh_error_find(gh_str(unknown[i])), GH_E_NONE);
    assert_ptr_equal(gh_error_row(GH_E_NONE), gh_error_row(GH_E_INTERNAL));
    assert_ptr_equal(gh_error_row((gh_err_t)30000), gh_error_row(GH_E_INTERNAL));
    assert_ptr_equal(gh_error_row((gh_err_t)-1), gh_error_row(GH_E_INTERNAL));
}

static void
v1_shows_its_own_codes(void **state)
{
    (void)state;
    assert_int_equal(gh_error_row(GH_E_SLOT_FULL)->v1, GH_E_SLOT_FULL);                /* listed: itself */
    assert_int_equal(gh_error_row(GH_E_PAGE_INVALID)->v1, GH_E_VALIDATION_FAILED);     /* `v1` member */
    assert_int_equal(gh_error_row(GH_E_FILE_NOT_FOUND)->v1, GH_E_NOT_FOUND);           /* 404 */
    assert_int_equal(gh_error_row(GH_E_SMS_CODE_WRONG)->v1, GH_E_BAD_REQUEST);         /* 400 */
    assert_int_equal(gh_error_row(GH_E_OAUTH_INVALID_CLIENT)->v1, GH_E_TOKEN_INVALID); /* 401 */
}

static void
labels_follow_the_number(void **state)
{
    (void)state;
    static const struct {
        uint16_t code;
        const char *label;
    } labels[] = {{97, "未知错误"},  {98, "HTTP异常"},  {99, "请求参数错误"},   {100, "注册失败"},
                  {101, "登录失败"}, {102, "权限不足"}, {103, "用户获取失败"},  {104, "用户信息更新失败"},
                  {105, "认证失败"}, {106, "资源错误"}, {1001, "业务规则错误"}, {1008, "业务规则错误"},
                  {0, "未知错误"},   {96, "未知错误"},  {107, "未知错误"},      {1009, "未知错误"}};
    for (size_t i = 0; i < GH_COUNT(labels); i++)
        assert_string_equal(gh_error_label(labels[i].code), labels[i].label);
}

static void
texts_are_filled_in(void **state)
{
    (void)state;
    const gh_error_arg_t args[] = {{"n", GH_STR("30")}, {"field", GH_STR("phone{n}")}, {NULL, {0}}};
    static const struct {
        const char *tmpl, *text;
    } cases[] = {
        {"请求过于频繁，请{n}秒后再试", "请求过于频繁，请30秒后再试"},
        {"{field}", "phone{n}"}, /* values are not templates */
        {"{n}{n}-{nothing}-", "3030--"},
        {"a { b", "a { b"},
        {"", ""},
        {"{}x}", "x}"},
    };
    for (size_t i = 0; i < GH_COUNT(cases); i++) {
        gh_buf_t b GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
        gh_error_text(&b, cases[i].tmpl, args);
        assert_string_equal(gh_buf_cstr(&b), cases[i].text);
    }
    gh_buf_t b GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_error_text(&b, "x{n}y", NULL);
    assert_string_equal(gh_buf_cstr(&b), "xy");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_carry_what_errors_yaml_says),
        cmocka_unit_test(every_row_is_whole_and_found_by_name),
        cmocka_unit_test(other_names_and_unknown_names),
        cmocka_unit_test(v1_shows_its_own_codes),
        cmocka_unit_test(labels_follow_the_number),
        cmocka_unit_test(texts_are_filled_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
