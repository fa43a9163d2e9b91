"""guahao-worker echo against a small Majordomo broker: no database at all."""

import re

import msgpack
import pytest

from support import paths
from support.fakebroker import FakeBroker, args, head, uuid7
from support.proc import wait_for
from support.system import System


@pytest.fixture()
def site():
    system = System(None, {"front.contract_extra": paths.ROOT + "/tests/bench/openapi"})
    broker = FakeBroker(system.var + "/run")
    yield system, broker
    system.destroy()
    broker.close()


def start(site, **conf):
    system, broker = site
    process = system.start_worker("echo", conf=conf, wait=False)
    return process, broker.worker("echo")


def test_ready_carries_credit_and_heartbeats_follow(site):
    process, worker = start(site, **{"worker.credit": 17, "worker.heartbeat_ms": 200})
    assert worker.credit == 17
    wait_for("heartbeats", lambda: site[1].heartbeats[worker.identity] >= 3)
    assert process.stop() == 0
    assert worker.gone and site[1].faults == []


def test_echo_gives_the_body_back(site):
    _, worker = start(site)
    body = {"n": 1, "text": "\u6302\u53f7 \"q\"", "list": [1, -2, 2.5, None, True], "map": {"a": {}}}
    reply = site[1].call(worker, "echo.echo", body=body)
    assert reply.error is None and reply.json == body
    assert site[1].call(worker, "echo.echo").json is None
    assert site[1].call(worker, "echo.echo_auth", body=1).error == "TOKEN_MISSING"
    assert site[1].call(worker, "echo.echo_auth", body=1, user=5).json == 1


def test_many_jobs_keep_their_clients_and_ids(site):
    _, broker = site
    _, worker = start(site)
    ids = {}
    for i in range(3000):
        id = uuid7()
        ids[id] = i
        broker.send(worker, head("echo.echo", id), args(body=i), client=b"c%d" % (i % 7))
    wait_for("all answers", lambda: len(broker.replies) == len(ids), timeout=60)
    for _, client, frames in broker.replies:
        i = ids.pop(msgpack.unpackb(frames[0][4:])["id"])
        assert frames[1] == b"%d" % i and client == b"c%d" % (i % 7)
    assert ids == {}


def test_hostile_jobs_are_refused_and_the_worker_lives(site):
    _, broker = site
    _, worker = start(site)
    good, deep = args(body=1), msgpack.packb({"body": 1})
    for _ in range(40):
        deep = b"\x81\xa1a" + deep
    cases = [
        [b"hello"], [b""], [b"GHJ1"], [b"GHJ1\xff", good], [b"GHJ1" + b"\x81" * 100, good],
        [b"GHJ1" + msgpack.packb({"id": b"x", "op": "echo.echo", "deadline": 5}), good],
        [b"x" * 20000, good], [b"GHJ1" + b"\xdf\xff\xff\xff\xff", good],
    ]
    for frames in cases:
        broker.send(worker, *frames)
    for frame in (b"", b"\xc1", b"\x91", b"\xdd\xff\xff\xff\xff", deep, good + b"x", msgpack.packb([1]), b"\xa5ab"):
        id = uuid7()
        broker.send(worker, head("echo.echo", id), frame)
        assert broker.reply(id).error == "BAD_REQUEST", frame
    wait_for("refusals", lambda: len(broker.replies) == len(cases))
    assert all(msgpack.unpackb(f[0][4:])["error"] == "BAD_REQUEST" for _, _, f in broker.replies)
    id = uuid7()
    broker.send(worker, head("echo.echo", id), good, *[b"blob"] * 33)
    assert broker.reply(id).error == "PAYLOAD_TOO_LARGE"
    for frames in ([b"MDPW02"], [b"MDPW02", b"\x09"], [b"nonsense"], [b"MDPW02", b"\x02"], [b""] * 80,
                   [b"MDPW02", b"\x02", b"c", b"x", b"body"], [b"MDPW02", b"\x02", b"c", b""]):
        broker.send_raw(worker, *frames)
    assert broker.call(worker, "echo.echo", body=3).json == 3


def test_jobs_that_cannot_be_served_say_why(site):
    _, broker = site
    _, worker = start(site)
    assert broker.call(worker, "echo.nothing").error == "SERVICE_UNAVAILABLE"
    assert broker.call(worker, "echo.echo", deadline=0).error == "UPSTREAM_TIMEOUT"
    assert broker.call(worker, "echo.echo", id=b"\x00" * 16).error == "BAD_REQUEST"


def test_a_broker_that_falls_silent_or_says_goodbye_is_joined_again(site):
    _, broker = site
    _, worker = start(site, **{"worker.heartbeat_ms": 200, "broker.heartbeat_ms": 300})
    broker.send_raw(worker, b"MDPW02", b"\x06")
    wait_for("a new session", lambda: len(broker.workers) == 2)
    worker.gone = True
    second = broker.worker("echo")
    assert second.identity != worker.identity
    assert broker.call(second, "echo.echo", body=1).json == 1
    broker.mute = True
    wait_for("a third session", lambda: len(broker.workers) >= 3)
    broker.mute = False


def test_wrong_use_is_refused_with_a_reason():
    def run(*argv):
        system = System(None)
        p = system._start("worker", [paths.program("guahao-worker"), *argv])
        status = p.wait(20)
        out = p.output()
        system.destroy()
        return status, out

    assert run()[0] == 2
    assert run("nothing") == (2, "guahao-worker: no such pool: nothing\n")
    assert "twice" in run("echo,echo")[1]
    status, out = run("--help")
    assert status == 0 and "pools: " in out and "echo" in out
    status, out = run("echo")                       # the contract of the benches was not named
    assert status == 1 and "is not in the contract" in out


def test_process_ends_clean_without_a_broker():
    system = System(None, {"front.contract_extra": paths.ROOT + "/tests/bench/openapi"})
    p = system.start_worker("echo", wait=False)
    wait_for("ready", lambda: "event=ready" in p.output())
    assert p.stop() == 0
    system.destroy()




def test_lines_of_jobs_are_bounded_and_the_rest_is_counted(site):
    process, worker = start(site, **{"worker.job_lines": 5})
    for _ in range(40):
        assert site[1].call(worker, "echo.echo", body=1).error is None
    for _ in range(8):
        assert site[1].call(worker, "echo.echo_auth", body=1).error == "TOKEN_MISSING"

    def counted():
        out = process.output()
        left = sum(int(n) for n in re.findall(r"event=jobs_left_out jobs=(\d+)", out))
        return out.count(" op=echo.echo outcome=ok ") + left == 40 and left
    assert wait_for("the count", counted, 5) >= 25                    # within two seconds, or three
    wait_for("refused ones, all of them", lambda: process.output().count(" outcome=refused err=TOKEN_MISSING ") == 8, 5)
