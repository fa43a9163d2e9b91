"""The storm (support/storm.py) on hosts in network namespaces (support/netlab.py, support/hosts.py): two fronts, two brokers, workers on two
hosts, the database on one, CURVE between all, while programs die and stand still and links are cut, lose packets, are slow and late.

What was answered yes is there once, calls with a key are answered in the end, no client that knows both fronts is without an answer
for 15 s (decisions 33, 35), jobs go on, the books add up. `make hosts` runs it for longer and prints a table.
"""

import pytest

from aftermath import jobs_go_on, keep
from host_harm import HostHarm
from support import netlab, storm
from support.hosts import HostSystem, make_lab
from support.pg import Cluster

OUTAGE = 15.0
SHORT = 14.0


@pytest.fixture(scope="module")
def lab():
    reason = netlab.why_not()
    if reason:
        pytest.skip(reason)
    with make_lab() as made:
        yield made


@pytest.fixture(scope="module")
def world(lab, make_system):
    cluster = Cluster(fsync=True, address=lab.address["db1"], inside=lambda: lab.inside("db1"))
    try:
        database = cluster.start().create_database()
        system = make_system(database, storm.CONF, kind=lambda *a: HostSystem(lab, *a))
        system.cli("migrate", "up", "--quiet")
        system.start()
        w = storm.World(database)
        yield system, w
        w.close()
        system.stop()
    finally:
        cluster.destroy()


def test_everything_adds_up_whatever_hosts_and_links_do(world):
    system, w = world
    seed, length = storm.seed(), storm.seconds(SHORT)
    s, harm = storm.Storm(system, w, seed), HostHarm(system, seed, short=length <= SHORT)
    s.run(length, beside=harm, every=max(5.0, length / 100))
    keep(f"hosts and links, GUAHAO_SEED={seed}", s, len(harm.done), harm.table(s.gaps))
    for begun, over, kind, what in harm.spans:
        print(f"  {begun - s.begun:6.1f} to {over - s.begun:6.1f} s  {kind}: {what}")
    outage, ended = s.longest_outage()
    s.verify()
    jobs_go_on(system, w.db)
    assert outage < OUTAGE, f"GUAHAO_SEED={seed}: a client had no answer for {outage:.1f} s, until {ended:.1f} s after the beginning"
    assert len(s.told) > 30 and len(harm.done) > 2
