-- Lists of departments and specialties on /api/v1: the value by which one is ordered for a member, numbers as text of one length
-- (api/20 section 7), and the entity tags.

create function gh_department_order(member text, id bigint, sort_order int, name text) returns text language sql immutable as $$
    select case member when 'id' then lpad(id::text, 20, '0')
                       when 'sort_order' then lpad((sort_order::bigint + 2147483648)::text, 10, '0')
                       when 'name' then lower(name) end
$$;

create function gh_specialty_order(member text, s specialties) returns text language sql stable as $$
    select case member when 'id' then lpad(s.id::text, 20, '0') when 'code' then lower(s.code) when 'name' then lower(s.name) end
$$;

create function gh_department_tag(id bigint, version int) returns text language sql immutable as $$
    select format('"department-%s-%s"', id, version)
$$;
create function gh_specialty_tag(id bigint, version int) returns text language sql immutable as $$
    select format('"specialty-%s-%s"', id, version)
$$;
