"""guahao-broker as a process: events, CURVE, what it refuses to bind, hostile frames, stopping."""

import os
import random
import signal
import socket
import subprocess
import time

import msgpack
import pytest
import zmq
import zmq.utils.z85

from support import paths
from support.curve import write_cert
from support.broker import FINAL, Broker, Worker, head, read_head, read_reply, reply_head
from support.proc import wait_for


@pytest.fixture(scope="module")
def broker():
    with Broker() as b:
        yield b


def zmq_socket(kind, endpoint, **keys):
    s = zmq.Context.instance().socket(kind)
    s.linger = 0
    for name, value in keys.items():
        setattr(s, name, value)
    s.connect(endpoint)
    return s


def event(**members):
    return b"GHE1" + msgpack.packb(members)


def test_trusted_peers_are_counted():
    with Broker() as b:
        assert b.totals()["inner_peers"] == 1             # who asks
        with b.client() as one, b.client() as two, b.client(public=True) as outsider:
            for client in (one, two, outsider):
                assert client.call("mmi.service", b"x") == [b"404"]
            wait_for("the count", lambda: b.totals()["inner_peers"] == 3)      # two, and who asks
        wait_for("their leaving", lambda: b.totals()["inner_peers"] == 1)


# ---- events

def test_events_are_forwarded_and_beaten(broker):
    sub = zmq_socket(zmq.SUB, broker.events_out)
    pub = zmq_socket(zmq.PUB, broker.events_in)
    try:
        sub.subscribe(b"")
        beats = [sub.recv_multipart() for _ in range(2) if sub.poll(5000)]
        assert [b[0] for b in beats] == [b"beat", b"beat"]
        first, second = (msgpack.unpackb(b[1][4:]) for b in beats)
        assert len(first["broker"]) == 16 and first["broker"] == second["broker"] and first["seq"] == 0
        payload = event(seq=41, sid=b"0123456789abcdef", until=1)
        wait_for("an event to arrive", lambda: pub.send_multipart([b"revoke", payload]) or (
            sub.poll(200) and sub.recv_multipart() == [b"revoke", payload]))
        pub.send_multipart([b"config", event(seq=7, key="x")])
        seen = None
        end = time.monotonic() + 5
        while time.monotonic() < end and (seen is None or seen["seq"] != 41):
            if sub.poll(1000):
                topic, body = sub.recv_multipart()
                seen = msgpack.unpackb(body[4:]) if topic == b"beat" else seen
        assert seen["seq"] == 41                          # the highest it has carried
        assert broker.totals()["event_seq"] == 41
    finally:
        sub.close(0)
        pub.close(0)


def test_broken_events_are_dropped(broker):
    sub = zmq_socket(zmq.SUB, broker.events_out)
    pub = zmq_socket(zmq.PUB, broker.events_in)
    try:
        sub.subscribe(b"")
        wait_for("the way", lambda: pub.send_multipart([b"test", event(seq=0)]) or (
            sub.poll(200) and sub.recv_multipart()[0] == b"test"))
        before = broker.totals()["events_invalid"]
        bad = [[b"revoke"], [b"revoke", b""], [b"revoke", b"GHE1"], [b"revoke", b"GHE1\x90"],
               [b"revoke", b"GHE1\x81\xa3seq"], [b"x" * 33, event(seq=99)], [b"", event(seq=99)],
               [b"beat", event(seq=99, broker=bytes(16))], [b"revoke", event(seq=99), b"more"],
               [b"revoke", event(seq=99) + b"\0"], [b"revoke"] + [b"y"] * 40]
        for frames in bad:
            pub.send_multipart(frames)
        wait_for("the count", lambda: broker.totals()["events_invalid"] == before + len(bad))
        while sub.poll(100):
            assert sub.recv_multipart()[0] in (b"beat", b"test")
        assert broker.totals()["event_seq"] < 99
    finally:
        sub.close(0)
        pub.close(0)


# ---- hostile frames

def test_malformed_messages_are_dropped_and_counted(broker):
    bad = [[b""], [b"", b""], [b"MDPC02"], [b"MDPC02", b"\x01"], [b"MDPC02", b"\x01", b"svc"],
           [b"MDPC02", b"\x09", b"svc", b"b"], [b"MDPC02", b"\x02", b"svc", b"b"], [b"MDPC02", b"\x01", b"", b"b"],
           [b"MDPC02", b"\x01", b"a b", b"b"], [b"MDPC02", b"\x01", b"x" * 129, b"b"], [b"MDPC03", b"\x01", b"s", b"b"],
           [b"MDPW02"], [b"MDPW02", b"\x01"], [b"MDPW02", b"\x01", b"svc", b"0"], [b"MDPW02", b"\x01", b"s", b"1", b"a b"], [b"MDPW02", b"\x06", b"stay"],
           [b"MDPW02", b"\x04", b"c", b"", ], [b"MDPW02", b"\x04", b"c", b"x", b"b"], [b"MDPW02", b"\x05", b"x", b"y"],
           [b"MDPW02", b"\x02", b"c", b"", b"b"], [b"MDPW02", b"\xff"], [b"MDPW02", b"\x01\x01", b"svc"],
           [b"", b"MDPC01"], [b"", b"MDPC01", b"svc"], [b"", b"MDPW01", b"\x01"], [b"", b"MDPW01", b"\x09"]]
    for public in (False, True):
        before = broker.totals()["invalid"]
        with broker.client(public=public) as client:
            for frames in bad:
                client.socket.send_multipart(frames)
            wait_for("the count", lambda: broker.totals()["invalid"] == before + len(bad))
            assert client.recv(0.1) is None
    assert broker.alive()


def frames_of_chance(rng):
    """A message that is nearly right: commands, names and headers mixed with rubbish."""
    good = [b"MDPC02", b"MDPW02", b"MDPC01", b"MDPW01", b"", b"\x01", b"\x02", b"\x03", b"\x04", b"\x05", b"\x06",
            b"svc", b"mmi.service", b"mmi.queues", b"mmi.kick", b"128", b"client", head(op="x", deadline=50),
            reply_head({"id": bytes(16), "attempt": 0}), b"\x80", b"GHJ1", b"GHR1\xdf\xff\xff\xff\xff"]
    start = rng.choice([[b"MDPC02", b"\x01", b"svc"], [b"MDPW02", b"\x04", b"client", b""], [b"MDPW02", b"\x01", b"svc"],
                        [b"", b"MDPC01", b"svc"], [b"", b"MDPW01", b"\x03", b"c", b""], []])
    frames = list(start)
    for _ in range(rng.randrange(5)):
        frames.append(rng.choice(good) if rng.random() < 0.8 else rng.randbytes(rng.randrange(64)))
    if frames and rng.random() < 0.3:
        i = rng.randrange(len(frames))
        frames[i] = bytes(b ^ (1 << rng.randrange(8)) if rng.random() < 0.2 else b for b in frames[i])
    if rng.random() < 0.01:
        frames += [b"z"] * rng.randrange(200)
    return frames or [b""]


def test_random_frames_for_some_seconds(broker):
    rng = random.Random(18)
    end = time.monotonic() + 5
    sockets = []
    try:
        while time.monotonic() < end:
            if len(sockets) < 12 or rng.random() < 0.05:
                s = zmq_socket(zmq.DEALER, rng.choice([broker.inner, broker.public]))
                s.sndhwm = 1000
                sockets.append(s)
            if len(sockets) > 24:
                sockets.pop(rng.randrange(len(sockets))).close(0)
            s = rng.choice(sockets)
            for _ in range(50):
                try:
                    s.send_multipart(frames_of_chance(rng), zmq.DONTWAIT)
                except zmq.Again:
                    break
            while s.poll(0):
                s.recv_multipart()
    finally:
        for s in sockets:
            s.close(0)
    assert broker.alive()
    with broker.worker("after.all") as worker, broker.client() as client:      # and it still does its work
        client.send("after.all", b"x")
        address, body = worker.job()
        worker.final(address, *body)
        assert client.recv()[2] == [b"x"]
    totals = broker.totals()
    assert totals["invalid"] > 100 and totals["bytes"] < 64 << 20


def test_bytes_that_are_no_zmtp(broker):
    rng = random.Random(1)
    for path in (broker.inner, broker.public, broker.events_in, broker.events_out):
        for size in (0, 1, 64, 5000):
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(path[len("ipc://"):])
                try:
                    s.sendall(rng.randbytes(size))
                except BrokenPipeError:
                    pass
    assert broker.alive()


def test_a_public_peer_cannot_fill_the_services(broker):
    with broker.client(public=True) as client:
        for i in range(300):
            client.send(f"junk{i}", b"x")
        assert client.call("mmi.service", b"junk0") == [b"404"]
    with broker.client() as client, broker.worker("needed") as worker:
        client.send("needed", b"x")
        address, body = worker.job()
        worker.final(address, *body)
        assert client.recv()[2] == [b"x"]


# ---- binding

def start_fails(**conf):
    b = Broker({k.replace("__", "."): v for k, v in conf.items()}, start=False)
    try:
        b.start(wait=False)
        assert b.process.wait(20) == 1
        return b.process.output()
    finally:
        b.destroy()


def test_tcp_beyond_loopback_needs_curve():
    for name in ("inner", "public", "events_in", "events_out"):
        assert "needs CURVE" in start_fails(**{f"broker__{name}": "tcp://0.0.0.0:5599"})
    assert "endpoint_refused" in start_fails(broker__inner="inproc://x")
    assert "endpoint_refused" in start_fails(broker__inner="ipc://relative/path")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def test_tcp_on_the_loopback():
    endpoint = f"tcp://127.0.0.1:{free_port()}"
    with Broker({"broker.public": endpoint}) as b:
        with Worker(endpoint, "tcp") as worker, b.client() as client:
            client.send("tcp", b"x")
            address, body = worker.job()
            worker.final(address, *body)
            assert client.recv()[2] == [b"x"]


def test_a_directory_open_to_others_is_refused():
    b = Broker(start=False)
    try:
        os.makedirs(os.path.join(b.dir, "run"), 0o755)
        b.start(wait=False)
        assert b.process.wait(20) == 1
        assert "mode 0700" in b.process.output()
    finally:
        b.destroy()


def test_a_second_broker_on_the_same_sockets_is_refused(broker):
    second = Broker({"run.dir": os.path.join(broker.dir, "run")}, start=False)
    try:
        second.env["GUAHAO_RUN_DIR"] = os.path.join(broker.dir, "run")
        second.start(wait=False)
        assert second.process.wait(20) == 1
        assert "another broker" in second.process.output()
    finally:
        second.destroy()
    assert broker.alive()


def test_help_and_bad_arguments():
    program = paths.program("guahao-broker")
    done = subprocess.run([program, "--help"], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0 and "usage" in done.stdout
    assert subprocess.run([program, "--nonsense"], capture_output=True, timeout=20).returncode == 2
    assert subprocess.run([program, "extra"], capture_output=True, timeout=20).returncode == 2


# ---- CURVE

class CurveBroker:
    """A broker with a tcp inner endpoint beside its ipc one, and keys for peers."""

    def __enter__(self):
        self.broker = Broker(start=False)
        self.certs = os.path.join(self.broker.dir, "curve")
        os.makedirs(os.path.join(self.certs, "clients"))
        self.server = zmq.curve_keypair()
        write_cert(os.path.join(self.certs, "server.key"), *self.server)
        self.tcp = f"tcp://127.0.0.1:{free_port()}"
        self.events_in = f"tcp://127.0.0.1:{free_port()}"
        self.public = f"tcp://127.0.0.1:{free_port()}"
        self.broker.env.update(GUAHAO_BROKER_CURVE_DIR=self.certs,
                               GUAHAO_BROKER_INNER=f"{self.broker.inner},{self.tcp}",
                               GUAHAO_BROKER_EVENTS_IN=f"{self.broker.events_in},{self.events_in}",
                               GUAHAO_BROKER_PUBLIC=f"{self.broker.public},{self.public}")
        return self

    def __exit__(self, *exc):
        if exc[0] is not None and self.broker.process:
            print(self.broker.process.tail())
        self.broker.destroy()

    def key(self, name, role):
        pair = zmq.curve_keypair()
        write_cert(os.path.join(self.certs, "clients", name), pair[0], role=role)
        return pair

    def dealer(self, pair, endpoint=None):
        return zmq_socket(zmq.DEALER, endpoint or self.tcp, curve_publickey=pair[0], curve_secretkey=pair[1],
                          curve_serverkey=self.server[0])

    def ask(self, pair, service=b"mmi.service", arg=b"x", timeout=1500, endpoint=None):
        s = self.dealer(pair, endpoint)
        try:
            s.send_multipart([b"MDPC02", b"\x01", service, arg])
            return s.recv_multipart()[3:] if s.poll(timeout) else None
        finally:
            s.close(0)


def test_curve_lets_in_known_keys_by_their_roles():
    with CurveBroker() as c:
        front, worker, ops, public = (c.key(r, r) for r in ("front", "worker", "ops", "public"))
        c.broker.start()
        assert c.ask(front, timeout=10000) == [b"404"]
        assert c.ask(zmq.curve_keypair()) is None                      # a key that nobody allowed
        plain = zmq_socket(zmq.DEALER, c.tcp)                          # no key at all
        plain.send_multipart([b"MDPC02", b"\x01", b"mmi.service", b"x"])
        assert not plain.poll(1000)
        plain.close(0)
        # What changes something is for operators; reports for everybody inside.
        assert c.ask(front, b"mmi.pause", b"x", 10000) == [b"403"]
        assert c.ask(ops, b"mmi.pause", b"x", 10000) == [b"404"]
        assert c.ask(front, b"mmi.queues", b"", 10000)[0] == b"200"
        # A front may not serve, a worker may; only the front's actor passes.
        w = c.dealer(front)
        w.send_multipart([b"MDPW02", b"\x01", b"echo", b"4"])
        assert w.poll(10000) and w.recv_multipart() == [b"MDPW02", b"\x06"]
        w.close(0)
        w = c.dealer(worker)
        w.send_multipart([b"MDPW02", b"\x01", b"echo", b"4"])
        c.broker.has_workers("echo")
        for pair, expected in ((front, True), (worker, False), (public, None)):
            s = c.dealer(pair)
            s.send_multipart([b"MDPC02", b"\x01", b"echo", head(actor={"user": 1}), b"\x80"])
            frames = None
            while w.poll(10000 if expected is not None else 1000):
                frames = w.recv_multipart()
                if frames[1] == b"\x02":
                    break
                w.send_multipart([b"MDPW02", b"\x05"])
                frames = None
                if expected is None:
                    break
            if expected is None:
                assert frames is None                                  # a public key has no business inside
            else:
                assert ("actor" in read_head(frames[4])) is expected
                w.send_multipart([b"MDPW02", b"\x04", frames[2], b"", reply_head(frames[4]), b"1"])
                assert s.poll(10000)
            s.close(0)
        assert c.ask(public, endpoint=c.public, timeout=10000) == [b"404"]
        w.close(0)
        assert c.broker.totals()["handshakes_failed"] > 0
        assert "event=handshake_failed" in c.broker.process.output()


def test_a_revoked_key_is_ignored_within_seconds():
    with CurveBroker() as c:
        front, worker = c.key("front1", "front"), c.key("worker1", "worker")
        c.broker.start()
        s, w = c.dealer(front), c.dealer(worker)
        w.send_multipart([b"MDPW02", b"\x01", b"echo", b"4"])
        c.broker.has_workers("echo")

        def answered():
            s.send_multipart([b"MDPC02", b"\x01", b"mmi.service", b"echo"])
            return s.poll(1000) and s.recv_multipart()[3] == b"200"

        wait_for("an answer", answered)
        os.unlink(os.path.join(c.certs, "clients", "front1"))
        os.unlink(os.path.join(c.certs, "clients", "worker1"))
        wait_for("the worker's end", lambda: c.broker.mmi("service", b"echo") == [b"404"], timeout=10)
        while s.poll(0):
            s.recv_multipart()
        s.send_multipart([b"MDPC02", b"\x01", b"mmi.service", b"echo"])
        assert not s.poll(1000)
        # A new key comes in without a restart.
        assert c.ask(c.key("front2", "front"), timeout=10000) is not None
        s.close(0)
        w.close(0)


def test_only_workers_and_tools_publish_with_curve():
    with CurveBroker() as c:
        identity, front = c.key("identity", "identity"), c.key("front", "front")
        c.broker.start()
        sub = zmq_socket(zmq.SUB, c.broker.events_out)
        sub.subscribe(b"t")
        try:
            for pair, topic in ((front, b"t.front"), (identity, b"t.identity")):
                pub = zmq_socket(zmq.PUB, c.events_in, curve_publickey=pair[0], curve_secretkey=pair[1],
                                 curve_serverkey=c.server[0])
                got = None
                for _ in range(20 if topic == b"t.identity" else 5):
                    pub.send_multipart([topic, event(seq=1)])
                    if sub.poll(200):
                        got = sub.recv_multipart()
                        break
                assert (got is not None) is (topic == b"t.identity")
                pub.close(0)
        finally:
            sub.close(0)


def test_curve_without_a_server_key_does_not_start():
    with CurveBroker() as c:
        os.unlink(os.path.join(c.certs, "server.key"))
        os.unlink(os.path.join(c.certs, "server.key_secret"))
        c.broker.start(wait=False)
        assert c.broker.process.wait(20) == 1
        assert "curve_failed" in c.broker.process.output()


# ---- stopping

def test_stop_lets_jobs_finish():
    with Broker({"broker.stop_ms": 20000}) as b:
        with b.worker("end", credit=1) as worker, b.client() as client, b.client() as late:
            b.has_workers("end")
            for _ in range(3):
                client.send("end", head(), b"\x80")
            job = worker.job()
            wait_for("the others to be accepted", lambda: b.queues("end")["depth"] == 2)
            b.process.signal(signal.SIGTERM)
            wait_for("stopping", lambda: "event=stopping" in b.process.output())
            late.send("end", head(), b"\x80")
            assert read_reply(late.recv()[2][0])["error"] == "SERVICE_UNAVAILABLE"
            for i in range(3):                            # what was accepted is still done
                worker.answer(job)
                assert client.recv()[2][1] == b'"ok"'
                job = worker.job() if i < 2 else None
            assert worker.disconnected()
        assert b.process.wait(20) == 0


def test_stop_has_a_limit_and_answers_the_rest():
    with Broker({"broker.stop_ms": 500}) as b:
        with b.worker("end", credit=1) as worker, b.client() as client:
            b.has_workers("end")
            ids = []
            for _ in range(2):
                h = head(deadline=60000)
                ids.append(read_head(h)["id"])
                client.send("end", h, b"\x80")
            worker.job()
            b.process.signal(signal.SIGTERM)
            answers = {}
            for _ in range(2):
                reply = read_reply(client.recv(20)[2][0])
                answers[reply["id"]] = reply["error"]
            # The running one may have had its effect; the waiting one has not.
            assert answers == {ids[0]: "UPSTREAM_TIMEOUT", ids[1]: "SERVICE_UNAVAILABLE"}
        assert b.process.wait(20) == 0


def test_a_second_signal_stops_at_once():
    with Broker({"broker.stop_ms": 60000}) as b:
        with b.worker("end", credit=1) as worker, b.client() as client:
            b.has_workers("end")
            client.send("end", head(deadline=60000), b"\x80")
            worker.job()
            b.process.signal(signal.SIGINT)
            wait_for("stopping", lambda: "event=stopping" in b.process.output())
            b.process.signal(signal.SIGINT)
            assert read_reply(client.recv(20)[2][0])["error"] == "UPSTREAM_TIMEOUT"
        assert b.process.wait(20) == 0


def test_a_frozen_broker_does_not_blame_its_workers():
    with Broker() as b:
        with b.worker("frozen", credit=4) as worker, b.client() as client:
            b.has_workers("frozen")
            client.send("frozen", head(deadline=60000), b"\x80")
            job = worker.job()
            client.send("frozen", head(deadline=800), b"\x80")
            second = worker.job()
            b.process.freeze()
            time.sleep(4)
            b.process.thaw()
            worker.heartbeat()
            time.sleep(0.3)
            assert b.mmi("service", b"frozen") == [b"200"]
            worker.answer(job)
            assert client.recv()[2][1] == b'"ok"'
            worker.answer(second)
            client.recv()
            # A job whose time ran out while nobody could deliver it is answered, not delivered.
            b.mmi("pause", b"frozen")
            client.send("frozen", head(deadline=1000), b"\x80")
            wait_for("the job", lambda: b.queues("frozen")["depth"] == 1)
            b.process.freeze()
            time.sleep(1.5)
            b.process.thaw()
            assert read_reply(client.recv()[2][0])["error"] == "UPSTREAM_TIMEOUT"


def test_memory_is_bounded_and_dead_letters_do_not_hold_it():
    with Broker({"broker.max_bytes": 1 << 20, "broker.max_attempts": 1}) as b:
        with b.worker("big", credit=1) as worker, b.client() as client, b.client(public=True) as outsider:
            b.has_workers("big")
            blob = bytes(300_000)
            for _ in range(3):
                client.send("big", head(deadline=60000), b"\x80", blob)
            job = worker.job()
            wait_for("the queue", lambda: b.queues("big")["depth"] == 2)
            client.send("big", head(deadline=60000), b"\x80", blob)
            assert read_reply(client.recv()[2][0])["error"] == "QUEUE_FULL"
            client.send("big", head(deadline=60000), b"\x80")            # a small one still fits
            wait_for("the queue", lambda: b.queues("big")["depth"] == 3)
            outsider.send("big", head(deadline=60000), b"\x80", blob)    # not all of it is for outsiders
            assert read_reply(outsider.recv()[2][0])["error"] == "QUEUE_FULL"
            worker.answer(job)
            for _ in range(2):
                worker.answer(worker.job())
            worker.job()
            for _ in range(3):
                assert read_reply(client.recv()[2][0]).get("error") is None
            worker.ready()                                               # crash: max_attempts 1, a dead letter
            assert worker.disconnected()
            assert read_reply(client.recv()[2][0])["error"] == "SERVICE_UNAVAILABLE"
            assert b.totals()["dead_letters"] == 1
        with b.worker("big", credit=1) as worker, b.client() as client:  # a large one is not kept
            b.has_workers("big")
            client.send("big", head(deadline=60000), b"\x80", blob)
            worker.job()
            worker.ready()
            assert worker.disconnected()
            assert read_reply(client.recv()[2][0])["error"] == "SERVICE_UNAVAILABLE"
            totals = b.totals()
            assert totals["dead_letters"] == 0 and totals["bytes"] < 1000
            assert b.queues("big")["dead"] == 2
