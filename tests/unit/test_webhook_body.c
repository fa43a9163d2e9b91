/* Unit tests of lib/deliver/webhook_body.c. */
#include "unit.h"
#include "deliver/webhook.h"

static void
body_is(const char *tmpl, const char *phone, const char *text, const char *expected)
{
    gh_buf_t out = GH_BUF_INIT;
    gh_webhook_body(&out, tmpl, gh_str(phone), gh_str(text));
    assert_string_equal(gh_buf_cstr(&out), expected);
    gh_buf_fini(&out);
}

static void
the_default_is_an_object_of_two_members(void **state)
{
    (void)state;
    body_is("", "13800000001", "code 482913", "{\"phone\": \"13800000001\", \"text\": \"code 482913\"}");
}

static void
values_cannot_leave_their_string(void **state)
{
    (void)state;
    body_is("{\"t\":\"{text}\"}", "1", "a\"},{\"b\":\"\\\n", "{\"t\":\"a\\\"},{\\\"b\\\":\\\"\\\\\\n\"}");
    body_is("[\"{text}\"]", "1", "{phone}", "[\"{phone}\"]"); /* what was put in is not read again */
}

static void
a_template_may_name_members_often_or_never(void **state)
{
    (void)state;
    body_is("{phone}{phone}{tex}{text", "12", "x", "1212{tex}{text");
    body_is("{}", "12", "x", "{}");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_default_is_an_object_of_two_members),
        cmocka_unit_test(values_cannot_leave_their_string),
        cmocka_unit_test(a_template_may_name_members_often_or_never),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
