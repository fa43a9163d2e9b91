"""Jobs sent straight to a pool as a trusted peer (what a front does), and the events that come of them."""

import contextlib
import json
import uuid

import msgpack
import zmq

from . import mdp
from .broker import head, read_reply, uuid7


class Answer:
    """Reply header and body of one job."""

    def __init__(self, frames):
        self.head = read_reply(frames[0])
        self.error = self.head.get("error") or None
        self.headers = self.head.get("headers") or {}
        self.params = self.head.get("params") or {}
        self.body = json.loads(frames[1]) if len(frames) > 1 and frames[1] and not self.error else None

    def ok(self):
        assert self.error is None, (self.error, self.params)
        return self.body

    def refused(self, error):
        assert self.error == error, (self.error, self.body)
        return self


class Jobs:
    """A client of the broker's inner endpoint that speaks our job messages."""

    def __init__(self, system):
        self.client = mdp.Client(system.inner)

    def send(self, op, body=None, query=None, path=None, form=None, actor=None, **members):
        args = {k: v for k, v in (("path", path), ("query", query), ("body", body), ("form", form)) if v is not None}
        if actor is not None:
            members["actor"] = {"user": 0, "ip": "127.0.0.1", "agent": "tests", **actor}
        self.client.send(op.split(".")[0], head(op, **members), msgpack.packb(args))

    def recv(self, timeout=30):
        answer = self.client.recv(timeout)
        assert answer is not None, "no reply"
        return Answer(answer[2])

    def call(self, op, **kw):
        self.send(op, **kw)
        return self.recv()

    def close(self):
        self.client.close()


class Events:
    """A subscriber of the broker's event socket; beats are passed over."""

    def __init__(self, system, *topics):
        self.socket = zmq.Context.instance().socket(zmq.SUB)
        self.socket.linger = 0
        for topic in topics:
            self.socket.setsockopt(zmq.SUBSCRIBE, topic.encode())
        self.socket.connect(f"ipc://{system.var}/run/events-out.sock")

    def next(self, timeout=5.0):
        """(topic, map) or None."""
        if not self.socket.poll(int(timeout * 1000)):
            return None
        topic, frame = self.socket.recv_multipart()
        assert frame[:4] == b"GHE1", frame
        return topic.decode(), msgpack.unpackb(frame[4:])

    def close(self):
        self.socket.close(0)


def claims(token):
    """The claims of a JWT, unchecked."""
    import base64
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def sid_bytes(token):
    return uuid.UUID(claims(token)["sid"]).bytes


def actor_of(token):
    """The actor that a front makes of an access token."""
    c = claims(token)
    return {"user": int(c["sub"]), "session": uuid.UUID(c["sid"]).bytes, "jti": uuid.UUID(c["jti"]).bytes, "exp": c["exp"]}


@contextlib.contextmanager
def delivered_twice(db, make_system, user, pool="identity"):
    """call("pool.x", ...) -> both answers of one job of this user, which the broker hands out again after its commit."""
    system = make_system(db, {"password.cost": 10})
    system.start_broker()
    system.start_worker(pool)
    jobs = Jobs(system)

    def call(op, **kw):
        kw = {"actor": {"user": user}, "id": uuid7(), **kw}
        return jobs.call(op, **kw).ok(), jobs.call(op, **kw, attempt=1).ok()

    yield call
    jobs.close()
