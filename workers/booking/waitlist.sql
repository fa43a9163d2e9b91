-- The waitlist of full sessions (waitlist.c; api/07 section 7.3, BR-96 to BR-104). The position is the order of joining, which is
-- the order of ids (drawn under the session's lock); it is never stored.

-- name: share_rates
-- As book_people: the identity rates stay as they are until this transaction ends.
select pg_advisory_xact_lock_shared(hashtext('gh_identity_rates'));

-- name: wait_facts
-- One row a join: $1 sessions, $2 patients. Read after the sessions are locked: how many wait, does the patient wait already, has the
-- patient a place?
select (select count(*) from registration_orders o where o.schedule_id = t.schedule_id and o.status = 'waitlist'),
       exists (select from registration_orders o where o.schedule_id = t.schedule_id and o.patient_id = t.patient_id
                  and o.status = 'waitlist'),
       exists (select from registration_orders o where o.schedule_id = t.schedule_id and o.patient_id = t.patient_id
                  and o.status in ('pending', 'confirmed'))
  from unnest($1::bigint[], $2::bigint[]) with ordinality as t (schedule_id, patient_id, n)
 order by t.n;

-- name: write_waits
-- Entries of the waitlist: $1 ids, $2 numbers, $3 patients, $4 their accounts, $5 who joins, $6 sessions, $7 rates in ten-thousandths,
-- $8 prices, $9 now
with t as (
    select * from unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::int[], $8::numeric[])
           as t (id, order_no, patient_id, user_id, initiator_id, schedule_id, rate, price)
), orders as (
    insert into registration_orders (id, order_no, patient_id, user_id, initiator_user_id, doctor_id, schedule_id, slot_date,
           time_section, slot_type, starts_at, ends_at, list_price, discount_rate, price, status, payment_status, source_type,
           channel, created_at, updated_at)
    select t.id, t.order_no, t.patient_id, t.user_id, t.initiator_id, s.doctor_id, s.id, s.date, s.time_section, s.slot_type,
           s.starts_at, s.ends_at, s.price, t.rate / 10000.0, t.price, 'waitlist', 'pending', 'waitlist', 'bjtu', $9::timestamptz,
           $9::timestamptz
      from t join schedules s on s.id = t.schedule_id
)
insert into appointment_history (order_id, at, by_user, action, to_value)
select t.id, $9::timestamptz, t.initiator_id, 'booked', jsonb_build_object('schedule_id', t.schedule_id, 'status', 'waitlist')
  from t;

-- name: code_waitlist
-- BR-104: entries that the caller ($1, own patient row $2) took or holds. $3 zone, $4 now
select case when coalesce($2::bigint, 0) = 0 then 'PATIENT_RECORD_MISSING' end as error,
       json_build_object('list', coalesce(json_agg(json_build_object(
           'id', w.id, 'scheduleId', w.schedule_id, 'hospitalName', coalesce(w.area_name, ''),
           'departmentName', coalesce(w.dept_name, ''), 'doctorName', w.doctor_name, 'doctorTitle', coalesce(w.title, ''),
           'appointmentDate', w.slot_date, 'appointmentTime', w.time_section, 'price', w.price, 'status', 'waitlist',
           'queueNumber', w.position, 'patientName', w.patient_name,
           'createdAt', to_char(w.created_at at time zone $3::text, 'YYYY-MM-DD HH24:MI:SS'), 'canConvert', w.free)
           order by w.position, w.created_at, w.id), '[]'))::text as body
  from (select o.id, o.schedule_id, o.slot_date, o.time_section, o.price, o.created_at, a.name as area_name, m.name as dept_name,
               coalesce(d.full_name, d.name) as doctor_name, d.title, coalesce(p.full_name, p.name) as patient_name,
               s.remaining_slots > 0 and s.is_latest and s.status = '正常' and d.deleted_at is null and d.status <> 'INACTIVE' as free,
               (select count(*) from registration_orders x
                 where x.schedule_id = o.schedule_id and x.status = 'waitlist' and x.id <= o.id) as position
          from registration_orders o
          join schedules s on s.id = o.schedule_id
          join doctors d on d.id = o.doctor_id
          join patients p on p.id = o.patient_id
          left join minor_departments m on m.id = d.dept_id
          left join clinics c on c.id = s.clinic_id
          left join hospital_areas a on a.id = c.area_id
         where o.status = 'waitlist' and (o.initiator_user_id = $1::bigint or o.patient_id = $2::bigint) and s.ends_at > $4::timestamptz) w;

-- name: wait_leaving
-- Entries $1 that shall be left, locked: status, who joined, the patient, id.
select o.status, coalesce(o.initiator_user_id, 0), o.patient_id, o.id
  from registration_orders o
 where o.id = any ($1::bigint[]) and (o.status = 'waitlist' or o.source_type = 'waitlist')
 order by o.id
   for update of o;

-- name: write_leaves
-- BR-103. $1 entries, $2 who leaves them, $3 now
with left_it as (
    update registration_orders o
       set status = 'cancelled', payment_status = 'cancelled', cancelled_by = 'patient', cancelled_at = $3::timestamptz,
           version = o.version + 1, updated_at = $3::timestamptz
     where o.id = any ($1::bigint[])
)
insert into appointment_history (order_id, at, by_user, action, from_value, to_value)
select t.id, $3::timestamptz, t.user_id, 'cancelled', jsonb_build_object('status', 'waitlist'), jsonb_build_object('status', 'cancelled')
  from unnest($1::bigint[], $2::bigint[]) as t (id, user_id);

-- name: wait_entry
-- The entry that shall be converted ($1), as it is now that its session is held: status, who joined, the patient.
select o.status, coalesce(o.initiator_user_id, 0), o.patient_id, o.schedule_id, o.source_type
  from registration_orders o
 where o.id = $1::bigint and (o.status = 'waitlist' or o.source_type = 'waitlist');

-- name: wait_converted
-- BR-102: the order as it is after it got its place; of one that got none, does the patient have another appointment at that time while
-- there are places? $1 order, $2 zone. payment_minutes: of the doctor, else of the hospital.
select o.status <> 'waitlist',
       o.status = 'waitlist' and s.remaining_slots > 0 and s.is_latest and s.status = '正常' and d.deleted_at is null and d.status <> 'INACTIVE'
           and exists (select from registration_orders x
                        where x.patient_id = o.patient_id and x.status in ('pending', 'confirmed')
                          and tstzrange(x.starts_at, x.ends_at) && tstzrange(s.starts_at, s.ends_at)),
       json_build_object('id', o.id, 'orderNo', o.order_no, 'appointmentDate', o.slot_date, 'appointmentTime', o.time_section,
           'queueNumber', null, 'doctorName', coalesce(d.full_name, d.name), 'price', o.price, 'status', o.status, 'paymentStatus', o.payment_status,
           'sourceType', 'waitlist', 'createdAt', to_char(o.created_at at time zone $2::text, 'YYYY-MM-DD HH24:MI:SS'),
           'expiresAt', to_char((coalesce(o.payable_since, o.payment_time) + make_interval(mins => coalesce(
                   case when r.payment_minutes between 5 and 120 then r.payment_minutes end,
                   case when r.doctor_id is null and g.payment_minutes between 5 and 120 then g.payment_minutes end, 30)))
               at time zone $2::text, 'YYYY-MM-DD HH24:MI:SS'),
           'hospitalName', coalesce(a.name, ''), 'departmentName', coalesce(m.name, ''), 'patientName', coalesce(p.full_name, p.name))::text
  from registration_orders o
  join schedules s on s.id = o.schedule_id
  join doctors d on d.id = o.doctor_id
  join patients p on p.id = o.patient_id
  left join minor_departments m on m.id = d.dept_id
  left join clinics c on c.id = s.clinic_id
  left join hospital_areas a on a.id = c.area_id
  left join v_registration_settings r on r.doctor_id = o.doctor_id
  left join v_registration_settings g on g.doctor_id = 0
 where o.id = $1::bigint;

-- name: wait_expire
-- BR-104: entries of sessions that have begun end, and those of patients who have booked their session meanwhile; at most 500 at a
-- time. $1 now
with due as materialized (
    select o.id, case when o.starts_at <= $1::timestamptz then '候补已过期' else '该时段已有预约' end as why
      from registration_orders o
     where o.status = 'waitlist'
       and (o.starts_at <= $1::timestamptz
            or exists (select from registration_orders a
                        where a.schedule_id = o.schedule_id and a.patient_id = o.patient_id
                          and a.status in ('pending', 'confirmed')))
     order by o.id limit 500 for update of o skip locked
), ended as (
    update registration_orders o
       set status = 'cancelled', payment_status = 'cancelled', cancelled_by = 'system', cancel_reason = d.why,
           cancelled_at = $1::timestamptz, version = o.version + 1, updated_at = $1::timestamptz
      from due d
     where o.id = d.id
 returning o.id, d.why
), history as (
    insert into appointment_history (order_id, at, action, from_value, to_value, note)
    select id, $1::timestamptz, 'cancelled', jsonb_build_object('status', 'waitlist'), jsonb_build_object('status', 'cancelled'),
           why
      from ended
)
select count(*) from ended;

-- name: wait_free
-- Sessions with places left for which somebody waits (one who was passed over while booking elsewhere): at most 50, in another order
-- each time, so that those who cannot take their place hold nobody back. $1 now
select s.id
  from schedules s
 where s.remaining_slots > 0 and s.is_latest and s.status = '正常' and s.deleted_at is null and s.ends_at > $1::timestamptz
   and exists (select from doctors d where d.id = s.doctor_id and d.deleted_at is null and d.status <> 'INACTIVE')
   and s.id in (select o.schedule_id from registration_orders o where o.status = 'waitlist')
 order by hashint8extended(s.id, (extract(epoch from $1) * 1000000)::bigint)
 limit 50;
