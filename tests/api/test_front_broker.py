"""When the answer is late, the broker is gone, the client leaves, or the front stops."""

import os
import signal
import socket
import threading
import time
import uuid

import requests

from support.front import SILENT, FakeBroker, Reply, body_of, read_all, status_of, token
from support.proc import wait_for

ECHO = "/bench/echo"


def metric(front, name):
    for line in front.get("/metrics").text.splitlines():
        if line.startswith(name + " "):
            return float(line.split()[-1])
    return None


def test_no_reply_is_a_504_in_time(front, broker):
    broker.on("echo.echo", lambda job: SILENT)
    broker.on("booking.v1_get_appointment", lambda job: SILENT)
    broker.on("booking.get_appointment", lambda job: SILENT)
    start = time.monotonic()
    r = front.post(ECHO, json={})
    assert r.status_code == 504 and "detail" in r.json() and r.headers["retry-after"]
    assert 1.3 < time.monotonic() - start < 4
    r = front.get("/api/v1/appointments/1", token=token())
    assert r.status_code == 504 and r.json()["data"]["code"] == "UPSTREAM_TIMEOUT"
    r = front.get("/patient/appointments/1", token=token())
    assert r.status_code == 504 and r.json()["code"] == 97


def test_full_queues_are_503_with_retry_after(front, broker):
    for error in ("QUEUE_FULL", "SERVICE_UNAVAILABLE"):
        for op, path in (("booking.get_appointment", "/patient/appointments/1"),
                         ("booking.v1_get_appointment", "/api/v1/appointments/1"),
                         ("booking.hb_get_appointment", "/appointment/by_id/1")):
            broker.on(op, Reply(error=error))
            r = front.get(path, token=token())
            assert r.status_code == 503 and int(r.headers["retry-after"]) >= 1, (error, op)


def test_late_and_foreign_replies_change_nothing(front, broker):
    def twice(job):
        return Reply({"n": 1}, id=b"0" * 16)       # an id nobody asked with
    broker.on("echo.echo", twice)
    assert front.post(ECHO, json={}).status_code == 504
    broker.on("echo.echo", {"n": 2})
    assert front.post(ECHO, json={}).json() == {"n": 2}
    assert metric(front, "guahao_front_late_total") >= 1


def test_hostile_replies_are_dropped(make_bench):
    b = make_bench()
    b.front.wait_ready()
    frames = [[b""], [b"MDPC02"], [b"MDPC02", b"\x03", b"echo"], [b"MDPC02", b"\x03", b"echo", b"junk"],
              [b"MDPC02", b"\x03", b"echo", b"GHR1\xdf\xff\xff\xff\xff"], [b"MDPC02", b"\x03", b"mmi.queues", b"200", b"{"],
              [b"MDPC02", b"\x03", b"mmi.queues", b"200", b"[1,2]"], [b"x"] * 100]
    original = b.broker._send

    def send(router, client, service, job, reply):
        for f in frames:
            router.send_multipart([client, *f])
        original(router, client, service, job, reply)

    b.broker._send = send
    b.broker.on("echo.echo", {"ok": True})
    for _ in range(3):
        assert b.front.post(ECHO, json={}).json() == {"ok": True}
    for payload in (b"", b"GHE1", b"GHE1\xc1", b"GHE1\x91\x01", b"x" * 10000):
        b.broker._queue.append(("raw", {}))
    assert b.front.post(ECHO, json={}).json() == {"ok": True}


def test_without_a_broker_everything_is_503_at_once(make_bench):
    b = make_bench()
    b.front.wait_ready()
    b.broker.close()

    def refused():
        start = time.monotonic()
        r = b.front.post(ECHO, json={})
        return r.status_code == 503 and time.monotonic() - start < 1

    wait_for("the refusal", refused, 10)
    assert b.front.get("/healthz").status_code == 200
    wait_for("the loss to be told", lambda: b.front.get("/readyz").status_code == 503, 10)


def test_a_broker_that_comes_back_is_used_again(make_bench):
    b = make_bench()
    b.front.wait_ready()
    b.broker.close()
    wait_for("the broker to be missed", lambda: b.front.get("/readyz").status_code == 503, 10)
    again = FakeBroker(b.var, "b0")
    b.brokers.append(again)
    again.on("echo.echo", {"again": True})
    b.front.wait_ready()
    assert b.front.post(ECHO, json={}).json() == {"again": True}


def test_jobs_of_a_vanished_broker_are_sent_once_more(make_bench):
    b = make_bench(brokers=2, conf={"front.timeout_ms": 8000})
    first, second = b.brokers
    b.front.wait_ready()
    for broker in b.brokers:
        broker.on("booking.v1_book_appointment", lambda job: SILENT)
    results = []

    def book():
        results.append(b.front.post("/api/v1/appointments", token=token(), json={"schedule_id": 880}, timeout=20,
                                    headers={"Idempotency-Key": "k1"}))

    t = threading.Thread(target=book)
    t.start()
    wait_for("the job", lambda: first.jobs or second.jobs, 10)
    holder, other = (first, second) if first.jobs else (second, first)
    job = holder.last()
    assert not job.head.get("resend")
    other.on("booking.v1_book_appointment", {"id": 1})
    holder.close()
    t.join(15)
    again = other.last()
    assert again.head["id"] == job.head["id"] and again.head["resend"] is True
    assert again.args == job.args and again.head["key"] == "k1" and again.actor == job.actor
    assert again.head["trace"] == job.head["trace"]
    assert again.head["deadline"] < job.head["deadline"]
    assert results[0].status_code == 201


def test_a_late_refusal_of_a_silent_broker_does_not_end_a_job_that_went_to_another(make_bench):
    """The second try may be carried out yet: only its answer is one. A success stands, whoever brings it."""
    b = make_bench(brokers=2, conf={"front.timeout_ms": 20000})
    b.front.wait_ready()
    for broker in b.brokers:
        broker.on("booking.v1_book_appointment", lambda job: SILENT)
    results, schedules = {}, range(1, 9)                # both brokers have some: sessions are shared out

    def book(schedule):
        results[schedule] = b.front.post("/api/v1/appointments", token=token(), json={"schedule_id": schedule}, timeout=30)

    threads = [threading.Thread(target=book, args=(s,)) for s in schedules]
    for t in threads:
        t.start()
    silent, other = b.brokers
    wait_for("the jobs", lambda: len(silent.jobs) + len(other.jobs) == len(schedules) and silent.jobs and other.jobs, 10)
    held = list(silent.jobs)
    silent.beat = False
    wait_for("the second tries", lambda: len(other.jobs) == len(schedules), 15)
    for job in held:
        silent.answer(job, Reply(error="SLOT_FULL"))
    silent.answer(held[0], Reply({"id": 2}))
    wait_for("the success to be told", lambda: results, 5)
    assert len(results) == 1
    for job in other.jobs:
        other.answer(job, Reply({"id": 1}))
    for t in threads:
        t.join(25)
    assert [r.status_code for r in results.values()] == [201] * len(schedules), {s: r.text for s, r in results.items()}


def test_a_shard_keeps_its_broker(make_bench):
    b = make_bench(brokers=2)
    b.front.wait_ready()
    for broker in b.brokers:
        broker.on("booking.v1_book_appointment", {"id": 1})
        broker.on("echo.echo", {})
    t = token()
    for schedule in range(1, 9):
        for _ in range(3):
            b.front.post("/api/v1/appointments", token=t, json={"schedule_id": schedule})
    homes = {}
    for i, broker in enumerate(b.brokers):
        for job in broker.jobs:
            homes.setdefault(job.head["shard"], set()).add(i)
    assert len(homes) == 8 and all(len(h) == 1 for h in homes.values())
    assert {min(h) for h in homes.values()} == {0, 1}
    for _ in range(10):
        b.front.post(ECHO, json={})
    assert all(broker.count("echo.echo") >= 3 for broker in b.brokers)     # the front's own jobs take turns too


def test_a_client_that_leaves_costs_nothing(front, broker):
    broker.on("echo.echo", lambda job: SILENT)
    request = b"POST /bench/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
    before = metric(front, "guahao_front_left_total")
    for _ in range(50):
        with front.connect() as s:
            s.sendall(request)
            time.sleep(0.01)
    wait_for("the parked requests to go", lambda: metric(front, "guahao_front_left_total") >= before + 50, 10)
    wait_for("nothing to be parked", lambda: metric(front, "guahao_front_parked") <= 1, 5)
    broker.on("echo.echo", {"n": 1})
    assert front.post(ECHO, json={}).json() == {"n": 1}


JOB = "/api/v1/jobs/019ab5c0-0000-7000-8000-000000000001"
WATCHED = {"id": JOB[-36:], "status": "RUNNING", "progress": 0}


def watch(front, t):
    """A client of a job's events, as far as the first one."""
    s = front.connect()
    s.sendall(f"GET {JOB} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {t}\r\nAccept: text/event-stream\r\nUser-Agent: watcher\r\n"
              "Accept-Language: zh\r\nX-Request-Id: watch-1\r\n\r\n".encode())
    got = b""
    while b"event: job" not in got:
        got += s.recv(4096)
    return s


def test_a_look_at_a_job_outlives_the_client_that_watched_it(make_bench):
    """It is sent again when its broker vanishes, and then nothing is left of the request."""
    b = make_bench(brokers=2, conf={"front.timeout_ms": 8000})
    b.front.wait_ready()
    first, second = b.brokers
    for broker in b.brokers:
        broker.on("jobs.v1_get_job", lambda job: WATCHED if job.actor.get("agent") else SILENT)
    s = watch(b.front, token())
    asked = next(j for j in first.jobs + second.jobs if j.op == "jobs.v1_get_job")
    assert (asked.actor["agent"], asked.actor["lang"], asked.head["request"]) == ("watcher", "zh", "watch-1")
    first.publish("job_state", id=uuid.UUID(JOB[-36:]).bytes)
    silent = wait_for("a look", lambda: [(broker, j) for broker in b.brokers for j in broker.jobs if j is not asked], 10)
    holder, look = silent[0]
    s.close()
    wait_for("the front to see it", lambda: metric(b.front, "guahao_front_left_total") == 1, 5)
    other = second if holder is first else first
    holder.close()
    again = other.wait_job("jobs.v1_get_job", other.count("jobs.v1_get_job") + 1)
    assert again.head["id"] == look.head["id"] and again.head["resend"] is True
    for job in (look, again):
        assert "request" not in job.head and set(job.actor) <= {"user", "session", "jti", "exp", "ip"} and job.actor["user"] == 42


def test_a_stream_of_what_is_no_job_is_an_error(front, broker):
    broker.on("jobs.v1_get_job", {"status": "RUNNING"})
    r = front.get(JOB, token=token(), headers={"Accept": "text/event-stream"})
    assert r.status_code == 500 and r.json()["data"]["code"] == "INTERNAL"


def test_many_at_once_get_each_their_own_answer(front, broker):
    broker.on("echo.echo", lambda job: Reply(job.args.get("body", {})))
    wrong = []

    def client(k):
        with requests.Session() as s:
            for i in range(40):
                r = s.post(front.base + ECHO, json={"k": k, "i": i}, timeout=20)
                if r.status_code != 200 or r.json() != {"k": k, "i": i}:
                    wrong.append((r.status_code, r.text))

    threads = [threading.Thread(target=client, args=(k,)) for k in range(20)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_it_drains_on_sigterm(make_bench):
    b = make_bench(conf={"front.timeout_ms": 6000, "front.workers": 2})
    b.front.wait_ready()
    held = []

    def hold(job):
        held.append(job)
        return SILENT

    b.broker.on("echo.echo", hold)
    results = []

    def call():
        results.append(b.front.post(ECHO, json={"n": 1}, timeout=20))

    threads = [threading.Thread(target=call) for _ in range(10)]
    idle = b.front.connect()
    for t in threads:
        t.start()
    wait_for("ten parked requests", lambda: len(held) == 10, 10)
    b.front.process.signal(signal.SIGTERM)

    def refused():
        try:
            socket.create_connection(("127.0.0.1", b.front.port), timeout=2).close()
            return False
        except OSError:
            return True

    wait_for("new connections to be refused", refused, 5)
    assert b.front.process.running()
    answer_held(b.broker, held)
    for t in threads:
        t.join(15)
    assert [r.status_code for r in results] == [200] * 10
    assert all(r.headers.get("connection") == "close" for r in results)
    idle.settimeout(5)
    assert idle.recv(10) == b""
    idle.close()
    assert b.front.process.wait(10) == 0


def answer_held(broker, held):
    """Make the broker's thread answer jobs that a handler kept: to each worker of the front when that asks for mmi.queues
    (once a second); it drops what is not its own."""
    original = broker._mmi

    def to_each(router, client, service):
        for job in held:
            broker._send(router, client, job.service, job, Reply({"late": True}))
        original(router, client, service)

    broker._mmi = to_each


def test_it_stops_in_time_when_nothing_answers(make_bench):
    b = make_bench(conf={"front.timeout_ms": 30000, "front.drain_ms": 1000})
    b.front.wait_ready()
    b.broker.on("echo.echo", lambda job: SILENT)
    s = b.front.connect()
    s.sendall(b"POST /bench/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
    b.broker.wait_job("echo.echo")
    start = time.monotonic()
    b.front.process.signal(signal.SIGTERM)
    data = read_all(s, 10)
    s.close()
    assert status_of(data) == 503 and "connection: close" in body_of(data)[0]
    assert b.front.process.wait(10) == 0
    assert time.monotonic() - start < 8


def test_a_killed_worker_comes_back(make_bench):
    b = make_bench()
    b.front.wait_ready()
    b.death_expected = True
    b.broker.on("echo.echo", {"n": 1})
    with open(f"/proc/{b.front.process.pid}/task/{b.front.process.pid}/children", encoding="ascii") as f:
        child = int(f.read().split()[0])
    os.kill(child, signal.SIGKILL)
    b.front.wait_ready()
    assert b.front.post(ECHO, json={}).json() == {"n": 1}


def test_a_broken_contract_stops_the_start(make_bench, tmp_path):
    (tmp_path / "bad.yaml").write_text("openapi: 3.1.0\npaths: {/x: {get: {operationId: a.b, x-pool: a}}}\n")
    b = make_bench(conf={"front.contract_extra": str(tmp_path)})
    assert b.front.process.wait(20) == 1
    log = b.front.process.output()
    assert "bad.yaml" in log and "operation=a.b" in log and "x-envelope" in log


def test_unsafe_links_stop_the_start(make_bench):
    b = make_bench(conf={"link.inner": "tcp://10.0.0.1:5555", "link.events_out": "tcp://10.0.0.1:5556"})
    assert b.front.process.wait(20) == 1
    assert "link_refused" in b.front.process.output()


def test_a_port_in_use_stops_the_start(make_bench):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen(1)
        b = make_bench(conf={"front.port": s.getsockname()[1], "http.port": s.getsockname()[1]})
        assert b.front.process.wait(20) == 1


def test_a_big_answer_is_sent_whole_while_draining(make_bench):
    b = make_bench()
    b.front.wait_ready()
    b.broker.on("echo.echo", lambda job: Reply({"text": "x" * 12_000_000}))
    s = b.front.connect()
    s.sendall(b"POST /bench/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
    first = s.recv(100)
    b.front.process.signal(signal.SIGTERM)
    time.sleep(0.3)
    data = first + read_all(s, 20, quiet=3)
    s.close()
    assert len(body_of(data)[1]) == 12_000_011
    assert b.front.process.wait(10) == 0


def workers_of(front):
    """{pid: start in ticks} of the front's Kore workers."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii") as f:
                fields = f.read().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == front.process.pid and fields[0] != "Z":
            found[int(pid)] = int(fields[19])
    return found


def test_a_worker_that_ends_at_once_waits_before_the_next(make_bench):
    b = make_bench()
    b.front.wait_ready()
    b.death_expected = True
    gaps = []
    for _ in range(5):
        (pid,) = workers_of(b.front)
        os.kill(pid, signal.SIGKILL)
        start = time.monotonic()
        wait_for("the next worker", lambda: set(workers_of(b.front)) - {pid}, 15, every=0.02)
        gaps.append(time.monotonic() - start)
    assert gaps[0] < 2 and gaps[3] > 0.7 and gaps[4] > 1.4, gaps        # 0.1, 0.2, 0.4, 0.8, 1.6 s
    b.front.wait_ready()
    assert b.front.get("/healthz").status_code == 200


def test_a_front_stops_while_a_worker_waits(make_bench):
    b = make_bench()
    b.front.wait_ready()
    b.death_expected = True
    for _ in range(4):
        (pid,) = workers_of(b.front)
        os.kill(pid, signal.SIGKILL)
        if _ < 3:
            wait_for("the next worker", lambda: set(workers_of(b.front)) - {pid}, 15, every=0.02)
    assert b.front.process.stop(timeout=10) == 0
