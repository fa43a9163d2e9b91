/* link: workers/identity/relative_rules.c workers/identity/register_rules.c */
/* Unit tests of workers/identity/relative_rules.c: BR-106 to BR-110. */
#include "unit.h"

#include "base/timez.h"
#include "workers/identity/relative_rules.h"

static void
br106_name_and_number_are_needed(void **state)
{
    (void)state;
    static const struct {
        const char *name, *card;
        gh_err_t want;
    } cases[] = {
        {"", "110101199003070011", GH_E_RELATIVE_FIELDS_REQUIRED},
        {"甲", "", GH_E_RELATIVE_FIELDS_REQUIRED},
        {"甲", "11010119900307", GH_E_ID_CARD_LENGTH},
        {"甲", "110101900307001", GH_E_NONE},
        {"甲", "1101011990030700", GH_E_ID_CARD_LENGTH},
        {"甲", "11010119900307001", GH_E_ID_CARD_LENGTH},
        {"甲", "11010119900307001X", GH_E_NONE},
        {"甲", "11010119900307001XX", GH_E_ID_CARD_LENGTH},
        {"甲", "证证证证证证证证证证证证证证证", GH_E_NONE},
    };
    for (size_t i = 0; i < GH_COUNT(cases); i++)
        assert_int_equal(gh_relative_given(gh_str(cases[i].name), gh_str(cases[i].card)), cases[i].want);
}

static void
br107_br108_who_can_be_added(void **state)
{
    (void)state;
    assert_int_equal(gh_relative_add(&(gh_relative_facts_t){.limit = 6, .relatives = 5}), GH_E_NONE);
    assert_int_equal(gh_relative_add(&(gh_relative_facts_t){.limit = 6, .relatives = 6}),
                     GH_E_RELATIVE_LIMIT);
    assert_int_equal(gh_relative_add(&(gh_relative_facts_t){.relatives = 600}), GH_E_NONE);
    gh_relative_facts_t known = {.known = true, .self = true, .related = true, .limit = 6, .relatives = 6};
    assert_int_equal(gh_relative_add(&known), GH_E_ID_CARD_NAME_MISMATCH);
    known.same_name = true;
    assert_int_equal(gh_relative_add(&known), GH_E_RELATIVE_IS_SELF);
    known.self = false;
    assert_int_equal(gh_relative_add(&known), GH_E_RELATIVE_EXISTS);
    known.related = false;
    assert_int_equal(gh_relative_add(&known), GH_E_RELATIVE_LIMIT);
}

static void
br110_what_stays(void **state)
{
    (void)state;
    assert_int_equal(gh_relative_remove(true, true), GH_E_RELATIVE_SELF_KEPT);
    assert_int_equal(gh_relative_remove(true, false), GH_E_RELATIVE_SELF_KEPT);
    assert_int_equal(gh_relative_remove(false, true), GH_E_RELATIVE_DEFAULT_KEPT);
    assert_int_equal(gh_relative_remove(false, false), GH_E_NONE);
}

static void
what_an_id_card_says(void **state)
{
    (void)state;
    int32_t today = gh_day_from_ymd(2026, 3, 9);
    gh_card_person_t p = gh_card_read(GH_STR("11010119900307001X"), today);
    assert_true(p.read && p.male);
    assert_int_equal(p.born, gh_day_from_ymd(1990, 3, 7));
    p = gh_card_read(GH_STR("110101202603090021"), today);
    assert_true(p.read && !p.male);
    static const char *const silent[] = {
        "110101202603100021", "110101199013070011", "110101189003070011", "110101900307001", "",
        "11010119900307a01X"};
    for (size_t i = 0; i < GH_COUNT(silent); i++)
        assert_false(gh_card_read(gh_str(silent[i]), today).read);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(br106_name_and_number_are_needed),
        cmocka_unit_test(br107_br108_who_can_be_added),
        cmocka_unit_test(br110_what_stays),
        cmocka_unit_test(what_an_id_card_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
