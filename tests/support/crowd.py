"""A doctor with weeks of booked sessions, made in sets: what tests and benches of large closings stand on."""

import datetime as dt

from .hospital import today

PEOPLE = """
with made as (
    insert into users (username, phonenumber, email, user_type, is_verified)
    select %(tag)s || g, %(tag)s || g, case when g %% 3 = 0 then %(tag)s || g || '@example.test' end, 'external', true
      from generate_series(1, %(n)s) g
 returning id, username
)
insert into patients (user_id, name, gender) select id, username, 'female' from made returning id
"""

SESSIONS = """
insert into schedules (doctor_id, date, time_section, slot_type, total_slots, remaining_slots, price, starts_at, ends_at, slot_minutes)
select %(doctor)s, x.day, s.name, '普通', %(places)s, 0, 50, (x.day + s.t0) at time zone 'Asia/Shanghai',
       (x.day + s.t1) at time zone 'Asia/Shanghai', 1
  from (select %(first)s::date + g as day from generate_series(0, %(days)s - 1) g) x
 cross join (values ('上午', time '08:00', time '12:00'), ('下午', '14:00', '18:00')) s (name, t0, t1)
"""

# Every second order is paid, with its bill, payment and ledger entry, as booking and paying leave them.
ORDERS = """
with seats as (
    select s.*, k, row_number() over (order by s.id, k) as n
      from schedules s cross join generate_series(1, %(places)s) k where s.doctor_id = %(doctor)s
), people as (
    select p.id, p.user_id, row_number() over (order by p.id) as n
      from patients p join users u on u.id = p.user_id where u.username like %(tag)s || '%%'
), orders as (
    insert into registration_orders (order_no, patient_id, user_id, initiator_user_id, doctor_id, schedule_id, slot_no, slot_date,
           time_section, slot_type, starts_at, ends_at, list_price, price, status, payment_status, payment_time, payable_since, channel,
           created_at, updated_at)
    select %(tag)s || t.n, p.id, p.user_id, p.user_id, t.doctor_id, t.id, t.k, t.date, t.time_section, t.slot_type,
           t.starts_at + make_interval(mins => least(t.k, 240) - 1), t.starts_at + make_interval(mins => least(t.k, 240)), 50, 50,
           case t.n %% 2 when 0 then 'confirmed' else 'pending' end, case t.n %% 2 when 0 then 'paid' else 'pending' end,
           case t.n %% 2 when 0 then now() end, now(), 'bjtu', now(), now()
      from seats t join people p on p.n = t.n
 returning id, patient_id, payment_status
), billed as (
    insert into bills (bill_no, patient_id, appointment_id, kind, subtotal, total, currency, status, due_date, issued_at, created_at,
           updated_at)
    select %(tag)s || o.id, o.patient_id, o.id, 'REGISTRATION', 50, 50, 'CNY', case o.payment_status when 'paid' then 'PAID' else 'ISSUED' end,
           current_date + 30, now(), now(), now()
      from orders o
 returning id, status
), paid as (
    insert into payments (payment_no, bill_id, amount, currency, method, status, created_at, updated_at)
    select %(tag)s || b.id, b.id, 50, 'CNY', 'ONLINE', 'SUCCEEDED', now(), now() from billed b where b.status = 'PAID'
 returning id, bill_id
)
insert into ledger_entries (bill_id, kind, amount, ref_id, at) select bill_id, 'PAYMENT', 50, id, now() from paid
"""


def book_out(db, doctor, tag, days, places, first=None):
    """Give the doctor two sessions of `places` on each of `days` days, all booked, each by a patient of its own. Returns (first day,
    last day, number of appointments). tag: a word that no other crowd of the database has, digits alone."""
    first = first or today() + dt.timedelta(days=2)
    n = 2 * days * places
    values = {"tag": tag, "n": n, "doctor": doctor, "places": places, "first": first, "days": days}
    conn = db.connect()
    try:
        with conn.cursor() as cur:
            for statement in (PEOPLE, SESSIONS, ORDERS):
                cur.execute(statement, values)
    finally:
        conn.close()
    return first, first + dt.timedelta(days=days - 1), n
