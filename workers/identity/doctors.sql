-- Doctors made, changed and removed with their accounts (doctors.c, doctor_delete.c; api/02 section 2.3, api/23, api/30). Members of a
-- request come as objects in the words of the tables: an absent member stays, null clears.

-- name: doctor_facts
-- $1 doctor, null: a new one; $2 columns asked for, $3 names of the account asked for, $4 specialties (#id, code or name) or null,
-- $5 prices asked for or null, $6 caller, $7 whether an account may have to be made, $8 whether a password is given. The account is the
-- one to be tied to the doctor, else the living one that is. One row always.
with held as materialized (
    select d.* from doctors d where d.id = $1::bigint and d.deleted_at is null for no key update
), who as (
    select u.* from users u
     where not u.is_deleted
       and u.id = case when $2::jsonb ? 'user_id' then ($2->>'user_id')::bigint else (select user_id from held) end
), wanted as (
    select t.word, (select s.id from specialties s
                     where case when t.word like '#%' then s.id::text = substr(t.word, 2)
                                else lower(s.code) = lower(t.word) or lower(s.name) = lower(t.word) end
                     order by lower(s.code) <> lower(t.word) limit 1) as id
      from unnest($4::text[]) t (word)
), made as materialized (
    select case when $1 is null then nextval(pg_get_serial_sequence('doctors', 'id')) end as doctor,
           case when $7::boolean then nextval(pg_get_serial_sequence('users', 'id')) end as account
)
select h.id, h.version, h.dept_id, coalesce(h.full_name, h.name) as name, w.id as account, w.is_active, w.is_superuser,
       w.is_admin, (w.username is not null)::int + 2 * (w.email is not null)::int + 4 * (w.phonenumber is not null)::int
                   + 8 * (w.identifier is not null)::int as names,
       gh_admin_rights($6::bigint) as rights,
       $2->>'dept_id' is not null
           and not exists (select from minor_departments m where m.id = ($2->>'dept_id')::bigint and m.deleted_at is null) as no_dept,
       exists (select from doctors o where o.license_no = $2->>'license_no' and o.id is distinct from $1 and o.deleted_at is null) as license_taken,
       (select min(word) from wanted where id is null) as no_specialty,
       (select coalesce(array_agg(distinct id), '{}')::text from wanted) as specialties,
       $2->>'user_id' is not null and w.id is null as no_account,
       exists (select from doctors o where o.user_id = w.id and o.id is distinct from $1) as linked,
       (select g.kind from (values (0, $3::jsonb->>'username'), (1, $3->>'email'), (2, $3->>'phone'), (3, $3->>'identifier'))
                            g (kind, name)
         where g.name is not null
           and exists (select from users u where u.id is distinct from w.id
                          and (u.username_ci = lower(g.name) or u.email_ci = lower(g.name) or u.phonenumber = g.name
                               or lower(u.identifier) = lower(g.name)))
         order by array_position('{3,1,2,0}', g.kind) limit 1) as taken,
       case when $2 ? 'dept_id' and ($2->>'dept_id')::bigint is distinct from h.dept_id then 'dept_id'
            when $2 ? 'license_no' and $2->>'license_no' is distinct from h.license_no then 'license_no' end as guarded,
       made.doctor as new_doctor, made.account as new_account, h.user_id as former,
       (select gh_changes(jsonb_object_agg(k, o.was -> k), o.will)::text from jsonb_object_keys(o.will) k) as changes
  from made
  left join held h on true
  left join who w on true
 cross join lateral (
       select to_jsonb(h) || jsonb_build_object('username', w.username, 'email', coalesce(w.email, h.email), 'phone',
                  coalesce(w.phonenumber, h.phone), 'identifier', w.identifier, 'specialties',
                  (select coalesce(jsonb_agg(ds.specialty_id order by ds.specialty_id), '[]')
                     from doctor_specialties ds where ds.doctor_id = h.id))
              || gh_list_prices((select c.config_value from system_config c
                                  where c.config_key = 'registration.price' and c.scope_type = 'DOCTOR' and c.scope_id = h.id
                                    and c.is_active)) as was,
              $2 || $3 || coalesce((select jsonb_object_agg(p.key, case when p.value <> 'null' then (p.value #>> '{}')::numeric end)
                                      from jsonb_each($5::jsonb) p), '{}')
              || case when $4 is not null
                      then jsonb_build_object('specialties', (select coalesce(jsonb_agg(distinct id), '[]') from wanted))
                      else '{}' end
              || case when $8::boolean then '{"password": true}' else '{}'::jsonb end as will) o

-- name: doctor_make
-- $1 id, $2 account or null, $3 columns, $4 how to reach one without an account, $5 now
insert into doctors (id, user_id, dept_id, name, full_name, first_name, last_name, title, specialty, introduction, photo_path,
                     original_photo_url, license_no, qualifications, languages, years_experience, accepting_patients, status,
                     phone, email, created_at, updated_at)
select $1::bigint, $2::bigint, (b->>'dept_id')::bigint, left(n.whole, 50), case when char_length(n.whole) > 50 then n.whole end,
       b->>'first_name', b->>'last_name', b->>'title', b->>'specialty', b->>'introduction', b->>'photo_path',
       b->>'original_photo_url', b->>'license_no', coalesce(gh_json_texts(b->'qualifications'), '{}'),
       coalesce(gh_json_texts(b->'languages'), '{}'), (b->>'years_experience')::smallint,
       coalesce((b->>'accepting_patients')::boolean, true), coalesce(b->>'status', 'ACTIVE'),
       case when $2 is null then $4::jsonb->>'phone' end, case when $2 is null then $4->>'email' end, $5::timestamptz, $5
  from (select $3::jsonb as b) x
 cross join lateral (select coalesce(b->>'name', concat_ws(' ', b->>'first_name', b->>'last_name')) as whole) n

-- name: doctor_change
-- $1 doctor, $2 columns asked for, $3 how to reach one without an account, null: it has one; $4 now. A head who changes departments
-- is one no longer (BR-25). A stored photo that another picture replaces goes.
with photo as (
    delete from stored_files f
     where f.doctor_id = $1::bigint and $2::jsonb ? 'photo_path' and f.path is distinct from gh_file_path($2->>'photo_path')
)
update doctors d
   set user_id = case when b ? 'user_id' then (b->>'user_id')::bigint else d.user_id end,
       dept_id = case when b ? 'dept_id' then (b->>'dept_id')::bigint else d.dept_id end,
       is_department_head = d.is_department_head
                            and (b ? 'dept_id' and (b->>'dept_id')::bigint is distinct from d.dept_id) is not true,
       name = left(n.whole, 50), full_name = case when char_length(n.whole) > 50 then n.whole end,
       first_name = case when b ? 'name' then null else n.first end,
       last_name = case when b ? 'name' then null else n.last end,
       title = case when b ? 'title' then b->>'title' else d.title end,
       specialty = case when b ? 'specialty' then b->>'specialty' else d.specialty end,
       introduction = case when b ? 'introduction' then b->>'introduction' else d.introduction end,
       photo_path = case when b ? 'photo_path' then b->>'photo_path' else d.photo_path end,
       original_photo_url = case when b ? 'original_photo_url' then b->>'original_photo_url' else d.original_photo_url end,
       license_no = case when b ? 'license_no' then b->>'license_no' else d.license_no end,
       qualifications = coalesce(gh_json_texts(b->'qualifications'), d.qualifications),
       languages = coalesce(gh_json_texts(b->'languages'), d.languages),
       years_experience = case when b ? 'years_experience' then (b->>'years_experience')::smallint else d.years_experience end,
       accepting_patients = coalesce((b->>'accepting_patients')::boolean, d.accepting_patients),
       status = coalesce(b->>'status', d.status),
       phone = case when $3::jsonb ? 'phone' then $3->>'phone' else d.phone end,
       email = case when $3 ? 'email' then $3->>'email' else d.email end,
       version = d.version + 1, updated_at = $4::timestamptz
  from (select $2::jsonb as b) x, doctors o
 cross join lateral (
       select case when x.b ? 'first_name' then x.b->>'first_name'
                   when x.b ? 'last_name' then left(coalesce(o.first_name, o.full_name, o.name), 60)
                   else o.first_name end as first,
              case when x.b ? 'last_name' then x.b->>'last_name' else o.last_name end as last) f
 cross join lateral (
       select f.first, f.last,
              case when x.b ? 'name' then x.b->>'name' when x.b ?| '{first_name,last_name}' then concat_ws(' ', f.first, f.last)
                   else coalesce(o.full_name, o.name) end as whole) n
 where d.id = $1::bigint and o.id = d.id

-- name: doctor_still
-- $1 doctor, $2 its version as it was read
select gh_unless_stale(exists (select from (select * from doctors where id = $1::bigint for no key update) d
                                where d.deleted_at is null and d.version = $2::int))

-- name: doctor_specialties_set
-- $1 doctor, $2 specialties from now on
with gone as (
    delete from doctor_specialties where doctor_id = $1::bigint and specialty_id <> all ($2::bigint[])
)
insert into doctor_specialties (doctor_id, specialty_id) select $1, unnest($2)
    on conflict do nothing

-- name: doctor_prices_set
-- $1 doctor, $2 prices asked for, $3 now
select gh_list_prices_set('DOCTOR', $1::bigint, $2::jsonb, $3::timestamptz)

-- name: doctor_role
-- $1 account, $2 who gives it, $3 now
with kind as (
    update users set user_type = 'doctor' where id = $1::bigint and user_type not in ('doctor', 'admin')
)
insert into user_roles (user_id, role_code, granted_by, granted_at) values ($1, 'DOCTOR', nullif($2::bigint, 0), $3::timestamptz)
    on conflict (user_id, role_code) do nothing

-- name: doctor_reopen
-- $1 account that is given to its doctor anew, $2 now (BR-24): it can sign in from here on
update users set is_active = true, is_verified = true, version = version + 1, updated_at = $2::timestamptz
 where id = $1::bigint and not (is_active and is_verified)

-- name: doctor_show
-- $1 doctor, $2 shape, $3 zone, $4 department before, $5 whether an account was made
select (case $2::text
        when 'v1' then gh_v1_doctor(d, true, $3::text)
        when 'heartbeat' then gh_hb_doctor(d, true, $3)
        when 'moved' then json_build_object('detail', format('成功将医生 %s 调至新科室', coalesce(d.full_name, d.name)),
                                            'doctor_id', d.id, 'old_dept_id', $4::bigint, 'new_dept_id', d.dept_id)
        when 'account' then json_build_object('detail', case when $5::boolean then '成功为医生创建账号' else '成功为医生更新账号' end,
                                              'user_id', d.user_id, 'doctor_id', d.id)
        when 'made' then case when $5
            then gh_with(gh_with(m.doc, 'user_id', to_json(d.user_id)), 'account_note', to_json('已同时创建登录账号'::text))
            else m.doc end
        else f.doc end)::text as body, d.version
  from doctors d
  left join v_list_prices p on p.scope_type = 'DOCTOR' and p.scope_id = d.id
 cross join lateral (select json_build_object(
       'doctor_id', d.id, 'dept_id', d.dept_id, 'name', coalesce(d.full_name, d.name), 'title', d.title, 'specialty', d.specialty,
       'introduction', d.introduction, 'default_price_normal', p.normal, 'default_price_expert', p.expert,
       'default_price_special', p.special, 'account_provided', $5::boolean) as doc) m
 cross join lateral (select json_build_object(
       'doctor_id', d.id, 'dept_id', d.dept_id, 'name', coalesce(d.full_name, d.name), 'title', d.title, 'specialty', d.specialty,
       'introduction', d.introduction, 'photo_path', gh_photo_path(d.photo_path), 'original_photo_url', d.original_photo_url,
       'default_price_normal', p.normal, 'default_price_expert', p.expert, 'default_price_special', p.special) as doc) f
 where d.id = $1::bigint

-- name: doctor_leave_lock
-- $1 doctor who is to be removed, $2 zone. The lock is that of a row about to go: nobody makes a session for it meanwhile.
select d.version, d.user_id, coalesce(d.full_name, d.name), gh_hb_doctor(d, true, $2::text)::text,
       jsonb_build_object('name', jsonb_build_array(d.name, null), 'dept_id', jsonb_build_array(d.dept_id, null),
                          'user_id', jsonb_build_array(d.user_id, null), 'license_no', jsonb_build_array(d.license_no, null))::text
  from doctors d
 where d.id = $1::bigint and d.deleted_at is null
   for update of d

-- name: doctor_leave_account
-- $1 doctor, $2 caller. The doctor's account, locked.
select u.id, u.is_active, u.is_superuser, u.is_admin,
       exists (select from user_roles r join users o on o.id = r.user_id
                where r.role_code = 'ADMIN' and o.id <> u.id and o.is_active and not o.is_deleted) as other_admin,
       gh_admin_rights($2::bigint) as rights
  from users u
 where u.id = (select user_id from doctors where id = $1::bigint and deleted_at is null) and not u.is_deleted
   for no key update of u

-- name: doctor_leave_sign_ins
-- $1 doctor: sessions of the account, locked
select s.id, extract(epoch from s.access_expires_at)::bigint as until
  from sessions s
 where s.user_id = (select user_id from doctors where id = $1::bigint and deleted_at is null) and s.revoked_at is null
 order by s.id
   for update of s

-- name: doctor_leave_sessions
-- $1 doctor, $2 now: what is still to be held, locked; `held`: patients count on it
select s.id, exists (select from registration_orders o where o.schedule_id = s.id and o.status in ('pending', 'confirmed', 'waitlist')) as held
  from schedules s
 where s.doctor_id = $1::bigint and s.deleted_at is null and s.ends_at > $2::timestamptz
   and (s.is_latest and s.status = '正常'
        or exists (select from registration_orders o where o.schedule_id = s.id and o.status in ('pending', 'confirmed', 'waitlist')))
 order by s.id
   for update of s

-- name: doctor_leave_appointments
-- $1 doctor, $2 now: visits to come (R-67)
select count(*) from registration_orders o
 where o.doctor_id = $1::bigint and o.status in ('pending', 'confirmed') and o.starts_at > $2::timestamptz

-- name: doctor_leave_target
-- $1 doctor who takes over, kept from leaving
select d.id from doctors d where d.id = $1::bigint and d.deleted_at is null and d.status <> 'INACTIVE' for key share

-- name: doctor_hand_over
-- $1 sessions, locked; $2 who leaves, $3 who takes over, $4 now, $5 account that decides or null, $6 names, $7 subjects and $8 texts of
-- the messages to patients and to the doctor. Patients keep number, time and place, and are told at the own address, else who
-- booked is.
with taken as (
    update schedules set doctor_id = $3::bigint, version = version + 1, updated_at = $4::timestamptz
     where id = any ($1::bigint[])
), moved as (
    update registration_orders set doctor_id = $3, version = version + 1, updated_at = $4
     where schedule_id = any ($1) and status in ('pending', 'confirmed', 'waitlist')
    returning id, schedule_id, patient_id, initiator_user_id, order_no, slot_date, time_section, status, ends_at
), history as (
    insert into appointment_history (order_id, at, by_user, action, from_value, to_value)
    select id, $4, $5::bigint, 'rescheduled', jsonb_build_object('doctor_id', $2::bigint), jsonb_build_object('doctor_id', $3)
      from moved where status <> 'waitlist'
)
insert into message_outbox (channel, recipient, template, subject, body, user_id, order_id, listed, created_at, expires_at, next_at)
select a.channel, a.recipient, ($6::text[])[m.template], ($7::text[])[m.template],
       gh_filled(($8::text[])[m.template],
                 jsonb_build_object('no', m.no, 'n', m.n, 'day', to_char(m.day, 'YYYY"年"FMMM"月"FMDD"日"'), 'section', m.section,
                                    'former', f.name, 'doctor', t.name, 'name', m.name), false),
       a.user_id, m.order_id, a.listed, $4, greatest(m.ends_at, $4 + interval '1 day'), $4
  from (select 1 as template, o.id as order_id, o.order_no as no, null::bigint as n, o.slot_date as day, o.time_section as section,
               p.name, o.ends_at, p.user_id as user1, null as mail1, p.phone as phone1, o.initiator_user_id as user2
          from moved o
          join patients p on p.id = o.patient_id
         where o.status <> 'waitlist'
        union all
        select 2, null, null, (select count(*) from moved o where o.schedule_id = s.id and o.status <> 'waitlist'), s.date,
               s.time_section, null, s.ends_at, d.user_id, d.email, d.phone, null
          from schedules s
          join doctors d on d.id = $3
          left join doctor_notification_settings w on w.doctor_id = d.id
         where s.id = any ($1) and coalesce(w.schedule_change, true)) m
  join doctors f on f.id = $2
  join doctors t on t.id = $3
 cross join lateral gh_told_at(m.user1, m.mail1, m.phone1, m.user2, null, null, null, true) a

-- name: doctor_leave
-- R-68, BR-22. $1 doctor, $2 now. The row stays for history; link, prices, photo, specialties and weekly rules go.
with prices as (
    delete from system_config where config_key = 'registration.price' and scope_type = 'DOCTOR' and scope_id = $1::bigint
), photo as (
    delete from stored_files where doctor_id = $1
), special as (
    delete from doctor_specialties where doctor_id = $1
), rules as (
    update availability_rules set status = 'INACTIVE', version = version + 1, updated_at = $2::timestamptz
     where doctor_id = $1 and status <> 'INACTIVE'
)
update doctors
   set deleted_at = $2, user_id = null, is_department_head = false, photo_path = null, version = version + 1, updated_at = $2
 where id = $1
