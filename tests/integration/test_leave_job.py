"""Approved leave with more appointments than one transaction takes: the sessions close at once, a durable job deals with the rest,
with progress, once, whoever dies (workers/audit/leave_close.h)."""

import datetime as dt

import pytest

from support import crowd
from support.applications import Office
from support.hospital import now
from support.house import House
from support.http import data, message
from support.proc import wait_for


@pytest.fixture(scope="module")
def office(empty_db, make_system):
    system = make_system(empty_db, {"audit.close_at_once": 100})
    system.start_broker()
    for pools in system_pools():
        system.start_worker(pools)
    system.start_front()
    house = House(system, empty_db)
    house.reset()
    yield Office(house)
    house.close()


def system_pools():
    from support import system as module
    rest = ",".join(p for group in module.POOLS for p in group.split(",") if p not in ("audit", "jobs"))
    return rest, "jobs", "audit"


def jobs(office, audit):
    return office.h.run("select id, status, progress, attempts from jobs where unique_key = %s", f"leave:{audit}")


def totals(h, doctor):
    """Orders cancelled, lines of history, refunds, messages: what must add up."""
    return (h.one("select count(*) from registration_orders where doctor_id = %s and status = 'cancelled'", doctor),
            h.one("select count(*) from appointment_history t join registration_orders o on o.id = t.order_id "
                  "where o.doctor_id = %s and t.action = 'cancelled'", doctor),
            h.one("select count(*) from refunds f join payments p on p.id = f.payment_id join bills b on b.id = p.bill_id "
                  "join registration_orders o on o.id = b.appointment_id where o.doctor_id = %s", doctor),
            h.one("select count(*) from message_outbox m join users u on m.recipient in (u.phonenumber, u.email) "
                  "join registration_orders o on o.user_id = u.id where o.doctor_id = %s", doctor))


def ended(office, audit):
    wait_for("the end of the closing", lambda: not jobs(office, audit) or jobs(office, audit)[-1][1] in ("DONE", "FAILED"), 90)
    (job,) = jobs(office, audit)
    return job


def test_a_large_closing_is_a_job_with_progress(office):
    h, (doctor, _) = office.h, office.doctor()
    first, last, n = crowd.book_out(h.db, doctor, "8100", days=8, places=100)
    audit = office.leave(doctor, first, last=last)
    message(office.api().post(f"/audit/leave/{audit}/approve", {"comment": "同意"}))
    assert office.row("leave_audits", audit)["status"] == "approved"
    assert h.run("select status, count(*) from schedules where doctor_id = %s group by 1", doctor) == [("停诊", 16)]
    seen = set()

    def over():
        (job,) = jobs(office, audit)
        seen.add(job[2])
        return job[1] == "DONE"

    wait_for("the end of the closing", over, 90)
    (job,) = jobs(office, audit)
    assert job[2] == 100 and job[3] == 4    # 1,600 orders, 500 at a time
    assert totals(h, doctor) == (n, n, n // 2, n)
    shown = data(office.api().get(f"/api/v1/jobs/{job[0]}"))
    assert (shown["kind"], shown["status"], shown["progress"], shown["result"]["left"]) == ("maintenance", "DONE", 100, 0)
    assert h.run("select distinct cancelled_by, cancel_reason from registration_orders where doctor_id = %s", doctor) == [("staff", "医生请假")]
    (entry,) = office.entries("leave_audit", audit)
    assert entry[2]["appointments_to_cancel"] == [None, n]
    h.check()


def test_nobody_books_while_the_job_waits(office):
    """The approval alone closes the sessions: with no jobs pool at all nothing can be booked."""
    h, (doctor, _) = office.h, office.doctor()
    first, last, n = crowd.book_out(h.db, doctor, "8200", days=1, places=60)
    session = h.one("select min(id) from schedules where doctor_id = %s", doctor)
    h.run("update schedules set total_slots = total_slots + 5, remaining_slots = 5 where id = %s", session)
    office.house.system["jobs"].stop()
    try:
        audit = office.leave(doctor, first, last=last)
        message(office.api().post(f"/audit/leave/{audit}/approve"))
        pid, uid = h.patient()
        r = office.api(uid).post("/patient/appointments", {"scheduleId": session, "hospitalId": h.area, "departmentId": h.dept, "patientId": pid})
        assert message(r, 99)["msg"] == "该排班不可预约"
        assert totals(h, doctor)[0] == 0
        (job,) = jobs(office, audit)
        assert job[1:] == ("QUEUED", 0, 0)
        # somebody who cancels meanwhile is not dealt with twice
        order = h.one("select min(id) from registration_orders where doctor_id = %s and status = 'pending'", doctor)
        user = h.one("select user_id from registration_orders where id = %s", order)
        message(office.api(user).put(f"/patient/appointments/{order}/cancel", {}))
    finally:
        office.house.system.start_worker("jobs")
    assert ended(office, audit)[1] == "DONE"
    assert totals(h, doctor) == (n, n, n // 2, n - 1)
    h.check()


def test_the_job_survives_its_worker(office):
    h, (doctor, _) = office.h, office.doctor()
    system = office.house.system
    first, last, n = crowd.book_out(h.db, doctor, "8300", days=12, places=125)
    audit = office.leave(doctor, first, last=last)
    message(office.api().post(f"/audit/leave/{audit}/approve"))
    wait_for("some progress", lambda: totals(h, doctor)[0] > 0 or jobs(office, audit)[0][1] == "DONE", 60)
    system["audit"].kill9()
    system.start_worker("audit")
    job = ended(office, audit)
    assert job[1:3] == ("DONE", 100)
    assert totals(h, doctor) == (n, n, n // 2, n)
    h.check()


def test_time_off_of_an_administrator_takes_the_same_way(office):
    h, (doctor, _) = office.h, office.doctor()
    first, last, n = crowd.book_out(h.db, doctor, "8500", days=1, places=80)
    reply = data(office.api().post(f"/api/v1/doctors/{doctor}/time-off", {"from": str(first), "to": str(last), "cancel_appointments": True}),
                 201)
    assert reply == {"id": reply["id"], "status": "approved", "sessions": 2, "appointments": n}
    assert ended(office, reply["id"])[1] == "DONE"
    assert totals(h, doctor) == (n, n, n // 2, n)


def test_what_has_been_small_needs_no_job(office):
    h, (doctor, _) = office.h, office.doctor()
    first, last, n = crowd.book_out(h.db, doctor, "8600", days=1, places=50)
    audit = office.leave(doctor, first, last=last)
    message(office.api().post(f"/audit/leave/{audit}/approve"))
    assert n == 100 and totals(h, doctor)[0] == n and jobs(office, audit) == []
    assert abs((office.row("leave_audits", audit)["audit_time"] - now()) / dt.timedelta(seconds=1)) < 60
