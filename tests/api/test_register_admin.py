"""POST /auth/register-admin: the first administrator makes himself, the others are made by one (BR-12, BR-13)."""

import threading

import pytest

from support import contract, forms
from support.accounts import PASSWORD, add_user, bcrypt_ok
from support.http import Api, data, message
from support.jobs import Jobs

PATH = "/auth/register-admin"


@pytest.fixture(scope="module")
def system(empty_db, make_system):
    return make_system(empty_db, {"password.cost": 10}).start(pools=("identity,directory", "booking"))


def refused(r, code, status, text=None):
    said = message(r, code, status)
    assert text is None or said["msg"] == text
    return said


def sign_in(system, identifier, password="Wj-2026"):
    return message(system.api().post("/auth/staff/login", {"identifier": identifier, "password": password}))


def test_only_one_is_the_first(system, empty_db):
    """Nobody administers: of many at once one gets in, and the door is closed behind him."""
    refused(system.api().post(PATH, {"identifier": "ADM-1", "name": "张三"}), 99, 422)
    for body in ({"identifier": "ADM-1", "name": "张三", "password": "x" * 19}, {"identifier": "", "name": "张三", "password": "x"},
                 {"identifier": "ADM-1", "name": "张三", "password": "Wj-2026", "email": "nobody"}):
        refused(system.api().post(PATH, body), 99, 422)
    answers = []

    def come(i):
        r = system.api().post(PATH, {"identifier": f"ADM-{i}", "password": "Wj-2026", "name": f"管理员{i}", "job_title": "值班"})
        answers.append((r.status_code, r.json()))

    threads = [threading.Thread(target=come, args=(i,)) for i in range(6)]
    [t.start() for t in threads], [t.join() for t in threads]
    assert sorted(status for status, _ in answers) == [200] + [403] * 5
    assert {b["message"]["msg"] for s, b in answers if s == 403} == {"仅管理员可创建新管理员"}
    rows = empty_db.query("select u.identifier, u.is_superuser, u.is_admin, u.is_verified, a.name, a.job_title, u.hashed_password "
                          "from users u join administrators a on a.user_id = u.id")
    assert len(rows) == 1 and rows[0][1:4] == (True, True, True) and rows[0][5] == "值班"
    assert bcrypt_ok("Wj-2026", rows[0][6])
    (done,) = [b for s, b in answers if s == 200]
    assert contract.check("identity.register_admin", done["message"]) == {"detail": f"成功创建管理员 {rows[0][4]}"}
    assert message(system.api(token=sign_in(system, rows[0][0])).get("/auth/me")) == {"role": "admin"}


@pytest.fixture(scope="module")
def first(system, empty_db):
    """A caller who administers."""
    return system.api(token=sign_in(system, empty_db.value("select identifier from users where is_superuser")))


def test_json_form_and_query(system, first, empty_db):
    ways = [lambda v: first.post(PATH, v), lambda v: first.request("POST", PATH, data=v),
            lambda v: first.request("POST", PATH, **forms.form(*[forms.part(name, text) for name, text in v.items()])),
            lambda v: first.request("POST", PATH, params=v),
            lambda v: first.request("POST", PATH, params={"identifier": "IGNORED", "password": "x", "name": "x"}, json=v)]
    for i, way in enumerate(ways):
        r = way({"identifier": f"WAY-{i}", "password": "Wj-2026", "name": "李四", "email": f"way{i}@x.example"})
        assert message(r) == {"detail": "成功创建管理员 李四"}
        assert message(system.api(token=sign_in(system, f"WAY-{i}")).get("/auth/me")) == {"role": "admin"}
    assert empty_db.value("select bool_or(is_superuser) from users where identifier like 'WAY-%%'") is False
    assert not empty_db.value("select count(*) from users where identifier = 'IGNORED'")


def test_names_are_free(first, empty_db):                                             # BR-13, R-20
    add_user(empty_db, username="UserName", email="used@x.example", identifier="USED-1", phonenumber="13377770001")
    for identifier in ("USED-1", "used-1", "username", "13377770001"):
        refused(first.post(PATH, {"identifier": identifier, "password": "x", "name": "x"}), 100, 400, "该工号(identifier)已被占用")
    refused(first.post(PATH, {"identifier": "FREE-1", "password": "x", "name": "x", "email": "USED@x.example"}), 100, 400,
            "该邮箱已被占用")


def test_others_may_not(system, empty_db):
    body = {"identifier": "NOT-1", "password": "Wj-2026", "name": "王五"}
    refused(system.api().post(PATH, body), 102, 403, "仅管理员可创建新管理员")
    for columns in ({"roles": ["DOCTOR"]}, {"roles": ["ADMIN"], "must_change_password": True}):
        name = f"other-{columns['roles'][0]}"
        add_user(empty_db, username=name, **columns)
        token = data(system.api().post("/api/v1/auth/login", {"username": name, "password": PASSWORD}))["access_token"]
        refused(Api(system.base, token).post(PATH, body), 102, 403, "仅管理员可创建新管理员")
    assert not empty_db.value("select count(*) from users where identifier = 'NOT-1'")


def test_a_job_that_comes_again_makes_nothing_new(system, empty_db):
    jobs = Jobs(system)
    who = {"user": empty_db.value("select id from users where is_superuser")}
    body = {"identifier": "TWICE-1", "password": "Wj-2026", "name": "赵六"}
    job = b"\x01\x9c\x00\x00\x00\x00\x70\x00" + b"\x80" + b"\x07" * 7
    for _ in range(2):
        said = jobs.call("identity.register_admin", body=body, actor=who, id=job)
        assert said.ok() == {"detail": "成功创建管理员 赵六"}
    assert empty_db.value("select count(*) from users where identifier = 'TWICE-1'") == 1
    jobs.close()
