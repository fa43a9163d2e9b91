/* link: workers/directory/head_rules.c */
/* Unit tests of workers/directory/head_rules.c (BR-26). */
#include "unit.h"

#include "workers/directory/head_rules.h"

static gh_head_facts_t
facts(const char *title, int64_t heads, int64_t max)
{
    return (gh_head_facts_t){.dept_known = true,
                             .doctor_known = true,
                             .member = true,
                             .title = gh_str(title),
                             .heads = heads,
                             .max_heads = max};
}

static void
what_is_missing_is_told_in_order(void **state)
{
    (void)state;
    gh_head_facts_t f = {.title = GH_STR("主任医师"), .max_heads = 2};
    assert_int_equal(gh_head_decide(&f), GH_E_DEPARTMENT_NOT_FOUND);
    f.dept_known = true;
    assert_int_equal(gh_head_decide(&f), GH_E_DOCTOR_NOT_FOUND);
    f.doctor_known = true;
    assert_int_equal(gh_head_decide(&f), GH_E_DOCTOR_NOT_IN_DEPARTMENT);
    f.member = true;
    assert_int_equal(gh_head_decide(&f), GH_E_NONE);
}

static void
only_directors_and_deputies_lead(void **state)
{
    (void)state;
    static const char *const yes[] = {"主任", "主任医师", "副主任医师", "科副主任", "副主任护师"};
    static const char *const no[] = {"", "主治医师", "住院医师", "主", "任主"};
    for (size_t i = 0; i < GH_COUNT(yes); i++) {
        gh_head_facts_t f = facts(yes[i], 0, 2);
        assert_int_equal(gh_head_decide(&f), GH_E_NONE);
    }
    for (size_t i = 0; i < GH_COUNT(no); i++) {
        gh_head_facts_t f = facts(no[i], 0, 2);
        assert_int_equal(gh_head_decide(&f), GH_E_HEAD_TITLE_REQUIRED);
    }
    gh_head_facts_t none = facts("", 0, 2);
    none.title = (gh_str_t){0};
    assert_int_equal(gh_head_decide(&none), GH_E_HEAD_TITLE_REQUIRED);
}

static void
there_are_as_many_heads_as_the_setting_says(void **state)
{
    (void)state;
    static const struct {
        int64_t heads, max;
        gh_err_t err;
    } rows[] = {{0, 2, GH_E_NONE},
                {1, 2, GH_E_NONE},
                {2, 2, GH_E_HEAD_LIMIT_REACHED},
                {3, 2, GH_E_HEAD_LIMIT_REACHED},
                {0, 0, GH_E_HEAD_LIMIT_REACHED}};
    for (size_t i = 0; i < GH_COUNT(rows); i++) {
        gh_head_facts_t f = facts("主任医师", rows[i].heads, rows[i].max);
        assert_int_equal(gh_head_decide(&f), rows[i].err);
        f.head = true; /* re-selecting */
        assert_int_equal(gh_head_decide(&f), GH_E_NONE);
        f.title = GH_STR("主治医师");
        assert_int_equal(gh_head_decide(&f), GH_E_NONE);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_missing_is_told_in_order),
        cmocka_unit_test(only_directors_and_deputies_lead),
        cmocka_unit_test(there_are_as_many_heads_as_the_setting_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
