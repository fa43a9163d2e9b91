/* The tables of states and steps against api/12, api/24 and api/32 section 9, and their words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "domain/order_states.h"

static void
steps_are_those_of_the_contract(void **state)
{
    (void)state;
    static const char *const allowed[] = {"pending>confirmed",   "pending>cancelled",   "pending>timeout",
                                          "confirmed>completed", "confirmed>cancelled", "confirmed>no_show",
                                          "waitlist>pending",    "waitlist>confirmed",  "waitlist>cancelled"};
    size_t found = 0;
    for (int a = 0; a < GH_ORDER_STATES; a++)
        for (int b = 0; b < GH_ORDER_STATES; b++) {
            char step[32];
            snprintf(step, sizeof step, "%s>%s", gh_order_state_name((gh_order_state_t)a),
                     gh_order_state_name((gh_order_state_t)b));
            bool want = false;
            for (size_t i = 0; i < GH_COUNT(allowed); i++)
                want = want || strcmp(allowed[i], step) == 0;
            found += want;
            assert_int_equal(gh_order_can_step((gh_order_state_t)a, (gh_order_state_t)b), want);
        }
    assert_int_equal(found, GH_COUNT(allowed));
}

static void
words_read_back(void **state)
{
    (void)state;
    gh_order_state_t o;
    gh_pay_state_t p;
    for (int a = 0; a < GH_ORDER_STATES; a++) {
        assert_int_equal(gh_order_state_parse(gh_str(gh_order_state_name((gh_order_state_t)a)), &o), 0);
        assert_int_equal(o, a);
    }
    for (int a = 0; a < GH_PAY_STATES; a++) {
        assert_int_equal(gh_pay_state_parse(gh_str(gh_pay_state_name((gh_pay_state_t)a)), &p), 0);
        assert_int_equal(p, a);
    }
    assert_int_equal(gh_order_state_parse(GH_STR("finished"), &o), -1);
    assert_int_equal(gh_pay_state_parse(GH_STR(""), &p), -1);
}

static void
words_of_the_other_surfaces(void **state)
{
    (void)state;
    static const struct {
        gh_order_state_t s;
        const char *shown, *fhir;
    } table[] = {
        {GH_ORDER_PENDING, "SCHEDULED", "pending"},     {GH_ORDER_CONFIRMED, "SCHEDULED", "booked"},
        {GH_ORDER_COMPLETED, "COMPLETED", "fulfilled"}, {GH_ORDER_CANCELLED, "CANCELLED", "cancelled"},
        {GH_ORDER_TIMEOUT, "CANCELLED", "cancelled"},   {GH_ORDER_NO_SHOW, "CANCELLED", "noshow"}};
    for (size_t i = 0; i < GH_COUNT(table); i++) {
        assert_string_equal(gh_order_shown(table[i].s), table[i].shown);
        assert_string_equal(gh_order_fhir(table[i].s, false), table[i].fhir);
        assert_string_equal(gh_order_fhir(table[i].s, true),
                            table[i].s == GH_ORDER_CONFIRMED ? "arrived" : table[i].fhir);
    }
    assert_null(gh_order_shown(GH_ORDER_WAITLIST));
    assert_string_equal(gh_order_fhir(GH_ORDER_WAITLIST, false), "waitlist");
}

static void
r102_states_that_hold_a_place(void **state)
{
    (void)state;
    assert_true(gh_order_holds_place(GH_ORDER_PENDING) && gh_order_holds_place(GH_ORDER_CONFIRMED) &&
                gh_order_holds_place(GH_ORDER_COMPLETED) && gh_order_holds_place(GH_ORDER_NO_SHOW));
    assert_false(gh_order_holds_place(GH_ORDER_WAITLIST) || gh_order_holds_place(GH_ORDER_CANCELLED) ||
                 gh_order_holds_place(GH_ORDER_TIMEOUT));
}

/* ---- steps */

#define MINUTE INT64_C(60000000)
#define NOW    INT64_C(1800000000000000)

static gh_order_facts_t facts;

static int
setup(void **state)
{
    (void)state;
    facts = (gh_order_facts_t){.state = GH_ORDER_CONFIRMED, .starts_us = NOW + 60 * MINUTE, .now_us = NOW};
    return 0;
}

/* In which states each step can be done by somebody whom it is for, after the start. */
static void
r98_every_step_in_every_state(void **state)
{
    (void)state;
    static const struct {
        gh_order_step_t step;
        const char *from; /* letters of waitlist pending confirmed coMpleted cAncelled timeout no_show */
    } table[] = {{GH_DO_PROMOTE, "w"},  {GH_DO_LEAVE, "w"}, {GH_DO_PAY, "p"},     {GH_DO_EXPIRE, "p"},
                 {GH_DO_EDIT, "pc"},    {GH_DO_MOVE, "pc"}, {GH_DO_CANCEL, "pc"}, {GH_DO_ARRIVE, "c"},
                 {GH_DO_COMPLETE, "c"}, {GH_DO_MISS, "c"}};
    static const char letters[] = "wpcmatn";
    assert_int_equal(GH_COUNT(table), GH_ORDER_STEPS);
    facts.starts_us = NOW - MINUTE;
    for (size_t i = 0; i < GH_COUNT(table); i++)
        for (int s = 0; s < GH_ORDER_STATES; s++) {
            facts.state = (gh_order_state_t)s;
            bool may = strchr(table[i].from, letters[s]) != NULL;
            assert_int_equal(gh_order_may(table[i].step, GH_BY_SYSTEM, &facts),
                             may ? GH_E_NONE : GH_E_INVALID_TRANSITION);
            /* what may be done leads where the table of states allows */
            gh_order_state_t to = gh_order_after(table[i].step, facts.state);
            if (may)
                assert_true(to == facts.state || gh_order_can_step(facts.state, to));
        }
}

/* Whom each step is for: letters of Patient Doctor Nurse Staff sYstem. */
static void
r99_every_step_by_everybody(void **state)
{
    (void)state;
    static const struct {
        gh_order_step_t step;
        gh_order_state_t from;
        const char *by;
    } table[] = {{GH_DO_PROMOTE, GH_ORDER_WAITLIST, "py"},    {GH_DO_LEAVE, GH_ORDER_WAITLIST, "psy"},
                 {GH_DO_PAY, GH_ORDER_PENDING, "psy"},        {GH_DO_EXPIRE, GH_ORDER_PENDING, "y"},
                 {GH_DO_EDIT, GH_ORDER_CONFIRMED, "pdsy"},    {GH_DO_MOVE, GH_ORDER_CONFIRMED, "pdsy"},
                 {GH_DO_CANCEL, GH_ORDER_CONFIRMED, "pdsy"},  {GH_DO_ARRIVE, GH_ORDER_CONFIRMED, "dnsy"},
                 {GH_DO_COMPLETE, GH_ORDER_CONFIRMED, "dsy"}, {GH_DO_MISS, GH_ORDER_CONFIRMED, "dnsy"}};
    static const char letters[] = "pdnsy";
    assert_int_equal(GH_COUNT(table), GH_ORDER_STEPS);
    facts.starts_us = NOW - MINUTE;
    for (size_t i = 0; i < GH_COUNT(table); i++) {
        facts.state = table[i].from;
        assert_int_equal(gh_order_may(table[i].step, 0, &facts), GH_E_NOT_OWNER);
        for (unsigned k = 0; letters[k]; k++)
            assert_int_equal(gh_order_may(table[i].step, 1u << k, &facts),
                             strchr(table[i].by, letters[k]) ? GH_E_NONE : GH_E_FORBIDDEN);
    }
    /* several things at once: what one of them allows is allowed */
    facts.state = GH_ORDER_CONFIRMED;
    assert_int_equal(gh_order_may(GH_DO_COMPLETE, GH_BY_PATIENT | GH_BY_DOCTOR, &facts), GH_E_NONE);
    assert_int_equal(gh_order_step_by(GH_DO_COMPLETE, GH_BY_PATIENT | GH_BY_DOCTOR), GH_BY_DOCTOR);
}

static void
r100_complete_before_the_start_when_enforced(void **state)
{
    (void)state;
    assert_int_equal(gh_order_may(GH_DO_COMPLETE, GH_BY_DOCTOR, &facts), GH_E_NONE);
    facts.start_before_complete = true;
    facts.now_us = facts.starts_us - 1;
    assert_int_equal(gh_order_may(GH_DO_COMPLETE, GH_BY_DOCTOR, &facts), GH_E_INVALID_TRANSITION);
    assert_int_equal(gh_order_may(GH_DO_COMPLETE, GH_BY_STAFF, &facts), GH_E_INVALID_TRANSITION);
    facts.now_us = facts.starts_us;
    assert_int_equal(gh_order_may(GH_DO_COMPLETE, GH_BY_DOCTOR, &facts), GH_E_NONE);
}

static void
r104_no_show_after_the_start_only(void **state)
{
    (void)state;
    facts.now_us = facts.starts_us - 1;
    assert_int_equal(gh_order_may(GH_DO_MISS, GH_BY_NURSE, &facts), GH_E_INVALID_TRANSITION);
    assert_int_equal(gh_order_may(GH_DO_MISS, GH_BY_SYSTEM, &facts), GH_E_NONE); /* the queue's pass limit */
    facts.now_us = facts.starts_us;
    assert_int_equal(gh_order_may(GH_DO_MISS, GH_BY_NURSE, &facts), GH_E_NONE);
    facts.arrived = true; /* was there: not by hand; the queue may find that he has left */
    assert_int_equal(gh_order_may(GH_DO_MISS, GH_BY_NURSE, &facts), GH_E_INVALID_TRANSITION);
    assert_int_equal(gh_order_may(GH_DO_MISS, GH_BY_SYSTEM, &facts), GH_E_NONE);
}

static void
r94_deadline_binds_patients(void **state)
{
    (void)state;
    static const gh_order_step_t bound[] = {GH_DO_CANCEL, GH_DO_MOVE};
    facts.deadline_us = NOW;
    for (size_t i = 0; i < GH_COUNT(bound); i++) {
        facts.now_us = NOW;
        assert_int_equal(gh_order_may(bound[i], GH_BY_PATIENT, &facts), GH_E_CANCEL_TOO_LATE);
        assert_int_equal(gh_order_may(bound[i], GH_BY_PATIENT | GH_BY_STAFF, &facts), GH_E_NONE);
        assert_int_equal(gh_order_may(bound[i], GH_BY_DOCTOR, &facts), GH_E_NONE);
        facts.now_us = NOW - 1;
        assert_int_equal(gh_order_may(bound[i], GH_BY_PATIENT, &facts), GH_E_NONE);
    }
    facts.now_us = NOW + 1; /* the reason may be mended to the end */
    assert_int_equal(gh_order_may(GH_DO_EDIT, GH_BY_PATIENT, &facts), GH_E_NONE);
}

static void
ap09_wanted_words(void **state)
{
    (void)state;
    gh_wanted_t w;
    static const char *const words[] = {"SCHEDULED", "COMPLETED", "CANCELLED"}, *const fhir[] = {
                                                                                    "arrived", "fulfilled",
                                                                                    "cancelled", "noshow"};
    for (size_t i = 0; i < GH_COUNT(words); i++) {
        assert_int_equal(gh_wanted_parse(gh_str(words[i]), false, &w), 0);
        assert_int_equal(gh_wanted_parse(gh_str(words[i]), true, &w), -1);
    }
    for (size_t i = 0; i < GH_COUNT(fhir); i++) {
        assert_int_equal(gh_wanted_parse(gh_str(fhir[i]), true, &w), 0);
        assert_int_equal(gh_wanted_parse(gh_str(fhir[i]), false, &w), -1);
    }
    assert_int_equal(gh_wanted_parse(GH_STR("booked"), true, &w), -1);
}

/* What each wanted status gives in each state, after the start: = nothing to do, ! refused, else the step. */
static void
ap09_wanted_status_in_every_state(void **state)
{
    (void)state;
    static const struct {
        gh_wanted_t wanted;
        const char
            *in; /* pending, confirmed, confirmed and arrived, completed, cancelled, timeout, no_show */
        gh_order_step_t step;
    } table[] = {
        {GH_WANT_SCHEDULED, "===!!!!", GH_DO_EDIT},     {GH_WANT_COMPLETED, "!xx=!!!", GH_DO_COMPLETE},
        {GH_WANT_CANCELLED, "xxx!===", GH_DO_CANCEL},   {GH_WANT_ARRIVED, "!x=!!!!", GH_DO_ARRIVE},
        {GH_WANT_FULFILLED, "!xx=!!!", GH_DO_COMPLETE}, {GH_WANT_FHIR_CANCELLED, "xxx!==!", GH_DO_CANCEL},
        {GH_WANT_NOSHOW, "!x!!!!=", GH_DO_MISS}};
    static const struct {
        gh_order_state_t s;
        bool arrived;
    } in[] = {{GH_ORDER_PENDING, false},   {GH_ORDER_CONFIRMED, false}, {GH_ORDER_CONFIRMED, true},
              {GH_ORDER_COMPLETED, false}, {GH_ORDER_CANCELLED, false}, {GH_ORDER_TIMEOUT, false},
              {GH_ORDER_NO_SHOW, false}};
    facts.now_us = facts.starts_us;
    for (size_t i = 0; i < GH_COUNT(table); i++)
        for (size_t k = 0; k < GH_COUNT(in); k++) {
            facts.state = in[k].s;
            facts.arrived = in[k].arrived;
            gh_wanted_verdict_t v = gh_wanted_decide(table[i].wanted, GH_BY_STAFF, &facts);
            assert_int_equal(v.err, table[i].in[k] == '!' ? GH_E_INVALID_TRANSITION : GH_E_NONE);
            assert_int_equal(v.same, table[i].in[k] == '=');
            if (table[i].in[k] == 'x')
                assert_int_equal(v.step, table[i].step);
            assert_int_equal(gh_wanted_decide(table[i].wanted, 0, &facts).err, GH_E_NOT_OWNER);
        }
}

static void
ap09_patient_only_to_cancelled(void **state)
{
    (void)state;
    facts.now_us = facts.starts_us;
    assert_int_equal(gh_wanted_decide(GH_WANT_COMPLETED, GH_BY_PATIENT, &facts).err, GH_E_FORBIDDEN);
    assert_int_equal(gh_wanted_decide(GH_WANT_NOSHOW, GH_BY_PATIENT, &facts).err, GH_E_FORBIDDEN);
    assert_int_equal(gh_wanted_decide(GH_WANT_ARRIVED, GH_BY_PATIENT, &facts).err, GH_E_FORBIDDEN);
    assert_int_equal(gh_wanted_decide(GH_WANT_CANCELLED, GH_BY_PATIENT, &facts).err, GH_E_NONE);
    facts.deadline_us = NOW;
    assert_int_equal(gh_wanted_decide(GH_WANT_CANCELLED, GH_BY_PATIENT, &facts).err, GH_E_CANCEL_TOO_LATE);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_are_those_of_the_contract),
        cmocka_unit_test(words_read_back),
        cmocka_unit_test(words_of_the_other_surfaces),
        cmocka_unit_test(r102_states_that_hold_a_place),
        cmocka_unit_test_setup(r98_every_step_in_every_state, setup),
        cmocka_unit_test_setup(r99_every_step_by_everybody, setup),
        cmocka_unit_test_setup(r100_complete_before_the_start_when_enforced, setup),
        cmocka_unit_test_setup(r104_no_show_after_the_start_only, setup),
        cmocka_unit_test_setup(r94_deadline_binds_patients, setup),
        cmocka_unit_test(ap09_wanted_words),
        cmocka_unit_test_setup(ap09_wanted_status_in_every_state, setup),
        cmocka_unit_test_setup(ap09_patient_only_to_cancelled, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
