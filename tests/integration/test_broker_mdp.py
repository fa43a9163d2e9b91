"""guahao-broker and plain Majordomo peers of both versions (18/MDP 0.2, 7/MDP 0.1), and 8/MMI."""

import time

import pytest
import zmq

from support.broker import DISCONNECT, FINAL, HEARTBEAT, PARTIAL, Broker, Worker
from support.proc import wait_for


@pytest.fixture(scope="module")
def broker():
    with Broker() as b:
        yield b


@pytest.mark.parametrize("public", [False, True])
def test_plain_02_client_and_worker(broker, public):
    service = f"plain{int(public)}"
    with broker.worker(service, public=public) as worker, broker.client(public=public) as client:
        client.send(service, b"hello", b"", b"x" * 1000)
        address, body = worker.job()
        assert body == [b"hello", b"", b"x" * 1000]
        worker.command(PARTIAL, address, b"", b"half")
        worker.final(address, b"whole", b"two")
        assert client.recv() == (b"\x02", service, [b"half"])
        assert client.recv() == (b"\x03", service, [b"whole", b"two"])
        assert client.recv(0.1) is None


@pytest.mark.parametrize("client_version", [1, 2])
@pytest.mark.parametrize("worker_version", [1, 2])
def test_versions_mix(broker, client_version, worker_version):
    service = f"mix{client_version}{worker_version}"
    with broker.worker(service, version=worker_version) as worker, broker.client() as client:
        if client_version == 1:
            client.socket.send_multipart([b"", b"MDPC01", service.encode(), b"a", b"b"])
        else:
            client.send(service, b"a", b"b")
        address, body = worker.job()
        assert body == [b"a", b"b"]
        worker.final(address, b"done")
        assert client.socket.poll(5000)
        frames = client.socket.recv_multipart()
        if client_version == 1:
            assert frames == [b"", b"MDPC01", service.encode(), b"done"]
        else:
            assert frames == [b"MDPC02", b"\x03", service.encode(), b"done"]


def test_a_01_req_client(broker):
    """The guide's 0.1 client is a REQ socket, which makes the empty frame itself."""
    with broker.worker("req01", version=1) as worker:
        req = zmq.Context.instance().socket(zmq.REQ)
        req.linger = 0
        req.connect(broker.inner)
        try:
            req.send_multipart([b"MDPC01", b"req01", b"hello"])
            address, body = worker.job()
            worker.final(address, *body)
            assert req.poll(5000)
            assert req.recv_multipart() == [b"MDPC01", b"req01", b"hello"]
        finally:
            req.close(0)


def test_jobs_wait_for_a_worker_of_an_unknown_service(broker):
    with broker.client() as client:
        client.send("later", b"early bird")
        time.sleep(0.3)
        with broker.worker("later") as worker:
            address, body = worker.job()
            worker.final(address, *body)
            assert client.recv()[2] == [b"early bird"]


def test_a_plain_worker_has_one_job_at_a_time(broker):
    with broker.worker("one") as worker, broker.client() as client:
        for i in range(3):
            client.send("one", b"%d" % i)
        for i in range(3):
            address, body = worker.job()
            assert body == [b"%d" % i]
            assert worker.job(0.15) is None
            worker.final(address, *body)
        assert [client.recv()[2][0] for _ in range(3)] == [b"0", b"1", b"2"]


def test_least_recently_used_first(broker):
    with broker.worker("lru") as a, broker.client() as client:
        broker.has_workers("lru")
        with broker.worker("lru") as b:
            broker.has_workers("lru", 2)
            for worker in (a, b, a, b):
                client.send("lru", b"x")
                address, body = worker.job()
                worker.final(address, *body)
                assert client.recv()[2] == [b"x"]


def test_heartbeats_both_ways(broker):
    worker = broker.worker("beats")
    try:
        for _ in range(8):
            assert worker.socket.poll(2000)
            frames = worker.socket.recv_multipart()
            assert frames == [b"MDPW02", HEARTBEAT]
            worker.heartbeat()
        assert broker.mmi("service", b"beats") == [b"200"]
    finally:
        worker.close()


def test_disconnect_hands_back(broker):
    with broker.worker("hand") as first, broker.client() as client:
        client.send("hand", b"job")
        assert first.job()[1] == [b"job"]
        first.command(DISCONNECT)
        with broker.worker("hand") as second:
            address, body = second.job()
            second.final(address, b"by the second")
            assert client.recv()[2] == [b"by the second"]
        # What the first says now changes nothing.
        first.final(address, b"too late")
        assert first.disconnected()
        assert client.recv(0.2) is None


def test_unexpected_commands_are_answered_with_disconnect(broker):
    with Worker(broker.inner, "x", ready=False) as worker:
        worker.heartbeat()
        assert worker.disconnected()
    with Worker(broker.inner, "x", ready=False) as worker:
        worker.final(b"nobody", b"answer")
        assert worker.disconnected()
    with broker.worker("twice") as worker:
        broker.has_workers("twice")
        worker.ready()
        assert worker.disconnected()
        assert broker.mmi("service", b"twice") == [b"404"]
    with broker.worker("unasked") as worker:
        broker.has_workers("unasked")
        worker.final(b"nobody", b"answer")
        assert worker.disconnected()
    with Worker(broker.inner, "mmi.mine") as worker:
        assert worker.disconnected()
    with Worker(broker.inner, "x", version=1, ready=False) as worker:
        worker.heartbeat()
        assert worker.disconnected()


def test_two_clients_get_their_own_answers(broker):
    with broker.worker("own") as worker, broker.client() as a, broker.client(public=True) as b:
        a.send("own", b"a")
        b.send("own", b"b")
        for _ in range(2):
            address, body = worker.job()
            worker.final(address, *body)
        assert a.recv()[2] == [b"a"]
        assert b.recv()[2] == [b"b"]


def test_an_answer_to_a_client_that_left_is_dropped(broker):
    before = broker.totals()["reply_dropped"]
    with broker.worker("left") as worker:
        with broker.client() as client:
            client.send("left", b"x")
            address, body = worker.job()
        time.sleep(0.2)
        worker.final(address, *body)
        wait_for("the dropped answer", lambda: broker.totals()["reply_dropped"] == before + 1, timeout=10)
        with broker.client() as client:         # and the worker is free again
            client.send("left", b"y")
            address, body = worker.job()
            worker.final(address, *body)
            assert client.recv()[2] == [b"y"]


def test_mmi_service_for_everybody(broker):
    with broker.worker("known"):
        broker.has_workers("known")
        for public in (False, True):
            assert broker.mmi("service", b"known", public=public) == [b"200"]
            assert broker.mmi("service", b"unknown", public=public) == [b"404"]
            assert broker.mmi("nothing", b"", public=public) == [b"501"]
            assert broker.mmi("service", b"not a name", public=public) == [b"400"]
    with broker.client() as client:             # 0.1
        client.socket.send_multipart([b"", b"MDPC01", b"mmi.service", b"unknown"])
        assert client.socket.poll(5000)
        assert client.socket.recv_multipart() == [b"", b"MDPC01", b"mmi.service", b"404"]


def test_mmi_reports_are_for_trusted_peers(broker):
    for name in ("queues", "workers", "dead", "pause", "resume", "drain", "kick", "requeue", "drop"):
        assert broker.mmi(name, b"known", public=True) == [b"403"]


def test_a_service_that_merely_contains_mmi_is_a_service(broker):
    with broker.worker("my.mmi.service") as worker, broker.client() as client:
        client.send("my.mmi.service", b"x")
        address, body = worker.job()
        worker.final(address, *body)
        assert client.recv()[2] == [b"x"]
