-- Statements of `guahao log-level` (ops/cmd/log_level.c); it writes with those of `guahao config`.

-- name: log_levels
-- What the database has of the levels of log lines
select key, value from gh_runtime_rows() where value is not null and key in ('log.level', 'log.levels', 'log.override');
