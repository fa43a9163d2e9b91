-- Reminders of visits (remind.c, remind_day.c; BR-147, BR-148).

-- name: remind_facts
-- One row a request: $1 orders, $2 callers, $3 their patient rows, $4 WeChat template or null, $5 today
select o.id is not null and o.status <> 'waitlist',
       coalesce(t.user_id in (p.user_id, o.initiator_user_id) or t.patient_id = o.patient_id
                or exists (select from patient_relations r
                            where r.user_patient_id = t.patient_id and r.related_patient_id = o.patient_id), false),
       o.payment_status = 'paid', o.status = 'confirmed', o.slot_date - $5::date,
       coalesce(gh_wechat_recipient(p.user_id, $4::text), gh_wechat_recipient(o.initiator_user_id, $4)) is not null
  from unnest($1::bigint[], $2::bigint[], $3::bigint[]) with ordinality as t (order_id, user_id, patient_id, n)
  left join registration_orders o on o.id = t.order_id
  left join patients p on p.id = o.patient_id
 order by t.n;

-- name: remind_due
-- Of the orders of the day after slot $1 whose id is beyond $2, the first $6: those that can be reminded by WeChat template $3 and were
-- not. $4 now, $5 zone. One row: their ids, how many, how many were looked at, and the last of those.
with page as (
    select o.id, o.patient_id, o.initiator_user_id, o.slot_date
      from registration_orders o
     where o.status = 'confirmed' and o.payment_status = 'paid' and o.id > $2::bigint
       and o.starts_at >= ((($1::timestamptz at time zone $5::text)::date + 1)::timestamp at time zone $5)
       and o.starts_at < ((($1::timestamptz at time zone $5)::date + 2)::timestamp at time zone $5)
       and o.starts_at > $4::timestamptz
     order by o.id
     limit $6::int
), due as (
    select o.id
      from page o
      join patients p on p.id = o.patient_id
     where coalesce(gh_wechat_recipient(p.user_id, $3::text), gh_wechat_recipient(o.initiator_user_id, $3)) is not null
       and not exists (select from message_outbox m
                        where m.order_id = o.id and m.template = 'visit_reminder' and m.day = o.slot_date
                          and (m.sent_at is not null or m.next_at is not null))
)
select (select coalesce(array_agg(d.id order by d.id), '{}')::text from due d), (select count(*) from due),
       (select count(*) from page), (select max(id) from page);
