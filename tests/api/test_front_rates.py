"""Rate limits: policies, their headers, the refusal on each surface, exemptions, addresses behind proxies."""

import time

import pytest

from support.front import Bench, Reply, token

LOW = {"ratelimit.exempt": "", "proxy.trusted": "127.0.0.0/8", "front.workers": 2,
       "ratelimit.anon.quota": 5, "ratelimit.anon.window": 10, "ratelimit.user.quota": 3, "ratelimit.user.window": 6,
       "ratelimit.login.quota": 2, "ratelimit.login.window": 60}
OPEN = "/patient/hospitals"


@pytest.fixture(scope="module")
def limited():
    """A front with two workers and low limits; clients are told apart by X-Forwarded-For."""
    b = Bench(LOW)
    b.broker.on("directory.browse_hospitals", {"areas": []})
    b.broker.on("booking.v1_get_appointment", {"id": 5})
    b.broker.on("identity.v1_login_user", Reply(error="BAD_CREDENTIALS"))
    b.broker.on("identity.v1_request_password_reset", None)
    try:
        b.front.wait_ready()
        yield b.front
    finally:
        b.close()


def ask(front, path=OPEN, ip="192.0.2.1", method="GET", **more):
    return front.call(method, path, headers={"X-Forwarded-For": ip, **more.pop("headers", {})}, **more)


def test_a_quota_is_shared_by_all_workers_and_comes_back(limited):
    seen = []
    for _ in range(5):    # a connection each: they go to both workers
        r = ask(limited, ip="192.0.2.10")
        assert r.status_code == 200, r.text
        assert r.headers["RateLimit-Policy"] == '"anon";q=5;w=10'
        seen.append(r.headers["RateLimit"])
        assert "retry-after" not in r.headers
    assert seen[0] == '"anon";r=4;t=2' and [int(s.split("r=")[1][0]) for s in seen] == sorted(
        (int(s.split("r=")[1][0]) for s in seen), reverse=True)
    for _ in range(2):
        r = ask(limited, ip="192.0.2.10")
        if r.status_code == 429:
            break
    assert r.status_code == 429 and r.headers["RateLimit"].startswith('"anon";r=0;t=')
    wait = int(r.headers["retry-after"])
    assert wait >= 1
    assert ask(limited, ip="192.0.2.11").status_code == 200
    time.sleep(wait)
    assert ask(limited, ip="192.0.2.10").status_code == 200


def drain(front, path, ip, tries=10, **more):
    for _ in range(tries):
        r = ask(front, path, ip, **more)
        if r.status_code == 429:
            return r
    raise AssertionError(f"never limited: {r.status_code} {r.headers}")


def test_the_refusal_has_the_shape_of_its_surface(limited):
    r = drain(limited, OPEN, "192.0.2.20")
    assert r.json()["code"] == 98 and r.json()["message"]["msg"] == f"请求过于频繁，请{r.headers['retry-after']}秒后再试"
    r = drain(limited, "/api/v1/nothing", "192.0.2.21")
    assert r.json()["success"] is False and r.json()["data"]["code"] == "RATE_LIMITED" and r.json()["data"]["status"] == 429
    r = drain(limited, "/appointment/1", "192.0.2.22")
    assert r.json() == {"detail": f"Too many requests, try again in {r.headers['retry-after']} s"}


def test_users_are_counted_by_user_and_not_by_address(limited):
    for i in range(3):
        r = ask(limited, "/api/v1/appointments/5", f"192.0.2.{30 + i}", token=token(user=3001))
        assert r.status_code == 200 and r.headers["RateLimit-Policy"] == '"user";q=3;w=6'
    assert ask(limited, "/api/v1/appointments/5", "192.0.2.39", token=token(user=3001)).status_code == 429
    assert ask(limited, "/api/v1/appointments/5", "192.0.2.30", token=token(user=3002)).status_code == 200


def test_bad_tokens_count_for_their_address(limited):
    assert ask(limited, "/api/v1/appointments/5", "192.0.2.40", token=token(secret="x" * 40)).status_code == 401
    r = drain(limited, "/api/v1/appointments/5", "192.0.2.40", token=token(secret="x" * 40))
    assert r.headers["RateLimit-Policy"].startswith('"anon"')


def test_signing_in_has_its_own_limit(limited):
    body = {"username": "x", "password": "Guahao-2026"}
    for _ in range(2):
        r = ask(limited, "/api/v1/auth/login", "192.0.2.50", "POST", json=body)
        assert r.status_code == 401 and r.headers["RateLimit-Policy"] == '"login";q=2;w=60'
    r = ask(limited, "/api/v1/auth/login", "192.0.2.50", "POST", json=body)
    assert r.status_code == 429 and int(r.headers["retry-after"]) > 20
    assert ask(limited, ip="192.0.2.50").status_code == 200


def test_resets_of_one_account_are_few_however_they_are_asked(limited):
    path = "/api/v1/auth/forgot"
    for i in range(5):
        how = {"json": {"email": "Who@example.org"}} if i % 2 else {"data": {"email": "who@example.org"}}
        assert ask(limited, path, f"192.0.2.{90 + i}", "POST", **how).status_code == 200
    for how in ({"json": {"email": "who@Example.org"}}, {"data": {"email": "WHO@example.org"}}):
        r = ask(limited, path, "192.0.2.99", "POST", **how)
        assert r.status_code == 429 and r.headers["RateLimit-Policy"] == '"reset_account";q=5;w=3600'
    assert ask(limited, path, "192.0.2.99", "POST", json={"email": "other@example.org"}).status_code == 200


def test_probes_and_preflights_are_not_counted(limited):
    for _ in range(8):
        r = ask(limited, "/healthz", "192.0.2.60")
        assert r.status_code == 200 and "ratelimit" not in r.headers
        assert ask(limited, OPEN, "192.0.2.60", "OPTIONS").status_code == 204
    assert ask(limited, ip="192.0.2.60").headers["RateLimit"].startswith('"anon";r=4')


def test_what_stands_before_a_trusted_proxy_is_not_believed(limited):
    for i in range(10):
        r = ask(limited, ip=f"198.51.100.{i}, 192.0.2.70")
        if r.status_code == 429:
            break
    assert r.status_code == 429


def test_refusals_are_counted(limited):
    drain(limited, OPEN, "192.0.2.80")
    text = ask(limited, "/metrics", "127.0.0.1").text
    count = [line for line in text.splitlines() if line.startswith('guahao_rate_limited_total{policy="anon"}')]
    assert count and int(count[0].split()[-1]) >= 1
    assert ask(limited, "/metrics", "192.0.2.81").status_code == 403    # the proxy's client, not the proxy


KEYED = """
openapi: 3.1.0
info: {title: Guahao, version: 0.1.0, summary: limits by a key of the arguments}
paths:
  /bench/reset:
    post:
      operationId: echo.reset
      x-pool: echo
      x-envelope: plain
      x-access: public
      x-rate-limit: reset
      x-rate-key: ['account:{body.email}', 'account:{body.phone}']
      summary: Ask for a reset
      tags: [bench]
      requestBody: {required: true, content: {application/json: {schema: {type: object, properties: {email: {type: string}, phone: {type: string}}}}}}
      responses: {'200': {description: done, content: {application/json: {schema: {type: object}, example: {}}}}}
  /bench/callback/{provider}:
    post:
      operationId: echo.callback
      x-pool: echo
      x-envelope: plain
      x-access: public
      x-rate-limit: callback
      x-rate-key: '{path.provider}'
      summary: Take a notice
      tags: [bench]
      parameters: [{name: provider, in: path, required: true, schema: {type: string}}]
      responses: {'200': {description: done, content: {application/json: {schema: {type: object}, example: {}}}}}
"""


def keyed(make_bench, tmp_path, text=KEYED):
    (tmp_path / "keyed.yaml").write_text(text, encoding="utf-8")
    b = make_bench({**LOW, "front.contract_extra": str(tmp_path), "ratelimit.reset.quota": 4, "ratelimit.callback.quota": 3,
                    "ratelimit.reset_account.quota": 2})
    b.broker.on("echo.reset", {})
    b.broker.on("echo.callback", {})
    return b


def test_limits_by_a_key_of_the_arguments(make_bench, tmp_path):
    b = keyed(make_bench, tmp_path)
    b.front.wait_ready()

    def reset(ip, **body):
        return ask(b.front, "/bench/reset", ip, "POST", json=body)
    r = reset("192.0.2.1", email="a@example.org")
    assert r.status_code == 200 and r.headers["RateLimit"].startswith('"reset_account";r=1;')
    assert reset("192.0.2.2", email="A@Example.org").status_code == 200
    r = reset("192.0.2.3", email="a@EXAMPLE.org")    # another address, the same account
    assert r.status_code == 429 and r.headers["RateLimit-Policy"] == '"reset_account";q=2;w=3600'
    assert 0 < int(r.headers["retry-after"]) <= 1800 and b.broker.count("echo.reset") == 2
    assert reset("192.0.2.3", phone="13800000001").status_code == 200
    for i in range(2):
        assert reset("192.0.2.3", email=f"{i}@example.org").status_code == 200
    r = reset("192.0.2.3", email="9@example.org")    # another account, the same address
    assert r.status_code == 429 and r.headers["RateLimit-Policy"].startswith('"reset"')
    for i in range(3):
        assert ask(b.front, "/bench/callback/bank", f"192.0.2.{10 + i}", "POST").status_code == 200
    assert ask(b.front, "/bench/callback/bank", "192.0.2.19", "POST").status_code == 429
    assert ask(b.front, "/bench/callback/card", "192.0.2.19", "POST").status_code == 200


@pytest.mark.parametrize("change, word", [
    (("x-rate-limit: reset", "x-rate-limit: rest"), "no_such_policy"),
    (("      x-rate-key: '{path.provider}'\n", ""), "policy_and_key_differ"),
    (("x-rate-limit: reset", "x-rate-limit: login"), "policy_and_key_differ")])
def test_a_contract_with_a_wrong_limit_stops_the_start(make_bench, tmp_path, change, word):
    b = keyed(make_bench, tmp_path, KEYED.replace(*change))
    assert b.front.process.wait(20) == 1
    assert word in b.front.process.output()


def test_exempt_networks_and_the_switch(make_bench):
    low = {"ratelimit.anon.quota": 1, "ratelimit.user.quota": 1}
    for conf in (low, {**low, "ratelimit.exempt": "", "ratelimit.enabled": "false"}):
        b = make_bench(conf)
        b.broker.on("directory.browse_hospitals", {"areas": []})
        b.front.wait_ready()
        for _ in range(4):
            r = b.front.get(OPEN, headers={"X-Forwarded-For": "192.0.2.1"})    # no proxy is trusted
            assert r.status_code == 200 and "ratelimit" not in r.headers


@pytest.mark.parametrize("setting", ["ratelimit.exempt", "proxy.trusted"])
def test_a_network_that_is_none_stops_the_start(make_bench, setting):
    b = make_bench({setting: "10.0.0.0/99"})
    assert b.front.process.wait(20) == 1
    assert setting in b.front.process.output()
