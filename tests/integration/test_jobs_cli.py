"""`guahao jobs`: what operators see of durable jobs and do to them; every change is an entry of the audit log."""

import json

import msgpack
import pytest

from support import mdp, rush
from support.broker import Worker, head, uuid7, uuid_text
from support.durable import Site
from support.proc import wait_for


@pytest.fixture(scope="module")
def site(empty_db, make_system):
    return Site(empty_db, make_system)


@pytest.fixture
def jobs(site):
    def run(*words, code=0, text=False):
        r = site.system.cli("jobs", *words, *([] if text else ["--json"]), check=False)
        assert r.returncode == code, (words, r.returncode, r.stdout, r.stderr)
        return r.stderr if code else r.stdout if text else json.loads(r.stdout)
    return run


def noted(site, action, entity):
    return site.db.query("select changes from audit_log where action = %s and entity_id = %s and actor = 'system'", action, entity)


def dead(site, kind="mail"):
    """A job whose tries are used up: no counter may go below zero."""
    job = site.put("probe.add", {"name": "c", "amount": -100}, attempts=1, kind=kind)
    assert site.ended(job)["dead"]
    return job


def test_list_shows_and_filters(site, jobs):
    waits = site.put("probe.add", {"name": "a"}, kind="export", after=600, priority=0, key="weekly")
    done = site.put("probe.get", {"n": 1}, kind="pdf")
    site.ended(done)
    failed = dead(site)
    got = {j["id"]: j for j in jobs()["jobs"]}
    assert {waits, done, failed} <= set(got)
    assert got[waits] | {"run_at": "", "created_at": ""} == {
        "id": waits, "kind": "export", "status": "QUEUED", "dead": False, "priority": 0, "operation": "probe.add", "service": "probe",
        "owner_id": 1, "key": "weekly", "attempts": 0, "max_attempts": 5, "progress": 0, "run_at": "", "created_at": "",
        "finished_at": None, "error": None}
    assert [j["id"] for j in jobs("list", "--kind", "export,pdf", "--status", "queued,DONE")["jobs"]] == [done, waits]
    assert [j["id"] for j in jobs("list", "--status", "dead")["jobs"]] == [failed]
    assert jobs("list", "--status", "failed")["jobs"] == []
    assert {j["id"] for j in jobs("list", "--operation", "probe.ad")["jobs"]} == {waits, failed}
    assert len(jobs("list", "--limit", "1")["jobs"]) == 1
    lines = jobs("list", "--kind", "export,mail", text=True).splitlines()
    assert lines[0].split() == ["ID", "KIND", "STATUS", "PRIORITY", "TRIES", "SINCE", "OPERATION", "ERROR"]
    assert lines[1].split()[:5] == [failed, "mail", "DEAD", "batch", "1/1"] and lines[1].split()[-1] == "RATE_LIMITED"
    assert lines[2].split()[:5] == [waits, "export", "QUEUED", "high", "0/5"]
    assert {line.index(op) for line in lines for op in ("OPERATION", "probe.add") if op in line} == {lines[0].index("OPERATION")}
    site.db.query("delete from jobs")


def test_show_tells_all_but_the_arguments(site, jobs):
    job = site.put("probe.add", {"name": "secret-name"}, after=600)
    shown = jobs("show", job)
    assert (shown["id"], shown["status"], shown["argument_bytes"] > 5, shown["error"]) == (job, "QUEUED", True, None)
    text = jobs("show", job, text=True)
    assert "time limit   5000 ms" in text and "secret-name" not in text
    job = dead(site)
    assert jobs("show", job)["error"]["code"] == "RATE_LIMITED"
    assert "DEAD" in jobs("show", job, text=True)
    site.db.query("delete from jobs")


def test_retry_runs_a_dead_job_again(site, jobs):
    job = dead(site)
    site.db.query("update probe_counter set n = 500 where name = 'c'")
    try:
        assert jobs("retry", job, "--tries", "2") == {"retried": 1}
        row = site.ended(job)
        assert (row["status"], row["dead"], row["attempts"], row["error"]) == ("DONE", False, 2, None)
        assert noted(site, "job.retry", job) == [({"status": ["FAILED", "QUEUED"], "error": ["RATE_LIMITED", None]},)]
        assert "no such failed job" in jobs("retry", job, code=1)                    # it is done
    finally:
        site.db.query("update probe_counter set n = 3 where name = 'c'")


def test_retry_of_a_run_that_was_refused_for_good_is_a_new_run(site, jobs):
    refused, may_be_done = dead(site), dead(site)
    runs = dict(site.db.query("select id::text, run_id::text from jobs where id = any (%s::uuid[])", [refused, may_be_done]))
    site.db.query("insert into job_done (id, op, status, headers, body) values (%s, 'probe.add', 409, '{}', '{}')", runs[refused])
    site.db.query("update probe_counter set n = 500 where name = 'c'")
    try:
        assert jobs("retry", refused, may_be_done) == {"retried": 2}
        assert [site.ended(j)["status"] for j in (refused, may_be_done)] == ["DONE", "DONE"]
        again = dict(site.db.query("select id::text, run_id::text from jobs where id = any (%s::uuid[])", [refused, may_be_done]))
        assert again[refused] != runs[refused] and again[may_be_done] == runs[may_be_done]
    finally:
        site.db.query("update probe_counter set n = 3 where name = 'c'")


def test_retry_and_drop_of_all_dead_jobs_keep_to_their_kind(site, jobs):
    mails, exports = [dead(site) for _ in range(2)], [dead(site, "export")]
    assert jobs("drop", "--dead", "--kind", "mail") == {"dropped": 2}
    assert site.db.query("select id::text from jobs where dead") == [(exports[0],)]
    assert [noted(site, "job.drop", m) for m in mails] == [[({"status": ["FAILED", None]},)]] * 2
    assert jobs("retry", "--dead", "--tries", "1") == {"retried": 1}
    assert site.ended(exports[0])["dead"]
    assert "RATE_LIMITED" in jobs("show", exports[0], text=True)
    assert jobs("drop", "--dead") == {"dropped": 1}
    assert jobs("drop", "--dead") == {"dropped": 0}


def test_retry_leaves_a_job_whose_key_another_one_has(site, jobs):
    job = dead(site)
    site.db.query("update jobs set unique_key = 'report' where id = %s", job)
    other = site.put("probe.get", {"n": 1}, key="report", after=600)
    assert "its key is unfinished" in jobs("retry", job, code=1)
    assert site.job(job)["dead"]
    assert jobs("drop", other, job) == {"dropped": 2}
    assert site.job(other)["status"] == "CANCELLED" and noted(site, "job.cancel", other) == [({"status": ["QUEUED", "CANCELLED"]},)]
    assert site.db.value("select count(*) from jobs where id = %s", job) == 0


def test_enqueue_runs_an_operation(site, jobs):
    said = jobs("enqueue", "probe.add", "--args", '{"body": {"name": "a", "amount": 4, "list": [1.5, true, null, "é"]}}', "--owner", "1",
                "--priority", "high", "--budget", "4000", "--tries", "3", "--kind", "stocktake")
    assert said["new"] is True and site.ended(said["id"])["status"] == "DONE"
    assert site.db.row("select kind, service, owner_id, priority, budget_ms, max_attempts from jobs where id = %s", said["id"]) == (
        "stocktake", "probe", 1, 0, 4000, 3)
    assert msgpack.unpackb(bytes(site.db.value("select args from jobs where id = %s", said["id"]))) == {
        "body": {"name": "a", "amount": 4, "list": [1.5, True, None, "é"]}}
    assert noted(site, "job.enqueue", said["id"]) == [({"operation": [None, "probe.add"], "owner_id": [None, 1]},)]
    later = jobs("enqueue", "probe.get", "--at", "2099-01-01T08:00:00", text=True).strip()
    assert site.job(later)["status"] == "QUEUED"
    assert site.db.value("select run_at = '2099-01-01 08:00+08' from jobs where id = %s", later)
    site.db.query("delete from jobs where id = %s", later)


def test_of_one_key_one_is_enqueued_by_many_at_once(site, jobs):
    def one():
        r = site.system.cli("jobs", "enqueue", "probe.get", "--key", "race", "--at", "2099-01-01T08:00:00", check=False)
        return r.returncode
    assert sorted(rush.at_once(*[one] * 6)) == [0, 1, 1, 1, 1, 1]
    job = str(site.db.value("select id from jobs where unique_key = 'race'"))
    assert job in jobs("enqueue", "probe.get", "--key", "race", code=1)
    assert jobs("enqueue", "probe.get", "--key", "race", "--join") == {"id": job, "new": False}
    assert len(noted(site, "job.enqueue", job)) == 1
    jobs("drop", job)
    assert jobs("enqueue", "probe.get", "--key", "race", "--at", "2099-01-01T08:00:00")["new"] is True
    site.db.query("delete from jobs where unique_key = 'race'")


@pytest.mark.parametrize("words, says", [
    (["nonsense"], "one of: list"), (["list", "more"], "too much"), (["list", "--status", "queued,lost"], "--status takes"),
    (["list", "--status", "queued,"], "--status takes"), (["list", "--limit", "0"], "limit"), (["show"], "takes the id"),
    (["show", "7"], "takes the id"), (["retry"], "--dead"), (["retry", "7"], "no id of a job"), (["drop"], "--dead"),
    (["retry", "01a20068-fff4-727f-ae78-8607221a6198", "--dead"], "--dead"), (["enqueue"], "one operation"),
    (["enqueue", "probe"], "no operation"), (["enqueue", "probe.get", "--args", "[1]"], "JSON object"),
    (["enqueue", "probe.get", "--args", "{"], "JSON object"), (["enqueue", "probe.get", "--kind", "poem"], "no kind poem"),
    (["enqueue", "probe.get", "--at", "soon"], "no moment"), (["enqueue", "probe.get", "--join"], "--key"),
    (["enqueue", "probe.get", "--key", "k" * 201], "--key"), (["enqueue", "probe.get", "--priority", "urgent"], "priority"),
    (["schedule", "pause", "x"], "schedule takes"), (["schedule", "set", "x", "every day"], "no cron expression"),
    (["schedule", "set", "x", "0 0 30 2 *"], "never comes"), (["kinds", "pdf"], "--running"), (["kinds", "pdf", "--running", "-1"], "0..1000"),
    (["kinds", "pdf", "--running", "many"], "0..1000"), (["kinds", "pdf", "--budget", "0"], "--budget"), (["kinds", "pdf", "--tries", "0"], "1..1000"), (["letters", "all"], "nothing more"), (["figures", "all"], "nothing more"),
])
def test_wrong_words_are_told(jobs, words, says):
    assert says in jobs(*words, code=2)


@pytest.mark.parametrize("words, says", [
    (["show", "01a20068-fff4-727f-ae78-8607221a6198"], "no such job"), (["drop", "01a20068-fff4-727f-ae78-8607221a6198"], "no such job"),
    (["schedule", "enable", "nightly-poem"], "no recurring job nightly-poem"), (["schedule", "run", "nightly-poem"], "no recurring job"),
    (["kinds", "poem", "--running", "1"], "no kind poem"), (["enqueue", "probe.get", "--owner", "999"], "no account with the id 999"),
])
def test_what_is_not_there_is_told(jobs, words, says):
    assert says in jobs(*words, code=1)


def test_kinds_show_and_take_limits(site, jobs):
    jobs("kinds", "export", "--running", "3", "--budget", "9000", "--tries", "2")
    assert noted(site, "job_kind.update", "export") == [({"running_max": [4, 3], "budget_max_ms": [None, 9000], "attempts_max": [None, 2]},)]
    job = site.put("probe.get", {"n": 1}, kind="export", after=600)
    shown = {k["kind"]: k for k in jobs("kinds")["kinds"]}
    assert shown["export"] == {"kind": "export", "running_max": 3, "budget_max_ms": 9000, "attempts_max": 2, "queued": 1, "running": 0, "dead": 0}
    assert len(shown) == 11 and shown["mail"]["running_max"] is None
    assert jobs("show", job)["max_attempts"] == 2 and "0 of 2" in jobs("show", job, text=True)
    assert "export" in jobs("kinds", text=True)
    jobs("kinds", "export", "--running", "4", "--budget", "none", "--tries", "none")
    assert jobs("show", job)["max_attempts"] == 5
    jobs("drop", job)


def test_figures_show_what_to_watch(site, jobs):
    before = {(f["figure"], f["label"]): f["value"] for f in jobs("figures")["figures"]}
    job, late = site.put("probe.get", {"n": 1}, kind="export", after=600), dead(site, "export")
    got = {(f["figure"], f["label"]): f["value"] for f in jobs("figures")["figures"]}
    assert got[("jobs_queued", "export")] == before.get(("jobs_queued", "export"), 0) + 1
    assert got[("jobs_dead", "export")] == before.get(("jobs_dead", "export"), 0) + 1
    assert got[("jobs_oldest_seconds", "")] == 0 and got[("jobs_unfiled", "")] == 0
    assert {of for f, of in got if f == "strays"} == {"job_done", "audit_log", "user_access_log"}
    assert jobs("figures", text=True).split()[:3] == ["FIGURE", "OF", "VALUE"]
    jobs("drop", job, late)


def test_schedules_are_shown_switched_changed_and_run(site, jobs):
    site.db.query(
        "insert into job_schedules (name, cron, catch_up, enabled, kind, op, service, budget_ms, max_attempts, updated_at) values "
        "('probes', '0 0 1 1 *', 'last', false, 'maintenance', 'probe.sync', 'probe', 5000, 3, now())")

    def probes():
        return next(s for s in jobs("schedule")["schedules"] if s["name"] == "probes")
    assert probes() == {"name": "probes", "cron": "0 0 1 1 *", "catch_up": "last", "enabled": False, "operation": "probe.sync", "next": None,
                        "last": None, "status": None, "error": None}
    jobs("schedule", "enable", "probes")
    wait_for("its next slot", lambda: probes()["next"] is not None)
    assert probes()["enabled"] and probes()["next"][4:19] == "-01-01T00:00:00"
    jobs("schedule", "set", "probes", "30 4 2 2 *")
    wait_for("its new slot", lambda: (probes()["next"] or "")[4:19] == "-02-02T04:30:00")
    job = jobs("schedule", "run", "probes")["id"]
    assert site.ended(job)["status"] == "DONE"
    assert "slot" in msgpack.unpackb(bytes(site.db.value("select args from jobs where id = %s", job)))["body"]
    assert probes()["status"] == "DONE"
    jobs("schedule", "disable", "probes")
    assert not probes()["enabled"]
    lines = jobs("schedule", "list", text=True).splitlines()
    assert lines[0].split()[:4] == ["NAME", "CRON", "CATCH-UP", "STATE"] and any(line.startswith("probes ") and " off " in line for line in lines)
    assert [c for (c,) in noted(site, "job_schedule.update", "probes")] == [
        {"enabled": [False, True], "cron": ["0 0 1 1 *"] * 2}, {"enabled": [True] * 2, "cron": ["0 0 1 1 *", "30 4 2 2 *"]},
        {"enabled": [True, False], "cron": ["30 4 2 2 *"] * 2}]
    assert len(noted(site, "job_schedule.run", "probes")) == 1
    site.db.query("insert into jobs (id, kind, op, service, args, unique_key, budget_ms, max_attempts, run_at, created_at) values "
                  "(gen_random_uuid(), 'maintenance', 'probe.get', 'probe', '\\x80', 'schedule:probes', 1, 1, now() + '1 hour', now())")
    assert "is unfinished" in jobs("schedule", "run", "probes", code=1)
    site.db.query("delete from jobs where unique_key = 'schedule:probes'")


def test_dead_letters_of_brokers_are_shown_put_back_and_dropped(site, jobs):
    """Jobs that take down each worker they meet."""
    ids = [uuid7(), uuid7()]
    first, second = map(uuid_text, ids)

    def letters():
        return jobs("letters")["brokers"][0]["dead"]

    with mdp.Client(site.system.inner) as client:
        for i in ids:
            for turn in range(3):
                with Worker(site.system.inner, "poison", credit=4) as worker:
                    if turn == 0:
                        wait_for("a worker", lambda: mdp.mmi(site.system.inner, "service", b"poison")[0] == b"200")
                        client.send("poison", head("poison.pill", id=i, deadline=60000, actor={"user": 0}), b"\x80")
                    assert worker.job(10)
                    worker.ready()                               # a second READY: it has to go
                    assert worker.disconnected()
    assert [x["id"] for x in letters()] == [first, second] and letters()[0]["op"] == "poison.pill"
    assert first in jobs("letters", text=True)
    assert jobs("drop", first) == {"dropped": 1}
    assert jobs("retry", second) == {"retried": 1}
    assert letters() == []
    assert noted(site, "dead_letter.drop", first) and noted(site, "dead_letter.requeue", second)
