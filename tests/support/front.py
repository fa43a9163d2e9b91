"""A front alone: a broker written here (pyzmq, msgpack, no C code of ours) behind the real guahao-front, and raw HTTP."""

import base64
import hashlib
import hmac
import json
import os
import socket
import threading
import time
import uuid

import msgpack
import requests
import zmq

from . import paths
from .proc import Process, wait_for
from .system import free_port

SECRET = "test-secret-test-secret-test-secret-0123456789"
REFRESH = "test-refresh-test-refresh-test-refresh-012345"


# -- tokens, made here so that a fault in our own code cannot hide itself

def _b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(user=42, sid=None, secret=SECRET, alg="HS256", now=None, life=1800, header=None, **claims):
    now = int(time.time()) if now is None else now
    body = {"iss": "guahao", "sub": str(user), "jti": str(uuid.uuid4()), "sid": sid or str(uuid.uuid4()),
            "typ": "access", "iat": now, "nbf": now, "exp": now + life, "roles": ["PATIENT"], **claims}
    text = _b64(json.dumps(header or {"alg": alg, "typ": "JWT"}).encode()) + "." + _b64(json.dumps(body).encode())
    return text + "." + _b64(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest())


# -- what the broker was sent

class Job:
    def __init__(self, service, frames):
        assert frames[0][:4] == b"GHJ1", frames[0][:8]
        self.service = service
        self.head = msgpack.unpackb(frames[0][4:], raw=False)
        self.args = msgpack.unpackb(frames[1], raw=False) if len(frames) > 1 else {}
        self.op = self.head["op"]

    @property
    def actor(self):
        return self.head.get("actor") or {}


class Reply:
    """What a handler gives back: ready JSON text (or anything to dump), or an error with its parts."""

    def __init__(self, body=None, raw=None, **head):
        self.body = raw if raw is not None else json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        self.head = head


SILENT = object()    # never answer


class FakeBroker:
    """Answers jobs on a thread. handlers: operation -> function(job) giving Reply, SILENT, or a plain value."""

    def __init__(self, var, name="inner", beat=True, sync=True):
        self.context = zmq.Context()
        self.inner = f"ipc://{var}/{name}.sock"
        self.events = f"ipc://{var}/{name}-events.sock"
        self.handlers = {}
        self.jobs = []
        self.workers = {"identity": 1, "directory": 1, "booking": 1, "schedule": 1}
        self.revoked = []
        self.seq = 0
        self.sync_calls = 0
        self.beat = beat
        self.sync = sync
        self.id = os.urandom(16)
        self._queue, self._late = [], []
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(10)

    def on(self, op, handler):
        self.handlers[op] = handler if callable(handler) else (lambda job: handler)

    def publish(self, topic, **values):
        with self._lock:
            self._queue.append((topic, values))

    def answer(self, job, reply):
        """The answer to a job whose handler gave none."""
        with self._lock:
            self._late.append((job, reply))

    def last(self, op=None):
        return [j for j in self.jobs if op is None or j.op == op][-1]

    def count(self, op):
        return sum(1 for j in self.jobs if j.op == op)

    def wait_job(self, op, n=1, timeout=10):
        wait_for(f"{n} x {op}", lambda: self.count(op) >= n, timeout)
        return self.last(op)

    def _send(self, router, client, service, job, reply):
        if reply is SILENT:
            return
        if not isinstance(reply, Reply):
            reply = Reply(reply)
        head = {"id": job.head["id"], "attempt": 0, **reply.head}
        router.send_multipart([client, b"MDPC02", b"\x03", service.encode(),
                               b"GHR1" + msgpack.packb(head, use_bin_type=True), reply.body])

    def _mmi(self, router, client, service):
        services = [{"name": n, "workers": w, "running": 0, "waiting": [0, 0, 0], "depth": 3, "oldest_ms": 250, "done": 7,
                     "refused_full": 0, "refused_no_worker": 0, "expired": 0, "requeued": 0, "dead": 0}
                    for n, w in self.workers.items()]
        body = [b"200", json.dumps({"broker": {"id": self.id.hex()}, "services": services}).encode()]
        router.send_multipart([client, b"MDPC02", b"\x03", service.encode(),
                               *(body if service == "mmi.queues" else [b"501"])])

    def _take(self, router, frames):
        client, service, body = frames[0], frames[3].decode(), frames[4:]
        assert frames[1] == b"MDPC02" and frames[2] == b"\x01", frames
        if service.startswith("mmi."):
            self._mmi(router, client, service)
            return
        job = Job(service, body)
        if job.op == "identity.sync_revocations":
            self.sync_calls += 1
            if self.sync:
                self._send(router, client, service, job, Reply({"seq": self.seq, "revoked": self.revoked}))
            return
        job.client = client
        self.jobs.append(job)
        handler = self.handlers.get(job.op)
        self._send(router, client, service, job, handler(job) if handler else Reply(error="INTERNAL"))

    def _run(self):
        router, pub = self.context.socket(zmq.ROUTER), self.context.socket(zmq.PUB)
        for s, endpoint in ((router, self.inner), (pub, self.events)):
            s.linger = 0
            s.bind(endpoint)
        self._ready.set()
        next_beat = 0
        while not self._stop.is_set():
            if router.poll(5):
                self._take(router, router.recv_multipart())
            now = time.monotonic()
            events, self._queue = self._queue, []
            late, self._late = self._late, []
            for job, reply in late:
                self._send(router, job.client, job.service, job, reply)
            if self.beat and now >= next_beat:
                next_beat = now + 0.2
                events.append(("beat", {"broker": self.id, "seq": self.seq}))
            for topic, values in events:
                pub.send_multipart([topic.encode(), b"GHE1" + msgpack.packb(values, use_bin_type=True)])
        router.close(0)
        pub.close(0)

    def close(self):
        if self._stop.is_set():
            return
        self._stop.set()
        self._thread.join(10)
        self.context.term()


class Front:
    """The real front over one or several FakeBrokers."""

    def __init__(self, brokers, var, conf=None):
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.var = var
        env = {k: v for k, v in os.environ.items() if not k.startswith("GUAHAO_")}
        env.update({
            "GUAHAO_VAR": var, "GUAHAO_SHARE": paths.ROOT, "GUAHAO_HTTP_PORT": str(self.port),
            "GUAHAO_LINK_INNER": ",".join(b.inner for b in brokers),
            "GUAHAO_LINK_EVENTS_OUT": ",".join(b.events for b in brokers),
            "GUAHAO_FRONT_WORKERS": "1", "GUAHAO_FRONT_TIMEOUT_MS": "1500", "GUAHAO_FRONT_MAX_CONNECTIONS": "256",
            "GUAHAO_FRONT_CONTRACT_EXTRA": os.path.join(paths.ROOT, "tests", "bench", "openapi"),
            "SECRET_KEY": SECRET, "JWT_REFRESH_SECRET": REFRESH})
        for name, value in (conf or {}).items():
            env["GUAHAO_" + name.replace(".", "_").upper()] = str(value)
        self.process = Process("front", [paths.program("guahao-front")], os.path.join(var, "front.log"), env=env)

    def _alive(self):
        return None if self.process.running() else "the front died\n" + self.process.tail()

    def wait_ready(self, timeout=30):
        def ready():
            try:
                return requests.get(self.base + "/readyz", timeout=2).status_code == 200
            except requests.RequestException:
                return False
        wait_for("the front to be ready", ready, timeout, alive=self._alive)
        return self

    def wait_up(self, timeout=30):
        def up():
            try:
                return requests.get(self.base + "/healthz", timeout=2).status_code == 200
            except requests.RequestException:
                return False
        wait_for("the front to listen", up, timeout, alive=self._alive)
        return self

    def call(self, method, path, token=None, timeout=10, **more):
        headers = dict(more.pop("headers", {}))
        if token:
            headers["Authorization"] = "Bearer " + token
        return requests.request(method, self.base + path, headers=headers, timeout=timeout, **more)

    def get(self, path, **more):
        return self.call("GET", path, **more)

    def post(self, path, **more):
        return self.call("POST", path, **more)

    def connect(self):
        s = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return s

    def raw(self, data, timeout=5, shut=False):
        """Send bytes, read until the peer closes or nothing more comes for a moment."""
        with self.connect() as s:
            try:
                s.sendall(data)
                if shut:
                    s.shutdown(socket.SHUT_WR)
            except (BrokenPipeError, ConnectionResetError):
                pass
            return read_all(s, timeout)


def read_all(s, timeout=5, quiet=0.4):
    """Bytes until the peer closes; once some came, a quiet moment ends it too."""
    data, end = b"", time.monotonic() + timeout
    while time.monotonic() < end:
        s.settimeout(quiet if data else max(0.05, end - time.monotonic()))
        try:
            chunk = s.recv(65536)
        except (TimeoutError, socket.timeout):
            break
        except ConnectionResetError:
            break
        if not chunk:
            break
        data += chunk
    return data


def status_of(data):
    return int(data.split(b" ", 2)[1]) if data.startswith(b"HTTP/1.") else None


def body_of(data):
    head, _, body = data.partition(b"\r\n\r\n")
    return head.decode("latin-1").lower(), body


class Bench:
    """A broker and a front, stopped whatever happens."""

    def __init__(self, conf=None, brokers=1, **broker_options):
        self.var = paths.temp_dir(0o755)
        self.brokers = [FakeBroker(self.var, f"b{i}", **broker_options) for i in range(brokers)]
        self.broker = self.brokers[0]
        self.front = Front(self.brokers, self.var, conf)
        self.death_expected = False

    def close(self):
        try:
            self.front.process.stop(timeout=15)
            log = self.front.process.output()
            # Kore starts a dead worker again, so that only the log tells
            bad = ["Sanitizer", "runtime error:"] + ([] if self.death_expected else ["gone\"", "sandbox violation"])
            assert not [word for word in bad if word in log], log[-4000:]
        finally:
            for b in self.brokers:
                b.close()
            paths.remove_dir(self.var)
