"""A week of a clinic is approved: cells become sessions, all or nothing, once (api/05 section 5.1; BR-49 to BR-56, BR-58)."""

import datetime as dt
import json

import pytest

from support import booking_cases as bc
from support import contract
from support.applications import SECTIONS, dt_text, next_monday, office, week    # noqa: F401  (fixture)
from support.hospital import at, now, today
from support.http import message
from support.rush import at_once


def approve(office, audit, root="/audit", **body):    # noqa: F811
    return office.api().post(f"{root}/schedule/{audit}/approve", body or None)


def sessions(office, clinic, current=True):    # noqa: F811
    """{(date, section): (doctor, id)} of the clinic."""
    return {(d, s): (doctor, i) for d, s, doctor, i in office.h.run(
        "select date, time_section, doctor_id, id from schedules where clinic_id = %s and is_latest = %s", clinic, current)}


def book(office, session):    # noqa: F811
    """A booked patient of the session: the order."""
    pid, _ = office.h.patient()
    bc._order(office.h, pid, session, office.h.one("select date from schedules where id = %s", session))
    return office.h.one("select max(id) from registration_orders")


# ---- what an approval makes

@pytest.mark.parametrize("root", ["/audit", "/admin/audit"])
def test_filled_cells_become_sessions(office, root):    # noqa: F811
    h, clinic, monday = office.h, office.clinic(), next_monday()
    (a, _), (b, _) = office.doctor("医生一"), office.doctor("医生二")
    audit = office.plan(clinic, monday, week(d0_0=a, d0_1=b, d6_2=a))
    reply = contract.check("audit.approve_schedule_audit", message(approve(office, audit, root, comment="审核通过，排班合理")))
    row = office.row("schedule_audits", audit)
    assert reply == {"audit_id": audit, "status": "approved", "auditor_id": h.admin, "audit_time": dt_text(row["audit_time"])}
    assert (row["status"], row["audit_remark"]) == ("approved", "审核通过，排班合理")
    sunday = monday + dt.timedelta(days=6)
    assert {k: v[0] for k, v in sessions(office, clinic).items()} == {(monday, "上午"): a, (monday, "下午"): b, (sunday, "晚上"): a}
    made = h.run("select date, slot_type, total_slots, remaining_slots, status, price, starts_at, ends_at, slot_minutes from schedules "
                 "where clinic_id = %s order by starts_at", clinic)
    assert [(*m[:5], str(m[5])) for m in made] == [(d, "普通", 50, 50, "正常", "50.00") for d in (monday, monday, sunday)]
    assert [m[6:] for m in made] == [(at(monday, "08:00"), at(monday, "12:00"), 4), (at(monday, "14:00"), at(monday, "18:00"), 4),
                                     (at(sunday, "18:30"), at(sunday, "21:00"), 3)]
    (entry,) = office.entries("schedule_audit", audit)
    assert entry[:2] == ("schedule_audit.approve", h.admin)
    assert entry[2] == {"status": ["pending", "approved"], "audit_remark": [None, "审核通过，排班合理"], "sessions_made": [None, 3],
                        "sessions_kept": [None, 0], "sessions_replaced": [None, 0], "appointments_cancelled": [None, 0]}
    shown = message(office.house.system.api().get(f"/patient/clinics/{clinic}/schedules", params={
        "start_date": monday.isoformat(), "end_date": sunday.isoformat()}))
    assert len(shown["schedules"]) == 3


def test_price_type_and_hours_come_from_the_clinic(office):    # noqa: F811
    """BR-31, BR-48, BR-52: 特需 in a clinic of type 2, its own hours, the doctor's own price before the clinic's."""
    h, clinic, monday = office.h, office.clinic(kind=2), next_monday()
    (a, _), (b, _) = office.doctor("医生一"), office.doctor("医生二")
    h.setting("schedule", '{"morningStart": "07:30", "morningEnd": "11:30"}', "CLINIC", clinic)
    h.setting("registration.price", '{"default_price_special": 300, "default_price_normal": 60}', "CLINIC", clinic)
    h.setting("registration.price", '{"default_price_special": 420.5}', "DOCTOR", b)
    message(approve(office, office.plan(clinic, monday, week(d0_0=a, d0_1=b))))
    made = h.run("select slot_type, price::text, starts_at, ends_at from schedules where clinic_id = %s order by starts_at", clinic)
    assert made == [("特需", "300.00", at(monday, "07:30"), at(monday, "11:30")), ("特需", "420.50", at(monday, "14:00"), at(monday, "18:00"))]


def test_the_same_doctor_is_kept_with_his_orders_others_give_way(office):    # noqa: F811
    """BR-53, BR-58."""
    h, clinic, monday = office.h, office.clinic(), next_monday()
    (a, a_user), (b, _) = office.doctor("医生一"), office.doctor("医生二")
    kept, changed, emptied = (h.session(monday, s, doctor=a, clinic=clinic) for s in SECTIONS)
    outside = h.session(monday + dt.timedelta(days=7), doctor=a, clinic=clinic)
    orders = {s: book(office, s) for s in (kept, changed, emptied, outside)}
    told = h.one("select count(*) from message_outbox")
    audit = office.plan(clinic, monday, week(d0_0=a, d0_1=b))
    message(approve(office, audit))
    current = sessions(office, clinic)
    assert current[(monday, "上午")] == (a, kept) and current[(monday, "下午")][0] == b and (monday, "晚上") not in current
    assert {i for _, i in sessions(office, clinic, False).values()} == {changed, emptied}
    assert {s: h.order(o)["status"] for s, o in orders.items()} == {kept: "confirmed", changed: "cancelled", emptied: "cancelled",
                                                                    outside: "confirmed"}
    assert {h.order(orders[s])["cancel_reason"] for s in (changed, emptied)} == {"排班调整"}
    assert {h.order(orders[s])["cancelled_by"] for s in (changed, emptied)} == {"staff"}
    assert h.one("select count(*) from message_outbox") == told + 4    # two patients, the doctor for two sessions
    entry = office.entries("schedule_audit", audit)[-1][2]
    assert (entry["sessions_made"], entry["sessions_kept"], entry["sessions_replaced"], entry["appointments_cancelled"]) == (
        [None, 1], [None, 1], [None, 2], [None, 2])
    h.check()


def test_doctors_change_places(office):    # noqa: F811
    h, clinic, monday = office.h, office.clinic(), next_monday()
    (a, _), (b, _) = office.doctor("医生一"), office.doctor("医生二")
    h.session(monday, "上午", doctor=a, clinic=clinic)
    h.session(monday, "下午", doctor=b, clinic=clinic)
    message(approve(office, office.plan(clinic, monday, week(d0_0=b, d0_1=a))))
    assert {k[1]: v[0] for k, v in sessions(office, clinic).items()} == {"上午": b, "下午": a}


def test_where_the_doctor_has_leave_the_session_is_made_closed(office):    # noqa: F811
    h, clinic, monday = office.h, office.clinic(), next_monday()
    a, _ = office.doctor("医生一")
    message(office.api().post(f"/audit/leave/{office.leave(a, monday, 'morning')}/approve"))
    office.leave(a, monday, "afternoon")    # not decided
    message(approve(office, office.plan(clinic, monday, week(d0_0=a, d0_1=a, d0_2=a))))
    assert h.run("select time_section, status from schedules where clinic_id = %s order by starts_at", clinic) == [
        ("上午", "停诊"), ("下午", "正常"), ("晚上", "正常")]


def test_what_waits_for_approval_is_open_then(office):    # noqa: F811
    """R-80: days that a doctor offered on /api/v1 wait as 待审核."""
    h, clinic, monday = office.h, office.clinic(), next_monday()
    a, _ = office.doctor("医生一")
    offered, other = (h.session(monday, s, doctor=a, clinic=clinic, status="待审核") for s in ("上午", "下午"))
    message(approve(office, office.plan(clinic, monday, week(d0_0=a))))
    assert h.run("select id, status, is_latest from schedules where clinic_id = %s order by id", clinic) == [
        (offered, "正常", True), (other, "待审核", False)]
    away = h.session(monday + dt.timedelta(days=7), "上午", doctor=a, clinic=clinic, status="待审核")
    message(office.api().post(f"/audit/leave/{office.leave(a, monday + dt.timedelta(days=7))}/approve"))
    assert h.one("select status from schedules where id = %s", away) == "停诊"


def test_sections_that_have_begun_stay(office):    # noqa: F811
    """A week approved while it runs: what is over or running is not touched, whatever the plan says."""
    h, clinic, monday = office.h, office.clinic(), next_monday(0)
    (a, _), (b, _) = office.doctor("医生一"), office.doctor("医生二")
    running = h.session(today(), "上午", doctor=a, clinic=clinic, starts=now() - dt.timedelta(minutes=5), ends=now() + dt.timedelta(minutes=1))
    order = book(office, running)
    audit = office.plan(clinic, monday, [[b, None, None] for _ in range(7)])
    message(approve(office, audit))
    assert sessions(office, clinic)[(today(), "上午")] == (a, running)
    assert h.order(order)["status"] == "confirmed"
    for n in range(7):
        day = monday + dt.timedelta(days=n)
        if day != today():
            assert ((day, "上午") in sessions(office, clinic)) == (at(day, "08:00") > now()), day


# ---- refusals: all or nothing

def test_a_day_beyond_the_horizon(office):    # noqa: F811
    """BR-45"""
    h, clinic, (doctor, _) = office.h, office.clinic(), office.doctor()
    beyond = today() + dt.timedelta(days=61)
    monday = beyond - dt.timedelta(days=beyond.weekday())
    audit = office.plan(clinic, monday, week(**{f"d{beyond.weekday()}_1": doctor}))
    error = message(approve(office, audit), 99)
    assert (error["error"], error["msg"]) == ("请求参数错误", "排班日期超出允许范围")
    assert office.row("schedule_audits", audit)["status"] == "pending" and sessions(office, clinic) == {}
    h.run("update schedule_audits set schedule_data = %s where id = %s", json.dumps(week()), audit)
    message(approve(office, audit))                                                        # an empty week makes nothing


def test_a_doctor_who_does_not_exist(office):    # noqa: F811
    h, clinic, monday = office.h, office.clinic(), next_monday()
    (a, _), (gone, _) = office.doctor("医生一"), office.doctor("医生二")
    stays = h.session(monday, "下午", doctor=a, clinic=clinic)
    h.run("update doctors set deleted_at = now() where id = %s", gone)
    for bad in (gone, 987654321):
        audit = office.plan(clinic, monday, week(d0_0=a, d3_1=bad))
        error = message(approve(office, audit), 99)
        assert (error["error"], error["msg"]) == ("请求参数错误", f"排班数据中医生ID {bad} 不存在")
        assert office.row("schedule_audits", audit)["status"] == "pending"
        assert sessions(office, clinic) == {(monday, "下午"): (a, stays)}
        h.run("delete from schedule_audits where id = %s", audit)


def test_a_doctor_who_is_elsewhere(office):    # noqa: F811
    h, clinic, monday = office.h, office.clinic(), next_monday()
    (a, _), (b, _) = office.doctor("医生一"), office.doctor("医生二")
    other, tuesday = office.clinic(), monday + dt.timedelta(days=1)
    there = h.session(tuesday, "晚上", doctor=b, clinic=other)
    audit = office.plan(clinic, monday, week(d0_0=a, d1_2=b))
    for _ in range(2):
        assert message(approve(office, audit), 99)["msg"] == f"医生ID {b} 在 {tuesday} 晚上 已在其他诊室有排班"
        h.run("update schedules set status = '停诊' where id = %s", there)    # still his
    assert sessions(office, clinic) == {}
    h.run("update schedules set is_latest = false where id = %s", there)
    message(approve(office, audit))
    assert len(sessions(office, clinic)) == 2


def test_what_is_decided_stays_decided(office):    # noqa: F811
    audit = office.plan(office.clinic(), next_monday(), week(d0_0=office.doctor()[0]))
    message(approve(office, audit))
    error = message(approve(office, audit, "/admin/audit"), 99)
    assert (error["error"], error["msg"]) == ("请求参数错误", "当前申请状态为 approved，无法重复审核")
    assert message(office.api().post(f"/audit/schedule/{audit}/reject"), 99)["msg"] == "当前申请状态为 approved，无法重复审核"
    assert message(approve(office, 987654321), 106)["msg"] == "排班申请不存在"


# ---- at once

def test_approved_twice_at_once_has_one_effect(office):    # noqa: F811
    h, clinic, monday = office.h, office.clinic(), next_monday()
    (a, _), (b, _) = office.doctor("医生一"), office.doctor("医生二")
    gives_way = h.session(monday, doctor=a, clinic=clinic)
    order = book(office, gives_way)
    audit = office.plan(clinic, monday, week(d0_0=b, d2_2=a))
    office.api()
    replies = at_once(*[lambda: approve(office, audit)] * 5)
    texts = [r.json()["message"].get("msg") for r in replies]
    assert sorted(t or "" for t in texts) == [""] + ["当前申请状态为 approved，无法重复审核"] * 4
    assert h.one("select count(*) from schedules where clinic_id = %s", clinic) == 3
    assert h.one("select count(*) from appointment_history where order_id = %s and action = 'cancelled'", order) == 1
    assert len(office.entries("schedule_audit", audit)) == 1


def test_submitted_again_while_it_is_approved(office):    # noqa: F811
    """Either the old week is approved and the new one waits, or the new one is what was approved; never a mixture."""
    h = office.h
    monday = next_monday()
    for _ in range(5):
        clinic, (a, _), (b, _) = office.clinic(), office.doctor("医生一"), office.doctor("医生二")
        audit = office.plan(clinic, monday, week(d0_0=a))
        yes, again = at_once(
            lambda: approve(office, audit),
            lambda: office.api(office.head_user).post("/doctor/schedule/submit-change", {
                "clinicId": clinic, "changes": [{"date": str(monday), "shift": "morning", "doctorId": b}]}))
        message(yes), message(again)
        row = office.row("schedule_audits", audit)
        there = sessions(office, clinic)[(monday, "上午")][0]
        assert row["schedule_data"][0][0] == {"doctor_id": b}
        assert (row["status"], there) in (("pending", a), ("approved", b))


def test_two_clinics_want_one_doctor_at_once(office):    # noqa: F811
    h, monday = office.h, next_monday()
    for _ in range(5):
        a, _ = office.doctor("医生一")
        clinics = [office.clinic(), office.clinic()]
        audits = [office.plan(c, monday, week(d0_0=a, d0_1=a)) for c in clinics]
        replies = at_once(*[lambda i=i: approve(office, i) for i in audits])
        assert sorted(r.json()["code"] for r in replies) == [0, 99]
        (loser,) = [r.json()["message"]["msg"] for r in replies if r.json()["code"]]
        assert loser in ("排班时间冲突", f"医生ID {a} 在 {monday} 上午 已在其他诊室有排班")
        assert sorted(len(sessions(office, c)) for c in clinics) == [0, 2]
        assert sorted(office.row("schedule_audits", i)["status"] for i in audits) == ["approved", "pending"]


def test_booked_while_the_session_gives_way(office):    # noqa: F811
    h, clinic, monday = office.h, office.clinic(), next_monday()
    h.setting("registration", '{"advanceBookingDays": 30, "sameDayDeadline": "08:00"}')
    (a, _), (b, _) = office.doctor("医生一"), office.doctor("医生二")
    session = h.session(monday, doctor=a, clinic=clinic)
    audit = office.plan(clinic, monday, week(d0_0=b))
    people = [h.patient() for _ in range(10)]
    for _, uid in people:
        office.api(uid)
    calls = [lambda p=p: office.api(p[1]).post("/patient/appointments", {
        "scheduleId": session, "hospitalId": h.area, "departmentId": h.dept, "patientId": p[0]}) for p in people]
    calls.insert(5, lambda: approve(office, audit))
    replies = at_once(*calls)
    assert message(replies.pop(5))["status"] == "approved"
    orders = h.run("select status from registration_orders where schedule_id = %s", session)
    assert len(orders) == sum(r.json()["code"] == 0 for r in replies) and set(orders) <= {("cancelled",)}
    office.house.reset()
    h.check()
