-- Lists of applications are whole (api/05 knows no pages), so their shape is apart from where its names come from: a list joins them
-- for all rows at once. Functions that are one expression melt into the statement that calls them.

-- ScheduleAudit of api/05 section 5.1.
create function gh_schedule_doc(a schedule_audits, dept_name text, clinic_name text, submitter_name text, week json, tz text)
returns json language sql stable as $$
    select json_build_object(
        'id', a.id, 'department_id', a.minor_dept_id, 'department_name', dept_name, 'clinic_id', a.clinic_id,
        'clinic_name', clinic_name, 'submitter_id', a.submitter_doctor_id, 'submitter_name', submitter_name,
        'submit_time', gh_dt_text(a.submit_time, tz), 'week_start', a.week_start_date, 'week_end', a.week_end_date,
        'remark', a.remark, 'status', a.status, 'auditor_id', a.auditor_user_id, 'audit_time', gh_dt_text(a.audit_time, tz),
        'audit_remark', a.audit_remark, 'schedule', week)
$$;

-- Seven rows of three cells, from the filled ones: {"0": cell, ... "20": cell} by 3 * day + part.
create function gh_week_rows(cells jsonb) returns json language sql immutable as $$
    select json_build_array(
        json_build_array(cells->'0', cells->'1', cells->'2'), json_build_array(cells->'3', cells->'4', cells->'5'),
        json_build_array(cells->'6', cells->'7', cells->'8'), json_build_array(cells->'9', cells->'10', cells->'11'),
        json_build_array(cells->'12', cells->'13', cells->'14'), json_build_array(cells->'15', cells->'16', cells->'17'),
        json_build_array(cells->'18', cells->'19', cells->'20'))
$$;

create or replace function gh_week_json(week jsonb) returns json language sql stable as $$
    select gh_week_rows(jsonb_object_agg(3 * w.day + w.part, jsonb_build_object(
               'doctor_id', w.doctor_id, 'doctor_name', coalesce(d.name, w.doctor_name, ''))))
      from gh_week_cells(week) w
      left join doctors d on d.id = w.doctor_id
$$;

create or replace function gh_schedule_audit(a schedule_audits, tz text) returns json language sql stable as $$
    select gh_schedule_doc(a, m.name, c.name, d.name, gh_week_json(a.schedule_data), tz)
      from minor_departments m, clinics c, doctors d
     where m.id = a.minor_dept_id and c.id = a.clinic_id and d.id = a.submitter_doctor_id
$$;

-- LeaveAudit of api/05 section 5.2; a preview has so many characters (BR-59).
create function gh_leave_doc(a leave_audits, d doctors, dept_name text, sessions json, chars int, tz text)
returns json language sql stable as $$
    select json_build_object(
        'id', a.id, 'doctor_id', a.doctor_id, 'doctor_name', d.name, 'doctor_title', coalesce(d.title, ''),
        'department_name', coalesce(dept_name, ''), 'leave_start_date', a.leave_start_date, 'leave_end_date', a.leave_end_date,
        'leave_days', a.leave_end_date - a.leave_start_date + 1, 'shift', a.shift, 'reason', a.reason,
        'reason_preview', left(a.reason, chars) || case when length(a.reason) > chars then '...' else '' end,
        'attachments', case a.attachment_data when '[]' then '[]'::json else gh_attachment_paths(a.attachment_data) end,
        'original_schedule', sessions, 'submit_time', gh_dt_text(a.submit_time, tz), 'status', a.status,
        'auditor_id', a.auditor_user_id, 'audit_time', gh_dt_text(a.audit_time, tz), 'audit_remark', a.audit_remark)
$$;

create or replace function gh_leave_audit(a leave_audits, tz text, for_head boolean) returns json language sql stable as $$
    select gh_leave_doc(a, d, m.name, coalesce(s.list, '[]'), case when for_head then 30 else 50 end, tz)
      from doctors d
      left join minor_departments m on m.id = d.dept_id
      left join lateral (
           select json_agg(concat(s.date, ' ', s.time_section, ': ', s.slot_type, '(' || c.name || ')')
                           order by s.date, s.starts_at) as list
             from schedules s
             left join clinics c on c.id = s.clinic_id
            where for_head and s.doctor_id = a.doctor_id and s.is_latest
              and s.date between a.leave_start_date and a.leave_end_date
              and gh_shift_span(gh_shift_word(s.time_section)) <@ gh_shift_span(a.shift)) s on true
     where d.id = a.doctor_id
$$;

-- AddSlotAudit of api/05 section 5.4. Both auditor members carry the same user id.
create function gh_add_slot_doc(a add_slot_audits, doctor_name text, patient_name text, tz text)
returns json language sql stable as $$
    select json_build_object(
        'audit_id', a.id, 'schedule_id', a.schedule_id, 'doctor_id', a.doctor_id, 'doctor_name', doctor_name,
        'patient_id', a.patient_id, 'patient_name', patient_name, 'slot_type', a.slot_type, 'reason', a.reason,
        'applicant_id', a.applicant_id, 'submit_time', gh_dt_text(a.submit_time, tz), 'status', a.status,
        'auditor_admin_id', a.auditor_user_id, 'auditor_user_id', a.auditor_user_id,
        'audit_time', gh_dt_text(a.audit_time, tz), 'audit_remark', a.audit_remark)
$$;
