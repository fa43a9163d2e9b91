"""The system spread over the hosts of a Lab: two fronts, two brokers, workers on two hosts, the database on one, CURVE between all.

What goes from the second worker host to the brokers passes a relay, so that it can be late.
"""

import os

import requests
import zmq

from .curve import write_cert
from .netlab import Lab
from .proc import wait_for
from .relay import Relay
from .system import POOLS, System

HOSTS = ("front1", "front2", "broker1", "broker2", "work1", "work2", "db1", "db2", "relay")
PORTS = {"inner": 5570, "events_in": 5571, "events_out": 5572}
HTTP = 8080


class HostSystem(System):
    """programs: {name: (kind, host, settings, pools)}. Nothing starts by itself."""

    def __init__(self, lab, database, conf=None):
        super().__init__(database, conf, port=HTTP)
        self.lab, self.relay, self.programs, self._place = lab, Relay(lab, "relay"), {}, None
        self.base = f"http://{lab.address['front1']}:{HTTP}"
        self._keys = os.path.join(self.var, "curve")
        os.makedirs(os.path.join(self._keys, "clients"))
        write_cert(os.path.join(self._keys, "server.key"), *zmq.curve_keypair())
        brokers = [h for h in HOSTS if h.startswith("broker")]
        for b in brokers:
            os.makedirs(os.path.join(self.var, b), mode=0o700)
            # ipc stays beside tcp, for the tests' own questions
            mine = {f"broker.{n}": f"ipc://{self.var}/{b}/{n}.sock,tcp://{lab.address[b]}:{p}" for n, p in PORTS.items()}
            self.programs[b] = ("broker", b, {"broker.curve_dir": self._keys, **mine}, None)
        straight = {n: [f"{lab.address[b]}:{p}" for b in brokers] for n, p in PORTS.items()}
        late = {n: [self.relay.add(lab.address[b], p) for b in brokers] for n, p in PORTS.items()}
        for f in ("front1", "front2"):
            self.programs[f] = ("front", f, {"front.host": lab.address[f], **self._peer(f, "front", straight)}, None)
        for n, host in enumerate(("work1", "work2"), 1):
            link = self._peer(host, "worker,jobs,identity", late if host == "work2" else straight)
            self.programs[f"booking{n}"] = ("worker", host, link, POOLS[1])
            self.programs[f"rest{n}"] = ("worker", host, link, POOLS[0])
        self.conf.update({f"link.{n}": ",".join(f"ipc://{self.var}/{b}/{n}.sock" for b in brokers) for n in PORTS})

    def _peer(self, name, role, endpoints):
        """Settings of a peer with a key of its own."""
        pair = zmq.curve_keypair()
        write_cert(os.path.join(self._keys, "clients", f"{name}.key"), pair[0], role=role)
        write_cert(os.path.join(self.var, f"{name}.key"), *pair, role=role)
        return {"link.cert": os.path.join(self.var, f"{name}.key"), "link.server_cert": os.path.join(self._keys, "server.key"),
                **{f"link.{n}": ",".join(f"tcp://{e}" for e in all_) for n, all_ in endpoints.items()}}

    @property
    def inner(self):
        return f"ipc://{self.var}/broker1/inner.sock"

    @property
    def fronts(self):
        return [(self.lab.address[f], HTTP) for f in ("front1", "front2")]

    def ready(self):
        try:
            return all(requests.get(f"http://{a}:{p}/readyz", timeout=5).status_code == 200 for a, p in self.fronts)
        except requests.RequestException:
            return False

    def _start(self, name, argv, conf=None):
        _, host, settings, _ = self.programs[name]
        run = os.path.join(self.var, "run", host)
        os.makedirs(run, mode=0o700, exist_ok=True)
        with self.lab.inside(host):
            return super()._start(name, argv, {"run.dir": run, **settings, **(conf or {})})

    def launch(self, name, wait=False):
        """Start one of the programs, on its host."""
        kind, _, _, pools = self.programs[name]
        if kind == "broker":
            return self.start_broker(name, wait=wait)
        return self.start_worker(pools, name, wait=wait) if kind == "worker" else self.start_front(name, wait=wait)

    def start(self, pools=None):
        assert pools is None
        for name in self.programs:
            self.launch(name, wait=name in ("broker1", "booking1", "rest1"))
        wait_for("/readyz of both fronts", self.ready, timeout=60)
        return self

    def destroy(self):
        super().destroy()
        self.relay.close()


def make_lab():
    return Lab(HOSTS)
