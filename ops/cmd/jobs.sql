-- Statements of `guahao jobs` (ops/cmd/jobs*.c). A change writes its entry of the audit log.

-- name: jobs_list
-- $1 kinds, $2 states (DEAD is one), both as a comma list or null, $3 first letters of the operation or null, $4 most, $5 zone. Newest first.
select json_build_object('id', j.id, 'kind', j.kind, 'status', j.status, 'dead', j.dead, 'priority', j.priority, 'operation', j.op,
                         'service', j.service, 'owner_id', j.owner_id, 'key', j.unique_key, 'attempts', j.attempts,
                         'max_attempts', least(j.max_attempts, k.attempts_max), 'progress', j.progress, 'run_at', gh_ts_text(j.run_at, $5::text),
                         'created_at', gh_ts_text(j.created_at, $5), 'finished_at', gh_ts_text(j.finished_at, $5),
                         'error', j.error->>'code')::text as json,
       j.id as "ID", j.kind as "KIND", case when j.dead then 'DEAD' else j.status end as "STATUS",
       (array['high', 'normal', 'batch'])[j.priority + 1] as "PRIORITY", j.attempts || '/' || least(j.max_attempts, k.attempts_max) as "TRIES",
       gh_ts_text(coalesce(j.finished_at, j.started_at, j.run_at), $5) as "SINCE", j.op as "OPERATION", j.error->>'code' as "ERROR"
  from jobs j
  left join job_kinds k on k.kind = j.kind
 where ($1::text is null or j.kind = any (string_to_array($1, ',')))
   and ($2::text is null or case when j.dead then 'DEAD' else j.status end = any (string_to_array($2, ',')))
   and ($3::text is null or starts_with(j.op, $3))
 order by j.created_at desc, j.id desc
 limit $4::int;

-- name: jobs_show
-- $1 job, $2 zone. The arguments are not shown: they may be about patients.
select json_build_object('id', j.id, 'kind', j.kind, 'status', j.status, 'dead', j.dead, 'priority', j.priority, 'operation', j.op,
                         'service', j.service, 'owner_id', j.owner_id, 'key', j.unique_key, 'attempts', j.attempts,
                         'max_attempts', least(j.max_attempts, k.attempts_max), 'budget_ms', j.budget_ms, 'progress', j.progress, 'leased_by', j.leased_by,
                         'lease_until', gh_ts_text(j.lease_until, $2::text), 'run_id', j.run_id, 'trace', j.trace,
                         'argument_bytes', octet_length(j.args), 'run_at', gh_ts_text(j.run_at, $2),
                         'created_at', gh_ts_text(j.created_at, $2), 'started_at', gh_ts_text(j.started_at, $2),
                         'finished_at', gh_ts_text(j.finished_at, $2), 'expires_at', gh_ts_text(j.expires_at, $2),
                         'error', j.error)::text as json,
       j.id as "id", j.kind as "kind", case when j.dead then 'DEAD' else j.status end as "status",
       (array['high', 'normal', 'batch'])[j.priority + 1] as "priority", j.op as "operation", j.service as "service",
       j.owner_id as "owner", j.unique_key as "key", j.attempts || ' of ' || least(j.max_attempts, k.attempts_max) as "tries", j.budget_ms || ' ms' as "time limit",
       j.progress || ' %' as "progress", j.leased_by as "leased by", gh_ts_text(j.lease_until, $2) as "lease until", j.trace as "trace",
       octet_length(j.args) || ' bytes' as "arguments", gh_ts_text(j.created_at, $2) as "created", gh_ts_text(j.run_at, $2) as "not before",
       gh_ts_text(j.started_at, $2) as "started", gh_ts_text(j.finished_at, $2) as "finished", gh_ts_text(j.expires_at, $2) as "kept until",
       j.error->>'code' as "error", j.error->>'message' as "message"
  from jobs j
  left join job_kinds k on k.kind = j.kind
 where j.id = $1::uuid;

-- name: jobs_retry
-- Failed jobs run again: $1 ids, null: all dead ones; $2 kinds as a comma list or null; $3 tries that they get, $4 now, $5 request. One whose
-- key an unfinished job has stays. The number of attempts grows on: a completion counts only for the attempt under way.
with failed as (
    select j.id, j.kind, j.unique_key, j.attempts, j.dead, j.error->>'code' as code from jobs j
     where j.status = 'FAILED' and (case when $1::uuid[] is null then j.dead else j.id = any ($1) end)
       and ($2::text is null or j.kind = any (string_to_array($2, ',')))
     order by j.id
       for update
), chosen as (
    select distinct on (coalesce(f.unique_key, f.id::text)) f.* from failed f
     where not exists (select from jobs o where o.unique_key = f.unique_key and o.status in ('QUEUED', 'RUNNING'))
     order by coalesce(f.unique_key, f.id::text), f.id desc
), again as (
    update jobs j
       set status = 'QUEUED', dead = false, error = null, response_status = null, response = null, headers = null, progress = 0,
           finished_at = null, expires_at = null, run_at = $4::timestamptz, max_attempts = j.attempts + $3::int
      from chosen c
     where j.id = c.id
 returning j.id
), noted as (
    insert into audit_log (at, actor, action, entity, entity_id, request_id, surface, changes)
    select $4, 'system', 'job.retry', 'job', c.id::text, $5::text, 'inner',
           jsonb_build_object('status', jsonb_build_array('FAILED', 'QUEUED'), 'error', jsonb_build_array(c.code, null))
      from chosen c
)
select id from again order by id;

-- name: jobs_drop
-- Jobs that have ended go, others are cancelled: $1 ids, null: all dead ones; $2 kinds as a comma list or null; $3 now, $4 request
with held as materialized (
    select j.id, j.status, j.finished_at is not null as ended from jobs j
     where (case when $1::uuid[] is null then j.dead else j.id = any ($1) end)
       and ($2::text is null or j.kind = any (string_to_array($2, ',')))
     order by j.id
       for update
), gone as (
    delete from jobs j using held h where j.id = h.id and h.ended
), cancelled as (
    update jobs j
       set status = 'CANCELLED', lease_until = null, place = null, finished_at = $3::timestamptz, expires_at = $3 + interval '24 hours'
      from held h
     where j.id = h.id and not h.ended
), noted as (
    insert into audit_log (at, actor, action, entity, entity_id, request_id, surface, changes)
    select $3, 'system', case when h.ended then 'job.drop' else 'job.cancel' end, 'job', h.id::text, $4::text, 'inner',
           jsonb_build_object('status', jsonb_build_array(h.status, case when not h.ended then 'CANCELLED' end))
      from held h
)
select id from held order by id;

-- name: jobs_note
-- A dead letter of a broker was put back or dropped: $1 action, $2 id, $3 now, $4 request
insert into audit_log (at, actor, action, entity, entity_id, request_id, surface)
values ($3::timestamptz, 'system', $1::text, 'dead_letter', $2::text, $4::text, 'inner');

-- name: jobs_figures
-- $1 the hospital's clock. Rows of default partitions (strays) and ended jobs that no day took (jobs_unfiled) should be 0.
select json_build_object('figure', f.figure, 'label', f.label, 'value', f.value)::text as json,
       f.figure as "FIGURE", coalesce(nullif(f.label, ''), '-') as "OF", f.value as "VALUE"
  from gh_queue_figures($1::timestamptz) f
 order by f.figure, f.label;

-- name: jobs_kind_known
select kind from job_kinds where kind = $1::text;

-- name: jobs_owner_known
select id from users where id = $1::bigint and not is_deleted;

-- name: jobs_enqueue
-- $1 id, $2 kind, $3 operation, $4 service, $5 argument frame in hex, $6 owner, $7 key, $8 priority, $9 budget ms, $10 most attempts,
-- $11 not before, $12 now, $13 request. Which job it is, and whether it is new: an unfinished one of the key stays.
with made as (
    insert into jobs (id, kind, op, service, args, owner_id, unique_key, priority, budget_ms, max_attempts, run_at, created_at)
    values ($1::uuid, $2::text, $3::text, $4::text, decode($5::text, 'hex'), $6::bigint, $7::text, $8::smallint, $9::int, $10::int,
            $11::timestamptz, $12::timestamptz)
    on conflict (unique_key) where status in ('QUEUED', 'RUNNING') do update set unique_key = excluded.unique_key
    returning id, id = $1::uuid as is_new
), noted as (
    insert into audit_log (at, actor, action, entity, entity_id, request_id, surface, changes)
    select $12, 'system', 'job.enqueue', 'job', m.id::text, $13::text, 'inner',
           jsonb_build_object('operation', jsonb_build_array(null, $3), 'owner_id', jsonb_build_array(null, $6))
      from made m where m.is_new
)
select id, is_new from made;

-- name: jobs_kinds
select json_build_object('kind', k.kind, 'running_max', k.running_max, 'budget_max_ms', k.budget_max_ms,
                         'attempts_max', k.attempts_max, 'queued', x.queued,
                         'running', x.running, 'dead', x.dead)::text as json,
       k.kind as "KIND", coalesce(k.running_max::text, '-') as "AT-ONCE", coalesce(k.budget_max_ms::text, '-') as "LONGEST-MS",
       coalesce(k.attempts_max::text, '-') as "TRIES",
       x.queued as "QUEUED", x.running as "RUNNING", x.dead as "DEAD"
  from job_kinds k
  left join lateral (select count(*) filter (where j.status = 'QUEUED') as queued, count(*) filter (where j.status = 'RUNNING') as running,
                            count(*) filter (where j.dead) as dead
                       from jobs j where j.kind = k.kind and (j.status in ('QUEUED', 'RUNNING') or j.dead)) x on true
 order by k.kind;

-- name: jobs_kind_set
-- $1 kind, $2 at once: a number, 'none' or null for no change, $3 longest attempt and $4 most attempts likewise, $5 now, $6 request
with old as materialized (
    select k.* from job_kinds k where k.kind = $1::text for update
), new as (
    update job_kinds k
       set running_max = case when $2::text is null then k.running_max else nullif($2, 'none')::int end,
           budget_max_ms = case when $3::text is null then k.budget_max_ms else nullif($3, 'none')::int end,
           attempts_max = case when $4::text is null then k.attempts_max else nullif($4, 'none')::int end, updated_at = $5::timestamptz
      from old o
     where k.kind = o.kind
 returning k.*
), noted as (
    insert into audit_log (at, actor, action, entity, entity_id, request_id, surface, changes)
    select $5, 'system', 'job_kind.update', 'job_kind', n.kind, $6::text, 'inner',
           jsonb_build_object('running_max', jsonb_build_array(o.running_max, n.running_max),
                              'budget_max_ms', jsonb_build_array(o.budget_max_ms, n.budget_max_ms),
                              'attempts_max', jsonb_build_array(o.attempts_max, n.attempts_max))
      from new n join old o on o.kind = n.kind
)
select kind from new;

-- name: jobs_schedules
-- $1 zone
select json_build_object('name', s.name, 'cron', s.cron, 'catch_up', s.catch_up, 'enabled', s.enabled, 'operation', s.op,
                         'next', gh_ts_text(s.next_slot, $1::text), 'last', gh_ts_text(s.last_slot, $1), 'status', x.status,
                         'error', x.code)::text as json,
       s.name as "NAME", s.cron as "CRON", s.catch_up as "CATCH-UP", case when s.enabled then 'on' else 'off' end as "STATE",
       coalesce(gh_ts_text(s.next_slot, $1), '-') as "NEXT", coalesce(gh_ts_text(s.last_slot, $1), '-') as "LAST",
       coalesce(case when x.dead then 'DEAD' else x.status end, '-') as "RUN", s.op as "OPERATION"
  from job_schedules s
  left join lateral (select j.status, j.dead, j.error->>'code' as code from jobs j
                      where j.unique_key = 'schedule:' || s.name order by j.created_at desc, j.id desc limit 1) x on true
 order by s.name;

-- name: jobs_schedule_set
-- $1 name, $2 switch or null, $3 cron or null, $4 now, $5 request. A new cron, or switching on, looks for the next slot from now on.
with old as materialized (
    select s.* from job_schedules s where s.name = $1::text for update
), new as (
    update job_schedules s
       set enabled = coalesce($2::boolean, s.enabled), cron = coalesce($3::text, s.cron),
           next_slot = case when $3 is not null or ($2 and not s.enabled) then null else s.next_slot end, updated_at = $4::timestamptz
      from old o
     where s.name = o.name
 returning s.*
), noted as (
    insert into audit_log (at, actor, action, entity, entity_id, request_id, surface, changes)
    select $4, 'system', 'job_schedule.update', 'job_schedule', n.name, $5::text, 'inner',
           jsonb_build_object('enabled', jsonb_build_array(o.enabled, n.enabled), 'cron', jsonb_build_array(o.cron, n.cron))
      from new n join old o on o.name = n.name
     where (n.enabled, n.cron) is distinct from (o.enabled, o.cron)
)
select name from new;

-- name: jobs_schedule_run
-- A run of a recurring job now: $1 name, $2 id, $3 argument frame in hex, $4 now, $5 request. No row: there is none of that name.
with made as (
    insert into jobs (id, kind, op, service, args, unique_key, budget_ms, max_attempts, run_at, created_at)
    select $2::uuid, s.kind, s.op, s.service, decode($3::text, 'hex'), 'schedule:' || s.name, s.budget_ms, s.max_attempts, $4::timestamptz, $4
      from job_schedules s
     where s.name = $1::text
    on conflict (unique_key) where status in ('QUEUED', 'RUNNING') do update set unique_key = excluded.unique_key
    returning id, id = $2 as is_new
), noted as (
    insert into audit_log (at, actor, action, entity, entity_id, request_id, surface, changes)
    select $4, 'system', 'job_schedule.run', 'job_schedule', $1, $5::text, 'inner', jsonb_build_object('job', jsonb_build_array(null, m.id))
      from made m where m.is_new
)
select id, is_new from made;
