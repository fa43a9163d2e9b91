-- Steps of orders that leave their places (order_steps.h). The batch holds the orders already.

-- name: write_steps
-- $1 orders, $2 states after, $3 actions, $4 notes, $5 accounts, $6 now, $7 zone. The state before is checked by the trigger
-- registration_orders_step. A visit that took place has its record (BR-118); a no-show raises the patient's count (R-104); patients by
-- id.
with t as (
    select * from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::bigint[]) as t (id, status, action, note, user_id)
), changed as (
    update registration_orders o
       set status = t.status, is_calling = o.is_calling and t.status = 'confirmed',
           checked_in_at = case t.action when 'arrived' then $6::timestamptz else o.checked_in_at end,
           visit_times = case t.action when 'completed' then coalesce(o.visit_times, gh_dts_text($6, $7::text)) else o.visit_times end,
           version = o.version + 1, updated_at = $6
      from t
     where o.id = t.id
 returning o.id, o.patient_id, o.doctor_id
), visits as (
    insert into medical_records (patient_id, doctor_id, appointment_id, visit_date, created_at, updated_at)
    select c.patient_id, c.doctor_id, c.id, $6, $6, $6 from changed c join t on t.id = c.id where t.action = 'completed'
        on conflict (appointment_id) where status <> 'VOIDED' do nothing
), missed as materialized (
    select p.id, x.n
      from (select c.patient_id, count(*)::int as n from changed c join t on t.id = c.id where t.action = 'no_show' group by 1) x
      join patients p on p.id = x.patient_id
     order by p.id
       for no key update of p
), counted as (
    update patients p set no_show_count = p.no_show_count + m.n, version = p.version + 1, updated_at = $6
      from missed m
     where p.id = m.id
)
insert into appointment_history (order_id, at, by_user, action, from_value, to_value, note)
select t.id, $6, t.user_id, t.action,
       jsonb_build_object('status', o.status)
           || case when o.checked_in_at is not null then jsonb_build_object('checked_in_at', gh_ts_text(o.checked_in_at, $7)) else '{}' end,
       jsonb_build_object('status', t.status)
           || case t.action when 'arrived' then jsonb_build_object('checked_in_at', gh_ts_text($6, $7)) else '{}' end, t.note
  from t
  join registration_orders o on o.id = t.id
 order by t.id;
