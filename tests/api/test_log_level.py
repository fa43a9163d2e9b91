"""Levels of log lines while all runs: PATCH /api/v1/system/log-level (api/29 SY-11) and `guahao log-level`; `guahao workers`."""

import datetime as dt
import json
import time

import pytest

from support.http import data, problem
from support.proc import wait_for

PATH = "/api/v1/system/log-level"


@pytest.fixture(scope="module")
def admin(system):
    return system.api("A0001")


@pytest.fixture(autouse=True)
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


def test_a_component_for_a_while(system, admin):
    worker = next(n for n in system.processes if "booking" in n)
    assert quiet(system, worker)
    before = dt.datetime.now(dt.timezone.utc)
    got = data(admin.patch(PATH, {"level": "debug", "component": "worker", "ttl_s": 4}))
    until = dt.datetime.fromisoformat(got.pop("until"))
    assert got == {"component": "worker", "level": "debug"}
    assert dt.timedelta(seconds=2) < until - before < dt.timedelta(seconds=6)
    wait_for("lines of level debug", lambda: talks(system, worker), 4)
    assert quiet(system, "broker")
    shown = json.loads(system.cli("log-level", "--json").stdout)
    assert shown["level"] == "info" and [(s["component"], s["level"]) for s in shown["set"]] == [("worker", "debug")]
    wait_for("the end", lambda: quiet(system, worker), 15)                # by itself
    assert json.loads(system.cli("log-level", "--json").stdout)["set"] == []


def test_all_programs_until_the_next_change(system, admin):
    assert data(admin.patch(PATH, {"level": "debug", "component": "db"})) == {"component": "db", "level": "debug"}
    assert data(admin.patch(PATH, {"level": "warn"})) == {"component": "all", "level": "warn"}      # instead of what was set
    shown = json.loads(system.cli("log-level", "--json").stdout)
    assert shown["set"] == [{"component": "all", "level": "warn", "until": None}]
    wait_for("all workers", lambda: {level for _, level in workers(system)} == {"warn"}, 6)
    system.cli("log-level", "default")
    wait_for("all workers", lambda: {level for _, level in workers(system)} == {"info"}, 6)


def test_a_change_is_an_entry_of_the_audit_log(system, admin):
    r = admin.patch(PATH, {"level": "error", "component": "front.access", "ttl_s": 60})
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
    p = problem(admin.patch(PATH, body), "VALIDATION_FAILED", 422)
    assert [e["field"] for e in p["errors"]] == [field]


def test_it_is_no_setting_to_change_directly(system, admin):
    problem(admin.patch("/api/v1/system/config", {"log.override": "all=debug"}), "FIELD_NOT_ALLOWED", 403)


def test_the_command(system):
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
