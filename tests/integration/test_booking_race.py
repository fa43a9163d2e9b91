"""The rush: 500 clients at once for one session with 100 places, over three surfaces, two worker processes.

R-82: exactly 100 succeed. R-89: no patient twice. R-102: counters agree.
"""

import collections
import datetime as dt
import threading

import pytest

from support.hospital import Hospital, at, today, ts
from support.trusted import Jobs

PLACES = 100
CLIENTS = 500


@pytest.fixture(scope="module")
def world(empty_db, make_system):
    system = make_system(empty_db)
    system.start_broker()
    system.start_worker("booking", name="booking-1")
    system.start_worker("booking", name="booking-2")
    h = Hospital(empty_db)
    yield system, h
    h.close()


def requests(h, sid, day, people):
    """(op, arguments, user) for each client: by session on the code surface and v1, by time on v1 and Heartbeat."""
    start = at(day, "08:00")
    for i in range(CLIENTS):
        pid, uid = people[i % len(people)]
        slot_start = ts(start + dt.timedelta(minutes=2 * (i * 7 % PLACES)))
        kind = i % 5
        if kind in (0, 1):
            yield ("booking.book_appointment",
                   {"body": {"scheduleId": sid, "hospitalId": h.area, "departmentId": h.dept, "patientId": pid}}, uid)
        elif kind == 2:
            yield "booking.v1_book_appointment", {"body": {"schedule_id": sid}}, uid
        elif kind == 3:
            yield "booking.v1_book_appointment", {"body": {"doctor_id": h.doctor, "start_time": slot_start}}, uid
        else:
            yield "booking.hb_create_appointment", {"body": {"doctor_id": h.doctor, "date_time": slot_start}}, uid


def rush(system, asks):
    """Every ask by a client of its own, all let go at one moment; answers in the order of asks."""
    answers, gate = [None] * len(asks), threading.Barrier(20)

    def run(first):
        mine = [(i, Jobs(system.inner)) for i in range(first, len(asks), 20)]
        gate.wait()
        sent = [(i, j, j.send(*asks[i], budget_ms=30000)) for i, j in mine]
        for i, j, job in sent:
            answers[i] = j.wait(job, timeout=40)
            j.close()

    threads = [threading.Thread(target=run, args=(n,)) for n in range(20)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return answers


def test_five_hundred_clients_for_a_hundred_places(world):
    system, h = world
    day = today() + dt.timedelta(days=3)
    sid = h.session(day, places=PLACES, minutes=2)
    people = [h.patient() for _ in range(400)]                 # a hundred of them ask twice
    asks = list(requests(h, sid, day, people))
    answers = rush(system, asks)
    outcome = collections.Counter(a.error for a in answers)
    assert outcome[None] == PLACES, outcome
    assert set(outcome) <= {None, "SLOT_FULL", "SLOT_TAKEN", "DUPLICATE_BOOKING"}, outcome
    won = collections.Counter(asks[i][2] for i, a in enumerate(answers) if a.error is None)
    assert max(won.values()) == 1
    assert h.remaining(sid) == 0
    orders = h.run("select id, slot_no, initiator_user_id, order_no from registration_orders where schedule_id = %s", sid)
    assert sorted(o[1] for o in orders) == list(range(1, PLACES + 1))
    assert {o[0] for o in orders} == {a.body["id"] for a in answers if a.error is None}
    assert {o[2] for o in orders} == set(won)
    assert len({o[3] for o in orders}) == PLACES
    h.check()


def test_last_place_goes_to_one_of_fifty(world):
    system, h = world
    for round_ in range(5):
        day = today() + dt.timedelta(days=4 + round_)
        sid = h.session(day, places=1, minutes=240)
        asks = [("booking.v1_book_appointment", {"body": {"schedule_id": sid}}, h.patient()[1]) for _ in range(50)]
        errors = [a.error for a in rush(system, asks)]
        assert errors.count(None) == 1 and errors.count("SLOT_FULL") == 49
    h.check()


def test_one_patient_cannot_be_in_two_places_or_above_the_limit(world):
    """Different sessions, one patient: only the patient's own lock stands between two workers (BR-75, R-88)."""
    system, h = world
    h.setting("registration", '{"maxAppointmentsPerPeriod": 5}')
    pid, uid = h.patient()
    doctors = [h.extra_doctor() for _ in range(30)]
    clinics = [h.one("insert into clinics (area_id, minor_dept_id, name) values (%s, %s, 'x') returning id", h.area, h.dept)
               for _ in range(30)]
    same_hour = [h.session(3, "下午", doctor=d, clinic=c) for d, c in zip(doctors[:15], clinics)]
    other_days = [h.session(4 + i % 9, "晚上", doctor=d, clinic=c, places=4)
                  for i, (d, c) in enumerate(zip(doctors[15:], clinics[15:]))]
    asks = [("booking.v1_book_appointment", {"body": {"schedule_id": s}}, uid) for s in same_hour + other_days]
    errors = collections.Counter(a.error for a in rush(system, asks))
    assert errors[None] == 5, errors
    assert h.one("select count(*) from registration_orders where patient_id = %s and schedule_id = any(%s)",
                 pid, same_hour) <= 1
    h.check()
