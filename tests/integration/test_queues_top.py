"""`guahao queues` and `guahao top` against a broker of our own making, piped and on a terminal."""

import json
import os
import pty
import re
import select
import shutil
import signal
import threading
import time

import pytest
import zmq
import zmq.auth

from support import paths
from support.system import System, free_port

BOUNDS = [100, 1000, 10000, None]


class Broker:
    """Answers mmi.queues and mmi.workers; each look finds 500 more jobs done, all of 100..1000 us. `odd`: answer with that."""

    def __init__(self, endpoint):
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.ROUTER)
        self.socket.bind(endpoint)
        self.looks = 0
        self.odd = None
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stop.is_set():
            if not self.socket.poll(50):
                continue
            who, header, command, service, *_ = self.socket.recv_multipart()
            assert header == b"MDPC02" and command == b"\x01"
            reply = self.odd if self.odd is not None else [b"200", json.dumps(self.answer(service)).encode()]
            self.socket.send_multipart([who, b"MDPC02", b"\x03", service, *reply])
        self.socket.close(0)
        self.context.term()

    def answer(self, service):
        if service == b"mmi.workers":
            return {"workers": [{"id": "00ff10", "service": "booking", "credit": 64, "running": 1, "done": self.looks * 500,
                                 "age_s": 9, "silent_ms": 120, "trusted": True}]}
        self.looks += 1
        n = self.looks * 500
        hist = {"count": n, "sum": n * 500, "p50": 500, "p95": 950, "p99": 990, "max": 999,
                "buckets": [[b, 0 if b == 100 else n] for b in BOUNDS]}
        return {"broker": {"id": "abcdef0123456789", "uptime_s": 77, "version": "9.9", "inner_peers": 3},
                "services": [{"name": "booking", "workers": 1, "credit": 64, "running": 3, "waiting": [1, 2, 3], "depth": 6,
                              "oldest_ms": 12, "paused": True, "accepted": n + 9, "done": n, "refused_full": 4,
                              "refused_no_worker": 1, "expired": 2, "requeued": 1, "dead": 0, "wait_us": hist, "work_us": hist}]}

    def close(self):
        self.stop.set()
        self.thread.join()


@pytest.fixture
def system():
    s = System(None)
    os.makedirs(os.path.join(s.var, "run"), mode=0o700)
    yield s
    s.destroy()


@pytest.fixture
def broker(system):
    b = Broker(system.inner)
    yield b
    b.close()


def test_queues_shows_a_line_for_each_service(system, broker):
    out = system.cli("queues").stdout
    line = next(x for x in out.splitlines() if x.startswith("booking"))
    assert line.split() == ["booking", "1", "64", "3", "1", "2", "3", "12.0ms", "500", "5", "2", "1", "0", "955us", "550us", "991us",
                            "paused"]
    assert out.splitlines()[1].split()[0] == "SERVICE"


def test_queues_as_json_keeps_what_the_broker_says(system, broker):
    doc = json.loads(system.cli("queues", "--json").stdout)
    assert doc["brokers"][0]["endpoint"] == system.inner
    assert doc["brokers"][0]["queues"]["services"][0]["waiting"] == [1, 2, 3]
    assert doc["brokers"][0]["workers"]["workers"][0]["id"] == "00ff10"


def test_a_broker_that_is_not_there_is_told(system, broker):
    done = system.cli("queues", "--json", "--timeout", "200", check=False,
                      conf={"link.inner": f"{system.inner},ipc://{system.var}/run/other.sock"})
    assert done.returncode == 1 and "other.sock" in done.stderr
    doc = json.loads(done.stdout)
    assert doc["brokers"][0]["queues"] and doc["brokers"][1]["queues"] is None


@pytest.mark.parametrize("command", [("queues", "--timeout", "500"), ("top", "--once", "--interval", "200")])
def test_several_brokers_stand_side_by_side(system, broker, command):
    other = Broker(f"ipc://{system.var}/run/other.sock")
    try:
        out = system.cli(*command, conf={"link.inner": f"{system.inner},ipc://{system.var}/run/other.sock"}).stdout
        lines = out[out.index("all 2 brokers"):].splitlines()
        assert lines[0].startswith("all 2 brokers  dead letters 0")
        assert lines[1].split() == ["SERVICE", "WORKERS", "RUNNING", "WAITING", "OLDEST", "DONE", "DEAD", "1", "2"]
        both = lines[2].split()
        assert both[:5] == ["booking", "2", "6", "12", "12.0ms"] and both[6:] == ["0", "1/3/6", "1/3/6"]
    finally:
        other.close()
    done = system.cli(*command, check=False, conf={"link.inner": f"{system.inner},ipc://{system.var}/run/other.sock"})
    assert "(silent)" in done.stdout and " - " not in done.stdout.split("(silent)")[0]


@pytest.mark.parametrize("reply", [[b"403"], [b"200"], [b"200", b"{"], [b"200", b"[]"], [b"501"], [b""], [b"\xff" * 40], []])
def test_odd_answers_are_no_answers(system, broker, reply):
    broker.odd = reply
    done = system.cli("queues", "--timeout", "200", check=False)
    assert done.returncode == 1 and "no answer" in done.stderr


def test_top_once_gives_rates_of_the_interval(system, broker):
    out = system.cli("top", "--once", "--interval", "250").stdout
    assert "\x1b" not in out
    line = next(x for x in out.splitlines() if x.startswith("booking ")).split()
    assert line[:5] == ["booking", "1", "3", "6", "12.0ms"]
    rate = int(line[5])                                       # 500 in a little over 250 ms
    assert 200 <= rate <= 2000
    assert line[7:9] == ["550us", "991us"]


def test_top_piped_prints_blocks(system, broker):
    out = system.cli("top", "--interval", "100", "--count", "3").stdout
    assert out.count("guahao top") == 3 and "\x1b" not in out


def test_top_without_a_broker_fails(system):
    done = system.cli("top", "--once", "--interval", "100", check=False)
    assert done.returncode == 1


@pytest.mark.parametrize("leave", ["q", signal.SIGTERM, signal.SIGINT])
def test_top_puts_the_terminal_back(system, broker, leave):
    program = paths.program("guahao")
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(program, [program, "top", "--interval", "100"], system.env())
    seen, sent, end = b"", False, time.monotonic() + 20
    while time.monotonic() < end:
        if select.select([fd], [], [], 0.1)[0]:
            try:
                data = os.read(fd, 65536)
            except OSError:
                break
            if not data:
                break
            seen += data
        if not sent and seen.count(b"booking") > 2:
            sent = True
            if leave == "q":
                os.write(fd, b"q")
            else:
                os.kill(pid, leave)
    status = os.waitpid(pid, 0)[1]
    os.close(fd)
    assert sent and os.waitstatus_to_exitcode(status) == 0
    assert seen.startswith(b"\x1b[?1049h") and seen.endswith(b"\x1b[?25h\x1b[?1049l")
    assert re.search(rb"WORK50", seen)


def make_key(folder, name, role=None):
    """A CURVE key pair as the README makes one: NAME.key and NAME.key_secret, with a role in the public file."""
    zmq.auth.create_certificates(folder, name)
    path = os.path.join(folder, name + ".key")
    if role:
        with open(path, encoding="ascii") as f:
            text = f.read()
        with open(path, "w", encoding="ascii") as f:
            f.write(re.sub(r"^metadata$", f'metadata\n    role = "{role}"', text, flags=re.M))
    return path


def test_queues_over_curve(make_system):
    """A real broker on tcp with CURVE: a key with role ops is answered, none or an unknown one is not."""
    s = make_system(None)
    curve = os.path.join(s.var, "curve")
    os.makedirs(os.path.join(curve, "clients"), mode=0o700)
    server = make_key(curve, "server")
    ops, stranger = make_key(s.var, "ops", "ops"), make_key(s.var, "stranger", "ops")
    shutil.copy(ops, os.path.join(curve, "clients"))
    port = free_port()
    s.start_broker(conf={"broker.inner": f"{s.inner},tcp://127.0.0.1:{port}", "broker.curve_dir": curve})
    link = {"link.inner": f"tcp://127.0.0.1:{port}", "link.server_cert": server}
    good = s.cli("queues", "--json", conf={**link, "link.cert": ops})
    assert json.loads(good.stdout)["brokers"][0]["queues"]["broker"]["id"]
    for conf in (link, {**link, "link.cert": stranger}):
        assert s.cli("queues", "--timeout", "500", check=False, conf=conf).returncode == 1
