/* Unit tests of lib/base/mail.c. */
#include "unit.h"

#include "base/mail.h"
#include "base/timez.h"

static void
addresses(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool good;
    } cases[] = {
        {"a@b.c", true},
        {"first.last+tag@clinic.example", true},
        {"", false},
        {"@b.c", false},
        {"a@", false},
        {"a@b", false},
        {"a@.c", false},
        {"a@b.", false},
        {"a@@b.c", false},
        {"a b@c.d", false},
        {"a@b.c\r\nBcc: x@y.z", false},
        {"<a@b.c>", false},
    };
    for (size_t i = 0; i < GH_COUNT(cases); i++)
        assert_int_equal(gh_mail_address_ok(gh_str(cases[i].text)), cases[i].good);
    char longest[GH_MAIL_ADDRESS_MAX + 2];
    memset(longest, 'a', sizeof longest);
    snprintf(longest + GH_MAIL_ADDRESS_MAX - 4, 5, "@b.c");
    assert_true(gh_mail_address_ok((gh_str_t){longest, GH_MAIL_ADDRESS_MAX}));
    snprintf(longest + GH_MAIL_ADDRESS_MAX - 4, 6, "a@b.c");
    assert_false(gh_mail_address_ok((gh_str_t){longest, GH_MAIL_ADDRESS_MAX + 1}));
}

static void
a_message_as_it_goes_over_the_wire(void **state)
{
    (void)state;
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_mail_t mail = {"no-reply@clinic.example", "a@b.c",          GH_STR("Hi"),
                      GH_STR("one\ntwo"),        1773015330000000, "7"};
    assert_int_equal(gh_tz_init("Asia/Shanghai"), 0);
    assert_int_equal(gh_mail_compose(&out, &mail), 0);
    assert_string_equal(gh_buf_cstr(&out), "Date: Mon, 09 Mar 2026 08:15:30 +0800\r\n"
                                           "From: <no-reply@clinic.example>\r\n"
                                           "To: <a@b.c>\r\n"
                                           "Message-ID: <7@clinic.example>\r\n"
                                           "Subject: =?UTF-8?B?SGk=?=\r\n"
                                           "Auto-Submitted: auto-generated\r\n"
                                           "MIME-Version: 1.0\r\n"
                                           "Content-Type: text/plain; charset=UTF-8\r\n"
                                           "Content-Transfer-Encoding: base64\r\n"
                                           "\r\n"
                                           "b25lDQp0d28=\r\n");
}

static void
lines_stay_short_and_characters_whole(void **state)
{
    (void)state;
    char subject[301] = "", text[1000];
    for (int i = 0; i < 100; i++)
        snprintf(subject + 3 * i, 4, "医");
    memset(text, 'x', sizeof text);
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_mail_t mail = {"a@b.c", "d@e.f", gh_str(subject), {text, sizeof text}, 0, "1"};
    assert_int_equal(gh_mail_compose(&out, &mail), 0);
    const char *at = gh_buf_cstr(&out);
    for (size_t n; *at; at += n + 2) {
        n = strcspn(at, "\r");
        assert_true(n <= 84 && at[n + 1] == '\n'); /* "Subject:" stands before the first word of 75 */
    }
    /* 14 characters of three bytes a word: each is whole base64 without padding, but the last (100 = 7 * 14 + 2) */
    assert_int_equal(out.n > 0 && strstr(out.p, "=?UTF-8?B?5Yy75Yy7?=\r\n") != NULL, 1);
}

static void
nothing_is_smuggled_into_headers(void **state)
{
    (void)state;
    gh_buf_t out GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_mail_t mail = {"a@b.c", "d@e.f\r\nBcc: g@h.i", GH_STR("s"), GH_STR("t"), 0, "1"};
    assert_int_equal(gh_mail_compose(&out, &mail), -1);
    mail.to = "d@e.f";
    mail.from = "nobody";
    assert_int_equal(gh_mail_compose(&out, &mail), -1);
    assert_int_equal(out.n, 0);
    mail.from = "a@b.c";
    mail.subject = GH_STR("x\r\nBcc: g@h.i");
    assert_int_equal(gh_mail_compose(&out, &mail), 0);
    assert_null(strstr(gh_buf_cstr(&out), "Bcc"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses),
        cmocka_unit_test(a_message_as_it_goes_over_the_wire),
        cmocka_unit_test(lines_stay_short_and_characters_whole),
        cmocka_unit_test(nothing_is_smuggled_into_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
