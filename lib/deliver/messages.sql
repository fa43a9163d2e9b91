-- Sending of queued messages (sender.c), on a connection of its own.

-- name: message_claim
-- $1 now, $2 until when nobody else takes it, $3 channel
update message_outbox set attempts = attempts + 1, next_at = $2::timestamptz
 where id = (select id from message_outbox
              where next_at <= $1::timestamptz and expires_at > $1 and channel = $3::text
              order by next_at, id limit 1 for update skip locked)
returning id, channel, recipient, coalesce(subject, '') as subject, body, attempts

-- name: message_sent
-- $1 id, $2 now
update message_outbox set sent_at = $2::timestamptz, next_at = null, subject = null, body = null, last_error = null
 where id = $1::bigint and next_at is not null

-- name: message_failed
-- $1 id, $2 when to try again, null: never, $3 why. A row that somebody else has finished meanwhile stays finished.
update message_outbox
   set next_at = $2::timestamptz, last_error = left($3::text, 200),
       subject = case when $2 is not null then subject end, body = case when $2 is not null then body end
 where id = $1::bigint and next_at is not null

-- name: message_expire
-- $1 now: what came too late is wiped
update message_outbox set next_at = null, subject = null, body = null, last_error = coalesce(last_error, 'out of time')
 where id = any (array (select id from message_outbox where next_at is not null and expires_at <= $1::timestamptz
                         order by next_at limit 500 for update skip locked))

-- name: message_prune
-- $1 finished rows from before this go
delete from message_outbox
 where id = any (array (select id from message_outbox where next_at is null and created_at < $1::timestamptz
                         order by created_at limit 500 for update skip locked))
