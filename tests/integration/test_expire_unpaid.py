"""Unpaid orders past their time (BR-83): the place returns, the bill is closed, once, whoever else touches the order."""

import datetime as dt

import pytest

from support import booking_cases as bc
from support.hospital import Hospital
from support.proc import wait_for
from support.trusted import Jobs


@pytest.fixture(scope="module")
def world(empty_db, make_system):
    system = make_system(empty_db)
    system.start_broker()
    system.start_worker("booking")
    jobs = Jobs(system.inner)
    h = Hospital(empty_db)
    h.setting("registration", '{"paymentTimeoutMinutes": 30, "cancelHoursBefore": 2, "sameDayDeadline": "23:59"}')
    yield system, jobs, h
    jobs.close()
    h.close()


def booked(world, minutes_ago, **kw):
    """(session, order) of an unpaid booking that became payable so long ago."""
    _, jobs, h = world
    ask = bc._free(h, **kw)
    a = jobs.call("booking.book_appointment", {"body": bc.code_body(h, ask)}, ask.user)
    assert a.error is None, a
    h.run("update registration_orders set payable_since = now() - make_interval(mins => %s) where id = %s", minutes_ago,
          a.body["id"])
    return ask.session, a.body["id"], ask.user


def expire(world):
    _, jobs, _ = world
    a = jobs.call("booking.expire_unpaid", {}, 0)
    assert a.error is None, a
    return a.body["expired"]


def test_only_what_is_overdue_and_unpaid_times_out(world):
    _, _, h = world
    late, order, _ = booked(world, 30)
    fresh, young, _ = booked(world, 29)
    paid_session, paid, _ = booked(world, 300)
    h.run("update registration_orders set status = 'confirmed', payment_status = 'paid' where id = %s", paid)
    left = h.remaining(late)
    assert expire(world) == 1
    row = h.order(order)
    assert (row["status"], row["payment_status"], row["cancelled_by"], row["refund_amount"]) == ("timeout", "failed", "system", None)
    assert h.remaining(late) == left + 1
    assert h.one("select status from bills where appointment_id = %s", order) == "CANCELLED"
    assert h.run("select action, by_user from appointment_history where order_id = %s order by id desc limit 1", order) == [
        ("timeout", None)]
    assert h.order(young)["status"] == "pending" and h.order(paid)["status"] == "confirmed"
    assert expire(world) == 0
    h.check()


def test_the_doctors_own_setting_wins(world):
    _, _, h = world
    _, order, _ = booked(world, 20)
    assert expire(world) == 0
    h.setting("registration", '{"paymentTimeoutMinutes": 15}', "DOCTOR", h.order(order)["doctor_id"])
    try:
        assert expire(world) == 1
        assert h.order(order)["status"] == "timeout"
    finally:
        h.setting("registration", None, "DOCTOR", h.order(order)["doctor_id"])


def test_a_cancellation_at_the_same_moment_gives_the_place_back_once(world):
    system, jobs, h = world
    for _ in range(10):
        session, order, user = booked(world, 31)
        left = h.remaining(session)
        other = Jobs(system.inner)
        try:
            first = other.send("booking.cancel_appointment", {"path": {"appointmentId": order}}, user)
            expire(world)
            other.wait(first)
        finally:
            other.close()
        assert h.remaining(session) == left + 1
        assert h.order(order)["status"] == "timeout"          # whoever came first: BR-87 counts it as one
    h.check()


def test_a_flood_is_worked_off_by_the_jobs_pool_alone(world):
    system, jobs, h = world
    system.start_worker("jobs")
    session = h.session(5, places=450, minutes=1, clinic=bc._clinic(h), doctor=h.extra_doctor(),
                        ends=dt.datetime.now(dt.timezone.utc) + dt.timedelta(days=6))
    h.run("""
        with p as (insert into patients (name) select '某' || n from generate_series(1, 450) n returning id),
             o as (insert into registration_orders (order_no, patient_id, doctor_id, schedule_id, slot_no, slot_date,
                       time_section, slot_type, starts_at, ends_at, list_price, price, status, payment_status, channel,
                       payable_since, created_at, updated_at)
                   select 'flood' || p.id, p.id, s.doctor_id, s.id, row_number() over (), s.date, s.time_section, s.slot_type,
                          s.starts_at, s.ends_at, 0, 0, 'pending', 'pending', 'bjtu', now() - interval '1 hour', now(), now()
                     from p cross join schedules s where s.id = %s returning 1)
        select count(*) from o""", session)
    h.run("update schedules set remaining_slots = 0 where id = %s", session)
    h.run("update job_schedules set next_slot = now() where name = 'unpaid-orders'")
    wait_for("all orders to time out", lambda: h.remaining(session) == 450, 60)
    assert h.one("select count(*) from registration_orders where schedule_id = %s and status = 'timeout'", session) == 450
    wait_for("the jobs to end", lambda: h.one("select count(*) from jobs where finished_at is null") == 0)
    assert h.one("select count(*) from jobs where status = 'DONE' and unique_key is null") == 2
    assert h.one("select count(*) from jobs where status <> 'DONE'") == 0
