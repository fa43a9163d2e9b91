-- Durable requests of plain Majordomo clients (titanic.h). All times are the machine's.

-- name: titanic_put
-- $1 id, $2 service, $3 frames, $4 now, $5 seconds until it expires, $6 most that are kept at a time. No row: there are too many.
insert into titanic_requests (id, service, body, run_at, created_at, expires_at)
select $1::uuid, $2::text, $3::bytea[], $4::timestamptz, $4, $4 + make_interval(secs => $5::int)
 where (select count(*) from (select from titanic_requests limit $6::int) x) < $6
returning 1;

-- name: titanic_reply
-- $1 id, $2 now. Status and frames, each as hexadecimal digits, with commas between; no row: unknown.
select r.status, (select string_agg(encode(f, 'hex'), ',' order by n) from unnest(r.reply) with ordinality as x (f, n))
  from titanic_requests r
 where r.id = $1::uuid and r.expires_at > $2::timestamptz;

-- name: titanic_close
delete from titanic_requests where id = $1::uuid;

-- name: titanic_claim
-- $1 now, $2 most, $3 lease in ms. Those whose time has come, and those whose worker died.
with lost as (
    select id from titanic_requests where status = 'RUNNING' and lease_until <= $1::timestamptz and expires_at > $1
     order by lease_until limit $2::int for update skip locked
), waiting as (
    select id from titanic_requests where status = 'QUEUED' and run_at <= $1 and expires_at > $1
     order by run_at limit $2 for update skip locked
), due as (
    select id from lost union all select id from waiting limit $2
)
update titanic_requests r
   set status = 'RUNNING', attempts = r.attempts + 1, lease_until = $1 + make_interval(secs => $3::int / 1000.0)
  from due
 where r.id = due.id
returning r.id, r.service, r.attempts,
          (select string_agg(encode(f, 'hex'), ',' order by n) from unnest(r.body) with ordinality as x (f, n));

-- name: titanic_settle
-- $1 id, $2 attempt, $3 state, $4 frames of the reply or null, $5 not before, $6 now, $7 seconds that a reply is kept, $8 attempts that count. An
-- attempt that is no longer the one under way changes nothing.
update titanic_requests
   set status = $3::text, reply = $4::bytea[], run_at = $5::timestamptz, lease_until = null, attempts = $8::int,
       expires_at = case when $3 = 'QUEUED' then expires_at else $6::timestamptz + make_interval(secs => $7::int) end
 where id = $1::uuid and attempts = $2::int and status = 'RUNNING';

-- name: titanic_prune
delete from titanic_requests
 where id = any (array (select id from titanic_requests where expires_at <= $1::timestamptz order by expires_at limit 1000
                           for update skip locked));
