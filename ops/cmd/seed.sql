-- Statements of `guahao seed` (ops/cmd/seed.c). Rows arrive by COPY in temporary tables and are merged: what is there stays, a
-- second run adds nothing. $1 is the moment of the run wherever it stands.

-- name: seed_lock
select pg_advisory_xact_lock(hashtextextended('guahao seed', 0));

-- name: seed_is_real
select exists (select 1 from users) and not exists (select 1 from users where is_demo);

-- name: seed_stage_areas
create temp table s_areas (n int primary key, name text, destination text, latitude numeric, longitude numeric, id bigint) on commit drop;

-- name: seed_stage_majors
create temp table s_majors (n int primary key, name text, description text, id bigint) on commit drop;

-- name: seed_stage_minors
create temp table s_minors (n int primary key, major_n int, name text, description text, id bigint) on commit drop;

-- name: seed_stage_specialties
create temp table s_specialties (n int primary key, code text, name text, description text, id bigint) on commit drop;

-- name: seed_stage_clinics
create temp table s_clinics (n int primary key, minor_n int, area_n int, name text, address text, clinic_type smallint, id bigint)
    on commit drop;

-- name: seed_stage_doctors
create temp table s_doctors (n int primary key, minor_n int, identifier text, name text, title text, specialty text,
    introduction text, is_head boolean, license_no text, degree text, years smallint, specialty_n int, id bigint) on commit drop;

-- name: seed_stage_staff
create temp table s_staff (n int primary key, identifier text, username text, name text, role text, user_type text, job_title text)
    on commit drop;

-- name: seed_stage_patients
create temp table s_patients (n bigint primary key, phone text, name text, gender text, birth date, patient_type text)
    on commit drop;

-- name: seed_stage_sessions
create temp table s_sessions (clinic_n int, doctor_n int, day date, section text, slot_type text, places int) on commit drop;

-- name: seed_areas
insert into hospital_areas (name, destination, latitude, longitude, is_demo, created_at, updated_at)
select s.name, s.destination, s.latitude, s.longitude, true, $1::timestamptz, $1
  from s_areas s
 where not exists (select 1 from hospital_areas a where a.name = s.name)
 order by s.n;

-- name: seed_areas_ids
update s_areas s set id = (select min(a.id) from hospital_areas a where a.name = s.name);

-- name: seed_majors
insert into major_departments (name, description, sort_order, is_demo, created_at, updated_at)
select s.name, s.description, s.n + 1, true, $1::timestamptz, $1
  from s_majors s
 where not exists (select 1 from major_departments m where m.name = s.name)      -- one that was deleted stays so
 order by s.n;

-- name: seed_majors_ids
update s_majors s set id = m.id from major_departments m where m.name = s.name and m.deleted_at is null;

-- name: seed_minors
insert into minor_departments (major_dept_id, name, description, sort_order, is_demo, created_at, updated_at)
select m.id, s.name, s.description, s.n + 1, true, $1::timestamptz, $1
  from s_minors s join s_majors m on m.n = s.major_n
 where m.id is not null and not exists (select 1 from minor_departments x where x.name = s.name)
 order by s.n;

-- name: seed_minors_ids
update s_minors s set id = m.id from minor_departments m where m.name = s.name and m.deleted_at is null;

-- name: seed_clinics
insert into clinics (area_id, minor_dept_id, name, address, clinic_type, is_demo, created_at, updated_at)
select a.id, m.id, s.name, s.address, s.clinic_type, true, $1::timestamptz, $1
  from s_clinics s join s_minors m on m.n = s.minor_n join s_areas a on a.n = s.area_n
 where m.id is not null and not exists (select 1 from clinics c where c.minor_dept_id = m.id and c.name = s.name)
 order by s.n;

-- name: seed_clinics_ids
update s_clinics s set id = c.id
  from s_minors m, clinics c where m.n = s.minor_n and c.minor_dept_id = m.id and c.name = s.name and c.is_demo;

-- name: seed_staff_users
-- $2 password hash
insert into users (identifier, username, email, full_name, user_type, hashed_password, password_changed_at, is_verified,
                   is_superuser, is_demo, created_at, updated_at)
select s.identifier, s.username, s.username || '@example.org', s.name, s.user_type, $2::text, $1::timestamptz, true,
       s.role = 'ADMIN', true, $1, $1
  from s_staff s
 where not exists (select 1 from users u where u.identifier = s.identifier)
 order by s.n
on conflict do nothing;

-- name: seed_staff_roles
insert into user_roles (user_id, role_code, granted_at)
select u.id, s.role, $1::timestamptz from s_staff s join users u on u.identifier = s.identifier and u.is_demo
 where not exists (select 1 from user_roles r where r.user_id = u.id);

-- name: seed_administrators
insert into administrators (user_id, name, job_title, is_demo, created_at, updated_at)
select u.id, s.name, s.job_title, true, $1::timestamptz, $1
  from s_staff s join users u on u.identifier = s.identifier and u.is_demo
 where s.role = 'ADMIN'
on conflict (user_id) do nothing;

-- name: seed_doctor_users
insert into users (identifier, username, email, full_name, user_type, hashed_password, password_changed_at, is_verified, is_demo,
                   created_at, updated_at)
select s.identifier, lower(s.identifier), lower(s.identifier) || '@example.org', s.name, 'doctor', $2::text, $1::timestamptz,
       true, true, $1, $1
  from s_doctors s
 where not exists (select 1 from users u where u.identifier = s.identifier)
 order by s.n
on conflict do nothing;

-- name: seed_doctor_roles
insert into user_roles (user_id, role_code, granted_at)
select u.id, 'DOCTOR', $1::timestamptz from s_doctors s join users u on u.identifier = s.identifier and u.is_demo
 where not exists (select 1 from user_roles r where r.user_id = u.id);

-- name: seed_doctors
insert into doctors (user_id, dept_id, name, title, specialty, introduction, is_department_head, license_no, qualifications,
                     languages, years_experience, is_demo, created_at, updated_at)
select u.id, m.id, s.name, s.title, s.specialty, s.introduction, s.is_head, s.license_no, array[s.degree], '{zh}', s.years, true,
       $1::timestamptz, $1
  from s_doctors s
  join s_minors m on m.n = s.minor_n
  join users u on u.identifier = s.identifier and u.is_demo and not u.is_deleted
 where m.id is not null and not exists (select 1 from doctors d where d.user_id = u.id or d.license_no = s.license_no)
 order by s.n;

-- name: seed_doctors_ids
update s_doctors s set id = d.id
  from doctors d where d.license_no = s.license_no and d.is_demo and d.deleted_at is null and d.status = 'ACTIVE';

-- name: seed_specialties
insert into specialties (code, name, description, is_demo, created_at, updated_at)
select s.code, s.name, s.description, true, $1::timestamptz, $1
  from s_specialties s
 where not exists (select 1 from specialties x where lower(x.code) = lower(s.code) or lower(x.name) = lower(s.name))
 order by s.n;

-- name: seed_specialties_ids
update s_specialties s set id = x.id from specialties x where lower(x.code) = lower(s.code);

-- name: seed_doctor_specialties
insert into doctor_specialties (doctor_id, specialty_id)
select s.id, x.id
  from s_doctors s join s_specialties x on x.n = s.specialty_n and x.id is not null join doctors d on d.id = s.id
 where $1::timestamptz in (d.created_at, (select e.created_at from specialties e where e.id = x.id))   -- taken away: stays so
on conflict do nothing;

-- name: seed_patient_users
-- $2 password hash, $3 and $4 first and last number
insert into users (phonenumber, username, email, full_name, user_type, hashed_password, password_changed_at, is_verified, is_demo,
                   created_at, updated_at)
select s.phone, 'p' || s.phone, 'p' || s.phone || '@example.org', s.name, 'external', $2::text, $1::timestamptz, true, true, $1, $1
  from s_patients s
 where s.n between $3::bigint and $4::bigint
   and not exists (select 1 from users u where u.phonenumber = s.phone)
 order by s.n
on conflict do nothing;

-- name: seed_patients
insert into patients (user_id, name, first_name, last_name, gender, date_of_birth, patient_type, is_verified, phone, address,
                      emergency_contact, marital_status, occupation, language, is_demo, created_at, updated_at)
select u.id, s.name, substr(s.name, 2), left(s.name, 1), s.gender, s.birth, s.patient_type, true, s.phone,
       jsonb_build_object('line', format('%s %s 号', (array['学院路', '中关村大街', '知春路', '北土城西路', '成府路'])[1 + s.n % 5], 1 + s.n % 97),
                          'city', '北京', 'region', '北京', 'postal_code', '100044', 'country', 'CN'),
       jsonb_build_object('name', left(s.name, 1) || (array['先生', '女士'])[1 + s.n % 2], 'phone',
                          '137' || lpad((s.n % 100000000)::text, 8, '0'), 'relationship', (array['spouse', 'parent', 'child'])[1 + s.n % 3]),
       (array['single', 'married'])[1 + s.n % 2], case s.patient_type when '学生' then '学生' when '教师' then '教师' when '职工' then '职工'
                                                                      else (array['工程师', '会计', '退休'])[1 + s.n % 3] end,
       'zh', true, $1::timestamptz, $1
  from s_patients s join users u on u.phonenumber = s.phone and u.is_demo and not u.is_deleted
 where s.n between $2::bigint and $3::bigint
   and not exists (select 1 from patients p where p.user_id = u.id)
 order by s.n;

-- name: seed_profiles
-- Every third patient has something to tell; nobody has verified it.
insert into medical_profiles (patient_id, blood_type, height_cm, weight_kg, allergies, chronic_conditions, current_medications, smoking,
                              alcohol, source, created_at, updated_at)
select p.id, (array['A+', 'B+', 'O+', 'AB+', 'O-'])[1 + s.n % 5], 150 + s.n % 40, 45 + s.n % 50,
       case when s.n % 2 = 0 then jsonb_build_array(jsonb_build_object('substance', (array['青霉素', '花粉', '海鲜'])[1 + s.n % 3], 'category',
           (array['medication', 'environment', 'food'])[1 + s.n % 3], 'verified', false, 'recorded_at', gh_ts_text($1::timestamptz, $4::text)))
            else '[]' end,
       case when s.n % 4 = 0 then '[{"code": "I10", "description": "高血压", "since": "2020-05-01", "status": "active"}]'::jsonb else '[]' end,
       case when s.n % 4 = 0 then '[{"name": "氨氯地平", "dosage": "每日 5 mg", "since": "2020-05-01"}]'::jsonb else '[]' end,
       (array['never', 'former', 'current'])[1 + s.n % 3], (array['never', 'current'])[1 + s.n % 2], 'patient', $1, $1
  from s_patients s join users u on u.phonenumber = s.phone join patients p on p.user_id = u.id and p.is_demo
 where s.n between $2::bigint and $3::bigint and s.n % 3 = 0
    on conflict (patient_id) do nothing;

-- name: seed_patient_roles
insert into user_roles (user_id, role_code, granted_at)
select u.id, 'PATIENT', $1::timestamptz
  from s_patients s join users u on u.phonenumber = s.phone and u.is_demo
 where s.n between $2::bigint and $3::bigint
   and not exists (select 1 from user_roles r where r.user_id = u.id);

-- name: seed_relations
insert into patient_relations (user_patient_id, related_patient_id, relation_type, is_default, is_demo, created_at, updated_at)
select p.id, p.id, '本人', true, true, $1::timestamptz, $1
  from s_patients s join users u on u.phonenumber = s.phone join patients p on p.user_id = u.id and p.is_demo
 where s.n between $2::bigint and $3::bigint
   and not exists (select 1 from patient_relations r where r.user_patient_id = p.id)
 order by s.n;

-- name: seed_sessions
-- $2 time zone. Bounds come from the schedule settings (BR-48, CLINIC before GLOBAL), the price from the ladder DOCTOR, CLINIC,
-- MINOR_DEPT, GLOBAL, built-in (BR-31). Only sessions that start after $1.
insert into schedules (doctor_id, clinic_id, date, time_section, slot_type, total_slots, remaining_slots, price, starts_at, ends_at,
                       slot_minutes, is_demo, created_at, updated_at)
select d.id, c.id, s.day, s.section, s.slot_type, s.places, s.places, price.amount, t.starts, t.ends,
       greatest(1, floor(extract(epoch from t.ends - t.starts) / 60 / s.places)), true, $1::timestamptz, $1
  from s_sessions s
  join s_clinics c on c.n = s.clinic_n and c.id is not null
  join s_doctors d on d.n = s.doctor_n and d.id is not null
  join s_minors m on m.n = d.minor_n
 cross join lateral (
    select '{"morningStart": "08:00", "morningEnd": "12:00", "afternoonStart": "14:00", "afternoonEnd": "18:00",
             "eveningStart": "18:30", "eveningEnd": "21:00"}'::jsonb
        || coalesce((select g.config_value from system_config g
                      where g.config_key = 'schedule' and g.is_active
                        and (g.scope_type = 'GLOBAL' or (g.scope_type = 'CLINIC' and g.scope_id = c.id))
                      order by g.scope_type = 'CLINIC' desc limit 1), '{}') as v) as conf
 cross join lateral (
    select case s.section when '上午' then 'morning' when '下午' then 'afternoon' else 'evening' end as part) as sec
 cross join lateral (
    select (s.day + (conf.v ->> (sec.part || 'Start'))::time) at time zone $2::text as starts,
           (s.day + (conf.v ->> (sec.part || 'End'))::time) at time zone $2::text as ends) as t
 cross join lateral (
    select case s.slot_type when '普通' then 'default_price_normal' when '专家' then 'default_price_expert'
                            else 'default_price_special' end as key) as kind
 cross join lateral (
    select coalesce(
        (select (p.config_value ->> kind.key)::numeric from system_config p
          where p.config_key = 'registration.price' and p.is_active and p.config_value ->> kind.key is not null
            and case p.scope_type when 'DOCTOR' then p.scope_id = d.id when 'CLINIC' then p.scope_id = c.id
                                  when 'MINOR_DEPT' then p.scope_id = m.id else p.scope_type = 'GLOBAL' end
          order by array_position(array['DOCTOR', 'CLINIC', 'MINOR_DEPT', 'GLOBAL'], p.scope_type::text) limit 1),
        case s.slot_type when '普通' then 50 when '专家' then 100 else 500 end) as amount) as price
 where t.starts > $1 and t.starts < t.ends
   and not exists (select 1 from schedules x where x.clinic_id = c.id and x.date = s.day and x.time_section = s.section
                                               and (x.is_demo or x.is_latest))
 order by s.day, t.starts, s.clinic_n
on conflict do nothing;

-- name: seed_reset_users
update users set hashed_password = $1::text, is_active = true, is_deleted = false, is_verified = true, must_change_password = false
 where is_demo and (identifier in (select identifier from s_staff union all select identifier from s_doctors)
                    or phonenumber in (select phone from s_patients));

-- name: seed_totals
select (select count(*) from hospital_areas), (select count(*) from major_departments where deleted_at is null),
       (select count(*) from minor_departments where deleted_at is null),
       (select count(*) from clinics), (select count(*) from doctors where deleted_at is null), (select count(*) from patients),
       (select count(*) from schedules where is_latest and starts_at > $1::timestamptz);
