-- Statements of `guahao stats` (ops/cmd/stats.c).

-- name: stats_bounds
-- $1 today: the first and last day that registrations are for, at the latest yesterday; nothing when there are none
select min(o.slot_date), least(max(x.slot_date), $1::date - 1)
  from unnest(array['pending', 'confirmed', 'completed', 'no_show']) st
 cross join lateral (select slot_date from registration_orders where status = st order by starts_at limit 1) o
 cross join lateral (select slot_date from registration_orders where status = st order by starts_at desc limit 1) x

-- name: stats_lock
-- The nightly count waits, whatever area it is at.
select pg_advisory_xact_lock(hashtext('gh_statistics_count'), a.id::int)
  from (select 0 as id union all select id from hospital_areas order by id) a

-- name: stats_forget
-- $1, $2 days
delete from statistics_sessions where day between $1::date and $2::date

-- name: stats_count
-- $1, $2 days, $3 today. Sessions counted.
select sum(gh_statistics_count(a.id, array(select $1::date + i from generate_series(0, $2::date - $1::date) i), $3::date, 1000000))
  from (select 0 as id union all select id from hospital_areas) a

-- name: stats_done
-- $1, $2 days, $3 now
select gh_statistics_days_done(array(select $1::date + i from generate_series(0, $2::date - $1::date) i), $3::timestamptz)

-- name: stats_compare
-- $1, $2 days: what the figures say beside what the orders say, where it is not the same (without a doctor: the hospital's total beside its
-- sessions); one row more, with the sums, comes first.
with shown as (
    select r.day, r.doctor_id, r.clinic_id, r.slot_type, r.time_section, sum(r.registrations) as n, sum(r.completed) as done,
           sum(r.revenue) as revenue
      from gh_registrations($1::date, $2::date) r
     group by 1, 2, 3, 4, 5 having sum(r.registrations) <> 0 or sum(r.completed) <> 0 or sum(r.revenue) <> 0
), orders as (
    select o.slot_date as day, o.doctor_id, s.clinic_id, o.slot_type::text, o.time_section::text, count(*)::numeric as n,
           (count(*) filter (where o.status = 'completed'))::numeric as done, sum(o.list_price) as revenue
      from registration_orders o
      join schedules s on s.id = o.schedule_id
     where o.status in ('pending', 'confirmed', 'completed', 'no_show') and o.slot_date between $1 and $2
       and o.starts_at >= ($1::date - 2)::timestamptz and o.starts_at < ($2::date + 3)::timestamptz
     group by 1, 2, 3, 4, 5
), differ as (
    select coalesce(a.day, b.day) as day, coalesce(a.doctor_id, b.doctor_id) as doctor_id,
           case when a.day is null then b.clinic_id else a.clinic_id end as clinic_id, coalesce(a.n, 0) as n, coalesce(a.done, 0) as done,
           coalesce(a.revenue, 0) as revenue, coalesce(b.n, 0) as n2, coalesce(b.done, 0) as done2, coalesce(b.revenue, 0) as revenue2
      from shown a
      full join orders b on (a.day, a.doctor_id, a.slot_type, a.time_section, coalesce(a.clinic_id, 0))
                          = (b.day, b.doctor_id, b.slot_type, b.time_section, coalesce(b.clinic_id, 0))
     where (a.n, a.done, a.revenue) is distinct from (b.n, b.done, b.revenue)
     union all
    select coalesce(t.day, c.day), null, null, coalesce(t.registrations, 0), coalesce(t.completed, 0), coalesce(t.revenue, 0),
           coalesce(c.n, 0), coalesce(c.done, 0), coalesce(c.revenue, 0)
      from (select day, slot_type, sum(registrations) as registrations, sum(completed) as completed, sum(revenue) as revenue
              from statistics_totals where day between $1 and $2 group by 1, 2 having sum(registrations) <> 0 or sum(revenue) <> 0) t
      full join (select day, slot_type, sum(registrations) as n, sum(completed) as done, sum(revenue) as revenue from statistics_sessions
                  where day between $1 and $2 group by 1, 2) c on (c.day, c.slot_type) = (t.day, t.slot_type)
     where (t.registrations, t.completed, t.revenue) is distinct from (c.n, c.done, c.revenue)
)
select null::date, null::bigint, null::bigint, coalesce(sum(n), 0), coalesce(sum(done), 0), coalesce(sum(revenue), 0),
       (select count(*) from differ), null, null
  from shown
 union all
(select * from differ order by day, doctor_id limit 20)
