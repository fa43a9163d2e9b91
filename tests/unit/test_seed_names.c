/* link: ops/cmd/seed_names.c */
/*
 * tests/unit/test_seed_names.c - what the demo hospital holds: reproducible, and without a doctor in two places
 */
#include "unit.h"

#include "ops/cmd/rng.h"
#include "ops/cmd/seed.h"

static gh_seed_plan_t
plan(int minors, int clinics, int doctors)
{
    return (gh_seed_plan_t){.rng = 1, .areas = 2, .minors = minors, .clinics = clinics, .doctors = doctors};
}

static void
a_stream_repeats_and_differs_from_its_neighbours(void **state)
{
    (void)state;
    gh_rng_t a = gh_rng_stream(1, 2, 3), b = gh_rng_stream(1, 2, 3), c = gh_rng_stream(1, 2, 4),
             d = gh_rng_stream(2, 2, 3);
    uint64_t first = gh_rng_next(&a);
    assert_true(first == gh_rng_next(&b));
    assert_true(first != gh_rng_next(&c));
    assert_true(first != gh_rng_next(&d));
    /* known values: demo data must not change with a compiler or a library */
    gh_rng_t zero = {0};
    assert_true(gh_rng_next(&zero) == UINT64_C(0xE220A8397B1DCDAF));
    assert_true(gh_rng_next(&zero) == UINT64_C(0x6E789E6AA1B965F4));
}

static void
numbers_stay_in_range_and_reach_both_ends(void **state)
{
    (void)state;
    gh_rng_t r = gh_rng_stream(7, 0, 0);
    int seen[5] = {0};
    for (int i = 0; i < 1000; i++) {
        int v = gh_rng_between(&r, -2, 2);
        assert_in_range(v + 2, 0, 4);
        seen[v + 2]++;
    }
    for (int i = 0; i < 5; i++)
        assert_true(seen[i] > 100);
    assert_int_equal(gh_rng_below(&r, 1), 0);
}

static void
specialties_have_codes_and_names_of_their_own(void **state)
{
    (void)state;
    const char *code, *other;
    gh_seed_place_t a, b;
    for (int i = 0; i < GH_SEED_MINORS; i++) {
        gh_seed_specialty(i, &code, &a);
        assert_in_range(strlen(code), 2, 32);
        assert_true(a.name[0] && a.text[0]);
        for (int k = 0; k < i; k++) {
            gh_seed_specialty(k, &other, &b);
            assert_string_not_equal(code, other);
            assert_string_not_equal(a.name, b.name);
        }
    }
}

static void
no_doctor_is_in_two_clinics_of_one_section(void **state)
{
    (void)state;
    static const int sizes[][3] = {{24, 48, 120}, {24, 250, 500}, {1, 7, 3}, {5, 23, 11}, {30, 60, 29}};
    for (size_t k = 0; k < GH_COUNT(sizes); k++) {
        gh_seed_plan_t p = plan(sizes[k][0], sizes[k][1], sizes[k][2]);
        for (int32_t day = 20000; day < 20008; day++)
            for (int section = 0; section < 3; section++) {
                char busy[600] = {0};
                for (int clinic = 0; clinic < p.clinics; clinic++) {
                    gh_seed_session_t s;
                    gh_seed_session(&p, clinic, day, section, &s);
                    if (s.doctor < 0)
                        continue;
                    assert_in_range(s.doctor, 0, p.doctors - 1);
                    assert_int_equal(s.doctor % p.minors, clinic % p.minors); /* of the clinic's department */
                    assert_int_equal(busy[s.doctor]++, 0);
                    assert_in_range(s.places, 20, 50);
                }
            }
    }
}

static void
all_three_slot_types_occur(void **state)
{
    (void)state;
    gh_seed_plan_t p = plan(24, 48, 120);
    int ordinary = 0, expert = 0, special = 0;
    for (int clinic = 0; clinic < p.clinics; clinic++) {
        gh_seed_session_t s;
        gh_seed_session(&p, clinic, 20000, clinic % 3, &s);
        assert_true(s.doctor >= 0);
        ordinary += strcmp(s.slot_type, "普通") == 0;
        expert += strcmp(s.slot_type, "专家") == 0;
        special += strcmp(s.slot_type, "特需") == 0;
    }
    assert_true(ordinary > 0 && expert > 0 && special > 0);
    assert_int_equal(ordinary + expert + special, p.clinics);
}

static void
places_may_be_fixed(void **state)
{
    (void)state;
    gh_seed_plan_t p = plan(24, 48, 120);
    p.places = 100;
    gh_seed_session_t s;
    gh_seed_session(&p, 0, 20000, 0, &s);
    assert_int_equal(s.places, 100);
}

static void
a_row_does_not_depend_on_how_many_there_are(void **state)
{
    (void)state;
    gh_seed_plan_t small = plan(24, 48, 120), large = plan(24, 480, 900);
    small.patients = 10;
    large.patients = 100000;
    gh_seed_patient_t a, b;
    gh_seed_patient(&small, 9, &a);
    gh_seed_patient(&large, 9, &b);
    assert_string_equal(a.phone, "13800000010");
    assert_string_equal(a.name, b.name);
    assert_string_equal(a.birth, b.birth);
    gh_seed_doctor_t c, d;
    gh_seed_doctor(&small, 119, &c);
    gh_seed_doctor(&large, 119, &d);
    assert_string_equal(c.identifier, "D0120");
    assert_string_equal(c.name, d.name);
    assert_int_equal(c.minor, d.minor);
    assert_false(c.head);
}

static void
names_of_departments_and_clinics_are_unique(void **state)
{
    (void)state;
    gh_seed_plan_t p = plan(60, 300, 120);
    static gh_seed_place_t minors[60];
    static gh_seed_clinic_t clinics[300];
    for (int i = 0; i < p.minors; i++) {
        gh_seed_minor(i, &minors[i]);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(minors[i].name, minors[j].name);
    }
    for (int i = 0; i < p.clinics; i++) {
        gh_seed_clinic(&p, i, &clinics[i]);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(clinics[i].name, clinics[j].name);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_repeats_and_differs_from_its_neighbours),
        cmocka_unit_test(numbers_stay_in_range_and_reach_both_ends),
        cmocka_unit_test(specialties_have_codes_and_names_of_their_own),
        cmocka_unit_test(no_doctor_is_in_two_clinics_of_one_section),
        cmocka_unit_test(all_three_slot_types_occur),
        cmocka_unit_test(places_may_be_fixed),
        cmocka_unit_test(a_row_does_not_depend_on_how_many_there_are),
        cmocka_unit_test(names_of_departments_and_clinics_are_unique),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
