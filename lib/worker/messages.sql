-- Messages to people, queued by any pool in its transaction (lib/domain/message.h); the identity pool sends them.

-- name: rt_message_put
-- $1 channel, $2 recipient, $3 template, $4 subject, $5 text, $6 now, $7 not sent from then on
insert into message_outbox (channel, recipient, template, subject, body, created_at, expires_at, next_at)
values ($1::text, $2::text, $3::text, $4::text, $5::text, $6::timestamptz, $7::timestamptz, $6);
