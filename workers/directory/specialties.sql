-- Specialties on /api/v1 (api/23: SP-01 to SP-04).

-- name: v1_specialties
-- SP-01. $1 the query as an object
with asked as (
    select coalesce($1::jsonb, '{}') as query,
           coalesce(($1::jsonb->>'page')::int, 1) as page,
           coalesce(($1::jsonb->>'per_page')::int, ($1::jsonb->>'limit')::int, ($1::jsonb->>'page_size')::int, 20) as size,
           lower(nullif($1::jsonb->>'q', '')) as words,
           string_to_array(replace($1::jsonb->>'sort', ' ', ''), ',') as sort,
           string_to_array(replace($1::jsonb->>'fields', ' ', ''), ',') as fields
), found as materialized (
    select s.id, row_number() over (
               order by case when a.sort[1] not like '-%' then gh_specialty_order(a.sort[1], s) end,
                        case when a.sort[1] like '-%' then gh_specialty_order(substr(a.sort[1], 2), s) end desc,
                        case when a.sort[2] not like '-%' then gh_specialty_order(a.sort[2], s) end,
                        case when a.sort[2] like '-%' then gh_specialty_order(substr(a.sort[2], 2), s) end desc,
                        case when a.sort[3] not like '-%' then gh_specialty_order(a.sort[3], s) end,
                        case when a.sort[3] like '-%' then gh_specialty_order(substr(a.sort[3], 2), s) end desc,
                        s.id) as place
      from asked a
      join specialties s on a.words is null or strpos(lower(s.code), a.words) > 0 or strpos(lower(s.name), a.words) > 0
                            or strpos(lower(s.description), a.words) > 0
)
select json_build_object(
           'items', coalesce((select json_agg(gh_pick(gh_v1_specialty(s), a.fields) order by p.place)
                                from (select id, place from found order by place
                                       limit a.size offset (a.page - 1)::bigint * a.size) p
                                join specialties s on s.id = p.id), '[]'),
           'page', a.page, 'page_size', a.size, 'total', n.total, 'pages', (n.total + a.size - 1) / a.size)::text as body,
       gh_page_headers(a.query, a.page, a.size, n.total)::jsonb
       || '{"Cache-Control": "public, max-age=60", "Vary": "Authorization"}' as headers
  from asked a
 cross join (select count(*) as total from found) n

-- name: v1_specialty
-- $1 specialty
select gh_v1_specialty(s)::text as body,
       json_build_object('ETag', gh_specialty_tag(s.id, s.version), 'Cache-Control', 'public, max-age=60',
                         'Vary', 'Authorization') as headers
  from specialties s
 where s.id = $1::bigint

-- name: v1_create_specialty
-- SP-02. $1 code, $2 name, $3 description, $4 now
with made as (
    insert into specialties as s (code, name, description, created_at, updated_at)
    values ($1::text, $2::text, $3::text, $4::timestamptz, $4)
    returning s
)
select gh_v1_specialty(s)::text as body, 201 as status,
       json_build_object('Location', '/api/v1/specialties/' || (s).id, 'ETag', gh_specialty_tag((s).id, (s).version)) as headers,
       gh_audit_entry('specialty.create', 'specialty', (s).id, null, to_jsonb(s)) as audit
  from made

-- name: v1_update_specialty
-- SP-03. $1 specialty, $2 members that change as an object, $3 If-Match, $4 now
with old as materialized (
    select s as was, $2::jsonb as b from specialties s where s.id = $1::bigint for update
), verdict as (
    select case when (o.was).id is null then 'NOT_FOUND'
                when not gh_if_match($3::text, gh_specialty_tag($1, (o.was).version)) then 'PRECONDITION_FAILED' end as error
      from (select) one
      left join old o on true
), changed as (
    update specialties s
       set code = coalesce(o.b->>'code', s.code), name = coalesce(o.b->>'name', s.name),
           description = case when o.b ? 'description' then o.b->>'description' else s.description end,
           version = s.version + 1, updated_at = $4::timestamptz
      from old o, verdict v
     where s.id = (o.was).id and v.error is null
    returning s
)
select v.error, gh_v1_specialty(c.s)::text as body,
       case when (c.s).id is not null then json_build_object('ETag', gh_specialty_tag((c.s).id, (c.s).version)) end as headers,
       gh_audit_entry('specialty.update', 'specialty', (c.s).id, to_jsonb(o.was), to_jsonb(c.s)) as audit
  from verdict v
  left join old o on true
  left join changed c on true

-- name: v1_delete_specialty
-- SP-04, R-79. $1 specialty, $2 If-Match; doctors who are gone lose it
with old as materialized (
    select s as was from specialties s where s.id = $1::bigint for update
), verdict as (
    select case when (o.was).id is null then 'NOT_FOUND'
                when not gh_if_match($2::text, gh_specialty_tag($1, (o.was).version)) then 'PRECONDITION_FAILED'
                when exists (select from doctor_specialties x join doctors d on d.id = x.doctor_id
                              where x.specialty_id = $1 and d.deleted_at is null) then 'SPECIALTY_IN_USE' end as error
      from (select) one
      left join old o on true
), unlinked as (
    delete from doctor_specialties x using doctors d, verdict v
     where x.specialty_id = $1 and d.id = x.doctor_id and d.deleted_at is not null and v.error is null
), gone as (
    delete from specialties s using old o, verdict v where s.id = (o.was).id and v.error is null
)
select v.error, 'null' as body,
       case when v.error is null then gh_audit_entry('specialty.delete', 'specialty', (o.was).id, to_jsonb(o.was), null) end as audit
  from verdict v
  left join old o on true
