"""`guahao clock`: time-outs, limits and expiry seen from outside, without waiting for them (decisions 20)."""

import datetime as dt
import json
import time

import pytest

from support import booking_cases as bc
from support import clock
from support.accounts import add_user, bcrypt
from support.hospital import Hospital
from support.http import data, message, problem
from support.proc import wait_for


@pytest.fixture(scope="module")
def world(empty_db, make_system):
    system = make_system(empty_db, {"password.cost": 10, "front.workers": 1}).start()
    h = Hospital(empty_db)
    h.setting("registration", '{"paymentTimeoutMinutes": 30, "cancelHoursBefore": 2, "sameDayDeadline": "23:59"}')
    add_user(empty_db, roles=["ADMIN"], identifier="A0001")
    yield system, h
    h.close()


@pytest.fixture(autouse=True)
def machine_time(world):
    yield
    clock.move(world[0], "reset")


def person(h):
    """(patient, phone) with the password of all tests."""
    pid, uid = h.patient()
    h.run("update users set hashed_password = %s where id = %s", bcrypt(), uid)
    return pid, h.one("select phonenumber from users where id = %s", uid)


def session(h, places=1):
    return h.session(5, places=places, doctor=h.extra_doctor(), clinic=bc._clinic(h), minutes=1)


def book(world, session, who):
    system, h = world
    body = {"scheduleId": session, "hospitalId": h.area, "departmentId": h.dept, "patientId": who[0]}
    return message(system.api(who[1]).post("/patient/appointments", body))["id"]


def state(h, order):
    row = h.order(order)
    return row["status"], row["payment_status"]


def becomes(h, order, status, payment):
    wait_for(f"order {order} to be {status}", lambda: state(h, order) == (status, payment), 75)    # the minute may have had its time-out


# ---- the command


def test_it_shows_moves_and_resets(world):
    system, _ = world
    assert json.loads(system.cli("clock", "--json").stdout)["shift_ms"] == 0
    assert "as the machine has it" in system.cli("clock").stdout
    start = time.monotonic()
    assert clock.move(system, "+2h")["shift_ms"] == 7200000
    assert time.monotonic() - start < 6, "programs follow within about a second"
    assert clock.move(system, "-30m")["shift_ms"] == 5400000
    assert "5400.000 s ahead of the machine's" in system.cli("clock").stdout
    there = clock.move(system, "2026-12-01T08:00:00+08:00")
    assert there["now"] == "2026-12-01T08:00:00+08:00"
    assert abs((clock.front_time(system) - dt.datetime.fromisoformat(there["now"])).total_seconds()) < 10
    assert "behind" in (clock.move(system, "reset"), clock.move(system, "-1h"), system.cli("clock").stdout)[2]


def test_it_refuses_what_it_does_not_understand(world):
    system, _ = world
    for words in ("2h", "+2x", "tomorrow", "+", "+99999999d"):
        done = system.cli("clock", words, check=False)
        assert done.returncode == 2 and "is none of" in done.stderr, done
    assert system.cli("clock", "+1h", check=False, conf={"clock.shift_ms": 5}).returncode == 2


def test_production_refuses_a_moved_clock(world, make_system, empty_db):
    system, _ = world
    production = {"system.mode": "production", "message.mail": "none", "message.sms": "none"}
    done = system.cli("clock", "+1h", check=False, conf=production)
    assert done.returncode == 2 and "production" in done.stderr
    assert json.loads(system.cli("clock", "--json", conf=production).stdout)["shift_ms"] == 0
    assert "clock.shift_ms" in system.cli("config", check=False, conf={**production, "clock.shift_ms": 1}).stderr
    clock.move(system, "+1h")
    other = make_system(empty_db, production)
    other.start_broker()
    worker = other.start_worker("booking", wait=False)
    assert worker.wait(20) == 1
    assert "clock_moved_in_production" in worker.output()


def test_administrators_cannot_move_it(world):
    system, _ = world
    problem(system.api("A0001").patch("/api/v1/system/config", {"clock.shift_ms": 1000}), "FIELD_NOT_ALLOWED", 403)


# ---- what it drives


def test_unpaid_orders_time_out(world):
    """BR-83, by the jobs pool alone: the clock moves, nobody asks."""
    system, h = world
    who, s = person(h), session(h)
    order = book(world, s, who)
    clock.move(system, "+29m")
    time.sleep(1.5)
    assert state(h, order) == ("pending", "pending")
    clock.move(system, "+2m")
    becomes(h, order, "timeout", "failed")
    assert h.remaining(s) == 1
    told = h.one("select at from appointment_history where order_id = %s and action = 'timeout'", order)
    assert dt.timedelta(minutes=30) < told - dt.datetime.now(dt.timezone.utc) < dt.timedelta(minutes=33)
    h.check()


def test_an_offered_place_has_its_own_limit_and_goes_on(world):
    """BR-104: who was offered a place and does not pay loses it to the next who waits."""
    system, h = world
    s, (first, second, third) = session(h), (person(h), person(h), person(h))
    holder = book(world, s, first)
    entries = [message(system.api(p).post("/patient/waitlist", {"scheduleId": s, "patientId": pid}))["id"] for pid, p in (second, third)]
    clock.move(system, "+31m")
    becomes(h, holder, "timeout", "failed")
    becomes(h, entries[0], "pending", "pending")
    assert state(h, entries[1])[0] == "waitlist"
    clock.move(system, "+31m")
    becomes(h, entries[0], "timeout", "failed")
    becomes(h, entries[1], "pending", "pending")
    clock.move(system, "+31m")
    becomes(h, entries[1], "timeout", "failed")
    assert h.remaining(s) == 1
    h.check()


def test_tokens_expire_and_stay_consistent(world):
    system, h = world
    phone = person(h)[1]

    def life(token):
        return system.api(token=token).get("/api/v1/auth/me").status_code

    def signed_in():
        return data(system.api().post("/api/v1/auth/login", {"username": phone, "password": "Guahao-2026"}))["access_token"]

    now = signed_in()
    assert life(now) == 200
    clock.move(system, "+31m")
    assert life(now) == 401
    later, minted = signed_in(), system.tokens("--user", phone)[0]   # by the moved clock, as whoever checks them
    assert life(later) == life(minted) == 200
    clock.move(system, "+29m")
    assert life(later) == 200
    clock.move(system, "+2m")
    assert life(later) == 401
    clock.move(system, "reset")
    assert life(now) == 200
    assert life(later) == 401                                        # of a time to come


def test_whoever_starts_later_has_the_moved_clock(world):
    system, h = world
    clock.move(system, "+3h")
    worker = next(n for n in system.processes if "identity" in n)
    system["front"].stop()
    system["booking"].stop()
    system.start_worker("booking")
    system.start_front()
    assert 10790 < clock.front_shift(system) < 10810
    order = book(world, session(h), person(h))
    ahead = h.order(order)["created_at"] - dt.datetime.now(dt.timezone.utc)
    assert dt.timedelta(hours=3) - dt.timedelta(minutes=1) < ahead <= dt.timedelta(hours=3)
    assert system[worker].running()
    clock.move(system, "reset")
    again = book(world, session(h), person(h))
    assert abs(h.order(again)["created_at"] - dt.datetime.now(dt.timezone.utc)) < dt.timedelta(minutes=1)


def test_jobs_in_hand_do_not_mind(world):
    """Ages of jobs and leases are the machine's: a jump of days neither loses a job nor lets it run twice."""
    system, h = world
    people, s = [person(h) for _ in range(6)], session(h, 12)
    orders = []
    for i, who in enumerate(people):
        system.cli("clock", "--quiet", "+1d" if i % 2 == 0 else "-1d")
        system.token(who[1])
        orders.append(book(world, s, who))
    held = h.one("select count(*) from registration_orders where id = any (%s) and status in ('pending', 'timeout')", orders)
    assert len(set(orders)) == held == 6                    # the minute's time-out may have come on one of those days
    assert h.remaining(s) == 12 - h.one("select count(*) from registration_orders where schedule_id = %s and status = 'pending'", s)
    clock.move(system, "reset")
    recent = h.one("select count(*) from jobs where dead")
    assert recent == 0
    h.check()
