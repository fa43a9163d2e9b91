"""AP-12: what AP-01 would say, all of it, and nothing stored (api/24)."""

import datetime as dt

import pytest

from support import booking_cases as bc
from support.hospital import ts
from support.http import data, problem

pytestmark = pytest.mark.usefixtures("default_settings")

# Who may not ask is refused by both; everything else is a reason.
REFUSED = {"NOT_OWNER", "NOT_ASSIGNED", "FORBIDDEN", "NOT_FOUND", "PROFILE_NOT_FOUND", "VALIDATION_FAILED"}


def traces(h):
    return [h.one(f"select count(*) from {t}") for t in ("registration_orders", "bills", "appointment_history")]


def check(house, user, base="/api/v1", **body):
    return house.api(user).post(base + "/appointments/check", body)


@pytest.mark.parametrize("name,make,want", [c for c in bc.CASES if c[2]["v1"]], ids=lambda v: v if isinstance(v, str) else "")
def test_says_what_booking_would_say(house, name, make, want):
    h = house.h
    ask = make(h)
    status, code = want["v1"]
    before = traces(h)
    r = check(house, ask.user, **bc.v1_body(h, ask))
    booked = house.api(ask.user).post("/api/v1/appointments", bc.v1_body(h, ask))
    refusal = problem(booked, code, status)
    if code in REFUSED:
        problem(r, code, status)
    else:
        verdict = data(r)
        assert verdict["bookable"] is False and verdict["slot"] is None
        assert {"code": code, "message": refusal["detail"]} in verdict["reasons"]
        assert verdict["reasons"][0] == {"code": code, "message": refusal["detail"]}
    assert traces(h) == before


def test_names_the_place_that_booking_takes(house):
    h = house.h
    ask = bc._free(h)
    bc._order(h, h.patient()[0], ask.session, ask.moment.date())
    before = traces(h)
    verdict = data(check(house, ask.user, "/api", schedule_id=ask.session))
    assert verdict == {"bookable": True, "reasons": [], "slot": {
        "schedule_id": ask.session, "slot_no": 2, "starts_at": ts(ask.moment + dt.timedelta(minutes=15)),
        "ends_at": ts(ask.moment + dt.timedelta(minutes=30)), "slot_type": "NORMAL", "price": 50.0, "available": True}}
    assert traces(h) == before
    made = data(house.api(ask.user).post("/api/v1/appointments", {"schedule_id": ask.session}), 201)
    assert (made["slot_no"], made["start_time"], made["end_time"]) == (2, verdict["slot"]["starts_at"], verdict["slot"]["ends_at"])
    by_time = data(check(house, h.patient()[1], doctor_id=ask.doctor, start_time=ts(ask.moment + dt.timedelta(minutes=45))))
    assert by_time["slot"]["slot_no"] == 4


def test_lists_every_reason(house):
    h = house.h
    h.setting("registration", '{"advanceBookingDays": 2, "maxAppointmentsPerPeriod": 1, "appointmentPeriodDays": 8, "noShowLimit": 1}')
    h.setting("appointment.department_interval", "true")
    ask = bc._free(h, days=3)
    missed = bc._free(h, days=-3)
    bc._order(h, ask.patient, ask.session, ask.moment.date())
    bc._order(h, ask.patient, missed.session, missed.moment.date(), "no_show")
    h.run("insert into user_bans (user_id, ban_type) values (%s, 'register')", ask.user)
    verdict = data(check(house, ask.user, schedule_id=ask.session, slot_no=1))
    assert verdict["reasons"] == [
        {"code": "BOOKING_SUSPENDED", "message": "Booking is suspended for this account"},
        {"code": "BEYOND_BOOKING_WINDOW", "message": verdict["reasons"][1]["message"]},
        {"code": "SLOT_TAKEN", "message": verdict["reasons"][2]["message"]},
        {"code": "DUPLICATE_BOOKING", "message": verdict["reasons"][3]["message"]},
        {"code": "BOOKING_LIMIT", "message": "At most 1 bookings within 8 days"},
        {"code": "BOOKING_SUSPENDED", "message": "Too many missed appointments"},
        {"code": "DEPARTMENT_INTERVAL", "message": verdict["reasons"][6]["message"]}]
    assert all(r["message"] for r in verdict["reasons"])
    overridden = data(check(house, h.staff, schedule_id=ask.session, patient_id=ask.patient, override=True))
    assert [r["code"] for r in overridden["reasons"]] == ["DUPLICATE_BOOKING", "BOOKING_LIMIT"]


def test_faulty_body(house):
    for body in ({}, {"schedule_id": "x"}, {"doctor_id": 1}, {"schedule_id": 1, "doctor_id": 1, "start_time": "2026-03-12T09:00:00"}):
        problem(house.api(house.h.staff).post("/api/v1/appointments/check", body), "VALIDATION_FAILED", 422)


def test_knows_what_another_worker_has_just_booked(house):
    """Nothing is remembered between two checks: each sees what is committed."""
    h = house.h
    ask = bc._free(h, places=2, minutes=120)
    first, second = h.patient()[1], h.patient()[1]
    assert data(check(house, ask.user, schedule_id=ask.session))["slot"]["slot_no"] == 1
    data(house.api(first).post("/api/v1/appointments", {"schedule_id": ask.session}), 201)
    assert data(check(house, ask.user, schedule_id=ask.session))["slot"]["slot_no"] == 2
    order = data(house.api(second).post("/api/v1/appointments", {"schedule_id": ask.session}), 201)["id"]
    assert data(check(house, ask.user, schedule_id=ask.session))["reasons"][0]["code"] == "SLOT_FULL"
    data(house.api(second).post(f"/api/v1/appointments/{order}/cancel"))
    assert data(check(house, ask.user, schedule_id=ask.session))["slot"]["slot_no"] == 2
    h.check()
