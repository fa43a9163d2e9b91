"""Heartbeat's data routes while heartbeat.open_access is on (R-220): no token, every row."""

import pytest

from support import booking_cases as bc
from support.house import House


@pytest.fixture(scope="module")
def house(empty_db, make_system):
    system = make_system(empty_db, {"system.mode": "development"})
    w = House(system, empty_db)
    w.h.setting("heartbeat.open_access", "true")
    system.start()
    yield w
    w.close()


def test_anybody_books_reads_and_deletes(house):
    h = house.h
    ask = bc._free(h)
    api = house.system.api()
    missing = api.post("/appointment/", {"doctor_id": ask.doctor, "date_time": f"{ask.moment.date()} 09:00"})
    assert missing.status_code == 422, missing.text
    made = api.post("/appointment/", {"doctor_id": ask.doctor, "date_time": f"{ask.moment.date()} 09:00", "patient_id": ask.patient})
    assert made.status_code == 201, made.text
    order = made.json()["id"]
    stored = h.order(order)
    assert stored["initiator_user_id"] is None and stored["channel"] == "heartbeat"
    assert api.get(f"/appointment/by_id/{order}").json() == made.json()
    for path in (f"/appointment/by_doctor/{ask.doctor}", f"/appointment/by_patient/{ask.patient}"):
        assert [a["id"] for a in api.get(path).json()] == [order]
    moved = api.put("/appointment/", {"id": order, "date_time": f"{ask.moment.date()} 10:20", "description": "改期"})      # HB-16
    assert moved.status_code == 200 and moved.json()["date_time"].endswith("T10:15:00+08:00") and moved.json()["description"] == "改期"
    assert h.run("select by_user from appointment_history where order_id = %s and action = 'rescheduled'", order) == [(None,)]
    assert api.put("/appointment/", {"id": order, "status": "COMPLETED"}).json()["status"] == "COMPLETED"
    order = api.post("/appointment/", {"doctor_id": ask.doctor, "date_time": f"{ask.moment.date()} 11:00", "patient_id": ask.patient})
    order = order.json()["id"]
    gone = api.request("DELETE", "/appointment/", params={"id": order})
    assert gone.status_code == 200 and h.order(order)["cancelled_by"] == "system"
    h.check()


def test_other_surfaces_stay_closed(house):
    api = house.system.api()
    assert api.get("/api/v1/appointments").status_code == 401
    assert api.get("/patient/appointments").status_code == 401


def test_anybody_makes_changes_and_removes_doctors(house):                            # HB-09 to HB-11
    api = house.system.api()
    made = api.post("/doctor/", {"name": "Open", "surname": "Access", "email": "open@x.example", "password": "Strong-pass-26"})
    assert made.status_code == 201, made.text
    doctor = made.json()["id"]
    changed = api.put("/doctor/", {"id": doctor, "specialization": "Neurology"})
    assert changed.status_code == 200 and changed.json()["specialization"] == "Neurology"
    admin = house.h.one("insert into doctors (user_id, dept_id, name) values (%s, %s, '院长') returning id", house.h.admin, house.h.dept)
    assert api.put("/doctor/", {"id": admin, "password": "Strong-pass-26"}).status_code == 403      # R-47 holds for anybody
    assert api.request("DELETE", "/doctor/", params={"id": admin}).status_code == 403
    gone = api.request("DELETE", "/doctor/", params={"id": doctor})
    assert gone.status_code == 200 and gone.json()["email"] == "open@x.example"
    assert house.h.run("select distinct actor_id from audit_log where entity = 'doctor' and entity_id = %s", str(doctor)) == [(None,)]
    for r in (api.post("/api/v1/doctors", {"name": "x"}), api.post("/admin/doctors", {"dept_id": house.h.dept, "name": "x"})):
        assert r.status_code == 401


def test_production_does_not_start_open(house, empty_db, make_system):
    strong = {"system.mode": "production", "token.secret": "s" * 40, "token.refresh_secret": "r" * 40}
    system = make_system(empty_db, strong)
    system.start_broker()
    worker = system.start_worker("identity", wait=False)
    assert worker.wait(30) == 1
    assert "open_to_everybody_in_production" in worker.output() and "heartbeat.open_access" in worker.output()
    house.h.setting("heartbeat.open_access", "false")
    try:
        system.start_worker("identity", name="closed")
    finally:
        house.h.setting("heartbeat.open_access", "true")
