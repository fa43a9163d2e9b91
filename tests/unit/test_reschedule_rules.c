/* Moving an order: BR-89..BR-92, R-93, R-94, R-96, R-97, R-101, and the rules of booking over the target. */
#include "unit.h"

#include "booking_fixture.h"
#include "domain/reschedule_rules.h"

#define MOVES 3

static gh_session_t target;
static gh_mover_t who;
static gh_movable_t order;
static gh_move_wish_t wish;

static int
setup(void **state)
{
    (void)state;
    fixture_facts();
    target = fixture_session(502, 4);
    target.clinic_id = 21;
    order = (gh_movable_t){.schedule_id = 501,
                           .doctor_id = 7,
                           .clinic_id = 21,
                           .slot_type = GH_STR("普通"),
                           .slot_no = 3,
                           .starts_us = NOW + HOUR(72),
                           .ends_us = NOW + HOUR(72) + MIN(15),
                           .state = GH_ORDER_CONFIRMED,
                           .payment = GH_PAY_PAID,
                           .price = 4000,
                           .rate = 8000,
                           .rules = &rules};
    who = (gh_mover_t){.by = GH_BY_PATIENT, .code = true};
    wish = (gh_move_wish_t){.session = &target,
                            .slots = &slots,
                            .missing = GH_E_SCHEDULE_NOT_FOUND,
                            .place = {.whole_session = true}};
    return 0;
}

static int
setup_v1(void **state)
{
    setup(state);
    who.code = false;
    wish.place.whole_session = false;
    return 0;
}

static gh_err_t
decide(void)
{
    return gh_move_decide(&who, &order, &wish, MOVES, &facts).err;
}

static void
br92_the_order_takes_the_lowest_place_and_keeps_its_state(void **state)
{
    (void)state;
    assert_int_equal(gh_slots_take(&slots, 1), 0);
    gh_move_verdict_t v = gh_move_decide(&who, &order, &wish, MOVES, &facts);
    assert_int_equal(v.err, GH_E_NONE);
    assert_false(v.stays);
    assert_int_equal(v.slot_no, 2);
    assert_true(v.starts_us == target.starts_us + MIN(15) && v.ends_us == target.starts_us + MIN(30));
    assert_int_equal(v.fee.state, GH_ORDER_CONFIRMED);
    assert_int_equal(v.fee.payment, GH_PAY_PAID);
    assert_int_equal(v.fee.price, 4000);
    assert_int_equal(v.fee.refund, 0);
    assert_false(v.fee.rebill);
    assert_int_equal(target.remaining, 16); /* deciding takes nothing */
}

static void
br89_only_who_placed_it_or_the_patient(void **state)
{
    (void)state;
    who.by = 0;
    assert_int_equal(decide(), GH_E_RESCHEDULE_FORBIDDEN);
    who.code = false;
    assert_int_equal(decide(), GH_E_APPOINTMENT_FORBIDDEN);
    who.by = GH_BY_NURSE; /* arrival and absence only */
    assert_int_equal(decide(), GH_E_FORBIDDEN);
    who.by |= GH_BY_PATIENT;
    assert_int_equal(decide(), GH_E_NONE);
}

static void
br89_r93_only_active_orders(void **state)
{
    (void)state;
    for (gh_order_state_t s = 0; s < GH_ORDER_STATES; s++) {
        order.state = s;
        bool moves = s == GH_ORDER_PENDING || s == GH_ORDER_CONFIRMED;
        assert_int_equal(decide(), moves ? GH_E_NONE : GH_E_RESCHEDULE_STATUS);
    }
}

static void
br89_an_overdue_order_is_over(void **state)
{
    (void)state;
    order.state = GH_ORDER_PENDING;
    order.payment = GH_PAY_PENDING;
    order.payable_since_us = NOW - MIN(30) + 1;
    assert_int_equal(decide(), GH_E_NONE);
    order.payable_since_us = NOW - MIN(30);
    assert_int_equal(decide(), GH_E_RESCHEDULE_STATUS);
}

static void
br89_payment_pending_or_paid(void **state)
{
    (void)state;
    for (gh_pay_state_t s = 0; s < GH_PAY_STATES; s++) {
        order.payment = s;
        bool moves = s == GH_PAY_PENDING || s == GH_PAY_PAID;
        assert_int_equal(decide(), moves ? GH_E_NONE : GH_E_RESCHEDULE_PAYMENT_STATUS);
    }
}

static void
br89_before_the_present_place_begins(void **state)
{
    (void)state;
    order.starts_us = NOW + 1;
    assert_int_equal(decide(), GH_E_NONE); /* no deadline of hours on the code surface */
    order.starts_us = NOW;
    assert_int_equal(decide(), GH_E_RESCHEDULE_STARTED);
}

static void
br90_the_target_is_another_session_of_the_same_kind(void **state)
{
    (void)state;
    wish.session = NULL;
    assert_int_equal(decide(), GH_E_RESCHEDULE_TARGET_NOT_FOUND);
    wish.session = &target;
    target.id = order.schedule_id;
    assert_int_equal(decide(), GH_E_RESCHEDULE_TARGET_SAME);
    target.id++;
    target.doctor_id++;
    assert_int_equal(decide(), GH_E_RESCHEDULE_TARGET_DOCTOR);
    target.doctor_id--;
    target.clinic_id++;
    assert_int_equal(decide(), GH_E_RESCHEDULE_TARGET_CLINIC);
    target.clinic_id--;
    order.slot_type = GH_STR("专家");
    assert_int_equal(decide(), GH_E_RESCHEDULE_TARGET_SLOT_TYPE);
}

static void
br90_the_target_is_open_and_has_places(void **state)
{
    (void)state;
    target.open = false;
    assert_int_equal(decide(), GH_E_SESSION_SUSPENDED);
    target.open = true;
    target.remaining = 0;
    assert_int_equal(decide(), GH_E_RESCHEDULE_TARGET_FULL);
    target.starts_us = NOW;
    assert_int_equal(decide(), GH_E_RESCHEDULE_TARGET_STARTED);
    target.starts_us = NOW + 1;
    target.remaining = 1;
    assert_int_equal(decide(), GH_E_NONE);
}

static void
br91_a_paid_order_keeps_its_price(void **state)
{
    (void)state;
    target.list_price = 5001; /* 40.01 */
    assert_int_equal(decide(), GH_E_RESCHEDULE_PRICE_DIFFERS);
    target.list_price = 4999; /* 39.99 */
    assert_int_equal(decide(), GH_E_RESCHEDULE_PRICE_DIFFERS);
    order.payment = GH_PAY_PENDING;
    gh_move_verdict_t v = gh_move_decide(&who, &order, &wish, MOVES, &facts);
    assert_int_equal(v.err, GH_E_NONE);
    assert_int_equal(v.fee.price, 3999);
    assert_int_equal(v.fee.payment, GH_PAY_PENDING);
    assert_true(v.fee.rebill);
}

static void
the_day_obeys_the_rules_of_booking_br76_br77(void **state)
{
    (void)state;
    target.day = TODAY + 15;
    assert_int_equal(decide(), GH_E_BEYOND_BOOKING_WINDOW);
    target.day = TODAY;
    facts.now_minute = 8 * 60;
    assert_int_equal(decide(), GH_E_SAME_DAY_CLOSED);
}

static void
other_orders_of_the_patient_count_br74_br75_r88(void **state)
{
    (void)state;
    facts.n_orders = 1;
    orders[0] = (gh_patient_order_t){.id = 9,
                                     .schedule_id = target.id,
                                     .starts_us = target.ends_us,
                                     .ends_us = target.ends_us + 1,
                                     .day = TODAY + 4,
                                     .state = GH_ORDER_CONFIRMED};
    assert_int_equal(decide(), GH_E_DUPLICATE_BOOKING);
    orders[0].schedule_id++;
    assert_int_equal(decide(), GH_E_NONE);
    orders[0].starts_us = target.starts_us;
    assert_int_equal(decide(), GH_E_PATIENT_CONFLICT);
    orders[0].starts_us = target.ends_us;
    rules.max_per_period = 1; /* besides the order itself */
    assert_int_equal(decide(), GH_E_BOOKING_LIMIT);
}

static void
r91_banned_is_refused(void **state)
{
    (void)state;
    who.banned = true;
    assert_int_equal(decide(), GH_E_BOOKING_SUSPENDED);
}

static void
r94_deadline_binds_patients(void **state)
{
    (void)state;
    order.starts_us = NOW + HOUR(2);
    assert_int_equal(decide(), GH_E_CANCEL_TOO_LATE);
    order.starts_us++;
    assert_int_equal(decide(), GH_E_NONE);
    order.starts_us = NOW - HOUR(1); /* staff help one who came too late */
    who.by = GH_BY_STAFF;
    assert_int_equal(decide(), GH_E_NONE);
}

static void
r97_limit_binds_patients(void **state)
{
    (void)state;
    order.moves = MOVES - 1;
    assert_int_equal(decide(), GH_E_NONE);
    order.moves = MOVES;
    assert_int_equal(decide(), GH_E_RESCHEDULE_LIMIT);
    who.by = GH_BY_STAFF;
    assert_int_equal(decide(), GH_E_NONE);
}

static void
r101_override_skips_six_rules_and_needs_the_permission(void **state)
{
    (void)state;
    order.moves = MOVES;
    order.starts_us = NOW;
    target.day = TODAY + 30;
    who.banned = who.wants_override = true;
    assert_int_equal(decide(), GH_E_FORBIDDEN);
    who.may_override = true;
    assert_int_equal(decide(), GH_E_NONE);
    target.remaining = 0; /* R-82 is never skipped */
    assert_int_equal(decide(), GH_E_SLOT_FULL);
    target.remaining = 1;
    facts.n_orders = 1; /* R-88 neither */
    orders[0] = (gh_patient_order_t){
        .id = 9, .starts_us = target.starts_us, .ends_us = target.ends_us, .state = GH_ORDER_CONFIRMED};
    assert_int_equal(decide(), GH_E_PATIENT_CONFLICT);
}

static void
v1_moves_anywhere(void **state)
{
    (void)state;
    target.doctor_id++;
    target.clinic_id++;
    order.slot_type = GH_STR("专家");
    assert_int_equal(decide(), GH_E_NONE);
    wish.place = (gh_wish_t){.at_us = target.starts_us + MIN(30)};
    assert_int_equal(gh_move_decide(&who, &order, &wish, MOVES, &facts).slot_no, 3);
    wish.place.at_us++;
    assert_int_equal(decide(), GH_E_SLOT_NOT_ALIGNED);
    wish.session = NULL;
    assert_int_equal(decide(), GH_E_SCHEDULE_NOT_FOUND);
    wish.missing = GH_E_DOCTOR_UNAVAILABLE;
    assert_int_equal(decide(), GH_E_DOCTOR_UNAVAILABLE);
}

static void
r96_another_place_of_the_session_costs_what_was_agreed(void **state)
{
    (void)state;
    target.id = order.schedule_id;
    target.list_price = 9900;
    assert_int_equal(gh_slots_take(&slots, 3), 0);
    target.remaining = 15;
    wish.place.slot_no = 4;
    gh_move_verdict_t v = gh_move_decide(&who, &order, &wish, MOVES, &facts);
    assert_int_equal(v.err, GH_E_NONE);
    assert_int_equal(v.slot_no, 4);
    assert_int_equal(v.fee.price, 4000);
    assert_int_equal(v.rate, 8000);
    assert_false(v.fee.rebill);
}

static void
a_move_to_where_the_order_is_changes_nothing(void **state)
{
    (void)state;
    target.id = order.schedule_id;
    target.starts_us = order.starts_us - MIN(30);
    wish.place.slot_no = 3;
    assert_true(gh_move_decide(&who, &order, &wish, MOVES, &facts).stays);
    wish.place.slot_no = 0;
    assert_true(gh_move_decide(&who, &order, &wish, MOVES, &facts).stays);
    wish.place = (gh_wish_t){.at_us = order.starts_us};
    assert_true(gh_move_decide(&who, &order, &wish, MOVES, &facts).stays);
    wish.place = (gh_wish_t){.at_us = order.ends_us - 1, .down = true}; /* */
    assert_true(gh_move_decide(&who, &order, &wish, MOVES, &facts).stays);
    wish.place = (gh_wish_t){.at_us = order.ends_us, .down = true};
    assert_false(gh_move_decide(&who, &order, &wish, MOVES, &facts).stays);
}

static void
r96_fee_differences(void **state)
{
    (void)state;
    static const struct {
        gh_order_state_t state;
        gh_pay_state_t payment;
        int64_t before, after;
        gh_order_state_t then;
        gh_pay_state_t paid;
        int64_t refund;
        bool rebill;
    } rows[] = {
        {GH_ORDER_PENDING, GH_PAY_PENDING, 4000, 4000, GH_ORDER_PENDING, GH_PAY_PENDING, 0, false},
        {GH_ORDER_PENDING, GH_PAY_PENDING, 4000, 8000, GH_ORDER_PENDING, GH_PAY_PENDING, 0, true},
        {GH_ORDER_PENDING, GH_PAY_PENDING, 4000, 0, GH_ORDER_CONFIRMED, GH_PAY_PAID, 0, true},
        {GH_ORDER_CONFIRMED, GH_PAY_PENDING, 4000, 3000, GH_ORDER_CONFIRMED, GH_PAY_PENDING, 0, true},
        {GH_ORDER_CONFIRMED, GH_PAY_PAID, 4000, 4000, GH_ORDER_CONFIRMED, GH_PAY_PAID, 0, false},
        {GH_ORDER_CONFIRMED, GH_PAY_PAID, 4000, 4001, GH_ORDER_CONFIRMED, GH_PAY_PAID, 0, true},
        {GH_ORDER_CONFIRMED, GH_PAY_PAID, 4000, 3999, GH_ORDER_CONFIRMED, GH_PAY_PAID, 1, true},
        {GH_ORDER_CONFIRMED, GH_PAY_PAID, 4000, 0, GH_ORDER_CONFIRMED, GH_PAY_PAID, 4000, true},
        {GH_ORDER_CONFIRMED, GH_PAY_PAID, 0, 4000, GH_ORDER_CONFIRMED, GH_PAY_PENDING, 0, true},
    };
    for (size_t i = 0; i < GH_COUNT(rows); i++) {
        order.state = rows[i].state;
        order.payment = rows[i].payment;
        order.price = rows[i].before;
        order.billed = rows[i].before > 0;
        gh_move_fee_t fee = gh_r96_fee(&order, rows[i].after);
        assert_int_equal(fee.state, rows[i].then);
        assert_int_equal(fee.payment, rows[i].paid);
        assert_int_equal(fee.price, rows[i].after);
        assert_int_equal(fee.refund, rows[i].refund);
        assert_int_equal(fee.rebill, rows[i].rebill);
    }
    order.price = 0; /* all was given back by a move before: what is lacking is a further bill */
    order.billed = true;
    assert_int_equal(gh_r96_fee(&order, 4000).payment, GH_PAY_PAID);
}

#define CODE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define V1(f)   cmocka_unit_test_setup_teardown(f, setup_v1, teardown)
int
main(void)
{
    const struct CMUnitTest tests[] = {
        CODE(br92_the_order_takes_the_lowest_place_and_keeps_its_state),
        CODE(br89_only_who_placed_it_or_the_patient),
        CODE(br89_r93_only_active_orders),
        CODE(br89_an_overdue_order_is_over),
        CODE(br89_payment_pending_or_paid),
        CODE(br89_before_the_present_place_begins),
        CODE(br90_the_target_is_another_session_of_the_same_kind),
        CODE(br90_the_target_is_open_and_has_places),
        CODE(br91_a_paid_order_keeps_its_price),
        CODE(the_day_obeys_the_rules_of_booking_br76_br77),
        CODE(other_orders_of_the_patient_count_br74_br75_r88),
        CODE(r91_banned_is_refused),
        V1(r94_deadline_binds_patients),
        V1(r97_limit_binds_patients),
        V1(r101_override_skips_six_rules_and_needs_the_permission),
        V1(v1_moves_anywhere),
        V1(r96_another_place_of_the_session_costs_what_was_agreed),
        V1(a_move_to_where_the_order_is_changes_nothing),
        CODE(r96_fee_differences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
