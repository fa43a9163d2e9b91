-- Who cares for whom (api/22 PA-13, PA-14; R-59): given and closed by ADMIN, or a doctor who is assigned as primary himself.

-- name: assignment_make
-- $1 patient, $2 doctor, $3 kind, $4 reason, $5 first day or null, $6 last day or null, $7 caller, $8 his doctor row, $9 role bits,
-- $10 now, $11 today
with held as materialized (
    select p.* from patients p where p.id = $1::bigint and p.deleted_at is null for no key update
), facts as (
    select p, coalesce($5::date, $11::date) as first,
           case when p.id is null then 'NOT_FOUND'
                when $9::int & 33 = 0 and not gh_primary_of(p, $8::bigint, $11) then 'NOT_ASSIGNED'
                when d.id is null then 'NOT_FOUND'
                when exists (select from care_assignments a
                              where a.patient_id = p.id and a.doctor_id = d.id and a.kind = $3::text and a.closed_at is null
                                and daterange(a.valid_from, a.valid_to, '[]')
                                    && daterange(coalesce($5, $11), case when $6::date >= coalesce($5, $11) then $6 end, '[]'))
                    then 'DUPLICATE'
           end as error
      from (select) one
      left join held p on true
      left join doctors d on d.id = $2::bigint and d.deleted_at is null
), made as (
    insert into care_assignments as a (patient_id, doctor_id, kind, reason, valid_from, valid_to, created_by, created_at, updated_at)
    select $1, $2, $3, $4::text, f.first, $6, $7::bigint, $10::timestamptz, $10 from facts f
     where f.error is null and ($6 >= f.first) is not false
 returning a.*
)
select f.error,
       case when $6 < f.first then json_build_object('field', 'valid_to', 'text', 'is before valid_from') end as invalid,
       gh_v1_assignment(m)::text as body,
       json_build_object('Location', format('/api/v1/patients/%s/assignments/%s', $1, m.id)) as headers,
       json_build_object('action', 'care_assignment.create', 'entity', 'care_assignment', 'entity_id', m.id, 'patient_id', $1,
                         'changes', gh_changes('{}', jsonb_build_object('doctor_id', $2, 'kind', $3, 'valid_from', m.valid_from,
                                                                        'valid_to', m.valid_to))) as audit
  from facts f
  left join made m on true

-- name: assignment_close
-- $1 patient, $2 assignment, $3 caller's doctor row, $4 role bits, $5 now, $6 today. One that is closed already stays so.
with held as materialized (
    select a.* from care_assignments a
      join patients p on p.id = a.patient_id and p.deleted_at is null
     where a.id = $2::bigint and a.patient_id = $1::bigint
       for no key update of a
), facts as (
    select a, case when a.id is null then 'NOT_FOUND'
                   when $4::int & 33 = 0 and not gh_primary_of(p, $3::bigint, $6::date) then 'NOT_ASSIGNED' end as error
      from (select) one
      left join held a on true
      left join patients p on p.id = a.patient_id
), closed as (
    update care_assignments a
       set valid_to = greatest(least(a.valid_to, $6), a.valid_from), closed_at = $5::timestamptz, version = a.version + 1, updated_at = $5
      from facts f
     where f.error is null and a.id = (f.a).id and a.closed_at is null
 returning a.*
)
select f.error, 'null' as body,
       case when c.id is not null
            then json_build_object('action', 'care_assignment.close', 'entity', 'care_assignment', 'entity_id', c.id, 'patient_id', $1,
                                   'changes', json_build_object('valid_to', json_build_array((f.a).valid_to, c.valid_to))) end as audit
  from facts f
  left join closed c on true
