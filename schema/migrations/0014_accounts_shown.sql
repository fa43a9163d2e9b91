-- Accounts and roles as /api/v1 shows them (api/21), for every operation that answers with one.

-- Hashes under which failures of an account's login names are counted (R-26): names in their normal form.
create function gh_login_hashes(u users) returns bytea[] language sql immutable as $$
    select array(select sha256(convert_to(n, 'UTF8'))
                   from unnest(array[u.username_ci, u.email_ci, u.phonenumber, lower(u.identifier)]) n where n is not null)
$$;

-- User of api/21. `role` is the first of its list that applies.
create function gh_v1_user(u users, at_now timestamptz, tz text) returns json language sql stable as $$
    select json_build_object(
        'id', u.id, 'username', gh_user_label(u), 'email', u.email, 'phone', u.phonenumber, 'identifier', u.identifier,
        'full_name', u.full_name, 'roles', to_json(r.codes),
        'role', case when u.is_superuser then 'SUPERUSER' else coalesce(r.codes[1], 'PATIENT') end,
        'patient_id', (select p.id from patients p where p.user_id = u.id and p.deleted_at is null),
        'doctor_id', (select d.id from doctors d where d.user_id = u.id and d.deleted_at is null),
        'is_active', u.is_active, 'is_superuser', u.is_superuser, 'must_change_password', u.must_change_password,
        'locked_until', gh_ts_text((select max(l.locked_until) from login_locks l
                                     where l.locked_until > at_now and l.name_hash = any (gh_login_hashes(u))), tz),
        'last_login_at', gh_ts_text(u.last_login_at, tz), 'created_at', gh_ts_text(u.created_at, tz),
        'updated_at', gh_ts_text(u.updated_at, tz))
      from gh_user_roles(u.id) r (codes)
$$;

-- An object with one more member at its end; the object has at least one already.
create function gh_with(doc json, member text, value json) returns json language sql immutable as $$
    select (left(doc::text, -1) || ', ' || to_json(member) || ' : ' || coalesce(value::text, 'null') || '}')::json
$$;

-- The text by which a list of accounts is ordered for one member; null for others (api/20 section 7).
create function gh_user_order(member text, u users) returns text language sql stable as $$
    select case member when 'id' then lpad(u.id::text, 20, '0')
                       when 'username' then lower(gh_user_label(u))
                       when 'email' then u.email_ci
                       when 'full_name' then lower(u.full_name)
                       when 'created_at' then to_char(u.created_at at time zone 'UTC', 'YYYYMMDDHH24MISSUS')
                       when 'last_login_at' then to_char(u.last_login_at at time zone 'UTC', 'YYYYMMDDHH24MISSUS') end
$$;

-- Role of api/21; `users` counts living accounts.
create function gh_v1_role(r roles) returns json language sql stable as $$
    select json_build_object(
        'code', r.code, 'name', r.name, 'description', r.description,
        'permissions', coalesce((select json_agg(json_build_object('code', p.permission_code, 'scope', p.scope)
                                                 order by p.permission_code, p.scope)
                                   from role_permissions p where p.role_code = r.code), '[]'),
        'builtin', r.builtin,
        'users', (select count(*) from user_roles h join users u on u.id = h.user_id
                   where h.role_code = r.code and not u.is_deleted))
$$;
