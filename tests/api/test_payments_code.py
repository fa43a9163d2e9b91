"""Paying for an order and giving the payment up, on the {code, message} surface (api/07 section 7.2, BR-83, BR-84, BR-88)."""

import datetime as dt
import re

import pytest

from support import booking_cases as bc
from support import contract
from support.hospital import ZONE
from support.http import message
from support.rush import at_once


@pytest.fixture(autouse=True)
def default_settings(house):
    house.h.setting("registration", '{"advanceBookingDays": 14, "sameDayDeadline": "23:59", "cancelHoursBefore": 2, '
                                    '"paymentTimeoutMinutes": 30}')


def booked(house, **kw):
    """(ask, order id) of an unpaid booking."""
    ask = bc._free(house.h, **kw)
    return ask, message(house.api(ask.user).post("/patient/appointments", bc.code_body(house.h, ask)))["id"]


def give_up(house, order, user, body=None, **kw):
    return house.api(user).post(f"/patient/appointments/{order}/cancel-payment", body, **kw)


def overdue(h, order, minutes=30):
    h.run("update registration_orders set payable_since = now() - make_interval(mins => %s) where id = %s", minutes, order)


def pay(house, order, user, method="wechat", remark=None, **kw):
    said = {"remark": remark} if remark else {}
    return house.api(user).post(f"/patient/appointments/{order}/pay", {"method": method, **said}, **kw)


def paid(house, order, user):
    return message(pay(house, order, user))


def states(h, order):
    o = h.order(order)
    return o["status"], o["payment_status"], o["cancel_reason"]


def ledger(h, order):
    return h.one("select coalesce(sum(l.amount), 0) from ledger_entries l join bills b on b.id = l.bill_id where b.appointment_id = %s", order)


# ---- paying (BR-84)

@pytest.mark.parametrize("method", ["wechat", "alipay", "bank"])
def test_paid(house, method):
    h = house.h
    ask, order = booked(house)
    remark = {"bank": None, "wechat": "给母亲，'单独'付\n", "alipay": "汉" * 200}[method]
    got = contract.check("booking.pay_appointment", message(pay(house, order, ask.user, method, remark)))
    at = got.pop("paymentTime")
    assert got == {"success": True, "orderId": order, "orderNo": h.order(order)["order_no"], "paymentStatus": "paid", "method": method,
                   "amount": 50.0}
    o = h.order(order)
    assert (o["status"], o["payment_status"], o["payment_method"]) == ("confirmed", "paid", method)
    assert o["payment_time"].astimezone(ZONE).strftime("%Y-%m-%d %H:%M:%S") == at
    assert h.run("select b.status, p.status, p.method, p.amount, p.created_by, p.remark from bills b join payments p on p.bill_id = b.id "
                 "where b.appointment_id = %s", order) == [("PAID", "SUCCEEDED", "ONLINE", 50, ask.user, remark)]
    assert ledger(h, order) == 50 and h.remaining(ask.session) == 15
    assert h.run("select action, by_user from appointment_history where order_id = %s order by id", order) == [
        ("booked", ask.user), ("paid", ask.user), ("confirmed", ask.user)]
    shown = message(house.api(ask.user).get(f"/patient/appointments/{order}"))
    assert (shown["status"], shown["paymentStatus"], shown["paidAt"]) == ("confirmed", "paid", at)


def test_the_one_who_booked_for_a_relative_pays(house):
    h = house.h
    mother, uid = h.patient()
    child, child_user = h.patient()
    h.relate(mother, child)
    for payer in (uid, child_user):
        ask = bc._free(h)
        order = message(house.api(uid).post("/patient/appointments", {**bc.code_body(h, ask), "patientId": child}))["id"]
        message(pay(house, order, payer))
        message(give_up(house, order, uid))


def test_paying_is_for_patient_and_initiator(house):
    h = house.h
    ask, order = booked(house)
    error = message(pay(house, order, h.patient()[1]), 102)
    assert (error["error"], error["msg"]) == ("权限不足", "无权支付该订单")
    assert message(pay(house, 99999999, ask.user), 106)["msg"] == "订单不存在"
    assert message(pay(house, order, h.user(roles=["PATIENT"])), 106)["msg"] == "患者信息不存在"
    assert house.system.api().post(f"/patient/appointments/{order}/pay", {"method": "bank"}).status_code == 401
    assert states(h, order)[:2] == ("pending", "pending")


@pytest.mark.parametrize("state, text", [("paid", "订单状态不允许支付（当前: paid）"), ("cancelled", "订单状态不允许支付（当前: cancelled）"),
                                         ("timeout", "订单状态不允许支付（当前: failed）"), ("waitlist", "订单状态错误（当前: waitlist）"),
                                         ("v1", "订单状态错误（当前: confirmed）"), ("free", "订单金额无效")])
def test_paying_refused_by_state(house, state, text):
    h = house.h
    if state == "waitlist":
        ask = bc._free(h, places=0)
        order = message(house.api(ask.user).post("/patient/waitlist", {"scheduleId": ask.session, "patientId": ask.patient}))["id"]
    elif state == "v1":       # booked there, where it need not be paid first
        ask = bc._free(h)
        order = house.api(ask.user).post("/api/v1/appointments", {"schedule_id": ask.session}).json()["data"]["id"]
    else:
        ask, order = booked(house)
    if state == "paid":
        message(pay(house, order, ask.user))
    elif state == "cancelled":
        message(give_up(house, order, ask.user))
    elif state == "timeout":
        overdue(h, order)
        message(give_up(house, order, ask.user))
    elif state == "free":     # a bill that was lost, an amount that is none
        h.run("update bills set status = 'CANCELLED' where appointment_id = %s", order)
        h.run("update registration_orders set price = 0 where id = %s", order)
    before = h.order(order)
    error = message(pay(house, order, ask.user), 99)
    assert (error["error"], error["msg"]) == ("请求参数错误", text)
    assert h.order(order) == before
    if state == "free":
        h.run("update registration_orders set price = 50 where id = %s", order)
        message(house.api(ask.user).put(f"/patient/appointments/{order}/cancel"))


def test_what_costs_nothing_is_paid_already(house):
    ask = bc._free(house.h, price="0")
    got = message(house.api(ask.user).post("/patient/appointments", bc.code_body(house.h, ask)))
    assert (got["needPay"], got["status"], got["paymentStatus"]) == (False, "confirmed", "paid")
    assert message(pay(house, got["id"], ask.user), 99)["msg"] == "订单状态不允许支付（当前: paid）"


@pytest.mark.parametrize("minutes, per_doctor", [(30, None), (15, 15)])
def test_an_overdue_order_times_out_instead(house, minutes, per_doctor):              # BR-83
    h = house.h
    ask, order = booked(house)
    if per_doctor:
        h.setting("registration", f'{{"paymentTimeoutMinutes": {per_doctor}}}', "DOCTOR", ask.doctor)
    overdue(h, order, minutes)
    error = message(pay(house, order, ask.user), 99)
    assert error["msg"] == "订单状态不允许支付（当前: failed）"
    assert states(h, order) == ("timeout", "failed", "支付超时") and h.order(order)["cancelled_by"] == "system"
    assert h.remaining(ask.session) == 16 and ledger(h, order) == 0
    assert h.one("select status from bills where appointment_id = %s", order) == "CANCELLED"
    assert message(pay(house, order, ask.user), 99)["msg"] == "订单状态不允许支付（当前: failed）"
    h.check()


def test_an_order_is_payable_to_its_last_minute(house):
    ask, order = booked(house)
    overdue(house.h, order, 29)
    message(pay(house, order, ask.user))


def test_a_stranger_times_nothing_out(house):
    ask, order = booked(house)
    overdue(house.h, order)
    message(pay(house, order, house.h.patient()[1]), 102)
    assert states(house.h, order)[:2] == ("pending", "pending")


def test_the_place_of_an_overdue_order_goes_to_who_waits(house):
    h = house.h
    ask = bc._free(h, places=1, minutes=240)
    order = message(house.api(ask.user).post("/patient/appointments", bc.code_body(h, ask)))["id"]
    pid, uid = h.patient()
    waits = message(house.api(uid).post("/patient/waitlist", {"scheduleId": ask.session, "patientId": pid}))["id"]
    overdue(h, order)
    message(pay(house, order, ask.user), 99)
    assert states(h, waits)[:2] == ("pending", "pending") and h.remaining(ask.session) == 0
    assert message(pay(house, waits, uid))["amount"] == 50.0
    h.check()


@pytest.mark.parametrize("body", [{}, {"method": "cash"}, {"method": None}, {"method": "wechat", "remark": "长" * 201}])
def test_a_faulty_payment(house, body):
    ask, order = booked(house)
    message(house.api(ask.user).post(f"/patient/appointments/{order}/pay", body), 99)
    assert states(house.h, order)[:2] == ("pending", "pending")


def test_same_key_pays_once(house):
    h = house.h
    ask, order = booked(house)
    first, again = (pay(house, order, ask.user, headers={"Idempotency-Key": f"pay-{order}"}) for _ in range(2))
    assert message(first) == message(again) and again.headers.get("Idempotency-Replayed") == "true"
    other = pay(house, order, ask.user, "bank", headers={"Idempotency-Key": f"pay-{order}"})
    assert message(other, 99)["msg"] == "幂等键已用于不同的请求"
    assert ledger(h, order) == 50


def test_paying_twice_at_once_pays_once(house):
    h = house.h
    for _ in range(4):
        ask, order = booked(house)
        house.api(ask.user)
        replies = at_once(*[lambda m=m: pay(house, order, ask.user, m) for m in ("wechat", "alipay", "bank", "wechat")])
        refused = [r.json()["message"]["msg"] for r in replies if r.json()["code"]]
        assert refused == ["订单状态不允许支付（当前: paid）"] * 3
        assert ledger(h, order) == 50
    h.check()


def test_pay_and_cancel_at_once(house):
    """Whichever comes first: money that was taken was given back when the order is cancelled."""
    h = house.h
    for way in ("cancel", "cancel-payment") * 3:
        ask, order = booked(house)
        api = house.api(ask.user)
        cancel = (lambda: api.put(f"/patient/appointments/{order}/cancel")) if way == "cancel" else (lambda: give_up(house, order, ask.user))
        payment, cancelled = at_once(lambda: pay(house, order, ask.user), cancel)
        message(cancelled)
        code = payment.json()["code"]
        assert code in (0, 99)
        assert states(h, order)[:2] == ("cancelled", "refunded" if code == 0 else "cancelled")
        assert ledger(h, order) == 0 and h.remaining(ask.session) == 16
    h.check()


def test_pay_and_timeout_at_once(house):
    """An order that falls due: either it was paid, or it timed out, never both."""
    h = house.h
    for _ in range(4):
        ask, order = booked(house)
        overdue(h, order)
        house.api(ask.user)
        h.run("update job_schedules set next_slot = now() where name = 'unpaid-orders'")
        payment, gone = at_once(lambda: pay(house, order, ask.user), lambda: give_up(house, order, ask.user))
        assert payment.json()["code"] == 99 and gone.json()["code"] in (0, 99)
        assert states(h, order)[:2] == ("timeout", "failed") and h.remaining(ask.session) == 16 and ledger(h, order) == 0
    h.check()


def test_many_pay_at_once(house):
    h = house.h
    session = h.session(4, places=16, doctor=h.extra_doctor(), clinic=bc._clinic(h))
    orders = []
    for i in range(12):
        pid, uid = h.patient()
        order = message(house.api(uid).post("/patient/appointments", {"scheduleId": session, "hospitalId": h.area, "departmentId": h.dept, "patientId": pid}))["id"]
        if i % 4 == 3:
            overdue(h, order)
        orders.append((order, uid))
    replies = at_once(*[lambda o=o, u=u: pay(house, o, u) for o, u in orders])
    assert [r.json()["code"] for r in replies] == [0, 0, 0, 99] * 3
    assert [h.order(o)["status"] for o, _ in orders] == ["confirmed", "confirmed", "confirmed", "timeout"] * 3
    assert h.remaining(session) == 16 - 9
    h.check()


# ---- how payments stand (api/07 section 7.6)

def test_status_of_a_payment(house):
    h = house.h
    ask, order = booked(house)
    api = house.api(ask.user)
    no = h.order(order)["order_no"]
    status = f"/patient/payments/{order}/status"
    got = contract.check("booking.get_payment", message(api.get(status)))
    due = (h.order(order)["payable_since"] + dt.timedelta(minutes=30)).astimezone(ZONE).strftime("%Y-%m-%d %H:%M:%S")
    assert got == {"orderId": order, "orderNo": no, "amount": 50.0, "method": None, "status": "pending", "paymentStatus": "pending",
                   "paymentTime": None, "expiresAt": due}
    verify = {"orderId": str(order)}
    assert message(api.post("/patient/payments/verify", verify)) == {"verified": False, "orderId": order, "paymentStatus": "pending"}
    at = paid(house, order, ask.user)["paymentTime"]
    assert message(api.get(status)) == {"orderId": order, "orderNo": no, "amount": 50.0, "method": "wechat", "status": "confirmed",
                                        "paymentStatus": "paid", "paymentTime": at, "expiresAt": None}
    assert contract.check("booking.verify_payment", message(api.post("/patient/payments/verify", verify))) == {
        "verified": True, "orderId": order, "paymentStatus": "paid"}
    for call in (lambda a, o: a.get(f"/patient/payments/{o}/status"), lambda a, o: a.post("/patient/payments/verify", {"orderId": o})):
        assert message(call(house.api(h.patient()[1]), order), 102)["msg"] == "无权查看该预约"
        assert message(call(api, 99999999), 106)["msg"] == "订单不存在"
        assert message(call(house.api(h.user(roles=["PATIENT"])), order), 106)["msg"] == "患者信息不存在"
    message(api.post("/patient/payments/verify", {}), 99)


def test_payment_is_cancelled_by_its_order(house):
    ask, order = booked(house)
    got = contract.check("booking.cancel_open_payment", message(house.api(ask.user).put(f"/patient/payments/{order}/cancel", {"reason": "x"})))
    assert (got["orderId"], got["status"], got["reason"]) == (order, "cancelled", "x")
    assert message(house.api(ask.user).put(f"/patient/payments/{order}/cancel"), 99)["msg"] == "订单已取消"
    assert message(house.api(house.h.patient()[1]).put(f"/patient/payments/{order}/cancel"), 102)["msg"] == "无权取消该订单"


def test_history_of_payments(house):
    h = house.h
    mother, uid = h.patient()
    child, _ = h.patient(account=False)
    h.relate(mother, child)
    orders = []
    for patient in (mother, child, mother):
        ask = bc._free(h, days=3 + len(orders))
        orders.append(message(house.api(uid).post("/patient/appointments", {**bc.code_body(h, ask), "patientId": patient}))["id"])
    api = house.api(uid)
    empty = message(api.get("/patient/payments/history"))
    assert empty == {"total": 0, "page": 1, "pageSize": 10, "list": []}
    for order in orders[:2]:
        message(pay(house, order, uid, "bank"))
        h.run("update registration_orders set payment_time = now() - make_interval(mins => %s) where id = %s", orders[2] - order, order)
    message(give_up(house, orders[0], uid))
    got = contract.check("booking.list_payments", message(api.get("/patient/payments/history")))
    assert [(x["orderId"], x["status"], x["paymentStatus"], x["method"]) for x in got["list"]] == [
        (orders[1], "confirmed", "paid", "bank"), (orders[0], "cancelled", "refunded", "bank")] and got["total"] == 2
    second = message(api.get("/patient/payments/history", params={"page": 2, "pageSize": 1}))
    assert (second["total"], second["page"], second["pageSize"], [x["orderId"] for x in second["list"]]) == (2, 2, 1, [orders[0]])
    assert message(api.get("/patient/payments/history", params={"page": 0}), 99)["msg"] == "分页参数必须为正整数"
    assert message(house.api(h.user(roles=["PATIENT"])).get("/patient/payments/history"), 106)["msg"] == "患者信息不存在"
    assert message(house.api(h.patient()[1]).get("/patient/payments/history"))["list"] == []


def test_payment_methods(house):
    got = contract.check("booking.list_payment_methods", message(house.api(house.h.patient()[1]).get("/patient/payments/methods")))
    assert got == {"methods": [{"method": "alipay", "name": "支付宝"}, {"method": "wechat", "name": "微信支付"}, {"method": "bank", "name": "银行卡"}]}


# ---- giving a payment up (BR-88)

def test_unpaid_payment_is_given_up_with_its_order(house):
    h = house.h
    ask, order = booked(house)
    got = contract.check("booking.cancel_payment", message(give_up(house, order, ask.user, {"reason": "选错了时间"})))
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", got.pop("cancelTime"))
    assert got == {"success": True, "orderId": order, "status": "cancelled", "reason": "选错了时间"}
    assert states(h, order) == ("cancelled", "cancelled", "选错了时间")
    assert h.remaining(ask.session) == 16
    assert h.one("select status from bills where appointment_id = %s", order) == "CANCELLED"
    h.check()


@pytest.mark.parametrize("body", [None, {}, {"reason": None}])
def test_reason_may_be_absent(house, body):
    ask, order = booked(house)
    got = message(give_up(house, order, ask.user, body))
    assert (got["status"], got["reason"]) == ("cancelled", None)


def test_unpaid_past_its_time_becomes_a_timeout(house):
    ask, order = booked(house)
    overdue(house.h, order)
    got = message(give_up(house, order, ask.user, {"reason": "不去了"}))
    assert (got["status"], got["reason"]) == ("timeout", "支付超时")
    assert states(house.h, order) == ("timeout", "failed", "支付超时")
    assert house.h.remaining(ask.session) == 16


def test_unpaid_has_no_deadline(house):
    house.h.setting("registration", '{"cancelHoursBefore": 72, "advanceBookingDays": 14}')
    ask, order = booked(house, days=1)
    assert message(give_up(house, order, ask.user))["status"] == "cancelled"


def test_paid_is_refunded_until_the_deadline(house):
    h = house.h
    ask, order = booked(house, days=1)
    paid(house, order, ask.user)
    h.setting("registration", '{"cancelHoursBefore": 72, "advanceBookingDays": 14}')
    assert message(give_up(house, order, ask.user), 99)["msg"] == "已超过取消时间，需到医院办理退号"
    h.setting("registration", '{"cancelHoursBefore": 2, "advanceBookingDays": 14}')
    assert message(give_up(house, order, ask.user))["status"] == "cancelled"
    assert states(h, order)[:2] == ("cancelled", "refunded") and ledger(h, order) == 0
    assert h.order(order)["refund_amount"] == 50


@pytest.mark.parametrize("state, text", [("cancelled", "订单已取消"), ("completed", "已完成或未到场的订单不可取消"),
                                         ("no_show", "已完成或未到场的订单不可取消"), ("timeout", "该预约无法取消")])
def test_giving_up_refused_by_state(house, state, text):
    h = house.h
    ask, order = booked(house)
    if state in ("completed", "no_show"):
        paid(house, order, ask.user)
        h.run("update registration_orders set checked_in_at = starts_at where id = %s", order)
    h.run("update registration_orders set status = %s where id = %s", state, order)
    if state in ("cancelled", "timeout"):
        h.run("update schedules set remaining_slots = remaining_slots + 1 where id = %s", ask.session)
    assert message(give_up(house, order, ask.user), 99)["msg"] == text
    assert h.order(order)["status"] == state


def test_giving_up_is_for_patient_and_initiator(house):
    h = house.h
    ask, order = booked(house)
    error = message(give_up(house, order, h.patient()[1]), 102)
    assert (error["error"], error["msg"]) == ("权限不足", "无权取消该订单")
    assert message(give_up(house, 99999999, ask.user), 106)["msg"] == "订单不存在"
    assert message(give_up(house, order, h.user(roles=["PATIENT"])), 106)["msg"] == "患者信息不存在"
    child, _ = h.patient(account=False)
    own = h.one("select id from patients where user_id = %s", ask.user)
    h.relate(own, child)
    other = bc._free(h)
    for_child = message(house.api(ask.user).post("/patient/appointments", {**bc.code_body(h, other), "patientId": child}))["id"]
    assert message(give_up(house, for_child, ask.user))["status"] == "cancelled"


@pytest.mark.parametrize("reason", ["长" * 501, 5])
def test_reason_that_cannot_be(house, reason):
    ask, order = booked(house)
    assert "reason" in message(give_up(house, order, ask.user, {"reason": reason}), 99)["msg"]
    assert house.h.order(order)["status"] == "pending"


def test_same_key_gives_up_once(house):
    ask, order = booked(house)
    first, again = (give_up(house, order, ask.user, {"reason": "x"}, headers={"Idempotency-Key": f"give-up-{order}"}) for _ in range(2))
    assert message(first) == message(again) and again.headers.get("Idempotency-Replayed") == "true"
    assert house.h.remaining(ask.session) == 16


def test_two_ways_of_cancelling_at_once_free_one_place(house):
    h = house.h
    for _ in range(4):
        ask, order = booked(house)
        paid(house, order, ask.user)
        api = house.api(ask.user)
        replies = at_once(lambda: api.post(f"/patient/appointments/{order}/cancel-payment"),
                          lambda: api.put(f"/patient/appointments/{order}/cancel"))
        assert sorted(r.json()["code"] for r in replies) == [0, 99]
        assert h.remaining(ask.session) == 16 and ledger(h, order) == 0
    h.check()


def test_a_free_order_that_moved_to_a_dear_place_gets_nothing_back(house):
    """R-96: its fee is a bill that was never paid."""
    h = house.h
    ask = bc._free(h, price="0")
    dear = h.session(4, doctor=ask.doctor, clinic=bc._clinic(h), price="50.00")
    api = house.api(ask.user)
    order = message(api.post("/patient/appointments", bc.code_body(h, ask)))["id"]
    moved = api.post(f"/api/v1/appointments/{order}/reschedule", {"schedule_id": dear})
    assert moved.status_code == 200, moved.text
    assert message(api.put(f"/patient/appointments/{order}/cancel")) == {"success": True, "refundAmount": None}
    o = h.order(order)
    assert (o["status"], o["payment_status"], o["refund_amount"]) == ("cancelled", "cancelled", None) and ledger(h, order) == 0
    assert h.run("select distinct status from bills where appointment_id = %s", order) == [("CANCELLED",)]
