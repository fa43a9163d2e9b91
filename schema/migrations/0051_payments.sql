-- Payments, refunds and what providers report (api/26, api/32 section 5; R-131..R-139, R-155).

-- Table: bills, added
--   paid_amount, refunded_amount, insurance_amount   sums of its ledger entries, kept by a trigger of the ledger alone (R-155)
--   supplements                                      the bill whose fee this one adds to: a move to a dearer session (R-96)
-- Its longest word has 18 letters. A view compares the column, and is made again as it was.
do $$
declare
    body text := pg_get_viewdef('v_bookings'::regclass);
begin
    execute 'create or replace view v_bookings as ' || replace(body, '((b.status)::text <> ''CANCELLED''::text)', 'true');
    alter table bills alter column status type varchar(20);
    execute 'create or replace view v_bookings as ' || body;
end $$;
alter table bills
    add column paid_amount      numeric(12,2) not null default 0,
    add column refunded_amount  numeric(12,2) not null default 0,
    add column insurance_amount numeric(12,2) not null default 0,
    add column supplements      bigint;
alter table bills
    drop constraint bills_kind_ck,
    drop constraint bills_status_ck,
    add constraint bills_kind_ck check (kind in ('REGISTRATION', 'CONSULTATION', 'PHARMACY', 'IMAGING', 'PROCEDURE', 'OTHER')) not valid,
    add constraint bills_status_ck check (status in ('DRAFT', 'ISSUED', 'PARTIALLY_PAID', 'PAID', 'PARTIALLY_REFUNDED', 'REFUNDED',
                                                     'CANCELLED')) not valid,
    add constraint bills_sums_ck check (paid_amount >= 0 and insurance_amount >= 0 and refunded_amount between 0 and paid_amount) not valid,
    add constraint bills_supplements_fk foreign key (supplements) references bills (id) not valid;
alter table bills validate constraint bills_kind_ck, validate constraint bills_status_ck, validate constraint bills_supplements_fk;

update bills b
   set paid_amount = x.paid, refunded_amount = x.refunded, insurance_amount = x.insurance
  from (select bill_id, coalesce(sum(amount) filter (where kind = 'PAYMENT'), 0) as paid,
               coalesce(-sum(amount) filter (where kind = 'REFUND'), 0) as refunded,
               coalesce(sum(amount) filter (where kind in ('INSURANCE', 'WAIVER')), 0) as insurance
          from ledger_entries group by bill_id) x
 where b.id = x.bill_id;
alter table bills validate constraint bills_sums_ck;
create index bills_appointment_ix on bills (appointment_id);

-- What is still to be paid.
create function gh_bill_balance(b bills) returns numeric language sql immutable as
    $$ select b.total - b.paid_amount + b.refunded_amount - b.insurance_amount $$;

create function gh_ledger_sums() returns trigger language plpgsql as $$
begin
    update bills b
       set paid_amount = b.paid_amount + x.paid, refunded_amount = b.refunded_amount + x.refunded,
           insurance_amount = b.insurance_amount + x.insurance
      from (select bill_id, coalesce(sum(amount) filter (where kind = 'PAYMENT'), 0) as paid,
                   coalesce(-sum(amount) filter (where kind = 'REFUND'), 0) as refunded,
                   coalesce(sum(amount) filter (where kind in ('INSURANCE', 'WAIVER')), 0) as insurance
              from added group by bill_id) x
     where b.id = x.bill_id;
    return null;
end $$;
create trigger ledger_entries_sums after insert on ledger_entries
    referencing new table as added for each statement execute function gh_ledger_sums();

-- Table: payments, added
--   late      booked after it had expired or was cancelled, and given back: it pays nothing (R-137)
--   channel   what the payer chose on the surface of seed 002: bank, alipay, wechat
alter table payments
    add column late       boolean not null default false,
    add column channel    varchar(20),
    add column pay_url    text,
    add column qr_payload text;
create index payments_expiry_ix on payments (expires_at) where status = 'PENDING' and expires_at is not null;
alter table refunds add constraint refunds_completed_ck check ((status = 'PENDING') = (completed_at is null)) not valid;

alter table registration_orders
    drop constraint registration_orders_method_ck,
    add constraint registration_orders_method_ck
        check (payment_method in ('bank', 'alipay', 'wechat', 'cash', 'card', 'insurance', 'online')) not valid;

-- What pays a bill and what of it was given back, without late payments; what providers have still to give back.
create function gh_bill_sums(bill bigint, out settled numeric, out returned numeric, out owing numeric) language sql stable as $$
    select coalesce(sum(p.amount) filter (where not p.late), 0), coalesce(sum(r.done) filter (where not p.late), 0),
           coalesce(sum(r.waiting), 0)
      from payments p
      left join lateral (select sum(x.amount) filter (where x.status = 'SUCCEEDED') as done,
                                sum(x.amount) filter (where x.status = 'PENDING') as waiting
                           from refunds x where x.payment_id = p.id) r on true
     where p.bill_id = bill and p.status = 'SUCCEEDED'
$$;

-- The state of a bill by its sums (api/26; lib/domain/payment_rules.c has the same). closed: its appointment was given up.
create function gh_bill_state(state text, total numeric, settled numeric, returned numeric, closed boolean) returns text
language sql immutable as $$
    select case when state in ('DRAFT', 'ISSUED') and settled = 0 and closed then 'CANCELLED'
                when state in ('DRAFT', 'CANCELLED') or settled = 0 then state
                when returned >= settled then 'REFUNDED'
                when returned > 0 then 'PARTIALLY_REFUNDED'
                when settled >= total then 'PAID'
                else 'PARTIALLY_PAID' end
$$;

-- A refund that its provider carries out and reports; any other one is done at once.
create function gh_refund_waits(method text, provider text) returns boolean language sql immutable as
    $$ select method = 'ONLINE' and coalesce(provider, 'simulated') <> 'simulated' $$;

-- The bills that the money functions of lib/domain/payment.h speak of: those of appointments, and of payments and refunds.
create function gh_money_bills(orders bigint[], bills bigint[], payments bigint[], payment_nos text[], refund_nos text[])
returns setof bigint language sql stable as $$
    select b.id from bills b
     where b.appointment_id = any (orders) and (b.kind = 'REGISTRATION' or b.supplements is not null) and b.status <> 'CANCELLED'
     union select unnest(bills)
     union select p.bill_id from payments p where p.id = any (payments)
     union select p.bill_id from payments p where p.payment_no = any (payment_nos)
     union select p.bill_id from refunds r join payments p on p.id = r.payment_id where r.refund_no = any (refund_nos)
$$;

-- The argument frame of the job that carries refund `id` to its provider: the msgpack map {"body": {"refund": id}}.
create function gh_refund_args(id bigint) returns bytea language sql immutable as
    $$ select '\x81a4626f647981a6726566756e64d3'::bytea || int8send(id) $$;

-- R-131: what a bill has received, less what is on its way back, never exceeds it. Looked at when the transaction ends, so that
-- a late payment may be booked and given back in one.
create function gh_bill_overpaid() returns trigger language plpgsql as $$
begin
    if exists (select from bills b cross join gh_bill_sums(b.id) s
                where b.id = new.id and b.paid_amount - b.refunded_amount + b.insurance_amount - s.owing > b.total) then
        raise exception 'bill %: paid above its total', new.id
            using errcode = 'check_violation', table = 'bills', constraint = 'bills_overpaid_ck';
    end if;
    return null;
end $$;
create constraint trigger bills_overpaid after update on bills deferrable initially deferred for each row
    when (new.paid_amount + new.insurance_amount > old.paid_amount + old.insurance_amount or new.total < old.total)
    execute function gh_bill_overpaid();

-- R-139: of a payment not more is refunded than it was, whoever else refunds just now.
create function gh_refunds_within() returns trigger language plpgsql as $$
begin
    perform from payments p where p.id in (select payment_id from added) order by p.id for update;
    if exists (select from payments p
                where p.id in (select payment_id from added)
                  and p.amount < (select sum(r.amount) from refunds r
                                   where r.payment_id = p.id and r.status in ('PENDING', 'SUCCEEDED'))) then
        raise exception 'refunds above their payment'
            using errcode = 'check_violation', table = 'refunds', constraint = 'refunds_sum_ck';
    end if;
    return null;
end $$;
create trigger refunds_within after insert on refunds
    referencing new table as added for each statement execute function gh_refunds_within();

-- Table: gateway_events - what providers have reported, each event once (R-135)
--   payload   the event as it came; kept for disputes
--   outcome   what became of it: booked, late, failed, refunded, review, ignored
create table gateway_events (
    provider     varchar(32) not null,
    event_id     varchar(64) not null,
    type         varchar(20) not null,
    payment_id   bigint      not null,
    payload      jsonb       not null,
    signature_ok boolean     not null,
    received_at  timestamptz not null,
    outcome      varchar(10) not null,
    constraint gateway_events_pk         primary key (provider, event_id),
    constraint gateway_events_payment_fk foreign key (payment_id) references payments (id),
    constraint gateway_events_type_ck    check (type in ('payment.succeeded', 'payment.failed', 'refund.succeeded', 'refund.failed')),
    constraint gateway_events_outcome_ck check (outcome in ('booked', 'late', 'failed', 'refunded', 'review', 'ignored'))
);
create index gateway_events_payment_ix on gateway_events (payment_id);
