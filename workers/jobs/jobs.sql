-- The dispatcher's statements (dispatcher.c, recurring.c), on a connection of its own; each is a transaction.

-- name: jobs_claim
-- $1 now, $2 how many, $3 who, $4 ms that a lease lasts, $5 fresh ids for deliveries, one for each, $6 the machine's clock, which
-- leases and ids of deliveries keep to, $7 how many of them by age alone.
-- First jobs whose dispatcher died, then $7 of those that wait longest, so that nobody starves, then by priority and age. A kind with
-- a limit has numbered places, given away under the lock of its row; what two dispatchers gave at once is refused by jobs_place_uq.
-- A run that left a record of its refusal is over: whoever tries again decides anew. Any other keeps its id, so that what it may have
-- done is not done again. The commit of a claim does not wait for the disk: an effect that is committed later is behind it in the
-- log, so that after a crash of the database an effect without its claim cannot be.
with limited as materialized (
    select k.kind, k.running_max from job_kinds k where k.running_max is not null order by k.kind for update skip locked
), free as materialized (
    select l.kind, p.n as place, row_number() over (partition by l.kind order by p.n) as turn
      from limited l cross join lateral (
           select g.n from generate_series(1, l.running_max) as g (n)
            where not exists (select from only jobs j where j.status = 'RUNNING' and j.kind = l.kind and j.place = g.n)
            order by g.n
            limit greatest(l.running_max - (select count(*) from only jobs j where j.status = 'RUNNING' and j.kind = l.kind), 0)) p
), lost as materialized (
    select id, kind, priority, run_at from only jobs
     where status = 'RUNNING' and lease_until <= $6::timestamptz
       and attempts < least(max_attempts, (select k.attempts_max from job_kinds k where k.kind = jobs.kind))
     order by lease_until limit $2::int for update skip locked
), bounded as materialized (
    select w.* from limited l cross join lateral (
           select j.id, j.kind, j.priority, j.run_at from only jobs j
            where j.status = 'QUEUED' and j.run_at <= $1::timestamptz and j.kind = l.kind
            order by j.priority, j.run_at, j.id
            limit (select count(*) from free f where f.kind = l.kind) for update skip locked) w
), first as materialized (
    select id, kind, priority, run_at from only jobs
     where status = 'QUEUED' and run_at <= $1 and kind <> all (array(select kind from job_kinds where running_max is not null))
     order by priority, run_at, id limit $2 for update skip locked
), oldest as materialized (
    select id, kind, priority, run_at from only jobs
     where status = 'QUEUED' and run_at <= $1 and kind <> all (array(select kind from job_kinds where running_max is not null))
     order by run_at, id limit $7::int for update skip locked
), found as materialized (
    select 0 as rank, l.* from lost l
     union all
    (select 1, x.* from (select * from oldest union all select * from bounded) x order by x.run_at, x.id limit $7)
     union all
    select 2, x.* from (select * from first union all select * from bounded) x
), due as materialized (
    select c.*, row_number() over (order by c.rank, c.priority, c.run_at, c.id) as n,
           case when c.rank > 0 then row_number() over (partition by c.kind, c.rank > 0 order by c.rank, c.priority, c.run_at, c.id) end as turn
      from (select id, kind, priority, run_at, min(rank) as rank from found
             group by id, kind, priority, run_at order by min(rank), priority, run_at, id limit $2) c
), claimed as (
    update only jobs j
       set status = 'RUNNING', attempts = j.attempts + 1, started_at = coalesce(j.started_at, $1),
           lease_until = $6 + make_interval(secs => $4::int / 1000.0), leased_by = $3::text,
           place = case when d.turn is null then j.place else (select f.place from free f where f.kind = d.kind and f.turn = d.turn) end,
           run_id = case when j.run_id > gh_uuid7_floor($6 - interval '20 hours')
                          and not exists (select from job_done r where r.id = j.run_id and r.status >= 400) then j.run_id
                         else ($5::uuid[])[d.n] end
      from due d
     where j.id = d.id and j.id = any (array(select id from due))
 returning j.*
)
select c.id, c.op, c.service, encode(c.args, 'hex'), coalesce(c.owner_id, 0), c.priority, least(c.budget_ms, k.budget_max_ms), c.attempts,
       least(c.max_attempts, k.attempts_max), c.run_id, coalesce(c.trace, ''), coalesce(c.idem_key, ''), coalesce(c.caller_ip, ''), coalesce(c.caller_agent, ''),
       c.kind = 'diagnosis'
  from claimed c
 cross join (select set_config('synchronous_commit', 'off', true)) quick
  left join job_kinds k on k.kind = c.kind
 order by c.priority, c.run_at, c.id;

-- name: jobs_renew
-- Leases of jobs in hand: $1 ids, $2 attempts, $3 the machine's clock, $4 ms that a lease lasts. Gives those that are still ours: a job
-- that was cancelled, or that another dispatcher took up, is not. Who runs has a lease (jobs_lease_ck): said so, rows are found by their
-- ids, and not by going through all that run for each one.
update only jobs j
   set lease_until = $3::timestamptz + make_interval(secs => $4::int / 1000.0)
  from unnest($1::uuid[], $2::int[]) as t (id, attempt)
 where j.id = t.id and j.id = any ($1) and j.attempts = t.attempt and j.lease_until is not null
returning j.id;

-- name: jobs_bury_lost
-- A job that took down every dispatcher or worker it met. $1 now, $2 the machine's clock
update only jobs
   set status = 'FAILED', dead = true, lease_until = null, place = null, finished_at = $1::timestamptz,
       expires_at = $1::timestamptz + interval '24 hours', error = jsonb_build_object('code', 'WORKER_LOST')
 where id = any (array (select id from only jobs
                         where status = 'RUNNING' and lease_until <= $2::timestamptz
                           and attempts >= least(max_attempts, (select k.attempts_max from job_kinds k where k.kind = jobs.kind))
                         order by lease_until limit 100 for update skip locked))
returning id, op, attempts;

-- name: jobs_settle
-- What became of attempts, one row each: $1 ids, $2 attempts, $3 states, $4 dead, $5 statuses, $6 replies, $7 headers,
-- $8 errors, $9 next tries (QUEUED only); $10 now. An attempt that is no longer the one under way changes nothing.
update only jobs j
   set status = t.status, dead = t.dead, lease_until = null, leased_by = null, place = null,
       progress = case when t.status = 'DONE' then 100 else j.progress end,
       response_status = t.response_status, response = t.response, headers = t.headers::jsonb, error = t.error::jsonb,
       run_at = coalesce(t.run_at, j.run_at),
       finished_at = case when t.status <> 'QUEUED' then $10::timestamptz end,
       expires_at = case when t.status <> 'QUEUED' then $10::timestamptz + interval '24 hours' end
  from unnest($1::uuid[], $2::int[], $3::text[], $4::boolean[], $5::int[], $6::text[], $7::text[], $8::text[],
              $9::timestamptz[])
       as t (id, attempt, status, dead, response_status, response, headers, error, run_at)
 where j.id = t.id and j.id = any ($1) and j.attempts = t.attempt and j.lease_until is not null;

-- name: jobs_release
-- A dispatcher that stops gives its jobs back, to be taken up at once: $1 ids, $2 attempts, $3 the machine's clock
update only jobs j
   set lease_until = $3::timestamptz
  from unnest($1::uuid[], $2::int[]) as t (id, attempt)
 where j.id = t.id and j.id = any ($1) and j.attempts = t.attempt and j.lease_until is not null;

-- name: jobs_next
-- Ms until the next job or slot is due, at most $2. $1 now, $3 the machine's clock
select greatest(least($2::int, coalesce(extract(epoch from min(at) - $1::timestamptz) * 1000, $2)), 0)::int
  from ((select run_at as at from only jobs where status = 'QUEUED' order by run_at limit 1) union all
        (select $1::timestamptz + (lease_until - $3::timestamptz) from only jobs where status = 'RUNNING' order by lease_until limit 1) union all
        (select min(next_slot) from job_schedules where enabled)) x;

-- name: jobs_days
-- $1 now: the days of ended jobs are made ahead, and dropped when they are over; how many jobs have moved to theirs.
select d.made, d.dropped, gh_jobs_file($1::timestamptz, $2::int) from gh_jobs_days($1) d;

-- name: jobs_prune
-- $1 now: what no day took. Jobs that ended a day ago go; the dead stay a month.
delete from only jobs
 where id = any (array (select id from only jobs
                         where expires_at <= $1::timestamptz and (not dead or expires_at <= $1::timestamptz - interval '29 days')
                         order by expires_at limit 1000 for update skip locked));

-- name: schedules_keep
-- The recurring jobs that this version knows; an operator's own cron, rule and switch stay. $1..$9 columns, $10 now
insert into job_schedules (name, cron, catch_up, kind, op, service, budget_ms, max_attempts, enabled, updated_at)
select t.*, $10::timestamptz
  from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::int[], $8::int[], $9::boolean[]) t
on conflict (name) do update
   set kind = excluded.kind, op = excluded.op, service = excluded.service, budget_ms = excluded.budget_ms,
       max_attempts = excluded.max_attempts;

-- name: schedules_back
-- $1 now: the clock was put back. Jobs of the time that comes again keep their delay, tries that were to come at most ten minutes
-- later come at once.
with early as (
    update only jobs set run_at = run_at - (created_at - $1::timestamptz), created_at = $1 where status = 'QUEUED' and created_at > $1
), again as (
    update only jobs set run_at = $1
     where status = 'QUEUED' and attempts > 0 and created_at <= $1 and run_at > $1 + interval '10 minutes'
)
update job_schedules set next_slot = null where next_slot > $1;

-- name: schedules_begin
begin;

-- name: schedules_due
-- Whose slot has come ($1 now); locked, so that one dispatcher alone queues it.
select name, cron, catch_up, (extract(epoch from next_slot) * 1000000)::bigint
  from job_schedules
 where enabled and (next_slot is null or next_slot <= $1::timestamptz)
 order by name
   for update skip locked;

-- name: schedules_fire
-- Queue slots: $1 names, $2 ids, $3 slots, $4 argument frames, $5 now. While the last one is unfinished none is added.
insert into jobs (id, kind, op, service, args, unique_key, budget_ms, max_attempts, run_at, created_at)
select t.id, s.kind, s.op, s.service, t.args, 'schedule:' || s.name, s.budget_ms, s.max_attempts, $5::timestamptz, $5::timestamptz
  from unnest($1::text[], $2::uuid[], $3::timestamptz[], $4::bytea[]) as t (name, id, slot, args)
  join job_schedules s on s.name = t.name
 order by t.slot
on conflict (unique_key) where status in ('QUEUED', 'RUNNING') do nothing
returning unique_key;

-- name: schedules_move
-- $1 names, $2 next slots, $3 slots that were queued (null: none), $4 now
update job_schedules s
   set next_slot = t.next, last_slot = coalesce(t.last, s.last_slot), updated_at = $4::timestamptz
  from unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) as t (name, next, last)
 where s.name = t.name;

-- name: schedules_commit
commit;

-- name: schedules_rollback
rollback;
