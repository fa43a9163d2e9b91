/* link: workers/identity/register_rules.c */
/* Unit tests of workers/identity/register_rules.c. */
#include "unit.h"

#include "base/timez.h"
#include "workers/identity/register_rules.h"

static void
r55_birth_days(void **state)
{
    (void)state;
    int32_t today = gh_day_from_ymd(2026, 3, 9);
    assert_true(gh_birth_day_ok(today, today));
    assert_false(gh_birth_day_ok(today + 1, today));
    assert_true(gh_birth_day_ok(gh_day_from_ymd(1896, 3, 9), today));
    assert_true(gh_birth_day_ok(gh_day_from_ymd(1895, 3, 10), today)); /* 131 tomorrow */
    assert_false(gh_birth_day_ok(gh_day_from_ymd(1895, 3, 9), today));
}

static void
bare_texts_have_no_white_space_around(void **state)
{
    (void)state;
    static const char *const texts[][2] = {{"", ""},     {" \t\r\n", ""},           {"　", ""},
                                           {" 　 ", ""}, {"　 张 三　\n", "张 三"}, {"a", "a"},
                                           {"一", "一"}};
    for (size_t i = 0; i < GH_COUNT(texts); i++)
        assert_true(gh_str_eq(gh_bare(gh_str(texts[i][0])), gh_str(texts[i][1])));
    assert_int_equal(gh_bare((gh_str_t){0}).n, 0);
}

static void
phone_numbers_lose_blanks_and_dashes(void **state)
{
    (void)state;
    char out[GH_PHONE_SIZE];
    assert_true(gh_phone_pack(GH_STR("+86 138-0000 0001"), out));
    assert_string_equal(out, "+8613800000001");
    assert_true(gh_phone_pack(GH_STR("1234567890123456789012345"), out));
    assert_false(gh_phone_pack(GH_STR("12345678901234567890123456"), out));
}

static void
r20_names_after_a_mail_address(void **state)
{
    (void)state;
    static const struct {
        const char *email, *base;
    } rows[] = {{"li.ming@example.test", "li.ming"},
                {"li!#ming@example.test", "liming"},
                {"ab@example.test", "userab"},
                {"李明@example.test", "user"},
                {"abc@example.test", "abc"},
                {"0123456789012345678901234567890123456789012345@x.test",
                 "01234567890123456789012345678901234567890123"}};
    char out[GH_NAME_BASE_SIZE];
    for (size_t i = 0; i < GH_COUNT(rows); i++) {
        gh_name_base(gh_str(rows[i].email), out);
        assert_string_equal(out, rows[i].base);
    }
}

static void
br10_genders_are_read_in_both_languages(void **state)
{
    (void)state;
    assert_string_equal(gh_gender_word(GH_STR("男")), "male");
    assert_string_equal(gh_gender_word(GH_STR("female")), "female");
    assert_string_equal(gh_gender_word(GH_STR("未知")), "unknown");
    assert_null(gh_gender_word(GH_STR("M")));
    assert_null(gh_gender_word(GH_STR("")));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(r55_birth_days),
        cmocka_unit_test(bare_texts_have_no_white_space_around),
        cmocka_unit_test(phone_numbers_lose_blanks_and_dashes),
        cmocka_unit_test(r20_names_after_a_mail_address),
        cmocka_unit_test(br10_genders_are_read_in_both_languages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
