-- Statements of `guahao replay` (ops/cmd/replay_setup.c, replay_check.c). Everything a run makes carries its tag and is_demo.

-- name: replay_ids
-- Reserve $2 ids of table $1, as one array.
select array_agg(nextval(pg_get_serial_sequence($1::text, 'id'))) from generate_series(1, $2::int)

-- name: replay_area
insert into hospital_areas (name, destination, is_demo) values ('Replay ' || $1::text, 'replay', true) returning id

-- name: replay_department
with major as (
    insert into major_departments (name, is_demo) values ('Replay ' || $1::text, true) returning id)
insert into minor_departments (major_dept_id, name, is_demo) select id, 'Replay clinics ' || $1::text, true from major returning id

-- name: replay_clinics
-- $1 ids, $2 names, $3 area, $4 minor department
insert into clinics (id, area_id, minor_dept_id, name, clinic_type, is_demo)
select u.id, $3::bigint, $4::bigint, left(u.name, 100), 0, true from unnest($1::bigint[], $2::text[]) u (id, name)

-- name: replay_doctors
-- $1 ids, $2 clinic names, $3 minor department
insert into doctors (id, dept_id, name, title, is_demo)
select u.id, $3::bigint, left('Dr ' || u.name, 50), '主治医师', true from unnest($1::bigint[], $2::text[]) u (id, name)

-- name: replay_schedules
-- $1 ids, $2 doctors, $3 clinics, $4 days, $5 places, $6 starts, $7 slot minutes, $8 session minutes
insert into schedules (id, doctor_id, clinic_id, date, time_section, slot_type, total_slots, remaining_slots, price, starts_at,
                       ends_at, slot_minutes, is_demo)
select u.id, u.doctor, u.clinic, u.day, '上午', '普通', u.places, u.places, 50, u.starts, u.starts + make_interval(mins => $8::int),
       u.slot, true
  from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::date[], $5::int[], $6::timestamptz[], $7::smallint[])
       u (id, doctor, clinic, day, places, starts, slot)

-- name: replay_users
-- $1 ids, $2 tag; the n-th id is the n-th patient
insert into users (id, username, full_name, user_type, is_verified, is_demo)
select u.id, 'replay-' || $2::text || '-' || u.n, 'Replay ' || u.n, 'external', true, true
  from unnest($1::bigint[]) with ordinality u (id, n)

-- name: replay_roles
insert into user_roles (user_id, role_code) select id, 'PATIENT' from unnest($1::bigint[]) u (id)

-- name: replay_patients
-- $1 patient ids, $2 user ids
insert into patients (id, user_id, name, is_verified, is_demo)
select u.id, u.user_id, 'Replay ' || u.n, true, true from unnest($1::bigint[], $2::bigint[]) with ordinality u (id, user_id, n)

-- name: replay_relations
insert into patient_relations (user_patient_id, related_patient_id, relation_type, is_default, is_demo)
select id, id, '本人', true, true from unnest($1::bigint[]) u (id)

-- name: replay_sessions
-- $1 session ids, $2 user ids, $3 access jtis, $4 now, $5 expiry
insert into sessions (id, user_id, surface, access_jti, access_expires_at, created_at, last_seen_at, expires_at)
select u.id, u.user_id, 'v1', u.jti, $5::timestamptz, $4::timestamptz, $4::timestamptz, $5::timestamptz
  from unnest($1::uuid[], $2::bigint[], $3::uuid[]) u (id, user_id, jti)

-- name: replay_orders
-- All bookings of the run's sessions.
select id, patient_id, schedule_id, status from registration_orders where schedule_id = any ($1::bigint[])
   and status in ('pending', 'confirmed', 'completed', 'no_show') order by id

-- name: replay_counters
-- R-102 for every session: places left and places taken make the total.
select s.id, s.total_slots, s.remaining_slots, coalesce(o.n, 0) as taken
  from schedules s
  left join (select schedule_id, count(*) as n from registration_orders
              where schedule_id = any ($1::bigint[]) and status in ('pending', 'confirmed', 'completed', 'no_show')
              group by schedule_id) o on o.schedule_id = s.id
 where s.id = any ($1::bigint[]) order by s.id
