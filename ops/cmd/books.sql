-- Statements of `guahao books` (ops/cmd/books.c): what must hold of bookings and money whenever nobody is in the middle of a change.
-- Each is one invariant and begins with its rules and what it says, in a block comment. It gives the rows that break it: `id` and `what`.
-- All read one snapshot, in which books_clock is a table of one row: `now`, the hospital's clock, and `grace`, how long work that the
-- clock drives (time-outs, offers, jobs) may lag behind. Of payments, `late` ones came when nothing was left to be paid (R-137).

-- name: books_begin
begin isolation level repeatable read;

-- name: books_clock
-- $1 the hospital's clock, $2 seconds of grace
create temp table books_clock on commit drop as
select $1::timestamptz as now, make_interval(secs => $2::float8) as grace;

-- name: books_money
-- Sums of each bill, worked out of payments and refunds: what settles it, what of that went back, what is on its way back.
create temp table books_money on commit drop as
select b.id as bill_id, b.appointment_id as order_id, b.kind, b.status, b.total,
       coalesce(sum(p.amount) filter (where not p.late), 0) as settled,
       coalesce(sum(p.returned) filter (where not p.late), 0) as returned,
       coalesce(sum(p.going_back), 0) as going_back,
       coalesce(sum(p.amount - p.returned), 0) as net,
       coalesce(sum(p.amount) filter (where p.method = 'INSURANCE'), 0) as insured
  from bills b
  left join (select y.id, y.bill_id, y.amount, y.method, y.late, coalesce(r.returned, 0) as returned,
                    coalesce(r.going_back, 0) as going_back
               from payments y
               left join (select payment_id, sum(amount) filter (where status = 'SUCCEEDED') as returned,
                                 sum(amount) filter (where status = 'PENDING') as going_back
                            from refunds group by payment_id) r on r.payment_id = y.id
              where y.status = 'SUCCEEDED') p on p.bill_id = b.id
 group by b.id;

-- name: books_ready
analyze books_money;

-- name: books_r102_places
/* R-102: the places left of a session and those taken are all it has */
select s.id, format('%s places, %s left, %s taken', s.total_slots, s.remaining_slots, coalesce(o.n, 0)) as what
  from schedules s
  left join (select schedule_id, count(*) as n from registration_orders
              where status in ('pending', 'confirmed', 'completed', 'no_show') group by schedule_id) o on o.schedule_id = s.id
 where s.remaining_slots + coalesce(o.n, 0) <> s.total_slots

-- name: books_r82_place_once
/* R-82: a place of a session is held by one order */
select min(o.id) as id, format('place %s of session %s: orders %s', o.slot_no, o.schedule_id, array_agg(o.id order by o.id)) as what
  from registration_orders o
 where o.status in ('pending', 'confirmed', 'completed', 'no_show')
 group by o.schedule_id, o.slot_no
having count(*) > 1

-- name: books_r82_place_exists
/* R-82: an order has a place, one that waits has none */
-- Its number may lie above the total: a session that is given fewer places keeps those that are held.
select o.id, format('%s with place %s', o.status, coalesce(o.slot_no::text, 'none')) as what
  from registration_orders o
 where (o.status in ('pending', 'confirmed', 'completed', 'no_show', 'timeout') and (o.slot_no >= 1) is not true)
    or (o.status = 'waitlist' and o.slot_no is not null)

-- name: books_r89_session_once
/* R-89, BR-74: a patient has one active order of a session */
select min(o.id) as id, format('patient %s in session %s: orders %s', o.patient_id, o.schedule_id, array_agg(o.id order by o.id)) as what
  from registration_orders o
 where o.status in ('pending', 'confirmed')
 group by o.schedule_id, o.patient_id
having count(*) > 1

-- name: books_r88_overlap
/* R-88: no two active orders of a patient are at the same time */
select o.id, format('patient %s is also at order %s, %s to %s', o.patient_id, x.id, x.starts_at, x.ends_at) as what
  from (select a.*, lag(a.id) over w as before, lag(a.ends_at) over w as before_ends
          from registration_orders a where a.status in ('pending', 'confirmed')
        window w as (partition by a.patient_id order by a.starts_at, a.id)) o
  join registration_orders x on x.id = o.before
 where o.before_ends > o.starts_at

-- name: books_order_of_session
/* R-81: an order has the doctor, the day and the time of its session */
select o.id, format('doctor %s, %s %s to %s; session %s: doctor %s, %s to %s', o.doctor_id, o.slot_date, o.starts_at, o.ends_at, s.id,
                    s.doctor_id, s.starts_at, s.ends_at) as what
  from registration_orders o join schedules s on s.id = o.schedule_id
 where o.status in ('pending', 'confirmed', 'waitlist')
   and (o.doctor_id <> s.doctor_id or o.slot_date <> s.date or o.starts_at < s.starts_at or o.ends_at > s.ends_at)

-- name: books_br58_closed
/* BR-58: a session that is not held has no active order and nobody waiting */
select o.id, format('%s in session %s, which is %s', o.status, s.id,
                    case when s.deleted_at is not null then 'deleted' when not s.is_latest then 'superseded' else s.status end) as what
  from registration_orders o join schedules s on s.id = o.schedule_id
 where o.status in ('pending', 'confirmed', 'waitlist') and (s.deleted_at is not null or not s.is_latest or s.status = '停诊')

-- name: books_br96_wait_once
/* BR-96: a patient waits once for a session */
select min(o.id) as id, format('patient %s in session %s: orders %s', o.patient_id, o.schedule_id, array_agg(o.id order by o.id)) as what
  from registration_orders o
 where o.status = 'waitlist'
 group by o.schedule_id, o.patient_id
having count(*) > 1

-- name: books_br99_unoffered
/* BR-99: nobody waits for a session while a place is free that he could take */
-- A place that came free, or a patient who became free, within the grace may still be offered by the tidy pass (every minute); so
-- may one whose patient was booking elsewhere at that moment.
select w.id, format('patient %s waits for session %s, whose place %s is free', w.patient_id, s.id, k.place) as what
  from books_clock c
 cross join (select schedule_id, patient_id, min(id) as id, max(updated_at) as updated_at from registration_orders
              where status = 'waitlist' group by schedule_id, patient_id) w
  join schedules s on s.id = w.schedule_id and s.remaining_slots > 0 and s.is_latest and s.status = '正常' and s.deleted_at is null
                  and s.ends_at > c.now
  join doctors d on d.id = s.doctor_id and d.deleted_at is null and d.status <> 'INACTIVE'
 cross join lateral (
       select greatest(1, floor(extract(epoch from s.ends_at - s.starts_at) / 60 / s.slot_minutes))::int as cap,
              make_interval(mins => s.slot_minutes) as step) t
 cross join lateral (
       select min(p) as place from generate_series(1, s.total_slots) p
        where s.starts_at + (least(p, t.cap) - 1) * t.step > c.now
          and not exists (select from registration_orders o where o.schedule_id = s.id and o.slot_no = p
                             and o.status in ('pending', 'confirmed', 'completed', 'no_show'))
          and not exists (select from registration_orders o where o.patient_id = w.patient_id and o.status in ('pending', 'confirmed')
                             and o.starts_at < least(s.starts_at + least(p, t.cap) * t.step, s.ends_at)
                             and o.ends_at > s.starts_at + (least(p, t.cap) - 1) * t.step)) k
 where k.place is not null
   and greatest(s.updated_at, w.updated_at,
                (select max(o.updated_at) from registration_orders o where o.patient_id = w.patient_id)) <= c.now - c.grace
   and not exists (select from registration_orders o where o.schedule_id = s.id and o.patient_id = w.patient_id
                      and o.status in ('pending', 'confirmed'))

-- name: books_br104_begun
/* BR-104: nobody waits for a session that has begun */
select o.id, format('waits for session %s, which began at %s', o.schedule_id, o.starts_at) as what
  from registration_orders o cross join books_clock c
 where o.status = 'waitlist' and o.starts_at <= c.now - c.grace

-- name: books_br83_unpaid
/* BR-83: an order that is to be paid says since when, and does not stay unpaid past its time */
select o.id, case when o.payable_since is null then 'says no moment from which it was to be paid'
                  when o.payable_since < o.created_at then format('to be paid since %s, before it was made', o.payable_since)
                  when o.payable_since > c.now + interval '1 minute' then format('to be paid since %s, which is to come', o.payable_since)
                  else format('to be paid since %s', o.payable_since) end as what
  from books_clock c
  join registration_orders o on o.status = 'pending' and o.payment_status in ('pending', 'paying')
  left join v_registration_settings d on d.doctor_id = o.doctor_id
  left join v_registration_settings g on g.doctor_id = 0
 where o.payable_since is null or o.payable_since < o.created_at or o.payable_since > c.now + interval '1 minute'
    or (o.payment_status = 'pending'
        and o.payable_since <= c.now - c.grace - make_interval(mins => coalesce(
            case when d.payment_minutes between 5 and 120 then d.payment_minutes end,
            case when d.doctor_id is null and g.payment_minutes between 5 and 120 then g.payment_minutes end, 30)))

-- name: books_order_states
/* R-93, BR-82 to BR-86: the state of an order and that of its payment go together */
select o.id, format('%s and %s', o.status, o.payment_status) as what
  from registration_orders o
 where not case o.status
           when 'waitlist' then o.payment_status = 'pending'
           when 'pending' then o.payment_status in ('pending', 'paying', 'failed')
           when 'timeout' then o.payment_status = 'failed'
           when 'cancelled' then o.payment_status in ('cancelled', 'refunded')
           else o.payment_status in ('pending', 'paying', 'failed', 'paid', 'refunded') end

-- name: books_order_ends
/* R-95, BR-86: a cancelled order says when and by whom, one that was refunded how much; others do not */
select o.id, format('%s, %s: cancelled %s by %s, refunded %s', o.status, o.payment_status, coalesce(o.cancelled_at::text, 'never'),
                    coalesce(o.cancelled_by, 'nobody'), coalesce(o.refund_amount::text, 'nothing')) as what
  from registration_orders o
 where (o.status in ('cancelled', 'timeout')) <> (o.cancelled_at is not null)
    or (o.status in ('cancelled', 'timeout') and o.cancelled_by is null)
    or (o.payment_status = 'refunded' and o.price > 0 and o.refund_amount is null)
    or (o.status = 'cancelled' and o.payment_status = 'cancelled' and o.refund_amount > 0)

-- name: books_r155_ledger
/* R-155: the ledger of a bill is what was paid less what was refunded */
select m.bill_id as id, format('ledger %s, payments less refunds %s', coalesce(l.sum, 0), m.net) as what
  from books_money m
  left join (select bill_id, sum(amount) as sum from ledger_entries where kind <> 'WAIVER' group by bill_id) l on l.bill_id = m.bill_id
 where coalesce(l.sum, 0) <> m.net

-- name: books_r155_entries
/* R-155: every payment and refund that succeeded has its one entry in the ledger, and no other has any */
select x.id, format('%s %s of %s: %s entries', x.kind, x.no, x.amount, coalesce(l.n, 0)) as what
  from (select p.id, p.payment_no as no, p.bill_id, case p.method when 'INSURANCE' then 'INSURANCE' else 'PAYMENT' end as kind, p.amount,
               p.status = 'SUCCEEDED' as counts
          from payments p
         union all
        select r.id, r.refund_no, p.bill_id, 'REFUND', -r.amount, r.status = 'SUCCEEDED'
          from refunds r join payments p on p.id = r.payment_id) x
  left join (select bill_id, kind, ref_id, count(*) as n, sum(amount) as amount from ledger_entries group by bill_id, kind, ref_id) l
    on l.bill_id = x.bill_id and l.kind = x.kind and l.ref_id = x.id
 where (x.counts and (l.n = 1 and l.amount = x.amount) is not true) or (not x.counts and l.n > 0)

-- name: books_bill_sums
/* R-155: what a bill says was paid, refunded and insured is what its ledger says */
select b.id, format('paid %s, refunded %s, insured %s; ledger %s, %s, %s', b.paid_amount, b.refunded_amount, b.insurance_amount,
                    coalesce(l.paid, 0), coalesce(l.refunded, 0), coalesce(l.insured, 0)) as what
  from bills b
  left join (select bill_id, sum(amount) filter (where kind = 'PAYMENT') as paid, -sum(amount) filter (where kind = 'REFUND') as refunded,
                    sum(amount) filter (where kind in ('INSURANCE', 'WAIVER')) as insured
               from ledger_entries group by bill_id) l on l.bill_id = b.id
 where (b.paid_amount, b.refunded_amount, b.insurance_amount)
       <> (coalesce(l.paid, 0), coalesce(l.refunded, 0), coalesce(l.insured, 0))

-- name: books_bill_states
/* R-155, api/26: the state of a bill is what its payments and refunds say */
select m.bill_id as id, format('%s: %s of %s settled, %s returned', m.status, m.settled, m.total, m.returned) as what
  from books_money m
 where not case when m.settled = 0 then m.status in ('DRAFT', 'ISSUED', 'CANCELLED') or (m.total = 0 and m.status = 'PAID')
                when m.returned >= m.settled then m.status in ('REFUNDED', 'CANCELLED')
                when m.returned > 0 then m.status = 'PARTIALLY_REFUNDED'
                when m.settled >= m.total then m.status = 'PAID'
                else m.status = 'PARTIALLY_PAID' end

-- name: books_r131_overpaid
/* R-131: no more is kept of a bill than its total */
select m.bill_id as id, format('%s kept of %s', m.net - m.going_back, m.total) as what
  from books_money m
 where m.net - m.going_back > m.total

-- name: books_r139_refunds
/* R-139: of a payment no more is given back than was paid, and only of one that succeeded */
select p.id, format('%s of %s, %s given back', p.status, p.amount, sum(r.amount)) as what
  from payments p join refunds r on r.payment_id = p.id and r.status in ('PENDING', 'SUCCEEDED')
 group by p.id
having sum(r.amount) > p.amount or p.status <> 'SUCCEEDED'

-- name: books_r133_pending
/* R-133: a bill has one payment under way, and none when it is no longer to be paid */
select b.id, format('%s with %s payments under way', b.status, count(*)) as what
  from bills b join payments p on p.bill_id = b.id and p.status = 'PENDING'
 group by b.id
having count(*) > 1 or b.status not in ('ISSUED', 'PARTIALLY_PAID')

-- name: books_bill_items
/* R-125: the items of a bill are its total */
select b.id, format('total %s, items %s', b.total, i.sum) as what
  from bills b
  join (select bill_id, sum(line_total) as sum from bill_items group by bill_id) i on i.bill_id = b.id
 where i.sum <> b.total and i.sum <> b.total - b.tax and i.sum <> b.subtotal

-- name: books_r103_fee_bill
/* R-103: whoever has or had a place that costs money has one fee bill; nobody else has */
select o.id, format('%s at %s with %s fee bills', o.status, o.price, coalesce(m.n, 0)) as what
  from registration_orders o
  left join (select order_id, count(*) as n, count(*) filter (where status <> 'CANCELLED') as open from books_money
              where kind = 'REGISTRATION' group by order_id) m on m.order_id = o.id
 where coalesce(m.open, 0) > 1
    or (o.price > 0 and o.slot_no is not null and coalesce(m.n, 0) = 0)
    or (o.price > 0 and o.status in ('pending', 'confirmed') and coalesce(m.open, 0) <> 1)
    or (o.status = 'waitlist' and coalesce(m.n, 0) > 0)

-- name: books_r103_price
/* R-103, R-96: an active order is billed what it costs */
select o.id, format('costs %s, billed %s of which %s went back', o.price, m.total, m.returned) as what
  from registration_orders o
  join (select m.order_id, sum(m.total) as total, sum(m.returned + m.going_back) as returned
          from books_money m where m.status <> 'CANCELLED' group by m.order_id) m on m.order_id = o.id
 where o.status in ('pending', 'confirmed') and (m.total < o.price or m.total - m.returned > o.price)

-- name: books_paid_orders
/* BR-84, R-103: an order is paid when its fee bill is, and the other way round */
select o.id, format('%s, %s; fee bill %s', o.status, o.payment_status, m.status) as what
  from registration_orders o
  join books_money m on m.order_id = o.id and m.kind = 'REGISTRATION' and m.status <> 'CANCELLED'
 where o.price > 0
   and ((o.payment_status = 'paid' and m.status not in ('PAID', 'PARTIALLY_REFUNDED'))
     or (o.payment_status in ('pending', 'paying', 'failed', 'cancelled') and m.status in ('PAID', 'PARTIALLY_REFUNDED')
         and m.settled >= m.total)
     or (o.payment_status = 'refunded' and m.status not in ('REFUNDED', 'PARTIALLY_REFUNDED') and m.going_back = 0
         and not o.refund_due))

-- name: books_r95_refunded
/* R-95, BR-86: of an order that was given up nothing is kept, and one that says refunded was given back in full */
select o.id, format('%s, %s: %s kept of its bills, refund %s', o.status, o.payment_status, m.kept, coalesce(o.refund_amount::text, 'none')) as what
  from registration_orders o
  join (select order_id, sum(net - going_back - insured) as kept, sum(settled) as settled,
               bool_or(status in ('DRAFT', 'ISSUED')) as open
          from books_money group by order_id) m on m.order_id = o.id
 where o.status in ('cancelled', 'timeout') and not o.refund_due
   and (m.kept <> 0 or m.open
        or (o.payment_status = 'refunded' and o.price > 0 and m.settled = 0))

-- name: books_bill_patient
/* R-128: the bill of an order is for its patient */
select b.id, format('for patient %s, order %s is of %s', b.patient_id, o.id, o.patient_id) as what
  from bills b join registration_orders o on o.id = b.appointment_id
 where b.patient_id <> o.patient_id

-- name: books_history
/* api/24: the history of an order tells how it came to its state */
select o.id, format('%s, %s: no entry %s', o.status, o.payment_status, x.action) as what
  from registration_orders o
 cross join lateral (values ('booked', true),
                            ('cancelled', o.status = 'cancelled'),
                            ('timeout', o.status = 'timeout'),
                            ('completed', o.status = 'completed'),
                            ('no_show', o.status = 'no_show'),
                            ('refunded', o.payment_status = 'refunded' and o.refund_amount > 0),
                            ('rescheduled', o.reschedule_count > 0)) as x (action, due)
 where x.due and not o.is_demo
   and not exists (select from appointment_history h where h.order_id = o.id and h.action = x.action)

-- name: books_history_steps
/* R-98: every step in the history of an order begins where the one before it ended, and the last ends where the order is */
select h.order_id as id, format('%s says from %s, it was %s', h.action, h.said, h.was) as what
  from (select y.order_id, y.action, y.from_value->>'status' as said,
               lag(y.to_value->>'status') over (partition by y.order_id order by y.id) as was
          from appointment_history y where y.to_value ? 'status' and y.action not in ('paid', 'refunded')) h
 where h.said <> h.was
 union all
select o.id, format('is %s, its history ends with %s', o.status, l.state)
  from registration_orders o
 cross join lateral (select y.to_value->>'status' as state from appointment_history y
                      where y.order_id = o.id and y.to_value ? 'status' order by y.id desc limit 1) l
 where l.state <> o.status

-- name: books_r104_missed
/* R-104: the visits that a patient missed are counted */
select p.id, format('counts %s, missed %s', p.no_show_count, coalesce(o.n, 0)) as what
  from patients p
  left join (select patient_id, count(*) as n from registration_orders where status = 'no_show' group by patient_id) o on o.patient_id = p.id
 where p.no_show_count <> coalesce(o.n, 0) and not p.is_demo

-- name: books_jobs
/* JB-01: no durable job is stuck or given up */
select ('x' || substr(j.id::text, 1, 8))::bit(32)::bigint as id,
       format('%s %s: %s', j.op, j.id, case when j.dead then 'given up, ' || coalesce(j.error->>'code', 'WORKER_LOST')
                                            when j.status = 'RUNNING' then 'its lease ended at ' || j.lease_until
                                            else 'due since ' || j.run_at end) as what
  from jobs j cross join books_clock c
 where j.dead
    or (j.status = 'RUNNING' and j.lease_until < clock_timestamp() - c.grace)
    or (j.status = 'QUEUED' and j.run_at < c.now - c.grace)

-- name: books_job_records
/* exactly once: a booking that was answered yes is an order of its own */
select r.order_id as id, format('%s records of jobs speak of order %s%s', count(*), r.order_id,
                                case when bool_or(o.id is null) then ', which is not there' else '' end) as what
  from (select (nullif(d.body, '')::json->>'id')::bigint as order_id from job_done d -- a refusal's body is empty
         where d.op in ('booking.book_appointment', 'booking.v1_book_appointment', 'booking.hb_create_appointment', 'booking.join_waitlist')) r
  left join registration_orders o on o.id = r.order_id
 where r.order_id is not null
 group by r.order_id
having count(*) > 1 or bool_or(o.id is null)
