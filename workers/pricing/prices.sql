-- Prices and discounts of the hospital (api/03; BR-31 to BR-37). Those of departments, clinics and doctors travel in their bodies.

-- name: global_prices
-- The level's own values (BR-35)
select gh_list_prices((select config_value from v_global_config where config_key = 'registration.price'))::text as body

-- name: set_global_prices
-- $1 query, $2 body, $3 now. The seed's form is the query; a body wins over it, and null in it clears (BR-32).
with asked as (
    select coalesce($1::jsonb, '{}') || coalesce($2::jsonb, '{}') as given
), put as materialized (
    select p.before, p.after, gh_changes(p.before, p.after) as changes
      from asked a
     cross join lateral gh_list_prices_set('GLOBAL', null, a.given, $3::timestamptz) p
     where a.given ?| '{default_price_normal,default_price_expert,default_price_special}'
)
select case when p.after is null then 'PRICE_REQUIRED' end as error,
       json_build_object('detail', '全局价格配置更新成功')::text as body,
       case when p.changes <> '{}' then json_build_object('action', 'price.update', 'entity', 'price_level', 'entity_id', 'GLOBAL',
                                                          'changes', p.changes) end as audit
  from (select) x
  left join put p on true

-- name: identity_rates
select gh_identity_rates((select config_value from v_global_config where config_key = 'patientIdentityDiscounts'))::text as body

-- name: set_identity_rates
-- $1 body, $2 who, $3 now
select json_build_object('detail', '患者身份折扣配置更新成功', 'config', p.after)::text as body,
       case when p.before::jsonb <> p.after::jsonb
            then json_build_object('action', 'price.update', 'entity', 'identity_rates', 'entity_id', 'GLOBAL',
                                   'changes', gh_changes(p.before::jsonb, p.after::jsonb)) end as audit
  from gh_set_identity_rates($1::jsonb, $2::bigint, $3::timestamptz) p
