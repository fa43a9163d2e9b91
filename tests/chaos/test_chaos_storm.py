"""The storm of random reads, bookings, payments and closings (support/storm.py) while programs and PostgreSQL are killed with kill -9,
frozen and restarted at random (harm.py).

What was answered yes is there once, every call with a key is answered in the end, no client is without an answer for 15 s
(decisions 35), jobs go on, and the books add up. `make chaos` runs it for minutes; GUAHAO_SEED repeats the choices, GUAHAO_STORM says
for how many seconds.
"""

import pytest

from aftermath import jobs_go_on, report
from harm import Harm
from support import storm
from support.pg import Cluster
from support.system import POOLS

OUTAGE = 15.0


@pytest.fixture(scope="module")
def database():
    """A durable cluster of the test's own, whose processes may be killed."""
    cluster = Cluster(fsync=True)
    try:
        yield cluster.start().create_database()
    finally:
        cluster.destroy()


@pytest.fixture(scope="module")
def world(database, make_system):
    """Every pool in a process of its own; of the pools that bookings and jobs need, two."""
    system = make_system(database, storm.CONF)
    system.cli("migrate", "up", "--quiet")
    workers = {pool: pool for group in POOLS for pool in group.split(",")}
    workers.update({"booking-2": "booking", "jobs-2": "jobs"})
    system.start_broker()
    for name, pools in workers.items():
        system.start_worker(pools, name=name, wait=False)
    system.start_front()
    w = storm.World(database)
    yield system, w, workers
    w.close()


def test_everything_adds_up_whatever_dies(world):
    system, w, workers = world
    seed, length = storm.seed(), storm.seconds(20)
    s, harm = storm.Storm(system, w, seed), Harm(system, workers, seed)
    # the clock goes two days at most: sessions begin in six
    s.run(length, beside=harm, every=max(5.0, length / 100))
    report(s, harm)
    s.verify()
    jobs_go_on(system, w.db)
    outage, ended = s.longest_outage()
    assert outage < OUTAGE, f"GUAHAO_SEED={seed}: a client had no answer for {outage:.1f} s, until {ended:.1f} s after the beginning"
    assert len(s.told) > 30 and len(harm.done) > 4
