/* link: workers/identity/patient_rules.c */
/* Unit tests of workers/identity/patient_rules.c: who may change which part of a patient, R-108. */
#include "unit.h"

#include "contract/access.h"
#include "workers/identity/patient_rules.h"

#define PERSON   GH_PATIENT_PERSON
#define OFFICE   GH_PATIENT_OFFICE
#define CLINICAL GH_PATIENT_CLINICAL

static void
parts_by_scope(void **state)
{
    (void)state;
    static const struct {
        gh_patient_caller_t caller;
        unsigned want;
    } cases[] = {
        {{GH_ROLE_ADMIN, GH_SCOPE_ALL, false, false}, PERSON | OFFICE | CLINICAL},
        {{GH_ROLE_SUPERUSER, 0, false, false}, PERSON | OFFICE | CLINICAL},
        {{GH_ROLE_STAFF, GH_SCOPE_ALL, false, false}, PERSON | OFFICE}, /* */
        {{GH_ROLE_STAFF, GH_SCOPE_ALL, true, false}, PERSON | OFFICE | CLINICAL},
        {{0, GH_SCOPE_ALL, false, false}, PERSON | OFFICE | CLINICAL}, /* a role of the hospital's own */
        {{GH_ROLE_DOCTOR, GH_SCOPE_ASSIGNED, false, true}, CLINICAL},
        {{GH_ROLE_DOCTOR, GH_SCOPE_ASSIGNED, false, false}, 0}, /* */
        {{GH_ROLE_DOCTOR, GH_SCOPE_OWN, false, true}, 0},
        {{GH_ROLE_PATIENT, GH_SCOPE_OWN, true, false}, PERSON | CLINICAL},
        {{GH_ROLE_PATIENT, GH_SCOPE_OWN, false, false}, 0},
    };
    for (size_t i = 0; i < GH_COUNT(cases); i++)
        assert_int_equal(gh_patient_parts(&cases[i].caller), cases[i].want);
}

static void
r12_who_is_told_what(void **state)
{
    (void)state;
    assert_int_equal(gh_patient_refusal(&(gh_patient_caller_t){.scopes = GH_SCOPE_ASSIGNED}),
                     GH_E_NOT_ASSIGNED);
    assert_int_equal(gh_patient_refusal(&(gh_patient_caller_t){.scopes = GH_SCOPE_OWN}), GH_E_NOT_OWNER);
}

static void
parts_of_a_new_row(void **state)
{
    (void)state;
    assert_int_equal(gh_patient_new_parts(GH_ROLE_STAFF, true), PERSON | CLINICAL);
    assert_int_equal(gh_patient_new_parts(GH_ROLE_ADMIN, false), PERSON | OFFICE | CLINICAL);
    assert_int_equal(gh_patient_new_parts(GH_ROLE_STAFF, false), PERSON | OFFICE);
    assert_int_equal(gh_patient_new_parts(GH_ROLE_DOCTOR, false), PERSON | CLINICAL);
    assert_int_equal(gh_patient_new_parts(0, false), PERSON);
}

static void
r108_codes(void **state)
{
    (void)state;
    static const char *const good[] = {"I10", "C7A", "C7B.00", "E11.9", "S72.001A", "Z99.ABCD"};
    static const char *const bad[] = {"",      "I1",  "i10", "I1C",   "I10.",  "I10.12345",
                                      "I10.a", "110", "I 0", "I10,9", "I10.1 "};
    for (size_t i = 0; i < GH_COUNT(good); i++)
        assert_true(gh_icd10_ok(gh_str(good[i])));
    for (size_t i = 0; i < GH_COUNT(bad); i++)
        assert_false(gh_icd10_ok(gh_str(bad[i])));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_by_scope),
        cmocka_unit_test(r12_who_is_told_what),
        cmocka_unit_test(parts_of_a_new_row),
        cmocka_unit_test(r108_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
