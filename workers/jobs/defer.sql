-- Calls of the contract that become jobs (defer.c).

-- name: defer_call
-- $1 id, $2 kind, $3 operation, $4 service, $5 argument frame, $6 who asks, $7 priority, $8 budget ms, $9 most attempts, $10 trace,
-- $11 key, $12 address, $13 agent, $14 status of its success, $15 now, $16 zone,
-- $17 unique key: while a job of it is unfinished that one is told
with made as (
    insert into jobs (id, kind, op, service, args, owner_id, priority, budget_ms, max_attempts, trace, idem_key, caller_ip,
                      caller_agent, success_status, run_at, created_at, unique_key)
    values ($1::uuid, $2::text, $3::text, $4::text, $5::bytea, $6::bigint, $7::smallint, $8::int, $9::int, $10::text, $11::text,
            $12::text, $13::text, $14::smallint, $15::timestamptz, $15, $17::text)
        on conflict (unique_key) where status in ('QUEUED', 'RUNNING') do nothing
    returning *
)
select gh_v1_job(row(m.*)::jobs, $16::text)::text, m.id
  from (select * from made
         union all
        select * from jobs where unique_key = $17 and owner_id = $6 and status in ('QUEUED', 'RUNNING')) m;
