"""Leave is approved: the sessions it covers close with their appointments, once, whoever else decides or books (BR-49, BR-57, BR-58)."""

import datetime as dt

import pytest

from support import booking_cases as bc
from support import contract, crowd
from support.applications import dt_text, office    # noqa: F401  (fixture)
from support.hospital import at, now, today
from support.http import message
from support.rush import at_once


def state(h, session):
    return h.run("select status, is_latest, total_slots - remaining_slots from schedules where id = %s", session)[0]


@pytest.fixture
def sick(office):    # noqa: F811
    """(doctor, account, {section: session}) of a doctor with three sessions on one day, four days from today."""
    doctor, user = office.doctor()
    return doctor, user, {s: office.h.session(4, s, doctor=doctor, clinic=bc._clinic(office.h), places=20) for s in ("上午", "下午", "晚上")}


# ---- what is approved

@pytest.mark.parametrize("root", ["/audit", "/admin/audit"])
def test_the_reply_and_the_row(office, sick, root):    # noqa: F811
    audit = office.leave(sick[0], 4)
    reply = contract.check("audit.approve_leave_audit",
                           message(office.api().post(f"{root}/leave/{audit}/approve", {"comment": "同意请假申请"})))
    row = office.row("leave_audits", audit)
    assert reply == {"audit_id": audit, "status": "approved", "auditor_id": office.h.admin, "audit_time": dt_text(row["audit_time"])}
    assert (row["status"], row["auditor_user_id"], row["audit_remark"]) == ("approved", office.h.admin, "同意请假申请")
    shown = message(office.api().get(f"{root}/leave/{audit}"))
    assert (shown["status"], shown["auditor_id"], shown["audit_remark"]) == ("approved", office.h.admin, "同意请假申请")
    (entry,) = office.entries("leave_audit", audit)
    assert entry[:2] == ("leave_audit.approve", office.h.admin)
    assert entry[2] == {"status": ["pending", "approved"], "audit_remark": [None, "同意请假申请"], "sessions_closed": [None, 3],
                        "appointments_cancelled": [None, 0]}


@pytest.mark.parametrize("shift,closed", [("morning", {"上午"}), ("afternoon", {"下午"}), ("night", {"晚上"}),
                                          ("full", {"上午", "下午", "晚上"})])
def test_the_covered_sections_close(office, sick, shift, closed):    # noqa: F811
    doctor, _, sessions = sick
    other = office.h.session(5, doctor=doctor, clinic=bc._clinic(office.h))
    message(office.api().post(f"/audit/leave/{office.leave(doctor, 4, shift)}/approve"))
    assert {s for s, i in sessions.items() if state(office.h, i) == ("停诊", True, 0)} == closed
    assert {s for s, i in sessions.items() if state(office.h, i) == ("正常", True, 0)} == set(sessions) - closed
    assert state(office.h, other) == ("正常", True, 0)


def test_several_days_close(office):    # noqa: F811
    h, (doctor, _) = office.h, office.doctor()
    sessions = [h.session(d, doctor=doctor, clinic=bc._clinic(h)) for d in range(3, 8)]
    message(office.api().post(f"/audit/leave/{office.leave(doctor, 4, last=today() + dt.timedelta(days=6))}/approve"))
    assert [state(h, s)[0] for s in sessions] == ["正常", "停诊", "停诊", "停诊", "正常"]


def test_sessions_that_are_over_stay(office):    # noqa: F811
    """An application of yesterday approved today: who was seen keeps the visit, who was not is no longer to be told."""
    h, (doctor, _) = office.h, office.doctor()
    over = h.session(-1, doctor=doctor, clinic=bc._clinic(h))
    pid, _ = h.patient()
    bc._order(h, pid, over, today() - dt.timedelta(days=1))
    running = h.session(today(), "下午", doctor=doctor, clinic=bc._clinic(h), starts=at(today(), "00:00"), ends=now() + dt.timedelta(hours=30))
    gone = h.session(0, "晚上", doctor=doctor, clinic=bc._clinic(h), starts=now() + dt.timedelta(hours=40), ends=now() + dt.timedelta(hours=42))
    h.run("update schedules set is_latest = false where id = %s", gone)
    message(office.api().post(f"/audit/leave/{office.leave(doctor, -1, last=today())}/approve"))
    assert (state(h, over), state(h, running)[0], state(h, gone)[0]) == (("正常", True, 1), "停诊", "正常")
    assert h.one("select status from registration_orders where schedule_id = %s", over) == "confirmed"


def test_appointments_are_cancelled_refunded_and_told(office):    # noqa: F811
    """BR-58, with money: half of the orders are paid."""
    h, (doctor, user) = office.h, office.doctor()
    first, last, n = crowd.book_out(office.house.h.db, doctor, "7100", days=2, places=5)
    audit = office.leave(doctor, first, last=last)
    before = h.one("select count(*) from message_outbox")
    message(office.api().post(f"/audit/leave/{audit}/approve", {"comment": "同意"}))
    orders = h.run("select status, payment_status, refund_amount, cancel_reason, cancelled_by, count(*) from registration_orders "
                   "where doctor_id = %s group by 1, 2, 3, 4, 5 order by 2", doctor)
    assert [(*o[:2], o[2] and str(o[2]), *o[3:]) for o in orders] == [
        ("cancelled", "cancelled", None, "医生请假", "staff", n // 2), ("cancelled", "refunded", "50.00", "医生请假", "staff", n // 2)]
    assert h.run("select b.status, count(*) from bills b join registration_orders o on o.id = b.appointment_id where o.doctor_id = %s "
                 "group by 1 order by 1", doctor) == [("CANCELLED", n // 2), ("REFUNDED", n // 2)]
    assert h.one("select sum(l.amount) from ledger_entries l join bills b on b.id = l.bill_id join registration_orders o on "
                 "o.id = b.appointment_id where o.doctor_id = %s", doctor) == 0
    assert h.one("select count(*) from message_outbox") == before + n + 4    # each patient, and the doctor once a session
    assert h.one("select count(*) from schedules where doctor_id = %s and status = '停诊' and remaining_slots = total_slots", doctor) == 4
    assert office.entries("leave_audit", audit)[-1][2]["appointments_cancelled"] == [None, n]
    h.check()


def test_a_closed_session_cannot_be_booked(office, sick):    # noqa: F811
    h, (doctor, _, sessions) = office.h, sick
    pid, uid = h.patient()
    body = {"scheduleId": sessions["上午"], "hospitalId": h.area, "departmentId": h.dept, "patientId": pid}
    order = message(office.api(uid).post("/patient/appointments", body))["id"]
    message(office.api().post(f"/audit/leave/{office.leave(doctor, 4)}/approve"))
    assert h.order(order)["status"] == "cancelled"
    assert message(office.api(uid).post("/patient/appointments", body), 99)["msg"] == "该排班不可预约"
    public = message(office.house.system.api().get(f"/patient/doctors/{doctor}/schedules", params={
        "start_date": today().isoformat(), "end_date": (today() + dt.timedelta(days=7)).isoformat()}))
    assert not [s for s in public.get("schedules", []) if s["schedule_id"] in sessions.values() and s["status"] == "正常"]


# ---- who approves

def test_a_head_approves(office, sick):    # noqa: F811
    h, (doctor, _, sessions) = office.h, sick
    audit = office.leave(doctor, 4, "morning")
    pid, _ = h.patient()
    bc._order(h, pid, sessions["上午"], today() + dt.timedelta(days=4))
    reply = message(office.api(office.head_user).post(f"/doctor/leave/audit/{audit}/approve", {"comment": ""}))
    row = office.row("leave_audits", audit)
    assert reply == {"audit_id": audit, "status": "approved", "auditor_id": office.head_user, "audit_time": dt_text(row["audit_time"])}
    assert row["audit_remark"] == "" and row["auditor_user_id"] == office.head_user
    assert state(h, sessions["上午"]) == ("停诊", True, 0) and state(h, sessions["下午"])[0] == "正常"
    assert h.run("select status, cancelled_by from registration_orders where schedule_id = %s", sessions["上午"]) == [("cancelled", "doctor")]
    error = message(office.api(office.head_user).post(f"/doctor/leave/audit/{audit}/approve", {"comment": ""}), 99)
    assert error["msg"] == "仅可审批待审核申请"


def test_a_head_approves_in_the_own_department_alone(office):    # noqa: F811
    foreign = office.leave(office.h.doctor2, 9)
    error = message(office.api(office.head_user).post(f"/doctor/leave/audit/{foreign}/approve"), 102)
    assert (error["error"], error["msg"]) == ("权限不足", "不可审批其他科室")
    assert message(office.api(office.head_user).post("/doctor/leave/audit/987654321/approve"), 106)["msg"] == "申请不存在"
    assert office.row("leave_audits", foreign)["status"] == "pending"
    lost, user = office.doctor("主任丙")
    adrift, _ = office.doctor()
    office.h.run("update doctors set is_department_head = id = %s, dept_id = null where id = any(%s)", lost, [lost, adrift])
    nowhere = office.leave(adrift, 9)
    assert message(office.api(user).post(f"/doctor/leave/audit/{nowhere}/approve"), 102)["msg"] == "不可审批其他科室"


def test_what_is_decided_stays_decided(office, sick):    # noqa: F811
    audit = office.leave(sick[0], 4)
    message(office.api().post(f"/audit/leave/{audit}/reject", {"comment": "人手不足，无法批准"}))
    for root in ("/audit", "/admin/audit"):
        error = message(office.api().post(f"{root}/leave/{audit}/approve"), 99)
        assert (error["error"], error["msg"]) == ("请求参数错误", "当前申请状态为 rejected，无法重复审核")
    assert message(office.api().post("/audit/leave/987654321/approve"), 106)["msg"] == "请假申请不存在"
    assert {state(office.h, s)[0] for s in sick[2].values()} == {"正常"}
    assert "comment" in message(office.api().post(f"/audit/leave/{audit}/approve", {"comment": 1}), 99)["msg"]


# ---- at once

def test_approved_twice_at_once_has_one_effect(office):    # noqa: F811
    h, (doctor, _) = office.h, office.doctor()
    first, last, n = crowd.book_out(h.db, doctor, "7200", days=1, places=10)
    audit = office.leave(doctor, first, last=last)
    office.api(), office.api(office.head_user)
    replies = at_once(*[lambda: office.api().post(f"/audit/leave/{audit}/approve")] * 3,
                      *[lambda: office.api(office.head_user).post(f"/doctor/leave/audit/{audit}/approve")] * 3)
    texts = [r.json()["message"].get("msg") for r in replies]
    assert texts.count(None) == 1 and set(texts) <= {None, "当前申请状态为 approved，无法重复审核", "仅可审批待审核申请"}
    assert h.one("select count(*) from appointment_history t join registration_orders o on o.id = t.order_id where o.doctor_id = %s and "
                 "t.action = 'cancelled'", doctor) == n
    assert h.one("select count(*) from refunds f join payments p on p.id = f.payment_id join bills b on b.id = p.bill_id join "
                 "registration_orders o on o.id = b.appointment_id where o.doctor_id = %s", doctor) == n // 2
    assert len(office.entries("leave_audit", audit)) == 1
    h.check()


def test_approved_and_rejected_at_once_is_one_of_them(office):    # noqa: F811
    for _ in range(5):
        doctor, _ = office.doctor()
        session = office.h.session(4, doctor=doctor, clinic=bc._clinic(office.h))
        audit = office.leave(doctor, 4)
        yes, no = at_once(lambda: office.api().post(f"/audit/leave/{audit}/approve"),
                          lambda: office.api().post(f"/audit/leave/{audit}/reject"))
        status = office.row("leave_audits", audit)["status"]
        assert (yes.json()["code"] == 0) == (status == "approved") and (no.json()["code"] == 0) == (status == "rejected")
        assert state(office.h, session)[0] == ("停诊" if status == "approved" else "正常")
        loser = no if status == "approved" else yes
        assert loser.json()["message"]["msg"] == f"当前申请状态为 {status}，无法重复审核"


def test_booked_while_it_is_approved(office):    # noqa: F811
    """Every booking either was there before and is cancelled, or came too late."""
    h, (doctor, _) = office.h, office.doctor()
    session = h.session(4, doctor=doctor, clinic=bc._clinic(h), places=30)
    audit = office.leave(doctor, 4)
    people = [h.patient() for _ in range(12)]
    for _, uid in people:
        office.api(uid)

    def book(pid, uid):
        return lambda: office.api(uid).post("/patient/appointments", {"scheduleId": session, "hospitalId": h.area,
                                                                      "departmentId": h.dept, "patientId": pid})

    calls = [book(*p) for p in people]
    calls.insert(6, lambda: office.api().post(f"/audit/leave/{audit}/approve"))
    replies = at_once(*calls)
    assert message(replies.pop(6))["status"] == "approved"
    assert {r.json()["code"] for r in replies} <= {0, 99}
    orders = h.run("select status from registration_orders where schedule_id = %s", session)
    assert len(orders) == sum(r.json()["code"] == 0 for r in replies) and set(orders) <= {("cancelled",)}
    assert state(h, session) == ("停诊", True, 0)
    h.check()
