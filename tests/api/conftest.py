"""Fixtures of the front's own tests: one front and one broker a module, none of the other programs; of tests of a whole hospital:
the house."""

import pytest

from support.front import Bench
from support.house import open_house


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
