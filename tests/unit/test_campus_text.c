/* link: workers/identity/campus_text.c */
/* Unit tests of workers/identity/campus_text.c: what the campus directory says. */
#include "unit.h"

#include "workers/identity/campus.h"

#define PERSON                                                                                               \
    "{\"userId\": \"2130\", \"userName\": \"学生甲\", \"roleCode\": \"student\", \"roleName\": "          \
    "\"本科学生\", \"more\": 1}"

static void
a_person_is_read(void **state)
{
    (void)state;
    gh_campus_person_t p;
    assert_int_equal(gh_campus_read(GH_STR(PERSON), GH_STR("2130"), &p), GH_CAMPUS_KNOWN);
    assert_string_equal(p.name, "学生甲");
    assert_string_equal(gh_campus_type(&p), "学生");
}

static void
what_is_no_person_is_strange(void **state)
{
    (void)state;
    gh_campus_person_t p;
    static const char *const answers[] = {
        "",
        "null",
        "[]",
        "{",
        "{\"userId\": \"2130\"}",
        "{\"userId\": 2130, \"userName\": \"x\", \"roleCode\": \"x\", \"roleName\": \"x\"}",
        "{\"userId\": \"2130\", \"userName\": \"\", \"roleCode\": \"x\", \"roleName\": \"x\"}"};
    for (size_t i = 0; i < GH_COUNT(answers); i++)
        assert_int_equal(gh_campus_read(gh_str(answers[i]), GH_STR("2130"), &p), GH_CAMPUS_STRANGE);
    assert_int_equal(gh_campus_read(GH_STR(PERSON), GH_STR("2131"), &p),
                     GH_CAMPUS_STRANGE); /* somebody else */
    char longer[400];
    snprintf(longer, sizeof longer,
             "{\"userId\": \"%0*d\", \"userName\": \"x\", \"roleCode\": \"x\", \"roleName\": \"x\"}", 51, 0);
    assert_int_equal(gh_campus_read(gh_str(longer), GH_STR("2130"), &p), GH_CAMPUS_STRANGE);
}

static void
a_file_knows_passwords(void **state)
{
    (void)state;
    gh_campus_person_t p;
    const gh_str_t file = GH_STR(
        "[1, {\"userId\": \"7\"}, {\"userId\": \"2130\", \"password\": \"pw\", \"userName\": \"甲\", "
        "\"roleCode\": \"x\", \"roleName\": \"x\"}, {\"userId\": \"2131\", \"password\": \"pw\"}]");
    assert_int_equal(gh_campus_find(file, GH_STR("2130"), GH_STR("pw"), &p), GH_CAMPUS_KNOWN);
    assert_int_equal(gh_campus_find(file, GH_STR("2130"), GH_STR("pW"), &p), GH_CAMPUS_REFUSED);
    assert_int_equal(gh_campus_find(file, GH_STR("7"), GH_STR(""), &p), GH_CAMPUS_REFUSED);
    assert_int_equal(gh_campus_find(file, GH_STR("2131"), GH_STR("pw"), &p), GH_CAMPUS_STRANGE);
    assert_int_equal(gh_campus_find(GH_STR("{}"), GH_STR("2130"), GH_STR("pw"), &p), GH_CAMPUS_SILENT);
    assert_int_equal(gh_campus_find((gh_str_t){0}, GH_STR("2130"), GH_STR("pw"), &p), GH_CAMPUS_SILENT);
}

static void
types_by_role(void **state)
{
    (void)state;
    static const struct {
        const char *code, *name, *want;
    } cases[] = {{"1", "研究生学生", "学生"}, {"STUDENT", "x", "学生"}, {"teacher", "x", "教师"},
                 {"x", "退休职工", "职工"},   {"staff", "x", "职工"},   {"alumni", "校友", "校外"}};
    for (size_t i = 0; i < GH_COUNT(cases); i++) {
        gh_campus_person_t p = {0};
        strcpy(p.role_code, cases[i].code);
        strcpy(p.role_name, cases[i].name);
        assert_string_equal(gh_campus_type(&p), cases[i].want);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_person_is_read),
        cmocka_unit_test(what_is_no_person_is_strange),
        cmocka_unit_test(a_file_knows_passwords),
        cmocka_unit_test(types_by_role),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
