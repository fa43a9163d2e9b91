"""`guahao books`: every invariant holds for what the programs write, and each can be seen to fail."""

import json

import pytest

from support import booking_cases as bc
from support.books import broken, in_order
from support.hospital import Hospital
from support.trusted import Jobs

PAY = """
with o as (update registration_orders set status = 'confirmed', payment_status = 'paid', payment_method = 'wechat', payment_time = now()
            where id = %s returning id, price),
     b as (update bills set status = 'PAID', closed_at = now() from o where appointment_id = o.id returning bills.id, total),
     p as (insert into payments (payment_no, bill_id, amount, currency, method, status, paid_at, created_at, updated_at)
           select 'P' || b.id, b.id, total, 'CNY', 'ONLINE', 'SUCCEEDED', now(), now(), now() from b returning id, bill_id, amount),
     l as (insert into ledger_entries (bill_id, kind, amount, ref_id, at) select bill_id, 'PAYMENT', amount, id, now() from p)
insert into appointment_history (order_id, at, action, from_value, to_value)
select id, now(), x.action, x.f::jsonb, x.t::jsonb
  from o, (values ('paid', '{"payment_status": "pending"}', '{"payment_status": "paid"}'),
                  ('confirmed', '{"status": "pending"}', '{"status": "confirmed"}')) as x (action, f, t)
"""


@pytest.fixture(scope="module")
def stock(empty_db, make_system):
    """A stopped system whose database has an order of each kind: (system, {kind: order}, sessions)."""
    system = make_system(empty_db)
    system.start_broker()
    system.start_worker("booking")
    jobs, h = Jobs(system.inner), Hospital(empty_db)
    h.setting("registration", '{"paymentTimeoutMinutes": 30, "cancelHoursBefore": 2}')

    def session(places, days=4):
        return h.session(days, places=places, doctor=h.extra_doctor(), clinic=bc._clinic(h))

    def call(op, args, who):
        a = jobs.call(op, args, who[1])
        assert a.error is None, a
        return a.body["id"] if "id" in a.body else None

    def book(s, who):
        return call("booking.book_appointment", {"body": {"scheduleId": s, "hospitalId": 1, "departmentId": 1, "patientId": who[0]}}, who)

    people = [h.patient() for _ in range(6)]
    s = {"wide": session(8), "full": session(1, days=5), "empty": session(3), "later": session(4, days=6)}
    o = {"unpaid": book(s["wide"], people[0]), "paid": book(s["wide"], people[1]), "refunded": book(s["wide"], people[2]),
         "cancelled": book(s["wide"], people[3]), "late": book(s["wide"], people[4]), "holder": book(s["full"], people[0]),
         "other": book(s["later"], people[0]), "second": book(s["later"], people[1])}
    o["waits"] = call("booking.join_waitlist", {"body": {"scheduleId": s["full"], "patientId": people[5][0]}}, people[5])
    for kind in ("paid", "refunded"):
        h.run(PAY, o[kind])
    for kind in ("refunded", "cancelled"):
        call("booking.cancel_appointment", {"path": {"appointmentId": o[kind]}}, people[2 if kind == "refunded" else 3])
    h.run("update registration_orders set payable_since = payable_since - interval '40 min', created_at = created_at - interval '40 min' "
          "where id = %s", o["late"])
    jobs.call("booking.expire_unpaid", {}, 0)
    assert h.order(o["late"])["status"] == "timeout" and h.order(o["refunded"])["payment_status"] == "refunded"
    # the record of a refusal to a job that was sent again has no order
    h.run("insert into job_done (id, op, status, headers, body) values (gen_random_uuid(), 'booking.book_appointment', 0, "
          "'{\":error\": \"SLOT_FULL\"}', '')")
    jobs.close()
    h.run("delete from jobs")                       # nobody carries them out here
    h.close()
    system.stop()
    return system, o, s


def test_what_the_programs_write_is_in_order(stock):
    system, _, _ = stock
    in_order(system)
    text = system.cli("books").stdout
    assert "ok    R-102  " in text and "in order: " in text and "NO " not in text
    assert system.cli("books", "--only", "no_such", check=False).returncode == 2
    assert system.cli("books", "--grace", "x", check=False).returncode == 2


# Each breaks one thing, behind the back of every trigger and constraint: name of the invariant, statements ({unpaid} is an order,
# {s_full} a session), and further invariants that the same fault breaks.
CASES = [
    ("r102_places", ["update schedules set remaining_slots = remaining_slots - 1 where id = {s_empty}"], {}),
    ("r82_place_once", ["drop index registration_orders_slot_uq", "update registration_orders set slot_no = (select slot_no from registration_orders "
                        "where id = {unpaid}) where id = {paid}"], {}),
    ("r82_place_exists", ["update registration_orders set slot_no = 9 where id = {waits}"], {"r103_fee_bill"}),
    ("r89_session_once", ["drop index registration_orders_active_uq", "update registration_orders set patient_id = (select patient_id from "
                          "registration_orders where id = {unpaid}) where id = {paid}", "update bills set patient_id = (select patient_id from "
                          "registration_orders where id = {paid}) where appointment_id = {paid}"], {"r88_overlap"}),
    ("r88_overlap", ["alter table registration_orders drop constraint registration_orders_overlap_ex",
                     "update schedules set date = (select date from schedules where id = {s_wide}), starts_at = x.starts_at, ends_at = x.ends_at "
                     "from schedules x where x.id = {s_wide} and schedules.id = {s_later}",
                     "update registration_orders o set slot_date = s.date, starts_at = s.starts_at, ends_at = s.starts_at + interval '15 min' "
                     "from schedules s where s.id = o.schedule_id and o.id = {other}",
                     "update registration_orders o set slot_date = s.date, starts_at = s.ends_at - interval '15 min', ends_at = s.ends_at "
                     "from schedules s where s.id = o.schedule_id and o.id = {second}"], {}),
    ("order_of_session", ["update registration_orders set starts_at = starts_at + interval '1 day', ends_at = ends_at + interval '1 day' "
                          "where id = {paid}"], {}),
    ("br58_closed", ["update schedules set status = '停诊' where id = {s_later}"], {}),
    ("br96_wait_once", ["drop index registration_orders_wait_uq", "insert into registration_orders select (jsonb_populate_record(o, "
                        "'{{\"id\": 900000, \"order_no\": \"copy\"}}')).* from registration_orders o where id = {waits}",
                        "insert into appointment_history (order_id, at, action, to_value) values (900000, now(), 'booked', "
                        "'{{\"status\": \"waitlist\"}}')"], {}),
    ("br99_unoffered", ["update schedules set total_slots = 2, remaining_slots = 1 where id = {s_full}"], {}),
    ("br104_begun", ["update schedules set starts_at = now() - interval '1 hour' where id = {s_full}",
                     "update registration_orders set starts_at = now() - interval '1 hour' where id = {waits}"], {}),
    ("br83_unpaid", ["update registration_orders set payable_since = null where id = {unpaid}"], {}),
    ("order_states", ["update registration_orders set payment_status = 'failed' where id = {waits}"], {}),
    ("order_ends", ["update registration_orders set cancelled_by = null where id = {late}"], {}),
    ("r155_ledger", ["insert into ledger_entries (bill_id, kind, amount, at) select id, 'PAYMENT', 1, now() from bills where appointment_id = {unpaid}"],
     {"bill_sums"}),
    ("r155_entries", ["update ledger_entries set ref_id = ref_id + 100000 where bill_id = (select id from bills where appointment_id = {paid})"], {}),
    ("bill_sums", ["update bills set paid_amount = 7 where appointment_id = {unpaid}"], {}),
    ("bill_states", ["update bills set status = 'REFUNDED' where appointment_id = {paid}"], {"paid_orders"}),
    ("r131_overpaid", ["update bills set subtotal = 1, discount = 0, total = 1 where appointment_id = {paid}",
                       "update bill_items set line_total = 1 where bill_id = (select id from bills where appointment_id = {paid})",
                       "update registration_orders set price = 1 where id = {paid}"], {}),
    ("r139_refunds", ["insert into refunds (refund_no, payment_id, amount, reason, status, created_at) select 'RX', p.id, p.amount, 'x', 'PENDING', "
                      "now() from payments p join bills b on b.id = p.bill_id where b.appointment_id = {refunded}"],
     {"r95_refunded", "r103_price"}),
    ("r133_pending", ["insert into payments (payment_no, bill_id, amount, currency, method, status, created_at, updated_at) select 'PX', id, 1, 'CNY', "
                      "'ONLINE', 'PENDING', now(), now() from bills where appointment_id = {cancelled}"], {}),
    ("bill_items", ["update bill_items set line_total = 7 where bill_id = (select id from bills where appointment_id = {unpaid})"], {}),
    ("r103_fee_bill", ["delete from bill_items where bill_id = (select id from bills where appointment_id = {unpaid})",
                       "delete from bills where appointment_id = {unpaid}"], {}),
    ("r103_price", ["update registration_orders set price = 49 where id = {unpaid}"], {}),
    ("paid_orders", ["update registration_orders set payment_status = 'paid' where id = {holder}",
                     "update registration_orders set status = 'confirmed' where id = {holder}",
                     "update appointment_history set to_value = to_value || '{{\"status\": \"confirmed\"}}' where order_id = {holder}"], {}),
    ("r95_refunded", ["update bills set status = 'ISSUED' where appointment_id = {cancelled}"], {}),
    ("bill_patient", ["update bills set patient_id = (select patient_id from bills where appointment_id = {paid}) where appointment_id = {unpaid}"], {}),
    ("history", ["update appointment_history set action = 'paid' where action = 'refunded' and order_id = {refunded}"], {}),
    ("history_steps", ["update appointment_history set from_value = '{{\"status\": \"pending\"}}' where action = 'cancelled' and order_id = {refunded}"], {}),
    ("r104_missed", ["update patients set no_show_count = 2 where id = (select patient_id from registration_orders where id = {paid})"], {}),
    ("jobs", ["insert into jobs (id, kind, op, service, args, budget_ms, max_attempts, run_at, created_at) values (gen_random_uuid(), 'booking', 'x', "
              "'booking', '', 1, 1, now() - interval '1 hour', now())"], {}),
    ("job_records", ["insert into job_done (id, op, status, body) values (gen_random_uuid(), 'booking.book_appointment', 0, '{{\"id\": 4711}}')"], {}),
]


@pytest.mark.parametrize("name, statements, also", CASES, ids=[c[0] for c in CASES])
def test_each_can_be_seen_to_fail(stock, cluster, name, statements, also):
    system, orders, sessions = stock
    db = cluster.create_database(template=system.database.name)
    try:
        conn = db.connect()
        with conn.cursor() as cur:
            cur.execute("set session_replication_role = replica")
            for sql in statements:
                cur.execute(sql.format(**orders, **{"s_" + k: v for k, v in sessions.items()}))
        conn.close()
        found, _ = broken(system, "--dsn", db.url)
        assert name in found, found
        assert set(found) <= {name} | set(also), found
        assert all(rows for rows in found.values())
        text = system.cli("books", "--grace", "0", "--dsn", db.url, check=False)
        assert text.returncode == 1 and text.stdout.count("\nNO") + text.stdout.startswith("NO") == len(found), text.stdout
    finally:
        db.drop()


def test_no_invariant_is_untried(stock):
    said = json.loads(stock[0].cli("books", "--json").stdout)
    assert {i["name"] for i in said["invariants"]} == {c[0] for c in CASES}
    assert all(i["rules"] and i["says"] and i["examples"] == [] for i in said["invariants"])


def test_time_driven_work_may_lag(stock, cluster):
    """--grace: what the clock drives is given some time."""
    system, orders, _ = stock
    db = cluster.create_database(template=system.database.name)
    try:
        db.query("update registration_orders set payable_since = now() - interval '31 min', created_at = now() - interval '1 hour' where id = %s",
                 orders["unpaid"])
        assert set(broken(system, "--dsn", db.url)[0]) == {"br83_unpaid"}
        assert broken(system, "--dsn", db.url, grace=120)[0] == {}
    finally:
        db.drop()


def test_examples_are_counted(stock, cluster):
    system, _, _ = stock
    db = cluster.create_database(template=system.database.name)
    try:
        db.query("update schedules set total_slots = total_slots + 1")
        text = system.cli("books", "--dsn", db.url, "--examples", "2", "--only", "r102_places", check=False).stdout
        assert "and 2 more" in text and "1 invariants, 1 that do not hold" in text
    finally:
        db.drop()


def test_the_demo_hospital_is_in_order(demo_db, make_system):
    in_order(make_system(demo_db))
