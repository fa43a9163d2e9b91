"""Cancelling on every surface: rules, refunds, places freed once."""

import datetime as dt

import pytest

from support import booking_cases as bc
from support.hospital import Hospital, at, now, today, ts
from support.trusted import Jobs


@pytest.fixture(scope="module")
def world(empty_db, make_system):
    system = make_system(empty_db)
    system.start_broker()
    system.start_worker("booking")
    jobs = Jobs(system.inner)
    h = Hospital(empty_db)
    h.setting("registration", '{"cancelHoursBefore": 24, "sameDayDeadline": "23:59"}')
    yield jobs, h
    jobs.close()
    h.close()


def cancel(world, surface, order, user, **more):
    jobs, _ = world
    if surface == "code":
        return jobs.call("booking.cancel_appointment", {"path": {"appointmentId": order}}, user)
    if surface == "hb":
        return jobs.call("booking.hb_delete_appointment", {"query": {"appointment_id": order}}, user)
    op = "booking.v1_delete_appointment" if surface == "delete" else "booking.v1_cancel_appointment"
    return jobs.call(op, {"path": {"id": order}, "body": more}, user)


def made(world, days=3, surface="v1", **kw):
    """(ask, order id) of a new booking."""
    jobs, h = world
    ask = bc._free(h, days=days, **kw)
    if surface == "code":
        a = jobs.call("booking.book_appointment", {"body": bc.code_body(h, ask)}, ask.user)
    else:
        a = jobs.call("booking.v1_book_appointment", {"body": {"schedule_id": ask.session}}, ask.user)
    assert a.error is None, a
    return ask, a.body["id"]


def pay(h, order):
    """What paying leaves: the order, its bill, a payment, a ledger entry. Returns the payment id."""
    h.run("update registration_orders set status = 'confirmed', payment_status = 'paid', payment_time = now() where id = %s",
          order)
    bill, total = h.run("update bills set status = 'PAID' where appointment_id = %s returning id, total", order)[0]
    payment = h.one("insert into payments (payment_no, bill_id, amount, currency, method, status, created_at, updated_at) "
                    "values (%s, %s, %s, 'CNY', 'ONLINE', 'SUCCEEDED', now(), now()) returning id", f"P{order}", bill, total)
    h.run("insert into ledger_entries (bill_id, kind, amount, ref_id, at) values (%s, 'PAYMENT', %s, %s, now())",
          bill, total, payment)
    return payment


@pytest.mark.parametrize("surface", ["code", "v1", "delete", "hb"])
def test_unpaid_order_is_cancelled_with_its_bill(world, surface):
    _, h = world
    ask, order = made(world)
    answer = cancel(world, surface, order, ask.user)
    assert answer.error is None, answer
    o = h.order(order)
    assert (o["status"], o["payment_status"], o["cancelled_by"], o["refund_amount"]) == ("cancelled", "cancelled", "patient", None)
    assert o["hb_hidden"] == (surface == "hb") and o["version"] == 2
    assert h.one("select status from bills where appointment_id = %s", order) == "CANCELLED"
    assert h.run("select action from appointment_history where order_id = %s order by id", order) == [("booked",), ("cancelled",)]
    assert h.remaining(ask.session) == 16
    if surface == "code":
        assert answer.body == {"success": True, "refundAmount": None}
    elif surface == "hb":
        assert answer.body["status"] == "SCHEDULED"      # as it was
    else:
        assert answer.body["status"] == "CANCELLED" and answer.body["fhir_status"] == "cancelled"
        assert answer.headers["ETag"] == f'"appointment-{order}-2"'
    h.check()


@pytest.mark.parametrize("surface", ["code", "v1", "hb"])
def test_paid_order_is_refunded_once(world, surface):
    _, h = world
    ask, order = made(world)
    payment = pay(h, order)
    answer = cancel(world, surface, order, ask.user)
    assert answer.error is None, answer
    o = h.order(order)
    assert (o["status"], o["payment_status"], str(o["refund_amount"])) == ("cancelled", "refunded", "50.00")
    assert o["refund_time"] is not None
    assert [tuple(map(str, r)) for r in h.run("select amount, status from refunds where payment_id = %s", payment)] == [
        ("50.00", "SUCCEEDED")]
    bill = h.one("select id from bills where appointment_id = %s and status = 'REFUNDED'", order)
    assert h.one("select sum(amount) from ledger_entries where bill_id = %s", bill) == 0
    if surface == "code":
        assert answer.body == {"success": True, "refundAmount": 50.0}
    if surface == "v1":
        assert answer.body["payment_status"] == "REFUNDED" and answer.body["bill_id"] == bill
    again = cancel(world, surface, order, ask.user)
    assert again.error == {"hb": "APPOINTMENT_NOT_FOUND"}.get(surface, "APPOINTMENT_NOT_CANCELLABLE")
    assert h.remaining(ask.session) == 16
    h.check()


@pytest.mark.parametrize("surface,row", [("code", "APPOINTMENT_FORBIDDEN"), ("v1", "APPOINTMENT_FORBIDDEN"),
                                         ("delete", "APPOINTMENT_FORBIDDEN"), ("hb", "APPOINTMENT_FORBIDDEN")])
def test_stranger_is_refused(world, surface, row):
    _, h = world
    _, order = made(world)
    assert cancel(world, surface, order, h.patient()[1]).error == row
    assert cancel(world, surface, 99999999, h.patient()[1]).error == "APPOINTMENT_NOT_FOUND"
    h.check()


def test_code_caller_needs_a_patient_record(world):
    _, h = world
    _, order = made(world)
    assert cancel(world, "code", order, h.user(roles=["PATIENT"])).error == "PATIENT_RECORD_MISSING"


def test_initiator_cancels_on_the_code_surface(world):
    jobs, h = world
    mother, uid = h.patient()
    child, _ = h.patient(account=False)
    h.relate(mother, child)
    ask = bc._free(h)
    a = jobs.call("booking.book_appointment", {"body": bc.code_body(h, bc.Ask(uid, child, ask.session))}, uid)
    assert cancel(world, "code", a.body["id"], uid).error is None


def test_deadline_binds_patients_not_staff(world):
    _, h = world
    ask, order = made(world, days=1)
    h.run("update system_config set config_value = '{\"cancelHoursBefore\": 72}' where config_key = 'registration'")
    try:
        for surface in ("code", "v1", "hb"):
            a = cancel(world, surface, order, ask.user)
            assert a.error == "CANCEL_TOO_LATE", surface
            assert a.params == {"H": "72"}
        assert cancel(world, "v1", order, ask.user, override=True).error == "FORBIDDEN"
        a = cancel(world, "v1", order, h.staff, reason="医生请假")
        assert a.body["cancelled_by"] == "staff" and a.body["cancel_reason"] == "医生请假"
    finally:
        h.setting("registration", '{"cancelHoursBefore": 24, "sameDayDeadline": "23:59"}')
    h.check()


def test_doctor_cancels_own_appointments_only(world):
    jobs, h = world
    sid = h.session(6, doctor=h.doctor)
    _, uid = h.patient()
    order = jobs.call("booking.v1_book_appointment", {"body": {"schedule_id": sid}}, uid).body["id"]
    assert cancel(world, "v1", order, h.doctor2_user).error == "APPOINTMENT_FORBIDDEN"
    assert cancel(world, "v1", order, h.doctor_user).body["cancelled_by"] == "doctor"


def test_relative_cancels_on_v1(world):
    jobs, h = world
    mother, uid = h.patient()
    child, _ = h.patient(account=False)
    h.relate(mother, child)
    ask = bc._free(h)
    order = jobs.call("booking.v1_book_appointment", {"body": {"schedule_id": ask.session, "patient_id": child}}, h.staff)
    assert cancel(world, "v1", order.body["id"], uid).body["cancelled_by"] == "patient"


def test_overdue_unpaid_order_becomes_a_timeout(world):
    _, h = world
    ask, order = made(world, surface="code")
    h.run("update registration_orders set payable_since = now() - interval '31 minutes' where id = %s", order)
    assert cancel(world, "code", order, ask.user).body == {"success": True, "refundAmount": None}
    o = h.order(order)
    assert (o["status"], o["payment_status"]) == ("timeout", "failed")
    assert h.run("select action from appointment_history where order_id = %s order by id", order)[-1] == ("timeout",)
    assert h.remaining(ask.session) == 16


@pytest.mark.parametrize("state", ["completed", "no_show"])
def test_final_orders_stay_and_heartbeat_only_hides_them(world, state):
    _, h = world
    ask, order = made(world)
    h.run("update registration_orders set status = %s where id = %s", state, order)
    assert cancel(world, "code", order, ask.user).error == "APPOINTMENT_NOT_CANCELLABLE"
    assert cancel(world, "v1", order, ask.user).error == "APPOINTMENT_NOT_CANCELLABLE"
    a = cancel(world, "hb", order, ask.user)
    assert a.body["status"] == ("COMPLETED" if state == "completed" else "CANCELLED")
    o = h.order(order)
    assert o["status"] == state and o["hb_hidden"]
    assert cancel(world, "hb", order, ask.user).error == "APPOINTMENT_NOT_FOUND"
    assert h.remaining(ask.session) == 15
    h.check()


def test_heartbeat_id_in_query_or_body(world):
    jobs, h = world
    op = "booking.hb_delete_appointment"
    ask, order = made(world)
    assert jobs.call(op, {}, ask.user).error == "VALIDATION_FAILED"
    assert jobs.call(op, {"query": {"appointment_id": order}, "body": {"id": order + 1}}, ask.user).error == "VALIDATION_FAILED"
    assert jobs.call(op, {"query": {"id": str(order)}, "body": {"id": order}}, ask.user).body["id"] == order


def test_freed_place_is_booked_again(world):
    jobs, h = world
    ask = bc._free(h, places=2)
    people = [h.patient() for _ in range(4)]

    def book(i):
        return jobs.call("booking.v1_book_appointment", {"body": {"schedule_id": ask.session}}, people[i][1])

    first, second = book(0), book(1)
    assert book(2).error == "SLOT_FULL"
    assert cancel(world, "v1", first.body["id"], people[0][1]).error is None
    assert book(2).body["slot_no"] == 1
    assert book(3).error == "SLOT_FULL"
    assert cancel(world, "code", second.body["id"], people[1][1]).error is None
    assert book(3).body["slot_no"] == 2
    h.check()


def test_twenty_cancellations_of_one_order_free_one_place(world):
    jobs, h = world
    ask, order = made(world)
    ids = [jobs.send("booking.v1_cancel_appointment", {"path": {"id": order}}, ask.user) for _ in range(20)]
    answers = [jobs.wait(i).error for i in ids]
    assert answers.count(None) == 1 and set(answers) <= {None, "APPOINTMENT_NOT_CANCELLABLE"}
    assert h.remaining(ask.session) == 16
    h.check()


def test_batch_of_bookings_and_cancellations_keeps_the_counters(world):
    jobs, h = world
    ask = bc._free(h, places=30)
    people = [h.patient() for _ in range(30)]
    orders = [jobs.call("booking.v1_book_appointment", {"body": {"schedule_id": ask.session}}, u) for _, u in people[:15]]
    ids = []
    for i, o in enumerate(orders):
        ids.append(jobs.send("booking.v1_cancel_appointment", {"path": {"id": o.body["id"]}}, people[i][1]))
        ids.append(jobs.send("booking.v1_book_appointment", {"body": {"schedule_id": ask.session}}, people[15 + i][1]))
    assert [jobs.wait(i).error for i in ids] == [None] * 30
    assert h.remaining(ask.session) == 15
    h.check()
