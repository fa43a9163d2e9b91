-- Statements of `guahao backup` and `guahao restore` (ops/cmd/backup.c, restore.c).

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

-- name: backup_size
select pg_database_size(current_database());

-- What somebody made in this database: extensions' own objects do not count.
-- name: restore_objects
select (select count(*) from pg_class c
         where c.relnamespace not in (select oid from pg_namespace where nspname ~ '^pg_' or nspname = 'information_schema')
           and not exists (select 1 from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'))
     + (select count(*) from pg_proc p
         where p.pronamespace = 'public'::regnamespace
           and not exists (select 1 from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'));
