-- Statements of the booking batch (book.c). A batch runs, in one transaction:
--   book_people, patient_orders, registration_settings, booking_settings, order_numbers, lock_sessions, taken_slots   read
--   write_bookings, count_places                                                                                    written
-- Instants leave as microseconds since 1970, days as days since 1970, money as text, rates in ten-thousandths.
-- Lock order (decisions 17): patients by id (advisory), then sessions by id, then orders by id, then bills by id.

-- name: lock_sessions
-- $1 session ids, $2 and $3 doctor and day of bookings by time. Everything a decision or an answer needs of a session.
-- writer is the transaction that wrote the row version, this_xid our own: a remembered bitmap of taken places is valid
-- exactly while the writer is the one it was remembered for (places.h).
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
       l.is_latest and l.status = '正常' as open, l.price, l.time_section, l.slot_type,
       l.writer, pg_current_xact_id()::text::bigint & 4294967295 as this_xid,
       d.name, d.title, m.name, c.name
  from locked l
  join doctors d on d.id = l.doctor_id
  left join minor_departments m on m.id = d.dept_id
  left join clinics c on c.id = l.clinic_id
 order by l.id;

-- name: book_people
-- One row a job: who asks ($1 users), for whom ($2 patients, null = the own row), $3 does he ask for an override, $4 now,
-- $5 doctors of bookings by time (null = by session). Locks the patients against other batches, so that limits that no
-- constraint can hold (BR-75, BR-79) are exact: those batches wait here, before their sessions, in the order of ids.
with ask as (
    select t.n, t.user_id, coalesce(t.patient_id, own.id) as patient_id, own.id as own_id, t.override, t.doctor_id
      from unnest($1::bigint[], $2::bigint[], $3::boolean[], $5::bigint[]) with ordinality
           as t (user_id, patient_id, override, doctor_id, n)
      left join patients own on own.user_id = t.user_id and own.deleted_at is null
), held as materialized (
    select count(pg_advisory_xact_lock(7205759403792793600 + x.id)) as n
      from (select distinct patient_id as id from ask where patient_id is not null order by 1) x
)
select a.own_id, p.id, p.user_id, p.name, coalesce(p.phone, u.phonenumber), p.patient_type,
       p.id is not null and p.id is distinct from a.own_id and exists (
           select from patient_relations r where r.user_patient_id = a.own_id and r.related_patient_id = p.id) as related,
       p.id is not null and p.id is distinct from a.own_id and exists (
           select from doctors d
            where d.user_id = a.user_id and d.deleted_at is null
              and (p.primary_doctor_id = d.id
                   or exists (select from registration_orders o where o.patient_id = p.id and o.doctor_id = d.id
                                 and o.status in ('pending', 'confirmed', 'completed', 'no_show')))) as assigned,
       exists (select from user_bans b
                where b.user_id = a.user_id and b.is_active and b.ban_type in ('register', 'all')
                  and (b.ban_until is null or b.ban_until > $4::timestamptz)) as banned,
       a.override and exists (
           select from user_roles ur join role_permissions rp on rp.role_code = ur.role_code
            where ur.user_id = a.user_id and rp.permission_code = 'appointment:override') as may_override,
       a.doctor_id is null or exists (
           select from doctors d where d.id = a.doctor_id and d.deleted_at is null) as doctor_exists
  from ask a
 cross join held
  left join patients p on p.id = a.patient_id and p.deleted_at is null
  left join users u on u.id = p.user_id
 order by a.n;

-- name: patient_orders
-- What patients have: $1 patients, $2 users whose own row is meant, $3 the earliest start that matters. `offset 0` keeps
-- it one look into the index a patient: a plan made while the table was small would join over all its rows for long.
with who as (
    select unnest($1::bigint[]) as id
    union
    select p.id from patients p where p.user_id = any ($2::bigint[])
)
select o.patient_id, o.schedule_id, d.dept_id,
       (extract(epoch from o.starts_at) * 1000000)::bigint, (extract(epoch from o.ends_at) * 1000000)::bigint,
       o.slot_date - date '1970-01-01', o.status
  from who w
 cross join lateral (
       select * from registration_orders x
        where x.patient_id = w.id and x.starts_at >= $3::timestamptz
          and x.status in ('pending', 'confirmed', 'completed', 'no_show')
       offset 0) o
  join doctors d on d.id = o.doctor_id;

-- name: registration_settings
-- The global entry (doctor 0) and those of the doctors concerned: of sessions $1 and $2 themselves.
select r.*
  from v_registration_settings r
 where r.doctor_id = 0 or r.doctor_id = any ($2::bigint[])
    or r.doctor_id in (select s.doctor_id from schedules s where s.id = any ($1::bigint[]));

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

-- name: taken_slots
-- Places that are not free, of sessions that this transaction has locked.
select w.id, o.taken
  from unnest($1::bigint[]) as w (id)
 cross join lateral (
       select string_agg(x.slot_no::text, ',') as taken from registration_orders x
        where x.schedule_id = w.id and x.slot_no is not null
          and x.status in ('pending', 'confirmed', 'completed', 'no_show')) o
 where o.taken is not null;

-- name: write_bookings
-- One booking an array element: the order, its history and, above 0, its registration bill with one item (R-103).
-- $18 now, $19 its visit day, $20 currency.
with booked as (
    select t.*, s.doctor_id, s.date, s.time_section, s.slot_type, s.price as list_price
      from unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::int[],
                  $8::timestamptz[], $9::timestamptz[], $10::int[], $11::numeric[], $12::text[], $13::text[],
                  $14::text[], $15::text[], $16::text[], $17::text[], $21::bigint[], $22::text[])
           as t (id, order_no, patient_id, user_id, initiator_id, schedule_id, slot_no,
                 starts_at, ends_at, rate, price, reason, notes,
                 status, payment_status, channel, visit_type, bill_id, bill_no)
      join schedules s on s.id = t.schedule_id
), orders as (
    insert into registration_orders (id, order_no, patient_id, user_id, initiator_user_id, doctor_id, schedule_id, slot_no,
           slot_date, time_section, slot_type, starts_at, ends_at, list_price, discount_rate, price, reason, notes,
           status, payment_status, payment_time, payable_since, channel, visit_type, created_at, updated_at)
    select b.id, b.order_no, b.patient_id, b.user_id, b.initiator_id, b.doctor_id, b.schedule_id, b.slot_no,
           b.date, b.time_section, b.slot_type, b.starts_at, b.ends_at, b.list_price, b.rate / 10000.0, b.price,
           b.reason, b.notes, b.status, b.payment_status,
           case b.payment_status when 'paid' then $18::timestamptz end,
           case b.status when 'pending' then $18::timestamptz end,
           b.channel, b.visit_type, $18::timestamptz, $18::timestamptz
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
-- $1 sessions, $2 places taken of each, $3 now. The check schedules_places_ck is the last word.
update schedules s
   set remaining_slots = s.remaining_slots - t.taken, version = s.version + 1, updated_at = $3::timestamptz
  from unnest($1::bigint[], $2::int[]) as t (id, taken)
 where s.id = t.id;

-- name: nearest_slots
-- Up to three free places of a doctor nearest to a moment, as the JSON that a refusal carries (api/24): $1 doctors,
-- $2 moments, $3 now, $4 the last day that can be booked, $5 zone. One row an element, in order.
select coalesce((
    select json_agg(json_build_object(
               'schedule_id', x.id, 'slot_no', x.k, 'starts_at', gh_ts_text(x.starts, $5::text),
               'ends_at', gh_ts_text(x.starts + make_interval(mins => x.slot_minutes), $5::text),
               'slot_type', gh_slot_type_v1(x.slot_type), 'price', x.price, 'available', true)
               order by x.distance, x.k)
      from (select s.id, k, s.slot_type, s.slot_minutes, s.price, b.starts,
                   abs(extract(epoch from b.starts - t.at)) as distance
              from (select n.* from schedules n
                     where n.doctor_id = t.doctor_id and n.is_latest and n.status = '正常' and n.remaining_slots > 0
                       and n.ends_at > $3::timestamptz and n.date <= $4::date
                     order by abs(extract(epoch from n.starts_at - t.at)), n.id
                     limit 6) s
             cross join lateral generate_series(1, s.total_slots) k
             cross join lateral (
                   select s.starts_at + make_interval(mins => s.slot_minutes * (least(k, greatest(1,
                          floor(extract(epoch from s.ends_at - s.starts_at) / 60 / s.slot_minutes)::int)) - 1)) as starts) b
             where b.starts > $3::timestamptz
               and not exists (select from registration_orders o where o.schedule_id = s.id and o.slot_no = k
                                  and o.status in ('pending', 'confirmed', 'completed', 'no_show'))
             order by 7, k
             limit 3) x), '[]')
  from unnest($1::bigint[], $2::timestamptz[]) with ordinality as t (doctor_id, at, n)
 order by t.n;
