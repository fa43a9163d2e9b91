"""/api/v1/system: health, readiness and facts (api/29 SY-01, SY-02, SY-09)."""

import re

from support.front import token
from support.http import data, problem
from support.proc import wait_for


def test_health_of_a_whole_system(system):
    health = data(system.api().get("/api/v1/system/health"))
    assert health["status"] == "up" and health["checks"] == {} and health["uptime_s"] >= 0
    assert re.fullmatch(r"\d+\.\d+\.\d+", health["version"]) and health["time"].endswith("+08:00")
    signed_in = data(system.api("13800000001").get("/api/v1/system/health"))
    checks = signed_in["checks"]
    assert {name: c["status"] for name, c in checks.items()} == dict.fromkeys(("database", "broker", "workers", "storage"), "up")
    assert all(0 < checks[name]["latency_ms"] < 10000 for name in ("database", "broker", "storage"))
    assert checks["workers"] == {"status": "up"}
    assert data(system.api().get("/api/v1/system/ready"))["status"] == "up"


def test_without_a_version_a_token_is_needed(system):
    """R-02."""
    for path in ("/api/system/health", "/api/system/ready", "/api/openapi.json"):
        assert system.api().get(path).status_code == 401
        assert system.api("13800000001").get(path).status_code == 200
    assert system.api(token="no-token").get("/api/v1/system/health").status_code == 200
    problem(system.api(token="no-token").get("/api/v1/system/info"), "TOKEN_INVALID", 401)


def test_info(system):
    problem(system.api().get("/api/v1/system/info"), "TOKEN_MISSING", 401)
    info = data(system.api("13800000001").get("/api/v1/system/info"))
    version = system.cli("version").stdout.split()[1]
    features = info.pop("features")
    assert features == sorted(set(features)) and {"booking", "directory", "identity"} <= set(features) and "front" not in features
    assert info == {"name": "Guahao", "version": version, "api_versions": ["v1"], "environment": "development",
                    "timezone": "Asia/Shanghai", "currency": "CNY"}
    assert data(system.api("13800000001").get("/api/system/info"))["version"] == version


def test_settings_are_told(make_bench):
    b = make_bench({"hospital.name": "Second Hospital", "hospital.timezone": "Africa/Algiers", "hospital.currency": "DZD",
                    "front.contract_extra": ""})
    b.front.wait_ready()
    info = data(b.front.get("/api/v1/system/info", token=token()))
    assert (info["name"], info["timezone"], info["currency"]) == ("Second Hospital", "Africa/Algiers", "DZD")
    assert data(b.front.get("/api/v1/system/health"))["time"].endswith("+01:00")


def test_a_lost_pool_degrades_and_a_lost_broker_is_down(make_bench):
    b = make_bench()
    b.front.wait_ready()
    b.broker.workers["booking"] = 0

    def state():
        return data(b.front.get("/api/v1/system/health"))["status"]
    wait_for("degraded", lambda: state() == "degraded", 15)
    refused = b.front.get("/api/v1/system/ready")
    problem(refused, "SERVICE_UNAVAILABLE", 503)
    assert refused.headers["retry-after"] == "1"
    checks = data(b.front.get("/api/v1/system/health", token=token()))["checks"]
    assert {name: c["status"] for name, c in checks.items()} == {
        "database": "up", "broker": "up", "workers": "down", "storage": "up"}
    assert checks["workers"]["detail"] == "no worker of booking"
    b.broker.workers["booking"] = 1
    wait_for("up again", lambda: state() == "up", 15)
    b.broker.close()
    wait_for("down", lambda: state() == "down", 15)
    problem(b.front.get("/api/v1/system/ready"), "SERVICE_UNAVAILABLE", 503)


def test_queues_and_workers_of_every_pool(system, demo_db):
    """SY-04."""
    admin = system.api(user="A0001")
    wait_for("the brokers' words", lambda: data(admin.get("/api/v1/system/queues")), 15)
    before = {q["pool"]: q for q in data(admin.get("/api/v1/system/queues"))}
    assert {"booking", "identity", "stats", "jobs"} <= set(before) and list(before) == sorted(before)
    booking = before["booking"]
    assert booking["capacity"] == 10000 and booking["depth"] == 0 and booking["oldest_age_ms"] is None
    assert len(booking["workers"]) == 1 and len(before["identity"]["workers"]) >= 1
    worker = before["directory"]["workers"][0]
    assert worker["state"] in ("idle", "busy") and worker["failed"] == 0 and worker["last_seen"].endswith("+08:00")
    for _ in range(20):
        system.api().get("/patient/hospitals")

    def now():
        return next(q for q in data(admin.get("/api/v1/system/queues")) if q["pool"] == "directory")["workers"][0]
    wait_for("the answers to be counted", lambda: now()["done"] >= worker["done"] + 20 and now()["failed"] == 0, 15)
    # a statement that fails is the worker's failure
    demo_db.query("alter table hospital_areas rename to hospital_areas_away")
    try:
        assert system.api().get("/patient/hospitals").json()["code"] == 97
    finally:
        demo_db.query("alter table hospital_areas_away rename to hospital_areas")
    wait_for("the failure to be counted", lambda: now()["failed"] == 1, 15)


def test_queues_are_for_who_may_read_the_system(system):
    problem(system.api().get("/api/v1/system/queues"), "TOKEN_MISSING", 401)
    problem(system.api(token="no-token").get("/api/v1/system/queues"), "TOKEN_INVALID", 401)
    problem(system.api("13800000001").get("/api/v1/system/queues"), "FORBIDDEN", 403)
    assert system.api(user="A0001").get("/api/system/queues").status_code == 200


def test_what_waits_shows_its_age(make_system, demo_db):
    import threading
    other = make_system(demo_db)
    other.start()
    admin = other.api(user="A0001")
    data(admin.get("/api/v1/system/queues"))
    other["booking"].freeze()
    waiting = [threading.Thread(target=lambda: other.api("13800000003").get("/patient/appointments")) for _ in range(3)]
    try:
        for t in waiting:
            t.start()
        def booking():
            return next(q for q in data(admin.get("/api/v1/system/queues")) if q["pool"] == "booking")
        wait_for("jobs in hand or waiting", lambda: booking()["in_flight"] + booking()["depth"] >= 3, 15)
    finally:
        other["booking"].thaw()
        for t in waiting:
            t.join()
