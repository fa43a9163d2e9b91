"""Leave as doctors ask for it and heads of department see and reject it (api/08 section 8.6)."""

import calendar
import datetime as dt

import pytest

from support import contract
from support.applications import SHIFTS, dt_text, office    # noqa: F401  (fixture)
from support.hospital import ZONE, at, now, today
from support.http import message
from support.rush import at_once


def apply(office, user, day, shift="full", **more):    # noqa: F811
    return office.api(user).post("/doctor/leave/apply", {"date": day.isoformat(), "shift": shift, "reason": "参加学术会议", **more})


def in_days(n):
    return today() + dt.timedelta(days=n)


# ---- asking for leave

def test_an_application_is_stored_and_in_the_history(office):    # noqa: F811
    doctor, user = office.doctor()
    files = ["static/images/audit/2026/03/09/a.jpg", "/static/images/audit/b.png"]
    reply = contract.check("audit.apply_leave", message(apply(office, user, in_days(3), "afternoon", attachments=files)))
    row = office.row("leave_audits", int(reply["applicationId"]))
    assert (row["doctor_id"], row["leave_start_date"], row["leave_end_date"]) == (doctor, in_days(3), in_days(3))
    assert (row["shift"], row["reason"], row["status"], row["attachment_data"]) == ("afternoon", "参加学术会议", "pending", files)
    assert abs((row["submit_time"] - now()).total_seconds()) < 60
    assert message(office.api(user).get("/doctor/leave/history")) == {"total": 1, "list": [
        {"id": reply["applicationId"], "date": in_days(3).isoformat(), "shift": "afternoon", "reason": "参加学术会议",
         "status": "pending", "createTime": dt_text(row["submit_time"]).replace("T", " "), "approver": None, "rejectReason": None,
         "attachments": files}]}
    (entry,) = office.entries("leave_audit", row["id"])
    assert entry[0] == "leave_audit.submit" and entry[1] == user


def test_leave_is_asked_for_in_time(office):    # noqa: F811
    """BR-60; the day's parts begin as the own session says."""
    h = office.h
    doctor, user = office.doctor()
    for day in (today(), in_days(-1)):
        assert message(apply(office, user, day), 99)["msg"] == "全天请假需至少提前一天提交"
    error = message(apply(office, user, in_days(-1), "night"), 99)
    assert (error["error"], error["msg"]) == ("请求参数错误", "请假日期不能早于今天")
    day = today()
    if now() < at(day, "23:40"):
        h.session(day, "上午", doctor=doctor, clinic=office.clinic(), starts=now() + dt.timedelta(minutes=10), ends=at(day, "23:59"))
        message(apply(office, user, day, "morning"))
    h.session(day, "下午", doctor=doctor, clinic=office.clinic(), starts=at(day, "00:00"), ends=at(day, "00:01"))
    assert message(apply(office, user, day, "afternoon"), 99)["msg"] == "该时段已开始，无法申请当天请假"


def test_without_a_session_the_settings_say_when_a_part_begins(office):    # noqa: F811
    _, user = office.doctor()
    minute = now().hour * 60 + now().minute
    office.h.setting("schedule", '{"nightStart": "x", "eveningStart": "00:00", "eveningEnd": "00:01", "morningStart": "23:58", '
                                 '"morningEnd": "23:59"}')
    assert message(apply(office, user, today(), "night"), 99)["msg"] == "该时段已开始，无法申请当天请假"
    if minute < 23 * 60 + 57:
        message(apply(office, user, today(), "morning"))
    office.h.setting("schedule", None)


@pytest.mark.parametrize("had", SHIFTS + ("full",))
def test_no_second_leave_of_the_same_time(office, had):    # noqa: F811
    """BR-61: pending and approved count, rejected do not, and a full day overlaps everything."""
    _, user = office.doctor()
    first = int(message(apply(office, user, in_days(2), had))["applicationId"])
    for shift in SHIFTS + ("full",):
        reply = apply(office, user, in_days(2), shift)
        if shift != had and "full" not in (shift, had):
            office.h.run("delete from leave_audits where id = %s", int(message(reply)["applicationId"]))
        else:
            assert message(reply, 99)["msg"] == "该日期该时段已有待审核或已通过的请假申请"
    office.h.run("update leave_audits set status = 'approved', auditor_user_id = %s, audit_time = now() where id = %s",
                 office.h.admin, first)
    message(apply(office, user, in_days(2), had), 99)
    office.h.run("update leave_audits set status = 'rejected' where id = %s", first)
    message(apply(office, user, in_days(2), had))
    message(apply(office, user, in_days(3), had))


def test_two_applications_at_once_are_one(office):    # noqa: F811
    doctor, user = office.doctor()
    office.api(user)
    replies = at_once(*[lambda s=s: apply(office, user, in_days(9), s) for s in ("full", "morning", "full", "night", "full", "afternoon")])
    codes = [r.json()["code"] for r in replies]
    stored = office.h.run("select shift from leave_audits where doctor_id = %s", doctor)
    assert codes.count(0) == len(stored) and set(codes) <= {0, 99}
    assert stored == [("full",)] or 1 <= len(stored) <= 3 and ("full",) not in stored
    assert all(r.json()["message"]["msg"] == "该日期该时段已有待审核或已通过的请假申请" for r in replies if r.json()["code"])


@pytest.mark.parametrize("body,text", [
    ({"shift": "full", "reason": "x"}, "date"), ({"date": "2026-02-30", "shift": "full", "reason": "x"}, "date"),
    ({"date": "2030-01-01", "shift": "evening", "reason": "x"}, "shift"), ({"date": "2030-01-01", "shift": "full", "reason": ""}, "reason"),
    ({"date": "2030-01-01", "shift": "full", "reason": "  "}, "reason"),
    ({"date": "2030-01-01", "shift": "full", "reason": "长" * 501}, "reason"),
    ({"date": "2030-01-01", "shift": "full", "reason": "x", "attachments": [1]}, "attachments")])
def test_faulty_applications(office, body, text):    # noqa: F811
    assert text in message(office.api(office.head_user).post("/doctor/leave/apply", body), 99)["msg"]


@pytest.mark.parametrize("path", ["../etc/passwd", "static/../../x", "a\\b", "", "/"])
def test_attachments_lie_below_the_root(office, path):    # noqa: F811
    error = message(apply(office, office.head_user, in_days(30), attachments=["static/a.jpg", path]), 106)
    assert error["msg"] == "提供的文件路径不安全或无效"


# ---- what the doctor sees

def test_history_has_pages_and_states(office):    # noqa: F811
    doctor, user = office.doctor()
    ids = [office.leave(doctor, 10 + i, at=now() - dt.timedelta(minutes=10 - i)) for i in range(5)]
    message(office.api().post(f"/audit/leave/{ids[1]}/reject", {"comment": "当日号源已约满"}))
    office.h.run("insert into administrators (user_id, name) values (%s, '管理员甲') on conflict do nothing", office.h.admin)
    history = message(office.api(user).get("/doctor/leave/history"))
    assert history["total"] == 5 and [x["id"] for x in history["list"]] == [str(i) for i in reversed(ids)]
    page = message(office.api(user).get("/doctor/leave/history", params={"page": 2, "pageSize": 2}))
    assert page["total"] == 5 and [x["id"] for x in page["list"]] == [str(ids[2]), str(ids[1])]
    (rejected,) = message(office.api(user).get("/doctor/leave/history", params={"status": "rejected"}))["list"]
    assert (rejected["approver"], rejected["rejectReason"]) == ("管理员甲", "当日号源已约满")
    for everything in ("all", ""):
        assert message(office.api(user).get("/doctor/leave/history", params={"status": everything}))["total"] == 5
    assert message(office.api(user).get("/doctor/leave/history", params={"status": "approved"})) == {"total": 0, "list": []}
    assert message(office.api(user).get("/doctor/leave/history", params={"status": "x"}), 99)["msg"] == "status 参数无效"
    for params in ({"page": 0}, {"pageSize": 0}):
        assert message(office.api(user).get("/doctor/leave/history", params=params), 99)["msg"] == "分页参数必须为正整数"


def test_the_calendar_of_a_month(office):    # noqa: F811
    h = office.h
    doctor, user = office.doctor()
    day = (today().replace(day=28) + dt.timedelta(days=10)).replace(day=1)    # the first of next month
    h.session(day + dt.timedelta(days=2), "下午", doctor=doctor, clinic=office.clinic())
    h.session(day + dt.timedelta(days=2), "上午", doctor=doctor, clinic=office.clinic())
    gone = h.session(day + dt.timedelta(days=3), "上午", doctor=doctor, clinic=office.clinic())
    h.run("update schedules set is_latest = false where id = %s", gone)

    def decided(audit, status):
        h.run("update leave_audits set status = %s, auditor_user_id = %s, audit_time = now() where id = %s", status, h.admin, audit)

    decided(office.leave(doctor, day + dt.timedelta(days=2), "morning"), "rejected")
    decided(office.leave(doctor, day + dt.timedelta(days=2), "full"), "rejected")
    office.leave(doctor, day + dt.timedelta(days=2), "afternoon")
    decided(office.leave(doctor, day + dt.timedelta(days=5), "night"), "rejected")
    decided(office.leave(doctor, day + dt.timedelta(days=4), last=day + dt.timedelta(days=5)), "approved")
    days = message(office.api(user).get("/doctor/leave/schedule", params={"year": day.year, "month": day.month}))["days"]
    assert [d["date"] for d in days] == [day.replace(day=n).isoformat()
                                         for n in range(1, calendar.monthrange(day.year, day.month)[1] + 1)]

    def shown(n):
        d = days[n]
        return (d["day"], d["hasShift"], d["shiftInfo"], d["leaveStatus"],
                {x["shift"]: x["leaveStatus"] for x in d["shiftLeaveStatuses"]}, d["isToday"])

    assert shown(0) == (1, False, None, None, {}, False)
    assert shown(2) == (3, True, "上午、下午", "rejected", {"morning": "rejected", "afternoon": "pending", "night": "rejected"}, False)
    assert shown(3) == (4, False, None, None, {}, False)
    assert shown(4) == (5, False, None, "approved", {s: "approved" for s in SHIFTS}, False)
    assert shown(5)[4] == {s: "approved" for s in SHIFTS}
    this = message(office.api(user).get("/doctor/leave/schedule", params={"year": today().year, "month": today().month}))["days"]
    assert [d["date"] for d in this if d["isToday"]] == [today().isoformat()]


@pytest.mark.parametrize("month", [0, 13, -1])
def test_a_month_is_1_to_12(office, month):    # noqa: F811
    error = message(office.api(office.head_user).get("/doctor/leave/schedule", params={"year": 2026, "month": month}), 99)
    assert error["msg"] == "月份参数错误，应为 1-12"


def test_leave_is_for_doctors(office):    # noqa: F811
    for path in ("/doctor/leave/history", "/doctor/leave/schedule?year=2026&month=3"):
        assert message(office.api().get(path), 102)["msg"] == "仅医生可访问该接口"
    bare = office.h.user("doctor", roles=["DOCTOR"])    # the role without a doctor's row
    for path in ("/doctor/leave/history", "/doctor/leave/schedule?year=2026&month=3"):
        assert message(office.api(bare).get(path), 102)["msg"] == "仅医生可访问该接口"
    assert message(apply(office, bare, in_days(5)), 102)["msg"] == "仅医生可访问该接口"


# ---- what the head sees

@pytest.fixture(scope="module")
def dept(office):    # noqa: F811
    """(head's account, doctor, his account) of a department of their own."""
    h = office.h
    own = h.one("insert into minor_departments (major_dept_id, name) values (%s, '骨科') returning id", h.major)
    head, head_user = office.doctor("主任乙", own)
    h.run("update doctors set is_department_head = true where id = %s", head)
    doctor, user = office.doctor("医生辛", own)
    return head_user, doctor, user


def test_the_head_sees_the_department(office, dept):    # noqa: F811
    head, doctor, _ = dept
    h, reason = office.h, "会" * 31
    clinic = h.one("insert into clinics (area_id, minor_dept_id, name) values (%s, %s, '心内一诊室') returning id", h.area, h.dept)
    day = in_days(12)
    h.session(day, "上午", doctor=doctor, clinic=clinic, slot_type="专家")
    h.session(day, "下午", doctor=doctor, clinic=clinic)
    h.session(in_days(13), "上午", doctor=doctor, clinic=clinic, status="停诊")
    mine = office.leave(doctor, day, "morning", last=in_days(13), reason=reason)
    office.leave(h.doctor, 12)    # of another department
    want = {"id": mine, "doctor_id": doctor, "doctor_name": "医生辛", "doctor_title": "", "department_name": "骨科",
            "leave_start_date": day.isoformat(), "leave_end_date": in_days(13).isoformat(), "leave_days": 2, "shift": "morning",
            "reason": reason, "reason_preview": "会" * 30 + "...", "attachments": [],
            "original_schedule": [f"{day} 上午: 专家(心内一诊室)", f"{in_days(13)} 上午: 普通(心内一诊室)"],
            "submit_time": dt_text(office.row("leave_audits", mine)["submit_time"]), "status": "pending", "auditor_id": None,
            "audit_time": None, "audit_remark": None}
    assert message(office.api(head).get("/doctor/leave/audit")) == {"audits": [want]}
    assert message(office.api(head).get(f"/doctor/leave/audit/{mine}")) == want
    assert message(office.api().get(f"/audit/leave/{mine}"))["original_schedule"] == []


def test_the_heads_list_by_state_and_page(office, dept):    # noqa: F811
    head, doctor, _ = dept
    ids = [office.leave(doctor, 40 + i, at=now() + dt.timedelta(minutes=i)) for i in range(3)]
    message(office.api(head).post(f"/doctor/leave/audit/{ids[1]}/reject", {"comment": "当日号源已约满"}))

    def listed(**params):
        return [a["id"] for a in message(office.api(head).get("/doctor/leave/audit", params=params))["audits"] if a["id"] in ids]

    assert listed() == listed(status="all") == listed(status="") == ids[::-1]
    assert listed(status="pending") == [ids[2], ids[0]]
    assert listed(status="rejected") == [ids[1]] and listed(status="approved") == []
    assert listed(page=2, page_size=1) == [ids[1]]
    assert message(office.api(head).get("/doctor/leave/audit", params={"status": "open"}), 99)["msg"] == "status 参数无效"
    for params in ({"page": 0}, {"page_size": -1}):
        assert message(office.api(head).get("/doctor/leave/audit", params=params), 99)["msg"] == "分页参数必须为正整数"


def test_other_departments_are_not_the_heads(office, dept):    # noqa: F811
    head, _, _ = dept
    foreign = office.leave(office.h.doctor, 60)
    assert message(office.api(head).get(f"/doctor/leave/audit/{foreign}"), 102)["msg"] == "不可查看其他科室申请"
    error = message(office.api(head).post(f"/doctor/leave/audit/{foreign}/reject", {"comment": "不行"}), 102)
    assert (error["error"], error["msg"]) == ("权限不足", "不可审批其他科室")
    assert office.row("leave_audits", foreign)["status"] == "pending"
    for r in (office.api(head).get("/doctor/leave/audit/987654321"),
              office.api(head).post("/doctor/leave/audit/987654321/reject", {"comment": "不行"})):
        assert message(r, 106)["msg"] == "申请不存在"


def test_a_head_without_department_sees_nothing(office):    # noqa: F811
    h = office.h
    lost, user = office.doctor("主任丙")
    h.run("update doctors set is_department_head = true, dept_id = null where id = %s", lost)
    other, _ = office.doctor()
    h.run("update doctors set dept_id = null where id = %s", other)
    audit = office.leave(other, 61)
    assert message(office.api(user).get("/doctor/leave/audit")) == {"audits": []}
    assert message(office.api(user).get(f"/doctor/leave/audit/{audit}"), 102)["msg"] == "不可查看其他科室申请"
    assert message(office.api(user).post(f"/doctor/leave/audit/{audit}/reject", {"comment": "不行"}), 102)["msg"] == "不可审批其他科室"
    assert message(office.api(user).get("/doctor/approval/stats")) == {"pending": 0, "approvedMonth": 0, "rejectedMonth": 0}


def test_a_head_rejects_with_a_comment(office, dept):    # noqa: F811
    head, doctor, _ = dept
    audit = office.leave(doctor, 70)
    path = f"/doctor/leave/audit/{audit}/reject"
    for comment in ({"comment": ""}, {"comment": " 　\t"}, {"comment": None}, {}):
        assert message(office.api(head).post(path, comment), 99)["msg"] == "驳回必须提供 comment"
    reply = message(office.api(head).post(path, {"comment": "当日号源已约满"}))
    row = office.row("leave_audits", audit)
    assert reply == {"audit_id": audit, "status": "rejected", "auditor_id": head, "audit_time": dt_text(row["audit_time"])}
    assert row["audit_remark"] == "当日号源已约满"
    assert message(office.api(head).post(path, {"comment": "再次"}), 99)["msg"] == "仅可驳回待审核申请"


def test_the_heads_numbers(office):    # noqa: F811
    h = office.h
    own = h.one("insert into minor_departments (major_dept_id, name) values (%s, '眼科') returning id", h.major)
    head, user = office.doctor("主任丁", own)
    h.run("update doctors set is_department_head = true where id = %s", head)
    doctor, _ = office.doctor("医生壬", own)
    assert message(office.api(user).get("/doctor/approval/stats")) == {"pending": 0, "approvedMonth": 0, "rejectedMonth": 0}
    first = at(today().replace(day=1), "00:00")
    for i, (status, moment) in enumerate((("approved", first), ("approved", first - dt.timedelta(seconds=1)),
                                          ("rejected", now()), ("rejected", first), ("pending", None), ("pending", None))):
        audit = office.leave(doctor, 5 + i)
        if moment:
            h.run("update leave_audits set status = %s, auditor_user_id = %s, audit_time = %s where id = %s", status, user,
                  moment.astimezone(ZONE), audit)
    office.leave(h.doctor2, 90)
    assert message(office.api(user).get("/doctor/approval/stats")) == {"pending": 2, "approvedMonth": 1, "rejectedMonth": 2}


def test_heads_alone(office, dept):    # noqa: F811
    _, _, doctor = dept
    for user in (doctor, office.h.admin):
        for path in ("/doctor/approval/stats", "/doctor/leave/audit", "/doctor/leave/audit/1"):
            assert message(office.api(user).get(path), 102)["msg"] == "仅科室长可访问"
