"""500 HTTP clients at once for one session with 100 places, over three surfaces: exactly 100 succeed."""

import collections
import datetime as dt
import http.client
import json
import threading

import pytest

from support.hospital import at, today, ts
from support.house import House

PLACES, CLIENTS, PEOPLE = 100, 500, 400


@pytest.fixture(scope="module")
def house(empty_db, make_system):
    system = make_system(empty_db)
    w = House(system, empty_db)
    system.start(("identity,directory", "booking"))
    system.start_worker("booking", name="booking-2")
    yield w
    w.close()


def ask(h, i, sid, day, patient):
    """(path, body) of client i: by session on the code surface and v1, by time on v1, /api and Heartbeat."""
    start = ts(at(day, "08:00") + dt.timedelta(minutes=2 * (i * 7 % PLACES)))
    if i % 5 in (0, 1):
        return "/patient/appointments", {"scheduleId": sid, "hospitalId": h.area, "departmentId": h.dept, "patientId": patient}
    if i % 5 == 2:
        return "/api/v1/appointments", {"schedule_id": sid}
    if i % 5 == 3:
        return "/api/appointments", {"doctor_id": h.doctor, "start_time": start}
    return "/appointment/", {"doctor_id": h.doctor, "date_time": start}


def outcome(path, status, body):
    """'ok' or the name of the refusal."""
    if path.startswith("/patient"):
        assert status == 200, (status, body)
        return {0: "ok", 1001: "SLOT_FULL", 1002: "DUPLICATE_BOOKING"}[body["code"]]
    if status == 201:
        return "ok"
    assert status == 409, (status, body)
    return body["data"]["code"] if path.startswith("/api") else body["code"]


def test_five_hundred_clients_for_a_hundred_places(house):
    h, system = house.h, house.system
    day = today() + dt.timedelta(days=3)
    sid = h.session(day, places=PLACES, minutes=2)
    people = [h.patient() for _ in range(PEOPLE)]              # a hundred of them ask twice
    phone = h.one("select phonenumber from users where id = %s", people[0][1])
    tokens = system.tokens("--first-phone", phone, "--count", str(PEOPLE))
    assert len(tokens) == PEOPLE
    results, gate = [None] * CLIENTS, threading.Barrier(CLIENTS)

    def client(i):
        who = i % PEOPLE
        path, body = ask(h, i, sid, day, people[who][0])
        conn = http.client.HTTPConnection("127.0.0.1", system.port, timeout=60)
        try:
            conn.connect()
            gate.wait(60)
            conn.request("POST", path, json.dumps(body), {"Authorization": "Bearer " + tokens[who], "Content-Type": "application/json",
                                                          "Idempotency-Key": f"rush-{i}"})
            r = conn.getresponse()
            results[i] = (who, outcome(path, r.status, json.loads(r.read())))
        except Exception as e:          # told below, in the main thread
            results[i] = (who, repr(e))
        finally:
            conn.close()

    threads = [threading.Thread(target=client, args=(i,)) for i in range(CLIENTS)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    count = collections.Counter(o for _, o in results)
    assert count["ok"] == PLACES, count
    assert set(count) <= {"ok", "SLOT_FULL", "SLOT_TAKEN", "DUPLICATE_BOOKING"}, count
    winners = collections.Counter(who for who, o in results if o == "ok")
    assert max(winners.values()) == 1
    stored = h.run("select initiator_user_id, slot_no from registration_orders where schedule_id = %s", sid)
    assert {u for u, _ in stored} == {people[who][1] for who in winners}
    assert sorted(s for _, s in stored) == list(range(1, PLACES + 1))
    assert h.remaining(sid) == 0
    h.check()
