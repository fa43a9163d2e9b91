-- An account as the {code, message} surface shows it (api/01 section 1.4).
create function gh_code_user(u users) returns json language sql immutable as $$
    select json_build_object('username', coalesce(u.username, u.identifier, u.phonenumber, u.email, u.id::text),
                             'email', u.email, 'phonenumber', u.phonenumber, 'userid', u.id, 'is_admin', u.is_admin)
$$;
