"""Booking on /api/v1 and /api, over HTTP: AP-01 to AP-05, AP-07, AP-13 and every refusal (api/24)."""

import datetime as dt

import pytest

from support import booking_cases as bc
from support.hospital import at, today, ts
from support.http import data, problem

pytestmark = pytest.mark.usefixtures("default_settings")

MEMBERS = ["id", "code", "patient_id", "patient", "doctor_id", "doctor", "department", "clinic", "schedule_id", "slot_no",
           "start_time", "end_time", "slot_type", "status", "fhir_status", "visit_type", "reason", "notes", "fee", "currency",
           "bill_id", "payment_status", "cancel_reason", "cancelled_by", "cancelled_at", "reschedule_count",
           "previous_start_time", "channel", "created_by", "created_at", "updated_at"]


def book(house, user, base="/api/v1", **body):
    return house.api(user).post(base + "/appointments", body)


@pytest.mark.parametrize("name,make,want", [c for c in bc.CASES if c[2]["v1"]], ids=lambda v: v if isinstance(v, str) else "")
def test_refusal(house, name, make, want):
    ask = make(house.h)
    status, code = want["v1"]
    p = problem(house.api(ask.user).post("/api/v1/appointments", bc.v1_body(house.h, ask)), code, status)
    if code in ("SLOT_TAKEN", "SLOT_NOT_ALIGNED", "DOCTOR_UNAVAILABLE") and ask.doctor:
        assert p["suggestions"] and all(s["available"] for s in p["suggestions"])
    house.h.check()


@pytest.mark.parametrize("body", [{}, {"schedule_id": "x"}, {"schedule_id": 0}, {"doctor_id": 1}, {"schedule_id": 1, "slot_no": 0},
                                  {"doctor_id": 1, "start_time": "2026-13-01T08:00:00"}, {"schedule_id": 1, "visit_type": "walk"},
                                  {"schedule_id": 1, "reason": "x" * 501}])
def test_faulty_body(house, body):
    problem(house.api(house.h.patient()[1]).post("/api/v1/appointments", body), "VALIDATION_FAILED", 422)


@pytest.mark.parametrize("body, field", [({}, "schedule_id"), ({"doctor_id": 1}, "start_time"), ({"doctor_id": 1, "date": "2026-03-12"}, "time")])
def test_what_is_missing_is_named(house, body, field):
    p = problem(house.api(house.h.patient()[1]).post("/api/v1/appointments", body), "VALIDATION_FAILED", 422)
    assert [(e["field"], e["code"]) for e in p["errors"]] == [(field, "missing")]


def test_needs_a_token(house):
    problem(house.system.api().post("/api/v1/appointments", {}), "TOKEN_MISSING", 401)


def test_booked_by_session_and_read_back(house):
    h = house.h
    ask = bc._free(h)
    r = book(house, ask.user, schedule_id=ask.session, reason="follow-up", visit_type="video")
    a = data(r, 201)
    assert list(a) == MEMBERS
    assert r.headers["Location"] == f"/api/v1/appointments/{a['id']}"
    assert (a["slot_no"], a["start_time"], a["end_time"]) == (1, ts(ask.moment), ts(ask.moment + dt.timedelta(minutes=15)))
    assert (a["status"], a["fhir_status"], a["payment_status"], a["channel"]) == ("SCHEDULED", "booked", "UNPAID", "v1")
    assert a["fee"] == 50.0 and a["currency"] == "CNY" and a["bill_id"] and a["visit_type"] == "video"
    assert a["code"].startswith(f"A{today():%Y%m%d}")
    read = house.api(ask.user).get(f"/api/v1/appointments/{a['id']}")
    assert data(read) == a
    assert read.headers["ETag"] == f'"appointment-{a["id"]}-1"'
    same = house.api(ask.user).get(f"/api/appointments/{a['id']}", headers={"If-None-Match": read.headers["ETag"]})
    assert same.status_code == 304


def test_booked_by_time_on_the_unversioned_base(house):
    ask = bc._free(house.h)
    a = data(book(house, ask.user, "/api", doctor_id=ask.doctor, date=str(ask.moment.date()), time="09:15"), 201)
    assert a["start_time"] == ts(ask.moment + dt.timedelta(minutes=75)) and a["slot_no"] == 6


def test_same_idempotency_key_is_one_booking(house):
    ask = bc._free(house.h)
    api = house.api(ask.user)
    key = {"Idempotency-Key": '"v1-key"'}
    first = api.post("/api/v1/appointments", {"schedule_id": ask.session}, headers=key)
    again = api.post("/api/v1/appointments", {"schedule_id": ask.session}, headers=key)
    assert data(again, 201) == data(first, 201) and again.headers["Idempotency-Replayed"] == "true"
    assert again.headers["Location"] == first.headers["Location"]
    problem(api.post("/api/v1/appointments", {"schedule_id": ask.session, "reason": "x"}, headers=key), "IDEMPOTENCY_KEY_REUSED", 422)
    assert house.h.remaining(ask.session) == 15


def test_lists(house):
    h = house.h
    doctor_user = h.user("doctor", roles=["DOCTOR"])
    doctor = h.one("insert into doctors (user_id, dept_id, name) values (%s, %s, '医生丁') returning id", doctor_user, h.dept)
    sid = h.session(5, doctor=doctor, clinic=bc._clinic(h))
    people = [h.patient() for _ in range(3)]
    made = [data(book(house, uid, schedule_id=sid), 201)["id"] for _, uid in people]
    r = house.api(doctor_user).get("/api/v1/appointments/doctor/me", params={"sort": "start_time", "page_size": 2})
    page = data(r)
    assert [x["id"] for x in page["items"]] == made[:2]
    assert {k: page[k] for k in ("page", "page_size", "total", "pages")} == {"page": 1, "page_size": 2, "total": 3, "pages": 2}
    assert r.headers["X-Total-Count"] == "3" and 'rel="next"' in r.headers["Link"]
    mine = data(house.api(people[0][1]).get("/api/v1/appointments/me", params={"upcoming": "true"}))
    assert [x["id"] for x in mine["items"]] == [made[0]] and list(mine["items"][0]) == [m for m in MEMBERS if m != "patient"]
    staff = data(house.api(h.staff).get("/api/v1/appointments", params={"doctor_id": doctor, "status": "SCHEDULED,COMPLETED",
                                                                       "fields": "status,patient.full_name", "limit": 2, "page": 2}))
    assert staff["total"] == 3 and set(staff["items"][0]) == {"id", "patient", "status"}
    assert data(house.api(people[0][1]).get("/api/v1/appointments", params={"page": 7}))["items"] == []


def test_list_refusals(house):
    h = house.h
    api = house.api(h.admin)
    problem(api.get("/api/v1/appointments", params={"page": 0}), "VALIDATION_FAILED", 422)
    problem(api.get("/api/v1/appointments", params={"page_size": 101}), "VALIDATION_FAILED", 422)
    problem(api.get("/api/v1/appointments", params={"fields": "id,nonsense"}), "UNKNOWN_FIELD", 422)
    problem(api.get("/api/v1/appointments", params={"sort": "fee"}), "UNKNOWN_SORT", 422)
    problem(api.get("/api/v1/appointments", params={"status": "OPEN"}), "VALIDATION_FAILED", 422)
    problem(house.api(h.user(roles=["PATIENT"])).get("/api/v1/appointments/me"), "PROFILE_NOT_FOUND", 404)
    problem(house.api(h.user(roles=["DOCTOR"])).get("/api/v1/appointments/doctor/me"), "PROFILE_NOT_FOUND", 404)
    problem(house.api(h.staff).get("/api/v1/appointments/me"), "FORBIDDEN", 403)


def test_reading_one_out_of_scope(house):
    h = house.h
    ask = bc._free(h)
    a = data(book(house, ask.user, schedule_id=ask.session), 201)
    problem(house.api(h.patient()[1]).get(f"/api/v1/appointments/{a['id']}"), "NOT_OWNER", 403)
    problem(house.api(h.doctor_user).get(f"/api/v1/appointments/{a['id']}"), "NOT_OWNER", 403)
    problem(house.api(h.staff).get("/api/v1/appointments/99999999"), "NOT_FOUND", 404)


@pytest.mark.parametrize("verb", ["post", "delete"])
def test_cancelled(house, verb):
    h = house.h
    ask = bc._free(h)
    order = data(book(house, ask.user, schedule_id=ask.session), 201)["id"]

    def cancel(user, i=order, **body):
        api = house.api(user)
        return api.post(f"/api/v1/appointments/{i}/cancel", body) if verb == "post" else api.request("DELETE", f"/api/v1/appointments/{i}")

    problem(cancel(h.patient()[1]), "NOT_OWNER", 403)
    problem(cancel(ask.user, 99999999), "NOT_FOUND", 404)
    a = data(cancel(ask.user, **({"reason": "cannot come"} if verb == "post" else {})))
    assert (a["status"], a["fhir_status"], a["cancelled_by"]) == ("CANCELLED", "cancelled", "patient")
    assert a["cancelled_at"] and a["cancel_reason"] == ("cannot come" if verb == "post" else None)
    problem(cancel(ask.user), "INVALID_TRANSITION", 409)
    assert h.remaining(ask.session) == 16
    h.check()


def test_cancelled_too_late_and_overridden(house):
    h = house.h
    ask = bc._free(h, days=1)
    order = data(book(house, ask.user, schedule_id=ask.session), 201)["id"]
    h.setting("registration", '{"cancelHoursBefore": 48}')
    path = f"/api/v1/appointments/{order}/cancel"
    p = problem(house.api(ask.user).post(path), "CANCEL_TOO_LATE", 409)
    assert "48" in p["detail"]
    problem(house.api(ask.user).post(path, {"override": True}), "FORBIDDEN", 403)
    assert data(house.api(h.staff).post(path, {"override": True}))["cancelled_by"] == "staff"


def test_stale_entity_tag_changes_nothing(house):
    h = house.h
    ask = bc._free(h)
    order = data(book(house, ask.user, schedule_id=ask.session), 201)["id"]
    h.run("update registration_orders set notes = 'changed' where id = %s", order)
    api, path = house.api(ask.user), f"/api/v1/appointments/{order}"
    problem(api.request("DELETE", path, headers={"If-Match": f'"appointment-{order}-1"'}), "PRECONDITION_FAILED", 412)
    assert h.order(order)["status"] == "confirmed"
    tags = f'"other", {api.get(path).headers["ETag"]}'
    r = api.request("DELETE", path, headers={"If-Match": tags})
    assert data(r)["status"] == "CANCELLED" and r.headers["ETag"] == f'"appointment-{order}-3"'
