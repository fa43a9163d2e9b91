-- Accounts read and administered (api/21: US-01 to US-11; api/01 section 1.4). Scopes are bits of GH_SCOPE_*.

-- name: v1_user
-- US-01, US-05. $1 account, $2 scopes or null for one's own, $3 caller, $4 now, $5 zone
select case when u.id is null then 'NOT_FOUND'
            when $2::int & 1 = 0 and u.id <> $3::bigint then 'NOT_OWNER' end as error,
       gh_v1_user(u, $4::timestamptz, $5::text)::text as body,
       case when u.id is not null then json_build_object('ETag', format('"user-%s-%s"', u.id, u.version)) end as headers,
       u.version
  from (select) x
  left join users u on u.id = $1::bigint and not u.is_deleted

-- name: v1_users
-- US-03. $1 the query as an object, $2 role bits of the caller, $3 now, $4 zone. Deleted accounts are for ADMIN and
-- superusers.
with asked as (
    select coalesce($1::jsonb, '{}') as query,
           coalesce(($1::jsonb->>'page')::int, 1) as page,
           coalesce(($1::jsonb->>'per_page')::int, ($1::jsonb->>'limit')::int, ($1::jsonb->>'page_size')::int, 20) as size,
           (select array_agg(upper(t)) from unnest(gh_json_texts($1::jsonb->'role')) t) as roles,
           ($1::jsonb->>'is_active')::boolean as active, ($1::jsonb->>'locked')::boolean as locked,
           gh_moment($1::jsonb->>'created_at_from', $4::text, false) as since,
           gh_moment($1::jsonb->>'created_at_to', $4::text, true) as until,
           coalesce(($1::jsonb->>'include_deleted')::boolean, false) as deleted,
           lower(nullif($1::jsonb->>'q', '')) as words,
           string_to_array(replace($1::jsonb->>'sort', ' ', ''), ',') as sort,
           string_to_array(replace($1::jsonb->>'fields', ' ', ''), ',') as fields
), found as materialized (
    select u.id
      from asked a
      join users u on a.deleted or not u.is_deleted
     where (not a.deleted or $2::int & 33 <> 0)
       and (a.roles is null or exists (select from user_roles r where r.user_id = u.id and r.role_code = any (a.roles)))
       and (a.active is null or u.is_active = a.active)
       and (a.locked is null or a.locked = exists (select from login_locks l where l.locked_until > $3::timestamptz
                                                      and l.name_hash = any (gh_login_hashes(u))))
       and (a.since is null or u.created_at >= a.since)
       and (a.until is null or u.created_at <= a.until)
       and (a.words is null or strpos(u.username_ci, a.words) > 0 or strpos(u.email_ci, a.words) > 0
            or strpos(u.phonenumber, a.words) > 0 or strpos(lower(u.identifier), a.words) > 0
            or strpos(lower(u.full_name), a.words) > 0)
), page as (
    select x.id, row_number() over () as place
      from (select u.id
              from asked a
              join found f on true
              join users u on u.id = f.id
             order by case when a.sort[1] not like '-%' then gh_user_order(a.sort[1], u) end,
                      case when a.sort[1] like '-%' then gh_user_order(substr(a.sort[1], 2), u) end desc nulls last,
                      case when a.sort[2] not like '-%' then gh_user_order(a.sort[2], u) end,
                      case when a.sort[2] like '-%' then gh_user_order(substr(a.sort[2], 2), u) end desc nulls last,
                      case when a.sort[3] not like '-%' then gh_user_order(a.sort[3], u) end,
                      case when a.sort[3] like '-%' then gh_user_order(substr(a.sort[3], 2), u) end desc nulls last,
                      case when a.sort[4] not like '-%' then gh_user_order(a.sort[4], u) end,
                      case when a.sort[4] like '-%' then gh_user_order(substr(a.sort[4], 2), u) end desc nulls last,
                      case when a.sort[5] not like '-%' then gh_user_order(a.sort[5], u) end,
                      case when a.sort[5] like '-%' then gh_user_order(substr(a.sort[5], 2), u) end desc nulls last,
                      case when a.sort[6] not like '-%' then gh_user_order(a.sort[6], u) end,
                      case when a.sort[6] like '-%' then gh_user_order(substr(a.sort[6], 2), u) end desc nulls last,
                      u.id
             limit (select size from asked) offset (select (page - 1)::bigint * size from asked)) x
)
select case when a.deleted and $2::int & 33 = 0 then 'FORBIDDEN' end as error,
       json_build_object(
           'items', coalesce((select json_agg(gh_pick(gh_v1_user(u, $3::timestamptz, $4::text), a.fields) order by p.place)
                                from page p join users u on u.id = p.id), '[]'),
           'page', a.page, 'page_size', a.size, 'total', t.total, 'pages', (t.total + a.size - 1) / a.size)::text as body,
       gh_page_headers(a.query, a.page, a.size, t.total) as headers
  from asked a
 cross join (select count(*) as total from found) t

-- name: admin_lock
-- Changes of who administers what happen one after the other, so that the last administrator is seen as such (R-46).
-- Lock order: this row, the account, its sessions.
select code from roles where code = 'ADMIN' for no key update

-- name: admin_facts
-- $1 account, $2 caller, $3 roles it shall have or null. No row: there is no such account.
select u.version, u.is_active, u.is_superuser,
       exists (select from user_roles r where r.user_id = u.id and r.role_code = 'ADMIN') as admin,
       exists (select from user_roles r join users o on o.id = r.user_id
                where r.role_code = 'ADMIN' and o.id <> u.id and o.is_active and not o.is_deleted) as other_admin,
       (u.username is not null)::int + 2 * (u.email is not null)::int + 4 * (u.phonenumber is not null)::int
           + 8 * (u.identifier is not null)::int as names,
       c.is_superuser as by_superuser, 'ADMIN' = any (gh_user_roles(c.id)) as by_admin,
       c.is_superuser or exists (select from role_permissions p
                                  where p.permission_code = 'role:manage' and p.scope = 'all'
                                    and p.role_code = any (gh_user_roles(c.id))) as by_role_manager,
       (select min(w) from unnest($3::text[]) w where not exists (select from roles r where r.code = upper(w))) as no_role,
       $3::text[] is not null and (select array_agg(distinct upper(w) order by upper(w)) from unnest($3::text[]) w)
           is distinct from (select array_agg(r.role_code::text order by r.role_code::text) from user_roles r
                              where r.user_id = u.id) as other_roles
  from users u
  left join users c on c.id = $2::bigint
 where u.id = $1::bigint and not u.is_deleted

-- name: names_elsewhere
-- $1 account, $2 user name, $3 mail address, $4 phone number, $5 staff number it shall have, or null. Which one is a name of
-- somebody else, of whatever kind: a sign-in takes them all (R-20). No row: none.
select g.kind
  from (values (0, $2::text), (1, $3::text), (2, regexp_replace($4::text, '[ -]', '', 'g')), (3, $5::text)) g (kind, name)
 where g.name is not null
   and exists (select from users u
                where u.id <> $1::bigint and (u.username_ci = lower(g.name) or u.email_ci = lower(g.name)
                                              or u.phonenumber = g.name or lower(u.identifier) = lower(g.name)))
 order by g.kind limit 1

-- name: user_change
-- $1 account, $2 members that change as an object, $3 now. Blanks and dashes of a phone number are not kept.
update users u
   set username = case when b ? 'username' then b->>'username' else u.username end,
       email = case when b ? 'email' then b->>'email' else u.email end,
       phonenumber = case when b ?| '{phone,phonenumber}'
                          then regexp_replace(coalesce(b->>'phone', b->>'phonenumber'), '[ -]', '', 'g')
                          else u.phonenumber end,
       identifier = case when b ? 'identifier' then b->>'identifier' else u.identifier end,
       full_name = case when b ? 'full_name' then b->>'full_name' else u.full_name end,
       is_active = coalesce((b->>'is_active')::boolean, u.is_active),
       is_superuser = coalesce((b->>'is_superuser')::boolean, u.is_superuser),
       must_change_password = coalesce((b->>'must_change_password')::boolean, u.must_change_password),
       token_version = u.token_version + 1, version = u.version + 1, updated_at = $3::timestamptz
  from (select $2::jsonb as b) x
 where u.id = $1::bigint

-- name: user_roles_set
-- $1 account, $2 its roles from now on, $3 who gives them, $4 now
with wanted as materialized (
    select distinct upper(w) as code from unnest($2::text[]) w
), taken as (
    delete from user_roles r where r.user_id = $1::bigint and r.role_code not in (select code from wanted)
)
insert into user_roles (user_id, role_code, granted_by, granted_at)
select $1::bigint, code, $3::bigint, $4::timestamptz from wanted
    on conflict (user_id, role_code) do nothing

-- name: user_admin_set
-- $1 account, $2 whether it holds ADMIN from now on, $3 who decides, $4 now. Who held nothing else becomes a PATIENT (R-54).
with taken as (
    delete from user_roles where user_id = $1::bigint and role_code = 'ADMIN' and not $2::boolean
)
insert into user_roles (user_id, role_code, granted_by, granted_at)
select $1::bigint, case when $2 then 'ADMIN' else 'PATIENT' end, $3::bigint, $4::timestamptz
 where $2 or not exists (select from user_roles where user_id = $1 and role_code <> 'ADMIN')
    on conflict (user_id, role_code) do nothing

-- name: user_delete
-- $1 account, $2 now. The row stays and with it the names (R-49).
update users
   set is_deleted = true, is_active = false, token_version = token_version + 1, version = version + 1,
       updated_at = $2::timestamptz
 where id = $1::bigint

-- name: user_unlock
-- $1 account: failures and locks of all its names are forgotten (R-26)
with locks as (
    delete from login_locks l using users u where u.id = $1::bigint and l.name_hash = any (gh_login_hashes(u))
)
delete from login_attempts a using users u
 where u.id = $1::bigint and a.name_hash = any (gh_login_hashes(u)) and not a.ok

-- name: user_state
-- $1 account: what the audit log compares
select gh_audit_user(u)::text from users u where u.id = $1::bigint

-- name: user_changes
-- $1 account, $2 user_state as it was
select gh_changes($2::jsonb, gh_audit_user(u))::text from users u where u.id = $1::bigint

-- name: code_users
-- GET /auth/users; at most 10000 rows, the eldest first
select coalesce(json_agg(gh_code_user(u) order by u.id), '[]')::text as body
  from (select * from users where not is_deleted order by id limit 10000) u

-- name: code_user
-- BR-14. $1 account, $2 caller, $3 his role bits
select case when $1::bigint <> $2::bigint and $3::int & 33 = 0 then 'NOT_OWNER'
            when u.id is null then 'USER_NOT_FOUND' end as error,
       gh_code_user(u)::text as body
  from (select) x
  left join users u on u.id = $1::bigint and not u.is_deleted

-- name: code_user_shown
-- $1 account, deleted or not
select gh_code_user(u)::text, gh_code_user(u)->>'username' from users u where u.id = $1::bigint
