"""A trusted client of the broker's inner endpoint: sends jobs as a front does, without a front."""

import itertools
import json
import os
import time

import msgpack
import zmq

from . import mdp

_serial = itertools.count()


def uuid7():
    """16 bytes: milliseconds, version 7, a counter and randomness."""
    ms = int(time.time() * 1000).to_bytes(6, "big")
    tail = bytearray(os.urandom(10))
    tail[0] = 0x70 | (tail[0] & 0x0F)
    tail[2] = 0x80 | (tail[2] & 0x3F)
    return ms + bytes(tail)


class Answer:
    """error: name of the refusal or None; body: parsed JSON; head: the reply header."""

    def __init__(self, head, body):
        self.head = head
        self.error = head.get("error") or None
        self.status = head.get("status", 0)
        self.headers = head.get("headers") or {}
        self.params = head.get("params") or {}
        self.extra = json.loads(head["extra"]) if head.get("extra") else {}
        self.body = json.loads(body) if body and not self.error else None

    def __repr__(self):
        return f"<{self.error or 'ok'} {self.body or self.head}>"


class Jobs:
    def __init__(self, endpoint):
        self.client = mdp.Client(endpoint)
        self.answers = {}

    def send(self, op, args=None, user=None, job_id=None, budget_ms=10000, **more):
        job_id = job_id or uuid7()
        head = {"id": job_id, "op": op, "deadline": budget_ms, "attempt": 0, "priority": 1, **more}
        if user is not None:
            head["actor"] = {"user": user}
        self.client.send(op.split(".")[0], b"GHJ1" + msgpack.packb(head), msgpack.packb(args or {}))
        return job_id

    def wait(self, job_id, timeout=20.0):
        end = time.monotonic() + timeout
        while job_id not in self.answers:
            got = self.client.recv(max(0.01, end - time.monotonic()))
            assert got is not None, "no answer"
            frames = got[2]
            assert frames[0][:4] == b"GHR1", frames
            head = msgpack.unpackb(frames[0][4:])
            self.answers[head["id"]] = Answer(head, frames[1] if len(frames) > 1 else b"")
        return self.answers.pop(job_id)

    def call(self, op, args=None, user=None, **more):
        return self.wait(self.send(op, args, user, **more))

    def close(self):
        self.client.close()
