-- Statements of `guahao seed clear` and `guahao init` (ops/cmd/seed_clear.c). Rows without the demo mark stay, and with them the
-- demo rows that they need: a person's booking keeps its demo session, clinic and doctor.

-- name: clear_whole
truncate registration_orders, schedules, availability_rules, clinics, doctor_specialties, specialties, doctors, patients, minor_departments, major_departments, hospital_areas,
         blobs cascade;

-- name: clear_doomed
create temp table doomed on commit drop as
select o.id from registration_orders o join patients p on p.id = o.patient_id where o.is_demo or p.is_demo;

-- name: clear_free_places
update schedules s set remaining_slots = s.remaining_slots + x.n, version = s.version + 1
  from (select o.schedule_id, count(*)::int as n from registration_orders o join doomed using (id)
         where o.status in ('pending', 'confirmed', 'completed', 'no_show') group by 1) x
 where s.id = x.schedule_id;

-- name: clear_history
delete from appointment_history where order_id in (select id from doomed);

-- name: clear_ledger
delete from ledger_entries where bill_id in (
    select b.id from bills b join patients p on p.id = b.patient_id where p.is_demo or b.appointment_id in (select id from doomed));

-- name: clear_refunds
delete from refunds r using payments y, bills b, patients p
 where y.id = r.payment_id and b.id = y.bill_id and p.id = b.patient_id
   and (p.is_demo or b.appointment_id in (select id from doomed));

-- name: clear_gateway_events
delete from gateway_events e using payments y, bills b, patients p
 where y.id = e.payment_id and b.id = y.bill_id and p.id = b.patient_id
   and (p.is_demo or b.appointment_id in (select id from doomed));

-- name: clear_payments
delete from payments y using bills b, patients p
 where b.id = y.bill_id and p.id = b.patient_id and (p.is_demo or b.appointment_id in (select id from doomed));

-- name: clear_bill_items
delete from bill_items i using bills b, patients p
 where b.id = i.bill_id and p.id = b.patient_id and (p.is_demo or b.appointment_id in (select id from doomed));

-- name: clear_bills
delete from bills b using patients p
 where p.id = b.patient_id and (p.is_demo or b.appointment_id in (select id from doomed));

-- name: clear_messages
delete from wechat_message_logs where order_id in (select id from doomed)
                                   or user_id in (select id from users where is_demo);

-- name: clear_notices
delete from message_outbox where order_id in (select id from doomed) or user_id in (select id from users where is_demo);

-- name: clear_images
delete from images i using patients p where p.id = i.patient_id and (p.is_demo or i.is_demo);

-- name: clear_records
delete from medical_records r using patients p
 where p.id = r.patient_id and (p.is_demo or r.appointment_id in (select id from doomed));

-- name: clear_add_slots
delete from add_slot_audits a using patients p, doctors d
 where p.id = a.patient_id and d.id = a.doctor_id and (p.is_demo or d.is_demo);

-- name: clear_orders
delete from registration_orders where id in (select id from doomed);

-- name: clear_leave
delete from leave_audits l using doctors d where d.id = l.doctor_id and d.is_demo;

-- name: clear_rules
delete from availability_rules r using doctors d where d.id = r.doctor_id and d.is_demo;

-- name: clear_applications
delete from schedule_audits a using clinics c where c.id = a.clinic_id and c.is_demo;

-- name: clear_sessions
delete from schedules s where s.is_demo and not exists (select 1 from registration_orders o where o.schedule_id = s.id);

-- name: clear_primary_doctor
update patients p set primary_doctor_id = null from doctors d where d.id = p.primary_doctor_id and d.is_demo;

-- name: clear_patients
delete from patients where is_demo;

-- name: clear_clinics
delete from clinics c where c.is_demo and not exists (select 1 from schedules s where s.clinic_id = c.id)
                        and not exists (select 1 from availability_rules r where r.clinic_id = c.id)
                        and not exists (select 1 from schedule_audits a where a.clinic_id = c.id);

-- name: clear_doctors
delete from doctors d where d.is_demo
   and not exists (select 1 from schedules s where s.doctor_id = d.id)
   and not exists (select 1 from registration_orders o where o.doctor_id = d.id)
   and not exists (select 1 from attendance_records r where r.doctor_id = d.id)
   and not exists (select 1 from schedule_audits a where a.submitter_doctor_id = d.id);

-- name: clear_specialties
delete from specialties s where s.is_demo and not exists (select 1 from doctor_specialties x where x.specialty_id = s.id);

-- name: clear_minors
delete from minor_departments m where m.is_demo and not exists (select 1 from clinics c where c.minor_dept_id = m.id)
   and not exists (select 1 from doctors d where d.dept_id = m.id)
   and not exists (select 1 from schedule_audits a where a.minor_dept_id = m.id);

-- name: clear_majors
delete from major_departments m where m.is_demo and not exists (select 1 from minor_departments x where x.major_dept_id = m.id);

-- name: clear_areas
delete from hospital_areas a where a.is_demo and not exists (select 1 from clinics c where c.area_id = a.id);

-- name: clear_admins
delete from administrators where is_demo;

-- name: clear_users_doomed
create temp table doomed_users on commit drop as
select u.id from users u
 where u.is_demo
   and not exists (select 1 from doctors d where d.user_id = u.id)
   and not exists (select 1 from patients p where p.user_id = u.id)
   and not exists (select 1 from registration_orders o where o.user_id = u.id or o.initiator_user_id = u.id)
   and not exists (select 1 from payments y where y.created_by = u.id)
   and not exists (select 1 from user_roles r where r.granted_by = u.id and r.user_id <> u.id)
   and not exists (select 1 from schedule_audits a where a.auditor_user_id = u.id)
   and not exists (select 1 from leave_audits a where a.auditor_user_id = u.id)
   and not exists (select 1 from add_slot_audits a where u.id in (a.auditor_user_id, a.applicant_id))
   and not exists (select 1 from medical_profiles m where m.updated_by = u.id)
   and not exists (select 1 from care_assignments a where a.created_by = u.id);

-- name: clear_tokens
delete from burnt_refresh_tokens b using sessions s where s.id = b.session_id and s.user_id in (select id from doomed_users);

-- name: clear_sign_ins
delete from sessions where user_id in (select id from doomed_users);

-- name: clear_resets
delete from password_resets where user_id in (select id from doomed_users);

-- name: clear_passwords
delete from password_history where user_id in (select id from doomed_users);

-- name: clear_job_files
delete from job_files f using jobs j where j.id = f.job_id and j.owner_id in (select id from doomed_users);

-- name: clear_jobs
delete from jobs where owner_id in (select id from doomed_users);

-- name: clear_bans
delete from user_bans where user_id in (select id from doomed_users);

-- name: clear_risk_logs
delete from risk_logs where user_id in (select id from doomed_users);

-- name: clear_risk
delete from user_risk_summaries where user_id in (select id from doomed_users);

-- name: clear_feedback
delete from feedbacks where user_id in (select id from doomed_users);

-- name: clear_wechat
delete from wechat_subscribe_auths where user_id in (select id from doomed_users);

-- name: clear_roles
delete from user_roles where user_id in (select id from doomed_users);

-- name: clear_users
delete from users where id in (select id from doomed_users);
