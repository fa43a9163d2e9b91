-- The audit log as administrators read it (api/29 SY-07).

-- Entries that a filter lets through; null: any. To be inlined: the caller's order and limit then use the indexes.
create function gh_audit_find(actors bigint[], action_from text, entities text[], entity_ids text[], patients bigint[],
                              outcomes text[], since timestamptz, until timestamptz, words text)
returns setof audit_log language sql stable as $$
    select * from audit_log a
     where (actors is null or a.actor_id = any (actors))
       and (action_from is null or starts_with(a.action, action_from))
       and (entities is null or a.entity = any (entities))
       and (entity_ids is null or a.entity_id = any (entity_ids))
       and (patients is null or a.patient_id = any (patients))
       and (outcomes is null or a.outcome = any (outcomes))
       and (since is null or a.at >= since)
       and (until is null or a.at <= until)
       and (words is null or strpos(lower(a.actor), words) > 0 or strpos(a.action, words) > 0 or strpos(lower(a.entity), words) > 0
            or strpos(lower(a.entity_id), words) > 0)
$$;

-- AuditEntry. The hashes of an entry that was not sealed yet are null.
create function gh_audit_entry(a audit_log, tz text) returns json language sql stable as $$
    select json_build_object(
        'id', a.id, 'at', gh_ts_text(a.at, tz), 'actor_id', a.actor_id, 'actor', a.actor, 'roles', to_json(a.roles),
        'action', a.action, 'entity', a.entity, 'entity_id', a.entity_id, 'patient_id', a.patient_id, 'outcome', a.outcome,
        'ip', host(a.ip), 'user_agent', a.user_agent, 'request_id', a.request_id, 'surface', a.surface, 'changes', a.changes,
        'prev_hash', encode(a.prev_hash, 'hex'), 'hash', encode(a.hash, 'hex'))
$$;
