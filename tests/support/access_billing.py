"""Rows of the access table about bills, payments and refunds (api/26): a bill of the table's patient. A patient reads and pays the own
bills (R-127); all others need billing:read, payment:pay and so on of all, which staff and administrators have."""

from . import access_payments

OWN, OFFICE = "nyffffyy", "nfffffyy"


def bill(world):
    """Issued, of an appointment that waits for its payment."""
    return world.h.one("select id from bills where appointment_id = %s", access_payments.unpaid(world))


def payment(world):
    """Under way, begun by the patient."""
    return world.h.one(
        "insert into payments (payment_no, bill_id, amount, currency, method, provider, status, expires_at, created_by, created_at, "
        "updated_at) select 'T' || id, id, total, 'CNY', 'ONLINE', 'sandbox', 'PENDING', now() + interval '30 min', %s, now(), now() "
        "from bills where id = %s returning id", world.users["patient"], bill(world))


def paid(world):
    """Paid at the counter."""
    made = world.h.one(
        "insert into payments (payment_no, bill_id, amount, currency, method, status, paid_at, created_by, created_at, updated_at) "
        "select 'T' || id, id, total, 'CNY', 'CASH', 'SUCCEEDED', now(), %s, now(), now() from bills where id = %s returning id",
        world.users["staff"], bill(world))
    world.h.run("insert into ledger_entries (bill_id, kind, amount, ref_id, at) select bill_id, 'PAYMENT', amount, id, now() "
                "from payments where id = %s", made)
    world.h.run("update bills b set status = 'PAID' from payments p where p.id = %s and b.id = p.bill_id", made)
    return made


def known(world):
    return {"bill": lambda: bill(world), "payment": lambda: payment(world), "paid": lambda: paid(world)}


def event(world):
    """Without a signature, which no caller has."""
    return {"json": {"event_id": "e1", "type": "payment.failed", "payment_no": "T1", "provider_ref": "x", "amount": 1, "currency": "CNY",
                     "occurred_at": "2026-03-09T08:00:00+08:00"}}


ROWS = [
    ("billing.v1_list_bills", "GET", "/api/v1/billing", OFFICE, None),
    ("billing.v1_list_my_bills", "GET", "/api/v1/billing/me", "nyyfffff", None),
    ("billing.v1_list_patient_bills", "GET", "/api/v1/billing/patient/{patient}", OWN,
     lambda w: {"params": {"appointment_id": access_payments.unpaid(w)}}),
    ("billing.v1_get_bill", "GET", "/api/v1/billing/{bill}", OWN, None),
    ("billing.v1_create_payment", "POST", "/api/v1/billing/{bill}/payments", OWN, lambda w: {"json": {"method": "ONLINE"}}),
    ("billing.v1_list_bill_payments", "GET", "/api/v1/billing/{bill}/payments", OWN, None),
    ("billing.v1_list_payments", "GET", "/api/v1/payments", OFFICE, None),
    ("billing.v1_get_payment", "GET", "/api/v1/payments/{payment}", OWN, None),
    ("billing.v1_cancel_payment", "POST", "/api/v1/payments/{payment}/cancel", OWN, None),
    ("billing.v1_receive_payment_event", "POST", "/api/v1/payments/callback/sandbox", "nnnnnnnn", event),
    ("billing.v1_create_refund", "POST", "/api/v1/payments/{paid}/refunds", OFFICE, lambda w: {"json": {"reason": "退款"}}),
    ("billing.v1_list_refunds", "GET", "/api/v1/payments/{paid}/refunds", OWN, None),
    ("billing.v1_sync_payment", "POST", "/api/v1/payments/{payment}/sync", OFFICE, None),
    # an administrator, or who began it
    ("billing.v1_play_sandbox_payment", "POST", "/api/v1/payments/sandbox/{payment}", "nyfffffy",
     lambda w: {"json": {"outcome": "fail", "delay_ms": 60000}}),
]
