-- Departments, clinics and areas as administrators see and change them on the {code, message} surface (api/02 sections 2.1, 2.2,
-- 2.5, 2.6). A department that goes keeps its row (schema/README.md). Prices shown are those of the level itself (BR-35).

-- name: list_majors
-- $1 zone
select json_build_object('departments', coalesce(jsonb_agg(gh_code_major(m, $1::text) order by m.sort_order, m.id), '[]'))::text
       as body
  from major_departments m
 where m.deleted_at is null

-- name: create_major
-- BR-17. $1 name, $2 description, $3 now, $4 zone. The new one is the last of the list, where the screens put it.
with made as (
    insert into major_departments as m (name, description, sort_order, created_at, updated_at)
    select gh_name($1::text), $2::text, coalesce((select max(o.sort_order) from major_departments o where o.deleted_at is null), 0),
           $3::timestamptz, $3
     where gh_name($1) is not null
    returning m
)
select case when (x.m).id is null then 'VALIDATION_FAILED' end as error, '{"field": "name"}'::json as params,
       (gh_code_major(x.m, $4::text) || jsonb_build_object('detail', '成功创建大科室：' || (x.m).name))::text as body,
       gh_audit_entry('department.create', 'department', (x.m).id, null, to_jsonb(x.m)) as audit
  from (select) one
  left join made x on true

-- name: update_major
-- BR-17. $1 department, $2 members that change as an object, $3 now, $4 zone
with old as materialized (
    select m as was, $2::jsonb as b from major_departments m where m.id = $1::bigint and m.deleted_at is null for update
), verdict as (
    select case when (o.was).id is null then 'DEPARTMENT_NOT_FOUND'
                when o.b ? 'name' and gh_name(o.b ->> 'name') is null then 'VALIDATION_FAILED' end as error
      from (select) one
      left join old o on true
), changed as (
    update major_departments m
       set name = case when o.b ? 'name' then gh_name(o.b ->> 'name') else m.name end,
           description = case when o.b ? 'description' then o.b ->> 'description' else m.description end,
           version = m.version + 1, updated_at = $3::timestamptz
      from old o, verdict v
     where m.id = (o.was).id and v.error is null
    returning m
)
select v.error, '{"field": "name"}'::json as params,
       (gh_code_major(c.m, $4::text) || '{"detail": "成功更新大科室信息"}')::text as body,
       gh_audit_entry('department.update', 'department', (c.m).id, to_jsonb(o.was), to_jsonb(c.m)) as audit
  from verdict v
  left join old o on true
  left join changed c on true

-- name: delete_major
-- BR-18. $1 department, $2 now
with old as materialized (
    select m as was from major_departments m where m.id = $1::bigint and m.deleted_at is null for update
), verdict as (
    select case when (o.was).id is null then 'DEPARTMENT_NOT_FOUND'
                when exists (select from minor_departments x where x.major_dept_id = $1 and x.deleted_at is null)
                then 'MAJOR_DEPARTMENT_HAS_CHILDREN' end as error
      from (select) one
      left join old o on true
), gone as (
    update major_departments m
       set deleted_at = $2::timestamptz, version = m.version + 1, updated_at = $2
      from old o, verdict v
     where m.id = (o.was).id and v.error is null
    returning m
)
select v.error, json_build_object('detail', '成功删除大科室 ' || (g.m).name)::text as body,
       gh_audit_entry('department.delete', 'department', (g.m).id, to_jsonb(g.m), null) as audit
  from verdict v
  left join gone g on true

-- name: list_minors
-- BR-35. $1 major department or null, $2 page, $3 page size; neither: all rows. $4 zone
with hit as materialized (
    select m.id, row_number() over (order by m.sort_order, m.id) as place
      from minor_departments m
     where m.deleted_at is null and ($1::bigint is null or m.major_dept_id = $1)
), page as (
    select t.total, coalesce($2::bigint, 1) as page,
           coalesce($3::bigint, case when $2::bigint is null then t.total else 50 end) as size
      from (select count(*) as total from hit) t
)
select json_build_object('total', p.total, 'page', p.page, 'page_size', p.size, 'departments', coalesce(
           (select jsonb_agg(gh_code_minor(m, jsonb_build_object(
                        'default_price_normal', x.normal, 'default_price_expert', x.expert, 'default_price_special', x.special),
                        $4::text) order by h.place)
              from (select id, place from hit order by place
                     limit p.size offset least((p.page::numeric - 1) * p.size, 2147483647)::bigint) h
              join minor_departments m on m.id = h.id
              left join v_list_prices x on x.scope_type = 'MINOR_DEPT' and x.scope_id = m.id), '[]'))::text as body
  from page p

-- name: create_minor
-- BR-19, BR-31 to BR-33. $1 the department as an object, $2 now, $3 zone. The new one is the last of the list.
with made as (
    insert into minor_departments as m (major_dept_id, name, description, sort_order, created_at, updated_at)
    select (b ->> 'major_dept_id')::bigint, gh_name(b ->> 'name'), b ->> 'description',
           coalesce((select max(o.sort_order) from minor_departments o where o.deleted_at is null), 0), $2::timestamptz, $2
      from (select $1::jsonb as b) asked
     where gh_name(b ->> 'name') is not null
    returning m
), priced as (
    select p.* from made x cross join lateral gh_list_prices_set('MINOR_DEPT', (x.m).id, $1::jsonb, $2::timestamptz) p
)
select case when (x.m).id is null then 'VALIDATION_FAILED' end as error, '{"field": "name"}'::json as params,
       gh_code_minor(x.m, p.after, $3::text)::text as body,
       gh_audit_entry('department.create', 'department', (x.m).id, null, to_jsonb(x.m) || jsonb_strip_nulls(p.after)) as audit
  from (select) one
  left join made x on true
  left join priced p on true

-- name: update_minor
-- BR-19, BR-32, BR-33. $1 department, $2 members that change as an object, $3 now, $4 zone
with old as materialized (
    select m as was, $2::jsonb as b from minor_departments m where m.id = $1::bigint and m.deleted_at is null for update
), verdict as (
    select case when (o.was).id is null then 'DEPARTMENT_NOT_FOUND'
                when o.b ? 'name' and gh_name(o.b ->> 'name') is null then 'VALIDATION_FAILED' end as error
      from (select) one
      left join old o on true
), changed as (
    update minor_departments m
       set major_dept_id = coalesce((o.b ->> 'major_dept_id')::bigint, m.major_dept_id),
           name = case when o.b ? 'name' then gh_name(o.b ->> 'name') else m.name end,
           description = case when o.b ? 'description' then o.b ->> 'description' else m.description end,
           version = m.version + 1, updated_at = $3::timestamptz
      from old o, verdict v
     where m.id = (o.was).id and v.error is null
    returning m
), priced as (
    select p.* from changed x cross join lateral gh_list_prices_set('MINOR_DEPT', (x.m).id, $2::jsonb, $3::timestamptz) p
)
select v.error, '{"field": "name"}'::json as params,
       (gh_code_minor(c.m, p.after, $4::text)
        || case when (c.m).major_dept_id <> (o.was).major_dept_id
                then jsonb_build_object('transfer_info', jsonb_build_object('old_major_dept_id', (o.was).major_dept_id,
                                                                            'new_major_dept_id', (c.m).major_dept_id))
                else '{}' end)::text as body,
       gh_audit_entry('department.update', 'department', (c.m).id, to_jsonb(o.was) || p.before, to_jsonb(c.m) || p.after) as audit
  from verdict v
  left join old o on true
  left join changed c on true
  left join priced p on true

-- name: delete_minor
-- BR-20, R-79. $1 department, $2 now; its own prices go with it
with old as materialized (
    select m as was from minor_departments m where m.id = $1::bigint and m.deleted_at is null for update
), verdict as (
    select case when (o.was).id is null then 'DEPARTMENT_NOT_FOUND'
                when exists (select from doctors d where d.dept_id = $1 and d.deleted_at is null)
                then 'MINOR_DEPARTMENT_HAS_DOCTORS'
                when exists (select from clinics c where c.minor_dept_id = $1) then 'MINOR_DEPARTMENT_HAS_CLINICS' end as error
      from (select) one
      left join old o on true
), gone as (
    update minor_departments m
       set deleted_at = $2::timestamptz, version = m.version + 1, updated_at = $2
      from old o, verdict v
     where m.id = (o.was).id and v.error is null
    returning m
), unpriced as (
    delete from system_config c using gone g
     where c.config_key = 'registration.price' and c.scope_type = 'MINOR_DEPT' and c.scope_id = (g.m).id
)
select v.error, json_build_object('detail', '成功删除小科室 ' || (g.m).name)::text as body,
       gh_audit_entry('department.delete', 'department', (g.m).id, to_jsonb(g.m), null) as audit
  from verdict v
  left join gone g on true

-- name: list_clinics
-- BR-35. $1 minor department or null, $2 page, $3 page size; neither: all rows. $4 zone
with hit as materialized (
    select c.id from clinics c where $1::bigint is null or c.minor_dept_id = $1
), page as (
    select coalesce($2::bigint, 1) as page,
           coalesce($3::bigint, case when $2::bigint is null then (select count(*) from hit) else 50 end) as size
)
select json_build_object('clinics', coalesce(
           (select jsonb_agg(gh_code_clinic(c, jsonb_build_object(
                        'default_price_normal', x.normal, 'default_price_expert', x.expert, 'default_price_special', x.special),
                        $4::text) order by c.id)
              from (select id from hit order by id
                     limit p.size offset least((p.page::numeric - 1) * p.size, 2147483647)::bigint) h
              join clinics c on c.id = h.id
              left join v_list_prices x on x.scope_type = 'CLINIC' and x.scope_id = c.id), '[]'))::text as body
  from page p

-- name: create_clinic
-- BR-29, BR-31 to BR-33. $1 the clinic as an object, $2 now, $3 zone; without an area it is in the first one
with asked as (
    select b, gh_name(b ->> 'name') as name, coalesce((b ->> 'area_id')::bigint, (select min(id) from hospital_areas)) as area
      from (select $1::jsonb as b) x
), made as (
    insert into clinics as c (area_id, minor_dept_id, name, address, clinic_type, created_at, updated_at)
    select a.area, (a.b ->> 'minor_dept_id')::bigint, a.name, a.b ->> 'address', coalesce((a.b ->> 'clinic_type')::smallint, 0),
           $2::timestamptz, $2
      from asked a
     where a.name is not null and a.area is not null
    returning c
), priced as (
    select p.* from made x cross join lateral gh_list_prices_set('CLINIC', (x.c).id, $1::jsonb, $2::timestamptz) p
)
select case when a.name is null then 'VALIDATION_FAILED' when a.area is null then 'AREA_INVALID' end as error,
       '{"field": "name"}'::json as params,
       (gh_code_clinic(x.c, p.after, $3::text) - '{area_id,create_time}'::text[] || '{"detail": "门诊创建成功"}')::text as body,
       gh_audit_entry('clinic.create', 'clinic', (x.c).id, null, to_jsonb(x.c) || jsonb_strip_nulls(p.after)) as audit
  from asked a
  left join made x on true
  left join priced p on true

-- name: update_clinic
-- BR-29, BR-32, BR-33. $1 clinic, $2 members that change as an object, $3 now, $4 zone
with old as materialized (
    select c as was, $2::jsonb as b from clinics c where c.id = $1::bigint for update
), verdict as (
    select case when (o.was).id is null then 'CLINIC_NOT_FOUND'
                when o.b ? 'name' and gh_name(o.b ->> 'name') is null then 'VALIDATION_FAILED' end as error
      from (select) one
      left join old o on true
), changed as (
    update clinics c
       set name = case when o.b ? 'name' then gh_name(o.b ->> 'name') else c.name end,
           address = case when o.b ? 'address' then o.b ->> 'address' else c.address end,
           clinic_type = coalesce((o.b ->> 'clinic_type')::smallint, c.clinic_type),
           area_id = coalesce((o.b ->> 'area_id')::bigint, c.area_id),
           minor_dept_id = coalesce((o.b ->> 'minor_dept_id')::bigint, c.minor_dept_id),
           version = c.version + 1, updated_at = $3::timestamptz
      from old o, verdict v
     where c.id = (o.was).id and v.error is null
    returning c
), priced as (
    select p.* from changed x cross join lateral gh_list_prices_set('CLINIC', (x.c).id, $2::jsonb, $3::timestamptz) p
)
select v.error, '{"field": "name"}'::json as params,
       (gh_code_clinic(x.c, p.after, $4::text) - '{area_id,create_time}'::text[] || '{"detail": "门诊信息更新成功"}')::text as body,
       gh_audit_entry('clinic.update', 'clinic', (x.c).id, to_jsonb(o.was) || p.before, to_jsonb(x.c) || p.after) as audit
  from verdict v
  left join old o on true
  left join changed x on true
  left join priced p on true

-- name: list_areas
-- $1 area or null, $2 zone
select json_build_object('areas', coalesce(json_agg(json_build_object(
           'area_id', a.id, 'name', a.name, 'destination', a.destination, 'create_time', gh_dt_text(a.created_at, $2::text))
           order by a.id), '[]'))::text as body
  from hospital_areas a
 where $1::bigint is null or a.id = $1
