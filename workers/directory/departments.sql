-- Departments of both levels as one tree on /api/v1 (api/23: DE-01 to DE-05). Role bits 33: ADMIN and superuser.

-- name: v1_departments
-- DE-01. $1 the query as an object, $2 role bits of the caller, $3 zone. Deleted departments are for ADMIN and superusers.
-- With tree=true: roots that match or have a child that does, each with those children (all of them when it matches itself).
with asked as (
    select coalesce($1::jsonb, '{}') as query,
           coalesce(($1::jsonb->>'page')::int, 1) as page,
           coalesce(($1::jsonb->>'per_page')::int, ($1::jsonb->>'limit')::int, ($1::jsonb->>'page_size')::int, 20) as size,
           (select array_agg(t::bigint) from unnest(gh_json_texts($1::jsonb->'parent_id')) t) as parents,
           ($1::jsonb->>'level')::int as level,
           coalesce(($1::jsonb->>'tree')::boolean, false) as tree,
           coalesce(($1::jsonb->>'include_deleted')::boolean, false) as deleted,
           lower(nullif($1::jsonb->>'q', '')) as words,
           coalesce(string_to_array(replace($1::jsonb->>'sort', ' ', ''), ','), '{sort_order,name}') as sort,
           string_to_array(replace($1::jsonb->>'fields', ' ', ''), ',') as fields
), every as materialized (
    select d.*, a.words is null or strpos(lower(d.name), a.words) > 0 or strpos(lower(d.description), a.words) > 0 as hit
      from asked a
     cross join lateral (
            select id, name, null::bigint as parent_id, 1 as level, sort_order, description, created_at
              from major_departments where a.deleted or deleted_at is null
            union all
            select id, name, major_dept_id, 2, sort_order, description, created_at
              from minor_departments where a.deleted or deleted_at is null) d
     where not a.deleted or $2::int & 33 <> 0
), placed as materialized (
    select e.*, row_number() over (order by k.up1, k.down1 desc, k.up2, k.down2 desc, k.up3, k.down3 desc, e.id) as place
      from asked a
     cross join every e
     cross join lateral (
            select max(w) filter (where n = 1 and up) as up1, max(w) filter (where n = 1 and not up) as down1,
                   max(w) filter (where n = 2 and up) as up2, max(w) filter (where n = 2 and not up) as down2,
                   max(w) filter (where n = 3 and up) as up3, max(w) filter (where n = 3 and not up) as down3
              from (select n, key not like '-%' as up, gh_department_order(ltrim(key, '-'), e.id, e.sort_order, e.name) as w
                      from unnest(a.sort) with ordinality u (key, n)) x) k
), found as materialized (
    select p.*
      from asked a
     cross join placed p
     where p.hit and (a.level is null or p.level = a.level) and (a.parents is null or p.parent_id = any (a.parents))
), page as (
    select f.* from found f order by f.place
     limit (select size from asked) offset (select (page - 1)::bigint * size from asked)
), counted as (
    select (select count(*) from found) as total
), open as materialized (
    select d.dept_id as id, count(*) as doctors
      from doctors d
     where d.deleted_at is null and d.status <> 'INACTIVE'
     group by 1
), staffed as materialized (                                    -- of both levels
    select id, doctors from open
    union all
    select m.major_dept_id, sum(o.doctors)::bigint
      from open o
      join minor_departments m on m.id = o.id and m.deleted_at is null
     group by 1
), tree as (
    select coalesce(json_agg(x.node order by x.place), '[]') as roots
      from (select r.place, (gh_pick(gh_v1_department(r.id, r.name, null, 1, r.sort_order, r.description,
                                                      coalesce(w.doctors, 0), r.created_at, $3::text), a.fields)::jsonb
                             || jsonb_build_object('children', coalesce(c.nodes, '[]'))) as node
              from asked a
             cross join placed r
              left join staffed w on w.id = r.id
              left join lateral (
                    select jsonb_agg(gh_pick(gh_v1_department(k.id, k.name, k.parent_id, 2, k.sort_order, k.description,
                                                              coalesce(v.doctors, 0), k.created_at, $3::text),
                                             a.fields)::jsonb order by k.place) as nodes
                      from placed k
                      left join staffed v on v.id = k.id
                     where k.parent_id = r.id and (k.hit or r.hit) and a.level is distinct from 1) c on true
             where r.level = 1 and (a.parents is null or r.id = any (a.parents)) and (r.hit or c.nodes is not null)
               and (a.level is distinct from 2 or c.nodes is not null)
               and a.tree) x
)
select case when a.deleted and $2::int & 33 = 0 then 'FORBIDDEN' end as error,
       case when a.tree then t.roots
            else json_build_object(
                'items', coalesce((select json_agg(gh_pick(gh_v1_department(
                                              p.id, p.name, p.parent_id, p.level, p.sort_order, p.description,
                                              coalesce(w.doctors, 0), p.created_at, $3::text), a.fields)
                                          order by p.place)
                                     from page p left join staffed w on w.id = p.id), '[]'),
                'page', a.page, 'page_size', a.size, 'total', n.total, 'pages', (n.total + a.size - 1) / a.size) end::text as body,
       case when a.deleted then '{}'::jsonb else '{"Cache-Control": "public, max-age=60", "Vary": "Authorization"}' end
       || case when a.tree then '{}' else gh_page_headers(a.query, a.page, a.size, n.total)::jsonb end as headers
  from asked a
 cross join counted n
 cross join tree t

-- name: v1_department
-- DE-03. $1 department, $2 zone
select gh_v1_department(d.id, d.name, d.parent_id, d.level, d.sort_order, d.description, gh_department_doctors(d.id, d.level),
                        d.created_at, $2::text)::text as body,
       json_build_object('ETag', gh_department_tag(d.id, d.version), 'Cache-Control', 'public, max-age=60',
                         'Vary', 'Authorization') as headers
  from v_departments d
 where d.id = $1::bigint

-- name: v1_create_department
-- DE-02, R-79. $1 the department as an object, $2 now, $3 zone
with asked as (
    select b, (b->>'parent_id')::bigint as parent_id, coalesce((b->>'sort_order')::int, 0) as sort_order
      from (select $1::jsonb as b) x
), major as (
    insert into major_departments as m (name, description, sort_order, created_at, updated_at)
    select b->>'name', b->>'description', sort_order, $2::timestamptz, $2 from asked where parent_id is null
    returning m
), minor as (
    insert into minor_departments as m (major_dept_id, name, description, sort_order, created_at, updated_at)
    select parent_id, b->>'name', b->>'description', sort_order, $2::timestamptz, $2 from asked where parent_id is not null
    returning m
), made as (
    select (m).id, (m).name, null::bigint as parent_id, 1 as level, (m).sort_order, (m).description, (m).created_at, (m).version,
           to_jsonb(m) as stored from major
    union all
    select (m).id, (m).name, (m).major_dept_id, 2, (m).sort_order, (m).description, (m).created_at, (m).version,
           to_jsonb(m) from minor
)
select gh_v1_department(id, name, parent_id, level, sort_order, description, 0, created_at, $3::text)::text as body, 201 as status,
       json_build_object('Location', '/api/v1/departments/' || id, 'ETag', gh_department_tag(id, version)) as headers,
       gh_audit_entry('department.create', 'department', id, null, stored) as audit
  from made

-- name: v1_update_department
-- DE-04, R-79. $1 department, $2 members that change as an object, $3 If-Match, $4 now, $5 zone. A major department stays a root,
-- a minor one a child.
with asked as (
    select $2::jsonb as b, (($2::jsonb)->>'parent_id')::bigint as parent_id
), major as materialized (
    select m as was from major_departments m where m.id = $1::bigint and m.deleted_at is null for update
), minor as materialized (
    select m as was from minor_departments m where m.id = $1::bigint and m.deleted_at is null for update
), old as materialized (
    select 1 as level, (was).version, to_jsonb(was) as stored from major
    union all
    select 2, (was).version, to_jsonb(was) from minor
), verdict as (
    select case when o.level is null then 'NOT_FOUND'
                when not gh_if_match($3::text, gh_department_tag($1, o.version)) then 'PRECONDITION_FAILED'
                when (o.level = 1) <> (a.parent_id is null) and a.b ? 'parent_id' then 'DEPARTMENT_INVALID' end as error
      from asked a
      left join old o on true
), new_major as (
    update major_departments m
       set name = coalesce(a.b->>'name', m.name),
           description = case when a.b ? 'description' then a.b->>'description' else m.description end,
           sort_order = coalesce((a.b->>'sort_order')::int, m.sort_order), version = m.version + 1, updated_at = $4::timestamptz
      from major o, asked a, verdict v
     where m.id = (o.was).id and v.error is null
    returning m
), new_minor as (
    update minor_departments m
       set name = coalesce(a.b->>'name', m.name),
           description = case when a.b ? 'description' then a.b->>'description' else m.description end,
           sort_order = coalesce((a.b->>'sort_order')::int, m.sort_order),
           major_dept_id = coalesce(a.parent_id, m.major_dept_id), version = m.version + 1, updated_at = $4::timestamptz
      from minor o, asked a, verdict v
     where m.id = (o.was).id and v.error is null
    returning m
), changed as (
    select (m).id, (m).name, null::bigint as parent_id, 1 as level, (m).sort_order, (m).description, (m).created_at, (m).version,
           to_jsonb(m) as stored from new_major
    union all
    select (m).id, (m).name, (m).major_dept_id, 2, (m).sort_order, (m).description, (m).created_at, (m).version,
           to_jsonb(m) from new_minor
)
select v.error,
       gh_v1_department(c.id, c.name, c.parent_id, c.level, c.sort_order, c.description, gh_department_doctors(c.id, c.level),
                        c.created_at, $5::text)::text as body,
       case when c.id is not null then json_build_object('ETag', gh_department_tag(c.id, c.version)) end as headers,
       gh_audit_entry('department.update', 'department', c.id, o.stored, c.stored) as audit
  from verdict v
  left join old o on true
  left join changed c on true

-- name: v1_delete_department
-- DE-05, R-79. $1 department, $2 If-Match, $3 now; own prices of a minor one go with it
with major as materialized (
    select m as was from major_departments m where m.id = $1::bigint and m.deleted_at is null for update
), minor as materialized (
    select m as was from minor_departments m where m.id = $1::bigint and m.deleted_at is null for update
), old as materialized (
    select 1 as level, (was).id, (was).version, to_jsonb(was) as stored from major
    union all
    select 2, (was).id, (was).version, to_jsonb(was) from minor
), verdict as (
    select case when o.level is null then 'NOT_FOUND'
                when not gh_if_match($2::text, gh_department_tag($1, o.version)) then 'PRECONDITION_FAILED'
                when exists (select from minor_departments x where x.major_dept_id = $1 and x.deleted_at is null)
                then 'MAJOR_DEPARTMENT_HAS_CHILDREN'
                when exists (select from doctors d where d.dept_id = $1 and d.deleted_at is null)
                then 'MINOR_DEPARTMENT_HAS_DOCTORS'
                when exists (select from clinics c where c.minor_dept_id = $1) then 'MINOR_DEPARTMENT_HAS_CLINICS' end as error
      from (select) one
      left join old o on true
), gone_major as (
    update major_departments m set deleted_at = $3::timestamptz, version = m.version + 1, updated_at = $3
      from old o, verdict v
     where o.level = 1 and m.id = o.id and v.error is null
), gone_minor as (
    update minor_departments m set deleted_at = $3::timestamptz, version = m.version + 1, updated_at = $3
      from old o, verdict v
     where o.level = 2 and m.id = o.id and v.error is null
), unpriced as (
    delete from system_config c using old o, verdict v
     where o.level = 2 and v.error is null and c.config_key = 'registration.price' and c.scope_type = 'MINOR_DEPT'
       and c.scope_id = o.id
)
select v.error, 'null' as body,
       case when v.error is null then gh_audit_entry('department.delete', 'department', o.id, o.stored, null) end as audit
  from verdict v
  left join old o on true
