"""Every rule of booking and of the life of an appointment on every surface that has it: its own refusal, word for word
(tests/support/rule_cases.py)."""

import pathlib
import re

import pytest

from support import rule_cases as rc
from support.house import open_house
from support.http import message, problem

ALL = {f"BR-{n}" for n in range(72, 105)} | {f"R-{n}" for n in range(81, 105)}


@pytest.fixture(scope="module")
def house(empty_db, make_system):
    w = open_house(empty_db, make_system)
    yield w
    w.close()


@pytest.fixture(autouse=True)
def default_settings(house):
    house.reset()
    house.h.setting("appointment.enforce_start_before_complete", None)


def state(h):
    return h.run("select status, payment_status, count(*) from registration_orders group by 1, 2 order by 1, 2"), h.one(
        "select sum(remaining_slots) from schedules")


def refused_code(response, want):
    number, text = want
    assert message(response, number)["msg"] == text


def refused_v1(response, want):
    status, code, text = want
    p = problem(response, code, status)
    assert text is None or p["detail"] == text, p


def refused_hb(response, want):
    status, text = want
    body = response.json()
    assert response.status_code == status and body["detail"] == text, (response.status_code, response.text)
    assert set(body) == ({"detail", "code"} if status == 409 else {"detail"})


REFUSED = {"code": refused_code, "v1": refused_v1, "hb": refused_hb}
WALK = [(r, surface) for r in rc.RULES for surface in REFUSED if getattr(r, surface)]


@pytest.mark.parametrize("rule,surface", WALK, ids=[f"{r.name}-{s}" for r, s in WALK])
def test_refusal(house, rule, surface):
    h = house.h
    call = rule.make(h)[surface]
    before = state(h)
    response = house.api(call.user).request(call.method, call.path, json=call.body)
    REFUSED[surface](response, getattr(rule, surface))
    assert state(h) == before, "a refusal changes nothing"


def test_every_rule_is_walked_or_shown():
    walked = {n for r in rc.RULES for n in r.numbers.split()}
    here = pathlib.Path(__file__).parent.parent
    for number, (file, test) in rc.SHOWN.items():
        assert re.search(rf"^(def )?{test}\(", (here / file).read_text(encoding="utf-8"), re.M), (number, file, test)
    assert ALL - walked - set(rc.SHOWN) == set()
    assert (walked | set(rc.SHOWN)) - ALL == set()
