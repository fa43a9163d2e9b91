"""Durable jobs: rows of `jobs` are carried out whatever dies, their effect happens once, recurring ones at each slot once."""

import datetime as dt
import json
import uuid

import msgpack
import pytest

from support.broker import uuid7
from support.durable import Site
from support.proc import wait_for

@pytest.fixture(scope="module")
def site(empty_db, make_system):
    return Site(empty_db, make_system)


def test_a_job_is_carried_out_and_its_reply_kept(site):
    job = site.ended(site.put("probe.add", {"name": "a", "amount": 2}))
    assert (job["status"], job["attempts"], job["progress"], job["response_status"]) == ("DONE", 1, 100, 201)
    assert json.loads(job["response"]) == {"n": 1002}


def test_a_refusal_by_a_rule_ends_it_at_once_with_its_text(site):
    job = site.ended(site.put("probe.add", {"name": "nobody", "amount": 2}))
    assert (job["status"], job["dead"], job["attempts"]) == ("FAILED", False, 1)
    assert job["error"]["code"] == "NOT_FOUND" and job["error"]["message"]


def test_a_job_is_carried_out_as_its_owner(site):
    job = site.ended(site.put("probe.who", {}, owner=3))
    assert json.loads(job["response"])["user"] == 3
    site.db.query("update users set is_active = false where id = 3")
    try:
        job = site.ended(site.put("probe.add", {"name": "a", "amount": 1}, owner=3))
        assert job["status"] == "FAILED" and job["attempts"] == 1 and not job["dead"]
    finally:
        site.db.query("update users set is_active = true where id = 3")


def test_what_may_pass_is_tried_again_until_it_is_set_aside(site):
    job = site.put("probe.add", {"name": "c", "amount": -100}, attempts=3)         # RATE_LIMITED each time
    wait_for("a second attempt", lambda: site.job(job)["attempts"] >= 2)
    row = site.ended(job)
    assert (row["status"], row["dead"], row["attempts"]) == ("FAILED", True, 3)
    assert row["error"]["code"] == "RATE_LIMITED" and row["error"]["params"] == {"n": "7"}
    job = site.put("probe.add", {"name": "c", "amount": -10}, attempts=5)
    wait_for("a first attempt", lambda: site.job(job)["attempts"] >= 1)
    site.db.query("update probe_counter set n = 50 where name = 'c'")
    assert site.ended(job)["status"] == "DONE"


def test_a_service_without_workers_is_waited_for(site):
    job = site.put("nowhere.do", {}, service="nowhere", budget=500, attempts=2)
    row = site.ended(job)
    assert (row["status"], row["dead"], row["attempts"]) == ("FAILED", True, 2)
    assert row["error"]["code"] in ("SERVICE_UNAVAILABLE", "UPSTREAM_TIMEOUT")


def test_a_job_waits_for_its_time(site):
    job = site.put("probe.add", {"name": "a", "amount": 1}, after=3)
    assert site.job(job)["status"] == "QUEUED"
    assert site.ended(job)["status"] == "DONE"
    assert site.db.value("select started_at >= run_at from jobs where id = %s", job)


def test_of_one_key_only_one_is_unfinished(site):
    first = site.put("probe.add", {"name": "a", "amount": 1}, key="k", after=600)
    with pytest.raises(Exception, match="jobs_unique_uq"):
        site.put("probe.add", {"name": "a", "amount": 1}, key="k")
    site.db.query("update jobs set run_at = now() where id = %s", first)
    site.ended(first)
    assert site.ended(site.put("probe.add", {"name": "a", "amount": 1}, key="k"))["status"] == "DONE"


def test_a_dead_worker_does_not_lose_the_job_nor_double_it(site):
    conn = site.db.connect()
    conn.autocommit = False
    conn.cursor().execute("select 1 from probe_counter where name = 'a' for update")     # holds the worker in its batch
    before = site.logged("a")
    job = site.put("probe.add", {"name": "a", "amount": 5}, budget=20000)
    wait_for("the job to run", lambda: site.job(job)["status"] == "RUNNING")
    wait_for("the worker to wait for the lock",
             lambda: site.db.value("select count(*) from pg_locks where not granted") > 0)
    site.probe.kill9()
    conn.rollback()
    conn.close()
    site.start_probe()
    assert site.ended(job)["status"] == "DONE"
    assert site.logged("a") == before + 1


def test_a_dead_dispatcher_is_replaced_and_the_effect_happens_once(site):
    site.probe.freeze()
    before = site.logged("a")
    job = site.put("probe.add", {"name": "a", "amount": 7}, budget=1000)
    wait_for("the job to run", lambda: site.job(job)["status"] == "RUNNING")
    site.system["jobs+identity"].kill9()
    site.probe.thaw()
    second = site.system.start_worker("jobs", name="jobs2")
    try:
        assert site.ended(job, timeout=90)["status"] == "DONE"
        assert site.job(job)["attempts"] >= 2
        assert site.logged("a") == before + 1
    finally:
        second.stop()
        site.system.start_worker("jobs,identity")


def test_a_dispatcher_that_stops_gives_its_jobs_back_at_once(site):
    site.probe.freeze()
    job = site.put("probe.add", {"name": "a", "amount": 1}, budget=60000)
    wait_for("the job to run", lambda: site.job(job)["status"] == "RUNNING")
    assert site.system["jobs+identity"].stop() == 0
    assert site.db.value("select lease_until <= now() from jobs where id = %s", job)
    site.probe.thaw()
    site.system.start_worker("jobs,identity")
    assert site.ended(job)["status"] == "DONE"


def test_a_broker_that_is_restarted_costs_nothing(site):
    site.probe.freeze()
    before = site.logged("a")
    job = site.put("probe.add", {"name": "a", "amount": 1}, budget=30000)
    wait_for("the job to run", lambda: site.job(job)["status"] == "RUNNING")
    site.system["broker"].kill9()
    site.system.start_broker()
    site.probe.thaw()
    assert site.ended(job, timeout=90)["status"] == "DONE"
    assert site.logged("a") == before + 1


def test_many_jobs_and_two_dispatchers(site):
    second = site.system.start_worker("jobs", name="jobs2")
    try:
        before = site.logged("a")
        site.db.query(
            "insert into jobs (id, kind, op, service, args, owner_id, budget_ms, max_attempts, run_at, created_at) "
            "select gh_uuid7_floor(now() - make_interval(secs => n)), 'maintenance', 'probe.add', 'probe', %s, 1, 5000, 5, now(), "
            "now() from generate_series(1, 300) n", msgpack.packb({"body": {"name": "a", "amount": 1}}))
        wait_for("all jobs", lambda: site.db.value("select count(*) from jobs where status in ('QUEUED', 'RUNNING')") == 0, 90)
        assert site.logged("a") == before + 300
        assert site.db.value("select count(*) from jobs where status = 'DONE' and attempts > 1 and op = 'probe.add' and "
                             "args = %s", msgpack.packb({"body": {"name": "a", "amount": 1}})) <= 3
    finally:
        second.stop()


# -- recurring jobs

def schedule(site, name, cron, next_slot, catch_up="last", amount="slot"):
    site.db.query(
        "insert into job_schedules (name, cron, catch_up, kind, op, service, budget_ms, max_attempts, next_slot, updated_at) "
        "values (%s, %s, %s, 'maintenance', 'probe.get', 'probe', 5000, 3, %s, now())", name, cron, catch_up, next_slot)


def slots(site, name):
    rows = site.db.query("select encode(args, 'hex') from jobs where unique_key = %s order by id", "schedule:" + name)
    return [dt.datetime.fromisoformat(msgpack.unpackb(bytes.fromhex(r[0]))["body"]["slot"]) for r in rows]


def minute(n):
    return dt.datetime.now(dt.timezone.utc).replace(second=0, microsecond=0) + dt.timedelta(minutes=n)


def moved(site, name):
    wait_for("the next slot", lambda: site.db.value("select next_slot > now() from job_schedules where name = %s", name))
    return site.db.row("select next_slot, last_slot from job_schedules where name = %s", name)


def test_a_slot_is_queued_once_by_any_number_of_dispatchers(site):
    second = site.system.start_worker("jobs", name="jobs2")
    try:
        for i in range(5):
            schedule(site, f"once{i}", "* * * * *", minute(0))
            moved(site, f"once{i}")
            assert len(slots(site, f"once{i}")) == 1
    finally:
        second.stop()
        site.db.query("delete from job_schedules where name like 'once%'")


def test_missed_slots_follow_the_rule(site):
    names = {"last": "* * * * *", "none": "0 0 1 1 *", "all": "*/5 * * * *"}
    past = minute(0) - dt.timedelta(days=400)
    schedule(site, "last", names["last"], minute(-30), "last")
    schedule(site, "none", names["none"], past, "none")
    five = minute(0) - dt.timedelta(minutes=minute(0).minute % 5 + 15)
    schedule(site, "all", names["all"], five, "all")
    try:
        next_slot, last_slot = moved(site, "last")
        assert len(slots(site, "last")) == 1 and last_slot == slots(site, "last")[0] >= minute(-2)
        moved(site, "none")
        assert slots(site, "none") == []
        moved(site, "all")
        got = slots(site, "all")
        assert got == [five + dt.timedelta(minutes=5 * i) for i in range(len(got))] and len(got) >= 4
    finally:
        site.db.query("delete from job_schedules where name in ('last', 'none', 'all')")


def test_a_slot_is_skipped_while_the_last_one_runs(site):
    site.db.query("insert into jobs (id, kind, op, service, args, unique_key, budget_ms, max_attempts, run_at, created_at) "
                  "values (%s, 'maintenance', 'probe.get', 'probe', '\\x80', 'schedule:busy', 5000, 3, now() + '1 hour', now())",
                  str(uuid.UUID(bytes=uuid7())))
    schedule(site, "busy", "* * * * *", minute(0))
    try:
        _, last_slot = moved(site, "busy")
        assert last_slot is None
        assert site.db.value("select count(*) from jobs where unique_key = 'schedule:busy'") == 1
    finally:
        site.db.query("delete from job_schedules where name = 'busy'")
        site.db.query("delete from jobs where unique_key = 'schedule:busy'")


def test_a_cron_that_is_none_is_told_and_harms_nobody(site):
    schedule(site, "bad", "every day", minute(0))
    schedule(site, "good", "* * * * *", minute(0))
    try:
        moved(site, "good")
        moved(site, "bad")
        assert slots(site, "bad") == [] and len(slots(site, "good")) == 1
        assert "recurring_cron" in site.system["jobs+identity"].tail()
    finally:
        site.db.query("delete from job_schedules where name in ('bad', 'good')")
