"""Applications as administrators read and reject them (api/05), and as their doctors withdraw them (api/08 section 8.4)."""

import datetime as dt

import pytest

from support import contract
from support.applications import dt_text, next_monday, office, week    # noqa: F401  (fixture)
from support.hospital import now, today
from support.http import message

MISSING = {"schedule": "排班申请不存在", "leave": "请假申请不存在", "add-slot": "加号申请不存在"}
TABLES = {"schedule": "schedule_audits", "leave": "leave_audits", "add-slot": "add_slot_audits"}
ENTITIES = {"schedule": "schedule_audit", "leave": "leave_audit", "add-slot": "add_slot_audit"}
ROOTS = ("/audit", "/admin/audit")


def application(office, kind):    # noqa: F811
    """Id of a new pending application of the kind."""
    h = office.h
    if kind == "schedule":
        return office.plan(office.clinic(), next_monday(), week(d0_0=office.head))
    doctor, _ = office.doctor()
    if kind == "leave":
        return office.leave(doctor, 5)
    return office.add_slot(h.session(3, doctor=doctor, clinic=office.clinic()), h.patient()[0])


def shown(reply, audit, key="id"):
    return next(a for a in reply["audits"] if a[key] == audit)


# ---- lists and details

@pytest.mark.parametrize("root", ROOTS)
def test_a_week_is_shown_with_its_names(office, root):    # noqa: F811
    h, monday = office.h, next_monday()
    clinic, (other, _) = office.clinic(), office.doctor("医生戊")
    audit = office.plan(clinic, monday, week(d0_0=h.doctor, d2_1=other, d6_2=h.doctor))
    want = {"id": audit, "department_id": h.dept, "department_name": "心内科", "clinic_id": clinic, "clinic_name": "周排诊室",
            "submitter_id": office.head, "submitter_name": "主任甲",
            "submit_time": dt_text(office.row("schedule_audits", audit)["submit_time"]), "week_start": monday.isoformat(),
            "week_end": (monday + dt.timedelta(days=6)).isoformat(), "remark": None, "status": "pending", "auditor_id": None,
            "audit_time": None, "audit_remark": None, "schedule": [[None] * 3 for _ in range(7)]}
    want["schedule"][0][0] = want["schedule"][6][2] = {"doctor_id": h.doctor, "doctor_name": "医生甲"}
    want["schedule"][2][1] = {"doctor_id": other, "doctor_name": "医生戊"}
    assert message(office.api().get(f"{root}/schedule/{audit}")) == want
    assert shown(message(office.api().get(f"{root}/schedule")), audit) == want


def test_cells_of_old_rows_are_put_in_order(office):    # noqa: F811
    """BR-50: a bare id, a text, camelCase members, a name of its own where the doctor is unknown, rows that are too short."""
    h = office.h
    rows = week(d0_0=h.doctor, d0_1={"doctorId": h.doctor, "doctorName": "旧名"}, d0_2={"doctor_id": str(h.doctor)},
                d1_0={"doctor_id": 999999, "doctor_name": "离职医生"}, d1_1={"doctorId": None}, d1_2={})
    rows[0][0] = h.doctor
    rows[2], rows[3], rows[4] = [], None, [None, str(h.doctor)]
    audit = office.plan(office.clinic(), next_monday(), rows)
    cell = {"doctor_id": h.doctor, "doctor_name": "医生甲"}
    assert message(office.api().get(f"/audit/schedule/{audit}"))["schedule"] == [
        [cell, cell, cell], [{"doctor_id": 999999, "doctor_name": "离职医生"}, None, None], [None] * 3, [None] * 3,
        [None, cell, None], [None] * 3, [None] * 3]


@pytest.mark.parametrize("root", ROOTS)
def test_leave_is_shown(office, root):    # noqa: F811
    doctor, _ = office.doctor("医生己")
    first, last = today() + dt.timedelta(days=4), today() + dt.timedelta(days=6)
    reason = "会" * 51
    audit = office.leave(doctor, first, last=last, reason=reason, files=[
        "static/images/audit/2026/03/09/a.jpg", {"url": "/static/audit/b.jpg", "name": "b.jpg"}, {"name": "no url"}])
    want = {"id": audit, "doctor_id": doctor, "doctor_name": "医生己", "doctor_title": "", "department_name": "心内科",
            "leave_start_date": first.isoformat(), "leave_end_date": last.isoformat(), "leave_days": 3, "shift": "full",
            "reason": reason, "reason_preview": "会" * 50 + "...",
            "attachments": ["static/images/audit/2026/03/09/a.jpg", "/static/audit/b.jpg"], "original_schedule": [],
            "submit_time": dt_text(office.row("leave_audits", audit)["submit_time"]), "status": "pending", "auditor_id": None,
            "audit_time": None, "audit_remark": None}
    assert message(office.api().get(f"{root}/leave/{audit}")) == want
    assert shown(message(office.api().get(f"{root}/leave")), audit) == want
    exact = office.leave(doctor, 20, reason="会" * 50)
    assert message(office.api().get(f"{root}/leave/{exact}"))["reason_preview"] == "会" * 50


@pytest.mark.parametrize("root", ROOTS)
def test_added_places_are_shown(office, root):    # noqa: F811
    h = office.h
    doctor, user = office.doctor("医生庚")
    patient, _ = h.patient("加号患者")
    session = h.session(4, doctor=doctor, clinic=office.clinic())
    audit = office.add_slot(session, patient, "专家")
    want = {"audit_id": audit, "schedule_id": session, "doctor_id": doctor, "doctor_name": "医生庚", "patient_id": patient,
            "patient_name": h.one("select name from patients where id = %s", patient), "slot_type": "专家",
            "reason": "复查患者需要加号就诊", "applicant_id": user,
            "submit_time": dt_text(office.row("add_slot_audits", audit)["submit_time"]), "status": "pending",
            "auditor_admin_id": None, "auditor_user_id": None, "audit_time": None, "audit_remark": None}
    assert shown(message(office.api().get(f"{root}/add-slot")), audit, "audit_id") == want
    assert message(office.api(user).get("/doctor/schedules/add-slot")) == {"audits": [want]}


@pytest.mark.parametrize("kind", TABLES)
def test_lists_have_the_newest_submission_first(office, kind):    # noqa: F811
    ids = [application(office, kind) for _ in range(3)]
    for age, audit in zip((2, 0, 1), ids):
        office.h.run(f"update {TABLES[kind]} set submit_time = %s where id = %s", now() + dt.timedelta(days=1, hours=-age), audit)
    key = "audit_id" if kind == "add-slot" else "id"
    listed = [a[key] for a in message(office.api().get(f"/audit/{kind}"))["audits"]]
    assert [i for i in listed if i in ids] == [ids[1], ids[2], ids[0]]
    assert listed[0] == ids[1]


@pytest.mark.parametrize("kind", ["schedule", "leave"])
def test_what_is_not_there(office, kind):    # noqa: F811
    error = message(office.api().get(f"/audit/{kind}/987654321"), 106)
    assert (error["error"], error["msg"]) == ("资源错误", MISSING[kind])


def test_lists_are_the_administrators(office):    # noqa: F811
    for kind in TABLES:
        assert message(office.api(office.head_user).get(f"/audit/{kind}"), 102)["msg"] == "无权限，仅管理员可操作"


# ---- rejecting

@pytest.mark.parametrize("root", ROOTS)
@pytest.mark.parametrize("kind", TABLES)
def test_an_application_is_rejected_once(office, kind, root):    # noqa: F811
    audit = application(office, kind)
    reply = contract.check("audit.reject_leave_audit",
                           message(office.api().post(f"{root}/{kind}/{audit}/reject", {"comment": "时间安排冲突，请重新提交"})))
    row = office.row(TABLES[kind], audit)
    assert reply == {"audit_id": audit, "status": "rejected", "auditor_id": office.h.admin, "audit_time": dt_text(row["audit_time"])}
    assert (row["status"], row["auditor_user_id"], row["audit_remark"]) == ("rejected", office.h.admin, "时间安排冲突，请重新提交")
    assert abs((row["audit_time"] - now()).total_seconds()) < 60
    again = message(office.api().post(f"{root}/{kind}/{audit}/reject", {"comment": "再来一次"}), 99)
    assert (again["error"], again["msg"]) == ("请求参数错误", "当前申请状态为 rejected，无法重复审核")
    assert office.row(TABLES[kind], audit)["audit_remark"] == "时间安排冲突，请重新提交"
    (entry,) = office.entries(ENTITIES[kind], audit)
    assert entry[0] == f"{ENTITIES[kind]}.reject" and entry[1] == office.h.admin
    assert entry[2]["status"] == ["pending", "rejected"]


@pytest.mark.parametrize("kind", TABLES)
def test_rejecting_needs_no_comment_and_a_row(office, kind):    # noqa: F811
    audit = application(office, kind)
    message(office.api().post(f"/audit/{kind}/{audit}/reject"))
    assert office.row(TABLES[kind], audit)["audit_remark"] is None
    assert message(office.api().post(f"/audit/{kind}/987654321/reject"), 106)["msg"] == MISSING[kind]
    assert "comment" in message(office.api().post(f"/audit/{kind}/{audit}/reject", {"comment": "长" * 501}), 99)["msg"]


# ---- withdrawing an added place (BR-66)

def test_a_pending_added_place_is_withdrawn_by_its_doctor(office):    # noqa: F811
    h = office.h
    doctor, user = office.doctor()
    _, stranger = office.doctor()
    session = h.session(5, doctor=doctor, clinic=office.clinic())
    audit = office.add_slot(session, h.patient()[0])
    path = f"/doctor/schedules/add-slot/{audit}/cancel"
    error = message(office.api(stranger).post(path), 102)
    assert (error["error"], error["msg"]) == ("权限不足", "无权取消他人的加号申请")
    assert message(office.api(user).post(path)) == {"detail": "已取消加号申请"}
    assert office.row("add_slot_audits", audit) is None
    assert message(office.api(user).post(path), 106)["msg"] == "加号申请不存在"
    assert [e[0] for e in office.entries("add_slot_audit", audit)] == ["add_slot_audit.withdraw"]
    decided = office.add_slot(session, h.patient()[0])
    message(office.api().post(f"/audit/add-slot/{decided}/reject"))
    error = message(office.api(user).post(f"/doctor/schedules/add-slot/{decided}/cancel"), 99)
    assert error["msg"] == "仅可取消待审核的加号申请"
    assert office.row("add_slot_audits", decided)["status"] == "rejected"


def test_the_doctors_list_is_for_doctors(office):    # noqa: F811
    _, patient_user = office.h.patient()
    assert message(office.api(patient_user).get("/doctor/schedules/add-slot"), 102)["msg"] == "仅医生可查看该列表"
    assert message(office.api().get("/doctor/schedules/add-slot"), 102)["msg"] == "仅医生可查看该列表"
    assert message(office.api(office.h.doctor2_user).get("/doctor/schedules/add-slot")) == {"audits": []}
