"""The queue of durable jobs under pressure: limits, fairness, unique keys, leases while dispatchers die, slots with many dispatchers."""

import datetime as dt
import random
import time

import msgpack
import pytest

from support import clock, plans, rush
from support.durable import Site
from support.jobs import Jobs
from support.proc import wait_for


@pytest.fixture(scope="module")
def site(empty_db, make_system):
    return Site(empty_db, make_system, **{"jobs.parallel": 4, "jobs.lease_ms": 1000})


def batch(site, n, body, kind="maintenance", priority=2, op="probe.get", budget=20000):
    return [site.put(op, body, kind=kind, priority=priority, budget=budget) for _ in range(n)]


def test_a_kind_runs_so_many_at_once_in_all_dispatchers(site):
    site.db.query("update job_kinds set running_max = 2 where kind = 'export'")
    second = site.system.start_worker("jobs", name="jobs2")
    try:
        jobs = batch(site, 10, {"n": 1, "pause": 0.2}, kind="export")
        most = 0

        def done():
            nonlocal most
            most = max(most, site.db.value("select count(*) from jobs where status = 'RUNNING' and kind = 'export'"))
            return site.open_jobs() == 0
        wait_for("all exports", done)
        assert most == 2
        assert [site.job(j)["status"] for j in jobs] == ["DONE"] * 10
        assert site.db.value("select count(*) from jobs where place is not null and status <> 'RUNNING'") == 0
    finally:
        second.stop()
        site.db.query("update job_kinds set running_max = null where kind = 'export'")


def test_a_place_of_a_kind_is_given_once(site):
    for n in range(2):
        site.put("probe.get", {"n": 1}, kind="stocktake", after=600)
    with pytest.raises(Exception, match="jobs_place_uq"):
        site.db.query("update jobs set status = 'RUNNING', lease_until = now(), place = 1 where kind = 'stocktake'")
    site.db.query("delete from jobs where kind = 'stocktake'")


def test_a_kind_that_is_stopped_waits_and_others_go_on(site):
    site.db.query("update job_kinds set running_max = 0 where kind = 'pdf'")
    waiting = batch(site, 5, {"n": 1}, kind="pdf", priority=0)
    assert site.ended(site.put("probe.get", {"n": 1}))["status"] == "DONE"
    assert {site.job(j)["status"] for j in waiting} == {"QUEUED"}
    site.db.query("update job_kinds set running_max = null where kind = 'pdf'")
    wait_for("the stopped ones", lambda: site.open_jobs() == 0)


def test_a_kind_bounds_the_time_of_an_attempt(site):
    site.db.query("update job_kinds set budget_max_ms = 300 where kind = 'import'")
    try:
        row = site.ended(site.put("probe.get", {"n": 1, "pause": 9}, kind="import", budget=60000, attempts=1), timeout=8)
        assert (row["status"], row["dead"]) == ("FAILED", True)
        assert row["error"]["code"] in ("UPSTREAM_TIMEOUT", "SERVICE_UNAVAILABLE")
    finally:
        site.db.query("update job_kinds set budget_max_ms = null where kind = 'import'")


def test_a_kind_bounds_the_attempts_of_a_job(site):
    site.system.cli("jobs", "kinds", "gateway", "--tries", "1")
    try:
        failing = {"name": "c", "amount": -100}
        row = site.ended(site.put("probe.add", failing, kind="gateway", attempts=5))
        assert (row["status"], row["dead"], row["attempts"]) == ("FAILED", True, 1)
        once = site.put("probe.add", failing, kind="gateway", attempts=5)
        assert site.ended(once)["attempts"] == 1
        site.system.cli("jobs", "retry", once, "--tries", "9")             # by hand: one more, no nine
        wait_for("its second end", lambda: site.job(once)["attempts"] == 2 and site.job(once)["status"] == "FAILED")
        assert site.job(once)["dead"]
        # whose dispatcher died in the only attempt has had it
        lost = site.put("probe.get", {"n": 1}, kind="gateway", attempts=5, after=600)
        site.db.query("update jobs set status = 'RUNNING', attempts = 1, lease_until = now() - interval '1 s' where id = %s", lost)
        assert site.ended(lost)["error"]["code"] == "WORKER_LOST" and site.job(lost)["attempts"] == 1
    finally:
        site.system.cli("jobs", "kinds", "gateway", "--tries", "none")
    other = site.put("probe.get", {"n": 1}, kind="gateway", after=600)
    site.db.query("update jobs set status = 'RUNNING', attempts = 1, lease_until = now() - interval '1 s' where id = %s", other)
    assert site.ended(other)["status"] == "DONE"
    site.db.query("delete from jobs where kind = 'gateway'")


def test_a_batch_job_is_not_starved_by_interactive_ones(site):
    old = site.put("probe.get", {"n": 1}, priority=2, after=-60)
    batch(site, 44, {"n": 1, "pause": 0.04}, priority=0)
    site.ended(old)
    wait_for("the others", lambda: site.open_jobs() == 0)
    assert site.db.value("select count(*) from jobs where priority = 0 and started_at > (select finished_at from jobs where id = %s)", old) > 15


def test_interactive_jobs_come_before_batch_ones(site):
    site.probe.freeze()
    batch(site, 30, {"n": 1, "pause": 0.04})
    wait_for("the first ones", lambda: site.db.value("select count(*) from jobs where status = 'RUNNING'") == 4)
    quick = site.put("probe.get", {"n": 1}, priority=0)
    site.probe.thaw()
    site.ended(quick)
    assert site.db.value("select count(*) from jobs where status = 'QUEUED'") > 10
    wait_for("the others", lambda: site.open_jobs() == 0)


# -- unique keys

def later(site, key, refuse):
    def one():
        jobs = Jobs(site.system)
        try:
            answer = jobs.call("probe.later", body={"key": key, "refuse": refuse}, actor={"user": 1})
            return answer.error or (answer.body["job"], answer.body["new"])
        finally:
            jobs.close()
    return one


@pytest.mark.parametrize("refuse", [False, True])
def test_of_many_with_one_key_one_is_queued(site, refuse):
    key = f"twins-{refuse}"
    got = rush.at_once(*[later(site, key, refuse)] * 12)
    assert site.db.value("select count(*) from jobs where unique_key = %s", key) == 1
    if refuse:
        assert sorted(map(str, got)).count("DUPLICATE") == 11
    else:
        assert len({job for job, _ in got}) == 1 and [new for _, new in got].count(True) == 1
    site.db.query("delete from jobs where unique_key = %s", key)
    assert later(site, key, refuse)()[1] is True
    site.db.query("delete from jobs where unique_key = %s", key)


# -- leases

def test_a_lease_is_renewed_while_its_job_runs(site):
    job = site.ended(site.put("probe.get", {"n": 1, "pause": 2.2}, budget=9000))     # much longer than a lease
    assert (job["status"], job["attempts"]) == ("DONE", 1)


def test_dispatchers_that_are_killed_and_frozen_lose_nothing_and_double_nothing(site):
    """Two dispatchers; one after the other is killed or stands still until others have its jobs."""
    rng = random.Random(5)
    names = ["jobs+identity", "jobs2"]
    site.system.start_worker("jobs", name="jobs2")
    before, n = site.logged("a"), 200
    site.db.query(
        "insert into jobs (id, kind, op, service, args, owner_id, budget_ms, max_attempts, run_at, created_at) "
        "select gh_uuid7_floor(now() - make_interval(secs => n)), 'maintenance', 'probe.add', 'probe', %s, 1, 5000, 50, "
        "now() + make_interval(secs => n * 4.0 / %s), now() from generate_series(1, %s) n",
        msgpack.packb({"body": {"name": "a", "amount": 1}}), n, n)
    try:
        for turn in range(3):
            time.sleep(rng.uniform(0.3, 0.9))
            name = names[turn % 2]
            if turn % 2:
                site.system[name].freeze()
                taken = site.db.value("select count(*) from jobs where status = 'RUNNING'")
                wait_for("its jobs to go on", lambda: site.db.value(
                    "select count(*) from jobs where status = 'RUNNING' and lease_until < now()") == 0 or taken == 0)
                site.system[name].thaw()
            else:
                site.system[name].kill9()
                site.system.start_worker("jobs,identity" if name == names[0] else "jobs", name=name)
        wait_for("all jobs", lambda: site.open_jobs() == 0, 60)
        assert site.logged("a") == before + n
        assert site.db.value("select count(*) from jobs where dead or status = 'FAILED'") == site.db.value(
            "select count(*) from jobs where kind = 'import'")
    finally:
        site.system["jobs2"].stop()


def test_a_dispatcher_that_stood_still_changes_nothing_of_a_job_that_went_on(site):
    site.probe.freeze()
    job = site.put("probe.add", {"name": "a", "amount": 1}, budget=60000)
    wait_for("the job to run", lambda: site.job(job)["status"] == "RUNNING")
    first = site.system["jobs+identity"]
    before = site.logged("a")
    second = site.system.start_worker("jobs", name="jobs2")
    try:
        first.freeze()
        wait_for("the other one to have it", lambda: site.job(job)["attempts"] == 2)
        site.probe.thaw()
        assert site.ended(job)["status"] == "DONE"
        finished = site.db.value("select finished_at from jobs where id = %s", job)
        first.thaw()
        wait_for("it to let go", lambda: site.ended(site.put("probe.get", {"n": 1}))["status"] == "DONE")
        assert site.db.row("select status, attempts, finished_at from jobs where id = %s", job) == ("DONE", 2, finished)
        assert site.logged("a") == before + 1
    finally:
        first.thaw()
        second.stop()


# -- slots of the clock, with three dispatchers

def test_each_slot_comes_once_with_three_dispatchers(site):
    others = [site.system.start_worker("jobs", name=name) for name in ("jobs2", "jobs3")]
    start = dt.datetime.now(dt.timezone.utc).replace(second=0, microsecond=0) + dt.timedelta(minutes=2)
    site.db.query(
        "insert into job_schedules (name, cron, catch_up, kind, op, service, budget_ms, max_attempts, next_slot, updated_at) "
        "select 'slot' || n, '* * * * *', case when n <= 2 then 'all' else 'last' end, 'maintenance', 'probe.get', 'probe', 5000, "
        "3, %s, now() from generate_series(1, 4) n", start)
    try:
        for step in (3, 1, 6):
            clock.move(site.system, f"+{step}m")
            until = dt.datetime.now(dt.timezone.utc) + dt.timedelta(
                milliseconds=site.db.value("select value::bigint from gh_runtime_rows() where key = 'clock.shift_ms'"))
            wait_for("all slots", lambda: site.db.value(
                "select count(*) from job_schedules where name like 'slot%%' and next_slot <= %s", until) == 0 and
                site.open_jobs() == 0, 30)
        expected = {start + dt.timedelta(minutes=i) for i in range(60) if start + dt.timedelta(minutes=i) <= until}
        for n in range(1, 5):
            rows = site.db.query("select encode(args, 'hex') from jobs where unique_key = %s", f"schedule:slot{n}")
            slots = [dt.datetime.fromisoformat(msgpack.unpackb(bytes.fromhex(r[0]))["body"]["slot"]) for r in rows]
            assert len(slots) == len(set(slots)), f"slot{n} twice: {sorted(slots)}"
            assert set(slots) <= expected and (n > 2 or set(slots) == expected), f"slot{n}: {sorted(slots)}"
    finally:
        site.db.query("delete from job_schedules where name like 'slot%%'")
        for p in others:
            p.stop()


def test_ends_are_noted_by_id_however_many_run(site):
    """A plan for all values, as the dispatcher's connection keeps it (lib/db/blocking.c), made while nothing runs."""
    conn = site.db.connect()
    with conn.cursor() as cur:
        cur.execute("set enable_seqscan = off; set enable_hashjoin = off; set enable_mergejoin = off; set enable_sort = off; "
                    "set plan_cache_mode = force_generic_plan")
        for name, given in (("jobs_settle", 10), ("jobs_renew", 4), ("jobs_release", 3)):
            cur.execute(f"deallocate all; prepare asked as {plans.statements('jobs')[name]}")
            cur.execute(f"explain execute asked ({', '.join(['null'] * given)})")
            plan = "\n".join(r[0] for r in cur.fetchall())
            assert "jobs_pk" in plan and "jobs_lease_ix" not in plan, plan
    conn.close()
