"""The waitlist: joining in order, freed places given in the transaction that frees them, once, to the first who can take them."""

import datetime as dt
import threading

import pytest

from support import booking_cases as bc
from support.hospital import Hospital, today
from support.trusted import Jobs


@pytest.fixture(scope="module")
def world(empty_db, make_system):
    system = make_system(empty_db)
    system.start_broker()
    system.start_worker("booking,schedule")
    jobs = Jobs(system.inner)
    h = Hospital(empty_db)
    h.setting("registration", '{"paymentTimeoutMinutes": 30, "cancelHoursBefore": 2, "sameDayDeadline": "23:59"}')
    yield system, jobs, h
    jobs.close()
    h.close()


def full(world, places=1, days=3, price="50.00", section="上午", doctor=None):
    """(session, [(order, user)...]) of a session without free places."""
    _, jobs, h = world
    session = h.session(days, section, places=places, price=price, doctor=doctor or h.extra_doctor(), clinic=bc._clinic(h))
    taken = []
    for _ in range(places):
        pid, uid = h.patient()
        a = jobs.call("booking.book_appointment", {"body": code_body(session, pid)}, uid)
        assert a.error is None, a
        taken.append((a.body["id"], uid))
    return session, taken


def code_body(session, patient):
    return {"scheduleId": session, "hospitalId": 1, "departmentId": 1, "patientId": patient}


def join(world, session, patient=None, user=None, jobs=None):
    _, own, h = world
    if patient is None:
        patient, user = h.patient()
    a = (jobs or own).call("booking.join_waitlist", {"body": {"scheduleId": session, "patientId": patient}}, user)
    return a, patient, user


def waiting(world, session):
    a, patient, user = join(world, session)
    assert a.error is None, a
    return a.body["id"], patient, user


def cancel(world, order, user, jobs=None):
    a = (jobs or world[1]).call("booking.cancel_appointment", {"path": {"appointmentId": order}}, user)
    assert a.error is None, a


def listed(world, user):
    return world[1].call("booking.list_waitlist", {}, user).body["list"]


def test_joining_gives_the_place_in_line(world):
    _, _, h = world
    session, _ = full(world)
    for n in (1, 2, 3):
        a, patient, user = join(world, session)
        assert a.error is None and a.body["queueNumber"] == n and a.body["estimatedTime"] == f"{n}0分钟"
        dt.datetime.strptime(a.body["createdAt"], "%Y-%m-%d %H:%M:%S")
        (row,) = listed(world, user)
        assert (row["id"], row["scheduleId"], row["queueNumber"], row["status"], row["canConvert"]) == (
            a.body["id"], session, n, "waitlist", False)
        assert row["price"] == 50.0 and row["appointmentDate"] == (today() + dt.timedelta(days=3)).isoformat()
    assert h.remaining(session) == 0
    assert h.one("select count(*) from bills where appointment_id = %s", a.body["id"]) == 0


def test_the_price_is_that_of_joining(world):
    _, jobs, h = world
    session, taken = full(world, price="82.00")
    pid, uid = h.patient(kind="学生")
    a, *_ = join(world, session, pid, uid)
    assert h.order(a.body["id"])["price"] == 65.60 or str(h.order(a.body["id"])["price"]) == "65.60"
    h.setting("patientIdentityDiscounts", '{"学生": 0.1}')
    try:
        cancel(world, *taken[0])
    finally:
        h.setting("patientIdentityDiscounts", None)
    row = h.order(a.body["id"])
    assert (row["status"], str(row["price"])) == ("pending", "65.60")             # BR-101: not discounted again
    assert h.run("select total::text, discount::text from bills where appointment_id = %s", a.body["id"]) == [("65.60", "16.40")]


def test_every_refusal_of_joining(world):
    _, jobs, h = world
    session, _ = full(world)
    pid, uid = h.patient()
    free = h.session(4, "下午", doctor=h.extra_doctor(), clinic=bc._clinic(h))
    assert join(world, free, pid, uid)[0].error == "WAITLIST_SLOTS_FREE"
    assert join(world, 99999999, pid, uid)[0].error == "SCHEDULE_NOT_FOUND"
    assert join(world, session, 99999999, uid)[0].error == "PATIENT_NOT_FOUND"
    stranger, _ = h.patient()
    assert join(world, session, stranger, uid)[0].error == "WAITLIST_PATIENT_FORBIDDEN"
    assert join(world, session, pid, h.staff)[0].error == "PATIENT_NOT_BOUND"
    closed = h.session(5, places=0, status="停诊", doctor=h.extra_doctor(), clinic=bc._clinic(h))
    assert join(world, closed, pid, uid)[0].error == "SESSION_SUSPENDED"
    begun = h.session(0, places=0, doctor=h.extra_doctor(), clinic=bc._clinic(h), starts=dt.datetime.now(dt.timezone.utc) - dt.timedelta(hours=1),
                      ends=dt.datetime.now(dt.timezone.utc) + dt.timedelta(hours=1))
    assert join(world, begun, pid, uid)[0].error == "APPOINTMENT_IN_PAST"
    assert join(world, session, pid, uid)[0].error is None
    assert join(world, session, pid, uid)[0].error == "WAITLIST_DUPLICATE"
    booker, booker_user = h.patient()
    other, taken = full(world)
    holder = h.order(taken[0][0])["patient_id"]
    assert join(world, other, holder, taken[0][1])[0].error == "DUPLICATE_BOOKING"
    h.run("insert into user_bans (user_id, ban_type, reason) values (%s, 'register', 'x')", booker_user)
    assert join(world, session, booker, booker_user)[0].error == "BOOKING_SUSPENDED"
    child, _ = h.patient(account=False)
    h.relate(pid, child)
    assert join(world, session, child, uid)[0].body["queueNumber"] == 2


def test_a_freed_place_goes_to_the_first_in_line(world):
    _, jobs, h = world
    session, taken = full(world, places=2)
    first, _, user = waiting(world, session)
    second, _, _ = waiting(world, session)
    slot = h.order(taken[0][0])["slot_no"]
    cancel(world, *taken[0])
    row = h.order(first)
    assert (row["status"], row["payment_status"], row["slot_no"], row["source_type"]) == ("pending", "pending", slot, "waitlist")
    assert row["payable_since"] is not None and row["starts_at"] < row["ends_at"]
    assert h.remaining(session) == 0 and h.order(second)["status"] == "waitlist"
    assert h.one("select status from bills where appointment_id = %s", first) == "ISSUED"
    assert h.one("select count(*) from message_outbox where template = 'place_offered' and body like %s",
                 f"%{row['order_no']}%") == 1
    assert listed(world, user) == []
    cancel(world, *taken[1])
    assert h.order(second)["status"] == "pending" and h.remaining(session) == 0
    h.check()


def test_a_place_without_charge_is_confirmed_at_once(world):
    _, _, h = world
    session, taken = full(world, price="0.00")
    order, _, _ = waiting(world, session)
    cancel(world, *taken[0])
    row = h.order(order)
    assert (row["status"], row["payment_status"], row["payable_since"]) == ("confirmed", "paid", None)


def test_a_time_out_frees_the_place_and_counts_anew(world):
    _, jobs, h = world
    session, taken = full(world)
    first, *_ = waiting(world, session)
    second, *_ = waiting(world, session)
    h.run("update registration_orders set payable_since = now() - interval '31 minutes' where id = %s", taken[0][0])
    assert jobs.call("booking.expire_unpaid", {}, 0).body == {"expired": 1}
    assert h.order(first)["status"] == "pending" and h.order(second)["status"] == "waitlist"
    assert jobs.call("booking.expire_unpaid", {}, 0).body == {"expired": 0}             # 30 minutes from the offer on
    h.run("update registration_orders set payable_since = now() - interval '31 minutes' where id = %s", first)
    assert jobs.call("booking.expire_unpaid", {}, 0).body == {"expired": 1}
    assert h.order(first)["status"] == "timeout" and h.order(second)["status"] == "pending"
    h.check()


def test_one_who_is_elsewhere_then_is_passed_over_and_keeps_waiting(world):
    _, jobs, h = world
    session, taken = full(world)
    patient, user = h.patient()
    busy, *_ = join(world, session, patient, user)
    other = h.session(3, doctor=h.extra_doctor(), clinic=bc._clinic(h))
    a = jobs.call("booking.book_appointment", {"body": code_body(other, patient)}, user)
    assert a.error is None, a
    free, *_ = waiting(world, session)
    cancel(world, *taken[0])
    assert h.order(busy.body["id"])["status"] == "waitlist" and h.order(free)["status"] == "pending"
    # nobody else waits: the next place stays free, and is theirs once the other appointment is gone
    cancel(world, free, h.order(free)["user_id"])
    assert h.remaining(session) == 1 and h.order(busy.body["id"])["status"] == "waitlist"
    # there is a place: what is in the way is told, not that the session is full
    assert jobs.call("booking.convert_waitlist_place", {"path": {"waitlistId": busy.body["id"]}}, user).error == "PATIENT_CONFLICT"
    cancel(world, a.body["id"], user)
    (row,) = listed(world, user)
    assert row["canConvert"] is True
    done = jobs.call("booking.convert_waitlist_place", {"path": {"waitlistId": busy.body["id"]}}, user)
    assert done.error is None, done
    assert done.body["status"] == "pending" and done.body["id"] == busy.body["id"] and done.body["queueNumber"] is None
    since = h.order(busy.body["id"])["payable_since"]
    expires = dt.datetime.strptime(done.body["expiresAt"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=dt.timezone(dt.timedelta(hours=8)))
    assert abs((expires - since).total_seconds() - 1800) < 2                           # BR-102
    assert h.remaining(session) == 0
    h.check()


def test_the_upkeep_offers_what_is_left_and_ends_what_is_over(world):
    _, jobs, h = world
    jobs.call("booking.tidy_waitlist", {}, 0)
    session, _ = full(world)
    order, *_ = waiting(world, session)
    h.run("update schedules set total_slots = total_slots + 1, remaining_slots = 1 where id = %s", session)
    assert jobs.call("booking.tidy_waitlist", {}, 0).body == {"ended": 0, "offered": 1}
    assert h.order(order)["status"] == "pending"
    over, *_ = waiting(world, session)
    h.run("update registration_orders set starts_at = now() - interval '1 hour', ends_at = now() where id = %s", over)
    assert jobs.call("booking.tidy_waitlist", {}, 0).body == {"ended": 1, "offered": 0}
    row = h.order(over)
    assert (row["status"], row["payment_status"], row["cancelled_by"]) == ("cancelled", "cancelled", "system")


def test_who_books_the_session_waits_for_it_no_longer(world):
    _, jobs, h = world
    jobs.call("booking.tidy_waitlist", {}, 0)
    session, _ = full(world)
    entry, patient, user = waiting(world, session)
    other, *_ = waiting(world, session)
    h.run("update schedules set total_slots = total_slots + 1, remaining_slots = 1 where id = %s", session)
    booked = jobs.call("booking.book_appointment", {"body": code_body(session, patient)}, user)
    assert booked.error is None, booked
    assert jobs.call("booking.tidy_waitlist", {}, 0).body == {"ended": 1, "offered": 0}
    row = h.order(entry)
    assert (row["status"], row["cancelled_by"], row["cancel_reason"]) == ("cancelled", "system", "该时段已有预约")
    assert listed(world, user) == [] and h.order(other)["status"] == "waitlist"
    assert h.order(booked.body["id"])["status"] == "pending"


def test_those_who_cannot_take_a_place_hold_nobody_back(world):
    """More sessions with a place that their waiter cannot take than one pass looks at."""
    _, jobs, h = world
    jobs.call("booking.tidy_waitlist", {}, 0)
    elsewhere, taken = full(world, places=1, days=8)
    busy = h.order(taken[0][0])["patient_id"]                    # who is elsewhere at the time of all these places
    for _ in range(55):
        session = h.session(8, places=1, minutes=240, doctor=h.extra_doctor(), clinic=bc._clinic(h))
        h.serial += 1
        h.run("insert into registration_orders (order_no, patient_id, doctor_id, schedule_id, slot_date, time_section, slot_type, starts_at, ends_at, "
              "list_price, price, status, payment_status, source_type, channel, created_at, updated_at) select %s, %s, s.doctor_id, s.id, s.date, "
              "s.time_section, s.slot_type, s.starts_at, s.ends_at, 0, 0, 'waitlist', 'pending', 'waitlist', 'bjtu', now(), now() "
              "from schedules s where s.id = %s", f"held{h.serial}", busy, session)
    session, _ = full(world)
    order, *_ = waiting(world, session)
    h.run("update schedules set total_slots = total_slots + 1, remaining_slots = 1 where id = %s", session)
    for _ in range(12):
        jobs.call("booking.tidy_waitlist", {}, 0)
    assert h.order(order)["status"] == "pending"
    h.run("update registration_orders set status = 'cancelled', payment_status = 'cancelled' where order_no like 'held%%'")


@pytest.mark.parametrize("surface", ["code", "v1"])
def test_places_that_an_administrator_adds_go_to_who_waits(world, surface):
    _, jobs, h = world
    session, _ = full(world, places=2)
    waits = [waiting(world, session)[0] for _ in range(3)]
    if surface == "code":
        a = jobs.call("schedule.update_schedule", {"path": {"schedule_id": session}, "body": {"total_slots": 4}}, h.admin)
    else:
        a = jobs.call("schedule.v1_update_session", {"path": {"id": session}, "body": {"total_slots": 4}}, h.admin)
    assert a.error is None, a
    assert [h.order(o)["status"] for o in waits] == ["pending", "pending", "waitlist"]
    assert h.remaining(session) == 0
    if surface == "v1":
        assert (a.body["total_slots"], a.body["remaining_slots"]) == (4, 0)
    h.check()


def test_a_session_that_is_held_again_offers_its_places(world):
    _, jobs, h = world
    session, taken = full(world)
    h.run("update schedules set status = '停诊' where id = %s", session)
    order, *_ = waiting_directly(h, session)
    cancel(world, *taken[0])
    assert h.order(order)["status"] == "waitlist" and h.remaining(session) == 1
    a = jobs.call("schedule.update_schedule", {"path": {"schedule_id": session}, "body": {"status": "正常"}}, h.admin)
    assert a.error is None, a
    assert h.order(order)["status"] == "confirmed" and h.remaining(session) == 0      # there is nothing to pay


def waiting_directly(h, session):
    """An entry whatever the state of the session."""
    patient, user = h.patient()
    h.serial += 1
    return h.one("insert into registration_orders (order_no, patient_id, initiator_user_id, doctor_id, schedule_id, slot_date, "
                 "time_section, slot_type, starts_at, ends_at, list_price, price, status, payment_status, source_type, channel, "
                 "created_at, updated_at) select %s, %s, %s, doctor_id, id, date, time_section, slot_type, starts_at, ends_at, 0, 0, "
                 "'waitlist', 'pending', 'waitlist', 'bjtu', now(), now() from schedules where id = %s returning id",
                 f"direct{h.serial}", patient, user, session), patient, user


def test_leaving(world):
    _, jobs, h = world
    session, taken = full(world)
    order, _, user = waiting(world, session)
    _, stranger = h.patient()

    def leave(who, entry=order):
        return jobs.call("booking.leave_waitlist", {"path": {"waitlistId": entry}}, who)

    assert leave(stranger).error == "WAITLIST_CANCEL_FORBIDDEN"
    assert leave(h.staff).error == "PATIENT_RECORD_MISSING"
    assert leave(user, taken[0][0]).error == "WAITLIST_NOT_FOUND"
    assert leave(user, 99999999).error == "WAITLIST_NOT_FOUND"
    assert leave(user).body == {"success": True}
    assert leave(user).error == "WAITLIST_NOT_CANCELLABLE"
    assert (h.order(order)["status"], h.order(order)["payment_status"]) == ("cancelled", "cancelled")
    cancel(world, *taken[0])
    assert h.remaining(session) == 1


def test_refusals_of_converting(world):
    _, jobs, h = world
    session, taken = full(world)
    order, _, user = waiting(world, session)
    _, stranger = h.patient()

    def convert(who, entry=order):
        return jobs.call("booking.convert_waitlist_place", {"path": {"waitlistId": entry}}, who).error

    assert convert(user) == "WAITLIST_CONVERT_FULL"
    assert convert(stranger) == "WAITLIST_FORBIDDEN"
    assert convert(h.staff) == "PATIENT_RECORD_MISSING"
    assert convert(user, taken[0][0]) == "WAITLIST_NOT_FOUND"
    cancel(world, *taken[0])
    assert convert(user) == "WAITLIST_NOT_CONVERTIBLE"


def test_a_patient_on_two_lists_gets_no_two_places_at_a_time(world):
    _, jobs, h = world
    one, taken1 = full(world)
    two, taken2 = full(world)
    patient, user = h.patient()
    first, second = (join(world, s, patient, user)[0].body["id"] for s in (one, two))
    for order, _ in (*taken1, *taken2):
        h.run("update registration_orders set payable_since = now() - interval '40 minutes' where id = %s", order)
    assert jobs.call("booking.expire_unpaid", {}, 0).body == {"expired": 2}             # both in one transaction
    assert sorted(h.order(o)["status"] for o in (first, second)) == ["pending", "waitlist"]
    h.check()


def test_many_join_cancel_and_leave_at_once(world):
    system, jobs, h = world
    session, taken = full(world, places=12)
    people = [h.patient() for _ in range(40)]
    faults = []

    def client(work):
        own = Jobs(system.inner)
        try:
            for f in work:
                f(own)
        except Exception as e:      # noqa: BLE001: told by the test
            faults.append(e)
        finally:
            own.close()

    def joins(pid, uid, leaves):
        def run(own):
            a = own.call("booking.join_waitlist", {"body": {"scheduleId": session, "patientId": pid}}, uid)
            assert a.error in (None, "WAITLIST_SLOTS_FREE"), a
            if leaves and a.error is None:
                b = own.call("booking.leave_waitlist", {"path": {"waitlistId": a.body["id"]}}, uid)
                assert b.error in (None, "WAITLIST_NOT_CANCELLABLE"), b
        return run

    work = [[] for _ in range(8)]
    for i, (pid, uid) in enumerate(people):
        work[i % 8].append(joins(pid, uid, i % 4 == 0))
    for i, (order, uid) in enumerate(taken):
        work[i % 8].insert(2 + i % 3, lambda own, o=order, u=uid: cancel(world, o, u, own))
    threads = [threading.Thread(target=client, args=(w,)) for w in work]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert not faults, faults[:3]
    jobs.call("booking.tidy_waitlist", {}, 0)
    h.check()
    left = h.remaining(session)
    waits = h.one("select count(*) from registration_orders where schedule_id = %s and status = 'waitlist'", session)
    assert left == 0 or waits == 0, "nobody waits while a place is free"
    # in order of joining: who got a place joined before everybody who still waits
    assert h.run("""select 1 from registration_orders w join registration_orders g on g.schedule_id = w.schedule_id
                     where w.schedule_id = %s and w.status = 'waitlist' and g.source_type = 'waitlist' and g.status = 'pending'
                       and w.id < g.id""", session) == []
