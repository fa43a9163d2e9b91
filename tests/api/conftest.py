"""Fixtures of the front's own tests: one front and one broker a module, none of the other programs; of tests of a whole hospital:
the house."""

import pytest

from support import paths
from support.front import FakeBroker, Front
from support.house import open_house


class Bench:
    """A broker and a front, stopped whatever happens."""

    def __init__(self, conf=None, brokers=1, **broker_options):
        self.var = paths.temp_dir(0o755)
        self.brokers = [FakeBroker(self.var, f"b{i}", **broker_options) for i in range(brokers)]
        self.broker = self.brokers[0]
        self.front = Front(self.brokers, self.var, conf)
        self.death_expected = False

    def close(self):
        try:
            self.front.process.stop(timeout=15)
            log = self.front.process.output()
            # Kore starts a dead worker again, so that only the log tells
            bad = ["Sanitizer", "runtime error:"] + ([] if self.death_expected else ["gone\"", "sandbox violation"])
            assert not [word for word in bad if word in log], log[-4000:]
        finally:
            for b in self.brokers:
                b.close()
            paths.remove_dir(self.var)


@pytest.fixture
def make_bench():
    """A function that makes a Bench; all are closed after the test."""
    made = []

    def make(conf=None, **options):
        made.append(Bench(conf, **options))
        return made[-1]

    yield make
    for b in made:
        b.close()


@pytest.fixture(scope="module")
def bench():
    """One front for a whole module of tests that do not disturb it."""
    b = Bench()
    try:
        b.front.wait_ready()
        yield b
    finally:
        b.close()


@pytest.fixture
def front(bench):
    return bench.front


@pytest.fixture
def broker(bench):
    bench.broker.handlers.clear()
    bench.broker.jobs.clear()
    return bench.broker


@pytest.fixture(scope="module")
def house(empty_db, make_system):
    """A small hospital behind the whole system, of this module's own."""
    house = open_house(empty_db, make_system)
    house.reset()
    yield house
    house.close()


@pytest.fixture(scope="module")
def h(house):
    return house.h


@pytest.fixture
def default_settings(house):
    """The settings of booking as they were, whatever the test before has set."""
    house.reset()
