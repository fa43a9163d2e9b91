-- Who administers: asked when accounts are made or given passwords by others.

-- Rights of an account as bits: 1 superuser, 2 administrator, 4 may manage roles; 0 also for one that is closed or has to change
-- its password first.
create function gh_admin_rights(who bigint) returns int language sql stable as $$
    select coalesce((select u.is_superuser::int + 2 * u.is_admin::int
                            + 4 * (u.is_superuser or exists (
                                  select 1 from role_permissions p
                                   where p.permission_code = 'role:manage' and p.scope = 'all'
                                     and p.role_code = any (gh_user_roles(u.id))))::int
                       from users u where u.id = who and u.is_active and not u.is_deleted and not u.must_change_password), 0)
$$;

-- BR-12: no administrator was ever made.
create function gh_no_administrators() returns boolean language sql stable as $$
    select not exists (select 1 from administrators) and not exists (select 1 from user_roles where role_code = 'ADMIN')
$$;
