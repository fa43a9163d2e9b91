"""Bills, payments and refunds over HTTP: replies as api/26 has them, callbacks byte for byte, lists, the sandbox."""

import json
import time

import pytest
import requests

from support import booking_cases as bc
from support import money
from support.hospital import today
from support.house import open_house
from support.proc import wait_for


@pytest.fixture(scope="module")
def house(empty_db, make_system):
    house = open_house(empty_db, make_system, money.CONF)
    house.reset()
    yield house
    house.close()


def appointment(house, days=3):
    """(user, patient, appointment as shown) of a new unpaid booking of 50.00."""
    ask = bc._free(house.h, days=days)
    r = house.api(ask.user).post("/api/v1/appointments", bc.v1_body(house.h, ask))
    assert r.status_code == 201, r.text
    return ask.user, ask.patient, r.json()["data"]


def data(r, status=200):
    assert r.status_code == status, r.text
    return r.json()["data"]


def code(r, status):
    assert r.status_code == status, r.text
    return r.json()["data"]["code"]


def call_back(house, e, raw=None, signature=None, provider="sandbox", base="/api/v1"):
    raw = json.dumps(e).encode() if raw is None else raw
    headers = {"Content-Type": "application/json"}
    if signature != "":
        headers["X-Signature"] = signature or money.sign(raw)
    return requests.post(f"{house.system.base}{base}/payments/callback/{provider}", data=raw, headers=headers, timeout=20)


def test_a_bill_from_issue_to_payment(house):
    user, patient, booked = appointment(house)
    api, bill = house.api(user), booked["bill_id"]
    r = api.get(f"/api/v1/billing/{bill}")
    b = data(r)
    assert r.headers["ETag"] == f'"bill-{bill}-1"'
    assert (b["patient_id"], b["appointment_id"], b["kind"], b["status"]) == (patient, booked["id"], "REGISTRATION", "ISSUED")
    assert (b["subtotal"], b["discount"], b["tax"], b["total"], b["balance"], b["paid_amount"]) == (50, 0, 0, 50, 50, 0)
    assert b["overdue"] is False and b["payments"] == b["refunds"] == b["claims"] == [] and b["patient"]["id"] == patient
    (item,) = b["items"]
    assert (item["description"], item["quantity"], item["unit_price"], item["line_total"]) == ("挂号费", 1, 50, 50)
    assert '"total": 50.00' in r.text.replace(" :", ":").replace('":5', '": 5')         # two decimals (api/20 section 8)
    r = api.post(f"/api/v1/billing/{bill}/payments", {"method": "ONLINE"}, headers={"Idempotency-Key": "pay-1"})
    p = data(r, 201)
    again = api.post(f"/api/v1/billing/{bill}/payments", {"method": "ONLINE"}, headers={"Idempotency-Key": "pay-1"})
    assert data(again, 201) == p and again.headers["Idempotency-Replayed"] == "true"
    other = api.post(f"/api/v1/billing/{bill}/payments", {"method": "ONLINE", "amount": 10}, headers={"Idempotency-Key": "pay-1"})
    assert code(other, 422) == "IDEMPOTENCY_KEY_REUSED"
    assert r.headers["Location"] == f"/api/v1/payments/{p['id']}"
    assert data(api.get(f"/api/v1/payments/{p['id']}"))["status"] == "PENDING"
    assert code(api.post(f"/api/v1/billing/{bill}/payments", {"method": "ONLINE"}), 409) == "PAYMENT_PENDING"
    e = money.event("payment.succeeded", p)
    for _ in range(2):
        assert data(call_back(house, e)) == {"received": True}
    b = data(api.get(f"/api/v1/billing/{bill}"))
    assert (b["status"], b["balance"], b["payments"][0]["status"], b["payments"][0]["refundable"]) == ("PAID", 0, "SUCCEEDED", 50)
    assert data(api.get(f"/api/v1/appointments/{booked['id']}"))["payment_status"] == "PAID"
    assert api.get(f"/api/v1/billing/{bill}", headers={"If-None-Match": api.get(f"/api/v1/billing/{bill}").headers["ETag"]}).status_code == 304
    assert [x["id"] for x in data(api.get(f"/api/v1/billing/{bill}/payments"))] == [p["id"]]
    staff = house.api(house.h.staff)
    refund = data(staff.post(f"/api/v1/payments/{p['id']}/refunds", {"amount": "20.5", "reason": "部分"}), 201)
    assert (refund["status"], refund["amount"], refund["created_by"]) == ("PENDING", 20.5, house.h.staff)
    wait_for("the sandbox to report the refund", lambda: data(api.get(f"/api/v1/payments/{p['id']}/refunds"))[0]["status"] == "SUCCEEDED")
    b = data(api.get(f"/api/v1/billing/{bill}"))
    assert (b["status"], b["refunded_amount"], b["balance"], len(b["refunds"])) == ("PARTIALLY_REFUNDED", 20.5, 20.5, 1)
    money.check_books(house.h)


def test_r134_the_callback_is_signed_over_its_bytes(house):
    user, _, booked = appointment(house)
    p = data(house.api(user).post(f"/api/v1/billing/{booked['bill_id']}/payments", {"method": "ONLINE"}), 201)
    e = money.event("payment.succeeded", p)
    raw = (" \n" + json.dumps(e, indent=3) + "\r\n").encode()           # not as anything would write it anew
    assert code(call_back(house, e, raw, ""), 401) == "SIGNATURE_INVALID"
    assert code(call_back(house, e, raw, "nonsense"), 401) == "SIGNATURE_INVALID"
    assert code(call_back(house, e, raw, money.sign(json.dumps(e).encode())), 401) == "SIGNATURE_INVALID"
    assert code(call_back(house, e, raw, money.sign(raw, at=time.time() - 400)), 401) == "SIGNATURE_STALE"
    assert code(call_back(house, e, raw, provider="alipay"), 404) == "NOT_FOUND"
    assert code(call_back(house, e, b"{", money.sign(b"{")), 400) == "MALFORMED_JSON"
    assert code(call_back(house, {**e, "type": "payment.guessed"}), 422) == "VALIDATION_FAILED"
    r = requests.post(f"{house.system.base}/api/payments/callback/sandbox", data=raw, timeout=20,
                      headers={"Content-Type": "application/json", "X-Signature": money.sign(raw)})
    assert code(r, 401) == "TOKEN_MISSING"                              # gateways call back below /api/v1
    assert code(call_back(house, {**e, "event_id": "other", "amount": 1}), 422) == "AMOUNT_MISMATCH"
    assert data(house.api(user).get(f"/api/v1/payments/{p['id']}"))["status"] == "REVIEW"
    assert data(call_back(house, e, raw)) == {"received": True}


def test_the_sandbox_plays_a_provider(house):
    user, _, booked = appointment(house)
    api, bill = house.api(user), booked["bill_id"]
    p = data(api.post(f"/api/v1/billing/{bill}/payments", {"method": "ONLINE"}), 201)
    status = lambda: data(api.get(f"/api/v1/payments/{p['id']}"))       # noqa: E731
    assert data(api.post(f"/api/v1/payments/sandbox/{p['id']}", {"outcome": "fail"}), 202) is None
    wait_for("the failure", lambda: status()["status"] == "FAILED")
    assert status()["failure_code"] == "DECLINED"
    p = data(api.post(f"/api/v1/billing/{bill}/payments", {"method": "ONLINE"}), 201)
    data(house.api(house.h.admin).post(f"/api/v1/payments/sandbox/{p['id']}", {"outcome": "success", "delay_ms": 1500}), 202)
    assert status()["status"] == "PENDING"
    wait_for("the success", lambda: status()["status"] == "SUCCEEDED")
    assert code(api.post("/api/v1/payments/sandbox/999999", {"outcome": "fail"}), 404) == "NOT_FOUND"
    assert code(api.post(f"/api/v1/payments/sandbox/{p['id']}", {"outcome": "explode"}), 422) == "VALIDATION_FAILED"
    money.check_books(house.h)


def test_lists_of_bills(house):
    user, patient, booked = appointment(house)
    staff, own = house.api(house.h.staff), house.api(user)
    bill = booked["bill_id"]
    mine = data(own.get("/api/v1/billing/me"))
    assert (mine["total"], mine["items"][0]["id"], mine["pages"]) == (1, bill, 1)
    assert data(own.get("/api/v1/billing/me", params={"status": "PAID"}))["total"] == 0
    assert data(own.get("/api/v1/billing/me", params={"status": "PENDING", "kind": "REGISTRATION"}))["total"] == 1
    r = own.get(f"/api/v1/billing/patient/{patient}")
    assert data(r)["summary"] == {"billed": 50, "paid": 0, "refunded": 0, "insurance": 0, "balance": 50}
    assert r.headers["X-Total-Count"] == "1"
    other, _, _ = appointment(house)
    assert code(house.api(other).get(f"/api/v1/billing/patient/{patient}"), 403) == "NOT_OWNER"
    assert code(house.api(other).get(f"/api/v1/billing/{bill}"), 403) == "NOT_OWNER"
    assert code(staff.get("/api/v1/billing/patient/999999"), 404) == "NOT_FOUND"
    assert code(staff.get("/api/v1/billing/999999"), 404) == "NOT_FOUND"
    assert code(house.api(house.h.user(roles=["PATIENT"])).get("/api/v1/billing/me"), 404) == "PROFILE_NOT_FOUND"
    found = lambda **q: [b["id"] for b in data(staff.get("/api/v1/billing", params={"page_size": 100, **q}))["items"]]   # noqa: E731
    everything = found()
    assert everything == sorted(everything, reverse=True) and bill in everything
    assert found(patient_id=patient) == found(appointment_id=booked["id"]) == [bill]
    number = data(own.get(f"/api/v1/billing/{bill}"))["bill_no"]
    assert found(q=number.lower()) == found(q=number[3:]) == [bill]
    assert found(sort="total,-id") == everything and found(sort="-due_date,id")[0] in everything
    assert found(total_from=50.01) == [] and found(total_from="50", total_to=50) == everything
    assert found(overdue="true") == [] and set(found(overdue="false")) == set(everything)
    house.h.run("update bills set due_date = %s where id = %s", today().replace(year=2020), bill)
    assert found(overdue="true") == [bill]
    assert bill in found(created_at_from=today().isoformat(), created_at_to=today().isoformat())
    assert found(created_at_to="2020-01-01") == []
    assert code(staff.get("/api/v1/billing", params={"sort": "patient"}), 422) == "UNKNOWN_SORT"
    house.h.run("update bills set status = 'DRAFT' where id = %s", bill)
    assert data(own.get("/api/v1/billing/me"))["total"] == 0            # no drafts for patients
    assert data(own.get(f"/api/v1/billing/patient/{patient}"))["total"] == 0
    assert data(staff.get(f"/api/v1/billing/patient/{patient}"))["total"] == 1
    items = data(staff.get(f"/api/v1/billing/{bill}"))["items"]
    assert data(staff.get(f"/api/v1/billing/{bill}", params={"fields": "items.line_total,refunds.amount,patient.mrn"})) == {
        "id": bill, "items": [{"id": i["id"], "line_total": i["line_total"]} for i in items], "refunds": [],
        "patient": {k: v for k, v in data(staff.get(f"/api/v1/billing/{bill}"))["patient"].items() if k != "full_name"}}
    assert found(status="DRAFT") == [bill]
    assert list(data(staff.get(f"/api/v1/billing/{bill}", params={"fields": "total"}))) == ["id", "total"]
    house.h.run("update bills set status = 'ISSUED' where id = %s", bill)


def test_lists_of_payments(house):
    user, _, booked = appointment(house)
    staff = house.api(house.h.staff)
    p = data(staff.post(f"/api/v1/billing/{booked['bill_id']}/payments", {"method": "CARD", "amount": 10, "reference": "slip 77"}), 201)
    found = lambda **q: [x["id"] for x in data(staff.get("/api/v1/payments", params={"page_size": 100, **q}))["items"]]   # noqa: E731
    everything = found()
    assert everything[0] == p["id"] and everything == sorted(everything, reverse=True)
    assert found(method="CARD") == [p["id"]] == found(q="SLIP 77") == found(q=p["payment_no"].lower())
    assert p["id"] in found(status="SUCCEEDED,PENDING") and found(status="EXPIRED") == []
    assert p["id"] not in found(provider="sandbox")
    assert found(sort="created_at")[-1] == p["id"] and found(created_at_from=today().isoformat()) == everything
    assert code(house.api(user).get("/api/v1/payments"), 403) == "FORBIDDEN"
    data(house.api(user).get(f"/api/v1/payments/{p['id']}"))
    other, _, _ = appointment(house)
    for path in (f"/api/v1/payments/{p['id']}", f"/api/v1/payments/{p['id']}/refunds", f"/api/v1/billing/{booked['bill_id']}/payments"):
        assert code(house.api(other).get(path), 403) == "NOT_OWNER"
    for path in ("/api/v1/payments/999999", "/api/v1/payments/999999/refunds", "/api/v1/billing/999999/payments"):
        assert code(staff.get(path), 404) == "NOT_FOUND"


@pytest.mark.parametrize("body, field", [({}, "method"), ({"method": "INSURANCE"}, "method"), ({"method": "CASH", "amount": 0}, "amount"),
                                         ({"method": "CASH", "amount": -1}, "amount"), ({"method": "CASH", "amount": 1.001}, "amount"),
                                         ({"method": "CASH", "amount": "1,5"}, "amount"), ({"method": "CASH", "currency": "yuan"}, "currency"),
                                         ({"method": "ONLINE", "provider": "alipay"}, "provider"),
                                         ({"method": "ONLINE", "return_url": "http://evil.example/"}, "return_url")])
def test_r126_bad_input_names_its_field(house, body, field):
    _, _, booked = appointment(house)
    r = house.api(house.h.staff).post(f"/api/v1/billing/{booked['bill_id']}/payments", body)
    assert code(r, 422) == "VALIDATION_FAILED"
    assert [e["field"] for e in r.json()["data"]["errors"]] == [field]


def test_r141_a_refund_needs_a_reason(house):
    _, _, booked = appointment(house)
    staff = house.api(house.h.staff)
    p = data(staff.post(f"/api/v1/billing/{booked['bill_id']}/payments", {"method": "CASH"}), 201)
    for body in ({}, {"amount": 1}, {"reason": None}, {"reason": ""}, {"amount": 1, "reason": "  "}):
        assert code(staff.post(f"/api/v1/payments/{p['id']}/refunds", body), 422) == "REASON_REQUIRED"
    assert data(staff.post(f"/api/v1/payments/{p['id']}/refunds", {"reason": "退"}), 201)["status"] == "SUCCEEDED"
