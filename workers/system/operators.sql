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
  from (values ('queued', (select count(*) from (select from jobs where status = 'QUEUED' limit 10000) x)),
               ('running', (select count(*) from (select from jobs where status = 'RUNNING' limit 10000) x)),
               ('dead', (select count(*) from (select from jobs where dead limit 10000) x))) t (status, n)
union all
select 'durable_oldest_seconds', '',
       greatest(coalesce(extract(epoch from $1::timestamptz - (select min(run_at) from jobs where status = 'QUEUED')), 0), 0)::float8
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
