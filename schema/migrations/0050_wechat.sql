-- WeChat: what an account has allowed to be sent to it (api/12 section 12.8, BR-149, BR-150).

-- View: v_wechat_auths - of each account and template the answer that counts: the latest one
create view v_wechat_auths as
    select distinct on (a.user_id, a.template_id) a.user_id, a.template_id, a.auth_status, a.scene, a.created_at
      from wechat_subscribe_auths a
     order by a.user_id, a.template_id, a.id desc;

-- BR-150: first 4 and last 4 characters of a WeChat id that is longer than 8; a shorter one is hidden whole.
create function gh_wechat_masked(openid text) returns text language sql immutable as $$
    select case when char_length(openid) > 8 then left(openid, 4) || '****' || right(openid, 4)
                when openid <> '' then '****' end
$$;

-- BR-149: the WeChat id to which a template may be sent; null when the account has none bound, or has not accepted it last.
create function gh_wechat_recipient(of_user bigint, template text) returns text language sql stable as $$
    select u.wechat_openid
      from users u
     where u.id = of_user and not u.is_deleted and u.wechat_openid <> ''
       and (select a.auth_status from wechat_subscribe_auths a
             where a.user_id = of_user and a.template_id = template
             order by a.id desc limit 1) = 'accept'
$$;
