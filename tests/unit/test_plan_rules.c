/* link: workers/audit/plan_rules.c */
/* Weekly plans: BR-50..BR-56. */
#include "unit.h"

#include "workers/audit/plan_rules.h"

#define MONDAY  20521 /* 2026-03-09 */
#define HOUR    INT64_C(3600000000)
#define DAY     (24 * HOUR)
#define WEEK_US (MONDAY * DAY)

static gh_plan_t now_there, plan;
static gh_plan_facts_t facts;
static gh_plan_outcome_t out;
static const int64_t doctors[] = {11, 12, 13};

static int
setup(void **state)
{
    static const int hours[GH_PLAN_PARTS][2] = {{8, 12}, {14, 18}, {19, 21}};
    (void)state;
    memset(&now_there, 0, sizeof now_there);
    facts = (gh_plan_facts_t){.now_us = WEEK_US - DAY, .doctors = doctors, .n_doctors = 3};
    for (int day = 0; day < GH_PLAN_DAYS; day++)
        for (int part = 0; part < GH_PLAN_PARTS; part++)
            facts.bounds[day][part] = (gh_plan_bounds_t){WEEK_US + day * DAY + hours[part][0] * HOUR,
                                                         WEEK_US + day * DAY + hours[part][1] * HOUR};
    return 0;
}

static gh_plan_session_t
session(int64_t id, int64_t doctor_id, bool here, int day, int part)
{
    return (gh_plan_session_t){.id = id,
                               .doctor_id = doctor_id,
                               .here = here,
                               .day = day,
                               .part = part,
                               .starts_us = facts.bounds[day][part].starts_us,
                               .ends_us = facts.bounds[day][part].ends_us,
                               .open = true};
}

static gh_plan_refusal_t
decide(const gh_plan_cell_t *cells, size_t n_cells, const gh_plan_session_t *sessions, size_t n_sessions)
{
    facts.cells = cells;
    facts.n_cells = n_cells;
    facts.sessions = sessions;
    facts.n_sessions = n_sessions;
    return gh_plan_decide(&facts, &out);
}

/* ---- submission */

static void
the_week_is_that_of_the_earliest_date(void **state)
{
    (void)state;
    assert_int_equal(gh_plan_monday(MONDAY), MONDAY);
    assert_int_equal(gh_plan_monday(MONDAY + 6), MONDAY);
    assert_int_equal(gh_plan_monday(MONDAY + 7), MONDAY + 7);
    const gh_plan_change_t changes[] = {{MONDAY + 9, 0, 11}, {MONDAY + 6, 1, 12}, {MONDAY + 7, 2, 13}};
    assert_int_equal(gh_plan_week_of(changes, 3), MONDAY);
    assert_int_equal(gh_plan_week_of(changes, 1), MONDAY + 7);
    assert_int_equal(gh_plan_of_changes(changes, 3, MONDAY - 1, &now_there, &plan), GH_E_NONE);
    assert_int_equal(plan.doctor[6][1], 12);
    for (int i = 0; i < GH_PLAN_CELLS; i++)
        assert_true(i == 19 || plan.doctor[i / 3][i % 3] == 0); /* the next week's entries are ignored */
}

static void
what_is_not_named_is_empty_and_the_last_entry_counts(void **state)
{
    (void)state;
    now_there.doctor[3][0] = 11;
    now_there.doctor[4][0] = 12;
    const gh_plan_change_t changes[] = {
        {MONDAY + 3, 1, 12}, {MONDAY + 3, 1, 13}, {MONDAY + 5, 2, 11}, {MONDAY + 5, 2, 0}};
    assert_int_equal(gh_plan_of_changes(changes, 4, MONDAY - 1, &now_there, &plan), GH_E_NONE);
    assert_int_equal(plan.doctor[3][0], 0);
    assert_int_equal(plan.doctor[3][1], 13);
    assert_int_equal(plan.doctor[4][0], 0);
    assert_int_equal(plan.doctor[5][2], 0);
}

static void
br45_the_last_day_with_something_new(void **state)
{
    (void)state;
    plan = (gh_plan_t){0};
    assert_int_equal(gh_plan_last_new(&plan, &now_there), -1);
    now_there.doctor[6][2] = 11;
    assert_int_equal(gh_plan_last_new(&plan, &now_there), -1); /* cleared */
    plan.doctor[6][2] = 11;
    assert_int_equal(gh_plan_last_new(&plan, &now_there), -1); /* as it is */
    plan.doctor[4][0] = 12;
    assert_int_equal(gh_plan_last_new(&plan, &now_there), 4);
    plan.doctor[6][2] = 12;
    assert_int_equal(gh_plan_last_new(&plan, &now_there), 6);
}

static void
today_and_before_stay_as_they_are(void **state)
{
    (void)state;
    now_there.doctor[0][0] = 11;
    now_there.doctor[2][1] = 12;
    const gh_plan_change_t same[] = {{MONDAY, 0, 11}, {MONDAY + 2, 0, 0}, {MONDAY + 3, 0, 13}};
    assert_int_equal(gh_plan_of_changes(same, 3, MONDAY + 2, &now_there, &plan), GH_E_NONE);
    assert_int_equal(plan.doctor[0][0], 11);
    assert_int_equal(plan.doctor[2][1], 12); /* not named, and not cleared */
    assert_int_equal(plan.doctor[3][0], 13);
    const gh_plan_change_t other[] = {{MONDAY + 2, 1, 13}};
    assert_int_equal(gh_plan_of_changes(other, 1, MONDAY + 2, &now_there, &plan),
                     GH_E_SCHEDULE_CHANGE_DATE_PAST);
    const gh_plan_change_t cleared[] = {{MONDAY, 0, 0}, {MONDAY + 3, 0, 13}};
    assert_int_equal(gh_plan_of_changes(cleared, 2, MONDAY + 2, &now_there, &plan),
                     GH_E_SCHEDULE_CHANGE_DATE_PAST);
}

static void
a_week_without_a_later_day_cannot_be_changed(void **state)
{
    (void)state;
    const gh_plan_change_t changes[] = {{MONDAY + 6, 0, 0}};
    assert_int_equal(gh_plan_of_changes(changes, 1, MONDAY + 5, &now_there, &plan), GH_E_NONE);
    assert_int_equal(gh_plan_of_changes(changes, 1, MONDAY + 6, &now_there, &plan),
                     GH_E_SCHEDULE_CHANGE_DATE_PAST);
}

/* ---- approval */

static void
filled_cells_are_created_the_same_doctor_is_kept_others_give_way(void **state)
{
    (void)state;
    const gh_plan_session_t sessions[] = {session(101, 11, true, 0, 0), session(102, 12, true, 0, 1),
                                          session(103, 13, true, 0, 2)};
    const gh_plan_cell_t cells[] = {{0, 0, 11}, {0, 1, 13}, {6, 2, 12}};
    assert_int_equal(decide(cells, 3, sessions, 3).err, GH_E_NONE);
    assert_int_equal(out.kept, 1);
    assert_int_equal(out.n_superseded, 2);
    assert_int_equal(out.superseded[0], 102);
    assert_int_equal(out.superseded[1], 103);
    assert_int_equal(out.n_created, 2);
    assert_int_equal(out.created[0].part, 1);
    assert_int_equal(out.created[0].doctor_id, 13);
    assert_int_equal(out.created[1].day, 6);
}

static void
a_doctor_moves_within_the_clinic(void **state)
{
    (void)state;
    const gh_plan_session_t sessions[] = {session(101, 11, true, 0, 0), session(102, 12, true, 0, 1)};
    const gh_plan_cell_t cells[] = {{0, 0, 12}, {0, 1, 11}};
    assert_int_equal(decide(cells, 2, sessions, 2).err, GH_E_NONE);
    assert_int_equal(out.n_superseded, 2);
    assert_int_equal(out.n_created, 2);
}

static void
a_section_that_has_begun_stays(void **state)
{
    (void)state;
    const gh_plan_session_t sessions[] = {session(101, 11, true, 0, 0), session(102, 12, true, 0, 1)};
    const gh_plan_cell_t cells[] = {{0, 0, 13}};
    facts.now_us = facts.bounds[0][0].starts_us;
    assert_int_equal(decide(cells, 1, sessions, 2).err, GH_E_NONE);
    assert_int_equal(out.n_created, 0);
    assert_int_equal(out.n_superseded, 1);
    assert_int_equal(out.superseded[0], 102);
    facts.now_us--;
    assert_int_equal(decide(cells, 1, sessions, 2).err, GH_E_NONE);
    assert_int_equal(out.n_created, 1);
    assert_int_equal(out.n_superseded, 2);
}

static void
br54_a_doctor_twice_in_a_section(void **state)
{
    (void)state;
    const gh_plan_cell_t cells[] = {{2, 1, 11}, {2, 2, 11}, {2, 1, 11}};
    gh_plan_refusal_t r = decide(cells, 3, NULL, 0);
    assert_int_equal(r.err, GH_E_AUDIT_DOCTOR_REPEATED);
    assert_int_equal(r.cell.day, 2);
    assert_int_equal(r.cell.part, 1);
    assert_int_equal(decide(cells, 2, NULL, 0).err, GH_E_NONE);
}

static void
br55_an_unknown_doctor(void **state)
{
    (void)state;
    const gh_plan_cell_t cells[] = {{0, 0, 11}, {4, 0, 99}};
    gh_plan_refusal_t r = decide(cells, 2, NULL, 0);
    assert_int_equal(r.err, GH_E_AUDIT_DOCTOR_INVALID);
    assert_int_equal(r.cell.doctor_id, 99);
}

static void
br56_a_session_elsewhere(void **state)
{
    (void)state;
    const gh_plan_cell_t cells[] = {{1, 1, 11}};
    gh_plan_session_t there[] = {session(201, 11, false, 1, 1)};
    gh_plan_refusal_t r = decide(cells, 1, there, 1);
    assert_int_equal(r.err, GH_E_AUDIT_DOCTOR_ELSEWHERE);
    assert_int_equal(r.cell.doctor_id, 11);
    there[0].open = false; /* a suspended one still holds its section */
    assert_int_equal(decide(cells, 1, there, 1).err, GH_E_AUDIT_DOCTOR_ELSEWHERE);
    there[0] = session(201, 11, false, 1, 2);
    assert_int_equal(decide(cells, 1, there, 1).err, GH_E_NONE);
    there[0].starts_us = facts.bounds[1][1].ends_us; /* one ends when the other starts */
    assert_int_equal(decide(cells, 1, there, 1).err, GH_E_NONE);
    there[0].starts_us--;
    assert_int_equal(decide(cells, 1, there, 1).err, GH_E_AUDIT_DOCTOR_ELSEWHERE);
    there[0].open = false;
    assert_int_equal(decide(cells, 1, there, 1).err, GH_E_NONE);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_week_is_that_of_the_earliest_date, setup),
        cmocka_unit_test_setup(what_is_not_named_is_empty_and_the_last_entry_counts, setup),
        cmocka_unit_test_setup(br45_the_last_day_with_something_new, setup),
        cmocka_unit_test_setup(today_and_before_stay_as_they_are, setup),
        cmocka_unit_test_setup(a_week_without_a_later_day_cannot_be_changed, setup),
        cmocka_unit_test_setup(filled_cells_are_created_the_same_doctor_is_kept_others_give_way, setup),
        cmocka_unit_test_setup(a_doctor_moves_within_the_clinic, setup),
        cmocka_unit_test_setup(a_section_that_has_begun_stays, setup),
        cmocka_unit_test_setup(br54_a_doctor_twice_in_a_section, setup),
        cmocka_unit_test_setup(br55_an_unknown_doctor, setup),
        cmocka_unit_test_setup(br56_a_session_elsewhere, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
