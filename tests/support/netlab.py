"""Hosts inside this machine: network namespaces on a bridge, with links that can be cut, lose packets, be slow or late.

Each host is a namespace with an address of its own; its port of the bridge carries its name, so that one table of nft in the bridge's
namespace decides what passes. The tests themselves are on the bridge too, by an interface of the machine in 198.18.0.0/15 (kept for such
tests by RFC 2544). All names carry the number of this process: what a killed run left behind is removed by the next one.
This kernel may have no netem: lateness is made by a TCP relay (relay.py).
"""

import contextlib
import ctypes
import os
import re
import shutil
import subprocess

from . import paths

_PREFIX = "ght."
_NETNS = "/run/netns"
_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def _run(*argv, check=True, input=None):
    done = subprocess.run(argv, input=input, capture_output=True, text=True, timeout=30)
    assert not check or done.returncode == 0, f"{' '.join(argv)}: {done.stderr}{input or ''}"
    return done


def why_not():
    """Why this machine cannot have such hosts; None when it can."""
    if os.geteuid() != 0:
        return "hosts in network namespaces need root"
    missing = [tool for tool in ("ip", "nft", "tc") if not shutil.which(tool)]
    if missing:
        return f"hosts in network namespaces need {', '.join(missing)} (iproute2, nftables)"
    remove_stale()
    name = f"{_PREFIX}{os.getpid()}.try"
    try:
        if _run("ip", "netns", "add", name, check=False).returncode != 0:
            return "this machine makes no network namespaces"
        for command in (("nft", "add table bridge lab"), ("ip", "link", "add", "switch0", "type", "bridge"),
                        ("ip", "link", "add", "link0", "type", "veth")):
            if _run("ip", "netns", "exec", name, *command, check=False).returncode != 0:
                return f"namespaces of this machine have no {' '.join(command)}"
    finally:
        _run("ip", "netns", "del", name, check=False)
    return None


def remove_stale():
    """Namespaces of test runs whose process is gone; their interfaces go with them."""
    for name in os.listdir(_NETNS) if os.path.isdir(_NETNS) else []:
        m = re.fullmatch(re.escape(_PREFIX) + r"(\d+)\..*", name)
        if m and not paths.alive(int(m[1])):
            _run("ip", "netns", "del", name, check=False)


class Lab:
    """with Lab(["broker1", "db", ...]) as lab: lab.address["db"], lab.inside("db"), lab.cut(...)."""

    def __init__(self, hosts):
        self.hosts = list(hosts)
        assert len(self.hosts) < 200 and all(re.fullmatch(r"[a-z][a-z0-9]{0,14}", h) for h in self.hosts)
        self.address = {}
        self.own = self._device = None                  # the address of this process on the bridge
        self._rules, self._serial, self._slow = {}, 0, set()
        self._switch = self._name("switch")

    def _name(self, host):
        return f"{_PREFIX}{os.getpid()}.{host}"

    def _in(self, host, *argv, **kw):
        return _run("ip", "netns", "exec", self._switch if host is None else self._name(host), *argv, **kw)

    # -- making and removing

    def __enter__(self):
        remove_stale()
        self.close()                                    # of an earlier process of our number
        try:
            self._make()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exc):
        self.close()

    def _make(self):
        _run("ip", "netns", "add", self._switch)
        self._in(None, "ip", "link", "add", "switch", "type", "bridge")
        self._in(None, "ip", "link", "set", "dev", "switch", "up")
        net = self._join()
        for n, host in enumerate(self.hosts, 10):
            self.address[host] = f"{net}.{n}"
            _run("ip", "netns", "add", self._name(host))
            _run("ip", "link", "add", "name", host, "netns", self._switch, "type", "veth", "peer", "name", "net0", "netns", self._name(host))
            self._in(None, "ip", "link", "set", "dev", host, "master", "switch", "up")
            self._in(host, "ip", "link", "set", "dev", "lo", "up")
            self._in(host, "ip", "address", "add", f"{net}.{n}/24", "dev", "net0")
            self._in(host, "ip", "link", "set", "dev", "net0", "up")
        self._in(None, "nft", "-f", "-", input="add table bridge lab\n"
                 "add chain bridge lab links { type filter hook forward priority 0; }\n")

    def _join(self):
        """This process's interface on the bridge; its name is its network, so that two runs do not take the same."""
        for n in range(512):
            n = (n + os.getpid()) % 512
            name, net = f"ght{n}", f"198.{18 + n // 256}.{n % 256}"
            if _run("ip", "link", "add", "name", name, "type", "veth", "peer", "name", "tests", "netns", self._switch, check=False).returncode == 0:
                self._in(None, "ip", "link", "set", "dev", "tests", "master", "switch", "up")
                _run("ip", "address", "add", f"{net}.1/24", "dev", name)
                _run("ip", "link", "set", "dev", name, "up")
                self.own, self._device = f"{net}.1", name
                return net
        raise AssertionError("no network is free for the tests")

    def close(self):
        if self._device:
            _run("ip", "link", "del", "dev", self._device, check=False)
        for name in [self._name(h) for h in self.hosts] + [self._switch]:
            _run("ip", "netns", "del", name, check=False)

    @contextlib.contextmanager
    def inside(self, host):
        """What this thread makes meanwhile (sockets, children) is on that host."""
        with open("/proc/thread-self/ns/net", "rb") as before, open(f"{_NETNS}/{self._name(host)}", "rb") as there:
            self._enter(there)
            try:
                yield
            finally:
                self._enter(before)

    @staticmethod
    def _enter(namespace):
        if _libc.setns(namespace.fileno(), _CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")

    # -- links

    def _write(self):
        rules = "".join(f"add rule bridge lab links {text}\n" for texts in self._rules.values() for text in texts)
        self._in(None, "nft", "-f", "-", input="flush chain bridge lab links\n" + rules)

    @staticmethod
    def _frames(source, target, what):
        """The rule for frames from one host to another; None is any."""
        return " ".join(([f'iifname "{source}"'] if source else []) + ([f'oifname "{target}"'] if target else []) + [what])

    def _add(self, pairs, what):
        self._serial += 1
        self._rules[self._serial] = [self._frames(a, b, what) for a, b in pairs]
        self._write()
        return self._serial

    def cut(self, a, b=None, one_way=False):
        """Nothing passes from a to b (without b: to anybody), nor back unless one_way. Returns what mend() takes."""
        return self._add([(a, b)] if one_way else [(a, b), (b, a)], "drop")

    def lose(self, a, b, percent):
        """That share of packets is lost, each way."""
        return self._add([(a, b), (b, a)], f"numgen random mod 100 < {int(percent)} drop")

    def slow(self, host, kbit):
        """What goes to a host and from it passes at this rate at most, until mend_speed()."""
        for where, device in ((None, host), (host, "net0")):
            self._in(where, "tc", "qdisc", "replace", "dev", device, "root", "tbf", "rate", f"{int(kbit)}kbit", "burst", "8kb", "latency", "400ms")
        self._slow.add(host)

    def mend_speed(self, host):
        if host in self._slow:
            self._slow.discard(host)
            for where, device in ((None, host), (host, "net0")):
                self._in(where, "tc", "qdisc", "del", "dev", device, "root", check=False)

    def mend(self, serial):
        if self._rules.pop(serial, None):
            self._write()

    def mend_all(self):
        self._rules.clear()
        self._write()
        for host in list(self._slow):
            self.mend_speed(host)
