"""Jobs with our header: deadlines, priorities, depth, credit, affinity, requeue, dead letters, trust."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from support.broker import (DISCONNECT, FINAL, Broker, Worker, head, read_head, read_reply, reply_head, uuid7,
                            uuid_text)
from support.paths import ROOT
from support.proc import wait_for

ACTOR = {"user": 42, "session": b"0123456789abcdef"}


@pytest.fixture(scope="module")
def broker():
    with Broker({"broker.max_depth": 50, "broker.no_worker_grace_ms": 600}) as b:
        yield b


def refusal(client, timeout=5.0):
    """Error name of the next answer, which must be a refusal by the broker."""
    got = client.recv(timeout)
    assert got is not None, "no answer"
    assert len(got[2]) == 1
    return read_reply(got[2][0])["error"]


def test_a_job_and_its_reply(broker):
    with broker.worker("job", credit=8) as worker, broker.client() as client:
        broker.has_workers("job")
        sent = head(deadline=5000, actor=ACTOR, trace="t-1", key="k-1", **{"x-new": [1, 2]})
        client.send("job", sent, b"\x80", b"blob")
        address, body = worker.job()
        assert body[1:] == [b"\x80", b"blob"]
        got, want = read_head(body[0]), read_head(sent)
        assert 4000 < got.pop("deadline") <= 5000
        want.pop("deadline")
        assert got == want
        worker.answer((address, body), b'{"a":1}', timings=[0, 77])
        command, service, frames = client.recv()
        assert (command, service, frames[1]) == (b"\x03", "job", b'{"a":1}')
        assert read_reply(frames[0])["id"] == want["id"]


def test_the_broker_fills_in_the_waiting_time_of_our_encoder(broker):
    """timings as our encoder writes them: two numbers of five bytes."""
    with broker.worker("timed", credit=8) as worker, broker.client() as client:
        broker.has_workers("timed")
        broker.mmi("pause", b"timed")
        client.send("timed", head(), b"\x80")
        time.sleep(0.2)
        broker.mmi("resume", b"timed")
        address, body = worker.job()
        plain = reply_head(body[0])
        timed = plain[:4] + bytes([plain[4] + 1]) + plain[5:] + b"\xa7timings\x92\xce\0\0\0\0\xce\0\0\0\x4d"
        worker.final(address, timed, b"1")
        timings = read_reply(client.recv()[2][0])["timings"]
        assert timings[0] >= 100000 and timings[1] == 77


def test_budget_is_reduced_by_the_time_waited(broker):
    with broker.client() as client, broker.worker("budget", credit=1) as worker:
        broker.has_workers("budget")
        client.send("budget", head(deadline=5000), b"\x80")
        first = worker.job()
        client.send("budget", head(deadline=5000), b"\x80")
        time.sleep(0.5)
        worker.answer(first)
        second = worker.job()
        assert read_head(second[1][0])["deadline"] <= 4600
        worker.answer(second)


def test_an_expired_job_is_answered_and_never_delivered(broker):
    with broker.worker("expire", credit=1) as worker, broker.client() as client:
        broker.has_workers("expire")
        client.send("expire", head(deadline=20000), b"\x80")
        first = worker.job()
        start = time.monotonic()
        client.send("expire", head(deadline=300), b"\x80")
        assert refusal(client) == "UPSTREAM_TIMEOUT"
        assert 0.25 < time.monotonic() - start < 3
        worker.answer(first)
        assert read_reply(client.recv()[2][0]).get("error") is None
        assert worker.job(0.3) is None
        assert broker.queues("expire")["expired"] == 1
        client.send("expire", head(deadline=0), b"\x80")
        assert refusal(client) == "UPSTREAM_TIMEOUT"


def test_no_worker_is_refused_at_once(broker):
    with broker.client() as client:
        start = time.monotonic()
        client.send("nobody", head(deadline=20000), b"\x80")
        assert refusal(client) == "SERVICE_UNAVAILABLE"
        assert time.monotonic() - start < 3


def test_jobs_wait_a_moment_for_a_worker_that_restarts(broker):
    with broker.client() as client:
        with broker.worker("restart", credit=4) as worker:
            broker.has_workers("restart")
            worker.command(DISCONNECT)
            wait_for("no worker", lambda: broker.queues("restart")["workers"] == 0)
            client.send("restart", head(), b"\x80")
            assert client.recv(0.1) is None
        with broker.worker("restart", credit=4) as worker:
            worker.answer(worker.job())
            assert client.recv()[2][1] == b'"ok"'
            worker.command(DISCONNECT)
        time.sleep(0.9)                                   # the grace is over
        client.send("restart", head(), b"\x80")
        assert refusal(client) == "SERVICE_UNAVAILABLE"
        assert broker.queues("restart")["refused_no_worker"] == 1


def test_a_full_queue_refuses_at_once(broker):
    with broker.worker("full", credit=1) as worker, broker.client() as client:
        broker.has_workers("full")
        ids = []
        for _ in range(1 + 50 + 7):
            h = head(deadline=60000)
            ids.append(read_head(h)["id"])
            client.send("full", h, b"\x80")
        refused = set()
        for _ in range(7):
            got = client.recv()
            reply = read_reply(got[2][0])
            assert reply["error"] == "QUEUE_FULL"
            refused.add(reply["id"])
        assert refused == set(ids[51:])
        report = broker.queues("full")
        assert report["depth"] == 50 and report["running"] == 1 and report["refused_full"] == 7
        assert report["oldest_ms"] >= 0 and report["waiting"] == [0, 50, 0]
        for expected in ids[:51]:                         # and every accepted one is served, in order
            job = worker.job()
            assert read_head(job[1][0])["id"] == expected
            worker.answer(job)
            assert read_reply(client.recv()[2][0])["id"] == expected


def test_priorities_do_not_starve(broker):
    with broker.worker("prio", credit=1) as worker, broker.client() as client:
        broker.has_workers("prio")
        client.send("prio", head(op="first"), b"\x80")
        first = worker.job()
        for i in range(12):
            client.send("prio", head(op="batch", priority=2), b"\x80")
        for i in range(12):
            client.send("prio", head(op="normal", priority=1), b"\x80")
        for i in range(24):
            client.send("prio", head(op="high", priority=0), b"\x80")
        wait_for("all jobs", lambda: broker.queues("prio")["depth"] == 48)
        worker.answer(first)
        order = []
        for _ in range(48):
            job = worker.job()
            order.append(read_head(job[1][0])["op"])
            worker.answer(job)
        assert order[:4] == ["high"] * 4
        assert order.index("normal") == 4
        assert order.index("batch") < 20
        assert order.count("batch") == 12 and order.count("normal") == 12 and order.count("high") == 24


def test_credit_is_respected_and_one_worker_filled_first(broker):
    with broker.worker("credit", credit=4) as a, broker.client() as client:
        broker.has_workers("credit")
        with broker.worker("credit", credit=4) as b:
            broker.has_workers("credit", 2)
            for _ in range(12):
                client.send("credit", head(), b"\x80")
            held = {w: [w.job() for _ in range(4)] for w in (a, b)}
            assert a.job(0.2) is None and b.job(0.2) is None
            report = broker.queues("credit")
            assert report["credit"] == 8 and report["running"] == 8 and report["depth"] == 4
            a.answer(held[a].pop(2))                      # answers need not be in order
            held[a].append(a.job())
            assert None not in held[a]
            assert b.job(0.1) is None
            for w in (a, b):
                for job in held[w]:
                    w.answer(job)
            for _ in range(12 - 9):
                got = a.job(0.5) or b.job(0.5)
                assert got is not None


def test_light_load_stays_with_one_worker(broker):
    with broker.worker("light", credit=4) as a, broker.client() as client:
        broker.has_workers("light")
        with broker.worker("light", credit=4) as b:
            broker.has_workers("light", 2)
            for _ in range(5):
                client.send("light", head(), b"\x80")
                job = a.job()
                assert job is not None
                a.answer(job)
            assert b.job(0.1) is None


def test_same_shard_same_worker_in_order(broker):
    with broker.worker("shard", credit=2) as a, broker.client() as client:
        broker.has_workers("shard")
        with broker.worker("shard", credit=2) as b:
            broker.has_workers("shard", 2)
            for i in range(6):
                client.send("shard", head(op=f"hot{i}", shard="s:1"), b"\x80")
            client.send("shard", head(op="cold", shard="s:2"), b"\x80")
            job = b.job()                                 # b is free: it gets the other shard, none of the hot one
            assert read_head(job[1][0])["op"] == "cold"
            assert b.job(0.2) is None
            seen = []
            for _ in range(6):
                hot = a.job()
                seen.append(read_head(hot[1][0])["op"])
                a.answer(hot)
            assert seen == [f"hot{i}" for i in range(6)]
            b.answer(job)


def test_a_shard_moves_when_its_worker_is_gone(broker):
    with broker.client() as client, broker.worker("move", credit=2) as a:
        broker.has_workers("move")
        for i in range(5):
            client.send("move", head(op=f"j{i}", shard="s:9"), b"\x80")
        assert [read_head(a.job()[1][0])["op"] for _ in range(2)] == ["j0", "j1"]
        with broker.worker("move", credit=2) as b:
            broker.has_workers("move", 2)
            assert b.job(0.2) is None
            a.command(DISCONNECT)
            order = []
            for _ in range(5):
                job = b.job()
                h = read_head(job[1][0])
                order.append((h["op"], h["attempt"]))
                b.answer(job)
            assert order == [("j0", 1), ("j1", 1), ("j2", 0), ("j3", 0), ("j4", 0)]


def test_silence_requeues_and_late_answers_change_nothing(broker):
    with broker.worker("silent", credit=4) as a, broker.client() as client:
        broker.has_workers("silent")
        sent = head(deadline=60000)
        client.send("silent", sent, b"\x80")
        held = a.job()                                    # and now a says nothing for three heartbeats
        wait_for("its end", lambda: broker.queues("silent")["workers"] == 0, timeout=20)
        with broker.worker("silent", credit=4) as b:
            job = b.job()
            assert read_head(job[1][0])["attempt"] == 1
            assert read_head(job[1][0])["id"] == read_head(sent)["id"]
            a.answer(held, b'"late"')                     # a was given up: it is told to start anew
            assert a.disconnected()
            assert client.recv(0.2) is None
            b.answer(job, b'"second"')
            assert client.recv()[2][1] == b'"second"'
        assert broker.queues("silent")["requeued"] == 1


def test_an_answer_to_an_old_attempt_is_dropped(broker):
    with broker.worker("fence", credit=4) as worker, broker.client() as client:
        broker.has_workers("fence")
        client.send("fence", head(attempt=3), b"\x80")
        address, body = worker.job()
        h = read_head(body[0])
        worker.final(address, reply_head({**h, "attempt": 2}), b'"old"')
        worker.final(address, reply_head({**h, "id": uuid7()}), b'"other"')
        worker.final(b"someone else", reply_head(h), b'"wrong client"')
        assert client.recv(0.2) is None
        worker.answer((address, body), b'"right"')
        assert client.recv()[2][1] == b'"right"'
        assert broker.queues("fence")["stale"] == 3
        worker.answer((address, body), b'"again"')
        assert client.recv(0.2) is None


def test_kill_9_of_a_worker_requeues(broker):
    code = ("import sys; sys.path.insert(0, sys.argv[1]); from support.broker import Worker; "
            "w = Worker(sys.argv[2], 'killed', credit=8); w.job(30); print('got', flush=True); w.job(60)")
    child = subprocess.Popen([sys.executable, "-c", code, os.path.join(ROOT, "tests"), broker.inner],
                             stdout=subprocess.PIPE)
    try:
        broker.has_workers("killed")
        with broker.client() as client:
            client.send("killed", head(deadline=60000), b"\x80")
            assert child.stdout.readline() == b"got\n"
            os.kill(child.pid, signal.SIGKILL)
            with broker.worker("killed", credit=8) as worker:
                job = worker.job(10)
                assert read_head(job[1][0])["attempt"] == 1
                worker.answer(job)
                assert client.recv()[2][1] == b'"ok"'
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


def crash_until_dead(broker, service, client, sent, times):
    """Take the job `times` times with a worker that then violates the protocol (READY twice counts as a crash)."""
    client.send(service, sent, b"\x80")
    for attempt in range(times):
        with broker.worker(service, credit=4) as worker:
            job = worker.job()
            assert read_head(job[1][0])["attempt"] == attempt
            worker.ready()
            assert worker.disconnected()


def test_a_poisoned_job_becomes_a_dead_letter(broker):
    with broker.client() as client:
        with broker.worker("poison", credit=4) as worker:
            broker.has_workers("poison")
            worker.command(DISCONNECT)
        sent = head(op="bad.job", deadline=60000)
        name = uuid_text(read_head(sent)["id"])
        crash_until_dead(broker, "poison", client, sent, 3)
        assert refusal(client) == "SERVICE_UNAVAILABLE"
        code, text = broker.mmi("dead", b"")
        letters = [d for d in json.loads(text)["dead"] if d["service"] == "poison"]
        assert len(letters) == 1 and letters[0]["id"] == name and letters[0]["op"] == "bad.job"
        assert letters[0]["crashes"] == 3
        assert broker.queues("poison")["dead"] == 1
        with broker.worker("poison", credit=4) as worker:      # put back by hand: delivered, nobody is answered
            assert worker.job(0.3) is None
            assert broker.mmi("requeue", name.encode()) == [b"200"]
            worker.answer(worker.job())
            assert client.recv(0.3) is None
            worker.command(DISCONNECT)
        assert broker.mmi("requeue", name.encode()) == [b"404"]
        crash_until_dead(broker, "poison", client, sent, 3)
        assert refusal(client) == "SERVICE_UNAVAILABLE"
        assert broker.mmi("drop", name.encode()) == [b"200"]
        assert broker.mmi("drop", name.encode()) == [b"404"]


def test_a_disconnect_is_no_crash(broker):
    with broker.client() as client:
        with broker.worker("drain", credit=4) as worker:
            broker.has_workers("drain")
            client.send("drain", head(deadline=60000), b"\x80")
            worker.job()
            worker.command(DISCONNECT)
        for attempt in range(1, 6):
            with broker.worker("drain", credit=4) as worker:
                assert read_head(worker.job()[1][0])["attempt"] == attempt
                worker.command(DISCONNECT)
        with broker.worker("drain", credit=4) as worker:
            worker.answer(worker.job())
            assert client.recv()[2][1] == b'"ok"'


def test_neighbours_of_a_poisoned_job_survive(broker):
    """Four jobs in one hand, one of them takes the worker down each time: only that one is set aside."""
    with broker.client() as client:
        with broker.worker("neighbours", credit=8) as worker:
            broker.has_workers("neighbours")
            worker.command(DISCONNECT)
        for op in ("good", "good", "bad", "good"):
            client.send("neighbours", head(op=op, deadline=60000), b"\x80")
        for _ in range(12):
            with broker.worker("neighbours", credit=8) as worker:
                jobs, job = [], worker.job(1)
                while job is not None:
                    jobs.append(job)
                    job = worker.job(0.1)
                if not jobs:
                    break
                if any(read_head(j[1][0])["op"] == "bad" for j in jobs):
                    worker.ready()                        # crash, with everything it holds
                    assert worker.disconnected()
                    continue
                for j in jobs:
                    worker.answer(j)
                wait_for("the answers", lambda: broker.queues("neighbours")["running"] == 0 or True)
                worker.job(0.2)
                worker.command(DISCONNECT)
        errors = [read_reply(client.recv()[2][0]).get("error") for _ in range(4)]
        assert sorted(errors, key=str) == [None, None, None, "SERVICE_UNAVAILABLE"]


def test_actor_comes_from_trusted_peers_only(broker):
    with broker.worker("trust", credit=4) as worker, broker.client() as inner, broker.client(public=True) as public:
        broker.has_workers("trust")
        inner.send("trust", head(actor=ACTOR), b"\x80")
        job = worker.job()
        assert read_head(job[1][0])["actor"] == ACTOR
        worker.answer(job)
        public.send("trust", head(actor=ACTOR, priority=0), b"\x80")
        job = worker.job()
        assert "actor" not in read_head(job[1][0])
        worker.answer(job)
        assert read_reply(public.recv()[2][0])["id"]


def test_actor_is_not_shown_to_public_workers(broker):
    with broker.worker("open", public=True) as worker, broker.client() as client:
        broker.has_workers("open")
        client.send("open", head(actor=ACTOR), b"\x80")
        address, body = worker.job()
        assert "actor" not in read_head(body[0])
        worker.final(address, b"plain answer")            # a plain worker may answer without our header
        assert client.recv()[2] == [b"plain answer"]


def test_public_workers_cannot_take_a_trusted_service(broker):
    with broker.worker("claimed", public=True) as outsider:
        broker.has_workers("claimed")
        with broker.worker("claimed", credit=4) as worker:
            assert outsider.disconnected()
            broker.has_workers("claimed")
            with broker.worker("claimed", public=True) as again:
                assert again.disconnected()
            worker.command(DISCONNECT)
        with broker.worker("claimed", public=True) as again:    # not even when no trusted worker is there
            assert again.disconnected()


def test_a_broken_header_is_refused_or_dropped(broker):
    import msgpack
    with broker.worker("broken", credit=4) as worker, broker.client() as client:
        broker.has_workers("broken")
        before = broker.totals()["invalid"]
        client.send("broken", b"GHJ1" + msgpack.packb({"id": uuid7(), "op": "x", "deadline": "soon"}), b"\x80")
        assert refusal(client) == "BAD_REQUEST"
        client.send("broken", b"GHJ1" + msgpack.packb({"op": "x"}), b"\x80")
        client.send("broken", b"GHJ1\xdf\xff\xff\xff\xff", b"\x80")
        wait_for("the count", lambda: broker.totals()["invalid"] == before + 2)
        assert worker.job(0.1) is None


def test_an_opaque_job_to_a_pool_can_be_answered_with_a_header(broker):
    with broker.worker("pool", credit=4) as worker, broker.client() as client:
        client.send("pool", b"what is this")
        address, body = worker.job()
        assert body == [b"what is this"]
        worker.final(address, reply_head({"id": bytes(16), "attempt": 0}, error="BAD_REQUEST"))
        assert read_reply(client.recv()[2][0])["error"] == "BAD_REQUEST"
        assert broker.queues("pool")["running"] == 0


def test_pause_resume_kick_and_reports(broker):
    with broker.worker("admin", credit=4) as worker, broker.client() as client:
        broker.has_workers("admin")
        assert broker.mmi("pause", b"admin") == [b"200"]
        client.send("admin", head(), b"\x80")
        assert worker.job(0.2) is None
        assert broker.queues("admin")["paused"] is True
        assert broker.mmi("resume", b"admin") == [b"200"]
        worker.answer(worker.job())
        assert client.recv()[2][1] == b'"ok"'
        report = broker.queues("admin")
        assert report["done"] == 1 and report["accepted"] == 1
        for name in ("wait_us", "work_us"):
            h = report[name]
            assert h["count"] == 1 and h["p50"] <= h["p95"] <= h["p99"] <= h["max"]
            assert h["buckets"][-1][1] == 1 and h["buckets"][0][0] == 64
        code, text = broker.mmi("workers", b"")
        mine = [w for w in json.loads(text)["workers"] if w["service"] == "admin"]
        assert len(mine) == 1 and mine[0]["credit"] == 4 and mine[0]["done"] == 1 and mine[0]["trusted"]
        assert broker.mmi("kick", mine[0]["id"].encode()) == [b"200"]
        assert worker.disconnected()
        assert broker.mmi("kick", mine[0]["id"].encode()) == [b"404"]
        assert broker.mmi("pause", b"never heard of") == [b"404"]
        totals = broker.totals()
        assert totals["uptime_s"] >= 0 and totals["mmi"] > 0 and len(totals["id"]) == 36


def test_drain_refuses_new_jobs_and_can_be_taken_back(broker):
    with broker.worker("drained", credit=4) as worker, broker.client() as client:
        broker.has_workers("drained")
        client.send("drained", head(), b"\x80")
        job = worker.job()
        assert broker.mmi("drain", b"") == [b"200"]
        client.send("drained", head(), b"\x80")
        assert refusal(client) == "SERVICE_UNAVAILABLE"
        worker.answer(job)
        assert client.recv()[2][1] == b'"ok"'
        assert broker.mmi("resume", b"*") == [b"200"]
        client.send("drained", head(), b"\x80")
        worker.answer(worker.job())
        assert client.recv()[2][1] == b'"ok"'


def test_many_frames_and_large_bodies(broker):
    with broker.worker("large") as worker, broker.client() as client:
        client.send("large", *[b"%d" % i for i in range(50)])
        address, body = worker.job()
        assert body == [b"%d" % i for i in range(50)]
        worker.final(address, *body)
        assert client.recv()[2] == body
        before = broker.totals()["invalid"]
        client.send("large", *[b"x"] * 100)
        wait_for("the count", lambda: broker.totals()["invalid"] == before + 1)
        blob = os.urandom(8 << 20)
        client.send("large", head(), b"\x80", blob)
        address, body = worker.job(20)
        assert body[2] == blob
        worker.final(address, b"got it")
        assert client.recv(20)[2] == [b"got it"]
