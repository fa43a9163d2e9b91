"""What tests of moved appointments share."""


def paid(h, order):
    """What paying leaves: the order, its bill, a payment and its ledger entry."""
    h.run("update registration_orders set status = 'confirmed', payment_status = 'paid', payment_time = now() where id = %s", order)
    bill, total = h.run("update bills set status = 'PAID' where appointment_id = %s and status = 'ISSUED' returning id, total", order)[0]
    h.serial += 1
    payment = h.one("insert into payments (payment_no, bill_id, amount, currency, method, status, paid_at, created_at, updated_at) "
                    "values (%s, %s, %s, 'CNY', 'CASH', 'SUCCEEDED', now(), now(), now()) returning id", f"M{h.serial}", bill, total)
    h.run("insert into ledger_entries (bill_id, kind, amount, ref_id, at) values (%s, 'PAYMENT', %s, %s, now())", bill, total, payment)
    return payment
