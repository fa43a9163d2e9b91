"""What operators see and do while all runs: levels of log lines (api/29 SY-11, `guahao log-level`), `guahao workers`, the figures of the
last minutes (SY-03), and what rules and dashboard are about."""

import datetime as dt
import json
import os
import re
import shutil
import subprocess
import time

import pytest
import requests
import yaml

from support import metrics
from support.http import data, problem
from support.proc import wait_for
from support.system import free_port
from support.watching import NAME, PROMETHEUS, expressions, rules

LEVEL = "/api/v1/system/log-level"
METRICS = "/api/v1/system/metrics"


@pytest.fixture(scope="module")
def admin(system):
    return system.api("A0001")


@pytest.fixture
def as_the_settings_say(system):
    yield
    system.cli("log-level", "default")


def lines(system, name):
    """Lines of level debug that a program has written so far."""
    return sum("level=debug" in line for line in system[name].output().splitlines())


def talks(system, name):
    """A program writes lines of level debug now; requests make every one do something."""
    before = lines(system, name)
    for _ in range(3):
        system.api("13800000001").get("/patient/appointments")
    return lines(system, name) > before


def quiet(system, name):
    before = lines(system, name)
    for _ in range(3):
        system.api("13800000001").get("/patient/appointments")
    time.sleep(0.2)
    return lines(system, name) == before


def listed(system):
    """But for titanic.*, which the pool jobs serves beside itself."""
    return [w for w in json.loads(system.cli("workers", "--json").stdout) if not w["pool"].startswith("titanic.")]


def workers(system):
    return {(w["pool"], w["level"]) for w in listed(system)}


def test_a_component_for_a_while(system, admin, as_the_settings_say):
    worker = next(n for n in system.processes if "booking" in n)
    assert quiet(system, worker)
    before = dt.datetime.now(dt.timezone.utc)
    got = data(admin.patch(LEVEL, {"level": "debug", "component": "worker", "ttl_s": 4}))
    until = dt.datetime.fromisoformat(got.pop("until"))
    assert got == {"component": "worker", "level": "debug"}
    assert dt.timedelta(seconds=2) < until - before < dt.timedelta(seconds=6)
    wait_for("lines of level debug", lambda: talks(system, worker), 4)
    assert quiet(system, "broker")
    shown = json.loads(system.cli("log-level", "--json").stdout)
    assert shown["level"] == "info" and [(s["component"], s["level"]) for s in shown["set"]] == [("worker", "debug")]
    wait_for("the end", lambda: quiet(system, worker), 15)                # by itself
    assert json.loads(system.cli("log-level", "--json").stdout)["set"] == []


def test_all_programs_until_the_next_change(system, admin, as_the_settings_say):
    assert data(admin.patch(LEVEL, {"level": "debug", "component": "db"})) == {"component": "db", "level": "debug"}
    assert data(admin.patch(LEVEL, {"level": "warn"})) == {"component": "all", "level": "warn"}      # instead of what was set
    shown = json.loads(system.cli("log-level", "--json").stdout)
    assert shown["set"] == [{"component": "all", "level": "warn", "until": None}]
    wait_for("all workers", lambda: {level for _, level in workers(system)} == {"warn"}, 6)
    system.cli("log-level", "default")
    wait_for("all workers", lambda: {level for _, level in workers(system)} == {"info"}, 6)


def test_a_change_is_an_entry_of_the_audit_log(system, admin, as_the_settings_say):
    r = admin.patch(LEVEL, {"level": "error", "component": "front.access", "ttl_s": 60})
    data(r)
    found = [e for e in data(admin.get("/api/v1/system/audit-log?action=log_level"))["items"]
             if e["request_id"] == r.headers["X-Request-Id"]]
    assert [(e["action"], e["entity_id"], e["changes"]) for e in found] == [
        ("log_level.update", "front.access", {"level": [None, "error"]})]


@pytest.mark.parametrize("body, field", [({}, "level"), ({"level": "loud"}, "level"), ({"level": "info", "ttl_s": 0}, "ttl_s"),
                                         ({"level": "info", "ttl_s": 604801}, "ttl_s"),
                                         ({"level": "info", "component": "nobody"}, "component"),
                                         ({"level": "info", "component": "db.worker"}, "component"),
                                         ({"level": "info", "component": "a,all=debug"}, "component")])
def test_faulty_wishes(admin, body, field):
    p = problem(admin.patch(LEVEL, body), "VALIDATION_FAILED", 422)
    assert [e["field"] for e in p["errors"]] == [field]


def test_it_is_no_setting_to_change_directly(system, admin):
    problem(admin.patch("/api/v1/system/config", {"log.override": "all=debug"}), "FIELD_NOT_ALLOWED", 403)


def test_the_command(system, as_the_settings_say):
    out = system.cli("log-level", "debug", "--component", "broker", "--ttl", "120").stdout
    assert "broker         debug  until 20" in out and "all            info   log.level" in out
    wait_for("lines of the broker", lambda: talks(system, "broker") or True, 4)
    out = system.cli("log-level", "default", "--component", "broker").stdout
    assert "broker" not in out
    for words in (["loud"], ["debug", "--component", "nobody"], ["--ttl", "5"], ["default", "--ttl", "5"], ["debug", "--ttl", "0"]):
        run = system.cli("log-level", *words, check=False)
        assert run.returncode == 2 and run.stderr.startswith("guahao"), words


def test_workers_are_listed(system):
    wait_for("all to tell of themselves", lambda: all(level for _, level in workers(system)), 6)
    rows = listed(system)
    queues = json.loads(system.cli("queues", "--json").stdout)["brokers"][0]["queues"]["services"]
    assert sorted(r["pool"] for r in rows) == sorted(s["name"] for s in queues for _ in range(s["workers"]) if not s["name"].startswith("titanic."))
    pids = {p.pid for n, p in system.processes.items() if n not in ("broker", "front")}
    for r in rows:
        assert r["pid"] in pids and r["state"] in ("idle", "busy") and r["brokers"] == 1 and r["trusted"] is True
        assert r["host"] and r["rss_bytes"] > 1e6 and 0 <= r["seen_ms"] < 6000 and r["credit"] > 0 and r["failed"] == 0
    table = system.cli("workers").stdout.splitlines()
    assert table[0].split() == ["POOL", "HOST", "PID", "STATE", "HAND", "CREDIT", "DONE", "REFUSED", "FAILED", "LEVEL", "RSS",
                                "BROKERS", "SEEN"]
    assert len(table) > len(rows) and any(line.startswith("booking ") for line in table)
    before = {r["pool"]: r["done"] for r in rows}
    for _ in range(3):
        system.api("13800000001").get("/patient/appointments")
    wait_for("three more", lambda: {r["pool"]: r["done"] for r in listed(system)}["booking"]
             >= before["booking"] + 3, 6)


def route(seen, path, method="GET"):
    return next((r for r in seen["requests"]["per_route"] if (r["route"], r["method"]) == (path, method)), None)


def test_requests_of_the_window(system, admin):
    patient = system.api("13800000001")
    before = data(admin.get(METRICS))
    was = route(before, "/patient/appointments") or {"count": 0, "errors": 0}
    for _ in range(7):
        patient.get("/patient/appointments")
    for _ in range(3):
        problem(system.api().get("/api/v1/system/info"), "TOKEN_MISSING", 401)
    seen = data(admin.get(METRICS + "?window_s=900"))
    mine = route(seen, "/patient/appointments")
    assert (mine["count"], mine["errors"]) == (was["count"] + 7, was["errors"])
    assert 0 < mine["p50_ms"] <= mine["p95_ms"] <= mine["p99_ms"] < 60000
    refused = route(seen, "/api/v1/system/info")
    assert refused["count"] == refused["errors"] >= 3
    assert seen["requests"]["total"] == sum(r["count"] for r in seen["requests"]["per_route"])
    assert 0 <= before["window_s"] <= seen["window_s"] <= 910


def test_what_is_older_than_the_window_is_left_out(system, admin):
    system.api("13800000001").get("/patient/appointments")
    assert route(data(admin.get(METRICS + "?window_s=900")), "/patient/appointments")
    wait_for("a window without it", lambda: not route(data(admin.get(METRICS + "?window_s=1")), "/patient/appointments"), 30)
    short = data(admin.get(METRICS + "?window_s=1"))
    assert 1 <= short["window_s"] <= 12
    assert route(data(admin.get(METRICS + "?window_s=900")), "/patient/appointments")


def test_database_memory_cache_and_workers(system, admin):
    def there():
        seen = data(admin.get(METRICS))
        return seen if seen["database"]["queries"] and seen["workers"] else None
    wait_for("the first figures", there, 30)
    seen = there()
    d = seen["database"]
    assert 0 <= d["in_use"] <= d["pool_size"] > 0 and d["waiting"] >= 0 and 0 <= d["slow"] <= d["queries"] and d["mean_ms"] > 0
    pids = {p.pid for n, p in system.processes.items() if n not in ("broker", "front")}
    assert {w["pid"] for w in seen["workers"]} == pids
    assert {w["pool"] for w in seen["workers"]} >= {"booking", "identity", "system"}
    assert all(w["state"] in ("idle", "busy") and w["done"] >= w["failed"] == 0 for w in seen["workers"])
    memory = seen["memory"]["rss_bytes"]
    assert {k.rpartition(":")[2] for k in memory if k.startswith("worker-")} == {str(p) for p in pids}
    assert "front-0" in memory and all(v > 1e6 for v in memory.values())
    for _ in range(4):
        admin.get("/api/v1/system/info")

    def cached():
        now = data(admin.get(METRICS))["cache"]
        return now["hits"] >= seen["cache"]["hits"] + 4 and now["size"] >= 1 and now["misses"] >= 1
    wait_for("the cache", cached, 5)


@pytest.mark.parametrize("window", ["0", "901", "-1", "x", "1.5", ""])
def test_faulty_windows(admin, window):
    p = problem(admin.get(METRICS + "?window_s=" + window), "VALIDATION_FAILED", 422)
    assert [e["field"] for e in p["errors"]] == ["window_s"]


def test_who_may(system):
    problem(system.api().get(METRICS), "TOKEN_MISSING", 401)
    problem(system.api("13800000001").get(METRICS), "FORBIDDEN", 403)
    problem(system.api("D0001").get(METRICS), "FORBIDDEN", 403)
    assert system.api("A0001").get("/api/system/metrics").status_code == 200       # without a version, R-02


def test_every_expression_is_about_what_a_running_system_shows(system):
    def shown():
        m = metrics.read(system.api())
        return m if m.sum("guahao_database_bytes") else None
    wait_for("the first look at the database", shown, 30)
    m = shown()
    known = {f + s for f, kind in m.families.items() for s in (("_bucket", "_sum", "_count") if kind == "histogram" else ("",))}
    labels = {}
    for name, have in m.samples:
        labels.setdefault(name, set()).update(k for k, _ in have)
    checked = 0
    for where, expression in expressions():
        for name in NAME.findall(expression):
            assert name in known, (where, name)
            checked += 1
        for name, selector in re.findall(r"\b(guahao_[a-z0-9_]+)\{([^}]*)\}", expression):
            for label in re.findall(r"([a-z_]+)(?:=~|!~|!=|=)", selector):
                assert name not in labels or label in labels[name], (where, name, label)
    assert checked > 60
    assert m.sum("guahao_database_bytes") > 1e6 and m.sum("guahao_database_connections") >= 2
    assert m.values("guahao_default_partition_rows", "table") == {"job_done", "audit_log", "user_access_log"}
    assert m.sum("guahao_default_partition_rows") == 0 and m.sum("guahao_replication_standbys") == 0
    assert m.values("guahao_durable_jobs", "status") == {"queued", "running", "dead"}


# ---- SY-12

FLUSH = "/api/v1/system/cache/flush"


def noted(system):
    """What each process says it has dropped in the last flush."""
    db = system.database
    (flush,) = db.row("select flush from cache_flushes order by at desc limit 1")
    return {p: n for p, n in db.query("select process, entries from cache_flushes where flush = %s", flush)}


def fronts(system, of):
    """Of these processes those that are no worker."""
    workers = {f"{w['host']}:{w['pid']}" for w in listed(system)}
    return {p: n for p, n in of.items() if p not in workers}, workers


def test_a_flush_reaches_every_process(system, admin):
    second = system.start_worker("booking", name="booking-again")
    try:
        wait_for("the new worker", lambda: any(w["pid"] == second.pid and w["level"] for w in listed(system)), 10)
        patient = system.api("13800000001")
        for _ in range(12):
            patient.get("/patient/appointments")
            admin.get("/api/v1/system/audit-log")
        flushed = data(admin.post(FLUSH))["flushed"]
        said = noted(system)
        front, workers = fronts(system, said)
        assert workers <= set(said) and any(p.endswith(f":{second.pid}") for p in said)          # every worker process
        assert len(front) == len({k for k in data(admin.get(METRICS))["memory"]["rss_bytes"] if k.startswith("front-")})
        assert flushed == sum(said.values())
        assert sum(front.values()) >= 1 and all(said[w] >= 1 for w in workers), said             # tokens; roles at least
        assert sum(said[w] for w in workers) > len(workers)                                      # and callers
        # all goes on as before, and there is less to drop now
        assert patient.get("/patient/appointments").json()["code"] == 0
        assert data(admin.post(FLUSH, {"scope": "tokens"}))["flushed"] <= 2 * len(front)
        tokens = noted(system)
        assert set(tokens) == set(said) and not any(tokens[w] for w in workers)
    finally:
        second.stop()


def test_what_was_kept_of_a_caller_is_gone(system, admin):
    """Rights that are taken away in the database alone are not heard of: they last until they are read again."""
    db = system.database
    user = data(admin.get("/api/v1/users/me"))["id"]
    other = system.api("N0001")
    problem(other.get("/api/v1/system/audit-log"), "FORBIDDEN", 403)                             # its rights are known
    nurse = data(other.get("/api/v1/users/me"))["id"]
    db.query("insert into user_roles (user_id, role_code) values (%s, 'ADMIN')", nurse)
    try:
        assert data(admin.post(FLUSH, {"scope": "callers"}))["flushed"] >= 1
        assert data(other.get("/api/v1/system/audit-log"))["total"] > 0
        entry = data(admin.get("/api/v1/system/audit-log?action=cache.flush"))["items"][0]
        assert (entry["actor_id"], entry["entity"], entry["entity_id"], entry["outcome"]) == (user, "cache", "callers", "success")
    finally:
        db.query("delete from user_roles where user_id = %s and role_code = 'ADMIN'", nurse)
        data(admin.post(FLUSH, {"scope": "callers"}))
    problem(other.get("/api/v1/system/audit-log"), "FORBIDDEN", 403)


def test_settings_are_read_again(system, admin):
    """Rows that were written behind the system's back, without an event."""
    db, patient = system.database, system.api("13800000001")
    rows = db.query("delete from role_permissions where role_code = 'PATIENT' and permission_code = 'appointment:read' returning scope")
    assert patient.get("/api/v1/appointments").status_code == 200
    try:
        data(admin.post(FLUSH, {"scope": "settings"}))
        wait_for("no right", lambda: patient.get("/api/v1/appointments").status_code == 403, 5)
    finally:
        for scope, in rows:
            db.query("insert into role_permissions (role_code, permission_code, scope) values ('PATIENT', 'appointment:read', %s)", scope)
        data(admin.post(FLUSH, {"scope": "settings"}))
    wait_for("the right", lambda: patient.get("/api/v1/appointments").status_code == 200, 5)


@pytest.mark.parametrize("body", [{"scope": "everything"}, {"scope": 1}, {"scope": None}])
def test_faulty_scopes(admin, body):
    p = problem(admin.post(FLUSH, body), "VALIDATION_FAILED", 422)
    assert [e["field"] for e in p["errors"]] == ["scope"]


def test_a_flush_is_for_administrators(system):
    problem(system.api("13800000001").post(FLUSH), "FORBIDDEN", 403)
    problem(system.api().post(FLUSH), "TOKEN_MISSING", 401)


# ---- a real Prometheus

def test_prometheus_takes_it_all(system, admin, tmp_path):
    """The project's own configuration and rules: its target is up, every rule is evaluated, every question of the dashboard is answered."""
    if not shutil.which("prometheus"):
        pytest.skip("prometheus is not installed")
    port = free_port()
    with open(os.path.join(PROMETHEUS, "prometheus.yml")) as f:
        conf = yaml.safe_load(f)
    conf["global"] = {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "500ms"}
    conf["rule_files"] = [os.path.join(PROMETHEUS, name) for name in conf["rule_files"]]
    conf["scrape_configs"][0]["static_configs"][0]["targets"] = [system.base.removeprefix("http://")]
    file = tmp_path / "prometheus.yml"
    file.write_text(yaml.safe_dump(conf))
    base = f"http://127.0.0.1:{port}/api/v1/"
    with subprocess.Popen(["prometheus", f"--config.file={file}", f"--storage.tsdb.path={tmp_path / 'data'}",
                           f"--web.listen-address=127.0.0.1:{port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as p:
        try:
            def ask(what, **query):
                try:
                    return requests.get(base + what, params=query, timeout=5).json().get("data")
                except (requests.ConnectionError, ValueError):            # it is starting
                    return None

            def series(e):
                return (ask("query", query=e.replace("$__rate_interval", "5m")) or {}).get("result")
            wait_for("four looks", lambda: (series("max(count_over_time(up[1m]))") or [{"value": (0, "0")}])[0]["value"][1] >= "4", 20)
            (target,) = ask("targets")["activeTargets"]
            assert (target["health"], target["lastError"]) == ("up", "")
            wait_for("all rules", lambda: all(r["health"] == "ok" for g in ask("rules")["groups"] for r in g["rules"]), 10)
            answers = {title: series(e) for title, e in expressions()}
            assert all(a is not None for a in answers.values()), [t for t, a in answers.items() if a is None]
            alerts = {r["alert"] for r in rules() if "alert" in r}
            # nothing of that has happened here
            quiet = {"Bookings", "Payments", "Standbys", "Locked accounts, clients that left"}
            assert {t for t, a in answers.items() if not a} - alerts <= quiet
        finally:
            p.terminate()
            p.wait(20)
