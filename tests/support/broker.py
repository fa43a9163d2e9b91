"""A broker of its own for a test, and workers and jobs to talk to it with: pyzmq and msgpack only."""

import json
import os
import time
import uuid

import msgpack
import zmq

from . import paths
from .mdp import Client, mmi
from .proc import Process, wait_for

READY, REQUEST, PARTIAL, FINAL, HEARTBEAT, DISCONNECT = b"\x01", b"\x02", b"\x03", b"\x04", b"\x05", b"\x06"


def uuid7():
    raw = bytearray(int(time.time() * 1000).to_bytes(6, "big") + os.urandom(10))
    raw[6] = 0x70 | raw[6] & 0x0F
    raw[8] = 0x80 | raw[8] & 0x3F
    return bytes(raw)


def head(op="echo.echo", deadline=10000, **members):
    """A job header frame; id=... to choose one, priority, shard, actor, attempt as wanted."""
    h = {"id": uuid7(), "op": op, "deadline": deadline, "attempt": 0, **members}
    return b"GHJ1" + msgpack.packb(h)


def read_head(frame):
    assert frame[:4] == b"GHJ1", frame
    return msgpack.unpackb(frame[4:])


def reply_head(job, **members):
    """Reply header for a job header (frame or map)."""
    h = read_head(job) if isinstance(job, bytes) else job
    return b"GHR1" + msgpack.packb({"id": h["id"], "attempt": h["attempt"], **members})


def read_reply(frame):
    assert frame[:4] == b"GHR1", frame
    return msgpack.unpackb(frame[4:])


class Worker:
    """A DEALER speaking MDP/Worker. version 2 or 1; credit None: a plain worker."""

    def __init__(self, endpoint, service, credit=None, version=2, identity=None, ready=True):
        self.version = version
        self.service = service
        self.credit = credit
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.rcvhwm = self.socket.sndhwm = 100000
        if identity is not None:
            self.socket.setsockopt(zmq.IDENTITY, identity)
        self.socket.connect(endpoint)
        if ready:
            self.ready()

    def command(self, code, *frames):
        if self.version == 1:
            code = {READY: b"\x01", FINAL: b"\x03", HEARTBEAT: b"\x04", DISCONNECT: b"\x05"}[code]
            self.socket.send_multipart([b"", b"MDPW01", code, *frames])
        else:
            self.socket.send_multipart([b"MDPW02", code, *frames])

    def ready(self):
        credit = [] if self.credit is None else [str(self.credit).encode()]
        self.command(READY, self.service.encode(), *credit)

    def heartbeat(self):
        self.command(HEARTBEAT)

    def recv(self, timeout=5.0):
        """(command, client, body frames), heartbeats answered and skipped; None when nothing came."""
        end = time.monotonic() + timeout
        while True:
            left = end - time.monotonic()
            if left < 0 or not self.socket.poll(max(0, int(left * 1000))):
                return None
            frames = self.socket.recv_multipart()
            if self.version == 1:
                assert frames[:2] == [b"", b"MDPW01"], frames
                code = {b"\x02": REQUEST, b"\x04": HEARTBEAT, b"\x05": DISCONNECT}[frames[2]]
                frames = frames[3:]
            else:
                assert frames[0] == b"MDPW02", frames
                code, frames = frames[1], frames[2:]
            if code == HEARTBEAT:
                assert frames == []
                self.heartbeat()
                continue
            if code == DISCONNECT:
                assert frames == []
                return code, None, []
            assert code == REQUEST and frames[1] == b"", frames
            return code, frames[0], frames[2:]

    def job(self, timeout=5.0):
        """(client, body frames) of the next request; None when nothing came."""
        got = self.recv(timeout)
        assert got is None or got[0] == REQUEST, got
        return None if got is None else got[1:]

    def disconnected(self, timeout=5.0):
        got = self.recv(timeout)
        return got is not None and got[0] == DISCONNECT

    def final(self, client, *body):
        self.command(FINAL, client, b"", *body)

    def answer(self, job, body=b'"ok"', **members):
        """End a job of ours as its header says."""
        client, frames = job
        self.final(client, reply_head(frames[0], **members), body)

    def close(self):
        self.socket.close(0)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


class Broker:
    """guahao-broker in a directory of its own."""

    def __init__(self, conf=None, start=True):
        self.dir = paths.temp_dir(0o700)
        run = os.path.join(self.dir, "run")
        self.inner = f"ipc://{run}/inner.sock"
        self.public = f"ipc://{run}/public.sock"
        self.events_in = f"ipc://{run}/events-in.sock"
        self.events_out = f"ipc://{run}/events-out.sock"
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("GUAHAO_BROKER")}
        self.env.update(GUAHAO_VAR=self.dir, GUAHAO_SHARE=paths.ROOT, GUAHAO_BROKER_HEARTBEAT_MS="500",
                        GUAHAO_BROKER_LIVENESS="4")
        for name, value in (conf or {}).items():
            self.env["GUAHAO_" + name.upper().replace(".", "_")] = str(value)
        self.process = None
        if start:
            self.start()

    def start(self, wait=True):
        self.process = Process("broker", [paths.program("guahao-broker")], os.path.join(self.dir, "log"), env=self.env)
        if wait:
            wait_for("the broker", lambda: "event=ready" in self.process.output(),
                     alive=lambda: None if self.process.running() else self.process.output())
        return self

    def client(self, public=False):
        return Client(self.public if public else self.inner)

    def worker(self, service, public=False, **kw):
        return Worker(self.public if public else self.inner, service, **kw)

    def mmi(self, name, *args, public=False):
        return mmi(self.public if public else self.inner, name, *args, timeout=10)

    def queues(self, service=None):
        code, text = self.mmi("queues", (service or "").encode())
        assert code == b"200"
        report = json.loads(text)
        if service is None:
            return report
        return report["services"][0]

    def totals(self):
        return self.queues()["broker"]

    def has_workers(self, service, n=1):
        """Wait until n workers serve it."""
        def ready():
            found = [s for s in self.queues()["services"] if s["name"] == service]
            return bool(found) and found[0]["workers"] == n

        wait_for(f"{n} workers of {service}", ready, timeout=10)

    def alive(self):
        return self.process.running() and self.mmi("service", b"x") == [b"404"]

    def stop(self):
        return self.process.stop()

    def destroy(self):
        status = self.stop() if self.process is not None and self.process.running() else None
        paths.remove_dir(self.dir)
        return status

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if exc[0] is not None and self.process is not None:
            print(self.process.tail())
        status = self.destroy()
        if exc[0] is None and status is not None:
            assert status == 0, f"the broker ended with {status}"


def uuid_text(raw):
    return str(uuid.UUID(bytes=raw))
