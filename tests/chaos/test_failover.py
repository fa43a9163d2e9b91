"""PostgreSQL stops, restarts and fails over to its synchronous standby while the storm (support/storm.py) goes on.

What was answered yes is there once, whichever server holds it in the end: refused or done, never both. All goes on by itself, no client is
without an answer for 30 s (decisions 27, 35). Old primaries are stopped before the standby takes over. `make hosts` runs every way,
some of them on hosts in network namespaces; `make test` the first.
"""

import asyncio
import contextlib
import os
import signal

import pytest

from aftermath import jobs_go_on, keep
from harm import children, send
from support import netlab, storm
from support.hosts import HostSystem, make_lab
from support.replica import Pair
from support.system import System, free_port

OUTAGE = 30.0
ALL = bool(os.environ.get("GUAHAO_HOSTS"))


async def _thread(fn, *args):
    return await asyncio.get_running_loop().run_in_executor(None, lambda: fn(*args))


class Ways:
    """Each a coroutine that does harm to a pair of servers and is over when all is repaired but for what programs do by themselves."""

    def __init__(self, pair, lab=None):
        self.pair, self.lab = pair, lab

    async def _restart(self, immediate):
        cluster = self.pair.primary
        await _thread(cluster.stop, immediate)
        cluster.launch()                                # by the thread of the loop: children die with the one that started them
        await _thread(cluster.wait)

    async def fast_restart(self):
        await self._restart(False)

    async def immediate_restart(self):
        await self._restart(True)

    async def failover(self):
        await _thread(self.pair.primary.stop, True)
        await asyncio.sleep(0.5)
        await _thread(self.pair.fail_over)

    async def failover_of_a_frozen_one(self):
        """It keeps its connections and says nothing, for longer than anybody waits for it."""
        cluster = self.pair.primary
        pids = [cluster.pid] + children(cluster.pid)
        for sig, wait in ((signal.SIGSTOP, 10), (signal.SIGKILL, 0)):
            for pid in pids:
                send(pid, sig)
            await asyncio.sleep(wait)
        await _thread(cluster.stop, True)
        await _thread(self.pair.fail_over)

    async def switch_and_back(self):
        """An orderly change, and another one when the first server follows again."""
        await _thread(self.pair.primary.stop)
        await _thread(self.pair.fail_over)
        self.pair.follow()
        await asyncio.sleep(2)
        await self.failover()

    async def failover_behind_a_cut(self):
        """The primary's host is gone without a word: nobody is told that a connection is closed."""
        self.lab.cut("db1")
        await asyncio.sleep(2)
        await self.failover()

    async def failover_of_one_without_standby(self):
        """The standby was away for longer than any statement may take: nobody was told yes meanwhile (PostgreSQL ends statement_timeout
        before it waits for the standby)."""
        serial = self.lab.cut("db1", "db2")
        await asyncio.sleep(9)
        await _thread(self.pair.primary.stop, True)
        await _thread(self.pair.fail_over)              # before the cut is mended: what lies in a socket would still arrive
        self.lab.mend(serial)

    async def standby_returns(self):
        """Commits wait for a standby that is away, and go on when it is back."""
        serial = self.lab.cut("db1", "db2")
        await asyncio.sleep(7)
        self.lab.mend(serial)


ON_ONE_HOST = ["failover"] + (["fast_restart", "immediate_restart", "failover_of_a_frozen_one", "switch_and_back"] if ALL else [])
IN_A_LAB = ["failover_behind_a_cut", "failover_of_one_without_standby", "standby_returns"]


def run(system, pair, lab, way, before=2.0, after=3.0):
    """The storm, with the harm in the middle; it goes on for a while behind it."""
    w = storm.World(system.database)
    try:
        s = storm.Storm(system, w, storm.seed())

        async def harm(until):
            await asyncio.sleep(before)
            await getattr(Ways(pair, lab), way)()
            await asyncio.sleep(after)
            s.running = False
        s.run(120, beside=harm, every=4)
        outage, ended = s.longest_outage()
        keep(way.replace("_", " "), s, 1)
        s.verify()
        jobs_go_on(system, w.db)
        assert outage < OUTAGE, f"{way}: a client had no answer for {outage:.1f} s, until {ended:.1f} s after the beginning"
        assert len(s.told) > 30
    finally:
        w.close()


@contextlib.contextmanager
def serving(make_system, places, kind):
    pair = Pair(places)
    try:
        pair.start()
        system = make_system(pair.create_database(), storm.CONF, kind=kind)
        system.cli("migrate", "up", "--quiet")
        system.start()
        yield system, pair
        system.stop()
    finally:
        pair.destroy()


@pytest.mark.parametrize("way", ON_ONE_HOST)
def test_refused_or_done_whatever_the_database_does(make_system, way):
    with serving(make_system, [("127.0.0.1", free_port(), contextlib.nullcontext) for _ in range(2)], System) as (system, pair):
        run(system, pair, None, way)


def between_hosts(make_system, way):
    reason = netlab.why_not()
    if reason:
        pytest.skip(reason)
    with make_lab() as lab:
        places = [(lab.address[h], 5432, lambda h=h: lab.inside(h)) for h in ("db1", "db2")]
        with serving(make_system, places, lambda *a: HostSystem(lab, *a)) as (system, pair):
            run(system, pair, lab, way)


if ALL:
    @pytest.mark.parametrize("way", IN_A_LAB)
    def test_refused_or_done_whatever_happens_between_hosts(make_system, way):
        between_hosts(make_system, way)
