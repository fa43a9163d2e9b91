/* link: workers/identity/login_rules.c */
/* Unit tests of workers/identity/login_rules.c. */
#include "unit.h"

#include "workers/identity/login_rules.h"

#define SECOND INT64_C(1000000)

static gh_account_t
fine(void)
{
    return (gh_account_t){.known = true, .active = true, .verified = true};
}

static void
r25_wrong_and_unknown_look_the_same(void **state)
{
    (void)state;
    gh_account_t a = fine(), nobody = {0};
    assert_int_equal(gh_login_decide(&a, true), GH_E_NONE);
    assert_int_equal(gh_login_decide(&a, false), GH_E_BAD_CREDENTIALS);
    assert_int_equal(gh_login_decide(&nobody, false), GH_E_BAD_CREDENTIALS);
    assert_int_equal(gh_login_decide(&nobody, true), GH_E_BAD_CREDENTIALS);
}

static void
r27_only_the_right_password_learns_that_an_account_is_closed(void **state)
{
    (void)state;
    gh_account_t off = fine(), banned = fine(), patient = fine(), staff = fine();
    off.active = false;
    banned.banned = true;
    patient.verified = staff.verified = false;
    staff.by_identifier = true;
    assert_int_equal(gh_login_decide(&off, true), GH_E_ACCOUNT_DISABLED);
    assert_int_equal(gh_login_decide(&banned, true), GH_E_ACCOUNT_BANNED);
    assert_int_equal(gh_login_decide(&patient, true), GH_E_PATIENT_NOT_VERIFIED);
    assert_int_equal(gh_login_decide(&staff, true), GH_E_STAFF_NOT_VERIFIED);
    const gh_account_t *all[] = {&off, &banned, &patient, &staff};
    for (size_t i = 0; i < GH_COUNT(all); i++)
        assert_int_equal(gh_login_decide(all[i], false), GH_E_BAD_CREDENTIALS);
}

static void
r26_seconds_are_rounded_up(void **state)
{
    (void)state;
    assert_int_equal(gh_seconds_until(900 * SECOND, 0), 900);
    assert_int_equal(gh_seconds_until(900 * SECOND, 1), 900);
    assert_int_equal(gh_seconds_until(900 * SECOND + 1, 0), 901);
    assert_int_equal(gh_seconds_until(5 * SECOND, 5 * SECOND), 1);
    assert_int_equal(gh_seconds_until(5 * SECOND, 9 * SECOND), 1);
}

static void
checks_past_the_time_left_are_refused(void **state)
{
    (void)state;
    assert_true(gh_check_in_time(0, 2, 250000, 250));
    assert_false(gh_check_in_time(0, 2, 250000, 249));
    assert_true(gh_check_in_time(1, 2, 250000, 250)); /* the second thread is free */
    assert_false(gh_check_in_time(2, 2, 250000, 499));
    assert_true(gh_check_in_time(2, 2, 250000, 500));
    assert_true(gh_check_in_time(GH_CHECKS_MAX - 1, 2, 1, 5000));
    assert_false(gh_check_in_time(GH_CHECKS_MAX, 2, 1, 5000));
    assert_false(gh_check_in_time(0, 2, 1, -1));
    assert_true(gh_check_in_time(5, 0, 1, 5000));
}

static void
r32_a_live_token_is_exchanged(void **state)
{
    (void)state;
    gh_refresh_facts_t f = {.current = true, .welcome = true};
    assert_int_equal(gh_refresh_decide(&f, 0), GH_REFRESH_ROTATE);
    f.welcome = false;
    assert_int_equal(gh_refresh_decide(&f, 0), GH_REFRESH_REFUSE);
    f = (gh_refresh_facts_t){.current = true, .welcome = true, .revoked = true};
    assert_int_equal(gh_refresh_decide(&f, 0), GH_REFRESH_REFUSE);
    f = (gh_refresh_facts_t){.current = true, .welcome = true, .expired = true};
    assert_int_equal(gh_refresh_decide(&f, 0), GH_REFRESH_REFUSE);
    f = (gh_refresh_facts_t){.welcome = true}; /* neither live nor burnt: of a session made anew */
    assert_int_equal(gh_refresh_decide(&f, 0), GH_REFRESH_REFUSE);
}

static void
r33_a_burnt_token_ends_its_session(void **state)
{
    (void)state;
    gh_refresh_facts_t f = {.burnt = true, .burnt_at_us = 100 * SECOND, .welcome = true};
    assert_int_equal(gh_refresh_decide(&f, 100 * SECOND), GH_REFRESH_REVOKE);
    f.welcome = false;
    assert_int_equal(gh_refresh_decide(&f, 100 * SECOND), GH_REFRESH_REVOKE);
    f.revoked = true;
    assert_int_equal(gh_refresh_decide(&f, 100 * SECOND), GH_REFRESH_REFUSE);
    f = (gh_refresh_facts_t){
        .burnt = true, .burnt_at_us = 100 * SECOND, .welcome = true, .redelivered = true};
    assert_int_equal(gh_refresh_decide(&f, 101 * SECOND), GH_REFRESH_ROTATE);
    assert_int_equal(gh_refresh_decide(&f, 160 * SECOND), GH_REFRESH_ROTATE);
    assert_int_equal(gh_refresh_decide(&f, 160 * SECOND + 1), GH_REFRESH_REVOKE);
}

static void
r30_a_refused_refresh_says_what_became_of_the_session(void **state)
{
    (void)state;
    assert_int_equal(gh_refresh_error(&(gh_refresh_facts_t){.revoked = true, .expired = true, .burnt = true}),
                     GH_E_TOKEN_REVOKED);
    assert_int_equal(gh_refresh_error(&(gh_refresh_facts_t){.expired = true, .current = true}),
                     GH_E_TOKEN_EXPIRED);
    assert_int_equal(gh_refresh_error(&(gh_refresh_facts_t){0}), GH_E_REFRESH_INVALID);
    assert_int_equal(gh_refresh_error(&(gh_refresh_facts_t){.current = true}), GH_E_REFRESH_INVALID);
}

static void
br130_few_sign_ins_are_not_counted_again(void **state)
{
    (void)state;
    assert_false(gh_login_recount(0));
    assert_false(gh_login_recount(4));
    assert_true(gh_login_recount(5));
    assert_true(gh_login_recount(GH_LOGINS_TOO_MANY));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(r30_a_refused_refresh_says_what_became_of_the_session),
        cmocka_unit_test(br130_few_sign_ins_are_not_counted_again),
        cmocka_unit_test(r25_wrong_and_unknown_look_the_same),
        cmocka_unit_test(r27_only_the_right_password_learns_that_an_account_is_closed),
        cmocka_unit_test(r26_seconds_are_rounded_up),
        cmocka_unit_test(checks_past_the_time_left_are_refused),
        cmocka_unit_test(r32_a_live_token_is_exchanged),
        cmocka_unit_test(r33_a_burnt_token_ends_its_session),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
