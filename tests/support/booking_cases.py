"""Refusals of booking, one case a rule: how to bring it about, who asks for what, and what each surface calls it.

A case function gets a Hospital and gives an Ask. Expected refusals: `row` is the row of the error table that the worker
names; `code` the number of the {code, message} surface; `v1` (status, code); `hb` the status on Heartbeat. A surface that
is None cannot meet the case.
"""

import dataclasses
import datetime as dt

from .hospital import at, now, today, ts

CASES = []


@dataclasses.dataclass
class Ask:
    user: int
    patient: int = None      # None: left out (code surface: it must be given)
    session: int = None
    doctor: int = None
    moment: dt.datetime = None
    extra: dict = dataclasses.field(default_factory=dict)


def code_body(h, ask):
    return {"scheduleId": ask.session, "hospitalId": h.area, "departmentId": h.dept, "patientId": ask.patient, **ask.extra}


def v1_body(h, ask):
    body = dict(ask.extra)
    if ask.session is not None:
        body["schedule_id"] = ask.session
    else:
        body.update(doctor_id=ask.doctor, start_time=ts(ask.moment))
    if ask.patient is not None:
        body["patient_id"] = ask.patient
    return body


def hb_body(h, ask):
    body = {"doctor_id": ask.doctor, "date_time": ts(ask.moment), **ask.extra}
    if ask.patient is not None:
        body["patient_id"] = ask.patient
    return body


def case(row, code=None, v1=None, hb=None, rows=None):
    """rows: the row on a surface where it is another one."""
    def add(make):
        CASES.append((make.__name__, make, {"row": row, "code": code, "v1": v1, "hb": hb, **(rows or {})}))
        return make
    return add


def _free(h, days=3, **kw):
    """A patient, a free session of a doctor of its own, and its first moment."""
    pid, uid = h.patient()
    doctor = h.extra_doctor()
    day = today() + dt.timedelta(days=days)
    session = h.session(day, doctor=doctor, clinic=kw.pop("clinic", None) or _clinic(h), **kw)
    return Ask(uid, pid, session, doctor, at(day, "08:00"))


def _clinic(h):
    return h.one("insert into clinics (area_id, minor_dept_id, name) values (%s, %s, '诊室') returning id", h.area, h.dept)


def _order(h, pid, session, day, state="confirmed", slot=1):
    h.serial += 1
    h.run("insert into registration_orders (order_no, patient_id, doctor_id, schedule_id, slot_no, slot_date, time_section, "
          "slot_type, starts_at, ends_at, list_price, price, status, payment_status, channel, created_at, updated_at) "
          "select %s, %s, s.doctor_id, s.id, %s, %s, s.time_section, s.slot_type, s.starts_at, s.starts_at + interval '15 min', "
          "0, 0, %s, 'paid', 'v1', now(), now() from schedules s where s.id = %s",
          f"t{h.serial}", pid, slot, day, state, session)
    h.run("update schedules set remaining_slots = remaining_slots - 1 where id = %s", session)


@case("SCHEDULE_NOT_FOUND", code=106, v1=(404, "SCHEDULE_NOT_FOUND"))
def session_is_unknown(h):
    pid, uid = h.patient()
    return Ask(uid, pid, 99999999)


@case("DOCTOR_NOT_FOUND", v1=(404, "NOT_FOUND"), hb=404)
def doctor_is_unknown(h):
    pid, uid = h.patient()
    return Ask(uid, pid, None, 99999999, at(today() + dt.timedelta(days=3), "08:00"))


@case("PATIENT_NOT_FOUND", code=106, v1=(404, "NOT_FOUND"), hb=404)
def patient_is_unknown(h):
    ask = _free(h)
    ask.patient = 99999999
    return ask


@case("BOOKING_PATIENT_FORBIDDEN", code=102, v1=(403, "NOT_OWNER"), hb=403)
def patient_is_a_stranger(h):
    ask = _free(h)
    ask.patient = h.patient()[0]
    return ask


@case("PATIENT_NOT_BOUND", code=106, v1=(404, "PROFILE_NOT_FOUND"), hb=404,
      rows={"v1_row": "PROFILE_NOT_FOUND", "hb_row": "PATIENT_NOT_FOUND"})
def caller_has_no_patient_record(h):
    ask = _free(h)
    ask.user = h.user(roles=["PATIENT"])
    ask.patient = None
    return ask


@case("BOOKING_SUSPENDED", code=102, v1=(403, "BOOKING_SUSPENDED"), hb=403)
def caller_is_banned(h):
    ask = _free(h)
    h.run("insert into user_bans (user_id, ban_type) values (%s, 'register')", ask.user)
    return ask


@case("SESSION_SUSPENDED", code=99, v1=(409, "SESSION_SUSPENDED"), hb=409, rows={"hb_row": "DOCTOR_UNAVAILABLE"})
def session_is_suspended(h):
    return _free(h, status="停诊")


@case("SESSION_SUSPENDED", code=99, v1=(409, "SESSION_SUSPENDED"), hb=409, rows={"hb_row": "DOCTOR_UNAVAILABLE"})
def doctor_is_not_active(h):
    ask = _free(h)
    h.run("update doctors set status = 'INACTIVE' where id = %s", ask.doctor)
    return ask


@case("APPOINTMENT_IN_PAST", code=99, v1=(422, "APPOINTMENT_IN_PAST"), hb=409)
def session_is_over(h):
    return _free(h, days=-1)


@case("BEYOND_BOOKING_WINDOW", code=99, v1=(422, "BEYOND_BOOKING_WINDOW"), hb=409)
def date_is_beyond_the_window(h):
    return _free(h, days=15)


@case("SAME_DAY_CLOSED", code=99, v1=(409, "SAME_DAY_CLOSED"), hb=409)
def same_day_deadline_has_passed(h):
    h.setting("registration", '{"sameDayDeadline": "00:00"}')
    start = now().replace(second=0, microsecond=0) + dt.timedelta(minutes=3)
    if start.date() != today():
        start = at(today(), "23:58")
    ask = _free(h, days=0, starts=start, ends=start + dt.timedelta(minutes=1), minutes=1, places=1)
    ask.moment = start
    return ask


@case("SLOT_FULL", code=1001, v1=(409, "SLOT_FULL"), hb=409, rows={"hb_row": "SLOT_TAKEN"})
def session_is_full(h):
    ask = _free(h, places=1, minutes=240)
    _order(h, h.patient()[0], ask.session, ask.moment.date())
    return ask


@case("SLOT_TAKEN", v1=(409, "SLOT_TAKEN"), hb=409)
def named_slot_is_taken(h):
    ask = _free(h)
    _order(h, h.patient()[0], ask.session, ask.moment.date())
    ask.session = None
    return ask


@case("DUPLICATE_BOOKING", code=1002, v1=(409, "DUPLICATE_BOOKING"), hb=409)
def patient_has_a_booking_of_the_session(h):
    ask = _free(h)
    _order(h, ask.patient, ask.session, ask.moment.date(), slot=16)
    return ask


@case("PATIENT_CONFLICT", code=99, v1=(409, "PATIENT_CONFLICT"), hb=409)
def patient_is_elsewhere_at_that_time(h):
    ask = _free(h)
    other = _free(h)
    _order(h, ask.patient, other.session, other.moment.date())
    return ask


@case("BOOKING_LIMIT", code=1003, v1=(409, "BOOKING_LIMIT"), hb=409)
def patient_has_reached_the_limit(h):
    h.setting("registration", '{"maxAppointmentsPerPeriod": 1, "appointmentPeriodDays": 8}')
    ask, other = _free(h), _free(h, days=5)
    _order(h, ask.patient, other.session, other.moment.date())
    return ask


@case("NO_SHOW_LIMIT", code=99, v1=(403, "BOOKING_SUSPENDED"), hb=403)
def patient_missed_too_many(h):
    ask = _free(h)
    for days in (-3, -4, -5):
        other = _free(h, days=days)
        _order(h, ask.patient, other.session, other.moment.date(), "no_show")
    return ask


@case("DEPARTMENT_INTERVAL", code=99, v1=(409, "DEPARTMENT_INTERVAL"), hb=409)
def department_again_too_soon(h):
    h.setting("appointment.department_interval", "true")
    ask, other = _free(h, days=3), _free(h, days=9)
    _order(h, ask.patient, other.session, other.moment.date())
    return ask


@case("SCHEDULE_MISMATCH", code=99)
def area_contradicts_in_strict_mode(h):
    h.setting("appointment.strict_session", "true")
    ask = _free(h)
    ask.extra = {"hospitalId": h.area + 1}
    return ask


@case("SCHEDULE_MISMATCH", code=99)
def department_contradicts_in_strict_mode(h):
    h.setting("appointment.strict_session", "true")
    ask = _free(h)
    ask.extra = {"departmentId": h.dept + 1000}
    return ask


@case("SLOT_NOT_ALIGNED", v1=(422, "SLOT_NOT_ALIGNED"))
def time_is_not_a_slot_start(h):
    ask = _free(h)
    ask.session, ask.moment = None, ask.moment + dt.timedelta(minutes=1)
    return ask


@case("DOCTOR_UNAVAILABLE", v1=(409, "DOCTOR_UNAVAILABLE"), hb=409)
def doctor_has_no_session_then(h):
    ask = _free(h)
    ask.session, ask.moment = None, ask.moment - dt.timedelta(minutes=1)
    return ask


@case("APPOINTMENT_IN_PAST", v1=(422, "APPOINTMENT_IN_PAST"), hb=409)
def time_is_over_and_no_session_was_then(h):
    ask = _free(h)
    ask.session, ask.moment = None, at(today() - dt.timedelta(days=400), "08:00")
    return ask


@case("VALIDATION_FAILED", v1=(422, "VALIDATION_FAILED"))
def session_of_another_doctor(h):
    ask = _free(h)
    ask.extra = {"doctor_id": h.extra_doctor()}
    return ask


@case("FORBIDDEN", v1=(403, "FORBIDDEN"))
def override_without_permission(h):
    ask = _free(h)
    ask.extra = {"override": True}
    return ask


@case("VALIDATION_FAILED", v1=(422, "VALIDATION_FAILED"), hb=422)
def staff_names_no_patient(h):
    ask = _free(h)
    ask.user, ask.patient = h.staff, None
    return ask


@case("NOT_ASSIGNED", v1=(403, "NOT_ASSIGNED"), hb=403)
def doctor_books_for_a_stranger(h):
    ask = _free(h)
    ask.user = h.doctor_user
    return ask
