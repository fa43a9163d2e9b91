-- Bookings show whole names; doctors are found by parts of their names.

-- Names longer than 50 characters stand in full_name.
create or replace view v_bookings as
    select o.*, gh_shown_status(o.status) as shown_status, gh_fhir_status(o.status, o.checked_in_at) as fhir_status,
           s.starts_at as session_starts_at,
           p.name as patient_name, p.first_name as patient_first_name, p.last_name as patient_last_name,
           p.gender as patient_gender, p.user_id as patient_user_id, coalesce(p.phone, pu.phonenumber) as patient_phone,
           d.name as doctor_name, d.title as doctor_title, d.specialty as doctor_specialty, d.user_id as doctor_user_id,
           m.id as dept_id, m.name as dept_name, c.id as clinic_id, c.name as clinic_name,
           h.id as area_id, h.name as area_name, h.destination as area_address, b.id as bill_id,
           gh_shown_payment(o.payment_status, o.price) as shown_payment,
           coalesce(p.full_name, p.name) as patient_full_name, coalesce(d.full_name, d.name) as doctor_full_name
      from registration_orders o
      join schedules s on s.id = o.schedule_id
      join patients p on p.id = o.patient_id
      left join users pu on pu.id = p.user_id
      join doctors d on d.id = o.doctor_id
      left join minor_departments m on m.id = d.dept_id
      left join clinics c on c.id = s.clinic_id
      left join hospital_areas h on h.id = c.area_id
      left join bills b on b.appointment_id = o.id and b.kind = 'REGISTRATION' and b.status <> 'CANCELLED';

-- Appointment of api/24, api/30 and api/07: as before, with whole names. On the {code, message} surface a doctor of no department has an
-- empty department name.
create or replace function gh_v1_appointment(b v_bookings, tz text, currency text) returns json language sql stable as $$
    select json_build_object(
        'id', b.id, 'code', 'A' || b.order_no, 'patient_id', b.patient_id,
        'patient', json_build_object('id', b.patient_id, 'full_name', b.patient_full_name, 'phone', b.patient_phone),
        'doctor_id', b.doctor_id,
        'doctor', json_build_object('id', b.doctor_id, 'name', b.doctor_full_name, 'title', b.doctor_title),
        'department', case when b.dept_id is not null then json_build_object('id', b.dept_id, 'name', b.dept_name) end,
        'clinic', case when b.clinic_id is not null then json_build_object('id', b.clinic_id, 'name', b.clinic_name) end,
        'schedule_id', b.schedule_id, 'slot_no', b.slot_no,
        'start_time', gh_ts_text(b.starts_at, tz), 'end_time', gh_ts_text(b.ends_at, tz),
        'slot_type', gh_slot_type_v1(b.slot_type), 'status', b.shown_status, 'fhir_status', b.fhir_status,
        'visit_type', b.visit_type, 'reason', b.reason, 'notes', b.notes, 'fee', b.price, 'currency', currency,
        'bill_id', b.bill_id, 'payment_status', b.shown_payment, 'cancel_reason', b.cancel_reason,
        'cancelled_by', b.cancelled_by, 'cancelled_at', gh_ts_text(b.cancelled_at, tz),
        'reschedule_count', b.reschedule_count, 'previous_start_time', gh_ts_text(b.previous_starts_at, tz),
        'channel', b.channel, 'created_by', b.initiator_user_id,
        'created_at', gh_ts_text(b.created_at, tz), 'updated_at', gh_ts_text(b.updated_at, tz))
$$;

create or replace function gh_hb_appointment(b v_bookings, tz text, expand boolean) returns json language sql stable as $$
    select case when expand then json_build_object(
        'id', b.id, 'patient_id', b.patient_id, 'doctor_id', b.doctor_id, 'date_time', gh_ts_text(b.starts_at, tz),
        'end_time', gh_ts_text(b.ends_at, tz), 'status', b.shown_status, 'description', b.reason,
        'created_at', gh_ts_text(b.created_at, tz),
        'patient', gh_person_json(b.patient_id, coalesce(b.patient_first_name, b.patient_full_name), b.patient_last_name),
        'doctor', (select gh_person_json(d.id, coalesce(d.first_name, d.full_name, d.name), d.last_name)
                     from doctors d where d.id = b.doctor_id))
    else json_build_object(
        'id', b.id, 'patient_id', b.patient_id, 'doctor_id', b.doctor_id, 'date_time', gh_ts_text(b.starts_at, tz),
        'end_time', gh_ts_text(b.ends_at, tz), 'status', b.shown_status, 'description', b.reason,
        'created_at', gh_ts_text(b.created_at, tz)) end
$$;

create or replace function gh_code_appointment(b v_bookings, tz text, at_now timestamptz) returns json language sql stable as $$
    select json_build_object(
        'id', b.id, 'orderNo', b.order_no, 'hospitalId', b.area_id, 'hospitalName', coalesce(b.area_name, ''),
        'departmentId', b.dept_id, 'departmentName', coalesce(b.dept_name, ''), 'doctorName', b.doctor_full_name,
        'doctorTitle', coalesce(b.doctor_title, ''), 'scheduleId', b.schedule_id, 'appointmentDate', b.slot_date,
        'appointmentTime', b.time_section, 'patientName', b.patient_full_name, 'patientId', b.patient_id, 'queueNumber', null,
        'price', b.price, 'status', b.status, 'paymentStatus', b.payment_status,
        'canCancel', b.status in ('pending', 'confirmed')
                     and at_now < b.session_starts_at - make_interval(hours => gh_cancel_hours(b.doctor_id)),
        'canReschedule', b.status in ('pending', 'confirmed') and at_now < b.starts_at,
        'sourceType', case b.source_type when 'waitlist' then 'waitlist' else 'normal' end,
        'createdAt', gh_dts_text(b.created_at, tz),
        'isWaitlist', b.status = 'waitlist', 'sourceWaitlistId', case b.source_type when 'waitlist' then b.id end)
$$;

create or replace function gh_code_appointment_detail(b v_bookings, tz text, at_now timestamptz) returns json language sql stable as $$
    select json_build_object(
        'id', b.id, 'orderNo', b.order_no, 'hospitalId', b.area_id, 'hospitalName', coalesce(b.area_name, ''),
        'hospitalAddress', b.area_address, 'departmentId', b.dept_id, 'departmentName', coalesce(b.dept_name, ''),
        'doctorId', b.doctor_id, 'doctorName', b.doctor_full_name, 'doctorTitle', coalesce(b.doctor_title, ''),
        'doctorSpecialty', b.doctor_specialty, 'scheduleId', b.schedule_id, 'appointmentDate', b.slot_date,
        'appointmentTime', b.time_section, 'slotType', b.slot_type, 'patientId', b.patient_id,
        'patientName', b.patient_full_name,
        'patientGender', case b.patient_gender when 'male' then '男' when 'female' then '女' else '未知' end,
        'patientPhone', null, 'symptoms', b.reason, 'price', b.price, 'status', b.status,
        'paymentStatus', b.payment_status, 'sourceType', case b.source_type when 'waitlist' then 'waitlist' else 'normal' end,
        'canCancel', b.status in ('pending', 'confirmed')
                     and at_now < b.session_starts_at - make_interval(hours => gh_cancel_hours(b.doctor_id)),
        'createdAt', gh_dts_text(b.created_at, tz), 'paidAt', gh_dts_text(b.payment_time, tz),
        'cancelledAt', gh_dts_text(b.cancelled_at, tz))
$$;

-- Finding doctors by a part of the name: as patients are (0040), whose names are too short for trigrams as well.
create index doctors_name_parts_ix on doctors using gin (gh_name_parts(name, false));
