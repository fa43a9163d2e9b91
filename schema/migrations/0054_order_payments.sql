-- Payments of orders as the {code, message} surface shows them (api/07 section 7.6).

-- Minutes that an order of this doctor may stay unpaid (BR-83): the doctor's own entry of `registration` as a whole, else the global one;
-- what is absent or outside BR-67 is 30.
create function gh_payment_minutes(of_doctor_id bigint) returns int language sql stable as $$
    select coalesce((select case when gh_setting_int(c.config_value, 'paymentTimeoutMinutes') between 5 and 120
                                 then gh_setting_int(c.config_value, 'paymentTimeoutMinutes') end
                       from system_config c
                      where c.config_key = 'registration' and c.is_active
                        and (c.scope_type = 'GLOBAL' or (c.scope_type = 'DOCTOR' and c.scope_id = of_doctor_id))
                      order by c.scope_type = 'DOCTOR' desc limit 1), 30)
$$;

-- BR-83: the moment from which an unpaid order is overdue; null for any other.
create function gh_payable_until(o registration_orders) returns timestamptz language sql stable as $$
    select case when o.status = 'pending' and o.payment_status = 'pending'
                then o.payable_since + make_interval(mins => gh_payment_minutes(o.doctor_id)) end
$$;

-- How the payment of an order stands. method: how it was paid, or is being paid.
create function gh_code_payment(o registration_orders, tz text) returns json language sql stable as $$
    select json_build_object(
        'orderId', o.id, 'orderNo', o.order_no, 'amount', o.price,
        'method', coalesce(o.payment_method, (select p.channel from bills b join payments p on p.bill_id = b.id and p.status = 'PENDING'
                                               where b.appointment_id = o.id and b.kind = 'REGISTRATION' and b.status <> 'CANCELLED')),
        'status', o.status, 'paymentStatus', o.payment_status, 'paymentTime', gh_dts_text(o.payment_time, tz),
        'expiresAt', gh_dts_text(gh_payable_until(o), tz))
$$;
