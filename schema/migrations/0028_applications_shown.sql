-- Applications as the surfaces show them and what they obey (api/05, api/08 sections 8.4 to 8.7).

-- An instant as 2026-03-09T08:15:30 in the zone tz (api/00 section 0.1, dt).
create or replace function gh_dt_text(at timestamptz, tz text) returns text language sql stable as $$
    select to_char(at at time zone tz, 'YYYY-MM-DD"T"HH24:MI:SS')
$$;

-- Sections of a day in the words of leave and of the heads' plans (api/00 section 0.9).
create function gh_shift_word(section text) returns text language sql immutable as $$
    select case section when '上午' then 'morning' when '下午' then 'afternoon' when '晚上' then 'night' end
$$;

-- The sections that a shift covers, as a range of 0 to 3, so that overlapping shifts are overlapping ranges (BR-61).
create function gh_shift_span(shift text) returns int4range language sql immutable as $$
    select case shift when 'full' then int4range(0, 3) when 'morning' then int4range(0, 1)
                      when 'afternoon' then int4range(1, 2) when 'night' then int4range(2, 3) end
$$;

-- BR-61: one open or approved leave of a doctor covers a section of a day.
alter table leave_audits add constraint leave_audits_overlap_ex exclude using gist
    (doctor_id with =, daterange(leave_start_date, leave_end_date, '[]') with &&, gh_shift_span(shift) with &&)
    where (status <> 'rejected');

create index add_slot_audits_applicant_ix on add_slot_audits (applicant_id, submit_time);
create index doctors_head_ix on doctors (dept_id) where is_department_head and deleted_at is null;

-- The filled cells of a stored week (BR-50): day 0 to 6, part 0 to 2. A cell is {"doctor_id": 12}; old rows have a bare id or
-- camelCase members.
create function gh_week_cells(week jsonb) returns table (day int, part int, doctor_id bigint, doctor_name text)
language sql immutable as $$
    select (r.n - 1)::int, (c.n - 1)::int, x.id::bigint, x.name
      from jsonb_array_elements(week) with ordinality as r (cells, n)
     cross join lateral jsonb_array_elements(case jsonb_typeof(r.cells) when 'array' then r.cells else '[]' end)
           with ordinality as c (cell, n)
     cross join lateral (
           select case jsonb_typeof(c.cell) when 'object' then coalesce(c.cell ->> 'doctor_id', c.cell ->> 'doctorId')
                                            else c.cell #>> '{}' end as id,
                  coalesce(c.cell ->> 'doctor_name', c.cell ->> 'doctorName') as name) x
     where r.n <= 7 and c.n <= 3 and x.id ~ '^[1-9][0-9]{0,17}$'
$$;

-- The week as replies show it: seven rows of three cells, names as they are now, else as they were stored.
create function gh_week_json(week jsonb) returns json language sql stable as $$
    select json_agg(d.cells order by d.day)
      from (select g.day, json_agg(case when w.doctor_id is not null then json_build_object(
                       'doctor_id', w.doctor_id, 'doctor_name', coalesce(x.name, w.doctor_name, '')) end order by p.part) as cells
              from generate_series(0, 6) as g (day)
             cross join generate_series(0, 2) as p (part)
              left join gh_week_cells(week) w on w.day = g.day and w.part = p.part
              left join doctors x on x.id = w.doctor_id
             group by g.day) d
$$;

-- ScheduleAudit of api/05 section 5.1.
create function gh_schedule_audit(a schedule_audits, tz text) returns json language sql stable as $$
    select json_build_object(
        'id', a.id, 'department_id', a.minor_dept_id, 'department_name', m.name, 'clinic_id', a.clinic_id, 'clinic_name', c.name,
        'submitter_id', a.submitter_doctor_id, 'submitter_name', d.name, 'submit_time', gh_dt_text(a.submit_time, tz),
        'week_start', a.week_start_date, 'week_end', a.week_end_date, 'remark', a.remark, 'status', a.status,
        'auditor_id', a.auditor_user_id, 'audit_time', gh_dt_text(a.audit_time, tz), 'audit_remark', a.audit_remark,
        'schedule', gh_week_json(a.schedule_data))
      from minor_departments m, clinics c, doctors d
     where m.id = a.minor_dept_id and c.id = a.clinic_id and d.id = a.submitter_doctor_id
$$;

-- The stored paths of attachments; old rows have objects {url, name}.
create function gh_attachment_paths(attachments jsonb) returns json language sql immutable as $$
    select coalesce(json_agg(x.path order by e.n) filter (where x.path is not null), '[]')
      from jsonb_array_elements(attachments) with ordinality as e (item, n)
     cross join lateral (select case jsonb_typeof(e.item) when 'object' then e.item ->> 'url' else e.item #>> '{}' end as path) x
$$;

-- LeaveAudit of api/05 section 5.2. A preview has 50 characters for administrators and 30 for heads of department (BR-59),
-- who are also told which sessions the leave covers.
create function gh_leave_audit(a leave_audits, tz text, for_head boolean) returns json language sql stable as $$
    select json_build_object(
        'id', a.id, 'doctor_id', a.doctor_id, 'doctor_name', d.name, 'doctor_title', coalesce(d.title, ''),
        'department_name', coalesce(m.name, ''), 'leave_start_date', a.leave_start_date, 'leave_end_date', a.leave_end_date,
        'leave_days', a.leave_end_date - a.leave_start_date + 1, 'shift', a.shift, 'reason', a.reason,
        'reason_preview', left(a.reason, p.chars) || case when length(a.reason) > p.chars then '...' else '' end,
        'attachments', gh_attachment_paths(a.attachment_data),
        'original_schedule', coalesce((
            select json_agg(concat(s.date, ' ', s.time_section, ': ', s.slot_type, '(' || c.name || ')')
                            order by s.date, s.starts_at)
              from schedules s
              left join clinics c on c.id = s.clinic_id
             where for_head and s.doctor_id = a.doctor_id and s.is_latest
               and s.date between a.leave_start_date and a.leave_end_date
               and gh_shift_span(gh_shift_word(s.time_section)) <@ gh_shift_span(a.shift)), '[]'),
        'submit_time', gh_dt_text(a.submit_time, tz), 'status', a.status, 'auditor_id', a.auditor_user_id,
        'audit_time', gh_dt_text(a.audit_time, tz), 'audit_remark', a.audit_remark)
      from doctors d
      left join minor_departments m on m.id = d.dept_id
     cross join (select case when for_head then 30 else 50 end as chars) p
     where d.id = a.doctor_id
$$;

-- AddSlotAudit of api/05 section 5.4. Both auditor members carry the same user id.
create function gh_add_slot_audit(a add_slot_audits, tz text) returns json language sql stable as $$
    select json_build_object(
        'audit_id', a.id, 'schedule_id', a.schedule_id, 'doctor_id', a.doctor_id, 'doctor_name', d.name,
        'patient_id', a.patient_id, 'patient_name', p.name, 'slot_type', a.slot_type, 'reason', a.reason,
        'applicant_id', a.applicant_id, 'submit_time', gh_dt_text(a.submit_time, tz), 'status', a.status,
        'auditor_admin_id', a.auditor_user_id, 'auditor_user_id', a.auditor_user_id,
        'audit_time', gh_dt_text(a.audit_time, tz), 'audit_remark', a.audit_remark)
      from doctors d, patients p
     where d.id = a.doctor_id and p.id = a.patient_id
$$;

-- The reply to a decision (api/05).
create function gh_decision_json(audit_id bigint, status text, auditor_id bigint, audit_time timestamptz, tz text)
returns json language sql stable as $$
    select json_build_object('audit_id', audit_id, 'status', status, 'auditor_id', auditor_id,
                             'audit_time', gh_dt_text(audit_time, tz))
$$;

-- What somebody who decides is called: as a doctor, an administrator, an account.
create function gh_person_name(of_user_id bigint) returns text language sql stable as $$
    select coalesce((select d.name from doctors d where d.user_id = u.id),
                    (select a.name from administrators a where a.user_id = u.id), u.full_name, u.username, u.identifier)
      from users u where u.id = of_user_id
$$;

-- A decision as the audit log has it; null when there was none.
create function gh_decision_entry(kind text, audit_id bigint, old_status text, new_status text, remark text)
returns json language sql immutable as $$
    select case when new_status is not null then json_build_object(
        'action', kind || '_audit.' || case new_status when 'approved' then 'approve' when 'rejected' then 'reject' else 'submit' end,
        'entity', kind || '_audit', 'entity_id', audit_id,
        'changes', json_build_object('status', json_build_array(old_status, new_status),
                                     'audit_remark', json_build_array(null, remark))) end
$$;
