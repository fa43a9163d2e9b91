"""Reminders of visits (BR-147, BR-148), messages as people see them (api/07 section 7.6), WeChat without sending (BR-149)."""

import datetime as dt

import pytest

from support import booking_cases as bc
from support.hospital import at, today, ts
from support.house import open_house
from support.http import message
from support.jobs import Jobs
from support.proc import wait_for
from support.rush import at_once

TEMPLATES = {f"wechat.template_{p}": f"tmpl-{p}" for p in ("paid", "waitlist", "reminder", "reschedule", "cancel")}


@pytest.fixture(scope="module")
def house(empty_db, make_system):
    house = open_house(empty_db, make_system, TEMPLATES)
    house.reset()
    yield house
    house.close()


@pytest.fixture(scope="module")
def jobs(house):
    jobs = Jobs(house.system)
    yield jobs
    jobs.close()


def bind(h, user, *templates, answer="accept", openid=None):
    """A WeChat id of the account, and its answer to templates."""
    h.run("update users set wechat_openid = %s where id = %s", openid or f"oOpen-{user:08d}-id", user)
    for t in templates:
        h.run("insert into wechat_subscribe_auths (user_id, template_id, auth_status, created_at, updated_at) values (%s, %s, %s, now(), now())",
              user, "tmpl-" + t, answer)


def visit(h, days=1, pid=None, initiator=None, state="confirmed", paid="paid", section="晚上"):
    """An order of a patient on a day from today."""
    if pid is None:
        pid, _ = h.patient()
    session = h.session(days, section, doctor=h.extra_doctor(), clinic=bc._clinic(h))
    bc._order(h, pid, session, today() + dt.timedelta(days=days), state)
    order = h.one("select max(id) from registration_orders")
    h.run("update registration_orders set payment_status = %s, initiator_user_id = %s where id = %s", paid, initiator, order)
    return order


def remind(house, user, order):
    return house.api(user).post(f"/patient/appointments/{order}/send-reminder")


def outbox(h, order, template="visit_reminder"):
    return h.run("select channel, recipient, user_id, attempts, sent_at is not null, listed, next_at is null from message_outbox "
                 "where order_id = %s and template = %s order by id", order, template)


def logged(h, order):
    return h.run("select user_id, openid, template_id, scene, status, error_code from wechat_message_logs where order_id = %s order by id",
                 order)


def sent(h, order, n=1, template="visit_reminder"):
    wait_for("the message to leave", lambda: [r[4] for r in outbox(h, order, template) if r[0] == "wechat"] == [True] * n)


def refused(response, code, text):
    body = response.json()
    assert (response.status_code, body["code"], body["message"]["msg"]) == (200, code, text)


# ---- BR-148: somebody asks for it

@pytest.mark.parametrize("days", [0, 1])
def test_a_reminder_of_today_or_tomorrow_is_sent_and_logged(house, h, days):
    pid, uid = h.patient()
    bind(h, uid, "reminder")
    order = visit(h, days, pid)
    assert message(remind(house, uid, order)) == "提醒已发送"
    sent(h, order)
    assert logged(h, order) == [(uid, f"oOpen-{uid:08d}-id", "tmpl-reminder", "reminder", "success", None)]
    text = h.one("select body from message_outbox where order_id = %s", order)
    no, name = h.run("select o.order_no, p.name from registration_orders o join patients p on p.id = o.patient_id where o.id = %s", order)[0]
    day = today() + dt.timedelta(days=days)
    assert text == f"{name}，您预约的{day.year}年{day.month}月{day.day}日晚上医生丙医生的门诊18:30开始，预约号{no}，请按时就诊。"
    assert h.one("select request_data->>'data' from wechat_message_logs where order_id = %s", order).count(no) == 1
    assert h.one("select response_data from wechat_message_logs where order_id = %s", order) == {"dry_run": True}


def test_it_is_sent_once_for_a_visit_day(house, h):
    pid, uid = h.patient()
    bind(h, uid, "reminder")
    order = visit(h, 1, pid)
    assert all(message(r) == "提醒已发送" for r in at_once(*[lambda: remind(house, uid, order)] * 8))
    sent(h, order)
    message(remind(house, uid, order))
    assert len(outbox(h, order)) == 1 and len(logged(h, order)) == 1
    h.run("update message_outbox set sent_at = null, last_error = 'x', attempts = 8 where order_id = %s", order)     # given up
    message(remind(house, uid, order))
    sent(h, order)
    assert len(outbox(h, order)) == 1 and len(logged(h, order)) == 2


def test_relatives_and_who_booked_may_ask(house, h):
    parent, user = h.patient()
    child, _ = h.patient(account=False)
    h.relate(parent, child)
    bind(h, user, "reminder")
    order = visit(h, 1, child, initiator=user)
    message(remind(house, user, order))
    sent(h, order)
    assert logged(h, order)[0][0] == user           # the child has no account: who booked is told
    other, other_user = h.patient()
    bind(h, other_user, "reminder")
    h.relate(parent, other)
    order = visit(h, 1, other)
    message(remind(house, user, order))
    sent(h, order)
    assert logged(h, order)[0][0] == other_user     # the patient comes first


@pytest.mark.parametrize("change, code, text", [
    ({"paid": "pending", "state": "pending"}, 1001, "只能对已支付的订单发送提醒"),
    ({"paid": "refunded", "state": "cancelled"}, 1001, "只能对已支付的订单发送提醒"),
    ({"state": "completed"}, 1002, "只能对已确认的订单发送提醒"),
    ({"state": "no_show"}, 1002, "只能对已确认的订单发送提醒"),
    ({"days": 2}, 1003, "只能在就诊前一天发送提醒，该订单距离就诊还有2天"),
    ({"days": 9}, 1003, "只能在就诊前一天发送提醒，该订单距离就诊还有9天"),
    ({"days": -1}, 1003, "就诊日期已过，无法发送提醒"),
])
def test_what_is_not_to_be_reminded_is_refused(house, h, change, code, text):
    pid, uid = h.patient()
    bind(h, uid, "reminder")
    order = visit(h, pid=pid, **change)
    refused(remind(house, uid, order), code, text)
    assert outbox(h, order) == []


@pytest.mark.parametrize("prepare", [
    lambda h, u: None,                                                               # not bound
    lambda h, u: bind(h, u),                                                         # never asked
    lambda h, u: bind(h, u, "paid"),                                                 # another template
    lambda h, u: bind(h, u, "reminder", answer="ban"),
    lambda h, u: (bind(h, u, "reminder"), bind(h, u, "reminder", answer="reject")),  # the latest answer counts
])
def test_who_cannot_be_reached_is_told(house, h, prepare):
    pid, uid = h.patient()
    prepare(h, uid)
    order = visit(h, 1, pid)
    refused(remind(house, uid, order), 1004, "提醒发送失败，请检查授权情况或稍后重试")
    assert outbox(h, order) == [] and logged(h, order) == []


def test_the_order_is_there_and_ones_own(house, h):
    pid, uid = h.patient()
    _, stranger = h.patient()
    order = visit(h, 1, pid)
    refused(remind(house, stranger, order), 102, "无权操作此订单")
    refused(remind(house, uid, 999999999), 106, "订单不存在")
    refused(remind(house, h.doctor_user, order), 106, "患者信息不存在")


# ---- BR-147: every evening

def evening(days=0):
    return ts(at(today() + dt.timedelta(days=days), "20:00"))


def run(jobs, slot=None, **more):
    return jobs.call("notify.remind_visits", body={"slot": slot or evening(), **more}, actor={}).ok()


def test_the_evening_reminds_of_tomorrow_once(house, h, jobs):
    people = [h.patient() for _ in range(5)]
    for _, uid in people:
        bind(h, uid, "reminder")
    h.run("update users set wechat_openid = null where id = %s", people[1][1])                     # not bound: left out
    bind(h, people[2][1], openid="o" * 128)                                                        # the longest id
    orders = [visit(h, 1, pid) for pid, _ in people]
    others = [visit(h, 2, people[0][0]), visit(h, 0, people[0][0]), visit(h, 1, people[3][0], state="pending", paid="pending", section="上午"),
              visit(h, 1, people[3][0], state="cancelled", paid="refunded", section="下午"),
              visit(h, 1, people[4][0], state="waitlist", section="下午")]
    before = h.one("select count(*) from message_outbox")
    assert run(jobs)["reminders"] >= 4
    for i in (0, 2, 3, 4):
        sent(h, orders[i])
        assert len(outbox(h, orders[i])) == 1
    assert outbox(h, orders[1]) == [] and not any(outbox(h, o) for o in others)
    after = h.one("select count(*) from message_outbox")
    assert after >= before + 4
    assert run(jobs) == {"reminders": 0}
    assert h.one("select count(*) from message_outbox") == after


def test_a_run_that_comes_late_is_about_the_day_after_its_slot(house, h, jobs):
    pid, uid = h.patient()
    bind(h, uid, "reminder")
    late, gone = visit(h, 0, pid), visit(h, -1, pid)
    h.run("update registration_orders set starts_at = now() + interval '1 minute', ends_at = now() + interval '10 minutes' where id = %s", late)
    run(jobs, evening(-1))
    in_time = h.one("select (starts_at at time zone 'Asia/Shanghai')::date = slot_date from registration_orders where id = %s", late)
    assert len(outbox(h, late)) == (1 if in_time else 0) and outbox(h, gone) == []


def test_a_visit_that_was_moved_is_reminded_of_anew(house, h, jobs):
    pid, uid = h.patient()
    bind(h, uid, "reminder")
    order = visit(h, 1, pid)
    run(jobs)
    sent(h, order)
    other = h.session(4, "晚上", doctor=h.extra_doctor(), clinic=bc._clinic(h))
    h.run("update registration_orders o set schedule_id = s.id, slot_date = s.date, starts_at = s.starts_at, ends_at = s.ends_at "
          "from schedules s where s.id = %s and o.id = %s", other, order)
    run(jobs, evening(3))
    sent(h, order, 2)


def test_a_bad_recipient_stops_nobody(house, h, jobs):
    people = [h.patient("{no}\"\\'"), h.patient()]
    for _, uid in people:
        bind(h, uid, "reminder")
    orders = [visit(h, 1, pid) for pid, _ in people]
    run(jobs)
    for order in orders:
        sent(h, order)


def test_runs_go_on_where_a_page_ends(house, h, jobs):
    run(jobs)
    last = h.one("select max(id) from registration_orders")
    pid, uid = h.patient()
    bind(h, uid, "reminder")
    order = visit(h, 1, pid)
    assert run(jobs, after=order) == {"reminders": 0}
    assert run(jobs, after=last) == {"reminders": 1}
    assert run(jobs, after=last) == {"reminders": 0}


def test_the_job_comes_every_evening(house, h):
    wait_for("the row", lambda: h.run("select 1 from job_schedules where name = 'visit-reminders'"))
    assert h.run("select cron, op, service, enabled from job_schedules where name = 'visit-reminders'") == \
        [("0 20 * * *", "notify.remind_visits", "notify", True)]
    wait_for("its slot", lambda: h.one("select next_slot from job_schedules where name = 'visit-reminders'"))
    slot = h.one("select (next_slot at time zone 'Asia/Shanghai')::time::text from job_schedules where name = 'visit-reminders'")
    assert slot == "20:00:00"


def test_a_slot_that_is_none_is_refused(jobs):
    jobs.call("notify.remind_visits", body={"slot": "tomorrow"}, actor={}).refused("VALIDATION_FAILED")


# ---- messages

def told(h, user, n=1, template="visit_cancelled", **more):
    """Notices of an account, oldest first."""
    row = {"channel": "sms", "recipient": "13900000000", "subject": "门诊取消通知", "body": "某事" * 30, "listed": True, **more}
    return [h.one(f"insert into message_outbox (template, user_id, created_at, expires_at, sent_at, {', '.join(row)}) "
                  f"values (%s, %s, now(), now(), now(), {', '.join(['%s'] * len(row))}) returning id", template, user, *row.values())
            for _ in range(n)]


def test_messages_are_ones_own_newest_first(house, h):
    user, other = h.user(), h.user()
    ids = told(h, user, 3)
    told(h, user, listed=False)                                    # a copy
    told(h, other, template="place_offered")
    got = message(house.api(user).get("/patient/messages"))
    assert (got["total"], got["page"], got["pageSize"]) == (3, 1, 10) and [m["id"] for m in got["list"]] == ids[::-1]
    first = got["list"][0]
    assert first["title"] == "门诊取消通知" and first["content"] == "某事" * 30 and first["summary"] == ("某事" * 30)[:39] + "…"
    assert first["type"] == "appointment" and first["isRead"] is False
    assert dt.datetime.strptime(first["createdAt"], "%Y-%m-%d %H:%M:%S")
    (theirs,) = message(house.api(other).get("/patient/messages"))["list"]
    assert theirs["type"] == "waitlist"
    assert message(house.api(h.user()).get("/patient/messages")) == {"total": 0, "page": 1, "pageSize": 10, "list": []}


def test_messages_come_in_pages(house, h):
    user = h.user()
    ids = told(h, user, 5, body="短")
    api = house.api(user)
    pages = [message(api.get("/patient/messages", params={"page": p, "pageSize": 2})) for p in (1, 2, 3, 4)]
    assert [[m["id"] for m in p["list"]] for p in pages] == [ids[:2:-1], ids[2:0:-1], ids[:1], []]
    assert all(p["total"] == 5 for p in pages) and pages[0]["list"][0]["summary"] == "短"
    for bad in ({"page": 0}, {"pageSize": 0}, {"page": -1}):
        refused(api.get("/patient/messages", params=bad), 99, "分页参数必须为正整数")


def test_a_message_is_read_and_deleted_by_whose_it_is(house, h):
    user, other = h.user(), h.user()
    api, stranger = house.api(user), house.api(other)
    one, two = told(h, user, 2)
    for call in (lambda: stranger.put(f"/patient/messages/{one}/read"), lambda: stranger.delete(f"/patient/messages/{one}"),
                 lambda: api.put("/patient/messages/999999999/read"), lambda: api.delete("/patient/messages/999999999")):
        refused(call(), 106, "消息不存在")
    assert message(api.put(f"/patient/messages/{one}/read")) == {"success": True}
    at_first = h.one("select read_at from message_outbox where id = %s", one)
    assert message(api.put(f"/patient/messages/{one}/read")) == {"success": True}
    assert h.one("select read_at from message_outbox where id = %s", one) == at_first
    assert [m["isRead"] for m in message(api.get("/patient/messages"))["list"]] == [False, True]
    assert message(api.delete(f"/patient/messages/{one}")) == {"success": True}
    refused(api.delete(f"/patient/messages/{one}"), 106, "消息不存在")
    refused(api.put(f"/patient/messages/{one}/read"), 106, "消息不存在")
    assert [m["id"] for m in message(api.get("/patient/messages"))["list"]] == [two]


def test_a_code_is_no_message(house, h):
    phone = "13755550001"
    user = h.user(phone=phone)
    message(house.system.api().post("/auth/sms/send-code", {"phone": phone}))
    wait_for("the code to leave", lambda: h.one("select count(*) from message_outbox where recipient = %s and sent_at is not null", phone))
    assert h.run("select body, subject, user_id from message_outbox where recipient = %s", phone) == [(None, None, None)]
    assert message(house.api(user).get("/patient/messages"))["total"] == 0


# ---- what is told about orders

def test_a_suspended_session_is_told_by_short_message_and_wechat_and_listed_once(house, h):
    pid, uid = h.patient()
    bind(h, uid, "cancel")
    order = visit(h, 3, pid)
    session = h.order(order)["schedule_id"]
    message(house.api(h.admin).put(f"/admin/schedules/{session}", {"status": "停诊"}))
    sent(h, order, template="visit_cancelled")
    rows = outbox(h, order, "visit_cancelled")
    assert sorted((r[0], r[2], r[5]) for r in rows) == [("sms", uid, True), ("wechat", uid, False)]
    assert [l[2:5] for l in logged(h, order)] == [("tmpl-cancel", "cancel", "success")]
    (shown,) = message(house.api(uid).get("/patient/messages"))["list"]
    assert shown["title"] == "门诊取消通知" and h.order(order)["order_no"] in shown["content"] and shown["type"] == "appointment"
    wait_for("the short message", lambda: [r for r in outbox(h, order, "visit_cancelled") if r[0] == "sms"][0][4])
    assert message(house.api(uid).get("/patient/messages"))["list"] == [shown]          # kept when it has been sent


def test_a_patient_without_account_is_told_at_the_own_number_and_who_booked_reads_it(house, h):
    parent, user = h.patient()
    child, _ = h.patient(account=False)
    h.run("update patients set phone = '13766660001' where id = %s", child)
    order = visit(h, 3, child, initiator=user)
    message(house.api(h.admin).put(f"/admin/schedules/{h.order(order)['schedule_id']}", {"status": "停诊"}))
    assert [(r[0], r[1], r[2], r[5]) for r in outbox(h, order, "visit_cancelled")] == [("sms", "13766660001", user, True)]
    assert message(house.api(user).get("/patient/messages"))["total"] == 1


def test_a_doctor_who_does_not_want_to_know_is_not_told_of_closed_sessions(house, h):
    users = []
    for wants in (True, False):
        user = h.user("doctor", roles=["DOCTOR"])
        doctor = h.one("insert into doctors (user_id, dept_id, name) values (%s, %s, '医生丁') returning id", user, h.dept)
        message(house.api(user).post("/doctor/notification/settings", {"schedule_change": wants}))
        session = h.session(6, "上午", doctor=doctor, clinic=bc._clinic(h))
        message(house.api(h.admin).put(f"/admin/schedules/{session}", {"status": "停诊"}))
        users.append(user)
    assert [message(house.api(u).get("/patient/messages"))["total"] for u in users] == [1, 0]
    assert message(house.api(users[0]).get("/patient/messages"))["list"][0]["title"] == "出诊取消通知"


def test_a_place_from_the_waitlist_is_told_to_who_joined(house, h):
    holder, holder_user = h.patient()
    parent, user = h.patient()
    child, _ = h.patient(account=False)
    h.relate(parent, child)
    bind(h, user, "waitlist")
    session = h.session(4, "上午", places=1, doctor=h.extra_doctor(), clinic=bc._clinic(h))
    form = {"scheduleId": session, "hospitalId": h.area, "departmentId": h.dept}
    taken = message(house.api(holder_user).post("/patient/appointments", {**form, "patientId": holder}))["id"]
    entry = message(house.api(user).post("/patient/waitlist", {"scheduleId": session, "patientId": child}))["id"]
    message(house.api(holder_user).put(f"/patient/appointments/{taken}/cancel", {}))
    sent(h, entry, template="place_offered")
    assert sorted((r[0], r[2], r[5]) for r in outbox(h, entry, "place_offered")) == [("sms", user, True), ("wechat", user, False)]
    assert logged(h, entry)[0][2:5] == ("tmpl-waitlist", "waitlist_to_appointment", "success")
    assert message(house.api(user).get("/patient/messages"))["list"][0]["type"] == "waitlist"


# ---- WeChat of the caller, without a platform

def test_a_code_binds_and_the_id_is_masked(house, h):
    user = h.user()
    api = house.api(user)
    assert message(api.get("/patient/wechat/bindinfo")) == \
        {"bound": False, "maskedOpenid": "", "authorizedTemplates": [], "allTemplateStatuses": []}
    got = message(api.post("/patient/wechat/bind-by-code", {"code": "mock_code_for_development"}))
    openid = h.one("select wechat_openid from users where id = %s", user)
    assert got == {"bound": True, "openid": f"{openid[:4]}****{openid[-4:]}"} and len(openid) == 28
    assert h.one("select wechat_bound_at is not null and wechat_session_enc is null from users where id = %s", user)
    other = house.api(h.user())
    assert message(other.post("/patient/wechat/bind-by-code", {"code": "mock_code_for_development"}))["openid"] != got["openid"]


@pytest.mark.parametrize("code", ["", "a b", "码", "x" * 257, None, 5])
def test_a_code_that_can_be_none_is_refused(house, h, code):
    r = house.api(h.user()).post("/patient/wechat/bind-by-code", {"code": code})
    assert r.json()["code"] == 99
    if isinstance(code, str):
        refused(r, 99, "code 无效或换取 openid 失败")


def test_answers_are_stored_and_the_latest_counts(house, h):
    user = h.user()
    api = house.api(user)
    got = message(api.post("/patient/wechat/subscribe-auth", {
        "subscribeAuthResult": {"t-b": "accept", "t-a": "accept", "t-c": "ban", "errMsg": "ok"}, "subscribeScene": "reminder"}))
    assert got == {"bound": False, "maskedOpenid": "", "authorizedTemplates": ["t-a", "t-b"]}
    got = message(api.post("/patient/wechat/subscribe-auth", {"wxCode": "some-code", "subscribeAuthResult": {"t-b": "reject"}}))
    assert got["bound"] is True and "****" in got["maskedOpenid"] and got["authorizedTemplates"] == ["t-a"]
    info = message(api.get("/patient/wechat/bindinfo"))
    assert info == {**got, "allTemplateStatuses": [{"templateId": "t-a", "status": "accept"}, {"templateId": "t-b", "status": "reject"},
                                                   {"templateId": "t-c", "status": "ban"}]}
    for template, is_on in (("t-a", True), ("t-b", False), ("t-c", False), ("t-x", False)):
        assert message(api.get("/patient/wechat/authorized", params={"templateId": template})) == \
            {"authorized": is_on, "templateId": template}
    assert h.run("select distinct scene from wechat_subscribe_auths where user_id = %s order by 1", user) == [("general",), ("reminder",)]


@pytest.mark.parametrize("body", [None, {}, {"wxCode": "a b"}, {"wxCode": None, "subscribeAuthResult": None, "subscribeScene": None},
                                  {"subscribeAuthResult": {"模板": "accept", "t": "maybe", "u": 1}}])
def test_the_home_screen_is_never_refused(house, h, body):
    assert message(house.api(h.user()).post("/patient/wechat/subscribe-auth", body)) == \
        {"bound": False, "maskedOpenid": "", "authorizedTemplates": []}


def test_the_template_has_to_be_named(house, h):
    refused(house.api(h.user()).get("/patient/wechat/authorized"), 99, "参数 templateId 不正确")


def test_a_code_that_came_with_a_booking_is_exchanged(house, h):
    pid, uid = h.patient()
    session = h.session(5, "上午", doctor=h.extra_doctor(), clinic=bc._clinic(h))
    message(house.api(uid).post("/patient/appointments", {"scheduleId": session, "hospitalId": h.area, "departmentId": h.dept,
                                                          "patientId": pid, "wxCode": "code-of-a-booking"}))
    wait_for("the id", lambda: h.one("select wechat_openid from users where id = %s", uid))


# ---- bookings: paid, moved, given up, cancelled by the hospital

def booking(house, h, *templates, session=None):
    """(patient's account, order, session) of an unpaid booking."""
    pid, uid = h.patient()
    bind(h, uid, *templates)
    session = session or h.session(4, "上午", doctor=h.extra_doctor(), clinic=bc._clinic(h))
    order = message(house.api(uid).post("/patient/appointments", {"scheduleId": session, "hospitalId": h.area, "departmentId": h.dept,
                                                                  "patientId": pid}))["id"]
    return uid, order, session


def templates_of(h, order):
    return h.run("select template, channel, listed from message_outbox where order_id = %s order by id", order)


def pay(house, uid, order):
    return message(house.api(uid).post(f"/patient/appointments/{order}/pay", {"method": "wechat"}))


def test_who_has_paid_is_told_once(house, h):
    uid, order, _ = booking(house, h, "paid")
    pay(house, uid, order)
    sent(h, order, template="booking_paid")
    (shown,) = message(house.api(uid).get("/patient/messages"))["list"]
    assert shown["title"] == "预约成功通知" and "挂号费50.00元" in shown["content"] and shown["type"] == "appointment"
    assert templates_of(h, order) == [("booking_paid", "wechat", True)]
    assert logged(h, order)[0][2:5] == ("tmpl-paid", "appointment_paid", "success")


def test_who_has_not_accepted_is_told_nothing_of_it(house, h):
    uid, order, _ = booking(house, h)
    pay(house, uid, order)
    message(house.api(uid).put(f"/patient/appointments/{order}/cancel", {}))
    assert templates_of(h, order) == []


def test_who_gives_an_appointment_up_is_told(house, h):
    uid, order, _ = booking(house, h, "cancel")
    message(house.api(uid).put(f"/patient/appointments/{order}/cancel", {}))
    sent(h, order, template="visit_given_up")
    assert templates_of(h, order) == [("visit_given_up", "wechat", True)]


@pytest.mark.parametrize("is_paid", [False, True])
def test_whom_the_hospital_cancels_is_told_by_all_ways(house, h, is_paid):
    uid, order, _ = booking(house, h, "cancel")
    if is_paid:
        pay(house, uid, order)
    r = house.api(h.admin).post(f"/api/v1/appointments/{order}/cancel", {"reason": "设备故障"})
    assert r.status_code == 200, r.text
    template = "visit_refunded" if is_paid else "visit_cancelled"
    sent(h, order, template=template)
    assert sorted(templates_of(h, order)) == [(template, "sms", True), (template, "wechat", False)]
    content = message(house.api(uid).get("/patient/messages"))["list"][0]["content"]
    assert "（设备故障）" in content and ("挂号费50.00元已原路退回" in content) == is_paid


def test_who_moves_an_appointment_is_told_the_new_time(house, h):
    doctor, clinic = h.extra_doctor(), bc._clinic(h)
    first, second = (h.session(d, s, doctor=doctor, clinic=clinic) for d, s in ((4, "上午"), (5, "下午")))
    uid, order, _ = booking(house, h, "reschedule", session=first)
    message(house.api(uid).put(f"/patient/appointments/{order}/reschedule", {"scheduleId": second}))
    sent(h, order, template="visit_moved")
    content = message(house.api(uid).get("/patient/messages"))["list"][0]["content"]
    day = today() + dt.timedelta(days=5)
    assert f"{day.month}月{day.day}日下午" in content and "14:00" in content
    assert templates_of(h, order) == [("visit_moved", "wechat", True)]


def test_whom_the_hospital_moves_is_told_by_all_ways(house, h):
    doctor, clinic = h.extra_doctor(), bc._clinic(h)
    first, second = (h.session(d, s, doctor=doctor, clinic=clinic) for d, s in ((4, "上午"), (5, "下午")))
    uid, order, _ = booking(house, h, "reschedule", session=first)
    r = house.api(h.admin).post(f"/api/v1/appointments/{order}/reschedule", {"schedule_id": second, "reason": "设备故障"})
    assert r.status_code == 200, r.text
    sent(h, order, template="visit_arranged")
    assert sorted(templates_of(h, order)) == [("visit_arranged", "sms", True), ("visit_arranged", "wechat", False)]


def test_a_refused_call_tells_nobody(house, h):
    uid, order, _ = booking(house, h, "cancel", "paid")
    stranger = h.patient()[1]
    assert house.api(stranger).put(f"/patient/appointments/{order}/cancel", {}).json()["code"] == 102
    assert templates_of(h, order) == []
