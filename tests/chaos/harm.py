"""Random harm to a running system: every program and its PostgreSQL die, stand still and come back."""

import asyncio
import collections
import contextlib
import os
import random
import signal
import time

import psycopg2

WORKERS = ("kill", "kill", "freeze", "stop")
DATABASE = ("kill backend", "freeze backend", "immediate restart")


def children(pid):
    with contextlib.suppress(FileNotFoundError), open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        return [int(p) for p in f.read().split()]
    return []


def send(pid, sig):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, sig)


async def one_of(pids, frozen, long, draw):
    """One of these processes, drawn by a number below 1, stands still for a while or is killed. False: there is none."""
    if not pids:
        return False
    pid = pids[int(draw * len(pids))]
    if frozen:
        send(pid, signal.SIGSTOP)
        await asyncio.sleep(long)
        send(pid, signal.SIGCONT)
    else:
        send(pid, signal.SIGKILL)
    return True


class Harm:
    """Drawn from the seed: what, to whom, for how long. workers: {name: its pools}. Programs are started by the thread of the event
    loop, since children die with the thread that started them; waiting is done by others."""

    def __init__(self, system, workers, seed):
        self.system, self.workers, self.rng = system, workers, random.Random(f"{seed}:harm")
        self.done = []                                  # (moment, what)
        # each kind of program as often as another; the workers of bookings twice as often
        self.victims = ["broker", "broker", "front", "front", "front worker", "postgres", "postgres", "postgres"] + list(workers) + \
            [name for name, pools in workers.items() if pools == "booking"]

    def counts(self):
        return collections.Counter(what for _, what in self.done)

    # -- the kinds

    async def _thread(self, fn, *args):
        return await asyncio.get_running_loop().run_in_executor(None, lambda: fn(*args))

    def _restart(self, name):
        if name == "broker":
            self.system.start_broker(wait=False)
        elif name == "front":
            self.system.start_front(wait=False)
        else:
            self.system.start_worker(self.workers[name], name=name, wait=False)

    async def program(self, name, how, long, gap):
        p = self.system[name]
        if how == "freeze":
            p.freeze()
            await asyncio.sleep(long)
            p.thaw()
            return
        await self._thread(p.kill9 if how == "kill" else p.stop)
        await asyncio.sleep(gap)
        self._restart(name)

    async def front_worker(self, how, long, draw):
        """A child of the front: its parent starts another one."""
        pids = sorted(children(self.system["front"].pid))
        return await one_of(pids, how == "freeze", long, draw)

    async def backend(self, how, long, draw):
        """A connection's process. When it is killed PostgreSQL ends all others and recovers."""
        db = self.system.database
        try:
            rows = await self._thread(db.query, "select pid from pg_stat_activity where backend_type = 'client backend' and "
                                                "datname = current_database() and pid <> pg_backend_pid() order by pid")
        except psycopg2.OperationalError:
            return False
        # of this cluster's own processes only
        pids = sorted({r[0] for r in rows} & set(children(db.cluster.pid)))
        return await one_of(pids, how == "freeze backend", long, draw)

    async def restart_postgres(self, gap):
        cluster = self.system.database.cluster
        await self._thread(cluster.stop, True)
        await asyncio.sleep(gap)
        cluster.launch()
        await self._thread(cluster.wait)

    # -- running

    async def one(self):
        rng = self.rng
        name, long, gap, draw = rng.choice(self.victims), rng.uniform(0.5, 4), rng.uniform(0, 0.8), rng.random()
        how = rng.choice(DATABASE if name == "postgres" else WORKERS)
        if name == "front worker" and how == "stop":
            how = "kill"
        begun = time.monotonic()
        if how == "immediate restart":
            hit = await self.restart_postgres(gap)
        elif name == "postgres":
            hit = await self.backend(how, long, draw)
        elif name == "front worker":
            hit = await self.front_worker(how, long, draw)
        else:
            hit = await self.program(name, how, long, gap)
        if hit is not False:
            self.done.append((begun, f"{how} of {name}"))

    async def __call__(self, until):
        """Does harm until shortly before the end; then everything runs again."""
        while time.monotonic() < until - 5:
            await asyncio.sleep(self.rng.uniform(0.2, 1.5))
            await self.one()
