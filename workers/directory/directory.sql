-- Statements of the directory pool: the public catalogue (api/07 section 7.1). Each gives one row: body (JSON text) and,
-- where something may be missing, error. Member names, types and order are those of schema/openapi/code-patient.yaml.
-- Pages: offset is computed in numeric and capped, so that no page number overflows it. `offset 0` keeps a list of sessions one look
-- into the index for each clinic or doctor, whatever the planner thinks of a range of days that it does not know.

-- name: browse_hospitals
-- $1 area or null, $2 zone
select json_build_object('areas', coalesce(json_agg(json_build_object(
           'area_id', a.id, 'name', a.name, 'destination', a.destination,
           'latitude', trim_scale(a.latitude), 'longitude', trim_scale(a.longitude),
           'image_type', a.image_type, 'image_data', replace(encode(a.image, 'base64'), e'\n', ''),
           'create_time', to_char(a.created_at at time zone $2::text, 'YYYY-MM-DD"T"HH24:MI:SS')) order by a.id), '[]'))::text
       as body
  from hospital_areas a
 where $1::bigint is null or a.id = $1

-- name: browse_major_departments
select json_build_object('departments', coalesce(json_agg(json_build_object(
           'major_dept_id', m.id, 'name', m.name, 'description', m.description) order by m.sort_order, m.id), '[]'))::text
       as body
  from major_departments m
 where m.deleted_at is null

-- name: browse_minor_departments
-- $1 major department or null, $2 page, $3 page size or null: all rows as one page
with hit as materialized (
    select m.id, row_number() over (order by m.sort_order, m.id) as place
      from minor_departments m
     where m.deleted_at is null and ($1::bigint is null or m.major_dept_id = $1)
), page as (
    select (select count(*) from hit) as total, coalesce($3::bigint, greatest((select count(*) from hit), 1)) as size
)
select json_build_object('total', p.total, 'page', $2::bigint, 'page_size', p.size, 'departments', coalesce(
           (select json_agg(json_build_object(
                       'minor_dept_id', m.id, 'major_dept_id', m.major_dept_id, 'name', m.name, 'description', m.description,
                       'default_price_normal', x.normal, 'default_price_expert', x.expert, 'default_price_special', x.special,
                       'major_dept_name', j.name,
                       'price_range', case when least(x.normal, x.expert, x.special) = greatest(x.normal, x.expert, x.special)
                                           then trim_scale(x.normal)::text
                                           else trim_scale(least(x.normal, x.expert, x.special)) || '-'
                                                || trim_scale(greatest(x.normal, x.expert, x.special)) end)
                    order by h.place)
              from (select id, place from hit order by place
                     limit p.size offset least(($2::numeric - 1) * p.size, 2147483647)::bigint) h
              join minor_departments m on m.id = h.id
              join major_departments j on j.id = m.major_dept_id
              join v_department_prices x on x.dept_id = m.id), '[]'))::text as body
  from page p

-- name: browse_clinics
-- $1 minor department or null, $2 area or null, $3 page, $4 page size
with hit as materialized (
    select c.id from clinics c
     where ($1::bigint is null or c.minor_dept_id = $1) and ($2::bigint is null or c.area_id = $2)
)
select json_build_object('total', (select count(*) from hit), 'page', $3::bigint, 'page_size', $4::bigint, 'clinics', coalesce(
           (select json_agg(json_build_object(
                       'clinic_id', c.id, 'area_id', c.area_id, 'name', c.name, 'address', c.address,
                       'minor_dept_id', c.minor_dept_id, 'clinic_type', c.clinic_type,
                       'default_price_normal', x.normal, 'default_price_expert', x.expert, 'default_price_special', x.special)
                    order by c.id)
              from (select id from hit order by id
                     limit $4::bigint offset least(($3::numeric - 1) * $4::bigint, 2147483647)::bigint) h
              join clinics c on c.id = h.id
              join v_clinic_prices x on x.clinic_id = c.id), '[]'))::text as body

-- name: browse_doctors
-- $1 minor department or null, $2 part of the name or null, $3 page, $4 page size
with hit as materialized (
    select d.id from v_open_doctors d
     where ($1::bigint is null or d.dept_id = $1)
       and (coalesce(btrim($2::text), '') = ''
            or d.name ilike '%' || regexp_replace(btrim($2::text), '([\\%_])', '\\\1', 'g') || '%'
               and gh_name_parts(d.name, false) @> gh_name_parts(btrim($2::text), true))
)
select json_build_object('total', (select count(*) from hit), 'doctors', coalesce(
           (select json_agg(json_build_object(
                       'doctor_id', d.id, 'user_id', d.user_id, 'dept_id', d.dept_id, 'name', d.name, 'title', d.title,
                       'specialty', d.specialty, 'introduction', d.introduction, 'photo_path', d.photo_path,
                       'original_photo_url', d.original_photo_url, 'is_registered', d.is_registered,
                       'department_name', m.name, 'is_department_head', d.is_department_head,
                       'default_price_normal', x.normal, 'default_price_expert', x.expert, 'default_price_special', x.special)
                    order by d.id)
              from (select id from hit order by id
                     limit $4::bigint offset least(($3::numeric - 1) * $4::bigint, 2147483647)::bigint) h
              join v_open_doctors d on d.id = h.id
              join minor_departments m on m.id = d.dept_id
              join v_doctor_prices x on x.doctor_id = d.id), '[]'))::text as body

-- name: show_doctor
-- $1 doctor; the area is that of the department's first clinic, null when it has none
select json_build_object(
           'doctor_id', d.id, 'user_id', d.user_id, 'name', d.name, 'title', d.title, 'specialty', d.specialty,
           'introduction', d.introduction, 'photo_path', d.photo_path, 'original_photo_url', d.original_photo_url,
           'dept_id', d.dept_id, 'department_id', d.dept_id, 'department_name', m.name,
           'area_id', a.id, 'area_name', a.name, 'is_department_head', d.is_department_head::int,
           'default_price_normal', x.normal, 'default_price_expert', x.expert, 'default_price_special', x.special)::text as body,
       case when d.id is null then 'DOCTOR_NOT_FOUND' end as error
  from (values ($1::bigint)) as asked (id)
  left join v_open_doctors d on d.id = asked.id
  left join minor_departments m on m.id = d.dept_id
  left join v_doctor_prices x on x.doctor_id = d.id
  left join lateral (select c.area_id from clinics c where c.minor_dept_id = d.dept_id order by c.id limit 1) c on true
  left join hospital_areas a on a.id = c.area_id

-- name: search_catalogue
-- $1 keyword, $2 page, $3 page size; doctors first
with asked as (
    select x.keyword, nullif('%' || regexp_replace(x.keyword, '([\\%_])', '\\\1', 'g') || '%', '%%') as pattern
      from (select btrim($1::text, e' \t\r\n　') as keyword) x
), hit as materialized (
    select 1 as kind, d.id from v_open_doctors d
     where d.name ilike (select pattern from asked)
       and gh_name_parts(d.name, false) @> gh_name_parts((select keyword from asked), true)
    union all
    select 2, m.id from minor_departments m where m.deleted_at is null and m.name ilike (select pattern from asked)
)
select json_build_object('keyword', k.keyword, 'total', (select count(*) from hit), 'page', $2::bigint, 'page_size', $3::bigint,
           'results', coalesce(
           (select json_agg(case h.kind
                       when 1 then json_build_object(
                           'type', 'doctor', 'doctor_id', d.id, 'name', d.name, 'title', d.title, 'specialty', d.specialty,
                           'introduction', d.introduction, 'photo_path', d.photo_path,
                           'original_photo_url', d.original_photo_url, 'dept_id', d.dept_id,
                           'default_price_normal', x.normal, 'default_price_expert', x.expert,
                           'default_price_special', x.special)
                       else json_build_object(
                           'type', 'department', 'minor_dept_id', m.id, 'major_dept_id', m.major_dept_id, 'name', m.name,
                           'description', m.description) end order by h.kind, h.id)
              from (select kind, id from hit order by kind, id
                     limit $3::bigint offset least(($2::numeric - 1) * $3::bigint, 2147483647)::bigint) h
              left join v_open_doctors d on h.kind = 1 and d.id = h.id
              left join v_doctor_prices x on h.kind = 1 and x.doctor_id = h.id
              left join minor_departments m on h.kind = 2 and m.id = h.id), '[]'),
           'doctor_count', (select count(*) from hit where kind = 1),
           'department_count', (select count(*) from hit where kind = 2))::text as body,
       case when k.keyword = '' then 'SEARCH_KEYWORD_EMPTY' end as error
  from asked k

-- name: browse_department_schedules
-- $1 minor department, $2 first day, $3 last day; sessions of its clinics, and of its doctors without a clinic. At most
-- 10000 rows. Closed sessions are hidden (BR-57).
with hit as (
    select x.id
      from clinics c
     cross join lateral (select s.id from schedules s
                          where s.clinic_id = c.id and s.is_latest and s.date between $2::date and $3::date and s.status = '正常'
                         offset 0) x
     where c.minor_dept_id = $1::bigint
    union all
    select x.id
      from doctors d
     cross join lateral (select s.id from schedules s
                          where s.doctor_id = d.id and s.clinic_id is null and s.is_latest and s.date between $2::date and $3::date
                            and s.status = '正常'
                         offset 0) x
     where d.dept_id = $1::bigint and d.deleted_at is null
)
select json_build_object('schedules', coalesce((select json_agg(r.item order by r.date, r.section, r.id) from (
           select s.id, s.date, array_position('{上午,下午,晚上}', s.time_section::text) as section, json_build_object(
                      'schedule_id', s.id, 'doctor_id', s.doctor_id, 'doctor_name', d.name, 'clinic_id', s.clinic_id,
                      'clinic_name', c.name, 'clinic_type', c.clinic_type, 'date', s.date,
                      'week_day', substr('一二三四五六日', s.week_day, 1), 'time_section', s.time_section,
                      'time_slot', s.time_section, 'slot_type', s.slot_type, 'total_slots', s.total_slots,
                      'remaining_slots', s.remaining_slots, 'status', s.status, 'price', s.price) as item
             from hit
             join schedules s on s.id = hit.id
             join v_open_doctors d on d.id = s.doctor_id
             left join clinics c on c.id = s.clinic_id
            order by 2, 3, 1 limit 10000) r), '[]'))::text as body,
       case when not exists (select 1 from minor_departments where id = $1::bigint and deleted_at is null) then 'DEPARTMENT_NOT_FOUND' end as error

-- name: browse_doctor_schedules
-- $1 doctor, $2 first day, $3 last day
select json_build_object('schedules', coalesce((select json_agg(r.item order by r.date, r.section, r.id) from (
           select s.id, s.date, array_position('{上午,下午,晚上}', s.time_section::text) as section, json_build_object(
                      'schedule_id', s.id, 'doctor_id', s.doctor_id, 'doctor_name', d.name, 'clinic_id', s.clinic_id,
                      'clinic_name', c.name, 'clinic_type', c.clinic_type, 'date', s.date,
                      'week_day', substr('一二三四五六日', s.week_day, 1), 'time_section', s.time_section,
                      'time_slot', s.time_section, 'slot_type', s.slot_type, 'total_slots', s.total_slots,
                      'remaining_slots', s.remaining_slots, 'status', s.status, 'price', s.price) as item
             from schedules s
             left join clinics c on c.id = s.clinic_id
            where s.doctor_id = $1::bigint and s.is_latest and s.date between $2::date and $3::date and s.status = '正常'
            order by 2, 3, 1 limit 10000) r), '[]'))::text as body,
       case when d.id is null then 'DOCTOR_NOT_FOUND' end as error
  from (values ($1::bigint)) as asked (id)
  left join v_open_doctors d on d.id = asked.id

-- name: browse_clinic_schedules
-- $1 clinic, $2 first day, $3 last day
select json_build_object('schedules', coalesce((select json_agg(r.item order by r.date, r.section, r.id) from (
           select s.id, s.date, array_position('{上午,下午,晚上}', s.time_section::text) as section, json_build_object(
                      'schedule_id', s.id, 'doctor_id', s.doctor_id, 'doctor_name', d.name, 'clinic_id', s.clinic_id,
                      'clinic_name', c.name, 'clinic_type', c.clinic_type, 'date', s.date,
                      'week_day', substr('一二三四五六日', s.week_day, 1), 'time_section', s.time_section,
                      'time_slot', s.time_section, 'slot_type', s.slot_type, 'total_slots', s.total_slots,
                      'remaining_slots', s.remaining_slots, 'status', s.status, 'price', s.price) as item
             from schedules s
             join v_open_doctors d on d.id = s.doctor_id
            where s.clinic_id = $1::bigint and s.is_latest and s.date between $2::date and $3::date and s.status = '正常'
            order by 2, 3, 1 limit 10000) r), '[]'))::text as body,
       case when c.id is null then 'CLINIC_NOT_FOUND' end as error
  from (values ($1::bigint)) as asked (id)
  left join clinics c on c.id = asked.id

-- name: browse_bookable_schedules
-- $1 minor department, $2 area or null, $3 day or null: today and six days more, $4 today, $5 now, $6 zone. Closed sessions
-- and those already over are hidden; full ones are shown (the client offers the waitlist).
with hit as (
    select x.id
      from clinics c
     cross join lateral (select s.id from schedules s
                          where s.clinic_id = c.id and s.is_latest and s.status = '正常' and s.ends_at > $5::timestamptz
                            and s.date between coalesce($3::date, $4::date) and coalesce($3::date, $4::date + 6)
                         offset 0) x
     where c.minor_dept_id = $1::bigint and ($2::bigint is null or c.area_id = $2)
    union all
    select x.id
      from doctors d
     cross join lateral (select s.id from schedules s
                          where s.doctor_id = d.id and s.clinic_id is null and s.is_latest and s.status = '正常'
                            and s.ends_at > $5::timestamptz
                            and s.date between coalesce($3::date, $4::date) and coalesce($3::date, $4::date + 6)
                         offset 0) x
     where d.dept_id = $1::bigint and d.deleted_at is null and $2::bigint is null
)
select json_build_object('schedules', coalesce((select json_agg(r.item order by r.date, r.section, r.id) from (
           select s.id, s.date, array_position('{上午,下午,晚上}', s.time_section::text) as section, json_build_object(
                      'schedule_id', s.id, 'doctor_id', s.doctor_id, 'doctor_name', d.name, 'doctor_title', d.title,
                      'clinic_id', s.clinic_id, 'clinic_name', c.name, 'clinic_type', c.clinic_type,
                      'date', s.date, 'schedule_date', s.date, 'week_day', substr('一二三四五六日', s.week_day, 1),
                      'time_section', s.time_section, 'time_slot', s.time_section,
                      'start_time', to_char(s.starts_at at time zone $6::text, 'HH24:MI'),
                      'end_time', to_char(s.ends_at at time zone $6::text, 'HH24:MI'),
                      'slot_type', s.slot_type, 'total_slots', s.total_slots, 'remaining_slots', s.remaining_slots,
                      'status', s.status, 'price', s.price,
                      'department_id', m.id, 'department_name', m.name, 'minor_dept_id', m.id, 'minor_dept_name', m.name,
                      'area_id', a.id, 'area_name', coalesce(a.name, ''), 'hospital_name', coalesce(a.name, ''),
                      'doctor_avatar', d.photo_path) as item
             from hit
             join schedules s on s.id = hit.id
             join v_open_doctors d on d.id = s.doctor_id
             left join clinics c on c.id = s.clinic_id
             left join hospital_areas a on a.id = c.area_id
            order by 2, 3, 1 limit 10000) r), '[]'))::text as body,
       case when m.id is null then 'DEPARTMENT_NOT_FOUND' end as error
  from (values ($1::bigint)) as asked (id)
  left join minor_departments m on m.id = asked.id and m.deleted_at is null
