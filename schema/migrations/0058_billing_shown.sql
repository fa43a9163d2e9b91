-- Bills, payments and refunds as `/api/v1` shows them (api/26), and how they are found.

create function gh_v1_payment(p payments, tz text) returns json language sql stable as $$
    select json_build_object(
        'id', p.id, 'payment_no', p.payment_no, 'bill_id', p.bill_id, 'amount', p.amount, 'currency', p.currency,
        'method', p.method, 'provider', p.provider, 'provider_ref', p.provider_ref, 'status', p.status,
        'refundable', case when p.status = 'SUCCEEDED' and p.method <> 'INSURANCE' then
                          p.amount - coalesce((select sum(r.amount) from refunds r
                                                where r.payment_id = p.id and r.status in ('PENDING', 'SUCCEEDED')), 0)
                      else 0.00 end,
        'pay_url', case p.status when 'PENDING' then p.pay_url end,
        'qr_payload', case p.status when 'PENDING' then p.qr_payload end, 'expires_at', gh_ts_text(p.expires_at, tz),
        'paid_at', gh_ts_text(p.paid_at, tz), 'failure_code', p.failure_code, 'created_by', p.created_by,
        'created_at', gh_ts_text(p.created_at, tz))
$$;

create function gh_v1_refund(r refunds, tz text) returns json language sql stable as $$
    select json_build_object(
        'id', r.id, 'refund_no', r.refund_no, 'payment_id', r.payment_id, 'bill_id', p.bill_id, 'amount', r.amount,
        'currency', p.currency, 'reason', r.reason, 'status', r.status, 'provider_ref', r.provider_ref,
        'created_by', r.created_by, 'created_at', gh_ts_text(r.created_at, tz),
        'completed_at', gh_ts_text(r.completed_at, tz))
      from payments p where p.id = r.payment_id
$$;

create function gh_bill_overdue(b bills, today date) returns boolean language sql immutable as
    $$ select b.status in ('ISSUED', 'PARTIALLY_PAID') and coalesce(b.due_date < today, false) $$;

-- today: the day by which a bill is overdue.
create function gh_v1_bill(b bills, today date, tz text) returns json language sql stable as $$
    select json_build_object(
        'id', b.id, 'bill_no', b.bill_no, 'patient_id', b.patient_id,
        'patient', json_build_object('id', p.id, 'full_name', coalesce(p.full_name, p.name), 'mrn', p.mrn),
        'appointment_id', b.appointment_id, 'record_id', null, 'dispense_id', null, 'kind', b.kind,
        'items', (select coalesce(json_agg(json_build_object(
                             'id', i.id, 'description', i.description, 'code', i.code, 'quantity', trim_scale(i.quantity),
                             'unit_price', i.unit_price, 'discount', i.discount, 'tax_rate', trim_scale(i.tax_rate),
                             'line_total', i.line_total) order by i.id), '[]')
                    from bill_items i where i.bill_id = b.id),
        'subtotal', b.subtotal, 'discount', b.discount, 'tax', b.tax, 'total', b.total, 'currency', b.currency,
        'paid_amount', b.paid_amount, 'refunded_amount', b.refunded_amount, 'insurance_amount', b.insurance_amount,
        'balance', gh_bill_balance(b), 'status', b.status, 'due_date', b.due_date, 'overdue', gh_bill_overdue(b, today),
        'notes', b.notes, 'issued_at', gh_ts_text(b.issued_at, tz), 'closed_at', gh_ts_text(b.closed_at, tz),
        'created_at', gh_ts_text(b.created_at, tz), 'updated_at', gh_ts_text(b.updated_at, tz))
      from patients p where p.id = b.patient_id
$$;

-- The value by which a list of bills is ordered for one key of `sort`: `total`, `-due_date`, ...
create function gh_bill_order(key text, b bills) returns numeric language sql stable as $$
    select case ltrim(key, '-') when 'id' then b.id when 'total' then b.total when 'balance' then gh_bill_balance(b)
                                when 'due_date' then b.due_date - date '2000-01-01'
                                when 'created_at' then extract(epoch from b.created_at)
                                when 'bill_no' then ('0' || regexp_replace(b.bill_no, '[^0-9]', '', 'g'))::numeric end
           * case when key like '-%' then -1 else 1 end
$$;

create index bills_created_ix on bills (created_at);
create index payments_created_ix on payments (created_at);

create function gh_payment_order(key text, id bigint, created_at timestamptz) returns numeric language sql immutable as $$
    select case ltrim(key, '-') when 'id' then id when 'created_at' then extract(epoch from created_at) end
           * case when key like '-%' then -1 else 1 end
$$;

-- R-127: with the scope `all`; the bill is of the own patient row; or of an appointment that one placed.
create function gh_bill_seen(b bills, scopes int, who bigint, own_patient bigint) returns boolean language sql stable as $$
    select scopes & 1 = 1 or coalesce(b.patient_id = own_patient, false)
        or exists (select from registration_orders o where o.id = b.appointment_id and o.initiator_user_id = who)
$$;
