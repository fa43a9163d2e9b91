"""Places added to sessions: by administrators at once, asked for by doctors, approved (api/05 section 5.4; BR-64 to BR-66)."""

import datetime as dt

import pytest

from support import booking_cases as bc
from support import contract
from support.applications import dt_text, office    # noqa: F401  (fixture)
from support.hospital import at, now, today
from support.http import message
from support.rush import at_once

PATHS = ("/doctor/schedules/add-slot", "/schedules/add-slot")


@pytest.fixture
def full(office):    # noqa: F811
    """(session with one place that is taken, its doctor, his account)."""
    h, (doctor, user) = office.h, office.doctor()
    session = h.session(3, doctor=doctor, clinic=bc._clinic(h), places=1, price="50.00")
    bc._order(h, h.patient()[0], session, today() + dt.timedelta(days=3))
    return session, doctor, user


def add(office, user, session, patient, path=PATHS[0], kind="普通", **more):    # noqa: F811
    return office.api(user).post(path, {"schedule_id": session, "patient_id": patient, "slot_type": kind, **more})


def places(h, session):
    return h.run("select total_slots, remaining_slots from schedules where id = %s", session)[0]


def added(h, session):
    return h.one("select max(id) from registration_orders where schedule_id = %s and source_type = 'add_slot'", session)


# ---- by an administrator

@pytest.mark.parametrize("path", PATHS)
def test_an_administrator_adds_a_place_at_once(office, full, path):    # noqa: F811
    h, (session, doctor, _) = office.h, full
    patient, user = h.patient(kind="学生")
    reply = message(add(office, None, session, str(patient), path, "专家", reason="管理员直接加号"))
    assert reply == contract.check("audit.add_slot", {"detail": "加号记录已创建", "order_id": added(h, session)})
    o = h.order(reply["order_id"])
    assert (o["status"], o["payment_status"], o["priority"], o["source_type"], o["channel"]) == ("pending", "pending", -1, "add_slot", "staff")
    assert (o["patient_id"], o["user_id"], o["initiator_user_id"], o["doctor_id"]) == (patient, user, h.admin, doctor)
    assert (str(o["list_price"]), str(o["price"]), o["slot_type"], o["slot_no"]) == ("50.00", "40.00", "专家", 2)
    assert o["order_no"].startswith(today().strftime("%Y%m%d")) and len(o["order_no"]) == 16 and o["notes"] == "管理员直接加号"
    assert places(h, session) == (2, 0)
    assert h.run("select kind, total::text, status from bills where appointment_id = %s", o["id"]) == [("REGISTRATION", "40.00", "ISSUED")]
    assert h.one("select count(*) from add_slot_audits where schedule_id = %s", session) == 0
    (entry,) = office.entries("appointment", o["id"])
    assert entry == ("add_slot.create", h.admin, {"schedule_id": [None, session], "patient_id": [None, patient],
                                                  "slot_type": [None, "专家"], "reason": [None, "管理员直接加号"]})
    listed = message(office.api(user).get("/patient/appointments"))["list"]
    assert [x["id"] for x in listed] == [o["id"]]
    h.check()


def test_free_places_stay_free(office):    # noqa: F811
    h, (doctor, _) = office.h, office.doctor()
    session = h.session(3, doctor=doctor, clinic=bc._clinic(h), places=16)
    message(add(office, None, session, h.patient()[0]))
    assert places(h, session) == (17, 16)
    o = h.order(added(h, session))
    assert (o["slot_no"], o["starts_at"]) == (17, at(today() + dt.timedelta(days=3), "11:45"))    # beside the last one


def test_what_costs_nothing_needs_no_payment(office):    # noqa: F811
    h, (doctor, _) = office.h, office.doctor()
    session = h.session(3, doctor=doctor, clinic=bc._clinic(h), price="0")
    message(add(office, None, session, h.patient()[0]))
    o = h.order(added(h, session))
    assert (o["status"], o["payment_status"]) == ("confirmed", "paid")
    h.check()


@pytest.mark.parametrize("status,refused", [("pending", True), ("confirmed", True), ("completed", True), ("cancelled", False),
                                            ("no_show", False)])
def test_one_order_of_a_patient_and_session(office, full, status, refused):    # noqa: F811
    h, (session, _, _) = office.h, full
    patient, _ = h.patient()
    h.run("update schedules set total_slots = 2, remaining_slots = 1 where id = %s", session)
    bc._order(h, patient, session, today() + dt.timedelta(days=3), "pending" if status == "pending" else "confirmed", slot=2)
    if status not in ("pending", "confirmed"):
        h.run("update registration_orders set status = %s where patient_id = %s", status, patient)
        if status == "cancelled":
            h.run("update schedules set remaining_slots = 1 where id = %s", session)
    r = add(office, None, session, patient)
    if refused:
        error = message(r, 99)
        assert (error["error"], error["msg"]) == ("请求参数错误", "患者在该排班已有有效挂号")
        assert places(h, session) == (2, 0)
    else:
        message(r)
    h.check()


def test_visits_of_a_patient_do_not_overlap(office, full):    # noqa: F811
    """R-88 binds added places too; the added one shares the last start of the session."""
    h, (session, _, _) = office.h, full
    patient, _ = h.patient()
    other = h.session(3, "上午", doctor=h.extra_doctor(), clinic=bc._clinic(h), starts=at(today() + dt.timedelta(days=3), "08:00"))
    bc._order(h, patient, other, today() + dt.timedelta(days=3))
    h.run("update registration_orders set starts_at = s.starts_at, ends_at = s.ends_at from schedules s where s.id = schedule_id and "
          "patient_id = %s", patient)
    assert message(add(office, None, session, patient), 99)["msg"] == "患者在该时间已有其他预约"
    assert places(h, session) == (1, 0)


def test_what_cannot_be_added_to(office, full):    # noqa: F811
    h, (session, doctor, user) = office.h, full
    patient, _ = h.patient()
    over = h.session(today(), "下午", doctor=doctor, clinic=bc._clinic(h), starts=now() - dt.timedelta(hours=2), ends=now() - dt.timedelta(minutes=1))
    gone = h.session(5, doctor=doctor, clinic=bc._clinic(h))
    h.run("update schedules set is_latest = false, deleted_at = now() where id = %s", gone)
    shut = h.session(6, doctor=doctor, clinic=bc._clinic(h), status="停诊")
    left, _ = h.patient()
    h.run("update patients set deleted_at = now() where id = %s", left)
    for who in (None, user):
        error = message(add(office, who, 987654321, patient), 106)
        assert (error["error"], error["msg"]) == ("资源错误", "排班不存在")
        assert message(add(office, who, gone, patient), 106)["msg"] == "排班不存在"
        for nobody in (987654321, left):
            assert message(add(office, who, session, nobody), 106)["msg"] == "患者不存在或未注册为患者"
        assert message(add(office, who, shut, patient), 99)["msg"] == "该排班不可预约"
        assert message(add(office, who, over, patient), 99)["msg"] == "该排班不可预约"
        assert message(add(office, who, session, patient, kind="VIP"), 99)["msg"] == "无效的号源类型，应为 普通/专家/特需"
        for member in ("schedule_id", "patient_id", "slot_type"):
            body = {"schedule_id": session, "patient_id": patient, "slot_type": "普通"}
            del body[member]
            assert member in message(office.api(who).post(PATHS[0], body), 99)["msg"]
    assert places(h, session) == (1, 0) and added(h, session) is None


def test_a_running_session_can_be_added_to(office):    # noqa: F811
    h, (doctor, _) = office.h, office.doctor()
    session = h.session(today(), "下午", doctor=doctor, clinic=bc._clinic(h), starts=now() - dt.timedelta(hours=1), ends=now() + dt.timedelta(minutes=2))
    message(add(office, None, session, h.patient()[0]))


# ---- by a doctor

def test_a_doctor_asks_and_asks_again(office, full):    # noqa: F811
    h, (session, doctor, user) = office.h, full
    patient, _ = h.patient()
    reply = message(add(office, user, session, patient, reason="病情复查需要加号就诊"))
    audit = reply["audit_id"]
    assert reply == {"detail": "加号申请已提交，等待审核", "audit_id": audit}
    row = office.row("add_slot_audits", audit)
    assert (row["schedule_id"], row["doctor_id"], row["patient_id"], row["slot_type"], row["reason"], row["applicant_id"], row["status"]) == (
        session, doctor, patient, "普通", "病情复查需要加号就诊", user, "pending")
    assert places(h, session) == (1, 0)
    again = message(add(office, user, session, patient, PATHS[1], "特需"))
    assert again == {"detail": "加号申请已更新，等待审核", "audit_id": audit}
    row = office.row("add_slot_audits", audit)
    assert (row["slot_type"], row["reason"], row["status"]) == ("特需", None, "pending")
    assert [e[0] for e in office.entries("add_slot_audit", audit)] == ["add_slot_audit.submit"] * 2
    message(office.api().post(f"/audit/add-slot/{audit}/reject"))
    anew = message(add(office, user, session, patient))
    assert anew["audit_id"] != audit and anew["detail"] == "加号申请已提交，等待审核"
    message(office.api().post(f"/audit/add-slot/{anew['audit_id']}/approve"))
    error = message(add(office, user, session, patient), 99)
    assert error["msg"] == "该加号申请已通过，请勿重复提交"


def test_doctors_ask_for_their_own_sessions(office, full):    # noqa: F811
    h, (session, _, _) = office.h, full
    patient, patient_user = h.patient()
    _, other = office.doctor()
    error = message(add(office, other, session, patient), 102)
    assert (error["error"], error["msg"]) == ("权限不足", "医生只能为自己负责的排班申请加号")
    bare = h.user("doctor", roles=["DOCTOR"])
    for who in (patient_user, h.staff, bare):
        assert message(add(office, who, session, patient), 102)["msg"] == "仅医生可发起加号申请"


# ---- approving

@pytest.mark.parametrize("root", ["/audit", "/admin/audit"])
def test_an_approval_makes_the_order(office, full, root):    # noqa: F811
    h, (session, _, user) = office.h, full
    patient, _ = h.patient(kind="教师")
    audit = office.add_slot(session, patient, "特需", by=user)
    reply = contract.check("audit.approve_add_slot_audit",
                           message(office.api().post(f"{root}/add-slot/{audit}/approve", {"comment": "审核通过"})))
    row, o = office.row("add_slot_audits", audit), h.order(added(h, session))
    assert reply == {"audit_id": audit, "status": "approved", "auditor_id": h.admin, "audit_time": dt_text(row["audit_time"])}
    assert (row["status"], row["auditor_user_id"], row["audit_remark"]) == ("approved", h.admin, "审核通过")
    assert (o["patient_id"], o["initiator_user_id"], o["slot_type"], o["priority"], str(o["price"])) == (patient, user, "特需", -1, "40.00")
    assert places(h, session) == (2, 0)
    shown = [a for a in message(office.api().get(f"{root}/add-slot"))["audits"] if a["audit_id"] == audit]
    assert shown[0]["auditor_admin_id"] == shown[0]["auditor_user_id"] == h.admin
    (entry,) = office.entries("add_slot_audit", audit)
    assert entry[0] == "add_slot_audit.approve" and entry[2]["order_id"] == [None, o["id"]]
    error = message(office.api().post(f"{root}/add-slot/{audit}/approve"), 99)
    assert (error["error"], error["msg"]) == ("请求参数错误", "当前申请状态为 approved，无法重复审核")
    assert message(office.api(user).post(f"/doctor/schedules/add-slot/{audit}/cancel"), 99)["msg"] == "仅可取消待审核的加号申请"
    h.check()


def test_an_approval_that_cannot_be_carried_out_changes_nothing(office, full):    # noqa: F811
    h, (session, doctor, user) = office.h, full
    assert message(office.api().post("/audit/add-slot/987654321/approve"), 106)["msg"] == "加号申请不存在"
    left, _ = h.patient()
    audit = office.add_slot(session, left, by=user)
    h.run("update patients set deleted_at = now() where id = %s", left)
    error = message(office.api().post(f"/audit/add-slot/{audit}/approve"), 99)
    assert error["msg"] == f"患者 {left} 不存在"
    patient, _ = h.patient()
    other = h.session(5, doctor=doctor, clinic=bc._clinic(h))
    closed = office.add_slot(other, patient, by=user)
    message(office.api().post(f"/audit/leave/{office.leave(doctor, 5)}/approve"))
    assert message(office.api().post(f"/audit/add-slot/{closed}/approve"), 99)["msg"] == "该排班不可预约"
    has = office.add_slot(session, patient, by=user)
    message(add(office, None, session, patient))
    assert message(office.api().post(f"/audit/add-slot/{has}/approve"), 99)["msg"] == "患者在该排班已有有效挂号"
    assert {office.row("add_slot_audits", a)["status"] for a in (audit, closed, has)} == {"pending"}
    h.check()


# ---- at once

def test_approved_twice_at_once_is_one_order(office, full):    # noqa: F811
    h, (session, _, user) = office.h, full
    audit = office.add_slot(session, h.patient()[0], by=user)
    office.api()
    replies = at_once(*[lambda: office.api().post(f"/audit/add-slot/{audit}/approve")] * 5)
    texts = sorted(r.json()["message"].get("msg", "") for r in replies)
    assert texts == [""] + ["当前申请状态为 approved，无法重复审核"] * 4
    assert places(h, session) == (2, 0)
    assert h.one("select count(*) from registration_orders where schedule_id = %s and source_type = 'add_slot'", session) == 1
    h.check()


def test_approved_and_withdrawn_at_once_is_one_of_them(office, full):    # noqa: F811
    h, (session, _, user) = office.h, full
    office.api(), office.api(user)
    orders = 0
    for _ in range(8):
        audit = office.add_slot(session, h.patient()[0], by=user)
        yes, back = at_once(lambda: office.api().post(f"/audit/add-slot/{audit}/approve"),
                            lambda: office.api(user).post(f"/doctor/schedules/add-slot/{audit}/cancel"))
        row = office.row("add_slot_audits", audit)
        if row:
            assert message(yes)["status"] == "approved" and message(back, 99)["msg"] == "仅可取消待审核的加号申请"
            orders += 1
        else:
            assert message(back) == {"detail": "已取消加号申请"} and message(yes, 106)["msg"] == "加号申请不存在"
    assert h.one("select count(*) from registration_orders where schedule_id = %s and source_type = 'add_slot'", session) == orders
    assert places(h, session) == (1 + orders, 0)
    h.check()


def test_many_are_added_and_booked_at_once(office):    # noqa: F811
    h, (doctor, _) = office.h, office.doctor()
    session = h.session(3, doctor=doctor, clinic=bc._clinic(h), places=5)
    adds, books = [h.patient() for _ in range(6)], [h.patient() for _ in range(8)]
    office.api()
    for _, uid in books:
        office.api(uid)
    replies = at_once(
        *[lambda p=p: add(office, None, session, p[0]) for p in adds],
        *[lambda p=p: office.api(p[1]).post("/patient/appointments", {"scheduleId": session, "hospitalId": h.area, "departmentId": h.dept,
                                                                      "patientId": p[0]}) for p in books])
    assert all(r.json()["code"] == 0 for r in replies[:6])
    assert sorted(r.json()["code"] for r in replies[6:]) == [0] * 5 + [1001] * 3
    assert places(h, session) == (11, 0)
    h.check()


def test_the_same_patient_added_twice_at_once_is_added_once(office, full):    # noqa: F811
    h, (session, _, user) = office.h, full
    patient, _ = h.patient()
    office.api()
    replies = at_once(*[lambda: add(office, None, session, patient)] * 4)
    assert sorted(r.json()["code"] for r in replies) == [0, 99, 99, 99]
    assert {r.json()["message"]["msg"] for r in replies if r.json()["code"]} == {"患者在该排班已有有效挂号"}
    other, _ = h.patient()
    asked = [message(r) for r in at_once(*[lambda: add(office, user, session, other)] * 4)]
    assert len({a["audit_id"] for a in asked}) == 1
    assert sorted(a["detail"] for a in asked) == ["加号申请已提交，等待审核"] + ["加号申请已更新，等待审核"] * 3
    h.check()


def test_a_repeated_key_adds_once(office, full):    # noqa: F811
    h, (session, _, _) = office.h, full
    patient, _ = h.patient()
    body = {"schedule_id": session, "patient_id": patient, "slot_type": "普通"}
    first, second = (message(office.api().post(PATHS[0], body, headers={"Idempotency-Key": f"add-{session}"})) for _ in range(2))
    assert first == second and places(h, session) == (2, 0)
