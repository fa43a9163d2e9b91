-- Statements of the operations that move money (till.c, events.c, play.c); the books themselves are lib/domain/payment.sql.

-- name: till_people
-- One row a job: may this account ($1) manage bills (api/20 section 6)?
select exists (select from user_roles ur join role_permissions rp on rp.role_code = ur.role_code
                where ur.user_id = t.user_id and rp.permission_code = 'billing:manage' and rp.scope = 'all')
  from unnest($1::bigint[]) with ordinality as t (user_id, n)
 order by t.n;

-- name: till_payments
-- Payments $1 as they are now, $2 zone
select p.id, gh_v1_payment(p, $2::text), '/api/v1/payments/' || p.id from payments p where p.id = any ($1::bigint[]);

-- name: till_refunds
select r.id, gh_v1_refund(r, $2::text), null from refunds r where r.id = any ($1::bigint[]);

-- name: events_known
-- R-135: which of these events ($1 providers, $2 ids) came before? The payments are locked.
select e.provider, e.event_id
  from unnest($1::text[], $2::text[]) as t (provider, event_id)
  join gateway_events e on e.provider = t.provider and e.event_id = t.event_id;

-- name: events_note
-- $1 providers, $2 ids, $3 types, $4 payments, $5 events, $6 outcomes; $7 now
insert into gateway_events (provider, event_id, type, payment_id, payload, signature_ok, received_at, outcome)
select t.provider, t.event_id, t.type, t.payment_id, t.payload::jsonb, true, $7::timestamptz, t.outcome
  from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[])
       as t (provider, event_id, type, payment_id, payload, outcome);

-- name: sandbox_facts
-- What a provider reports of payment $1, or of refund $2 that waits for it.
select p.provider, p.payment_no, r.refund_no, coalesce(r.amount, p.amount), p.currency
  from payments p
  left join refunds r on r.id = $2::bigint and r.payment_id = p.id
 where p.id = case when $2 > 0 then (select x.payment_id from refunds x where x.id = $2) else $1::bigint end;

-- name: payments_due
-- R-138: at most $2 payments whose time is over, $1 now; not locked. One array, null when there is none.
select array_agg(x.id)::text
  from (select id from payments where status = 'PENDING' and expires_at <= $1::timestamptz order by expires_at limit $2::int) x;
