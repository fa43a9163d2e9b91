"""Settings of accounts that administrators change while all runs (api/29): auth.max_sessions, auth.password.*; they take effect at once."""

import pytest

from support.accounts import add_user, PASSWORD
from support.http import data, problem
from support.proc import wait_for

CONFIG = "/api/v1/system/config"


@pytest.fixture(scope="module")
def site(empty_db, make_system):
    system = make_system(empty_db, {"password.cost": 10}).start()
    add_user(empty_db, ["ADMIN"], username="boss")
    system.boss = system.api(user="boss")
    system.serial = 0
    return system


@pytest.fixture(autouse=True)
def defaults(site):
    yield
    setting(site, **{k: None for k in ("auth.max_sessions", "auth.password.min_length", "auth.password.min_classes", "auth.password.history")})


def setting(site, **values):
    data(site.boss.patch(CONFIG, values))


def person(site):
    site.serial += 1
    name = f"person{site.serial}"
    add_user(site.database, ["PATIENT"], username=name)
    return name


def sign_in(site, name, password=PASSWORD):
    return data(site.api().post("/api/v1/auth/login", {"username": name, "password": password}))["access_token"]


def policy(site, **expected):
    """Wait until the running workers have it."""
    wait_for("the policy", lambda: expected.items() <= data(site.api().get("/api/v1/auth/password-policy")).items())


def change(site, name, old, new):
    return site.api(token=sign_in(site, name, old)).post("/api/v1/auth/change-password", {"current_password": old, "new_password": new})


def test_they_are_settings_with_bounds(site):
    rows = {r["key"]: r for r in data(site.boss.get(CONFIG, params={"prefix": "auth."}))}
    assert {k: (rows[k]["value"], rows[k]["default"], rows[k]["restart_needed"]) for k in rows if "password" in k or "max" in k} == {
        "auth.max_sessions": (10, 10, False), "auth.password.min_length": (8, 8, False), "auth.password.min_classes": (3, 3, False),
        "auth.password.history": (5, 5, False)}
    for key, value in (("auth.max_sessions", 0), ("auth.max_sessions", 1001), ("auth.password.min_length", 7), ("auth.password.min_length", 65),
                       ("auth.password.min_classes", 5), ("auth.password.history", 0), ("auth.password.history", 11),
                       ("auth.password.history", "many")):
        problem(site.boss.patch(CONFIG, {key: value}), "CONFIG_INVALID", 422)


def test_how_many_sessions(site):
    name = person(site)
    setting(site, **{"auth.max_sessions": 2})
    tokens = [sign_in(site, name) for _ in range(4)]
    live = lambda: [site.api(token=t).get("/api/v1/auth/me").status_code for t in tokens]          # noqa
    wait_for("the oldest to end", lambda: live() == [401, 401, 200, 200])
    setting(site, **{"auth.max_sessions": 3})
    tokens.append(sign_in(site, name))
    assert live() == [401, 401, 200, 200, 200]


def test_length_and_kinds(site):
    name = person(site)
    assert change(site, name, PASSWORD, "Xy-12345678").status_code == 200
    setting(site, **{"auth.password.min_length": 12, "auth.password.min_classes": 4})
    policy(site, min_length=12, min_classes=4)
    refused = problem(change(site, name, "Xy-12345678", "xy-1234567"), "PASSWORD_WEAK", 422)
    assert {e["code"]: e["message"] for e in refused["errors"]} == {
        "too_short": "at least 12 bytes are needed", "too_few_classes": "use all of: lower case, upper case, digits, other characters"}
    assert data(site.api().post("/api/v1/auth/password-check", {"password": "Xy-12345678"}))["failed"] == ["too_short"]
    assert change(site, name, "Xy-12345678", "Xy-123456789").status_code == 200
    # who has an old one signs in with it
    sign_in(site, person(site))


def test_how_many_may_not_come_again(site):
    name = person(site)
    setting(site, **{"auth.password.history": 2})
    policy(site, history=2)
    words = [PASSWORD, "Tr0ub4dor-one", "Tr0ub4dor-two"]
    assert change(site, name, words[0], words[1]).status_code == 200
    problem(change(site, name, words[1], words[0]), "PASSWORD_REUSED", 422)
    assert change(site, name, words[1], words[2]).status_code == 200
    assert change(site, name, words[2], words[0]).status_code == 200
    setting(site, **{"auth.password.history": 1})
    policy(site, history=1)
    assert change(site, name, words[0], words[2]).status_code == 200
    problem(change(site, name, words[2], words[2]), "PASSWORD_REUSED", 422)
