"""A crowd at one operation: its requests go in order of arrival, and requests for other operations pass them."""

import os
import signal
import threading
import time

import pytest

from support.front import SILENT, Bench, read_all, status_of, token
from support.proc import wait_for

CROWD = 150
WINDOW, SPAN_S = 6, 0.05        # jobs of one operation under way beside others; so many go on in each span, however slow


def request(n):
    body = b'{"n":%d}' % n
    return b"POST /bench/echo HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(body), body)


@pytest.fixture(scope="module")
def patient():
    """A front that gives its broker time: a crowd is much for one written in Python."""
    b = Bench({"front.timeout_ms": 20000})
    try:
        b.front.wait_ready()
        yield b
    finally:
        b.close()


@pytest.fixture
def front(patient):
    return patient.front


@pytest.fixture
def broker(patient):
    return patient.broker


@pytest.fixture
def held(front):
    """The front's worker stands still until it is let go: all that was sent meanwhile is there at once."""
    parent = front.process.pid
    with open(f"/proc/{parent}/task/{parent}/children", encoding="ascii") as f:
        worker, = map(int, f.read().split())
    os.kill(worker, signal.SIGSTOP)
    yield lambda: os.kill(worker, signal.SIGCONT)
    os.kill(worker, signal.SIGCONT)


def metric(front, name):
    line, = (x for x in front.get("/metrics").text.splitlines() if x.startswith(name + " "))
    return int(line.rpartition(" ")[2])


@pytest.fixture
def crowd(front):
    sockets = [front.connect() for _ in range(CROWD)]
    assert front.get("/healthz").status_code == 200        # all of them were accepted before this one
    yield sockets
    for s in sockets:
        s.close()


def send_all(sockets):
    for n, s in enumerate(sockets):
        s.sendall(request(n))
        time.sleep(0.0005)         # in this order


def test_who_asks_for_something_else_passes_the_crowd(front, broker, crowd, held):
    broker.on("echo.echo", lambda job: job.args["body"])
    broker.on("directory.browse_hospitals", {"areas": []})
    before = len(broker.jobs)
    send_all(crowd)
    with front.connect() as other:
        other.sendall(b"GET /patient/hospitals HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        time.sleep(0.05)
        held()
        assert status_of(read_all(other, 20)) == 200
    assert [status_of(read_all(s, 20)) for s in crowd] == [200] * CROWD
    jobs = broker.jobs[before:]
    place = [j.op for j in jobs].index("directory.browse_hospitals")
    assert place < CROWD // 2, f"{place} of the crowd came before"
    numbers = [j.args["body"]["n"] for j in jobs if j.op == "echo.echo"]
    assert numbers == list(range(CROWD))


def test_who_leaves_while_he_waits_is_forgotten(front, broker, crowd, held):
    broker.on("echo.echo", lambda job: job.args["body"])
    send_all(crowd)
    held()
    for s in reversed(crowd[1::2]):     # the last of the line first, while the first ones have their turn
        s.close()
    assert [status_of(read_all(s, 20)) for s in crowd[::2]] == [200] * (CROWD // 2)
    wait_for("nobody to wait", lambda: metric(front, "guahao_front_parked") == 0, 10)
    assert front.post("/bench/echo", json={"n": 1}).json() == {"n": 1}


def test_beside_others_a_crowd_goes_on_at_its_pace(make_bench):
    b = make_bench(conf={"front.crowd_window": WINDOW, "front.workers": 1, "front.timeout_ms": 40000})
    b.front.wait_ready()
    held, other, answers = [], [], []

    def hold(job):
        held.append((time.monotonic(), job))
        return SILENT

    def hold_other(job):
        other.append(job)
        return SILENT

    b.broker.on("echo.echo", hold)
    b.broker.on("booking.get_appointment", hold_other)
    asks = threading.Thread(target=lambda: answers.append(b.front.get("/patient/appointments/1", token=token(), timeout=60)))
    asks.start()
    wait_for("the other request", lambda: other, 10)
    crowd = [b.front.connect() for _ in range(CROWD)]
    start = time.monotonic()
    for n, s in enumerate(crowd):
        s.sendall(request(n))
    shown = []

    def shown_or_over():
        shown.append(metric(b.front, "guahao_front_waiting"))
        return shown[-1] > 0 or len(held) == CROWD

    wait_for("those who wait to be shown", shown_or_over, 20)
    assert all(n <= CROWD for n in shown)
    wait_for("all of the crowd to be under way", lambda: len(held) == CROWD, 30)
    # nobody was answered: beyond its window it went on only by the span
    assert held[-1][0] - start > (CROWD - 2 * WINDOW) / WINDOW * SPAN_S
    for _, job in held:
        b.broker.answer(job, {"n": 1})
    b.broker.answer(other[0], {"code": 0})
    assert [status_of(read_all(s, 30)) for s in crowd] == [200] * CROWD
    asks.join(30)
    assert answers[0].status_code == 200
    wait_for("nobody to wait", lambda: metric(b.front, "guahao_front_waiting") == 0, 10)
