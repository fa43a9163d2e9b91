-- Doctors read on all surfaces (api/02 section 2.3, api/23 DO-01, DO-03, DO-06, DO-09, api/30 HB-07, HB-08). Writing them is
-- the identity pool's, because accounts hang on them. Filters name their parameters themselves, so that a plan made for the
-- values at hand drops the ones that were not given. Role bits 33: ADMIN and superuser.

-- name: code_doctors
-- $1 minor department, $2 part of the name, $3 page, $4 page size, each or null; without page and size all rows. Prices are the
-- doctor's own (BR-35).
with hit as materialized (
    select d.id from doctors d
     where d.deleted_at is null and ($1::bigint is null or d.dept_id = $1)
       and (coalesce(btrim($2::text), '') = ''
            or d.id in (select n.id from doctors n
                         where n.name ilike '%' || regexp_replace(btrim($2), '([\\%_])', '\\\1', 'g') || '%'
                         union all
                        select n.id from doctors n
                         where n.full_name ilike '%' || regexp_replace(btrim($2), '([\\%_])', '\\\1', 'g') || '%'))
), page as (
    select case when $3::bigint is null and $4::bigint is null then greatest((select count(*) from hit), 1)
                else coalesce($4, 50) end as size
)
select json_build_object('total', (select count(*) from hit), 'doctors', coalesce(
           (select json_agg(json_build_object(
                       'doctor_id', d.id, 'user_id', d.user_id, 'dept_id', d.dept_id, 'department_name', coalesce(m.name, ''),
                       'name', coalesce(d.full_name, d.name), 'title', d.title, 'specialty', d.specialty,
                       'introduction', d.introduction, 'photo_path', gh_photo_path(d.photo_path),
                       'original_photo_url', d.original_photo_url, 'is_registered', u.id is not null,
                       'is_department_head', d.is_department_head, 'default_price_normal', x.normal,
                       'default_price_expert', x.expert, 'default_price_special', x.special,
                       'create_time', to_char(d.created_at at time zone $5::text, 'YYYY-MM-DD"T"HH24:MI:SS')) order by d.id)
              from (select id from hit order by id
                     limit p.size offset least((coalesce($3, 1)::numeric - 1) * p.size, 2147483647)::bigint) h
              join doctors d on d.id = h.id
              left join minor_departments m on m.id = d.dept_id
              left join users u on u.id = d.user_id and u.is_active and not u.is_deleted
              left join v_list_prices x on x.scope_type = 'DOCTOR' and x.scope_id = d.id), '[]'))::text as body
  from page p

-- name: v1_doctors
-- DO-01. $1 the query as an object, $2 role bits of the caller, $3 now, $4 zone; of the query: $5 departments of either level,
-- $6 specialties (id, code or name), $7 languages, $8 a day with free places, $9 accepting patients, $10 words. Removed and
-- waiting doctors are for ADMIN and superusers.
with asked as (
    select coalesce($1::jsonb, '{}') as query, coalesce(($1::jsonb->>'page')::int, 1) as page,
           coalesce(($1::jsonb->>'per_page')::int, ($1::jsonb->>'limit')::int, ($1::jsonb->>'page_size')::int, 20) as size,
           string_to_array(replace($1::jsonb->>'sort', ' ', ''), ',') as sort,
           string_to_array(replace($1::jsonb->>'fields', ' ', ''), ',') as fields
), found as materialized (
    select d.id
      from (select id, dept_id, status, accepting_patients, languages from doctors where deleted_at is null
             union all
            select id, dept_id, status, accepting_patients, languages from doctors
             where deleted_at is not null and $2::int & 33 <> 0 and ($1::jsonb->>'include_deleted')::boolean) d
     where (d.status <> 'INACTIVE' or $2::int & 33 <> 0)
       and ($5::bigint[] is null
            or d.dept_id = any (array(select m.id from minor_departments m
                                       where m.id = any ($5) or m.major_dept_id = any ($5))))
       and ($6::text[] is null
            or d.id in (select ds.doctor_id from specialties s join doctor_specialties ds on ds.specialty_id = s.id
                         where lower(s.code) = any (lower($6::text)::text[]) or lower(s.name) = any (lower($6::text)::text[])
                            or s.id::text = any ($6)))
       and ($7::text[] is null or d.languages && $7)
       and ($8::date is null
            or d.id in (select s.doctor_id from schedules s
                         where s.is_latest and s.date = $8 and s.status = '正常' and s.remaining_slots > 0
                           and s.ends_at > $3::timestamptz))
       and ($9::boolean is null or d.accepting_patients = $9)
       and (coalesce($10::text, '') = ''
            or d.id in (select n.id from doctors n
                         where n.name ilike '%' || regexp_replace($10, '([\\%_])', '\\\1', 'g') || '%'
                         union all
                        select n.id from doctors n
                         where n.full_name ilike '%' || regexp_replace($10, '([\\%_])', '\\\1', 'g') || '%'
                         union all
                        select n.id from doctors n
                         where n.introduction ilike '%' || regexp_replace($10, '([\\%_])', '\\\1', 'g') || '%'
                         union all
                        select ds.doctor_id from specialties s join doctor_specialties ds on ds.specialty_id = s.id
                         where s.name ilike '%' || regexp_replace($10, '([\\%_])', '\\\1', 'g') || '%'))
), page as (
    select x.id, row_number() over () as place
      from (select f.id
              from asked a
              join found f on true
              left join lateral (select * from doctors d where d.id = f.id and a.sort is not null offset 0) d on true
             order by case when a.sort[1] not like '-%' then gh_doctor_order(a.sort[1], d) end,
                      case when a.sort[1] like '-%' then gh_doctor_order(substr(a.sort[1], 2), d) end desc nulls last,
                      case when a.sort[2] not like '-%' then gh_doctor_order(a.sort[2], d) end,
                      case when a.sort[2] like '-%' then gh_doctor_order(substr(a.sort[2], 2), d) end desc nulls last,
                      case when a.sort[3] not like '-%' then gh_doctor_order(a.sort[3], d) end,
                      case when a.sort[3] like '-%' then gh_doctor_order(substr(a.sort[3], 2), d) end desc nulls last,
                      case when a.sort[4] not like '-%' then gh_doctor_order(a.sort[4], d) end,
                      case when a.sort[4] like '-%' then gh_doctor_order(substr(a.sort[4], 2), d) end desc nulls last,
                      case when a.sort[5] not like '-%' then gh_doctor_order(a.sort[5], d) end,
                      case when a.sort[5] like '-%' then gh_doctor_order(substr(a.sort[5], 2), d) end desc nulls last,
                      case when a.sort[6] not like '-%' then gh_doctor_order(a.sort[6], d) end,
                      case when a.sort[6] like '-%' then gh_doctor_order(substr(a.sort[6], 2), d) end desc nulls last,
                      f.id
             limit (select size from asked) offset (select (page - 1)::bigint * size from asked)) x
)
select case when $2::int & 33 = 0 and coalesce((a.query->>'include_deleted')::boolean, false) then 'FORBIDDEN' end as error,
       json_build_object(
           'items', coalesce((select json_agg(gh_pick(gh_v1_doctor(d, $2::int & 33 <> 0, $4::text), a.fields) order by p.place)
                                from page p join doctors d on d.id = p.id), '[]'),
           'page', a.page, 'page_size', a.size, 'total', t.total, 'pages', (t.total + a.size - 1) / a.size)::text as body,
       gh_with(gh_with(gh_page_headers(a.query, a.page, a.size, t.total), 'Cache-Control', x.cache), 'Vary', x.vary) as headers
  from asked a
 cross join (select count(*) as total from found) t
 cross join (select to_json(case when $2::int & 33 = 0 then 'public, max-age=60' else 'no-store' end) as cache,
                    to_json('Authorization'::text) as vary) x

-- name: v1_doctor
-- DO-03. $1 doctor, $2 role bits of the caller, $3 zone
select case when d.id is null then 'NOT_FOUND' end as error, gh_v1_doctor(d, $2::int & 33 <> 0, $3::text)::text as body,
       case when d.id is not null
            then json_build_object('ETag', format('"doctor-%s-%s"', d.id, d.version), 'Vary', 'Authorization', 'Cache-Control',
                                   case when $2::int & 33 = 0 then 'public, max-age=60' else 'no-store' end) end as headers
  from (select) x
  left join doctors d on d.id = $1::bigint and d.deleted_at is null and (d.status <> 'INACTIVE' or $2::int & 33 <> 0)

-- name: v1_my_doctor
-- DO-06. $1 the caller's doctor row or null, $2 zone
select case when d.id is null then 'PROFILE_NOT_FOUND' end as error, gh_v1_doctor(d, true, $2::text)::text as body,
       case when d.id is not null then json_build_object('ETag', format('"doctor-%s-%s"', d.id, d.version)) end as headers
  from (select) x
  left join doctors d on d.id = $1::bigint and d.deleted_at is null

-- name: hb_doctors
-- HB-07. $1 the query as an object, $2 role bits of the caller, $3 caller, $4 zone
with asked as (
    select coalesce($1::jsonb, '{}') as query, coalesce(($1::jsonb->>'skip')::int, 0) as skip,
           coalesce(($1::jsonb->>'limit')::int, 1000) as size
), found as materialized (
    select d.id from doctors d
     where d.deleted_at is null and (d.status <> 'INACTIVE' or $2::int & 33 <> 0 or d.user_id = $3::bigint)
)
select coalesce((select json_agg(gh_hb_doctor(d, coalesce($2::int & 33 <> 0 or d.user_id = $3::bigint, false), $4::text) order by d.id)
                   from (select id from found order by id limit a.size offset a.skip) f
                   join doctors d on d.id = f.id), '[]')::text as body,
       gh_skip_headers(a.query, a.skip, a.size, (select count(*) from found)) as headers
  from asked a

-- name: hb_doctor
-- HB-08. $1 doctor, $2 role bits of the caller, $3 caller, $4 zone
select case when d.id is null then 'DOCTOR_NOT_FOUND' end as error,
       gh_hb_doctor(d, coalesce($2::int & 33 <> 0 or d.user_id = $3::bigint, false), $4::text)::text as body
  from (select) x
  left join doctors d on d.id = $1::bigint and d.deleted_at is null
                     and (d.status <> 'INACTIVE' or $2::int & 33 <> 0 or d.user_id = $3::bigint)

-- name: v1_my_patients
-- DO-09, R-59. $1 the query as an object, $2 the caller's doctor row or null, $3 role bits, $4 zone, $5 today, $6 words
with asked as (
    select coalesce($1::jsonb, '{}') as query, coalesce(($1::jsonb->>'page')::int, 1) as page,
           coalesce(($1::jsonb->>'per_page')::int, ($1::jsonb->>'limit')::int, ($1::jsonb->>'page_size')::int, 20) as size,
           string_to_array(replace($1::jsonb->>'sort', ' ', ''), ',') as sort,
           string_to_array(replace($1::jsonb->>'fields', ' ', ''), ',') as fields, lower(nullif($6::text, '')) as words,
           coalesce(($1::jsonb->>'include_deleted')::boolean, false) as deleted
), found as materialized (
    select g.id
      from asked a
     cross join gh_patients_of(array[$2::bigint], $5::date) g (id)
     cross join lateral (select p.* from patients p where p.id = g.id offset 0) p
      left join users u on a.words is not null and u.id = p.user_id
     where (p.deleted_at is null or (a.deleted and $3::int & 33 <> 0))
       and (a.words is null or strpos(lower(coalesce(p.full_name, p.name)), a.words) > 0 or strpos(lower(p.mrn), a.words) > 0
            or strpos(coalesce(p.phone, u.phonenumber, ''), a.words) > 0)
), page as (
    select x.id, row_number() over () as place
      from (select f.id
              from asked a
              join found f on true
              left join lateral (select * from patients p where p.id = f.id and a.sort is not null offset 0) p on true
             order by case when a.sort[1] not like '-%' then gh_patient_order(a.sort[1], p) end,
                      case when a.sort[1] like '-%' then gh_patient_order(substr(a.sort[1], 2), p) end desc nulls last,
                      case when a.sort[2] not like '-%' then gh_patient_order(a.sort[2], p) end,
                      case when a.sort[2] like '-%' then gh_patient_order(substr(a.sort[2], 2), p) end desc nulls last,
                      case when a.sort[3] not like '-%' then gh_patient_order(a.sort[3], p) end,
                      case when a.sort[3] like '-%' then gh_patient_order(substr(a.sort[3], 2), p) end desc nulls last,
                      case when a.sort[4] not like '-%' then gh_patient_order(a.sort[4], p) end,
                      case when a.sort[4] like '-%' then gh_patient_order(substr(a.sort[4], 2), p) end desc nulls last,
                      f.id
             limit (select size from asked) offset (select (page - 1)::bigint * size from asked)) x
)
select case when $2 is null then 'PROFILE_NOT_FOUND' when a.deleted and $3 & 33 = 0 then 'FORBIDDEN' end as error,
       json_build_object(
           'items', coalesce((select json_agg(gh_pick(gh_v1_patient(p, false, null, $4::text, $5), a.fields) order by g.place)
                                from page g join patients p on p.id = g.id), '[]'),
           'page', a.page, 'page_size', a.size, 'total', t.total, 'pages', (t.total + a.size - 1) / a.size)::text as body,
       gh_page_headers(a.query, a.page, a.size, t.total) as headers
  from asked a
 cross join (select count(*) as total from found) t
