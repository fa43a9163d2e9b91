"""Booking on the Heartbeat surface, over HTTP: HB-12 to HB-15, HB-17 and every refusal (api/30)."""

import datetime as dt

import pytest

from support import booking_cases as bc
from support.hospital import today, ts

pytestmark = pytest.mark.usefixtures("default_settings")

MEMBERS = ["id", "patient_id", "doctor_id", "date_time", "end_time", "status", "description", "created_at"]


def ok(response, status=200):
    assert response.status_code == status, (response.status_code, response.text)
    return response.json()


def refused(response, status, code=None):
    body = response.json()
    assert response.status_code == status and "detail" in body, (response.status_code, response.text)
    if status == 409:
        assert set(body) == {"detail", "code"} and (code is None or body["code"] == code), body
    elif status == 422:
        assert all(set(f) == {"loc", "msg", "type"} for f in body["detail"]), body
    else:
        assert set(body) == {"detail"} and isinstance(body["detail"], str), body
    return body["detail"]


def book(house, ask, **more):
    return house.api(ask.user).post("/appointment/", {**bc.hb_body(house.h, ask), **more})


@pytest.mark.parametrize("name,make,want", [c for c in bc.CASES if c[2]["hb"]], ids=lambda v: v if isinstance(v, str) else "")
def test_refusal(house, name, make, want):
    ask = make(house.h)
    if ask.moment is None:
        pytest.skip("by session only")
    detail = refused(book(house, ask), want["hb"], want.get("hb_row", want["row"]) if want["hb"] == 409 else None)
    if want["hb"] == 403:
        assert detail == "Not enough permissions"
    if want["hb"] == 404:
        assert detail in ("Patient not found", "Doctor not found")
    house.h.check()


@pytest.mark.parametrize("body", [{}, {"doctor_id": 1}, {"doctor_id": "x", "date_time": "2026-03-12 09:00"},
                                  {"doctor_id": 1, "date_time": "tomorrow"}, {"doctor_id": 1, "date_time": "2026-03-12 09:00", "description": "x" * 501}])
def test_faulty_body(house, body):
    refused(house.api(house.h.patient()[1]).post("/appointment/", body), 422)


def test_needs_a_token(house):
    r = house.system.api().post("/appointment/", {"doctor_id": 1, "date_time": "2026-03-12 09:00"})
    assert refused(r, 401) == "Not authenticated" and r.headers["WWW-Authenticate"].startswith("Bearer")


def test_booked_at_the_slot_that_contains_the_time(house):
    h = house.h
    ask = bc._free(h)
    ask.patient = None
    ask.moment += dt.timedelta(minutes=52)
    r = book(house, ask, description="first visit")
    a = ok(r, 201)
    assert list(a) == MEMBERS
    assert a["date_time"] == ts(ask.moment.replace(minute=45)) and a["end_time"] == ts(ask.moment.replace(minute=0) + dt.timedelta(hours=1))
    assert a["status"] == "SCHEDULED" and a["description"] == "first visit"
    assert ok(house.api(ask.user).get(f"/appointment/by_id/{a['id']}")) == a
    both = ok(house.api(ask.user).get(f"/appointment/by_id/{a['id']}", params={"expand": "true"}))
    assert both["patient"]["id"] == a["patient_id"] and both["doctor"]["id"] == ask.doctor and both["doctor"]["surname"] is None
    h.run("update doctors set first_name = 'Robin', last_name = 'Example' where id = %s", ask.doctor)
    both = ok(house.api(ask.user).get(f"/appointment/by_id/{a['id']}", params={"expand": "true"}))
    assert both["doctor"] == {"id": ask.doctor, "name": "Robin", "surname": "Example"}
    assert h.order(a["id"])["channel"] == "heartbeat"


@pytest.mark.parametrize("name", ["date_time", "date", "appointment_date", "start_time"])
def test_synonyms_and_naive_times(house, name):
    ask = bc._free(house.h)
    a = ok(house.api(ask.user).post("/appointment", {"doctor_id": str(ask.doctor), name: f"{ask.moment.date()} 10:00"}), 201)
    assert a["date_time"] == f"{ask.moment.date()}T10:00:00+08:00"


def test_lists(house):
    h = house.h
    doctor_user = h.user("doctor", roles=["DOCTOR"])
    doctor = h.one("insert into doctors (user_id, dept_id, name) values (%s, %s, '医生戊') returning id", doctor_user, h.dept)
    h.session(5, doctor=doctor, clinic=bc._clinic(h))
    people = [h.patient() for _ in range(3)]
    made = [ok(house.api(uid).post("/appointment/", {"doctor_id": doctor, "date_time": f"{today() + dt.timedelta(days=5)} {8 + i:02d}:00"}), 201)["id"]
            for i, (_, uid) in enumerate(people)]
    path = f"/appointment/by_doctor/{doctor}"
    assert [x["id"] for x in ok(house.api(doctor_user).get(path))] == made
    r = house.api(h.admin).get(path, params={"skip": 1, "limit": 1})
    assert [x["id"] for x in ok(r)] == [made[1]] and r.headers["X-Total-Count"] == "3" and "Link" in r.headers
    refused(house.api(people[0][1]).get(path), 403)
    refused(house.api(h.doctor_user).get(path), 403)
    assert refused(house.api(h.admin).get("/appointment/by_doctor/99999999"), 404) == "Doctor not found"
    pid, uid = people[0]
    assert [x["id"] for x in ok(house.api(uid).get(f"/appointment/by_patient/{pid}"))] == [made[0]]
    assert [x["id"] for x in ok(house.api(doctor_user).get(f"/appointment/by_patient/{pid}"))] == [made[0]]
    refused(house.api(people[1][1]).get(f"/appointment/by_patient/{pid}"), 403)
    refused(house.api(h.doctor_user).get(f"/appointment/by_patient/{pid}"), 403)
    assert refused(house.api(h.admin).get("/appointment/by_patient/99999999"), 404) == "Patient not found"
    lonely, lonely_user = h.patient()
    assert ok(house.api(lonely_user).get(f"/appointment/by_patient/{lonely}")) == []
    assert refused(house.api(h.admin).get("/appointment/by_id/99999999"), 404) == "Appointment not found"
    refused(house.api(people[1][1]).get(f"/appointment/by_id/{made[0]}"), 403)
    refused(house.api(h.admin).get(path, params={"limit": 1001}), 422)


def test_deleted(house):
    h = house.h
    ask = bc._free(h)
    a = ok(book(house, ask), 201)
    api = house.api(ask.user)
    assert refused(api.request("DELETE", "/appointment/"), 422)[0]["loc"] == ["query", "appointment_id"]
    refused(api.request("DELETE", "/appointment/", params={"appointment_id": a["id"], "id": a["id"] + 1}), 422)
    refused(house.api(h.patient()[1]).request("DELETE", "/appointment/", params={"id": a["id"]}), 403)
    assert ok(api.request("DELETE", "/appointment/", json={"id": a["id"]})) == a
    assert refused(api.request("DELETE", "/appointment/", params={"appointment_id": a["id"]}), 404) == "Appointment not found"
    refused(api.get(f"/appointment/by_id/{a['id']}"), 404)
    assert api.get(f"/api/v1/appointments/{a['id']}").json()["data"]["status"] == "CANCELLED"
    assert h.remaining(ask.session) == 16
    h.check()


def test_deleted_too_late(house):
    h = house.h
    ask = bc._free(h, days=1)
    a = ok(book(house, ask), 201)
    h.setting("registration", '{"cancelHoursBefore": 48}')
    refused(house.api(ask.user).request("DELETE", "/appointment/", params={"id": a["id"]}), 409, "CANCEL_TOO_LATE")
