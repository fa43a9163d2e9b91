"""Time off on /api/v1 (AV-06, R-78)."""

import datetime as dt

import pytest

from support import booking_cases as bc
from support import contract, crowd
from support.applications import office    # noqa: F401  (fixture)
from support.hospital import now, today
from support.http import data, message, problem
from support.rush import at_once


def ask(office, user, doctor, first, last=None, **more):    # noqa: F811
    first = first if isinstance(first, dt.date) else today() + dt.timedelta(days=first)
    last = first if last is None else last if isinstance(last, dt.date) else today() + dt.timedelta(days=last)
    return office.api(user).post(f"/api/v1/doctors/{doctor}/time-off", {"from": str(first), "to": str(last), **more})


@pytest.fixture
def doc(office):    # noqa: F811
    """(doctor, account, [sessions of the third and fourth day from now, mornings and afternoons])."""
    doctor, user = office.doctor()
    return doctor, user, [office.h.session(d, s, doctor=doctor, clinic=bc._clinic(office.h)) for d in (3, 4) for s in ("上午", "下午")]


def status(h, sessions):
    return [h.one("select status from schedules where id = %s", s) for s in sessions]


@pytest.mark.parametrize("path", ["{}", "me"])
def test_a_doctors_request_waits_for_approval(office, doc, path):    # noqa: F811
    doctor, user, sessions = doc
    reply = contract.check("audit.v1_request_time_off",
                           data(ask(office, user, path.format(doctor), 3, 4, section="MORNING", reason="会议"), 201))
    row = office.row("leave_audits", reply["id"])
    assert reply == {"id": row["id"], "status": "pending", "sessions": 2, "appointments": 0}
    assert (row["doctor_id"], row["leave_start_date"], row["leave_end_date"], row["shift"], row["reason"], row["status"]) == (
        doctor, today() + dt.timedelta(days=3), today() + dt.timedelta(days=4), "morning", "会议", "pending")
    assert status(office.h, sessions) == ["正常"] * 4
    assert message(office.api(user).get("/doctor/leave/history"))["list"][0]["id"] == str(row["id"])
    message(office.api().post(f"/audit/leave/{row['id']}/approve"))
    assert status(office.h, sessions) == ["停诊", "正常", "停诊", "正常"]


def test_an_administrators_is_approved_at_once(office, doc):    # noqa: F811
    h, (doctor, _, sessions) = office.h, doc
    reply = data(ask(office, None, doctor, 3, 4), 201)
    row = office.row("leave_audits", reply["id"])
    assert reply == {"id": row["id"], "status": "approved", "sessions": 4, "appointments": 0}
    assert (row["shift"], row["status"], row["auditor_user_id"], row["reason"]) == ("full", "approved", h.admin, "")
    assert status(h, sessions) == ["停诊"] * 4
    (entry,) = office.entries("leave_audit", row["id"])
    assert entry[:2] == ("leave_audit.grant", h.admin)


def test_appointments_block_it_unless_they_are_cancelled(office):    # noqa: F811
    h, (doctor, user) = office.h, office.doctor()
    first, last, n = crowd.book_out(h.db, doctor, "7300", days=2, places=3)
    for who in (user, None):
        problem(ask(office, who, doctor, first, last), "DOCTOR_HAS_APPOINTMENTS", 409)
    assert h.one("select count(*) from leave_audits where doctor_id = %s", doctor) == 0
    reply = data(ask(office, user, doctor, first, first, section="AFTERNOON", cancel_appointments=True), 201)
    assert reply["status"] == "pending" and (reply["sessions"], reply["appointments"]) == (1, 3)
    assert h.one("select count(*) from registration_orders where doctor_id = %s and status = 'cancelled'", doctor) == 0
    reply = data(ask(office, None, doctor, last, last, cancel_appointments=True), 201)
    assert reply["status"] == "approved" and (reply["sessions"], reply["appointments"]) == (2, 6)
    done = h.run("select status, payment_status, cancelled_by, count(*) from registration_orders where doctor_id = %s and slot_date = %s "
                 "group by 1, 2, 3 order by 2", doctor, last)
    assert done == [("cancelled", "cancelled", "staff", 3), ("cancelled", "refunded", "staff", 3)]
    message(office.api().post(f"/audit/leave/{h.one('select min(id) from leave_audits where doctor_id = %s', doctor)}/approve"))
    assert h.one("select count(*) from registration_orders where doctor_id = %s and status = 'cancelled'", doctor) == 9
    h.check()


def test_what_does_not_fit(office, doc):    # noqa: F811
    doctor, user, _ = doc
    assert problem(ask(office, user, doctor, 5, 4), "VALIDATION_FAILED", 422)["errors"][0]["field"] == "to"
    assert problem(ask(office, user, doctor, today()), "VALIDATION_FAILED", 422)["errors"][0]["field"] == "from"
    assert problem(ask(office, user, doctor, -2, section="MORNING"), "VALIDATION_FAILED", 422)["errors"][0]["field"] == "from"
    assert problem(ask(office, None, doctor, -2, -1), "VALIDATION_FAILED", 422)["errors"][0]["field"] == "to"
    for body, field in (({"from": "x", "to": "2030-01-01"}, "from"), ({"from": "2030-01-01"}, "to"),
                        ({"from": "2030-01-01", "to": "2030-01-01", "section": "NIGHT"}, "section"),
                        ({"from": "2030-01-01", "to": "2030-01-01", "reason": "长" * 501}, "reason")):
        r = office.api(user).post(f"/api/v1/doctors/{doctor}/time-off", body)
        assert field in [e["field"] for e in problem(r, "VALIDATION_FAILED", 422)["errors"]]
    data(ask(office, user, doctor, 3, 4, section="EVENING"), 201)
    problem(ask(office, user, doctor, 4, 9), "DUPLICATE", 409)
    data(ask(office, user, doctor, 4, 9, section="MORNING"), 201)


def test_an_administrator_may_close_the_rest_of_today(office):    # noqa: F811
    h, (doctor, _) = office.h, office.doctor()
    over = h.session(today(), "上午", doctor=doctor, clinic=bc._clinic(h), starts=now() - dt.timedelta(hours=1), ends=now() - dt.timedelta(seconds=5))
    runs = h.session(today(), "下午", doctor=doctor, clinic=bc._clinic(h), starts=now() - dt.timedelta(seconds=1), ends=now() + dt.timedelta(hours=1))
    assert data(ask(office, None, doctor, today()), 201)["sessions"] == 1
    assert status(h, [over, runs]) == ["正常", "停诊"]


def test_whose_time_it_is(office, doc):    # noqa: F811
    doctor, _, _ = doc
    problem(ask(office, office.h.doctor2_user, doctor, 3), "NOT_OWNER", 403)
    problem(ask(office, office.head_user, doctor, 3), "NOT_OWNER", 403)    # a head approves, and asks for himself
    problem(ask(office, None, 987654321, 3), "NOT_FOUND", 404)
    problem(ask(office, None, "me", 3), "PROFILE_NOT_FOUND", 404)
    problem(ask(office, office.h.staff, doctor, 3), "FORBIDDEN", 403)
    assert office.h.one("select count(*) from leave_audits where doctor_id = %s", doctor) == 0


def test_asked_for_twice_at_once_is_one_request(office, doc):    # noqa: F811
    doctor, user, sessions = doc
    office.api(user), office.api()
    replies = at_once(*[lambda: ask(office, user, doctor, 3)] * 3, *[lambda: ask(office, None, doctor, 3)] * 3)
    assert sorted(r.status_code for r in replies) == [201] + [409] * 5
    for r in replies:
        if r.status_code == 409:
            problem(r, "DUPLICATE", 409)


def test_booked_while_it_is_granted(office, doc):    # noqa: F811
    """Without cancel_appointments: either the booking stands and the time off is refused, or the session was closed before."""
    h = office.h
    for _ in range(4):
        doctor, _ = office.doctor()
        session = h.session(3, doctor=doctor, clinic=bc._clinic(h))
        pid, uid = h.patient()
        office.api(uid)
        off, booked = at_once(lambda: ask(office, None, doctor, 3),
                              lambda: office.api(uid).post("/patient/appointments", {
                                  "scheduleId": session, "hospitalId": h.area, "departmentId": h.dept, "patientId": pid}))
        orders = h.run("select status from registration_orders where schedule_id = %s", session)
        if off.status_code == 201:
            assert status(h, [session]) == ["停诊"] and orders == [] and booked.json()["code"] == 99
        else:
            problem(off, "DOCTOR_HAS_APPOINTMENTS", 409)
            assert status(h, [session]) == ["正常"] and len(orders) == 1 and booked.json()["code"] == 0
    h.check()


def test_a_repeated_key_asks_once(office, doc):    # noqa: F811
    doctor, user, _ = doc
    body = {"from": str(today() + dt.timedelta(days=3)), "to": str(today() + dt.timedelta(days=3))}
    first, second = (data(office.api(user).post("/api/v1/doctors/me/time-off", body, headers={"Idempotency-Key": f"off-{doctor}"}), 201)
                     for _ in range(2))
    assert first == second
