-- Who calls, and what the roles allow (api/20 section 6, decisions 3).

-- name: rt_actors
-- Set-based over user ids. A user that is not there gives no row. `offset 0`: few callers are doctors, so each is one look into an
-- index; a join would read all doctors for a batch.
select u.id,
       u.is_active and not u.is_deleted as alive,
       u.must_change_password,
       u.is_superuser,
       (select string_agg(ur.role_code, ',') from user_roles ur where ur.user_id = u.id) as roles,
       p.id as patient_id,
       d.id as doctor_id,
       d.dept_id,
       d.is_department_head
  from users u
  left join patients p on p.user_id = u.id and p.deleted_at is null
  left join lateral (select * from doctors x where x.user_id = u.id and x.deleted_at is null offset 0) d on true
 where u.id = any($1::bigint[]);

-- name: rt_role_permissions
-- The whole table (some hundred rows), kept by the process until an "authz" event.
select role_code, permission_code, scope from role_permissions order by role_code, permission_code;

-- name: rt_open_settings
-- Which of the settings that open operations to everybody (x-public-if) are on.
select config_key from system_config
 where config_key = any($1::text[]) and scope_type = 'GLOBAL' and is_active and config_value = 'true'::jsonb;
