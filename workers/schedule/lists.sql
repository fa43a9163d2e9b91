-- Lists of sessions for administrators (api/04). Current ones of every status, by day, then part of the day; each list has its
-- index (tests/integration/test_list_plans.py) and ends at 10000 rows.

-- name: department_schedules
-- $1 minor department, $2 first day, $3 last day, $4 zone: sessions of its clinics
select json_build_object('schedules', coalesce((select json_agg(gh_code_schedule(x.s, $4::text) order by (x.s).date, x.part, (x.s).id)
         from (select s, array_position('{上午,下午,晚上}', s.time_section::text) as part
                 from clinics c join schedules s on s.clinic_id = c.id
                where c.minor_dept_id = $1::bigint and s.is_latest and s.date between $2::date and $3::date
                order by s.date, 2, s.id limit 10000) x), '[]'))::text as body,
       case when not exists (select from minor_departments where id = $1::bigint and deleted_at is null) then 'DEPARTMENT_INVALID' end as error

-- name: doctor_schedules
-- $1 doctor, $2 first day, $3 last day, $4 zone
select json_build_object('schedules', coalesce((select json_agg(gh_code_schedule(x.s, $4::text) order by (x.s).date, x.part, (x.s).id)
         from (select s, array_position('{上午,下午,晚上}', s.time_section::text) as part
                 from schedules s
                where s.doctor_id = $1::bigint and s.is_latest and s.date between $2::date and $3::date
                order by s.date, 2, s.id limit 10000) x), '[]'))::text as body,
       case when not exists (select from doctors where id = $1::bigint and deleted_at is null) then 'DOCTOR_NOT_FOUND' end as error

-- name: clinic_schedules
-- $1 clinic, $2 first day, $3 last day, $4 zone
select json_build_object('schedules', coalesce((select json_agg(gh_code_schedule(x.s, $4::text) order by (x.s).date, x.part, (x.s).id)
         from (select s, array_position('{上午,下午,晚上}', s.time_section::text) as part
                 from schedules s
                where s.clinic_id = $1::bigint and s.is_latest and s.date between $2::date and $3::date
                order by s.date, 2, s.id limit 10000) x), '[]'))::text as body,
       case when not exists (select from clinics where id = $1::bigint) then 'CLINIC_NOT_FOUND' end as error

-- name: doctor_schedules_today
-- $1 doctor, $2 today; the number classes that an added place may take go by the clinic (BR-44)
select json_build_object('schedules', coalesce((select json_agg(json_build_object(
           'schedule_id', s.id, 'doctor_id', s.doctor_id, 'doctor_name', d.name, 'department_id', m.id,
           'department_name', m.name, 'clinic_type', (array['普通门诊', '专家门诊', '特需门诊'])[coalesce(c.clinic_type, 0) + 1],
           'date', s.date, 'time_slot', s.time_section, 'total_slots', s.total_slots, 'remaining_slots', s.remaining_slots,
           'available_slot_types', case coalesce(c.clinic_type, 0) when 0 then '["普通"]'::json when 1 then '["普通", "专家"]'
                                                                   else '["普通", "专家", "特需"]' end)
                    order by array_position('{上午,下午,晚上}', s.time_section::text), s.id)
         from schedules s
         left join clinics c on c.id = s.clinic_id
         left join minor_departments m on m.id = d.dept_id
        where s.doctor_id = d.id and s.is_latest and s.date = $2::date), '[]'))::text as body,
       case when d.id is null then 'DOCTOR_NOT_FOUND' end as error
  from (select) x
  left join doctors d on d.id = $1::bigint and d.deleted_at is null

-- name: v1_list_sessions
-- SC-01. $1 the query as an object, $2 role bits of the caller, $3 zone, $4 currency. Who names doctors, departments or clinics
-- gets what is found there; else the page is read off the index of its order (`wide`), so that it costs the same however many
-- sessions there are. A branch whose question was not asked is never run. Without `status`, current sessions only; deleted
-- ones are for administrators.
with asked as materialized (
    select coalesce($1::jsonb, '{}') as query,
           coalesce(($1::jsonb->>'page')::int, 1) as page,
           coalesce(($1::jsonb->>'per_page')::int, ($1::jsonb->>'limit')::int, ($1::jsonb->>'page_size')::int, 20) as size,
           gh_json_texts($1::jsonb->'doctor_id')::bigint[] as doctors, gh_json_texts($1::jsonb->'dept_id')::bigint[] as depts,
           gh_json_texts($1::jsonb->'clinic_id')::bigint[] as clinics, gh_json_texts($1::jsonb->'status') as statuses,
           (select array_agg(gh_slot_type(t)) from unnest(gh_json_texts($1::jsonb->'slot_type')) t) as types,
           coalesce(($1::jsonb->>'date_from')::date, '-infinity') as since,
           coalesce(($1::jsonb->>'date_to')::date, 'infinity') as until,
           coalesce(($1::jsonb->>'only_free')::boolean, false) as free,
           coalesce(($1::jsonb->>'include_deleted')::boolean, false) as deleted,
           string_to_array(replace($1::jsonb->>'sort', ' ', ''), ',') as sort,
           string_to_array(replace($1::jsonb->>'fields', ' ', ''), ',') as fields
), mode as materialized (
    select a.*, a.deleted or 'CLOSED' = any (a.statuses) as gone,
           case when a.doctors is null and a.depts is null and a.clinics is null and not a.deleted
                 and 'CLOSED' = any (a.statuses) is not true and cardinality(a.sort) is distinct from 2
                 and cardinality(a.sort) is distinct from 3 then coalesce(a.sort[1], 'starts_at') end as wide,
           a.statuses is null and a.types is null and not a.free as plain
      from asked a
), narrow as (
    select s.* from schedules s
     where (select wide is null and doctors is not null from mode) and s.doctor_id = any ((select doctors from mode)::bigint[])
       and s.is_latest and s.date >= (select since from mode) and s.date <= (select until from mode)
    union all
    select s.* from doctors d
     cross join lateral (select x.* from schedules x
                          where x.doctor_id = d.id and x.is_latest and x.date >= (select since from mode)
                            and x.date <= (select until from mode) offset 0) s
     where (select wide is null and doctors is null and depts is not null from mode)
       and d.dept_id = any ((select depts from mode)::bigint[]) and d.deleted_at is null
    union all
    select s.* from schedules s
     where (select wide is null and doctors is null and depts is null and clinics is not null from mode)
       and s.clinic_id = any ((select clinics from mode)::bigint[]) and s.is_latest
       and s.date >= (select since from mode) and s.date <= (select until from mode)
    union all
    select s.* from schedules s
     where (select wide is null and doctors is null and depts is null and clinics is null from mode) and s.is_latest
    union all
    select s.* from schedules s
     where (select gone from mode) and not s.is_latest and s.deleted_at is null
    union all
    select s.* from schedules s
     where (select deleted from mode) and s.deleted_at is not null
), found as materialized (
    select s.id, s.date, s.starts_at
      from mode a
      join narrow s on true
     where s.date >= a.since and s.date <= a.until and gh_session_listed(s, a.statuses, a.types, a.free)
       and (a.doctors is null or s.doctor_id = any (a.doctors))
       and (a.depts is null or exists (select from doctors d where d.id = s.doctor_id and d.dept_id = any (a.depts)))
       and (a.clinics is null or s.clinic_id = any (a.clinics))
), page as (
    select x.id, x.place
      from (select f.id, row_number() over (order by
                       gh_session_order(a.sort[1], f.id, f.date, f.starts_at), gh_session_order(a.sort[2], f.id, f.date, f.starts_at),
                       gh_session_order(a.sort[3], f.id, f.date, f.starts_at), case when a.sort is null then f.starts_at end, f.id) as place
              from mode a join found f on true) x
      join mode a on x.place > (a.page - 1)::bigint * a.size and x.place <= a.page::bigint * a.size
    union all
    select y.id, row_number() over ()
      from (select * from (select s.id from schedules s
             where (select wide from mode) = 'starts_at' and s.is_latest
               and s.starts_at >= (select since::timestamp at time zone $3::text from mode)
               and s.starts_at < (select (until + 1)::timestamp at time zone $3::text from mode)
               and gh_session_listed(s, (select statuses from mode), (select types from mode), (select free from mode))
             order by s.starts_at, s.id limit (select size from mode) offset (select (page - 1)::bigint * size from mode)) a
            union all
            select * from (select s.id from schedules s
             where (select wide from mode) = '-starts_at' and s.is_latest
               and s.starts_at >= (select since::timestamp at time zone $3::text from mode)
               and s.starts_at < (select (until + 1)::timestamp at time zone $3::text from mode)
               and gh_session_listed(s, (select statuses from mode), (select types from mode), (select free from mode))
             order by s.starts_at desc, s.id limit (select size from mode) offset (select (page - 1)::bigint * size from mode)) b
            union all
            select * from (select s.id from schedules s
             where (select wide from mode) = 'date' and s.is_latest
               and s.date >= (select since from mode) and s.date <= (select until from mode)
               and gh_session_listed(s, (select statuses from mode), (select types from mode), (select free from mode))
             order by s.date, s.id limit (select size from mode) offset (select (page - 1)::bigint * size from mode)) c
            union all
            select * from (select s.id from schedules s
             where (select wide from mode) = '-date' and s.is_latest
               and s.date >= (select since from mode) and s.date <= (select until from mode)
               and gh_session_listed(s, (select statuses from mode), (select types from mode), (select free from mode))
             order by s.date desc, s.id limit (select size from mode) offset (select (page - 1)::bigint * size from mode)) d
            union all
            select * from (select s.id from schedules s
             where (select wide from mode) = 'id' and s.is_latest
               and (s.date >= (select since from mode) and s.date <= (select until from mode)) is true
               and gh_session_listed(s, (select statuses from mode), (select types from mode), (select free from mode))
             order by s.id limit (select size from mode) offset (select (page - 1)::bigint * size from mode)) e
            union all
            select * from (select s.id from schedules s
             where (select wide from mode) = '-id' and s.is_latest
               and (s.date >= (select since from mode) and s.date <= (select until from mode)) is true
               and gh_session_listed(s, (select statuses from mode), (select types from mode), (select free from mode))
             order by s.id desc limit (select size from mode) offset (select (page - 1)::bigint * size from mode)) f) y
), total as materialized (
    select case when a.wide is null then (select count(*) from found)
                when a.plain then (select count(*) from schedules s where s.is_latest and s.date >= a.since and s.date <= a.until)
                else (select count(*) from schedules s
                       where s.is_latest and s.date >= a.since and s.date <= a.until
                         and gh_session_listed(s, a.statuses, a.types, a.free)) end as n
      from mode a
)
select case when a.deleted and $2::int & 33 = 0 then 'FORBIDDEN' end as error,
       json_build_object(
           'items', coalesce((select json_agg(gh_pick(gh_v1_session(s, $3::text, $4::text), a.fields) order by p.place)
                                from page p join schedules s on s.id = p.id), '[]'),
           'page', a.page, 'page_size', a.size, 'total', t.n, 'pages', (t.n + a.size - 1) / a.size)::text as body,
       gh_page_headers(a.query, a.page, a.size, t.n) as headers
  from mode a
 cross join total t

-- name: v1_get_session
-- SC-03. $1 session, $2 whether its places are wanted, $3 now, $4 zone, $5 currency
select case when coalesce($2::boolean, false)
            then (gh_v1_session(s, $4::text, $5::text)::jsonb
                  || jsonb_build_object('slots', gh_v1_slots(s, false, $3::timestamptz, $4::text)::jsonb))::text
            else gh_v1_session(s, $4::text, $5::text)::text end as body,
       json_build_object('ETag', format('"schedule-%s-%s"', s.id, s.version)) as headers
  from schedules s
 where s.id = $1::bigint and s.deleted_at is null
