"""Booking on the {code, message} surface, over HTTP: payloads and every refusal (api/07 section 7.2)."""

import datetime as dt

import pytest

from support import booking_cases as bc
from support.hospital import today
from support.http import message

pytestmark = pytest.mark.usefixtures("default_settings")

# number -> label, for the refusals of this surface (api/00 section 0.2)
LABELS = {99: "请求参数错误", 102: "权限不足", 106: "资源错误", 1001: "业务规则错误", 1002: "业务规则错误", 1003: "业务规则错误",
          1006: "业务规则错误"}
TEXTS = {"SLOT_FULL": "该时段号源已满", "DUPLICATE_BOOKING": "该时段已有预约", "BOOKING_LIMIT": "8天内最多可挂1个号",
         "BEYOND_BOOKING_WINDOW": "超出可预约时间范围", "SAME_DAY_CLOSED": "已超过当日挂号截止时间",
         "NO_SHOW_LIMIT": "爽约次数过多，暂不可挂号", "DEPARTMENT_INTERVAL": "同科室挂号间隔不足", "BOOKING_SUSPENDED": "账号已被限制挂号",
         "SESSION_SUSPENDED": "该排班不可预约", "APPOINTMENT_IN_PAST": "该排班不可预约", "SCHEDULE_NOT_FOUND": "排班不存在",
         "PATIENT_NOT_FOUND": "患者不存在", "BOOKING_PATIENT_FORBIDDEN": "无权为该患者预约", "PATIENT_NOT_BOUND": "当前用户未绑定患者信息"}


def book(house, ask, **more):
    return house.api(ask.user).post("/patient/appointments", {**bc.code_body(house.h, ask), **more})


@pytest.mark.parametrize("name,make,want", [c for c in bc.CASES if c[2]["code"]], ids=lambda v: v if isinstance(v, str) else "")
def test_refusal(house, name, make, want):
    ask = make(house.h)
    if ask.patient is None:
        ask.patient = house.h.patient()[0]
    error = message(book(house, ask), want["code"])
    assert error["error"] == LABELS[want["code"]]
    if want["row"] in TEXTS:
        assert error["msg"] == TEXTS[want["row"]]
    house.h.check()


@pytest.mark.parametrize("body", [{}, {"scheduleId": 1}, {"scheduleId": "x", "hospitalId": 1, "departmentId": 1, "patientId": 1},
                                  {"scheduleId": 1, "hospitalId": 1, "departmentId": 1, "patientId": 0}])
def test_faulty_body(house, body):
    _, uid = house.h.patient()
    message(house.api(uid).post("/patient/appointments", body), 99)


def test_needs_a_token(house):
    r = house.system.api().post("/patient/appointments", {})
    assert r.status_code == 401 and r.json()["code"] == 105


def test_booked(house):
    h = house.h
    pid, uid = h.patient(kind="教师")
    sid = bc._free(h).session
    got = message(book(house, bc.Ask(uid, pid, str(sid)), patientId=str(pid), symptoms="胸闷三天"))
    assert got == {"id": got["id"], "orderNo": got["orderNo"], "queueNumber": None, "needPay": True, "payAmount": 40.0,
                   "appointmentDate": str(today() + dt.timedelta(days=3)), "appointmentTime": "上午", "status": "pending",
                   "paymentStatus": "pending"}
    assert len(got["orderNo"]) == 16 and got["orderNo"].isdigit() and got["orderNo"].startswith(f"{today():%Y%m%d}")


def test_same_idempotency_key_is_one_booking(house):
    ask = bc._free(house.h)
    api = house.api(ask.user)
    body = bc.code_body(house.h, ask)
    first = api.post("/patient/appointments", body, headers={"Idempotency-Key": "k-1"})
    again = api.post("/patient/appointments", body, headers={"Idempotency-Key": "k-1"})
    assert message(again) == message(first) and again.headers.get("Idempotency-Replayed") == "true"
    assert house.h.remaining(ask.session) == 15
    reused = api.post("/patient/appointments", {**body, "symptoms": "x"}, headers={"Idempotency-Key": "k-1"})
    message(reused, 99)


def test_lists_and_detail(house):
    h = house.h
    mother, uid = h.patient()
    child, _ = h.patient(account=False)
    h.relate(mother, child)
    own = message(book(house, bc.Ask(uid, mother, bc._free(h).session)))["id"]
    other = message(book(house, bc.Ask(uid, child, bc._free(h).session)))["id"]
    api = house.api(uid)
    mine = message(api.get("/patient/appointments", params={"page": 1, "pageSize": 1000, "params": "[object Object]"}))
    assert mine["total"] == 1 and [x["id"] for x in mine["list"]] == [own]
    item = mine["list"][0]
    assert set(item) >= {"id", "orderNo", "hospitalId", "hospitalName", "departmentId", "departmentName", "doctorName", "doctorTitle",
                         "scheduleId", "appointmentDate", "appointmentTime", "patientName", "patientId", "queueNumber", "price",
                         "status", "paymentStatus", "canCancel", "canReschedule", "sourceType", "createdAt"}
    assert item["canCancel"] is True and item["sourceType"] == "normal" and item["price"] == 50.0
    started = message(api.get("/patient/my-initiated-appointments"))
    assert [x["id"] for x in started["list"]] == [other, own]
    assert message(api.get("/patient/appointments", params={"status": "cancelled"}))["list"] == []
    detail = message(api.get(f"/patient/appointments/{other}"))
    assert detail["patientId"] == child and detail["patientPhone"] is None and detail["paidAt"] is None
    assert set(detail) == {"id", "orderNo", "hospitalId", "hospitalName", "hospitalAddress", "departmentId", "departmentName", "doctorId",
                           "doctorName", "doctorTitle", "doctorSpecialty", "scheduleId", "appointmentDate", "appointmentTime",
                           "slotType", "patientId", "patientName", "patientGender", "patientPhone", "symptoms", "price", "status",
                           "paymentStatus", "sourceType", "canCancel", "createdAt", "paidAt", "cancelledAt"}
    stranger = house.api(h.patient()[1])
    assert message(stranger.get(f"/patient/appointments/{own}"), 102)["msg"] == "无权查看该预约"
    assert message(stranger.get("/patient/appointments/99999999"), 106)["msg"] == "预约不存在"
    nobody = house.api(h.user(roles=["PATIENT"]))
    for path in ("/patient/appointments", "/patient/my-initiated-appointments", f"/patient/appointments/{own}"):
        assert message(nobody.get(path), 106)["msg"] == "患者信息不存在"


def test_cancelled(house):
    h = house.h
    ask = bc._free(h)
    order = message(book(house, ask))["id"]
    path = f"/patient/appointments/{order}/cancel"
    assert message(house.api(h.patient()[1]).put(path), 102)["msg"] == "无权操作该预约"
    message(house.api(h.user(roles=["PATIENT"])).put(path), 106)
    api = house.api(ask.user)
    message(api.put("/patient/appointments/99999999/cancel"), 106)
    assert message(api.put(path, {"wxCode": "w"})) == {"success": True, "refundAmount": None}
    assert message(api.put(path), 99)["msg"] == "该预约无法取消"
    assert message(api.get("/patient/appointments", params={"status": "cancelled"}))["list"][0]["canCancel"] is False
    assert h.remaining(ask.session) == 16
    h.check()


def test_cancelled_too_late(house):
    h = house.h
    ask = bc._free(h, days=1)
    order = message(book(house, ask))["id"]
    h.setting("registration", '{"cancelHoursBefore": 48}')
    error = message(house.api(ask.user).put(f"/patient/appointments/{order}/cancel"), 1006)
    assert error["msg"] == "需在就诊时间前48小时取消,已超时请到医院窗口办理"


# ---- what lists and detail show in each state (BR-93)

STATES = [("pending", "pending", True), ("confirmed", "paid", True), ("cancelled", "cancelled", False), ("timeout", "failed", False),
          ("completed", "paid", False), ("no_show", "paid", False)]


@pytest.mark.parametrize("state, payment, active", STATES)
def test_shown_in_each_state(house, state, payment, active):
    h = house.h
    ask = bc._free(h)
    order = message(book(house, ask))["id"]
    h.run("update registration_orders set payment_status = %s where id = %s", payment, order)
    for step in ["confirmed"] * (state in ("confirmed", "completed", "no_show")) + [state] * (state not in ("pending", "confirmed")):
        h.run("update registration_orders set status = %s where id = %s", step, order)
    if payment == "paid":
        h.run("update registration_orders set payment_time = created_at where id = %s", order)
    if state in ("cancelled", "timeout"):
        h.run("update registration_orders set cancelled_at = created_at where id = %s", order)
        h.run("update schedules set remaining_slots = remaining_slots + 1 where id = %s", ask.session)
    api = house.api(ask.user)
    item = message(api.get("/patient/appointments"))["list"][0]
    assert (item["status"], item["paymentStatus"], item["canCancel"], item["canReschedule"]) == (state, payment, active, active)
    detail = message(api.get(f"/patient/appointments/{order}"))
    assert (detail["status"], detail["paymentStatus"], detail["canCancel"]) == (state, payment, active)
    assert (detail["paidAt"], detail["cancelledAt"]) == (item["createdAt"] if payment == "paid" else None,
                                                         item["createdAt"] if state in ("cancelled", "timeout") else None)
    found = message(api.get("/patient/appointments", params={"status": state if state != "completed" else "finished"}))
    assert [x["id"] for x in found["list"]] == [order]


def test_deadline_passed_and_visit_begun(house):
    h = house.h
    ask = bc._free(h, days=1)
    order = message(book(house, ask))["id"]
    h.setting("registration", '{"cancelHoursBefore": 48}')
    api = house.api(ask.user)

    def shown():
        item = message(api.get("/patient/appointments"))["list"][0]
        return item["canCancel"], item["canReschedule"]
    assert shown() == (False, True)
    h.run("update registration_orders set starts_at = now() - interval '1 minute' where id = %s", order)
    assert shown() == (False, False)


def test_whole_names_on_every_surface(house):
    h = house.h
    ask = bc._free(h)
    long_patient, long_doctor = "患" * 60, "医" * 55
    h.run("update patients set name = left(%s, 50), full_name = %s where id = %s", long_patient, long_patient, ask.patient)
    h.run("update doctors set name = left(%s, 50), full_name = %s where id = %s", long_doctor, long_doctor, ask.doctor)
    api = house.api(ask.user)
    v1 = api.post("/api/v1/appointments", {"schedule_id": ask.session}).json()["data"]
    order = v1["id"]
    assert (v1["patient"]["full_name"], v1["doctor"]["name"]) == (long_patient, long_doctor)
    v1 = api.get(f"/api/v1/appointments/{order}").json()["data"]
    assert (v1["patient"]["full_name"], v1["doctor"]["name"]) == (long_patient, long_doctor)
    for shown in (message(api.get("/patient/appointments"))["list"][0], message(api.get(f"/patient/appointments/{order}"))):
        assert (shown["patientName"], shown["doctorName"]) == (long_patient, long_doctor)
    assert api.get(f"/appointment/by_id/{order}", params={"expand": "true"}).json()["patient"]["name"] == long_patient


def test_doctor_of_no_department(house):
    h = house.h
    ask = bc._free(h)
    h.run("update doctors set dept_id = null where id = %s", ask.doctor)
    api = house.api(ask.user)
    order = api.post("/api/v1/appointments", {"schedule_id": ask.session}).json()["data"]["id"]
    for shown in (message(api.get("/patient/appointments"))["list"][0], message(api.get(f"/patient/appointments/{order}"))):
        assert (shown["departmentId"], shown["departmentName"]) == (None, "")


def test_sessions_of_a_doctor_who_is_not_active_are_not_offered(house):
    h = house.h
    ask = bc._free(h, places=1, minutes=240)
    pid, uid = h.patient()
    order = message(book(house, ask))["id"]
    waits = message(house.api(uid).post("/patient/waitlist", {"scheduleId": ask.session, "patientId": pid}))["id"]
    h.run("update doctors set status = 'INACTIVE' where id = %s", ask.doctor)
    message(house.api(ask.user).put(f"/patient/appointments/{order}/cancel"))
    assert h.order(waits)["status"] == "waitlist" and h.remaining(ask.session) == 1
    assert message(house.api(uid).get("/patient/waitlist"))["list"][0]["canConvert"] is False
    assert message(house.api(uid).post(f"/patient/waitlist/{waits}/convert"), 1008)["msg"] == "候补转预约失败，号源不足"
    listed = message(house.system.api().get("/patient/hospitals/schedules", params={"departmentId": h.dept}))["schedules"]
    assert ask.session not in [s["schedule_id"] for s in listed]
    h.run("update doctors set status = 'ACTIVE' where id = %s", ask.doctor)
    assert message(house.api(uid).post(f"/patient/waitlist/{waits}/convert"))["status"] == "pending"


def test_strict_mode_takes_the_department_that_the_session_is_listed_under(house, h):
    """Of the clinic, as GET /patient/hospitals/schedules has it, or of the doctor, when he sits in another department's clinic."""
    listed = h.one("select minor_dept_id from clinics where id = %s", h.clinic2)
    clinic = h.one("insert into clinics (area_id, minor_dept_id, name) values (%s, %s, '外借诊室') returning id", h.area, listed)
    session = h.session(5, doctor=h.extra_doctor(), clinic=clinic)
    assert listed != h.dept
    h.setting("appointment.strict_session", "true")
    for dept, code in ((listed, 0), (h.dept, 0), (listed + 1000, 99)):
        pid, uid = h.patient()
        said = message(house.api(uid).post("/patient/appointments", {"scheduleId": session, "hospitalId": h.area, "departmentId": dept,
                                                                    "patientId": pid}), code)
        assert code or said["status"] == "pending"
