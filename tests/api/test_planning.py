"""Heads of department plan the weeks of their clinics (api/08 section 8.7)."""

import datetime as dt

import pytest

from support import contract
from support.applications import SHIFTS, next_monday, office    # noqa: F401  (fixture)
from support.hospital import now, today
from support.http import message
from support.rush import at_once


@pytest.fixture
def dept(office):    # noqa: F811
    """(department, head, his account) of their own."""
    h = office.h
    h.serial += 1
    own = h.one("insert into minor_departments (major_dept_id, name) values (%s, %s) returning id", h.major, f"科室{h.serial}")
    head, user = office.doctor("主任乙", own)
    h.run("update doctors set is_department_head = true, title = '主任医师' where id = %s", head)
    return own, head, user


def submit(office, user, clinic, *changes):    # noqa: F811
    return office.api(user).post("/doctor/schedule/submit-change", {"clinicId": str(clinic), "changes": [
        {"date": str(day), "shift": shift, **({} if doctor is None else {"doctorId": doctor})} for day, shift, doctor in changes]})


def stored(office, audit):    # noqa: F811
    return [[c and c["doctor_id"] for c in row] for row in office.row("schedule_audits", audit)["schedule_data"]]


# ---- what the head sees

def test_the_departments_clinics(office, dept):    # noqa: F811
    own, head, user = dept
    h = office.h
    assert message(office.api(user).get("/doctor/schedule/clinics")) == []
    a, b = office.clinic(own), office.clinic(own)
    monday = next_monday(0)
    for day, section in ((0, "上午"), (0, "下午"), (6, "晚上"), (7, "上午"), (-1, "上午")):
        h.session(monday + dt.timedelta(days=day), section, doctor=head, clinic=a)
    gone = h.session(monday + dt.timedelta(days=1), doctor=head, clinic=b)
    h.run("update schedules set is_latest = false where id = %s", gone)
    assert message(office.api(user).get("/doctor/schedule/clinics")) == [
        {"id": str(a), "name": "周排诊室", "totalSlots": 21, "filledSlots": 3},
        {"id": str(b), "name": "周排诊室", "totalSlots": 21, "filledSlots": 0}]


def test_a_clinics_week(office, dept):    # noqa: F811
    own, head, user = dept
    h, clinic, monday = office.h, office.clinic(own), next_monday()
    plain, _ = office.doctor("医生癸", own)
    h.session(monday, "下午", doctor=head, clinic=clinic)
    h.session(monday + dt.timedelta(days=6), "晚上", doctor=plain, clinic=clinic, status="停诊")
    cells = message(office.api(user).get("/doctor/schedule/list", params={"clinicId": clinic, "startDate": monday.isoformat()}))
    want = [{"date": (monday + dt.timedelta(days=i // 3)).isoformat(), "dayOfWeek": i // 3 + 1, "shift": SHIFTS[i % 3],
             "status": "empty"} for i in range(21)]
    want[1].update(status="filled", doctorId=str(head), doctorName="主任乙", doctorTitle="主任医师")
    want[20].update(status="filled", doctorId=str(plain), doctorName="医生癸", doctorTitle="")
    assert cells == want


def test_weeks_of_clinics_that_are_not_the_heads(office, dept):    # noqa: F811
    _, _, user = dept
    day = next_monday().isoformat()
    for path, more in (("list", {"startDate": day}), ("available-doctors", {"date": day, "shift": "morning"})):
        r = office.api(user).get(f"/doctor/schedule/{path}", params={"clinicId": office.h.clinic, **more})
        assert message(r, 102)["msg"] == "该诊室不属于本科室"
        r = office.api(user).get(f"/doctor/schedule/{path}", params={"clinicId": 987654321, **more})
        assert message(r, 106)["msg"] == "门诊不存在"
    bare = office.h.one("insert into clinics (area_id, name) values (%s, '无科诊室') returning id", office.h.area)
    lost, lost_user = office.doctor("主任丙")
    office.h.run("update doctors set is_department_head = true, dept_id = null where id = %s", lost)
    r = office.api(lost_user).get("/doctor/schedule/list", params={"clinicId": bare, "startDate": day})
    assert message(r, 102)["msg"] == "该诊室不属于本科室"


@pytest.mark.parametrize("day", ["2026-13-01", "2026/03/09", "x", ""])
def test_a_week_starts_on_a_date(office, dept, day):    # noqa: F811
    own, _, user = dept
    error = message(office.api(user).get("/doctor/schedule/list", params={"clinicId": office.clinic(own), "startDate": day}), 99)
    assert error["msg"] == "startDate 格式错误"


def test_who_is_free_for_a_cell(office, dept):    # noqa: F811
    own, head, user = dept
    h, clinic, monday = office.h, office.clinic(own), next_monday()
    other = h.one("insert into clinics (area_id, name) values (%s, '心内二诊室') returning id", h.area)
    busy, away, asked, turned_down, gone = (office.doctor(n, own)[0] for n in ("医生一", "医生二", "医生三", "医生四", "医生五"))
    h.session(monday, "上午", doctor=busy, clinic=other)
    h.session(monday + dt.timedelta(days=6), "上午", doctor=busy, clinic=other)
    h.session(monday + dt.timedelta(days=7), "上午", doctor=busy, clinic=other)
    h.session(monday, "上午", doctor=away, clinic=clinic, status="停诊")
    approved = office.leave(away, monday, reason="学术会议")
    h.run("update leave_audits set status = 'approved', auditor_user_id = %s, audit_time = now() where id = %s", h.admin, approved)
    office.leave(asked, monday, "morning", reason="家中有事")
    office.leave(asked, monday + dt.timedelta(days=1), "full")
    refused = office.leave(turned_down, monday)
    h.run("update leave_audits set status = 'rejected', auditor_user_id = %s, audit_time = now() where id = %s", h.admin, refused)
    h.run("update doctors set deleted_at = now() where id = %s", gone)
    name = h.one("select name from minor_departments where id = %s", own)

    def asks(shift):
        found = message(office.api(user).get("/doctor/schedule/available-doctors",
                                             params={"clinicId": clinic, "date": monday.isoformat(), "shift": shift}))
        return contract.check("audit.list_available_doctors", found)

    def doctor(who, label, status, count=0, title=None, **more):
        return {"id": str(who), "name": label, "doctorName": label, "title": title, "dept": str(own), "department": name,
                "status": status, "conflictReason": None, "assignedCount": count, **more}

    assert asks("morning") == [
        doctor(head, "主任乙", "available", title="主任医师"),
        doctor(busy, "医生一", "conflict", 2, conflictReason="该时段已在心内二诊室出诊"),
        doctor(away, "医生二", "leave", 1, leaveReason="学术会议"),
        doctor(asked, "医生三", "leave", leaveReason="家中有事"),
        doctor(turned_down, "医生四", "available")]
    assert [d["status"] for d in asks("night")] == ["available", "available", "leave", "available", "available"]


# ---- submitting

def test_a_week_is_submitted_and_overwritten(office, dept):    # noqa: F811
    own, head, user = dept
    h, clinic, monday = office.h, office.clinic(own), next_monday()
    other, _ = office.doctor("医生一", own)
    sunday = monday + dt.timedelta(days=6)
    reply = message(submit(office, user, clinic, (sunday, "night", other), (monday, "morning", str(head)),
                           (monday + dt.timedelta(days=7), "morning", head), (monday, "afternoon", "")))
    assert reply == contract.check("audit.submit_schedule_change", {"msg": "申请已提交，等待审核", "auditId": reply["auditId"]})
    audit, row = reply["auditId"], office.row("schedule_audits", reply["auditId"])
    assert (row["minor_dept_id"], row["clinic_id"], row["submitter_doctor_id"]) == (own, clinic, head)
    assert (row["week_start_date"], row["week_end_date"], row["status"]) == (monday, sunday, "pending")
    assert stored(office, audit) == [[head, None, None]] + [[None] * 3] * 5 + [[None, None, other]]
    assert abs((row["submit_time"] - now()).total_seconds()) < 60

    message(office.api().post(f"/audit/schedule/{audit}/reject", {"comment": "请重新安排"}))
    again = message(submit(office, user, clinic, (sunday, "morning", None), (sunday, "night", head)))
    assert again["auditId"] == audit
    row = office.row("schedule_audits", audit)
    assert (row["status"], row["auditor_user_id"], row["audit_time"], row["audit_remark"]) == ("pending", None, None, None)
    assert stored(office, audit) == [[None] * 3] * 6 + [[None, None, head]]
    assert [(e[0], e[1]) for e in office.entries("schedule_audit", audit)] == [
        ("schedule_audit.submit", user), ("schedule_audit.reject", h.admin), ("schedule_audit.submit", user)]


def test_days_up_to_today_cannot_be_changed(office, dept):    # noqa: F811
    own, head, user = dept
    h, clinic = office.h, office.clinic(own)
    for day in (today(), today() - dt.timedelta(days=1), today() - dt.timedelta(days=400)):
        error = message(submit(office, user, clinic, (day, "morning", head)), 99)
        assert (error["error"], error["msg"]) == ("请求参数错误", "只能调整今天之后的排班")
    if today().weekday() == 6:
        return    # on Sundays no week has both
    h.session(today(), "晚上", doctor=head, clinic=clinic)
    reply = message(submit(office, user, clinic, (today(), "night", head), (today() + dt.timedelta(days=1), "morning", head)))
    plan = stored(office, reply["auditId"])
    assert plan[today().weekday()] == [None, None, head] and plan[today().weekday() + 1] == [head, None, None]
    assert message(submit(office, user, clinic, (today(), "night", ""), (today() + dt.timedelta(days=1), "morning", head)),
                   99)["msg"] == "只能调整今天之后的排班"


def test_weeks_end_at_the_horizon(office, dept):    # noqa: F811
    """BR-45: what is there already may be sent along, a new session beyond may not."""
    own, head, user = dept
    h, clinic = office.h, office.clinic(own)
    last = today() + dt.timedelta(days=60)
    message(submit(office, user, clinic, (last, "morning", head)))
    beyond = last + dt.timedelta(days=1)
    for day in (beyond, beyond + dt.timedelta(days=700)):
        error = message(submit(office, user, clinic, (day, "morning", head)), 99)
        assert (error["error"], error["msg"]) == ("请求参数错误", "排班日期超出允许范围")
    message(submit(office, user, clinic, (beyond, "morning", "")))
    h.session(beyond, "上午", doctor=head, clinic=clinic)
    message(submit(office, user, clinic, (beyond, "morning", head)))
    message(submit(office, user, clinic, (beyond, "night", head)), 99)


def test_whose_clinic_and_which_doctors(office, dept):    # noqa: F811
    own, head, user = dept
    monday = next_monday()
    assert message(submit(office, user, office.h.clinic, (monday, "morning", head)), 102)["msg"] == "该诊室不属于本科室"
    assert message(submit(office, user, 987654321, (monday, "morning", head)), 106)["msg"] == "门诊不存在"
    clinic = office.clinic(own)
    assert message(submit(office, user, clinic, (monday, "morning", 987654321)), 99)["msg"] == "排班数据中医生ID 987654321 不存在"
    gone, _ = office.doctor("医生五", own)
    office.h.run("update doctors set deleted_at = now() where id = %s", gone)
    assert message(submit(office, user, clinic, (monday, "morning", gone)), 99)["msg"] == f"排班数据中医生ID {gone} 不存在"
    assert office.h.one("select count(*) from schedule_audits where clinic_id = %s", clinic) == 0


def test_faulty_changes(office, dept):    # noqa: F811
    own, head, user = dept
    clinic, monday = office.clinic(own), next_monday()
    for day in ("2026-02-30", "tomorrow", ""):
        assert message(submit(office, user, clinic, (monday, "night", head), (day, "morning", head)), 99)["msg"] == "changes 中日期格式错误"
    api, path = office.api(user), "/doctor/schedule/submit-change"
    for changes in ([], "x", {}):
        assert message(api.post(path, {"clinicId": clinic, "changes": changes}), 99)["msg"] == "请求参数错误"
    for changes in ([{"date": str(monday), "shift": "evening"}], [{"shift": "night"}]):
        message(api.post(path, {"clinicId": clinic, "changes": changes}), 99)
    assert "clinicId" in message(api.post(path, {"clinicId": "x", "changes": [{"date": str(monday), "shift": "night"}]}), 99)["msg"]
    assert "changes" in message(api.post(path, {"clinicId": clinic}), 99)["msg"]


def test_two_submissions_at_once_are_one_application(office, dept):    # noqa: F811
    own, head, user = dept
    clinic, monday = office.clinic(own), next_monday()
    office.api(user)
    replies = [message(r) for r in at_once(*[lambda i=i: submit(office, user, clinic, (monday, SHIFTS[i % 3], head)) for i in range(4)])]
    assert len({r["auditId"] for r in replies}) == 1
    assert sum(c is not None for row in stored(office, replies[0]["auditId"]) for c in row) == 1


def test_a_repeated_key_submits_once(office, dept):    # noqa: F811
    own, head, user = dept
    clinic, monday = office.clinic(own), next_monday()
    body = {"clinicId": clinic, "changes": [{"date": str(monday), "shift": "morning", "doctorId": head}]}
    api = office.api(user)
    first = message(api.post("/doctor/schedule/submit-change", body, headers={"Idempotency-Key": f"week-{clinic}"}))
    message(office.api().post(f"/audit/schedule/{first['auditId']}/reject"))
    assert message(api.post("/doctor/schedule/submit-change", body, headers={"Idempotency-Key": f"week-{clinic}"})) == first
    assert office.row("schedule_audits", first["auditId"])["status"] == "rejected"


def test_planning_is_for_heads(office):    # noqa: F811
    for user in (office.h.doctor_user, office.h.admin):
        api = office.api(user)
        for r in (api.get("/doctor/schedule/clinics"), submit(office, user, office.h.clinic, (next_monday(), "night", office.h.doctor))):
            assert message(r, 102)["msg"] == "仅科室长可访问"
