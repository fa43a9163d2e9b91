-- Statements of `guahao config` (ops/cmd/config.c): the settings that the database has (api/29 SY-05, SY-06).

-- name: config_known
select to_regprocedure('gh_runtime_rows()') is not null;

-- name: config_rows
select key, value from gh_runtime_rows() where value is not null
union all
select c.config_key, c.config_value #>> '{}'
  from system_config c
 where c.scope_type = 'GLOBAL' and c.is_active and c.config_key not like '%.%' and jsonb_typeof(c.config_value) <> 'object';

-- name: config_write
-- $1 key, $2 JSON or null for the default, $3 now, $4 what it was as JSON, $5 what it is, $6 request. One row when it has changed.
with put as (
    insert into system_config as c (config_key, config_value, is_active, created_at, updated_at)
    select $1::text, coalesce($2::jsonb, 'false'), $2 is not null, $3::timestamptz, $3::timestamptz
     where $2 is not null or exists (select from system_config o where o.config_key = $1::text and o.scope_type = 'GLOBAL')
        on conflict (config_key, scope_type, coalesce(scope_id, 0)) do update
           set config_value = case when excluded.is_active then excluded.config_value else c.config_value end,
               is_active = excluded.is_active, version = c.version + 1, updated_at = $3::timestamptz, updated_by = null
         where c.is_active <> excluded.is_active or (excluded.is_active and c.config_value <> excluded.config_value)
    returning true
)
insert into audit_log (at, actor, action, entity, entity_id, request_id, surface, changes)
select $3::timestamptz, 'system', 'config.update', 'config', 'settings', $6::text, 'inner',
       gh_audit_changes(jsonb_build_object($1::text, jsonb_build_array($4::jsonb, $5::jsonb)))
  from put where $4::jsonb <> $5::jsonb
returning id;
