"""The log line of each request, and the way of a trace through job, log and reply."""

import json
import re

import pytest

from support.front import Bench, Reply, SILENT, token
from support.proc import wait_for

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def lines(front):
    """The lines of requests other than probes."""
    found = [json.loads(s) for s in front.process.output().splitlines() if s.startswith("{")]
    return [e for e in found if e["msg"] == "request" and e["route"] not in ("/health", "/readyz")]


def line_of(front, request_id):
    def mine():
        return [e for e in lines(front) if e["request_id"] == request_id]
    wait_for("the line of " + request_id, mine, 10)
    assert len(mine()) == 1
    return mine()[0]


@pytest.fixture(scope="module")
def logged():
    b = Bench({"log.format": "json", "proxy.trusted": "127.0.0.1"})
    try:
        b.front.wait_ready()
        yield b
    finally:
        b.close()


def test_a_line_says_who_what_and_how_long(logged):
    logged.broker.on("booking.v1_get_appointment", Reply({"id": 5}, timings=[1500, 2750]))
    r = logged.front.get("/api/v1/appointments/5?secret=yes", token=token(user=77), headers={
        "X-Request-Id": "line-1", "traceparent": TRACE, "X-Forwarded-For": "192.0.2.9", "Accept-Encoding": "identity"})
    e = line_of(logged.front, "line-1")
    assert r.headers["traceparent"] == TRACE and logged.broker.last().head["trace"] == TRACE
    assert {k: e[k] for k in ("user_id", "surface", "method", "route", "status", "queue_ms", "work_ms", "bytes", "ip",
                              "trace", "level", "component")} == {
        "user_id": 77, "surface": "v1", "method": "GET", "route": "/api/v1/appointments/{id}", "status": 200,
        "queue_ms": 1.5, "work_ms": 2.75, "bytes": len(r.content), "ip": "192.0.2.9", "trace": TRACE, "level": "info",
        "component": "front.access"}
    assert 0 < e["duration_ms"] < 10000 and re.match(r"\d{4}-\d\d-\d\dT", e["ts"])
    assert "err" not in e and "secret" not in logged.front.process.output()


def test_refusals_name_their_error(logged):
    front = logged.front
    logged.broker.on("booking.v1_get_appointment", Reply(error="NOT_OWNER", timings=[10, 20]))
    front.get("/api/v1/appointments/5", token=token(user=78), headers={"X-Request-Id": "line-2"})
    e = line_of(front, "line-2")
    assert e["status"] == 403 and e["err"] == "NOT_OWNER" and e["user_id"] == 78 and e["work_ms"] == 0.02
    front.get("/api/v1/appointments/5", headers={"X-Request-Id": "line-3", "traceparent": "00-zz"})
    e = line_of(front, "line-3")
    assert e["status"] == 401 and e["err"] == "TOKEN_MISSING"
    assert not {"user_id", "work_ms", "db_ms"} & set(e) and re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-00", e["trace"])
    front.call("PATCH", "/api/v1/nowhere/13800000001", headers={"X-Request-Id": "line-4"})
    e = line_of(front, "line-4")
    assert (e["status"], e["err"], e["route"], e["method"]) == (404, "ROUTE_NOT_FOUND", "none", "PATCH")
    assert "13800000001" not in front.process.output()


def test_what_no_handler_saw_has_a_line_too(logged):
    with logged.front.connect() as s:
        s.sendall(b"GET /appointment/1 HTTP/3.0\r\nHost: x\r\n\r\n")
        assert b" 505 " in s.recv(4096)
    wait_for("its line", lambda: [e for e in lines(logged.front) if e["status"] == 505 and e["ip"] == "127.0.0.1"], 10)


def test_a_client_that_leaves_has_a_line(logged):
    logged.broker.on("booking.v1_get_appointment", lambda job: SILENT)
    s = logged.front.connect()
    s.sendall(b"GET /api/v1/appointments/5 HTTP/1.1\r\nHost: x\r\nX-Request-Id: line-5\r\nAuthorization: Bearer "
              + token(user=79).encode() + b"\r\n\r\n")
    wait_for("the job", lambda: logged.broker.last().actor.get("user") == 79, 10)
    s.close()
    e = line_of(logged.front, "line-5")
    assert e["status"] == 499 and e["user_id"] == 79 and e["bytes"] == 0


@pytest.mark.parametrize("conf", [{"front.access_log": "off"}, {"front.access_log": "debug"}])
def test_the_lines_have_a_level_of_their_own(make_bench, conf):
    b = make_bench({**conf, "log.format": "json"})
    b.front.wait_ready()
    b.front.get("/nothing")
    b.front.get("/healthz")
    b.front.process.stop()
    assert not lines(b.front) and "worker_started" in b.front.process.output()
