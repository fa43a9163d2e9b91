"""What tests of sessions share: the fixtures `house`, `admin` and `h` of a module that imports them, days from today."""

import datetime as dt

import pytest

from .hospital import today
from .http import data, problem

__all__ = ["admin", "data", "day", "h", "house", "refused"]


@pytest.fixture(scope="module")
def house(house):
    """A hospital behind the whole system; `office` is an account of the department's own office: its scope D."""
    house.office = house.h.user(roles=["STAFF"])
    house.h.run("insert into doctors (user_id, dept_id, name) values (%s, %s, '前台')", house.office, house.h.dept)
    return house


@pytest.fixture
def admin(house):
    return house.api(house.h.admin)


@pytest.fixture
def h(house):
    return house.h


def day(n):
    return (today() + dt.timedelta(days=n)).isoformat()


def refused(response, status, code):
    return problem(response, code, status)
