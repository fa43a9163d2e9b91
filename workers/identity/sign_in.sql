-- Signing in (api/01 section 1.1, api/21; R-25 to R-28, R-42). Reads first, bcrypt outside of any transaction, then one
-- transaction that repeats under locks what was read (gh_unless_stale) and writes.
-- Lock order: the name (advisory), the user's row, the sessions.

-- name: login_find
-- $1 login name, $2 what it may be: any, phone, staff, phone_or_staff; $3 now. One row always; the account's columns are
-- null when the name is unknown. Failures are counted by the name as normalised here; logins: good ones within the hour, since the
-- last time that they were too many (BR-130).
with given as (
    select btrim($1::text) as raw, regexp_replace(btrim($1::text), '[ -]', '', 'g') as packed
), name as (
    select lower(raw) as word, packed, case when packed ~ '^[+]?[0-9]{6,20}$' then packed else lower(raw) end as counted, raw
      from given
), who as (
    select m.id, m.way
      from name n
     cross join lateral (
           select id, 1 as way from users where $2::text = 'any' and username_ci = n.word
           union all
           select id, 2 from users where $2 = 'any' and email_ci = n.word
           union all
           select id, 3 from users where $2 in ('any', 'phone', 'phone_or_staff') and phonenumber in (n.raw, n.packed)
           union all
           select id, 4 from users where $2 in ('any', 'staff', 'phone_or_staff') and lower(identifier) = n.word) m
      join users u on u.id = m.id and not u.is_deleted
     order by m.way limit 1
)
select encode(sha256(convert_to(n.counted, 'UTF8')), 'hex') as name_hash,
       (extract(epoch from l.locked_until) * 1000000)::bigint as locked_until,
       u.id, u.hashed_password, u.is_active, u.is_verified, w.way = 4 as by_identifier,
       b.id is not null as banned, b.reason as ban_reason, (extract(epoch from b.ban_until) * 1000000)::bigint as ban_until,
       array_to_string(gh_user_roles(u.id), ',') as roles,
       gh_user_brief(u)::text as brief,
       gh_logins(u, $3::timestamptz) as logins, u.user_type
  from name n
  left join who w on true
  left join users u on u.id = w.id
  left join login_locks l on l.name_hash = sha256(convert_to(n.counted, 'UTF8')) and l.locked_until > $3::timestamptz
  left join user_bans b on b.user_id = u.id and b.is_active and b.ban_type in ('login', 'all')
                       and (b.ban_until is null or b.ban_until > $3)

-- name: login_former
-- $1 user, $2 surface, $3 now
select id, extract(epoch from access_expires_at)::bigint as until
  from gh_sessions_to_end($1::bigint, $2::text, $3::timestamptz) order by id

-- name: login_lock_name
-- $1 name hash
select pg_advisory_xact_lock(hashtextextended('login ' || $1::text, 0))

-- name: login_lock_user
select id from users where id = $1::bigint for no key update

-- name: login_check_name
-- $1 name hash, $2 now: the name is not locked
select gh_unless_stale(not exists (select 1 from login_locks
                                    where name_hash = decode($1::text, 'hex') and locked_until > $2::timestamptz))

-- name: login_check_user
-- $1 user, $2 the hash that was checked, $3 surface, $4 now, $5 sessions to end, in order of id
select gh_unless_stale(exists (select 1 from users where id = $1::bigint and is_active and not is_deleted
                                                     and hashed_password = $2::text)
                       and $5::uuid[] = array(select id from gh_sessions_to_end($1, $3::text, $4::timestamptz) order by id))

-- name: login_failed
-- $1 name hash, $2 ip, $3 now, $4 failures that lock, $5 window in minutes, $6 first lock in minutes. A lock doubles with
-- each repeat, up to a day; a day without one, or a success, forgets that (R-26).
with since as (
    select greatest($3::timestamptz - make_interval(mins => $5::int),
                    (select locked_until from login_locks where name_hash = decode($1::text, 'hex')),
                    (select max(at) from login_attempts where name_hash = decode($1, 'hex') and ok)) as at
), failures as (
    select count(*) + 1 as n from login_attempts a, since
     where a.name_hash = decode($1, 'hex') and not a.ok and a.at > since.at
), noted as (
    insert into login_attempts (name_hash, ip, at, ok) values (decode($1, 'hex'), $2::inet, $3, false)
)
insert into login_locks as l (name_hash, locked_until, level)
select decode($1, 'hex'), $3 + make_interval(mins => least($6::int, 1440)), 1 from failures where n >= $4::int
    on conflict (name_hash) do update
   set level = case when l.locked_until < $3 - interval '1 day' then 1 else least(l.level + 1, 12) end,
       locked_until = $3 + case when l.locked_until < $3 - interval '1 day' then excluded.locked_until - $3
                                else least((excluded.locked_until - $3) * (2 ^ least(l.level, 11)), interval '1 day') end

-- name: login_succeeded
-- $1 name hash, $2 ip, $3 now: failures before count no more
with gone as (delete from login_locks where name_hash = decode($1::text, 'hex'))
insert into login_attempts (name_hash, ip, at, ok) values (decode($1, 'hex'), $2::inet, $3::timestamptz, true)

-- name: login_mark_user
-- $1 user, $2 now, $3 ip, $4 new hash or null. Counts the version itself: updated_at is for changes of the account.
update users
   set last_login_at = $2::timestamptz, last_login_ip = $3::inet, hashed_password = coalesce($4::text, hashed_password),
       version = version + 1
 where id = $1::bigint

-- name: login_risk
-- $1 user, locked, $2 now, $3 sign-ins that are too many (BR-130). A kind of ban when that brought one.
select case when gh_logins(u, $2::timestamptz) >= $3::int
            then gh_risk_add(u.id, 10, 'high_frequency_login', format('1 小时内登录 %s 次', $3), $2) end as ban
  from users u where u.id = $1::bigint

-- name: sessions_end
-- $1 sessions, $2 now, $3 reason
update sessions set revoked_at = $2::timestamptz, revoke_reason = $3::text
 where id = any ($1::uuid[]) and revoked_at is null

-- name: session_open
-- $1 id, $2 user, $3 surface, $4 sha-256 of the refresh token's jti or null, $5 access jti, $6 access exp in seconds, $7 ip,
-- $8 user agent, $9 now, $10 session end in seconds, $11 the refresh token goes into a cookie
insert into sessions (id, user_id, surface, refresh_jti_hash, access_jti, access_expires_at, ip, user_agent, created_at,
                      last_seen_at, expires_at, cookie)
values ($1::uuid, $2::bigint, $3::text, decode($4::text, 'hex'), $5::uuid, to_timestamp($6::bigint), $7::inet, $8::text,
        $9::timestamptz, $9, to_timestamp($10::bigint), $11::boolean)

-- name: sign_in_prune
-- $1 now. A few aged rows with every sign-in, so that none of these tables grows for ever; rows that another one prunes at
-- this moment are passed over.
with attempts as (
    delete from login_attempts where ctid = any (array(
        select ctid from login_attempts where at < $1::timestamptz - interval '1 day' order by at limit 5 for update skip locked))
), locks as (
    delete from login_locks where ctid = any (array(
        select ctid from login_locks where locked_until < $1 - interval '1 day' order by locked_until limit 5
           for update skip locked))
), burnt as (
    delete from burnt_refresh_tokens where ctid = any (array(
        select ctid from burnt_refresh_tokens where expires_at < $1 order by expires_at limit 5 for update skip locked))
)
delete from sessions where ctid = any (array(
    select ctid from sessions where expires_at < $1 - interval '30 days' order by expires_at limit 5 for update skip locked))
