-- Names of new accounts (R-20). A sign-in takes any name of an account, so none may be a name of another one of any kind.
create function gh_name_used(name text) returns boolean language sql stable as $$
    select exists (select 1 from users where username_ci = lower(name)) or exists (select 1 from users where email_ci = lower(name))
        or exists (select 1 from users where phonenumber = name) or exists (select 1 from users where lower(identifier) = lower(name))
$$;

-- The wanted user name, or the first of base2, base3 ... that is free; after many of them one with random letters.
create function gh_free_username(base text) returns text language sql volatile as $$
    select coalesce((select c.name from generate_series(1, 50) n
                      cross join lateral (select case n when 1 then base else base || n end as name) c
                      where not gh_name_used(c.name) order by n limit 1),
                    base || '-' || substr(md5(random()::text), 1, 10))
$$;
