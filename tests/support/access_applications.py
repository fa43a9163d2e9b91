"""Rows of the access table about applications (api/05, api/08 sections 8.4 to 8.7): the doctor of the table heads his department, and
each call has an application of its own."""

import datetime as dt

from .applications import Office, next_monday, week
from .hospital import today

ADMIN, DOCTORS, HEADS = "nffffffy", "nffyyfff", "nffyffff"


def prepare(world):
    world.h.run("update doctors set is_department_head = true where id = %s", world.h.doctor)
    world.office = Office(world.house)
    world.days = 100


def _day(world):
    """A day that no leave of this world has."""
    world.days += 1
    return today() + dt.timedelta(days=world.days)


def known(world):
    """What paths may name: a pending application of the doctor's."""
    o, h = world.office, world.h
    return {"schedule_audit": lambda: o.plan(o.clinic(), next_monday(), week(d0_0=o.doctor()[0]), by=h.doctor),
            "leave_audit": lambda: o.leave(h.doctor, _day(world)),
            "add_slot_audit": lambda: o.add_slot(world.session(), h.patient()[0])}


def _change(world):
    return {"json": {"clinicId": world.h.clinic,
                     "changes": [{"date": str(next_monday()), "shift": "night", "doctorId": world.h.doctor}]}}


COMMENT = {"json": {"comment": "资料不齐，请补充后再提交"}}
WEEK = {"params": {"year": 2026, "month": 3}}


def _cell(world):
    day = next_monday().isoformat()
    return {"params": {"clinicId": world.h.clinic, "startDate": day, "date": day, "shift": "night"}}


ROWS = [
    ("audit.list_schedule_audits", "GET", "/audit/schedule", ADMIN, None),
    ("audit.get_schedule_audit", "GET", "/audit/schedule/{schedule_audit}", ADMIN, None),
    ("audit.approve_schedule_audit", "POST", "/audit/schedule/{schedule_audit}/approve", ADMIN, None),
    ("audit.reject_schedule_audit", "POST", "/audit/schedule/{schedule_audit}/reject", ADMIN, None),
    ("audit.list_leave_audits", "GET", "/audit/leave", ADMIN, None),
    ("audit.get_leave_audit", "GET", "/audit/leave/{leave_audit}", ADMIN, None),
    ("audit.approve_leave_audit", "POST", "/audit/leave/{leave_audit}/approve", ADMIN, None),
    ("audit.reject_leave_audit", "POST", "/audit/leave/{leave_audit}/reject", ADMIN, None),
    ("audit.list_add_slot_audits", "GET", "/audit/add-slot", ADMIN, None),
    ("audit.approve_add_slot_audit", "POST", "/audit/add-slot/{add_slot_audit}/approve", ADMIN, None),
    ("audit.reject_add_slot_audit", "POST", "/audit/add-slot/{add_slot_audit}/reject", ADMIN, None),

    # an administrator adds a place to any session, a doctor asks for one of his own
    ("audit.add_slot", "POST", "/doctor/schedules/add-slot", "nffyfffy",
     lambda w: {"json": {"schedule_id": w.session(), "patient_id": w.patient, "slot_type": "普通"}}),

    # doctors, each for himself; another's application is not his to withdraw
    ("audit.list_own_add_slots", "GET", "/doctor/schedules/add-slot", DOCTORS, None),
    ("audit.cancel_add_slot", "POST", "/doctor/schedules/add-slot/{add_slot_audit}/cancel", "nffyffff", None),
    ("audit.get_leave_calendar", "GET", "/doctor/leave/schedule", DOCTORS, lambda w: WEEK),
    ("audit.apply_leave", "POST", "/doctor/leave/apply", DOCTORS,
     lambda w: {"json": {"date": str(_day(w)), "shift": "full", "reason": "学术会议"}}),
    ("audit.list_own_leave", "GET", "/doctor/leave/history", DOCTORS, None),

    # time off on /api/v1: own, or an administrator's; front desk staff keep sessions of their department, not leave (AV-06)
    ("audit.v1_request_time_off", "POST", "/api/v1/doctors/{doctor}/time-off", "nffyfffy",
     lambda w: (lambda day: {"json": {"from": day, "to": day}})(str(_day(w)))),

    # heads of department; doctor2 heads none
    ("audit.get_approval_stats", "GET", "/doctor/approval/stats", HEADS, None),
    ("audit.list_department_leave", "GET", "/doctor/leave/audit", HEADS, None),
    ("audit.get_department_leave", "GET", "/doctor/leave/audit/{leave_audit}", HEADS, None),
    ("audit.approve_department_leave", "POST", "/doctor/leave/audit/{leave_audit}/approve", HEADS, None),
    ("audit.reject_department_leave", "POST", "/doctor/leave/audit/{leave_audit}/reject", HEADS, lambda w: COMMENT),
    ("audit.list_department_clinics", "GET", "/doctor/schedule/clinics", HEADS, None),
    ("audit.get_clinic_week", "GET", "/doctor/schedule/list", HEADS, _cell),
    ("audit.list_available_doctors", "GET", "/doctor/schedule/available-doctors", HEADS, _cell),
    ("audit.submit_schedule_change", "POST", "/doctor/schedule/submit-change", HEADS, _change),
]
