-- Orders on their way into the database, whoever makes them (new_order.h), and the sessions they are made in. Instants leave as
-- microseconds since 1970, days as days since 1970, money as text, rates in ten-thousandths.

-- name: lock_sessions
-- $1 session ids, $2 and $3 doctor and day of bookings by time. Everything a decision or an answer needs of a session.
-- writer is the transaction that wrote the row version, this_xid our own: a remembered bitmap of taken places is valid
-- exactly while the writer is the one it was remembered for (places.h). `offset 0`: what follows the lock is done while others wait for
-- it, so it is one look into an index a session, whatever the tables were like when the plan was made.
with wanted as (
    select unnest($1::bigint[]) as id
    union
    select s.id
      from unnest($2::bigint[], $3::date[]) as t (doctor_id, day)
      join schedules s on s.doctor_id = t.doctor_id and s.date = t.day and s.is_latest
), locked as materialized (
    select s.*, s.xmin::text::bigint as writer
      from schedules s
     where s.id in (select id from wanted)
     order by s.id
       for update of s
)
select l.id, l.doctor_id, coalesce(l.clinic_id, 0), coalesce(c.area_id, 0), d.dept_id,
       (extract(epoch from l.starts_at) * 1000000)::bigint, (extract(epoch from l.ends_at) * 1000000)::bigint,
       l.date - date '1970-01-01', l.slot_minutes, l.total_slots, l.remaining_slots,
       l.is_latest and l.status = '正常' and d.deleted_at is null and d.status <> 'INACTIVE' as open, l.price, l.time_section, l.slot_type,
       l.writer, pg_current_xact_id()::text::bigint & 4294967295 as this_xid,
       coalesce(d.full_name, d.name), d.title, m.name, c.name, coalesce(c.minor_dept_id, d.dept_id)
  from locked l
  join lateral (select * from doctors x where x.id = l.doctor_id offset 0) d on true
  left join minor_departments m on m.id = d.dept_id
  left join lateral (select * from clinics x where x.id = l.clinic_id offset 0) c on true
 order by l.id;

-- name: booking_settings
-- One row: identity rates and switches. The stored names of the rates are the Chinese ones, else the English ones.
select coalesce(gh_setting_rate(x.rates, '学生'), gh_setting_rate(x.rates, 'student'), -1),
       coalesce(gh_setting_rate(x.rates, '教师'), gh_setting_rate(x.rates, 'teacher'), -1),
       coalesce(gh_setting_rate(x.rates, '职工'), gh_setting_rate(x.rates, 'staff'), -1),
       coalesce(gh_setting_rate(x.rates, '校外'), gh_setting_rate(x.rates, 'external'), -1),
       coalesce(x.found->>'appointment.apply_registration_rules' <> 'false', true),
       coalesce(x.found->>'appointment.require_prepayment' = 'true', false),
       coalesce(x.found->>'appointment.department_interval' = 'true', false),
       coalesce(x.found->>'appointment.strict_session' = 'true', false)
  from (select jsonb_object_agg(c.config_key, c.config_value) as found,
               jsonb_object_agg(c.config_key, c.config_value)->'patientIdentityDiscounts' as rates
          from system_config c
         where c.scope_type = 'GLOBAL' and c.is_active
           and c.config_key in ('patientIdentityDiscounts', 'appointment.apply_registration_rules',
                                'appointment.require_prepayment', 'appointment.department_interval',
                                'appointment.strict_session')) x;

-- name: order_numbers
-- $1 sets of numbers: order id, order number, bill id, bill number. Drawn ahead; those not used stay with the worker.
select nextval('registration_orders_id_seq'), nextval('order_no_seq'),
       nextval('bills_id_seq'), nextval('bill_no_seq')
  from generate_series(1, $1::int);

-- name: write_bookings
-- One booking an array element: the order, its history and, above 0, its registration bill with one item (R-103).
-- $18 now, $19 its visit day, $20 currency; $23 where it comes from, $24 its number class (null: the session's), $25 its place in
-- the queue.
with booked as (
    select t.*, s.doctor_id, s.date, s.time_section, coalesce(t.kind, s.slot_type) as slot_type, s.price as list_price
      from unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::int[],
                  $8::timestamptz[], $9::timestamptz[], $10::int[], $11::numeric[], $12::text[], $13::text[],
                  $14::text[], $15::text[], $16::text[], $17::text[], $21::bigint[], $22::text[],
                  $23::text[], $24::text[], $25::int[])
           as t (id, order_no, patient_id, user_id, initiator_id, schedule_id, slot_no,
                 starts_at, ends_at, rate, price, reason, notes,
                 status, payment_status, channel, visit_type, bill_id, bill_no, source, kind, priority)
      join schedules s on s.id = t.schedule_id
), orders as (
    insert into registration_orders (id, order_no, patient_id, user_id, initiator_user_id, doctor_id, schedule_id, slot_no,
           slot_date, time_section, slot_type, starts_at, ends_at, list_price, discount_rate, price, reason, notes,
           status, payment_status, payment_time, payable_since, source_type, priority, channel, visit_type, created_at,
           updated_at)
    select b.id, b.order_no, b.patient_id, b.user_id, b.initiator_id, b.doctor_id, b.schedule_id, b.slot_no,
           b.date, b.time_section, b.slot_type, b.starts_at, b.ends_at, b.list_price, b.rate / 10000.0, b.price,
           b.reason, b.notes, b.status, b.payment_status,
           case b.payment_status when 'paid' then $18::timestamptz end,
           case b.status when 'pending' then $18::timestamptz end,
           b.source, b.priority, b.channel, b.visit_type, $18::timestamptz, $18::timestamptz
      from booked b
), bills as (
    insert into bills (id, bill_no, patient_id, appointment_id, kind, subtotal, discount, total, currency, status,
           due_date, issued_at, created_at, updated_at)
    select b.bill_id, b.bill_no, b.patient_id, b.id, 'REGISTRATION', b.list_price, b.list_price - b.price, b.price,
           $20::text, 'ISSUED', $19::date + 30, $18::timestamptz, $18::timestamptz, $18::timestamptz
      from booked b
     where b.price > 0
), items as (
    insert into bill_items (bill_id, description, code, unit_price, discount, line_total)
    select b.bill_id, '挂号费', 'REGISTRATION', b.list_price, b.list_price - b.price, b.price
      from booked b
     where b.price > 0
)
insert into appointment_history (order_id, at, by_user, action, to_value)
select b.id, $18::timestamptz, b.initiator_id, 'booked',
       jsonb_build_object('schedule_id', b.schedule_id, 'slot_no', b.slot_no, 'status', b.status)
  from booked b;

-- name: count_places
-- $1 sessions, $2 places taken of each, $3 now. The check schedules_places_ck is the last word. The inner selects hide the length of the
-- arrays from the planner: seeing it, it would make a plan anew each time, while others wait for the lock.
update schedules s
   set remaining_slots = s.remaining_slots - t.taken, version = s.version + 1, updated_at = $3::timestamptz
  from unnest((select $1::bigint[]), (select $2::int[])) as t (id, taken)
 where s.id = t.id;

-- name: add_places
-- Session $1 gets $2 places more, before the orders on them are written (BR-66). $3 now
update schedules s
   set total_slots = s.total_slots + $2::int, remaining_slots = s.remaining_slots + $2::int, version = s.version + 1,
       updated_at = $3::timestamptz
 where s.id = $1::bigint;
