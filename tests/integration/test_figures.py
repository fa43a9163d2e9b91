"""What workers say of themselves with their heartbeats, and how brokers pass it on (lib/wire/figures.h)."""

import msgpack
import pytest

from support.broker import Broker, Worker
from support.proc import wait_for


@pytest.fixture(scope="module")
def broker():
    with Broker() as b:
        yield b


def figures(broker, public=False):
    code, *body = broker.mmi("figures", b"", public=public)
    assert code == b"200", code
    return {msgpack.unpackb(frame)["pool"]: (worker, age, frame) for worker, age, frame in msgpack.unpackb(body[0])}


def say(worker, frame):
    worker.command(b"\x05", frame)


def test_the_last_word_of_each_worker_is_kept_while_it_lives(broker):
    first, second = (msgpack.packb({"pool": "told", "n": n}) for n in (1, 2))
    with Worker(broker.inner, "told") as w:
        broker.has_workers("told")
        assert "told" not in figures(broker)
        say(w, first)
        wait_for("the first", lambda: figures(broker).get("told", [0, 0, 0])[2] == first, 5)
        say(w, second)
        wait_for("the second", lambda: figures(broker)["told"][2] == second, 5)
        w.heartbeat()                                     # a plain one changes nothing
        broker.mmi("service", b"x")
        worker, age, frame = figures(broker)["told"]
        assert frame == second and 0 <= age < 10000
        assert worker in broker.mmi("workers", b"")[1].decode()
        w.command(b"\x06")
        wait_for("its end", lambda: "told" not in figures(broker), 5)


@pytest.mark.parametrize("frame", [b"", b"x", msgpack.packb([1]), msgpack.packb({"n": 1}), msgpack.packb({"pool": ""}),
                                   msgpack.packb({"pool": "odd", "x": "y" * 200000}), b"\xde\xff\xff"], ids=range(7))
def test_what_is_no_figures_is_a_heartbeat(broker, frame):
    with Worker(broker.inner, "odd") as w:
        broker.has_workers("odd")
        say(w, frame)
        broker.has_workers("odd")
        w.heartbeat()
        assert "odd" not in figures(broker) and broker.alive()


def test_public_peers_neither_tell_nor_ask(broker):
    with Worker(broker.public, "outside") as w:
        broker.has_workers("outside")
        say(w, msgpack.packb({"pool": "outside", "n": 1}))
        w.heartbeat()
        assert "outside" not in figures(broker)
    assert broker.mmi("figures", b"", public=True) == [b"403"]
