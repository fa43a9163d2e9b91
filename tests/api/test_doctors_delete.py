"""Doctors removed on every surface: what becomes of the account, of sessions and of their appointments."""

import datetime as dt
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import booking_cases as bc
from support import contract
from support.accounts import add_user
from support.doctors import open_office
from support.hospital import today
from support.http import data, message, problem
from support.proc import wait_for

V1, OFFICE, HB = "/api/v1/doctors", "/admin/doctors", "/doctor/"


@pytest.fixture(scope="module")
def office(empty_db, make_system):
    o = open_office(empty_db, make_system, {"message.mail": "none", "message.sms": "none"})      # messages stay to be read
    o.h.setting("registration", '{"sameDayDeadline": "23:59", "maxAppointmentsPerPeriod": 50}')
    yield o
    o.h.close()


def session(office, doctor, day=4, section="上午", **kw):
    return office.h.session(day, section, doctor=doctor, clinic=bc._clinic(office.h), **kw)


def booked(office, sid):
    """(order, patient, account) of a new patient's booking."""
    patient, user = office.h.patient()
    order = data(office.api(user).post("/api/v1/appointments", {"schedule_id": sid}), 201)["id"]
    return order, patient, user


def told(office, user):
    phone = office.h.one("select phonenumber from users where id = %s", user)
    return [r[0] for r in office.h.run("select template from message_outbox where recipient = %s order by id", phone)]


def gone(office, doctor, user=None):
    row = office.row(doctor)
    assert row["deleted_at"] and row["user_id"] is None and row["is_department_head"] is False and row["name"]
    if user:
        account = office.account(user)
        assert account["is_deleted"] and not account["is_active"]
    problem(office.admin.get(f"{V1}/{doctor}"), "NOT_FOUND", 404)
    assert office.api().get(f"{HB}{doctor}").status_code == 404
    assert message(office.api().get(f"/patient/doctors/{doctor}"), 106)["msg"] == "医生不存在"
    assert doctor not in [d["doctor_id"] for d in message(office.admin.get(OFFICE))["doctors"]]


# ---- the office

def test_office_removes_doctor_and_account(office):                                   # BR-22, R-68
    doctor, user = office.doctor(is_department_head=True, license_no="LIC-GONE")
    name, account = office.row(doctor)["name"], office.account(user)
    office.h.setting("registration.price", '{"default_price_normal": 80}', "DOCTOR", doctor)
    office.h.run("insert into doctor_specialties values (%s, %s)", doctor, office.specialty("GONE", "Gone"))
    office.h.run("insert into availability_rules (doctor_id, weekday, start_time, end_time, slot_minutes, valid_from) "
                 "values (%s, 1, '08:00', '12:00', 20, '2026-01-01')", doctor)
    photo = office.photo(doctor)
    token = office.sign_in(account["username"])
    r = office.admin.delete(f"{OFFICE}/{doctor}")
    assert contract.check("identity.delete_doctor", message(r)) == {"detail": f"成功删除医生 {name}"}
    gone(office, doctor, user)
    assert office.api().get(photo).status_code == 404
    wait_for("the session to end", lambda: token.get("/api/v1/users/me").status_code == 401, timeout=5)
    problem(token.get("/api/v1/users/me"), "TOKEN_REVOKED", 401)
    problem(office.api().post("/api/v1/auth/login", {"username": account["username"], "password": "Guahao-2026"}), "BAD_CREDENTIALS", 401)
    assert not office.h.run("select 1 from system_config where scope_type = 'DOCTOR' and scope_id = %s", doctor)
    assert not office.h.run("select 1 from doctor_specialties where doctor_id = %s", doctor)
    assert office.h.one("select status from availability_rules where doctor_id = %s", doctor) == "INACTIVE"
    (entry,) = office.h.run("select actor_id, surface, changes from audit_log where action = 'doctor.delete' and entity_id = %s", str(doctor))
    assert entry[:2] == (office.h.admin, "code") and entry[2]["user_id"] == [user, None]
    assert message(office.admin.delete(f"/doctors/{doctor}"), 106)["msg"] == "医生不存在"
    # names stay reserved, the licence may come back
    assert message(office.admin.post(OFFICE, {"dept_id": office.h.dept, "name": "x", "identifier": account["identifier"],
                                              "password": "Again-pw1"}), 99)["msg"] == "工号已被使用"
    assert data(office.admin.post(V1, {"name": "回来", "license_no": "LIC-GONE"}), 201)["license_no"] == "LIC-GONE"


def test_office_cancels_what_is_to_come(office):                                      # BR-58
    doctor, user = office.doctor()
    open_, later, past = session(office, doctor), session(office, doctor, 5), session(office, doctor, -3)
    order, patient, account = booked(office, open_)
    bc._order(office.h, office.h.patient()[0], past, office.h.one("select date from schedules where id = %s", past), "completed")
    message(office.admin.delete(f"{OFFICE}/{doctor}"))
    gone(office, doctor, user)
    o = office.h.order(order)
    assert (o["status"], o["payment_status"], o["cancelled_by"], o["cancel_reason"]) == ("cancelled", "cancelled", "staff", "医生已停止出诊")
    assert told(office, account) == ["visit_cancelled"]
    rows = dict(office.h.run("select id, is_latest from schedules where id = any(%s)", [open_, later, past]))
    assert rows == {open_: False, later: False, past: True}
    shown = data(office.api(account).get(f"/api/v1/appointments/{order}"))             # past rows keep the name
    assert shown["doctor"]["name"] == office.row(doctor)["name"] and shown["status"] == "CANCELLED"
    problem(office.api(account).post("/api/v1/appointments", {"schedule_id": later}), "SESSION_SUSPENDED", 409)
    office.h.check()


def test_office_refusals(office):
    for who in (office.h.staff, office.h.doctor_user):
        assert message(office.api(who).delete(f"{OFFICE}/{office.h.doctor2}"), 102)["msg"] == "无权限，仅管理员可操作"
    assert message(office.admin.delete(f"{OFFICE}/999999"), 106)["msg"] == "医生不存在"
    high, _ = office.doctor(roles=("DOCTOR", "ADMIN"))
    assert message(office.admin.delete(f"{OFFICE}/{high}"), 102)["msg"] == "仅超级管理员可操作"
    root = add_user(office.db, ["ADMIN"], username="delroot", is_superuser=True)
    own, _ = office.doctor(account=False, user_id=root)
    assert message(office.api(root).delete(f"{OFFICE}/{own}"), 99)["msg"] == "不能删除自己的账号"
    assert message(office.api(root).delete(f"{OFFICE}/{high}"))
    assert office.row(own)["deleted_at"] is None


# ---- /api/v1

def test_v1_asks_first(office):                                                       # DO-05, R-67
    doctor, user = office.doctor()
    order, _, account = booked(office, session(office, doctor))
    problem(office.admin.delete(f"{V1}/{doctor}"), "DOCTOR_HAS_APPOINTMENTS", 409)
    assert office.row(doctor)["deleted_at"] is None and office.h.order(order)["status"] == "confirmed"
    assert office.account(user)["is_active"] and not told(office, account)
    r = office.admin.delete(f"{V1}/{doctor}", params={"cancel_appointments": "true"})
    assert contract.check("identity.v1_delete_doctor", data(r)) is None
    gone(office, doctor, user)
    assert office.h.order(order)["status"] == "cancelled" and told(office, account) == ["visit_cancelled"]
    office.h.check()


def test_v1_removes_who_is_free_at_once(office):
    doctor, user = office.doctor()
    sid = session(office, doctor)
    order, patient, account = booked(office, sid)
    data(office.api(account).post(f"/api/v1/appointments/{order}/cancel", {"reason": "travel"}))
    assert data(office.admin.delete(f"/api/doctors/{doctor}")) is None
    gone(office, doctor, user)
    assert office.h.one("select is_latest from schedules where id = %s", sid) is False


def test_v1_refusals(office):
    doctor, user = office.doctor()
    problem(office.admin.delete(f"{V1}/999999"), "NOT_FOUND", 404)
    problem(office.admin.delete(f"{V1}/{doctor}", headers={"If-Match": f'"doctor-{doctor}-9"'}), "PRECONDITION_FAILED", 412)
    problem(office.api(user).delete(f"{V1}/{doctor}"), "FORBIDDEN", 403)
    problem(office.api().delete(f"{V1}/{doctor}"), "TOKEN_MISSING", 401)
    removed, _ = office.doctor(account=False, deleted_at="2026-01-01")
    waiting, _ = office.doctor(account=False, status="INACTIVE")
    for query in ({"reassign_to": doctor}, {"reassign_to": removed}, {"reassign_to": waiting}, {"reassign_to": 999999}, {"reassign_to": "x"},
                  {"reassign_to": office.h.doctor, "cancel_appointments": "true"}):
        assert problem(office.admin.delete(f"{V1}/{doctor}", params=query), "VALIDATION_FAILED", 422)["errors"][0]["field"] == "reassign_to"
    problem(office.admin.delete(f"{V1}/{doctor}", params={"cancel_appointments": "perhaps"}), "VALIDATION_FAILED", 422)
    assert office.row(doctor)["deleted_at"] is None
    r = office.admin.delete(f"{V1}/{doctor}", headers={"If-Match": f'"doctor-{doctor}-1"'})
    assert data(r) is None


def test_v1_hands_patients_over(office):
    doctor, _ = office.doctor()
    heir, heir_user = office.doctor()
    office.h.run("update users set phonenumber = '13377770001' where id = %s", heir_user)
    full, empty = session(office, doctor, 6), session(office, doctor, 7)
    order, _, account = booked(office, full)
    before = office.h.order(order)
    assert data(office.admin.delete(f"{V1}/{doctor}", params={"reassign_to": heir})) is None
    after = office.h.order(order)
    assert after["doctor_id"] == heir and all(after[k] == before[k] for k in ("status", "slot_no", "starts_at", "order_no", "price", "schedule_id"))
    assert office.h.run("select id, doctor_id, is_latest, remaining_slots from schedules where id = any(%s) order by id", [full, empty]) == \
        [(full, heir, True, 15), (empty, doctor, False, 16)]
    (sent,) = office.h.run("select template, body from message_outbox where recipient = (select phonenumber from users where id = %s)", account)
    assert sent[0] == "visit_handed" and office.row(heir)["name"] in sent[1] and office.row(doctor)["name"] in sent[1] \
        and before["order_no"] in sent[1] and "{" not in sent[1]
    (sent,) = office.h.run("select template, body from message_outbox where recipient = '13377770001'")
    assert sent[0] == "session_handed" and "现有预约1个" in sent[1] and office.row(doctor)["name"] in sent[1] and "{" not in sent[1]
    (step,) = office.h.run("select action, from_value, to_value from appointment_history where order_id = %s and action = 'rescheduled'", order)
    assert step == ("rescheduled", {"doctor_id": doctor}, {"doctor_id": heir})
    assert data(office.api(account).get(f"/api/v1/appointments/{order}"))["doctor"]["id"] == heir
    data(office.api(account).post(f"/api/v1/appointments/{order}/cancel", {"reason": "x"}))
    office.h.check()


def test_v1_does_not_hand_over_to_somebody_busy(office):
    doctor, user = office.doctor()
    heir, _ = office.doctor()
    sid = session(office, doctor, 8)
    session(office, heir, 8)
    order, _, account = booked(office, sid)
    problem(office.admin.delete(f"{V1}/{doctor}", params={"reassign_to": heir}), "SCHEDULE_OVERLAP", 409)
    assert office.row(doctor)["deleted_at"] is None and office.h.order(order)["doctor_id"] == doctor
    assert office.account(user)["is_active"] and not told(office, account)


# ---- Heartbeat

def test_heartbeat(office):                                                           # HB-11, R-222
    doctor, user = office.doctor(first_name="A", last_name="B", name="A B")
    order, _, account = booked(office, session(office, doctor, 9))
    r = office.admin.delete(HB, params={"doctor_id": doctor})
    assert (r.status_code, r.json()) == (409, {"detail": "The doctor has open appointments", "code": "DOCTOR_HAS_APPOINTMENTS"})
    data(office.api(account).post(f"/api/v1/appointments/{order}/cancel", {"reason": "travel"}))
    r = office.admin.request("DELETE", "/doctor", json={"id": doctor})
    assert r.status_code == 200
    was = contract.check("identity.hb_delete_doctor", r.json())
    assert (was["id"], was["user_id"], was["name"], was["surname"], was["username"]) == (doctor, user, "A", "B", office.account(user)["username"])
    gone(office, doctor, user)
    assert office.admin.delete(HB, params={"doctor_id": doctor}).json() == {"detail": "Doctor not found"}
    free, _ = office.doctor(account=False)
    for query, body in (({}, None), ({"doctor_id": free, "id": free + 1}, None), ({"id": free}, {"id": free + 1})):
        assert office.admin.request("DELETE", HB, params=query, json=body).status_code == 422
    assert office.api(office.h.staff).delete(HB, params={"id": free}).status_code == 403
    assert office.api().delete(HB, params={"id": free}).json() == {"detail": "Not authenticated"}
    assert office.admin.delete(HB, params={"id": free}, json={"id": free}).status_code == 200


# ---- two at once

def at_once(calls):
    with ThreadPoolExecutor(len(calls)) as pool:
        return [f.result() for f in [pool.submit(c) for c in calls]]


def test_removed_once(office):
    doctor, _ = office.doctor()
    token = office.admin.token
    done = at_once([lambda: office.system.api(token=token).delete(f"{V1}/{doctor}") for _ in range(4)])
    assert sorted(r.status_code for r in done) == [200, 404, 404, 404]
    assert office.h.one("select count(*) from audit_log where action = 'doctor.delete' and entity_id = %s", str(doctor)) == 1


def test_removed_while_patients_book(office):
    """Whoever was told yes is cancelled and told; nobody keeps a place with a doctor who has gone."""
    doctor, _ = office.doctor()
    sid = session(office, doctor, 10, places=40)
    patients = [office.h.patient() for _ in range(12)]
    apis = [office.system.api(token=office.api(user).token) for _, user in patients]
    answers, go = [], threading.Barrier(len(apis) + 1)

    def book(api):
        go.wait()
        answers.append(api.post("/api/v1/appointments", {"schedule_id": sid}).status_code)

    threads = [threading.Thread(target=book, args=(api,)) for api in apis]
    for t in threads:
        t.start()
    go.wait()
    message(office.admin.delete(f"{OFFICE}/{doctor}"))
    for t in threads:
        t.join()
    assert set(answers) <= {201, 404, 409}
    orders = office.h.run("select status from registration_orders where schedule_id = %s", sid)
    assert len(orders) == answers.count(201) and {s for (s,) in orders} <= {"cancelled"}
    assert office.h.one("select count(*) from message_outbox where template = 'visit_cancelled' and body like %s",
                        f"%{office.row(doctor)['name']}%") == len(orders)
    office.h.check()


def test_a_department_goes_while_a_doctor_is_moved_there(office):
    """Exactly one of the two happens."""
    token = office.admin.token
    for i in range(8):
        doctor, _ = office.doctor(account=False)
        dept = office.h.one("insert into minor_departments (major_dept_id, name) values (%s, %s) returning id", office.h.major, f"临时{i}")
        moved, deleted = at_once([
            lambda: office.system.api(token=token).put(f"{OFFICE}/{doctor}/transfer", {"new_dept_id": dept}).json(),
            lambda: office.system.api(token=token).delete(f"/admin/minor-departments/{dept}").json()])
        assert (moved["code"] == 0) != (deleted["code"] == 0), (moved, deleted)
        if moved["code"]:
            assert moved["message"]["msg"] == "目标科室不存在" and office.row(doctor)["dept_id"] == office.h.dept
        else:
            assert deleted["message"]["msg"] == "存在关联医生，无法删除" and office.row(doctor)["dept_id"] == dept


def test_a_session_is_made_while_its_doctor_goes(office):
    """Whichever came first, nobody consults who has gone."""
    token = office.admin.token
    clinic = bc._clinic(office.h)
    for i in range(8):
        doctor, _ = office.doctor(account=False)
        body = {"doctor_id": doctor, "clinic_id": clinic, "schedule_date": str(today() + dt.timedelta(20 + i)), "time_section": "上午",
                "slot_type": "普通", "total_slots": 5, "price": 10, "status": "正常"}
        made, removed = at_once([lambda: office.system.api(token=token).post("/admin/schedules", body).json(),
                                 lambda: office.system.api(token=token).delete(f"{OFFICE}/{doctor}").json()])
        assert removed["code"] == 0 and (made["code"] == 0 or made["message"]["msg"] == "医生不存在"), (made, removed)
        assert not office.h.run("select 1 from schedules where doctor_id = %s and is_latest", doctor)
