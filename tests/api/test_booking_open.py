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
    gone = api.request("DELETE", "/appointment/", params={"id": order})
    assert gone.status_code == 200 and h.order(order)["cancelled_by"] == "system"
    h.check()


def test_other_surfaces_stay_closed(house):
    api = house.system.api()
    assert api.get("/api/v1/appointments").status_code == 401
    assert api.get("/patient/appointments").status_code == 401
