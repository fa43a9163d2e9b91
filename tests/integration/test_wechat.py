"""The WeChat platform asked over HTTP (BR-149, BR-150): messages with their log, tokens, codes, and a platform that fails."""

import json
import os

import pytest

from support.hospital import Hospital
from support.jobs import Jobs
from support.proc import wait_for
from support.wechat import Platform

SECRET = "app-secret-77f1"


@pytest.fixture(scope="module")
def platform():
    with Platform() as p:
        yield p


@pytest.fixture(scope="module")
def system(empty_db, make_system, platform):
    s = make_system(empty_db)
    path = os.path.join(s.var, "wechat.secret")
    with open(path, "w", encoding="ascii") as f:
        f.write(SECRET + "\n")
    os.chmod(path, 0o600)
    s.conf.update({"message.wechat": "api", "wechat.url": platform.url, "wechat.app_id": "wx-app-1", "wechat.secret_file": path,
                   "message.attempts": 3, "wechat.timeout_s": 2})
    s.start_broker()
    s.start_worker("notify")
    return s


@pytest.fixture(scope="module")
def h(empty_db):
    h = Hospital(empty_db)
    yield h
    h.close()


@pytest.fixture(scope="module")
def jobs(system):
    jobs = Jobs(system)
    yield jobs
    jobs.close()


def put(h, openid="oAbc-1234-wxyz", data='{"thing1": {"value": "医生甲 \\"1\\""}}', template="tmpl-1"):
    user = h.user()
    return h.one("insert into message_outbox (channel, recipient, template, subject, body, user_id, scene, wechat_template, wechat_data, "
                 "created_at, expires_at, next_at) values ('wechat', %s, 'visit_reminder', '就诊提醒', '某事', %s, 'reminder', %s, %s, now(), "
                 "now() + interval '1 hour', now()) returning id", openid, user, template, data)


def row(h, id):
    return h.run("select sent_at is not null, next_at is null, attempts, last_error from message_outbox where id = %s", id)[0]


def log(h, id):
    return h.run("select status, error_code, error_message, sent_at is not null from wechat_message_logs "
                 "where (request_data->>'message_id')::bigint = %s order by id", id)


def ended(h, id):
    wait_for("the message to be finished", lambda: row(h, id)[1])
    return row(h, id)


def again(h, id):
    h.run("update message_outbox set next_at = now() where id = %s and next_at is not null", id)


def test_a_message_is_sent_with_a_token_that_is_kept(system, h, platform):
    first, second = put(h), put(h, "oOther-5678-abcd")
    assert ended(h, first) == ended(h, second) == (True, True, 1, None)
    assert platform.tokens == [{"grant_type": "client_credential", "appid": "wx-app-1", "secret": SECRET}]
    assert platform.messages == [{"touser": o, "template_id": "tmpl-1", "data": {"thing1": {"value": '医生甲 "1"'}}}
                                 for o in ("oAbc-1234-wxyz", "oOther-5678-abcd")]
    assert log(h, first) == log(h, second) == [("success", None, None, True)]
    assert h.run("select openid, template_id, scene, response_data from wechat_message_logs where (request_data->>'message_id')::bigint = %s",
                 first) == [("oAbc-1234-wxyz", "tmpl-1", "reminder", {"errcode": None})]
    assert h.one("select body from message_outbox where id = %s", first) == "某事"          # a notice is kept


def test_a_token_that_is_no_longer_good_is_asked_for_anew(system, h, platform):
    before, messages = len(platform.tokens), len(platform.messages)
    platform.good = before + 1
    id = put(h)
    assert ended(h, id)[:3] == (True, True, 1) and len(log(h, id)) == 1
    assert len(platform.tokens) == before + 1 and len(platform.messages) == messages + 1
    platform.good = None


def test_who_refuses_is_not_asked_again(system, h, platform):
    platform.errcodes = [43101]
    id = put(h)
    assert ended(h, id) == (False, True, 1, "wechat: refused, 43101")
    assert log(h, id) == [("failed", "43101", "wechat: refused, 43101", False)]


def test_a_busy_platform_is_asked_again_and_every_attempt_is_logged(system, h, platform):
    platform.errcodes = [-1, 45009]
    id = put(h)
    for _ in range(2):
        wait_for("an attempt", lambda: not row(h, id)[1] and row(h, id)[3])
        n = len(log(h, id))
        again(h, id)
        wait_for("the next one", lambda: len(log(h, id)) > n)
    assert ended(h, id) == (True, True, 3, None)
    assert [entry[:2] for entry in log(h, id)] == [("failed", "-1"), ("failed", "45009"), ("success", None)]


def test_attempts_end(system, h, platform):
    platform.status = 500
    id = put(h)
    for n in (1, 2, 3):
        wait_for("an attempt", lambda: len(log(h, id)) == n)
        again(h, id)
    platform.status = 200
    assert ended(h, id) == (False, True, 3, "wechat 500: refused") and log(h, id)[0] == ("failed", None, "wechat 500: refused", False)


def test_members_that_are_no_json_are_given_up_and_stop_nobody(system, h, platform):
    before = len(platform.messages)
    bad, good = put(h, data="{thing1"), put(h)
    assert ended(h, bad)[:3] == (False, True, 1) and "JSON" in row(h, bad)[3]
    assert ended(h, good)[0] and len(platform.messages) == before + 1


def test_a_code_becomes_an_id(h, jobs, platform):
    user = h.user(roles=["PATIENT"])
    platform.people["code 1+/&=" .replace(" ", "-")] = "oUser-0001-zzzz"
    got = jobs.call("notify.bind_wechat", body={"code": "code-1+/&="}, actor={"user": user}).ok()
    assert got == {"bound": True, "openid": "oUse****zzzz"}
    assert h.run("select wechat_openid, wechat_unionid from users where id = %s", user) == [("oUser-0001-zzzz", "u-oUser-0001-zzzz")]
    assert platform.codes[-1] == {"grant_type": "authorization_code", "appid": "wx-app-1", "secret": SECRET, "js_code": "code-1+/&="}
    jobs.call("notify.bind_wechat", body={"code": "code-1+/&="}, actor={"user": user}).refused("WECHAT_CODE_INVALID")     # used up
    assert h.one("select wechat_openid from users where id = %s", user) == "oUser-0001-zzzz"


def test_a_code_of_a_booking_is_exchanged_for_its_account(h, jobs, platform):
    user = h.user(roles=["PATIENT"])
    platform.people["code-2"] = "oUser-0002-zzzz"
    jobs.call("notify.bind_code", body={"user_id": user, "code": "code-2"}, actor={}).ok()
    assert h.one("select wechat_openid from users where id = %s", user) == "oUser-0002-zzzz"
    jobs.call("notify.bind_code", body={"user_id": user, "code": "code-2"}, actor={}).refused("WECHAT_CODE_INVALID")
    platform.people["code-3"] = "oUser-0003-zzzz"
    jobs.call("notify.bind_code", body={"user_id": 999999999, "code": "code-3"}, actor={}).refused("WECHAT_CODE_INVALID")


def test_a_platform_that_is_silent(h, jobs, platform):
    """Told to who asks; tried again by the jobs pool; no error of the home screen, which keeps its answers."""
    user = h.user(roles=["PATIENT"])
    platform.hang = True
    try:
        jobs.call("notify.bind_wechat", body={"code": "code-4"}, actor={"user": user}).refused("WECHAT_CODE_INVALID")
        jobs.call("notify.bind_code", body={"user_id": user, "code": "code-4"}, actor={}).refused("SERVICE_UNAVAILABLE")
        got = jobs.call("notify.store_wechat_subscription", body={"wxCode": "code-4", "subscribeAuthResult": {"t1": "accept"}},
                        actor={"user": user}).ok()
        assert got == {"bound": False, "maskedOpenid": "", "authorizedTemplates": ["t1"]}
        # one is under way: others do not take the process's last thread
        jobs.send("notify.bind_wechat", body={"code": "code-4"}, actor={"user": user})
        jobs.send("notify.bind_wechat", body={"code": "code-4"}, actor={"user": user})
        jobs.send("notify.store_wechat_subscription", body={"wxCode": "code-5"}, actor={"user": user})
        answers = [jobs.recv() for _ in range(3)]
        assert sorted(a.error or "done" for a in answers) == ["QUEUE_FULL", "WECHAT_CODE_INVALID", "done"]
    finally:
        platform.hang = False
        platform.released.set()
    (queued,) = h.run("select args from jobs where op = 'notify.bind_code' and unique_key = %s", f"wechat-bind:{user}")
    assert b"code-5" in bytes(queued[0])


def test_nothing_secret_is_logged(system):
    logs = system.logs(lines=100000)
    assert "message_given_up" in logs
    assert not [word for word in (SECRET, "oAbc-1234", "oUser-0001", "code-1+", "token/1", "医生甲") if word in logs]


def test_in_production_nothing_goes_in_clear_and_no_id_is_made_up(system, h, jobs, platform):
    assert system["notify"].stop() == 0
    before = len(platform.tokens)
    system.start_worker("notify", name="production", conf={"system.mode": "production"})
    id = put(h)
    wait_for("an attempt", lambda: row(h, id)[3])
    assert "protocol" in row(h, id)[3].lower() and len(platform.tokens) == before
    assert system["production"].stop() == 0
    system.start_worker("notify", name="dry", conf={"system.mode": "production", "message.wechat": "dry_run"})
    user = h.user(roles=["PATIENT"])
    jobs.call("notify.bind_wechat", body={"code": "code-6"}, actor={"user": user}).refused("WECHAT_CODE_INVALID")
    again(h, id)
    assert ended(h, id)[0] and json.dumps(log(h, id)).count("success") == 1
    assert system["dry"].stop() == 0
    system.start_worker("notify", name="none", conf={"message.wechat": "none"})
    id = put(h)
    wait_for("the warning", lambda: "messages_without_sender channel=wechat" in system.logs(1000))
    h.run("select pg_sleep(1.2)")
    assert row(h, id) == (False, False, 0, None)
