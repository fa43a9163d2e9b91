-- The audit log (api/29, R-214, decisions 25; migration 0022).

-- name: rt_audit_put
-- $1 now; then one element an entry: $2 who or null, $3 roles as a comma list, $4 action, $5 entity, $6 its id, $7 or the table
-- in which this connection has made it last, $8 patient, $9 outcome, $10 address, $11 agent, $12 request, $13 surface, $14 changes.
-- Unsealed: rt_audit_seal gives the place in the chain.
insert into audit_log (at, actor_id, actor, roles, action, entity, entity_id, patient_id, outcome, ip, user_agent, request_id,
                       surface, changes)
select $1::timestamptz, x.who, coalesce(gh_user_label(u), case x.surface when 'inner' then 'system' else 'nobody' end),
       string_to_array(x.roles, ','), x.action, x.entity,
       case when x.made_in is null then x.entity_id else currval(pg_get_serial_sequence(x.made_in, 'id'))::text end,
       x.patient, x.outcome, x.ip, x.agent, x.request, x.surface, gh_audit_changes(x.changes)
  from unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[], $9::text[], $10::inet[],
              $11::text[], $12::text[], $13::text[], $14::jsonb[]) with ordinality
       as x (who, roles, action, entity, entity_id, made_in, patient, outcome, ip, agent, request, surface, changes, i)
  left join users u on u.id = x.who
 order by x.i;

-- name: rt_audit_seal
select gh_audit_seal();
