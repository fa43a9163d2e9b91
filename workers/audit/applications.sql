-- Applications as administrators read, and without further effect decide, them (api/05). The column audit is for the audit log.

-- name: schedule_audits
-- $1 zone
with weeks as (
    select a.id, jsonb_object_agg(3 * w.day + w.part, jsonb_build_object(
               'doctor_id', w.doctor_id, 'doctor_name', coalesce(d.name, w.doctor_name, ''))) as cells
      from schedule_audits a
     cross join lateral gh_week_cells(a.schedule_data) w
      left join doctors d on d.id = w.doctor_id
     group by a.id
)
select json_build_object('audits', coalesce(
           json_agg(gh_schedule_doc(a, m.name, c.name, d.name, gh_week_rows(w.cells), $1::text) order by a.submit_time desc, a.id desc),
           '[]'))::text as body
  from schedule_audits a
  join minor_departments m on m.id = a.minor_dept_id
  join clinics c on c.id = a.clinic_id
  join doctors d on d.id = a.submitter_doctor_id
  left join weeks w on w.id = a.id;

-- name: schedule_audit
-- $1 application, $2 zone
select case when a.id is null then 'SCHEDULE_AUDIT_NOT_FOUND' end as error, gh_schedule_audit(a, $2::text)::text as body
  from (select) x
  left join schedule_audits a on a.id = $1::bigint;

-- name: leave_audits
-- $1 zone
select json_build_object('audits', coalesce(
           json_agg(gh_leave_doc(a, d, m.name, '[]', 50, $1::text) order by a.submit_time desc, a.id desc), '[]'))::text as body
  from leave_audits a
  join doctors d on d.id = a.doctor_id
  left join minor_departments m on m.id = d.dept_id;

-- name: leave_audit
-- $1 application, $2 zone
select case when a.id is null then 'LEAVE_AUDIT_NOT_FOUND' end as error, gh_leave_audit(a, $2::text, false)::text as body
  from (select) x
  left join leave_audits a on a.id = $1::bigint;

-- name: add_slot_audits
-- $1 zone
select json_build_object('audits', coalesce(
           json_agg(gh_add_slot_doc(a, d.name, p.name, $1::text) order by a.submit_time desc, a.id desc), '[]'))::text as body
  from add_slot_audits a
  join doctors d on d.id = a.doctor_id
  join patients p on p.id = a.patient_id;

-- name: own_add_slots
-- $1 caller, $2 his doctor row, $3 zone
select case when $2::bigint is null then 'DOCTOR_LIST_ONLY' end as error,
       json_build_object('audits', coalesce(
           json_agg(gh_add_slot_doc(a, d.name, p.name, $3::text) order by a.submit_time desc, a.id desc), '[]'))::text as body
  from add_slot_audits a
  join doctors d on d.id = a.doctor_id
  join patients p on p.id = a.patient_id
 where a.applicant_id = $1::bigint and $2::bigint is not null;

-- name: withdraw_add_slot
-- $1 application, $2 caller (BR-66). The row lock decides against an approval at the same moment.
with held as materialized (
    select * from add_slot_audits where id = $1::bigint for update
), gone as (
    delete from add_slot_audits a using held h
     where a.id = h.id and h.status = 'pending' and h.applicant_id = $2::bigint
 returning a.*
)
select case when h.id is null then 'ADD_SLOT_AUDIT_NOT_FOUND'
            when h.applicant_id <> $2::bigint then 'ADD_SLOT_CANCEL_FORBIDDEN'
            when h.status <> 'pending' then 'ADD_SLOT_NOT_PENDING' end as error,
       '{"detail": "已取消加号申请"}' as body,
       (select json_build_object('action', 'add_slot_audit.withdraw', 'entity', 'add_slot_audit', 'entity_id', g.id,
                   'patient_id', g.patient_id, 'changes', json_build_object('status', json_build_array(g.status, null)))
          from gone g) as audit
  from (select) x
  left join held h on true;

-- name: reject_schedule_audit
-- $1 application, $2 comment, $3 caller, $4 now, $5 zone (BR-49)
with held as materialized (
    select * from schedule_audits where id = $1::bigint for update
), done as (
    update schedule_audits a
       set status = 'rejected', auditor_user_id = $3::bigint, audit_time = $4::timestamptz, audit_remark = $2::text,
           version = a.version + 1, updated_at = $4::timestamptz
      from held h
     where a.id = h.id and h.status = 'pending'
 returning a.*
)
select case when h.id is null then 'SCHEDULE_AUDIT_NOT_FOUND' when h.status <> 'pending' then 'AUDIT_ALREADY_DECIDED' end as error,
       json_build_object('status', h.status) as params,
       gh_decision_json(d.id, d.status, d.auditor_user_id, d.audit_time, $5::text)::text as body,
       gh_decision_entry('schedule', h.id, h.status, d.status, d.audit_remark) as audit
  from (select) x
  left join held h on true
  left join done d on true;

-- name: reject_leave_audit
-- $1 application, $2 comment, $3 caller, $4 now, $5 zone, $6 the doctor row of the head who decides, null: an administrator.
-- Both say what they refuse in words of their own (BR-49, BR-62, BR-63).
with held as materialized (
    select * from leave_audits where id = $1::bigint for update
), facts as (
    select h.*, $6::bigint is not null and (d.dept_id = by.dept_id) is not true as foreign_dept,
           $6 is not null and coalesce(btrim($2::text, e' \t\r\n　'), '') = '' as wordless
      from held h
      join doctors d on d.id = h.doctor_id
      left join doctors by on by.id = $6
), done as (
    update leave_audits a
       set status = 'rejected', auditor_user_id = $3::bigint, audit_time = $4::timestamptz, audit_remark = $2::text,
           version = a.version + 1, updated_at = $4::timestamptz
      from facts f
     where a.id = f.id and f.status = 'pending' and not f.foreign_dept and not f.wordless
 returning a.*
)
select case when f.id is null and $6 is null then 'LEAVE_AUDIT_NOT_FOUND'
            when f.id is null then 'LEAVE_APPLICATION_NOT_FOUND'
            when f.foreign_dept then 'LEAVE_OTHER_DEPARTMENT'
            when f.status <> 'pending' and $6 is null then 'AUDIT_ALREADY_DECIDED'
            when f.status <> 'pending' then 'LEAVE_NOT_REJECTABLE'
            when f.wordless then 'REJECT_COMMENT_REQUIRED' end as error,
       json_build_object('status', f.status) as params,
       gh_decision_json(d.id, d.status, d.auditor_user_id, d.audit_time, $5::text)::text as body,
       gh_decision_entry('leave', f.id, f.status, d.status, d.audit_remark) as audit
  from (select) x
  left join facts f on true
  left join done d on true;

-- name: reject_add_slot_audit
-- $1 application, $2 comment, $3 caller, $4 now, $5 zone (BR-49)
with held as materialized (
    select * from add_slot_audits where id = $1::bigint for update
), done as (
    update add_slot_audits a
       set status = 'rejected', auditor_user_id = $3::bigint, audit_time = $4::timestamptz, audit_remark = $2::text,
           version = a.version + 1, updated_at = $4::timestamptz
      from held h
     where a.id = h.id and h.status = 'pending'
 returning a.*
)
select case when h.id is null then 'ADD_SLOT_AUDIT_NOT_FOUND' when h.status <> 'pending' then 'AUDIT_ALREADY_DECIDED' end as error,
       json_build_object('status', h.status) as params,
       gh_decision_json(d.id, d.status, d.auditor_user_id, d.audit_time, $5::text)::text as body,
       gh_decision_entry('add_slot', h.id, h.status, d.status, d.audit_remark) as audit
  from (select) x
  left join held h on true
  left join done d on true;
