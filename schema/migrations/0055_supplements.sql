-- What an order that moved to a dearer place still owes on its further bills (R-96): it is no part of what is given back when the
-- order is given up.
create function gh_order_owed(order_id bigint) returns numeric language sql stable as $$
    select coalesce(sum(gh_bill_balance(b)), 0) from bills b
     where b.appointment_id = order_id and b.supplements is not null and b.status in ('ISSUED', 'PARTIALLY_PAID')
$$;
