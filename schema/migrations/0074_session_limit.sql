-- How many sessions an account may have is a setting, auth.max_sessions (R-42; api/29).
create or replace function gh_sessions_to_end(who bigint, on_surface text, at_now timestamptz)
returns table (id uuid, access_expires_at timestamptz) language sql stable as $$
    with live as (
        select s.id, s.access_expires_at, s.created_at, on_surface = 'bjtu' and s.surface = 'bjtu' as former
          from sessions s
         where s.user_id = who and s.revoked_at is null and s.expires_at > at_now
    ), ranked as (
        select l.*, row_number() over (partition by l.former order by l.created_at desc, l.id desc) as age from live l
    )
    select r.id, r.access_expires_at
      from ranked r
     where r.former
        or r.age >= coalesce((select (c.config_value #>> '{}')::int from system_config c
                               where c.config_key = 'auth.max_sessions' and c.scope_type = 'GLOBAL' and c.is_active
                                 and c.config_value #>> '{}' ~ '^[0-9]{1,4}$'), 10)
$$;
