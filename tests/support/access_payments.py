"""Rows of the access table about paying for orders on the code surface (api/07 sections 7.2 and 7.6): orders of the table's patient,
whom others are not told about. Who has no patient record is told so (106)."""

from . import booking_cases


def reason(world):
    return {"json": {"reason": "改期"}}


def unpaid(world):
    """An appointment of the patient's that waits for its payment."""
    h, session = world.h, world.session()
    booking_cases._order(h, world.patient, session, h.one("select date from schedules where id = %s", session), "pending")
    order = h.one("update registration_orders set payment_status = 'pending', payable_since = now(), list_price = 50, price = 50 "
                  "where id = (select max(id) from registration_orders) returning id")
    h.run("insert into bills (bill_no, patient_id, appointment_id, kind, subtotal, total, currency, status, created_at, updated_at) "
          "values (%s, %s, %s, 'REGISTRATION', 50, 50, 'CNY', 'ISSUED', now(), now())", f"T{order}", world.patient, order)
    return order


def opened(world):
    """One whose payment is open at the provider."""
    order = unpaid(world)
    world.h.run("insert into payments (payment_no, bill_id, amount, currency, method, provider, status, qr_payload, expires_at, created_at, updated_at) "
                "select 'T' || id, id, 50, 'CNY', 'ONLINE', 'sandbox', 'PENDING', 'sandbox:T', now() + interval '1 hour', now(), now() "
                "from bills where appointment_id = %s", order)
    return order


def known(world):
    return {"unpaid": lambda: unpaid(world), "opened": lambda: opened(world)}


ROWS = [
    ("booking.pay_appointment", "POST", "/patient/appointments/{unpaid}/pay", "nyfxxxxx", lambda w: {"json": {"method": "alipay"}}),
    ("billing.create_order_payment", "POST", "/patient/payments/create", "nyfxxxxx",
     lambda w: {"json": {"appointmentId": unpaid(w), "amount": 50, "paymentMethod": "wechat"}}),
    ("billing.get_order_payment_code", "GET", "/patient/payments/{opened}/qrcode", "nyfxxxxx", None),
    ("booking.cancel_payment", "POST", "/patient/appointments/{appointment}/cancel-payment", "nyfxxxxx", reason),
    ("booking.cancel_open_payment", "PUT", "/patient/payments/{appointment}/cancel", "nyfxxxxx", reason),
    ("booking.get_payment", "GET", "/patient/payments/{appointment}/status", "nyfxxxxx", None),
    ("booking.verify_payment", "POST", "/patient/payments/verify", "nyfxxxxx", lambda w: {"json": {"orderId": w.appointment()}}),
    ("booking.list_payments", "GET", "/patient/payments/history", "nyyxxxxx", None),
    ("booking.list_payment_methods", "GET", "/patient/payments/methods", "nyyyyyyy", None),
]
