"""WeChat members of patients' requests: authorisations are stored with the call, a code becomes a job (BR-149, api/07)."""

import msgpack
import pytest

from support import booking_cases as bc
from support.http import message

ANSWERS = {"tpl-1": "accept", "tpl-2": "reject", "tpl-3": "ban", "errMsg": "requestSubscribeMessage:ok", "a b": "accept"}
STORED = [("tpl-1", "accept"), ("tpl-2", "reject"), ("tpl-3", "ban")]


def stored(h, user, scene):
    return h.run("select template_id, auth_status from wechat_subscribe_auths where user_id = %s and scene = %s order by id", user, scene)


def codes(h, user):
    """Codes that jobs of this account were asked to exchange."""
    rows = h.run("select args from jobs where op = 'notify.bind_code' and unique_key = %s order by created_at", f"wechat-bind:{user}")
    return [msgpack.unpackb(bytes(args))["body"] for args, in rows]


def book(house, ask, **more):
    return house.api(ask.user).post("/patient/appointments", {**bc.code_body(house.h, ask), **more})


def test_booking_and_cancelling_note_what_they_carry(house):
    h = house.h
    ask = bc._free(h)
    order = message(book(house, ask, wxCode="0a1b2c", subscribeAuthResult=ANSWERS))["id"]
    assert stored(h, ask.user, "general") == STORED
    assert codes(h, ask.user) == [{"user_id": ask.user, "code": "0a1b2c"}]
    message(house.api(ask.user).put(f"/patient/appointments/{order}/cancel", {"subscribeAuthResult": {"tpl-2": "accept"}}))
    assert stored(h, ask.user, "cancel") == [("tpl-2", "accept")]
    assert h.run("select template_id, auth_status from v_wechat_auths where user_id = %s order by 1", ask.user) == [
        ("tpl-1", "accept"), ("tpl-2", "accept"), ("tpl-3", "ban")]


def test_scene_is_the_clients_word_when_it_is_one(house):
    h = house.h
    ask, other = bc._free(h), bc._free(h)
    message(book(house, ask, subscribeAuthResult={"tpl-1": "accept"}, subscribeScene="reminder"))
    message(book(house, other, subscribeAuthResult={"tpl-1": "accept"}, subscribeScene="预约"))
    assert stored(h, ask.user, "reminder") == stored(h, other.user, "general") == [("tpl-1", "accept")]


@pytest.mark.parametrize("more", [{"wxCode": "a b"}, {"wxCode": "码"}, {"wxCode": ""}, {"subscribeAuthResult": {"模板": "accept"}},
                                  {"subscribeAuthResult": {"tpl": {"x": 1}, "t" * 200: "accept"}}, {"wxCode": None, "subscribeAuthResult": None},
                                  {"wxCode": "c" * 300, "subscribeScene": "s" * 300}])
def test_unusable_members_do_not_refuse_the_call(house, more):
    ask = bc._free(house.h)
    message(book(house, ask, **more))
    assert house.h.one("select count(*) from wechat_subscribe_auths where user_id = %s", ask.user) == 0
    assert codes(house.h, ask.user) == []


def test_fifty_answers_are_taken(house):
    ask = bc._free(house.h)
    message(book(house, ask, subscribeAuthResult={f"t{i}": "accept" for i in range(60)}))
    assert house.h.one("select count(*) from wechat_subscribe_auths where user_id = %s", ask.user) == 50


def test_a_refused_call_stores_nothing(house):
    h = house.h
    ask = bc._free(h, status="停诊")
    message(book(house, ask, wxCode="code", subscribeAuthResult=ANSWERS), 99)
    assert h.one("select count(*) from wechat_subscribe_auths where user_id = %s", ask.user) == 0 and codes(h, ask.user) == []


def test_waitlist_notes_too(house):
    h = house.h
    ask = bc._free(h, places=1, minutes=240)
    bc._order(h, h.patient()[0], ask.session, ask.moment.date())
    waits = message(house.api(ask.user).post("/patient/waitlist", {"scheduleId": ask.session, "patientId": ask.patient,
                                                                     "wxCode": "w-1", "subscribeAuthResult": {"tpl-1": "accept"}}))["id"]
    assert stored(h, ask.user, "waitlist") == [("tpl-1", "accept")] and codes(h, ask.user)[0]["code"] == "w-1"
    h.run("update schedules set total_slots = 2, remaining_slots = 1 where id = %s", ask.session)
    message(house.api(ask.user).post(f"/patient/waitlist/{waits}/convert", {"slotId": "default_slot", "subscribeAuthResult": {"tpl-2": "ban"}}))
    assert stored(h, ask.user, "waitlist_to_appointment") == [("tpl-2", "ban")]


def test_who_may_be_sent_a_template(house):
    h = house.h
    uid = h.patient()[1]

    def recipient(template):
        return h.one("select gh_wechat_recipient(%s, %s)", uid, template)

    h.run("insert into wechat_subscribe_auths (user_id, template_id, auth_status, created_at, updated_at) "
          "values (%s, 'a', 'reject', now(), now()), (%s, 'a', 'accept', now(), now()), (%s, 'b', 'accept', now(), now()), "
          "(%s, 'b', 'ban', now(), now())", uid, uid, uid, uid)
    assert recipient("a") is None                     # not bound
    h.run("update users set wechat_openid = 'oAbCdEfGhIjKl' where id = %s", uid)
    assert recipient("a") == "oAbCdEfGhIjKl" and recipient("b") is None and recipient("c") is None
    assert h.run("select gh_wechat_masked('oAbCdEfGhIjKl'), gh_wechat_masked('oAbCdEfGh'), gh_wechat_masked('oAbCdEfG'), gh_wechat_masked('')") == [
        ("oAbC****IjKl", "oAbC****EfGh", "****", None)]
