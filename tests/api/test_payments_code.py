"""Paying for an order and giving the payment up, on the {code, message} surface (api/07 section 7.2, BR-83, BR-84, BR-88)."""

import re

import pytest

from support import booking_cases as bc
from support import contract
from support.house import open_house
from support.http import message
from support.rush import at_once


@pytest.fixture(scope="module")
def house(empty_db, make_system):
    w = open_house(empty_db, make_system)
    yield w
    w.close()


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


def paid(h, order):
    """What paying leaves: the order, its bill, a payment, a ledger entry."""
    h.run("update registration_orders set status = 'confirmed', payment_status = 'paid', payment_time = now() where id = %s", order)
    bill, total = h.run("update bills set status = 'PAID' where appointment_id = %s returning id, total", order)[0]
    payment = h.one("insert into payments (payment_no, bill_id, amount, currency, method, status, created_at, updated_at) "
                    "values (%s, %s, %s, 'CNY', 'ONLINE', 'SUCCEEDED', now(), now()) returning id", f"P{order}", bill, total)
    h.run("insert into ledger_entries (bill_id, kind, amount, ref_id, at) values (%s, 'PAYMENT', %s, %s, now())", bill, total, payment)


def states(h, order):
    o = h.order(order)
    return o["status"], o["payment_status"], o["cancel_reason"]


def ledger(h, order):
    return h.one("select coalesce(sum(l.amount), 0) from ledger_entries l join bills b on b.id = l.bill_id where b.appointment_id = %s", order)


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
    paid(h, order)
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
        paid(h, order)
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
        paid(h, order)
        api = house.api(ask.user)
        replies = at_once(lambda: api.post(f"/patient/appointments/{order}/cancel-payment"),
                          lambda: api.put(f"/patient/appointments/{order}/cancel"))
        assert sorted(r.json()["code"] for r in replies) == [0, 99]
        assert h.remaining(ask.session) == 16 and ledger(h, order) == 0
    h.check()
