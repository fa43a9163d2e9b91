-- Patients made, changed and removed with their accounts (patients.c, patient_delete.c; api/22, api/30). Members of a request come as
-- objects in the words of the tables: an absent member stays, null clears.

-- name: patient_facts
-- $1 patient, null: a new one; $2 columns asked for, $3 names of the account asked for, $4 the profile asked for or null, $5 caller,
-- $6 his patient row, $7 doctor row, $8 department, $9 role bits, $10 whether a national id is given, $11 its blind index or null,
-- $12 whether an account is to be made, $13 whether a password is given, $14 today. The account is the one to be tied to the patient,
-- else the living one that is. One row always.
with held as materialized (
    select p.* from patients p where p.id = $1::bigint and p.deleted_at is null for no key update
), who as (
    select u.* from users u
     where not u.is_deleted
       and u.id = case when $2::jsonb ? 'user_id' then ($2->>'user_id')::bigint else (select user_id from held) end
), made as materialized (
    select case when $1 is null then nextval(pg_get_serial_sequence('patients', 'id')) end as patient,
           case when $12::boolean then nextval(pg_get_serial_sequence('users', 'id')) end as account
)
select h.id, h.version, h.user_id as former, w.id as account, w.is_active, w.is_superuser, w.is_admin,
       (w.username is not null)::int + 2 * (w.email is not null)::int + 4 * (w.phonenumber is not null)::int
           + 8 * (w.identifier is not null)::int as names,
       gh_admin_rights($5::bigint) as rights, coalesce(h.id = $6::bigint, false) as own,
       h.id is not null and gh_assigned(h, gh_acts_for($7::bigint, $8::bigint, $9::int), $14::date) as assigned,
       gh_scopes_of($5, 'patient:manage') & 1 = 1 as manages,
       exists (select from patients o where o.national_id_bidx = $11::bytea and o.deleted_at is null and o.id is distinct from $1)
           as number_taken,
       $2->>'user_id' is not null and w.id is null as no_account,
       w.id is not null and exists (select from patients o where o.user_id = w.id and o.id is distinct from $1) as linked,
       $2->>'primary_doctor_id' is not null
           and not exists (select from doctors d where d.id = ($2->>'primary_doctor_id')::bigint and d.deleted_at is null) as no_doctor,
       (select g.kind from (values (0, $3::jsonb->>'username'), (1, $3->>'email'), (2, $3->>'phone')) g (kind, name)
         where g.name is not null
           and exists (select from users u where u.id is distinct from w.id
                          and (u.username_ci = lower(g.name) or u.email_ci = lower(g.name) or u.phonenumber = g.name
                               or lower(u.identifier) = lower(g.name)))
         order by array_position('{1,2,0}', g.kind) limit 1) as taken,
       made.patient as new_patient, made.account as new_account,
       (select gh_changes(jsonb_object_agg(k, o.was -> k), o.will)::text from jsonb_object_keys(o.will) k) as changes,
       (select jsonb_build_object('members', jsonb_build_array(null, jsonb_agg(k order by k)))::text
          from jsonb_object_keys($4::jsonb) k) as profile_changes
  from made
  left join held h on true
  left join who w on true
 cross join lateral (
       select to_jsonb(h) || jsonb_build_object('full_name', coalesce(h.full_name, h.name), 'username', w.username,
                  'email', coalesce(w.email, h.email), 'phone', coalesce(w.phonenumber, h.phone),
                  'national_id', encode(sha256(h.national_id_bidx), 'hex')) as was,
              $2 || $3 || case when $10::boolean then jsonb_build_object('national_id', encode(sha256($11), 'hex')) else '{}' end
              || case when $13::boolean then '{"password": true}'::jsonb else '{}' end as will) o

-- name: patient_make
-- $1 id, $2 account or null, $3 now. What is known follows with patient_change.
insert into patients (id, user_id, name, patient_type, is_verified, version, created_at, updated_at)
values ($1::bigint, $2::bigint, '', '校外', $2 is not null, 0, $3::timestamptz, $3)

-- name: patient_change
-- $1 patient, $2 columns asked for, $3 names of the account as contacts, null: they are the account's; $4 whether a national id is
-- given, $5 sealed, $6 its blind index, $7 now. Without full_name a name that was made of first and last name is made anew.
update patients p
   set user_id = case when b ? 'user_id' then (b->>'user_id')::bigint else p.user_id end,
       name = left(n.whole, 50), full_name = case when char_length(n.whole) > 50 then n.whole end,
       first_name = n.first, last_name = n.last,
       gender = coalesce(b->>'gender', p.gender),
       date_of_birth = case when b ? 'date_of_birth' then (b->>'date_of_birth')::date else p.date_of_birth end,
       phone = case when b ? 'phone' then b->>'phone' when c ? 'phone' then c->>'phone' else p.phone end,
       email = case when b ? 'email' then b->>'email' when c ? 'email' then c->>'email' else p.email end,
       address = case when b ? 'address' then gh_members(b->'address', '{line,city,region,postal_code,country}') else p.address end,
       emergency_contact = case when b ? 'emergency_contact' then gh_members(b->'emergency_contact', '{name,phone,relationship}')
                                else p.emergency_contact end,
       marital_status = case when b ? 'marital_status' then b->>'marital_status' else p.marital_status end,
       occupation = case when b ? 'occupation' then b->>'occupation' else p.occupation end,
       language = case when b ? 'language' then b->>'language' else p.language end,
       status = coalesce(b->>'status', p.status),
       primary_doctor_id = case when b ? 'primary_doctor_id' then (b->>'primary_doctor_id')::bigint else p.primary_doctor_id end,
       national_id_enc = case when $4::boolean then $5::bytea else p.national_id_enc end,
       national_id_bidx = case when $4 then $6::bytea else p.national_id_bidx end,
       version = p.version + 1, updated_at = $7::timestamptz
  from (select $2::jsonb as b, coalesce($3::jsonb, '{}') as c) x, patients o
 cross join lateral (
       select case when x.b ? 'first_name' then x.b->>'first_name' else o.first_name end as first,
              case when x.b ? 'last_name' then x.b->>'last_name' else o.last_name end as last) f
 cross join lateral (
       select f.first, f.last,
              case when x.b->>'full_name' is not null then x.b->>'full_name'
                   when x.b ?| '{first_name,last_name}' and concat_ws('', f.first, f.last) <> '' then
                       case when coalesce(o.full_name, o.name) = '' or coalesce(o.full_name, o.name) = concat_ws(' ', o.first_name, o.last_name)
                            then concat_ws(' ', f.first, f.last)
                            when coalesce(o.full_name, o.name) = concat_ws('', o.last_name, o.first_name)
                            then concat_ws('', f.last, f.first)
                            else coalesce(o.full_name, o.name) end
                   else coalesce(o.full_name, o.name) end as whole) n
 where p.id = $1::bigint and o.id = p.id

-- name: patient_touch
-- $1 patient, $2 now: what is shown with the row has changed
update patients set version = version + 1, updated_at = $2::timestamptz where id = $1::bigint

-- name: patient_still
-- $1 patient, $2 its version as it was read
select gh_unless_stale(exists (select from (select * from patients where id = $1::bigint for no key update) p
                                where p.deleted_at is null and p.version = $2::int))

-- name: patient_linked
-- $1 patient, $2 account, $3 who gives the role, $4 now: a patient with an account may book for itself
with role as (
    insert into user_roles (user_id, role_code, granted_by, granted_at) values ($2::bigint, 'PATIENT', nullif($3::bigint, 0), $4::timestamptz)
        on conflict (user_id, role_code) do nothing
)
insert into patient_relations (user_patient_id, related_patient_id, relation_type, is_default, created_at, updated_at)
select $1::bigint, $1, '本人', not exists (select from patient_relations r where r.user_patient_id = $1 and r.is_default), $4, $4
    on conflict (user_patient_id, related_patient_id) do nothing

-- name: patient_taken_on
-- $1 patient, $2 doctor who made the row, $3 caller, $4 now, $5 today: he cares for the patient (PA-05)
insert into care_assignments (patient_id, doctor_id, kind, valid_from, created_by, created_at, updated_at)
values ($1::bigint, $2::bigint, 'primary', $5::date, $3::bigint, $4::timestamptz, $4)

-- name: profile_write
-- $1 patient, whose row is held; $2 members, $3 whether notes are given, $4 notes sealed or null, $5 by the patient, $6 caller, $7 now,
-- $8 zone. Arrays replace (PA-10).
with old as (
    select m.* from medical_profiles m where m.patient_id = $1::bigint
)
insert into medical_profiles as t (patient_id, blood_type, height_cm, weight_kg, allergies, chronic_conditions, current_medications,
                                   surgeries, family_history, smoking, alcohol, notes_enc, source, updated_by, created_at, updated_at)
select $1, case when b ? 'blood_type' then b->>'blood_type' else o.blood_type end,
       case when b ? 'height_cm' then (b->>'height_cm')::numeric else o.height_cm end,
       case when b ? 'weight_kg' then (b->>'weight_kg')::numeric else o.weight_kg end,
       case when b ? 'allergies' then gh_allergies(b->'allergies', coalesce(o.allergies, '[]'), $5::boolean,
                                                   gh_ts_text($7::timestamptz, $8::text))
            else coalesce(o.allergies, '[]') end,
       case when b ? 'chronic_conditions' then gh_members_all(b->'chronic_conditions', '{code,description,since,status}')
            else coalesce(o.chronic_conditions, '[]') end,
       case when b ? 'current_medications' then gh_members_all(b->'current_medications', '{name,dosage,since}')
            else coalesce(o.current_medications, '[]') end,
       case when b ? 'surgeries' then gh_members_all(b->'surgeries', '{description,year,relation}')
            else coalesce(o.surgeries, '[]') end,
       case when b ? 'family_history' then gh_members_all(b->'family_history', '{description,year,relation}')
            else coalesce(o.family_history, '[]') end,
       case when b ? 'smoking' then b->>'smoking' else o.smoking end, case when b ? 'alcohol' then b->>'alcohol' else o.alcohol end,
       case when $3::boolean then $4::bytea else o.notes_enc end, case when $5 then 'patient' else 'clinician' end, nullif($6::bigint, 0),
       $7, $7
  from (select $2::jsonb as b) x
  left join old o on true
    on conflict (patient_id) do update
   set blood_type = excluded.blood_type, height_cm = excluded.height_cm, weight_kg = excluded.weight_kg,
       allergies = excluded.allergies, chronic_conditions = excluded.chronic_conditions,
       current_medications = excluded.current_medications, surgeries = excluded.surgeries, family_history = excluded.family_history,
       smoking = excluded.smoking, alcohol = excluded.alcohol, notes_enc = excluded.notes_enc, source = excluded.source,
       updated_by = excluded.updated_by, version = t.version + 1, updated_at = excluded.updated_at

-- name: patient_show
-- $1 patient, $2 shape, $3 with the whole national id, $4 with the profile, $5 zone, $6 today
select (case $2::text when 'v1' then gh_v1_patient(p, $3::boolean, case when $4::boolean then true end, $5::text, $6::date)
                      when 'profile' then gh_v1_profile(p.id, $5)
                      else gh_hb_patient(p, $5) end)::text as body, p.version
  from patients p where p.id = $1::bigint

-- name: patient_leave_hold
-- $1 patient: of its bookings and its removal, one at a time (book_people takes the same lock)
select pg_advisory_xact_lock(7205759403792793600 + $1::bigint)

-- name: patient_leave_lock
-- $1 patient, $2 zone
select p.version, gh_hb_patient(p, $2::text)::text as shown,
       jsonb_build_object('deleted', jsonb_build_array(false, true))::text as changes
  from patients p where p.id = $1::bigint and p.deleted_at is null for no key update

-- name: patient_leave_account
-- $1 patient: its account, when it is nothing but a patient's. Others go on without the patient.
select u.id from users u
 where u.id = (select user_id from patients where id = $1::bigint) and not u.is_deleted and not u.is_superuser
   and not exists (select from user_roles r where r.user_id = u.id and r.role_code <> 'PATIENT')
   and not exists (select from doctors d where d.user_id = u.id and d.deleted_at is null)
   for update

-- name: patient_leave_sign_ins
-- $1 patient: the sessions of that account
select s.id, extract(epoch from s.access_expires_at)::bigint as until
  from patients p join users u on u.id = p.user_id join sessions s on s.user_id = u.id and s.revoked_at is null
 where p.id = $1::bigint and not u.is_superuser and not exists (select from user_roles r where r.user_id = u.id and r.role_code <> 'PATIENT')
   and not exists (select from doctors d where d.user_id = u.id and d.deleted_at is null)
 order by s.id

-- name: patient_leave_orders
-- $1 patient, $2 now: sessions still to come in which it has a place or waits for one, and how many places (R-60)
select coalesce(array_agg(distinct o.schedule_id), '{}')::text as sessions, count(*) filter (where o.status <> 'waitlist') as places
  from registration_orders o join schedules s on s.id = o.schedule_id
 where o.patient_id = $1::bigint
   and ((o.status in ('pending', 'confirmed') and o.starts_at > $2::timestamptz) or (o.status = 'waitlist' and s.ends_at > $2))

-- name: patient_leave_sessions
-- $1 sessions
select id from schedules where id = any ($1::bigint[]) order by id for update

-- name: patient_leave
-- $1 patient, $2 account that is closed with it, or null; $3 now
with account as (
    update users set is_active = false, token_version = token_version + 1, version = version + 1, updated_at = $3::timestamptz
     where id = $2::bigint
)
update patients set deleted_at = $3, version = version + 1, updated_at = $3 where id = $1::bigint
