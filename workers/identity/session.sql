-- Living sessions: renewing, ending, telling fronts which are dead (R-30, R-32 to R-34; decisions 11).

-- name: refresh_find
-- $1 session, $2 user, $3 sha-256 of the jti, $4 now. No row: no such session of this user.
select s.refresh_jti_hash = decode($3::text, 'hex') as current,
       (select (extract(epoch from b.burnt_at) * 1000000)::bigint from burnt_refresh_tokens b
         where b.jti_hash = decode($3, 'hex') and b.session_id = s.id) as burnt_at,
       s.revoked_at is not null as revoked, s.expires_at <= $4::timestamptz as expired,
       extract(epoch from s.access_expires_at)::bigint as access_until,
       u.is_active and not u.is_deleted
           and not exists (select 1 from user_bans b where b.user_id = u.id and b.is_active and b.ban_type in ('login', 'all')
                                                       and (b.ban_until is null or b.ban_until > $4)) as welcome,
       array_to_string(gh_user_roles(u.id), ',') as roles, encode(s.refresh_jti_hash, 'hex') as live_hash,
       gh_user_brief(u)::text as brief
  from sessions s
  join users u on u.id = s.user_id
 where s.id = $1::uuid and s.user_id = $2::bigint

-- name: refresh_check
-- $1 session, $2 hash of the token that is live in it, $3 end of its last access token in seconds
select gh_unless_stale(exists (select 1 from (select * from sessions where id = $1::uuid for update) s
                                where s.revoked_at is null and s.refresh_jti_hash = decode($2::text, 'hex')
                                  and extract(epoch from s.access_expires_at)::bigint = $3::bigint))

-- name: session_renew
-- $1 session, whose row is locked, $2 hash of its new refresh token or null, $3 access jti, $4 access exp in seconds, $5 now,
-- $6 new end in seconds, $7 the refresh token goes into a cookie. The one it had is burnt.
with burnt as (
    insert into burnt_refresh_tokens (jti_hash, session_id, burnt_at, expires_at)
    select refresh_jti_hash, id, $5::timestamptz, expires_at from sessions where id = $1::uuid and refresh_jti_hash is not null
        on conflict (jti_hash) do nothing
)
update sessions
   set refresh_jti_hash = decode($2::text, 'hex'), refresh_generation = refresh_generation + 1, access_jti = $3::uuid,
       access_expires_at = greatest(access_expires_at, to_timestamp($4::bigint)), last_seen_at = $5,
       expires_at = to_timestamp($6::bigint), cookie = $7::boolean
 where id = $1

-- name: renew_find
-- $1 session of the token, $2 user, $3 now. No row: the session has ended, or its user may not sign in (BR-04).
select array_to_string(gh_user_roles(u.id), ',') as roles
  from sessions s
  join users u on u.id = s.user_id
 where s.id = $1::uuid and s.user_id = $2::bigint and s.revoked_at is null and u.is_active and not u.is_deleted
   and not exists (select 1 from user_bans b where b.user_id = u.id and b.is_active and b.ban_type in ('login', 'all')
                                               and (b.ban_until is null or b.ban_until > $3::timestamptz))

-- name: extend_find
-- $1 session, $2 user, $3 now: roles, and how long the session lives. No row: it has ended, its user may not come in, or it has no
-- refresh token (seed 002's sessions end with their token).
select array_to_string(gh_user_roles(u.id), ',') as roles, extract(epoch from s.expires_at)::bigint as until
  from sessions s
  join users u on u.id = s.user_id
 where s.id = $1::uuid and s.user_id = $2::bigint and s.revoked_at is null and s.refresh_jti_hash is not null
   and s.expires_at > $3::timestamptz and u.is_active and not u.is_deleted
   and not exists (select 1 from user_bans b where b.user_id = u.id and b.is_active and b.ban_type in ('login', 'all')
                                               and (b.ban_until is null or b.ban_until > $3))

-- name: extend_session
-- $1 session, $2 access exp in seconds, $3 now. A session that ended meanwhile makes the job start over.
with extended as (
    update sessions
       set access_expires_at = greatest(access_expires_at, to_timestamp($2::bigint)), last_seen_at = $3::timestamptz
     where id = $1::uuid and revoked_at is null
    returning 1
)
select gh_unless_stale(exists (select 1 from extended))

-- name: renew_former
-- $1 session of the token, $2 user, $3 now: what a new session ends
select s.id, extract(epoch from s.access_expires_at)::bigint as until
  from sessions s
 where s.user_id = $2::bigint and s.revoked_at is null
   and (s.id = $1::uuid or s.id in (select id from gh_sessions_to_end($2, 'bjtu', $3::timestamptz)))
 order by s.id

-- name: renew_check
-- $1 session of the token, $2 user, $3 now, $4 sessions to end, in order of id
select gh_unless_stale(exists (select 1 from sessions where id = $1::uuid and revoked_at is null)
                       and $4::uuid[] = array(select s.id from sessions s
                                               where s.user_id = $2::bigint and s.revoked_at is null
                                                 and (s.id = $1 or s.id in (select id from gh_sessions_to_end($2, 'bjtu', $3::timestamptz)))
                                               order by s.id))

-- name: v1_sessions
-- $1 user, $2 session of the caller's token, $3 now, $4 zone. Those that live, the newest first.
select coalesce(json_agg(json_build_object(
           'id', s.id, 'created_at', gh_ts_text(s.created_at, $4::text), 'last_seen_at', gh_ts_text(s.last_seen_at, $4),
           'expires_at', gh_ts_text(s.expires_at, $4), 'ip', host(s.ip), 'user_agent', s.user_agent, 'surface', s.surface,
           'current', s.id is not distinct from $2::uuid) order by s.created_at desc, s.id desc), '[]')::text as body
  from sessions s
 where s.user_id = $1::bigint and s.revoked_at is null and s.expires_at > $3::timestamptz

-- name: logout_lock
-- $1 user, $2 sessions named, $3 all of the user's. The user's row first: no new session appears meanwhile.
with who as materialized (select id from users where id = $1::bigint for no key update)
select s.id, extract(epoch from s.access_expires_at)::bigint as until
  from sessions s
 where s.user_id = (select id from who) and s.revoked_at is null and ($3::boolean or s.id = any ($2::uuid[]))
 order by s.id
   for update of s

-- name: introspect
-- $1 caller, $2 the token's user, $3 its session, $4 sha-256 of the jti of a refresh token, null for an access token; $5 now. The
-- token's members are null when it is none. One row always.
select coalesce($1::bigint = $2::bigint, false)
           or exists (select 1 from users c where c.id = $1 and (c.is_superuser or exists (
                          select 1 from role_permissions p join user_roles r on r.role_code = p.role_code
                           where r.user_id = c.id and p.permission_code = 'system:read'))) as allowed,
       s.id is not null as active, gh_user_label(u) as username
  from (select 1) one
  left join users u on u.id = $2 and u.is_active and not u.is_deleted
  left join sessions s on s.id = $3::uuid and s.user_id = u.id and s.revoked_at is null and s.expires_at > $5::timestamptz
                      and ($4::text is null or s.refresh_jti_hash = decode($4, 'hex'))

-- name: sync_revocations
-- $1 leeway in seconds. Sessions that were ended although an access token of theirs may still live; and the settings of running
-- programs: what a front has to know of the database.
select json_build_object('seq', coalesce((select max(id) from outbox), 0), 'settings', gh_runtime_settings(), 'revoked', coalesce(
           (select json_agg(json_build_object('sid', s.id, 'until', ceil(extract(epoch from s.access_expires_at))::bigint + $1::int))
              from sessions s
             where s.revoked_at is not null and s.access_expires_at > $2::timestamptz - make_interval(secs => $1::int)),
           '[]'))::text as body

-- name: permit
-- The answer to whom the runtime let pass: a front asks before it serves what asks for a permission.
select 'null' as body
