-- What signing in needs beyond its tables: guards, the roles of an account, indexes for pruning.

-- Decisions are made between two round trips. The second one repeats, under its locks, what the first one read; when the
-- world has moved on meanwhile it fails as a serialization failure, and the runtime runs the job again from its start.
create function gh_unless_stale(still boolean) returns boolean language plpgsql as $$
begin
    if still is not true then
        raise exception 'what was read has changed meanwhile' using errcode = 'serialization_failure';
    end if;
    return true;
end $$;

-- Role codes of an account, those that say most first (api/21: `role`).
create function gh_user_roles(who bigint) returns text[] language sql stable as $$
    select coalesce(array_agg(role_code::text
                              order by array_position('{ADMIN,DOCTOR,NURSE,STAFF,PATIENT}', role_code::text), role_code), '{}')
      from user_roles where user_id = who
$$;

-- What an account is called where a name is demanded: a user name, or what else it signs in with.
create function gh_user_label(u users) returns text language sql stable as $$
    select coalesce(u.username, u.identifier, u.email, u.phonenumber, u.id::text)
$$;

-- Sessions that one more sign-in on a surface ends (BR-05, R-42): on seed 002's routes the former one of those routes; and
-- of what then remains the oldest, so that with the new one there are ten.
create function gh_sessions_to_end(who bigint, on_surface text, at_now timestamptz)
returns table (id uuid, access_expires_at timestamptz) language sql stable as $$
    with live as (
        select s.id, s.access_expires_at, s.created_at, on_surface = 'bjtu' and s.surface = 'bjtu' as former
          from sessions s
         where s.user_id = who and s.revoked_at is null and s.expires_at > at_now
    ), ranked as (
        select l.*, row_number() over (partition by l.former order by l.created_at desc, l.id desc) as age from live l
    )
    select r.id, r.access_expires_at from ranked r where r.former or r.age >= 10
$$;

create index login_attempts_at_ix on login_attempts (at);
create index login_locks_until_ix on login_locks (locked_until);
create index burnt_refresh_tokens_expires_ix on burnt_refresh_tokens (expires_at);
create index burnt_refresh_tokens_session_ix on burnt_refresh_tokens (session_id);
create index sessions_expires_ix on sessions (expires_at);
