"""X-Auto-Refresh: a new access token beside the answer in the last fifth of the old one's life (api/20 section 5, R-41)."""

import time
import uuid

import pytest

from support import front as fake
from support.front import SILENT, Reply, token
from support.http import Api, data, message, problem
from support.jobs import claims
from support.proc import wait_for

ME = "/api/v1/appointments/1"
ASK = {"X-Auto-Refresh": "1"}
NEW = "new.access.token"


def late(left=300, life=1800, **more):
    """A token with so many seconds left of its life."""
    return token(now=int(time.time()) - life + left, life=life, **more)


@pytest.fixture
def asked(broker):
    broker.on("booking.v1_get_appointment", Reply({"id": 1}))
    broker.on("booking.get_appointment", Reply({"id": 1}))
    broker.on("identity.extend_access", Reply({"token": NEW, "expires_in": 1800}))
    return broker


def ops(broker):
    return [j.op for j in broker.jobs]


@pytest.mark.parametrize("path", [ME, "/api/appointments/1", "/patient/appointments/1"])
def test_the_answer_carries_a_new_token(front, asked, path):
    sid = str(uuid.uuid4())
    r = front.get(path, token=late(sid=sid, user=77), headers={**ASK, "X-Request-Id": "same-id", "Accept-Encoding": "gzip"})
    assert r.status_code == 200 and r.headers["x-new-access-token"] == NEW and r.headers["x-access-expires-in"] == "1800"
    assert r.headers["cache-control"] == "no-store" and r.headers["x-request-id"] == "same-id"
    question, job = asked.jobs
    assert question.op == "identity.extend_access" and question.service == "identity" and question.args == {}
    for j in (question, job):
        assert j.actor["user"] == 77 and uuid.UUID(bytes=j.actor["session"]) == uuid.UUID(sid)
    assert question.head["id"] != job.head["id"]


def test_bodies_and_refusals_come_through(front, asked):
    asked.on("booking.v1_book_appointment", Reply(error="SLOT_FULL"))
    r = front.post("/api/v1/appointments", token=late(), headers=ASK, json={"schedule_id": 5, "reason": "咳嗽"})
    problem(r, "SLOT_FULL", 409)
    assert r.headers["x-new-access-token"] == NEW and asked.last().args["body"].items() >= {"schedule_id": 5, "reason": "咳嗽"}.items()
    r = front.post("/api/v1/appointments", token=late(), headers=ASK, json={"schedule_id": "x"})
    problem(r, "VALIDATION_FAILED", 422)
    assert r.headers["x-new-access-token"] == NEW


@pytest.mark.parametrize("left, life, given", [(359, 1800, True), (362, 1800, False), (1799, 1800, False), (11, 60, True), (14, 60, False)])
def test_only_in_the_last_fifth(front, asked, left, life, given):
    r = front.get(ME, token=late(left, life), headers=ASK)
    assert r.status_code == 200 and ("x-new-access-token" in r.headers) == given
    assert ("identity.extend_access" in ops(asked)) == given


def test_only_who_asks_and_may(front, asked):
    for headers in ({}, {"X-Auto-Refresh": "0"}, {"X-Auto-Refresh": "yes"}, {"X-Auto-Refresh": ""}):
        assert "x-new-access-token" not in front.get(ME, token=late(), headers=headers).headers
    asked.on("directory.v1_list_doctors", Reply({"items": []}))
    asked.on("identity.close_session", Reply("登出成功"))
    assert "x-new-access-token" not in front.get("/api/v1/doctors", token=late(), headers=ASK).headers      # may be kept on the way
    assert "x-new-access-token" not in front.post("/auth/logout", token=late(), headers=ASK).headers
    assert front.get(ME, token=late(-60), headers=ASK).status_code == 401                                   # too late
    assert front.get(ME, headers=ASK).status_code == 401
    assert "identity.extend_access" not in ops(asked)


@pytest.mark.parametrize("answer", [Reply(error="TOKEN_REVOKED"), Reply({"token": None}), Reply(raw=b"nonsense"), Reply({}), SILENT])
def test_without_a_new_token_the_request_goes_on(front, asked, answer):
    asked.on("identity.extend_access", lambda job: answer)
    r = front.get(ME, token=late(), headers=ASK, timeout=10)
    assert r.status_code == 200 and r.json()["data"] == {"id": 1}
    assert "x-new-access-token" not in r.headers and "x-access-expires-in" not in r.headers
    assert ops(asked)[-1] == "booking.v1_get_appointment"


def test_a_client_that_leaves_meanwhile(front, asked):
    asked.on("identity.extend_access", lambda job: SILENT)
    for _ in range(20):
        s = front.connect()
        s.sendall(b"GET /api/v1/appointments/1 HTTP/1.1\r\nHost: x\r\nX-Auto-Refresh: 1\r\nAuthorization: Bearer " + late().encode()
                  + b"\r\n\r\n")
        time.sleep(0.01)
        s.close()
    time.sleep(2)
    assert "booking.v1_get_appointment" not in ops(asked)
    asked.on("identity.extend_access", Reply({"token": NEW, "expires_in": 1800}))
    assert front.get(ME, token=late(), headers=ASK).headers["x-new-access-token"] == NEW


def test_a_request_is_counted_once(make_bench):
    b = make_bench({"ratelimit.exempt": "", "ratelimit.user.quota": 4})
    b.front.wait_ready()
    b.broker.on("booking.v1_get_appointment", Reply({"id": 1}))
    b.broker.on("identity.extend_access", Reply({"token": NEW, "expires_in": 1800}))
    text = late(user=9)
    assert [b.front.get(ME, token=text, headers=ASK).status_code for _ in range(5)] == [200] * 4 + [429]
    assert b.front.get(ME, token=text, headers=ASK).headers["retry-after"]


# ---- the whole system

@pytest.fixture(scope="module")
def system(demo_db, make_system):
    return make_system(demo_db, {"password.cost": 10, "token.secret": fake.SECRET}).start()


def aged(text, left=100):
    """The same session's token as it would be near its end."""
    c = claims(text)
    return token(user=c["sub"], sid=c["sid"], now=int(time.time()) - 1800 + left, life=1800)


def test_the_session_goes_on_with_the_new_token(system, demo_db):
    pair = data(system.api().post("/api/v1/auth/login", {"username": "13800000021", "password": "Guahao-2026"}))
    old = aged(pair["access_token"])
    r = Api(system.base, old).get("/api/v1/users/me", headers=ASK)
    assert data(r) and int(r.headers["x-access-expires-in"]) == 1800
    fresh = r.headers["x-new-access-token"]
    c = claims(fresh)
    assert c["sid"] == pair["session_id"] and c["sub"] == str(data(r)["id"]) and c["typ"] == "access" and c["roles"] == ["PATIENT"]
    assert c["exp"] - c["iat"] == 1800 and c["jti"] != claims(pair["access_token"])["jti"]
    assert data(Api(system.base, fresh).get("/api/v1/auth/me"))
    assert demo_db.value("select access_expires_at >= to_timestamp(%s) from sessions where id = %s", c["exp"], c["sid"])
    # the refresh token still works, and signing out ends all of them
    again = data(system.api().post("/api/v1/auth/refresh", {"refresh_token": pair["refresh_token"]}))
    assert Api(system.base, again["access_token"]).post("/api/v1/auth/logout", {}).status_code == 200
    for text in (old, fresh, again["access_token"]):
        wait_for("the end", lambda: Api(system.base, text).get("/api/v1/users/me").status_code == 401, 3)
    assert system.api().get("/api/v1/users/me", token=old, headers=ASK).status_code == 401


def test_the_end_of_a_session_is_the_end_of_its_tokens(system, demo_db):
    pair = data(system.api().post("/api/v1/auth/login", {"username": "13800000022", "password": "Guahao-2026"}))
    demo_db.query("update sessions set expires_at = now() + interval '200 seconds' where id = %s", pair["session_id"])
    r = Api(system.base, aged(pair["access_token"])).get("/api/v1/users/me", headers=ASK)
    assert 190 <= int(r.headers["x-access-expires-in"]) <= 201      # both ends in whole seconds
    # ended in the database, and the fronts have not heard of it
    demo_db.query("update sessions set revoked_at = now() where id = %s", pair["session_id"])
    r = Api(system.base, aged(pair["access_token"])).get("/api/v1/users/me", headers=ASK)
    assert "x-new-access-token" not in r.headers


def test_sessions_of_the_registration_routes_end_with_their_token(system):
    text = message(system.api().post("/auth/patient/login", {"phonenumber": "13800000023", "password": "Guahao-2026"}))
    r = Api(system.base, aged(text)).get("/auth/me", headers=ASK)
    assert message(r) == {"role": "user"} and "x-new-access-token" not in r.headers
