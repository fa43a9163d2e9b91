-- Codes of six digits (codes.c; BR-08, BR-11).

-- name: code_put
-- $1 channel, $2 recipient, $3 user or null, $4 sha-256, $5 tries, $6 now, $7 end, $8 pause before the next one in seconds. No
-- row: the last one was sent too recently.
insert into verification_codes as c (channel, recipient, user_id, code_hash, tries_left, sent_at, expires_at)
values ($1::text, $2::text, $3::bigint, decode($4::text, 'hex'), $5::int, $6::timestamptz, $7::timestamptz)
    on conflict (channel, recipient) do update
   set user_id = excluded.user_id, code_hash = excluded.code_hash, tries_left = excluded.tries_left,
       sent_at = excluded.sent_at, expires_at = excluded.expires_at
 where c.sent_at <= $6 - make_interval(secs => $8::int)
returning true

-- name: code_find
-- $1 channel, $2 recipient, $3 now, $4 sha-256 of the digits given, $5 user or null
select code_hash is not null as live, expires_at <= $3::timestamptz as expired, user_id is distinct from $5::bigint as foreign_to,
       code_hash = decode($4::text, 'hex') as equal, tries_left
  from verification_codes
 where channel = $1::text and recipient = $2::text
   for update

-- name: code_missed
-- $1 channel, $2 recipient: a try less, after the last one the code is gone
update verification_codes
   set tries_left = tries_left - 1, code_hash = case when tries_left > 1 then code_hash end
 where channel = $1::text and recipient = $2::text and code_hash is not null

-- name: code_used
-- $1 channel, $2 recipient, $3 end of the window that it opens, or null
update verification_codes set code_hash = null, tries_left = 0, verified_until = $3::timestamptz
 where channel = $1::text and recipient = $2::text

-- name: code_prune
-- $1 now: a few aged rows with every code sent
delete from verification_codes where ctid = any (array(
    select ctid from verification_codes where sent_at < $1::timestamptz - interval '1 day' order by sent_at limit 5
       for update skip locked))

-- name: email_owner
-- $1 address, $2 user: is the address a name of somebody else, of whatever kind (R-20)?
select exists (select 1 from users where email_ci = lower($1::text) and id <> $2::bigint)
    or exists (select 1 from users where username_ci = lower($1) and id <> $2)
    or exists (select 1 from users where lower(identifier) = lower($1) and id <> $2) as taken

-- name: email_bind
-- $1 user, $2 address
update users set email = $2::text where id = $1::bigint and not is_deleted
