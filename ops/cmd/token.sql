-- Statements of `guahao token` (ops/cmd/token_cmd.c). Columns: user id, login, roles, patient id, doctor id.

-- name: token_user
select u.id, coalesce(u.phonenumber, u.identifier, u.username, u.email),
       (select string_agg(r.role_code, ',' order by r.role_code) from user_roles r where r.user_id = u.id),
       (select p.id from patients p where p.user_id = u.id and p.deleted_at is null),
       (select d.id from doctors d where d.user_id = u.id and d.deleted_at is null)
  from users u
 where (u.phonenumber = $1::text or u.identifier = $1 or u.username_ci = lower($1) or u.email_ci = lower($1))
   and u.is_active and not u.is_deleted
 order by (u.phonenumber = $1) desc nulls last, (u.identifier = $1) desc nulls last
 limit 1;

-- name: token_phones
select u.id, u.phonenumber,
       (select string_agg(r.role_code, ',' order by r.role_code) from user_roles r where r.user_id = u.id),
       (select p.id from patients p where p.user_id = u.id and p.deleted_at is null),
       (select d.id from doctors d where d.user_id = u.id and d.deleted_at is null)
  from users u
 where u.phonenumber >= $1::text and length(u.phonenumber) = length($1) and u.is_active and not u.is_deleted
 order by u.phonenumber
 limit $2::int;
