"""Sessions of /api/v1 (SC-01 to SC-05, R-72 to R-77): who may, what refuses, tags, pages."""

import datetime as dt

import pytest

from support import booking_cases as bc
from support.hospital import at, today, ts
from support.sessions import admin, data, day, h, house, refused  # noqa: F401 (fixtures)


def make(admin, h, **members):
    asked = {"doctor_id": h.extra_doctor(), "date": day(5), "section": "MORNING", **members}
    return data(admin.post("/api/v1/schedules", {k: v for k, v in asked.items() if v is not None}), 201)


def book(house, sid):
    pid, uid = house.h.patient()
    return data(house.api(uid).post("/api/v1/appointments", {"schedule_id": sid}), 201)["id"]


def path(session):
    return f"/api/v1/schedules/{session['id']}"


# ---- making

def test_a_session_has_the_members_of_its_page(house, admin, h):
    doctor, clinic = h.extra_doctor(), bc._clinic(h)
    r = admin.post("/api/v1/schedules", {"doctor_id": doctor, "date": day(5), "section": "MORNING", "clinic_id": clinic,
                                         "slot_type": "EXPERT", "total_slots": 12, "price": "80.50"})
    s = data(r, 201)
    date = today() + dt.timedelta(days=5)
    assert s == {"id": s["id"], "doctor_id": doctor, "doctor_name": "医生丙", "department": {"id": h.dept, "name": "心内科"},
                 "clinic_id": clinic, "clinic_name": "诊室", "date": day(5), "weekday": date.isoweekday(), "section": "MORNING",
                 "starts_at": ts(at(date, "08:00")), "ends_at": ts(at(date, "12:00")), "slot_type": "EXPERT", "slot_minutes": 20,
                 "total_slots": 12, "booked": 0, "remaining_slots": 12, "price": 80.5, "currency": "CNY", "status": "OPEN", "rule_id": None}
    assert r.headers["Location"] == f"/api/v1/schedules/{s['id']}" and r.headers["ETag"] == f'"schedule-{s["id"]}-1"'
    r = admin.get(path(s))
    assert data(r) == s and r.headers["ETag"] == f'"schedule-{s["id"]}-1"'
    assert admin.get(path(s), headers={"If-None-Match": r.headers["ETag"]}).status_code == 304
    refused(admin.get("/api/v1/schedules/99999999"), 404, "NOT_FOUND")


def test_defaults_come_from_settings(house, admin, h):
    s = make(admin, h)
    assert (s["slot_minutes"], s["total_slots"], s["price"], s["clinic_id"]) == (20, 12, 50.0, None)      # 15 + 5 minutes in 4 hours
    s = make(admin, h, section=None, start_time="12:30", end_time="15:00", slot_minutes=30, slot_type="EXPERT", price=-1)
    assert (s["section"], s["total_slots"], s["price"]) == ("AFTERNOON", 5, 100.0)                        # a gap belongs to the next part
    s = make(admin, h, section=None, start_time="21:30", end_time="22:00", slot_minutes=7)
    assert (s["section"], s["total_slots"]) == ("EVENING", 4)


def test_the_slots_of_a_session(house, admin, h):
    s = make(admin, h, section=None, start_time="09:00", end_time="10:00", slot_minutes=20, total_slots=4)
    book(house, s["id"])
    slots = data(admin.get(path(s), params={"slots": "true"}))["slots"]
    date = today() + dt.timedelta(days=5)
    assert [(x["slot_no"], x["starts_at"], x["available"]) for x in slots] == [
        (1, ts(at(date, "09:00")), False), (2, ts(at(date, "09:20")), True), (3, ts(at(date, "09:40")), True),
        (4, ts(at(date, "09:40")), True)]                         # above the cap: the last start
    assert slots[0] == {"schedule_id": s["id"], "slot_no": 1, "starts_at": ts(at(date, "09:00")), "ends_at": ts(at(date, "09:20")),
                        "slot_type": "NORMAL", "price": 50.0, "available": False}


@pytest.mark.parametrize("change,status,code", [
    ({"doctor_id": 99999999}, 404, "NOT_FOUND"), ({"clinic_id": 99999999}, 404, "NOT_FOUND"),
    ({"date": day(61)}, 422, "BEYOND_HORIZON"), ({"date": day(-1)}, 422, "SESSION_IN_PAST"),
    ({"section": None, "start_time": "10:00", "end_time": "09:00"}, 422, "VALIDATION_FAILED"),
    ({"section": None, "start_time": "10:00", "end_time": "10:10", "slot_minutes": 20}, 422, "VALIDATION_FAILED"),
    ({"section": None}, 422, "VALIDATION_FAILED"), ({"total_slots": 501}, 422, "VALIDATION_FAILED"),
    ({"price": "much"}, 422, "VALIDATION_FAILED"), ({"slot_type": "GOLD"}, 422, "VALIDATION_FAILED"),
])
def test_what_cannot_be_made(house, admin, h, change, status, code):
    asked = {"doctor_id": h.extra_doctor(), "date": day(5), "section": "MORNING", **change}
    refused(admin.post("/api/v1/schedules", {k: v for k, v in asked.items() if v is not None}), status, code)


def test_the_horizon_of_availability_has_a_setting_of_its_own(house, admin, h):
    h.setting("availability.horizon_days", "3")
    asked = {"doctor_id": h.extra_doctor(), "date": day(4), "section": "MORNING"}
    refused(admin.post("/api/v1/schedules", asked), 422, "BEYOND_HORIZON")
    data(admin.post("/api/v1/schedules", {**asked, "date": day(3)}), 201)
    h.setting("availability.horizon_days", None)


def test_overlaps_are_refused(house, admin, h):
    """R-74: one session a doctor and part of the day, none at the same time, no clinic twice; never displaced."""
    clinic = bc._clinic(h)
    s = make(admin, h, clinic_id=clinic, section=None, start_time="11:00", end_time="15:00")
    times = {"section": None, "start_time": "14:30", "end_time": "16:00"}
    for change in ({"doctor_id": s["doctor_id"]}, {"doctor_id": s["doctor_id"], **times}, {"clinic_id": clinic}):
        asked = {"doctor_id": h.extra_doctor(), "date": day(5), "section": "MORNING", **change}
        refused(admin.post("/api/v1/schedules", {k: v for k, v in asked.items() if v is not None}), 409, "SCHEDULE_OVERLAP")
    make(admin, h, doctor_id=s["doctor_id"], clinic_id=clinic, section=None, start_time="15:00", end_time="16:00")
    assert data(admin.get(path(s)))["status"] == "OPEN"


def test_the_same_key_makes_one_session(house, admin, h):
    asked = {"doctor_id": h.extra_doctor(), "date": day(5), "section": "EVENING"}
    first, again = (admin.post("/api/v1/schedules", asked, headers={"Idempotency-Key": "one-session"}) for _ in range(2))
    assert data(first, 201) == data(again, 201) and again.headers["Idempotency-Replayed"] == "true"


# ---- changing

def test_changes_and_their_tag(house, admin, h):
    s = make(admin, h)
    r = admin.patch(path(s), {"total_slots": 20, "price": 66, "clinic_id": bc._clinic(h)}, headers={"If-Match": f'"schedule-{s["id"]}-1"'})
    got = data(r)
    assert (got["total_slots"], got["remaining_slots"], got["price"], got["slot_minutes"]) == (20, 20, 66.0, 20)
    assert got["clinic_name"] == "诊室" and r.headers["ETag"] == f'"schedule-{s["id"]}-2"'
    refused(admin.patch(path(s), {"price": 1}, headers={"If-Match": f'"schedule-{s["id"]}-1"'}), 412, "PRECONDITION_FAILED")
    refused(admin.delete(path(s), headers={"If-Match": f'"schedule-{s["id"]}-1"'}), 412, "PRECONDITION_FAILED")
    assert data(admin.patch(path(s), {"price": None, "clinic_id": None}))["price"] == 50.0
    assert data(admin.get(path(s)))["clinic_id"] is None
    assert data(admin.put(path(s), {"price": 70}))["price"] == 70.0          # PUT is the same
    logged = h.one("select max(id) from audit_log")
    assert data(admin.patch(path(s), {"date": day(9), "price": "70.00"}))["price"] == 70.0
    assert h.one("select max(id) from audit_log") == logged                 # nothing has changed
    refused(admin.patch("/api/v1/schedules/99999999", {"price": 1}), 404, "SCHEDULE_NOT_FOUND")
    refused(admin.patch(path(s), {"clinic_id": 99999999}), 404, "NOT_FOUND")


def test_bookings_hold_a_session(house, admin, h):
    """R-75, R-76: unless the call cancels them."""
    s = make(admin, h, clinic_id=bc._clinic(h))
    orders = [book(house, s["id"]) for _ in range(2)]
    refused(admin.patch(path(s), {"total_slots": 1}), 409, "SLOTS_BELOW_BOOKED")
    for change in ({"status": "SUSPENDED"}, {"status": "CLOSED"}, {"clinic_id": None}):
        refused(admin.patch(path(s), change), 409, "SCHEDULE_HAS_BOOKINGS")
    refused(admin.delete(path(s)), 409, "SCHEDULE_HAS_BOOKINGS")
    assert data(admin.patch(path(s), {"total_slots": 2}))["remaining_slots"] == 0
    got = data(admin.patch(path(s), {"status": "SUSPENDED", "cancel_appointments": True}))
    assert (got["status"], got["booked"]) == ("SUSPENDED", 0)
    assert {h.order(o)["status"] for o in orders} == {"cancelled"}
    assert data(admin.patch(path(s), {"status": "OPEN"}))["status"] == "OPEN"
    order = book(house, s["id"])
    assert data(admin.delete(path(s), params={"cancel_appointments": "true"})) is None
    assert h.order(order)["status"] == "cancelled"
    refused(admin.get(path(s)), 404, "NOT_FOUND")
    refused(admin.delete(path(s)), 404, "SCHEDULE_NOT_FOUND")
    h.check()


def test_a_closed_session_gives_its_time_back(house, admin, h):
    s = make(admin, h, clinic_id=bc._clinic(h))
    assert data(admin.patch(path(s), {"status": "CLOSED"}))["status"] == "CLOSED"
    other = make(admin, h, doctor_id=s["doctor_id"])
    refused(admin.patch(path(s), {"status": "OPEN"}), 409, "SCHEDULE_OVERLAP")
    data(admin.delete(path(other)))
    # the deletion looks for what had the clinic, and the other one had none
    assert data(admin.get(path(s)))["status"] == "CLOSED"
    assert data(admin.patch(path(s), {"status": "OPEN"}))["status"] == "OPEN"


def test_whose_sessions_one_may_change(house, admin, h):
    """R-77: a doctor the own, the office those of the department, a head too."""
    own = make(admin, h, doctor_id=h.doctor, date=day(6))
    colleague = make(admin, h, date=day(6))
    stranger = make(admin, h, doctor_id=h.extra_doctor(h.dept2), date=day(6))
    doctor, office = house.api(h.doctor_user), house.api(house.office)
    data(doctor.patch(path(own), {"price": 10}))
    refused(doctor.patch(path(colleague), {"price": 10}), 403, "NOT_OWNER")
    data(office.patch(path(colleague), {"price": 10}))
    for caller in (doctor, office):
        refused(caller.patch(path(stranger), {"price": 10}), 403, "NOT_OWNER")
        refused(caller.delete(path(stranger)), 403, "NOT_OWNER")
        refused(caller.post("/api/v1/schedules", {"doctor_id": h.doctor, "date": day(7), "section": "MORNING"}), 403, "FORBIDDEN")
    refused(house.api(h.patient()[1]).patch(path(own), {"price": 10}), 403, "FORBIDDEN")
    h.run("update doctors set is_department_head = true where id = %s", h.doctor)
    data(doctor.patch(path(colleague), {"price": 11}))
    refused(doctor.patch(path(stranger), {"price": 11}), 403, "NOT_OWNER")
    h.run("update doctors set is_department_head = false where id = %s", h.doctor)
    data(doctor.delete(path(own)))
    data(office.delete(path(colleague)))


# ---- lists

def page(api, **query):
    r = api.get("/api/v1/schedules", params=query)
    got = data(r)
    assert r.headers["X-Total-Count"] == str(got["total"])
    return got


def ids(got):
    return [s["id"] for s in got["items"]]


def test_filters_order_and_pages(house, admin, h):
    dept = h.one("insert into minor_departments (major_dept_id, name) values (%s, '眼科') returning id", h.major)
    doctors, clinic = [h.extra_doctor(dept) for _ in range(2)], bc._clinic(h)
    a = make(admin, h, doctor_id=doctors[0], date=day(30), clinic_id=clinic)
    b = make(admin, h, doctor_id=doctors[0], date=day(31), section="EVENING", slot_type="SPECIAL")
    c = make(admin, h, doctor_id=doctors[1], date=day(30), section="AFTERNOON", total_slots=1)
    book(house, make(admin, h, doctor_id=doctors[1], date=day(10), total_slots=1)["id"])
    data(admin.patch(path(c), {"status": "SUSPENDED"}))
    d = make(admin, h, doctor_id=doctors[1], date=day(32))
    data(admin.patch(path(d), {"status": "CLOSED"}))
    api = house.api(h.patient()[1])
    s1, s2, s3 = a["id"], c["id"], b["id"]
    both = ",".join(map(str, doctors))
    for query, expected in [
            ({"doctor_id": both, "date_from": day(20)}, [s1, s2, s3]), ({"doctor_id": doctors[0]}, [s1, s3]),
            ({"dept_id": dept, "date_to": day(30), "date_from": day(30)}, [s1, s2]), ({"clinic_id": clinic}, [s1]),
            ({"dept_id": dept, "slot_type": "SPECIAL,EXPERT"}, [s3]), ({"dept_id": dept, "status": "SUSPENDED"}, [s2]),
            ({"dept_id": dept, "status": "CLOSED"}, [d["id"]]), ({"dept_id": dept, "only_free": "true"}, [s1, s3]),
            ({"dept_id": dept, "date_from": day(20), "sort": "-starts_at"}, [s3, s2, s1]),
            ({"dept_id": dept, "date_from": day(20), "sort": "date,-id"}, [s2, s1, s3]),
            ({"dept_id": dept, "date_from": day(20), "sort": "id"}, sorted([s1, s2, s3])),
            ({"date_from": day(30), "date_to": day(31)}, [s1, s2, s3]),                       # nobody named: by the index
            ({"date_from": day(30), "date_to": day(31), "sort": "-starts_at"}, [s3, s2, s1]),
            ({"date_from": day(30), "date_to": day(31), "sort": "-date"}, [s3, s1, s2]),
            ({"date_from": day(30), "date_to": day(31), "sort": "date"}, [s1, s2, s3]),
            ({"date_from": day(30), "date_to": day(31), "sort": "-id"}, sorted([s1, s2, s3], reverse=True)),
            ({"date_from": day(30), "date_to": day(31), "sort": "-date,-id"}, [s3, s2, s1]),
            ({"date_from": day(30), "date_to": day(31), "status": "OPEN"}, [s1, s3]),
            ({"date_from": day(33), "date_to": day(33)}, [])]:
        got = page(api, **query)
        assert (ids(got), got["total"]) == (expected, len(expected)), query
    first = api.get("/api/v1/schedules", params={"dept_id": dept, "date_from": day(20), "page_size": 2})
    assert (ids(data(first)), data(first)["total"], data(first)["pages"]) == ([s1, s2], 3, 2) and 'rel="next"' in first.headers["Link"]
    assert ids(page(api, dept_id=dept, date_from=day(20), page_size=2, page=2)) == [s3]
    assert ids(page(api, date_from=day(30), date_to=day(31), page_size=2, page=2)) == [s3]
    assert data(api.get("/api/v1/schedules", params={"clinic_id": clinic, "fields": "date,department.name"}))["items"] == [
        {"id": s1, "department": {"id": h.one("select %s", dept), "name": "眼科"}, "date": day(30)}]
    refused(api.get("/api/v1/schedules", params={"sort": "price"}), 422, "UNKNOWN_SORT")
    refused(api.get("/api/v1/schedules", params={"date_from": "soon"}), 422, "VALIDATION_FAILED")


def test_deleted_sessions_are_for_administrators(house, admin, h):
    s = make(admin, h, date=day(40))
    data(admin.delete(path(s)))
    assert ids(page(admin, doctor_id=s["doctor_id"])) == []
    assert ids(page(admin, doctor_id=s["doctor_id"], include_deleted="true")) == [s["id"]]
    refused(house.api(h.patient()[1]).get("/api/v1/schedules", params={"include_deleted": "true"}), 403, "FORBIDDEN")
