"""Registration on the code surface, in both forms (BR-09, BR-10, BR-16, R-20), over HTTP."""

import threading
import uuid

import pytest

from support import contract, mailbox
from support.accounts import add_user
from support.http import data, message
from support.identity import api, db, system    # noqa: F401  (fixtures)
from support.jobs import Jobs

PASSWORD = "secret-18-letters!"                                        # 18 characters, the most

_serial = iter(range(1, 10000))


@pytest.fixture
def phone():
    return f"1340000{next(_serial):04d}"


@pytest.fixture
def verified(db, phone):
    """A phone number with an open window."""
    open_window(db, phone)
    return phone


def open_window(db, phone, seconds=900):
    db.query("insert into verification_codes (channel, recipient, tries_left, sent_at, expires_at, verified_until) "
             "values ('sms', %s, 0, now(), now(), now() + %s * interval '1 s') on conflict (channel, recipient) do update "
             "set verified_until = excluded.verified_until", phone, seconds)


def register(api, **body):
    return api.post("/auth/register", body)


def refused(reply, msg, code=100):
    assert message(reply, code)["msg"] == msg


NOT_VERIFIED = "手机号未验证或验证已过期，请先完成验证码验证"
LINK_INVALID = "验证链接无效或已过期"


# ---- the clients' form

def test_a_patient_registers_and_is_signed_in(system, api, db, phone):
    message(api.post("/auth/sms/send-code", {"phone": phone}))
    message(api.post("/auth/sms/verify-code", {"phone": phone, "code": mailbox.code(system, phone)}))
    said = message(register(api, phonenumber=phone, password=PASSWORD, name="李明", gender="女", birth_date="1990-02-28",
                            email="", identifier="S1", patient_type="student"))
    token = contract.check("identity.register_account", said)
    assert isinstance(token, str)
    info = message(api.get("/auth/user-info", token=token))
    patient = info["patient"]
    assert info["doctor"] is None and patient["realName"] == "李明" and patient["gender"] == "女"
    assert patient["birthDate"] == "1990-02-28" and patient["patientType"] == "校外" and patient["verified"] is True
    assert patient["phonenumber"] == phone and patient["identifier"] is None and patient["email"] is None
    assert db.row("select u.user_type, u.is_verified, gh_user_roles(u.id), r.relation_type, r.is_default "
                  "from users u join patients p on p.user_id = u.id "
                  "join patient_relations r on r.user_patient_id = p.id and r.related_patient_id = p.id "
                  "where u.phonenumber = %s", phone) == ("external", True, ["PATIENT"], "本人", True)
    again = message(api.post("/auth/patient/login", {"phonenumber": phone, "password": PASSWORD}))
    assert message(api.get("/auth/me", token=again)) == {"role": "user"}
    message(api.get("/auth/me", token=token), 105, 401)                               # BR-05: one session
    assert data(api.post("/api/v1/auth/login", {"phone": phone, "password": PASSWORD}))["user"]["roles"] == ["PATIENT"]
    refused(register(api, phonenumber=phone, password=PASSWORD, name="李明"), NOT_VERIFIED)        # the window is used up
    assert PASSWORD not in system.logs(100000)


def test_what_cannot_be_read_is_left_out(api, verified):
    token = message(register(api, phonenumber=f"{verified[:3]} {verified[3:7]}-{verified[7:]}", password=PASSWORD, name="王",
                             gender="M", birth_date="1990-02-30", email=f"w{verified}@clinic.example"))
    patient = message(api.get("/auth/user-info", token=token))["patient"]
    assert (patient["gender"], patient["birthDate"]) == ("未知", None)
    assert patient["email"] == f"w{verified}@clinic.example" and patient["phonenumber"] == verified


def test_the_phone_must_be_verified_and_unused(api, db, phone):
    body = {"phonenumber": phone, "password": PASSWORD, "name": "李明"}
    refused(register(api, **body), NOT_VERIFIED)
    open_window(db, phone, -1)
    refused(register(api, **body), NOT_VERIFIED)
    add_user(db, phonenumber=phone)
    refused(register(api, **body), NOT_VERIFIED)                                      # tells nothing of the account
    open_window(db, phone)
    refused(register(api, **body), "该手机号已被注册")
    assert db.value("select verified_until > now() from verification_codes where recipient = %s", phone)


def test_the_mail_address_must_be_unused(api, db, verified):
    taken = f"t{verified}@clinic.example"
    add_user(db, email=taken)
    body = {"phonenumber": verified, "password": PASSWORD, "name": "李明"}
    refused(register(api, **body, email=taken.upper()), "该邮箱已被注册")
    assert "email" in message(register(api, **body, email="nobody"), 99)["msg"]
    message(register(api, **body, email=f"u{verified}@clinic.example"))


def test_bad_members_are_named(api, verified):
    good = {"phonenumber": verified, "password": PASSWORD, "name": "李明"}
    for member, value in (("password", PASSWORD + "x"), ("password", ""), ("phonenumber", "12"), ("name", "")):
        assert member in message(register(api, **{**good, member: value}), 99)["msg"]
    for member in ("phonenumber", "password"):
        assert member in message(register(api, **{k: v for k, v in good.items() if k != member}), 99)["msg"]
    message(register(api, phonenumber=verified, password=PASSWORD), 99)


def test_of_two_at_once_one_registers(system, api, db, verified):
    results = []

    def go():
        results.append(register(system.api(), phonenumber=verified, password=PASSWORD, name="李明").json())

    threads = [threading.Thread(target=go) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(r["code"] for r in results) == [0, 100, 100, 100]
    assert db.value("select count(*) from users where phonenumber = %s", verified) == 1


def test_a_job_delivered_twice_makes_one_account(system, db, verified):
    jobs = Jobs(system)
    try:
        body = {"phonenumber": verified, "password": PASSWORD, "name": "李明"}
        id = uuid.UUID(int=(db.value("select (extract(epoch from now()) * 1000)::bigint") << 80) | (7 << 76) | (2 << 62) | next(_serial))
        for _ in range(2):
            assert jobs.call("identity.register_account", body=body, id=id.bytes).ok()
    finally:
        jobs.close()
    assert db.value("select count(*) from users where phonenumber = %s", verified) == 1


# ---- the seed's form

@pytest.fixture
def applicant(phone):
    return {"email": f"User{phone}@clinic.example", "username": f"user{phone}", "phonenumber": f"+86 {phone}", "password": PASSWORD}


def link_of(system, applicant, count=1):
    return mailbox.link(system, applicant["email"], count)


def open_link(api, link):
    assert link.startswith(api.base + "/")
    return api.get(link[len(api.base):])


def test_the_mail_form_waits_for_its_link(system, api, db, applicant):
    said = contract.check("identity.register_account", message(register(api, **applicant)))
    assert said == {"detail": "注册成功，请前往邮箱验证"}
    name = applicant["phonenumber"].replace(" ", "")
    login = {"phonenumber": name, "password": PASSWORD}
    refused(api.post("/auth/patient/login", login), "账号未验证，请先完成手机号验证", 101)
    assert not db.query("select 1 from patients p join users u on u.id = p.user_id where u.phonenumber = %s", name)
    link = link_of(system, applicant)
    assert contract.check("identity.confirm_email", message(open_link(api, link))) == {"detail": "邮箱验证成功"}
    token = message(api.post("/auth/patient/login", login))
    patient = message(api.get("/auth/user-info", token=token))["patient"]
    assert patient["realName"] == applicant["username"] and patient["email"] == applicant["email"]
    message(open_link(api, link))                                                     # a second look harms nothing
    assert db.value("select count(*) from patients p join users u on u.id = p.user_id "
                    "join patient_relations r on r.user_patient_id = p.id where u.phonenumber = %s", name) == 1
    assert link.split("token=")[1] not in system.logs(100000)


def test_a_link_is_no_access_token_and_no_other_token_is_a_link(system, api, applicant):
    message(register(api, **applicant))
    token = link_of(system, applicant).split("token=")[1]
    message(api.get("/auth/me", token=token), 105, 401)
    access = system.token("13800000001")
    for bad in (access, "x", token[:-2], token.rsplit(".", 1)[0] + "."):
        refused(api.get("/auth/verifyEmail", params={"token": bad}), LINK_INVALID)
    assert "token" in message(api.get("/auth/verifyEmail"), 99)["msg"]
    message(api.get("/auth/verifyEmail", params={"token": token}))


def test_names_in_use_are_refused(system, api, db, applicant, phone):
    add_user(db, username=applicant["username"].upper())
    refused(register(api, **applicant), "该用户名已被注册")
    add_user(db, email=applicant["email"].lower())
    refused(register(api, **{**applicant, "username": "n" + applicant["username"]}), "该邮箱已被注册")
    add_user(db, phonenumber="+86" + phone)
    refused(register(api, **{**applicant, "username": "m" + applicant["username"], "email": "m" + applicant["email"]}),
            "该手机号已被注册")
    for member, value in (("email", "nobody"), ("username", "two words"), ("username", "")):
        assert member in message(register(api, **{**applicant, member: value}), 99)["msg"]
    assert not mailbox.messages(system, applicant["email"])


def test_an_account_that_was_not_confirmed_gives_its_names_back(system, api, db, applicant):
    message(register(api, **applicant))
    first = link_of(system, applicant)
    refused(register(api, **applicant), "该手机号已被注册")                              # while the link lives
    db.query("update users set confirm_until = now() - interval '1 s' where email = %s", applicant["email"])
    refused(open_link(api, first), LINK_INVALID)
    message(register(api, **applicant))
    second = link_of(system, applicant, 2)
    message(open_link(api, second))
    assert db.value("select count(*) from users where email = %s and is_verified", applicant["email"]) == 1
    assert db.value("select count(*) from users where is_deleted and confirm_until < now() and username is null and email is null "
                    "and phonenumber is null") == 1
