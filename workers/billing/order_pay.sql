-- Payments online of orders on the {code, message} surface (order_pay.c; api/07 section 7.6).

-- name: order_payment_open
-- Orders $1 with their payment under way; $2 zone.
select o.id, (gh_code_payment(o, $2::text)::jsonb || jsonb_build_object('paymentNo', p.payment_no, 'payUrl', p.pay_url))::text
  from registration_orders o
  join bills b on b.appointment_id = o.id and b.kind = 'REGISTRATION'
  join payments p on p.bill_id = b.id and p.status = 'PENDING'
 where o.id = any ($1::bigint[]);

-- name: code_payment_code
-- $1 order, $2 caller, $3 his patient row, $4 zone: what is to be scanned to pay it (BR-84 says by whom and when).
select case when coalesce($3::bigint, 0) = 0 then 'PATIENT_RECORD_MISSING'
            when o.id is null then 'ORDER_NOT_FOUND'
            when $2::bigint is distinct from c.user_id and $2::bigint is distinct from o.user_id
                 and $2::bigint is distinct from o.initiator_user_id then 'PAY_FORBIDDEN'
            when o.payment_status <> 'pending' then 'PAY_PAYMENT_STATUS'
            when o.status <> 'pending' then 'PAY_ORDER_STATUS'
            when p.id is null then 'NOT_FOUND' end as error,
       json_build_object('x', case when o.payment_status <> 'pending' then o.payment_status else o.status end) as params,
       json_build_object('orderId', o.id, 'qrCode', coalesce(p.qr_payload, p.pay_url, ''), 'payUrl', p.pay_url,
                         'expiresAt', gh_dts_text(least(p.expires_at, gh_payable_until(o)), $4::text)) as body
  from (select) x
  left join registration_orders o on o.id = $1::bigint
  left join patients c on c.id = o.patient_id
  left join bills b on b.appointment_id = o.id and b.kind = 'REGISTRATION' and b.status <> 'CANCELLED'
  left join payments p on p.bill_id = b.id and p.status = 'PENDING';
