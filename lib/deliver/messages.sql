-- Sending of queued messages (sender.c), on a connection of its own. A notice of an account (user_id) keeps its text, it is shown
-- under the account's messages; all other texts are codes and links, and go as soon as they are of no use.

-- name: message_claim
-- $1 now, $2 until when nobody else takes it, $3 channel
update message_outbox set attempts = attempts + 1, next_at = $2::timestamptz
 where id = (select id from message_outbox
              where next_at <= $1::timestamptz and expires_at > $1 and channel = $3::text
              order by next_at, id limit 1 for update skip locked)
returning id, channel, recipient, case channel when 'mail' then coalesce(subject, '') else '' end as subject, body, attempts,
          coalesce(wechat_template, ''), coalesce(wechat_data, ''), coalesce(trace, '')

-- name: message_sent
-- $1 id, $2 now
update message_outbox
   set sent_at = $2::timestamptz, next_at = null, last_error = null, subject = case when user_id is not null then subject end,
       body = case when user_id is not null then body end
 where id = $1::bigint and next_at is not null

-- name: message_failed
-- $1 id, $2 when to try again, null: never, $3 why. A row that somebody else has finished meanwhile stays finished.
update message_outbox
   set next_at = $2::timestamptz, last_error = left($3::text, 200),
       subject = case when $2 is not null or user_id is not null then subject end,
       body = case when $2 is not null or user_id is not null then body end
 where id = $1::bigint and next_at is not null

-- name: message_expire
-- $1 now: what came too late is wiped
update message_outbox
   set next_at = null, last_error = coalesce(last_error, 'out of time'), subject = case when user_id is not null then subject end,
       body = case when user_id is not null then body end
 where id = any (array (select id from message_outbox where next_at is not null and expires_at <= $1::timestamptz
                         order by next_at limit 500 for update skip locked))

-- name: message_prune
-- Finished rows from before these moments go: $1 codes and links, $2 notices
delete from message_outbox
 where id = any (array (select id from message_outbox where next_at is null and user_id is null and created_at < $1::timestamptz
                         order by created_at limit 500 for update skip locked)
                 || array (select id from message_outbox where next_at is null and user_id is not null and created_at < $2::timestamptz
                            order by created_at limit 500 for update skip locked))

-- name: wechat_attempt
-- One attempt to send message $1: $2 why it failed, null: it did not, $3 what the platform said, $4 nothing was really sent, $5 now
insert into wechat_message_logs (user_id, openid, template_id, scene, order_id, status, error_code, error_message, request_data,
       response_data, sent_at, created_at, updated_at)
select m.user_id, m.recipient, m.wechat_template, m.scene, m.order_id, case when $2::text is null then 'success' else 'failed' end,
       $3::text, $2, jsonb_build_object('message_id', m.id, 'attempt', m.attempts, 'data', m.wechat_data),
       case when $4::boolean then '{"dry_run": true}'::jsonb else jsonb_build_object('errcode', $3) end,
       case when $2 is null then $5::timestamptz end, $5, $5
  from message_outbox m
 where m.id = $1::bigint
