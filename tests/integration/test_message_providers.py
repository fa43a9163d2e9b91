"""Mail over TLS with sign-in, and short messages by a provider's HTTP interface."""

import json
import os
import re

import pytest

from support.http import Api, message
from support.jobs import Jobs
from support.proc import wait_for
from support.smtp import MailServer
from support.tls import Authority

from support.gateway import Gateway

USER = ("desk@clinic.example", "Wort-7741 mit \"Zeichen\"")
TOKEN = "provider-token-3f9a"
SECRET = "482913"
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    folder = tmp_path_factory.mktemp("authority")
    folder.chmod(0o755)
    return Authority(folder)


@pytest.fixture(scope="module")
def db(empty_db):
    return empty_db


@pytest.fixture(scope="module")
def system(empty_db, make_system):
    s = make_system(empty_db, {"password.cost": 10, "message.attempts": 2, "smtp.from": USER[0]})
    s.start_broker()
    return s


@pytest.fixture
def identity(system):
    """A function that starts the pool with settings; it is stopped after the test."""
    def start(**conf):
        system.start_worker("identity", conf={name.replace("__", "."): value for name, value in conf.items()})
    yield start
    assert system["identity"].stop() == 0


def put(db, recipient, channel="mail", text=f"您的验证码是 {SECRET}", trace=None):
    return db.value("insert into message_outbox (channel, recipient, template, subject, body, created_at, expires_at, next_at, trace) "
                    "values (%s, %s, 'test', %s, %s, now(), now() + interval '1 hour', now(), %s) returning id",
                    channel, recipient, "验证码" if channel == "mail" else None, text, trace)


def outcome(db, id):
    """(sent, last error) after the first attempt."""
    def row():
        return db.row("select sent_at is not null, last_error, attempts from message_outbox where id = %s", id)
    wait_for("the first attempt", lambda: row()[0] or row()[1])
    sent, error, attempts = row()
    assert attempts == 1
    return sent, error


def silent(system):
    """Nothing of a message, a password or a token in any log."""
    logs = system.logs(lines=100000)
    assert not [word for word in (SECRET, USER[1], "Wort-7741", TOKEN, "13700001111") if word in logs]


# ---- mail

@pytest.mark.parametrize("mode", ["starttls", "smtps"])
def test_mail_goes_by_tls_after_signing_in(system, db, identity, authority, mode):
    with MailServer(mode, authority.server(), USER) as server:
        identity(message__mail="smtp", smtp__url=server.url, smtp__user=USER[0], smtp__password=USER[1],
                 smtp__ca_file=authority.file)
        assert outcome(db, put(db, "li@clinic.example")) == (True, None)
        assert server.sign_ins == [(USER[0], True, True)] and len(server.mails) == 1
        assert SECRET in server.mails[0].get_content()
    silent(system)


def test_a_wrong_password_is_told_and_nothing_is_sent(system, db, identity, authority):
    with MailServer("starttls", authority.server(), USER) as server:
        identity(message__mail="smtp", smtp__url=server.url, smtp__user=USER[0], smtp__password="other", smtp__ca_file=authority.file)
        sent, error = outcome(db, put(db, "li@clinic.example"))
        assert not sent and "535" in error and "other" not in error and server.mails == []
    silent(system)


@pytest.mark.parametrize("mode", ["starttls", "smtps"])
@pytest.mark.parametrize("why", ["unknown authority", "another host"])
def test_a_server_that_is_not_who_it_says_gets_no_password(system, db, identity, authority, tmp_path, mode, why):
    name = "IP:127.0.0.1" if why == "unknown authority" else "DNS:mail.clinic.example"
    tmp_path.chmod(0o755)
    trusted = Authority(tmp_path).file if why == "unknown authority" else authority.file
    with MailServer(mode, authority.server(name), USER) as server:
        identity(message__mail="smtp", smtp__url=server.url, smtp__user=USER[0], smtp__password=USER[1], smtp__ca_file=trusted)
        sent, error = outcome(db, put(db, "li@clinic.example"))
        assert not sent and re.search("certificate|SSL", error) and server.sign_ins == [] and server.mails == []
    silent(system)


def test_a_server_that_lost_its_tls_gets_no_password(system, db, identity):
    """A downgrade: EHLO no longer offers STARTTLS."""
    with MailServer(user=USER) as server:
        identity(message__mail="smtp", smtp__url=server.url, smtp__user=USER[0], smtp__password=USER[1])
        sent, _ = outcome(db, put(db, "li@clinic.example"))
        assert not sent and server.sign_ins == [] and server.mails == []
    silent(system)


# ---- short messages

@pytest.fixture
def token_file(system):
    path = os.path.join(system.var, "sms.token")
    with open(path, "w", encoding="ascii") as f:
        f.write(TOKEN + "\n")
    os.chmod(path, 0o600)
    return path


def test_a_short_message_is_posted(system, db, identity, token_file):
    with Gateway() as g:
        identity(message__sms="webhook", sms__url=g.url + "/v1/send?app=guahao", sms__token_file=token_file)
        id = put(db, "13700001111", "sms", trace=TRACE)
        assert outcome(db, id) == (True, None)
        wait_for("its line", lambda: f"event=message_sent id={id} channel=sms attempt=1 trace={TRACE}" in system.logs(400), 5)
        ((path, headers, body),) = g.requests
        assert path == "/v1/send?app=guahao" and headers["Authorization"] == "Bearer " + TOKEN
        assert headers["Content-Type"] == "application/json"
        assert headers["traceparent"] == TRACE
        assert json.loads(body) == {"phone": "13700001111", "text": f"您的验证码是 {SECRET}"}
    silent(system)


def test_the_template_says_what_the_provider_reads(system, db, identity):
    with Gateway() as g:
        identity(message__sms="webhook", sms__url=g.url, sms__template='{"to":["+86{phone}"],"body":{"text":"【挂号】{text}"},"v":1}')
        assert outcome(db, put(db, "13700001111", "sms", 'a "b"\\ {phone}\nc'))[0]
        ((_, headers, body),) = g.requests
        assert "Authorization" not in headers
        assert json.loads(body) == {"to": ["+8613700001111"], "body": {"text": '【挂号】a "b"\\ {phone}\nc'}, "v": 1}


@pytest.mark.parametrize("status", [301, 307, 400, 401, 429, 500])
def test_only_2xx_is_success(system, db, identity, status):
    with Gateway() as g:
        g.status = status
        identity(message__sms="webhook", sms__url=g.url)
        sent, error = outcome(db, put(db, "13700001111", "sms"))
        assert not sent and error == f"sms {status}: refused" and len(g.requests) == 1      # no redirection is followed
        g.status = 204
        db.query("update message_outbox set next_at = now() where next_at is not null")
        wait_for("the second attempt", lambda: db.value("select count(*) from message_outbox where next_at is not null") == 0)
        assert len(g.requests) == 2
    silent(system)


def test_a_provider_by_tls_is_checked(system, db, identity, authority):
    with Gateway(authority.server()) as g:
        identity(message__sms="webhook", sms__url=g.url, sms__ca_file=authority.file)
        assert outcome(db, put(db, "13700001111", "sms"))[0]
        assert system["identity"].stop() == 0
        system.start_worker("identity", conf={"message.sms": "webhook", "sms.url": g.url})
        sent, error = outcome(db, put(db, "13700001111", "sms"))
        assert not sent and "certificate" in error and len(g.requests) == 1


def test_in_production_nothing_goes_in_clear(system, db, identity):
    with Gateway() as g:
        identity(message__sms="webhook", message__mail="none", sms__url=g.url, system__mode="production")
        sent, error = outcome(db, put(db, "13700001111", "sms"))
        assert not sent and "protocol" in error.lower() and g.requests == []


def test_a_token_that_is_none(system, db, identity, token_file):
    with Gateway() as g:
        for content in ("", "\n", "two words\n", "café\n"):
            with open(token_file, "w", encoding="utf-8") as f:
                f.write(content)
            if "identity" not in system.processes or not system["identity"].running():
                identity(message__sms="webhook", sms__url=g.url, sms__token_file=token_file)
            sent, error = outcome(db, put(db, "13700001111", "sms"))
            assert not sent and error == "sms.token_file holds no token", content
        with open(token_file, "w", encoding="ascii") as f:       # a new one counts at once
            f.write("fresh")
        assert outcome(db, put(db, "13700001111", "sms"))[0]
        assert g.requests[0][1]["Authorization"] == "Bearer fresh"


def test_a_hanging_provider_does_not_hold_up_a_stop(system, db, identity):
    with Gateway() as g:
        g.hang = True
        identity(message__sms="webhook", sms__url=g.url, sms__timeout_s=200)
        put(db, "13700001111", "sms")
        wait_for("the request", lambda: g.requests)
        assert system["identity"].stop(timeout=10) == 0
        system.start_worker("identity")


def test_a_code_comes_through_the_provider(empty_db, make_system):
    """From the screen to the provider and back: send, read, verify (api/01 section 1.3)."""
    with Gateway() as g:
        s = make_system(empty_db, {"password.cost": 10, "message.sms": "webhook", "sms.url": g.url})
        s.start()
        api = Api(s.base)
        message(api.post("/auth/sms/send-code", {"phone": "13700004444"}))
        wait_for("the message", lambda: [r for r in g.requests if b"13700004444" in r[2]])
        text = next(json.loads(r[2])["text"] for r in g.requests if b"13700004444" in r[2])
        code = re.search(r"\d{6}", text)[0]
        assert message(api.post("/auth/sms/verify-code", {"phone": "13700004444", "code": code})) == {"detail": "验证码验证通过"}


def test_without_an_address_codes_are_refused(empty_db, make_system):
    s = make_system(empty_db, {"password.cost": 10, "message.sms": "webhook"})
    s.start_broker()
    s.start_worker("identity")
    jobs = Jobs(s)
    try:
        jobs.call("identity.send_sms_code", body={"phone": "13700005555"}).refused("SMS_NOT_CONFIGURED")
    finally:
        jobs.close()
