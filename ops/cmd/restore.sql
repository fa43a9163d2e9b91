-- Statements of `guahao restore` (ops/cmd/restore.c).

-- What somebody made in this database: extensions' own objects do not count.
-- name: restore_objects
select (select count(*) from pg_class c
         where c.relnamespace not in (select oid from pg_namespace where nspname ~ '^pg_' or nspname = 'information_schema')
           and not exists (select 1 from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'))
     + (select count(*) from pg_proc p
         where p.pronamespace = 'public'::regnamespace
           and not exists (select 1 from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'));
