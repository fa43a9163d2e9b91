"""Our job messages (schema/job-message.md) written with msgpack, and a small Majordomo broker to test workers with.

Independent of the C code: both are written from the page, so that a fault on either side shows.
"""

import collections
import json
import os
import queue
import struct
import threading
import time

import msgpack
import zmq


def uuid7(at=None):
    """16 bytes of a UUIDv7, for now or a given moment (seconds)."""
    ms = int((time.time() if at is None else at) * 1000)
    raw = bytearray(struct.pack(">Q", ms)[2:] + os.urandom(10))
    raw[6] = 0x70 | raw[6] & 0x0F
    raw[8] = 0x80 | raw[8] & 0x3F
    return bytes(raw)


def head(op, id=None, user=None, deadline=5000, attempt=0, **more):
    """A job header frame. user None: no actor at all; a number: an actor with this user (0: nobody)."""
    h = {"id": id or uuid7(), "op": op, "deadline": deadline, "priority": 1, "attempt": attempt, **more}
    if user is not None:
        h["actor"] = {"user": user}
    return b"GHJ1" + msgpack.packb(h)


def args(**sections):
    return msgpack.packb(sections)


class Reply:
    """A decoded answer."""

    def __init__(self, frames):
        assert frames and frames[0][:4] == b"GHR1", frames
        h = msgpack.unpackb(frames[0][4:])
        self.head = h
        self.id = h["id"]
        self.error = h.get("error")
        self.params = h.get("params", {})
        self.headers = h.get("headers", {})
        self.status = h.get("status", 0)
        self.extra = json.loads(h["extra"]) if h.get("extra") else {}
        self.body = frames[1] if len(frames) > 1 else b""

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"Reply({self.error or 'ok'} {self.params} {self.body!r})"


class Worker:
    """What the broker knows of a worker that said READY."""

    def __init__(self, identity, service, credit):
        self.identity = identity
        self.service = service
        self.credit = credit
        self.gone = False


class FakeBroker:
    """A ROUTER that workers connect to, an event socket pair, and a thread that keeps both alive.

    Jobs are sent to a named worker by hand and their answers collected, so that a test decides what is delivered when.
    """

    HEARTBEAT = 0.3

    def __init__(self, run_dir):
        os.makedirs(run_dir, exist_ok=True)
        self.endpoint = f"ipc://{run_dir}/inner.sock"
        self._dir = run_dir
        self._out = queue.Queue()
        self._lock = threading.Condition()
        self.workers = {}
        self.replies = []
        self.disconnects = []
        self.events = []
        self.carries = True                             # events go on to all subscribers, as a broker does
        self.heartbeats = collections.Counter()
        self.faults = []
        self.mute = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    # -- the thread

    def _run(self):
        ctx = zmq.Context()
        router = ctx.socket(zmq.ROUTER)
        sub, pub = ctx.socket(zmq.SUB), ctx.socket(zmq.PUB)
        for s in (router, sub, pub):
            s.linger = 0
            s.set_hwm(0)                                   # a test sends more than any credit at once
        sub.subscribe(b"")
        router.bind(self.endpoint)
        sub.bind(f"ipc://{self._dir}/events-in.sock")
        pub.bind(f"ipc://{self._dir}/events-out.sock")
        poller = zmq.Poller()
        poller.register(router, zmq.POLLIN)
        poller.register(sub, zmq.POLLIN)
        beat = 0.0
        while not self._stop.is_set():
            for s, _ in poller.poll(2):
                if s is router:
                    self._receive(s.recv_multipart())
                else:
                    topic, frame = s.recv_multipart()
                    with self._lock:
                        self.events.append((topic.decode(), msgpack.unpackb(frame[4:])))
                        self._lock.notify_all()
                    if self.carries:
                        pub.send_multipart([topic, frame])
            while not self._out.empty():
                kind, frames = self._out.get()
                (router if kind == "job" else pub).send_multipart(frames)
            if time.monotonic() - beat > self.HEARTBEAT and not self.mute:
                beat = time.monotonic()
                for w in list(self.workers.values()):
                    if not w.gone:
                        router.send_multipart([w.identity, b"MDPW02", b"\x05"])
        ctx.destroy(linger=0)

    def _receive(self, frames):
        identity, header, command = frames[:3]
        with self._lock:
            if header != b"MDPW02":
                self.faults.append(frames)
            elif command == b"\x01":
                self.workers[identity] = Worker(identity, frames[3].decode(), int(frames[4]) if len(frames) > 4 else 1)
            elif command == b"\x04":
                if frames[4] != b"":
                    self.faults.append(frames)
                self.replies.append((identity, frames[3], frames[5:]))
            elif command == b"\x05":
                self.heartbeats[identity] += 1
            elif command == b"\x06":
                self.disconnects.append(identity)
                if identity in self.workers:
                    self.workers[identity].gone = True
            else:
                self.faults.append(frames)
            self._lock.notify_all()

    def _wait(self, what, ready, timeout):
        end = time.monotonic() + timeout
        with self._lock:
            while True:
                value = ready()
                if value:
                    return value
                left = end - time.monotonic()
                if left <= 0:
                    raise AssertionError(f"waited {timeout:g} s for {what}")
                self._lock.wait(left)

    # -- for tests

    def worker(self, service, timeout=30):
        """The newest living worker of a service."""
        def find():
            live = [w for w in self.workers.values() if w.service == service and not w.gone]
            return live[-1] if live else None
        return self._wait(f"a worker of {service}", find, timeout)

    def send_raw(self, worker, *frames):
        self._out.put(("job", [worker.identity, *frames]))

    def send(self, worker, *body, client=b"\x00c123"):
        self.send_raw(worker, b"MDPW02", b"\x02", client, b"", *body)

    def reply(self, id, timeout=15):
        """The answer to a job, taken off the list."""
        def find():
            for i, (_, _, body) in enumerate(self.replies):
                r = Reply(body)
                if r.id == id:
                    del self.replies[i]
                    return r
            return None
        return self._wait("an answer", find, timeout)

    def call(self, worker, op, timeout=15, blobs=(), id=None, user=None, deadline=5000, attempt=0, more=None, **sections):
        id = id or uuid7()
        self.send(worker, head(op, id, user, deadline, attempt, **(more or {})), args(**sections), *blobs)
        return self.reply(id, timeout)

    def publish(self, topic, payload):
        self._out.put(("event", [topic.encode(), b"GHE1" + msgpack.packb(payload)]))

    def event(self, topic, timeout=10):
        """The first event of a topic, taken off the list."""
        def find():
            for i, (t, payload) in enumerate(self.events):
                if t == topic:
                    del self.events[i]
                    return payload
            return None
        return self._wait(f"event {topic}", find, timeout)

    def close(self):
        self._stop.set()
        self._thread.join(10)
