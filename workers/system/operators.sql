-- What operators see and do while all runs (api/29 SY-10 to SY-12, /metrics).

-- name: log_override
-- The setting, under settings_lock
select c.config_value #>> '{}'
  from system_config c
 where c.scope_type = 'GLOBAL' and c.config_key = 'log.override' and c.is_active

-- name: system_gauges
-- $1 now. Numbers of the whole database for /metrics; where many rows could be, no more than 10,000 are counted.
with standby as (
    select application_name as name, extract(epoch from replay_lag) as seconds,
           pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn) as bytes
      from pg_stat_replication where replay_lsn is not null
)
select 'replication_standbys', '', count(*)::float8 from standby
union all
select 'replication_lag_seconds', name, max(coalesce(seconds, 0))::float8 from standby group by name
union all
select 'replication_lag_bytes', name, max(bytes)::float8 from standby group by name
union all
select 'default_partition_rows', t.name, t.n::float8
  from (values ('job_done', (select count(*) from (select from job_done_default limit 10000) x)),
               ('audit_log', (select count(*) from (select from audit_log_default limit 10000) x)),
               ('user_access_log', (select count(*) from (select from user_access_log_default limit 10000) x))) t (name, n)
union all
select 'durable_jobs', t.status, t.n::float8
  from (values ('queued', (select count(*) from (select from only jobs where status = 'QUEUED' limit 10000) x)),
               ('running', (select count(*) from (select from only jobs where status = 'RUNNING' limit 10000) x)),
               ('dead', (select count(*) from (select from only jobs where dead limit 10000) x))) t (status, n)
union all
select 'durable_oldest_seconds', '',
       greatest(coalesce(extract(epoch from $1::timestamptz - (select min(run_at) from only jobs where status = 'QUEUED')), 0), 0)::float8
union all
select 'database_bytes', '', pg_database_size(current_database())::float8
union all
select 'database_connections', '', numbackends::float8 from pg_stat_database where datname = current_database()
union all
select 'database_connections_max', '', current_setting('max_connections')::float8
union all
select 'database_oldest_transaction_seconds', '',
       coalesce(extract(epoch from max(clock_timestamp() - xact_start)), 0)::float8
  from pg_stat_activity where datname = current_database() and backend_type = 'client backend'

-- name: v1_system_statistics
-- $1 first day, $2 last day, $3 today, $4 zone. Accounts, patients and doctors are those there are now; the others are of the days:
-- appointments by their visit, records by theirs, images and diagnoses by when they came, money by when it was paid or given back.
with days as materialized (
    select f.first, f.last, f.first::timestamp at time zone $4::text as since, (f.last + 1)::timestamp at time zone $4 as until
      from (select coalesce($1::date, coalesce($2::date, $3::date) - 29) as first, coalesce($2::date, $3::date) as last) f
), visits as (
    select gh_shown_status(s.status) as status, sum(s.n) as n
      from (select w.status, (select count(*) from registration_orders o
                               where o.status = w.status and o.starts_at >= d.since and o.starts_at < d.until) as n
              from days d, unnest(array['pending', 'confirmed', 'completed', 'cancelled', 'timeout', 'no_show']) as w (status)) s
     group by 1
), paid as (
    select x.currency, sum(x.amount) as amount
      from (select p.currency, p.amount from payments p, days d
             where p.status = 'SUCCEEDED' and p.paid_at >= d.since and p.paid_at < d.until
            union all
            select p.currency, -r.amount from refunds r join payments p on p.id = r.payment_id, days d
             where r.status = 'SUCCEEDED' and r.completed_at >= d.since and r.completed_at < d.until) x
     group by 1
)
select case when d.last < d.first then json_build_object('field', 'to', 'text', 'is before from')
            when d.last - d.first > 365 then json_build_object('field', 'from', 'text', 'is more than a year before to') end as invalid,
       json_build_object(
           'from', d.first, 'to', d.last,
           'users', (select coalesce(sum(n), 0) from account_counts),
           'patients', (select count(*) from patients where deleted_at is null),
           'doctors', (select count(*) from doctors where deleted_at is null),
           'appointments', (select json_build_object('total', coalesce(sum(v.n), 0), 'by_status', coalesce(json_object_agg(v.status, v.n), '{}'))
                              from visits v),
           'records', (select count(*) from medical_records r where r.visit_date between d.first and d.last and r.status <> 'VOIDED'),
           'images', (select count(*) from images i where i.created_at >= d.since and i.created_at < d.until and i.deleted_at is null),
           'diagnosis_jobs', (select count(*) from jobs j where j.kind = 'diagnosis' and j.created_at >= d.since and j.created_at < d.until),
           'revenue', (select coalesce(json_object_agg(trim(p.currency), p.amount order by p.currency), '{}') from paid p))::text as body
  from days d
