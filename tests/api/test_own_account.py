"""The caller's own profile, renewing a token, and the sign-in for OAuth2 forms on the code surface, over HTTP."""

import base64
import json
import threading

import pytest

from support import contract
from support.accounts import PASSWORD, add_user
from support.http import data, message, problem
from support.identity import api, db, system    # noqa: F401  (fixtures)

_serial = iter(range(1, 10000))


@pytest.fixture
def patient(db):
    """(id, phone) of a fresh account with its patient row."""
    phone = f"1330000{next(_serial):04d}"
    user = add_user(db, phonenumber=phone, full_name="示例患者")
    db.query("insert into patients (user_id, name, gender, date_of_birth) values (%s, '示例患者', 'male', '1990-02-03')", user)
    return user, phone


@pytest.fixture
def token(system, patient):
    return system.token(patient[1])


def refused(reply, code, msg, status=200):
    assert message(reply, code, status)["msg"] == msg


# ---- own profile

def test_a_patient_changes_name_gender_and_birth_date(api, db, patient, token):
    for path in ("/auth/profile", "/patient/profile"):
        said = message(api.put(path, {"realName": "李明", "gender": "female", "birthDate": "2001-05-20"}, token=token))
        assert contract.check("identity.update_profile", said) == {
            "detail": "个人信息更新成功", "updatedFields": {"realName": "李明", "gender": "女", "birthDate": "2001-05-20"}}
    shown = message(api.get("/auth/user-info", token=token))["patient"]
    assert (shown["realName"], shown["gender"], shown["birthDate"]) == ("李明", "女", "2001-05-20")
    assert db.value("select full_name from users where id = %s", patient[0]) == "李明"


def test_only_what_is_given_is_changed(api, db, patient, token):
    db.query("update users set full_name = '另一个名字' where id = %s", patient[0])
    for body, fields in (({"gender": "未知", "realName": None}, {"realName": None, "gender": "未知", "birthDate": None}),
                         ({"realName": "王"}, {"realName": "王", "gender": None, "birthDate": None}),
                         ({}, {"realName": None, "gender": None, "birthDate": None})):
        said = contract.check("identity.update_profile", message(api.put("/auth/profile", body, token=token)))
        assert said["updatedFields"] == fields
    assert db.row("select p.name, p.gender, p.date_of_birth::text, u.full_name from patients p join users u on u.id = p.user_id "
                  "where u.id = %s", patient[0]) == ("王", "unknown", "1990-02-03", "另一个名字")


def test_profile_refusals_have_their_sentences(api, db, system, token):
    refused(api.put("/auth/profile", {"gender": "M"}, token=token), 104, "性别参数无效，请使用：男/女/未知")
    for born in ("2001-02-30", "20010520", "2001/05/20", "2999-01-01", ""):
        refused(api.put("/auth/profile", {"realName": "不变", "birthDate": born}, token=token), 104,
                "出生日期格式错误，请使用 YYYY-MM-DD 格式")
    assert message(api.get("/auth/user-info", token=token))["patient"]["realName"] == "示例患者"
    refused(api.put("/auth/profile", {"gender": "M"}, token=system.token("A0001")), 106, "患者记录不存在，请先完成注册")
    assert "realName" in message(api.put("/auth/profile", {"realName": ""}, token=token), 99)["msg"]
    message(api.put("/auth/profile", {"realName": "无"}), 105, 401)


# ---- renewing a token

def sign_in(api, phone):
    return message(api.post("/auth/patient/login", {"phonenumber": phone, "password": PASSWORD}))


def test_a_new_token_ends_the_old_one(api, patient):
    old = sign_in(api, patient[1])
    for path in ("/auth/refresh-token", "/auth/refreshToken"):
        new = contract.check("identity.renew_token", message(api.post(path, {}, token=old)))["token"]
        refused(api.post(path, {}, token=old), 105, "Token 无效或已失效", 401)
        assert message(api.get("/auth/me", token=new)) == {"role": "user"}
        old = new
    refused(api.post("/auth/refresh-token", {}), 105, "Token无效或已失效", 401)


def test_renewing_from_another_surface(api, db, patient):
    classic = sign_in(api, patient[1])
    pair = data(api.post("/api/v1/auth/login", {"phone": patient[1], "password": PASSWORD}))
    other = data(api.post("/api/v1/auth/login", {"phone": patient[1], "password": PASSWORD}))
    new = message(api.post("/auth/refresh-token", token=pair["access_token"]))["token"]
    message(api.get("/auth/me", token=new))
    for dead in (classic, pair["access_token"]):                        # its own, and the former one of these routes
        message(api.get("/auth/me", token=dead), 105, 401)
    problem(api.post("/api/v1/auth/refresh", {"refresh_token": pair["refresh_token"]}), "TOKEN_REVOKED", 401)
    message(api.get("/auth/me", token=other["access_token"]))


def test_of_two_renewals_at_once_one_counts(system, api, db, patient):
    old, results = sign_in(api, patient[1]), []

    def go():
        results.append(system.api().post("/auth/refresh-token", {}, token=old).json())

    threads = [threading.Thread(target=go) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(r["code"] for r in results) == [0, 105, 105, 105]
    assert db.value("select count(*) from sessions where user_id = %s and revoked_at is null", patient[0]) == 1


def test_a_banned_account_gets_no_new_token(api, db, patient):
    old = sign_in(api, patient[1])
    db.query("insert into user_bans (user_id, ban_type) values (%s, 'login')", patient[0])
    refused(api.post("/auth/refresh-token", {}, token=old), 105, "Token 无效或已失效", 401)


# ---- the form

def form(api, name, password=PASSWORD, **more):
    return api.request("POST", "/auth/swagger-login", data={"username": name, "password": password, **more})


def test_a_form_gets_the_bare_object(api, patient):
    former = sign_in(api, patient[1])
    r = form(api, patient[1], grant_type="password", scope="", client_id="", client_secret="")
    assert r.status_code == 200 and r.headers["Cache-Control"] == "no-store"
    assert list(r.json()) == ["access_token", "token_type"] and r.json()["token_type"] == "bearer"
    contract.check("identity.login_form", r.json())
    assert message(api.get("/auth/me", token=r.json()["access_token"])) == {"role": "user"}
    claims = json.loads(base64.urlsafe_b64decode(r.json()["access_token"].split(".")[1] + "=="))      # api/00 section 0.6
    assert (claims["login_time"], claims["login_ip"], claims["user_type"]) == (claims["iat"], "127.0.0.1", "external")
    message(api.get("/auth/me", token=former), 105, 401)                                  # BR-05
    assert message(api.get("/auth/me", token=form(api, "A0001").json()["access_token"])) == {"role": "admin"}


def test_json_gets_the_enveloped_object(api, patient):
    said = message(api.post("/auth/swagger-login", {"username": patient[1], "password": PASSWORD}))
    contract.check("identity.login_form", said)
    assert said["userid"] == patient[0] and said["token_type"] == "Bearer"


def test_form_refusals_have_their_sentences(api, db, patient):
    def both(name, password, code, msg):
        refused(form(api, name, password), code, msg)
        refused(api.post("/auth/swagger-login", {"username": name, "password": password}), code, msg)

    both(patient[1], "wrong", 98, "手机号/工号或密码错误")
    both("13299999999", PASSWORD, 98, "手机号/工号或密码错误")
    assert "password" in message(api.request("POST", "/auth/swagger-login", data={"username": "x"}), 99)["msg"]
    db.query("update users set is_verified = false where id = %s", patient[0])
    both(patient[1], PASSWORD, 98, "账号未验证，请先完成验证")
    db.query("update users set is_verified = true where id = %s", patient[0])
    db.query("insert into user_bans (user_id, ban_type, reason) values (%s, 'all', '测试')", patient[0])
    both(patient[1], PASSWORD, 98, "账号已被封禁，原因: 测试，永久封禁")
    db.query("update users set is_active = false where id = %s", patient[0])
    assert message(form(api, patient[1]), 101)["error"] == "登录失败"


def test_five_wrong_passwords_lock_the_form_too(api, patient):
    for _ in range(5):
        message(form(api, patient[1], "wrong"), 98)
    r = form(api, patient[1])
    assert message(r, 101)["error"] == "登录失败" and int(r.headers["Retry-After"]) > 0


# ---- height and address of the own health record (api/07 sections 7.5, 7.6)

BASIC = "/patient/profile/basic-info"


def basic(api, token):
    info = message(api.get("/patient/health-record", token=token))["basicInfo"]
    return info["height"], info["address"]


def test_height_and_address_of_the_health_record(api, db, patient, token):
    assert basic(api, token) == (None, None)
    said = message(api.put(BASIC, {"height": "172", "address": " 学院路 3 号 "}, token=token))
    assert contract.check("identity.update_basic_info", said) == {"success": True}
    assert basic(api, token) == (172, "学院路 3 号")
    message(api.put(BASIC, {"address": "长青路 1 号"}, token=token))              # what is absent stays
    assert basic(api, token) == (172, "长青路 1 号")
    message(api.put(BASIC, {"height": None, "address": ""}, token=token))         # what is empty goes
    assert basic(api, token) == (None, None)
    assert db.row("select m.source, m.updated_by from medical_profiles m join patients p on p.id = m.patient_id where p.user_id = %s",
                  patient[0]) == ("patient", patient[0])


def test_an_address_that_comes_back_as_it_was_shown_keeps_its_parts(api, db, patient, token):
    parts = {"country": "CN", "city": "北京", "line": "学院路 3 号", "postal_code": "100044"}
    db.query("update patients set address = %s where user_id = %s", json.dumps(parts), patient[0])
    shown = basic(api, token)[1]
    message(api.put(BASIC, {"height": 160, "address": shown}, token=token))
    assert db.value("select address from patients where user_id = %s", patient[0]) == parts and basic(api, token) == (160, shown)
    found = db.query("select changes - 'height_cm' from audit_log where action = 'patient.update' and actor_id = %s", patient[0])
    assert found == [({},)]
    version = db.value("select version from patients where user_id = %s", patient[0])
    message(api.put(BASIC, {"height": 160}, token=token))                         # nothing new: nothing written
    assert db.value("select version from patients where user_id = %s", patient[0]) == version


def test_basic_info_refusals(api, db, system, patient, token):
    db.query("insert into medical_profiles (patient_id, height_cm, allergies, source) select id, 170, '[{\"substance\": \"青霉素\"}]', "
             "'clinician' from patients where user_id = %s", patient[0])
    for height in (19, 273, 1.5, "x"):
        refused(api.put(BASIC, {"height": height}, token=token), 99, "参数 height 不正确")
    refused(api.put(BASIC, {"address": "长" * 256}, token=token), 99, "参数 address 不正确")
    refused(api.put(BASIC, {"height": 170}, token=system.token("A0001")), 106, "患者信息不存在")
    message(api.put(BASIC, {"height": 180}), 105, 401)
    message(api.put(BASIC, {"height": 272}, token=token))
    assert basic(api, token)[0] == 272                                            # and the rest of the profile stays
    assert message(api.get("/patient/health-record", token=token))["medicalHistory"]["allergyHistory"] == ["青霉素"]
