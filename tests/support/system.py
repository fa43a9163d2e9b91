"""The running system: broker, workers and front of this build, with their own run directory, sockets and port."""

import json
import os
import socket
import subprocess
import time

import requests

from . import mdp, paths
from .http import Api
from .proc import Process, wait_for

# One line a pool, so that two that are added do not meet.
POOLS = (",".join((
    "audit",
    "billing",
    "clinical",
    "identity",
    "directory",
    "jobs",
    "notify",
    "pricing",
    "schedule",
    "stats",
    "system",
)), "booking")
PASSWORD = "Guahao-2026"


def free_port():
    """A TCP port of 127.0.0.1 that nobody listens on just now."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def env_name(setting):
    return "GUAHAO_" + setting.replace(".", "_").upper()


class System:
    """Processes over one database. Nothing starts by itself: start() for all, or the single parts."""

    def __init__(self, database, conf=None, var=None, port=None):
        self.database = database
        self.var = var or paths.temp_dir(0o755)
        self.port = port or free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.conf = dict(conf or {})
        self.processes = {}
        self._serial = 0
        self._tokens = {}
        os.makedirs(os.path.join(self.var, "log"), exist_ok=True)

    # -- settings and commands

    def env(self, conf=None):
        env = {k: v for k, v in os.environ.items() if not k.startswith("GUAHAO_") or k == "GUAHAO_DATA"}
        for old in ("DATABASE_URL", "SECRET_KEY", "JWT_SECRET_KEY", "JWT_REFRESH_SECRET", "ALGORITHM"):
            env.pop(old, None)
        env.update({"GUAHAO_VAR": self.var, "GUAHAO_SHARE": paths.ROOT, "GUAHAO_HTTP_PORT": str(self.port),
                    "GUAHAO_FRONT_PORT": str(self.port), "DATABASE_URL": self.database.url if self.database else ""})
        for name, value in {**self.conf, **(conf or {})}.items():
            env[env_name(name)] = str(value)
        return env

    def cli(self, *args, check=True, conf=None, timeout=300, input=None):
        """Run build/guahao; CompletedProcess with text output."""
        done = subprocess.run([paths.program("guahao"), *args], env=self.env(conf), input=input, capture_output=True,
                              text=True, timeout=timeout)
        if check:
            assert done.returncode == 0, f"guahao {' '.join(args)}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def tokens(self, *args):
        """Fresh access tokens by `guahao token ...`, one per line of its output."""
        return self.cli("token", *args).stdout.split()

    def token(self, user):
        """An access token of a seeded account (phone, staff number or user name), minted once."""
        if user not in self._tokens:
            self._tokens[user] = self.tokens("--user", str(user))[0]
        return self._tokens[user]

    def api(self, user=None, token=None):
        """An HTTP client; with the token of a seeded account when one is named."""
        return Api(self.base, token or (self.token(user) if user else None))

    # -- processes

    def _start(self, name, argv, conf=None):
        assert name not in self.processes or not self.processes[name].running(), f"{name} runs already"
        self._serial += 1
        log = os.path.join(self.var, "log", f"{self._serial:02d}.{name}.log")
        p = Process(name, argv, log, env=self.env(conf), cwd=self.var)
        self.processes[name] = p
        return p

    def start_broker(self, name="broker", conf=None, wait=True):
        p = self._start(name, [paths.program("guahao-broker")], conf)
        if wait:
            wait_for(f"{name} to answer", lambda: mdp.mmi(self.inner, "service", b"x", timeout=0.3), alive=_alive(p))
        return p

    def start_worker(self, pools, name=None, conf=None, wait=True):
        p = self._start(name or pools.replace(",", "+"), [paths.program("guahao-worker"), pools], conf)
        if wait:
            for pool in pools.split(","):
                wait_for(f"pool {pool}", lambda: mdp.mmi(self.inner, "service", pool.encode()) == [b"200"],
                         alive=_alive(p))
        return p

    def start_front(self, name="front", conf=None, wait=True):
        p = self._start(name, [paths.program("guahao-front")], conf)
        if wait:
            wait_for("/readyz 200", self.ready, timeout=60, alive=_alive(p))
        return p

    def start(self, pools=POOLS):
        """Broker, one worker process for each entry of pools, front; returns when /readyz answers 200."""
        self.start_broker()
        for p in pools:
            self.start_worker(p)
        self.start_front()
        return self

    def __getitem__(self, name):
        return self.processes[name]

    @property
    def fronts(self):
        """Where clients find a front: [(host, port)]."""
        return [("127.0.0.1", self.port)]

    @property
    def inner(self):
        return f"ipc://{self.var}/run/inner.sock"

    @property
    def public(self):
        return f"ipc://{self.var}/run/public.sock"

    def ready(self):
        try:
            return requests.get(self.base + "/readyz", timeout=5).status_code == 200
        except requests.RequestException:
            return False

    def queues(self):
        """The parsed answer of mmi.queues."""
        frames = mdp.mmi(self.inner, "queues")
        assert frames and frames[0] == b"200", frames
        return json.loads(frames[1])

    def stop(self):
        """Stop all, newest first. Returns {name: exit status}; clean is 0 for every one of ours."""
        statuses = {}
        for name, p in reversed(list(self.processes.items())):
            statuses[name] = p.stop()
        self.processes.clear()
        return statuses

    def destroy(self):
        self.stop()
        if not os.environ.get("GUAHAO_TEST_KEEP"):
            paths.remove_dir(self.var)

    def logs(self, lines=40):
        """The last lines of every log, for a failing test's report."""
        parts = []
        folder = os.path.join(self.var, "log")
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
            with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as f:
                tail = f.readlines()[-lines:]
            parts.append(f"--- {name}\n{''.join(tail)}")
        return "\n".join(parts)


def _alive(p):
    return lambda: None if p.running() else f"{p.name} ended with {p.returncode}\n{p.tail()}"


def until(what, condition, timeout=30.0):
    """wait_for under a name that reads well in tests; returns the seconds it took."""
    start = time.monotonic()
    wait_for(what, condition, timeout)
    return time.monotonic() - start
