-- Settings of running programs (api/29 SY-05, SY-06; R-213). The table of what there is stands in lib/base/conf_table.c and
-- lib/domain/setting_rows.c; rows exist for those that were ever set.

-- name: settings_lock
-- Changes happen one after the other, so that If-Match is exact.
select pg_advisory_xact_lock(hashtext('gh_settings'))

-- name: settings_rows
-- $1 keys, $2 zone. A value of null: the default counts.
select c.config_key, case when c.is_active then c.config_value::text end, gh_ts_text(c.updated_at, $2::text), c.updated_by
  from system_config c
 where c.scope_type = 'GLOBAL' and c.config_key = any ($1::text[])

-- name: settings_revision
select coalesce(sum(c.version), 0) from system_config c where c.scope_type = 'GLOBAL' and c.config_key = any ($1::text[])

-- name: settings_write
-- $1 keys, $2 their values or null for the default, $3 who, $4 now
insert into system_config as c (config_key, config_value, is_active, created_at, updated_at, updated_by)
select t.key, coalesce(t.value, 'false'), t.value is not null, $4::timestamptz, $4, $3::bigint
  from unnest($1::text[], $2::jsonb[]) as t (key, value)
 where t.value is not null or exists (select from system_config o where o.config_key = t.key and o.scope_type = 'GLOBAL')
    on conflict (config_key, scope_type, coalesce(scope_id, 0)) do update
       set config_value = case when excluded.is_active then excluded.config_value else c.config_value end,
           is_active = excluded.is_active, version = c.version + 1, updated_at = $4, updated_by = $3
     where c.is_active <> excluded.is_active or (excluded.is_active and c.config_value <> excluded.config_value)

-- name: settings_told
-- What programs are told
select rev, key, value from gh_runtime_rows()
