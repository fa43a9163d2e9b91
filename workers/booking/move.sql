-- Statements of the batch of moves (move.c), with those of booking and of cancelling (lock_sessions, lock_orders, cancel_people), and
-- the places that an order can be moved to.

-- name: move_origins
-- Orders $1 as they are before anything is locked: session, doctor, patient, start.
select o.id, o.schedule_id, o.doctor_id, o.patient_id, (extract(epoch from o.starts_at) * 1000000)::bigint
  from registration_orders o
 where o.id = any ($1::bigint[]);

-- name: waited_sessions
-- Of sessions $1, which this transaction holds: those for which somebody waits.
select w.id
  from unnest($1::bigint[]) as w (id)
 where exists (select from registration_orders o where o.schedule_id = w.id and o.status = 'waitlist');

-- name: move_facts
-- Orders $1, which are locked: number class, rate in ten-thousandths, moves made by the patient or a relative, and how many
-- are allowed (R-97); has it a bill?
select o.id, o.slot_type, (o.discount_rate * 10000)::int,
       case when o.reschedule_count = 0 then 0 else (
           select count(*) from appointment_history h
            where h.order_id = o.id and h.action = 'rescheduled'
              and (h.by_user = p.user_id
                   or exists (select from patients own join patient_relations r on r.user_patient_id = own.id
                               where own.user_id = h.by_user and r.related_patient_id = o.patient_id))) end,
       coalesce((select (c.config_value #>> '{}')::int from system_config c
                  where c.config_key = 'appointment.max_reschedules' and c.scope_type = 'GLOBAL' and c.is_active
                    and jsonb_typeof(c.config_value) = 'number'), 3),
       exists (select from bills b where b.appointment_id = o.id and b.kind = 'REGISTRATION' and b.status <> 'CANCELLED')
  from registration_orders o
  join patients p on p.id = o.patient_id
 where o.id = any ($1::bigint[])
 order by o.id;

-- name: write_moves
-- BR-92, R-96: $1 orders, $2 sessions, $3 places, $4 and $5 their bounds, $6 rates in ten-thousandths, $7 prices, $8 states,
-- $9 payment states, $10 accounts, $11 reasons,
-- $12 what is given back or null, $13 now. Bills are gh_books_reprice()'s. What belonged to the queue of the former session is left behind.
with t as (
    select t.*, s.doctor_id, s.date, s.time_section, s.price as list_price, o.schedule_id <> t.schedule_id as elsewhere,
           case when o.schedule_id = t.schedule_id then o.slot_type else s.slot_type end as slot_type,
           o.schedule_id as was_session, o.slot_no as was_slot, o.starts_at as was_start, o.doctor_id as was_doctor,
           o.price as was_price, o.status as was_status, o.payment_status as was_paid
      from unnest($1::bigint[], $2::bigint[], $3::int[], $4::timestamptz[], $5::timestamptz[], $6::int[], $7::numeric[],
                  $8::text[], $9::text[], $10::bigint[], $11::text[], $12::numeric[])
           as t (id, schedule_id, slot_no, starts_at, ends_at, rate, price, status, payment_status, user_id, reason, refund)
      join schedules s on s.id = t.schedule_id
      join registration_orders o on o.id = t.id
), moved as (
    update registration_orders o
       set schedule_id = t.schedule_id, doctor_id = t.doctor_id, slot_no = t.slot_no, slot_date = t.date,
           time_section = t.time_section, slot_type = t.slot_type, starts_at = t.starts_at, ends_at = t.ends_at,
           list_price = case when t.elsewhere then t.list_price else o.list_price end,
           discount_rate = t.rate / 10000.0, price = t.price, status = t.status, payment_status = t.payment_status,
           payment_time = case when t.payment_status = 'paid' then coalesce(o.payment_time, $13::timestamptz) end,
           payable_since = case when t.status = 'pending' then o.payable_since end,
           refund_amount = case when o.refund_amount is not null then least(o.refund_amount, t.price) end,
           checked_in_at = case when not t.elsewhere then o.checked_in_at end,
           is_calling = o.is_calling and not t.elsewhere, call_time = case when not t.elsewhere then o.call_time end,
           pass_count = case when t.elsewhere then 0 else o.pass_count end,
           priority = case when t.elsewhere then 0 else o.priority end,
           reschedule_count = o.reschedule_count + 1, previous_starts_at = o.starts_at,
           version = o.version + 1, updated_at = $13::timestamptz
      from t
     where o.id = t.id
)
insert into appointment_history (order_id, at, by_user, action, from_value, to_value, note)
select t.id, $13::timestamptz, t.user_id, x.action,
       case x.n when 1 then jsonb_build_object('schedule_id', t.was_session, 'slot_no', t.was_slot, 'start_time', t.was_start,
                                               'doctor_id', t.was_doctor, 'fee', t.was_price)
                else jsonb_build_object('status', t.was_status, 'payment_status', t.was_paid) end,
       case x.n when 1 then jsonb_build_object('schedule_id', t.schedule_id, 'slot_no', t.slot_no, 'start_time', t.starts_at,
                                               'doctor_id', t.doctor_id, 'fee', t.price)
                when 2 then jsonb_build_object('status', t.status, 'payment_status', t.payment_status)
                else jsonb_build_object('payment_status', t.payment_status, 'refund_amount', t.refund) end,
       t.reason
  from t
  join (values (1, 'rescheduled'), (2, 'confirmed'), (3, 'refunded')) as x (n, action)
    on case x.n when 1 then true when 2 then t.was_status <> t.status else t.refund is not null end
 order by t.id, x.n;

-- name: move_free_bills
-- Of moved orders $1, those that cost nothing any more: their fee bill, given back in full, is over. $2 now
update bills b
   set status = 'CANCELLED', version = b.version + 1, updated_at = $2::timestamptz
  from registration_orders o
 where b.appointment_id = o.id and o.id = any ($1::bigint[]) and o.price = 0 and b.kind = 'REGISTRATION' and b.status = 'REFUNDED';

-- name: code_move_options
-- BR-89, BR-90: sessions that the order can be moved to, the soonest first; those that booking would refuse for their day (BR-76,
-- BR-77) are left out. $1 order, $2 caller, $3 his patient row, $4 zone, $5 now, $6 its day.
with verdict as (
    select b.id, b.schedule_id, b.doctor_id, b.clinic_id, b.slot_type, b.slot_date, b.time_section,
           case when b.status = 'pending' and b.payment_status = 'pending' then b.payable_since end as unpaid_since,
           case when coalesce($3::bigint, 0) = 0 then 'PATIENT_RECORD_MISSING'
                when b.id is null then 'APPOINTMENT_NOT_FOUND'
                when $2::bigint is distinct from coalesce(b.patient_user_id, b.user_id)
                     and $2::bigint is distinct from b.initiator_user_id then 'RESCHEDULE_OPTIONS_FORBIDDEN'
                when b.status not in ('pending', 'confirmed') then 'RESCHEDULE_STATUS'
                when b.payment_status not in ('pending', 'paid') then 'RESCHEDULE_PAYMENT_STATUS'
                when b.starts_at <= $5::timestamptz then 'RESCHEDULE_STARTED' end as error
      from (select) x
      left join v_bookings b on b.id = $1::bigint
), rules as (
    select coalesce((select c.config_value <> 'false' from system_config c
                      where c.config_key = 'appointment.apply_registration_rules' and c.scope_type = 'GLOBAL' and c.is_active), true) as bind,
           case when r.advance_days between 1 and 90 then r.advance_days else 14 end as advance_days,
           case when r.deadline_minute between 0 and 1439 then r.deadline_minute else 480 end as deadline_minute,
           case when v.unpaid_since <= $5 - make_interval(mins => case when r.payment_minutes between 5 and 120 then r.payment_minutes
                                                                      else 30 end) then 'RESCHEDULE_STATUS' end as overdue
      from verdict v
      left join lateral (select * from v_registration_settings s where s.doctor_id in (0, v.doctor_id)
                          order by s.doctor_id desc limit 1) r on true
)
select coalesce(v.error, r.overdue) as error,
       json_build_object('appointmentId', v.id, 'currentScheduleId', v.schedule_id, 'currentDate', v.slot_date,
           'currentTimeSection', v.time_section, 'options', coalesce((
               select json_agg(json_build_object(
                          'scheduleId', s.id, 'date', s.date, 'timeSection', s.time_section, 'remainingSlots', s.remaining_slots,
                          'price', s.price, 'hospitalId', h.id, 'hospitalName', coalesce(h.name, ''),
                          'departmentId', m.id, 'departmentName', m.name, 'clinicId', c.id, 'clinicName', coalesce(c.name, ''),
                          'slotType', s.slot_type, 'startTime', to_char(s.starts_at at time zone $4::text, 'HH24:MI'),
                          'endTime', to_char(s.ends_at at time zone $4::text, 'HH24:MI'),
                          'doctorName', coalesce(d.full_name, d.name), 'doctorTitle', coalesce(d.title, ''))
                          order by s.starts_at, s.id)
                 from schedules s
                 join doctors d on d.id = s.doctor_id
                 join minor_departments m on m.id = d.dept_id
                 left join clinics c on c.id = s.clinic_id
                 left join hospital_areas h on h.id = c.area_id
                where v.error is null and s.doctor_id = v.doctor_id and s.date >= $6::date and s.clinic_id is not distinct from v.clinic_id
                  and s.slot_type = v.slot_type and s.id <> v.schedule_id and s.is_latest and s.status = '正常'
                  and d.deleted_at is null and d.status <> 'INACTIVE'
                  and s.deleted_at is null and d.deleted_at is null and d.status <> 'INACTIVE'
                  and s.remaining_slots > 0 and s.starts_at > $5::timestamptz
                  and (not r.bind or (s.date <= $6::date + r.advance_days
                       and (s.date > $6::date or extract(hour from $5::timestamptz at time zone $4::text) * 60
                                                 + extract(minute from $5::timestamptz at time zone $4::text) < r.deadline_minute)))),
               '[]')) as body
  from verdict v
 cross join rules r;
