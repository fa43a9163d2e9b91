-- Statements of backups (lib/backup/dump.c, manifest.c).

-- name: backup_snapshot
select pg_export_snapshot();

-- One statement that counts the rows of every table, partitions each by itself.
-- name: backup_counts
select coalesce(string_agg(format('select %L as name, count(*) as rows from only %s', c.relname, c.oid::regclass),
                           ' union all ' order by c.relname), 'select null, 0 where false') || ' order by 1'
  from pg_class c
 where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace;

-- name: backup_version
select coalesce(max(version), 0) from schema_migrations;

-- name: backup_migrated
select to_regclass('public.schema_migrations') is not null;

-- name: backup_stored_files
select count(*) from stored_files;

-- One backup at a time that a job asks for, whichever worker makes it. Held until the connection ends.
-- name: backup_lock
select pg_try_advisory_lock(hashtextextended('guahao backup', 0));

-- name: backup_database_size
select pg_database_size(current_database());
