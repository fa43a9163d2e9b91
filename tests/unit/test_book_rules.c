/* One test a rule of booking, limits at n-1, n, n+1. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "booking_fixture.h"

static gh_session_t session;
static gh_booker_t booker;
static gh_wish_t wish;

static int
setup(void **state)
{
    (void)state;
    fixture_facts();
    facts.prepayment = true;
    session = fixture_session(501, 3);
    booker = (gh_booker_t){.must_be_patient = true, .has_patient = true, .patient_exists = true, .own = true};
    wish = (gh_wish_t){.whole_session = true};
    return 0;
}

static gh_err_t
decide(void)
{
    return gh_book_decide(&session, &slots, &wish, &booker, &facts).err;
}

/* An order of another session, department and time. */
static gh_patient_order_t *
add_order(int32_t day, gh_order_state_t state)
{
    gh_patient_order_t *o = &orders[facts.n_orders++];
    *o = (gh_patient_order_t){.schedule_id = 9000 + (int64_t)facts.n_orders,
                              .dept_id = 99,
                              .day = day,
                              .state = state,
                              .starts_us = NOW + HOUR(24 * (day - TODAY) + 10)};
    o->ends_us = o->starts_us + MIN(15);
    return o;
}

static void
br82_r103_lowest_place_at_the_discounted_price(void **state)
{
    (void)state;
    gh_book_verdict_t v = gh_book_decide(&session, &slots, &wish, &booker, &facts);
    assert_int_equal(v.err, GH_E_NONE);
    assert_int_equal(v.slot_no, 1);
    assert_true(v.starts_us == session.starts_us && v.ends_us == session.starts_us + MIN(15));
    assert_int_equal(v.price, 4000);
    assert_int_equal(v.rate, 8000);
    assert_int_equal(v.state, GH_ORDER_PENDING);
    assert_int_equal(v.payment, GH_PAY_PENDING);
    assert_int_equal(session.remaining, 16); /* deciding takes nothing */
    facts.prepayment = false;
    v = gh_book_decide(&session, &slots, &wish, &booker, &facts);
    assert_int_equal(v.state, GH_ORDER_CONFIRMED);
    assert_int_equal(v.payment, GH_PAY_PENDING);
}

static void
r103_amount_zero_is_confirmed_and_paid(void **state)
{
    (void)state;
    session.list_price = 0;
    gh_book_verdict_t v = gh_book_decide(&session, &slots, &wish, &booker, &facts);
    assert_int_equal(v.err, GH_E_NONE);
    assert_int_equal(v.state, GH_ORDER_CONFIRMED);
    assert_int_equal(v.payment, GH_PAY_PAID);
}

static void
br72_code_surface_own_or_related_only(void **state)
{
    (void)state;
    booker.has_patient = false;
    assert_int_equal(decide(), GH_E_PATIENT_NOT_BOUND);
    booker = (gh_booker_t){.must_be_patient = true, .has_patient = true};
    assert_int_equal(decide(), GH_E_PATIENT_NOT_FOUND);
    booker.patient_exists = true;
    assert_int_equal(decide(), GH_E_BOOKING_PATIENT_FORBIDDEN);
    booker.scope_all = booker.scope_assigned = booker.assigned =
        true; /* an administrator has no more rights here */
    assert_int_equal(decide(), GH_E_BOOKING_PATIENT_FORBIDDEN);
    booker.related = true;
    assert_int_equal(decide(), GH_E_NONE);
}

static void
r92_scopes_of_the_other_surfaces(void **state)
{
    (void)state;
    booker = (gh_booker_t){.patient_exists = true};
    assert_int_equal(gh_br72_may_book_for(&booker), GH_E_BOOKING_PATIENT_FORBIDDEN);
    booker.scope_assigned = true;
    assert_int_equal(gh_br72_may_book_for(&booker), GH_E_NOT_ASSIGNED);
    booker.assigned = true;
    assert_int_equal(gh_br72_may_book_for(&booker), GH_E_NONE);
    booker = (gh_booker_t){.patient_exists = true, .scope_all = true};
    assert_int_equal(gh_br72_may_book_for(&booker), GH_E_NONE);
    booker.patient_exists = false;
    assert_int_equal(gh_br72_may_book_for(&booker), GH_E_PATIENT_NOT_FOUND);
}

static void
br73_full_session(void **state)
{
    (void)state;
    session.total = session.remaining = 1;
    assert_int_equal(decide(), GH_E_NONE);
    assert_int_equal(gh_claim_take(&session, &slots, 1), 0);
    assert_int_equal(decide(), GH_E_SLOT_FULL);
    wish.slot_no = 1;
    assert_int_equal(decide(), GH_E_SLOT_TAKEN);
}

static void
br74_r89_no_second_active_order_of_the_session(void **state)
{
    (void)state;
    gh_patient_order_t *o = add_order(TODAY + 3, GH_ORDER_PENDING);
    o->schedule_id = session.id;
    assert_int_equal(decide(), GH_E_DUPLICATE_BOOKING);
    o->state = GH_ORDER_CONFIRMED;
    assert_int_equal(decide(), GH_E_DUPLICATE_BOOKING);
    o->state = GH_ORDER_COMPLETED;
    assert_int_equal(decide(), GH_E_NONE);
}

static void
r88_no_overlapping_order(void **state)
{
    (void)state;
    gh_patient_order_t *o = add_order(TODAY + 3, GH_ORDER_CONFIRMED);
    o->starts_us = session.starts_us + MIN(15); /* touches: half-open intervals */
    o->ends_us = session.starts_us + MIN(30);
    assert_int_equal(decide(), GH_E_NONE);
    o->starts_us--;
    assert_int_equal(decide(), GH_E_PATIENT_CONFLICT);
    o->starts_us = session.starts_us - MIN(15);
    o->ends_us = session.starts_us;
    assert_int_equal(decide(), GH_E_NONE);
    o->ends_us++;
    assert_int_equal(decide(), GH_E_PATIENT_CONFLICT);
    booker.wants_override = booker.may_override = true; /* never skipped */
    assert_int_equal(decide(), GH_E_PATIENT_CONFLICT);
    o->state = GH_ORDER_COMPLETED;
    assert_int_equal(decide(), GH_E_NONE);
}

static void
br75_limit_within_the_period(void **state)
{
    (void)state;
    rules.max_per_period = 3;
    rules.period_days = 8;
    add_order(TODAY - 8, GH_ORDER_CONFIRMED);
    add_order(TODAY + 1, GH_ORDER_PENDING);
    assert_int_equal(decide(), GH_E_NONE); /* 2 */
    gh_patient_order_t *o = add_order(TODAY + 30, GH_ORDER_PENDING);
    assert_int_equal(decide(), GH_E_BOOKING_LIMIT); /* 3 */
    o->state = GH_ORDER_COMPLETED;
    assert_int_equal(decide(), GH_E_NONE);
    o->state = GH_ORDER_PENDING;
    orders[0].day = TODAY - 9;
    assert_int_equal(decide(), GH_E_NONE);
}

static void
br76_r86_booking_window(void **state)
{
    (void)state;
    assert_int_equal(gh_br76_within_window(TODAY + 13, TODAY, 14), GH_E_NONE);
    assert_int_equal(gh_br76_within_window(TODAY + 14, TODAY, 14), GH_E_NONE);
    assert_int_equal(gh_br76_within_window(TODAY + 15, TODAY, 14), GH_E_BEYOND_BOOKING_WINDOW);
    rules.advance_days = 2;
    assert_int_equal(decide(), GH_E_BEYOND_BOOKING_WINDOW);
    facts.registration_rules = false;
    assert_int_equal(decide(), GH_E_NONE);
}

static void
br77_r87_same_day_deadline(void **state)
{
    (void)state;
    assert_int_equal(gh_br77_before_deadline(TODAY, TODAY, 479, 480), GH_E_NONE);
    assert_int_equal(gh_br77_before_deadline(TODAY, TODAY, 480, 480), GH_E_SAME_DAY_CLOSED);
    assert_int_equal(gh_br77_before_deadline(TODAY, TODAY, 481, 480), GH_E_SAME_DAY_CLOSED);
    assert_int_equal(gh_br77_before_deadline(TODAY + 1, TODAY, 481, 480), GH_E_NONE);
    session.day = TODAY;
    facts.now_minute = 480;
    assert_int_equal(decide(), GH_E_SAME_DAY_CLOSED);
}

static void
br78_r91_no_shows(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++)
        add_order(TODAY - 90, GH_ORDER_NO_SHOW);
    assert_int_equal(decide(), GH_E_NONE);
    gh_patient_order_t *third = add_order(TODAY - 90, GH_ORDER_NO_SHOW);
    assert_int_equal(decide(), GH_E_NO_SHOW_LIMIT);
    third->day = TODAY - 91;
    assert_int_equal(decide(), GH_E_NONE);
}

static void
br79_r90_department_interval(void **state)
{
    (void)state;
    gh_patient_order_t *o = add_order(session.day - 6, GH_ORDER_COMPLETED);
    o->dept_id = session.dept_id;
    assert_int_equal(decide(), GH_E_NONE); /* off unless enabled */
    rules.interval_on = true;
    assert_int_equal(decide(), GH_E_DEPARTMENT_INTERVAL);
    o->day = session.day - 7;
    assert_int_equal(decide(), GH_E_NONE);
    o->day = session.day + 6;
    assert_int_equal(decide(), GH_E_DEPARTMENT_INTERVAL);
    o->day = session.day + 7;
    assert_int_equal(decide(), GH_E_NONE);
    o->day = session.day;
    o->state = GH_ORDER_CANCELLED;
    assert_int_equal(decide(), GH_E_NONE);
}

static void
br80_r91_ban(void **state)
{
    (void)state;
    booker.banned = true;
    assert_int_equal(decide(), GH_E_BOOKING_SUSPENDED);
}

static void
br81_r81_r85_closed_or_started(void **state)
{
    (void)state;
    session.open = false;
    assert_int_equal(decide(), GH_E_SESSION_SUSPENDED);
    session.open = true;
    session.starts_us = NOW;
    session.ends_us = NOW + HOUR(4);
    assert_int_equal(decide(), GH_E_APPOINTMENT_IN_PAST);
    session.starts_us = NOW + 1;
    assert_int_equal(decide(), GH_E_NONE);
    session.starts_us = NOW - 1;
    wish.whole_session = false; /* single places of a running session: v1 and Heartbeat */
    assert_int_equal(decide(), GH_E_NONE);
    wish.slot_no = 1;
    assert_int_equal(decide(), GH_E_APPOINTMENT_IN_PAST);
}

static void
r83_open_session_containing_the_time(void **state)
{
    (void)state;
    gh_session_t other = session;
    other.id = 502;
    other.starts_us = session.ends_us;
    other.ends_us = other.starts_us + HOUR(4);
    gh_session_t *all[] = {&session, &other};
    assert_ptr_equal(gh_r83_session_at(all, 2, 7, session.starts_us), &session);
    assert_ptr_equal(gh_r83_session_at(all, 2, 7, session.ends_us - 1), &session);
    assert_ptr_equal(gh_r83_session_at(all, 2, 7, session.ends_us), &other);
    assert_null(gh_r83_session_at(all, 2, 7, session.starts_us - 1));
    assert_null(gh_r83_session_at(all, 2, 7, other.ends_us));
    assert_null(gh_r83_session_at(all, 2, 8, session.starts_us));
    session.open = false;
    assert_null(gh_r83_session_at(all, 2, 7, session.starts_us));
}

static void
r101_override_skips_what_it_may(void **state)
{
    (void)state;
    booker.wants_override = true;
    assert_int_equal(decide(), GH_E_FORBIDDEN);
    booker.may_override = booker.banned = true;
    rules.advance_days = 1;
    rules.interval_on = true;
    add_order(session.day, GH_ORDER_CONFIRMED)->dept_id = session.dept_id;
    for (int i = 0; i < 3; i++)
        add_order(TODAY - 10, GH_ORDER_NO_SHOW);
    assert_int_equal(decide(), GH_E_NONE);
    session.remaining = 0;
    assert_int_equal(decide(), GH_E_SLOT_FULL);
}

/* R-101 names six; what it does not name stays, whatever else is skipped. */
static void
r101_rule_by_rule(void **state)
{
    (void)state;
    static const struct {
        const char *rule;
        gh_err_t err, overridden;
    } table[] = {{"R-86", GH_E_BEYOND_BOOKING_WINDOW, GH_E_NONE},
                 {"R-87", GH_E_SAME_DAY_CLOSED, GH_E_NONE},
                 {"R-90", GH_E_DEPARTMENT_INTERVAL, GH_E_NONE},
                 {"R-91 bans", GH_E_BOOKING_SUSPENDED, GH_E_NONE},
                 {"R-91 no-shows", GH_E_NO_SHOW_LIMIT, GH_E_NONE},
                 {"R-81", GH_E_SESSION_SUSPENDED, GH_E_SESSION_SUSPENDED},
                 {"R-82", GH_E_SLOT_FULL, GH_E_SLOT_FULL},
                 {"R-85", GH_E_APPOINTMENT_IN_PAST, GH_E_APPOINTMENT_IN_PAST},
                 {"R-88", GH_E_PATIENT_CONFLICT, GH_E_PATIENT_CONFLICT},
                 {"R-89", GH_E_DUPLICATE_BOOKING, GH_E_DUPLICATE_BOOKING},
                 {"BR-75", GH_E_BOOKING_LIMIT, GH_E_BOOKING_LIMIT}};
    for (size_t i = 0; i < GH_COUNT(table); i++) {
        teardown(state);
        setup(state);
        gh_patient_order_t *o = NULL;
        switch (table[i].err) {
        case GH_E_BEYOND_BOOKING_WINDOW:
            rules.advance_days = 2;
            break;
        case GH_E_SAME_DAY_CLOSED:
            session.day = TODAY;
            facts.now_minute = 600;
            break;
        case GH_E_DEPARTMENT_INTERVAL:
            rules.interval_on = true;
            add_order(session.day - 1, GH_ORDER_CONFIRMED)->dept_id = session.dept_id;
            break;
        case GH_E_BOOKING_SUSPENDED:
            booker.banned = true;
            break;
        case GH_E_NO_SHOW_LIMIT:
            rules.no_show_limit = 1;
            add_order(TODAY - 1, GH_ORDER_NO_SHOW);
            break;
        case GH_E_SESSION_SUSPENDED:
            session.open = false;
            break;
        case GH_E_SLOT_FULL:
            session.remaining = 0;
            break;
        case GH_E_APPOINTMENT_IN_PAST:
            wish.whole_session = false;
            session.starts_us = NOW - HOUR(1);
            wish.slot_no = 1;
            break;
        case GH_E_PATIENT_CONFLICT:
            o = add_order(session.day, GH_ORDER_CONFIRMED);
            o->starts_us = session.starts_us;
            o->ends_us = session.starts_us + 1;
            break;
        case GH_E_DUPLICATE_BOOKING:
            add_order(session.day, GH_ORDER_CONFIRMED)->schedule_id = session.id;
            break;
        default:
            rules.max_per_period = 1;
            add_order(TODAY + 1, GH_ORDER_CONFIRMED);
        }
        if (decide() != table[i].err)
            fail_msg("%s", table[i].rule);
        booker.wants_override = booker.may_override = true;
        if (decide() != table[i].overridden)
            fail_msg("%s with override", table[i].rule);
    }
}

/* apply_registration_rules off: and the no-shows of R-91 do not count. */
static void
r86_r87_r90_r91_can_be_switched_off(void **state)
{
    (void)state;
    rules.advance_days = 2;
    rules.no_show_limit = 1;
    rules.interval_on = true;
    add_order(TODAY - 1, GH_ORDER_NO_SHOW)->dept_id = session.dept_id;
    assert_int_equal(decide(), GH_E_BEYOND_BOOKING_WINDOW);
    facts.registration_rules = false;
    assert_int_equal(decide(), GH_E_NONE);
    booker.banned = true;
    assert_int_equal(decide(), GH_E_BOOKING_SUSPENDED);
}

static void
ap12_every_reason_once_in_order(void **state)
{
    (void)state;
    gh_err_t reasons[GH_BOOK_REASONS];
    gh_book_verdict_t v;
    assert_int_equal(gh_book_reasons(&session, &slots, &wish, &booker, &facts, reasons, &v), 0);
    assert_int_equal(v.slot_no, 1);
    assert_true(v.starts_us == session.starts_us && v.ends_us == session.starts_us + MIN(15));
    booker.banned = true;
    rules.advance_days = 2;
    rules.max_per_period = 1;
    rules.no_show_limit = 1;
    rules.interval_on = true;
    gh_patient_order_t *o = add_order(session.day, GH_ORDER_CONFIRMED);
    o->schedule_id = session.id;
    o->dept_id = session.dept_id;
    o->starts_us = session.starts_us;
    o->ends_us = session.starts_us + MIN(15);
    add_order(TODAY - 1, GH_ORDER_NO_SHOW);
    static const gh_err_t all[] = {
        GH_E_BOOKING_SUSPENDED, GH_E_BEYOND_BOOKING_WINDOW, GH_E_DUPLICATE_BOOKING,  GH_E_PATIENT_CONFLICT,
        GH_E_BOOKING_LIMIT,     GH_E_NO_SHOW_LIMIT,         GH_E_DEPARTMENT_INTERVAL};
    assert_int_equal(gh_book_reasons(&session, &slots, &wish, &booker, &facts, reasons, &v), GH_COUNT(all));
    assert_memory_equal(reasons, all, sizeof all);
    assert_int_equal(decide(), all[0]); /* booking says the first */
    session.remaining = 0;              /* no place: nothing to overlap with */
    size_t n = gh_book_reasons(&session, &slots, &wish, &booker, &facts, reasons, &v);
    assert_int_equal(n, GH_COUNT(all));
    assert_int_equal(reasons[2], GH_E_SLOT_FULL);
    session.open = false; /* its places are not looked at */
    n = gh_book_reasons(&session, &slots, &wish, &booker, &facts, reasons, &v);
    assert_int_equal(reasons[1], GH_E_SESSION_SUSPENDED);
    for (size_t i = 0; i < n; i++)
        assert_int_not_equal(reasons[i], GH_E_SLOT_FULL);
}

static void
ap12_reasons_without_a_session(void **state)
{
    (void)state;
    gh_err_t reasons[GH_BOOK_REASONS];
    assert_int_equal(gh_book_reasons_nowhere(GH_E_SCHEDULE_NOT_FOUND, 0, 0, &booker, &facts, reasons), 1);
    assert_int_equal(reasons[0], GH_E_SCHEDULE_NOT_FOUND);
    size_t n = gh_book_reasons_nowhere(GH_E_DOCTOR_UNAVAILABLE, NOW, TODAY + 15, &booker, &facts, reasons);
    static const gh_err_t timed[] = {GH_E_APPOINTMENT_IN_PAST, GH_E_DOCTOR_UNAVAILABLE,
                                     GH_E_BEYOND_BOOKING_WINDOW};
    assert_int_equal(n, GH_COUNT(timed));
    assert_memory_equal(reasons, timed, sizeof timed);
}

static void
settings_outside_br67_take_the_default(void **state)
{
    (void)state;
    gh_registration_t r = {-1, -1, -1, -1, -1, true, -1, -1, -1};
    gh_registration_mend(&r);
    assert_int_equal(r.advance_days, 14);
    assert_int_equal(r.deadline_minute, 480);
    assert_int_equal(r.cancel_hours, 2);
    assert_int_equal(r.max_per_period, 10);
    r.advance_days = 90;
    r.cancel_hours = 73;
    gh_registration_mend(&r);
    assert_int_equal(r.advance_days, 90);
    assert_int_equal(r.cancel_hours, 2);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int
main(void)
{
    const struct CMUnitTest tests[] = {
        T(br82_r103_lowest_place_at_the_discounted_price),
        T(r103_amount_zero_is_confirmed_and_paid),
        T(br72_code_surface_own_or_related_only),
        T(r92_scopes_of_the_other_surfaces),
        T(br73_full_session),
        T(br74_r89_no_second_active_order_of_the_session),
        T(r88_no_overlapping_order),
        T(br75_limit_within_the_period),
        T(br76_r86_booking_window),
        T(br77_r87_same_day_deadline),
        T(br78_r91_no_shows),
        T(br79_r90_department_interval),
        T(br80_r91_ban),
        T(br81_r81_r85_closed_or_started),
        T(r83_open_session_containing_the_time),
        T(r101_override_skips_what_it_may),
        T(r101_rule_by_rule),
        T(r86_r87_r90_r91_can_be_switched_off),
        T(ap12_every_reason_once_in_order),
        T(ap12_reasons_without_a_session),
        T(settings_outside_br67_take_the_default),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
