"""The log's files (api/29 Logging): requests apart, turned over by size, compressed, opened anew when they are moved."""

import collections
import json
import os
import signal
import subprocess

import pytest
import requests

from support import logs, paths
from support.proc import wait_for
from support.system import System

LIMIT = 8192


@pytest.fixture(scope="module")
def site():
    s = System(None, {"log.format": "json", "log.max_bytes": LIMIT, "log.keep": 500, "front.workers": 2,
                      "front.contract_extra": os.path.join(paths.ROOT, "tests/bench/openapi")})
    s.conf["log.dir"] = s.folder = os.path.join(s.var, "files")
    s.start_broker()
    s.start_worker("echo")
    s.start_front(wait=False)
    wait_for("the front", lambda: logs.entries(s.folder, "front.log") and _up(s), 20)
    yield s
    try:
        assert set(s.stop().values()) == {0}
    finally:
        s.destroy()


def _up(s):
    try:
        return requests.get(s.base + "/healthz", timeout=2).status_code == 200
    except requests.RequestException:
        return False


def ask(site, request_id):
    assert requests.get(site.base + "/nothing", headers={"X-Request-Id": request_id}, timeout=5).status_code == 404


def requests_logged(site):
    return [e["request_id"] for e in logs.entries(site.folder, "front.access.log") if e["route"] == "none"]


def test_a_full_disk_is_told_to_whoever_started_the_program(site):
    folder = os.path.join(site.var, "full")
    os.mkdir(folder)
    os.symlink("/dev/full", os.path.join(folder, "broker.log"))
    conf = {"log.dir": folder, "broker.inner": "tcp://127.0.0.1:*", "broker.public": "", "broker.events_in": "tcp://127.0.0.1:*",
            "broker.events_out": "tcp://127.0.0.1:*"}
    p = subprocess.Popen([paths.program("guahao-broker")], env=site.env(conf), stderr=subprocess.PIPE, text=True)
    try:
        said = json.loads(p.stderr.readline())
        assert (said["level"], said["msg"], said["reason"]) == ("error", "log_lost", "No space left on device")
    finally:
        p.terminate()
        rest = p.communicate(timeout=10)[1]
    assert "log_lost" not in rest                               # once a minute


def test_lines_stand_where_they_belong(site):
    ask(site, "first")
    wait_for("its line", lambda: "first" in requests_logged(site), 10)
    line = next(e for e in logs.entries(site.folder, "front.access.log") if e["request_id"] == "first")
    assert (line["component"], line["msg"], line["level"], line["status"], line["err"], line["surface"], line["method"]) == \
        ("front.access", "request", "info", 404, "ROUTE_NOT_FOUND", "code", "GET")
    assert {"ts", "pid", "duration_ms", "bytes", "ip"} <= set(line)
    assert not [e for e in logs.entries(site.folder, "front.log") if e["msg"] == "request"]
    for name, program in (("front.log", "front"), ("broker.log", "broker"), ("worker-echo.log", "worker")):
        found = logs.entries(site.folder, name)
        assert found and {e["component"].split(".")[0] for e in found} == {program}
    for p in site.processes.values():
        assert p.output() == ""                                 # nothing went past the files
    assert all(os.stat(p).st_mode & 0o7 == 0 for p in logs.files(site.folder))


def test_full_files_are_put_aside_and_no_line_is_lost(site):
    ids = [f"turn-{i}" for i in range(150)]
    for i in ids:
        ask(site, i)
    wait_for("all lines", lambda: set(ids) <= set(requests_logged(site)), 10)
    wait_for("a compressed file", lambda: [p for p in logs.files(site.folder, "front.access.log") if p.endswith(".gz")], 20)
    wait_for("all but one compressed",
             lambda: len([p for p in logs.files(site.folder, "front.access.log") if not p.endswith(".gz")]) == 1, 20)
    again = collections.Counter(requests_logged(site))
    assert {again[i] for i in ids} == {1}
    assert os.path.getsize(os.path.join(site.folder, "front.access.log")) < LIMIT


def test_moved_files_are_opened_anew_on_sighup(site):
    for name in ("front.access.log", "front.log", "broker.log", "worker-echo.log"):
        os.rename(os.path.join(site.folder, name), os.path.join(site.folder, "moved." + name))
    for p in site.processes.values():
        p.signal(signal.SIGHUP)
    for name in ("front.access.log", "front.log", "broker.log", "worker-echo.log"):
        wait_for(name, lambda name=name: os.path.exists(os.path.join(site.folder, name)), 5)

    def arrives():
        ask(site, "after")
        return "after" in [e["request_id"] for e in logs.entries(site.folder, "front.access.log")]

    wait_for("lines in the new file", arrives, 5)
    assert all(p.running() for p in site.processes.values())
