-- Paying for orders on the code surface (pay.c; api/07 sections 7.2 and 7.6, BR-83, BR-84). Money itself moves in lib/domain/payment.sql, its orders are
-- read in lib/domain/pay_orders.sql.

-- name: code_payment
-- $1 order, $2 caller, $3 his patient row, $4 zone: how its payment stands; BR-95 says for whom.
select case when coalesce($3::bigint, 0) = 0 then 'PATIENT_RECORD_MISSING'
            when o.id is null then 'ORDER_NOT_FOUND'
            when $2::bigint is distinct from p.user_id and $2::bigint is distinct from o.user_id
                 and $2::bigint is distinct from o.initiator_user_id then 'APPOINTMENT_READ_FORBIDDEN' end as error,
       gh_code_payment(o, $4::text) as body
  from (select) x
  left join registration_orders o on o.id = $1::bigint
  left join patients p on p.id = o.patient_id;

-- name: code_payment_verify
-- $1 order, $2 caller, $3 his patient row: has its payment arrived?
select case when coalesce($3::bigint, 0) = 0 then 'PATIENT_RECORD_MISSING'
            when o.id is null then 'ORDER_NOT_FOUND'
            when $2::bigint is distinct from p.user_id and $2::bigint is distinct from o.user_id
                 and $2::bigint is distinct from o.initiator_user_id then 'APPOINTMENT_READ_FORBIDDEN' end as error,
       json_build_object('verified', o.payment_status = 'paid', 'orderId', o.id, 'paymentStatus', o.payment_status) as body
  from (select) x
  left join registration_orders o on o.id = $1::bigint
  left join patients p on p.id = o.patient_id;

-- name: code_payments
-- Orders that were paid for, of the caller's patient row $1 or placed by him ($2), the latest payment first; refunded ones too. $3 page,
-- $4 page size, $5 zone.
with found as (
    select o.id, o.payment_time from registration_orders o
     where o.patient_id = nullif($1::bigint, 0) and o.payment_time is not null and o.price > 0
    union
    select o.id, o.payment_time from registration_orders o
     where o.initiator_user_id = $2::bigint and o.payment_time is not null and o.price > 0
), page as (
    select f.id, f.payment_time from found f
     order by f.payment_time desc, f.id desc
     limit $4::int offset ($3::bigint - 1) * $4::int
)
select case when coalesce($1::bigint, 0) = 0 then 'PATIENT_RECORD_MISSING' end as error,
       json_build_object('total', (select count(*) from found), 'page', $3::int, 'pageSize', $4::int,
           'list', coalesce((select json_agg(gh_code_payment(o, $5::text) order by p.payment_time desc, p.id desc)
                               from page p
                              cross join lateral (select x.* from registration_orders x where x.id = p.id offset 0) o), '[]')) as body;

-- name: code_payment_methods
-- What an order can be paid with (BR-84).
select json_build_object('methods', json_agg(json_build_object('method', m.method, 'name', m.name) order by m.n)) as body
  from (values (1, 'alipay', '支付宝'), (2, 'wechat', '微信支付'), (3, 'bank', '银行卡')) as m (n, method, name);
