"""Codes of six digits by short message and mail (BR-08, BR-11), over HTTP."""

import pytest

from support import contract, mailbox
from support.accounts import add_user
from support.http import message
from support.identity import api, db, system    # noqa: F401  (fixtures)

_serial = iter(range(1, 10000))


@pytest.fixture
def phone():
    return f"1360000{next(_serial):04d}"


@pytest.fixture
def address():
    return f"reader{next(_serial)}@clinic.example"


@pytest.fixture
def user(db, system):
    """(id, token) of a fresh account."""
    phone = f"1350000{next(_serial):04d}"
    user = add_user(db, phonenumber=phone)
    return user, system.token(phone)


def other(code):
    return f"{(int(code) + 1) % 1000000:06d}"


def send_sms(api, phone):
    return api.post("/auth/sms/send-code", {"phone": phone})


def verify_sms(api, phone, code):
    return api.post("/auth/sms/verify-code", {"phone": phone, "code": code})


def refused(reply, code, msg):
    assert message(reply, code)["msg"] == msg


def later(db, recipient, seconds):
    """As if the code had been sent so long ago."""
    db.query("update verification_codes set sent_at = sent_at - %s * interval '1 s', expires_at = expires_at - %s * interval '1 s' "
             "where recipient = %s", seconds, seconds, recipient)


# ---- short messages

def test_a_code_arrives_and_opens_the_window(system, api, db, phone):
    assert contract.check("identity.send_sms_code", message(send_sms(api, phone))) == {"detail": "验证码已发送"}
    code = mailbox.code(system, phone)
    assert "5分钟" in mailbox.wait(system, phone)["text"]
    said = contract.check("identity.verify_sms_code", message(verify_sms(api, f"{phone[:3]}-{phone[3:]}", code)))
    assert said == {"detail": "验证码验证通过"}
    assert db.value("select verified_until - now() between interval '14 min' and interval '15 min' from verification_codes "
                    "where recipient = %s", phone)
    refused(verify_sms(api, phone, code), 106, "验证码错误或已过期")                     # once
    logs = system.logs(100000)
    assert code not in logs and phone not in logs
    assert code not in str(db.query("select code_hash::text from verification_codes"))


def test_the_next_code_after_a_minute_replaces_the_first(system, api, db, phone):
    message(send_sms(api, phone))
    first = mailbox.code(system, phone)
    refused(send_sms(api, phone), 106, "发送过于频繁，请稍后再试")
    later(db, phone, 59)
    refused(send_sms(api, phone), 106, "发送过于频繁，请稍后再试")
    later(db, phone, 1)
    message(send_sms(api, phone))
    second = mailbox.code(system, phone, 2)
    if first != second:
        refused(verify_sms(api, phone, first), 106, "验证码错误，还剩2次机会")
    message(verify_sms(api, phone, second))
    assert len(mailbox.messages(system, phone)) == 2


def test_three_wrong_tries_discard_the_code(system, api, phone):
    message(send_sms(api, phone))
    code = mailbox.code(system, phone)
    refused(verify_sms(api, phone, other(code)), 106, "验证码错误，还剩2次机会")
    refused(verify_sms(api, phone, other(code)), 106, "验证码错误，还剩1次机会")
    refused(verify_sms(api, phone, other(code)), 106, "尝试次数过多，请重新获取验证码")
    refused(verify_sms(api, phone, code), 106, "验证码错误或已过期")
    refused(send_sms(api, phone), 106, "发送过于频繁，请稍后再试")                       # discarding shortens no pause


def test_a_code_lives_five_minutes(system, api, db, phone):
    refused(verify_sms(api, phone, "123456"), 106, "验证码错误或已过期")                 # none was sent
    message(send_sms(api, phone))
    code = mailbox.code(system, phone)
    later(db, phone, 300)
    refused(verify_sms(api, phone, code), 106, "验证码错误或已过期")


def test_bad_phones_and_codes_are_named(api, phone):
    for body in ({}, {"phone": "abc"}, {"phone": ""}):
        assert "phone" in message(api.post("/auth/sms/send-code", body), 99)["msg"]
    assert "code" in message(verify_sms(api, phone, "12345"), 99)["msg"]


# ---- mail

def send_mail(api, token, address):
    return api.post("/auth/email/send-verify-code", {"email": address}, token=token)


def bind(api, token, address, code):
    return api.post("/auth/email/verify-code", {"email": address, "code": code}, token=token)


def test_an_address_is_bound(system, api, db, user, address):
    mixed = address.replace("reader", "Reader")
    said = contract.check("identity.send_email_code", message(send_mail(api, user[1], mixed)))
    assert said == {"detail": "验证码已发送到你的邮箱，请在5分钟内验证", "email_masked": "Rea***@clinic.example"}
    code = mailbox.code(system, address)
    refused(bind(api, user[1], address, other(code)), 104, "验证码错误，还剩2次机会")
    said = contract.check("identity.bind_email", message(bind(api, user[1], mixed, code)))
    assert said == {"detail": "邮箱绑定成功", "email": mixed}
    assert db.value("select email from users where id = %s", user[0]) == mixed
    assert message(api.get("/auth/user-info", token=user[1]))
    refused(bind(api, user[1], address, code), 104, "验证码错误或已过期")
    assert code not in system.logs(100000)


def test_a_malformed_address_is_refused_with_its_sentence(api, user):
    for address in ("nobody", "a@b", "a b@c.d", "a@b.c\r\nBcc: d@e.f"):
        refused(send_mail(api, user[1], address), 104, "邮箱格式不合法")
        refused(bind(api, user[1], address, "123456"), 104, "邮箱格式不合法")
    assert "email" in message(api.post("/auth/email/send-verify-code", {}, token=user[1]), 99)["msg"]


def test_an_address_of_somebody_else_stays_theirs(system, api, db, user, address):
    add_user(db, email=address.upper())
    refused(send_mail(api, user[1], address), 104, "该邮箱已被其他用户使用")
    assert not db.query("select 1 from verification_codes where recipient = %s", address)
    add_user(db, username="name-" + address)                                            # names of every kind
    refused(send_mail(api, user[1], "name-" + address), 104, "该邮箱已被其他用户使用")
    # taken between code and answer
    free = "late-" + address
    message(send_mail(api, user[1], free))
    code = mailbox.code(system, free)
    thief = add_user(db, email=free)
    refused(bind(api, user[1], free, code), 104, "该邮箱已被其他用户使用")
    db.query("update users set email = null where id = %s", thief)
    message(bind(api, user[1], free, code))                                             # the refusal used nothing up


def test_mail_codes_have_the_same_limits(system, api, db, user, address):
    message(send_mail(api, user[1], address))
    code = mailbox.code(system, address)
    refused(send_mail(api, user[1], address), 104, "发送过于频繁，请稍后再试")
    for said in ("验证码错误，还剩2次机会", "验证码错误，还剩1次机会", "尝试次数过多，请重新获取验证码", "验证码错误或已过期"):
        refused(bind(api, user[1], address, other(code)), 104, said)
    later(db, address, 60)
    message(send_mail(api, user[1], address))
    later(db, address, 300)
    refused(bind(api, user[1], address, mailbox.code(system, address, 2)), 104, "验证码错误或已过期")


def test_a_code_belongs_to_who_asked(system, api, db, user, address):
    stranger_phone = f"1350000{next(_serial):04d}"
    add_user(db, phonenumber=stranger_phone)
    stranger = system.token(stranger_phone)
    message(send_mail(api, user[1], address))
    code = mailbox.code(system, address)
    for guess in (code, other(code), other(code), other(code)):
        refused(bind(api, stranger, address, guess), 104, "验证码与当前用户不匹配")
    message(bind(api, user[1], address, code))


def test_mail_codes_need_a_sign_in(api, address):
    message(send_mail(api, None, address), 105, 401)
    message(bind(api, None, address, "123456"), 105, 401)


# ---- settings

def test_without_a_sender_codes_are_refused(system, api, phone):
    system["identity"].stop()
    system.start_worker("identity", conf={"message.sms": "none"})
    refused(send_sms(api, phone), 106, "短信服务未配置，缺少 AK/SK")
