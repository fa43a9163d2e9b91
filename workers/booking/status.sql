-- Changes of appointments that leave their places (status.c), and what happened to one (AP-11). The batch holds the locks already.

-- name: status_settings
-- One row: appointment.enforce_start_before_complete (R-100).
select exists (select from system_config c
                where c.config_key = 'appointment.enforce_start_before_complete' and c.scope_type = 'GLOBAL' and c.is_active
                  and c.config_value = 'true');

-- name: write_steps
-- $1 orders, $2 states after, $3 actions, $4 notes, $5 accounts, $6 now, $7 zone. The state before is checked by the trigger
-- registration_orders_step. A no-show raises the patient's count (R-104); patients by id.
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
 returning o.id, o.patient_id
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
select t.id, $6, t.user_id, t.action, jsonb_build_object('status', o.status),
       jsonb_build_object('status', t.status)
           || case t.action when 'arrived' then jsonb_build_object('checked_in_at', gh_ts_text($6, $7)) else '{}' end, t.note
  from t
  join registration_orders o on o.id = t.id
 order by t.id;

-- name: write_edits
-- AP-06: $1 orders, then for reason, notes and visit_type: $2 to $4 is it given, $5 to $7 the value; $8 now.
update registration_orders o
   set reason = case when t.has_reason then t.reason else o.reason end, notes = case when t.has_notes then t.notes else o.notes end,
       visit_type = case when t.has_visit then t.visit_type else o.visit_type end, version = o.version + 1,
       updated_at = $8::timestamptz
  from unnest($1::bigint[], $2::boolean[], $3::boolean[], $4::boolean[], $5::text[], $6::text[], $7::text[])
       as t (id, has_reason, has_notes, has_visit, reason, notes, visit_type)
 where o.id = t.id;

-- name: v1_history
-- AP-11: $1 order, $2 scopes, $3 the caller's patient row, $4 his doctor row, $5 his department, $6 zone. Oldest first. Stored states are
-- shown in the words of api/24; a time-out is a cancellation by the system.
select case when b.id is null or b.status = 'waitlist' then 'NOT_FOUND'
            when not gh_may_see_order(b, $2::int, $3::bigint, $4::bigint, $5::bigint) then 'NOT_OWNER' end as error,
       coalesce((select json_agg(json_build_object(
                            'at', gh_ts_text(h.at, $6::text),
                            'by', (select gh_user_brief(u) from users u where u.id = h.by_user),
                            'action', case h.action when 'timeout' then 'cancelled' else h.action end,
                            'from', gh_history_value(h.from_value, $6), 'to', gh_history_value(h.to_value, $6), 'note', h.note)
                                 order by h.id)
                   from appointment_history h where h.order_id = b.id), '[]') as body
  from (select) x
  left join v_bookings b on b.id = $1::bigint;
