-- What an account was told (api/07 section 7.6): the notices of the outbox, a copy by WeChat not twice.

-- name: list_messages
-- $1 account, $2 page, $3 size, $4 zone
select json_build_object(
           'total', (select count(*) from message_outbox m where m.user_id = $1::bigint and m.listed),
           'page', $2::int, 'pageSize', $3::int,
           'list', coalesce((
               select json_agg(json_build_object(
                          'id', m.id, 'title', m.subject,
                          'summary', case when length(m.body) > 40 then left(m.body, 39) || '…' else m.body end,
                          'content', m.body, 'type', gh_notice_type(m.template), 'isRead', m.read_at is not null,
                          'createdAt', gh_dts_text(m.created_at, $4::text)) order by m.id desc)
                 from (select * from message_outbox x
                        where x.user_id = $1 and x.listed
                        order by x.id desc limit $3 offset ($2::bigint - 1) * $3) m), '[]'))::text as body;

-- name: read_message
-- $1 message, $2 account, $3 now
with done as (
    update message_outbox m set read_at = coalesce(m.read_at, $3::timestamptz)
     where m.id = $1::bigint and m.user_id = $2::bigint and m.listed
 returning m.id
)
select case when d.id is null then 'MESSAGE_NOT_FOUND' end as error, '{"success": true}' as body
  from (select) x left join done d on true;

-- name: delete_message
-- $1 message, $2 account. It is no longer shown; what is still to be sent is sent.
with done as (
    update message_outbox m set listed = false
     where m.id = $1::bigint and m.user_id = $2::bigint and m.listed
 returning m.id
)
select case when d.id is null then 'MESSAGE_NOT_FOUND' end as error, '{"success": true}' as body
  from (select) x left join done d on true;
