-- HbAppointment of api/30; both ends of the relation with expand, each in first and last name.
create or replace function gh_hb_appointment(b v_bookings, tz text, expand boolean) returns json language sql stable as $$
    select case when expand then json_build_object(
        'id', b.id, 'patient_id', b.patient_id, 'doctor_id', b.doctor_id, 'date_time', gh_ts_text(b.starts_at, tz),
        'end_time', gh_ts_text(b.ends_at, tz), 'status', b.shown_status, 'description', b.reason,
        'created_at', gh_ts_text(b.created_at, tz),
        'patient', gh_person_json(b.patient_id, coalesce(b.patient_first_name, b.patient_name), b.patient_last_name),
        'doctor', (select gh_person_json(d.id, coalesce(d.first_name, d.full_name, d.name), d.last_name)
                     from doctors d where d.id = b.doctor_id))
    else json_build_object(
        'id', b.id, 'patient_id', b.patient_id, 'doctor_id', b.doctor_id, 'date_time', gh_ts_text(b.starts_at, tz),
        'end_time', gh_ts_text(b.ends_at, tz), 'status', b.shown_status, 'description', b.reason,
        'created_at', gh_ts_text(b.created_at, tz)) end
$$;
