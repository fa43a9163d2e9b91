"""Delivery of queued messages by the identity pool: file, mail server, retries, what ages out."""

import os
import stat

import pytest

from support import mailbox
from support.accounts import PASSWORD, add_user
from support.jobs import Jobs
from support.proc import wait_for
from support.smtp import MailServer

SECRET = "482913"


def put(db, recipient, channel="mail", expires="1 hour", text=f"您的验证码是 {SECRET}\n第二行"):
    subject = "邮箱验证码，一个比较长的主题，为了分成几段" if channel == "mail" else None
    return db.value("insert into message_outbox (channel, recipient, template, subject, body, created_at, expires_at, next_at) "
                    "values (%s, %s, 'test', %s, %s, now(), now() + %s::interval, now()) returning id",
                    channel, recipient, subject, text, expires)


def row(db, id):
    return db.row("select sent_at is not null, next_at is not null, body is null and subject is null, attempts, last_error "
                  "from message_outbox where id = %s", id)


def to(mail):
    return mail["To"].addresses[0].addr_spec


def ended(db, id):
    wait_for("the message to be finished", lambda: not row(db, id)[1])
    return row(db, id)


@pytest.fixture(scope="module")
def server():
    with MailServer() as s:
        yield s


@pytest.fixture(scope="module")
def system(empty_db, make_system, server):
    s = make_system(empty_db, {"password.cost": 10, "message.mail": "smtp", "smtp.url": server.url, "smtp.starttls": "none",
                               "smtp.from": "desk@clinic.example", "message.attempts": 2, "smtp.timeout_s": 60})
    s.start_broker()
    s.start_worker("identity")
    return s


@pytest.fixture(scope="module")
def db(empty_db):
    return empty_db


def no_secret_in_logs(system):
    return SECRET not in system.logs(lines=100000)


def test_a_mail_arrives_and_its_text_is_wiped(system, db, server):
    id = put(db, "li@clinic.example")
    assert ended(db, id) == (True, False, True, 1, None)
    (mail,) = [m for m in server.mails if to(m) == "li@clinic.example"]
    assert mail["Subject"] == "邮箱验证码，一个比较长的主题，为了分成几段" and mail["From"].addresses[0].addr_spec == "desk@clinic.example"
    assert mail.get_content().replace("\r\n", "\n") == f"您的验证码是 {SECRET}\n第二行"
    assert mail["Message-ID"].endswith("@clinic.example>") and mail["Date"].datetime
    assert no_secret_in_logs(system)


def test_a_short_message_goes_to_the_file(system, db):
    assert ended(db, put(db, "13700001111", "sms"))[0]
    assert mailbox.code(system, "13700001111") == SECRET
    path = os.path.join(system.var, "mail", "messages.jsonl")
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600 and no_secret_in_logs(system)


def test_a_refusal_is_tried_again_and_given_up(system, db, server):
    server.refuse = True
    try:
        id = put(db, "wang@clinic.example")
        wait_for("the first refusal", lambda: row(db, id)[4])
        sent, waits, wiped, attempts, error = row(db, id)
        assert (sent, waits, wiped, attempts) == (False, True, False, 1) and "451" in error and "wang" not in error
        assert db.value("select next_at - now() between interval '1 s' and interval '5 s' from message_outbox where id = %s", id)
        db.query("update message_outbox set next_at = now() where id = %s", id)
        assert ended(db, id)[:4] == (False, False, True, 2)
    finally:
        server.refuse = False
    again = put(db, "wang@clinic.example")
    assert ended(db, again)[0]


def test_a_retry_delivers(system, db, server):
    server.refuse = True
    id = put(db, "zhao@clinic.example")
    wait_for("the refusal", lambda: row(db, id)[4])
    server.refuse = False
    db.query("update message_outbox set next_at = now() where id = %s", id)
    assert ended(db, id) == (True, False, True, 2, None)
    assert sum(to(m) == "zhao@clinic.example" for m in server.mails) == 1


def test_what_is_no_address_is_given_up(system, db, server):
    id = put(db, "x@y.z\r\nBcc: other@clinic.example")
    wait_for("the refusal", lambda: row(db, id)[4])
    db.query("update message_outbox set next_at = now() where id = %s", id)
    assert ended(db, id)[:4] == (False, False, True, 2)
    assert not any(m["Bcc"] for m in server.mails)


def test_a_hanging_mail_server_delays_nobody_and_a_stop_is_clean(system, db, server):
    server.hang = True
    before = server.seen
    id = put(db, "slow@clinic.example")
    wait_for("the server to hang", lambda: server.seen > before)
    add_user(db, phonenumber="13711112222")
    jobs = Jobs(system)
    try:
        jobs.call("identity.login_patient", body={"phonenumber": "13711112222", "password": PASSWORD}).ok()
        assert ended(db, put(db, "13700002222", "sms"))[0]              # the other channel goes on
        assert row(db, id)[:2] == (False, True)
    finally:
        jobs.close()
    assert system["identity"].stop() == 0
    server.hang = False
    assert row(db, id)[:3] == (False, True, False)                      # left for the next one
    db.query("update message_outbox set next_at = now() where id = %s", id)
    old = put(db, "late@clinic.example", expires="-1 s")
    aged = put(db, "aged@clinic.example", expires="-1 s")
    db.query("update message_outbox set next_at = null, subject = null, body = null, created_at = now() - interval '8 days' "
             "where id = %s", aged)
    system.start_worker("identity")
    assert ended(db, id)[0]
    assert ended(db, old) == (False, False, True, 0, "out of time")
    wait_for("the aged row to go", lambda: not db.query("select 1 from message_outbox where id = %s", aged))


def test_nothing_goes_out_in_clear_when_tls_is_required(system, db, server):
    system["identity"].stop()
    system.start_worker("identity", conf={"smtp.starttls": "required", "smtp.user": "desk", "smtp.password": "Pass-7741"})
    id, before = put(db, "tls@clinic.example"), len(server.mails)
    wait_for("the refusal", lambda: row(db, id)[4])
    assert row(db, id)[:4] == (False, True, False, 1) and len(server.mails) == before
    assert "Pass-7741" not in system.logs(100000)


def test_without_a_sender_mails_stay_and_production_has_no_file(system, db):
    system["identity"].stop()
    system.start_worker("identity", conf={"message.mail": "none", "message.sms": "development", "system.mode": "production"})
    mail, sms = put(db, "stay@clinic.example"), put(db, "13700003333", "sms")
    wait_for("both warnings", lambda: system.logs(1000).count("messages_without_sender") == 2)
    db.query("select pg_sleep(1.5)")
    assert row(db, mail)[:2] == row(db, sms)[:2] == (False, True)
    assert not mailbox.messages(system, "13700003333")
