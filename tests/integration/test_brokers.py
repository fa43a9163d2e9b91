"""Several brokers: added, drained, removed and restarted while a hospital's clients work on, without one failed request; then killed,
frozen and cut off, and everything adds up all the same (support/storm.py)."""

import asyncio
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import mdp, paths, storm
from support.proc import wait_for
from support.cut import Relay
from support.system import POOLS, free_port

ALL = ",".join(POOLS)
LONGEST = 120.0


class Broker:
    """One broker: a socket of its own for workers and commands, and tcp through relays for the front."""

    def __init__(self, system, name):
        self.system, self.name = system, name
        self.inner = f"ipc://{system.var}/run/{name}.sock"
        self.relays = [Relay(0) for _ in range(2)]      # they have their own ports before any is looked for
        for r in self.relays:
            r.target = free_port()
        tcp = [f"tcp://127.0.0.1:{r.target}" for r in self.relays]
        self.events_in, self.events_out = (f"ipc://{system.var}/run/{name}-{way}.sock" for way in ("in", "out"))
        self.conf = {"broker.inner": f"{self.inner},{tcp[0]}", "broker.public": "", "broker.events_in": self.events_in,
                     "broker.events_out": f"{self.events_out},{tcp[1]}"}

    def start(self):
        self.process = self.system._start(f"broker-{self.name}", [paths.program("guahao-broker")], self.conf)
        wait_for(f"{self.name} to answer", lambda: mdp.mmi(self.inner, "service", b"x", timeout=0.3))
        return self

    def queues(self):
        frames = mdp.mmi(self.inner, "queues")
        return json.loads(frames[1]) if frames else None

    def accepted(self):
        """Jobs of booking that it took since it started."""
        return sum(s["accepted"] for s in (self.queues() or {"services": []})["services"] if s["name"] == "booking")

    def workers(self):
        frames = mdp.mmi(self.inner, "workers")
        return json.loads(frames[1])["workers"] if frames else []

    def line(self, relayed):
        inner, out = (f"tcp://127.0.0.1:{r.port}" for r in self.relays) if relayed else (self.inner, self.events_out)
        return f"{self.name} {inner} {self.events_in} {out}\n"


class Site:
    """Two worker processes with all pools, of which one is behind relays as the front is; a list of brokers for each of the two ways."""

    def __init__(self, system):
        self.pool = ThreadPoolExecutor(1)               # processes die with the thread that has started them
        self.system, self.brokers = system, {n: Broker(system, n) for n in ("east", "west", "south")}

    def list(self, *names):
        for file, relayed in (("brokers", False), ("brokers-front", True)):
            path = os.path.join(self.system.var, file)
            with open(path + ".new", "w", encoding="ascii") as f:
                f.write("# name, inner, events in, events out\n" + "".join(self.brokers[n].line(relayed) for n in names))
            os.rename(path + ".new", path)

    def start_worker(self, name, **conf):
        return self.system._start(name, [paths.program("guahao-worker"), ALL], {"worker.lanes": 2, **conf})

    def processes(self, name):
        """Names (host:pid) of the worker processes at a broker that serve every pool there."""
        at = {}
        for w in self.brokers[name].workers():
            at.setdefault(w["name"], set()).add(w["service"])
        return {n for n, services in at.items() if len(services) == len(ALL.split(","))}


@pytest.fixture(scope="module")
def site(empty_db, make_system):
    system = make_system(empty_db, {**storm.CONF, "broker.liveness": 3})
    s = Site(system)
    s.list("east", "west")
    for name in ("east", "west"):
        s.brokers[name].start()
    relayed = {"link.brokers": os.path.join(system.var, "brokers-front")}
    s.start_worker("workers-1")
    s.start_worker("workers-2", **relayed)              # what cuts the front off cuts it off too
    wait_for("the workers at both brokers", lambda: all(len(s.processes(n)) == 2 for n in ("east", "west")), 60)
    system.start_front(conf=relayed)
    world = storm.World(empty_db)
    s.storm = storm.Storm(system, world, storm.seed(), clients=12)
    yield s
    world.close()
    for b in s.brokers.values():
        for r in b.relays:
            r.close()


def beside(site, harm):
    """harm(site), a plain function, in a thread of its own; the storm lasts as long. What it raises is raised by run()."""
    async def run(until):
        try:
            await asyncio.get_running_loop().run_in_executor(site.pool, harm, site)
        finally:
            site.storm.running = False
    return run


def takes_part(site, name, more=20):
    before = site.brokers[name].accepted()
    wait_for(f"jobs at {name}", lambda: site.brokers[name].accepted() >= before + more, 15)


def change_everything(site):
    s, b = site.system, site.brokers
    takes_part(site, "east")
    takes_part(site, "west")
    # another broker: used within 2 s
    b["south"].start()
    start = time.monotonic()
    site.list("east", "west", "south")
    wait_for("jobs at the new broker", lambda: b["south"].accepted() > 0, 10)
    site.took = time.monotonic() - start
    wait_for("all workers at the new broker", lambda: len(site.processes("south")) == 2, 10)
    # one that is drained, removed and stopped
    s.cli("drain", "broker", "east", "--wait", "--timeout", "20")
    assert b["east"].queues()["broker"]["draining"]
    site.list("west", "south")
    wait_for("the workers to have left it", lambda: not b["east"].workers(), 15)
    wait_for("front and dispatchers to have left it", lambda: b["east"].queues()["broker"]["inner_peers"] == 1, 15)    # we alone
    assert b["east"].process.stop() == 0
    # a worker process that leaves, and another one in its place
    site.start_worker("workers-3")
    wait_for("the third process", lambda: len(site.processes("west")) == len(site.processes("south")) == 3, 20)
    leaver = f'{os.uname().nodename[:47]}:{s["workers-1"].pid}'
    s.cli("drain", "worker", leaver, "--wait", "--timeout", "20")
    assert s["workers-1"].wait(10) == 0
    # every broker in turn is stopped and started
    for name in ("west", "south"):
        assert b[name].process.stop() == 0
        b[name].start()
        wait_for(f"the workers at {name}", lambda: len(site.processes(name)) == 2, 20)
        takes_part(site, name)


def test_brokers_and_workers_come_and_go_without_one_failed_request(site):
    asked = site.system.cli("drain", "broker", "nowhere", check=False)
    assert asked.returncode == 2 and "no broker is nowhere" in asked.stderr
    site.storm.run(LONGEST, beside(site, change_everything))
    counts = site.storm.counts
    failed = {k: n for k, n in counts.items() if k.startswith("again ")}
    assert not failed, f"GUAHAO_SEED={site.storm.seed}: {failed}"
    assert site.took < 5, site.took
    site.storm.verify()


def break_everything(site):
    b = site.brokers
    south, west = b["south"], b["west"]
    south.process.freeze()                              # longer than anybody waits for it
    time.sleep(2.2)
    south.process.thaw()
    for r in west.relays:                               # the front hears nothing of a broker that hears the front
        r.cut("down")
    time.sleep(2.2)
    for r in west.relays:
        r.mend()
    takes_part(site, "west")
    for r in south.relays:                              # and the other way round
        r.cut("up")
    time.sleep(2.2)
    for r in south.relays:
        r.mend()
    takes_part(site, "south")
    west.process.kill9()
    takes_part(site, "south")
    west.start()
    takes_part(site, "west")


def test_brokers_killed_frozen_and_cut_off_lose_and_double_nothing(site):
    site.storm.running = True
    site.storm.run(LONGEST, beside(site, break_everything))
    site.storm.verify()
    length, _ = site.storm.longest_outage()
    assert length < 15, length


def test_the_last_of_a_kind_is_drained_only_when_that_is_said(site):
    s = site.system
    s.cli("drain", "broker", "west")
    last = s.cli("drain", "broker", site.brokers["south"].inner, check=False)
    assert last.returncode == 2 and "no other broker takes jobs" in last.stderr
    s.cli("drain", "broker", "west", "--off")
    assert not site.brokers["west"].queues()["broker"]["draining"]
    first, second = sorted(site.processes("south"))
    s.cli("drain", "worker", first, "--wait")
    alone = s.cli("drain", "worker", second, check=False)
    assert alone.returncode == 2 and "no other worker serves" in alone.stderr
    gone = s.cli("drain", "worker", first, check=False)
    assert gone.returncode == 2 and f"no worker is {first}" in gone.stderr
