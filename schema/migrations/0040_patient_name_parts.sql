-- Finding patients by a part of the name: most names have two or three characters, fewer than an index of trigrams can use.

-- What a name is found by: its characters and pairs of neighbours. asked: what a part of a name asks for, its pairs, or itself when it
-- is one character alone.
create function gh_name_parts(name text, asked boolean) returns text[] language sql immutable as $$
    select array(select substr(x.name, i, n)
                   from (select lower(name) as name) x,
                        generate_series(1, char_length(x.name)) i,
                        unnest(case when not asked then '{1,2}'::int[] when char_length(x.name) = 1 then '{1}' else '{2}' end) n
                  where i + n - 1 <= char_length(x.name))
$$;
create index patients_name_parts_ix on patients using gin (gh_name_parts(coalesce(full_name, name), false));
