"""Sessions as administrators make, change and list them (api/04): fields, prices, conflicts, what becomes of bookings."""

import concurrent.futures
import datetime as dt

import pytest

from support import booking_cases as bc
from support.hospital import at, now, today
from support.http import message
from support.sessions import admin, day, h, house  # noqa: F401 (fixtures)


def form(h, **changes):
    """A full form for a doctor and a clinic of their own."""
    return {"doctor_id": h.extra_doctor(), "clinic_id": bc._clinic(h), "schedule_date": day(5), "time_section": "上午",
            "slot_type": "专家", "status": "正常", "price": 80, "total_slots": 20, **changes}


def make(admin, h, **changes):
    asked = form(h, **changes)
    made = message(admin.post("/admin/schedules", asked))
    assert made["detail"] == "排班创建成功" and set(made) == {"schedule_id", "detail"}
    return made["schedule_id"], asked


def listed(admin, path, first=0, last=30):
    return message(admin.get(path, params={"start_date": day(first), "end_date": day(last)}))["schedules"]


def stored(h, sid, *columns):
    return h.run(f"select {', '.join(columns)} from schedules where id = %s", sid)[0]


def refused(response, code, text):
    body = response.json()
    assert (response.status_code, body["code"], body["message"]["msg"]) == (200, code, text)
    return body["message"]


def book(house, sid, patient=None):
    """An order of a new patient on the session."""
    pid, uid = patient or house.h.patient()
    api = house.api(uid)
    area = house.h.area
    dept = house.h.one("select d.dept_id from schedules s join doctors d on d.id = s.doctor_id where s.id = %s", sid)
    got = message(api.post("/patient/appointments", {"scheduleId": sid, "hospitalId": area, "departmentId": dept, "patientId": pid}))
    return got["id"]


# ---- making

def test_a_session_has_the_fields_of_its_page(house, admin, h):
    sid, asked = make(admin, h)
    date = dt.date.fromisoformat(asked["schedule_date"])
    row = {"schedule_id": sid, "doctor_id": asked["doctor_id"], "doctor_name": "医生丙", "clinic_id": asked["clinic_id"],
           "clinic_name": "诊室", "clinic_type": 0, "date": asked["schedule_date"], "week_day": "一二三四五六日"[date.weekday()],
           "time_section": "上午", "time_slot": "上午", "slot_type": "专家", "total_slots": 20, "remaining_slots": 20,
           "status": "正常", "price": 80.0}
    for path in (f"/admin/doctors/{asked['doctor_id']}/schedules", f"/admin/clinics/{asked['clinic_id']}/schedules"):
        got = listed(admin, path)
        assert len(got) == 1
        created = got[0].pop("create_time")
        assert abs(dt.datetime.fromisoformat(created) - now().replace(tzinfo=None)) < dt.timedelta(minutes=2)
        assert got[0] == row
    assert row in [{k: v for k, v in s.items() if k != "create_time"} for s in listed(admin, f"/admin/departments/{h.dept}/schedules")]
    # bounds of the part of the day, places of equal length
    assert stored(h, sid, "starts_at", "ends_at", "slot_minutes") == (at(date, "08:00"), at(date, "12:00"), 12)


@pytest.mark.parametrize("word,section,start", [("早", "上午", "08:00"), ("afternoon", "下午", "14:00"), ("night", "晚上", "18:30")])
def test_parts_of_the_day_in_other_words(house, admin, h, word, section, start):
    sid, asked = make(admin, h, time_section=word)
    date = dt.date.fromisoformat(asked["schedule_date"])
    assert stored(h, sid, "time_section", "starts_at") == (section, at(date, start))


def test_the_clinic_has_hours_of_its_own(house, admin, h):
    clinic = bc._clinic(h)
    h.setting("schedule", '{"morningStart": "09:00", "morningEnd": "11:00"}', "CLINIC", clinic)
    sid, asked = make(admin, h, clinic_id=clinic)
    date = dt.date.fromisoformat(asked["schedule_date"])
    assert stored(h, sid, "starts_at", "ends_at") == (at(date, "09:00"), at(date, "11:00"))


def test_a_price_of_nothing_comes_from_the_ladder(house, admin, h):
    """BR-31: DOCTOR, CLINIC, MINOR_DEPT, GLOBAL, built-in; the department is the doctor's."""
    major = h.one("insert into major_departments (name) values ('外科') returning id")
    dept = h.one("insert into minor_departments (major_dept_id, name) values (%s, '骨科') returning id", major)
    doctor, clinic = h.extra_doctor(dept), bc._clinic(h)
    h.setting("registration.price", None)
    seen = []
    for n, (scope, scope_id, price) in enumerate([(None, None, None), ("GLOBAL", None, 60), ("MINOR_DEPT", dept, 70),
                                                  ("CLINIC", clinic, 75.5), ("DOCTOR", doctor, 90)]):
        if scope:
            h.setting("registration.price", f'{{"default_price_normal": {price}}}', scope, scope_id)
        sid, _ = make(admin, h, doctor_id=doctor, clinic_id=clinic, slot_type="普通", price=0 if n % 2 else -1, schedule_date=day(10 + n))
        seen.append(float(stored(h, sid, "price")[0]))
    assert seen == [50.0, 60.0, 70.0, 75.5, 90.0]
    sid, _ = make(admin, h, doctor_id=doctor, clinic_id=clinic, slot_type="特需", price=0, schedule_date=day(20))
    assert float(stored(h, sid, "price")[0]) == 500.0       # none of them says anything about this class
    h.setting("registration.price", '{"default_price_normal": 50, "default_price_expert": 100, "default_price_special": 500}')


def test_what_cannot_be_made(house, admin, h):
    refused(admin.post("/admin/schedules", form(h, doctor_id=99999999)), 99, "医生不存在")
    refused(admin.post("/admin/schedules", form(h, clinic_id=99999999)), 99, "门诊不存在")
    refused(admin.post("/admin/schedules", form(h, slot_type="贵宾")), 99, "无效的号源类型，应为 普通/专家/特需")
    refused(admin.post("/admin/schedules", form(h, schedule_date=day(61))), 99, "排班日期超出允许范围")
    make(admin, h, schedule_date=day(60))
    for member, value in (("total_slots", -1), ("total_slots", None), ("schedule_date", "2026-02-30"), ("time_section", "半夜"),
                          ("status", "满号"), ("price", "免费")):
        assert refused(admin.post("/admin/schedules", form(h, **{member: value})), 99, f"参数 {member} 不正确")
    short = form(h)
    del short["price"]
    assert admin.post("/admin/schedules", short).json()["code"] == 99
    gone = h.extra_doctor()
    h.run("update doctors set deleted_at = now() where id = %s", gone)
    refused(admin.post("/admin/schedules", form(h, doctor_id=gone)), 99, "医生不存在")


def test_the_same_key_makes_one_session(house, admin, h):
    asked = form(h)
    first, again = (message(admin.post("/admin/schedules", asked, headers={"Idempotency-Key": "one-form"})) for _ in range(2))
    assert first == again and len(listed(admin, f"/admin/doctors/{asked['doctor_id']}/schedules")) == 1


def test_the_horizon_is_a_setting(house, admin, h):
    h.setting("schedule", '{"maxFutureDays": 7}')
    refused(admin.post("/admin/schedules", form(h, schedule_date=day(8))), 99, "排班日期超出允许范围")
    make(admin, h, schedule_date=day(7))
    h.setting("schedule", None)


def test_a_doctor_is_in_one_place_at_a_time(house, admin, h):
    """BR-38, with the id of the session that is in the way; a stopped one counts too."""
    sid, asked = make(admin, h)
    text = f"该医生在 {asked['schedule_date']} 上午 已有排班(ID: {sid})"
    again = form(h, doctor_id=asked["doctor_id"])
    assert refused(admin.post("/admin/schedules", again), 99, text)["error"] == "请求参数错误"
    message(admin.put(f"/admin/schedules/{sid}", {"status": "停诊"}))
    refused(admin.post("/admin/schedules", again), 99, text)
    other, _ = make(admin, h, doctor_id=asked["doctor_id"], time_section="下午")
    refused(admin.put(f"/admin/schedules/{other}", {"time_section": "上午"}), 99, text)


def test_a_clinic_changes_hands(house, admin, h):
    """BR-39, decisions 19: the former session is replaced, its bookings cancelled, its doctor told."""
    first, asked = make(admin, h)
    user = h.user("doctor", roles=["DOCTOR"])
    h.run("update doctors set user_id = %s where id = %s", user, asked["doctor_id"])
    order = book(house, first)
    second, _ = make(admin, h, clinic_id=asked["clinic_id"])
    assert stored(h, first, "is_latest", "deleted_at", "remaining_slots") == (False, None, 20)
    assert [h.order(order)[k] for k in ("status", "payment_status", "cancel_reason")] == ["cancelled", "cancelled", "出诊安排变更"]
    assert h.one("select count(*) from message_outbox m join users u on u.phonenumber = m.recipient where u.id = %s", user) == 1
    assert [s["schedule_id"] for s in listed(admin, f"/admin/clinics/{asked['clinic_id']}/schedules")] == [second]
    refused(admin.put(f"/admin/schedules/{first}", {"price": 1}), 106, "排班不存在")
    # deleting the second brings the first back
    message(admin.delete(f"/admin/schedules/{second}"))
    assert [s["schedule_id"] for s in listed(admin, f"/admin/clinics/{asked['clinic_id']}/schedules")] == [first]
    rows = h.run("select action, actor_id, changes from audit_log where entity = 'schedule' and entity_id = %s order by id", str(first))
    assert rows[1:] == [("schedule.supersede", h.admin, {"is_latest": [True, False]}),
                        ("schedule.promote", h.admin, {"is_latest": [False, True]})]
    h.check()


# ---- changing

def test_any_subset_changes(house, admin, h):
    sid, asked = make(admin, h)
    assert message(admin.put(f"/admin/schedules/{sid}", {"price": 12.345, "slot_type": "普通"})) == {"detail": "排班更新成功"}
    assert [str(v) for v in stored(h, sid, "price", "slot_type", "total_slots")] == ["12.35", "普通", "20"]
    message(admin.put(f"/admin/schedules/{sid}", {"price": 0}))
    assert str(stored(h, sid, "price")[0]) == "50.00"
    message(admin.put(f"/admin/schedules/{sid}", {"schedule_date": day(6), "time_section": "晚上"}))
    date = today() + dt.timedelta(days=6)
    assert stored(h, sid, "date", "week_day", "time_section", "starts_at", "ends_at") == (
        date, date.isoweekday(), "晚上", at(date, "18:30"), at(date, "21:00"))
    message(admin.put(f"/admin/schedules/{sid}", {}))
    message(admin.put(f"/admin/schedules/{sid}", {**asked, "total_slots": "25"}))        # the form, digits as text
    assert stored(h, sid, "date", "total_slots", "remaining_slots") == (dt.date.fromisoformat(asked["schedule_date"]), 25, 25)


def test_a_row_of_the_list_can_be_sent_back(house, admin, h):
    """The form of the client sends all it was shown: a session without a clinic, one that waits for approval."""
    doctor = h.extra_doctor()
    sid = h.session(5, doctor=doctor, clinic=bc._clinic(h))
    h.run("update schedules set clinic_id = null, status = '待审核' where id = %s", sid)
    (row,) = listed(admin, f"/admin/doctors/{doctor}/schedules")
    assert (row["clinic_id"], row["clinic_name"], row["status"]) == (None, None, None)
    message(admin.put(f"/admin/schedules/{sid}", {**row, "schedule_date": row["date"], "price": 20}))
    assert [str(v) for v in stored(h, sid, "clinic_id", "status", "price")] == ["None", "待审核", "20.00"]
    message(admin.put(f"/admin/schedules/{sid}", {"clinic_id": str(bc._clinic(h)), "status": "正常"}))
    assert stored(h, sid, "clinic_id is not null", "status") == (True, "正常")
    refused(admin.post("/admin/schedules", form(h, clinic_id=None)), 99, "参数 clinic_id 不正确")


def test_what_cannot_be_changed(house, admin, h):
    sid, _ = make(admin, h)
    refused(admin.put("/admin/schedules/99999999", {"price": 1}), 106, "排班不存在")
    refused(admin.put(f"/admin/schedules/{sid}", {"doctor_id": 99999999}), 99, "医生不存在")
    refused(admin.put(f"/admin/schedules/{sid}", {"clinic_id": 99999999}), 99, "门诊不存在")
    refused(admin.put(f"/admin/schedules/{sid}", {"slot_type": "贵宾"}), 99, "无效的号源类型，应为 普通/专家/特需")
    refused(admin.put(f"/admin/schedules/{sid}", {"schedule_date": day(61)}), 99, "排班日期超出允许范围")


def test_places_move_with_the_total(house, admin, h):
    """BR-42, decisions 15: never below what is taken."""
    sid, _ = make(admin, h, total_slots=10)
    for _ in range(3):
        book(house, sid)
    message(admin.put(f"/admin/schedules/{sid}", {"total_slots": 12}))
    assert stored(h, sid, "total_slots", "remaining_slots") == (12, 9)
    message(admin.put(f"/admin/schedules/{sid}", {"total_slots": 3}))
    assert stored(h, sid, "total_slots", "remaining_slots") == (3, 0)
    refused(admin.put(f"/admin/schedules/{sid}", {"total_slots": 2}), 99, "号源数不能小于已预约数")
    h.check()


def test_stopping_a_session_cancels_its_bookings(house, admin, h):
    """停诊 is BR-58; opening it again brings nothing back."""
    sid, _ = make(admin, h)
    order = book(house, sid)
    message(admin.put(f"/admin/schedules/{sid}", {"status": "停诊"}))
    assert stored(h, sid, "status", "is_latest", "remaining_slots") == ("停诊", True, 20)
    assert [h.order(order)[k] for k in ("status", "cancel_reason", "cancelled_by")] == ["cancelled", "医生停诊", "staff"]
    pid, uid = h.patient()
    got = house.api(uid).post("/patient/appointments", {"scheduleId": sid, "hospitalId": h.area, "departmentId": h.dept, "patientId": pid})
    refused(got, 99, "该排班不可预约")
    message(admin.put(f"/admin/schedules/{sid}", {"status": "正常"}))
    assert h.order(order)["status"] == "cancelled"
    book(house, sid)
    h.check()


@pytest.mark.parametrize("change", [{"schedule_date": 9}, {"time_section": "下午"}, {"doctor_id": None}])
def test_moving_a_session_away_from_its_patients_cancels_their_bookings(house, admin, h, change):
    sid, _ = make(admin, h)
    order = book(house, sid)
    change = {k: day(v) if k == "schedule_date" else v or h.extra_doctor() for k, v in change.items()}
    message(admin.put(f"/admin/schedules/{sid}", change))
    assert h.order(order)["status"] == "cancelled" and stored(h, sid, "status", "remaining_slots") == ("正常", 20)
    h.check()


def test_another_room_keeps_the_bookings(house, admin, h):
    sid, _ = make(admin, h)
    order = book(house, sid)
    clinic = bc._clinic(h)
    message(admin.put(f"/admin/schedules/{sid}", {"clinic_id": clinic}))
    assert h.order(order)["status"] == "pending" and stored(h, sid, "clinic_id") == (clinic,)


# ---- lists

def test_lists_are_in_order_and_hold_current_sessions_of_the_range(house, admin, h):
    doctor = h.extra_doctor()
    ids = {}
    for n, section in ((3, "晚上"), (3, "上午"), (2, "下午"), (12, "上午")):
        ids[n, section] = make(admin, h, doctor_id=doctor, schedule_date=day(n), time_section=section)[0]
    gone = make(admin, h, doctor_id=doctor, schedule_date=day(4))[0]
    message(admin.delete(f"/admin/schedules/{gone}"))
    message(admin.put(f"/admin/schedules/{ids[2, '下午']}", {"status": "停诊"}))
    got = listed(admin, f"/admin/doctors/{doctor}/schedules", 2, 5)
    assert [s["schedule_id"] for s in got] == [ids[2, "下午"], ids[3, "上午"], ids[3, "晚上"]]
    assert got[0]["status"] == "停诊"
    assert listed(admin, f"/admin/doctors/{doctor}/schedules", 6, 11) == []
    for path, code, text in ((f"/admin/departments/{h.major}/schedules", 99, "小科室不存在"),
                             ("/admin/doctors/99999999/schedules", 106, "医生不存在"),
                             ("/admin/clinics/99999999/schedules", 106, "门诊不存在")):
        refused(admin.get(path, params={"start_date": day(0), "end_date": day(1)}), code, text)
    refused(admin.get(f"/admin/doctors/{doctor}/schedules", params={"start_date": day(0)}), 99, "参数 end_date 不正确")
    empty = h.one("insert into minor_departments (major_dept_id, name) values (%s, '空科室') returning id", h.major)
    assert listed(admin, f"/admin/departments/{empty}/schedules") == []


def test_todays_list(house, admin, h):
    doctor = h.extra_doctor()
    clinics = [bc._clinic(h) for _ in range(3)]
    for kind, clinic in enumerate(clinics):
        h.run("update clinics set clinic_type = %s where id = %s", kind, clinic)
    ids = [h.session(0, section, doctor=doctor, clinic=clinic, places=9)
           for section, clinic in zip(("晚上", "上午", "下午"), clinics)]
    h.session(1, doctor=doctor, clinic=clinics[0])
    got = message(admin.get(f"/admin/doctors/{doctor}/schedules/today"))["schedules"]
    assert [(s["schedule_id"], s["clinic_type"], s["time_slot"], s["available_slot_types"]) for s in got] == [
        (ids[1], "专家门诊", "上午", ["普通", "专家"]), (ids[2], "特需门诊", "下午", ["普通", "专家", "特需"]),
        (ids[0], "普通门诊", "晚上", ["普通"])]
    assert got[0] == {"schedule_id": ids[1], "doctor_id": doctor, "doctor_name": "医生丙", "department_id": h.dept,
                      "department_name": "心内科", "clinic_type": "专家门诊", "date": day(0), "time_slot": "上午", "total_slots": 9,
                      "remaining_slots": 9, "available_slot_types": ["普通", "专家"]}
    refused(admin.get("/admin/doctors/99999999/schedules/today"), 106, "医生不存在")


# ---- at the same time

def at_once(calls):
    with concurrent.futures.ThreadPoolExecutor(len(calls)) as pool:
        return [f.result() for f in [pool.submit(c) for c in calls]]


def test_two_administrators_make_the_same_session(house, h):
    """One wins, the other is told the id."""
    apis = [house.system.api(token=t) for t in house.system.tokens("--user", h.one("select username from users where id = %s", h.admin),
                                                                   "--count", "2")]
    for n in range(4):
        doctor = h.extra_doctor()
        asks = [form(h, doctor_id=doctor, schedule_date=day(20 + n)) for _ in apis]
        got = [r.json() for r in at_once([lambda a=a, f=f: a.post("/admin/schedules", f) for a, f in zip(apis, asks)])]
        made = [g["message"]["schedule_id"] for g in got if g["code"] == 0]
        told = [g["message"]["msg"] for g in got if g["code"] == 99]
        assert len(made) == 1 and told == [f"该医生在 {day(20 + n)} 上午 已有排班(ID: {made[0]})"]


def test_two_administrators_change_one_session(house, admin, h):
    """Different members: both changes hold."""
    for n in range(5):
        sid, _ = make(admin, h)
        got = at_once([lambda: admin.put(f"/admin/schedules/{sid}", {"total_slots": 30}),
                       lambda: house.system.api(token=admin.token).put(f"/admin/schedules/{sid}", {"price": 33})])
        assert [g.json()["code"] for g in got] == [0, 0]
        assert [str(v) for v in stored(h, sid, "total_slots", "remaining_slots", "price")] == ["30", "30", "33.00"]


def test_the_total_goes_down_while_patients_book(house, admin, h):
    """Never negative, nobody loses a place that was given."""
    sid, _ = make(admin, h, total_slots=30)
    people = [h.patient() for _ in range(20)]
    apis = [house.api(uid) for _, uid in people]

    def bookit(n):
        return apis[n].post("/patient/appointments", {"scheduleId": sid, "hospitalId": h.area, "departmentId": h.dept,
                                                      "patientId": people[n][0]}).json()["code"]

    def lower(total):
        return house.system.api(token=admin.token).put(f"/admin/schedules/{sid}", {"total_slots": total}).json()

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        books = [pool.submit(bookit, n) for n in range(20)]
        lowers = [pool.submit(lower, total) for total in (25, 18, 12, 8, 5, 3)]
        codes, lowered = [f.result() for f in books], [f.result() for f in lowers]
    assert set(codes) <= {0, 1001}
    assert all(r["code"] == 0 or r["message"]["msg"] == "号源数不能小于已预约数" for r in lowered)
    total, remaining = stored(h, sid, "total_slots", "remaining_slots")
    assert remaining == total - codes.count(0) >= 0
    h.check()


def test_changes_are_in_the_audit_log(house, admin, h):
    sid, asked = make(admin, h)
    message(admin.put(f"/admin/schedules/{sid}", {"price": 81}))
    message(admin.delete(f"/admin/schedules/{sid}"))
    rows = h.run("select action, actor_id, changes from audit_log where entity = 'schedule' and entity_id = %s order by id", str(sid))
    assert [(r[0], r[1]) for r in rows] == [(f"schedule.{a}", h.admin) for a in ("create", "update", "delete")]
    assert rows[0][2]["total_slots"] == [None, 20] and rows[1][2] == {"price": [80.0, 81.0]}
    assert rows[2][2]["is_latest"] == [True, False]
