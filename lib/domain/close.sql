-- Closing sessions with what hangs on them (close.h; BR-58); their bills are the books' (payment.sql). Locks: the sessions are
-- held already, then orders by id, then bills by id (decisions 17).

-- name: close_sessions
-- $1 sessions, $2 suspend, supersede, delete or clear, $3 by whom, $4 account or null, $5 reason, $6 now, $7 patient or null: all.
-- Their active orders are cancelled, paid ones refunded, the waitlist is given up, places return, and each step is history. One row:
-- the orders as an array, how many held a place, how many were refunded, how many waited. Orders are found by the indexes of active ones.
with due as materialized (
    select o.id, o.schedule_id, o.status, o.payment_status, o.price - gh_order_owed(o.id) as price,
           o.payment_status = 'paid' and o.price > 0 as paid
      from registration_orders o
     where o.id = any (array (
               select a.id from registration_orders a
                where a.schedule_id = any ($1::bigint[]) and a.status in ('pending', 'confirmed')
                union all
               select w.id from registration_orders w
                where w.schedule_id = any ($1::bigint[]) and w.status = 'waitlist'))
       and o.status in ('pending', 'confirmed', 'waitlist') and ($7::bigint is null or o.patient_id = $7)
     order by o.id
       for update of o
), changed as (
    update registration_orders o
       set status = 'cancelled', payment_status = case when d.paid or d.payment_status = 'refunded' then 'refunded' else 'cancelled' end,
           refund_amount = case when d.paid then d.price else o.refund_amount end,
           refund_time = case when d.paid then $6::timestamptz else o.refund_time end,
           cancel_reason = $5::text, cancelled_by = $3::text, cancelled_at = $6, is_calling = false,
           version = o.version + 1, updated_at = $6
      from due d
     where o.id = d.id
), history as (
    insert into appointment_history (order_id, at, by_user, action, from_value, to_value, note)
    select d.id, $6, $4::bigint, x.action, jsonb_build_object('status', d.status, 'payment_status', d.payment_status),
           jsonb_build_object('status', 'cancelled', 'payment_status', case when d.paid or d.payment_status = 'refunded' then 'refunded'
                                                      else 'cancelled' end,
                              'refund_amount', case when d.paid then d.price end), $5
      from due d
      join (values (1, 'cancelled'), (2, 'refunded')) as x (n, action) on x.n = 1 or d.paid
     order by d.id, x.n
), freed as (
    select d.schedule_id, count(*)::int as n from due d where d.status <> 'waitlist' group by d.schedule_id
), closed as (
    update schedules s
       set remaining_slots = s.remaining_slots + coalesce(f.n, 0),
           status = case $2::text when 'suspend' then '停诊' else s.status end,
           is_latest = s.is_latest and $2 in ('suspend', 'clear'),
           deleted_at = case $2 when 'delete' then $6 else s.deleted_at end,
           version = s.version + 1, updated_at = $6
      from unnest($1::bigint[]) as t (id)
      left join freed f on f.schedule_id = t.id
     where s.id = t.id
)
select coalesce(array_agg(d.id order by d.id), '{}')::text as orders,
       count(*) filter (where d.status <> 'waitlist') as bookings, count(*) filter (where d.paid) as refunds,
       count(*) filter (where d.status = 'waitlist') as waiting
  from due d;

-- name: close_messages
-- Tell patients and doctors: $1 orders as close_sessions cancelled them, $2 sessions, $3 account that closed them, $4 now,
-- $5 names, $6 subjects and $7 texts of the templates, in the order of message.h, $8 reason, $9 WeChat template of patients or null, $10
-- its members, $11 scene, $12 zone. The patient comes first, then who booked. A doctor who closed the own session knows, one who
-- does not want to be told of such changes is not.
with said (template, order_id, day, section, starts_at, doctor, name, no, amount, n, ends_at, user1, mail1, phone1, user2) as (
    select case when o.slot_no is null then 3 when o.payment_status = 'refunded' then 2 else 1 end,
           o.id, s.date, s.time_section, o.starts_at, coalesce(d.full_name, d.name), coalesce(p.full_name, p.name), o.order_no, o.refund_amount, null::bigint, s.ends_at,
           p.user_id, null, p.phone, o.initiator_user_id
      from registration_orders o
      join schedules s on s.id = o.schedule_id
      join doctors d on d.id = s.doctor_id
      join patients p on p.id = o.patient_id
     where o.id = any ($1::bigint[])
    union all
    select 4, null, s.date, s.time_section, s.starts_at, coalesce(d.full_name, d.name), null, null, null, coalesce(n.cancelled, 0),
           s.ends_at, d.user_id, d.email, d.phone, null
      from schedules s
      join doctors d on d.id = s.doctor_id and d.deleted_at is null
      left join doctor_notification_settings w on w.doctor_id = d.id
      left join (select o.schedule_id, count(*) as cancelled from registration_orders o
                  where o.id = any ($1::bigint[]) and o.slot_no is not null group by o.schedule_id) n on n.schedule_id = s.id
     where s.id = any ($2::bigint[]) and (d.user_id = $3::bigint) is not true and coalesce(w.schedule_change, true)
)
insert into message_outbox (channel, recipient, template, subject, body, user_id, order_id, listed, scene, wechat_template, wechat_data,
       created_at, expires_at, next_at)
select a.channel, a.recipient, ($5::text[])[m.template], ($6::text[])[m.template],
       replace(replace(replace(replace(replace(replace(replace(replace(($7::text[])[m.template],
           '{n}', coalesce(m.n::text, '')), '{amount}', coalesce(m.amount::text, '')), '{no}', coalesce(m.no, '')),
           '{day}', x.day), '{section}', m.section), '{doctor}', m.doctor), '{name}', coalesce(m.name, '')), '{reason}', $8::text),
       a.user_id, m.order_id, a.listed, case a.channel when 'wechat' then $11::text end,
       case a.channel when 'wechat' then $9::text end,
       case a.channel when 'wechat'
            then gh_filled($10::text, jsonb_build_object('name', m.name, 'doctor', m.doctor, 'day', x.day, 'section', m.section,
                               'start', to_char(m.starts_at at time zone $12::text, 'HH24:MI'), 'no', m.no, 'amount', m.amount,
                               'reason', $8), true) end,
       $4::timestamptz, greatest(m.ends_at, $4 + interval '1 day'), $4
  from said m
 cross join lateral (select to_char(m.day, 'YYYY"年"FMMM"月"FMDD"日"') as day) x
 cross join lateral (
       select * from gh_told_at(m.user1, m.mail1, m.phone1, m.user2, null, null,
                                case when m.template < 4 then $9 end, true)) a
