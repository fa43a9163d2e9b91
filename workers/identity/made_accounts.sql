-- Accounts made, and passwords set, by administrators (api/21 US-04, US-10; api/01 register-admin). These are TASKs: what was
-- read before hashing is looked at again under the locks (admin_still), else the job starts over.

-- name: make_facts
-- $1 caller, $2 roles, $3 user name, $4 mail address, $5 phone number, $6 staff number
select gh_admin_rights($1::bigint) as rights,
       (select min(w) from unnest($2::text[]) w where not exists (select from roles r where r.code = upper(w))) as no_role,
       coalesce((select bool_and(upper(w) = 'PATIENT') from unnest($2::text[]) w), false) as patient_only,
       gh_name_used($3::text) as username, gh_name_used($4::text) as email, gh_name_used($5::text) as phone,
       gh_name_used($6::text) as identifier

-- name: admin_still
-- $1 caller, $2 his rights as they were read
select gh_unless_stale(gh_admin_rights($1::bigint) = $2::int)

-- name: user_make
-- $1 user name, $2 base of one when none is given, $3 mail address, $4 phone number, $5 staff number, $6 full name, $7 active,
-- $8 superuser, $9 must change the password, $10 hash, $11 roles, $12 who makes it, $13 now, $14 job, $15 operation
with account as (
    insert into users (username, email, phonenumber, identifier, full_name, user_type, hashed_password, password_changed_at,
                       is_active, is_superuser, is_verified, must_change_password, created_at, updated_at)
    values (coalesce($1::text, gh_free_username($2::text)), $3::text, $4::text, $5::text, $6::text,
            case when 'ADMIN' = any ($11::text[]) then 'admin' when 'DOCTOR' = any ($11) then 'doctor' else 'external' end,
            $10::text, $13::timestamptz, $7::boolean, $8::boolean, true, $9::boolean, $13, $13)
    returning id
), given as (
    insert into user_roles (user_id, role_code, granted_by, granted_at)
    select distinct a.id, upper(w), $12::bigint, $13 from account a cross join unnest($11) w
), mark as (
    insert into job_done (id, op, status, body) select $14::uuid, $15::text, 0, id::text from account
)
select id from account

-- name: user_password_facts
-- $1 account, $2 caller: beside admin_facts, what the password rule asks
select username, email, gh_admin_rights($2::bigint) as rights from users where id = $1::bigint and not is_deleted

-- name: living_sessions
-- $1 account
select id, extract(epoch from access_expires_at)::bigint as until
  from sessions where user_id = $1::bigint and revoked_at is null order by id

-- name: sessions_still
-- $1 account, locked by now; $2 its sessions as they were read, $3 whether it was an administrator's or superuser's (R-47)
select gh_unless_stale($2::uuid[] = array(select id from sessions where user_id = $1::bigint and revoked_at is null order by id)
                       and exists (select from users where id = $1 and not is_deleted and (is_admin or is_superuser) = $3::boolean))

-- name: password_given
-- $1 account, $2 now, $3 must change it. After password_set: it is somebody else who knows the password, and tokens mailed for a
-- reset are good no more.
with tokens as (
    update password_resets set used_at = $2::timestamptz where user_id = $1::bigint and used_at is null
)
update users set must_change_password = $3::boolean, token_version = token_version + 1, version = version + 1, updated_at = $2
 where id = $1

-- name: admin_make_facts
-- $1 caller or 0, $2 staff number, $3 mail address. `first`: nobody administers yet (BR-12).
select gh_admin_rights($1::bigint) as rights, gh_no_administrators() as first, gh_name_used($2::text) as identifier,
       gh_name_used($3::text) as email

-- name: first_still
-- $1 whether nobody administered when it was read
select gh_unless_stale(gh_no_administrators() = $1::boolean)

-- name: admin_make
-- $1 staff number, $2 mail address, $3 name, $4 job title, $5 superuser, $6 hash, $7 who makes it or 0, $8 now, $9 job, $10 operation
with account as (
    insert into users (identifier, email, full_name, user_type, hashed_password, password_changed_at, is_superuser, is_verified,
                       created_at, updated_at)
    values ($1::text, $2::text, $3::text, 'admin', $6::text, $8::timestamptz, $5::boolean, true, $8, $8)
    returning id
), role as (
    insert into user_roles (user_id, role_code, granted_by, granted_at)
    select id, 'ADMIN', nullif($7::bigint, 0), $8 from account
), record as (
    insert into administrators (user_id, name, job_title, created_at, updated_at) select id, $3, $4::text, $8, $8 from account
), mark as (
    insert into job_done (id, op, status, body) select $9::uuid, $10::text, 0, id::text from account
)
select id from account

-- name: person_account_make
-- $1 account, $2 names, $3 base of a user name when none is given, or null; $4 name of the person, $5 hash or null, $6 now, $7 kind
insert into users (id, username, email, phonenumber, identifier, full_name, user_type, hashed_password, password_changed_at,
                   is_verified, created_at, updated_at)
select $1::bigint, coalesce(b->>'username', case when $3::text is not null then gh_free_username($3) end), b->>'email',
       b->>'phone', b->>'identifier', left($4::text, 100), $7::text, $5::text,
       case when $5 is not null then $6::timestamptz end, true, $6::timestamptz, $6
  from (select $2::jsonb as b) x

-- name: account_sessions
-- $1 account, $2 a session that is left out, or null
select id, extract(epoch from access_expires_at)::bigint as until
  from sessions where user_id = $1::bigint and revoked_at is null and id is distinct from $2::uuid order by id

-- name: account_sessions_still
-- $1 account, locked by now; $2 sessions as they were read, $3 whether it was an administrator's or superuser's (R-47), $4 a session
-- that is left out, or null
select gh_unless_stale($2::uuid[] = array(select id from sessions where user_id = $1::bigint and revoked_at is null
                                                                    and id is distinct from $4::uuid order by id)
                       and exists (select from users where id = $1 and not is_deleted and (is_admin or is_superuser) = $3::boolean))
