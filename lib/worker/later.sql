-- Work for later, queued by any pool in its transaction (lib/domain/later.h); the jobs pool carries it out.

-- name: rt_later_put
-- $1 id, $2 kind, $3 operation, $4 service, $5 argument frame, $6 owner, $7 unique key, $8 priority, $9 budget ms, $10 most
-- attempts, $11 not before, $12 now
insert into jobs (id, kind, op, service, args, owner_id, unique_key, priority, budget_ms, max_attempts, run_at, created_at)
values ($1::uuid, $2::text, $3::text, $4::text, $5::bytea, $6::bigint, $7::text, $8::smallint, $9::int, $10::int,
        $11::timestamptz, $12::timestamptz)
on conflict (unique_key) where status in ('QUEUED', 'RUNNING') do nothing;
