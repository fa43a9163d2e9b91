"""Accounts of one's own over /api/v1: the password rule, renewed tokens, sessions, registration, new passwords."""

import pytest

from support import contract
from support.http import data, problem

CONF = {"password.cost": 10}


@pytest.fixture(scope="module")
def system(demo_db, make_system):
    return make_system(demo_db, CONF).start(pools=("identity,directory", "booking"))


@pytest.fixture(scope="module")
def db(demo_db):
    return demo_db


@pytest.fixture
def api(system):
    return system.api()


# ---- the password rule

def check(api, **body):
    return contract.check("identity.v1_check_password", data(api.post("/api/v1/auth/password-check", body)))


def test_password_policy(api):
    for path in ("/api/v1/auth/password-policy", "/api/auth/password-policy"):
        policy = contract.check("identity.v1_get_password_policy", data(api.get(path)))
        assert policy == {"min_length": 8, "max_bytes": 72, "min_classes": 3, "forbid_common": True, "history": 5}


@pytest.mark.parametrize("body, failed", [
    ({"password": "Algeria123!"}, []),
    ({"password": "ab1"}, ["too_short", "too_few_classes"]),
    ({"password": "Ab-1" + "x" * 69}, ["too_long"]),
    ({"password": "Ab-1" + "x" * 68}, []),
    ({"password": "zzzzzzzz"}, ["too_few_classes", "one_character"]),
    ({"password": "P@ssw0rd"}, ["common"]),
    ({"password": "Xx-liming-9", "username": "LiMing"}, ["contains_username"]),
    ({"password": "Xx-liming-9", "email": "LiMing@example.test"}, ["contains_email"]),
    ({"password": "Xx-liming-9", "username": "other", "email": "x@liming"}, []),
    ({"password": " 密码 aB1 "}, []),                                                  # blanks count, nothing is trimmed
])
def test_password_check(api, body, failed):
    verdict = check(api, **body)
    assert verdict["failed"] == failed and verdict["ok"] is (not failed)
    assert verdict["score"] <= 1 or not failed


def test_password_check_needs_a_password(api):
    for body in ({}, {"password": 5}, {"password": "x", "username": ""}):
        assert problem(api.post("/api/v1/auth/password-check", body), "VALIDATION_FAILED", 422)["errors"]
