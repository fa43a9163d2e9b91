-- Roles and what they allow (api/21: RO-01 to RO-05). Codes are written in upper case, read in any.

-- name: v1_roles
-- RO-01. Built-in roles first, as api/20 section 6 names them.
select coalesce(json_agg(gh_v1_role(r) order by array_position('{ADMIN,DOCTOR,NURSE,STAFF,PATIENT}', r.code::text), r.code),
                '[]')::text as body
  from roles r

-- name: v1_permissions
-- RO-05
select coalesce(json_agg(json_build_object('code', p.code, 'description', p.description, 'scopes', to_json(p.scopes))
                         order by p.code), '[]')::text as body
  from permissions p

-- name: v1_role
-- $1 role
select gh_v1_role(r)::text, r.code from roles r where r.code = upper($1::text)

-- name: role_facts
-- $1 role, $2 its name from now on or null, $3 its permissions [{code, scope}] or null. One row always; `faults` are those of
-- $3, all at once, or null.
with asked as (
    select a.at - 1 as i, a.item->>'code' as code, a.item->>'scope' as scope
      from jsonb_array_elements($3::jsonb) with ordinality a (item, at)
), faults as (
    select f.i, f.field, f.message
      from asked a
      left join permissions p on p.code = a.code
     cross join lateral (values
           (a.i, format('permissions[%s].code', a.i), 'no such permission', p.code is null),
           (a.i, format('permissions[%s].scope', a.i), 'not a scope of this permission', not a.scope = any (p.scopes)))
           f (i, field, message, is_fault)
     where f.is_fault
)
select r.code is not null as known, coalesce(r.builtin, false) as builtin, r.name <> $2::text as renamed,
       $3::jsonb is not null and exists (
           select from role_permissions g
            where g.role_code = r.code
              and not exists (select from asked a where a.code = g.permission_code and a.scope = g.scope)) as shrinks,
       (select count(*) from user_roles h join users u on u.id = h.user_id
         where h.role_code = r.code and not u.is_deleted) as holders,
       (select count(*) from roles) as all_roles,
       (select json_agg(json_build_object('field', f.field, 'code', 'value_error', 'message', f.message) order by f.i)::text
          from faults f) as faults,
       (select f.field from faults f order by f.i limit 1) as field
  from (select) x
  left join roles r on r.code = upper($1::text)

-- name: role_state
-- $1 role: what the audit log compares
select (gh_v1_role(r)::jsonb - 'users')::text from roles r where r.code = upper($1::text)

-- name: role_changes
-- $1 role, $2 role_state as it was or null
select gh_changes($2::jsonb, (select gh_v1_role(r)::jsonb - 'users' from roles r where r.code = upper($1::text)))::text, upper($1)

-- name: role_make
-- $1 code, $2 name, $3 description
insert into roles (code, name, description) values (upper($1::text), $2::text, $3::text)

-- name: role_change
-- $1 role, $2 members that change as an object
update roles r
   set name = case when b ? 'name' then b->>'name' else r.name end,
       description = case when b ? 'description' then b->>'description' else r.description end
  from (select $2::jsonb as b) x
 where r.code = upper($1::text)

-- name: role_permit
-- $1 role, $2 its permissions from now on
with wanted as materialized (
    select distinct a.item->>'code' as code, a.item->>'scope' as scope from jsonb_array_elements($2::jsonb) a (item)
), taken as (
    delete from role_permissions g
     where g.role_code = upper($1::text)
       and not exists (select from wanted w where w.code = g.permission_code and w.scope = g.scope)
)
insert into role_permissions (role_code, permission_code, scope)
select upper($1::text), code, scope from wanted
    on conflict do nothing

-- name: role_leave
-- $1 role: deleted accounts hold it no more
delete from user_roles h using users u where h.role_code = upper($1::text) and u.id = h.user_id and u.is_deleted

-- name: role_drop
-- $1 role; its permissions go with it
delete from roles where code = upper($1::text)
