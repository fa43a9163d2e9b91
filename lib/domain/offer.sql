-- Free places for whoever waits (offer.h). The sessions are held by this transaction.

-- name: offer_waiting
-- Of sessions $1 that may be booked ($2 now) and have places left: who waits, in order of joining, as many as could matter. taken:
-- places that are not free; busy: what the patient has in the time of the session, as microseconds. A patient of whom a booking
-- is being made this moment is left out: that transaction may hold what we would wait for (patients are locked before sessions).
select s.id, (extract(epoch from s.starts_at) * 1000000)::bigint, (extract(epoch from s.ends_at) * 1000000)::bigint,
       s.slot_minutes, s.total_slots, s.remaining_slots, coalesce(t.taken, ''), w.id, w.patient_id,
       coalesce(x.busy, '')
  from schedules s
 cross join lateral (
       select string_agg(o.slot_no::text, ',') as taken from registration_orders o
        where o.schedule_id = s.id and o.slot_no is not null
          and o.status in ('pending', 'confirmed', 'completed', 'no_show')) t
 cross join lateral (
       select o.id, o.patient_id from registration_orders o
        where o.schedule_id = s.id and o.status = 'waitlist'
        order by o.id
        limit least(s.remaining_slots, 10) + 20) w
 cross join lateral (
       select string_agg((extract(epoch from o.starts_at) * 1000000)::bigint || '-' ||
                         (extract(epoch from o.ends_at) * 1000000)::bigint, ',') as busy
         from registration_orders o
        where o.patient_id = w.patient_id and o.status in ('pending', 'confirmed')
          and tstzrange(o.starts_at, o.ends_at) && tstzrange(s.starts_at, s.ends_at)) x
 where s.id = any ($1::bigint[]) and s.remaining_slots > 0 and s.is_latest and s.status = '正常' and s.deleted_at is null
   and exists (select from doctors d where d.id = s.doctor_id and d.deleted_at is null and d.status <> 'INACTIVE')
   and s.ends_at > $2::timestamptz
   and not exists (select from registration_orders o where o.schedule_id = s.id and o.patient_id = w.patient_id
                      and o.status in ('pending', 'confirmed'))
   and pg_try_advisory_xact_lock(7205759403792793600 + w.patient_id)
 order by s.id, w.id;

-- name: offer_take
-- Orders leave the waitlist: $1 orders, $2 places, $3 and $4 their bounds, $5 now, $6 its visit day, $7 currency. One row an order that did.
with t as (
    select * from unnest($1::bigint[], $2::int[], $3::timestamptz[], $4::timestamptz[]) as t (id, slot_no, starts_at, ends_at)
), given as (
    update registration_orders o
       set status = case when o.price > 0 then 'pending' else 'confirmed' end,
           payment_status = case when o.price > 0 then 'pending' else 'paid' end,
           payment_time = case when o.price = 0 then $5::timestamptz end,
           payable_since = case when o.price > 0 then $5::timestamptz end,
           slot_no = t.slot_no, starts_at = t.starts_at, ends_at = t.ends_at, source_type = 'waitlist',
           version = o.version + 1, updated_at = $5::timestamptz
      from t
     where o.id = t.id and o.status = 'waitlist'
 returning o.*
), counted as (
    update schedules s
       set remaining_slots = s.remaining_slots - g.n, version = s.version + 1, updated_at = $5::timestamptz
      from (select schedule_id, count(*)::int as n from given group by schedule_id) g
     where s.id = g.schedule_id
), bills as (
    insert into bills (bill_no, patient_id, appointment_id, kind, subtotal, discount, total, currency, status, due_date,
           issued_at, created_at, updated_at)
    select 'B' || to_char($6::date, 'YYYYMMDD') || lpad(nextval('bill_no_seq')::text, 8, '0'), g.patient_id, g.id,
           'REGISTRATION', g.list_price, g.list_price - g.price, g.price, $7::text, 'ISSUED', $6::date + 30,
           $5::timestamptz, $5::timestamptz, $5::timestamptz
      from given g
     where g.price > 0
 returning id, subtotal, discount, total
), items as (
    insert into bill_items (bill_id, description, code, unit_price, discount, line_total)
    select b.id, '挂号费', 'REGISTRATION', b.subtotal, b.discount, b.total from bills b
), history as (
    insert into appointment_history (order_id, at, action, from_value, to_value)
    select g.id, $5::timestamptz, 'booked', jsonb_build_object('status', 'waitlist'),
           jsonb_build_object('schedule_id', g.schedule_id, 'slot_no', g.slot_no, 'status', g.status)
      from given g
)
select g.id from given g;
