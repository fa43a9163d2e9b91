"""Closing a session (BR-58, lib/domain/close.h): orders, money, places, waitlist, history and messages add up; under load too."""

import threading

import pytest

from support import booking_cases as bc
from support.hospital import Hospital
from support.trusted import Jobs


@pytest.fixture(scope="module")
def world(empty_db, make_system):
    # a machine under load needs longer for the largest of them
    system = make_system(empty_db, {"database.statement_timeout_ms": 30000, "database.idle_tx_timeout_ms": 30000})
    system.start_broker()
    system.start_worker("schedule", name="schedule-1")
    system.start_worker("schedule", name="schedule-2")
    system.start_worker("booking", name="booking-1")
    h = Hospital(empty_db)
    h.setting("registration", '{"sameDayDeadline": "23:59", "maxAppointmentsPerPeriod": 50}')
    jobs = Jobs(system.inner)
    yield jobs, h, system
    jobs.close()
    h.close()


def session(h, **kw):
    """A session of a doctor with an account, in a clinic of its own."""
    doctor = h.extra_doctor()
    user = h.user("doctor", roles=["DOCTOR"])
    h.run("update doctors set user_id = %s where id = %s", user, doctor)
    return h.session(kw.pop("days", 4), doctor=doctor, clinic=bc._clinic(h), **kw), doctor, user


def book(jobs, user, sid):
    a = jobs.call("booking.v1_book_appointment", {"body": {"schedule_id": sid}}, user)
    assert a.error is None, a
    return a.body["id"]


def pay(h, order):
    h.run("update registration_orders set status = 'confirmed', payment_status = 'paid', payment_time = now() where id = %s", order)
    bill, total = h.run("update bills set status = 'PAID' where appointment_id = %s returning id, total", order)[0]
    payment = h.one("insert into payments (payment_no, bill_id, amount, currency, method, status, created_at, updated_at) "
                    "values (%s, %s, %s, 'CNY', 'ONLINE', 'SUCCEEDED', now(), now()) returning id", f"P{order}", bill, total)
    h.run("insert into ledger_entries (bill_id, kind, amount, ref_id, at) values (%s, 'PAYMENT', %s, %s, now())", bill, total, payment)
    return payment


def wait_in_line(h, pid, sid):
    h.serial += 1
    return h.one(
        "insert into registration_orders (order_no, patient_id, doctor_id, schedule_id, slot_date, time_section, slot_type, starts_at, "
        "ends_at, list_price, price, status, payment_status, channel, source_type, created_at, updated_at) select %s, %s, s.doctor_id, "
        "s.id, s.date, s.time_section, s.slot_type, s.starts_at, s.ends_at, 0, 0, 'waitlist', 'pending', 'bjtu', 'waitlist', now(), "
        "now() from schedules s where s.id = %s returning id", f"w{h.serial}", pid, sid)


def messages(h, recipient):
    return [r[0] for r in h.run("select template || ': ' || body from message_outbox where recipient = %s order by id", recipient)]


def phone(h, user):
    return h.one("select phonenumber from users where id = %s", user)


def test_deleting_a_session_deals_with_each_order(world):
    jobs, h, _ = world
    sid, _, doctor_user = session(h)
    people = {name: h.patient() for name in ("unpaid", "paid", "done", "waits")}
    h.run("update users set email = 'unpaid@example.test' where id = %s", people["unpaid"][1])
    orders = {name: book(jobs, people[name][1], sid) for name in ("unpaid", "paid", "done")}
    payment = pay(h, orders["paid"])
    h.run("update registration_orders set status = 'confirmed' where id = %s", orders["done"])
    h.run("update registration_orders set status = 'completed' where id = %s", orders["done"])
    orders["waits"] = wait_in_line(h, people["waits"][0], sid)

    answer = jobs.call("schedule.delete_schedule", {"path": {"schedule_id": sid}}, h.admin)
    assert answer.error is None and answer.body == {"detail": "排班删除成功"}

    states = {n: tuple(h.order(o)[k] for k in ("status", "payment_status", "cancelled_by", "cancel_reason")) for n, o in orders.items()}
    assert states == {"unpaid": ("cancelled", "cancelled", "staff", "出诊取消"), "paid": ("cancelled", "refunded", "staff", "出诊取消"),
                      "done": ("completed", "pending", None, None), "waits": ("cancelled", "cancelled", "staff", "出诊取消")}
    assert all(h.order(orders[n])["cancelled_at"] for n in ("unpaid", "paid", "waits"))
    assert str(h.order(orders["paid"])["refund_amount"]) == "50.00" and h.order(orders["paid"])["refund_time"]
    assert h.order(orders["unpaid"])["refund_amount"] is None

    # money: the bill of the paid one is even, that of the unpaid one closed, that of the visit stays
    bills = dict(h.run("select appointment_id, status from bills where appointment_id = any(%s)", list(orders.values())))
    assert bills == {orders["unpaid"]: "CANCELLED", orders["paid"]: "REFUNDED", orders["done"]: "ISSUED"}
    assert [(str(a), s, r) for a, s, r in h.run("select amount, status, reason from refunds where payment_id = %s", payment)] == [
        ("50.00", "SUCCEEDED", "出诊取消")]
    assert h.one("select sum(l.amount) from ledger_entries l join bills b on b.id = l.bill_id where b.appointment_id = %s",
                 orders["paid"]) == 0

    # places: only the visit still holds one
    assert h.run("select is_latest, deleted_at is not null, total_slots - remaining_slots from schedules where id = %s", sid) == [
        (False, True, 1)]
    h.check()

    history = {n: [r[0] for r in h.run("select action from appointment_history where order_id = %s order by id", o)]
               for n, o in orders.items()}
    assert history == {"unpaid": ["booked", "cancelled"], "paid": ["booked", "cancelled", "refunded"], "done": ["booked"],
                       "waits": ["cancelled"]}
    assert h.one("select by_user from appointment_history where order_id = %s and action = 'cancelled'", orders["paid"]) == h.admin

    # people: by mail, else by phone; the doctor with the number of bookings
    no = h.order(orders["unpaid"])["order_no"]
    name = h.one("select name from patients where id = %s", people["unpaid"][0])
    day = h.one("select date from schedules where id = %s", sid)
    when = f"{day.year}年{day.month}月{day.day}日上午"
    assert messages(h, "unpaid@example.test") == [
        f"visit_cancelled: {name}，您预约的{when}医生丙医生的门诊已取消（出诊取消），预约号{no}已作废，无需支付费用。给您带来不便，敬请谅解。"]
    assert h.one("select subject from message_outbox where recipient = 'unpaid@example.test'") == "门诊取消通知"
    assert "挂号费50.00元已原路退回" in messages(h, phone(h, people["paid"][1]))[0]
    assert messages(h, phone(h, people["waits"][1]))[0].startswith("wait_cancelled: ")
    assert messages(h, phone(h, people["done"][1])) == []
    assert messages(h, phone(h, doctor_user)) == [
        f"session_closed: 医生丙医生，您{when}的出诊已取消（出诊取消），已取消预约2个，患者已收到通知。"]

    again = jobs.call("schedule.delete_schedule", {"path": {"schedule_id": sid}}, h.admin)
    assert again.error == "SCHEDULE_NOT_FOUND"
    assert len(messages(h, phone(h, people["paid"][1]))) == 1


def test_who_booked_for_a_relative_is_told(world):
    jobs, h, _ = world
    sid, *_ = session(h)
    mother, uid = h.patient()
    child, _ = h.patient(account=False)
    h.relate(mother, child)
    a = jobs.call("booking.v1_book_appointment", {"body": {"schedule_id": sid, "patient_id": child}}, uid)
    assert a.error is None, a
    jobs.call("schedule.delete_schedule", {"path": {"schedule_id": sid}}, h.admin)
    assert len(messages(h, phone(h, uid))) == 1


def test_a_deleted_session_gives_its_place_back_to_the_one_it_replaced(world):
    jobs, h, _ = world
    first, doctor, _ = session(h)
    clinic, day = h.run("select clinic_id, date from schedules where id = %s", first)[0]
    h.run("update schedules set is_latest = false where id = %s", first)
    older = h.session(day, doctor=h.extra_doctor(), clinic=clinic)
    h.run("update schedules set is_latest = false where id = %s", older)
    second = h.session(day, doctor=h.extra_doctor(), clinic=clinic)
    assert jobs.call("schedule.delete_schedule", {"path": {"schedule_id": second}}, h.admin).error is None
    current = "select id from schedules where clinic_id = %s and is_latest"
    assert h.run(current, clinic) == [(older,)]          # the newest
    assert jobs.call("schedule.delete_schedule", {"path": {"schedule_id": older}}, h.admin).error is None
    assert h.run(current, clinic) == [(first,)]
    # its doctor is elsewhere then: nothing is brought back
    h.run("update schedules set is_latest = false where id = %s", first)
    h.session(day, doctor=doctor, clinic=bc._clinic(h))
    third = h.session(day, doctor=h.extra_doctor(), clinic=clinic)
    assert jobs.call("schedule.delete_schedule", {"path": {"schedule_id": third}}, h.admin).error is None
    assert h.run(current, clinic) == []
    # nor that of a doctor who left
    left = h.extra_doctor()
    other = h.session(day, "下午", doctor=left, clinic=clinic)
    h.run("update schedules set is_latest = false where id = %s", other)
    h.run("update doctors set deleted_at = now() where id = %s", left)
    fourth = h.session(day, "下午", doctor=h.extra_doctor(), clinic=clinic)
    assert jobs.call("schedule.delete_schedule", {"path": {"schedule_id": fourth}}, h.admin).error is None
    assert h.run(current, clinic) == []


def test_booking_and_cancelling_while_the_session_is_closed(world):
    """Whoever was answered yes has a cancelled order, whoever comes later is refused; nothing is left open."""
    jobs, h, system = world
    sid, *_ = session(h, places=200, minutes=1)
    people = [h.patient() for _ in range(80)]
    early = [book(jobs, uid, sid) for _, uid in people[:20]]
    for o in early[::2]:
        pay(h, o)
    gate, answers = threading.Barrier(5), []

    def client(asks):
        own = Jobs(system.inner)
        gate.wait()
        sent = [own.send(*ask) for ask in asks]
        answers.extend(own.wait(s) for s in sent)
        own.close()

    books = [("booking.v1_book_appointment", {"body": {"schedule_id": sid}}, uid) for _, uid in people[20:]]
    cancels = [("booking.v1_cancel_appointment", {"path": {"id": o}, "body": {}}, uid) for o, (_, uid) in zip(early, people)]
    delete = [("schedule.delete_schedule", {"path": {"schedule_id": sid}}, h.admin)]
    threads = [threading.Thread(target=client, args=(asks,))
               for asks in (books[:30], books[30:], cancels, delete, delete)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    errors = {a.error for a in answers}
    assert errors <= {None, "SESSION_SUSPENDED", "APPOINTMENT_NOT_CANCELLABLE", "SCHEDULE_NOT_FOUND"}, errors
    assert sum(a.error == "SCHEDULE_NOT_FOUND" for a in answers) == 1      # deleted once
    assert h.run("select status, count(*) from registration_orders where schedule_id = %s group by 1", sid)[0][0] == "cancelled"
    assert h.run("select remaining_slots, total_slots from schedules where id = %s", sid) == [(200, 200)]
    assert h.one("select count(*) from bills b join registration_orders o on o.id = b.appointment_id "
                 "where o.schedule_id = %s and b.status in ('ISSUED', 'PAID')", sid) == 0
    assert h.one("select coalesce(sum(l.amount), 0) from ledger_entries l join bills b on b.id = l.bill_id "
                 "join registration_orders o on o.id = b.appointment_id where o.schedule_id = %s", sid) == 0
    assert h.one("select count(*) from refunds r join payments p on p.id = r.payment_id join bills b on b.id = p.bill_id "
                 "join registration_orders o on o.id = b.appointment_id where o.schedule_id = %s", sid) == 10
    h.check()


def test_five_thousand_orders_are_closed_in_seconds(world):
    """Well inside the time limit of a job; and every one is told."""
    jobs, h, _ = world
    sid, *_ = session(h, places=5000, minutes=1, days=9)
    h.run("""with p as (insert into patients (name, phone) select '患者' || n, '135' || lpad(n::text, 8, '0')
                          from generate_series(1, 5000) n returning id)
             insert into registration_orders (order_no, patient_id, doctor_id, schedule_id, slot_no, slot_date, time_section,
                    slot_type, starts_at, ends_at, list_price, price, status, payment_status, channel, created_at, updated_at)
             select 'm' || p.id, p.id, s.doctor_id, s.id, row_number() over (), s.date, s.time_section, s.slot_type, s.starts_at,
                    s.ends_at, 50, 50, 'confirmed', 'paid', 'bjtu', now(), now() from p join schedules s on s.id = %s""", sid)
    h.run("""with b as (insert into bills (bill_no, patient_id, appointment_id, kind, subtotal, total, currency, status, created_at,
                    updated_at) select 'm' || o.id, o.patient_id, o.id, 'REGISTRATION', 50, 50, 'CNY', 'PAID', now(), now()
                    from registration_orders o where o.schedule_id = %s returning id), p as (
             insert into payments (payment_no, bill_id, amount, currency, method, status, created_at, updated_at)
             select 'm' || b.id, b.id, 50, 'CNY', 'ONLINE', 'SUCCEEDED', now(), now() from b returning id, bill_id)
             insert into ledger_entries (bill_id, kind, amount, ref_id, at) select bill_id, 'PAYMENT', 50, id, now() from p""", sid)
    h.run("update schedules set remaining_slots = 0 where id = %s", sid)
    answer = jobs.call("schedule.delete_schedule", {"path": {"schedule_id": sid}}, h.admin, budget_ms=60000)
    assert answer.error is None, answer
    assert h.run("select status, payment_status, count(*) from registration_orders where schedule_id = %s group by 1, 2", sid) == [
        ("cancelled", "refunded", 5000)]
    assert h.run("select remaining_slots from schedules where id = %s", sid) == [(5000,)]
    assert h.one("select sum(r.amount) from refunds r join payments p on p.id = r.payment_id where p.payment_no like 'm%%'") == 250000
    assert h.one("select count(*) from message_outbox where template = 'visit_refunded' and recipient like '135%%'") == 5000
    h.check()


def test_administrators_only(world):
    jobs, h, _ = world
    sid, _, doctor_user = session(h)
    for user in (doctor_user, h.staff, h.patient()[1]):
        assert jobs.call("schedule.delete_schedule", {"path": {"schedule_id": sid}}, user).error == "ADMIN_REQUIRED"
    assert h.one("select deleted_at from schedules where id = %s", sid) is None
