"""Payments online of orders on the {code, message} surface (api/07 section 7.6): opened, shown as a code, reported by the provider."""

import datetime as dt
import json

import pytest
import requests

from support import booking_cases as bc
from support import contract, money
from support.hospital import ZONE
from support.house import open_house
from support.http import message
from support.proc import wait_for
from support.rush import at_once


@pytest.fixture(scope="module")
def house(empty_db, make_system):
    w = open_house(empty_db, make_system, money.CONF)
    w.h.setting("registration", '{"advanceBookingDays": 14, "sameDayDeadline": "23:59", "cancelHoursBefore": 2, "paymentTimeoutMinutes": 20}')
    yield w
    w.close()


def booked(house):
    ask = bc._free(house.h)
    return ask, message(house.api(ask.user).post("/patient/appointments", bc.code_body(house.h, ask)))["id"]


def open_it(house, order, user, amount=50, method="alipay", **kw):
    return house.api(user).post("/patient/payments/create", {"appointmentId": order, "amount": amount, "paymentMethod": method}, **kw)


def payments(h, order):
    return h.run("select p.payment_no, p.status, p.channel, p.method from payments p join bills b on b.id = p.bill_id "
                 "where b.appointment_id = %s order by p.id", order)


def call_back(house, payment_no, kind="payment.succeeded", **more):
    raw = json.dumps(money.event(kind, {"payment_no": payment_no, "amount": 50}, **more)).encode()
    return requests.post(f"{house.system.base}/api/v1/payments/callback/sandbox", data=raw, timeout=20,
                         headers={"Content-Type": "application/json", "X-Signature": money.sign(raw)})


def text(moment):
    return moment.astimezone(ZONE).strftime("%Y-%m-%d %H:%M:%S")


def test_opened_scanned_and_paid(house):
    h = house.h
    ask, order = booked(house)
    api = house.api(ask.user)
    got = contract.check("billing.create_order_payment", message(open_it(house, str(order), ask.user)))
    o = h.order(order)
    until = text(o["payable_since"] + dt.timedelta(minutes=20))
    assert {k: v for k, v in got.items() if k not in ("paymentNo", "payUrl")} == {
        "orderId": order, "orderNo": o["order_no"], "amount": 50.0, "method": "alipay", "status": "pending", "paymentStatus": "pending",
        "paymentTime": None, "expiresAt": until}
    no = got["paymentNo"]
    assert payments(h, order) == [(no, "PENDING", "alipay", "ONLINE")] and no in got["payUrl"]
    code = contract.check("billing.get_order_payment_code", message(api.get(f"/patient/payments/{order}/qrcode")))
    assert code == {"orderId": order, "qrCode": f"sandbox:{no}", "payUrl": got["payUrl"], "expiresAt": until}
    assert message(api.get(f"/patient/payments/{order}/status"))["method"] == "alipay"
    assert call_back(house, no).status_code == 200
    status = message(api.get(f"/patient/payments/{order}/status"))
    assert (status["status"], status["paymentStatus"], status["method"], status["expiresAt"]) == ("confirmed", "paid", "alipay", None)
    assert message(api.post("/patient/payments/verify", {"orderId": order}))["verified"] is True
    assert message(api.get(f"/patient/payments/{order}/qrcode"), 99)["msg"] == "订单状态不允许支付（当前: paid）"
    assert message(open_it(house, order, ask.user), 99)["msg"] == "订单状态不允许支付（当前: paid）"
    money.check_books(h)


def test_one_that_is_open_is_the_answer(house):
    ask, order = booked(house)
    first = message(open_it(house, order, ask.user))
    assert message(open_it(house, order, ask.user, method="wechat")) == first
    assert len(payments(house.h, order)) == 1


def test_opened_by_many_at_once_once(house):
    ask, order = booked(house)
    house.api(ask.user)
    replies = [message(r) for r in at_once(*[lambda: open_it(house, order, ask.user)] * 4)]
    assert len({r["paymentNo"] for r in replies}) == 1 and len(payments(house.h, order)) == 1


def test_same_key_opens_once(house):
    ask, order = booked(house)
    first, again = (open_it(house, order, ask.user, headers={"Idempotency-Key": f"open-{order}"}) for _ in range(2))
    assert message(first) == message(again) and again.headers.get("Idempotency-Replayed") == "true"


def test_one_whose_time_is_over_makes_room(house):
    h = house.h
    ask, order = booked(house)
    first = message(open_it(house, order, ask.user))["paymentNo"]
    h.run("update payments set expires_at = now() where payment_no = %s", first)
    second = message(open_it(house, order, ask.user, method="bank"))["paymentNo"]
    assert payments(h, order) == [(first, "EXPIRED", "alipay", "ONLINE"), (second, "PENDING", "bank", "ONLINE")]
    assert call_back(house, second).status_code == 200 and call_back(house, first).status_code == 200      # late: given back
    wait_for("the late money", lambda: h.one("select count(*) from refunds r join payments p on p.id = r.payment_id where p.payment_no = %s "
                                             "and r.status = 'SUCCEEDED'", first) == 1)
    assert h.order(order)["payment_status"] == "paid"
    money.check_books(h)


def test_failed_at_the_provider_and_opened_again(house):
    h = house.h
    ask, order = booked(house)
    first = message(open_it(house, order, ask.user))["paymentNo"]
    assert call_back(house, first, "payment.failed").status_code == 200
    assert message(house.api(ask.user).get(f"/patient/payments/{order}/qrcode"), 106)["msg"] == "资源不存在"
    assert h.order(order)["status"] == "pending"
    assert message(open_it(house, order, ask.user))["paymentNo"] != first


def test_paying_at_once_ends_what_was_open(house):
    h = house.h
    ask, order = booked(house)
    first = message(open_it(house, order, ask.user))["paymentNo"]
    message(house.api(ask.user).post(f"/patient/appointments/{order}/pay", {"method": "bank"}))
    assert payments(h, order)[0] == (first, "CANCELLED", "alipay", "ONLINE") and h.order(order)["payment_method"] == "bank"
    money.check_books(h)


@pytest.mark.parametrize("amount", [49.99, 50.01, 0, 500])
def test_another_amount_is_refused(house, amount):
    ask, order = booked(house)
    assert message(open_it(house, order, ask.user, amount=amount), 99)["msg"] == "订单金额无效"
    assert payments(house.h, order) == []


def test_refusals(house):
    h = house.h
    ask, order = booked(house)
    stranger, nobody = h.patient()[1], h.user(roles=["PATIENT"])
    for call in (lambda u, o: open_it(house, o, u), lambda u, o: house.api(u).get(f"/patient/payments/{o}/qrcode")):
        assert message(call(stranger, order), 102)["msg"] == "无权支付该订单"
        assert message(call(ask.user, 99999999), 106)["msg"] == "订单不存在"
        assert message(call(nobody, order), 106)["msg"] == "患者信息不存在"
    for body in ({}, {"appointmentId": order, "amount": 50}, {"appointmentId": order, "amount": "x", "paymentMethod": "bank"},
                 {"appointmentId": order, "amount": 50, "paymentMethod": "cash"}):
        message(house.api(ask.user).post("/patient/payments/create", body), 99)
    assert message(house.api(ask.user).get(f"/patient/payments/{order}/qrcode"), 106)["msg"] == "资源不存在"       # none is open
    message(house.api(ask.user).put(f"/patient/appointments/{order}/cancel"))
    assert message(open_it(house, order, ask.user), 99)["msg"] == "订单状态不允许支付（当前: cancelled）"
    wait = bc._free(h, places=0)
    entry = message(house.api(wait.user).post("/patient/waitlist", {"scheduleId": wait.session, "patientId": wait.patient}))["id"]
    assert message(open_it(house, entry, wait.user), 99)["msg"] == "订单状态错误（当前: waitlist）"
    assert message(house.api(wait.user).get(f"/patient/payments/{entry}/qrcode"), 99)["msg"] == "订单状态错误（当前: waitlist）"


def test_an_overdue_order_is_refused_and_times_out(house):                           # BR-83
    h = house.h
    ask, order = booked(house)
    h.run("update registration_orders set payable_since = now() - interval '20 minutes' where id = %s", order)
    assert message(open_it(house, order, ask.user), 99)["msg"] == "订单状态不允许支付（当前: failed）"
    wait_for("the time-out", lambda: h.order(order)["status"] == "timeout")
    assert payments(h, order) == [] and h.remaining(ask.session) == 16


def test_success_and_cancel_at_once(house):
    """Whichever comes first, no money stays without an order."""
    h = house.h
    for _ in range(4):
        ask, order = booked(house)
        no = message(open_it(house, order, ask.user))["paymentNo"]
        api = house.api(ask.user)
        told, cancelled = at_once(lambda: call_back(house, no), lambda: api.put(f"/patient/appointments/{order}/cancel"))
        message(cancelled)
        assert told.status_code == 200
        wait_for("the refund", lambda: h.one("select coalesce(sum(l.amount), 0) = 0 and count(*) = 2 from ledger_entries l join bills b on b.id = l.bill_id "
                                             "where b.appointment_id = %s", order))
        assert h.order(order)["status"] == "cancelled" and h.remaining(ask.session) == 16
    money.check_books(h)
