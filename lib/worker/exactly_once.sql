-- Transactions, job records, idempotency keys, outbox (api/32 section 7; decisions 11, 13, 14).

-- name: rt_begin
begin;

-- name: rt_trace
-- $1 name of the session until the transaction ends: in pg_stat_activity and in each line of the database's log.
select set_config('application_name', $1::text, true);

-- name: rt_commit
commit;

-- name: rt_rollback
rollback;

-- name: rt_job_done_get
select id, status, headers, body from job_done where id = any($1::uuid[]);

-- name: rt_job_done_put
insert into job_done (id, op, status, headers, body)
select * from unnest($1::uuid[], $2::text[], $3::smallint[], $4::jsonb[], $5::text[]);

-- name: rt_idem_lock
-- Its own statement, before the look-up: a later statement has a later snapshot, so whoever gets the lock also sees what
-- the one who held it before has committed.
select pg_try_advisory_xact_lock(k.h) from unnest($1::bigint[]) with ordinality as k (h, i) order by k.i;

-- name: rt_idem_get
select k.i, s.body_digest = k.digest as same, s.status, s.headers, s.body
  from unnest($1::bigint[], $2::text[], $3::text[], $4::bytea[]) with ordinality as k (user_id, operation, key, digest, i)
  join idempotency_keys s on s.user_id = k.user_id and s.operation = k.operation and s.key = k.key;

-- name: rt_idem_put
insert into idempotency_keys (user_id, operation, key, body_digest, status, headers, body, created_at)
select u.*, $8::timestamptz
  from unnest($1::bigint[], $2::text[], $3::text[], $4::bytea[], $5::smallint[], $6::jsonb[], $7::text[]) as u;

-- name: rt_outbox_put
insert into outbox (topic, payload, created_at)
select t.topic, t.payload, $3::timestamptz
  from unnest($1::text[], $2::bytea[]) with ordinality as t (topic, payload, i)
 order by t.i
returning id;
