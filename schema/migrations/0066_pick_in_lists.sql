-- `fields` reaches into the objects of a list too: `refunds.amount`, `items.line_total`.
create or replace function gh_pick(doc json, fields text[]) returns json language sql immutable as $$
    select case when fields is null then doc else (
        select json_object_agg(m.key,
                   case when m.key = 'id' or m.key = any (fields) or json_typeof(m.value) not in ('object', 'array') then m.value
                        when json_typeof(m.value) = 'object' then
                            (select json_object_agg(n.key, n.value) from json_each(m.value) n
                              where n.key = 'id' or m.key || '.' || n.key = any (fields))
                        else (select coalesce(json_agg(
                                  case when json_typeof(e.value) <> 'object' then e.value
                                       else (select json_object_agg(n.key, n.value) from json_each(e.value) n
                                              where n.key = 'id' or m.key || '.' || n.key = any (fields)) end order by e.ordinality), '[]')
                                from json_array_elements(m.value) with ordinality e) end)
          from json_each(doc) m
         where m.key = 'id' or m.key = any (fields)
            or exists (select from unnest(fields) f where split_part(f, '.', 1) = m.key and strpos(f, '.') > 0)) end
$$;
