-- What a head of department plans with (api/08 section 8.7). Replies are bare arrays and their ids are texts.

-- name: department_clinics
-- $1 the head's department, $2 today: how many of the 21 cells of the current week are filled
select coalesce(json_agg(json_build_object(
           'id', c.id::text, 'name', c.name, 'totalSlots', 21,
           'filledSlots', (select count(*) from schedules s
                            where s.clinic_id = c.id and s.is_latest
                              and s.date between date_trunc('week', $2::date)::date and date_trunc('week', $2::date)::date + 6))
           order by c.id), '[]')::text as body
  from clinics c
 where c.minor_dept_id = $1::bigint;

-- name: clinic_week
-- $1 clinic, $2 first day, $3 the head's department
select case when c.id is null then 'CLINIC_NOT_FOUND'
            when (c.minor_dept_id = $3::bigint) is not true then 'CLINIC_OTHER_DEPARTMENT' end as error,
       (select json_agg(case when s.id is null then json_build_object(
                       'date', w.day, 'dayOfWeek', extract(isodow from w.day)::int, 'shift', gh_shift_word(p.section),
                       'status', 'empty')
                   else json_build_object(
                       'date', w.day, 'dayOfWeek', extract(isodow from w.day)::int, 'shift', gh_shift_word(p.section),
                       'status', 'filled', 'doctorId', d.id::text, 'doctorName', d.name, 'doctorTitle', coalesce(d.title, '')) end
                   order by w.day, p.part)
          from (select $2::date + n as day from generate_series(0, 6) n) w
         cross join (values (0, '上午'), (1, '下午'), (2, '晚上')) as p (part, section)
          left join schedules s on s.clinic_id = c.id and s.date = w.day and s.time_section = p.section and s.is_latest
          left join doctors d on d.id = s.doctor_id)::text as body
  from (select) x
  left join clinics c on c.id = $1::bigint;

-- name: available_doctors
-- $1 clinic, $2 day, $3 shift, $4 the head's department. Leave goes before a session that it covers; assignedCount is the number
-- of the doctor's sessions in that week.
with asked as (
    select c.id, c.minor_dept_id
      from (select) x left join clinics c on c.id = $1::bigint
)
select case when a.id is null then 'CLINIC_NOT_FOUND'
            when (a.minor_dept_id = $4::bigint) is not true then 'CLINIC_OTHER_DEPARTMENT' end as error,
       coalesce((
           select json_agg(case when l.id is null then k.doc else gh_with(k.doc, 'leaveReason', to_json(l.reason)) end order by d.id)
             from v_open_doctors d
             join minor_departments m on m.id = d.dept_id
             left join lateral (
                  select v.id, v.reason from leave_audits v
                   where v.doctor_id = d.id and v.status <> 'rejected' and $2::date between v.leave_start_date and v.leave_end_date
                     and gh_shift_span($3::text) <@ gh_shift_span(v.shift)
                   limit 1) l on true
             left join lateral (
                  select s.id, n.name as clinic from schedules s left join clinics n on n.id = s.clinic_id
                   where s.doctor_id = d.id and s.date = $2::date and gh_shift_word(s.time_section) = $3::text and s.is_latest) s
                  on true
            cross join lateral (
                  select json_build_object(
                      'id', d.id::text, 'name', d.name, 'doctorName', d.name, 'title', d.title, 'dept', d.dept_id::text,
                      'department', m.name,
                      'status', case when l.id is not null then 'leave' when s.id is not null then 'conflict' else 'available' end,
                      'conflictReason', case when l.id is null and s.id is not null
                                             then '该时段已' || coalesce('在' || s.clinic, '') || '出诊' end,
                      'assignedCount', (select count(*) from schedules t
                                         where t.doctor_id = d.id and t.is_latest
                                           and t.date between date_trunc('week', $2::date)::date
                                                          and date_trunc('week', $2::date)::date + 6)) as doc) k
            where d.dept_id = a.minor_dept_id), '[]')::text as body
  from asked a;

-- name: plan_clinic
-- $1 clinic: its department, and how many days ahead it may have sessions (BR-45)
select c.minor_dept_id, gh_horizon_days(false) from clinics c where c.id = $1::bigint;

-- name: plan_now
-- The current sessions of clinic $1 in the week from $2: day 0 to 6, part 0 to 2, doctor.
select s.date - $2::date, array_position('{上午,下午,晚上}', s.time_section::text) - 1, s.doctor_id
  from schedules s
 where s.clinic_id = $1::bigint and s.is_latest and s.date between $2::date and $2::date + 6;

-- name: plan_strangers
-- Those of doctors $1 that do not exist, lowest first.
select x.id from unnest($1::bigint[]) as x (id)
 where x.id > 0 and not exists (select from doctors d where d.id = x.id and d.deleted_at is null)
 order by x.id;

-- name: submit_plan
-- One application a clinic and week (BR-51): submitting again overwrites it. $1 department, $2 clinic, $3 submitter, $4 Monday,
-- $5 the cells as a JSON list of seven lists of three, $6 now. The update waits for an approval at the same moment.
with before as (
    select a.id, a.status, a.schedule_data from schedule_audits a where a.clinic_id = $2::bigint and a.week_start_date = $4::date
), put as (
    insert into schedule_audits (minor_dept_id, clinic_id, submitter_doctor_id, week_start_date, week_end_date, schedule_data,
           submit_time, created_at, updated_at)
    values ($1::bigint, $2, $3::bigint, $4::date, $4::date + 6, $5::jsonb, $6::timestamptz, $6, $6)
        on conflict on constraint schedule_audits_week_uq do update
       set minor_dept_id = excluded.minor_dept_id, submitter_doctor_id = excluded.submitter_doctor_id,
           schedule_data = excluded.schedule_data, submit_time = excluded.submit_time, remark = null, status = 'pending',
           auditor_user_id = null, audit_time = null, audit_remark = null, version = schedule_audits.version + 1,
           updated_at = excluded.updated_at
 returning id
)
select p.id, json_build_object('status', json_build_array(b.status, 'pending'),
                               'schedule', json_build_array(b.schedule_data, $5::jsonb))
  from put p
  left join before b on b.id = p.id;

-- name: hold_plan
-- Application $1, locked until the end of the transaction, and how many days ahead there may be sessions (BR-45).
select a.status, gh_horizon_days(false) from schedule_audits a where a.id = $1::bigint for update;

-- name: hold_plan_week
-- Locks the current sessions of its clinic in its week, by id.
select s.id
  from schedule_audits a
  join schedules s on s.clinic_id = a.clinic_id and s.is_latest and s.date between a.week_start_date and a.week_end_date
 where a.id = $1::bigint
 order by s.id
   for update of s;

-- name: plan_cells
-- The filled cells of application $1: day, part, doctor, does he exist.
select w.day, w.part, w.doctor_id, d.id is not null
  from schedule_audits a
 cross join gh_week_cells(a.schedule_data) w
  left join doctors d on d.id = w.doctor_id and d.deleted_at is null
 where a.id = $1::bigint
 order by w.day, w.part;

-- name: plan_sessions
-- The current sessions that bear on application $1: of the clinic in the week, and of its doctors, wherever they are.
select s.id, s.doctor_id, s.clinic_id is not distinct from a.clinic_id and s.date between a.week_start_date and a.week_end_date,
       s.date - a.week_start_date, array_position('{上午,下午,晚上}', s.time_section::text) - 1,
       (extract(epoch from s.starts_at) * 1000000)::bigint, (extract(epoch from s.ends_at) * 1000000)::bigint, s.status = '正常'
  from schedule_audits a
 cross join lateral (
       select x.id from schedules x
        where x.clinic_id = a.clinic_id and x.is_latest and x.date between a.week_start_date and a.week_end_date
        union
       select x.id from gh_week_cells(a.schedule_data) w
         join schedules x on x.doctor_id = w.doctor_id and x.is_latest
              and x.date between a.week_start_date - 1 and a.week_end_date + 1) w
  join schedules s on s.id = w.id
 where a.id = $1::bigint
 order by s.id;

-- name: plan_hours
-- What the sections of the week of application $1 are for its clinic (BR-48): part, day, start, end. $2 zone.
select array_position('{上午,下午,晚上}', h.section) - 1, n,
       (extract(epoch from (a.week_start_date + n + make_interval(mins => h.starts)) at time zone $2::text) * 1000000)::bigint,
       (extract(epoch from (a.week_start_date + n + make_interval(mins => h.ends)) at time zone $2::text) * 1000000)::bigint
  from schedule_audits a
 cross join generate_series(0, 6) n
 cross join gh_section_hours(gh_schedule_setting(a.clinic_id)) h
 where a.id = $1::bigint;

-- name: approve_plan
-- $1 application, $2 comment, $3 caller, $4 now
update schedule_audits a
   set status = 'approved', auditor_user_id = $3::bigint, audit_time = $4::timestamptz, audit_remark = $2::text,
       version = a.version + 1, updated_at = $4::timestamptz
 where a.id = $1::bigint and a.status = 'pending';

-- name: open_planned
-- Sessions that application $1 keeps and that wait for approval (R-80) are open from now on, $2, unless the doctor has leave.
update schedules s
   set status = '正常', version = s.version + 1, updated_at = $2::timestamptz
  from schedule_audits a
 cross join lateral gh_week_cells(a.schedule_data) w
 where a.id = $1::bigint and s.clinic_id = a.clinic_id and s.is_latest and s.status = '待审核' and s.starts_at > $2
   and s.date = a.week_start_date + w.day and s.time_section = ('{上午,下午,晚上}'::text[])[w.part + 1] and s.doctor_id = w.doctor_id
   and not exists (select from leave_audits l
                    where l.doctor_id = s.doctor_id and l.status = 'approved' and s.date between l.leave_start_date and l.leave_end_date
                      and gh_shift_span(gh_shift_word(s.time_section)) <@ gh_shift_span(l.shift));

-- name: create_planned
-- Sessions of application $1 (BR-52): $2 days, $3 parts, $4 doctors, $5 starts, $6 ends, $7 now. 50 places at the price of BR-31;
-- where the doctor has approved leave the session is made closed (BR-57).
insert into schedules (doctor_id, clinic_id, date, time_section, slot_type, total_slots, remaining_slots, status, price, starts_at,
       ends_at, slot_minutes, created_at, updated_at)
select t.doctor_id, a.clinic_id, a.week_start_date + t.day, x.section, x.slot_type, 50, 50,
       case when exists (select from leave_audits l
                          where l.doctor_id = t.doctor_id and l.status = 'approved'
                            and a.week_start_date + t.day between l.leave_start_date and l.leave_end_date
                            and gh_shift_span(gh_shift_word(x.section)) <@ gh_shift_span(l.shift)) then '停诊' else '正常' end,
       gh_list_price(t.doctor_id, a.clinic_id, x.slot_type), t.starts_at, t.ends_at,
       greatest(1, least(240, floor(extract(epoch from t.ends_at - t.starts_at) / 60 / 50)::int)), $7::timestamptz, $7
  from schedule_audits a
  join clinics c on c.id = a.clinic_id
 cross join unnest($2::int[], $3::int[], $4::bigint[], $5::timestamptz[], $6::timestamptz[])
            as t (day, part, doctor_id, starts_at, ends_at)
 cross join lateral (select ('{上午,下午,晚上}'::text[])[t.part + 1] as section,
                            case c.clinic_type when 2 then '特需' else '普通' end as slot_type) x
 where a.id = $1::bigint;
