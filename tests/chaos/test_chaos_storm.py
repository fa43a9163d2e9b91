"""The storm of random reads, bookings, payments and closings (support/storm.py) while programs and PostgreSQL are killed with kill -9,
frozen and restarted at random (harm.py).

What was answered yes is there once, every call with a key is answered in the end, no client is without an answer for 15 s
(decisions 35), jobs go on, and the books add up. `make chaos` runs it for minutes; GUAHAO_SEED repeats the choices, GUAHAO_STORM says
for how many seconds.
"""

import json

import pytest

from harm import Harm
from support import storm
from support.pg import Cluster
from support.proc import wait_for
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


def report(s, harm):
    """What `make chaos` prints."""
    found, _ = s.tally()
    calls = sum(n for k, n in s.counts.items() if not k.startswith(" ") and k.endswith((" yes", " no", " unknown")))
    refused = sum(n for k, n in s.counts.items() if not k.startswith(" ") and k.endswith(" no"))
    kinds = harm.counts()
    outage, ended = s.longest_outage()
    lines = [("faults injected", len(harm.done))] + [(f"  {what}", n) for what, n in sorted(kinds.items())] + [
        ("calls", calls), ("requests", s.counts["requests"]), ("refused", refused), ("retried", s.counts["retries"]),
        ("unanswered", len(s.unanswered)), ("lost", sum(len(r) for k, r in found.items() if k.startswith("lost"))),
        ("doubled", sum(len(r) for k, r in found.items() if k.startswith("doubled"))),
        ("longest outage", f"{outage:.1f} s, until {ended:.1f} s after the beginning")]
    print(f"GUAHAO_SEED={s.seed}")
    for name, value in lines:
        print(f"  {name:<40} {value}")
    last = [f"{moment - s.begun:.1f} s {what}" for moment, what in harm.done if ended - outage - 10 < moment - s.begun < ended]
    print("  before and during it:", ", ".join(last))


def jobs_go_on(system, db):
    """Nothing that is due by the hospital's clock stays undone, and no job was given up."""
    shift = json.loads(system.cli("clock", "--json", "--quiet").stdout)["shift_ms"]
    wait_for("due jobs to be done", lambda: db.value(
        "select count(*) = 0 from jobs where status = 'RUNNING' or "
        "(status = 'QUEUED' and run_at < now() + %s * interval '1 ms' - interval '3 s')", shift), 60)
    dead = db.query("select kind, op, unique_key, attempts, error from jobs where dead")
    assert not dead, f"jobs were given up: {dead[:5]}"


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
