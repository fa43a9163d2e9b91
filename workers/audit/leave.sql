-- Leave as doctors ask for it and heads of department see it (api/08 section 8.6).

-- name: leave_calendar
-- $1 year, $2 month, $3 doctor, $4 today. A full-day leave fills the three shifts; pending goes before approved before rejected.
with days as (
    select x::date as day
      from generate_series(make_date($1::int, $2::int, 1),
                           make_date($1, $2, 1) + interval '1 month' - interval '1 day', interval '1 day') x
), held as (
    select d.day, a.shift, a.status, array_position('{pending,approved,rejected}', a.status::text) as rank
      from leave_audits a
      join days d on d.day between a.leave_start_date and a.leave_end_date
     where a.doctor_id = $3::bigint
), worked as (
    select s.date, string_agg(s.time_section, '、' order by s.starts_at) as sections
      from schedules s
     where s.doctor_id = $3::bigint and s.is_latest and s.date between (select min(day) from days) and (select max(day) from days)
     group by s.date
)
select case when $3::bigint is null then 'DOCTOR_REQUIRED' end as error,
       json_build_object('days', json_agg(json_build_object(
           'date', d.day, 'day', extract(day from d.day)::int, 'hasShift', w.date is not null, 'shiftInfo', w.sections,
           'leaveStatus', (select h.status from held h where h.day = d.day and h.shift = 'full' order by h.rank limit 1),
           'shiftLeaveStatuses', coalesce((
               select json_agg(json_build_object('shift', b.shift, 'leaveStatus', b.status) order by b.part)
                 from (select p.shift, p.part, (select h.status from held h where h.day = d.day and h.shift in ('full', p.shift)
                                                 order by h.rank limit 1) as status
                         from (values (1, 'morning'), (2, 'afternoon'), (3, 'night')) as p (part, shift)) b
                where b.status is not null), '[]'),
           'isToday', d.day = $4::date) order by d.day))::text as body
  from days d
  left join worked w on w.date = d.day;

-- name: own_leave
-- $1 doctor, $2 status, null or all, $3 page, $4 page size, $5 zone
with found as (
    select a.* from leave_audits a
     where a.doctor_id = $1::bigint and ($2::text is null or $2 = 'all' or a.status = $2)
), page as (
    select f.* from found f order by f.submit_time desc, f.id desc limit $4::int offset ($3::bigint - 1) * $4::int
)
select case when $1::bigint is null then 'DOCTOR_REQUIRED' end as error,
       json_build_object('total', (select count(*) from found), 'list', coalesce(
           (select json_agg(json_build_object(
                       'id', p.id::text, 'date', p.leave_start_date, 'shift', p.shift, 'reason', p.reason, 'status', p.status,
                       'createTime', gh_dts_text(p.submit_time, $5::text), 'approver', gh_person_name(p.auditor_user_id),
                       'rejectReason', case p.status when 'rejected' then p.audit_remark end,
                       'attachments', gh_attachment_paths(p.attachment_data)) order by p.submit_time desc, p.id desc)
              from page p), '[]'))::text as body;

-- name: approval_stats
-- $1 the head's department, $2 today, $3 zone: what is open, and what was decided since the first of the month
select json_build_object(
           'pending', count(*) filter (where a.status = 'pending'),
           'approvedMonth', count(*) filter (where a.status = 'approved' and a.audit_time >= m.since),
           'rejectedMonth', count(*) filter (where a.status = 'rejected' and a.audit_time >= m.since))::text as body
  from (select date_trunc('month', $2::date)::timestamp at time zone $3::text as since) m
  left join (doctors d join leave_audits a on a.doctor_id = d.id) on d.dept_id = $1::bigint and d.deleted_at is null;

-- name: department_leave
-- $1 the head's department, $2 status or all, $3 page, $4 page size, $5 zone (BR-62): leave of its doctors, not of those removed
select json_build_object('audits', coalesce(json_agg(gh_leave_audit(p, $5::text, true) order by p.submit_time desc, p.id desc),
                                            '[]'))::text as body
  from (select a.*
          from doctors d
          join leave_audits a on a.doctor_id = d.id
         where d.dept_id = $1::bigint and d.deleted_at is null and ($2::text = 'all' or a.status = $2)
         order by a.submit_time desc, a.id desc
         limit $4::int offset ($3::bigint - 1) * $4::int) p;

-- name: department_leave_audit
-- $1 application, $2 the head's department, $3 zone
select case when a.id is null then 'LEAVE_APPLICATION_NOT_FOUND'
            when (d.dept_id = $2::bigint) is not true then 'LEAVE_OTHER_DEPARTMENT_HIDDEN' end as error,
       gh_leave_audit(a, $3::text, true)::text as body
  from (select) x
  left join leave_audits a on a.id = $1::bigint
  left join doctors d on d.id = a.doctor_id;

-- name: leave_facts
-- One row: does doctor $1 exist, has he open or approved leave that overlaps $2 to $3 in shift $4 (BR-61), when does the shift
-- begin on the first day: as the own session says, else as the setting does; would a path of $6 leave the root (BR-30)? $5 zone.
select d.id is not null,
       exists (select from leave_audits a
                where a.doctor_id = $1::bigint and a.status <> 'rejected' and gh_shift_span(a.shift) && gh_shift_span($4::text)
                  and a.leave_start_date <= $3::date and a.leave_end_date >= $2::date),
       (extract(epoch from coalesce(
           (select min(s.starts_at) from schedules s
             where s.doctor_id = $1 and s.date = $2::date and s.is_latest
               and gh_shift_span(gh_shift_word(s.time_section)) <@ gh_shift_span($4::text)),
           (select min($2::date + make_interval(mins => h.starts)) at time zone $5::text
              from gh_section_hours(gh_schedule_setting(null)) h
             where gh_shift_span(gh_shift_word(h.section)) <@ gh_shift_span($4::text)))) * 1000000)::bigint,
       exists (select from jsonb_array_elements_text($6::jsonb) p where coalesce(gh_file_path(p), '') = '')
  from (select) x
  left join doctors d on d.id = $1::bigint and d.deleted_at is null;

-- name: put_leave
-- $1 doctor, $2 first and $3 last day, $4 shift, $5 reason, $6 attachments, $7 now, $8 who approves it at once or null
insert into leave_audits (doctor_id, leave_start_date, leave_end_date, shift, reason, attachment_data, submit_time, status,
       auditor_user_id, audit_time, created_at, updated_at)
values ($1::bigint, $2::date, $3::date, $4::text, $5::text, $6::jsonb, $7::timestamptz,
        case when $8::bigint is null then 'pending' else 'approved' end, $8,
        case when $8 is not null then $7::timestamptz end, $7, $7)
returning id, gh_changes(null, jsonb_build_object('doctor_id', doctor_id, 'leave_start_date', leave_start_date,
                                                  'leave_end_date', leave_end_date, 'shift', shift, 'reason', reason,
                                                  'status', status));

-- name: hold_leave
-- Application $1, locked until the end of the transaction: what a decision asks of it.
with held as materialized (
    select * from leave_audits where id = $1::bigint for update
)
select h.status, h.doctor_id, d.dept_id, h.leave_start_date - date '1970-01-01', h.leave_end_date - date '1970-01-01', h.shift
  from held h
  join doctors d on d.id = h.doctor_id;

-- name: hold_doctor_sessions
-- The current sessions of doctor $1 from $2 to $3, locked by id: day, part 0 to 2, end, not closed yet.
with held as materialized (
    select s.* from schedules s
     where s.doctor_id = $1::bigint and s.is_latest and s.date between $2::date and $3::date
     order by s.id
       for update of s
)
select h.id, h.date - date '1970-01-01', array_position('{上午,下午,晚上}', h.time_section::text) - 1,
       (extract(epoch from h.ends_at) * 1000000)::bigint, h.status <> '停诊'
  from held h
 order by h.id;

-- name: approve_leave
-- $1 application, $2 comment, $3 caller, $4 now
update leave_audits a
   set status = 'approved', auditor_user_id = $3::bigint, audit_time = $4::timestamptz, audit_remark = $2::text,
       version = a.version + 1, updated_at = $4::timestamptz
 where a.id = $1::bigint and a.status = 'pending';

-- name: leave_bookings
-- The current sessions of doctor $1 from $2 to $3, once they are locked: appointments and entries of the waitlist of each.
select s.id, count(o.id) filter (where o.status <> 'waitlist'), count(o.id) filter (where o.status = 'waitlist')
  from schedules s
  left join registration_orders o on o.schedule_id = s.id and o.status in ('pending', 'confirmed', 'waitlist')
 where s.doctor_id = $1::bigint and s.is_latest and s.date between $2::date and $3::date
 group by s.id
 order by s.id;

-- name: suspend_sessions
-- Sessions $1 cannot be booked from this transaction on; their orders come later. $2 now
update schedules s
   set status = '停诊', version = s.version + 1, updated_at = $2::timestamptz
 where s.id = any ($1::bigint[]);

-- name: leave_rest
-- What approved leave $1 has still to deal with: sessions that it closed and that have appointments or a waitlist, by id until $2
-- orders are together (one session at least), as an array; orders that stay for later; who approved it.
with rest as (
    select s.id, count(*) as n
      from leave_audits a
      join schedules s on s.doctor_id = a.doctor_id and s.is_latest and s.status = '停诊'
           and s.date between a.leave_start_date and a.leave_end_date and s.ends_at > a.audit_time
           and gh_shift_span(gh_shift_word(s.time_section)) <@ gh_shift_span(a.shift)
      join registration_orders o on o.schedule_id = s.id and o.status in ('pending', 'confirmed', 'waitlist')
     where a.id = $1::bigint and a.status = 'approved'
     group by s.id
), run as (
    select r.id, r.n, sum(r.n) over (order by r.id) - r.n as before from rest r
)
select array_agg(r.id order by r.id) filter (where r.before < $2::bigint)::text,
       coalesce(sum(r.n) filter (where r.before >= $2::bigint), 0)::bigint,
       (select a.auditor_user_id from leave_audits a where a.id = $1::bigint)
  from run r;

-- name: hold_sessions
-- Locks sessions $1 by id.
select s.id from schedules s where s.id = any ($1::bigint[]) order by s.id for update of s;
