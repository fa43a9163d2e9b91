"""The queue of a session and the records that come of it (api/08 section 8.3, api/07 section 7.5, api/11 section 11.3)."""

import datetime as dt
import os
import uuid

import pytest

from support import booking_cases as bc
from support.hospital import ZONE, now, today
from support.http import message
from support.proc import wait_for
from support.rush import at_once


def refused(response, code, text):
    body = response.json()
    assert (response.status_code, body["code"], body["message"]["msg"]) == (200, code, text)


class Room:
    """A doctor with a session of today and patients who have confirmed orders, in order."""

    def __init__(self, house, patients=0, state="confirmed"):
        self.house, self.h = house, house.h
        self.user = self.h.user("doctor", roles=["DOCTOR"])
        self.doctor = self.h.one("insert into doctors (user_id, dept_id, name) values (%s, %s, '医生己') returning id", self.user, self.h.dept)
        self.session = self.h.session(0, "上午", doctor=self.doctor, clinic=bc._clinic(self.h))
        self.api = house.api(self.user)
        self.orders, self.patients, self.users, self.slot = [], [], [], 0
        for _ in range(patients):
            self.come(state)

    def come(self, state="confirmed", priority=0):
        pid, uid = self.h.patient()
        self.slot += 1
        bc._order(self.h, pid, self.session, today(), state, self.slot)
        order = self.h.one("select max(id) from registration_orders")
        self.h.run("update registration_orders set priority = %s where id = %s", priority, order)
        self.orders.append(order)
        self.patients.append(pid)
        self.users.append(uid)
        return order

    def queue(self):
        return message(self.api.get("/doctor/consultation/queue", params={"schedule_id": self.session}))

    def next(self):
        return message(self.api.post("/doctor/consultation/next", {"schedule_id": self.session}))

    def pass_over(self, order, **more):
        return message(self.api.post("/doctor/consultation/pass", {"order_id": order, **more}))

    def complete(self, order, **more):
        return message(self.api.post("/doctor/consultation/complete", {"order_id": order, **more}))

    def state(self, order):
        return self.h.order(order)


def ids(items):
    return [i["orderId"] for i in items]


# ---- the queue shown (BR-114, BR-115)

def test_an_empty_queue_has_no_nulls_for_lists(house):
    q = Room(house).queue()
    assert q["stats"] == {"totalSlots": 0, "confirmedCount": 0, "waitlistCount": 0, "completedCount": 0, "waitingCount": 0, "passedCount": 0}
    assert (q["currentPatient"], q["nextPatient"], q["queue"], q["waitlist"], q["completedQueue"]) == (None, None, [], [], [])


def test_the_queue_is_in_order_of_priority_passes_and_age(house):
    r = Room(house, 3)
    added = r.come(priority=-1)                         # an added place
    for state in ("pending", "cancelled", "timeout", "no_show"):
        r.come(state)
    q = r.queue()
    assert ids(q["queue"]) == [added, *r.orders[:3]]
    assert [p["queueNumber"] for p in q["queue"]] == ["A001", "A002", "A003", "A004"]
    first = q["queue"][1]
    name = r.h.one("select name from patients where id = %s", r.patients[0])
    assert first == {"orderId": r.orders[0], "patientId": r.patients[0], "patientName": name, "gender": "女", "age": None,
                     "queueNumber": "A002", "status": "confirmed", "isCall": False, "callTime": None, "visitTime": None, "passCount": 0,
                     "priority": 0}
    assert q["nextPatient"]["orderId"] == added and set(q["nextPatient"]) == {"orderId", "patientId", "patientName", "queueNumber", "status",
                                                                              "passCount"}
    assert q["scheduleInfo"] == {"scheduleId": r.session, "doctorId": r.doctor, "date": today().isoformat(), "timeSection": "上午"}
    assert q["stats"]["confirmedCount"] == q["stats"]["waitingCount"] == q["stats"]["totalSlots"] == 4


def test_the_whole_course_of_a_session(house):
    r = Room(house, 3)
    one, two, three = r.orders
    called = r.next()
    assert called["detail"] == "已呼叫下一位" and called["scheduleId"] == r.session
    assert (called["nextPatient"]["orderId"], called["nextPatient"]["isCall"], called["nextPatient"]["queueNumber"]) == (one, True, "A001")
    q = r.queue()
    assert q["currentPatient"] == called["nextPatient"] and ids(q["queue"]) == [two, three] and q["nextPatient"]["queueNumber"] == "A002"
    done = r.complete(one)
    assert done["detail"] == "就诊完成" and done["completedPatient"]["status"] == "completed"
    assert done["completedPatient"]["queueNumber"] == "C001" and done["completedPatient"]["isCall"] is False
    assert dt.datetime.strptime(done["completedPatient"]["visitTime"], "%Y-%m-%d %H:%M:%S")
    assert r.next()["nextPatient"]["orderId"] == two
    passed = r.pass_over(two)
    assert passed["passedPatient"] == {"orderId": two, "patientName": r.h.one("select name from patients where id = %s", r.patients[1]),
                                       "passCount": 1, "isNoShow": False, "status": "confirmed"}
    assert passed["detail"] == "过号成功" and passed["nextPatient"]["orderId"] == three
    q = r.queue()
    assert q["stats"] == {"totalSlots": 3, "confirmedCount": 2, "waitlistCount": 0, "completedCount": 1, "waitingCount": 1, "passedCount": 1}
    assert ids(q["completedQueue"]) == [one] and q["queue"][0]["priority"] == 1000 and "isCall" not in q["completedQueue"][0]
    assert r.complete(three)["completedPatient"]["queueNumber"] == "C001"                 # the one seen last comes first
    assert r.next()["nextPatient"]["orderId"] == two
    r.complete(two)
    assert r.next() == {"detail": "队列已空", "nextPatient": None, "scheduleId": r.session}
    assert [r.state(o)["status"] for o in r.orders] == ["completed"] * 3


def test_administrators_look_on_and_the_waitlist_is_apart(house, h):
    r = Room(house, 1)
    waiting = [r.come("waitlist") for _ in range(2)]
    q = message(house.api(h.admin).get("/doctor/consultation/queue", params={"schedule_id": r.session}))
    assert ids(q["queue"]) == r.orders[:1] and ids(q["waitlist"]) == waiting
    assert [w["waitlistPosition"] for w in q["waitlist"]] == [1, 2] and q["waitlist"][0]["status"] == "waitlist"


def test_whose_queue_it_is(house, h):
    r, other = Room(house, 1), Room(house)
    order = r.orders[0]
    ask = {"params": {"schedule_id": r.session}}
    refused(other.api.get("/doctor/consultation/queue", **ask), 102, "只能查看本人的排班队列")
    refused(other.api.post("/doctor/consultation/next", {"schedule_id": r.session}), 102, "只能叫本人排班的号")
    r.next()
    refused(other.api.post("/doctor/consultation/pass", {"order_id": order}), 102, "只能对本人患者执行过号操作")
    refused(other.api.post("/doctor/consultation/complete", {"order_id": order}), 102, "只能完成本人排班下的患者就诊")
    refused(house.api(r.users[0]).get("/doctor/consultation/queue", **ask), 102, "无权限")
    for path in ("next", "pass", "complete"):
        assert house.api(h.admin).post(f"/doctor/consultation/{path}", {"schedule_id": r.session, "order_id": order}).json()["code"] == 102


def test_what_is_not_there(house):
    r = Room(house)
    refused(r.api.get("/doctor/consultation/queue", params={"schedule_id": 999999999}), 99, "排班 999999999 不存在")
    refused(r.api.post("/doctor/consultation/next", {"schedule_id": 999999999}), 99, "排班 999999999 不存在")
    refused(r.api.post("/doctor/consultation/pass", {"order_id": 999999999}), 99, "订单 999999999 不存在")
    refused(r.api.post("/doctor/consultation/complete", {"order_id": "999999999"}), 99, "订单 999999999 不存在")
    waiting = r.come("waitlist")
    refused(r.api.post("/doctor/consultation/pass", {"order_id": waiting}), 99, f"订单 {waiting} 不存在")


# ---- BR-116

def test_nobody_is_called_while_somebody_is_seen(house):
    r = Room(house, 2)
    r.next()
    refused(r.api.post("/doctor/consultation/next", {"schedule_id": r.session}), 99,
            f"当前还有患者正在就诊（订单 {r.orders[0]}），请先完成当前患者再呼叫下一位")
    assert [r.state(o)["is_calling"] for o in r.orders] == [True, False]


def test_two_calls_at_once_call_one_patient(house):
    for _ in range(5):
        r = Room(house, 3)
        replies = at_once(*[lambda: r.api.post("/doctor/consultation/next", {"schedule_id": r.session})] * 6)
        codes = sorted(x.json()["code"] for x in replies)
        assert codes == [0] + [99] * 5, [x.text for x in replies]
        assert [r.state(o)["is_calling"] for o in r.orders] == [True, False, False]


def test_a_client_that_tries_again_calls_once(house):
    r = Room(house, 2)
    key = {"Idempotency-Key": str(uuid.uuid4())}
    first, again = (message(r.api.post("/doctor/consultation/next", {"schedule_id": r.session}, headers=key)) for _ in range(2))
    assert first == again


# ---- BR-117, BR-119

def test_at_the_limit_a_patient_counts_as_not_come(house, h):
    r = Room(house, 1)
    (order,) = r.orders
    before = h.one("select no_show_count from patients where id = %s", r.patients[0])
    for n in (1, 2):
        r.next()
        got = r.pass_over(order)
        assert got["passedPatient"]["passCount"] == n and got["nextPatient"] is None       # not himself again
        assert (r.state(order)["priority"], r.state(order)["status"]) == (1000 * n, "confirmed")
    r.next()
    got = r.pass_over(order)
    assert got["detail"] == "过号成功，患者已标记为爽约" and got["passedPatient"]["isNoShow"] and got["passedPatient"]["status"] == "no_show"
    row = r.state(order)
    assert (row["status"], row["is_calling"], row["pass_count"], row["payment_status"]) == ("no_show", False, 3, "paid")
    assert h.one("select no_show_count from patients where id = %s", r.patients[0]) == before + 1
    assert h.run("select action, by_user from appointment_history where order_id = %s", order) == [("no_show", r.user)]
    refused(r.api.post("/doctor/consultation/pass", {"order_id": order}), 99, "只能对已确认的订单进行过号操作，当前状态: no_show")


@pytest.mark.parametrize("ask, of_doctor, of_hospital, limit", [(1, 5, 5, 1), ("2", 5, 5, 2), (None, 1, 5, 1), (None, None, 1, 1)])
def test_the_nearest_limit_counts(house, h, ask, of_doctor, of_hospital, limit):
    r = Room(house, 1)
    h.setting("consultation.max_pass_count", str(of_hospital))
    if of_doctor:
        h.setting("consultation.max_pass_count", str(of_doctor), "DOCTOR", r.doctor)
    try:
        for n in range(1, limit + 1):
            r.next()
            got = r.pass_over(r.orders[0], **({"max_pass_count": ask} if ask else {}))
            assert got["passedPatient"]["isNoShow"] == (n == limit)
    finally:
        h.setting("consultation.max_pass_count", "3")


def test_only_who_is_called_is_passed_or_completed(house):
    r = Room(house, 1)
    (order,) = r.orders
    refused(r.api.post("/doctor/consultation/pass", {"order_id": order}), 99, "只能对正在叫号的患者执行过号操作（患者未到场时使用）")
    refused(r.api.post("/doctor/consultation/complete", {"order_id": order}), 99, "只能完成正在就诊的患者（is_calling=True）")
    pending = r.come("pending")
    refused(r.api.post("/doctor/consultation/complete", {"order_id": pending}), 99, "只能完成已确认的订单，当前状态: pending")
    refused(r.api.post("/doctor/consultation/pass", {"order_id": pending}), 99, "只能对已确认的订单进行过号操作，当前状态: pending")


def test_pass_and_complete_at_once(house):
    for _ in range(4):
        r = Room(house, 2)
        one, two = r.orders
        r.next()
        done, passed = at_once(lambda: r.api.post("/doctor/consultation/complete", {"order_id": one}),
                               lambda: r.api.post("/doctor/consultation/pass", {"order_id": one}))
        assert sorted([done.json()["code"], passed.json()["code"]]) == [0, 99]
        completed = done.json()["code"] == 0
        assert r.state(one)["status"] == ("completed" if completed else "confirmed")
        assert r.state(two)["is_calling"] == (not completed)
        assert r.h.one("select count(*) from medical_records where appointment_id = %s", one) == (1 if completed else 0)


def test_a_limit_that_is_none_is_refused(house):
    r = Room(house, 1)
    r.next()
    for bad in (0, 11, "x"):
        refused(r.api.post("/doctor/consultation/pass", {"order_id": r.orders[0], "max_pass_count": bad}), 99, "参数 max_pass_count 不正确")


# ---- BR-118: the visit and its record

FOUND = {"diagnosis": "急性支气管炎", "prescription": "止咳糖浆 \"每日\"三次\n七天", "advice": "多休息"}


def visited(house, h, reason=None, **found):
    """(room, order, record) of a visit that took place."""
    r = Room(house, 1)
    h.run("update registration_orders set reason = %s where id = %s", reason, r.orders[0])
    r.next()
    r.complete(r.orders[0], **found)
    return r, r.orders[0], h.one("select id from medical_records where appointment_id = %s", r.orders[0])


def test_a_visit_has_its_record_history_and_score(house, h):
    r = Room(house, 1)
    (order,) = r.orders
    h.run("insert into user_risk_summaries (user_id, current_score, current_level) values (%s, 40, 'LOW')", r.users[0])
    r.next()
    r.complete(order)
    assert h.run("select patient_id, doctor_id, type, status, body_enc is null from medical_records where appointment_id = %s", order) == \
        [(r.patients[0], r.doctor, "outpatient", "FINAL", True)]
    assert h.run("select action, by_user from appointment_history where order_id = %s", order) == [("completed", r.user)]
    wait_for("the score", lambda: h.one("select current_score from user_risk_summaries where user_id = %s", r.users[0]) == 30)   # BR-134
    assert h.one("select action from audit_log where entity = 'appointment' and entity_id = %s", str(order)) == "appointment.complete"


def test_what_was_found_is_sealed_and_shown_to_the_patient(house, h):
    r, order, record = visited(house, h, "胸闷三天", **FOUND)
    stored = bytes(h.one("select body_enc from medical_records where id = %s", record))
    assert "止咳".encode() not in stored and "胸闷".encode() not in stored
    api = house.api(r.users[0])
    (shown,) = message(api.get("/patient/health-record"))["consultationRecords"]
    at = dt.datetime.strptime(shown.pop("visitDate"), "%Y-%m-%d %H:%M").replace(tzinfo=ZONE)
    assert abs(now() - at) < dt.timedelta(minutes=5)
    assert shown == {"id": str(record), "outpatientNo": h.order(order)["order_no"], "department": "心内科", "doctorName": "医生己",
                     "chiefComplaint": "胸闷三天", "presentIllness": None, "auxiliaryExam": None, "diagnosis": "急性支气管炎",
                     "prescription": FOUND["prescription"], "advice": "多休息", "status": "completed"}
    one = message(api.get(f"/patient/visit-record/{record}"))
    assert one["recordData"] == {k: shown[k] for k in ("chiefComplaint", "presentIllness", "auxiliaryExam", "diagnosis", "prescription", "advice")}
    assert one["basicInfo"]["outpatientNo"] == shown["outpatientNo"] and one["basicInfo"]["gender"] == "女"
    assert FOUND["prescription"].split()[0] not in house.system.logs(100000)


def test_a_visit_without_findings_shows_what_the_booking_said(house, h):
    r, order, record = visited(house, h, "胸闷三天")
    (shown,) = message(house.api(r.users[0]).get("/patient/health-record"))["consultationRecords"]
    assert (shown["chiefComplaint"], shown["diagnosis"], shown["prescription"], shown["advice"]) == ("胸闷三天", None, None, None)
    data = message(house.api(r.user).get(f"/common/visit-record/{record}"))["recordData"]
    assert (data["chiefComplaint"], data["diagnosis"], data["prescription"]) == ("胸闷三天", "无", "无")


def test_a_further_visit_that_is_wanted_is_ongoing(house, h):
    r, _, record = visited(house, h)
    for days, status in ((0, "ongoing"), (5, "ongoing"), (-1, "completed")):
        h.run("update medical_records set follow_up_date = %s where id = %s", today() + dt.timedelta(days=days), record)
        assert message(house.api(r.users[0]).get("/patient/health-record"))["consultationRecords"][0]["status"] == status


def test_drafts_and_voided_records_are_not_shown(house, h):
    r, _, record = visited(house, h)
    api = house.api(r.users[0])
    for status, why in (("DRAFT", None), ("VOIDED", "录错")):
        h.run("update medical_records set status = %s, voided_reason = %s where id = %s", status, why, record)
        assert message(api.get("/patient/health-record"))["consultationRecords"] == []
        refused(api.get(f"/patient/visit-record/{record}"), 106, "就诊记录不存在")
        refused(api.get(f"/common/visit-record/{record}"), 106, "就诊记录不存在")


def test_completed_on_v1_is_a_visit_too(house, h):
    r = Room(house, 1)
    answer = r.api.put(f"/api/v1/appointments/{r.orders[0]}/status", {"status": "COMPLETED"})
    assert answer.status_code == 200, answer.text
    assert message(house.api(r.users[0]).get("/patient/health-records"))["total"] == 1


def test_findings_that_are_too_long_are_refused(house):
    r = Room(house, 1)
    r.next()
    for field, n in (("diagnosis", 501), ("prescription", 5001), ("advice", 5001)):
        refused(r.api.post("/doctor/consultation/complete", {"order_id": r.orders[0], field: "好" * n}), 99, f"参数 {field} 不正确")
    refused(r.api.post("/doctor/consultation/complete", {"order_id": r.orders[0], "advice": "a\0b"}), 99, "请求体不是有效的 JSON")
    assert r.state(r.orders[0])["status"] == "confirmed"
    assert r.complete(r.orders[0], diagnosis="好" * 500, prescription="药" * 5000, advice=None)["detail"] == "就诊完成"


def test_a_visit_before_its_time_where_that_is_not_allowed(house, h):
    r = Room(house, 1)
    r.next()
    h.run("update registration_orders set starts_at = now() + interval '1 hour', ends_at = now() + interval '2 hours' where id = %s",
          r.orders[0])
    h.setting("appointment.enforce_start_before_complete", "true")
    try:
        refused(r.api.post("/doctor/consultation/complete", {"order_id": r.orders[0]}), 99, "当前状态不允许该操作")
    finally:
        h.setting("appointment.enforce_start_before_complete", None)
    r.complete(r.orders[0])


# ---- the health record

def test_the_health_record_masks_who_it_is(house, h):
    pid, uid = h.patient()
    h.run("update patients set date_of_birth = %s, address = %s, phone = '13812345678', identifier = 'S-77' where id = %s",
          dt.date(today().year - 30, 1, 1), '{"city": "北京", "line": "学院路 3 号"}', pid)
    h.run("insert into medical_profiles (patient_id, height_cm, allergies, chronic_conditions, surgeries, family_history, source) values "
          "(%s, 171.6, %s, %s, %s, %s, 'patient')", pid, '[{"substance": "青霉素"}]', '[{"code": "I10", "description": "高血压"}]',
          '[{"description": "阑尾切除", "year": 2008}]', '[{"description": "糖尿病", "relation": "母亲"}]')
    got = message(house.api(uid).get("/patient/health-record"))
    name = h.one("select name from patients where id = %s", pid)
    assert got == {"patientId": str(pid), "basicInfo": {"name": name, "gender": "女", "age": 30, "height": 172, "phone": "138****5678",
                                                        "identifier": "S-77", "idCard": None, "address": "北京 学院路 3 号"},
                   "medicalHistory": {"pastHistory": ["高血压", "阑尾切除"], "allergyHistory": ["青霉素"], "familyHistory": ["糖尿病（母亲）"]},
                   "consultationRecords": []}


def test_visits_come_in_pages_newest_first(house, h):
    pid, uid = h.patient()
    made = [h.one("insert into medical_records (patient_id, doctor_id, visit_date, created_at, updated_at) values (%s, %s, %s, now(), now()) "
                  "returning id", pid, h.doctor, now() - dt.timedelta(days=n)) for n in (3, 1, 2)]
    api = house.api(uid)
    pages = [message(api.get("/patient/health-records", params={"page": p, "pageSize": 2})) for p in (1, 2, 3)]
    assert [[v["id"] for v in p["list"]] for p in pages] == [[str(made[1]), str(made[2])], [str(made[0])], []]
    assert [p["total"] for p in pages] == [3, 3, 3]
    refused(api.get("/patient/health-records", params={"page": 0}), 99, "分页参数必须为正整数")


def test_who_has_no_patient_record_has_no_health_record(house, h):
    for path in ("health-record", "health-records", "visit-record/1"):
        refused(house.api(h.staff).get(f"/patient/{path}"), 106, "患者信息不存在")


# ---- whose record it is (BR-120, BR-146)

def test_a_record_is_the_patients_and_his_doctors(house, h):
    r, order, record = visited(house, h, **FOUND)
    stranger = h.patient()[1]
    refused(house.api(stranger).get(f"/patient/visit-record/{record}"), 102, "无权查看该就诊记录")
    refused(house.api(stranger).get(f"/common/visit-record/{record}"), 102, "无权查看该病历")
    refused(Room(house).api.get(f"/common/visit-record/{record}"), 102, "无权查看该病历")
    for user in (r.users[0], r.user, h.admin):
        got = message(house.api(user).get(f"/common/visit-record/{record}"))
        assert got["basicInfo"] == {"name": got["basicInfo"]["patientName"], "patientName": got["basicInfo"]["name"], "gender": "女", "age": 0}
        assert got["recordData"]["outpatientNo"] == f"{record:06d}" and got["recordData"]["prescription"] == FOUND["prescription"]
        assert got["recordData"]["presentIllness"] == "" and got["recordData"]["auxiliaryExam"] == "无"
    refused(house.api(r.users[0]).get("/common/visit-record/999999999"), 106, "就诊记录不存在")


def test_without_the_key_nothing_is_shown_and_nothing_written_in_clear(house, h):
    r, _, record = visited(house, h, **FOUND)
    key = os.path.join(house.system.var, "keys", "data.key")
    assert os.path.exists(key)
    h.run("update medical_records set body_enc = set_byte(body_enc, 20, get_byte(body_enc, 20) # 1) where id = %s", record)   # spoilt
    (shown,) = message(house.api(r.users[0]).get("/patient/health-record"))["consultationRecords"]
    assert shown["prescription"] is None and shown["diagnosis"] == FOUND["diagnosis"]
