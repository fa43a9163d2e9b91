"""Accounts of one's own over /api/v1: the password rule, renewed tokens, sessions, registration, new passwords."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from support import contract
from support.accounts import PASSWORD, add_user
from support.http import data, message, problem
from support.broker import uuid7
from support.jobs import Jobs, claims
from support.proc import wait_for

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


_serial = iter(range(1, 10000))


@pytest.fixture
def patient(db):
    """(id, phone) of a fresh account."""
    phone = f"1360000{next(_serial):04d}"
    return add_user(db, phonenumber=phone), phone


def sign_in(api, name, password=PASSWORD):
    return data(api.post("/api/v1/auth/login", {"username": name, "password": password}))


def refresh(api, token):
    return api.post("/api/v1/auth/refresh", {"refresh_token": token})


def alive(api, token):
    return api.get("/api/v1/auth/me", token=token).status_code == 200


def dies(api, *tokens):
    """The tokens are refused at once, as those of an ended session."""
    for token in tokens:
        wait_for("the token to die", lambda: not alive(api, token), timeout=5)
        problem(api.get("/api/v1/auth/me", token=token), "TOKEN_REVOKED", 401)


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


# ---- renewed tokens

def test_refresh(api, patient):
    one = sign_in(api, patient[1])
    two = contract.check("identity.v1_refresh_tokens", data(refresh(api, one["refresh_token"])))
    assert two["session_id"] == one["session_id"] == claims(two["access_token"])["sid"]
    assert two["user"] == one["user"] and two["refresh_token"] != one["refresh_token"]
    assert alive(api, two["access_token"]) and alive(api, one["access_token"])
    three = data(api.post("/api/auth/refresh", {"refresh_token": two["refresh_token"]}))
    grant = api.request("POST", "/auth/token", data={"grant_type": "refresh_token", "refresh_token": three["refresh_token"]})
    assert grant.status_code == 200 and claims(grant.json()["access_token"])["sid"] == one["session_id"]


def test_a_burnt_refresh_token_ends_its_session(api, patient):
    other, one = sign_in(api, patient[1]), sign_in(api, patient[1])
    two = data(refresh(api, one["refresh_token"]))
    problem(refresh(api, one["refresh_token"]), "REFRESH_REUSED", 401)
    dies(api, one["access_token"], two["access_token"])
    for token in (one["refresh_token"], two["refresh_token"]):
        problem(refresh(api, token), "TOKEN_REVOKED", 401)
    assert alive(api, other["access_token"])


def test_refused_refresh_tokens(api, db, patient):
    pair = sign_in(api, patient[1])
    problem(refresh(api, pair["access_token"]), "TOKEN_INVALID", 401)
    problem(refresh(api, "rubbish"), "TOKEN_INVALID", 401)
    problem(api.get("/api/v1/auth/me", token=pair["refresh_token"]), "TOKEN_INVALID", 401)
    problem(api.post("/api/v1/auth/refresh", {}), "VALIDATION_FAILED", 422)
    db.query("update users set is_active = false where id = %s", patient[0])
    problem(refresh(api, pair["refresh_token"]), "REFRESH_INVALID", 401)
    db.query("update users set is_active = true where id = %s", patient[0])
    db.query("update sessions set expires_at = created_at where id = %s", pair["session_id"])
    problem(refresh(api, pair["refresh_token"]), "TOKEN_EXPIRED", 401)
    db.query("delete from sessions where id = %s", pair["session_id"])
    problem(refresh(api, pair["refresh_token"]), "REFRESH_INVALID", 401)


# ---- sessions

def test_sessions_are_listed_and_ended(api, patient, db):
    old, new = sign_in(api, patient[1]), sign_in(api, patient[1])
    classic = message(api.post("/auth/patient/login", {"phonenumber": patient[1], "password": PASSWORD}))
    stranger = sign_in(api, "13800000009")
    ended = sign_in(api, patient[1])
    data(api.post("/api/v1/auth/logout", {}, token=ended["access_token"]))
    sessions = contract.check("identity.v1_list_sessions", data(api.get("/api/v1/auth/sessions", token=old["access_token"])))
    assert [(s["id"], s["surface"], s["current"]) for s in sessions] == [
        (claims(classic)["sid"], "bjtu", False), (new["session_id"], "v1", False), (old["session_id"], "v1", True)]
    assert sessions[0]["ip"] == "127.0.0.1" and "python-requests" in sessions[0]["user_agent"]
    for sid in (stranger["session_id"], ended["session_id"], "0195f2b4-7c11-7d3e-9a55-3f0c2b7a9d10"):
        problem(api.delete(f"/api/v1/auth/sessions/{sid}", token=old["access_token"]), "NOT_FOUND", 404)
    assert alive(api, stranger["access_token"])
    for sid in (new["session_id"], claims(classic)["sid"].upper()):
        assert data(api.delete(f"/api/v1/auth/sessions/{sid}", token=old["access_token"])) is None
    dies(api, new["access_token"], classic)
    problem(refresh(api, new["refresh_token"]), "TOKEN_REVOKED", 401)
    assert [s["id"] for s in data(api.get("/api/v1/auth/sessions", token=old["access_token"]))] == [old["session_id"]]
    assert data(api.delete(f"/api/v1/auth/sessions/{old['session_id']}", token=old["access_token"])) is None
    dies(api, old["access_token"])


def test_sessions_need_a_token_and_an_id(api, patient):
    problem(api.get("/api/v1/auth/sessions"), "TOKEN_MISSING", 401)
    problem(api.delete("/api/v1/auth/sessions/0195f2b4-7c11-7d3e-9a55-3f0c2b7a9d10"), "TOKEN_MISSING", 401)
    token = sign_in(api, patient[1])["access_token"]
    assert api.delete("/api/v1/auth/sessions/5", token=token).status_code in (404, 422)


# ---- registration

def register(api, **body):
    return api.post("/api/v1/auth/register", {"password": "Algeria123!", **body})


def registered(api, **body):
    return contract.check("identity.v1_register_user", data(register(api, **body), 201))


def test_register(api, db):
    r = register(api, username="Li.Ming", email="Li.Ming@Example.test", phone="+86 136-1111 0001", full_name="李明",
                 role="PATIENT", date_of_birth="1990-02-03", gender="M")
    user = contract.check("identity.v1_register_user", data(r, 201))
    assert r.headers["Location"] == f"/api/v1/users/{user['id']}" and user["tokens"] is None
    assert (user["username"], user["email"], user["phone"], user["full_name"], user["roles"], user["role"]) == (
        "Li.Ming", "Li.Ming@Example.test", "+8613611110001", "李明", ["PATIENT"], "PATIENT")
    assert db.row("select name, gender, date_of_birth::text, patient_type, is_verified, phone, user_id from patients where id = %s",
                  user["patient_id"]) == ("李明", "male", "1990-02-03", "校外", True, "+8613611110001", user["id"])
    assert db.query("select related_patient_id, relation_type, is_default from patient_relations where user_patient_id = %s",
                    user["patient_id"]) == [(user["patient_id"], "本人", True)]
    for name in ("li.ming", "LI.MING@example.test", "+86 136 1111 0001"):
        assert sign_in(api, name, "Algeria123!")["user"]["id"] == user["id"]
    assert message(api.post("/auth/patient/login", {"phonenumber": "+8613611110001", "password": "Algeria123!"}))


def test_register_with_tokens(api, db):
    user = registered(api, username="tokens-please", first_name="Ada", last_name="Byron", issue_tokens=True)
    assert user["full_name"] == "Ada Byron"
    assert db.row("select name, first_name, last_name, gender from patients where user_id = %s", user["id"]) == (
        "Ada Byron", "Ada", "Byron", "unknown")
    assert user["tokens"]["user"]["id"] == user["id"]
    me = data(api.get("/api/v1/auth/me", token=user["tokens"]["access_token"]))
    assert me["patient_id"] == user["patient_id"]
    data(refresh(api, user["tokens"]["refresh_token"]))


def test_names_of_accounts_without_a_user_name(api):
    assert registered(api, email="zhang@one.test")["username"] == "zhang"
    assert registered(api, email="zhang@two.test")["username"] == "zhang2"
    assert registered(api, email="ab@one.test", username=None)["username"] == "userab"
    assert registered(api, phone="136 1111 0002")["username"] == "13611110002"        # shown in its place


@pytest.mark.parametrize("body, error", [
    ({"username": "TAKEN.one"}, "USERNAME_TAKEN"),
    ({"username": "free.one", "email": "Taken.One@EXAMPLE.test"}, "EMAIL_TAKEN"),
    ({"username": "free.one", "phone": "136-2222-0001"}, "PHONE_TAKEN"),
    ({"username": "13622220001"}, "USERNAME_TAKEN"),                                  # a name of any kind signs in
    ({"username": "taken.one@example.test"}, "USERNAME_TAKEN"),
])
def test_taken_names(api, db, body, error):
    if not db.value("select count(*) from users where username = 'taken.one'"):
        registered(api, username="taken.one", email="taken.one@example.test", phone="13622220001")
    before = db.value("select count(*) from users")
    problem(register(api, **body), error, 409)
    assert db.value("select count(*) from users") == before


def test_names_of_the_dead_stay_taken(api, db):
    user = registered(api, username="was.here")
    db.query("update users set is_deleted = true where id = %s", user["id"])
    problem(register(api, username="Was.Here"), "USERNAME_TAKEN", 409)


def test_many_want_one_name(system, db):
    """All pass the first look; the unique indexes decide."""
    with ThreadPoolExecutor(6) as pool:
        explicit = list(pool.map(lambda i: register(system.api(), username="Sought.After"), range(6)))
        by_mail = list(pool.map(lambda i: registered(system.api(), email=f"crowd@{i}.test")["username"], range(6)))
    assert sorted(r.status_code for r in explicit) == [201] + 5 * [409]
    for r in explicit:
        if r.status_code == 409:
            problem(r, "USERNAME_TAKEN", 409)
    assert sorted(by_mail) == ["crowd", "crowd2", "crowd3", "crowd4", "crowd5", "crowd6"]
    assert db.value("select count(*) from patients p join users u on u.id = p.user_id where u.username_ci = 'sought.after'") == 1


def test_refused_registrations(api, db):
    before = db.row("select (select count(*) from users), (select count(*) from patients)")
    weak = problem(register(api, username="weak.one", password="weak.one"), "PASSWORD_WEAK", 422)
    assert [(e["field"], e["code"]) for e in weak["errors"]] == [
        ("password", "too_few_classes"), ("password", "contains_username")]
    weak = problem(register(api, email="liming@example.test", password="Liming-1"), "PASSWORD_WEAK", 422)
    assert {e["code"] for e in weak["errors"]} == {"contains_username", "contains_email"}
    problem(register(api, username="long.one", password="Ab-1" + "x" * 69), "PASSWORD_TOO_LONG", 422)
    for role in ("ADMIN", "DOCTOR", "patient"):
        problem(register(api, username="role.one", role=role), "ROLE_NOT_ALLOWED", 403)
    for body in ({}, {"email": None}, {"username": "ab"}, {"username": "with blank"}, {"email": "none"}, {"phone": "12345"},
                 {"username": "x.y.z", "date_of_birth": "2999-01-01"}, {"username": "x.y.z", "date_of_birth": "1800-01-01"},
                 {"username": "x.y.z", "date_of_birth": "2001-02-30"}, {"username": "x.y.z", "gender": "X"},
                 {"username": "x.y.z", "password": None}):
        assert problem(register(api, **body), "VALIDATION_FAILED", 422)["errors"], body
    assert db.row("select (select count(*) from users), (select count(*) from patients)") == before


def test_a_registration_delivered_twice(system, db):
    """The worker died after its commit: the same job again finds its own account, and makes no second one."""
    jobs = Jobs(system)
    try:
        job = uuid7()
        body = {"username": "once.only", "password": "Algeria123!", "issue_tokens": True}
        one = jobs.call("identity.v1_register_user", body=body, id=job).ok()
        two = jobs.call("identity.v1_register_user", body=body, id=job, resend=True).ok()
        assert two["id"] == one["id"] and two["tokens"]["access_token"]
        jobs.call("identity.v1_register_user", body=body).refused("USERNAME_TAKEN")
    finally:
        jobs.close()
