"""Doctors made and changed by the office, on /api/v1 and Heartbeat, with their accounts."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import contract
from support.accounts import PASSWORD, add_user, bcrypt_ok
from support.doctors import open_office
from support.http import data, message, problem
from support.proc import wait_for

V1, OFFICE, HB = "/api/v1/doctors", "/admin/doctors", "/doctor/"
STRONG = "Sunny-Hill-26"


@pytest.fixture(scope="module")
def office(empty_db, make_system):
    o = open_office(empty_db, make_system)
    o.root = add_user(empty_db, ["ADMIN"], username="root", is_superuser=True)
    yield o
    o.h.close()


@pytest.fixture
def n(office):
    """A number that no other test has."""
    office.h.serial += 1
    return office.h.serial


def prices(office, doctor):
    return office.h.run("select config_value from system_config where config_key = 'registration.price' and scope_type = 'DOCTOR' "
                        "and scope_id = %s", doctor)


def entries(office, action, doctor):
    """The audit log's entries of one doctor: (actor, surface, changes)."""
    return office.h.run("select actor_id, surface, changes from audit_log where action = %s and entity = 'doctor' and entity_id = %s "
                        "order by id", action, str(doctor))


def staff_login(office, identifier, password, code=0):
    return message(office.api().post("/auth/staff/login", {"identifier": identifier, "password": password}), code)


# ---- the office: making

def test_make_without_an_account(office, n):                                          # BR-21, BR-31
    body = {"dept_id": str(office.h.dept), "name": f"张{n}", "title": "主治医师", "specialty": "心血管疾病", "default_price_normal": 80,
            "default_price_expert": None, "identifier": "", "password": "", "email": "", "phonenumber": ""}
    made = contract.check("identity.create_doctor", message(office.admin.post(OFFICE, body)))
    doctor = made["doctor_id"]
    assert made == {"doctor_id": doctor, "dept_id": office.h.dept, "name": f"张{n}", "title": "主治医师", "specialty": "心血管疾病",
                    "introduction": None, "default_price_normal": 80, "default_price_expert": None, "default_price_special": None,
                    "account_provided": False}
    assert office.row(doctor)["user_id"] is None and prices(office, doctor) == [({"default_price_normal": 80},)]
    (entry,) = entries(office, "doctor.create", doctor)
    assert entry[0] == office.h.admin and entry[1] == "code" and entry[2]["name"] == [None, f"张{n}"]
    shown = message(office.api().get(f"/patient/doctors/{doctor}"))
    assert shown["default_price_normal"] == 80 and shown["default_price_expert"] == 100


def test_make_with_an_account(office, n):
    body = {"dept_id": office.h.dept, "name": f"李{n}", "identifier": f"doc-{n}", "password": "StrongP@ss", "email": f"li{n}@x.example",
            "phonenumber": f"138 1000 {n:04d}"}
    made = contract.check("identity.create_doctor", message(office.admin.post("/doctors", body)))
    assert made["account_provided"] is True and made["account_note"] == "已同时创建登录账号"
    user = office.account(made["user_id"])
    assert (user["identifier"], user["email"], user["phonenumber"], user["user_type"], user["full_name"]) == \
        (f"doc-{n}", f"li{n}@x.example", f"1381000{n:04d}", "doctor", f"李{n}")
    assert user["is_verified"] and office.h.run("select role_code from user_roles where user_id = %s", made["user_id"]) == [("DOCTOR",)]
    assert office.row(made["doctor_id"])["user_id"] == made["user_id"]
    token = staff_login(office, f"doc-{n}", "StrongP@ss")
    assert "access_token" in token or token
    (entry,) = entries(office, "doctor.create", made["doctor_id"])
    assert entry[2]["phone"][1] == f"138****{n:04d}" and entry[2]["password"] == [None, True]
    assert office.h.one("select count(*) from audit_log where changes::text like '%%StrongP@ss%%'") == 0


@pytest.mark.parametrize("change, msg", [
    ({"dept_id": 999999}, "小科室不存在"), ({"dept_id": "major"}, "小科室不存在"),
    ({"identifier": "only-one"}, "工号和密码必须同时提供或都不提供"), ({"password": "only-one"}, "工号和密码必须同时提供或都不提供"),
    ({"identifier": "TAKEN-no", "password": "Abc-12345"}, "工号已被使用"), ({"email": "Taken@X.example"}, "邮箱已被使用"),
    ({"phonenumber": "139 7777 0001"}, "手机号已被使用")])
def test_make_refused(office, change, msg):
    if not office.h.run("select 1 from users where identifier = 'taken-NO'"):
        add_user(office.db, identifier="taken-NO", email="taken@x.example", phonenumber="13977770001")
    count = office.h.one("select count(*) from doctors")
    body = {"dept_id": office.h.dept, "name": "不成", **change}
    body["dept_id"] = office.h.major if body["dept_id"] == "major" else body["dept_id"]
    assert message(office.admin.post(OFFICE, body), 99)["msg"] == msg
    assert office.h.one("select count(*) from doctors") == count


@pytest.mark.parametrize("change, member", [
    ({"name": None}, "name"), ({"name": ""}, "name"), ({"name": "  "}, "name"), ({"name": "　"}, "name"), ({"identifier": " 　", "password": "Abc-12345"}, "identifier"), ({"name": "长" * 51}, "name"), ({"dept_id": None}, "dept_id"),
    ({"default_price_normal": -1}, "default_price_normal"), ({"default_price_special": 1.005}, "default_price_special"), ({"default_price_expert": 1e12}, "default_price_expert"),
    ({"password": "x" * 19, "identifier": "x"}, "password"), ({"email": "nobody"}, "email"), ({"phonenumber": "12"}, "phonenumber"),
    ({"title": "x" * 101}, "title")])
def test_make_needs_good_members(office, change, member):
    body = {"dept_id": office.h.dept, "name": "不成", **change}
    assert message(office.admin.post(OFFICE, body), 99)["msg"] == f"参数 {member} 不正确"


def test_only_administrators_write(office):
    for who in (office.h.staff, office.h.doctor_user):
        api = office.api(who)
        for r in (api.post(OFFICE, {"dept_id": office.h.dept, "name": "x"}), api.put(f"{OFFICE}/{office.h.doctor}", {"name": "x"}),
                  api.put(f"{OFFICE}/{office.h.doctor}/transfer", {"new_dept_id": office.h.dept}),
                  api.post(f"{OFFICE}/{office.h.doctor}/create-account", {"identifier": "x", "password": "y"})):
            assert message(r, 102)["msg"] == "无权限，仅管理员可操作"


# ---- the office: changing

def test_change_a_file(office, n):                                                    # BR-32, BR-35
    doctor, _ = office.doctor(account=False, title="住院医师", specialty="旧", is_department_head=True)
    was = office.row(doctor)["name"]
    done = message(office.admin.put(f"{OFFICE}/{doctor}", {
        "dept_id": office.h.dept, "name": f"改{n}", "title": "副主任医师", "introduction": "新的简介", "default_price_normal": 90,
        "default_price_special": 999.5}))
    assert contract.check("identity.update_doctor", done) == {
        "doctor_id": doctor, "dept_id": office.h.dept, "name": f"改{n}", "title": "副主任医师", "specialty": "旧", "introduction": "新的简介",
        "photo_path": None, "original_photo_url": None, "default_price_normal": 90, "default_price_expert": None,
        "default_price_special": 999.5}
    assert office.row(doctor)["is_department_head"] is True and office.row(doctor)["version"] == 2
    done = message(office.admin.put(f"/doctors/{doctor}", {"default_price_normal": None, "specialty": None}))
    assert (done["default_price_normal"], done["default_price_special"], done["specialty"]) == (None, 999.5, None)
    assert prices(office, doctor) == [({"default_price_special": 999.5},)]
    done = message(office.admin.put(f"{OFFICE}/{doctor}", {"dept_id": office.h.dept2}))
    assert done["dept_id"] == office.h.dept2 and office.row(doctor)["is_department_head"] is False
    first, second, third = entries(office, "doctor.update", doctor)
    assert first[2] == {"name": [was, f"改{n}"], "title": ["住院医师", "副主任医师"], "introduction": [None, "新的简介"],
                        "default_price_normal": [None, 90], "default_price_special": [None, 999.5]}
    assert second[2] == {"default_price_normal": [90, None], "specialty": ["旧", None]}
    assert third[2] == {"dept_id": [office.h.dept, office.h.dept2]}


def test_pictures_by_path(office):                                                    # BR-30
    doctor, _ = office.doctor(account=False)
    done = message(office.admin.put(f"{OFFICE}/{doctor}", {"photo_path": "static/image/a.png", "original_photo_url": "https://x.example/a"}))
    assert (done["photo_path"], done["original_photo_url"]) == ("/static/image/a.png", "https://x.example/a")
    for path in ("../../etc/passwd", "/etc/passwd", "static/../../x", "/static/a/../../b", "static//x", "static/..", "javascript:x", "static\\x",
                 "file:///etc/passwd", "static/a\\..\\b"):
        assert message(office.admin.put(f"{OFFICE}/{doctor}", {"photo_path": path}), 106)["msg"] == "提供的文件路径不安全或无效"
        assert problem(office.admin.patch(f"{V1}/{doctor}", {"photo_url": path}), "VALIDATION_FAILED", 422)["errors"][0]["field"] == "photo_url"
    for address in ("javascript:alert(1)", "data:text/html,x", "//x.example/a", "a.png"):
        assert message(office.admin.put(f"{OFFICE}/{doctor}", {"original_photo_url": address}), 99)["msg"] == "参数 original_photo_url 不正确"
    assert message(office.admin.put(f"{OFFICE}/{doctor}", {"original_photo_url": ""}))["original_photo_url"] in ("", None)
    assert message(office.admin.put(f"{OFFICE}/{doctor}", {"photo_path": None}))["photo_path"] is None
    assert data(office.admin.patch(f"{V1}/{doctor}", {"photo_url": "/static/image/b.png"}))["photo_url"] == "/static/image/b.png"
    assert data(office.admin.patch(f"{V1}/{doctor}", {"photo_url": "https://x.example/b"}))["photo_url"] == "https://x.example/b"
    assert office.row(doctor)["photo_path"] is None
    assert data(office.admin.patch(f"{V1}/{doctor}", {"photo_url": None}))["photo_url"] is None


def test_a_stored_photo_goes_when_another_picture_comes(office):
    doctor, _ = office.doctor(account=False)
    path = office.photo(doctor)
    message(office.admin.put(f"{OFFICE}/{doctor}", {"photo_path": path, "title": "x"}))
    assert office.api().get(path).status_code == 200 and data(office.api().get(f"{V1}/{doctor}"))["photo_url"] == path
    data(office.admin.patch(f"{V1}/{doctor}", {"photo_url": "https://x.example/c.png"}))
    assert office.api().get(path).status_code == 404 and office.row(doctor)["photo_path"] is None


def test_names_lose_the_white_space_around_them(office, n):
    made = message(office.admin.post(OFFICE, {"dept_id": office.h.dept, "name": f" 空格{n}　", "identifier": f" sp-{n} ", "password": PASSWORD}))
    assert made["name"] == f"空格{n}" and office.account(made["user_id"])["identifier"] == f"sp-{n}"
    message(office.api().post("/auth/staff/login", {"identifier": f"sp-{n}", "password": PASSWORD}))
    assert message(office.admin.put(f"{OFFICE}/{made['doctor_id']}", {"name": "　改名 "}))["name"] == "改名"


def test_change_refused(office):
    doctor, _ = office.doctor(account=False)
    for gone in (999999, office.doctor(account=False, deleted_at="2026-01-01")[0]):
        assert message(office.admin.put(f"{OFFICE}/{gone}", {"name": "x"}), 106)["msg"] == "医生不存在"
        assert message(office.admin.put(f"{OFFICE}/{gone}/transfer", {"new_dept_id": office.h.dept}), 106)["msg"] == "医生不存在"
        assert message(office.admin.post(f"{OFFICE}/{gone}/create-account", {"identifier": "x9", "password": "y"}), 106)["msg"] == "医生不存在"
    for dept in (999999, office.h.major):
        assert message(office.admin.put(f"{OFFICE}/{doctor}", {"dept_id": dept}), 99)["msg"] == "目标科室不存在"
        assert message(office.admin.put(f"{OFFICE}/{doctor}/transfer", {"new_dept_id": dept}), 99)["msg"] == "目标科室不存在"
    assert message(office.admin.put(f"{OFFICE}/{doctor}/transfer", {}), 99)["msg"] == "参数 new_dept_id 不正确"
    assert office.row(doctor)["version"] == 1


def test_transfer(office):                                                            # BR-25
    doctor, user = office.doctor(is_department_head=True, title="主任医师")
    name = office.row(doctor)["name"]
    r = office.admin.put(f"{OFFICE}/{doctor}/transfer", {"new_dept_id": str(office.h.dept2)})
    assert contract.check("identity.transfer_doctor", message(r)) == {
        "detail": f"成功将医生 {name} 调至新科室", "doctor_id": doctor, "old_dept_id": office.h.dept, "new_dept_id": office.h.dept2}
    row = office.row(doctor)
    assert (row["dept_id"], row["is_department_head"]) == (office.h.dept2, False)
    again = message(office.admin.put(f"/doctors/{doctor}/transfer", {"new_dept_id": office.h.dept2}))
    assert again["old_dept_id"] == again["new_dept_id"] == office.h.dept2
    first, second = entries(office, "doctor.transfer", doctor)
    assert first[2] == {"dept_id": [office.h.dept, office.h.dept2]} and second[2] == {}
    homeless, _ = office.doctor(account=False, dept_id=None)
    assert message(office.admin.put(f"{OFFICE}/{homeless}/transfer", {"new_dept_id": office.h.dept}))["old_dept_id"] is None


def test_two_transfers_at_once(office):
    doctor, _ = office.doctor(account=False)
    with ThreadPoolExecutor(6) as pool:
        done = list(pool.map(lambda d: message(office.system.api(token=office.admin.token).put(
            f"{OFFICE}/{doctor}/transfer", {"new_dept_id": d})), [office.h.dept, office.h.dept2] * 6))
    assert office.row(doctor)["version"] == 13
    # each saw what the one before it left
    moves = office.h.run("select changes->'dept_id' from audit_log where action = 'doctor.transfer' and entity_id = %s and changes <> '{}' "
                         "order by id", str(doctor))
    at = office.h.dept
    for (move,) in moves:
        assert move[0] == at
        at = move[1]
    assert at == office.row(doctor)["dept_id"] and len(done) == 12


# ---- the office: accounts

def test_create_account(office, n):                                                   # BR-24
    doctor, _ = office.doctor(account=False, phone="13800001111")
    path = f"{OFFICE}/{doctor}/create-account"
    r = office.admin.post(path, {"identifier": f"acc-{n}", "password": "First-pw1", "email": f"acc{n}@x.example", "phonenumber": ""})
    made = contract.check("identity.create_doctor_account", message(r))
    assert made == {"detail": "成功为医生创建账号", "user_id": made["user_id"], "doctor_id": doctor}
    assert office.row(doctor)["user_id"] == made["user_id"]
    listed = message(office.admin.get(OFFICE, params={"name": office.row(doctor)["name"]}))["doctors"]
    assert [d["is_registered"] for d in listed if d["doctor_id"] == doctor] == [True]
    token = office.sign_in(f"acc-{n}", "First-pw1")
    assert token.get(f"{V1}/me/profile").status_code == 200
    r = office.admin.post(f"/doctors/{doctor}/create-account", {"identifier": f"acc2-{n}", "password": "Second-pw1", "phonenumber": f"1372222{n:04d}"})
    assert message(r) == {"detail": "成功为医生更新账号", "user_id": made["user_id"], "doctor_id": doctor}
    user = office.account(made["user_id"])
    assert (user["identifier"], user["email"], user["phonenumber"]) == (f"acc2-{n}", f"acc{n}@x.example", f"1372222{n:04d}")
    assert bcrypt_ok("Second-pw1", user["hashed_password"])
    wait_for("the session to end", lambda: token.get(f"{V1}/me/profile").status_code == 401, timeout=5)
    staff_login(office, f"acc-{n}", "First-pw1", 101)
    staff_login(office, f"acc2-{n}", "Second-pw1")
    first, second = entries(office, "doctor.account", doctor)
    assert first[2]["identifier"] == [None, f"acc-{n}"] and second[2]["identifier"] == [f"acc-{n}", f"acc2-{n}"]


def test_create_account_opens_a_closed_one_and_replaces_a_deleted_one(office, n):
    doctor, user = office.doctor()
    office.h.run("update users set is_active = false where id = %s", user)
    assert message(office.admin.post(f"{OFFICE}/{doctor}/create-account", {"identifier": f"re-{n}", "password": "Again-pw1"}))["user_id"] == user
    staff_login(office, f"re-{n}", "Again-pw1")
    office.h.run("update users set is_deleted = true, is_active = false where id = %s", user)
    r = message(office.admin.post(f"{OFFICE}/{doctor}/create-account", {"identifier": f"re-{n}", "password": "Again-pw1"}), 99)
    assert r["msg"] == "工号已被其他用户使用"               # names of deleted accounts stay reserved
    made = message(office.admin.post(f"{OFFICE}/{doctor}/create-account", {"identifier": f"re2-{n}", "password": "Again-pw1"}))
    assert made["user_id"] != user and office.row(doctor)["user_id"] == made["user_id"]


def test_create_account_refused(office, n):
    doctor, _ = office.doctor(account=False)
    add_user(office.db, identifier=f"has-{n}", email=f"has{n}@x.example", phonenumber=f"1365555{n:04d}")
    for body, msg in (({"identifier": f"HAS-{n}"}, "工号已被其他用户使用"), ({"email": f"Has{n}@x.example"}, "邮箱已被其他用户使用"),
                      ({"phonenumber": f"1365555{n:04d}"}, "手机号已被其他用户使用")):
        r = office.admin.post(f"{OFFICE}/{doctor}/create-account", {"identifier": f"new-{n}", "password": "Some-pw12", **body})
        assert message(r, 99)["msg"] == msg
    for body, member in (({"password": "x"}, "identifier"), ({"identifier": "x"}, "password"), ({"identifier": "x", "password": "x" * 19}, "password")):
        assert message(office.admin.post(f"{OFFICE}/{doctor}/create-account", body), 99)["msg"] == f"参数 {member} 不正确"
    assert office.row(doctor)["user_id"] is None


def test_accounts_of_administrators_are_the_superusers(office, n):
    doctor, user = office.doctor(roles=("DOCTOR", "ADMIN"))
    body = {"identifier": f"adm-{n}", "password": "Taken-over1"}
    assert message(office.admin.post(f"{OFFICE}/{doctor}/create-account", body), 102)["msg"] == "仅超级管理员可操作"
    problem(office.admin.patch(f"{V1}/{doctor}", {"email": "thief@x.example"}), "SUPERUSER_REQUIRED", 403)
    assert office.admin.put(HB, {"id": doctor, "password": STRONG}).status_code == 403
    assert data(office.admin.patch(f"{V1}/{doctor}", {"title": "院长"}))["title"] == "院长"
    free, _ = office.doctor(account=False)
    problem(office.admin.patch(f"{V1}/{free}", {"user_id": office.root}), "SUPERUSER_REQUIRED", 403)
    assert message(office.api(office.root).post(f"{OFFICE}/{doctor}/create-account", body))["user_id"] == user


def at_once(calls):
    with ThreadPoolExecutor(len(calls)) as pool:
        return [f.result() for f in [pool.submit(c) for c in calls]]


def test_create_account_twice_at_once(office, n):
    """One account, whichever came first: the other one changed it."""
    doctor, _ = office.doctor(account=False)
    api = lambda: office.system.api(token=office.admin.token)  # noqa: E731
    bodies = [{"identifier": f"twice{i}-{n}", "password": f"Pw-{i}-twice"} for i in range(4)]
    done = at_once([lambda b=b: message(api().post(f"{OFFICE}/{doctor}/create-account", b)) for b in bodies])
    user = office.row(doctor)["user_id"]
    assert {d["user_id"] for d in done} == {user} and sorted(d["detail"] for d in done).count("成功为医生创建账号") == 1
    assert office.h.one("select count(*) from users where identifier like %s", f"twice%-{n}") == 1
    winner = next(b for b in bodies if b["identifier"] == office.account(user)["identifier"])
    staff_login(office, winner["identifier"], winner["password"])


@pytest.mark.parametrize("member, msg", [("identifier", "工号已被使用"), ("email", "邮箱已被使用"), ("phonenumber", "手机号已被使用")])
def test_two_made_at_once_with_one_name(office, n, member, msg):
    values = {"identifier": f"race-{n}", "email": f"race{n}@x.example", "phonenumber": f"1354444{n:04d}"}
    api = lambda: office.system.api(token=office.admin.token)  # noqa: E731

    def body(i):
        return {"dept_id": office.h.dept, "name": f"竞{n}", "identifier": f"race{i}-{n}", "password": "Race-pw-1", member: values[member]}
    done = [r.json() for r in at_once([lambda i=i: api().post(OFFICE, body(i)) for i in range(4)])]
    assert sorted(d["code"] for d in done) == [0, 99, 99, 99]
    assert {d["message"]["msg"] for d in done if d["code"]} == {msg}
    assert office.h.one("select count(*) from doctors where name = %s", f"竞{n}") == 1
    assert office.h.one("select count(*) from users where full_name = %s", f"竞{n}") == 1


# ---- /api/v1: making

def test_v1_make(office, n):                                                          # DO-02
    s = office.specialty(f"C{n}", f"Cardio {n}")
    body = {"name": f"王{n}", "title": "主任医师", "department_id": office.h.dept, "specialty_ids": [s], "specialty_text": "冠心病",
            "license_no": f"LIC-{n}", "bio": "简介", "qualifications": ["MD", "PhD"], "languages": ["zh", "en"], "years_experience": 20,
            "consultation_fee": "120.50", "phone": f"1371111{n:04d}", "account": {"username": f"wang{n}", "password": STRONG}}
    r = office.admin.post(V1, body)
    d = contract.check("identity.v1_create_doctor", data(r, 201))
    assert r.headers["Location"] == f"{V1}/{d['id']}" and r.headers["ETag"] == f'"doctor-{d["id"]}-1"'
    assert (d["department"]["id"], d["specialties"], d["introduction"], d["consultation_fee"], d["status"], d["accepting_patients"]) == \
        (office.h.dept, [{"id": s, "code": f"C{n}", "name": f"Cardio {n}"}], "简介", 120.5, "ACTIVE", True)
    assert (d["qualifications"], d["languages"], d["license_no"], d["phone"]) == (["MD", "PhD"], ["zh", "en"], f"LIC-{n}", f"1371111{n:04d}")
    own = office.sign_in(f"wang{n}", STRONG)
    assert data(own.get("/api/v1/users/me"))["roles"] == ["DOCTOR"] and data(own.get(f"{V1}/me/profile"))["id"] == d["id"]
    assert entries(office, "doctor.create", d["id"])[0][1] == "v1"


def test_v1_make_with_little(office, n):
    d = data(office.admin.post(V1, {"doctor_name": "长" * 100, "languages": []}), 201)
    assert (d["name"], d["department"], d["user_id"], d["consultation_fee"]) == ("长" * 100, None, None, None)
    d = data(office.admin.post(V1, {"name": "联系", "email": f"contact{n}@x.example", "phone": "+86 10-1234 5678"}), 201)
    assert (d["email"], d["phone"], d["user_id"]) == (f"contact{n}@x.example", "+861012345678", None)
    d = data(office.admin.post(V1, {"name": "信箱", "account": {"email": f"box.{n}@x.example", "password": STRONG}}), 201)
    assert office.account(d["user_id"])["username"] == f"box.{n}" and d["email"] == f"box.{n}@x.example"
    d = data(office.admin.post(V1, {"name": "工号", "account": {"identifier": f"no-{n}", "password": STRONG}}), 201)
    assert office.account(d["user_id"])["identifier"] == f"no-{n}"


def test_v1_make_for_an_account(office, n):
    user = add_user(office.db, ["PATIENT"], username=f"had{n}")
    d = data(office.admin.post(V1, {"name": "有号", "user_id": user, "dept_id": office.h.dept, "email": f"had{n}@x.example"}), 201)
    assert d["user_id"] == user and d["email"] == f"had{n}@x.example"
    assert office.h.run("select role_code from user_roles where user_id = %s order by 1", user) == [("DOCTOR",), ("PATIENT",)]
    assert office.account(user)["user_type"] == "doctor"
    problem(office.admin.post(V1, {"name": "又", "user_id": user}), "USER_ALREADY_LINKED", 409)


def test_v1_make_refused(office, n):
    taken = add_user(office.db, username=f"taken{n}", email=f"taken{n}@x.example", phonenumber=f"1340000{n:04d}", identifier=f"TK-{n}")
    office.doctor(account=False, license_no=f"HELD-{n}")
    count = office.h.one("select count(*) from doctors")
    for body, code, status in (
            ({"license_no": f"HELD-{n}"}, "LICENSE_TAKEN", 409), ({"dept_id": office.h.major}, "DEPARTMENT_INVALID", 422),
            ({"dept_id": 999999}, "DEPARTMENT_INVALID", 422),
            ({"account": {"username": f"Taken{n}", "password": STRONG}}, "USERNAME_TAKEN", 409),
            ({"account": {"email": f"taken{n}@X.example", "password": STRONG}}, "EMAIL_TAKEN", 409),
            ({"account": {"identifier": f"tk-{n}", "password": STRONG}}, "IDENTIFIER_TAKEN", 409),
            ({"phone": f"1340000{n:04d}", "account": {"username": f"free{n}", "password": STRONG}}, "PHONE_TAKEN", 409),
            ({"account": {"username": f"1340000{n:04d}", "password": STRONG}}, "USERNAME_TAKEN", 409),
            ({"account": {"username": f"free{n}", "password": "weak"}}, "PASSWORD_WEAK", 422),
            ({"account": {"username": f"free{n}", "password": f"Xx-free{n}-9"}}, "PASSWORD_WEAK", 422),
            ({"account": {"username": f"free{n}", "password": "Ab-1" + "x" * 69}}, "PASSWORD_TOO_LONG", 422)):
        said = problem(office.admin.post(V1, {"name": "不成", **body}), code, status)
        if code.startswith("PASSWORD"):
            assert {e["field"] for e in said["errors"]} == {"account.password"}
    for body, field in (({"user_id": 999999}, "user_id"), ({"specialty_ids": [999999]}, "specialty_ids"), ({"specialty": "nothing"}, "specialty"),
                        ({"account": {"password": STRONG}}, "account"), ({"account": {"username": "abc"}}, "account.password"),
                        ({"license_no": "ab"}, "license_no"), ({"languages": ["english"]}, "languages[0]"), ({"years_experience": 81}, "years_experience"),
                        ({"consultation_fee": -1}, "consultation_fee"), ({"consultation_fee": 1e10}, "consultation_fee"), ({"consultation_fee": "x"}, "consultation_fee"), ({"status": "GONE"}, "status"), ({"introduction": "x" * 4001}, "introduction")):
        r = office.admin.post(V1, {"name": "不成", **body})
        assert r.status_code == 422, body
        said = problem(r, "VALIDATION_FAILED", 422)
        assert field in {e["field"] for e in said["errors"]}, said
    problem(office.admin.post(V1, {"title": "x"}), "VALIDATION_FAILED", 422)
    problem(office.admin.post(V1, {"name": "x", "user_id": taken, "account": {"username": "y", "password": STRONG}}), "VALIDATION_FAILED", 422)
    for who in (None, office.h.doctor_user, office.h.staff):
        problem(office.api(who).post(V1, {"name": "x"}), "FORBIDDEN" if who else "TOKEN_MISSING", 403 if who else 401)
    assert office.h.one("select count(*) from doctors") == count


def test_one_licence_at_once(office, n):
    api = lambda: office.system.api(token=office.admin.token)  # noqa: E731
    done = at_once([lambda i=i: api().post(V1, {"name": f"证{i}", "license_no": f"RACE-{n}"}) for i in range(5)])
    assert sorted(r.status_code for r in done) == [201, 409, 409, 409, 409]
    assert {r.json()["data"]["code"] for r in done if r.status_code == 409} == {"LICENSE_TAKEN"}


def test_one_account_at_once(office, n):
    user = add_user(office.db, username=f"wanted{n}")
    api = lambda: office.system.api(token=office.admin.token)  # noqa: E731
    done = at_once([lambda i=i: api().post(V1, {"name": f"号{i}", "user_id": user}) for i in range(4)])
    assert sorted(r.status_code for r in done) == [201, 409, 409, 409]
    assert {r.json()["data"]["code"] for r in done if r.status_code == 409} == {"USER_ALREADY_LINKED"}


# ---- /api/v1: changing

def test_v1_change(office, n):                                                        # DO-04
    s = office.specialty(f"D{n}", f"Derma {n}")
    doctor, user = office.doctor(title="旧", license_no=f"OLD-{n}")
    r = office.admin.patch(f"{V1}/{doctor}", {"title": None, "specialty": f"d{n}", "years_experience": 3, "email": f"New{n}@x.example",
                                              "consultation_fee": 66, "status": "INACTIVE", "license_no": f"NEW-{n}", "id": 1})
    d = contract.check("identity.v1_update_doctor", data(r))
    assert (d["title"], d["specialties"][0]["id"], d["years_experience"], d["email"], d["consultation_fee"], d["status"], d["license_no"]) == \
        (None, s, 3, f"New{n}@x.example", 66, "INACTIVE", f"NEW-{n}")
    assert office.account(user)["email"] == f"New{n}@x.example"
    problem(office.api().get(f"{V1}/{doctor}"), "NOT_FOUND", 404)
    etag = r.headers["ETag"]
    d = data(office.admin.put(f"{V1}/{doctor}", {"status": "ACTIVE", "specialty_ids": [], "consultation_fee": None}, headers={"If-Match": etag}))
    assert (d["status"], d["specialties"], d["consultation_fee"]) == ("ACTIVE", [], None)
    problem(office.admin.patch(f"{V1}/{doctor}", {"title": "x"}, headers={"If-Match": etag}), "PRECONDITION_FAILED", 412)
    changes = [e[2] for e in entries(office, "doctor.update", doctor)]
    assert changes[0]["email"] == [None, "N***@x.example"] and changes[0]["specialties"] == [[], [s]]
    assert changes[1] == {"status": ["INACTIVE", "ACTIVE"], "specialties": [[s], []], "default_price_normal": [66, None]}


def test_v1_change_links(office, n):
    doctor, user = office.doctor()
    other = add_user(office.db, username=f"next{n}")
    d = data(office.admin.patch(f"{V1}/{doctor}", {"user_id": other}))
    assert d["user_id"] == other and "DOCTOR" in data(office.admin.get(f"/api/v1/users/{other}"))["roles"]
    assert data(office.admin.patch(f"{V1}/{doctor}", {"user_id": None}))["user_id"] is None
    assert data(office.admin.patch(f"{V1}/{doctor}", {"user_id": user}))["user_id"] == user
    problem(office.admin.patch(f"{V1}/{doctor}", {"user_id": office.h.doctor_user}), "USER_ALREADY_LINKED", 409)
    problem(office.admin.patch(f"{V1}/{doctor}", {"user_id": 999999}), "VALIDATION_FAILED", 422)


def test_v1_change_refused(office, n):
    doctor, user = office.doctor()
    office.doctor(account=False, license_no=f"MINE-{n}")
    add_user(office.db, email=f"theirs{n}@x.example")
    problem(office.admin.patch(f"{V1}/999999", {"title": "x"}), "NOT_FOUND", 404)
    problem(office.admin.patch(f"{V1}/{doctor}", {"license_no": f"MINE-{n}"}), "LICENSE_TAKEN", 409)
    problem(office.admin.patch(f"{V1}/{doctor}", {"dept_id": office.h.major}), "DEPARTMENT_INVALID", 422)
    problem(office.admin.patch(f"{V1}/{doctor}", {"email": f"theirs{n}@x.example"}), "EMAIL_TAKEN", 409)
    problem(office.api(user).patch(f"{V1}/{doctor}", {"title": "x"}), "FORBIDDEN", 403)
    lonely = add_user(office.db, ["DOCTOR"], email=f"lonely{n}@x.example")
    own, _ = office.doctor(account=False, user_id=lonely)
    said = problem(office.admin.patch(f"{V1}/{own}", {"email": None}), "VALIDATION_FAILED", 422)
    assert said["errors"][0]["field"] == "email"
    assert office.row(doctor)["version"] == 1


def test_two_administrators_on_one_row(office):
    doctor, _ = office.doctor(account=False)
    etag = office.admin.get(f"{V1}/{doctor}").headers["ETag"]
    api = lambda: office.system.api(token=office.admin.token)  # noqa: E731
    done = at_once([lambda i=i: api().patch(f"{V1}/{doctor}", {"title": f"t{i}"}, headers={"If-Match": etag}) for i in range(4)])
    assert sorted(r.status_code for r in done) == [200, 412, 412, 412]
    done = at_once([lambda m=m: api().patch(f"{V1}/{doctor}", {m: "same"}) for m in ("title", "introduction", "specialty_text")])
    assert all(r.status_code == 200 for r in done)
    d = data(office.admin.get(f"{V1}/{doctor}"))
    assert (d["title"], d["introduction"], d["specialty_text"]) == ("same", "same", "same")


# ---- one's own row

def test_own_change(office, n):                                                       # DO-07, R-45
    doctor, user = office.doctor()
    api = office.api(user)
    r = api.patch(f"{V1}/me/profile", {"introduction": "我", "languages": ["fr"], "phone": f"1330000{n:04d}", "accepting_patients": False})
    d = contract.check("identity.v1_update_my_doctor", data(r))
    assert (d["id"], d["introduction"], d["languages"], d["phone"], d["accepting_patients"]) == (doctor, "我", ["fr"], f"1330000{n:04d}", False)
    problem(api.patch(f"{V1}/me/profile", {"title": "x"}, headers={"If-Match": f'"doctor-{doctor}-1"'}), "PRECONDITION_FAILED", 412)
    for member in ("dept_id", "department_id", "license_no", "status", "user_id", "consultation_fee"):
        for value in (None, 1, "x", office.h.dept2):
            said = problem(api.patch(f"{V1}/me/profile", {member: value, "title": "no"}), "FIELD_NOT_ALLOWED", 403)
            assert member in said["detail"]
    assert office.row(doctor)["title"] is None
    problem(office.api(office.h.user(roles=["DOCTOR"])).patch(f"{V1}/me/profile", {}), "PROFILE_NOT_FOUND", 404)
    problem(office.admin.patch(f"{V1}/me/profile", {}), "PROFILE_NOT_FOUND", 404)
    problem(office.api(office.h.staff).patch(f"{V1}/me/profile", {}), "FORBIDDEN", 403)


def test_own_row_made(office, n):                                                     # DO-08
    user = office.h.user("doctor", roles=["DOCTOR"])
    api = office.api(user)
    body = {"name": f"自己{n}", "dept_id": office.h.dept, "license_no": f"SELF-{n}", "status": "ACTIVE", "user_id": office.h.admin}
    r = api.post(f"{V1}/me/profile", body, headers={"Idempotency-Key": f"self-{n}"})
    d = contract.check("identity.v1_create_my_doctor", data(r, 201))
    assert (d["user_id"], d["status"], d["license_no"]) == (user, "INACTIVE", f"SELF-{n}")
    assert r.headers["Location"] == f"{V1}/me/profile"
    assert data(api.post(f"{V1}/me/profile", body, headers={"Idempotency-Key": f"self-{n}"}), 201)["id"] == d["id"]
    problem(office.api().get(f"{V1}/{d['id']}"), "NOT_FOUND", 404)
    assert data(api.get(f"{V1}/me/profile"))["id"] == d["id"]
    problem(api.post(f"{V1}/me/profile", body), "USER_ALREADY_LINKED", 409)
    data(office.admin.patch(f"{V1}/{d['id']}", {"status": "ACTIVE"}))
    assert data(office.api().get(f"{V1}/{d['id']}"))["name"] == f"自己{n}"
    new = office.api(office.h.user("doctor", roles=["DOCTOR"]))
    problem(new.post(f"{V1}/me/profile", {"name": "x", "license_no": f"SELF-{n}"}), "LICENSE_TAKEN", 409)
    problem(new.post(f"{V1}/me/profile", {"name": "x", "dept_id": office.h.major}), "DEPARTMENT_INVALID", 422)
    problem(new.post(f"{V1}/me/profile", {"title": "x"}), "VALIDATION_FAILED", 422)
    problem(office.admin.post(f"{V1}/me/profile", {"name": "x"}), "FORBIDDEN", 403)


def test_own_row_made_once(office):
    user = office.h.user("doctor", roles=["DOCTOR"])
    token = office.api(user).token
    done = at_once([lambda: office.system.api(token=token).post(f"{V1}/me/profile", {"name": "一次"}) for _ in range(4)])
    assert sorted(r.status_code for r in done) == [201, 409, 409, 409]


# ---- Heartbeat

def hb(r, status=200):
    assert r.status_code == status, r.text
    return r.json()


def test_heartbeat_make(office, n):                                                   # HB-09, R-221
    mail = f"robin{n}@clinic.example"
    body = {"name": "Robin", "surname": "Example", "email": mail, "password": STRONG, "phone": f"1390000{n:04d}",
            "specialization": "Cardiology", "experience_years": 12, "dept_id": str(office.h.dept), "license_no": f"HB-{n}"}
    d = contract.check("identity.hb_create_doctor", hb(office.admin.post("/doctor", body), 201))
    assert {k: d[k] for k in ("username", "name", "surname", "email", "phone", "specialization", "experience_years", "dept_id")} == \
        {"username": mail, "name": "Robin", "surname": "Example", "email": mail, "phone": f"1390000{n:04d}", "specialization": "Cardiology",
         "experience_years": 12, "dept_id": office.h.dept}
    r = office.api().request("POST", "/auth/token", data={"grant_type": "password", "username": mail, "password": STRONG})
    assert r.status_code == 200
    assert data(office.api().get(f"{V1}/{d['id']}"))["name"] == "Robin Example"
    least = hb(office.admin.post(HB, {"name": "Sky", "email": f"sky{n}@clinic.example", "password": STRONG, "username": f"sky.{n}"}), 201)
    assert (least["username"], least["surname"], least["dept_id"]) == (f"sky.{n}", None, None)


def test_heartbeat_make_refused(office, n):
    add_user(office.db, username=f"hbtaken{n}", email=f"hbtaken{n}@x.example", phonenumber=f"1320000{n:04d}")
    office.doctor(account=False, license_no=f"HBL-{n}")
    good = {"name": "A", "email": f"a{n}@x.example", "password": STRONG}
    for body, code in (({"email": f"HBtaken{n}@x.example", "username": f"a.{n}"}, "EMAIL_TAKEN"), ({"username": f"hbTaken{n}"}, "USERNAME_TAKEN"),
                       ({"phone": f"1320000{n:04d}"}, "PHONE_TAKEN"), ({"license_no": f"HBL-{n}"}, "LICENSE_TAKEN")):
        assert hb(office.admin.post(HB, {**good, **body}), 409)["code"] == code
    for body, member in (({"dept_id": office.h.major}, "dept_id"), ({"password": "weak"}, "password"), ({"email": "x"}, "email"), ({"name": ""}, "name"), ({"experience_years": 81}, "experience_years")):
        assert hb(office.admin.post(HB, {**good, **body}), 422)["detail"][0]["loc"] == ["body", member]
    for missing in good:
        detail = hb(office.admin.post(HB, {k: v for k, v in good.items() if k != missing}), 422)["detail"]
        assert {"loc": ["body", missing], "type": "missing"}.items() <= detail[0].items() or detail[0]["loc"] == ["body", missing]
    assert hb(office.api().post(HB, good), 401) == {"detail": "Not authenticated"}
    assert hb(office.api(office.h.doctor_user).post(HB, good), 403) == {"detail": "Not enough permissions"}
    assert office.h.one("select count(*) from users where email = %s", good["email"]) == 0


def test_heartbeat_change(office, n):                                                 # HB-10
    doctor, user = office.doctor(first_name="Old", last_name="Name", name="Old Name")
    d = contract.check("identity.hb_update_doctor", hb(office.admin.put(HB, {"id": str(doctor), "surname": "New", "experience_years": 7})))
    assert (d["name"], d["surname"], d["experience_years"]) == ("Old", "New", 7) and office.row(doctor)["name"] == "Old New"
    d = hb(office.admin.put("/doctor", {"email": f"hbnew{n}@x.example", "license_no": f"HBN-{n}", "dept_id": office.h.dept2}, params={"doctor_id": doctor}))
    assert (d["email"], d["dept_id"]) == (f"hbnew{n}@x.example", office.h.dept2)
    assert hb(office.admin.put(HB, {"id": doctor}, params={"doctor_id": doctor}))["id"] == doctor
    for query, body in (({}, {}), ({"doctor_id": doctor}, {"id": doctor + 1}), ({"id": doctor, "doctor_id": doctor + 1}, {})):
        assert "doctor_id" in hb(office.admin.put(HB, body, params=query), 422)["detail"][0]["loc"]
    assert hb(office.admin.put(HB, {"id": 999999}), 404) == {"detail": "Doctor not found"}
    assert hb(office.admin.put(HB, {"id": 999999}, token=None), 401) == {"detail": "Not authenticated"}


def test_heartbeat_own_change(office, n):
    doctor, user = office.doctor(license_no=f"OWN-{n}")
    name = office.account(user)["username"]
    api, elsewhere = office.sign_in(name), office.sign_in(name)
    d = hb(api.put(HB, {"id": doctor, "specialization": "x", "dept_id": office.h.dept, "license_no": f"OWN-{n}"}))      # as they are
    assert d["specialization"] == "x" and d["username"] == name
    for change in ({"dept_id": office.h.dept2}, {"dept_id": None}, {"license_no": "OTHER-1"}):
        assert hb(api.put(HB, {"id": doctor, **change}), 403) == {"detail": "Not enough permissions"}
    assert hb(api.put(HB, {"id": office.h.doctor, "name": "x"}), 403)
    assert hb(office.api(office.h.staff).put(HB, {"id": doctor, "name": "x"}), 403)
    assert hb(api.put(HB, {"id": doctor, "password": "weak"}), 422)["detail"][0]["loc"] == ["body", "password"]
    hb(api.put(HB, {"id": doctor, "password": STRONG}))
    wait_for("other sessions to end", lambda: elsewhere.get(f"{V1}/me/profile").status_code == 401, timeout=5)
    assert api.get(f"{V1}/me/profile").status_code == 200
    assert office.sign_in(name, STRONG)
    hb(office.admin.put(HB, {"id": doctor, "password": PASSWORD}))
    wait_for("all sessions to end", lambda: api.get(f"{V1}/me/profile").status_code == 401, timeout=5)
    assert office.sign_in(name)


def test_heartbeat_password_of_a_doctor_without_an_account(office, n):
    doctor, _ = office.doctor(account=False)
    assert hb(office.admin.put(HB, {"id": doctor, "password": STRONG}), 422)
    d = hb(office.admin.put(HB, {"id": doctor, "password": STRONG, "username": f"made.{n}"}))
    assert d["username"] == f"made.{n}" and office.sign_in(f"made.{n}", STRONG)


def test_the_log_of_it_says_who(office, n):
    """Each surface's changes are in the log, with who made them, and without a password."""
    message(office.admin.post(OFFICE, {"dept_id": office.h.dept, "name": "志", "identifier": f"log-{n}", "password": STRONG}))
    data(office.admin.post(V1, {"name": "志", "account": {"username": f"log.{n}", "password": STRONG}}), 201)
    hb(office.admin.post(HB, {"name": "志", "email": f"log{n}@x.example", "password": STRONG}), 201)
    rows = office.h.run("select surface, actor_id, changes from audit_log where action = 'doctor.create' and changes->'name'->>1 = '志' "
                        "or changes->'first_name'->>1 = '志' order by id")
    assert [r[:2] for r in rows] == [("code", office.h.admin), ("v1", office.h.admin), ("heartbeat", office.h.admin)]
    assert not [r for r in office.h.run("select changes from audit_log") if STRONG in json.dumps(r[0])]
