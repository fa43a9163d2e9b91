"""One request in every log: the front's line, the worker's, the session in PostgreSQL, the queued job's run; slow jobs and failures
explain themselves; nothing secret stands anywhere (api/29 Logging, R-215)."""

import contextlib
import os
import threading
import time
import uuid

import pytest

from support import logs
from support.accounts import PASSWORD, add_user
from support.http import data
from support.proc import wait_for

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e47%02x-00f067aa0ba902b7-%02x"
CONFIG = "/api/v1/system/config"
SLOW_MS = 300
LOCK_MS = 1200
PHONE, MAIL = "13800000001", "patient.one@clinic.example"


@pytest.fixture(scope="module")
def site(empty_db, make_system):
    add_user(empty_db, roles=["ADMIN"], identifier="A0001")
    add_user(empty_db, phonenumber=PHONE, email=MAIL)
    s = make_system(empty_db, {"password.cost": 10, "log.format": "json", "log.level": "debug", "log.slow_ms": SLOW_MS,
                               "database.lock_timeout_ms": LOCK_MS})
    s.conf["log.dir"] = s.folder = os.path.join(s.var, "files")
    return s.start()


@pytest.fixture(scope="module")
def admin(site):
    return site.api("A0001")


def trace_of(number, flags=0):
    text = TRACE % (number, flags)
    return text, text[3:35]


def found(site, name, **members):
    return [e for e in logs.entries(site.folder, name) if all(e.get(k) == v for k, v in members.items())]


def entry(site, name, **members):
    wait_for(f"{members} in {name}", lambda: found(site, name, **members), 10)
    all_of = found(site, name, **members)
    assert len(all_of) == 1, all_of
    return all_of[0]


@contextlib.contextmanager
def locked(site, table):
    """Whoever wants this table waits."""
    conn = site.database.connect(autocommit=False)
    conn.cursor().execute(f"lock table {table} in access exclusive mode")
    try:
        yield
    finally:
        conn.rollback()
        conn.close()


def shown(site, trace_id):
    """Names of blocked sessions with this trace."""
    return [r[0] for r in site.database.query(
        "select application_name from pg_stat_activity where application_name like %s and wait_event_type = 'Lock'",
        "%" + trace_id + "%")]


def in_the_background(call):
    box = []
    thread = threading.Thread(target=lambda: box.append(call()))
    thread.start()
    return thread, box


def test_a_blocked_write_names_its_request(site, admin):
    trace, trace_id = trace_of(1)
    with locked(site, "system_config"):
        thread, box = in_the_background(lambda: admin.patch(CONFIG, {"code.resend_s": 61}, headers={
            "traceparent": trace, "X-Request-Id": "blocked-1"}))
        wait_for("the session", lambda: shown(site, trace_id), 5)
        assert shown(site, trace_id) == [f"guahao-worker system {trace_id}"]
        wait_for("to be slow", lambda: site.database.value(
            "select now() - xact_start > interval '400 ms' from pg_stat_activity where application_name like %s", "%" + trace_id), 5)
    thread.join()
    assert box[0].status_code == 200 and box[0].headers["X-Request-Id"] == "blocked-1" and box[0].headers["traceparent"] == trace
    wait_for("the name to go with the transaction", lambda: not site.database.query(
        "select 1 from pg_stat_activity where application_name like %s", "%" + trace_id), 5)
    front = entry(site, "front.access.log", request_id="blocked-1")
    assert front["trace"] == trace and front["route"] == CONFIG and front["db_ms"] > SLOW_MS and front["status"] == 200
    line = entry(site, "worker-*.log", request_id="blocked-1", msg="job")
    assert line["trace"] == trace and line["pool"] == "system" and line["op"] == "system.v1_update_config"
    assert (line["component"], line["level"], line["outcome"], line["attempt"], line["batch"]) == ("worker.job", "info", "ok", 0, 1)
    assert line["user_id"] == front["user_id"] and "err" not in line and "shown_as" not in line
    assert SLOW_MS < line["db_ms"] <= line["work_ms"] < 3000 and line["queue_ms"] < 1000 and line["wait_ms"] < 1000
    uuid.UUID(line["job"])


def test_a_slow_job_tells_what_it_asked_of_the_database(site, admin):
    """The job of the test before, and one that was quick."""
    data(admin.patch(CONFIG, {"code.resend_s": 62}, headers={"X-Request-Id": "quick-1"}))
    slow = entry(site, "worker-*.log", request_id="blocked-1", msg="slow_job")
    assert slow["level"] == "warn" and slow["op"] == "system.v1_update_config"
    trips = slow["statements"].split("; ")
    assert trips[0].startswith("rt_begin,rt_trace,") and trips[-1].split()[0].endswith("rt_commit")
    times = [float(t.split()[1].removesuffix("ms")) for t in trips]
    assert max(times) > SLOW_MS and abs(sum(times) - slow["db_ms"]) < 1
    entry(site, "worker-*.log", request_id="quick-1", msg="job")
    assert not found(site, "worker-*.log", request_id="quick-1", msg="slow_job")


def test_a_read_is_named_when_its_caller_records_it(site, admin):
    for number, flags in ((2, 1), (3, 0)):
        trace, trace_id = trace_of(number, flags)
        with locked(site, "audit_log"):
            thread, box = in_the_background(lambda trace=trace: admin.get("/api/v1/system/audit-log", headers={"traceparent": trace}))
            wait_for("a session that waits", lambda: site.database.query(
                "select 1 from pg_stat_activity where wait_event_type = 'Lock' and application_name like 'guahao-worker system%'"), 5)
            assert shown(site, trace_id) == ([f"guahao-worker system {trace_id}"] if flags else [])
        thread.join()
        assert box[0].status_code == 200
        entry(site, "worker-*.log", trace=trace, msg="job")


def test_a_read_that_gave_up_a_lock_is_run_again_and_answered_once(site, admin):
    with locked(site, "audit_log"):
        thread, box = in_the_background(lambda: admin.get("/api/v1/system/audit-log", headers={"X-Request-Id": "again-1"}))
        until = time.monotonic() + LOCK_MS / 1000 + 0.15
        wait_for("the lock to time out", lambda: time.monotonic() > until, 5)
    thread.join()
    assert len(data(box[0])["items"]) >= 1
    line = entry(site, "worker-*.log", request_id="again-1", msg="job")
    assert line["outcome"] == "ok" and line["tries"] == 1 and line["work_ms"] > LOCK_MS


def test_a_request_without_a_trace_begins_one(site, admin):
    r = admin.get("/api/v1/system/info", headers={"traceparent": "00-no-good"})
    assert "traceparent" not in r.headers
    rid = uuid.UUID(r.headers["X-Request-Id"])
    assert entry(site, "front.access.log", request_id=str(rid))["trace"] == f"00-{rid.hex}-{rid.hex[16:]}-00"
    data(admin.get(CONFIG, headers={"X-Request-Id": "mine"}))
    assert entry(site, "front.access.log", request_id="mine")["trace"] == entry(
        site, "worker-*.log", request_id="mine", msg="job")["trace"]


def test_a_queued_job_runs_under_the_trace_of_who_queued_it(site, admin):
    trace, trace_id = trace_of(4)
    job = data(admin.post("/api/v1/system/audit-log/verify", {}, headers={"traceparent": trace, "Prefer": "respond-async"}), 202)
    wait_for("the job", lambda: data(admin.get(f"/api/v1/jobs/{job['id']}"))["status"] == "DONE", 20)
    run = entry(site, "worker-*.log", trace=trace, op="system.v1_verify_audit_log", msg="job")
    assert run["outcome"] == "ok" and run["user_id"] > 0
    assert site.database.value("select trace from jobs where id = %s", job["id"]) == trace


def test_a_message_says_what_it_tells_of(site):
    trace, _ = trace_of(5)
    assert site.api().post("/api/v1/auth/forgot", {"email": MAIL}, headers={"traceparent": trace}).status_code == 200
    wait_for("the message", lambda: site.database.query("select 1 from message_outbox where trace = %s and sent_at is not null", trace), 10)
    sent = entry(site, "worker-*.log", trace=trace, msg="message_sent")
    assert (sent["component"], sent["channel"], sent["attempt"]) == ("worker.send", "mail", 1)


def test_a_refusal_has_its_name_in_the_line(site):
    r = site.api(PHONE).get(CONFIG, headers={"X-Request-Id": "refused-1"})
    assert r.status_code == 403
    line = entry(site, "front.access.log", request_id="refused-1")
    assert line["status"] == 403 and line["err"]
    job = found(site, "worker-*.log", request_id="refused-1", msg="job")
    assert not job or (job[0]["outcome"], job[0]["err"]) == ("refused", line["err"])


def test_a_status_500_leaves_its_trace_under_the_request_id(site, admin):
    site.database.query("alter table system_config rename to system_config_away")
    try:
        r = admin.patch(CONFIG, {"code.resend_s": 63}, headers={"X-Request-Id": "broken-1"})
    finally:
        site.database.query("alter table system_config_away rename to system_config")
    assert r.status_code == 500 and r.json()["data"]["request_id"] == "broken-1"
    told = entry(site, "worker-*.log", request_id="broken-1", msg="internal_error")
    assert told["level"] == "error" and told["sqlstate"] == "42P01" and told["pool"] == "system" and told["routine"]
    assert "rt_begin" in told["statements"] and "gh_" in told["backtrace"] and "<" in told["backtrace"]
    assert entry(site, "worker-*.log", request_id="broken-1", msg="job")["outcome"] == "failed"
    assert entry(site, "front.access.log", request_id="broken-1")["err"] == "INTERNAL"
    assert told["backtrace"] not in r.text and "42P01" not in r.text


def test_nothing_secret_stands_in_any_log(site, admin, cluster):
    """After calls with each kind of secret, good and bad, everything at its most talkative: files, streams, the database's own log."""
    number, name, wrong = "110101194005200017", "欧阳不宣", "Wrong-pass-7391"
    login = "/api/v1/auth/login"
    tokens = data(site.api().post(login, {"username": PHONE, "password": PASSWORD}))
    site.api().post(login, {"username": PHONE, "password": wrong})
    site.api().post("/auth/patient/login", {"phonenumber": PHONE, "password": wrong})
    site.api().request("POST", "/auth/token", data=f"grant_type=password&username={PHONE}&password={wrong}",
                       headers={"Content-Type": "application/x-www-form-urlencoded"})
    me = site.api(token=tokens["access_token"])
    me.get("/api/v1/users/me", params={"access_token": tokens["access_token"]})
    me.post("/patient/patients", {"name": name, "id_card": number})
    me.post("/patient/patients", {"name": name, "id_card": number[:-1] + "X", "relation_type": "x" * 30})
    data(site.api().post("/api/v1/auth/refresh", {"refresh_token": tokens["refresh_token"]}))
    site.api().post("/api/v1/auth/refresh", {"refresh_token": tokens["refresh_token"]})     # used twice
    site.api(token=tokens["access_token"][:-4] + "AAAA").get("/api/v1/users/me", headers={"X-Request-Id": "last-one"})
    entry(site, "front.access.log", request_id="last-one")
    links = site.database.query("select substring(body from 'token=([^\\s&]+)') from message_outbox where body is not null")
    secrets = [PASSWORD, wrong, number, number[:-1], name, MAIL, PHONE, tokens["access_token"].split(".")[2], tokens["refresh_token"],
               site.token("A0001").split(".")[2], *(r[0] for r in links if r[0])]
    everything = logs.text(site.folder) + "".join(p.output() for p in site.processes.values())
    assert len(everything) > 20000
    for text in (everything, cluster.log()):
        assert not [s for s in secrets if s in text]
