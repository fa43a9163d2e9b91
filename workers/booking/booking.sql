-- Statements of the booking batch (book.c). A batch runs, in one transaction:
--   book_people, patient_orders, registration_settings, taken_slots; booking_settings, order_numbers, lock_sessions   read
--   write_bookings, count_places; weigh_later                                                                       written
-- Those after the semicolon and the writes are lib/domain/new_order.sql.
-- Instants leave as microseconds since 1970, days as days since 1970, money as text, rates in ten-thousandths.
-- Lock order (decisions 17): patients by id (advisory), then sessions by id, then orders by id, then bills by id.

-- name: book_people
-- One row a job: who asks ($1 users), for whom ($2 patients, null = the own row), $3 does he ask for an override, $4 now,
-- $5 doctors of bookings by time (null = by session), $6 today. Locks the patients against other batches, so that limits that no
-- constraint can hold (BR-75, BR-79) are exact: those batches wait here, before their sessions, in the order of ids. Who books for a
-- relative is locked with him, so that the bookings of one account are counted one after the other (BR-128). Before
-- them it shares the lock of the identity rates: who changes those waits for running bookings, so that each has rates valid at its commit.
with ask as (
    select t.n, t.user_id, coalesce(t.patient_id, own.id) as patient_id, own.id as own_id, t.override, t.doctor_id
      from unnest($1::bigint[], $2::bigint[], $3::boolean[], $5::bigint[]) with ordinality
           as t (user_id, patient_id, override, doctor_id, n)
      left join patients own on own.user_id = t.user_id and own.deleted_at is null
), rates as materialized (
    select pg_advisory_xact_lock_shared(hashtext('gh_identity_rates')) as held
), held as materialized (
    select count(pg_advisory_xact_lock(7205759403792793600 # x.id)) as n
      from rates
     cross join (select patient_id as id from ask where patient_id is not null
                 union
                 select a.own_id from ask a
                  where a.own_id <> a.patient_id and exists (select from patient_relations r where r.user_patient_id = a.own_id
                                                                and r.related_patient_id = a.patient_id)
                 order by 1) x
)
select a.own_id, p.id, p.user_id, coalesce(p.full_name, p.name), coalesce(p.phone, u.phonenumber), p.patient_type,
       p.id is not null and p.id is distinct from a.own_id and exists (
           select from patient_relations r where r.user_patient_id = a.own_id and r.related_patient_id = p.id) as related,
       p.id is not null and p.id is distinct from a.own_id and exists (
           select from doctors d
            where d.user_id = a.user_id and d.deleted_at is null and gh_assigned(p, array[d.id], $6::date)) as assigned,
       exists (select from user_bans b
                where b.user_id = a.user_id and b.is_active and b.ban_type in ('register', 'all')
                  and (b.ban_until is null or b.ban_until > $4::timestamptz)) as banned,
       a.override and exists (
           select from user_roles ur join role_permissions rp on rp.role_code = ur.role_code
            where ur.user_id = a.user_id and rp.permission_code = 'appointment:override') as may_override,
       coalesce(a.doctor_id is null or (
           select true from doctors d where d.id = a.doctor_id and d.deleted_at is null), false) as doctor_exists
  from ask a
 cross join held
  left join patients p on p.id = a.patient_id and p.deleted_at is null
  left join users u on u.id = p.user_id
 order by a.n;

-- name: patient_orders
-- What patients have: $1 patients, $2 users whose own row is meant, $3 the earliest start that matters. `offset 0` keeps
-- it one look into the index a patient: a plan made while the table was small would join over all its rows for long.
with who as (
    select unnest($1::bigint[]) as id
    union
    select p.id from patients p where p.user_id = any ($2::bigint[])
)
select o.patient_id, o.schedule_id, (select d.dept_id from doctors d where d.id = o.doctor_id),
       (extract(epoch from o.starts_at) * 1000000)::bigint, (extract(epoch from o.ends_at) * 1000000)::bigint,
       o.slot_date - date '1970-01-01', o.status, o.id
  from who w
 cross join lateral (
       select * from registration_orders x
        where x.patient_id = w.id and x.starts_at >= $3::timestamptz
          and x.status in ('pending', 'confirmed', 'completed', 'no_show')
       offset 0) o;

-- name: registration_settings
-- The global entry (doctor 0) and those of the doctors concerned: of sessions $1 and $2 themselves.
select r.*
  from v_registration_settings r
 where r.doctor_id = 0 or r.doctor_id = any ($2::bigint[])
    or r.doctor_id in (select s.doctor_id from schedules s where s.id = any ($1::bigint[]));

-- name: taken_slots
-- Places that are not free, of sessions that this transaction has locked.
select w.id, o.taken
  from unnest($1::bigint[]) as w (id)
 cross join lateral (
       select string_agg(x.slot_no::text, ',') as taken from registration_orders x
        where x.schedule_id = w.id and x.slot_no is not null
          and x.status in ('pending', 'confirmed', 'completed', 'no_show')) o
 where o.taken is not null;

-- name: weigh_later
-- Accounts $1 have just booked, for themselves or a relative; $2 job ids, $3 their argument frames, $4 now. For those who have
-- placed three orders or more within the hour, the risk of it is weighed after the commit (BR-128, BR-129): few, so that the others pay
-- for one look into an index.
insert into jobs (id, kind, op, service, args, unique_key, priority, budget_ms, max_attempts, run_at, created_at)
select t.id, 'booking', 'identity.weigh_bookings', 'identity', t.args, 'weigh-bookings:' || t.user_id, 2, 30000, 5,
       $4::timestamptz, $4::timestamptz
  from unnest($1::bigint[], $2::uuid[], $3::bytea[]) as t (user_id, id, args)
 where (select count(*) from (select from registration_orders o
                               where o.initiator_user_id = t.user_id and o.created_at > $4 - interval '1 hour' limit 3) x) = 3
on conflict (unique_key) where status in ('QUEUED', 'RUNNING') do nothing;

-- name: nearest_slots
-- Up to three free places of a doctor nearest to a moment, as the JSON that a refusal carries (api/24): $1 doctors,
-- $2 moments, $3 now, $4 the last day that can be booked, $5 zone. One row an element, in order.
select coalesce((
    select json_agg(json_build_object(
               'schedule_id', x.id, 'slot_no', x.k, 'starts_at', gh_ts_text(x.starts, $5::text),
               'ends_at', gh_ts_text(x.starts + make_interval(mins => x.slot_minutes), $5::text),
               'slot_type', gh_slot_type_v1(x.slot_type), 'price', x.price, 'available', true)
               order by x.distance, x.k)
      from (select s.id, k, s.slot_type, s.slot_minutes, s.price, b.starts,
                   abs(extract(epoch from b.starts - t.at)) as distance
              from (select n.* from schedules n
                     where n.doctor_id = t.doctor_id and n.is_latest and n.status = '正常' and n.remaining_slots > 0
                       and exists (select from doctors d where d.id = t.doctor_id and d.deleted_at is null and d.status <> 'INACTIVE')
                       and n.ends_at > $3::timestamptz and n.date <= $4::date
                     order by abs(extract(epoch from n.starts_at - t.at)), n.id
                     limit 6) s
             cross join lateral generate_series(1, s.total_slots) k
             cross join lateral (
                   select s.starts_at + make_interval(mins => s.slot_minutes * (least(k, greatest(1,
                          floor(extract(epoch from s.ends_at - s.starts_at) / 60 / s.slot_minutes)::int)) - 1)) as starts) b
             where b.starts > $3::timestamptz
               and not exists (select from registration_orders o where o.schedule_id = s.id and o.slot_no = k
                                  and o.status in ('pending', 'confirmed', 'completed', 'no_show'))
             order by 7, k
             limit 3) x), '[]')
  from unnest($1::bigint[], $2::timestamptz[]) with ordinality as t (doctor_id, at, n)
 order by t.n;
