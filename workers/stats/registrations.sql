-- GET /statistics/... of registrations (api/09, BR-138 to BR-142). Days come as text: what is wrong with them is an answer.

-- name: hospital_registrations
-- $1 date, $2 date_range, $3 today
with sums as (
    select jsonb_agg(to_jsonb(x)) as list
      from (select f.day, f.slot_type, sum(f.registrations) as n, sum(f.completed) as done, sum(f.revenue) as revenue
              from gh_hospital_registrations_kept(gh_statistics_first($1::text, $2::text, $3::date), gh_statistics_last($1::text, $3::date)) f
             group by f.day, f.slot_type) x
)
select gh_statistics_error($1, $2) as error,
       json_build_object('value', case when gh_day($1) is null and $1 is not null then $1 else $2 end) as params,
       (jsonb_build_object('date', case when $1 is not null or nullif($2, '') is null then gh_statistics_last($1, $3) end,
                           'date_range', nullif($2, ''))
        || gh_statistics_shown(gh_statistics_first($1, $2, $3), gh_statistics_last($1, $3), sums.list))::text as body
  from sums

-- name: area_registrations
-- $1 area, $2 date, $3 today. A clinic counts for the area it is in now.
with found as materialized (
    select f.day, f.slot_type, c.minor_dept_id, sum(f.registrations) as n, sum(f.completed) as done, sum(f.revenue) as revenue
      from gh_registrations_kept(gh_statistics_last($2::text, $3::date), gh_statistics_last($2::text, $3::date)) f
      join clinics c on c.id = f.clinic_id
     where c.area_id = $1::bigint
     group by 1, 2, 3
), sums as (
    select jsonb_agg(to_jsonb(x)) as list
      from (select day, slot_type, sum(n) as n, sum(done) as done, sum(revenue) as revenue from found group by 1, 2) x
), parts as (
    select json_agg(json_build_object('minor_dept_id', m.id, 'minor_dept_name', m.name, 'registrations', x.n, 'revenue', x.revenue)
                    order by x.n desc, m.id) as list
      from (select minor_dept_id, sum(n) as n, sum(revenue) as revenue from found group by 1 having sum(n) > 0) x
      join minor_departments m on m.id = x.minor_dept_id
)
select coalesce(gh_statistics_error($2, null), case when a.id is null then 'AREA_NOT_FOUND' end) as error,
       json_build_object('value', $2) as params,
       (jsonb_build_object('area_id', a.id, 'area_name', a.name)
        || gh_statistics_shown(gh_statistics_last($2, $3), gh_statistics_last($2, $3), sums.list)
        || jsonb_build_object('departments', coalesce(parts.list, '[]')))::text as body
  from (select) x
  left join hospital_areas a on a.id = $1
 cross join sums cross join parts

-- name: department_registrations
-- $1 department, $2 date, $3 date_range, $4 today. Through the clinic's department, not the doctor's.
with found as materialized (
    select f.day, f.slot_type, f.doctor_id, sum(f.registrations) as n, sum(f.completed) as done, sum(f.revenue) as revenue
      from gh_registrations_kept(gh_statistics_first($2::text, $3::text, $4::date), gh_statistics_last($2::text, $4::date), null,
                                 array(select c.id from clinics c where c.minor_dept_id = $1::bigint)) f
     group by 1, 2, 3
), sums as (
    select jsonb_agg(to_jsonb(x)) as list
      from (select day, slot_type, sum(n) as n, sum(done) as done, sum(revenue) as revenue from found group by 1, 2) x
), parts as (
    select json_agg(json_build_object('doctor_id', d.id, 'doctor_name', d.name, 'title', d.title, 'registrations', x.n,
                                      'revenue', x.revenue) order by x.n desc, d.id) as list
      from (select doctor_id, sum(n) as n, sum(revenue) as revenue from found group by 1 having sum(n) > 0) x
      join doctors d on d.id = x.doctor_id
)
select coalesce(gh_statistics_error($2, $3), case when m.id is null then 'DEPARTMENT_NOT_FOUND' end) as error,
       json_build_object('value', case when gh_day($2) is null and $2 is not null then $2 else $3 end) as params,
       (jsonb_build_object('minor_dept_id', m.id, 'minor_dept_name', m.name, 'dept_name', m.name)
        || gh_statistics_shown(gh_statistics_first($2, $3, $4), gh_statistics_last($2, $4), sums.list)
        || jsonb_build_object('doctors', coalesce(parts.list, '[]')))::text as body
  from (select) x
  left join minor_departments m on m.id = $1
 cross join sums cross join parts

-- name: doctor_registrations
-- $1 doctor, $2 date, $3 date_range, $4 today. Sessions: those that are there, and displaced ones that somebody visited.
with found as materialized (
    select f.day, f.slot_type, f.time_section, f.schedule_id, sum(f.registrations) as n, sum(f.completed) as done,
           sum(f.revenue) as revenue
      from gh_registrations_kept(gh_statistics_first($2::text, $3::text, $4::date), gh_statistics_last($2::text, $4::date), $1::bigint) f
     group by 1, 2, 3, 4
), sums as (
    select jsonb_agg(to_jsonb(x)) as list
      from (select day, slot_type, sum(n) as n, sum(done) as done, sum(revenue) as revenue from found group by 1, 2) x
), sections as (
    select jsonb_object_agg(x.section, x.n) as list
      from (select coalesce(nullif(time_section, ''), '未知') as section, sum(n) as n from found group by 1 having sum(n) > 0) x
), sessions as (
    select json_agg(json_build_object(
               'schedule_id', s.id, 'clinic_name', c.name, 'time_section', s.time_section, 'slot_type', s.slot_type,
               'registrations', coalesce(x.n, 0), 'total_slots', s.total_slots,
               'utilization_rate', case when s.total_slots > 0 then least(1, round(coalesce(x.n, 0) / s.total_slots, 2)) else 0 end)
               order by s.date, s.starts_at, s.id) as list
      from (select k.id, sum(k.n) as n
              from (select s.id, 0 as n from schedules s
                     where s.doctor_id = $1 and s.is_latest
                       and s.date between gh_statistics_first($2, $3, $4) and gh_statistics_last($2, $4)
                     union all
                    select schedule_id, n from found) k
             group by k.id) x
      join schedules s on s.id = x.id and (s.is_latest or x.n > 0)
      left join clinics c on c.id = s.clinic_id
)
select coalesce(gh_statistics_error($2, $3), case when d.id is null then 'DOCTOR_NOT_FOUND' end) as error,
       json_build_object('value', case when gh_day($2) is null and $2 is not null then $2 else $3 end) as params,
       (jsonb_build_object('doctor_id', d.id, 'doctor_name', d.name, 'title', d.title, 'dept_name', m.name)
        || gh_statistics_shown(gh_statistics_first($2, $3, $4), gh_statistics_last($2, $4), sums.list)
        || jsonb_build_object('by_time_section', coalesce(sections.list, '{}'), 'schedules', coalesce(sessions.list, '[]')))::text
           as body
  from (select) x
  left join doctors d on d.id = $1
  left join minor_departments m on m.id = d.dept_id
 cross join sums cross join sections cross join sessions

-- name: rank_departments
-- $1 date, $2 order_by, $3 limit, $4 today
with best as (
    select c.minor_dept_id, sum(f.registrations) as n, sum(f.revenue) as revenue
      from gh_registrations_kept(gh_statistics_last($1::text, $4::date), gh_statistics_last($1::text, $4::date)) f
      join clinics c on c.id = f.clinic_id
     where c.minor_dept_id is not null
     group by 1 having sum(f.registrations) > 0
     order by case when $2::text = 'revenue' then sum(f.revenue) else sum(f.registrations) end desc,
              sum(f.registrations) desc, sum(f.revenue) desc, 1
     limit $3::int
)
select gh_statistics_error($1, null) as error, json_build_object('value', $1) as params,
       json_build_object('date', gh_statistics_last($1, $4), 'order_by', $2, 'ranking', coalesce(
           (select json_agg(json_build_object('minor_dept_id', m.id, 'dept_name', m.name, 'registrations', b.n, 'revenue', b.revenue)
                            order by case when $2 = 'revenue' then b.revenue else b.n end desc, b.n desc, b.revenue desc, m.id)
              from best b join minor_departments m on m.id = b.minor_dept_id), '[]'))::text as body

-- name: rank_doctors
-- $1 department or null, $2 date, $3 order_by, $4 limit, $5 today. The department is the doctor's, as the one that is shown.
with best as (
    select d.id, d.name, d.title, d.dept_id, x.n, x.revenue
      from (select f.doctor_id, sum(f.registrations) as n, sum(f.revenue) as revenue
              from gh_registrations_kept(gh_statistics_last($2::text, $5::date), gh_statistics_last($2::text, $5::date)) f
             group by 1 having sum(f.registrations) > 0) x
      join doctors d on d.id = x.doctor_id
     where $1::bigint is null or d.dept_id = $1
     order by case when $3::text = 'revenue' then x.revenue else x.n end desc, x.n desc, x.revenue desc, d.id
     limit $4::int
)
select gh_statistics_error($2, null) as error, json_build_object('value', $2) as params,
       json_build_object('date', gh_statistics_last($2, $5), 'order_by', $3, 'ranking', coalesce(
           (select json_agg(json_build_object('doctor_id', b.id, 'doctor_name', b.name, 'title', b.title, 'dept_name', m.name,
                                              'registrations', b.n, 'revenue', b.revenue)
                            order by case when $3 = 'revenue' then b.revenue else b.n end desc, b.n desc, b.revenue desc, b.id)
              from best b left join minor_departments m on m.id = b.dept_id), '[]'))::text as body
