-- Sums of many bills at once: closing a session of thousands of orders asks for each of theirs.

-- As a table, so that a statement that asks for the sums of many bills is planned as one.
drop function gh_bill_sums(bigint);
create function gh_bill_sums(bill bigint) returns table (settled numeric, returned numeric, owing numeric) language sql stable as $$
    select coalesce(sum(p.amount) filter (where not p.late), 0), coalesce(sum(r.done) filter (where not p.late), 0),
           coalesce(sum(r.waiting), 0)
      from payments p
      left join lateral (select sum(x.amount) filter (where x.status = 'SUCCEEDED') as done,
                                sum(x.amount) filter (where x.status = 'PENDING') as waiting
                           from refunds x where x.payment_id = p.id) r on true
     where p.bill_id = bill and p.status = 'SUCCEEDED'
$$;

-- Counts the version itself, which spares a trigger a row.
create or replace function gh_ledger_sums() returns trigger language plpgsql as $$
begin
    update bills b
       set paid_amount = b.paid_amount + x.paid, refunded_amount = b.refunded_amount + x.refunded,
           insurance_amount = b.insurance_amount + x.insurance, version = b.version + 1, updated_at = x.at
      from (select bill_id, coalesce(sum(amount) filter (where kind = 'PAYMENT'), 0) as paid,
                   coalesce(-sum(amount) filter (where kind = 'REFUND'), 0) as refunded,
                   coalesce(sum(amount) filter (where kind in ('INSURANCE', 'WAIVER')), 0) as insurance, max(at) as at
              from added group by bill_id) x
     where b.id = x.bill_id;
    return null;
end $$;

-- Sums change after a bill was written: room on its page spares the indexes.
alter table bills set (fillfactor = 80);
