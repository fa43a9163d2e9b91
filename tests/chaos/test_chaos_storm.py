"""The storm of random bookings, payments and closings (support/storm.py) while programs are killed with kill -9 and frozen at random.

What was answered yes is there once, every call with a key is answered in the end, and the books add up. GUAHAO_SEED repeats the
choices, GUAHAO_STORM=600 makes it last ten minutes.
"""

import asyncio
import random
import time

import pytest

from support import storm
from support.system import POOLS


@pytest.fixture(scope="module")
def world(empty_db, make_system):
    system = make_system(empty_db, storm.CONF)
    rest = ",".join(p for group in POOLS for p in group.split(",") if p not in ("booking", "jobs"))
    system.start_broker()
    for name in ("b1", "b2"):
        system.start_worker("booking", name=name)
    system.start_worker("jobs", name="jobs")
    system.start_worker(rest, name="rest")
    system.start_front()
    w = storm.World(empty_db)
    yield system, w, {"b1": "booking", "b2": "booking", "jobs": "jobs", "rest": rest}
    w.close()


class Harm:
    """One process after the other dies or stands still, and comes back."""

    def __init__(self, system, pools, seed):
        self.system, self.pools, self.rng = system, pools, random.Random(f"{seed}:harm")
        self.done = []

    def restart(self, name):
        if name == "broker":
            self.system.start_broker(wait=False)
        elif name == "front":
            self.system.start_front(wait=False)
        else:
            self.system.start_worker(self.pools[name], name=name, wait=False)


    async def act(self):
        thread = asyncio.get_running_loop().run_in_executor
        how = self.rng.choice(["kill", "kill", "freeze", "stop"])
        name = self.rng.choice(["b1", "b2", "b1", "b2", "jobs", "rest", "broker", "front"])
        self.done.append(f"{how} {name}")
        p = self.system[name]
        if how == "freeze":
            p.freeze()
            await asyncio.sleep(self.rng.uniform(0.5, 4))
            p.thaw()
            return
        await thread(None, p.kill9 if how == "kill" else p.stop)
        await asyncio.sleep(self.rng.uniform(0, 0.8))
        self.restart(name)                              # by this thread: children die with the thread that started them

    async def __call__(self, until):
        while time.monotonic() < until - 3:
            await asyncio.sleep(self.rng.uniform(0.2, 1.5))
            await self.act()


def test_everything_adds_up_whatever_dies(world):
    system, w, pools = world
    seed = storm.seed()
    s, harm = storm.Storm(system, w, seed), Harm(system, pools, seed)
    s.run(storm.seconds(25), beside=harm, every=5.0)
    print("harm:", ", ".join(harm.done))
    s.verify()
    assert len(s.told) > 50 and len(harm.done) > 4
