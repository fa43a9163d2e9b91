-- Ended jobs by day, what watches the queues, and partitions that go without making anybody wait.

-- Jobs that are done or cancelled move, a minute after their end, from `jobs` into its child jobs_ended_YYYYMMDD of the day (UTC) on which they
-- expire. Whoever reads `jobs` reads both; what is unfinished or failed stays in `jobs` itself (`only jobs`), which stays small. A day that is
-- over is dropped whole. Children, not partitions: the unique key of unfinished jobs holds in `jobs` alone.

-- Make the days of today and days_ahead after it, drop those that are over; one that somebody reads just now goes the next time.
create function gh_jobs_days(at_now timestamptz, days_ahead int default 3, out made int, out dropped int) language plpgsql
set lock_timeout = '500ms' as $$
declare
    today date := (at_now at time zone 'UTC')::date;
    lo    date;
    part  text;
    old   record;
begin
    made := 0;
    dropped := 0;
    if not pg_try_advisory_xact_lock(hashtext('gh_jobs_days')) then
        return;
    end if;
    for i in 0 .. days_ahead loop
        lo := today + i;
        part := 'jobs_ended_' || to_char(lo, 'YYYYMMDD');
        continue when to_regclass(part) is not null;
        execute format('create table %1$I (constraint %2$I primary key (id), constraint %3$I check (status in (''DONE'', ''CANCELLED'')), '
                       'constraint %4$I check (expires_at >= %5$L and expires_at < %6$L)) inherits (jobs)',
                       part, part || '_pk', part || '_status_ck', part || '_day_ck', lo::text || ' 00:00+00', (lo + 1)::text || ' 00:00+00');
        execute format('create index %I on %I (owner_id, id)', part || '_owner_ix', part);
        made := made + 1;
    end loop;
    for old in select c.relname from pg_inherits h join pg_class c on c.oid = h.inhrelid
                where h.inhparent = 'jobs'::regclass and c.relname ~ '^jobs_ended_[0-9]{8}$'
                  and c.relname < 'jobs_ended_' || to_char(today, 'YYYYMMDD') loop
        begin
            execute format('drop table %I', old.relname);
            dropped := dropped + 1;
        exception when lock_not_available then
            null;
        end;
    end loop;
end $$;

-- Move up to `most` ended jobs to their days. How many were moved.
create function gh_jobs_file(at_now timestamptz, most int default 2000) returns int language plpgsql as $$
declare
    day   record;
    n     int;
    filed int := 0;
begin
    for day in select c.relname, to_date(right(c.relname, 8), 'YYYYMMDD') as lo
                 from pg_inherits h join pg_class c on c.oid = h.inhrelid
                where h.inhparent = 'jobs'::regclass and c.relname ~ '^jobs_ended_[0-9]{8}$' order by c.relname loop
        execute format('with gone as ('
                       'delete from only jobs where id = any (array(select id from only jobs '
                       'where status in (''DONE'', ''CANCELLED'') and expires_at >= %L and expires_at < %L and expires_at < $1 '
                       'order by expires_at limit $2 for update skip locked)) returning *) insert into %I select * from gone',
                       day.lo::text || ' 00:00+00', (day.lo + 1)::text || ' 00:00+00', day.relname)
          using at_now + interval '23 hours 59 minutes', most - filed;
        get diagnostics n = row_count;
        filed := filed + n;
        exit when filed >= most;
    end loop;
    return filed;
end $$;

select gh_jobs_days(now());

-- Figures of the durable queue and of default partitions, for monitoring. at_now: the hospital's clock.
--   jobs_queued, jobs_running, jobs_dead  by kind
--   jobs_oldest_seconds                   how long the one has waited that is due longest
--   jobs_unfiled                          ended over an hour ago, and no day has taken them
--   strays                                rows of a default partition: nobody made its partition in time
create function gh_queue_figures(at_now timestamptz) returns table (figure text, label text, value bigint) language sql stable as $$
    select case when j.dead then 'jobs_dead' when j.status = 'QUEUED' then 'jobs_queued' else 'jobs_running' end, j.kind, count(*)
      from only jobs j where j.status in ('QUEUED', 'RUNNING') or j.dead group by 1, 2
    union all
    select 'jobs_oldest_seconds', '', coalesce(extract(epoch from at_now - min(j.run_at)), 0)::bigint
      from only jobs j where j.status = 'QUEUED' and j.run_at <= at_now
    union all
    select 'jobs_unfiled', '', count(*)
      from only jobs j where j.status in ('DONE', 'CANCELLED') and j.expires_at < at_now + interval '23 hours'
    union all select 'strays', 'job_done', count(*) from job_done_default
    union all select 'strays', 'audit_log', count(*) from audit_log_default
    union all select 'strays', 'user_access_log', count(*) from user_access_log_default
$$;

-- As in 0005, but a partition that is in use is dropped the next time, instead of making everybody who writes wait behind the drop.
create or replace function gh_job_done_partitions(at_now timestamptz, hours_ahead int default 6, keep_hours int default 24)
returns int language plpgsql set lock_timeout = '500ms' as $$
declare
    h     timestamptz;
    lo    uuid;
    hi    uuid;
    part  text;
    made  int := 0;
    old   record;
begin
    if not pg_try_advisory_xact_lock(hashtext('gh_job_done_partitions')) then
        return 0;
    end if;
    for i in -1 .. hours_ahead loop
        h := date_trunc('hour', at_now at time zone 'UTC') at time zone 'UTC' + make_interval(hours => i);
        part := 'job_done_' || to_char(h at time zone 'UTC', 'YYYYMMDDHH24');
        if to_regclass(part) is null then
            lo := gh_uuid7_floor(h);
            hi := gh_uuid7_floor(h + interval '1 hour');
            execute format('create table %I (like job_done including all, check (id >= %L and id < %L))', part, lo, hi);
            if exists (select 1 from job_done_default where id >= lo and id < hi) then
                lock table job_done_default in access exclusive mode;
                execute format('with moved as (delete from job_done_default where id >= %L and id < %L returning *) '
                               'insert into %I select * from moved', lo, hi, part);
            end if;
            execute format('alter table job_done attach partition %I for values from (%L) to (%L)', part, lo, hi);
            made := made + 1;
        end if;
    end loop;
    part := 'job_done_' || to_char((at_now - make_interval(hours => keep_hours + 1)) at time zone 'UTC', 'YYYYMMDDHH24');
    for old in select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
                where i.inhparent = 'job_done'::regclass and c.relname ~ '^job_done_[0-9]{10}$' and c.relname < part loop
        begin
            execute format('drop table %I', old.relname);
        exception when lock_not_available then
            null;
        end;
    end loop;
    return made;
end $$;
