"""Two valid keys at a time: tokens of both are accepted while programs are restarted one after another (R-249)."""

import pytest

from support.http import data
from support.system import POOLS

OTHERS = ",".join(p for p in ",".join(POOLS).split(",") if p not in ("identity", "directory"))


@pytest.fixture(scope="module")
def site(demo_db, make_system):
    return make_system(demo_db, {"password.cost": 10}).start(("identity,directory", OTHERS))


def restart(site, name):
    start = {"front": site.start_front, "identity+directory": lambda: site.start_worker("identity,directory")}[name]
    assert site[name].stop() == 0
    start()


def status(site, token):
    return site.api(token=token).get("/api/v1/auth/me").status_code


def sign_in(site):
    return data(site.api().post("/api/v1/auth/login", {"username": "13800000005", "password": "Guahao-2026"}))


def test_no_valid_token_is_refused_during_a_rotation(site):
    old = sign_in(site)
    site.cli("keys", "rotate", "--kind", "jwt")
    site.cli("keys", "rotate", "--kind", "refresh")
    restart(site, "front")
    between = sign_in(site)                                       # the identity worker still signs with the old key
    assert [status(site, t["access_token"]) for t in (old, between)] == [200, 200]
    restart(site, "identity+directory")
    new = sign_in(site)
    assert [status(site, t["access_token"]) for t in (old, between, new)] == [200, 200, 200]
    again = data(site.api().post("/api/v1/auth/refresh", {"refresh_token": old["refresh_token"]}))
    assert status(site, again["access_token"]) == 200
    # the next rotation ends the first key
    site.cli("keys", "rotate", "--kind", "jwt", "--yes")
    restart(site, "front")
    assert status(site, between["access_token"]) == 401 and status(site, new["access_token"]) == 200
