"""What tests of moved appointments share."""


def under_way(h, order):
    """A payment of the order's fee bill that its provider has not reported yet."""
    h.serial += 1
    return h.one("insert into payments (payment_no, bill_id, amount, currency, method, provider, provider_ref, status, expires_at, "
                 "created_at, updated_at) select %s, id, total, 'CNY', 'ONLINE', 'sandbox', %s, 'PENDING', now() + interval '30 minutes', "
                 "now(), now() from bills where appointment_id = %s and status = 'ISSUED' returning id", f"U{h.serial}", f"r{h.serial}",
                 order)


def paid(h, order, method="CASH", provider=None):
    """What paying leaves: the order, its bill, a payment and its ledger entry."""
    h.run("update registration_orders set status = 'confirmed', payment_status = 'paid', payment_time = now() where id = %s", order)
    bill, total = h.run("update bills set status = 'PAID' where appointment_id = %s and status = 'ISSUED' returning id, total", order)[0]
    h.serial += 1
    payment = h.one("insert into payments (payment_no, bill_id, amount, currency, method, provider, provider_ref, status, paid_at, "
                    "created_at, updated_at) values (%s, %s, %s, 'CNY', %s, %s, %s, 'SUCCEEDED', now(), now(), now()) returning id",
                    f"M{h.serial}", bill, total, method, provider, provider and f"p{h.serial}")
    h.run("insert into ledger_entries (bill_id, kind, amount, ref_id, at) values (%s, 'PAYMENT', %s, %s, now())", bill, total, payment)
    return payment
