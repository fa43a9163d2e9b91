-- What operators see and do while all runs (api/29 SY-10 to SY-12).

-- name: log_override
-- The setting, under settings_lock
select c.config_value #>> '{}'
  from system_config c
 where c.scope_type = 'GLOBAL' and c.config_key = 'log.override' and c.is_active
