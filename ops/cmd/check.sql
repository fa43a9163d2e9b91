-- What `guahao check` asks the database (check.c): rows area, name, state (ok, warn, fail), what there is to say.

-- name: check_server
select 'database', 'version', case when v.num >= 150000 then 'ok' else 'fail' end,
       'PostgreSQL ' || current_setting('server_version') || case when v.num >= 150000 then '' else ': 15 is needed' end
  from (select current_setting('server_version_num')::int as num) v
union all
select 'database', 'encoding', case when current_setting('server_encoding') = 'UTF8' then 'ok' else 'fail' end,
       current_setting('server_encoding')
union all
select 'database', 'writes', case when pg_is_in_recovery() then 'fail' else 'ok' end,
       case when pg_is_in_recovery() then 'this host is a standby' else 'this host takes writes' end
union all
select 'database', 'extension ' || w.name, case when e.extname is null then 'fail' else 'ok' end, coalesce(e.extversion, 'is missing')
  from (values ('btree_gist'), ('pg_trgm')) w (name)
  left join pg_extension e on e.extname = w.name;

-- A safe setting that is off loses what was answered, which production ($1) cannot take; the rest cost time or clarity (ops/README.md).
-- name: check_settings
select 'postgresql', w.name, case when w.good then 'ok' when w.grave and $1::boolean then 'fail' else 'warn' end,
       current_setting(w.name) || case when w.good then '' else ': ' || w.advice end
  from (values
        ('fsync', true, current_setting('fsync') = 'on', 'on keeps what was acknowledged'),
        ('full_page_writes', true, current_setting('full_page_writes') = 'on', 'on keeps what was acknowledged'),
        ('synchronous_commit', true, current_setting('synchronous_commit') not in ('off'), 'on keeps what was acknowledged'),
        ('jit', false, current_setting('jit') = 'off', 'off: statements are short'),
        ('client_connection_check_interval', false, current_setting('client_connection_check_interval') <> '0',
         '1s: the locks of a dead worker go with it'),
        ('max_wal_size', false, pg_size_bytes(current_setting('max_wal_size')) >= 2::bigint << 30, '8GB or more: checkpoints in a rush cost latency'),
        ('random_page_cost', false, current_setting('random_page_cost')::numeric <= 2, '1.1 on an SSD'),
        ('log_lock_waits', false, current_setting('log_lock_waits') = 'on', 'on'),
        ('max_connections', false, current_setting('max_connections')::int >= 100,
         'pools x processes x worker.lanes + 20')) w (name, grave, good, advice);

-- One statement that looks for rows that found no partition of their own (decisions 14).
-- name: check_partitions
select coalesce(string_agg(format(
           'select ''partitions'', %L, case when x.some then ''warn'' else ''ok'' end, '
           'case when x.some then %L else ''its default partition is empty'' end from (select exists (select from only %s) as some) x',
           t.partrelid::regclass, 'rows lie in ' || t.partdefid::regclass || ': partitions were not made in time', t.partdefid::regclass),
           ' union all ' order by t.partrelid::regclass::text), 'select null, null, null, null where false')
  from pg_partitioned_table t
  join pg_class c on c.oid = t.partdefid and c.relkind = 'r' and c.relnamespace = 'public'::regnamespace;

-- What is unfinished or was given up stays in jobs itself.
-- name: check_jobs
-- $1 now
select 'jobs', 'dead', case when count(*) = 0 then 'ok' else 'warn' end,
       case when count(*) = 0 then 'no job was given up' else count(*) || ' jobs were given up' end
  from only jobs where dead
union all
select 'jobs', 'late', case when coalesce(max($1::timestamptz - run_at), '0') > interval '5 minutes' then 'warn' else 'ok' end,
       case when max($1::timestamptz - run_at) > interval '0'
            then 'the oldest waits for ' || extract(epoch from max($1::timestamptz - run_at))::bigint || ' s' else 'none waits' end
  from only jobs where status = 'QUEUED';

-- name: check_clock
select (extract(epoch from clock_timestamp()) * 1000000)::bigint;
