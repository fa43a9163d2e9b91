"""Accounts and roles over /api/v1: reading, changing, and that a change is felt on every front and in every pool."""

import itertools
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import contract
from support.accounts import PASSWORD, add_user
from support.http import Api, data, problem
from support.jobs import Jobs
from support.proc import wait_for
from support.system import free_port

USERS = "/api/v1/users"


@pytest.fixture(scope="module")
def system(empty_db, make_system):
    empty_db.query("insert into roles (code, name) values ('LIST_READER', 'reader'), ('CLERK', 'clerk'), ('ROLE_CLERK', 'clerk')")
    empty_db.query("insert into role_permissions values ('LIST_READER', 'user:read', 'all'), ('CLERK', 'user:manage', 'all'), "
                   "('ROLE_CLERK', 'role:manage', 'all')")
    return make_system(empty_db, {"password.cost": 10}).start(pools=("identity,directory", "booking"))


@pytest.fixture(scope="module")
def fronts(system):
    """Two fronts of the same system."""
    port = free_port()
    system.start_front("front2", {"http.port": port, "front.port": port}, wait=False)
    second = Api(f"http://127.0.0.1:{port}")

    def ready():
        try:
            return second.get("/readyz", timeout=5).status_code == 200
        except OSError:
            return False

    wait_for("the second front", ready, timeout=60)
    return [system.api(), second]


@pytest.fixture(scope="module")
def db(empty_db):
    return empty_db


_serial = itertools.count(1)


class Person:
    """An account and how it calls."""

    def __init__(self, system, db, *roles, **columns):
        self.name = columns.setdefault("username", f"person{next(_serial)}")
        self.id = add_user(db, roles=roles or ("PATIENT",), **columns)
        self.system = system
        self.sign_in()

    def sign_in(self):
        self.pair = data(self.system.api().post("/api/v1/auth/login", {"username": self.name, "password": PASSWORD}))
        self.api = Api(self.system.base, self.pair["access_token"])
        return self.pair["access_token"]

    @property
    def path(self):
        return f"{USERS}/{self.id}"


@pytest.fixture(scope="module")
def root(system, db):
    return Person(system, db, "ADMIN", is_superuser=True, username="root")


@pytest.fixture(scope="module")
def admin(system, db):
    return Person(system, db, "ADMIN", username="admin")


@pytest.fixture
def person(system, db):
    return lambda *roles, **columns: Person(system, db, *roles, **columns)


def within_a_second(what, condition):
    at = time.monotonic()
    wait_for(what, condition, timeout=5)
    assert time.monotonic() - at < 1.5, f"{what} took too long"


def felt(fronts, token, path, status):
    """The token is answered with this status at every front, at once."""
    within_a_second(f"{status} of {path}", lambda: all(f.get(path, token=token).status_code == status for f in fronts))


# ---- reading

def test_own_account(person):                                                         # US-01
    p = person(email="Own@x.example", phonenumber="13311110001", full_name="示例")
    r = p.api.get(USERS + "/me")
    me = contract.check("identity.v1_get_me", data(r))
    assert (me["id"], me["username"], me["email"], me["phone"], me["full_name"]) == \
        (p.id, p.name, "Own@x.example", "13311110001", "示例")
    assert me["roles"] == ["PATIENT"] and me["role"] == "PATIENT" and "permissions" not in me
    assert r.headers["ETag"].startswith(f'"user-{p.id}-')
    again = p.api.get(USERS + "/me", headers={"If-None-Match": r.headers["ETag"]})
    assert again.status_code == 304 and again.content == b""
    assert data(p.api.get("/api/users/me"))["id"] == p.id
    with_permissions = contract.check("identity.v1_get_auth_me", data(p.api.get("/api/v1/auth/me")))
    assert {k: v for k, v in with_permissions.items() if k != "permissions"} == me
    problem(p.api.get(USERS + "/me", token=None), "TOKEN_MISSING", 401)


def test_one_account(person, admin):                                                  # US-05, R-12, R-13
    p, other = person(), person("DOCTOR")
    r = admin.api.get(p.path)
    assert contract.check("identity.v1_get_user", data(r))["id"] == p.id and r.headers["ETag"]
    assert data(p.api.get(p.path))["id"] == p.id
    problem(p.api.get(other.path), "NOT_OWNER", 403)
    problem(other.api.get(p.path), "NOT_OWNER", 403)
    problem(admin.api.get(USERS + "/999999999"), "NOT_FOUND", 404)
    problem(admin.api.get(p.path, token=None), "TOKEN_MISSING", 401)


def names(r):
    return [u["username"] for u in contract.check("identity.v1_list_users", data(r))["items"]]


@pytest.fixture(scope="module")
def crowd(system, db):
    """Five accounts whose names begin with zz."""
    made = []
    for i, (roles, columns) in enumerate([
            (("PATIENT",), {"email": "Quince@x.example"}), (("DOCTOR",), {"identifier": "ZZ-D1"}),
            (("NURSE", "STAFF"), {"full_name": "护士甲"}), (("PATIENT",), {"is_active": False}),
            (("PATIENT",), {"phonenumber": "13900990099"})]):
        made.append(add_user(db, roles, username=f"zz{i}", created_at=f"2026-01-0{i + 1} 12:00+08", **columns))
    db.query("insert into login_locks (name_hash, locked_until) values (sha256('zz4'), '2099-01-01')")
    return made


@pytest.mark.parametrize("query,want", [
    ({"role": "doctor"}, "1"), ({"role": "NURSE,DOCTOR"}, "12"), ({"is_active": "false"}, "3"), ({"locked": "true"}, "4"),
    ({"locked": "false"}, "0123"), ({"q": "quince"}, "0"), ({"q": "zz-d"}, "1"), ({"q": "护士"}, "2"), ({"q": "9900"}, "4"),
    ({"created_at_from": "2026-01-03"}, "234"), ({"created_at_to": "2026-01-02"}, "01"),
    ({"created_at_from": "2026-01-02T12:00:00+08:00", "created_at_to": "2026-01-04T11:59:59+08:00"}, "12"),
    ({"sort": "-username"}, "43210"), ({"sort": "-created_at,id"}, "43210"), ({"sort": "email,-id"}, "04321"),
    ({"sort": "full_name,username"}, "20134"), ({"role": "PATIENT", "is_active": "true"}, "04")])
def test_filters_and_order(crowd, admin, query, want):                                # US-03
    # the crowd alone: its rows are the ones of that January
    r = admin.api.get(USERS, params={"created_at_to": "2026-01-31", "page_size": 100, **query})
    assert names(r) == [f"zz{i}" for i in want]


def test_pages_and_fields(crowd, admin):
    r = admin.api.get(USERS, params={"created_at_to": "2026-01-31", "per_page": 2, "page": 2, "fields": "username"})
    page = data(r)
    assert page == {"items": [{"id": crowd[2], "username": "zz2"}, {"id": crowd[3], "username": "zz3"}], "page": 2,
                    "page_size": 2, "total": 5, "pages": 3}
    assert r.headers["X-Total-Count"] == "5" and 'rel="next"' in r.headers["Link"]
    assert data(admin.api.get(USERS, params={"page": 999}))["items"] == []
    problem(admin.api.get(USERS, params={"fields": "hashed_password"}), "UNKNOWN_FIELD", 422)
    problem(admin.api.get(USERS, params={"sort": "hashed_password"}), "UNKNOWN_SORT", 422)
    for bad in ({"page": 0}, {"page_size": 101}, {"is_active": "perhaps"}, {"created_at_from": "yesterday"},
                {"created_at_to": "2026-02-30"}, {"created_at_from": "2026-01-01T25:00"}):
        problem(admin.api.get(USERS, params=bad), "VALIDATION_FAILED", 422)


def test_who_may_list(person):
    for roles in (("PATIENT",), ("DOCTOR",), ("STAFF",)):
        p = person(*roles)
        for path in (USERS, "/api/v1/roles", "/api/v1/permissions"):
            problem(p.api.get(path), "FORBIDDEN", 403)
    reader = person("LIST_READER")
    data(reader.api.get(USERS))
    problem(reader.api.get(USERS, params={"include_deleted": "true"}), "FORBIDDEN", 403)


def test_roles_and_permissions(admin, crowd):                                         # RO-01, RO-05
    roles = contract.check("identity.v1_list_roles", data(admin.api.get("/api/v1/roles")))
    assert [r["code"] for r in roles][:5] == ["ADMIN", "DOCTOR", "NURSE", "STAFF", "PATIENT"]
    nurse = roles[2]
    assert nurse["builtin"] and nurse["users"] == 1 and {"code": "appointment:read", "scope": "dept"} in nurse["permissions"]
    codes = contract.check("identity.v1_list_permissions", data(admin.api.get("/api/v1/permissions")))
    assert {"user:manage", "role:manage"} < {p["code"] for p in codes} and len(codes) >= 40


# ---- one's own account

def test_own_changes(person):                                                         # US-02
    p = person(email="first@x.example")
    r = p.api.patch(USERS + "/me", {"username": p.name + ".new", "email": "Second@x.example", "phone": "+86 139-0000 1234",
                                    "full_name": "新名"})
    me = contract.check("identity.v1_update_me", data(r))
    assert (me["username"], me["email"], me["phone"], me["full_name"]) == \
        (p.name + ".new", "Second@x.example", "+8613900001234", "新名")
    assert r.headers["ETag"] == p.api.get(USERS + "/me").headers["ETag"]
    me = data(p.api.put(USERS + "/me", {"full_name": None, "phone": None}))
    assert me["full_name"] is None and me["phone"] is None and me["email"] == "Second@x.example"


def test_own_changes_refused(person):                                                 # R-20, R-45, R-08
    p = person(phonenumber="13311112222")
    person(username="Taken.Name", email="taken@x.example", phonenumber="13311113333")
    for body, code in (({"username": "taken.NAME"}, "USERNAME_TAKEN"), ({"email": "TAKEN@x.example"}, "EMAIL_TAKEN"),
                       ({"phone": "133 1111 3333"}, "PHONE_TAKEN")):
        problem(p.api.patch(USERS + "/me", body), code, 409)
    person(identifier="CROSS-1")                       # names of one kind are nobody's name of another kind
    for body, code in (({"username": "13311113333"}, "USERNAME_TAKEN"), ({"username": "taken@x.example"}, "USERNAME_TAKEN"),
                       ({"username": "cross-1"}, "USERNAME_TAKEN")):
        problem(p.api.patch(USERS + "/me", body), code, 409)
    assert data(p.api.patch(USERS + "/me", {"username": "13311112222"}))["username"] == "13311112222"   # one's own number
    for member in ("id", "identifier", "roles", "role", "permissions", "patient_id", "doctor_id", "is_active", "is_superuser",
                   "must_change_password", "locked_until", "last_login_at", "created_at", "updated_at"):
        for value in (None, True, "x", 1, ["ADMIN"]):
            said = problem(p.api.patch(USERS + "/me", {member: value, "full_name": "no"}), "FIELD_NOT_ALLOWED", 403)
            assert member in said["detail"]
    for body in ({"username": None}, {"username": "ab"}, {"username": "a b c"}, {"email": "nobody"}, {"phone": "12"},
                 {"full_name": ""}):
        problem(p.api.patch(USERS + "/me", body), "VALIDATION_FAILED", 422)
    stale = p.api.get(USERS + "/me").headers["ETag"]
    data(p.api.patch(USERS + "/me", {"full_name": "eins"}, headers={"If-Match": stale}))
    problem(p.api.patch(USERS + "/me", {"full_name": "zwei"}, headers={"If-Match": stale}), "PRECONDITION_FAILED", 412)
    assert data(p.api.get(USERS + "/me"))["full_name"] == "eins"
    problem(p.api.patch(USERS + "/me", {}, token=None), "TOKEN_MISSING", 401)


def test_a_name_to_sign_in_by_stays(system, db):
    user = add_user(db, phonenumber="13311114444")
    pair = data(system.api().post("/api/v1/auth/login", {"phone": "13311114444", "password": PASSWORD}))
    api = Api(system.base, pair["access_token"])
    said = problem(api.patch(USERS + "/me", {"phone": None}), "VALIDATION_FAILED", 422)
    assert [e["field"] for e in said["errors"]] == ["phone"]
    assert data(api.patch(USERS + "/me", {"phone": None, "email": "instead@x.example"}))["id"] == user


# ---- administration

def test_an_administrator_changes_an_account(person, admin):                          # US-06
    p = person()
    r = admin.api.patch(p.path, {"identifier": "ST-77", "full_name": "员工", "email": "st77@x.example", "roles": ["staff", "STAFF"],
                                 "must_change_password": True, "id": 1, "created_at": "never"})
    u = contract.check("identity.v1_update_user", data(r))
    assert (u["id"], u["identifier"], u["roles"], u["must_change_password"]) == (p.id, "ST-77", ["STAFF"], True)
    assert r.headers["ETag"] == admin.api.get(p.path).headers["ETag"]
    problem(admin.api.patch(p.path, {"full_name": "x"}, headers={"If-Match": '"user-1-1"'}), "PRECONDITION_FAILED", 412)
    other = person(identifier="ST-78")
    problem(admin.api.patch(other.path, {"identifier": "st-77"}), "IDENTIFIER_TAKEN", 409)
    problem(admin.api.patch(other.path, {"email": "ST77@x.example"}), "EMAIL_TAKEN", 409)
    problem(admin.api.patch(other.path, {"username": p.name.upper()}), "USERNAME_TAKEN", 409)
    problem(admin.api.patch(other.path, {"roles": ["ARCHBISHOP"]}), "VALIDATION_FAILED", 422)
    problem(admin.api.patch(other.path, {"roles": []}), "ROLE_REQUIRED", 422)
    problem(admin.api.patch(other.path, {"is_superuser": True}), "SUPERUSER_REQUIRED", 403)
    problem(admin.api.patch(USERS + "/999999999", {"full_name": "x"}), "NOT_FOUND", 404)
    problem(other.api.patch(p.path, {"full_name": "x"}), "FORBIDDEN", 403)
    assert data(admin.api.get(other.path))["roles"] == ["PATIENT"]


def test_who_has_to_change_the_password_may_do_little(person, admin, fronts):         # R-40
    p = person()
    data(admin.api.patch(p.path, {"must_change_password": True}))
    felt(fronts, p.pair["access_token"], USERS + "/me", 403)
    problem(p.api.get(USERS + "/me"), "PASSWORD_CHANGE_REQUIRED", 403)
    assert data(p.api.get("/api/v1/auth/me"))["must_change_password"]


def test_a_disabled_account_is_out_at_once(person, admin, fronts):                    # R-35
    p = person()
    tokens = [p.pair["access_token"], p.sign_in()]
    for token in tokens:
        felt(fronts, token, USERS + "/me", 200)
    assert data(admin.api.patch(p.path, {"is_active": False}))["is_active"] is False
    for token in tokens:
        felt(fronts, token, USERS + "/me", 401)
        problem(fronts[1].get(USERS + "/me", token=token), "TOKEN_REVOKED", 401)
    problem(fronts[0].post("/api/v1/auth/login", {"username": p.name, "password": PASSWORD}), "ACCOUNT_DISABLED", 403)
    data(admin.api.patch(p.path, {"is_active": True}))
    felt(fronts, p.sign_in(), USERS + "/me", 200)
    felt(fronts, tokens[0], USERS + "/me", 401)


def test_a_deleted_account_is_out_at_once(person, admin, fronts, db):                 # US-07, R-49, R-13, R-28
    p = person(email="gone@x.example")
    token = p.pair["access_token"]
    felt(fronts, token, USERS + "/me", 200)
    problem(admin.api.delete(p.path, headers={"If-Match": '"user-1-1"'}), "PRECONDITION_FAILED", 412)
    assert data(admin.api.delete(p.path)) is None
    felt(fronts, token, USERS + "/me", 401)
    problem(fronts[0].post("/api/v1/auth/login", {"username": p.name, "password": PASSWORD}), "BAD_CREDENTIALS", 401)
    for r in (admin.api.get(p.path), admin.api.delete(p.path), admin.api.patch(p.path, {}), admin.api.post(p.path + "/unlock"),
              admin.api.put(p.path + "/roles", {"roles": ["STAFF"]}), admin.api.delete(p.path + "/sessions")):
        problem(r, "NOT_FOUND", 404)
    assert p.name not in names(admin.api.get(USERS, params={"q": p.name}))
    assert p.name in names(admin.api.get(USERS, params={"q": p.name, "include_deleted": "true"}))
    problem(person().api.patch(USERS + "/me", {"email": "gone@x.example"}), "EMAIL_TAKEN", 409)
    assert db.row("select is_deleted, hashed_password is not null from users where id = %s", p.id) == (True, True)


def test_who_may_not_be_deleted(person, admin, root):                                 # R-47, R-48
    problem(admin.api.delete(admin.path), "SELF_DELETE", 409)
    problem(admin.api.delete(root.path), "SUPERUSER_REQUIRED", 403)
    other = person("ADMIN")
    for r in (admin.api.delete(other.path), admin.api.patch(other.path, {"full_name": "x"}),
              admin.api.put(other.path + "/roles", {"roles": ["STAFF"]})):
        problem(r, "SUPERUSER_REQUIRED", 403)
    problem(person("DOCTOR").api.delete(other.path), "FORBIDDEN", 403)
    assert data(root.api.delete(other.path)) is None


def test_roles_count_from_the_next_request(person, admin, fronts):                    # US-08, R-53
    p = person()
    token = p.pair["access_token"]
    mine = "/api/v1/appointments/doctor/me"                                            # asked of another pool
    felt(fronts, token, mine, 403)
    felt(fronts, token, USERS, 403)
    r = admin.api.put(p.path + "/roles", {"roles": ["doctor", "ADMIN"]})
    u = contract.check("identity.v1_replace_user_roles", data(r))
    assert u["roles"] == ["ADMIN", "DOCTOR"] and u["role"] == "ADMIN"
    assert r.headers["ETag"] == admin.api.get(p.path).headers["ETag"]
    felt(fronts, token, mine, 404)                                                     # a doctor now, without a profile
    felt(fronts, token, USERS, 200)


def test_roles_taken_count_from_the_next_request(person, admin, root, fronts):
    p = person("ADMIN")
    token = p.pair["access_token"]
    felt(fronts, token, USERS, 200)
    problem(admin.api.put(p.path + "/roles", {"roles": ["PATIENT"]}), "SUPERUSER_REQUIRED", 403)
    assert data(root.api.put(p.path + "/roles", {"roles": ["PATIENT"]}))["role"] == "PATIENT"
    felt(fronts, token, USERS, 403)


def test_roles_refused(person, admin):                                                # R-50, R-54
    p = person()
    problem(admin.api.put(p.path + "/roles", {"roles": []}), "ROLE_REQUIRED", 422)
    said = problem(admin.api.put(p.path + "/roles", {"roles": ["STAFF", "NO_SUCH"]}), "VALIDATION_FAILED", 422)
    assert [e["field"] for e in said["errors"]] == ["roles"]
    for body in ({}, {"roles": "ADMIN"}, {"roles": ["1"]}, {"roles": None}):
        problem(admin.api.put(p.path + "/roles", body), "VALIDATION_FAILED", 422)
    problem(admin.api.put(USERS + "/999999999/roles", {"roles": ["STAFF"]}), "NOT_FOUND", 404)
    problem(p.api.put(p.path + "/roles", {"roles": ["ADMIN"]}), "FORBIDDEN", 403)
    assert data(admin.api.get(p.path))["roles"] == ["PATIENT"]


def test_user_manage_alone_gives_no_roles(person):
    clerk, roles_clerk, p = person("CLERK"), person("ROLE_CLERK"), person()
    problem(clerk.api.patch(p.path, {"roles": ["CLERK"]}), "FORBIDDEN", 403)
    assert data(clerk.api.patch(p.path, {"roles": ["PATIENT"], "full_name": "same"}))["full_name"] == "same"
    problem(roles_clerk.api.put(roles_clerk.path + "/roles", {"roles": ["ADMIN"]}), "FORBIDDEN", 403)
    assert data(roles_clerk.api.put(p.path + "/roles", {"roles": ["NURSE"]}))["roles"] == ["NURSE"]


def test_the_superuser_flag(person, root):                                            # R-50
    p = person("ADMIN")
    assert data(root.api.patch(p.path, {"is_superuser": True}))["role"] == "SUPERUSER"
    within_a_second("a new superuser", lambda: p.api.patch(root.path, {"full_name": "根"}).status_code == 200)
    assert data(root.api.patch(p.path, {"is_superuser": False}))["role"] == "ADMIN"


def test_unlock(person, admin, system):                                               # US-09, R-26
    p = person(phonenumber="13311115555")
    api = system.api()
    for name in (p.name, "13311115555"):
        for _ in range(5):
            api.post("/api/v1/auth/login", {"username": name, "password": "wrong"})
        problem(api.post("/api/v1/auth/login", {"username": name, "password": PASSWORD}), "ACCOUNT_LOCKED", 423)
    assert data(admin.api.get(p.path))["locked_until"]
    problem(p.api.post(p.path + "/unlock"), "FORBIDDEN", 403)
    u = contract.check("identity.v1_unlock_user", data(admin.api.post(p.path + "/unlock")))
    assert u["locked_until"] is None
    for name in (p.name, "13311115555"):
        api.post("/api/v1/auth/login", {"username": name, "password": "wrong"})       # counted from nothing
        data(api.post("/api/v1/auth/login", {"username": name, "password": PASSWORD}))
    problem(admin.api.post(USERS + "/999999999/unlock"), "NOT_FOUND", 404)


def test_ending_all_sessions(person, admin, fronts, db):                              # US-11, R-34
    p = person()
    tokens = [p.pair["access_token"], p.sign_in(), p.sign_in()]
    problem(p.api.delete(p.path + "/sessions"), "FORBIDDEN", 403)
    said = contract.check("identity.v1_revoke_user_sessions", data(admin.api.delete(p.path + "/sessions")))
    assert said == {"revoked": 3}
    for token in tokens:
        felt(fronts, token, USERS + "/me", 401)
    assert data(admin.api.delete(p.path + "/sessions")) == {"revoked": 0}
    felt(fronts, p.sign_in(), USERS + "/me", 200)


def test_the_last_administrator_stays(db, root, admin):                               # R-46
    others = [r[0] for r in db.query("select user_id from user_roles r join users u on u.id = r.user_id where role_code = 'ADMIN' "
                                     "and not is_deleted and is_active and u.id not in (%s, %s)", root.id, admin.id)]
    for user in others:
        assert data(root.api.delete(f"{USERS}/{user}")) is None
    assert data(root.api.patch(root.path, {"roles": ["STAFF"]}))["role"] == "SUPERUSER"   # still may everything
    for r in (root.api.delete(admin.path), root.api.patch(admin.path, {"is_active": False}),
              root.api.put(admin.path + "/roles", {"roles": ["DOCTOR"]}), admin.api.patch(admin.path, {"is_active": False}),
              admin.api.put(admin.path + "/roles", {"roles": ["STAFF"]})):
        problem(r, "LAST_ADMIN", 409)
    assert data(root.api.put(root.path + "/roles", {"roles": ["ADMIN"]}))["roles"] == ["ADMIN"]


def test_two_administrators_cannot_both_leave(root, admin):               # R-46, under load
    for _ in range(5):
        ends = [lambda: Api(root.api.base, root.api.token).put(root.path + "/roles", {"roles": ["STAFF"]}),
                lambda: Api(root.api.base, root.api.token).put(admin.path + "/roles", {"roles": ["STAFF"]})]
        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(lambda f: f().status_code, ends))
        assert sorted(answers) == [200, 409]
        for p in (root, admin):
            data(root.api.put(p.path + "/roles", {"roles": ["ADMIN"]}))


# ---- roles

ROLES = "/api/v1/roles"


def test_defining_a_role(person, admin, root, fronts):                                # RO-02, RO-03, RO-04, R-53
    body = {"code": "cashier", "name": "Cashier", "description": "Takes payments",
            "permissions": [{"code": "billing:read", "scope": "all"}, {"code": "user:read", "scope": "all"},
                            {"code": "billing:read", "scope": "all"}]}
    r = admin.api.post(ROLES, body)
    role = contract.check("identity.v1_create_role", data(r, 201))
    assert role == {"code": "CASHIER", "name": "Cashier", "description": "Takes payments", "builtin": False, "users": 0,
                    "permissions": [{"code": "billing:read", "scope": "all"}, {"code": "user:read", "scope": "all"}]}
    assert r.headers["Location"] == ROLES + "/CASHIER"
    problem(admin.api.post(ROLES, {**body, "code": "CASHIER"}), "DUPLICATE", 409)

    p = person()
    token = p.pair["access_token"]
    assert data(admin.api.put(p.path + "/roles", {"roles": ["cashier"]}))["role"] == "CASHIER"
    felt(fronts, token, USERS, 200)
    role = contract.check("identity.v1_update_role", data(admin.api.patch(ROLES + "/cashier", {
        "name": "Till", "description": None, "permissions": [{"code": "billing:read", "scope": "all"}]})))
    assert (role["name"], role["description"], role["users"], len(role["permissions"])) == ("Till", None, 1, 1)
    felt(fronts, token, USERS, 403)                                                    # of the next request, same token
    assert data(admin.api.patch(ROLES + "/CASHIER", {}))["name"] == "Till"

    problem(admin.api.delete(ROLES + "/CASHIER"), "ROLE_IN_USE", 409)
    data(root.api.delete(p.path))                                                      # the deleted hold nothing
    assert data(admin.api.delete(ROLES + "/CASHIER")) is None
    assert "CASHIER" not in [x["code"] for x in data(admin.api.get(ROLES))]
    for again in (admin.api.delete(ROLES + "/CASHIER"), admin.api.patch(ROLES + "/CASHIER", {"name": "x"})):
        problem(again, "NOT_FOUND", 404)


def test_a_role_made_with_a_key_is_made_once(admin, db):
    body = {"code": "KEYED", "name": "Keyed", "permissions": []}
    first = admin.api.post(ROLES, body, headers={"Idempotency-Key": "role-1"})
    second = admin.api.post(ROLES, body, headers={"Idempotency-Key": "role-1"})
    assert data(first, 201) == data(second, 201)
    problem(admin.api.post(ROLES, body), "DUPLICATE", 409)


def test_roles_wrongly_defined(person, admin):                                        # R-04, R-51
    good = {"code": "WRONG", "name": "Wrong", "permissions": []}
    said = problem(admin.api.post(ROLES, {**good, "permissions": [
        {"code": "billing:read", "scope": "all"}, {"code": "no:such", "scope": "all"},
        {"code": "role:manage", "scope": "own"}]}), "VALIDATION_FAILED", 422)
    assert [e["field"] for e in said["errors"]] == ["permissions[1].code", "permissions[2].scope"]
    for body in ({**good, "code": "x"}, {**good, "code": "A-B"}, {**good, "name": ""}, {"code": "WRONG", "name": "x"},
                 {**good, "permissions": [{"code": "billing:read", "scope": "everywhere"}]}, {**good, "permissions": None}):
        problem(admin.api.post(ROLES, body), "VALIDATION_FAILED", 422)
    problem(admin.api.delete(ROLES + "/nurse"), "ROLE_BUILTIN", 409)
    problem(admin.api.patch(ROLES + "/NURSE", {"name": "Sister"}), "ROLE_BUILTIN", 409)
    problem(admin.api.patch(ROLES + "/admin", {"permissions": [{"code": "user:read", "scope": "all"}]}), "ROLE_BUILTIN", 409)
    problem(admin.api.patch(ROLES + "/NURSE", {"permissions": [{"code": "no:such", "scope": "all"}]}), "VALIDATION_FAILED", 422)
    assert "WRONG" not in [x["code"] for x in data(admin.api.get(ROLES))]
    p = person("DOCTOR")
    for r in (p.api.post(ROLES, good), p.api.patch(ROLES + "/NURSE", {}), p.api.delete(ROLES + "/CLERK")):
        problem(r, "FORBIDDEN", 403)


def test_builtin_roles_may_change_in_the_rest(admin):
    nurse = next(x for x in data(admin.api.get(ROLES)) if x["code"] == "NURSE")
    more = nurse["permissions"] + [{"code": "user:read", "scope": "all"}]
    changed = data(admin.api.patch(ROLES + "/NURSE", {"name": nurse["name"], "description": "Cares", "permissions": more}))
    assert changed["description"] == "Cares" and {"code": "user:read", "scope": "all"} in changed["permissions"]
    back = {"description": nurse["description"], "permissions": nurse["permissions"]}
    assert data(admin.api.patch(ROLES + "/NURSE", back))["permissions"] == nurse["permissions"]
    all_of_admin = next(x for x in data(admin.api.get(ROLES)) if x["code"] == "ADMIN")["permissions"]
    assert data(admin.api.patch(ROLES + "/ADMIN", {"permissions": all_of_admin}))["permissions"] == all_of_admin


def test_there_is_an_end_to_roles(admin, db):
    n = db.value("select 64 - count(*) from roles")
    codes = ["FULL_" + chr(65 + i // 26) + chr(65 + i % 26) for i in range(n)]
    db.query("insert into roles (code, name) select c, c from unnest(%s) c", codes)
    said = problem(admin.api.post(ROLES, {"code": "ONE_MORE", "name": "x", "permissions": []}), "VALIDATION_FAILED", 422)
    assert [e["field"] for e in said["errors"]] == ["code"]
    db.query("delete from roles where code like 'FULL%%'")


# ---- made accounts and passwords

def log_in(system, name, password, status=200):
    return data(system.api().post("/api/v1/auth/login", {"username": name, "password": password}), status)


def test_an_account_is_made(system, admin, db):                                       # US-04
    r = admin.api.post(USERS, {"username": "nurse.made", "email": "Made@x.example", "phone": "133-1111 6666", "identifier": "MD-1",
                               "full_name": "护士", "roles": ["nurse", "STAFF"], "password": "Blue-Kettle-41"})
    u = contract.check("identity.v1_create_user", data(r, 201))
    assert (u["username"], u["email"], u["phone"], u["identifier"], u["roles"], u["is_active"], u["must_change_password"]) == \
        ("nurse.made", "Made@x.example", "13311116666", "MD-1", ["NURSE", "STAFF"], True, False)
    assert "initial_password" not in u and not u["is_superuser"]
    assert r.headers["Location"] == f"{USERS}/{u['id']}" and r.headers["Cache-Control"] == "no-store"
    assert data(admin.api.get(r.headers["Location"])) == u
    assert log_in(system, "MD-1", "Blue-Kettle-41")["user"]["id"] == u["id"]
    assert db.value("select count(*) from user_roles where user_id = %s and granted_by = %s", u["id"], admin.id) == 2


def test_a_password_is_made_too(system, admin):
    for body in ({"email": "made.too@x.example"}, {"email": "made.too@y.example"}, {"phone": "13311117777"}):
        u = contract.check("identity.v1_create_user", data(admin.api.post(USERS, {**body, "generate_password": True}), 201))
        assert u["must_change_password"] and u["roles"] == ["PATIENT"]
        session = log_in(system, list(body.values())[0], u["initial_password"])
        problem(system.api(token=session["access_token"]).get(USERS + "/me"), "PASSWORD_CHANGE_REQUIRED", 403)
    assert names(admin.api.get(USERS, params={"q": "made.too"})) == ["made.too", "made.too2"]
    u = data(admin.api.post(USERS, {"username": "asleep", "generate_password": True, "is_active": False,
                                    "must_change_password": False}), 201)
    assert not u["is_active"] and not u["must_change_password"]


def test_accounts_not_made(person, admin, root):                                      # R-20, R-23, R-24, R-50, R-54
    good = {"username": "unmade", "password": "Blue-Kettle-41"}
    person(username="occupied.1", email="occupied.1@x.example", phonenumber="13311118888", identifier="OCC-1")
    for body, code in (({"username": "Occupied.1"}, "USERNAME_TAKEN"), ({"username": "OCC-1"}, "USERNAME_TAKEN"),
                       ({"email": "OCCUPIED.1@x.example"}, "EMAIL_TAKEN"), ({"phone": "133 1111-8888"}, "PHONE_TAKEN"),
                       ({"identifier": "occ-1"}, "IDENTIFIER_TAKEN")):
        problem(admin.api.post(USERS, {**good, **body}), code, 409)
    said = problem(admin.api.post(USERS, {**good, "password": "unmade"}), "PASSWORD_WEAK", 422)
    assert len(said["errors"]) > 1 and {e["field"] for e in said["errors"]} == {"password"}
    problem(admin.api.post(USERS, {**good, "password": "Aa1-" * 19}), "PASSWORD_TOO_LONG", 422)
    for body in ({"password": "Blue-Kettle-41"}, {"username": "unmade"}, {"username": "unmade", "generate_password": False},
                 {**good, "roles": ["NO_SUCH"]}, {**good, "username": "a b"}, {**good, "email": "nobody"}):
        problem(admin.api.post(USERS, body), "VALIDATION_FAILED", 422)
    problem(admin.api.post(USERS, {**good, "roles": []}), "ROLE_REQUIRED", 422)
    problem(admin.api.post(USERS, {**good, "is_superuser": True}), "SUPERUSER_REQUIRED", 403)
    problem(person("DOCTOR").api.post(USERS, good), "FORBIDDEN", 403)
    clerk = person("CLERK")
    problem(clerk.api.post(USERS, {**good, "roles": ["STAFF"]}), "FORBIDDEN", 403)
    assert "unmade" not in names(admin.api.get(USERS, params={"q": "unmade"}))
    assert data(clerk.api.post(USERS, good), 201)["roles"] == ["PATIENT"]
    assert data(root.api.post(USERS, {"username": "crown", "password": "Blue-Kettle-41", "is_superuser": True,
                                      "roles": ["ADMIN"]}), 201)["role"] == "SUPERUSER"


def test_making_again_after_a_lost_answer(system, admin, db):
    jobs = Jobs(system)
    job = b"\x01\x9c\x00\x00\x00\x01\x70\x00" + b"\x80" + b"\x09" * 7
    made = [jobs.call("identity.v1_create_user", actor={"user": admin.id}, id=job,
                      body={"username": "made.once", "generate_password": True, "roles": ["PATIENT"]}).ok() for _ in range(2)]
    jobs.close()
    assert made[0]["id"] == made[1]["id"]
    assert log_in(system, "made.once", made[1]["initial_password"])["user"]["id"] == made[0]["id"]
    assert db.value("select count(*) from job_done where body like %s", f"%{made[1]['initial_password']}%") == 0


def test_a_password_is_reset(system, person, admin, fronts, db):                        # US-10, R-35, R-40
    p = person()
    tokens = [p.pair["access_token"], p.sign_in()]
    db.query("insert into password_resets values (sha256('mailed'), %s, now(), now() + interval '1 hour')", p.id)
    r = admin.api.post(p.path + "/reset-password")
    assert db.value("select used_at is not null from password_resets where user_id = %s", p.id)
    assert db.value("select count(*) from password_history where user_id = %s", p.id) == 1
    said = contract.check("identity.v1_reset_user_password", data(r))
    assert r.headers["Cache-Control"] == "no-store"
    for token in tokens:
        felt(fronts, token, USERS + "/me", 401)
        problem(fronts[1].get(USERS + "/me", token=token), "TOKEN_REVOKED", 401)
    problem(system.api().post("/api/v1/auth/login", {"username": p.name, "password": PASSWORD}), "BAD_CREDENTIALS", 401)
    session = log_in(system, p.name, said["initial_password"])
    problem(fronts[0].get(USERS + "/me", token=session["access_token"]), "PASSWORD_CHANGE_REQUIRED", 403)
    assert contract.check("identity.v1_reset_user_password",
                          data(admin.api.post(p.path + "/reset-password", {"new_password": "Red-Teapot-52"}))) == {}
    assert log_in(system, p.name, "Red-Teapot-52")["user"]["id"] == p.id


def test_passwords_not_reset(person, admin, root, db):                                # R-23, R-24, R-47
    p = person()
    path = p.path + "/reset-password"
    said = problem(admin.api.post(path, {"new_password": p.name}), "PASSWORD_WEAK", 422)
    assert {e["field"] for e in said["errors"]} == {"new_password"}
    problem(admin.api.post(path, {"new_password": "Aa1-" * 19}), "PASSWORD_TOO_LONG", 422)
    problem(admin.api.post(USERS + "/999999999/reset-password"), "NOT_FOUND", 404)
    problem(p.api.post(path), "FORBIDDEN", 403)
    other = person("ADMIN")
    problem(admin.api.post(other.path + "/reset-password"), "SUPERUSER_REQUIRED", 403)
    problem(admin.api.post(root.path + "/reset-password"), "SUPERUSER_REQUIRED", 403)
    assert data(root.api.post(other.path + "/reset-password"))["initial_password"]
    data(p.api.get(USERS + "/me"))                                                     # nothing has happened to it
    db.query("delete from user_roles where user_id = %s and role_code = 'ADMIN'", other.id)
