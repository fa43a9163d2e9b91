-- An account as replies with tokens show it (UserBrief of api/21).
create function gh_user_brief(u users) returns json language sql stable as $$
    select json_build_object('id', u.id, 'username', gh_user_label(u), 'full_name', u.full_name,
                             'roles', to_json(gh_user_roles(u.id)), 'is_superuser', u.is_superuser)
$$;
