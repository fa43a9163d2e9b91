"""Bills, payments and what providers report, as tests make them; and the invariants that must hold over all of them (R-155)."""

import hashlib
import hmac
import itertools
import json
import time

from . import booking_cases as bc

SECRET = "sandbox-secret-of-the-tests-0123456789"
CONF = {"payment.sandbox_secret": SECRET}

_serial = itertools.count(1)


def sign(raw, secret=SECRET, at=None):
    """The header X-Signature for these bytes."""
    t = int(time.time() if at is None else at)
    return f"t={t},v1={hmac.new(secret.encode(), str(t).encode() + b'.' + raw, hashlib.sha256).hexdigest()}"


def event(kind, payment, **more):
    """An event of the sandbox about a payment (as replies show it)."""
    return {"event_id": f"evt-{next(_serial)}", "type": kind, "payment_no": payment["payment_no"],
            "provider_ref": f"SBX-{payment['payment_no']}", "amount": payment["amount"], "currency": "CNY",
            "occurred_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), **more}


def booked(h, jobs, surface="v1", **kw):
    """(ask, order id, bill id) of a new unpaid booking: confirmed at once by v1, pending by code."""
    ask = bc._free(h, **kw)
    if surface == "code":
        a = jobs.call("booking.book_appointment", {"body": bc.code_body(h, ask)}, ask.user)
    else:
        a = jobs.call("booking.v1_book_appointment", {"body": bc.v1_body(h, ask)}, ask.user)
    assert a.error is None, a
    return ask, a.body["id"], h.one("select id from bills where appointment_id = %s and status = 'ISSUED'", a.body["id"])


class Till:
    """The operations of the billing pool, sent as a front sends them."""

    def __init__(self, jobs):
        self.jobs = jobs

    def pay(self, bill, user, method="ONLINE", **body):
        return self.jobs.call("billing.v1_create_payment", {"path": {"id": bill}, "body": {"method": method, **body}}, user)

    def cancel(self, payment, user):
        return self.jobs.call("billing.v1_cancel_payment", {"path": {"id": payment}}, user)

    def refund(self, payment, user, reason="退款", **body):
        return self.jobs.call("billing.v1_create_refund", {"path": {"id": payment}, "body": {"reason": reason, **body}}, user)

    def send_report(self, e, signature=None, provider="sandbox"):
        raw = json.dumps(e).encode()
        return self.jobs.send("billing.v1_receive_payment_event", {
            "path": {"provider": provider}, "body": e, "raw": raw, "signature": sign(raw) if signature is None else signature}, 0)

    def report(self, e, **kw):
        return self.jobs.wait(self.send_report(e, **kw))


def check_books(h):
    """What must hold whatever happened: sums, states, limits."""
    wrong = h.run("""
        select b.id, b.status, b.total, b.paid_amount, b.refunded_amount, b.insurance_amount, l.sum, s.*
          from bills b
         cross join lateral (select coalesce(sum(amount), 0) as sum from ledger_entries where bill_id = b.id) l
         cross join gh_bill_sums(b.id) s
         where b.paid_amount - b.refunded_amount + b.insurance_amount <> l.sum
            or gh_bill_balance(b) <> b.total - l.sum
            or l.sum - s.owing > b.total or l.sum < 0
            or b.status <> gh_bill_state(b.status, b.total, s.settled, s.returned, false)
            or (b.status = 'PAID') <> (s.settled = b.total and s.returned = 0 and b.total > 0)""")
    assert not wrong, wrong
    wrong = h.run("""
        select p.id, p.status, p.amount from payments p
          left join ledger_entries l on l.ref_id = p.id and l.kind in ('PAYMENT', 'INSURANCE')
         group by p.id having count(l.id) <> (p.status = 'SUCCEEDED')::int or coalesce(sum(l.amount), p.amount) <> p.amount""")
    assert not wrong, wrong
    wrong = h.run("""
        select r.id, r.status, r.amount from refunds r
          left join ledger_entries l on l.ref_id = r.id and l.kind = 'REFUND'
         group by r.id having count(l.id) <> (r.status = 'SUCCEEDED')::int or coalesce(-sum(l.amount), r.amount) <> r.amount""")
    assert not wrong, wrong
    wrong = h.run("""
        select o.id, o.status, o.payment_status, b.status from registration_orders o
          join bills b on b.appointment_id = o.id and b.kind = 'REGISTRATION' and b.status <> 'CANCELLED'
         where (o.payment_status = 'paid') <> (b.status in ('PAID', 'PARTIALLY_REFUNDED'))
           and not (o.payment_status = 'refunded' and b.status = 'PAID')
            or o.status = 'pending' and b.status <> 'ISSUED' and b.status <> 'PARTIALLY_PAID'""")
    assert not wrong, wrong
    wrong = h.run("""
        select p.id from payments p join bills b on b.id = p.bill_id where p.status = 'PENDING' and b.status not in ('ISSUED', 'PARTIALLY_PAID')""")
    assert not wrong, wrong
    h.check()
