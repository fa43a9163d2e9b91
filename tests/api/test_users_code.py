"""Administration of accounts on the {code, message} surface (api/01 section 1.4)."""

import itertools

import pytest

from support import contract
from support.accounts import PASSWORD, add_user
from support.http import Api, data, message
from support.proc import wait_for

USERS = "/auth/users"


@pytest.fixture(scope="module")
def system(empty_db, make_system):
    return make_system(empty_db, {"password.cost": 10}).start(pools=("identity,directory", "booking"))


_serial = itertools.count(1)


@pytest.fixture(scope="module")
def account(system, empty_db):
    """A function that makes an account and gives its (id, Api)."""
    def make(*roles, **columns):
        columns = {"username": f"member{next(_serial)}", **columns}
        user = add_user(empty_db, roles=roles or ("PATIENT",), **columns)
        name = columns["username"] or columns["identifier"]
        pair = data(system.api().post("/api/v1/auth/login", {"username": name, "password": PASSWORD}))
        return user, Api(system.base, pair["access_token"])
    return make


@pytest.fixture(scope="module")
def admin(account):
    return account("ADMIN", username="registrar", email="registrar@x.example")


def test_list(admin, account):
    user, mine = account(username=None, identifier="M-100", phonenumber="13322220001")
    rows = contract.check("identity.list_users", message(admin[1].get(USERS)))
    assert rows[0] == {"username": "registrar", "email": "registrar@x.example", "phonenumber": None, "userid": admin[0],
                       "is_admin": True}
    assert [r for r in rows if r["userid"] == user] == [
        {"username": "M-100", "email": None, "phonenumber": "13322220001", "userid": user, "is_admin": False}]
    assert message(mine.get(USERS), 102)["error"] == "权限不足"
    message(mine.get(USERS, token=None), 105, 401)


def test_one(admin, account):                                                         # BR-14
    user, mine = account()
    other, _ = account()
    for api in (admin[1], mine):
        assert contract.check("identity.get_user", message(api.get(f"{USERS}/{user}")))["userid"] == user
    message(mine.get(f"{USERS}/{other}"), 102)
    message(mine.get(f"{USERS}/999999999"), 102)                                       # who is there is not told
    assert message(admin[1].get(f"{USERS}/999999999"), 103)["msg"] == "用户不存在"
    message(mine.get(f"{USERS}/{user}", token=None), 105, 401)


def test_update(admin, account):                                                      # BR-14, R-20
    user, mine = account()
    path = f"{USERS}/{user}/updateProfile"
    said = contract.check("identity.update_user", message(mine.put(path, {
        "username": "new.name", "email": "new@x.example", "phonenumber": "133-2222 0002"})))
    assert said == {"user": {"username": "new.name", "email": "new@x.example", "phonenumber": "13322220002", "userid": user,
                             "is_admin": False}}
    assert message(admin[1].put(path, {"email": "other@x.example", "is_active": False, "full_name": "x"}))["user"]["email"] == \
        "other@x.example"
    assert message(mine.put(path, {}))["user"]["username"] == "new.name"                 # still active
    other, _ = account(username="occupied", email="occupied@x.example", phonenumber="13322220003")
    for body, text in (({"username": "Occupied"}, "该用户名已被其他用户使用"), ({"email": "OCCUPIED@x.example"}, "该邮箱已被其他用户使用"),
                       ({"phonenumber": "133 2222 0003"}, "该手机号已被其他用户使用")):
        assert message(mine.put(path, body), 104)["msg"] == text
    assert message(mine.put(path, {"username": "13322220003"}), 104)["msg"] == "该用户名已被其他用户使用"
    for body in ({"username": ""}, {"username": "a b"}, {"username": "a\u202eb\ufeff"}, {"phonenumber": "------"}, {"email": "nobody"}, {"phonenumber": "1" * 15}, {"username": "a\0b"}):
        message(mine.put(path, body), 99)
    message(mine.put(f"{USERS}/{other}/updateProfile", {"username": "mine"}), 102)
    message(admin[1].put(f"{USERS}/999999999/updateProfile", {"username": "mine"}), 103)
    message(mine.put(path, {}, token=None), 105, 401)


def test_delete(admin, account):                                                      # BR-15, R-49
    user, mine = account(username="leaver")
    second, _ = account("ADMIN")
    message(mine.delete(f"{USERS}/{user}"), 102)
    for target in (admin[0], second):
        assert message(admin[1].delete(f"{USERS}/{target}"), 102)["msg"] == "不能删除管理员"
    assert contract.check("identity.delete_user", message(admin[1].delete(f"{USERS}/{user}"))) == {"detail": "成功删除用户leaver"}
    wait_for("the token to die", lambda: mine.get("/auth/me").status_code == 401, timeout=2)
    message(mine.get("/auth/me"), 105, 401)
    message(admin[1].delete(f"{USERS}/{user}"), 103)
    message(admin[1].get(f"{USERS}/{user}"), 103)
    assert user not in [r["userid"] for r in message(admin[1].get(USERS))]
    superuser, _ = account(is_superuser=True)
    message(admin[1].delete(f"{USERS}/{superuser}"), 102)
    message(admin[1].delete(f"{USERS}/{user}", token=None), 105, 401)


def test_role(admin, account):                                                        # R-46, R-47, R-53, R-54
    user, mine = account("DOCTOR")
    path = f"{USERS}/{user}/role"
    message(mine.put(path, {"is_admin": True}), 102)
    for _ in range(2):
        assert contract.check("identity.set_user_role", message(admin[1].put(path, {"is_admin": True})))["detail"]
    wait_for("the right to be felt", lambda: mine.get(USERS).json()["code"] == 0, timeout=2)
    assert message(mine.get("/auth/me")) == {"role": "admin"}
    assert message(admin[1].put(path, {"is_admin": False}), 102)["msg"] == "仅超级管理员可操作"
    message(mine.put(path, {"is_admin": False}))                                       # one's own is one's own
    wait_for("the loss to be felt", lambda: mine.get(USERS).json()["code"] == 102, timeout=2)
    assert data(mine.get("/api/v1/users/me"))["roles"] == ["DOCTOR"]
    for body in ({}, {"is_admin": "perhaps"}, {"is_admin": None}):
        message(admin[1].put(path, body), 99)
    message(admin[1].put(f"{USERS}/999999999/role", {"is_admin": True}), 103)
    message(admin[1].put(path, {"is_admin": True}, token=None), 105, 401)


def test_the_last_administrator_and_the_last_role(admin, account, empty_db):
    _, root = account("STAFF", is_superuser=True)
    only = f"{USERS}/{admin[0]}/role"
    others = [r[0] for r in empty_db.query("select user_id from user_roles where role_code = 'ADMIN' and user_id <> %s", admin[0])]
    helper, _ = account("ADMIN")
    token_admin = Api(admin[1].base, admin[1].token)
    for user in others + [helper]:
        assert data(root.put(f"/api/v1/users/{user}/roles", {"roles": ["STAFF"]}))["role"] == "STAFF"
    assert message(token_admin.put(only, {"is_admin": False}), 99)["msg"] == "不能移除最后一名管理员"
    message(token_admin.put(f"{USERS}/{helper}/role", {"is_admin": True}))
    message(token_admin.put(only, {"is_admin": False}))
    assert data(admin[1].get("/api/v1/users/me"))["roles"] == ["PATIENT"]
