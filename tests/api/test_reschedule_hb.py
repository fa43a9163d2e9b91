"""HB-16, PUT /appointment/: a new time or doctor moves, a status moves the state, a description is stored (api/30, R-96..R-99, R-222, R-224)."""

import datetime as dt

import pytest

from support import booking_cases as bc
from support import moves
from support.hospital import at, today, ts


@pytest.fixture(autouse=True)
def default_settings(house):
    house.reset()
    house.h.setting("registration", '{"sameDayDeadline": "23:59", "cancelHoursBefore": 24}')


class Case:
    def __init__(self, house, days=3, to_days=5, **kw):
        self.house, self.h = house, house.h
        h = self.h
        self.patient, self.user = h.patient()
        self.doctor, clinic = h.extra_doctor(), bc._clinic(h)
        self.session = h.session(days, doctor=self.doctor, clinic=clinic, **kw)
        self.target = h.session(to_days, doctor=self.doctor, clinic=clinic, **kw)
        self.day, self.to_day = today() + dt.timedelta(days=days), today() + dt.timedelta(days=to_days)
        self.start = at(self.day, "09:00")
        r = self.api().post("/appointment/", {"doctor_id": self.doctor, "date_time": ts(self.start), "description": "咳嗽"})
        assert r.status_code == 201, r.text
        self.first = r.json()
        self.order = self.first["id"]

    def api(self, user=None):
        return self.house.api(user or self.user)

    def put(self, user=None, **body):
        return self.api(user).put("/appointment/", {"id": self.order, **body})

    def done(self, user=None, **body):
        r = self.put(user, **body)
        assert r.status_code == 200, r.text
        assert r.json() == self.api().get(f"/appointment/by_id/{self.order}").json()
        return r.json()


def refused(response, status, code=None):
    assert response.status_code == status, response.text
    if code:
        assert response.json()["code"] == code, response.text


def test_a_new_time_moves_it(house):
    c = Case(house)
    got = c.done(date_time=f"{c.to_day}T10:07:00")          # rounded down to its place
    assert got == {**c.first, "date_time": ts(at(c.to_day, "10:00")), "end_time": ts(at(c.to_day, "10:15"))}
    o = c.h.order(c.order)
    assert (o["schedule_id"], o["reschedule_count"]) == (c.target, 1)
    assert (c.h.remaining(c.session), c.h.remaining(c.target)) == (16, 15)
    c.h.check()


def test_a_new_doctor_moves_it(house):
    c = Case(house)
    doctor = c.h.extra_doctor()
    session = c.h.session(3, doctor=doctor, clinic=bc._clinic(c.h))
    assert c.done(doctor_id=doctor, description="复诊") == {**c.first, "doctor_id": doctor, "description": "复诊"}    # the same time
    assert c.h.order(c.order)["schedule_id"] == session
    got = c.done(doctor_id=c.doctor, date_time=ts(at(c.to_day, "08:00")), status="SCHEDULED")
    assert (got["doctor_id"], got["date_time"]) == (c.doctor, ts(at(c.to_day, "08:00")))
    c.h.check()


def test_what_is_so_already_asks_for_nothing(house):
    c = Case(house)
    version = c.h.order(c.order)["version"]
    assert c.done() == c.first
    assert c.done(**{k: c.first[k] for k in ("date_time", "doctor_id", "status", "description")}) == c.first
    assert c.done(date_time=ts(c.start + dt.timedelta(minutes=14))) == c.first        # inside its place
    assert c.h.order(c.order)["version"] == version
    assert c.done(description=None)["description"] is None
    assert c.done(date_time=c.first["date_time"], description="头痛")["description"] == "头痛"


def test_the_id_may_stand_in_the_query(house):
    c = Case(house)
    r = c.api().put("/appointment", {"description": "x"}, params={"appointment_id": c.order})
    assert r.status_code == 200 and r.json()["description"] == "x"
    refused(c.api().put("/appointment/", {"id": c.order}, params={"appointment_id": c.order + 1}), 422)
    for body in ({"description": "x"}, {"date_time": ts(at(c.to_day, "08:00"))}):
        r = c.api().put("/appointment/", body)
        assert r.status_code == 422 and [f["loc"] for f in r.json()["detail"]] == [["body", "id"]]
    refused(c.api().put("/appointment/", {"id": c.order, "date_time": ts(at(c.to_day, "08:00"))}, params={"appointment_id": 1}), 422)
    refused(c.api().put("/appointment/", {"id": 99999999, "description": "x"}), 404)
    refused(c.api().put("/appointment/", {"id": 99999999, "date_time": ts(at(c.to_day, "08:00"))}), 404)


def test_status(house):
    h = house.h
    c = Case(house)
    refused(c.put(status="COMPLETED"), 403)                     # not for patients
    refused(c.put(h.doctor2_user, status="COMPLETED"), 403)
    assert c.done(status="CANCELLED", description="不去了") == {**c.first, "status": "CANCELLED", "description": "不去了"}
    o = h.order(c.order)
    assert (o["status"], o["cancelled_by"], o["hb_hidden"]) == ("cancelled", "patient", False)
    assert h.remaining(c.session) == 16
    assert c.done(status="CANCELLED")["status"] == "CANCELLED"
    refused(c.put(status="SCHEDULED"), 409, "INVALID_TRANSITION")
    refused(c.put(date_time=ts(at(c.to_day, "08:00"))), 409, "INVALID_TRANSITION")
    refused(c.put(description="x"), 409, "INVALID_TRANSITION")
    c = Case(house)
    assert c.done(h.staff, status="COMPLETED")["status"] == "COMPLETED"
    refused(c.put(h.staff, status="CANCELLED"), 409, "INVALID_TRANSITION")
    h.check()


def test_paid_is_refunded_when_it_is_cancelled(house):
    c = Case(house)
    moves.paid(c.h, c.order)
    assert c.done(status="CANCELLED")["status"] == "CANCELLED"
    assert c.h.order(c.order)["payment_status"] == "refunded"


def test_who_may(house):
    c = Case(house)
    h = c.h
    for body in ({"description": "x"}, {"status": "CANCELLED"}, {"date_time": ts(at(c.to_day, "08:00"))}, {}):
        refused(c.put(h.patient()[1], **body), 403)
        refused(c.put(h.doctor2_user, **body), 403)
    uid = h.user("doctor", roles=["DOCTOR"])
    h.run("update doctors set user_id = %s where id = %s", uid, c.doctor)
    assert c.done(uid, date_time=ts(at(c.to_day, "08:00")))["date_time"] == ts(at(c.to_day, "08:00"))
    assert c.done(h.staff, description="y")["description"] == "y"


def test_both_at_once_is_refused(house):
    c = Case(house)
    r = c.put(date_time=ts(at(c.to_day, "08:00")), status="CANCELLED")
    assert r.status_code == 422 and r.json()["detail"][0]["loc"] == ["body", "status"]
    assert c.api().get(f"/appointment/by_id/{c.order}").json() == c.first


def test_refusals_of_a_move(house):
    c = Case(house)
    h = c.h
    refused(c.put(date_time=ts(at(c.to_day, "13:00"))), 409, "DOCTOR_UNAVAILABLE")
    refused(c.put(doctor_id=99999999), 404)
    refused(c.put(date_time=f"{today() - dt.timedelta(days=1)}T09:00:00"), 409, "APPOINTMENT_IN_PAST")
    refused(c.put(date_time=f"{c.to_day}T25:00:00"), 422)
    h.session(15, doctor=c.doctor, clinic=bc._clinic(h))
    refused(c.put(date_time=f"{today() + dt.timedelta(days=15)}T09:00:00"), 409, "BEYOND_BOOKING_WINDOW")
    other = Case(house, days=6, to_days=7)
    h.run("update registration_orders set patient_id = %s where id = %s", c.patient, other.order)
    h.run("update schedules set starts_at = starts_at + interval '1 day', ends_at = ends_at + interval '1 day', date = date + 1 where id = %s",
          c.target)
    refused(c.put(date_time=f"{today() + dt.timedelta(days=6)}T09:00:00"), 409, "PATIENT_CONFLICT")
    h.setting("appointment.max_reschedules", "0")
    refused(c.put(date_time=f"{today() + dt.timedelta(days=6)}T10:00:00"), 409, "RESCHEDULE_LIMIT")
    h.setting("appointment.max_reschedules", None)
    h.setting("registration", '{"cancelHoursBefore": 72, "sameDayDeadline": "23:59"}')
    late = Case(house, days=1, to_days=8)
    refused(late.put(date_time=f"{today() + dt.timedelta(days=8)}T10:00:00"), 409, "CANCEL_TOO_LATE")
    refused(late.put(status="CANCELLED"), 409, "CANCEL_TOO_LATE")


def test_a_place_that_is_taken(house):
    c = Case(house)
    other = Case(house)
    doctor = other.doctor
    refused(c.put(doctor_id=doctor), 409, "SLOT_TAKEN")         # at the time it has, the other one is there
    assert c.api().get(f"/appointment/by_id/{c.order}").json() == c.first
    assert c.done(doctor_id=doctor, date_time=ts(at(c.day, "09:15")))["doctor_id"] == doctor
    c.h.check()


def test_a_hidden_one_is_not_there(house):
    c = Case(house)
    assert c.api().delete("/appointment/", params={"appointment_id": c.order}).status_code == 200
    refused(c.put(description="x"), 404)
    refused(c.put(date_time=ts(at(c.to_day, "08:00"))), 404)
