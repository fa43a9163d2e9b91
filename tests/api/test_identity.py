"""Signing in and out over HTTP, on every surface: shapes, refusals, effect on tokens at all fronts."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import contract
from support.accounts import PASSWORD, add_user
from support.http import Api, data, message, problem
from support.jobs import claims
from support.proc import wait_for
from support.system import free_port

CONF = {"password.cost": 10}
ADMIN, DOCTOR, PATIENT = "A0001", "D0001", "13800000001"


@pytest.fixture(scope="module")
def system(demo_db, make_system):
    return make_system(demo_db, CONF).start(pools=("identity,directory", "booking"))


@pytest.fixture(scope="module")
def second_front(system):
    """Base address of one more front of the same system."""
    port = free_port()
    p = system.start_front("front2", {"http.port": port, "front.port": port}, wait=False)
    base = f"http://127.0.0.1:{port}"
    api = Api(base)

    def ready():
        try:
            return api.get("/readyz", timeout=5).status_code == 200
        except OSError:
            return False

    wait_for("the second front", ready, timeout=60, alive=lambda: None if p.running() else "it ended")
    return base


@pytest.fixture(scope="module")
def db(demo_db):
    return demo_db


@pytest.fixture
def api(system):
    return system.api()


_serial = iter(range(1, 10000))


@pytest.fixture
def patient(db):
    """(id, phone) of a fresh account with its patient row."""
    phone = f"1370000{next(_serial):04d}"
    user = add_user(db, phonenumber=phone)
    db.query("insert into patients (user_id, name, gender, date_of_birth) values (%s, '示例患者', 'male', '1990-02-03')", user)
    return user, phone


def sign_in(api, phone, password=PASSWORD):
    return api.post("/auth/patient/login", {"phonenumber": phone, "password": password})


def oauth(api, **form):
    return api.request("POST", "/auth/token", data=form)


def dead(api, token):
    """The token is refused, in the way each surface says it."""
    assert message(api.get("/auth/me", token=token), 105, 401)
    return problem(api.get("/api/v1/auth/me", token=token), "TOKEN_REVOKED", 401)


# ---- seeded accounts, shapes

def test_seeded_accounts_sign_in(api):
    staff = message(api.post("/auth/staff/login", {"identifier": ADMIN, "password": PASSWORD}))
    assert isinstance(staff, str) and message(api.get("/auth/me", token=staff)) == {"role": "admin"}
    doctor = message(api.post("/auth/staff/login", {"username": DOCTOR, "password": PASSWORD}))
    assert list(doctor) == ["userid", "access_token", "token_type"] and doctor["token_type"] == "Bearer"
    info = contract.check("identity.get_user_info", message(api.get("/auth/user-info", token=doctor["access_token"])))
    assert info["doctor"]["id"] and info["doctor"]["department"]
    token = message(sign_in(api, PATIENT))
    assert isinstance(token, str) and message(api.get("/auth/me", token=token)) == {"role": "user"}
    seed = message(api.post("/auth/patient/login", {"username": PATIENT, "password": PASSWORD}))
    assert list(seed) == ["userid", "access_token", "token_type"]
    for name in (PATIENT, DOCTOR):
        contract.check("identity.login_account", message(api.post("/auth/login", {"username": name, "password": PASSWORD})))


def test_v1_login_and_me(api, patient):
    for body in ({"json": {"phone": patient[1], "password": PASSWORD}},
                 {"data": {"username": patient[1], "password": PASSWORD}}):
        for path in ("/api/v1/auth/login", "/api/auth/login"):
            pair = contract.check("identity.v1_login_user", data(api.request("POST", path, **body)))
            me = contract.check("identity.v1_get_auth_me", data(api.get("/api/v1/auth/me", token=pair["access_token"])))
            assert me["id"] == patient[0] == pair["user"]["id"] and me["patient_id"] and me["role"] == "PATIENT"


def test_oauth_token(api, patient):
    for kw in ({"data": {"username": patient[1], "password": PASSWORD}},
               {"data": {"grant_type": "password", "username": patient[1], "password": PASSWORD, "scope": "x", "client_id": "y"}},
               {"json": {"username": patient[1], "password": PASSWORD}}):
        r = api.request("POST", "/auth/token", **kw)
        assert r.status_code == 200, r.text
        contract.check("identity.oauth_issue_token", r.json())
        assert r.headers["Cache-Control"] == "no-store" and r.headers["Pragma"] == "no-cache"


def test_a_token_of_any_route_is_good_everywhere(api, patient):
    tokens = [message(sign_in(api, patient[1])),
              data(api.post("/api/v1/auth/login", {"phone": patient[1], "password": PASSWORD}))["access_token"],
              oauth(api, username=patient[1], password=PASSWORD).json()["access_token"]]
    for token in tokens:
        assert message(api.get("/auth/me", token=token)) == {"role": "user"}
        assert data(api.get("/api/v1/auth/me", token=token))["id"] == patient[0]


def test_user_info(api, patient):
    token = message(sign_in(api, patient[1]))
    for method in ("GET", "POST"):
        info = contract.check("identity.get_user_info", message(api.request(method, "/auth/user-info", token=token)))
        assert info["doctor"] is None and info["patient"]["realName"] == "示例患者" and info["patient"]["gender"] == "男"
        assert info["patient"]["phonenumber"] == patient[1]


# ---- refusals on each surface

def test_wrong_password(api, patient):
    for body in ({"phonenumber": patient[1], "password": "wrong"}, {"phonenumber": "13799999999", "password": PASSWORD}):
        said = message(api.post("/auth/patient/login", body), 101)                    # 200: the client shows the text
        assert said == {"error": "登录失败", "msg": "用户不存在或密码错误"}
    problem(api.post("/api/v1/auth/login", {"phone": patient[1], "password": "wrong"}), "BAD_CREDENTIALS", 401)
    r = oauth(api, username=patient[1], password="wrong")
    assert r.status_code == 400 and r.json()["error"] == "invalid_grant" and r.json()["detail"]
    assert r.headers["Cache-Control"] == "no-store"


def test_closed_accounts(api, db):
    def account(**columns):
        phone = f"1371{next(_serial):07d}"
        return add_user(db, phonenumber=phone, **columns), phone

    _, phone = account(is_active=False)
    assert message(sign_in(api, phone), 101)["msg"] == "账号已停用，请联系管理员"
    problem(api.post("/api/v1/auth/login", {"phone": phone, "password": PASSWORD}), "ACCOUNT_DISABLED", 403)
    assert oauth(api, username=phone, password=PASSWORD).json()["error"] == "invalid_grant"
    _, phone = account(is_verified=False)
    assert message(sign_in(api, phone), 101)["msg"] == "账号未验证，请先完成手机号验证"
    problem(api.post("/api/v1/auth/login", {"phone": phone, "password": PASSWORD}), "ACCOUNT_DISABLED", 403)
    user, phone = account()
    db.query("insert into user_bans (user_id, ban_type, reason, ban_until) values (%s, 'login', '刷号', '2099-01-02 03:04:05+08')",
             user)
    assert message(sign_in(api, phone), 101)["msg"] == "账号已被封禁，原因: 刷号，封禁至: 2099-01-02 03:04:05"
    problem(api.post("/api/v1/auth/login", {"phone": phone, "password": PASSWORD}), "ACCOUNT_DISABLED", 403)


def test_lock_out(api):
    phone = f"1372{next(_serial):07d}"                                                # unknown: locked all the same
    for _ in range(5):
        message(sign_in(api, phone, "wrong"), 101)
    said = message(sign_in(api, phone), 101)
    assert "已锁定" in said["msg"]
    r = api.post("/api/v1/auth/login", {"phone": phone, "password": PASSWORD})
    problem(r, "ACCOUNT_LOCKED", 423)
    assert 0 < int(r.headers["Retry-After"]) <= 900
    r = oauth(api, username=phone, password=PASSWORD)
    assert r.status_code == 400 and r.json()["error"] == "invalid_grant" and 0 < int(r.headers["Retry-After"]) <= 900
    assert r.json()["error_description"] == oauth(api, username="nobody", password="x").json()["error_description"]


def test_faulty_bodies(api):
    for path in ("/auth/patient/login", "/auth/staff/login", "/auth/login"):
        for body in ({}, {"password": "x"}, {"username": 5, "password": "x"}, {"username": "x", "password": "x" * 73},
                     {"username": "x", "password": ""}):
            message(api.post(path, body), 99)
    faults = problem(api.post("/api/v1/auth/login", {}), "VALIDATION_FAILED", 422)
    assert faults["errors"]
    assert oauth(api, grant_type="magic").json()["error"] == "unsupported_grant_type"
    assert oauth(api, grant_type="password", username="x").json()["error"] == "invalid_request"
    assert oauth(api, grant_type="refresh_token").json()["error"] == "invalid_request"
    for r in (oauth(api, grant_type="magic"), oauth(api, grant_type="refresh_token")):
        assert r.status_code == 400 and set(r.json()) >= {"error", "error_description", "detail"}


# ---- tokens and sessions

def test_no_token_and_bad_tokens(api, patient):
    pair = data(api.post("/api/v1/auth/login", {"phone": patient[1], "password": PASSWORD}))
    for token, code in ((None, "TOKEN_MISSING"), ("rubbish", "TOKEN_INVALID"), (pair["refresh_token"], "TOKEN_INVALID"),
                        (pair["access_token"][:-4] + "AAAA", "TOKEN_INVALID")):
        for path in ("/auth/me", "/auth/user-info"):
            assert message(api.get(path, token=token), 105, 401)["error"] == "认证失败"
        problem(api.get("/api/v1/auth/me", token=token), code, 401)
    assert oauth(api, grant_type="refresh_token", refresh_token=pair["access_token"]).json()["error"] == "invalid_grant"


def test_a_new_login_drops_the_former_token(api, patient):                            # BR-05
    other = oauth(api, username=patient[1], password=PASSWORD).json()["access_token"]
    old = message(sign_in(api, patient[1]))
    new = message(sign_in(api, patient[1]))
    wait_for("the old token to die", lambda: api.get("/auth/me", token=old).status_code == 401, timeout=5)
    dead(api, old)
    for token in (new, other):
        message(api.get("/auth/me", token=token))


def test_logout_takes_effect_on_all_fronts(api, patient, second_front):
    other = Api(second_front)
    token = message(sign_in(api, patient[1]))
    for front in (api, other):
        message(front.get("/auth/me", token=token))
    assert message(api.post("/auth/logout", {}, token=token)) == "登出成功"
    at = time.monotonic()
    for front in (api, other):
        wait_for("the token to die", lambda: front.get("/auth/me", token=token).status_code == 401, timeout=5)
        dead(front, token)
    assert time.monotonic() - at < 3, "revocation shall not be slow"
    for again in (token, "rubbish", None):
        assert message(api.post("/auth/logout", {}, token=again)) == "登出成功"       # BR-07: never 401
        assert message(other.request("POST", "/auth/logout", token=again)) == "登出成功"


def test_v1_logout_and_all(api, patient):
    pairs = [data(api.post("/api/v1/auth/login", {"phone": patient[1], "password": PASSWORD})) for _ in range(3)]
    r = api.post("/api/v1/auth/logout", {}, token=pairs[0]["access_token"])
    assert data(r) is None
    wait_for("death", lambda: api.get("/auth/me", token=pairs[0]["access_token"]).status_code == 401, timeout=5)
    problem(api.post("/api/v1/auth/logout", {}, token=pairs[0]["access_token"]), "TOKEN_REVOKED", 401)
    assert oauth(api, grant_type="refresh_token", refresh_token=pairs[0]["refresh_token"]).json()["error"] == "invalid_grant"
    message(api.get("/auth/me", token=pairs[1]["access_token"]))
    data(api.post("/api/v1/auth/logout", {"all": True}, token=pairs[1]["access_token"]))
    for p in pairs[1:]:
        wait_for("death", lambda: api.get("/auth/me", token=p["access_token"]).status_code == 401, timeout=5)
        dead(api, p["access_token"])


def test_refresh_rotation_and_reuse(api, patient):
    one = oauth(api, username=patient[1], password=PASSWORD).json()
    r = oauth(api, grant_type="refresh_token", refresh_token=one["refresh_token"])
    two = contract.check("identity.oauth_issue_token", r.json())
    assert claims(two["access_token"])["sid"] == claims(one["access_token"])["sid"]
    message(api.get("/auth/me", token=two["access_token"]))
    again = oauth(api, grant_type="refresh_token", refresh_token=one["refresh_token"])
    assert again.status_code == 400 and again.json()["error"] == "invalid_grant"
    wait_for("the session to die", lambda: api.get("/auth/me", token=two["access_token"]).status_code == 401, timeout=5)
    dead(api, two["access_token"])
    assert oauth(api, grant_type="refresh_token", refresh_token=two["refresh_token"]).json()["error"] == "invalid_grant"


def test_a_new_front_knows_the_dead(api, patient, system, second_front):
    token = message(sign_in(api, patient[1]))
    message(api.post("/auth/logout", {}, token=token))
    wait_for("death", lambda: api.get("/auth/me", token=token).status_code == 401, timeout=5)
    system["front"].stop()
    system.start_front("front")
    dead(api, token)


def test_a_deleted_account_is_refused(api, db, patient):
    token = message(sign_in(api, patient[1]))
    db.query("update users set is_deleted = true where id = %s", patient[0])
    wait_for("the account to be gone", lambda: api.get("/auth/user-info", token=token).status_code == 401, timeout=10)
    message(sign_in(api, patient[1]), 101)


# ---- cookie mode

def cookies_of(r):
    """{name: (value, attributes)} of the Set-Cookie lines."""
    found = {}
    for line in r.raw.headers.getlist("set-cookie"):
        pair, _, attributes = line.partition("; ")
        name, _, value = pair.partition("=")
        found[name] = (value, attributes.split("; "))
    return found


def test_refresh_tokens_in_cookies(api, db):
    add_user(db, roles=("PATIENT",), username="cookie-1")
    r = api.post("/api/v1/auth/login", json={"username": "cookie-1", "password": PASSWORD, "use_cookie": True})
    pair, jar = data(r), cookies_of(r)
    assert pair["refresh_token"] is None and pair["refreshToken"] is None and "x-refresh-cookie" not in r.headers
    contract.check("identity.v1_login_user", pair)
    refresh, how = jar["__Host-refresh"]
    assert set(how) == {"Path=/", f"Max-Age={pair['refresh_expires_in']}", "Secure", "HttpOnly", "SameSite=Strict"}
    assert claims(refresh)["sid"] == pair["session_id"] and claims(refresh)["typ"] == "refresh"
    csrf, how = jar["csrf"]
    assert len(csrf) == 32 and "HttpOnly" not in how and "Secure" in how
    cookie = f"theme=dark; __Host-refresh={refresh}; csrf={csrf}"

    for headers in ({}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": csrf[:-1] + "x"}):    # a page of another site
        r = api.post("/api/v1/auth/refresh", headers={"Cookie": cookie, **headers})
        problem(r, "CSRF_FAILED", 403)
    r = api.post("/api/v1/auth/refresh", headers={"Cookie": f"__Host-refresh={refresh}", "X-CSRF-Token": csrf})
    problem(r, "CSRF_FAILED", 403)

    for body in (None, {}):
        r = api.post("/api/v1/auth/refresh", json=body, headers={"Cookie": cookie, "X-CSRF-Token": csrf})
        again, jar = data(r), cookies_of(r)
        assert again["session_id"] == pair["session_id"] and again["refresh_token"] is None
        assert jar["__Host-refresh"][0] != refresh and jar["csrf"][0] != csrf
        refresh, csrf = jar["__Host-refresh"][0], jar["csrf"][0]
        cookie = f"__Host-refresh={refresh}; csrf={csrf}"

    mine = Api(api.base, again["access_token"])
    r = mine.get("/api/v1/auth/me", headers={"Cookie": cookie})
    assert data(r)["username"] == "cookie-1" and not cookies_of(r)
    r = mine.post("/api/v1/auth/logout", json={}, headers={"Cookie": cookie})
    assert r.status_code == 200
    assert {n: (v, "Max-Age=0" in a) for n, (v, a) in cookies_of(r).items()} == {
        "__Host-refresh": ("", True), "csrf": ("", True)}
    r = api.post("/api/v1/auth/refresh", headers={"Cookie": cookie, "X-CSRF-Token": csrf})
    assert r.status_code == 401 and not cookies_of(r)


def test_without_cookie_mode_nothing_is_set(api, db):
    add_user(db, roles=("PATIENT",), username="cookie-2")
    r = api.post("/api/v1/auth/login", json={"username": "cookie-2", "password": PASSWORD})
    pair = data(r)
    assert pair["refresh_token"] and not cookies_of(r)
    # the body counts before the cookie, and needs no guard
    r = api.post("/api/v1/auth/refresh", json={"refresh_token": pair["refresh_token"]}, headers={"Cookie": "__Host-refresh=x.y.z"})
    assert data(r)["refresh_token"] and not cookies_of(r)
    assert problem(api.post("/api/v1/auth/refresh"), "VALIDATION_FAILED", 422)["errors"][0]["field"] == "refresh_token"
    mine = Api(api.base, data(r)["access_token"])
    assert not cookies_of(mine.post("/api/v1/auth/logout", json={}))


def test_a_new_password_keeps_to_cookie_mode(api, db):
    add_user(db, roles=("PATIENT",), username="cookie-3")
    r = api.post("/api/v1/auth/login", json={"username": "cookie-3", "password": PASSWORD, "use_cookie": True})
    old = cookies_of(r)["__Host-refresh"][0]
    r = Api(api.base, data(r)["access_token"]).post(
        "/api/v1/auth/change-password", {"current_password": PASSWORD, "new_password": "Another-pass-26"})
    pair, jar = data(r), cookies_of(r)
    contract.check("identity.v1_change_password", pair)
    assert pair["refresh_token"] is None and pair["refreshToken"] is None and jar["__Host-refresh"][0] not in ("", old)
    cookie = f"__Host-refresh={jar['__Host-refresh'][0]}; csrf={jar['csrf'][0]}"
    r = api.post("/api/v1/auth/refresh", headers={"Cookie": cookie, "X-CSRF-Token": jar["csrf"][0]})
    assert data(r)["session_id"] == pair["session_id"]
    # who asks for the token in the body gets it there from then on
    body = api.post("/api/v1/auth/refresh", {"refresh_token": cookies_of(r)["__Host-refresh"][0]})
    assert data(body)["refresh_token"] and not cookies_of(body)
    r = Api(api.base, data(body)["access_token"]).post(
        "/api/v1/auth/change-password", {"current_password": "Another-pass-26", "new_password": "Third-pass-2026"})
    assert data(r)["refresh_token"] and not cookies_of(r)


def test_registering_in_cookie_mode(api, db):
    def register(name, **more):
        return api.post("/api/v1/auth/register", {"username": name, "password": "Strong-pass-26", **more})
    r = register("cookie-4", issue_tokens=True, use_cookie=True)
    account, jar = data(r, 201), cookies_of(r)
    assert account["tokens"]["refresh_token"] is None and account["tokens"]["access_token"]
    assert claims(jar["__Host-refresh"][0])["sid"] == account["tokens"]["session_id"]
    assert account["last_login_at"] and db.value("select last_login_at is not null and host(last_login_ip) = '127.0.0.1' from users "
                                                 "where id = %s", account["id"])
    r = register("cookie-5", issue_tokens=True)
    assert data(r, 201)["tokens"]["refresh_token"] and not cookies_of(r)
    r = register("cookie-6", use_cookie=True)
    assert data(r, 201)["tokens"] is None and not cookies_of(r) and data(r, 201)["last_login_at"] is None


# ---- many sign-ins (BR-127, BR-130, BR-135, BR-136)

def risk(db, user):
    rows = db.query("select current_score, current_level from user_risk_summaries where user_id = %s", user)
    return rows[0] if rows else None


def sign_in_often(api, phone, n):
    """The last token."""
    for _ in range(n):
        r = sign_in(api, phone)
    return r


def test_ten_sign_ins_within_the_hour_raise_the_score(api, db):
    phone = "13911110001"
    user = add_user(db, phonenumber=phone, username="often-1")
    sign_in_often(api, phone, 5)
    for _ in range(4):      # under another name and on another surface they count together
        data(api.post("/api/v1/auth/login", {"username": "often-1", "password": PASSWORD}))
    assert risk(db, user) is None
    sign_in(api, phone)
    assert risk(db, user) == (10, "SAFE")
    assert db.query("select risk_score, risk_level, behavior_type from risk_logs where user_id = %s", user) == [
        (10, "SAFE", "high_frequency_login")]
    sign_in_often(api, phone, 9)                    # those ten are used up
    assert risk(db, user) == (10, "SAFE")
    sign_in(api, phone)
    assert risk(db, user) == (20, "SAFE")
    # what is over an hour ago counts no more
    db.query("update login_attempts set at = at - interval '61 minutes'")
    db.query("update risk_logs set alert_time = alert_time - interval '61 minutes' where user_id = %s", user)
    sign_in_often(api, phone, 9)
    assert risk(db, user) == (20, "SAFE")


@pytest.mark.parametrize("score, level, kind, days", [(19, "SAFE", None, 0), (20, "LOW", None, 0), (40, "MEDIUM", None, 0),
                                                       (64, "MEDIUM", None, 0), (65, "HIGH", "login", 7), (79, "HIGH", "login", 7),
                                                       (80, "HIGH", "all", 30)])
def test_the_score_bans(api, db, score, level, kind, days):
    phone = f"139222200{score}"
    user = add_user(db, phonenumber=phone, username=f"banned-{score}")
    db.query("insert into user_risk_summaries (user_id, current_score, current_level) values (%s, %s, gh_risk_level(%s))",
             user, score, score)
    old = data(api.post("/api/v1/auth/login", {"username": f"banned-{score}", "password": PASSWORD}))["access_token"]
    sign_in_often(api, phone, 8)
    token = sign_in(api, phone).json()["message"]
    assert risk(db, user) == (score + 10, level)
    bans = db.query("select ban_type, reason, round(extract(epoch from ban_until - now()) / 86400)::int, is_active from user_bans "
                    "where user_id = %s", user)
    if not kind:
        assert bans == [] and Api(api.base, token).get("/auth/me").json()["code"] == 0
        return
    assert bans == [(kind, f"风险分数达到 {score + 10}", days, True)]
    wait_for("the end of all sessions",
             lambda: all(Api(api.base, t).get("/auth/me").status_code == 401 for t in (old, token)), 5)
    told = message(sign_in(api, phone), 101)["msg"]
    assert told.startswith(f"账号已被封禁，原因: 风险分数达到 {score + 10}，封禁至: 20")
    problem(api.post("/api/v1/auth/login", {"username": f"banned-{score}", "password": PASSWORD}), "ACCOUNT_DISABLED", 403)


def test_a_lapsed_ban_makes_room_for_the_next(api, db):
    phone = "13933330001"
    user = add_user(db, phonenumber=phone)
    db.query("insert into user_risk_summaries (user_id, current_score, current_level) values (%s, 80, 'HIGH')", user)
    db.query("insert into user_bans (user_id, ban_type, ban_until, reason) values (%s, 'login', now() - interval '1 hour', 'x')", user)
    sign_in_often(api, phone, 10)
    assert db.query("select ban_type, is_active, unban_time is not null from user_bans where user_id = %s order by id", user) == [
        ("login", False, True), ("all", True, False)]


def test_administrators_are_not_banned(api, db):
    user = add_user(db, roles=("ADMIN",), identifier="T7001", username="often-admin", user_type="admin")
    db.query("insert into user_risk_summaries (user_id, current_score, current_level) values (%s, 90, 'HIGH')", user)
    for _ in range(10):
        r = api.post("/auth/staff/login", {"identifier": "T7001", "password": PASSWORD})
    assert risk(db, user) == (100, "HIGH") and db.query("select from user_bans where user_id = %s", user) == []
    assert Api(api.base, r.json()["message"]).get("/auth/me").json()["message"] == {"role": "admin"}


def test_sign_ins_at_once_count_once(api, db):
    phone = "13944440001"
    user = add_user(db, phonenumber=phone)
    sign_in_often(api, phone, 8)
    with ThreadPoolExecutor(4) as pool:
        assert all(r.json()["code"] == 0 for r in pool.map(lambda _: sign_in(Api(api.base), phone), range(4)))
    assert risk(db, user) == (10, "SAFE")


def test_a_superuser_passes_where_an_administrator_does(api, db):
    add_user(db, roles=("STAFF",), username="super-1", is_superuser=True)
    boss = Api(api.base, data(api.post("/api/v1/auth/login", {"username": "super-1", "password": PASSWORD}))["access_token"])
    assert isinstance(message(boss.get("/auth/users")), list)
    assert message(boss.get("/auth/me")) == {"role": "admin"}


def test_the_worker_stops_and_comes_back(system):
    """The worker stops cleanly and comes back with the same keys."""
    assert system["identity+directory"].stop() == 0
    system.start_worker("identity,directory")
    wait_for("sign-in", lambda: sign_in(system.api(), PATIENT).json()["code"] == 0, timeout=20)
