-- 0069: functions that render rows and headers keep their plans
--
-- PostgreSQL plans the body of a function in SQL anew for every statement that calls it, unless it can put the body in the place
-- of the call, which it cannot when the body reads a table or has a subselect: a page of doctors spent half of its time there.
-- The plans of a function in PL/pgSQL live as long as the connection. The bodies stay as they are; names in them mean columns
-- before parameters, as in SQL. Functions that decide or count stay in SQL: a plan made while a table was small would serve them badly.
do $$
declare
    f record;
begin
    for f in select p.oid, p.prosrc
               from pg_proc p
               join pg_language l on l.oid = p.prolang and l.lanname = 'sql'
              where p.pronamespace = current_schema()::regnamespace and p.prokind = 'f' and not p.proretset
                and p.provolatile in ('i', 's') and p.prosrc ~* '^\s*select\M' and p.prosrc ~* '\mfrom\M'
                and p.proname ~ '^gh_(v1|code|hb)_|^gh_(pick|page_headers|skip_headers|link|url_text)$'
              order by p.oid
    loop
        execute replace(replace(pg_get_functiondef(f.oid), E'\n LANGUAGE sql\n', E'\n LANGUAGE plpgsql\n'), f.prosrc,
                        format(E'\n#variable_conflict use_column\nbegin\n    return (%s\n    );\nend',
                               rtrim(btrim(f.prosrc, E' \n'), ';')));
    end loop;
end
$$;
