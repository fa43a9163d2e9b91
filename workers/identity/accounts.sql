-- Accounts of one's own: registration, new passwords (api/21 AU-01, AU-05, AU-06, AU-08; R-20 to R-24, R-35 to R-39).
-- These are TASKs (bcrypt runs between their transactions), so the runtime keeps no record of them, nor should their replies
-- be stored, which carry tokens: what is kept under the job's id is the account, for a job that is delivered a second time.

-- name: account_mark_find
-- $1 job, $2 operation: the account that this very job has written to already
select body::bigint as user_id from job_done where id = $1::uuid and op = $2::text

-- name: account_mark
-- $1 job, $2 operation, $3 account
insert into job_done (id, op, status, body) values ($1::uuid, $2::text, 0, $3::bigint::text)

-- name: account_show
-- $1 account, $2 now, $3 zone
select gh_v1_user(u, $2::timestamptz, $3::text)::text as shown, gh_user_brief(u)::text as brief,
       array_to_string(gh_user_roles(u.id), ',') as roles
  from users u where u.id = $1::bigint

-- name: register_find
-- $1 user name, $2 mail address, $3 phone number: which are names already
select gh_name_used($1::text) as username, gh_name_used($2::text) as email, gh_name_used($3::text) as phone

-- name: register_lock
-- $1 base of a user name: of accounts that are to be named after it, one at a time
select pg_advisory_xact_lock(hashtextextended('username ' || lower($1::text), 0))

-- name: register_write
-- $1 user name, $2 base of one when none is given, $3 mail address, $4 phone number, $5 full name, $6 first name, $7 last name,
-- $8 gender, $9 birth date, $10 password hash, $11 now, $12 job, $13 operation. All of R-22 in one statement.
with account as (
    insert into users (username, email, phonenumber, full_name, user_type, hashed_password, password_changed_at, is_verified,
                       created_at, updated_at)
    values (coalesce($1::text, gh_free_username($2::text)), $3::text, $4::text, $5::text, 'external', $10::text, $11::timestamptz,
            true, $11, $11)
    returning id, username, full_name, phonenumber
), role as (
    insert into user_roles (user_id, role_code, granted_at) select id, 'PATIENT', $11 from account
), patient as (
    insert into patients (user_id, name, first_name, last_name, gender, date_of_birth, patient_type, is_verified, phone, created_at,
                          updated_at)
    select id, left(coalesce(full_name, username, phonenumber), 50), $6::text, $7::text, $8::text, $9::date, '校外', true,
           phonenumber, $11, $11 from account
    returning id
), self as (
    insert into patient_relations (user_patient_id, related_patient_id, relation_type, is_default, created_at, updated_at)
    select id, id, '本人', true, $11, $11 from patient
), mark as (
    insert into job_done (id, op, status, body) select $12::uuid, $13::text, 0, id::text from account
)
select id from account

-- name: password_facts
-- $1 account, $2 now, $3 how many passwords may not come again. What deciding on a new password needs: the present hash and those before it, the newest first, and the
-- hashes of the names under which failures are counted, in order, which is the order of their locks. No row: it is gone.
select u.hashed_password, u.username, u.email, gh_user_brief(u)::text as brief, array_to_string(gh_user_roles(u.id), ',') as roles,
       (select string_agg(encode(h, 'hex'), ',' order by h) from unnest(gh_login_hashes(u)) h) as names,
       (select (extract(epoch from max(l.locked_until)) * 1000000)::bigint from login_locks l
         where l.locked_until > $2::timestamptz and l.name_hash = any (gh_login_hashes(u))) as locked_until,
       (select string_agg(h.hash, ',' order by h.at desc)
          from (select hash, at from password_history where user_id = u.id order by at desc limit $3::int - 1) h) as history
  from users u where u.id = $1::bigint and not u.is_deleted

-- name: password_sessions
-- $1 account, $2 a session that is left out, or null: the others that live
select id, extract(epoch from access_expires_at)::bigint as until
  from sessions
 where user_id = $1::bigint and revoked_at is null and id is distinct from $2::uuid order by id

-- name: password_unchanged
-- $1 account, $2 the hash that was read or null, $3 a session that must live and is left out of $4, or null; $4 the sessions that
-- password_sessions gave. The account's row is locked by now.
select gh_unless_stale(exists (select 1 from users where id = $1::bigint and not is_deleted
                                                     and hashed_password is not distinct from $2::text)
                       and $4::uuid[] = array(select id from sessions where user_id = $1 and revoked_at is null
                                                                        and id is distinct from $3::uuid order by id)
                       and ($3::uuid is null or exists (select 1 from (select * from sessions where id = $3 for update) s
                                                         where s.user_id = $1 and s.revoked_at is null)))

-- name: password_set
-- $1 account, $2 hash, $3 now, $4 how many passwords may not come again. With the present one so many are kept (R-38).
with former as (
    insert into password_history (user_id, hash, at)
    select id, hashed_password, $3::timestamptz from users where id = $1::bigint and hashed_password is not null
        on conflict (user_id, at) do nothing
), old as (
    delete from password_history h
     where h.user_id = $1 and h.at <= (select at from password_history where user_id = $1 order by at desc
                                                 offset greatest($4::int - 2, 0) limit 1)
)
update users
   set hashed_password = $2::text, password_changed_at = $3, must_change_password = false, version = version + 1, updated_at = $3
 where id = $1

-- name: own_session
-- $1 session, $2 account
select surface, cookie from sessions where id = $1::uuid and user_id = $2::bigint and revoked_at is null

-- name: reset_find
-- $1 sha-256 of the token, $2 now. No row: unknown, used, replaced by a newer one or too old (R-37).
select user_id from password_resets
 where token_hash = decode($1::text, 'hex') and used_at is null and expires_at > $2::timestamptz

-- name: reset_use
-- $1 sha-256 of the token, $2 now
with used as (
    update password_resets set used_at = $2::timestamptz
     where token_hash = decode($1::text, 'hex') and used_at is null and expires_at > $2 returning 1
)
select gh_unless_stale(exists (select 1 from used))

-- name: forgot_find
-- $1 a login name of any kind, $2 now. The account, locked, its address, and how many tokens it got within the hour.
with name as (
    select lower(btrim($1::text)) as word, btrim($1::text) as raw, regexp_replace(btrim($1::text), '[ -]', '', 'g') as packed
), who as (
    select m.id from name n
     cross join lateral (
           select id, 1 as way from users where email_ci = n.word
           union all
           select id, 2 from users where username_ci = n.word
           union all
           select id, 3 from users where phonenumber in (n.raw, n.packed)
           union all
           select id, 4 from users where lower(identifier) = n.word) m
      join users u on u.id = m.id and not u.is_deleted
     order by m.way limit 1
)
select u.id, u.email, (select count(*) from password_resets r
                        where r.user_id = u.id and r.created_at > $2::timestamptz - interval '1 hour') as recent
  from users u where u.id = (select id from who) for no key update

-- name: forgot_write
-- $1 account, $2 sha-256 of the token, $3 now, $4 end of its life. Older tokens are good no more (R-36); aged ones go.
with replaced as (
    update password_resets set used_at = $3::timestamptz
     where user_id = $1::bigint and used_at is null and created_at >= $3::timestamptz - interval '1 day'
), aged as (
    delete from password_resets where user_id = $1 and created_at < $3 - interval '1 day'
)
insert into password_resets (token_hash, user_id, created_at, expires_at)
values (decode($2::text, 'hex'), $1, $3, $4::timestamptz)
