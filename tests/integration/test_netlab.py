"""The hosts that chaos tests use (support/netlab.py): a cut cuts, loss loses, slow is slow, late is late, and nothing stays behind."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from support import netlab
from support.proc import wait_for
from support.relay import Relay

PORT = 7000


@pytest.fixture(scope="module")
def lab():
    reason = netlab.why_not()
    if reason:
        pytest.skip(reason)
    with netlab.Lab(["a", "b", "relay"]) as made:
        with made.inside("b"):
            listener = socket.create_server((made.address["b"], PORT), backlog=64)
        threading.Thread(target=_serve, args=(listener,), daemon=True).start()
        yield made
        listener.close()


def _serve(listener):
    """Each connection is told back what it says."""
    while True:
        try:
            conn, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_echo, args=(conn,), daemon=True).start()


def _echo(conn):
    try:
        while data := conn.recv(65536):
            conn.sendall(data)
    except OSError:
        pass
    conn.close()


def call(lab, host="a", port=PORT, target="b", size=1, timeout=0.8):
    """Seconds until b has told it back; None: it did not. host None: asked by the tests' own address."""
    if host:
        with lab.inside(host):
            s = socket.socket()
    else:
        s = socket.socket()
    with s:
        s.settimeout(timeout)
        begun = time.monotonic()
        try:
            s.connect((lab.address[target], port))
            s.sendall(b"x" * size)
            left = size
            while left:
                got = len(s.recv(65536))
                if not got:
                    return None
                left -= got
        except OSError:
            return None
        return time.monotonic() - begun


def test_a_cut_stops_what_it_names_and_nothing_else(lab):
    assert call(lab) is not None and call(lab, None) is not None
    serial = lab.cut("a", "b")
    assert call(lab) is None and call(lab, None) is not None
    lab.mend(serial)
    assert call(lab) is not None
    for one_way in (("a", "b"), ("b", "a")):
        serial = lab.cut(*one_way, one_way=True)
        assert call(lab) is None
        lab.mend(serial)
    serial = lab.cut("b")
    assert call(lab, None) is None
    lab.mend_all()
    assert call(lab) is not None


def test_loss_loses_some_and_slow_is_slow(lab):
    serial = lab.lose("a", "b", 50)
    lost = sum(call(lab, timeout=0.1) is None for _ in range(12))
    lab.mend(serial)
    assert 0 < lost
    quick = call(lab, size=40000, timeout=10)
    lab.slow("b", 500)
    slow = call(lab, size=40000, timeout=10)            # 40 kB at 62 kB/s, less what a burst may be
    lab.mend_speed("b")
    assert slow > 0.4 > quick and call(lab, size=40000, timeout=10) < 0.4


def test_the_relay_is_late_as_told(lab):
    relay = Relay(lab, "relay")
    try:
        port = int(relay.add(lab.address["b"], PORT).split(":")[1])
        assert call(lab, port=port, target="relay") < 0.2
        relay.delay = 0.2
        assert 0.4 <= call(lab, port=port, target="relay", timeout=3) < 0.8
    finally:
        relay.close()


def test_what_a_killed_run_left_is_removed_by_the_next(lab):
    code = "import sys, time; sys.path.insert(0, sys.argv[1]); from support import netlab\n" \
           "lab = netlab.Lab(['left']).__enter__(); print(lab._device, flush=True); time.sleep(60)"
    folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    child = subprocess.Popen([sys.executable, "-c", code, folder], stdout=subprocess.PIPE, text=True)
    device = child.stdout.readline().strip()

    def left():
        return [n for n in os.listdir("/run/netns") if n.startswith(f"ght.{child.pid}.")], os.path.exists(f"/sys/class/net/{device}")
    assert device and left() == (left()[0], True) and len(left()[0]) == 2
    child.send_signal(signal.SIGKILL)
    child.wait(10)
    netlab.remove_stale()
    wait_for("nothing to be left", lambda: left() == ([], False), 10)
