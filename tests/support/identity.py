"""Fixtures of modules about accounts: the whole system on the module's demo database, with hashes that are made quickly."""

import pytest


@pytest.fixture(scope="module")
def system(demo_db, make_system):
    return make_system(demo_db, {"password.cost": 10}).start(pools=("identity", "directory,booking,clinical"))


@pytest.fixture(scope="module")
def db(demo_db):
    return demo_db


@pytest.fixture
def api(system):
    return system.api()
