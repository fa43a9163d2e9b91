-- Statements of `guahao seed algeria` (ops/cmd/seed_algeria.c): the sample data of seed 003. $1 is the moment of the run unless a
-- statement says otherwise; what is there stays, a second run adds nothing. All rows carry the demo mark.

-- A number from 0 to k - 1 that the random number, a kind and a row decide.
-- name: algeria_pick
create or replace function pg_temp.pick(rng bigint, kind text, n bigint, k int) returns int language sql immutable as $$
    select (('x' || substr(md5(rng || ':' || kind || ':' || n), 1, 7))::bit(28)::int) % k + 1
$$;

-- name: algeria_is_empty
select not exists (select 1 from users) and not exists (select 1 from bills);

-- name: algeria_stage_fields
create temp table dz_fields on commit drop as
select row_number() over () as n, f.*
  from (values ('CARDIO', 'Cardiologie', 1800, 2500), ('PEDIA', 'Pédiatrie', 1500, 2000), ('GYNECO', 'Gynécologie-obstétrique', 1800, 2500),
               ('DERMA', 'Dermatologie', 1500, 2000), ('OPHTA', 'Ophtalmologie', 1500, 2200), ('ORTHO', 'Orthopédie', 1600, 2400),
               ('ORL', 'Oto-rhino-laryngologie', 1500, 2000), ('GENERAL', 'Médecine générale', 1000, 1500)) f (code, name, fee, expert_fee);

-- $1 random number, $2 doctors, $3 patients
-- name: algeria_stage_people
create temp table dz_people on commit drop as
select k.kind, n, k.kind || n as key, sex.gender, first.name as first_name, last.name as last_name, first.name || ' ' || last.name as name,
       lower(translate(first.name || '.' || last.name, 'éèïÉ ', 'eeiE-')) || '.' || k.kind || n || '$algeria.example.org' as email,
       '+2135' || k.prefix || lpad(n::text, 7, '0') as phone,
       date '1945-01-01' + pg_temp.pick($1::bigint, k.kind || 'birth', n, k.birth_days) as birth
  from (values ('d', '5', $2::bigint, 16000), ('p', '6', $3::bigint, 28000)) k (kind, prefix, count, birth_days)
 cross join lateral generate_series(1, k.count) n
 cross join lateral (select (array['male', 'female'])[pg_temp.pick($1::bigint, k.kind || 'sex', n, 2)] as gender) sex
 cross join lateral (
    select case sex.gender
           when 'male' then (array['Mohamed', 'Ahmed', 'Karim', 'Yacine', 'Sofiane', 'Rachid', 'Amine', 'Nabil', 'Bilal', 'Omar', 'Farid', 'Walid'])
                            [pg_temp.pick($1::bigint, k.kind || 'first', n, 12)]
           else (array['Fatima', 'Amina', 'Khadija', 'Yasmine', 'Meriem', 'Nadia', 'Samira', 'Leïla', 'Imane', 'Sarah', 'Houria', 'Lynda'])
                [pg_temp.pick($1::bigint, k.kind || 'first', n, 12)] end as name) first
 cross join lateral (
    select (array['Benali', 'Boudiaf', 'Haddad', 'Mansouri', 'Belkacem', 'Hamidi', 'Cherif', 'Saadi', 'Khelifi', 'Bouzid', 'Ziani', 'Meziane',
                  'Ould Ali', 'Brahimi', 'Larbi', 'Taleb'])[pg_temp.pick($1::bigint, k.kind || 'last', n, 16)] as name) last;

-- name: algeria_departments
with major as (
    insert into major_departments (name, description, sort_order, is_demo, created_at, updated_at)
    select 'Polyclinique d''Alger', 'Consultations externes', 100, true, $1::timestamptz, $1
     where not exists (select 1 from major_departments where name = 'Polyclinique d''Alger')
    returning id
), area as (
    insert into hospital_areas (name, destination, latitude, longitude, is_demo, created_at, updated_at)
    select 'Alger-Centre', '12 rue Didouche Mourad, Alger', 36.7690, 3.0580, true, $1, $1
     where not exists (select 1 from hospital_areas where name = 'Alger-Centre')
    returning id
), minor as (
    insert into minor_departments (major_dept_id, name, description, sort_order, is_demo, created_at, updated_at)
    select m.id, f.name, 'Consultations de ' || lower(f.name), f.n, true, $1, $1
      from dz_fields f cross join (select id from major union select id from major_departments where name = 'Polyclinique d''Alger') m
     where not exists (select 1 from minor_departments x where x.name = f.name)
     order by f.n
    returning id
)
insert into specialties (code, name, description, is_demo, created_at, updated_at)
select f.code, f.name, 'Spécialité : ' || f.name, true, $1, $1
  from dz_fields f
 where not exists (select 1 from specialties s where lower(s.code) = lower(f.code) or lower(s.name) = lower(f.name))
 order by f.n;

-- $2 password hash
-- name: algeria_users
insert into users (username, email, full_name, user_type, hashed_password, password_changed_at, is_verified, is_demo, locale, created_at,
                   updated_at)
select u.username, u.email, u.name, u.type, $2::text, $1::timestamptz, true, true, 'fr', $1, $1
  from (select 'dz.admin', 'admin@algeria.example.org', 'Administration', 'admin', 0, 0
        union all select 'dz.staff', 'accueil@algeria.example.org', 'Accueil', 'external', 0, 1
        union all select 'dz.' || p.key, p.email, p.name, case p.kind when 'd' then 'doctor' else 'external' end, case p.kind when 'd' then 1 else 2 end, p.n
                    from dz_people p) u (username, email, name, type, k, n)
 where not exists (select 1 from users x where x.username_ci = lower(u.username))
 order by u.k, u.n
on conflict do nothing;

-- name: algeria_roles
insert into user_roles (user_id, role_code, granted_at)
select u.id, case when u.username = 'dz.admin' then 'ADMIN' when u.username = 'dz.staff' then 'STAFF' when u.username ~ '^dz[.]d' then 'DOCTOR'
                  else 'PATIENT' end, $1::timestamptz
  from users u
 where u.is_demo and u.username ~ '^dz[.](admin|staff|[dp][0-9]+)$' and not exists (select 1 from user_roles r where r.user_id = u.id)
 order by u.id;

-- name: algeria_administrator
insert into administrators (user_id, name, job_title, is_demo, created_at, updated_at)
select u.id, u.full_name, 'Administration', true, $1::timestamptz, $1 from users u where u.username = 'dz.admin' and u.is_demo
on conflict (user_id) do nothing;

-- $2 random number
-- name: algeria_doctors
with made as (
    insert into doctors (user_id, dept_id, name, first_name, last_name, title, specialty, introduction, license_no, qualifications, languages,
                         years_experience, is_demo, created_at, updated_at)
    select u.id, m.id, p.name, p.first_name, p.last_name, 'Médecin spécialiste', f.name, 'Consultations de ' || lower(f.name) || ' à Alger.',
           'DZ-' || lpad(p.n::text, 5, '0'), array['Doctorat en médecine'], '{ar,fr}', 3 + pg_temp.pick($2::bigint, 'years', p.n, 30), true,
           $1::timestamptz, $1
      from dz_people p
      join users u on u.username = 'dz.' || p.key and u.is_demo and not u.is_deleted
      join dz_fields f on f.n = (p.n - 1) % 8 + 1
      join minor_departments m on m.name = f.name and m.deleted_at is null
     where p.kind = 'd' and not exists (select 1 from doctors d where d.user_id = u.id)
     order by p.n
    returning id, specialty, name, license_no, dept_id
), fields as (
    insert into doctor_specialties (doctor_id, specialty_id)
    select d.id, s.id from made d join specialties s on s.name = d.specialty
)
insert into clinics (area_id, minor_dept_id, name, address, clinic_type, is_demo, created_at, updated_at)
select a.id, d.dept_id, 'Cabinet ' || substr(d.license_no, 4) || ' ' || d.name, '12 rue Didouche Mourad, Alger', 0, true, $1, $1
  from made d cross join (select min(id) as id from hospital_areas where name = 'Alger-Centre') a
 order by d.id;

-- $2 random number
-- name: algeria_patients
insert into patients (user_id, name, first_name, last_name, gender, date_of_birth, is_verified, phone, address, emergency_contact, language,
                      is_demo, created_at, updated_at)
select u.id, p.name, p.first_name, p.last_name, p.gender, p.birth, true, p.phone,
       jsonb_build_object('line', (1 + p.n % 90) || ' rue ' || (array['Larbi Ben M''hidi', 'Hassiba Ben Bouali', 'des Frères Bouadou'])
                                                               [pg_temp.pick($2::bigint, 'street', p.n, 3)],
                          'city', c.city, 'region', c.city, 'postal_code', c.code, 'country', 'DZ'),
       jsonb_build_object('name', 'Famille ' || p.last_name, 'phone', '+2137' || lpad(p.n::text, 8, '0'), 'relationship', 'parent'),
       'fr', true, $1::timestamptz, $1
  from dz_people p
  join users u on u.username = 'dz.' || p.key and u.is_demo and not u.is_deleted
 cross join lateral (
    select * from (values (1, 'Alger', '16000'), (2, 'Oran', '31000'), (3, 'Constantine', '25000'), (4, 'Annaba', '23000'), (5, 'Blida', '09000'))
             c (n, city, code) where c.n = pg_temp.pick($2::bigint, 'city', p.n, 5)) c
 where p.kind = 'p' and not exists (select 1 from patients x where x.user_id = u.id)
 order by p.n;

-- name: algeria_relations
insert into patient_relations (user_patient_id, related_patient_id, relation_type, is_default, is_demo, created_at, updated_at)
select p.id, p.id, '本人', true, true, $1::timestamptz, $1
  from patients p join users u on u.id = p.user_id and u.is_demo and u.username ~ '^dz[.]p[0-9]+$'
 where not exists (select 1 from patient_relations r where r.user_patient_id = p.id)
 order by p.id;

-- Three mornings and two afternoons a week, from Sunday to Thursday, by the doctor's number. $2 today
-- name: algeria_rules
insert into availability_rules (doctor_id, weekday, start_time, end_time, slot_minutes, clinic_id, slot_type, valid_from, valid_to, extended_to,
                                is_demo, created_at, updated_at)
select d.id, r.weekday, r.start_time, r.end_time, 30, c.id, r.slot_type, $2::date - 14, null, $2::date + 30, true, $1::timestamptz, $1
  from doctors d
  join users u on u.id = d.user_id and u.is_demo and u.username ~ '^dz[.]d[0-9]+$'
  join clinics c on c.is_demo and c.name = 'Cabinet ' || substr(d.license_no, 4) || ' ' || d.name
 cross join lateral (
    select (array[7, 1, 2, 3, 4])[(substr(d.license_no, 4)::int + x.day) % 5 + 1] as weekday, x.start_time, x.end_time, x.slot_type
      from (values (0, time '08:00', time '12:00', '普通'), (2, '08:00', '12:00', '普通'), (4, '08:00', '12:00', '专家'),
                   (1, '14:00', '17:00', '普通'), (3, '14:00', '17:00', '普通')) x (day, start_time, end_time, slot_type)) r
 where d.is_demo and d.deleted_at is null and not exists (select 1 from availability_rules o where o.doctor_id = d.id)
 order by d.id, r.weekday;

-- The days of the rules from two weeks ago, for what has happened already, to thirty days ahead. $2 today, $3 zone
-- name: algeria_sessions
insert into schedules (doctor_id, clinic_id, date, time_section, slot_type, total_slots, remaining_slots, price, starts_at, ends_at, slot_minutes,
                       rule_id, is_demo, created_at, updated_at)
select r.doctor_id, r.clinic_id, t.day, case when r.start_time < '12:00' then '上午' else '下午' end, r.slot_type, n.places, n.places,
       case r.slot_type when '专家' then f.expert_fee else f.fee end, (t.day + r.start_time) at time zone $3::text,
       (t.day + r.end_time) at time zone $3::text, r.slot_minutes, r.id, true, $1::timestamptz, $1
  from availability_rules r
  join doctors d on d.id = r.doctor_id and d.is_demo and d.status = 'ACTIVE' and d.deleted_at is null
  join users u on u.id = d.user_id and u.is_demo and u.username ~ '^dz[.]d[0-9]+$'
  join dz_fields f on f.name = d.specialty
 cross join lateral (select $2::date + k as day from generate_series(-14, 30) k) t
 cross join lateral (select (extract(epoch from r.end_time - r.start_time) / 60 / r.slot_minutes)::int as places) n
 where r.is_demo and r.status = 'ACTIVE' and extract(isodow from t.day) = r.weekday
   and (t.day >= $2::date or not exists (select 1 from schedules p where p.rule_id = r.id))
   and not exists (select 1 from schedules s where s.rule_id = r.id and s.date = t.day)
 order by t.day, r.doctor_id, r.start_time
on conflict do nothing;

-- Who is to have appointments, and how many numbers they need: patients without any. Each has one that is to come (the tenth one's is still to
-- be paid) and one that came to its end: completed, cancelled, missed or timed out by turns. $2 today
-- name: algeria_stage_orders
create temp table dz_orders on commit drop as
with patient as (
    select p.id, p.user_id, row_number() over (order by p.id) - 1 as n
      from patients p join users u on u.id = p.user_id and u.is_demo and u.username ~ '^dz[.]p[0-9]+$'
     where p.is_demo and p.deleted_at is null and not exists (select 1 from registration_orders o where o.patient_id = p.id)
), session as (
    select s.id, s.starts_at > $1::timestamptz as ahead, row_number() over (partition by s.starts_at > $1 order by s.starts_at, s.id) - 1 as n,
           count(*) over (partition by s.starts_at > $1) as of
      from schedules s
      join doctors d on d.id = s.doctor_id
      join users u on u.id = d.user_id and u.is_demo and u.username ~ '^dz[.]d[0-9]+$'
     where s.is_demo and s.is_latest and s.status = '正常' and s.remaining_slots = s.total_slots
       and case when s.starts_at > $1 then s.date > $2::date else s.ends_at < $1 end
), wanted as (
    select p.*, true as ahead, case when p.n % 10 = 9 then 'pending' else 'confirmed' end as status from patient p
    union all
    select p.*, false, (array['completed', 'cancelled', 'no_show', 'timeout'])[p.n % 4 + 1] from patient p
)
select row_number() over (order by w.ahead, w.n) as k, w.id as patient_id, w.user_id, w.status, s.id as schedule_id,
       (w.n / s.of)::int + 1 as slot_no, nextval('registration_orders_id_seq') as id, nextval('order_no_seq') as no,
       nextval('bills_id_seq') as bill_id, nextval('bill_no_seq') as bill
  from wanted w join session s on s.ahead = w.ahead and s.n = w.n % s.of
  join schedules x on x.id = s.id and (w.n / s.of) < x.total_slots;

-- name: algeria_numbers
select k, no, bill from dz_orders order by k;

-- $2 places in dz_orders, $3 order numbers, $4 bill numbers, $5 currency, $6 zone
-- name: algeria_orders
with numbered as (
    select o.*, t.order_no, t.bill_no, s.doctor_id, s.date, s.time_section, s.slot_type, s.price,
           s.starts_at + make_interval(mins => s.slot_minutes * (o.slot_no - 1)) as starts_at,
           s.starts_at + make_interval(mins => s.slot_minutes * o.slot_no) as ends_at, s.ends_at as session_ends,
           case when o.status in ('confirmed', 'pending') then $1::timestamptz else s.starts_at - interval '3 days' end as at
      from unnest($2::bigint[], $3::text[], $4::text[]) t (k, order_no, bill_no)
      join dz_orders o using (k)
      join schedules s on s.id = o.schedule_id
), ended as (
    select n.*, case n.status when 'cancelled' then n.starts_at - interval '1 day' when 'timeout' then n.at + interval '30 minutes'
                              when 'completed' then n.ends_at when 'no_show' then n.session_ends end as end_at
      from numbered n
), orders as (
    insert into registration_orders (id, order_no, patient_id, user_id, initiator_user_id, doctor_id, schedule_id, slot_no, slot_date, time_section,
           slot_type, starts_at, ends_at, list_price, price, reason, status, payment_status, payable_since, cancelled_at, cancelled_by,
           cancel_reason, visit_times, channel, is_demo, created_at, updated_at)
    select e.id, e.order_no, e.patient_id, e.user_id, e.user_id, e.doctor_id, e.schedule_id, e.slot_no, e.date, e.time_section, e.slot_type, e.starts_at,
           e.ends_at, e.price, e.price, (array['Contrôle', 'Douleurs', 'Première consultation', 'Renouvellement'])[e.k % 4 + 1], e.status,
           case e.status when 'timeout' then 'failed' when 'cancelled' then 'cancelled' else 'pending' end,
           case when e.status in ('pending', 'timeout') then e.at end,
           case when e.status in ('cancelled', 'timeout') then e.end_at end,
           case e.status when 'cancelled' then 'patient' when 'timeout' then 'system' end, case e.status when 'cancelled' then 'Empêchement' end,
           case e.status when 'completed' then gh_dts_text(e.end_at, $6::text) end, 'v1', true, e.at, coalesce(e.end_at, e.at)
      from ended e
), bills as (
    insert into bills (id, bill_no, patient_id, appointment_id, kind, subtotal, total, currency, status, due_date, issued_at, closed_at, is_demo,
                       created_at, updated_at)
    select e.bill_id, e.bill_no, e.patient_id, e.id, 'REGISTRATION', e.price, e.price, $5::text,
           case when e.status in ('cancelled', 'timeout') then 'CANCELLED' else 'ISSUED' end, e.at::date + 30, e.at,
           case when e.status in ('cancelled', 'timeout') then e.end_at end, true, e.at, coalesce(e.end_at, e.at)
      from ended e
), items as (
    insert into bill_items (bill_id, description, code, unit_price, line_total)
    select e.bill_id, '挂号费', 'REGISTRATION', e.price, e.price from ended e
), visits as (
    insert into medical_records (patient_id, doctor_id, appointment_id, visit_date, created_at, updated_at)
    select e.patient_id, e.doctor_id, e.id, e.end_at, e.end_at, e.end_at from ended e where e.status = 'completed'
), missed as (
    update patients p set no_show_count = p.no_show_count + 1 from ended e where e.status = 'no_show' and p.id = e.patient_id
), places as (
    update schedules s set remaining_slots = s.remaining_slots - x.n, version = s.version + 1
      from (select schedule_id, count(*)::int as n from ended where status in ('pending', 'confirmed', 'completed', 'no_show') group by 1) x
     where s.id = x.schedule_id
), history as (
    insert into appointment_history (order_id, at, by_user, action, from_value, to_value)
    select e.id, x.at, case when e.status in ('no_show', 'timeout') and x.step = 2 then null else e.user_id end, x.action,
           case when x.step = 2 then jsonb_build_object('status', x.before) end,
           jsonb_build_object('status', x.after) || case when x.step = 1 then jsonb_build_object('schedule_id', e.schedule_id, 'slot_no', e.slot_no)
                                                         else '{}' end
      from ended e
     cross join lateral (select case when e.status in ('pending', 'timeout') then 'pending' else 'confirmed' end as first) f
     cross join lateral (
        select 1 as step, e.at, 'booked' as action, null as before, f.first as after
        union all
        select 2, e.end_at, e.status, f.first, e.status where e.end_at is not null) x
     order by e.k, x.step
)
select count(*) from ended;
