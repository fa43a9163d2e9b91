-- The books (payment.h): what they read and write. Locks: orders by id, then bills by id, then payments by id (decisions 17).
-- $1 orders, $2 bills, $3 payments, $4 payment numbers, $5 refund numbers say whose; null: none of that kind.

-- name: money_orders
-- Lock the orders of these bills.
select o.id
  from registration_orders o
 where o.id = any (array (
           select b.appointment_id from bills b
            where b.id = any (array (select gh_money_bills($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[])))
              and b.appointment_id is not null
            union select unnest($1)))
 order by o.id
   for update of o;

-- name: money_bills
with held as materialized (
    select b.* from bills b
     where b.id = any (array (select gh_money_bills($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[])))
     order by b.id for update of b
)
select b.id, coalesce(b.appointment_id, 0), b.patient_id, coalesce(p.user_id, 0), b.kind = 'REGISTRATION', b.status,
       b.total, s.settled, s.returned, b.currency, b.version,
       o.status, o.payment_status, coalesce(o.initiator_user_id, 0), coalesce(o.price, 0)
  from held b
  join patients p on p.id = b.patient_id
 cross join gh_bill_sums(b.id) s
  left join registration_orders o on o.id = b.appointment_id
 order by b.id;

-- name: money_payments
-- Of the bills that are locked now.
select p.id, p.payment_no, p.bill_id, p.amount,
       coalesce((select sum(r.amount) from refunds r where r.payment_id = p.id and r.status in ('PENDING', 'SUCCEEDED')), 0),
       p.method, p.provider, p.provider_ref, p.status, p.late, coalesce((extract(epoch from p.expires_at) * 1000000)::bigint, 0),
       coalesce(p.created_by, 0)
  from payments p
 where p.bill_id = any (array (select gh_money_bills($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[])))
 order by p.id
   for update of p;

-- name: money_refunds
-- $1 refund numbers
select r.id, r.refund_no, r.payment_id, r.amount, r.status
  from refunds r
 where r.refund_no = any ($1::text[])
 order by r.id
   for update of r;

-- name: money_numbers
-- Numbers for $1 payments and refunds.
select nextval('payments_id_seq'), nextval('payment_no_seq'), nextval('refunds_id_seq'), nextval('refund_no_seq')
  from generate_series(1, $1::int);

-- name: money_put_payments
-- New payments: $1 ids, $2 numbers, $3 bills, $4 amounts, $5 methods, $6 providers, $7 their references, $8 states, $9 ends, $10 channels,
-- $11 pages, $12 codes, $13 by whom, $14 remarks; $15 now
with t as (
    select * from unnest($1::bigint[], $2::text[], $3::bigint[], $4::numeric[], $5::text[], $6::text[], $7::text[], $8::text[],
                         $9::timestamptz[], $10::text[], $11::text[], $12::text[], $13::bigint[], $14::text[])
           as t (id, no, bill_id, amount, method, provider, ref, status, expires_at, channel, url, qr, by_user, remark)
), made as (
    insert into payments (id, payment_no, bill_id, amount, currency, method, provider, provider_ref, status, expires_at, paid_at,
                          channel, pay_url, qr_payload, created_by, created_at, updated_at, remark)
    select t.id, t.no, t.bill_id, t.amount, b.currency, t.method, t.provider, t.ref, t.status, t.expires_at,
           case t.status when 'SUCCEEDED' then $15::timestamptz end, t.channel, t.url, t.qr, t.by_user, $15, $15, t.remark
      from t join bills b on b.id = t.bill_id
)
insert into ledger_entries (bill_id, kind, amount, ref_id, at)
select t.bill_id, case t.method when 'INSURANCE' then 'INSURANCE' else 'PAYMENT' end, t.amount, t.id, $15
  from t where t.status = 'SUCCEEDED';

-- name: money_step_payments
-- $1 payments, $2 new states, $3 references of their providers, $4 failure codes, $5 are they late; $6 now
with t as (
    select * from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::boolean[]) as t (id, status, ref, failure, late)
), moved as (
    update payments p
       set status = t.status, provider_ref = coalesce(t.ref, p.provider_ref), failure_code = t.failure, late = t.late,
           paid_at = case t.status when 'SUCCEEDED' then $6::timestamptz end, updated_at = $6
      from t
     where p.id = t.id
 returning p.id, p.bill_id, p.amount, p.status
)
insert into ledger_entries (bill_id, kind, amount, ref_id, at)
select bill_id, 'PAYMENT', amount, id, $6 from moved where status = 'SUCCEEDED';

-- name: money_end_pending
-- Payments under way of orders $1 that were given up, $2 now. Locks the bills.
with held as materialized (
    select b.id, b.appointment_id from bills b
     where b.id = any (array (select gh_money_bills($1::bigint[], null, null, null, null))) order by b.id for update of b
)
update payments p
   set status = case o.status when 'timeout' then 'EXPIRED' else 'CANCELLED' end, updated_at = $2::timestamptz
  from held h join registration_orders o on o.id = h.appointment_id
 where p.bill_id = h.id and p.status = 'PENDING';

-- name: money_refund
-- The one place where money goes back: $1 payments, $2 amounts, $3 ids, $4 numbers, $5 reasons, $6 by whom; and of orders $7 what was
-- paid above what they cost now - nothing, when they were given up - the latest payments first, $8 reason; $9 now, $10 its
-- day. A refund that its provider carries out waits, with its job (api/26).
with due as (
    select t.id, t.no, t.payment_id, t.amount, t.reason, t.by_user
      from unnest($3::bigint[], $4::text[], $1::bigint[], $2::numeric[], $5::text[], $6::bigint[])
           as t (id, no, payment_id, amount, reason, by_user)
    union all
    select nextval('refunds_id_seq'), 'RF' || to_char($10::date, 'YYYYMMDD') || lpad(nextval('refund_no_seq')::text, 8, '0'),
           x.id, x.rest, $8::text, null
      from (select y.id, least(y.rest, y.paid - case when y.status in ('cancelled', 'timeout') then 0 else y.price end) as rest
              from (select p.id, o.status, o.price, l.rest, sum(l.rest) over (partition by o.id order by p.id) as paid
                      from bills b
                      join registration_orders o on o.id = b.appointment_id
                      join payments p on p.bill_id = b.id and p.status = 'SUCCEEDED' and p.method <> 'INSURANCE' and not p.late
                     cross join lateral (
                           select p.amount - coalesce(sum(r.amount), 0) as rest from refunds r
                            where r.payment_id = p.id and r.status in ('PENDING', 'SUCCEEDED')) l
                     where b.id = any (array (select gh_money_bills($7::bigint[], null, null, null, null)))) y
             order by y.id) x
     where x.rest > 0
), made as (
    insert into refunds (id, refund_no, payment_id, amount, reason, status, created_by, created_at, completed_at)
    select d.id, d.no, d.payment_id, d.amount, d.reason, case when w.waits then 'PENDING' else 'SUCCEEDED' end, d.by_user,
           $9::timestamptz, case when not w.waits then $9 end
      from due d
      join payments p on p.id = d.payment_id
     cross join lateral (select gh_refund_waits(p.method, p.provider) as waits) w
 returning id, payment_id, amount, status
), sent as (
    insert into jobs (id, kind, op, service, args, unique_key, budget_ms, max_attempts, run_at, created_at)
    select gen_random_uuid(), 'gateway', 'billing.send_refund', 'billing', gh_refund_args(m.id), 'refund:' || m.id, 30000, 20, $9, $9
      from made m where m.status = 'PENDING'
)
insert into ledger_entries (bill_id, kind, amount, ref_id, at)
select p.bill_id, 'REFUND', -m.amount, m.id, $9
  from made m join payments p on p.id = m.payment_id
 where m.status = 'SUCCEEDED'
 order by m.id;

-- name: money_step_refunds
-- $1 refunds, $2 new states, $3 references of their providers; $4 now
with t as (
    select * from unnest($1::bigint[], $2::text[], $3::text[]) as t (id, status, ref)
), moved as (
    update refunds r
       set status = t.status, provider_ref = coalesce(t.ref, r.provider_ref), completed_at = $4::timestamptz
      from t
     where r.id = t.id
 returning r.id, r.payment_id, r.amount, r.status
), owed as (
    update registration_orders o
       set refund_due = m.status = 'FAILED', version = o.version + 1, updated_at = $4
      from moved m join payments p on p.id = m.payment_id and not p.late join bills b on b.id = p.bill_id
     where o.id = b.appointment_id and o.payment_status = 'refunded' and o.refund_due <> (m.status = 'FAILED')
)
insert into ledger_entries (bill_id, kind, amount, ref_id, at)
select p.bill_id, 'REFUND', -m.amount, m.id, $4
  from moved m join payments p on p.id = m.payment_id
 where m.status = 'SUCCEEDED';

-- name: money_states
-- Bills $1, and those of orders $2, get the state that their sums say; $3 now.
with due as (
    select b.id, gh_bill_state(b.status, b.total, s.settled, s.returned, coalesce(o.status in ('cancelled', 'timeout'), false)) as state
      from bills b
     cross join gh_bill_sums(b.id) s
      left join registration_orders o on o.id = b.appointment_id
     where b.id = any (array (select gh_money_bills($2::bigint[], $1::bigint[], null, null, null)))
)
update bills b
   set status = d.state, closed_at = case when d.state in ('PAID', 'REFUNDED', 'CANCELLED') then $3::timestamptz end,
       version = b.version + 1, updated_at = $3
  from due d
 where b.id = d.id and b.status <> d.state;

-- name: money_fee_orders
-- What follows for the orders of fee bills $1, whose payers were $2; $3 now: R-103, BR-84. What went back because the order costs less
-- now (R-96) is no refund of what it costs.
with due as (
    select o.id, o.status, o.payment_status, b.status = 'PAID' as paid, b.status = 'REFUNDED' as refunded, t.by_user, o.price, x.returned,
           (select coalesce(p.channel, case p.method when 'CASH' then 'cash' when 'CARD' then 'card' when 'TRANSFER' then 'bank'
                                                     when 'INSURANCE' then 'insurance' else 'online' end)
              from payments p where p.bill_id = b.id and p.status = 'SUCCEEDED' and not p.late order by p.id desc limit 1) as method
      from unnest($1::bigint[], $2::bigint[]) as t (bill_id, by_user)
      join bills b on b.id = t.bill_id and b.kind = 'REGISTRATION'
      join registration_orders o on o.id = b.appointment_id
     cross join lateral (
           select greatest(0, o.price - gh_order_owed(o.id) - sum(s.settled - s.returned)) as returned
             from bills y cross join gh_bill_sums(y.id) s
            where y.id in (select gh_money_bills(array[o.id], null, null, null, null))) x
     where (b.status = 'PAID' and o.payment_status in ('pending', 'paying', 'failed')
            and o.status in ('pending', 'confirmed', 'completed', 'no_show'))
        or (b.status in ('PARTIALLY_REFUNDED', 'REFUNDED') and o.payment_status = 'paid'
            and x.returned <> coalesce(o.refund_amount, 0))
), changed as (
    update registration_orders o
       set status = case when d.paid and o.status = 'pending' then 'confirmed' else o.status end,
           payment_status = case when d.paid then 'paid' when d.refunded then 'refunded' else o.payment_status end,
           payment_time = case when d.paid then $3::timestamptz else o.payment_time end,
           payment_method = case when d.paid then d.method else o.payment_method end,
           refund_amount = case when not d.paid then least(d.returned, o.price) end,
           refund_time = case when not d.paid then $3 end, version = o.version + 1, updated_at = $3
      from due d
     where o.id = d.id
)
insert into appointment_history (order_id, at, by_user, action, from_value, to_value)
select d.id, $3, d.by_user, x.action,
       case x.action when 'confirmed' then jsonb_build_object('status', d.status)
                     else jsonb_build_object('payment_status', d.payment_status) end,
       case x.action when 'confirmed' then jsonb_build_object('status', 'confirmed')
                     when 'paid' then jsonb_build_object('payment_status', 'paid', 'amount', d.price)
                     else jsonb_build_object('payment_status', case when d.refunded then 'refunded' else 'paid' end,
                                             'refund_amount', d.returned) end
  from due d
  join (values (1, 'paid'), (2, 'confirmed'), (3, 'refunded')) as x (n, action)
    on case x.n when 1 then d.paid when 2 then d.paid and d.status = 'pending' else not d.paid end
 order by d.id, x.n;

-- name: money_reprice_bills
-- Unpaid bills of moved orders $1 take the price of their order; unpaid supplements are cancelled, money_reprice_more writes what is
-- lacking. A fee bill that is paid in part takes it too, but not less than was paid: what is above goes back. $2 now. The bills are locked.
with due as (
    select x.*, greatest(x.list_price, x.total) as subtotal
      from (select b.id, b.kind, o.list_price, greatest(o.price, s.settled) as total,
                   s.settled = 0 and (b.kind <> 'REGISTRATION' or o.price = 0) as ends
              from bills b
              join registration_orders o on o.id = b.appointment_id
             cross join gh_bill_sums(b.id) s
             where b.id = any (array (select gh_money_bills($1::bigint[], null, null, null, null)))
               and ((b.status = 'ISSUED' and s.settled = 0) or (b.status = 'PARTIALLY_PAID' and b.kind = 'REGISTRATION'))) x
), items as (
    update bill_items i
       set unit_price = d.subtotal, discount = d.subtotal - d.total, line_total = d.total
      from due d
     where i.bill_id = d.id and not d.ends
)
update bills b
   set status = case when d.ends then 'CANCELLED' else b.status end,
       closed_at = case when d.ends then $2::timestamptz end,
       subtotal = case when d.ends then b.subtotal else d.subtotal end,
       discount = case when d.ends then b.discount else d.subtotal - d.total end,
       tax = case when d.ends then b.tax else 0 end,
       total = case when d.ends then b.total else d.total end, version = b.version + 1, updated_at = $2
  from due d
 where b.id = d.id;

-- name: money_reprice_paid
-- Moved orders $1 that cost no more than was paid in part before: they are paid. $2 now
with due as (
    select o.id, o.status, o.payment_status, o.price
      from registration_orders o
      join bills b on b.appointment_id = o.id and b.kind = 'REGISTRATION' and b.status in ('PAID', 'PARTIALLY_REFUNDED')
     cross join gh_bill_sums(b.id) s
     where o.id = any ($1::bigint[]) and o.price > 0 and o.payment_status = 'pending' and o.status in ('pending', 'confirmed')
       and s.settled >= b.total
), paid as (
    update registration_orders o
       set status = 'confirmed', payment_status = 'paid', payment_time = $2::timestamptz, payable_since = null,
           version = o.version + 1, updated_at = $2
      from due d
     where o.id = d.id
)
insert into appointment_history (order_id, at, action, from_value, to_value)
select d.id, $2, x.action,
       case x.n when 1 then jsonb_build_object('payment_status', d.payment_status) else jsonb_build_object('status', d.status) end,
       case x.n when 1 then jsonb_build_object('payment_status', 'paid', 'amount', d.price)
                else jsonb_build_object('status', 'confirmed') end
  from due d
  join (values (1, 'paid'), (2, 'confirmed')) as x (n, action) on x.n = 1 or d.status = 'pending'
 order by d.id, x.n;

-- name: money_reprice_more
-- What moved orders $1 cost above what they were billed: a further bill, or their first one. $2 now, $3 its day, $4 currency, $5 text
with due as (
    select o.id, o.patient_id, o.price - x.billed as amount, o.list_price, o.price, x.fee
      from registration_orders o
     cross join lateral (
           select coalesce(sum(b.total - s.returned - w.going_back), 0) as billed, min(b.id) filter (where b.kind = 'REGISTRATION') as fee
             from bills b cross join gh_bill_sums(b.id) s
            cross join lateral (
                  select coalesce(sum(r.amount), 0) as going_back from refunds r join payments p on p.id = r.payment_id
                   where p.bill_id = b.id and not p.late and r.status = 'PENDING') w
            where b.id in (select gh_money_bills(array[o.id], null, null, null, null))) x
     where o.id = any ($1::bigint[]) and o.price > x.billed
     order by o.id
), made as (
    insert into bills (bill_no, patient_id, appointment_id, kind, subtotal, discount, total, currency, status, due_date, supplements,
                       issued_at, created_at, updated_at)
    select 'B' || to_char($3::date, 'YYYYMMDD') || lpad(nextval('bill_no_seq')::text, 8, '0'), d.patient_id, d.id,
           case when d.fee is null then 'REGISTRATION' else 'OTHER' end,
           case when d.fee is null then d.list_price else d.amount end, case when d.fee is null then d.list_price - d.price else 0 end,
           d.amount, $4::text, 'ISSUED', $3::date + 30, d.fee, $2::timestamptz, $2, $2
      from due d
 returning id, kind, subtotal, discount, total
)
insert into bill_items (bill_id, description, code, unit_price, discount, line_total)
select m.id, case m.kind when 'REGISTRATION' then '挂号费' else $5::text end, 'REGISTRATION', m.subtotal, m.discount, m.total from made m;
