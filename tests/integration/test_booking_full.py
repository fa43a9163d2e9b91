"""Full sessions refuse without locks (workers/booking/full.c): never longer than they are full, and by the rules in their order."""

import collections
import threading
import time

import pytest

from support.hospital import Hospital, today
from support.trusted import Jobs


@pytest.fixture(scope="module")
def world(empty_db, make_system):
    system = make_system(empty_db)
    system.start_broker()
    system.start_worker("booking", name="booking-1")
    system.start_worker("booking", name="booking-2")
    jobs = Jobs(system.inner)
    h = Hospital(empty_db)
    h.setting("registration", '{"cancelHoursBefore": 0, "sameDayDeadline": "23:59", "maxAppointmentsPerPeriod": 1000}')
    yield system, jobs, h
    jobs.close()
    h.close()


_days = iter(range(2, 14))


def full_session(world, places=1, **kw):
    """A session whose places are all taken, and that a worker has refused already: (id, order ids, its patients)."""
    _, jobs, h = world
    sid = h.session(next(_days), places=places, minutes=10, doctor=h.extra_doctor(), clinic=h.one(
        "insert into clinics (area_id, minor_dept_id, name) values (%s, %s, 'x') returning id", h.area, h.dept), **kw)
    people = [h.patient() for _ in range(places)]
    orders = [book(jobs, sid, uid) for _, uid in people]
    assert [a.error for a in orders] == [None] * places
    for _ in range(3):
        assert book(jobs, sid, h.patient()[1]).error == "SLOT_FULL"
    return sid, [a.body["id"] for a in orders], people


def book(jobs, sid, user, **body):
    return jobs.call("booking.v1_book_appointment", {"body": {"schedule_id": sid, **body}}, user)


def cancel(jobs, order, user):
    a = jobs.call("booking.v1_cancel_appointment", {"path": {"id": order}, "body": {}}, user)
    assert a.error is None, a


def test_a_returned_place_is_had_at_once(world):
    """Whoever asks after the answer to a cancellation gets the place, however often and through whichever worker."""
    _, jobs, h = world
    sid, orders, people = full_session(world)
    holder = people[0][1], orders[0]
    for _ in range(25):
        assert book(jobs, sid, h.patient()[1]).error == "SLOT_FULL"
        cancel(jobs, holder[1], holder[0])
        uid = h.patient()[1]
        a = book(jobs, sid, uid)
        assert a.error is None, a
        holder = uid, a.body["id"]
    assert h.remaining(sid) == 0
    h.check()


def test_an_added_place_is_had_at_once(world):
    _, jobs, h = world
    sid, _, _ = full_session(world, places=2)
    h.run("update schedules set total_slots = 3, remaining_slots = 1, version = version + 1 where id = %s", sid)
    a = book(jobs, sid, h.patient()[1])
    assert a.error is None and a.body["slot_no"] == 3
    assert book(jobs, sid, h.patient()[1]).error == "SLOT_FULL"
    h.check()


def test_a_full_session_refuses_while_others_hold_its_lock(world):
    """No lock is waited for."""
    _, jobs, h = world
    sid, _, _ = full_session(world)
    blocker = h.db.connect(autocommit=False)
    try:
        with blocker.cursor() as cur:
            cur.execute("select 1 from schedules where id = %s for update", (sid,))
            start = time.monotonic()
            for _ in range(5):
                assert book(jobs, sid, h.patient()[1]).error == "SLOT_FULL"
            assert time.monotonic() - start < 2.0              # lock_timeout is 3 s
    finally:
        blocker.rollback()
        blocker.close()


def test_rules_before_the_place_are_asked_first(world):
    _, jobs, h = world
    sid, _, people = full_session(world)
    banned, stranger, account = h.patient()[1], h.patient()[0], h.user()
    h.run("insert into user_bans (user_id, ban_type, reason) values (%s, 'register', 'x')", banned)
    assert book(jobs, sid, banned).error == "BOOKING_SUSPENDED"
    assert book(jobs, sid, h.patient()[1], patient_id=stranger).error == "BOOKING_PATIENT_FORBIDDEN"
    assert book(jobs, sid, account).error == "FORBIDDEN"
    assert book(jobs, sid, people[0][1]).error == "SLOT_FULL"                   # who has a place hears of the session first, as ever
    assert book(jobs, sid, h.patient()[1], slot_no=1).error == "SLOT_TAKEN"
    h.run("update schedules set status = '停诊' where id = %s", sid)
    assert book(jobs, sid, h.patient()[1]).error == "SESSION_SUSPENDED"
    h.run("delete from user_bans where user_id = %s", banned)


def test_full_and_open_sessions_in_one_batch(world):
    """Jobs sent at once for a full session, for one with places and for the full one by its time: each by its own rules."""
    _, jobs, h = world
    full, orders, people = full_session(world, places=3)
    free, n = h.session(today(), section="晚上", places=40, minutes=1, doctor=h.extra_doctor(), clinic=h.one(
        "insert into clinics (area_id, minor_dept_id, name) values (%s, %s, 'x') returning id", h.area, h.dept)), 40
    users = [h.patient()[1] for _ in range(2 * n)]
    h.run("update schedules set date = date + 10, starts_at = starts_at + interval '10 days', ends_at = ends_at + interval '10 days' "
          "where id = %s", free)
    cancel(jobs, orders[0], people[0][1])
    ids = [jobs.send("booking.v1_book_appointment", {"body": {"schedule_id": full if i % 2 else free}}, u) for i, u in enumerate(users)]
    answers = [jobs.wait(i) for i in ids]
    assert collections.Counter(a.error for a in answers[::2]) == {None: n}
    assert collections.Counter(a.error for a in answers[1::2]) == {None: 1, "SLOT_FULL": n - 1}
    assert answers[1].error is None                         # the first to ask
    assert h.remaining(full) == h.remaining(free) == 0
    h.check()


def test_places_that_come_and_go_under_load(world):
    """Cancellations beside a flood for the same full session: the books agree, and whoever cancelled can book again at the end."""
    system, jobs, h = world
    sid, orders, people = full_session(world, places=5)
    users, end, seen = [h.patient()[1] for _ in range(60)], time.monotonic() + 3, collections.Counter()
    lock, faults = threading.Lock(), []

    def flood(mine):
        j = Jobs(system.inner)
        try:
            while time.monotonic() < end:
                for job in [(u, j.send("booking.v1_book_appointment", {"body": {"schedule_id": sid}}, u)) for u in mine]:
                    a = j.wait(job[1])
                    with lock:
                        seen[a.error] += 1
                    if a.error is None:
                        cancel(j, a.body["id"], job[0])
        except Exception as e:
            faults.append(repr(e))
        finally:
            j.close()

    threads = [threading.Thread(target=flood, args=(users[i::4],)) for i in range(4)]
    [t.start() for t in threads]
    for (_, uid), order in zip(people, orders):
        time.sleep(0.3)
        cancel(jobs, order, uid)
    [t.join() for t in threads]
    assert not faults, faults
    assert seen[None] >= 5 and set(seen) <= {None, "SLOT_FULL"}, seen
    assert h.remaining(sid) == 5
    assert [book(jobs, sid, uid).error for _, uid in people] == [None] * 5
    h.check()
