-- 0077: functions that render rows plan once for each connection
--
-- A plan that is kept was compared with a fresh one at each call, by costs that mean little where workers run (they forbid
-- sequential scans, which makes each plan that has one very dear): several functions were planned anew for every row that they
-- rendered, and a page of doctors spent two thirds of its time there. What a function renders is found by the key of its row, so that
-- the plan never depends on the value.
do $$
declare
    f regprocedure;
begin
    for f in select p.oid
               from pg_proc p
               join pg_language l on l.oid = p.prolang and l.lanname = 'plpgsql'
              where p.pronamespace = current_schema()::regnamespace and p.prokind = 'f' and p.provolatile in ('i', 's')
                and p.proname ~ '^gh_(v1|code|hb)_' and p.prosrc ~* '\mfrom\M'
              order by p.oid
    loop
        execute format('alter function %s set plan_cache_mode = force_generic_plan', f);
    end loop;
end
$$;
