"""Harm to a system that is spread over hosts: programs die and stand still, hosts and links are cut, lose packets, are slow and late."""

import asyncio
import random
import time

from harm import Harm

AFTER = 6.0                                             # seconds after a fault in which an outage is put down to it


class HostHarm(Harm):
    """Every kind comes up as often as another, in an order drawn from the seed; one fault after the other, each repaired."""

    KINDS = ("kill", "freeze", "stop", "cut host", "cut link", "cut link one way", "loss", "slow", "late")
    LINKS = (("front1", "broker1"), ("front1", "broker2"), ("front2", "broker1"), ("front2", "broker2"), ("work1", "broker1"),
             ("work1", "broker2"), ("work2", "relay"), ("relay", "broker1"), ("relay", "broker2"), ("work1", "db1"), ("work2", "db1"))

    def __init__(self, system, seed, short=False):
        super().__init__(system, dict.fromkeys(system.programs), seed)
        self.rng, self.lab = random.Random(f"{seed}:hosts"), system.lab
        self.spans = []                                 # (begun, ended, kind, what)
        self._deck, self._programs, self._longest, self._quick = [], [], 2.0 if short else 10.0, short

    def _restart(self, name):
        self.system.launch(name)

    async def _for(self, long, undo):
        try:
            await asyncio.sleep(long)
        finally:
            await self._thread(undo)

    async def cut(self, pair, long, one_way=False):
        serial = await self._thread(self.lab.cut, *pair, one_way)
        await self._for(long, lambda: self.lab.mend(serial))

    def _program(self):
        """Each program once before one comes again."""
        if not self._programs:
            self._programs = sorted(self.system.programs)
            self.rng.shuffle(self._programs)
        return self._programs.pop()

    async def __call__(self, until):
        while time.monotonic() < until - (3 if self._quick else 8):
            await asyncio.sleep(self.rng.uniform(0.1, 0.4) if self._quick else self.rng.uniform(0.2, 2.0))
            await self.one()

    async def one(self):
        rng = self.rng
        if not self._deck:
            self._deck = list(self.KINDS)
            rng.shuffle(self._deck)
        kind, long, gap, draw = self._deck.pop(), rng.uniform(1.0, self._longest), rng.uniform(0, 0.8), rng.random()
        pair = rng.choice(self.LINKS)
        begun = time.monotonic()
        if kind in ("kill", "freeze", "stop"):
            what = self._program()
            await self.program(what, kind, long, gap)
        elif kind == "cut host":
            what = rng.choice(["front1", "front2", "broker1", "broker2", "work1", "work2", "db1"])
            await self.cut((what, None), min(long, 3.0) if what == "db1" else long)
        elif kind == "cut link":
            what = f"{pair[0]} - {pair[1]}"
            await self.cut(pair, long)
        elif kind == "cut link one way":
            pair = pair if draw < 0.5 else pair[::-1]
            what = f"{pair[0]} > {pair[1]}"
            await self.cut(pair, long, True)
        elif kind == "loss":
            percent, what = rng.randint(5, 20), f"{pair[0]} - {pair[1]}"
            serial = await self._thread(self.lab.lose, *pair, percent)
            await self._for(long, lambda: self.lab.mend(serial))
        elif kind == "slow":
            what = rng.choice(["broker1", "broker2", "work1", "work2", "db1"])
            await self._thread(self.lab.slow, what, rng.randint(500, 2000))
            await self._for(long, lambda: self.lab.mend_speed(what))
        else:
            what, self.system.relay.delay = "work2 - brokers", rng.uniform(0.05, 0.4)
            await asyncio.sleep(long)
            self.system.relay.delay = 0.0
        self.done.append((begun, f"{kind}: {what}"))
        self.spans.append((begun, time.monotonic(), kind, what))

    def table(self, gaps):
        """[(kind, faults, longest outage that a client had during one or in the AFTER seconds behind it)]."""
        rows = {}
        for begun, ended, kind, _ in self.spans:
            n, longest = rows.get(kind, (0, 0.0))
            met = [min(until, ended + AFTER) - max(since, begun) for since, until in gaps if since < ended + AFTER and until > begun]
            rows[kind] = n + 1, max([longest] + met)
        return [(kind, n, longest) for kind, (n, longest) in sorted(rows.items())]
