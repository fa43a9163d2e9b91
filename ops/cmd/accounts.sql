-- Statements of `guahao create-superuser`, `set-password`, `unlock`, `revoke-sessions` (ops/cmd/accounts.c).

-- name: account_lock
-- Changes of who administers what happen one after the other (R-46), as in the pool `identity`.
select code from roles where code = 'ADMIN' for no key update;

-- name: account_find
-- $1 any name, $2 how many passwords may not come again: id, user name, mail address, deleted, hash and those before it as a comma list
select u.id, coalesce(u.username, ''), coalesce(u.email, ''), u.is_deleted,
       concat_ws(',', u.hashed_password, (select string_agg(h.hash, ',') from (select h.hash from password_history h
                                           where h.user_id = u.id order by h.at desc limit $2::int - 1) h))
  from users u
 where u.username_ci = lower($1::text) or u.email_ci = lower($1) or u.phonenumber = $1 or lower(u.identifier) = lower($1)
 order by u.phonenumber = $1 desc nulls last, u.identifier = $1 desc nulls last
 limit 1;

-- name: account_name_used
-- $1 user name, $2 mail address or null, $3 account that may have them, or null: which one somebody else has
select case when exists (select from users u where u.id is distinct from $3::bigint and lower($1::text) in (u.username_ci, u.email_ci,
                                                   u.phonenumber, lower(u.identifier))) then 'user name'
            when exists (select from users u where u.id is distinct from $3::bigint and lower($2::text) in (u.username_ci, u.email_ci,
                                                   u.phonenumber, lower(u.identifier))) then 'mail address' end;

-- name: superuser_make
-- $1 user name, $2 mail address, $3 name, $4 hash, $5 now
with account as (
    insert into users (username, email, full_name, user_type, hashed_password, password_changed_at, is_superuser, is_verified,
                       created_at, updated_at)
    values ($1::text, $2::text, $3::text, 'admin', $4::text, $5::timestamptz, true, true, $5, $5)
    returning id
), role as (
    insert into user_roles (user_id, role_code, granted_at) select id, 'ADMIN', $5 from account
), record as (
    insert into administrators (user_id, name, created_at, updated_at) select id, left(coalesce($3, $1), 50), $5, $5 from account
)
select id from account;

-- name: superuser_update
-- $1 account, $2 mail address, $3 name, $4 now
with role as (
    insert into user_roles (user_id, role_code, granted_at) values ($1::bigint, 'ADMIN', $4::timestamptz)
        on conflict (user_id, role_code) do nothing
), record as (
    insert into administrators (user_id, name, created_at, updated_at)
    select u.id, left(coalesce($3::text, u.full_name, u.username), 50), $4, $4 from users u where u.id = $1
        on conflict (user_id) do nothing
)
update users
   set is_superuser = true, is_active = true, is_verified = true, email = coalesce($2::text, email), full_name = coalesce($3, full_name),
       updated_at = $4
 where id = $1
returning id;

-- name: account_password
-- $1 account, $2 hash, $3 now, $4 must change it, $5 how many passwords may not come again: with the present one so many are kept (R-38).
-- Mailed reset tokens are good no more.
with tokens as (
    update password_resets set used_at = $3::timestamptz where user_id = $1::bigint and used_at is null
), former as (
    insert into password_history (user_id, hash, at)
    select id, hashed_password, $3 from users where id = $1 and hashed_password is not null
        on conflict (user_id, at) do nothing
), old as (
    delete from password_history
     where user_id = $1 and at <= (select at from password_history where user_id = $1 order by at desc
                                                       offset greatest($5::int - 2, 0) limit 1)
)
update users
   set hashed_password = $2::text, password_changed_at = $3, must_change_password = $4::boolean, token_version = token_version + 1,
       version = version + 1, updated_at = $3
 where id = $1
returning id;

-- name: account_unlock
-- $1 account: failures and locks of all its names are forgotten (R-26)
with names as (
    select gh_login_hashes(u) as hashes from users u where u.id = $1::bigint
), locks as (
    delete from login_locks l using names n where l.name_hash = any (n.hashes) returning 1
), failures as (
    delete from login_attempts a using names n where a.name_hash = any (n.hashes) and not a.ok returning 1
)
select (select count(*) from locks) > 0;

-- name: account_sessions
-- $1 account, $2 now, $3 reason: ends its sessions
update sessions set revoked_at = $2::timestamptz, revoke_reason = $3::text
 where user_id = $1::bigint and revoked_at is null
returning id, extract(epoch from access_expires_at)::bigint;

-- name: account_tell
-- $1 topic, $2 payload in hex. Overdue at once, so that whoever serves publishes it (lib/worker/upkeep.c).
insert into outbox (topic, payload, created_at) values ($1::text, decode($2::text, 'hex'), 'epoch') returning id;

-- name: account_audit
-- $1 now, $2 action, $3 account, $4 request
insert into audit_log (at, actor, action, entity, entity_id, request_id, surface)
values ($1::timestamptz, 'system', $2::text, 'user', $3::text, $4::text, 'inner') returning id;
