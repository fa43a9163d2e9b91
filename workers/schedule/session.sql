-- Making, changing and deleting one session, on either surface (session.c). Locks: the doctor and the clinic it is to have,
-- then sessions by id; orders and bills follow in lib/domain/close.sql (decisions 17).

-- name: session_lock_doctor
-- $1 session or null, $2 what is asked: sessions of one doctor are made and moved one after the other.
select d.id from doctors d
 where d.id = coalesce(($2::jsonb->>'doctor_id')::bigint, (select s.doctor_id from schedules s where s.id = $1::bigint))
   for no key update of d

-- name: session_lock_clinic
-- $1 session or null, $2 what is asked; the same for the sessions of one clinic
select c.id from clinics c
 where c.id = case when $2::jsonb ? 'clinic_id' then ($2::jsonb->>'clinic_id')::bigint
                   else (select s.clinic_id from schedules s where s.id = $1::bigint) end
   for no key update of c

-- name: session_lock
-- $1 session or null, $2 what is asked, $3 zone: the session and those that have or had the place it is to have
select s.id from schedules s
 where s.id = any (array (
           select $1::bigint
            union all
           select x.id
             from (select gh_session_plan($1, $2::jsonb, $3::text) as p offset 0) plan    -- made once, not once a row
             join schedules x on x.clinic_id = (p->>'clinic_id')::bigint and x.date = (p->>'date')::date
                  and x.time_section = p->>'time_section' and (x.is_latest or x.deleted_at is null)))
 order by s.id
   for update of s

-- name: session_facts
-- $1 session or null, $2 what is asked, $3 zone, $4 now, $5 today, $6 of v1. One row: what the rules ask (session_rules.h),
-- and the plan that the writing statements take.
select own.id is not null as known, coalesce(own.is_latest, false) as current, coalesce(own.version, 0) as version,
       coalesce(own.doctor_id, 0) as doctor_id, coalesce(od.dept_id, 0) as dept_id, coalesce(od.user_id, 0) as doctor_user,
       exists (select from doctors d where d.id = (p->>'doctor_id')::bigint and d.deleted_at is null) as has_doctor,
       p->>'clinic_id' is null
           or exists (select from clinics c where c.id = (p->>'clinic_id')::bigint) as has_clinic,
       (p->>'moved')::boolean as moved, p->>'clinic_id' is distinct from own.clinic_id::text as other_clinic,
       own.id is null or (p->>'date')::date <> own.date as other_day,
       (p->>'date')::date > $5::date + gh_horizon_days($6::boolean) as beyond,
       (p->>'starts_at')::timestamptz <= $4::timestamptz as begun,
       (p->>'ends_at')::timestamptz - (p->>'starts_at')::timestamptz
           >= make_interval(mins => greatest(1, (p->>'slot_minutes')::int)) as has_length,
       p->>'status' = '正常' and (p->>'is_latest')::boolean as open,
       (p->>'is_latest')::boolean as stays,
       coalesce(own.status, '') = '正常' and coalesce(own.is_latest, false) as was_open,
       (p->>'total_slots')::int < coalesce(own.total_slots - own.remaining_slots, 0) as too_few,
       (p->>'total_slots')::int < coalesce(own.total_slots - own.remaining_slots - a.n, 0) as too_few_over, a.n > 0 as booked,
       exists (select from registration_orders o where o.schedule_id = own.id and o.status = 'waitlist') as awaited,
       coalesce(dc.id, 0) as doctor_has, coalesce(dc.date::text, '') as doctor_day, coalesce(dc.time_section, '') as doctor_section,
       coalesce(cc.id, 0) as clinic_has, p::text as plan,
       gh_session_logged(own)::text as was
  from (select gh_session_plan($1::bigint, $2::jsonb, $3::text) as p offset 0) plan
  left join schedules own on own.id = $1::bigint and own.deleted_at is null
  left join doctors od on od.id = own.doctor_id
 cross join lateral (select count(*)::int as n from registration_orders o
                      where o.schedule_id = own.id and o.status in ('pending', 'confirmed')) a
  left join lateral (select x.* from gh_session_conflicts(p) x where x.why <> 'clinic' order by x.why, x.id limit 1) dc on true
  left join lateral (select x.* from gh_session_conflicts(p) x where x.why = 'clinic' limit 1) cc on true

-- name: session_make
-- $1 plan, $2 now. The new id, and the change for the audit log
insert into schedules (doctor_id, clinic_id, date, time_section, slot_type, total_slots, remaining_slots, status, price, is_latest,
                       starts_at, ends_at, slot_minutes, created_at, updated_at)
select (p->>'doctor_id')::bigint, (p->>'clinic_id')::bigint, (p->>'date')::date, p->>'time_section', p->>'slot_type',
       (p->>'total_slots')::int, (p->>'total_slots')::int, p->>'status', (p->>'price')::numeric, true,
       (p->>'starts_at')::timestamptz, (p->>'ends_at')::timestamptz, (p->>'slot_minutes')::int, $2::timestamptz, $2
  from (select $1::jsonb as p) x
returning id, gh_changes(null, gh_session_logged(schedules))::text

-- name: session_change
-- $1 plan, $2 now, $3 the session as it was. Total and remaining move together (BR-42, R-102).
update schedules s
   set doctor_id = (p->>'doctor_id')::bigint, clinic_id = (p->>'clinic_id')::bigint, date = (p->>'date')::date,
       time_section = p->>'time_section', slot_type = p->>'slot_type', total_slots = (p->>'total_slots')::int,
       remaining_slots = s.remaining_slots + (p->>'total_slots')::int - s.total_slots, status = p->>'status',
       price = (p->>'price')::numeric, is_latest = (p->>'is_latest')::boolean, starts_at = (p->>'starts_at')::timestamptz,
       ends_at = (p->>'ends_at')::timestamptz, slot_minutes = (p->>'slot_minutes')::int, version = s.version + 1,
       updated_at = $2::timestamptz
  from (select $1::jsonb as p) x
 where s.id = (p->>'id')::bigint
returning s.id, gh_changes($3::jsonb, gh_session_logged(s))::text

-- name: session_promote
-- BR-46: where session $1 was deleted from, the newest that had the place becomes current again, if nothing else is held there
-- and its doctor is free. $2 now
update schedules s
   set is_latest = true, version = s.version + 1, updated_at = $2::timestamptz
 where s.id = (select x.id
                 from schedules gone
                 join schedules x on x.clinic_id = gone.clinic_id and x.date = gone.date and x.time_section = gone.time_section
                      and not x.is_latest and x.deleted_at is null
                where gone.id = $1::bigint
                order by x.id desc limit 1)
   and not exists (select from gh_session_conflicts(to_jsonb(s)))
   and exists (select from doctors d where d.id = s.doctor_id and d.deleted_at is null)
returning s.id

-- name: session_gone
-- $1 session that was deleted, $2 as it was: what has changed, for the audit log
select s.id, gh_changes($2::jsonb, gh_session_logged(s))::text from schedules s where s.id = $1::bigint

-- name: v1_session_shown
-- $1 session or null: the newest this transaction has made; $2 zone, $3 currency
select gh_v1_session(s, $2::text, $3::text)::text, s.version, s.id
  from schedules s
 where s.id = coalesce($1::bigint, currval('schedules_id_seq'))
