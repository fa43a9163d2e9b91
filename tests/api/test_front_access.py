"""Tokens, revocation, and what is refused when the front cannot know."""

import base64
import json
import time
import uuid

import pytest

from support.front import SILENT, Reply, token
from support.http import problem
from support.proc import wait_for

ME = "/api/v1/auth/me"


@pytest.fixture
def me(broker):
    broker.on("identity.v1_get_auth_me", {"id": 42})
    return broker


def test_a_missing_token_is_401_on_every_surface(front, broker):
    r = front.get(ME)
    assert r.status_code == 401 and r.json()["data"]["code"] == "TOKEN_MISSING"
    assert r.headers["www-authenticate"] == 'Bearer realm="guahao"'
    r = front.get("/auth/me")
    assert r.status_code == 401 and r.json()["code"] == 105
    r = front.get("/patient/appointments", headers={"Authorization": "Basic YTpi"})
    assert r.status_code == 401
    assert not broker.jobs


def test_bad_tokens(front, me):
    good = token()
    head, body, sign = good.split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    bad = {
        "another secret": token(secret="another-secret-another-secret-another"),
        "flipped": head + "." + body + "." + sign[:-2] + ("AA" if sign[-2:] != "AA" else "BB"),
        "no signature": head + "." + body + ".",
        "alg none": none + "." + body + ".",
        "refresh": token(typ="refresh"),
        "issuer": token(iss="someone"),
        "future": token(nbf=int(time.time()) + 600),
        "no sid": token(sid="x"),
        "garbage": "garbage",
        "huge": "a" * 5000,
    }
    for name, text in bad.items():
        r = front.get(ME, token=text)
        assert r.status_code == 401 and r.json()["data"]["code"] == "TOKEN_INVALID", name
        assert 'error="invalid_token"' in r.headers["www-authenticate"], name
    assert not me.jobs
    assert front.get(ME, token=good).status_code == 200
    assert front.get(ME, headers={"Authorization": "bearer   " + good}).status_code == 200


def test_expired_tokens(front, me):
    old = token(now=int(time.time()) - 4000)
    assert front.get(ME, token=old).json()["data"]["code"] == "TOKEN_EXPIRED"
    r = front.get("/auth/me", token=old)
    assert r.status_code == 401 and r.json()["code"] == 105
    # a cached token ends too
    short = token(now=int(time.time()) - 1797)
    assert front.get(ME, token=short).status_code == 200
    wait_for("the token to end", lambda: front.get(ME, token=short).status_code == 401, 15, every=0.3)


def test_heartbeat_texts(front, broker):
    # the worker knows whether the surface is open: without a token the front asks it
    broker.on("booking.hb_get_appointment", Reply(error="TOKEN_MISSING"))
    r = front.get("/appointment/by_id/1")
    assert r.status_code == 401 and r.json() == {"detail": "Not authenticated"}
    assert r.headers["www-authenticate"] == "Bearer"
    assert not broker.last().actor.get("user")
    r = front.get("/appointment/by_id/1", token="x.y.z")
    assert r.status_code == 401 and r.json() == {"detail": "Could not validate credentials"}
    broker.on("booking.hb_get_appointment", Reply(error="NOT_OWNER"))
    assert front.get("/appointment/by_id/1", token=token()).json() == {"detail": "Not enough permissions"}


def test_403_and_the_registration_surface(front, broker):
    broker.on("booking.v1_get_appointment", Reply(error="NOT_OWNER"))
    r = front.get("/api/v1/appointments/1", token=token())
    assert r.status_code == 403 and r.json()["data"]["code"] == "NOT_OWNER"
    broker.on("booking.get_appointment", Reply(error="ADMIN_REQUIRED"))
    r = front.get("/patient/appointments/1", token=token())
    assert r.status_code == 200 and r.json()["code"] == 102


def test_public_operations_need_no_token_but_under_api(front, broker):
    broker.on("directory.browse_hospitals", {"areas": []})
    assert front.get("/patient/hospitals").status_code == 200
    assert front.get("/patient/hospitals", token="rubbish").status_code == 200
    assert not broker.last().actor.get("user")
    front.get("/patient/hospitals", token=token(9))
    assert broker.last().actor["user"] == 9
    broker.on("identity.v1_login_user", {"access_token": "x"})
    assert front.post("/api/auth/login", json={"username": "a", "password": "b"}).status_code == 200


def test_the_token_is_read_from_the_query_only_where_the_contract_says(front, me):
    assert front.get(ME + "?token=" + token()).status_code == 401


def test_signing_out_works_with_a_dead_token(front, broker):
    broker.on("identity.close_session", "登出成功")
    sid = str(uuid.uuid4())
    dead = token(5, sid=sid, now=int(time.time()) - 9000)
    r = front.post("/auth/logout", token=dead)
    assert r.status_code == 200 and r.json() == {"code": 0, "message": "登出成功"}
    assert broker.last().actor["user"] == 5 and broker.last().actor["session"] == uuid.UUID(sid).bytes
    for text in (None, "rubbish"):
        assert front.post("/auth/logout", token=text, json={}).json()["code"] == 0
        assert not broker.last().actor.get("user")


def test_a_revoked_session_is_refused_within_a_second(make_bench):
    b = make_bench()
    b.front.wait_ready()
    b.broker.on("identity.v1_get_auth_me", {"id": 42})
    b.broker.on("identity.close_session", "ok")
    sid, now = str(uuid.uuid4()), int(time.time())
    mine, other = token(42, sid=sid), token(42)
    assert b.front.get(ME, token=mine).status_code == 200
    b.broker.seq = 7
    b.broker.publish("revoke", seq=7, sid=uuid.UUID(sid).bytes, until=now + 4000)
    wait_for("the session to be refused", lambda: b.front.get(ME, token=mine).status_code == 401, 1.5, every=0.02)
    r = b.front.get(ME, token=mine)
    assert r.json()["data"]["code"] == "TOKEN_REVOKED"
    assert b.front.get("/auth/me", token=mine).json()["code"] == 105
    assert b.front.get(ME, token=other).status_code == 200
    # the dead token still signs out
    b.front.post("/auth/logout", token=mine)
    assert b.broker.last().actor["user"] == 42
    # all tokens of a user issued before a moment
    b.broker.seq = 8
    b.broker.publish("revoke", seq=8, user=42, before=now + 1, until=now + 4000)
    wait_for("the user to be refused", lambda: b.front.get(ME, token=other).status_code == 401, 1.5, every=0.02)
    assert b.front.get(ME, token=token(43)).status_code == 200
    assert b.front.get(ME, token=token(42, now=now + 3)).status_code == 200


def test_the_list_is_loaded_at_start_and_after_a_gap(make_bench):
    b = make_bench()
    first, second, now = str(uuid.uuid4()), str(uuid.uuid4()), int(time.time())
    b.broker.revoked = [{"sid": first, "until": now + 4000}, {"user": 9, "before": now + 10, "until": now + 4000}]
    b.broker.seq = 3
    b.front.wait_ready()
    b.broker.on("identity.v1_get_auth_me", {"id": 42})
    assert b.front.get(ME, token=token(sid=first)).status_code == 401
    assert b.front.get(ME, token=token(9)).status_code == 401
    assert b.front.get(ME, token=token(sid=second)).status_code == 200
    calls = b.broker.sync_calls
    # an event was missed: the next beat announces a number that the front has not seen
    b.broker.revoked = [{"sid": second, "until": now + 4000}]
    b.broker.seq = 4
    wait_for("the list to be loaded again", lambda: b.broker.sync_calls > calls, 3)
    wait_for("the second session", lambda: b.front.get(ME, token=token(sid=second)).status_code == 401, 2)
    assert b.front.get(ME, token=token(sid=first)).status_code == 401
    # an event that leaves out a number shows it at once, without a beat
    third = str(uuid.uuid4())
    b.broker.beat = False
    b.broker.revoked = [{"sid": third, "until": now + 4000}]
    b.broker.seq = 6
    assert b.front.get(ME, token=token(sid=third)).status_code == 200
    b.broker.publish("config", seq=6, key="x")
    wait_for("the third session", lambda: b.front.get(ME, token=token(sid=third)).status_code == 401, 1.5, every=0.02)
    b.broker.beat = True
    # a new broker identity too
    calls = b.broker.sync_calls
    b.broker.id = b"0123456789abcdef"
    wait_for("another load", lambda: b.broker.sync_calls > calls, 3)


def test_protected_routes_wait_for_the_list(make_bench):
    b = make_bench(sync=False)
    b.front.wait_up()
    b.broker.on("identity.v1_get_auth_me", {"id": 42})
    b.broker.on("directory.browse_hospitals", {"areas": []})
    wait_for("the broker to be heard", lambda: b.front.get("/patient/hospitals").status_code == 200, 5)
    r = b.front.get(ME, token=token())
    assert r.status_code == 503 and r.json()["data"]["code"] == "SERVICE_UNAVAILABLE" and r.headers["retry-after"]
    assert b.front.get(ME, token="x").status_code == 401
    assert b.front.get("/readyz").status_code == 503
    b.broker.sync = True
    b.front.wait_ready()
    assert b.front.get(ME, token=token()).status_code == 200


def test_a_front_that_hears_no_broker_refuses(make_bench):
    b = make_bench()
    b.front.wait_ready()
    b.broker.on("identity.v1_get_auth_me", {"id": 42})
    assert b.front.get(ME, token=token()).status_code == 200
    b.broker.beat = False
    wait_for("the silence to count", lambda: b.front.get(ME, token=token()).status_code == 503, 6, every=0.2)
    assert b.front.get("/readyz").json()["checks"]["broker"]["status"] == "down"
    b.broker.beat = True
    b.front.wait_ready()
    assert b.front.get(ME, token=token()).status_code == 200


def test_readiness_tells_what_it_knows_of_the_database(make_bench):
    b = make_bench()
    b.front.wait_ready()
    time.sleep(11)    # nobody asked for long: the first to ask is not told "down"
    assert b.front.get("/readyz").status_code == 200
    b.broker.sync = False

    def database():
        return b.front.get("/readyz").json()["checks"]["database"]["status"]
    wait_for("the silence to be told", lambda: database() == "down", 10)
    assert b.front.get("/readyz").status_code == 503
    b.broker.sync = True
    b.front.wait_ready(10)


def test_metrics_are_for_the_allowed_networks(make_bench):
    b = make_bench(conf={"metrics.allow": "10.0.0.0/8"})
    b.front.wait_up()
    r = b.front.get("/metrics")
    assert r.status_code == 403 and r.json()["code"] == 102


def test_metrics_are_for_those_with_the_permission(make_bench):
    b = make_bench(conf={"metrics.allow": ""})
    b.front.wait_ready()
    b.broker.on("identity.permit_metrics", Reply(error="FORBIDDEN"))
    r = b.front.get("/metrics", token=token(user=5))
    assert r.status_code == 403 and r.json()["code"] == 102 and b.broker.last().actor["user"] == 5
    assert b.broker.last().service == "identity" and b.broker.last().args == {}
    b.broker.on("identity.permit_metrics", None)
    r = b.front.get("/metrics", token=token(user=6))
    assert r.status_code == 200 and "guahao_http_requests_total" in r.text
    assert r.headers["content-type"].startswith("text/plain")
    n = len(b.broker.jobs)
    assert b.front.get("/metrics", token=token(secret="x" * 40)).status_code == 401
    assert b.front.get("/metrics").status_code == 403
    assert len(b.broker.jobs) == n


def test_the_document_can_be_switched_off(make_bench):
    b = make_bench(conf={"docs.enabled": "false"})
    b.front.wait_up()
    for path in ("/openapi.json", "/docs", "/redoc", "/docs/pages.css"):
        assert b.front.get(path).status_code == 404, path
    assert b.front.get("/openapi.json").json() == {"detail": "Not Found"}
    problem(b.front.get("/api/v1/openapi.json"), "ROUTE_NOT_FOUND", 404)


def test_refusals_below_api_have_the_envelope(front):
    """R-01, also for a document that has none."""
    r = front.get("/api/openapi.json")
    problem(r, "TOKEN_MISSING", 401)
    assert r.headers["www-authenticate"] == 'Bearer realm="guahao"'
    problem(front.post("/api/v1/openapi.json"), "METHOD_NOT_ALLOWED", 405)


def test_nothing_secret_is_logged(make_bench):
    b = make_bench(conf={"log.level": "debug"})
    b.front.wait_ready()
    b.broker.on("identity.oauth_issue_token", lambda job: SILENT)
    mine = token()
    b.front.get(ME, token=mine)
    b.front.post("/auth/token", data={"username": "13800000001", "password": "Sekret-2026"})
    log = b.front.process.output()
    assert "Sekret" not in log and "13800000001" not in log and mine not in log and mine.split(".")[2] not in log
    json.dumps(log)
