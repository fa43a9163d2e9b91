-- Who am I (api/01 section 1.2, api/21 AU-07).

-- name: get_role
select json_build_object('role', case when u.is_admin or u.is_superuser then 'admin' else 'user' end)::text as body
  from users u where u.id = $1::bigint

-- name: user_info_sealed
-- $1 user: what has to be opened in C before the reply is made
select p.id, encode(p.national_id_enc, 'hex') as sealed
  from patients p where p.user_id = $1::bigint and p.deleted_at is null

-- name: user_info
-- $1 user, $2 today, $3 zone, $4 name of the hospital, $5 identity number, masked already, or null. A phone number is
-- shown in clear (the client masks it) and masked. A photo that the smallest client would skip is null (api/01): 1000000 characters.
select json_build_object(
           'patient', (select json_build_object(
                   'id', p.id::text, 'identifier', coalesce(p.identifier, u.identifier),
                   'phonenumber', coalesce(u.phonenumber, p.phone), 'realName', coalesce(p.full_name, p.name), 'idCard', $5::text, 'email', u.email,
                   'gender', case p.gender when 'male' then '男' when 'female' then '女' else '未知' end,
                   'birthDate', p.date_of_birth, 'age', extract(year from age($2::date, p.date_of_birth))::int,
                   'patientType', p.patient_type, 'verified', p.is_verified, 'avatar', null, 'updatedAt', null,
                   'createdAt', gh_dts_text(p.created_at, $3::text),
                   'maskedInfo', json_build_object(
                       'phone', case when length(coalesce(u.phonenumber, p.phone)) > 7
                                     then left(coalesce(u.phonenumber, p.phone), 3) || '****' || right(coalesce(u.phonenumber, p.phone), 4)
                                     when coalesce(u.phonenumber, p.phone) is not null then '****' end,
                       'idCard', $5))
              from patients p where p.user_id = u.id and p.deleted_at is null),
           'doctor', (select json_build_object(
                   'id', d.id, 'name', d.name, 'title', d.title, 'department', m.name, 'department_id', d.dept_id,
                   'hospital', coalesce((select a.name from clinics c join hospital_areas a on a.id = c.area_id
                                          where c.minor_dept_id = d.dept_id order by c.id limit 1), nullif($4::text, ''), '主院区'),
                   'is_department_head', d.is_department_head, 'photo_mime', f.media_type, 'photo_base64', f.content)
              from doctors d join minor_departments m on m.id = d.dept_id
              left join lateral (select min(b.media_type) as media_type,
                                        translate(encode(string_agg(c.bytes, null order by c.seq), 'base64'), e'\n', '') as content
                                   from v_doctor_photos v join blobs b on b.digest = v.digest and b.size <= 750000
                                   join blob_chunks c on c.digest = b.digest
                                  where v.doctor_id = d.id) f on true
             where d.user_id = u.id and d.deleted_at is null))::text as body
  from users u where u.id = $1::bigint

-- name: v1_me
-- $1 user, $2 now, $3 zone. A superuser passes every check, so all permissions are listed.
select gh_with(gh_v1_user(u, $2::timestamptz, $3::text), 'permissions',
               coalesce((select json_agg(p.code order by p.code) from permissions p
                          where u.is_superuser or exists (
                              select 1 from role_permissions rp
                               where rp.permission_code = p.code and rp.role_code = any (gh_user_roles(u.id)))), '[]'))::text
           as body
  from users u
 where u.id = $1::bigint

-- name: profile_find
-- $1 user
select id from patients where user_id = $1::bigint and deleted_at is null for no key update

-- name: profile_update
-- $1 patient, $2 name, $3 gender, $4 birth date; null: left alone. The account's full name follows where it was the same.
with old as (
    select user_id, coalesce(full_name, name) as name from patients where id = $1::bigint
), account as (
    update users u set full_name = $2 from old where u.id = old.user_id and $2::text is not null and u.full_name = old.name
)
update patients set name = coalesce($2, name), full_name = case when $2 is null then full_name end, gender = coalesce($3::text, gender), date_of_birth = coalesce($4::date, date_of_birth)
 where id = $1

-- name: basic_info_update
-- $1 own patient row or null, $2 members, $3 caller, $4 now (api/07 section 7.6). What is absent stays, null empties it. The address is
-- one line here: one that comes back as it was shown keeps its parts.
with held as materialized (
    select p.*, concat_ws(' ', p.address->>'country', p.address->>'region', p.address->>'city', p.address->>'line') as shown
      from patients p where p.id = $1::bigint and p.deleted_at is null for no key update
), asked as (
    select h.id, m.height_cm as height_was, case when b ? 'height' then (b->>'height')::numeric else m.height_cm end as height,
           h.address as address_was,
           case when not b ? 'address' or coalesce(btrim(b->>'address'), '') = h.shown then h.address
                when btrim(b->>'address') <> '' then jsonb_build_object('line', btrim(b->>'address')) end as address
      from (select $2::jsonb as b) x, held h
      left join medical_profiles m on m.patient_id = h.id
), changed as (
    select a.*, a.height is distinct from a.height_was as taller, a.address is distinct from a.address_was as elsewhere from asked a
), profile as (
    insert into medical_profiles as t (patient_id, height_cm, source, updated_by, created_at, updated_at)
    select c.id, c.height, 'patient', $3::bigint, $4::timestamptz, $4 from changed c where c.taller
        on conflict (patient_id) do update
       set height_cm = excluded.height_cm, source = excluded.source, updated_by = excluded.updated_by, version = t.version + 1,
           updated_at = excluded.updated_at
), person as (
    update patients p set address = c.address, version = p.version + 1, updated_at = $4
      from changed c where p.id = c.id and (c.taller or c.elsewhere)
)
select case when c.id is null then 'PATIENT_RECORD_MISSING' end as error, json_build_object('success', true)::text as body,
       case when c.taller or c.elsewhere then
           json_build_object('action', 'patient.update', 'entity', 'patient', 'entity_id', c.id, 'patient_id', c.id,
                             'changes', gh_changes(jsonb_build_object('height_cm', c.height_was, 'address', c.address_was),
                                                   jsonb_build_object('height_cm', c.height, 'address', c.address))) end as audit
  from (select) one
  left join changed c on true
