"""Accounts of one's own over /api/v1: the password rule, renewed tokens, sessions, registration, new passwords."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from support import contract, mailbox
from support.accounts import PASSWORD, add_user, bcrypt_ok
from support.http import data, message, problem
from support.broker import uuid7
from support.identity import api, db, system    # noqa: F401  (fixtures)
from support.jobs import Jobs, actor_of, claims
from support.proc import wait_for

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


# ---- a new password for the present one

def change(api, token, new, current=PASSWORD):
    return api.post("/api/v1/auth/change-password", {"current_password": current, "new_password": new}, token=token)


def login(api, name, password):
    return api.post("/api/v1/auth/login", {"username": name, "password": password})


def test_change_password(api, db, patient):
    one, other = sign_in(api, patient[1]), sign_in(api, patient[1])
    classic = message(api.post("/auth/patient/login", {"phonenumber": patient[1], "password": PASSWORD}))
    two = contract.check("identity.v1_change_password", data(change(api, one["access_token"], "Second-2026")))
    assert two["session_id"] == one["session_id"] and two["user"] == one["user"]
    dies(api, other["access_token"], classic)
    assert alive(api, one["access_token"]) and alive(api, two["access_token"])
    three = data(refresh(api, two["refresh_token"]))
    problem(login(api, patient[1], PASSWORD), "BAD_CREDENTIALS", 401)
    sign_in(api, patient[1], "Second-2026")
    hash, must = db.row("select hashed_password, must_change_password from users where id = %s", patient[0])
    assert hash.startswith("$2b$10$") and bcrypt_ok("Second-2026", hash) and not must
    problem(refresh(api, one["refresh_token"]), "REFRESH_REUSED", 401)                # burnt by the new pair
    dies(api, three["access_token"])


def test_a_session_without_refresh_token_keeps_its_kind(api, patient):
    classic = message(api.post("/auth/patient/login", {"phonenumber": patient[1], "password": PASSWORD}))
    pair = contract.check("identity.v1_change_password", data(change(api, classic, "Second-2026")))
    assert pair["refresh_token"] is None and pair["expires_in"] == 1440 * 60
    assert alive(api, pair["access_token"])


def test_who_must_change_may(api, db):
    phone = f"1361{next(_serial):07d}"
    user = add_user(db, phonenumber=phone, must_change_password=True)
    token = sign_in(api, phone)["access_token"]
    problem(api.get("/api/v1/auth/sessions", token=token), "PASSWORD_CHANGE_REQUIRED", 403)
    pair = data(change(api, token, "Second-2026"))
    wait_for("the workers to know", lambda: api.get("/api/v1/auth/sessions", token=pair["access_token"]).status_code == 200,
             timeout=5)
    assert db.value("select must_change_password from users where id = %s", user) is False


def test_the_last_five_passwords_are_not_taken_again(api, patient):
    token = sign_in(api, patient[1])["access_token"]
    words = [PASSWORD] + [f"Another-{i}" for i in range(1, 6)]
    for current, new in zip(words, words[1:]):
        problem(change(api, token, current, current), "PASSWORD_REUSED", 422)
        token = data(change(api, token, new, current))["access_token"]
    for former in words[1:]:
        problem(change(api, token, former, words[-1]), "PASSWORD_REUSED", 422)
    data(change(api, token, PASSWORD, words[-1]))                                     # the sixth before it


def test_refused_changes(api, db, patient):
    token = sign_in(api, patient[1])["access_token"]
    hash = db.value("select hashed_password from users where id = %s", patient[0])
    weak = problem(change(api, token, "Password1"), "PASSWORD_WEAK", 422)
    assert [(e["field"], e["code"]) for e in weak["errors"]] == [("new_password", "common")]
    problem(change(api, token, "Ab-1" + "x" * 69), "PASSWORD_TOO_LONG", 422)
    for body in ({}, {"current_password": PASSWORD}, {"new_password": "Second-2026"}):
        problem(api.post("/api/v1/auth/change-password", body, token=token), "VALIDATION_FAILED", 422)
    problem(change(api, None, "Second-2026"), "TOKEN_MISSING", 401)
    assert db.value("select hashed_password from users where id = %s", patient[0]) == hash


def test_wrong_current_passwords_lock_every_name(api, db):
    phone, address = f"1361{next(_serial):07d}", f"lock{next(_serial)}@example.test"
    add_user(db, phonenumber=phone, email=address)
    token = sign_in(api, phone)["access_token"]
    for wrong in ("wrong", "", "x" * 100, PASSWORD + " ", "wrong"):
        problem(change(api, token, "Second-2026", wrong), "CURRENT_PASSWORD_WRONG", 422)
    locked = change(api, token, "Second-2026")
    problem(locked, "ACCOUNT_LOCKED", 423)
    assert 0 < int(locked.headers["Retry-After"]) <= 900
    for name in (phone, address):
        problem(login(api, name, PASSWORD), "ACCOUNT_LOCKED", 423)


def test_guesses_at_once_are_counted(system, db):
    phone = f"1361{next(_serial):07d}"
    add_user(db, phonenumber=phone)
    token = sign_in(system.api(), phone)["access_token"]
    with ThreadPoolExecutor(12) as pool:
        said = list(pool.map(lambda i: change(system.api(), token, "Second-2026", "wrong").json()["data"]["code"], range(12)))
    assert sorted(said) == 7 * ["ACCOUNT_LOCKED"] + 5 * ["CURRENT_PASSWORD_WRONG"]


def test_a_change_delivered_twice(system, db, patient):
    """The worker died after its commit: the same job again renews the session, and is no wrong guess."""
    api, jobs = system.api(), Jobs(system)
    one, other = sign_in(api, patient[1]), sign_in(api, patient[1])
    try:
        call = {"body": {"current_password": PASSWORD, "new_password": "Second-2026"}, "actor": actor_of(one["access_token"]),
                "id": uuid7()}
        jobs.call("identity.v1_change_password", **call).ok()
        dies(api, other["access_token"])
        again = jobs.call("identity.v1_change_password", **call, attempt=1).ok()
        assert alive(api, again["access_token"]) and claims(again["access_token"])["sid"] == one["session_id"]
        data(refresh(api, again["refresh_token"]))
        assert db.value("select count(*) from password_history where user_id = %s", patient[0]) == 1
    finally:
        jobs.close()


# ---- a forgotten password

def forgot(api, name, **kw):
    return api.request("POST", "/api/v1/auth/forgot", **(kw or {"json": {"email": name}}))


def reset(api, token, password="Fresh-2026", member="new_password"):
    return api.post("/api/v1/auth/reset", {"token": token, member: password})


def reset_token(system, address, count=1):
    link = mailbox.link(system, address, count)
    assert link.startswith("http://localhost:3000/reset-password?token=")
    token = link.partition("token=")[2]
    assert len(token) == 43
    return token


@pytest.fixture
def mailed(db):
    """(id, phone, address) of a fresh account with a mail address."""
    n = next(_serial)
    phone, address = f"1362{n:07d}", f"forgetful{n}@example.test"
    return add_user(db, phonenumber=phone, email=address), phone, address


def test_forgot_and_reset(system, api, db, mailed):
    user, phone, address = mailed
    pair = sign_in(api, address)
    assert data(forgot(api, address.upper())) is None
    token = reset_token(system, address)
    assert db.value("select token_hash = sha256(convert_to(%s, 'UTF8')) from password_resets where user_id = %s", token, user)
    for _ in range(5):
        problem(login(api, address, "wrong"), "BAD_CREDENTIALS", 401)
    problem(login(api, address, PASSWORD), "ACCOUNT_LOCKED", 423)
    assert data(reset(api, token)) is None
    dies(api, pair["access_token"])
    problem(refresh(api, pair["refresh_token"]), "TOKEN_REVOKED", 401)
    problem(login(api, phone, PASSWORD), "BAD_CREDENTIALS", 401)
    sign_in(api, address, "Fresh-2026")                                               # the lock is gone
    problem(reset(api, token, "Other-2026"), "RESET_TOKEN_INVALID", 400)              # used


def test_forgot_says_the_same_to_all(system, api, db, mailed):
    phone = f"1363{next(_serial):07d}"
    add_user(db, phonenumber=phone)                                                   # no address
    gone = f"gone{next(_serial)}@example.test"
    add_user(db, email=gone, is_deleted=True)
    replies = [forgot(api, name).json() for name in (mailed[2], mailed[1], phone, gone, "nobody@example.test", "no-name")]
    assert all(r == replies[0] for r in replies) and replies[0]["data"] is None
    assert data(forgot(api, None, data={"email": mailed[2]})) is None
    assert len({reset_token(system, mailed[2], n) for n in (1, 2, 3)}) == 3           # by either name, and by form
    assert mailbox.messages(system, gone) == []
    for body in ({}, {"email": ""}, {"email": 5}):
        problem(api.post("/api/v1/auth/forgot", body), "VALIDATION_FAILED", 422)


def test_only_the_newest_token_is_good(system, api, mailed):
    for _ in range(2):
        data(forgot(api, mailed[2]))
    old, new = (reset_token(system, mailed[2], n) for n in (1, 2))
    problem(reset(api, old), "RESET_TOKEN_INVALID", 400)
    data(api.request("POST", "/api/v1/auth/reset", data={"token": new, "password": "Fresh-2026"}))
    sign_in(api, mailed[2], "Fresh-2026")


def test_five_mails_an_hour(system, api, db, mailed):
    for _ in range(7):
        assert data(forgot(api, mailed[2])) is None
    assert db.value("select count(*) from message_outbox where recipient = %s", mailed[2]) == 5
    data(reset(api, reset_token(system, mailed[2], 5)))


def test_refused_resets(system, api, db, mailed):
    data(forgot(api, mailed[2]))
    token = reset_token(system, mailed[2])
    problem(reset(api, "unknown"), "RESET_TOKEN_INVALID", 400)
    weak = problem(reset(api, token, "short", "password"), "PASSWORD_WEAK", 422)
    assert {(e["field"], e["code"]) for e in weak["errors"]} == {("password", "too_short"), ("password", "too_few_classes")}
    problem(reset(api, token, "Ab-1" + "x" * 69), "PASSWORD_TOO_LONG", 422)
    problem(reset(api, token, PASSWORD), "PASSWORD_REUSED", 422)
    for body in ({}, {"token": token}, {"token": "", "new_password": "Fresh-2026"}):
        problem(api.post("/api/v1/auth/reset", body), "VALIDATION_FAILED", 422)
    db.query("update password_resets set expires_at = created_at where user_id = %s", mailed[0])
    problem(reset(api, token), "RESET_TOKEN_INVALID", 400)
    sign_in(api, mailed[2])                                                           # nothing has changed


def test_one_token_for_many_at_once(system, api, mailed):
    data(forgot(api, mailed[2]))
    token = reset_token(system, mailed[2])
    words = [f"Crowd-{i}-2026" for i in range(5)]
    with ThreadPoolExecutor(5) as pool:
        said = list(pool.map(lambda w: reset(system.api(), token, w), words))
    assert sorted(r.status_code for r in said) == [200, 400, 400, 400, 400]
    sign_in(api, mailed[2], words[[r.status_code for r in said].index(200)])


def test_a_reset_delivered_twice(system, api, mailed):
    jobs = Jobs(system)
    try:
        data(forgot(api, mailed[2]))
        call = {"body": {"token": reset_token(system, mailed[2]), "new_password": "Fresh-2026"}, "id": uuid7()}
        jobs.call("identity.v1_reset_password", **call).ok()
        jobs.call("identity.v1_reset_password", **call, resend=True).ok()
        jobs.call("identity.v1_reset_password", body=call["body"]).refused("RESET_TOKEN_INVALID")
    finally:
        jobs.close()


# ---- RFC 7009 and 7662

def revoke(api, **form):
    return api.request("POST", "/auth/revoke", data=form)


def introspect(api, about, token, **kw):
    return api.request("POST", "/auth/introspect", data={"token": about}, token=token, **kw)


def described(api, about, token):
    r = introspect(api, about, token)
    assert r.status_code == 200 and r.headers["Cache-Control"] == "no-store", r.text
    return contract.check("identity.oauth_introspect_token", r.json())


def grant(api, name):
    return api.request("POST", "/auth/token", data={"username": name, "password": PASSWORD}).json()


def oauth_error(r, status, word):
    assert r.status_code == status and r.json()["error"] == word, r.text
    assert r.json()["error_description"] and r.json()["detail"]


@pytest.mark.parametrize("kind, hint", [("access_token", None), ("access_token", "refresh_token"),
                                        ("refresh_token", "refresh_token"), ("refresh_token", None)])
def test_revoke(api, patient, kind, hint):
    other, pair = grant(api, patient[1]), grant(api, patient[1])
    for _ in range(2):                                                                # a dead one is a success too
        r = revoke(api, token=pair[kind], **({"token_type_hint": hint} if hint else {}))
        assert r.status_code == 200 and r.content == b""
    dies(api, pair["access_token"])
    problem(refresh(api, pair["refresh_token"]), "TOKEN_REVOKED", 401)
    assert alive(api, other["access_token"])


def test_what_cannot_be_revoked(api, patient):
    pair = grant(api, patient[1])
    for token in ("unknown", pair["access_token"][:-6] + "AAAAAA"):
        r = revoke(api, token=token)
        assert r.status_code == 200 and r.content == b""
    oauth_error(revoke(api, token_type_hint="access_token"), 400, "invalid_request")
    oauth_error(revoke(api, token="x" * 4097), 400, "invalid_request")
    oauth_error(revoke(api, token=pair["access_token"], token_type_hint="id_token"), 400, "unsupported_token_type")
    assert alive(api, pair["access_token"])
    assert api.post("/auth/revoke", {"token": pair["access_token"]}).status_code == 200
    dies(api, pair["access_token"])


def test_introspect_own_tokens(api, db, patient):
    one, two = grant(api, patient[1]), grant(api, patient[1])
    for token, kind in ((one["access_token"], "Bearer"), (two["access_token"], "Bearer"), (two["refresh_token"], "refresh_token")):
        said = described(api, token, one["access_token"])
        c = claims(token)
        assert said == {"active": True, "sub": str(patient[0]), "username": patient[1], "exp": c["exp"], "iat": c["iat"],
                        "scope": "", "token_type": kind}
    data(refresh(api, two["refresh_token"]))
    assert described(api, two["refresh_token"], one["access_token"]) == {"active": False}          # burnt
    assert described(api, two["access_token"], one["access_token"])["active"]
    revoke(api, token=two["access_token"])
    assert described(api, two["access_token"], one["access_token"]) == {"active": False}


def test_introspect_tokens_of_others(api, db, system, patient):
    own, admin = grant(api, patient[1])["access_token"], system.token("A0001")
    stranger = grant(api, "13800000009")["access_token"]
    assert described(api, own, admin)["sub"] == str(patient[0])
    assert described(api, "rubbish", admin) == {"active": False}
    db.query("update users set is_active = false where id = %s", patient[0])
    assert described(api, own, admin) == {"active": False}
    db.query("update users set is_active = true where id = %s", patient[0])
    oauth_error(introspect(api, stranger, own), 401, "invalid_client")
    oauth_error(introspect(api, "rubbish", own), 401, "invalid_client")
    oauth_error(introspect(api, own, None), 401, "invalid_client")
    oauth_error(introspect(api, own, "rubbish"), 401, "invalid_token")
    oauth_error(api.request("POST", "/auth/introspect", data={"x": "y"}, token=own), 400, "invalid_request")


@pytest.mark.parametrize("mode", ["development", "production"])
def test_the_token_is_shown_to_developers_alone(demo_db, make_system, mailed, mode):
    system = make_system(demo_db, {"password.cost": 10, "reset.expose_token": "true", "system.mode": mode})
    system.start(pools=("identity,directory", "booking"))
    shown = contract.check("identity.v1_request_password_reset", data(forgot(system.api(), mailed[2])))
    if mode == "production":
        assert shown is None
    else:
        assert data(reset(system.api(), shown["reset_token"])) is None
        assert data(forgot(system.api(), "nobody@example.test")) is None
    system.stop()
