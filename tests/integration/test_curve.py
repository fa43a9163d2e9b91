"""guahao curve, and the broker that follows it while it runs: keys allowed, revoked and rotated without a restart."""

import json
import os
import shutil
import socket
import stat
import time

import pytest
import zmq

from support import paths
from support.broker import Broker
from support.curve import read_cert
from support.proc import wait_for
from support.system import free_port

WITHIN = 2.0   # "within a second", and a slow machine


@pytest.fixture(scope="module")
def shell(make_system):
    return make_system(None)


@pytest.fixture
def curve(shell):
    """guahao curve on a directory of its own: call(...) gives the CompletedProcess."""
    class Curve:
        dir = paths.temp_dir(0o700)
        keys = os.path.join(dir, "curve")

        def call(self, *args, check=True):
            return shell.cli("curve", *args, check=check, conf={"broker.curve_dir": self.keys})

        def peer(self, name, role, allow=True):
            """A key pair of a peer, allowed."""
            self.call("make", name, "--role", role, "--out", self.dir)
            if allow:
                self.call("allow", self.file(name))
            return read_cert(self.file(name) + "_secret")

        def file(self, name):
            return os.path.join(self.dir, name + ".key")

        def server(self, name="server.key"):
            return read_cert(os.path.join(self.keys, name))[0]

        def listed(self):
            return json.loads(self.call("list", "--json").stdout)

    c = Curve()
    c.call("make", "server")
    yield c
    paths.remove_dir(c.dir)


# ---- the command

def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def test_make_writes_pairs_that_only_their_owner_reads(curve):
    public, secret = curve.peer("front1", "front", allow=False)
    assert len(public) == len(secret) == 40 and public != secret
    assert mode(curve.file("front1") + "_secret") == mode(os.path.join(curve.keys, "server.key_secret")) == 0o600
    assert mode(curve.file("front1")) == 0o644 and mode(os.path.join(curve.keys, "clients")) == 0o700
    assert secret not in open(curve.file("front1"), "rb").read()
    assert zmq.curve_public(secret) == public


def test_list_shows_who_may_connect(curve):
    front = curve.peer("front1", "front")[0].decode()
    worker = curve.peer("worker1", "worker,jobs")[0].decode()
    found = curve.listed()
    assert [(c["file"], c["key"], c["role"]) for c in found["clients"]] == \
        [("front1.key", front, "front"), ("worker1.key", worker, "worker,jobs")]
    assert [s["file"] for s in found["server"]] == ["server.key"] and found["clients"][0]["created"]
    text = curve.call("list").stdout
    assert front in text and "worker,jobs" in text and curve.server().decode() in text
    assert "secret" not in text


def test_allow_takes_the_public_half_only_and_the_role_of_the_option(curve):
    _, secret = curve.peer("front1", "front", allow=False)
    curve.call("allow", curve.file("front1"), "--role", "front,ops")
    assert os.listdir(os.path.join(curve.keys, "clients")) == ["front1.key"]
    assert secret not in open(os.path.join(curve.keys, "clients", "front1.key"), "rb").read()
    assert curve.listed()["clients"][0]["role"] == "front,ops"
    curve.call("allow", curve.file("front1"))          # again: the role of the file
    assert curve.listed()["clients"][0]["role"] == "front"


def test_revoke_by_name_or_key_takes_every_copy(curve):
    key = curve.peer("front1", "front")[0].decode()
    curve.peer("front2", "front")
    with open(os.path.join(curve.keys, "clients", "copy.key"), "w", encoding="ascii") as f:
        f.write(open(curve.file("front1"), encoding="ascii").read())
    said = curve.call("revoke", "front1").stderr
    assert "front1.key is revoked" in said and "copy.key is revoked" in said
    assert [c["file"] for c in curve.listed()["clients"]] == ["front2.key"]
    curve.call("revoke", curve.listed()["clients"][0]["key"])
    assert curve.listed()["clients"] == []
    done = curve.call("revoke", key, check=False)
    assert done.returncode == 1 and "no allowed key is" in done.stderr


@pytest.mark.parametrize("args, status, text", [
    ((), 2, "say guahao curve make, list, allow, revoke or rotate"),
    (("mend",), 2, "say guahao curve make, list, allow, revoke or rotate"),
    (("make",), 2, "make what?"),
    (("list", "x"), 2, "list takes no name"),
    (("make", "front1"), 2, "say --role ROLES"),
    (("make", "front1", "--role", "front,boss"), 2, "one or several of front, worker, jobs, ops, identity, public"),
    (("make", "../x", "--role", "front"), 2, "../x: a name has 1 to 64 letters"),
    (("make", "server"), 2, "server.key is there already"),
    (("make", "server", "--role", "front"), 2, "are for peers"),
    (("allow", "/nonexistent/front1.key"), 1, "is no certificate"),
    (("allow", "/etc/passwd"), 1, "is no certificate"),
    (("revoke", "nobody"), 1, "no allowed key is nobody"),
    (("rotate", "--finish"), 2, "there is one server key only"),
    (("list", "--finish"), 2, "an option does not go with list"),
    (("rotate", "--role", "front"), 2, "an option does not go with rotate"),
])
def test_what_is_refused(curve, args, status, text):
    done = curve.call(*args, check=False)
    assert done.returncode == status and text in done.stderr, done.stderr


def test_a_directory_is_needed(shell, curve):
    done = shell.cli("curve", "list", check=False)
    assert done.returncode == 2 and "say --dir, or set broker.curve_dir" in done.stderr
    assert shell.cli("curve", "list", "--dir", curve.keys).returncode == 0
    done = shell.cli("curve", "rotate", "--dir", curve.dir, check=False)
    assert done.returncode == 1 and "has no server key" in done.stderr


def test_nothing_is_written_over(curve):
    first = curve.peer("front1", "front")
    done = curve.call("make", "front1", "--role", "front", "--out", curve.dir, check=False)
    assert done.returncode == 2 and "is there already" in done.stderr
    assert read_cert(curve.file("front1") + "_secret") == first
    os.rename(curve.file("front1"), curve.file("other"))
    done = curve.call("allow", curve.file("other"), check=False)
    assert done.returncode == 2 and "this key is allowed already, as front1.key" in done.stderr
    os.unlink(curve.file("front1") + "_secret")
    curve.peer("front1", "front", allow=False)
    done = curve.call("allow", curve.file("front1"), check=False)
    assert done.returncode == 2 and "another key is allowed as front1" in done.stderr
    curve.call("allow", curve.file("front1"), "--yes")
    assert curve.listed()["clients"][0]["key"] != first[0].decode()


def test_rotate_goes_to_and_fro(curve):
    first = curve.server()
    curve.call("rotate")
    second = curve.server("server2.key")
    assert second != first and [s["file"] for s in curve.listed()["server"]] == ["server.key", "server2.key"]
    done = curve.call("rotate", check=False)
    assert done.returncode == 2 and "both keys serve" in done.stderr
    curve.call("rotate", "--finish")
    assert sorted(os.listdir(curve.keys)) == ["clients", "server2.key", "server2.key_secret"]
    done = curve.call("make", "server", check=False)
    assert done.returncode == 2 and "server2.key is there already" in done.stderr
    curve.call("rotate")
    third = curve.server()
    assert third not in (first, second)
    curve.call("rotate", "--finish")                     # the older one, whichever its name
    assert sorted(os.listdir(curve.keys)) == ["clients", "server.key", "server.key_secret"] and curve.server() == third


# ---- the broker follows

class Link:
    """A connection with a key, whose end the test can see."""

    def __init__(self, kind, endpoint, pair, server):
        self.socket = zmq.Context.instance().socket(kind)
        self.socket.linger = 0
        self.socket.curve_publickey, self.socket.curve_secretkey = pair
        self.socket.curve_serverkey = server
        self.monitor = self.socket.get_monitor_socket(zmq.EVENT_DISCONNECTED | zmq.EVENT_HANDSHAKE_SUCCEEDED)
        if kind == zmq.SUB:
            self.socket.subscribe(b"")
        self.socket.connect(endpoint)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.socket.disable_monitor()
        self.socket.close(0)

    def happens(self, event, timeout):
        end = time.monotonic() + timeout
        while (left := end - time.monotonic()) > 0 and self.monitor.poll(left * 1000):
            if int.from_bytes(self.monitor.recv_multipart()[0][:2], "little") == event:
                return True
        return False

    def connected(self, timeout=5):
        return self.happens(zmq.EVENT_HANDSHAKE_SUCCEEDED, timeout)

    def ended(self, timeout=WITHIN):
        return self.happens(zmq.EVENT_DISCONNECTED, timeout)

    def ask(self, timeout=3):
        while self.socket.poll(0):
            self.socket.recv_multipart()
        self.socket.send_multipart([b"MDPC02", b"\x01", b"mmi.service", b"x"])
        return self.socket.recv_multipart()[3:] if self.socket.poll(timeout * 1000) else None


@pytest.fixture
def broker(curve):
    names = [prefix + n for prefix in ("", "second_") for n in ("inner", "events_in", "events_out")]
    tcp = {n: f"tcp://127.0.0.1:{free_port()}" for n in names}
    b = Broker(start=False)
    b.tcp = tcp
    for n, endpoint in tcp.items():
        beside = "" if n.startswith("second_") else getattr(b, n) + ","
        b.env["GUAHAO_BROKER_" + n.upper()] = beside + endpoint
    b.env["GUAHAO_BROKER_CURVE_DIR"] = curve.keys
    b.start()
    yield b
    b.destroy()


def test_a_key_is_let_in_as_soon_as_it_is_allowed(curve, broker):
    pair = curve.peer("front1", "front", allow=False)
    with Link(zmq.DEALER, broker.tcp["inner"], pair, curve.server()) as link:
        assert link.ask(timeout=0.7) is None
        curve.call("allow", curve.file("front1"))
        with Link(zmq.DEALER, broker.tcp["inner"], pair, curve.server()) as new:
            assert new.ask(timeout=WITHIN) == [b"404"]
        assert link.ask(timeout=6) == [b"404"]                          # it keeps trying


def test_what_an_allow_left_that_died_lets_nobody_in(curve, broker):
    pair, clients = curve.peer("front9", "front", allow=False), os.path.join(curve.keys, "clients")
    left = os.path.join(clients, ".front9.key.4711")
    shutil.copy(curve.file("front9"), left)
    os.utime(left, (time.time() - 100, time.time() - 100))
    assert curve.listed()["clients"] == []
    time.sleep(1.0)                                                     # the broker reads its directory each second
    with Link(zmq.DEALER, broker.tcp["inner"], pair, curve.server()) as link:
        assert link.ask(timeout=0.7) is None
    curve.call("allow", curve.file("front9"))
    assert os.listdir(clients) == ["front9.key"]


def test_a_revoked_key_loses_its_connections_and_others_keep_theirs(curve, broker):
    gone, stays = curve.peer("front1", "front"), curve.peer("front2", "front")
    server = curve.server()
    with Link(zmq.DEALER, broker.tcp["inner"], gone, server) as one, \
            Link(zmq.SUB, broker.tcp["events_out"], gone, server) as hearer, \
            Link(zmq.SUB, broker.tcp["events_out"], stays, server) as other_hearer, \
            Link(zmq.DEALER, broker.tcp["inner"], stays, server) as other:
        assert one.ask() == other.ask() == [b"404"]
        for h in (hearer, other_hearer):
            assert h.connected() and h.socket.poll(5000)
        curve.call("revoke", "front1")
        assert one.ended() and hearer.ended()
        while hearer.socket.poll(0):
            hearer.socket.recv_multipart()
        assert one.ask(timeout=1.5) is None and not hearer.socket.poll(0)     # nor let in again; no beat is heard
        assert other.ask() == [b"404"]
        assert not other.ended(0.1) and not other_hearer.ended(0.1)
        # The key that replaces it comes in at once.
        with Link(zmq.DEALER, broker.tcp["inner"], curve.peer("front3", "front"), server) as new:
            assert new.ask(WITHIN) == [b"404"]
    assert "connections_ended" in broker.process.output()


def test_a_silent_connection_of_a_revoked_key_ends_at_its_first_word(curve, broker):
    pair = curve.peer("front1", "front")
    with Link(zmq.DEALER, broker.tcp["inner"], pair, curve.server()) as link:
        assert link.connected()
        curve.call("revoke", "front1")
        time.sleep(1.2)
        assert link.ask(timeout=0.5) is None
        assert link.ended()


def refuses(endpoint):
    host, port = endpoint.removeprefix("tcp://").split(":")
    try:
        socket.create_connection((host, int(port)), 2).close()
        return False
    except ConnectionRefusedError:
        return True


def test_server_keys_overlap_and_nobody_is_cut_before_the_end(curve, broker):
    pair, first = curve.peer("front1", "front"), curve.server()
    with Link(zmq.DEALER, broker.tcp["inner"], pair, first) as old:
        assert old.ask() == [b"404"]
        assert refuses(broker.tcp["second_inner"])
        curve.call("rotate")
        wait_for("the second endpoints", lambda: not any(refuses(broker.tcp["second_" + n])
                                                          for n in ("inner", "events_in", "events_out")), WITHIN)
        second = curve.server("server2.key")
        with Link(zmq.DEALER, broker.tcp["second_inner"], pair, first) as wrong:
            assert wrong.ask(timeout=0.7) is None                   # each endpoint has its own key
        with Link(zmq.DEALER, broker.tcp["second_inner"], pair, second) as new, \
                Link(zmq.SUB, broker.tcp["second_events_out"], pair, second) as hearer:
            assert new.ask() == old.ask() == [b"404"] and hearer.socket.poll(5000)
            curve.call("rotate", "--finish")
            assert old.ended()
            wait_for("the first endpoint's end", lambda: refuses(broker.tcp["inner"]), WITHIN)
            assert new.ask() == [b"404"] and not new.ended(0.1) and not hearer.ended(0.1)
            # And back: the first endpoints serve a third key, without a restart.
            curve.call("rotate")
            wait_for("the first endpoint", lambda: not refuses(broker.tcp["inner"]), WITHIN)
            with Link(zmq.DEALER, broker.tcp["inner"], pair, curve.server()) as third:
                assert third.ask() == new.ask() == [b"404"]
    assert "bind_failed" not in broker.process.output()


def test_a_broker_starts_with_its_second_key_alone(curve):
    curve.call("rotate")
    curve.call("rotate", "--finish")
    b = Broker(start=False)
    second = f"tcp://127.0.0.1:{free_port()}"
    b.env.update(GUAHAO_BROKER_CURVE_DIR=curve.keys, GUAHAO_BROKER_SECOND_INNER=second)
    try:
        b.start()
        with Link(zmq.DEALER, second, curve.peer("front1", "front"), curve.server("server2.key")) as link:
            assert link.ask() == [b"404"]
    finally:
        b.destroy()


@pytest.mark.parametrize("endpoint, with_keys", [("ipc:///tmp/guahao-second/inner.sock", True), ("tcp://127.0.0.1:5599", False)])
def test_second_endpoints_need_tcp_and_keys(curve, endpoint, with_keys):
    b = Broker(start=False)
    b.env["GUAHAO_BROKER_SECOND_INNER"] = endpoint
    if with_keys:
        b.env["GUAHAO_BROKER_CURVE_DIR"] = curve.keys
    try:
        b.start(wait=False)
        assert b.process.wait(20) == 1
        assert "it is for tcp with the second key of broker.curve_dir" in b.process.output()
    finally:
        b.destroy()
