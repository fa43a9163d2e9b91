-- Changes of appointments that leave their places (status.c), and what happened to one (AP-11). The batch holds the locks already.

-- name: status_settings
-- One row: appointment.enforce_start_before_complete (R-100).
select exists (select from system_config c
                where c.config_key = 'appointment.enforce_start_before_complete' and c.scope_type = 'GLOBAL' and c.is_active
                  and c.config_value = 'true');

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
