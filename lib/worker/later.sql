-- Work for later, queued by any pool in its transaction (lib/domain/later.h); the jobs pool carries it out.

-- name: rt_later_put
-- $1 id, $2 kind, $3 operation, $4 service, $5 argument frame, $6 owner, $7 unique key, $8 priority, $9 budget ms, $10 most
-- attempts, $11 not before, $12 now, $13 trace
insert into jobs (id, kind, op, service, args, owner_id, unique_key, priority, budget_ms, max_attempts, run_at, created_at,
                  trace)
values ($1::uuid, $2::text, $3::text, $4::text, $5::bytea, $6::bigint, $7::text, $8::smallint, $9::int, $10::int,
        $11::timestamptz, $12::timestamptz, $13::text)
on conflict (unique_key) where status in ('QUEUED', 'RUNNING') do nothing;

-- name: rt_later_new
-- The same of a job that must be the only one of its key: the violation of jobs_unique_uq is the refusal.
insert into jobs (id, kind, op, service, args, owner_id, unique_key, priority, budget_ms, max_attempts, run_at, created_at,
                  trace)
values ($1::uuid, $2::text, $3::text, $4::text, $5::bytea, $6::bigint, $7::text, $8::smallint, $9::int, $10::int,
        $11::timestamptz, $12::timestamptz, $13::text)
returning id, true;

-- name: rt_later_join
-- The same, and the unfinished job of its key answers for it when there is one: which job, and whether it is new.
insert into jobs (id, kind, op, service, args, owner_id, unique_key, priority, budget_ms, max_attempts, run_at, created_at,
                  trace)
values ($1::uuid, $2::text, $3::text, $4::text, $5::bytea, $6::bigint, $7::text, $8::smallint, $9::int, $10::int,
        $11::timestamptz, $12::timestamptz, $13::text)
on conflict (unique_key) where status in ('QUEUED', 'RUNNING') do update set unique_key = excluded.unique_key
returning id, id = $1;

-- name: rt_later_again
-- The running job of key $1 goes back into the queue with progress $2; $3 now. Its number of attempts grows on, so that the end of
-- this run, which is told by its attempt, no longer counts; the most that may be made grows with it.
update jobs
   set status = 'QUEUED', progress = greatest(progress, least($2::int, 99)), run_at = $3::timestamptz, run_id = null, lease_until = null,
       place = null, leased_by = null, max_attempts = max_attempts + 1
 where unique_key = $1::text and status = 'RUNNING';
