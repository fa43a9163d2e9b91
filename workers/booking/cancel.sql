-- Statements of the cancelling batch (cancel.c): lock_order_sessions, lock_orders, cancel_people read; the rest write,
-- and the books close the bills (lib/domain/payment.sql).
-- Locks: sessions by id, then orders by id, then bills by id (decisions 17). A session that an order left between the two
-- first statements shows as a schedule_id that is not locked, and the batch is run again.

-- name: lock_order_sessions
-- The sessions of orders $1; writer and this_xid as in lock_sessions; does somebody wait for a place?
select s.id, s.xmin::text::bigint as writer, pg_current_xact_id()::text::bigint & 4294967295 as this_xid,
       exists (select from registration_orders w where w.schedule_id = s.id and w.status = 'waitlist') as waited
  from schedules s
 where s.id in (select o.schedule_id from registration_orders o where o.id = any ($1::bigint[]))
 order by s.id
   for update of s;

-- name: lock_orders
-- Orders $1 as they are now, with what deciding and answering need.
with locked as materialized (
    select o.* from registration_orders o where o.id = any ($1::bigint[]) order by o.id for update of o
)
select o.id, o.schedule_id, coalesce(o.slot_no, 0), o.status, o.payment_status, o.price,
       (extract(epoch from s.starts_at) * 1000000)::bigint, (extract(epoch from o.starts_at) * 1000000)::bigint,
       (extract(epoch from o.ends_at) * 1000000)::bigint, (extract(epoch from o.created_at) * 1000000)::bigint,
       coalesce((extract(epoch from o.payable_since) * 1000000)::bigint, 0), o.version,
       o.patient_id, coalesce(p.user_id, o.user_id, 0), coalesce(o.initiator_user_id, 0), o.doctor_id, d.dept_id,
       o.hb_hidden, o.reason, o.checked_in_at is not null, o.notes, o.visit_type
  from locked o
  join schedules s on s.id = o.schedule_id
  join patients p on p.id = o.patient_id
  join doctors d on d.id = o.doctor_id
 order by o.id;

-- name: cancel_people
-- One row a job: $1 who asks, $2 for which order, $3 does he ask for an override. Is the patient a relative of his, may he
-- override? What of its price is not paid yet (R-96)?
select exists (select from registration_orders o
                 join patient_relations r on r.related_patient_id = o.patient_id
                 join patients own on own.id = r.user_patient_id and own.user_id = t.user_id
                where o.id = t.order_id) as related,
       t.override and exists (
           select from user_roles ur join role_permissions rp on rp.role_code = ur.role_code
            where ur.user_id = t.user_id and rp.permission_code = 'appointment:override') as may_override,
       gh_order_owed(t.order_id)
  from unnest($1::bigint[], $2::bigint[], $3::boolean[]) with ordinality as t (user_id, order_id, override, n)
 order by t.n;

-- name: cancel_settings
-- `registration` of the doctors of orders $1 and the global one; columns as registration_settings.
select r.*
  from v_registration_settings r
 where r.doctor_id = 0 or r.doctor_id in (select o.doctor_id from registration_orders o where o.id = any ($1::bigint[]));

-- name: write_cancellations
-- $1 orders, $2 new states, $3 new payment states, $4 refunds (null: none), $5 reasons, $6 by whom, $7 hidden from
-- Heartbeat, $8 accounts, $9 now, $10 zone. The state before is checked by the trigger registration_orders_step.
with t as (
    select * from unnest($1::bigint[], $2::text[], $3::text[], $4::numeric[], $5::text[], $6::text[], $7::boolean[],
                         $8::bigint[])
           as t (id, status, payment_status, refund, reason, by, hide, user_id)
), changed as (
    update registration_orders o
       set status = t.status, payment_status = t.payment_status, refund_amount = coalesce(t.refund, o.refund_amount),
           refund_time = case when t.refund is not null then $9::timestamptz else o.refund_time end,
           cancel_reason = t.reason, cancelled_by = t.by, cancelled_at = $9::timestamptz,
           hb_hidden = o.hb_hidden or t.hide, is_calling = false, version = o.version + 1, updated_at = $9::timestamptz
      from t
     where o.id = t.id
 returning o.id
)
insert into appointment_history (order_id, at, by_user, action, from_value, to_value, note)
select t.id, $9::timestamptz, t.user_id, x.action,
       jsonb_build_object('status', o.status, 'payment_status', o.payment_status)
           || case when o.checked_in_at is not null then jsonb_build_object('checked_in_at', gh_ts_text(o.checked_in_at, $10::text)) else '{}' end,
       jsonb_build_object('status', t.status, 'payment_status', t.payment_status, 'refund_amount', t.refund), t.reason
  from t
  join registration_orders o on o.id = t.id
  join (values (1, 'cancelled'), (2, 'timeout'), (3, 'refunded')) as x (n, action)
    on (x.n = 1 and t.status = 'cancelled') or (x.n = 2 and t.status = 'timeout') or (x.n = 3 and t.refund is not null)
 order by t.id, x.n;

-- name: hide_orders
-- R-225: a row that is final already is only hidden from Heartbeat. $1 orders, $2 now.
update registration_orders o
   set hb_hidden = true, version = o.version + 1, updated_at = $2::timestamptz
 where o.id = any ($1::bigint[]) and not o.hb_hidden;

-- name: release_places
-- R-95, BR-86: the places of cancelled orders become free, in one step a session: $1 sessions, $2 places, $3 now. This is
-- where a freed place is offered: who queues for one takes it from here, in this transaction, before the public sees it.
update schedules s
   set remaining_slots = s.remaining_slots + t.freed, version = s.version + 1, updated_at = $3::timestamptz
  from unnest($1::bigint[], $2::int[]) as t (id, freed)
 where s.id = t.id;

-- name: v1_after
-- Orders $1 as v1 shows them, after the writes: $2 zone, $3 currency.
select b.id, gh_v1_appointment(b, $2::text, $3::text), b.version
  from v_bookings b
 where b.id = any ($1::bigint[]);

-- name: hb_after
-- Orders $1 as Heartbeat shows them, after the writes: $2 zone.
select b.id, gh_hb_appointment(b, $2::text, false)
  from v_bookings b
 where b.id = any ($1::bigint[]);

-- name: hb_present
-- HB-16: doctor and bounds of order $1 as they are.
select o.doctor_id, (extract(epoch from o.starts_at) * 1000000)::bigint, (extract(epoch from o.ends_at) * 1000000)::bigint
  from registration_orders o
 where o.id = $1::bigint;

-- name: unpaid_orders
-- BR-83: orders that have been payable for longer than the time-out of their doctor's `registration`, else the global one, else
-- 30 minutes: $1 now, $2 at most so many. Not locked: they are locked and looked at again.
select o.id
  from registration_orders o
  left join v_registration_settings d on d.doctor_id = o.doctor_id
  left join v_registration_settings g on g.doctor_id = 0
 where o.status = 'pending' and o.payment_status = 'pending' and o.payable_since <= $1::timestamptz - interval '5 minutes'
   and o.payable_since <= $1 - make_interval(mins => coalesce(
           case when d.payment_minutes between 5 and 120 then d.payment_minutes end,
           case when d.doctor_id is null and g.payment_minutes between 5 and 120 then g.payment_minutes end, 30))
 order by o.payable_since
 limit $2::int;
