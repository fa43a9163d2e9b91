-- Settings of seed 002 (api/06; BR-67 to BR-71, BR-119). Booking reads them in its own transactions: a change counts at once.

-- name: code_config
select json_build_object(
           'registration', gh_config_group('registration', (select config_value from v_global_config where config_key = 'registration')),
           'schedule', gh_config_group('schedule', (select config_value from v_global_config where config_key = 'schedule')),
           'patientIdentityDiscounts', gh_identity_rates_twice(
               (select config_value from v_global_config where config_key = 'patientIdentityDiscounts')))::text as body

-- name: code_update_config
-- $1 body, $2 who, $3 now
select u.error, json_build_object('detail', '配置更新成功')::text as body,
       case when u.changes <> '{}' then json_build_object('action', 'config.update', 'entity', 'config', 'entity_id', 'GLOBAL',
                                                          'changes', u.changes) end as audit
  from gh_config_update($1::jsonb, $2::bigint, $3::timestamptz) u

-- name: code_consultation_config
-- $1 scope_type, $2 scope_id, $3 zone. A doctor without an entry has the hospital's, which has 3 (BR-119).
with entry as (
    select (c.config_value #>> '{}')::int as most, c.scope_type, c.updated_at
      from system_config c
     where c.config_key = 'consultation.max_pass_count' and c.is_active and c.config_value #>> '{}' ~ '^([1-9]|10)$'
       and (c.scope_type = 'GLOBAL' or ($1::text = 'DOCTOR' and c.scope_type = 'DOCTOR' and c.scope_id = $2::bigint))
     order by c.scope_type limit 1
)
select case when $1 = 'DOCTOR' and $2 is null then 'SCOPE_ID_REQUIRED'
            when $1 = 'DOCTOR' and not exists (select from doctors d where d.id = $2 and d.deleted_at is null)
                then 'DOCTOR_NOT_FOUND' end as error,
       case when e.most is null
            then json_build_object('maxPassCount', 3, 'source', 'default', 'description', '默认过号次数上限')
            else json_build_object('maxPassCount', e.most, 'source', lower(e.scope_type),
                                   'description', case e.scope_type when 'DOCTOR' then '医生过号次数上限' else '全局过号次数上限' end,
                                   'updateTime', to_char(e.updated_at at time zone $3::text, 'YYYY-MM-DD"T"HH24:MI:SS')) end::text
           as body
  from (select) x
  left join entry e on true

-- name: code_update_consultation_config
-- $1 scope_type, $2 scope_id, $3 limit, $4 who, $5 now
with asked as (
    select case when $1::text = 'DOCTOR' then $2::bigint end as id,
           case when $1 = 'DOCTOR' and $2 is null then 'SCOPE_ID_REQUIRED'
                when $1 = 'DOCTOR' and not exists (select from doctors d where d.id = $2 and d.deleted_at is null)
                    then 'DOCTOR_NOT_FOUND' end as error
), was as materialized (
    select c.config_value as value
      from system_config c, asked a
     where c.config_key = 'consultation.max_pass_count' and c.scope_type = $1 and coalesce(c.scope_id, 0) = coalesce(a.id, 0)
       and c.is_active
       for no key update of c
), put as (
    insert into system_config as c (config_key, scope_type, scope_id, config_value, data_type, description, created_at, updated_at,
                                    updated_by)
    select 'consultation.max_pass_count', $1, a.id, to_jsonb($3::int), 'INT', 'Times a called patient may be passed over (BR-119)',
           $5::timestamptz, $5, $4::bigint
      from asked a, (select count(*) from was) w
     where a.error is null
        on conflict (config_key, scope_type, coalesce(scope_id, 0)) do update
           set config_value = excluded.config_value, is_active = true, version = c.version + 1, updated_at = $5, updated_by = $4
)
select a.error,
       json_build_object('detail', '配置更新成功', 'maxPassCount', $3, 'scope', case when a.id is null then 'GLOBAL'
                                                                                     else 'DOCTOR:' || a.id end)::text as body,
       case when w.value is distinct from to_jsonb($3)
            then json_build_object('action', 'config.update', 'entity', 'config',
                                   'entity_id', case when a.id is null then 'GLOBAL' else 'DOCTOR:' || a.id end,
                                   'changes', json_build_object('consultation.max_pass_count', json_build_array(w.value, $3)))
            end as audit
  from asked a
  left join was w on true
