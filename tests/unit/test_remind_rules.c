/* link: workers/notify/remind_rules.c */
/* Unit tests of workers/notify/remind_rules.c. */
#include "unit.h"
#include "workers/notify/remind_rules.h"

static const gh_remind_facts_t good = {true, true, true, true, true, 1, true};

static gh_err_t
with_days(int days)
{
    gh_remind_facts_t f = good;
    f.days = days;
    return gh_br148_remind(&f);
}

static void
br148_today_and_tomorrow_are_near_enough(void **state)
{
    (void)state;
    assert_int_equal(with_days(1), GH_E_NONE);
    assert_int_equal(with_days(0), GH_E_NONE);
    assert_int_equal(with_days(2), GH_E_REMINDER_TOO_EARLY);
    assert_int_equal(with_days(60), GH_E_REMINDER_TOO_EARLY);
    assert_int_equal(with_days(-1), GH_E_REMINDER_TOO_LATE);
}

/* Each rule alone, and the order in which they are told when all are broken. */
static void
br148_rules_are_told_in_order(void **state)
{
    static const gh_err_t errors[] = {
        GH_E_PATIENT_RECORD_MISSING, GH_E_ORDER_NOT_FOUND,    GH_E_REMINDER_FORBIDDEN, GH_E_REMINDER_UNPAID,
        GH_E_REMINDER_UNCONFIRMED,   GH_E_REMINDER_TOO_EARLY, GH_E_REMINDER_NOT_SENT};
    gh_remind_facts_t all = {.days = 2};
    bool *const flags[] = {&all.has_patient, &all.found, &all.related, &all.paid, &all.confirmed};
    (void)state;
    for (size_t i = 0; i < GH_COUNT(flags); i++) {
        assert_int_equal(gh_br148_remind(&all), errors[i]);
        *flags[i] = true;
    }
    assert_int_equal(gh_br148_remind(&all), errors[5]);
    all.days = 1;
    assert_int_equal(gh_br148_remind(&all), errors[6]);
    all.reachable = true;
    assert_int_equal(gh_br148_remind(&all), GH_E_NONE);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(br148_today_and_tomorrow_are_near_enough),
        cmocka_unit_test(br148_rules_are_told_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
