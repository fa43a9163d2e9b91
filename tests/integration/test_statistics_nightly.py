"""The nightly count of registrations: the same figures as the orders give, wherever it is cut off, whatever changes meanwhile."""

import contextlib
import datetime as dt
import json

import pytest

from support.counted import Counted, by
from support.hospital import Hospital, today
from support.proc import wait_for

YESTERDAY = today() - dt.timedelta(days=1)


class Site:
    def __init__(self, database, make_system):
        self.db = database
        self.h = Hospital(database)
        self.counted = Counted(self.h, seed=7)
        self.counted.fill(-20, 1)
        self.system = make_system(database)
        self.system.start_broker()
        self.system.start_worker("stats")
        self.system.start_worker("jobs")
        wait_for("the recurring jobs", lambda: self.h.one("select count(*) from job_schedules where name = 'statistics'") == 1)
        self.h.run("update job_schedules set enabled = name = 'statistics'")

    def start_night(self):
        self.h.run("update job_schedules set next_slot = now() where name = 'statistics'")
        wait_for("the slot", lambda: self.h.one("select next_slot > now() from job_schedules where name = 'statistics'"))

    def end_night(self, timeout=60):
        wait_for("the end of the chain", lambda: self.h.one(
            "select count(*) from jobs where op like 'stats.%%' and finished_at is null") == 0, timeout)
        assert self.h.one("select count(*) from jobs where op like 'stats.%%' and status <> 'DONE'") == 0
        assert self.h.one("select count(*) from statistics_touched where day < %s", today()) == 0
        self.verify()

    def night(self):
        self.start_night()
        self.end_night()

    def verify(self, code=0, *args):
        done = self.system.cli("stats", "verify", "--json", "--quiet", *args, check=False)
        assert done.returncode == code, (done.stdout, done.stderr)
        return json.loads(done.stdout)

    def forget(self):
        self.h.run("delete from statistics_sessions")
        self.h.run("delete from statistics_days")

    def stored(self):
        return self.h.run("select schedule_id, slot_type, day, time_section, doctor_id, clinic_id, registrations, completed, revenue "
                          "from statistics_sessions order by 1, 2")

    def a_clinic(self):
        """(order, session) of a visit that was completed yesterday or before, in a session with a clinic."""
        return self.h.run("select o.id, o.schedule_id from registration_orders o join schedules s on s.id = o.schedule_id "
                          "where o.status = 'completed' and o.slot_date < %s and s.clinic_id is not null order by random() limit 1",
                          today())[0]


@pytest.fixture(scope="module")
def site(empty_db, make_system):
    s = Site(empty_db, make_system)
    yield s
    s.h.close()


def test_the_night_has_its_hour(site):
    assert site.h.run("select cron, catch_up, op from job_schedules where name = 'statistics'") == [
        ("10 0 * * *", "last", "stats.count_days")]


def test_days_that_ended_are_counted(site):
    first = site.h.one("select min(slot_date) from registration_orders where status in ('pending', 'confirmed', 'completed', 'no_show')")
    site.night()
    days = [r[0] for r in site.h.run("select day from statistics_days order by 1")]
    assert days == [first + dt.timedelta(days=i) for i in range((today() - first).days)]
    rows = site.counted.rows(first, YESTERDAY)
    sums = by(rows, "day")
    assert {d: (n, r) for d, n, r in site.h.run("select day, sum(registrations), sum(revenue) from statistics_sessions group by 1")} == sums
    run = site.h.run("select left_over, differed, closed_at is not null from statistics_runs order by id limit 1")
    assert run == [(0, 0, True)]
    assert site.verify() == {"days": len(days), "registrations": len(rows), "revenue": float(sum(r["price"] for r in rows)),
                             "completed": sum(r["status"] == "completed" for r in rows), "differences": 0}


def test_a_night_without_work_makes_no_run(site):
    runs = site.h.one("select count(*) from statistics_runs")
    site.night()
    assert site.h.one("select count(*) from statistics_runs") == runs


def test_random_changes_of_past_days_are_counted_the_next_night(site):
    for seed in range(4):
        site.counted.random.seed(seed)
        site.counted.change(120)
        assert site.h.one("select count(*) from statistics_touched where day < %s", today()) > 10
        site.verify()                                          # live until then
        site.night()
        rows = site.counted.rows(dt.date(2000, 1, 1), YESTERDAY)
        assert site.h.one("select sum(registrations) from statistics_sessions where day < %s", today()) == len(rows)
        before = site.stored()
        assert site.system.cli("stats", "rebuild", "--quiet").returncode == 0
        assert site.stored() == before                         # counted from nothing: the same


HELD = {"stats.count_days": "lock table statistics_runs in share row exclusive mode",
        "stats.count_area": "select pg_advisory_xact_lock(hashtext('gh_statistics_count'), {area})",
        "stats.close_count": "lock table statistics_days in share row exclusive mode"}


@pytest.mark.parametrize("victim", ["stats", "jobs"])
@pytest.mark.parametrize("step", HELD)
def test_a_chain_that_is_cut_goes_on(site, step, victim):
    expected = site.stored()
    site.forget()
    with contextlib.closing(site.db.connect()) as conn:
        conn.autocommit = False
        conn.cursor().execute(HELD[step].format(area=site.h.area))
        site.start_night()
        wait_for(f"{step} to wait", lambda: site.h.one(
            "select count(*) from pg_locks l join pg_stat_activity a using (pid) where not l.granted and a.query like "
            "'%%gh_statistics%%'") > 0 and site.h.one("select count(*) from jobs where op = %s and status = 'RUNNING'", step) > 0)
        site.system[victim].kill9()
    if victim == "jobs":                                       # its lease need not be waited for
        site.h.run("update jobs set lease_until = now() where status = 'RUNNING'")
    site.system.start_worker(victim)
    site.end_night(timeout=120)
    assert site.stored() == expected
    assert site.h.one("select count(*) from statistics_runs where closed_at is null") == 0


def test_a_change_while_its_session_is_counted_is_not_lost(site):
    """Committed after the count has looked, before and after its mark was taken: it counts now and next night."""
    h, (order, session) = site.h, site.a_clinic()
    for when in ("before", "after"):
        h.run("update registration_orders set list_price = list_price + 1 where id = %s", order)
        counting, changing = site.db.connect(), site.db.connect()
        counting.autocommit = changing.autocommit = False
        c, w = counting.cursor(), changing.cursor()
        if when == "before":
            w.execute("update registration_orders set list_price = list_price + 2 where id = %s", (order,))
        for area in [0, *site.counted.areas]:
            c.execute("select gh_statistics_count(%s, '{}', %s, 1000)", (area, today()))
        if when == "after":
            w.execute("update registration_orders set list_price = list_price + 2 where id = %s", (order,))
        changing.commit()
        counting.commit()
        counting.close()
        changing.close()
        assert h.one("select count(*) from statistics_touched where schedule_id = %s", session) == 1
        site.verify()
    site.night()


def test_areas_are_counted_side_by_side(site):
    days = [YESTERDAY, YESTERDAY - dt.timedelta(days=1)]
    with contextlib.closing(site.db.connect()) as one, contextlib.closing(site.db.connect()) as other:
        for conn in (one, other):
            conn.autocommit = False
        one.cursor().execute("select gh_statistics_count(%s, %s, %s, 100)", (site.counted.areas[0], days, today()))
        other.cursor().execute("set lock_timeout = 500")
        other.cursor().execute("select gh_statistics_count(%s, %s, %s, 100)", (site.counted.areas[1], days, today()))
        other.commit()
        one.commit()
    site.verify()


def test_a_clinic_that_goes_to_another_area_meanwhile_is_counted(site):
    h = site.h
    site.forget()
    (run, _), *rest = parts = h.run("select run, area from gh_statistics_begin(%s, now()) order by area", today())
    clinic = h.one("select s.clinic_id from statistics_runs r join schedules s on s.date = any (r.days) join clinics c on c.id = s.clinic_id "
                   "join v_registrations v on v.schedule_id = s.id where r.id = %s and c.area_id = %s limit 1", run, parts[-1][1])
    for n, (_, area) in enumerate(parts):
        if n == len(parts) - 1:
            h.run("update clinics set area_id = %s where id = %s", parts[1][1], clinic)
        left = h.one("select gh_statistics_part(%s, %s, now())", run, area)
        assert left == len(rest) - n
        assert h.one("select gh_statistics_part(%s, %s, now())", run, area) is None         # twice is once
    days, differed, more = h.run("select days, differed, more from gh_statistics_close(%s, now())", run)[0]
    assert days > 15 and differed > 0 and more
    assert h.run("select days, more from gh_statistics_close(%s, now())", run) == [(0, False)]
    site.verify()
    site.night()


def test_an_imported_history_is_found_and_rebuilt(site):
    h = site.h
    _, session = site.a_clinic()
    h.run("set session_replication_role = replica")
    h.run("update registration_orders set status = 'cancelled' where schedule_id = %s", session)
    h.run("reset session_replication_role")
    day = h.one("select date from schedules where id = %s", session)
    assert site.verify(1)["differences"] >= 1
    assert site.verify(1, "--from", str(day), "--to", str(day))["differences"] >= 1
    assert site.verify(0, "--from", str(today()), "--to", str(today()))["days"] == 1
    done = json.loads(site.system.cli("stats", "rebuild", "--json", "--quiet", "--from", str(day), "--to", str(day)).stdout)
    assert done["days"] == 1 and done["sessions"] > 0
    site.verify()


@pytest.mark.parametrize("args,text", [
    (["stats"], "say guahao stats rebuild, or guahao stats verify"), (["stats", "count"], "say guahao stats rebuild"),
    (["stats", "verify", "--from", "2026-02-30"], "--from: 2026-02-30 is not a day YYYY-MM-DD"),
    (["stats", "rebuild", "--to", "2999-01-01"], "only days that have ended are counted")])
def test_wrong_usage(site, args, text):
    done = site.system.cli(*args, check=False)
    assert done.returncode == 2 and text in done.stderr
