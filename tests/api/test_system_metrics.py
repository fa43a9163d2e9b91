"""GET /api/v1/system/metrics: what happened within the last minutes (api/29 SY-03)."""

import pytest

from support.http import data, problem
from support.proc import wait_for

PATH = "/api/v1/system/metrics"


@pytest.fixture(scope="module")
def admin(system):
    return system.api("A0001")


def route(seen, path, method="GET"):
    return next((r for r in seen["requests"]["per_route"] if (r["route"], r["method"]) == (path, method)), None)


def test_requests_of_the_window(system, admin):
    patient = system.api("13800000001")
    before = data(admin.get(PATH))
    was = route(before, "/patient/appointments") or {"count": 0, "errors": 0}
    for _ in range(7):
        patient.get("/patient/appointments")
    for _ in range(3):
        problem(system.api().get("/api/v1/system/info"), "TOKEN_MISSING", 401)
    seen = data(admin.get(PATH + "?window_s=900"))
    mine = route(seen, "/patient/appointments")
    assert (mine["count"], mine["errors"]) == (was["count"] + 7, was["errors"])
    assert 0 < mine["p50_ms"] <= mine["p95_ms"] <= mine["p99_ms"] < 60000
    refused = route(seen, "/api/v1/system/info")
    assert refused["count"] == refused["errors"] >= 3
    assert seen["requests"]["total"] == sum(r["count"] for r in seen["requests"]["per_route"])
    assert 0 <= before["window_s"] <= seen["window_s"] <= 910


def test_what_is_older_than_the_window_is_left_out(system, admin):
    system.api("13800000001").get("/patient/appointments")
    assert route(data(admin.get(PATH + "?window_s=900")), "/patient/appointments")
    wait_for("a window without it", lambda: not route(data(admin.get(PATH + "?window_s=1")), "/patient/appointments"), 30)
    short = data(admin.get(PATH + "?window_s=1"))
    assert 1 <= short["window_s"] <= 12
    assert route(data(admin.get(PATH + "?window_s=900")), "/patient/appointments")


def test_database_memory_cache_and_workers(system, admin):
    def there():
        seen = data(admin.get(PATH))
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
        now = data(admin.get(PATH))["cache"]
        return now["hits"] >= seen["cache"]["hits"] + 4 and now["size"] >= 1 and now["misses"] >= 1
    wait_for("the cache", cached, 5)


@pytest.mark.parametrize("window", ["0", "901", "-1", "x", "1.5", ""])
def test_faulty_windows(admin, window):
    p = problem(admin.get(PATH + "?window_s=" + window), "VALIDATION_FAILED", 422)
    assert [e["field"] for e in p["errors"]] == ["window_s"]


def test_who_may(system):
    problem(system.api().get(PATH), "TOKEN_MISSING", 401)
    problem(system.api("13800000001").get(PATH), "FORBIDDEN", 403)
    problem(system.api("D0001").get(PATH), "FORBIDDEN", 403)
    assert system.api("A0001").get("/api/system/metrics").status_code == 200       # without a version, R-02
