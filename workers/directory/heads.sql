-- Heads of departments (api/02 section 2.4, BR-26).

-- name: head_lock
-- $1 department. Those who change its heads come one after the other; lock order: department, doctor.
select id from minor_departments where id = $1::bigint and deleted_at is null for no key update

-- name: head_facts
-- $1 department, $2 doctor. One row always.
select d.id is not null as known, coalesce(d.dept_id = $1::bigint, false) as member, coalesce(d.is_department_head, false) as head,
       d.title,
       (select count(*) from doctors h where h.dept_id = $1 and h.is_department_head and h.deleted_at is null) as heads,
       coalesce((select greatest(0, (c.config_value #>> '{}')::int)
                   from system_config c
                  where c.config_key = 'departmentHeadMaxCount' and c.is_active and c.config_value #>> '{}' ~ '^[0-9]{1,6}$'
                    and (c.scope_type = 'GLOBAL' or (c.scope_type = 'MINOR_DEPT' and c.scope_id = $1))
                  order by c.scope_type = 'MINOR_DEPT' desc limit 1), 2) as max_heads
  from (select) one
  left join doctors d on d.id = $2::bigint and d.deleted_at is null

-- name: head_set
-- $1 department, $2 doctor, $3 now. No row: transferred meanwhile.
update doctors
   set is_department_head = true, version = version + 1, updated_at = $3::timestamptz
 where id = $2::bigint and dept_id = $1::bigint and deleted_at is null
returning id

-- name: remove_head
-- $1 department, $2 doctor, $3 now
with dept as materialized (
    select id from minor_departments where id = $1::bigint and deleted_at is null for no key update
), doctor as materialized (
    select d as was from dept m, doctors d where d.id = $2::bigint and d.deleted_at is null for update of d
), verdict as (
    select case when not exists (select from dept) then 'DEPARTMENT_NOT_FOUND'
                when (o.was).id is null then 'DOCTOR_NOT_FOUND'
                when (o.was).dept_id is distinct from $1 then 'DOCTOR_NOT_IN_DEPARTMENT' end as error
      from (select) one
      left join doctor o on true
), changed as (
    update doctors d
       set is_department_head = false, version = d.version + 1, updated_at = $3::timestamptz
      from doctor o, verdict v
     where d.id = (o.was).id and v.error is null and (o.was).is_department_head
    returning d
)
select v.error,
       json_build_object('dept_id', $1, 'doctor_id', (o.was).id, 'was_department_head', (o.was).is_department_head,
                         'is_department_head', false)::text as body,
       case when (c.d).id is not null
            then gh_audit_entry('department.remove_head', 'doctor', (c.d).id, to_jsonb(o.was), to_jsonb(c.d)) end as audit
  from verdict v
  left join doctor o on true
  left join changed c on true
