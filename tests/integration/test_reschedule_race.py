"""Moves at once, by two worker processes: places are neither oversold nor lost, nobody waits for ever, what is refused stays (R-82, R-96)."""

import collections
import datetime as dt
import random

import pytest

from support import booking_cases as bc
from support.hospital import Hospital, ts
from support.trusted import Jobs

BOOK, MOVE, CANCEL = "booking.v1_book_appointment", "booking.v1_reschedule_appointment", "booking.v1_cancel_appointment"


@pytest.fixture(scope="module")
def world(empty_db, make_system):
    system = make_system(empty_db)
    system.start_broker()
    system.start_worker("booking", name="booking-1")
    system.start_worker("booking", name="booking-2")
    clients = [Jobs(system.inner) for _ in range(8)]
    h = Hospital(empty_db)
    h.setting("registration", '{"sameDayDeadline": "23:59", "maxAppointmentsPerPeriod": 50}')
    h.setting("appointment.max_reschedules", "100")
    system.start_worker("schedule")
    h.system = system
    h.workers = [system.processes[name] for name in ("booking-1", "booking-2")]
    yield clients, h
    for c in clients:
        c.close()
    h.close()


def room(h, day=3, **kw):
    """A session of a doctor of its own, in the afternoon unless said."""
    return h.session(day, **{"section": "下午", "doctor": h.extra_doctor(), "clinic": bc._clinic(h), "price": "0.00", **kw})


def booked(world, session, n):
    """[(order, user)] of n new patients in the session."""
    clients, h = world
    users = [h.patient()[1] for _ in range(n)]
    answers = at_once(world, [(BOOK, {"body": {"schedule_id": session}}, u) for u in users])
    assert all(a.error is None for a in answers), answers
    return [(a.body["id"], u) for a, u in zip(answers, users)]


def move(order, user, **body):
    return MOVE, {"path": {"id": order}, "body": body}, user


def at_once(world, asks):
    """The answers, in the order of asks, which go out through all clients before any is awaited."""
    clients, _ = world
    sent = [(clients[i % len(clients)], clients[i % len(clients)].send(*ask, budget_ms=30000)) for i, ask in enumerate(asks)]
    return [c.wait(job, timeout=40) for c, job in sent]


def outcome(answers):
    return collections.Counter(a.error for a in answers)


def test_movers_and_bookers_for_the_last_places(world):
    _, h = world
    places, n = 20, 60
    target = room(h, 5, places=places, minutes=10)
    movers = [m for _ in range(4) for m in booked(world, room(h, 3, places=n, minutes=4), n // 4)]
    asks = [move(order, user, schedule_id=target) for order, user in movers]
    asks += [(BOOK, {"body": {"schedule_id": target}}, h.patient()[1]) for _ in range(n)]
    random.shuffle(asks)
    answers = at_once(world, asks)
    assert outcome(answers) == {None: places, "SLOT_FULL": 2 * n - places}
    assert h.remaining(target) == 0
    assert h.one("select count(*) from registration_orders where schedule_id = %s and status = 'confirmed'", target) == places
    # what was refused is where it was
    moved = {asks[i][1]["path"]["id"] for i, a in enumerate(answers) if a.error is None and asks[i][0] == MOVE}
    for order, _ in movers:
        assert h.order(order)["reschedule_count"] == (1 if order in moved else 0)
    h.check()


def test_named_place_goes_to_one(world):
    _, h = world
    target = room(h, 6)
    movers = booked(world, room(h, 4, places=30, minutes=8), 24)
    answers = at_once(world, [move(order, user, schedule_id=target, slot_no=5) for order, user in movers])
    assert outcome(answers) == {None: 1, "SLOT_TAKEN": 23}
    h.check()


def test_both_ways_at_once_end(world):
    """A to B and B to A: locks are taken by id, whichever way a job goes."""
    _, h = world
    a, b = room(h, 3), room(h, 4)
    left, right = booked(world, a, 8), booked(world, b, 8)
    for _ in range(5):
        asks = [move(o, u, schedule_id=b) for o, u in left] + [move(o, u, schedule_id=a) for o, u in right]
        random.shuffle(asks)
        answers = at_once(world, asks)
        assert outcome(answers) == {None: 16}, outcome(answers)
        left, right = right, left
        h.check()
    assert (h.remaining(a), h.remaining(b)) == (8, 8)


def test_full_sessions_do_not_swap(world):
    """A job claims its new place before the old one is free: what it gives up is for those behind it."""
    _, h = world
    a, b = room(h, 3, places=1, minutes=240), room(h, 4, places=1, minutes=240)
    ((first, user1),), ((second, user2),) = booked(world, a, 1), booked(world, b, 1)
    answers = at_once(world, [move(first, user1, schedule_id=b), move(second, user2, schedule_id=a)])
    assert outcome(answers) == {"SLOT_FULL": 2}
    assert (h.order(first)["schedule_id"], h.order(second)["schedule_id"]) == (a, b)
    h.check()


def test_a_chain_moves_up(world):
    """Each into the place that the one before leaves: arrival order, and rows that are unique at every moment."""
    clients, h = world
    rooms = [room(h, 3 + n, places=1, minutes=240) for n in range(7)]
    chain = [booked(world, r, 1)[0] for r in rooms[:-1]]
    asks = [move(order, user, schedule_id=rooms[n + 1]) for n, (order, user) in reversed(list(enumerate(chain)))]
    for w in h.workers:
        w.freeze()                      # so that all arrive together: one batch
    ids = [clients[0].send(*ask) for ask in asks]
    for w in reversed(h.workers):
        w.thaw()
    assert [clients[0].wait(i).error for i in ids] == [None] * len(chain)
    assert [h.remaining(r) for r in rooms] == [1] + [0] * len(chain)
    h.check()


def test_one_order_moves_once_to_one_place(world):
    _, h = world
    (order, user), = booked(world, room(h, 3), 1)
    target = room(h, 5)
    answers = at_once(world, [move(order, user, schedule_id=target) for _ in range(20)])
    assert outcome(answers) == {None: 20}            # nineteen found it there
    o = h.order(order)
    assert (o["reschedule_count"], o["version"], h.remaining(target)) == (1, 2, 15)
    h.check()


def test_one_order_to_many_places_ends_in_one(world):
    _, h = world
    (order, user), = booked(world, room(h, 3), 1)
    targets = [room(h, 4 + n % 8) for n in range(12)]
    answers = at_once(world, [move(order, user, schedule_id=t) for t in targets])
    assert outcome(answers) == {None: 12}
    o = h.order(order)
    assert o["reschedule_count"] == 12 and sum(16 - h.remaining(t) for t in targets) == 1
    steps = h.run("select from_value->>'schedule_id', to_value->>'schedule_id' from appointment_history where order_id = %s and "
                  "action = 'rescheduled' order by id", order)
    assert all(one[1] == two[0] for one, two in zip(steps, steps[1:])) and steps[-1][1] == str(o["schedule_id"])
    h.check()


def test_one_patient_is_not_in_two_places(world):
    """R-88 over two orders of a patient that move to the same hour."""
    clients, h = world
    for _ in range(5):
        pid, user = h.patient()
        orders = []
        for day in (3, 4):
            a = clients[0].call(BOOK, {"body": {"schedule_id": room(h, day)}}, user)
            orders.append(a.body["id"])
        answers = at_once(world, [move(o, user, schedule_id=room(h, 9)) for o in orders])
        assert outcome(answers) == {None: 1, "PATIENT_CONFLICT": 1}
    h.check()


def test_limit_of_a_period_is_exact_for_moves_and_bookings(world):
    """The order that moves does not count against itself, a booking at the same moment does (BR-75)."""
    clients, h = world
    h.setting("registration", '{"sameDayDeadline": "23:59", "maxAppointmentsPerPeriod": 2}')
    try:
        for _ in range(4):
            _, user = h.patient()
            order = clients[0].call(BOOK, {"body": {"schedule_id": room(h, 3)}}, user).body["id"]
            asks = [move(order, user, schedule_id=room(h, 9))]
            asks += [(BOOK, {"body": {"schedule_id": room(h, 4 + n)}}, user) for n in range(4)]
            assert outcome(at_once(world, asks)) == {None: 2, "BOOKING_LIMIT": 3}
            assert h.one("select count(*) from registration_orders where initiator_user_id = %s and status = 'confirmed'", user) == 2
    finally:
        h.setting("registration", '{"sameDayDeadline": "23:59", "maxAppointmentsPerPeriod": 50}')
    h.check()


def test_move_and_cancel_at_once(world):
    """Either order of the two is right; the place is free once."""
    _, h = world
    source, target = room(h, 3, places=40, minutes=6), room(h, 5, places=40, minutes=6)
    orders = booked(world, source, 30)
    asks = [ask for o, u in orders for ask in (move(o, u, schedule_id=target), (CANCEL, {"path": {"id": o}}, u))]
    answers = at_once(world, asks)
    moves, cancels = answers[::2], answers[1::2]
    assert outcome(cancels) == {None: 30}, outcome(cancels)
    assert set(outcome(moves)) <= {None, "RESCHEDULE_STATUS"}, outcome(moves)
    assert (h.remaining(source), h.remaining(target)) == (40, 40)
    h.check()


def test_move_and_time_out_at_once(world):
    clients, h = world
    source, target = room(h, 3, price="50.00"), room(h, 5, price="50.00")
    clinic = h.one("select clinic_id from schedules where id = %s", source)
    h.run("update schedules set clinic_id = %s, doctor_id = (select doctor_id from schedules where id = %s) where id = %s",
          clinic, source, target)
    people = [h.patient() for _ in range(12)]
    orders = [(clients[0].call("booking.book_appointment", {"body": bc.code_body(h, bc.Ask(u, p, source))}, u).body["id"], u)
              for p, u in people]
    h.run("update registration_orders set payable_since = now() - interval '29 minutes 59.7 seconds', created_at = created_at - "
          "interval '1 hour' where schedule_id = %s", source)
    asks = [("booking.reschedule_appointment", {"path": {"appointmentId": o}, "body": {"scheduleId": target}}, u) for o, u in orders]
    asks[6:6] = [("booking.expire_unpaid", {}, 0)]
    answers = at_once(world, asks)
    assert set(outcome(answers)) <= {None, "RESCHEDULE_STATUS"}, outcome(answers)
    states = collections.Counter(h.run("select status, schedule_id from registration_orders where id = any(%s)", [o for o, _ in orders]))
    assert set(states) <= {("pending", target), ("pending", source), ("timeout", source), ("timeout", target)}
    h.check()


def test_freed_places_are_offered_before_movers_get_them(world):
    """Who waits comes first, whatever else arrives in the same moment (decisions 16)."""
    clients, h = world
    full = room(h, 3, places=4, minutes=60)
    inside = booked(world, full, 4)
    waiting = []
    for _ in range(4):
        pid, user = h.patient()
        a = clients[0].call("booking.join_waitlist", {"body": {"scheduleId": full, "patientId": pid}}, user)
        assert a.error is None, a
        waiting.append(a.body["id"])
    outside = booked(world, room(h, 4), 8)
    refuge = room(h, 6)
    asks = [move(o, u, schedule_id=refuge) for o, u in inside] + [move(o, u, schedule_id=full) for o, u in outside]
    random.shuffle(asks)
    answers = dict(zip([a[1]["path"]["id"] for a in asks], at_once(world, asks)))
    assert all(answers[o].error is None for o, _ in inside)
    assert all(answers[o].error == "SLOT_FULL" for o, _ in outside), {o: answers[o].error for o, _ in outside}
    assert [h.order(w)["status"] for w in waiting] == ["confirmed"] * 4
    h.check()


def test_session_that_closes_keeps_nobody(world):
    """Moves into it, moves out of it, and the office that deletes it, at once (BR-58)."""
    clients, h = world
    for _ in range(3):
        closing, refuge = room(h, 3), room(h, 5)
        inside, outside = booked(world, closing, 8), booked(world, room(h, 4), 8)
        asks = [move(o, u, schedule_id=refuge) for o, u in inside] + [move(o, u, schedule_id=closing) for o, u in outside]
        random.shuffle(asks)
        asks[8:8] = [("schedule.delete_schedule", {"path": {"schedule_id": closing}}, h.admin)]
        answers = at_once(world, asks)
        assert answers[8].error is None, answers[8]
        assert set(outcome(answers)) <= {None, "RESCHEDULE_STATUS", "SESSION_SUSPENDED"}, outcome(answers)
        assert h.run("select id from registration_orders where schedule_id = %s and status in ('pending', 'confirmed')", closing) == []
        told = {a[1]["path"]["id"]: x.error for a, x in zip(asks, answers) if a[0] == MOVE}
        for order, _ in inside + outside:
            o = h.order(order)
            assert (o["reschedule_count"] == 1) == (told[order] is None)
            assert o["status"] == ("cancelled" if o["schedule_id"] == closing else "confirmed")
        h.check()


def test_move_and_payment_at_once(world):
    """An unpaid order that moves to a dearer session while it is paid: paid is what it costs, where it is (BR-91)."""
    clients, h = world
    source = room(h, 3, price="50.00")
    doctor, clinic = h.run("select doctor_id, clinic_id from schedules where id = %s", source)[0]
    target = h.session(5, doctor=doctor, clinic=clinic, price="80.00")
    people = [h.patient() for _ in range(10)]
    orders = [(clients[0].call("booking.book_appointment", {"body": bc.code_body(h, bc.Ask(u, p, source))}, u).body["id"], u)
              for p, u in people]
    asks = [ask for o, u in orders for ask in (
        ("booking.reschedule_appointment", {"path": {"appointmentId": o}, "body": {"scheduleId": target}}, u),
        ("booking.pay_appointment", {"path": {"appointmentId": o}, "body": {"method": "wechat"}}, u))]
    answers = at_once(world, asks)
    assert outcome(answers[1::2]) == {None: 10}, outcome(answers[1::2])
    assert set(outcome(answers[::2])) <= {None, "RESCHEDULE_PRICE_DIFFERS"}
    for (order, _), paid in zip(orders, answers[1::2]):
        o = h.order(order)
        assert (o["schedule_id"], o["price"]) in ((source, 50), (target, 80)) and o["payment_status"] == "paid"
        assert h.run("select b.total, b.status, sum(l.amount) from bills b join ledger_entries l on l.bill_id = b.id where "
                     "b.appointment_id = %s group by b.id", order) == [(o["price"], "PAID", o["price"])]
        assert paid.body["amount"] == float(o["price"])
    h.check()


def test_random_moves_keep_the_places(world):
    """R-102 after many moves of many by session, place and time, with bookings and cancellations between."""
    _, h = world
    seed = random.randrange(10**6)
    print("seed", seed)
    rnd = random.Random(seed)
    rooms = [room(h, 3 + n % 5, places=6, minutes=40) for n in range(8)]
    starts = {r: h.run("select starts_at, doctor_id from schedules where id = %s", r)[0] for r in rooms}
    people = [o for r in rooms for o in booked(world, r, 4)]
    for _ in range(6):
        asks = []
        for order, user in rnd.sample(people, 24):
            r = rnd.choice(rooms)
            kind = rnd.randrange(4)
            if kind == 0:
                asks.append(move(order, user, schedule_id=r, slot_no=rnd.randint(1, 7)))
            elif kind == 1:
                start = starts[r][0].astimezone(dt.timezone(dt.timedelta(hours=8))) + dt.timedelta(minutes=40 * rnd.randrange(6))
                asks.append(move(order, user, start_time=ts(start), doctor_id=starts[r][1]))
            else:
                asks.append(move(order, user, schedule_id=r))
        asks.append((BOOK, {"body": {"schedule_id": rnd.choice(rooms)}}, h.patient()[1]))
        asks.append((CANCEL, {"path": {"id": rnd.choice(people)[0]}}, h.staff))
        answers = at_once(world, asks)
        assert set(outcome(answers)) <= {None, "SLOT_FULL", "SLOT_TAKEN", "SLOT_NOT_ALIGNED", "RESCHEDULE_STATUS",
                                         "APPOINTMENT_NOT_CANCELLABLE"}, outcome(answers)
        h.check()


def test_the_books_agree(world):
    """What all of the above has left behind (guahao books)."""
    _, h = world
    r = h.system.cli("books", check=False)
    assert r.returncode == 0, r.stdout


def test_a_fee_that_changes_twice_at_once_is_owed_once(world):
    """Over a free place to a dear one in one batch: nothing was paid, and nothing is given back."""
    clients, h = world
    for day in range(4):
        dear = room(h, 3 + day, price="50.00")
        (order, user), = booked(world, dear, 1)
        free, other = room(h, 3 + day, section="晚上", minutes=10), room(h, 4 + day, section="上午", price="50.00")
        answers = at_once(world, [move(order, user, schedule_id=s) for s in (free, other)])
        assert all(a.error is None for a in answers), answers
        o = h.order(order)
        bills = h.run("select status, total from bills where appointment_id = %s and status <> 'CANCELLED'", order)
        if o["price"] == 0:
            assert o["payment_status"] == "paid" and bills == []
        else:
            assert o["payment_status"] == "pending" and bills == [("ISSUED", 50)]
        gone = clients[0].call(CANCEL, {"path": {"id": order}, "body": {}}, user)
        assert gone.error is None, gone
        o = h.order(order)
        assert (o["status"], o["payment_status"], o["refund_amount"]) == ("cancelled", "cancelled", None)
    h.check()
