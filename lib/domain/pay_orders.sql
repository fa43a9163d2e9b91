-- Orders as paying for them sees them (pay_orders.h).

-- name: pay_orders
-- Orders $1; $2 now. Not locked: gh_books_ask() locks them, then they are looked at again.
select o.id, o.order_no, o.status, o.payment_status, o.price, coalesce(p.user_id, o.user_id, 0), coalesce(o.initiator_user_id, 0),
       coalesce((extract(epoch from u.until) * 1000000)::bigint, 0), coalesce(u.until <= $2::timestamptz, false) as overdue
  from registration_orders o
  join patients p on p.id = o.patient_id
 cross join lateral (select gh_payable_until(o) as until) u
 where o.id = any ($1::bigint[])
 order by o.id;
