-- WeChat of the caller (api/11 section 11.4, BR-149, BR-150).

-- name: wechat_template
-- $1 account, $2 template
select json_build_object(
           'authorized', coalesce((select a.auth_status = 'accept' from wechat_subscribe_auths a
                                    where a.user_id = $1::bigint and a.template_id = $2::text order by a.id desc limit 1), false),
           'templateId', $2)::text as body;

-- name: wechat_binding
-- $1 account, $2 not null: without the answers one by one
select (json_build_object(
            'bound', coalesce(u.wechat_openid <> '', false), 'maskedOpenid', coalesce(gh_wechat_masked(u.wechat_openid), ''),
            'authorizedTemplates', (select coalesce(json_agg(a.template_id order by a.template_id), '[]')
                                      from v_wechat_auths a where a.user_id = u.id and a.auth_status = 'accept'))::jsonb
        || case when $2::text is null then jsonb_build_object(
               'allTemplateStatuses', (select coalesce(json_agg(json_build_object('templateId', a.template_id, 'status', a.auth_status)
                                                                order by a.template_id), '[]')
                                         from v_wechat_auths a where a.user_id = u.id)) else '{}' end)::text as body
  from users u where u.id = $1::bigint;
