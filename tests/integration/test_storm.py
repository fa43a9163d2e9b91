"""Properties of booking over HTTP: whatever many clients do at once, everything adds up afterwards (support/storm.py).

GUAHAO_SEED repeats a run, GUAHAO_STORM=600 makes it last ten minutes.
"""

import pytest

from support import storm


@pytest.fixture(scope="module")
def world(empty_db, make_system):
    system = make_system(empty_db, storm.CONF).start()
    w = storm.World(empty_db)
    yield system, w
    w.close()


def test_everything_adds_up_whatever_clients_do(world):
    system, w = world
    s = storm.Storm(system, w, storm.seed())
    s.run(storm.seconds(15))
    s.verify()
    assert len(s.told) > 100 and s.counts["join yes"] > 5 and s.counts["cancel_v1 yes"] > 5
