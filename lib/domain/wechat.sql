-- WeChat ids of accounts and what they allow (wechat.h; api/11 section 11.4, BR-149). Read: view v_wechat_auths, functions
-- gh_wechat_recipient() and gh_wechat_masked() of migration 0050.

-- name: wechat_authorise
-- Answers of account $1: $2 templates, $3 accept, reject or ban, $4 where it was asked, $5 now
insert into wechat_subscribe_auths (user_id, template_id, auth_status, scene, created_at, updated_at)
select u.id, t.template_id, t.word, $4::text, $5::timestamptz, $5::timestamptz
  from users u
 cross join unnest($2::text[], $3::text[]) as t (template_id, word)
 where u.id = $1::bigint and not u.is_deleted;

-- name: wechat_bind
-- Account $1 is WeChat id $2, union id $3 (null: unknown), session key $4 (sealed; null: none), $5 now
update users u
   set wechat_openid = $2::text, wechat_unionid = coalesce($3::text, case when u.wechat_openid = $2 then u.wechat_unionid end),
       wechat_session_enc = $4::bytea, wechat_bound_at = case when u.wechat_openid = $2 then u.wechat_bound_at else $5::timestamptz end,
       version = u.version + 1, updated_at = $5::timestamptz
 where u.id = $1::bigint and not u.is_deleted
returning gh_wechat_masked(u.wechat_openid) as masked;
