-- Statements of `guahao clock` (ops/cmd/clock.c): the setting clock.shift_ms and the event that tells it to running programs.

-- name: clock_known
select to_regclass('system_config') is not null;

-- name: clock_read
select (c.config_value #>> '{}')::bigint
  from system_config c
 where c.scope_type = 'GLOBAL' and c.config_key = 'clock.shift_ms' and c.is_active;

-- name: clock_lock
-- One change of settings after the other (workers/system/settings.sql).
select pg_advisory_xact_lock(hashtext('gh_settings'));

-- name: clock_write
-- $1 ms, $2 the machine's clock
insert into system_config as c (config_key, config_value, is_active, created_at, updated_at)
values ('clock.shift_ms', to_jsonb($1::bigint), $1::bigint <> 0, $2::timestamptz, $2::timestamptz)
    on conflict (config_key, scope_type, coalesce(scope_id, 0)) do update
       set config_value = excluded.config_value, is_active = excluded.is_active, version = c.version + 1, updated_at = $2::timestamptz;

-- name: clock_rows
select rev, key, value from gh_runtime_rows();

-- name: clock_tell
-- $1 the event, in hex. It is overdue at once, so that whoever serves publishes it (lib/worker/upkeep.c).
insert into outbox (topic, payload, created_at) values ('config', decode($1::text, 'hex'), 'epoch') returning id;

-- name: clock_told
select exists (select from outbox where id = $1::bigint and sent_at is not null);
