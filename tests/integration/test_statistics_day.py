"""A day's log in the statistics: booked over HTTP, visited, and the clock moved on: the night counts it by itself, and every figure is
that of the rows. The log of GUAHAO_DATA, or one of its shape (test_replay.py)."""

import collections
import datetime as dt
import json

import pytest

from support import clock
from support.hospital import today
from support.http import message
from support.proc import wait_for
from test_replay import facts, log, replay  # noqa: F401

TAKEN = "status in ('pending', 'confirmed', 'completed', 'no_show')"


@pytest.fixture(scope="module")
def world(demo_db, make_system, log):     # noqa: F811
    system = make_system(demo_db, {"front.workers": 1}).start()
    report = replay(system, log, "--surface", "mixed")
    # four of five came, as on the day of the log; nothing is left that could time out
    demo_db.query("update registration_orders set status = 'confirmed', payment_status = 'paid' where status = 'pending'")
    demo_db.query("update registration_orders set status = case when mod(id, 5) = 0 then 'no_show' else 'completed' end where status = 'confirmed'")
    return system, demo_db, report


def raw(db, first, last):
    rows = db.query("select o.slot_date, o.slot_type, o.doctor_id, c.minor_dept_id, o.status = 'completed', o.list_price from registration_orders o "
                    "join schedules s on s.id = o.schedule_id left join clinics c on c.id = s.clinic_id "
                    f"where o.slot_date between %s and %s and o.{TAKEN}", first, last)
    return rows


def check(system, db, last):
    """Hospital, departments and doctors of the month that ends with the last visit day."""
    api, first = system.api(user="A0001"), last - dt.timedelta(days=29)
    rows = raw(db, first, last)
    asked = {"date": str(last), "date_range": "30days"}
    got = message(api.get("/statistics/hospital/registrations", params=asked))
    assert got["total_registrations"] == len(rows)
    assert got["total_revenue"] == float(sum(r[5] for r in rows))
    assert got["completed_consultations"] == sum(r[4] for r in rows)
    assert got["by_slot_type"] == dict(collections.Counter(r[1] for r in rows))
    assert {d["date"]: d["registrations"] for d in got["time_series"] if d["registrations"]} == dict(
        collections.Counter(str(r[0]) for r in rows))
    per_dept = collections.Counter(r[3] for r in rows)
    for dept in sorted((d for d in per_dept if d), key=per_dept.get)[-3:]:
        got = message(api.get(f"/statistics/departments/{dept}/registrations", params=asked))
        assert got["total_registrations"] == per_dept[dept] == sum(d["registrations"] for d in got["doctors"])
    per_doctor = collections.Counter(r[2] for r in rows)
    doctor = max(per_doctor, key=per_doctor.get)
    got = message(api.get(f"/statistics/doctors/{doctor}/registrations", params=asked))
    assert got["total_registrations"] == per_doctor[doctor] == sum(s["registrations"] for s in got["schedules"])


def test_the_day_of_the_log_counts_live_and_after_its_night(world):
    system, db, report = world
    last = db.value(f"select max(slot_date) from registration_orders where {TAKEN}")
    assert last > today() and report["accepted"] > 2000
    check(system, db, last)
    assert db.value("select count(*) from statistics_days where day >= %s", today()) == 0
    days = (last - today()).days + 1
    clock.move(system, f"+{days}d")
    try:
        wait_for("the night", lambda: db.value("select count(*) from statistics_days where day = %s", last) == 1
                 and db.value("select count(*) from jobs where op like 'stats.%%' and finished_at is null") == 0, 60)
        assert db.value("select sum(registrations) from statistics_sessions") == db.value(
            f"select count(*) from registration_orders where {TAKEN} and slot_date <= %s", last)
        system._tokens.clear()                                    # those of before have expired
        check(system, db, last)
        done = json.loads(system.cli("stats", "verify", "--json", "--quiet").stdout)
        assert done["differences"] == 0 and done["registrations"] >= report["accepted"]
        # a visit that did not happen after all, told by the moved clock
        order = db.value("select id from registration_orders where status = 'completed' and slot_date = %s limit 1", last)
        db.query("update registration_orders set list_price = list_price + 5, updated_at = now() + make_interval(days => %s) where id = %s",
                 days, order)
        assert db.value("select count(*) from statistics_touched") == 1
        check(system, db, last)
    finally:
        clock.move(system, "reset")
