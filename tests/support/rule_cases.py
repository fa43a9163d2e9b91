"""BR-72 to BR-104 and R-81 to R-104, rule by rule: how to break one, and what each surface says then, word for word.

A row is Rule(numbers, make, code, v1, hb). make(h) gives {surface: Call}: who asks for what. Expected: code (number, text), v1 (status, code,
text), hb (status, text); a surface that is None does not have the rule. SHOWN names the tests of rules that refuse nothing.
"""

import dataclasses
import datetime as dt

from . import booking_cases as bc
from .hospital import now

FORBIDDEN = (403, "Not enough permissions")


@dataclasses.dataclass
class Call:
    user: int
    method: str
    path: str
    body: dict = None


@dataclasses.dataclass
class Rule:
    numbers: str
    make: object
    code: tuple = None
    v1: tuple = None
    hb: tuple = None

    @property
    def name(self):
        return self.numbers.replace(" ", "_") + "-" + self.make.__name__


RULES = []


def rule(numbers, code=None, v1=None, hb=None):
    def add(make):
        RULES.append(Rule(numbers, make, code, v1, hb))
        return make
    return add


def booking(numbers, ask, code=None, v1=None, hb=None):
    """A rule of booking: a case of booking_cases on every surface."""
    def make(h):
        a = ask(h)
        calls = {"v1": Call(a.user, "POST", "/api/v1/appointments", bc.v1_body(h, a))}
        if a.session is not None or a.doctor is None:
            calls["code"] = Call(a.user, "POST", "/patient/appointments", bc.code_body(h, a))
        if a.moment is not None:
            calls["hb"] = Call(a.user, "POST", "/appointment/", bc.hb_body(h, a))
        return calls
    make.__name__ = ask.__name__
    RULES.append(Rule(numbers, make, code, v1, hb))


# ---- booking (BR-72 to BR-81, R-81 to)

def no_patient_record(h):
    ask = bc.caller_has_no_patient_record(h)
    ask.patient = h.patient()[0]
    return ask


booking("BR-72", no_patient_record, code=(106, "当前用户未绑定患者信息"), v1=(403, "NOT_OWNER", "Not a patient one may book for"), hb=FORBIDDEN)
booking("BR-72 R-92", bc.patient_is_a_stranger, code=(102, "无权为该患者预约"),
        v1=(403, "NOT_OWNER", "Not a patient one may book for"), hb=FORBIDDEN)
booking("BR-73 R-82", bc.session_is_full, code=(1001, "该时段号源已满"), v1=(409, "SLOT_FULL", "The session is full"),
        hb=(409, "The slot is taken"))
booking("R-82", bc.named_slot_is_taken, v1=(409, "SLOT_TAKEN", "The slot is taken"), hb=(409, "The slot is taken"))
booking("BR-74 R-89", bc.patient_has_a_booking_of_the_session, code=(1002, "该时段已有预约"),
        v1=(409, "DUPLICATE_BOOKING", "The patient has a booking of this session"), hb=(409, "The patient has a booking of this session"))
booking("BR-75", bc.patient_has_reached_the_limit, code=(1003, "8天内最多可挂1个号"),
        v1=(409, "BOOKING_LIMIT", "At most 1 bookings within 8 days"), hb=(409, "At most 1 bookings within 8 days"))
booking("BR-76 R-86", bc.date_is_beyond_the_window, code=(99, "超出可预约时间范围"),
        v1=(422, "BEYOND_BOOKING_WINDOW", "The date is beyond the booking window"), hb=(409, "The date is beyond the booking window"))
booking("BR-77 R-87", bc.same_day_deadline_has_passed, code=(99, "已超过当日挂号截止时间"),
        v1=(409, "SAME_DAY_CLOSED", "Booking for today has closed"), hb=(409, "Booking for today has closed"))
booking("BR-78 R-91", bc.patient_missed_too_many, code=(99, "爽约次数过多，暂不可挂号"),
        v1=(403, "BOOKING_SUSPENDED", "Too many missed appointments"), hb=FORBIDDEN)
booking("BR-79 R-90", bc.department_again_too_soon, code=(99, "同科室挂号间隔不足"),
        v1=(409, "DEPARTMENT_INTERVAL", "Too soon after the last booking in this department"),
        hb=(409, "Too soon after the last booking in this department"))
booking("BR-80 R-91", bc.caller_is_banned, code=(102, "账号已被限制挂号"),
        v1=(403, "BOOKING_SUSPENDED", "Booking is suspended for this account"), hb=FORBIDDEN)
booking("R-81", bc.session_is_unknown, code=(106, "排班不存在"), v1=(404, "SCHEDULE_NOT_FOUND", None))
booking("BR-81 R-81", bc.session_is_suspended, code=(99, "该排班不可预约"), v1=(409, "SESSION_SUSPENDED", "The session is closed"),
        hb=(409, "The doctor has no session at this time"))
booking("BR-81 R-85", bc.session_is_over, code=(99, "该排班不可预约"), v1=(422, "APPOINTMENT_IN_PAST", "The time has passed"),
        hb=(409, "The time has passed"))
booking("R-83", bc.doctor_has_no_session_then, v1=(409, "DOCTOR_UNAVAILABLE", "The doctor has no session at this time"),
        hb=(409, "The doctor has no session at this time"))
booking("R-84", bc.time_is_not_a_slot_start, v1=(422, "SLOT_NOT_ALIGNED", "The time is not the start of a slot"))
booking("R-88", bc.patient_is_elsewhere_at_that_time, code=(99, "患者在该时间已有其他预约"),
        v1=(409, "PATIENT_CONFLICT", "The patient has another appointment at this time"),
        hb=(409, "The patient has another appointment at this time"))
booking("R-101", bc.override_without_permission, v1=(403, "FORBIDDEN", "Not enough permissions"))


# ---- an order that is there: cancelling, giving up a payment, moving, statuses

def booked(h, days=3, state="confirmed", payment="pending", session=None, price="50.00"):
    """(patient, user, order, session, doctor) of an order in that state."""
    ask = bc._free(h, days=days, price=price) if session is None else session
    bc._order(h, ask.patient, ask.session, ask.moment.date(), state)
    order = h.one("select max(id) from registration_orders")
    h.run("update registration_orders set payment_status = %s, user_id = %s, initiator_user_id = %s, price = 0, list_price = 0 where id = %s",
          payment, ask.user, ask.user, order)
    return ask, order


def tomorrow(h, payment="pending"):
    """An order that is cancelled too late."""
    h.setting("registration", '{"cancelHoursBefore": 48, "sameDayDeadline": "23:59"}')
    return booked(h, days=1, payment=payment)


def cancelled(h):
    ask, order = booked(h, state="cancelled")
    h.run("update schedules set remaining_slots = remaining_slots + 1 where id = %s", ask.session)
    return ask, order


def cancels(order, user, **v1):
    return {"code": Call(user, "PUT", f"/patient/appointments/{order}/cancel"),
            "v1": Call(user, "POST", f"/api/v1/appointments/{order}/cancel", v1 or None),
            "hb": Call(user, "DELETE", f"/appointment/?appointment_id={order}")}


def begun(h, order):
    h.run("update registration_orders set starts_at = %s, ends_at = %s where id = %s", now() - dt.timedelta(minutes=5), now(), order)


@rule("BR-85 R-94", code=(1006, "需在就诊时间前48小时取消,已超时请到医院窗口办理"),
      v1=(409, "CANCEL_TOO_LATE", "It is too late to cancel, 48 h before the visit are needed"),
      hb=(409, "It is too late to cancel, 48 h before the visit are needed"))
def cancelled_too_late(h):
    ask, order = tomorrow(h)
    return cancels(order, ask.user)


@rule("BR-86", code=(102, "无权操作该预约"), v1=(403, "NOT_OWNER", "The appointment is somebody else's"), hb=FORBIDDEN)
def cancelled_by_a_stranger(h):
    _, order = booked(h)
    return cancels(order, h.patient()[1])


@rule("BR-86", code=(106, "预约不存在"), v1=(404, "NOT_FOUND", None), hb=(404, "Appointment not found"))
def cancelled_and_unknown(h):
    return cancels(99999999, h.patient()[1])


@rule("BR-86 R-93 R-95", code=(99, "该预约无法取消"), v1=(409, "INVALID_TRANSITION", "The appointment cannot be cancelled"))
def cancelled_twice(h):
    ask, order = cancelled(h)
    return cancels(order, ask.user)


@rule("R-101", v1=(403, "FORBIDDEN", "Not enough permissions"))
def cancelled_with_an_override_that_is_not_given(h):
    ask, order = booked(h)
    return {"v1": cancels(order, ask.user, override=True)["v1"]}


def pays(order, user):
    return {"code": Call(user, "POST", f"/patient/appointments/{order}/pay", {"method": "wechat"})}


@rule("BR-84", code=(102, "无权支付该订单"))
def paid_by_a_stranger(h):
    return pays(booked(h, state="pending")[1], h.patient()[1])


@rule("BR-84", code=(99, "订单状态不允许支付（当前: paid）"))
def paid_twice(h):
    ask, order = booked(h, payment="paid")
    return pays(order, ask.user)


@rule("BR-84", code=(99, "订单状态错误（当前: confirmed）"))
def paid_when_it_is_confirmed(h):
    ask, order = booked(h)
    return pays(order, ask.user)


@rule("BR-84", code=(99, "订单金额无效"))
def paid_when_it_costs_nothing(h):
    ask, order = booked(h, state="pending")
    return pays(order, ask.user)


@rule("BR-84", code=(106, "订单不存在"))
def paid_and_unknown(h):
    return pays(99999999, h.patient()[1])


def gives_up(order, user):
    return {"code": Call(user, "POST", f"/patient/appointments/{order}/cancel-payment", {})}


@rule("BR-88", code=(99, "订单已取消"))
def payment_given_up_of_a_cancelled_order(h):
    ask, order = cancelled(h)
    return gives_up(order, ask.user)


@rule("BR-88", code=(99, "已完成或未到场的订单不可取消"))
def payment_given_up_of_a_visit(h):
    ask, order = booked(h, state="completed")
    return gives_up(order, ask.user)


@rule("BR-88", code=(99, "已超过取消时间，需到医院办理退号"))
def payment_given_up_too_late(h):
    ask, order = tomorrow(h, payment="paid")
    return gives_up(order, ask.user)


@rule("BR-88", code=(102, "无权取消该订单"))
def payment_given_up_by_a_stranger(h):
    _, order = booked(h)
    return gives_up(order, h.patient()[1])


def moves(h, user, order, session):
    calls = {"code": Call(user, "PUT", f"/patient/appointments/{order}/reschedule", {"scheduleId": session}),
             "v1": Call(user, "POST", f"/api/v1/appointments/{order}/reschedule", {"schedule_id": session})}
    for (moment,) in h.run("select starts_at from schedules where id = %s", session):
        calls["hb"] = Call(user, "PUT", "/appointment/", {"id": order, "date_time": moment.isoformat()})
    return calls


def target(h, ask, days=5, **kw):
    clinic = h.one("select clinic_id from schedules where id = %s", ask.session)
    return h.session(days, **{"doctor": ask.doctor, "clinic": clinic, **kw})


@rule("BR-89", code=(102, "无权改约该订单"), v1=(403, "NOT_OWNER", None), hb=FORBIDDEN)
def moved_by_a_stranger(h):
    ask, order = booked(h)
    return moves(h, h.patient()[1], order, target(h, ask))


@rule("BR-89 R-93", code=(99, "当前状态不可改约"), v1=(409, "INVALID_TRANSITION", None),
      hb=(409, "The present state does not allow a move"))
def moved_after_the_visit(h):
    ask, order = booked(h, state="completed")
    return moves(h, ask.user, order, target(h, ask))


@rule("BR-89", code=(99, "当前支付状态不可改约"))
def moved_while_the_payment_is_refunded(h):
    ask, order = booked(h, payment="refunded")
    return moves(h, ask.user, order, target(h, ask))


@rule("BR-89", code=(99, "已过就诊时间，无法改约"))
def moved_after_the_start(h):
    ask, order = booked(h)
    begun(h, order)
    return moves(h, ask.user, order, target(h, ask))


@rule("BR-90", code=(106, "目标排班不存在"), v1=(404, "SCHEDULE_NOT_FOUND", None))
def moved_to_nowhere(h):
    ask, order = booked(h)
    return moves(h, ask.user, order, 99999999)


@rule("BR-90", code=(99, "请选择不同的排班进行改约"))
def moved_to_where_it_is(h):
    ask, order = booked(h)
    return moves(h, ask.user, order, ask.session)


@rule("BR-90", code=(99, "仅支持同医生改约"))
def moved_to_another_doctor(h):
    ask, order = booked(h)
    return moves(h, ask.user, order, bc._free(h, days=5).session)


@rule("BR-90", code=(99, "仅支持同诊室同号源改约"))
def moved_to_another_clinic(h):
    ask, order = booked(h)
    return moves(h, ask.user, order, target(h, ask, clinic=bc._clinic(h)))


@rule("BR-90", code=(99, "仅支持同号源类型改约"))
def moved_to_another_class(h):
    ask, order = booked(h)
    return moves(h, ask.user, order, target(h, ask, slot_type="专家"))


@rule("BR-90 R-96", code=(99, "目标排班号源不足"), v1=(409, "SLOT_FULL", None),
      hb=(409, "The slot is taken"))
def moved_to_a_full_session(h):
    ask, order = booked(h)
    session = target(h, ask, places=1)
    bc._order(h, h.patient()[0], session, h.one("select date from schedules where id = %s", session))
    return moves(h, ask.user, order, session)


@rule("BR-90 R-85", code=(99, "目标排班已过开始时间，无法改约"), v1=(422, "APPOINTMENT_IN_PAST", None),
      hb=(409, "The time has passed"))
def moved_to_a_session_that_has_begun(h):
    ask, order = booked(h)
    return moves(h, ask.user, order, target(h, ask, days=-1))


@rule("BR-91", code=(99, "已支付订单仅支持同价改约"))
def moved_at_another_price_when_paid(h):
    ask, order = booked(h, payment="paid")
    return moves(h, ask.user, order, target(h, ask, price="80.00"))


@rule("R-94", v1=(409, "CANCEL_TOO_LATE", None), hb=(409, "It is too late to cancel, 48 h before the visit are needed"))
def moved_too_late(h):
    ask, order = tomorrow(h)
    return moves(h, ask.user, order, target(h, ask))


@rule("R-97", v1=(409, "RESCHEDULE_LIMIT", "The appointment was moved too often"), hb=(409, "The appointment was moved too often"))
def moved_too_often(h):
    ask, order = booked(h)
    h.setting("appointment.max_reschedules", "1")
    h.run("update registration_orders set reschedule_count = 1 where id = %s", order)
    h.run("insert into appointment_history (order_id, at, by_user, action) values (%s, now(), %s, 'rescheduled')", order, ask.user)
    return moves(h, ask.user, order, target(h, ask))


@rule("BR-95", code=(102, "无权查看该预约"), v1=(403, "NOT_OWNER", "This row belongs to somebody else"), hb=FORBIDDEN)
def read_by_a_stranger(h):
    _, order = booked(h)
    user = h.patient()[1]
    return {"code": Call(user, "GET", f"/patient/appointments/{order}"), "v1": Call(user, "GET", f"/api/v1/appointments/{order}"),
            "hb": Call(user, "GET", f"/appointment/by_id/{order}")}


# ---- the waitlist (code surface only)

def joins(h, session, user, patient):
    return {"code": Call(user, "POST", "/patient/waitlist", {"scheduleId": session, "patientId": patient})}


def full(h):
    ask = bc._free(h, places=1)
    bc._order(h, h.patient()[0], ask.session, ask.moment.date())
    return ask


def waiting(h, session=None):
    """(entry, ask) of somebody who waits for a full session."""
    ask = full(h)
    h.serial += 1
    entry = h.one("insert into registration_orders (order_no, patient_id, user_id, initiator_user_id, doctor_id, schedule_id, slot_date, "
                  "time_section, slot_type, starts_at, ends_at, list_price, price, status, payment_status, source_type, channel, created_at, "
                  "updated_at) select %s, %s, %s, %s, s.doctor_id, s.id, s.date, s.time_section, s.slot_type, s.starts_at, s.ends_at, 50, 50, "
                  "'waitlist', 'pending', 'waitlist', 'bjtu', now(), now() from schedules s where s.id = %s returning id",
                  f"w{h.serial}", ask.patient, ask.user, ask.user, ask.session)
    return entry, ask


def left(h):
    """(entry, ask) of somebody who does not wait any more."""
    entry, ask = waiting(h)
    h.run("update registration_orders set status = 'cancelled' where id = %s", entry)
    return entry, ask


@rule("BR-96", code=(102, "无权为该患者候补"))
def waits_for_a_stranger(h):
    ask = full(h)
    return joins(h, ask.session, ask.user, h.patient()[0])


@rule("BR-96", code=(1005, "该时段有号源，无需候补"))
def waits_while_places_are_free(h):
    ask = bc._free(h)
    return joins(h, ask.session, ask.user, ask.patient)


@rule("BR-96", code=(1006, "已在候补队列中"))
def waits_twice(h):
    _, ask = waiting(h)
    return joins(h, ask.session, ask.user, ask.patient)


@rule("BR-80", code=(102, "账号已被限制挂号"))
def waits_while_banned(h):
    ask = full(h)
    h.run("insert into user_bans (user_id, ban_type) values (%s, 'all')", ask.user)
    return joins(h, ask.session, ask.user, ask.patient)


def converts(entry, user):
    return {"code": Call(user, "POST", f"/patient/waitlist/{entry}/convert", {})}


@rule("BR-100", code=(102, "无权操作该候补记录"))
def converted_by_a_stranger(h):
    return converts(waiting(h)[0], h.patient()[1])


@rule("BR-100", code=(99, "当前状态不可转预约"))
def converted_after_leaving(h):
    entry, ask = left(h)
    return converts(entry, ask.user)


@rule("BR-100", code=(1008, "候补转预约失败，号源不足"))
def converted_while_full(h):
    entry, ask = waiting(h)
    return converts(entry, ask.user)


def leaves(entry, user):
    return {"code": Call(user, "DELETE", f"/patient/waitlist/{entry}")}


@rule("BR-103", code=(102, "无权取消该候补"))
def left_by_a_stranger(h):
    return leaves(waiting(h)[0], h.patient()[1])


@rule("BR-103", code=(99, "当前状态不可取消"))
def left_twice(h):
    entry, ask = left(h)
    return leaves(entry, ask.user)


@rule("BR-103", code=(106, "候补记录不存在"))
def left_and_unknown(h):
    return leaves(99999999, h.patient()[1])


# ---- statuses (/api/v1, Heartbeat)

def status(order, user, **body):
    calls = {"v1": Call(user, "POST", f"/api/v1/appointments/{order}/status", body)}
    if "status" in body:
        calls["hb"] = Call(user, "PUT", "/appointment/", {"id": order, **body})
    return calls


STATE = (409, "INVALID_TRANSITION", "The present state does not allow this")


@rule("R-98", v1=STATE, hb=(409, "The present state does not allow this"))
def completed_after_it_was_missed(h):
    _, order = booked(h, state="no_show")
    return status(order, h.staff, status="COMPLETED")


@rule("R-98", v1=STATE)
def missed_after_it_was_completed(h):
    _, order = booked(h, state="completed")
    return status(order, h.staff, fhir_status="noshow")


@rule("R-98", v1=STATE)
def checked_in_before_it_is_confirmed(h):
    _, order = booked(h, state="pending")
    return {"v1": Call(h.staff, "POST", f"/api/v1/appointments/{order}/check-in")}


@rule("R-99", v1=(403, "NOT_OWNER", "This row belongs to somebody else"), hb=FORBIDDEN)
def completed_by_another_doctor(h):
    _, order = booked(h)
    return status(order, h.doctor2_user, status="COMPLETED")


@rule("R-100", v1=STATE, hb=(409, "The present state does not allow this"))
def completed_before_the_start_when_that_is_enforced(h):
    h.setting("appointment.enforce_start_before_complete", "true")
    _, order = booked(h)
    return status(order, h.staff, status="COMPLETED")


@rule("R-104", v1=STATE)
def missed_before_the_start(h):
    _, order = booked(h)
    return status(order, h.staff, fhir_status="noshow")


# ---- rules that refuse nothing: the tests that show them

SHOWN = {
    "BR-82": ("integration/test_booking_rules.py", "test_code_order_waits_for_payment_with_discount_and_bill"),
    "BR-83": ("integration/test_expire_unpaid.py", "test_only_what_is_overdue_and_unpaid_times_out"),
    "BR-87": ("integration/test_booking_cancel.py", "test_overdue_unpaid_order_becomes_a_timeout"),
    "BR-92": ("api/test_reschedule_code.py", "test_moved"),
    "BR-93": ("integration/test_booking_lists.py", "test_code_can_cancel_obeys_the_doctors_own_hours"),
    "BR-94": ("integration/test_booking_lists.py", "test_code_lists"),
    "BR-97": ("integration/test_waitlist.py", "test_joining_gives_the_place_in_line"),
    "BR-98": ("integration/test_waitlist.py", "test_joining_gives_the_place_in_line"),
    "BR-99": ("integration/test_waitlist.py", "test_a_freed_place_goes_to_the_first_in_line"),
    "BR-101": ("integration/test_waitlist.py", "test_the_price_is_that_of_joining"),
    "BR-102": ("integration/test_waitlist.py", "test_a_time_out_frees_the_place_and_counts_anew"),
    "BR-104": ("integration/test_waitlist.py", "test_the_upkeep_offers_what_is_left_and_ends_what_is_over"),
    "R-102": ("integration/test_booking_cancel.py", "test_batch_of_bookings_and_cancellations_keeps_the_counters"),
    "R-103": ("integration/test_booking_rules.py", "test_code_order_waits_for_payment_with_discount_and_bill"),
}
