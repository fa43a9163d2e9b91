-- Whom an account may book for (api/07 section 7.4; BR-105 to BR-112). Relatives that are deleted are not shown and do not count.
-- All changes hold the owner's patient row, so that what is read stays true: one at a time for each owner.

-- name: relatives
-- $1 the caller's patient row or null, $2 today, $3 zone
select case when $1::bigint is null then 'PATIENT_RECORD_MISSING' end as error,
       json_build_object('total', count(*), 'patients', coalesce(json_agg(
           json_build_object('relation_id', r.id, 'patient', gh_code_relative(p, $2::date), 'relation_type', r.relation_type,
                             'is_default', r.is_default, 'remark', r.remark,
                             'create_time', to_char(r.created_at at time zone $3::text, 'YYYY-MM-DD"T"HH24:MI:SS'))
           order by r.is_default desc, r.created_at desc, r.id desc), '[]'))::text as body
  from patient_relations r
  join patients p on p.id = r.related_patient_id and p.deleted_at is null
 where r.user_patient_id = $1

-- name: relative_default
-- $1 the caller's patient row or null, $2 today, $3 zone. Both spellings of the members: the client's and the reference's.
select case when $1::bigint is null then 'PATIENT_RECORD_MISSING' end as error,
       (select json_build_object(
                   'relation_id', r.id,
                   'patient', gh_with(gh_with(gh_with(x.doc, 'name', x.doc->'real_name'), 'idCard', x.doc->'id_card'), 'phone',
                                      x.doc->'phone_number'),
                   'relation_type', r.relation_type, 'is_default', true, 'remark', r.remark,
                   'create_time', to_char(r.created_at at time zone $3::text, 'YYYY-MM-DD"T"HH24:MI:SS'))
          from patient_relations r
          join patients p on p.id = r.related_patient_id and p.deleted_at is null
         cross join lateral gh_code_relative(p, $2::date) x (doc)
         where r.user_patient_id = $1 and r.is_default)::text as body

-- name: relative_owner_lock
-- $1 the caller's patient row
select id from patients where id = $1::bigint and deleted_at is null for no key update

-- name: national_id_lock
-- $1 blind index: of writers of one number, one at a time
select pg_advisory_xact_lock(hashtextextended('national id ' || encode($1::bytea, 'hex'), 0))

-- name: relative_add_facts
-- $1 owner, $2 blind index of the number, $3 name. The number a new patient row would have comes with it.
select (select count(*) from patient_relations r join patients o on o.id = r.related_patient_id and o.deleted_at is null
         where r.user_patient_id = $1::bigint) as relatives,
       coalesce(p.id, nextval(pg_get_serial_sequence('patients', 'id'))) as patient_id, p.id is not null as known,
       coalesce($3::text in (p.name, p.full_name), false) as same_name, coalesce(p.id = $1, false) as self,
       exists (select from patient_relations r where r.user_patient_id = $1 and r.related_patient_id = p.id) as related
  from (select) one
  left join patients p on p.national_id_bidx = $2::bytea and p.deleted_at is null

-- name: relative_patient_make
-- $1 id, $2 name, $3 gender, $4 birth date, $5 sealed number, $6 its blind index, $7 now
insert into patients (id, name, gender, date_of_birth, patient_type, national_id_enc, national_id_bidx, created_at, updated_at)
values ($1::bigint, $2::text, $3::text, $4::date, '校外', $5::bytea, $6::bytea, $7::timestamptz, $7)

-- name: relative_default_clear
-- $1 owner, $2 now
update patient_relations set is_default = false, version = version + 1, updated_at = $2::timestamptz
 where user_patient_id = $1::bigint and is_default

-- name: relative_make
-- $1 owner, $2 relative, $3 kind, $4 default, $5 remark, $6 now
insert into patient_relations (user_patient_id, related_patient_id, relation_type, is_default, remark, created_at, updated_at)
values ($1::bigint, $2::bigint, $3::text, $4::boolean, $5::text, $6::timestamptz, $6)
returning id

-- name: relative_facts
-- $1 owner, $2 relative. No row: they are not related.
select r.id, r.related_patient_id = r.user_patient_id as self, r.is_default
  from patient_relations r join patients p on p.id = r.related_patient_id and p.deleted_at is null
 where r.user_patient_id = $1::bigint and r.related_patient_id = $2::bigint

-- name: relative_change
-- $1 relation, $2 kind or null, $3 is a remark given, $4 remark, $5 now
update patient_relations
   set relation_type = coalesce($2::text, relation_type), remark = case when $3::boolean then $4::text else remark end,
       version = version + 1, updated_at = $5::timestamptz
 where id = $1::bigint

-- name: relative_default_set
-- $1 relation, $2 now
update patient_relations set is_default = true, version = version + 1, updated_at = $2::timestamptz where id = $1::bigint

-- name: relative_remove
-- $1 relation
delete from patient_relations where id = $1::bigint

-- name: campus_facts
-- $1 number, $2 patient, $3 account: who else has the number (BR-113). No row: the patient has been removed.
select exists (select from patients o where o.identifier = $1::text and o.id <> p.id) as by_patient,
       exists (select from users u where lower(u.identifier) = lower($1) and u.id <> $3::bigint) as by_account,
       gh_changes(jsonb_build_object('identifier', p.identifier), jsonb_build_object('identifier', $1))::text as changes
  from patients p where p.id = $2::bigint and p.deleted_at is null

-- name: campus_good
-- $1 patient, $2 account, $3 number, $4 now: who shows who he is gains trust, once a number (BR-134)
select gh_risk_add($2::bigint, -10, 'identity_verify', '校园身份验证', $4::timestamptz)
  from patients p where p.id = $1::bigint and p.identifier is distinct from $3::text

-- name: campus_verified
-- $1 patient, $2 account, $3 number, $4 name, $5 type of patient, $6 now
with account as (
    update users u
       set identifier = $3::text, full_name = left($4::text, 100),
           user_type = case when u.user_type in ('student', 'teacher', 'external')
                            then case $5::text when '学生' then 'student' when '教师' then 'teacher' else 'external' end
                            else u.user_type end,
           version = u.version + 1, updated_at = $6::timestamptz
     where u.id = $2::bigint
)
update patients
   set identifier = $3, name = left($4, 50), full_name = case when char_length($4) > 50 then left($4, 121) end, patient_type = $5,
       is_verified = true, version = version + 1, updated_at = $6
 where id = $1::bigint
