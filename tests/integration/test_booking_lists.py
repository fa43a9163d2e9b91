"""Reading bookings: row scope, filters, sorting, pages, on every surface."""

import datetime as dt

import pytest

from support import booking_cases as bc
from support.hospital import Hospital, at, today, ts
from support.trusted import Jobs


@pytest.fixture(scope="module")
def world(empty_db, make_system):
    system = make_system(empty_db)
    system.start_broker()
    system.start_worker("booking")
    jobs = Jobs(system.inner)
    h = Hospital(empty_db)
    w = type("World", (), {})()
    w.jobs, w.h = jobs, h
    w.mother, w.mother_user = h.patient("李")
    w.child, _ = h.patient("小李", account=False)
    h.relate(w.mother, w.child)
    w.other, w.other_user = h.patient("王")
    w.s1 = h.session(2, doctor=h.doctor)
    w.s2 = h.session(4, "下午", doctor=h.doctor2, slot_type="专家", price="100")

    def book(user, session, patient):
        a = jobs.call("booking.v1_book_appointment", {"body": {"schedule_id": session, "patient_id": patient}}, user)
        assert a.error is None, a
        return a.body["id"]

    w.a = book(w.mother_user, w.s1, w.mother)
    w.b = book(w.mother_user, w.s1, w.child)
    w.c = book(w.other_user, w.s1, w.other)
    w.d = book(w.other_user, w.s2, w.other)
    w.e = book(h.staff, w.s2, w.mother)
    assert jobs.call("booking.v1_cancel_appointment", {"path": {"id": w.d}}, w.other_user).error is None
    yield w
    jobs.close()
    h.close()


def v1(w, user, op="booking.v1_list_appointments", **query):
    a = w.jobs.call(op, {"query": {"page": 1, "page_size": 20, **query}}, user)
    assert a.error is None, a
    return a


def ids(answer):
    return [x["id"] for x in answer.body["items"]]


def test_scope_of_ap02(world):
    w = world
    assert ids(v1(w, w.h.admin)) == [w.e, w.d, w.c, w.b, w.a]
    assert ids(v1(w, w.h.staff)) == [w.e, w.d, w.c, w.b, w.a]
    assert ids(v1(w, w.mother_user)) == [w.e, w.b, w.a]
    assert ids(v1(w, w.other_user)) == [w.d, w.c]
    assert ids(v1(w, w.h.doctor_user)) == [w.c, w.b, w.a]
    assert ids(v1(w, w.h.patient()[1])) == []
    assert "patient" in v1(w, w.h.admin).body["items"][0]
    assert "patient" not in v1(w, w.mother_user).body["items"][0]


@pytest.mark.parametrize("query,want", [
    ({"status": ["CANCELLED"]}, "d"), ({"status": ["SCHEDULED", "CANCELLED"]}, "abcde"), ({"fhir_status": ["booked"]}, "abce"),
    ({"doctor_id": ["@doctor2"]}, "de"), ({"patient_id": ["@mother", "@child"]}, "abe"), ({"dept_id": ["@dept2"]}, "de"),
    ({"schedule_id": ["@s2"]}, "de"), ({"payment_status": ["UNPAID"]}, "abcde"), ({"payment_status": ["PAID"]}, ""),
    ({"channel": ["staff"]}, "e"), ({"date": 2}, "abc"), ({"start_time_from": 4}, "de"), ({"start_time_to": 3}, "abc"),
    ({"q": "小李"}, "b"), ({"q": "李"}, "abe")])
def test_filters_of_ap02(world, query, want):
    w = world
    real = {}
    for key, value in query.items():
        if isinstance(value, int):
            value = str(today() + dt.timedelta(days=value))
        elif isinstance(value, list):
            value = [getattr(w, v[1:], None) or getattr(w.h, v[1:]) if v[0] == "@" else v for v in value]
        real[key] = value
    assert sorted(ids(v1(w, w.h.admin, **real))) == sorted(getattr(w, x) for x in want)


def test_time_filter_takes_moments_with_and_without_offset(world):
    w = world
    day = today() + dt.timedelta(days=2)
    for text in (f"{day}T08:15:00", f"{day} 08:15", ts(at(day, "08:15")), f"{day}T00:15:00Z"):
        assert sorted(ids(v1(w, w.h.admin, start_time_from=text, start_time_to=text))) == [w.b]


def test_sorting_and_pages(world):
    w = world
    assert ids(v1(w, w.h.admin, sort="id")) == [w.a, w.b, w.c, w.d, w.e]
    assert ids(v1(w, w.h.admin, sort="status,-id")) == [w.d, w.e, w.c, w.b, w.a]
    assert ids(v1(w, w.h.admin, sort="-start_time")) == [w.e, w.d, w.c, w.b, w.a]
    a = v1(w, w.h.admin, sort="id", page=2, per_page=2)
    assert ids(a) == [w.c, w.d]
    assert {k: a.body[k] for k in ("page", "page_size", "total", "pages")} == {"page": 2, "page_size": 2, "total": 5, "pages": 3}
    assert a.headers["X-Total-Count"] == "5"
    links = dict(reversed([x.strip() for x in part.split("; ")]) for part in a.headers["Link"].split(", <") for part in [part.lstrip("<")])
    assert set(links) == {f'rel="{r}"' for r in ("first", "prev", "next", "last")}
    assert "page=3" in links['rel="last"'] and "sort=id" in links['rel="last"']
    far = v1(w, w.h.admin, page=9, limit=2)
    assert ids(far) == [] and far.body["total"] == 5


def test_fields(world):
    w = world
    a = v1(w, w.h.admin, fields="status,doctor.name")
    assert a.body["items"][0] == {"id": w.e, "doctor": {"id": w.h.doctor2, "name": "医生乙"}, "status": "SCHEDULED"}


def test_own_lists_of_patients_and_doctors(world):
    w = world
    mine = v1(w, w.mother_user, "booking.v1_list_my_appointments")
    assert ids(mine) == [w.e, w.a]           # relatives are not "me"
    assert "patient" not in mine.body["items"][0]
    assert ids(v1(w, w.other_user, "booking.v1_list_my_appointments", upcoming=True)) == [w.c]
    assert ids(v1(w, w.h.doctor2_user, "booking.v1_list_doctor_appointments", status=["SCHEDULED"])) == [w.e]
    assert "patient" in v1(w, w.h.doctor2_user, "booking.v1_list_doctor_appointments").body["items"][0]
    for op, role in (("booking.v1_list_my_appointments", "PATIENT"), ("booking.v1_list_doctor_appointments", "DOCTOR")):
        a = w.jobs.call(op, {"query": {"page": 1, "page_size": 20}}, w.h.user(roles=[role]))
        assert a.error == "PROFILE_NOT_FOUND"


def test_reading_one(world):
    w = world
    get = lambda user, i: w.jobs.call("booking.v1_get_appointment", {"path": {"id": i}}, user)
    assert get(w.mother_user, w.b).body["patient"]["id"] == w.child
    assert get(w.h.doctor_user, w.c).body["id"] == w.c
    assert get(w.other_user, w.a).error == "NOT_OWNER"
    assert get(w.h.doctor2_user, w.a).error == "NOT_OWNER"
    assert get(w.h.admin, 99999999).error == "NOT_FOUND"


def test_code_lists(world):
    w = world

    def rows(op, user, **query):
        a = w.jobs.call("booking." + op, {"query": {"page": 1, "pageSize": 10, **query}}, user)
        assert a.error is None, a
        return a.body

    own = rows("list_appointments", w.mother_user)
    assert [x["id"] for x in own["list"]] == [w.e, w.a] and own["total"] == 2
    assert [x["id"] for x in rows("list_initiated_appointments", w.mother_user)["list"]] == [w.b, w.a]
    assert [x["id"] for x in rows("list_appointments", w.other_user, status="cancelled")["list"]] == [w.d]
    assert [x["id"] for x in rows("list_appointments", w.other_user, status="confirmed")["list"]] == [w.c]
    assert rows("list_appointments", w.other_user, status="finished")["total"] == 0
    assert rows("list_appointments", w.other_user, status="whatever")["total"] == 2
    page = rows("list_appointments", w.mother_user, page=2, pageSize=1)
    assert [x["id"] for x in page["list"]] == [w.a] and page["total"] == 2 and page["pageSize"] == 1
    item = own["list"][0]
    assert item["canCancel"] and item["canReschedule"] and item["doctorTitle"] == "" and item["price"] == 100
    gone = rows("list_appointments", w.other_user, status="cancelled")["list"][0]
    assert not gone["canCancel"] and not gone["canReschedule"]
    a = w.jobs.call("booking.list_appointments", {"query": {"page": 1, "pageSize": 10}}, w.h.user(roles=["PATIENT"]))
    assert a.error == "PATIENT_RECORD_MISSING"


def test_code_can_cancel_obeys_the_doctors_own_hours(world):
    w = world
    see = lambda: w.jobs.call("booking.get_appointment", {"path": {"appointmentId": w.a}}, w.mother_user).body["canCancel"]
    w.h.setting("registration", '{"cancelHoursBefore": 72}', "DOCTOR", w.h.doctor2)
    assert see()
    hours = int((at(today() + dt.timedelta(days=2), "08:00") - dt.datetime.now(dt.timezone.utc)).total_seconds() // 3600)
    w.h.setting("registration", '{"cancelHoursBefore": %d}' % (hours + 1), "DOCTOR", w.h.doctor)
    assert not see()
    w.h.setting("registration", '{"cancelHoursBefore": %d}' % max(1, hours - 1), "DOCTOR", w.h.doctor)
    assert see()
    w.h.setting("registration", None, "DOCTOR", w.h.doctor)
    w.h.setting("registration", None, "DOCTOR", w.h.doctor2)


def test_code_detail(world):
    w = world
    get = lambda user, i: w.jobs.call("booking.get_appointment", {"path": {"appointmentId": i}}, user)
    d = get(w.mother_user, w.b).body         # initiator
    assert (d["patientName"][:2], d["patientGender"], d["patientPhone"], d["hospitalAddress"]) == ("小李", "女", None, "学院路 3 号")
    assert get(w.mother_user, w.e).body["slotType"] == "专家"
    assert get(w.other_user, w.a).error == "APPOINTMENT_READ_FORBIDDEN"
    assert get(w.other_user, 99999999).error == "APPOINTMENT_NOT_FOUND"
    assert get(w.h.user(roles=["PATIENT"]), w.a).error == "PATIENT_RECORD_MISSING"


def test_heartbeat_lists(world):
    w = world

    def rows(op, user, path, **query):
        return w.jobs.call("booking." + op, {"path": path, "query": {"skip": 0, "limit": 1000, **query}}, user)

    doctor = lambda user, **q: rows("hb_list_by_doctor", user, {"doctor_id": w.h.doctor}, **q)
    assert [x["id"] for x in doctor(w.h.doctor_user).body] == [w.a, w.b, w.c]
    page = doctor(w.h.admin, skip=1, limit=1)
    assert [x["id"] for x in page.body] == [w.b] and page.headers["X-Total-Count"] == "3"
    assert 'rel="next"' in page.headers["Link"] and 'rel="prev"' in page.headers["Link"]
    assert doctor(w.h.doctor2_user).error == "NOT_OWNER" and doctor(w.mother_user).error == "NOT_OWNER"
    assert rows("hb_list_by_doctor", w.h.admin, {"doctor_id": 99999999}).error == "DOCTOR_NOT_FOUND"
    assert rows("hb_list_by_doctor", w.h.admin, {"doctor_id": w.h.extra_doctor()}).body == []

    patient = lambda user, pid, **q: rows("hb_list_by_patient", user, {"patient_id": pid}, **q)
    assert [x["id"] for x in patient(w.mother_user, w.mother).body] == [w.a, w.e]
    assert [x["id"] for x in patient(w.mother_user, w.child).body] == [w.b]
    assert [x["id"] for x in patient(w.h.doctor_user, w.mother).body] == [w.a, w.e]      # assigned by an appointment
    assert patient(w.h.doctor2_user, w.child).error == "NOT_OWNER"
    assert patient(w.other_user, w.mother).error == "NOT_OWNER"
    assert patient(w.h.admin, 99999999).error == "PATIENT_NOT_FOUND"
    assert [x["id"] for x in patient(w.other_user, w.other, status="CANCELLED").body] == [w.d]
    both = patient(w.h.admin, w.child, expand=True).body[0]
    assert both["doctor"] == {"id": w.h.doctor, "name": "医生甲", "surname": None} and both["patient"]["id"] == w.child


def test_heartbeat_get_and_hidden_rows(world):
    w = world
    get = lambda user, i, **q: w.jobs.call("booking.hb_get_appointment", {"path": {"appointment_id": i}, "query": q}, user)
    assert get(w.mother_user, w.a).body["id"] == w.a
    assert get(w.other_user, w.a).error == "NOT_OWNER"
    w.h.run("update registration_orders set hb_hidden = true where id = %s", w.c)
    assert get(w.other_user, w.c).error == "APPOINTMENT_NOT_FOUND"
    assert w.c in ids(v1(w, w.other_user))
    w.h.run("update registration_orders set hb_hidden = false where id = %s", w.c)
