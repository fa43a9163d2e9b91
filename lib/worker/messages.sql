-- Messages to people, queued by any pool in its transaction (lib/domain/message.h); the identity pool sends them.

-- name: rt_message_put
-- $1 channel, $2 recipient, $3 template, $4 subject, $5 text, $6 now, $7 not sent from then on, $8 trace
insert into message_outbox (channel, recipient, template, subject, body, created_at, expires_at, next_at, trace)
values ($1::text, $2::text, $3::text, $4::text, $5::text, $6::timestamptz, $7::timestamptz, $6, $8::text);

-- name: rt_message_orders
-- Tell people about orders $1: $2 template, $3 subject, $4 text, $5 who booked comes first, $6 by mail or short message too, $7 WeChat
-- template or null, $8 its members, $9 scene, $10 once for a visit day, $11 reason, null: as the order
-- has it, $12 now, $13 zone, $14
-- about orders that are over, $15 trace. An order that is otherwise by now is left out.
insert into message_outbox as m (channel, recipient, template, subject, body, user_id, order_id, day, listed, scene, wechat_template,
       wechat_data, created_at, expires_at, next_at, trace)
select a.channel, a.recipient, $2::text, $3::text, gh_filled($4::text, x.words, false), a.user_id, o.id,
       case when $10::boolean then o.slot_date end, a.listed, case a.channel when 'wechat' then $9::text end,
       case a.channel when 'wechat' then $7::text end,
       case a.channel when 'wechat' then gh_filled($8::text, x.words, true) end, $12::timestamptz,
       case when $10 then o.ends_at else greatest(o.ends_at, $12 + interval '1 day') end, $12, $15::text
  from registration_orders o
  join doctors d on d.id = o.doctor_id
  join patients p on p.id = o.patient_id
 cross join lateral (
       select jsonb_build_object('name', p.name, 'doctor', d.name, 'day', to_char(o.slot_date, 'YYYY"年"FMMM"月"FMDD"日"'),
                  'section', o.time_section, 'start', to_char(o.starts_at at time zone $13::text, 'HH24:MI'), 'no', o.order_no,
                  'amount', coalesce(o.refund_amount, o.price), 'reason', coalesce($11::text, o.cancel_reason, '医院安排')) as words) x
 cross join lateral (
       select * from gh_told_at(case when $5::boolean then o.initiator_user_id else p.user_id end, null,
                                case when $5 then null else p.phone end,
                                case when $5 then p.user_id else o.initiator_user_id end, null,
                                case when $5 then p.phone end, $7, $6::boolean)) a
 where o.id = any ($1::bigint[]) and (o.status in ('pending', 'confirmed')) <> $14::boolean
 order by o.id
    on conflict (order_id, template, day, channel) where day is not null do update
       set recipient = excluded.recipient, subject = excluded.subject, body = excluded.body, user_id = excluded.user_id,
           listed = excluded.listed, wechat_template = excluded.wechat_template, wechat_data = excluded.wechat_data, attempts = 0,
           created_at = excluded.created_at, expires_at = excluded.expires_at, next_at = excluded.next_at, trace = excluded.trace, last_error = null
     where m.sent_at is null and m.next_at is null;
