-- Places added to a session (api/05 section 5.4; BR-64 to BR-66). Locks: the application, the patient (advisory, as booking does),
-- the session; new_order.sql writes.

-- name: add_slot_facts
-- What a doctor's application asks: $1 session, $2 patient. One row.
select s.doctor_id, s.is_latest and s.status = '正常', (extract(epoch from s.ends_at) * 1000000)::bigint,
       exists (select from patients p where p.id = $2::bigint and p.deleted_at is null)
  from (select) x
  left join schedules s on s.id = $1::bigint and s.deleted_at is null;

-- name: put_add_slot
-- BR-65: one application a session and patient that is not rejected; another one takes its place while it is pending. $1 session,
-- $2 doctor, $3 patient, $4 number class, $5 reason, $6 applicant, $7 now. No row: it is approved already.
with before as (
    select id, to_jsonb(a) as was from add_slot_audits a
     where a.schedule_id = $1::bigint and a.patient_id = $3::bigint and a.status <> 'rejected'
), put as (
    insert into add_slot_audits as a (schedule_id, doctor_id, patient_id, slot_type, reason, applicant_id, submit_time, created_at,
           updated_at)
    values ($1, $2::bigint, $3, $4::text, $5::text, $6::bigint, $7::timestamptz, $7, $7)
        on conflict (schedule_id, patient_id) where status <> 'rejected' do update
       set slot_type = excluded.slot_type, reason = excluded.reason, applicant_id = excluded.applicant_id,
           submit_time = excluded.submit_time, version = a.version + 1, updated_at = excluded.updated_at
     where a.status = 'pending'
 returning a.*
)
select p.id, p.version > 1, gh_changes(b.was - 'submit_time', to_jsonb(p) - 'submit_time')
  from put p
  left join before b on b.id = p.id;

-- name: hold_add_slot
-- Application $1, locked until the end of the transaction.
select a.status, a.schedule_id, a.patient_id, a.slot_type, a.reason, a.applicant_id
  from add_slot_audits a where a.id = $1::bigint for update;

-- name: hold_added_patient
-- Locks patient $1 against bookings. No row: there is no such patient.
with held as materialized (
    select pg_advisory_xact_lock(7205759403792793600 + $1::bigint) is not null as yes
)
select coalesce(p.user_id, 0), p.patient_type
  from held
  join patients p on p.id = $1::bigint and p.deleted_at is null;

-- name: added_patient_orders
-- Orders of patient $1 that hold a place in session $2 or on its days; none when the session is gone.
select o.schedule_id, (extract(epoch from o.starts_at) * 1000000)::bigint, (extract(epoch from o.ends_at) * 1000000)::bigint, o.status
  from schedules s
  join registration_orders o on o.patient_id = $1::bigint and o.status in ('pending', 'confirmed', 'completed', 'no_show')
       and o.starts_at between s.starts_at - interval '1 day' and s.ends_at + interval '1 day'
 where s.id = $2::bigint;

-- name: added_session_exists
-- $1 session, held by this transaction. Its place for an added patient: the one behind its last; where somebody holds that one, because
-- the session once had more places, the highest that is free.
select (select max(p) from generate_series(1, s.total_slots + 1) p
         where not exists (select from registration_orders o where o.schedule_id = s.id and o.slot_no = p
                              and o.status in ('pending', 'confirmed', 'completed', 'no_show')))
  from schedules s where s.id = $1::bigint and s.deleted_at is null;

-- name: approve_add_slot
-- $1 application, $2 comment, $3 caller, $4 now
update add_slot_audits a
   set status = 'approved', auditor_user_id = $3::bigint, audit_time = $4::timestamptz, audit_remark = $2::text,
       version = a.version + 1, updated_at = $4::timestamptz
 where a.id = $1::bigint and a.status = 'pending';
