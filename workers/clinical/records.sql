-- Records of visits as the code surface shows them (api/07 section 7.5, api/11 section 11.3; BR-112, BR-146, BR-151). Drafts and voided
-- ones are nobody's to see here.

-- name: health_record
-- $1 own patient row, $2 zone, $3 today. The newest 1000 visits.
select case when p.id is null then 'PATIENT_RECORD_MISSING' end as error,
       json_build_object(
           'patientId', p.id::text,
           'basicInfo', json_build_object(
               'name', coalesce(p.full_name, p.name), 'gender', gh_code_gender(p.gender), 'age', gh_age(p.date_of_birth, $3::date),
               'height', round(m.height_cm)::int, 'phone', coalesce(gh_masked_phone(coalesce(p.phone, u.phonenumber)), ''),
               'identifier', p.identifier, 'idCard', gh_sealed('card', 'patients.national_id_enc', p.id, p.national_id_enc),
               'address', nullif(concat_ws(' ', p.address->>'country', p.address->>'region', p.address->>'city', p.address->>'line'), '')),
           'medicalHistory', json_build_object(
               'pastHistory', gh_profile_texts(m.chronic_conditions) || gh_profile_texts(m.surgeries),
               'allergyHistory', gh_profile_texts(m.allergies), 'familyHistory', gh_profile_texts(m.family_history)),
           'consultationRecords', coalesce((
               select json_agg(gh_code_visit(r, $2::text, $3) order by r.visit_date desc, r.id desc)
                 from (select * from medical_records x
                        where x.patient_id = p.id and x.status in ('FINAL', 'AMENDED')
                        order by x.visit_date desc, x.id desc limit 1000) r), '[]'))::text as body
  from (select) x
  left join patients p on p.id = $1::bigint and p.deleted_at is null
  left join users u on u.id = p.user_id and not u.is_deleted
  left join medical_profiles m on m.patient_id = p.id;

-- name: list_visits
-- $1 own patient row, $2 page, $3 size, $4 zone, $5 today
select case when $1::bigint is null then 'PATIENT_RECORD_MISSING' end as error,
       json_build_object(
           'total', (select count(*) from medical_records r where r.patient_id = $1 and r.status in ('FINAL', 'AMENDED')),
           'page', $2::int, 'pageSize', $3::int,
           'list', coalesce((
               select json_agg(gh_code_visit(r, $4::text, $5::date) order by r.visit_date desc, r.id desc)
                 from (select * from medical_records x
                        where x.patient_id = $1 and x.status in ('FINAL', 'AMENDED')
                        order by x.visit_date desc, x.id desc limit $3 offset ($2::bigint - 1) * $3) r), '[]'))::text as body;

-- name: own_visit
-- $1 record, $2 own patient row, $3 zone, $4 today
select case when $2::bigint is null then 'PATIENT_RECORD_MISSING'
            when r.id is null then 'VISIT_NOT_FOUND'
            when r.patient_id <> $2 then 'VISIT_READ_FORBIDDEN' end as error,
       json_build_object(
           'basicInfo', json_build_object(
               'patientName', coalesce(p.full_name, p.name), 'gender', gh_code_gender(p.gender), 'age', gh_age(p.date_of_birth, $4::date),
               'outpatientNo', v.doc->'outpatientNo', 'visitDate', v.doc->'visitDate', 'department', v.doc->'department',
               'doctorName', v.doc->'doctorName'),
           'recordData', json_build_object(
               'chiefComplaint', v.doc->'chiefComplaint', 'presentIllness', v.doc->'presentIllness', 'auxiliaryExam', null,
               'diagnosis', v.doc->'diagnosis', 'prescription', v.doc->'prescription', 'advice', v.doc->'advice'))::text as body
  from (select) x
  left join medical_records r on r.id = $1::bigint and r.status in ('FINAL', 'AMENDED')
  left join patients p on p.id = r.patient_id
  left join lateral (select gh_code_visit(r, $3::text, $4) as doc) v on true;

-- name: visit_record
-- $1 record, $2 the caller's patient row, $3 his doctor row, $4 his roles, $5 zone, $6 today. The visit's patient, administrators, and doctors
-- with an order of that patient (BR-120).
select case when r.id is null then 'VISIT_NOT_FOUND'
            when ($4::int & 33 <> 0 or r.patient_id = $2::bigint
                  or exists (select from registration_orders o
                              where o.patient_id = r.patient_id and o.doctor_id = $3::bigint and o.status in ('confirmed', 'completed')))
                 is not true then 'VISIT_RECORD_FORBIDDEN' end as error,
       json_build_object(
           'basicInfo', json_build_object(
               'name', coalesce(p.full_name, p.name), 'patientName', coalesce(p.full_name, p.name), 'gender', gh_code_gender(p.gender),
               'age', coalesce(gh_age(p.date_of_birth, $6::date), 0)),
           'recordData', json_build_object(
               'id', r.id::text, 'outpatientNo', lpad(r.id::text, greatest(6, length(r.id::text)), '0'), 'visitDate', v.doc->'visitDate',
               'department', v.doc->'department', 'doctorName', v.doc->'doctorName',
               'chiefComplaint', case when r.body_enc is null then coalesce(nullif(v.doc->>'chiefComplaint', ''), '无')
                                      else gh_record_text(r, 'text', 'chief_complaint') end,
               'presentIllness', coalesce(gh_record_text(r, 'text', 'history_of_present_illness'), '无'), 'auxiliaryExam', '无',
               'diagnosis', coalesce(v.doc->>'diagnosis', '无'),
               'prescription', coalesce(gh_record_text(r, 'text', 'treatment_plan'), '无'),
               'advice', coalesce(gh_record_text(r, 'text', 'advice'), '无')))::text as body
  from (select) x
  left join medical_records r on r.id = $1::bigint and r.status in ('FINAL', 'AMENDED')
  left join patients p on p.id = r.patient_id
  left join lateral (select gh_code_visit(r, $5::text, $6) as doc) v on true;
