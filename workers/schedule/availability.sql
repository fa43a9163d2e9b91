-- Weekly rules and the sessions they become (availability.c). Statements take one context ($1): op (add, replace, update,
-- remove), doctor_id, rule_id, body, now, today, effective_from, tz, currency, scopes, and of the caller: me (doctor), dept.
-- What a call has made is found by its moment, under the lock of the doctor. Locks: the doctor, then sessions by id.

-- name: v1_get_availability
-- AV-01. $1 doctor, $2 from, $3 to, $4 number classes, $5 free ones only, $6 now, $7 today, $8 zone, $9 currency
with asked as (
    select coalesce($2::date, $7::date) as since, coalesce($3::date, coalesce($2::date, $7::date) + 13) as until
)
select case when d.id is null then 'DOCTOR_NOT_FOUND'
            when a.until < a.since or a.until - a.since > 61 then 'VALIDATION_FAILED' end as error,
       json_build_object('field', 'to') as params,
       case when d.id is not null then
            json_build_object('errors', json_build_array(json_build_object('field', 'to', 'code', 'value_error',
                              'message', 'must be 0 to 61 days after from'))) end as extra,
       case when d.id is not null and a.until - a.since between 0 and 61 then
            gh_v1_availability(d.id, a.since, a.until, (select array_agg(gh_slot_type(t)) from unnest($4::text[]) t), $5::boolean,
                               true, $6::timestamptz, $8::text, $9::text)::text end as body
  from asked a
  left join doctors d on d.id = $1::bigint and d.deleted_at is null

-- name: availability_lock_doctor
select d.id from doctors d where d.id = ($1::jsonb->>'doctor_id')::bigint for no key update of d

-- name: availability_lock_sessions
-- Those that the call may drop: of the rules it replaces, changes or removes, from then on.
select s.id from schedules s
 where s.id = any (array (
           select x.id
             from availability_rules r
             join schedules x on x.rule_id = r.id and x.date >= ($1::jsonb->>'effective_from')::date and x.deleted_at is null
            where r.doctor_id = ($1::jsonb->>'doctor_id')::bigint
              and ($1::jsonb->>'rule_id' is null or r.id = ($1::jsonb->>'rule_id')::bigint)))
 order by s.id
   for update of s

-- name: availability_facts
-- One row: the refusal, or null; faults of the items; may it take effect at once (R-80); the rules as they are; the sessions
-- that stay because they are booked, and how many go.
with ctx as (
    select $1::jsonb as c, ($1::jsonb->>'scopes')::int as scopes, ($1::jsonb->>'doctor_id')::bigint as doctor_id,
           ($1::jsonb->>'rule_id')::bigint as rule_id, ($1::jsonb->>'today')::date as today
), faults as (
    select x.i, x.place || f.field as field, f.message
      from gh_availability_items($1::jsonb) x
     cross join lateral (values
           ('end_time', 'must be one place after start_time',
            (x.item->>'end_time')::time - (x.item->>'start_time')::time < make_interval(mins => (x.item->>'slot_minutes')::int)),
           ('valid_to', 'lies before valid_from', (x.item->>'valid_to')::date < (x.item->>'valid_from')::date)) as f (field, message, bad)
     where f.bad
), own as (
    select s.* from ctx
      join availability_rules r on r.doctor_id = ctx.doctor_id and (ctx.rule_id is null or r.id = ctx.rule_id)
      join schedules s on s.rule_id = r.id and s.date >= (c->>'effective_from')::date and s.deleted_at is null
           and s.starts_at > (c->>'now')::timestamptz
)
select case when d.id is null then 'DOCTOR_NOT_FOUND'
            when ctx.scopes & 1 = 0                                          -- R-77
                 and (ctx.scopes & 2 = 0 or d.dept_id is distinct from nullif((c->>'dept')::bigint, 0))
                 and (ctx.scopes & 8 = 0 or d.id is distinct from nullif((c->>'me')::bigint, 0)) then 'NOT_OWNER'
            when ctx.rule_id is not null and not exists (
                 select from availability_rules r where r.id = ctx.rule_id and r.doctor_id = ctx.doctor_id) then 'NOT_FOUND'
            when exists (select from faults) then 'VALIDATION_FAILED'
            when exists (select from gh_availability_items(c) x where x.item ? 'clinic_id'
                            and not exists (select from clinics k where k.id = (x.item->>'clinic_id')::bigint)) then 'CLINIC_NOT_FOUND'
            when exists (select from gh_availability_items(c) x
                          where (x.item->>'date')::date > ctx.today + gh_horizon_days(true)) then 'BEYOND_HORIZON'
            when exists (select from gh_availability_items(c) x
                          where ((x.item->>'date')::date + (x.item->>'start_time')::time) at time zone (c->>'tz')
                                <= (c->>'now')::timestamptz) then 'SESSION_IN_PAST'
       end as error,
       (select json_agg(json_build_object('field', f.field, 'code', 'value_error', 'message', f.message) order by f.i)::text
          from faults f) as faults,
       (select f.field from faults f order by f.i limit 1) as field,
       ctx.scopes & 3 = 0 and coalesce((select s.config_value = 'false'::jsonb from system_config s
                                         where s.config_key = 'availability.auto_approve' and s.scope_type = 'GLOBAL'
                                           and s.is_active), false) as waits,
       gh_v1_rules(ctx.doctor_id, '-infinity', 'infinity', false)::text as rules,
       coalesce((select array_agg(o.id order by o.id) from own o where o.remaining_slots < o.total_slots), '{}')::text as kept,
       (select count(*) from own o where o.remaining_slots = o.total_slots) as removed
  from ctx
  left join doctors d on d.id = ctx.doctor_id and d.deleted_at is null

-- name: availability_drop
-- Sessions of the rules concerned that nobody has booked go, and leave no mark: the rule may make them again.
with ctx as (
    select $1::jsonb as c
)
update schedules s
   set is_latest = false, deleted_at = (c->>'now')::timestamptz, rule_id = null, version = s.version + 1,
       updated_at = (c->>'now')::timestamptz
  from ctx
  join availability_rules r on r.doctor_id = (c->>'doctor_id')::bigint
       and (c->>'rule_id' is null or r.id = (c->>'rule_id')::bigint)
 where s.rule_id = r.id and s.date >= (c->>'effective_from')::date and s.starts_at > (c->>'now')::timestamptz
   and s.deleted_at is null and s.remaining_slots = s.total_slots

-- name: availability_detach
-- Booked sessions of replaced rules stay as sessions of their own.
update schedules s set rule_id = null, version = s.version + 1, updated_at = ($1::jsonb->>'now')::timestamptz
 where s.id = any ($2::bigint[])

-- name: availability_end
-- Rules that are replaced hold until the day before; those that would begin later go.
with ctx as (
    select $1::jsonb as c, ($1::jsonb->>'effective_from')::date as day
), gone as (
    delete from availability_rules r using ctx
     where r.doctor_id = (c->>'doctor_id')::bigint and r.valid_from >= ctx.day
)
update availability_rules r
   set valid_to = ctx.day - 1, version = r.version + 1, updated_at = (c->>'now')::timestamptz
  from ctx
 where r.doctor_id = (c->>'doctor_id')::bigint and r.valid_from < ctx.day and (r.valid_to is null or r.valid_to >= ctx.day)

-- name: availability_remove
delete from availability_rules where id = ($1::jsonb->>'rule_id')::bigint

-- name: availability_rules_make
-- $2 whether they wait for approval (R-80). The constraint availability_rules_overlap_ex is R-71.
insert into availability_rules (doctor_id, weekday, start_time, end_time, slot_minutes, clinic_id, slot_type, valid_from, valid_to,
                                status, created_at, updated_at)
select ($1::jsonb->>'doctor_id')::bigint, (x.item->>'weekday')::int, (x.item->>'start_time')::time, (x.item->>'end_time')::time,
       (x.item->>'slot_minutes')::int, (x.item->>'clinic_id')::bigint, x.item->>'slot_type', (x.item->>'valid_from')::date,
       (x.item->>'valid_to')::date,
       case when x.item->>'status' = 'INACTIVE' then 'INACTIVE' when $2::boolean then 'PENDING_APPROVAL' else 'ACTIVE' end,
       ($1::jsonb->>'now')::timestamptz, ($1::jsonb->>'now')::timestamptz
  from gh_availability_items($1::jsonb) x
 where not x.item ? 'date'
 order by x.i

-- name: availability_rule_change
-- $2 as above
update availability_rules r
   set weekday = (x.item->>'weekday')::int, start_time = (x.item->>'start_time')::time, end_time = (x.item->>'end_time')::time,
       slot_minutes = (x.item->>'slot_minutes')::int, clinic_id = (x.item->>'clinic_id')::bigint, slot_type = x.item->>'slot_type',
       valid_from = (x.item->>'valid_from')::date, valid_to = (x.item->>'valid_to')::date,
       status = case when x.item->>'status' = 'INACTIVE' then 'INACTIVE' when $2::boolean then 'PENDING_APPROVAL'
                     when $1::jsonb->'body' ? 'status' then 'ACTIVE' else r.status end,
       extended_to = null, version = r.version + 1, updated_at = ($1::jsonb->>'now')::timestamptz
  from gh_availability_items($1::jsonb) x
 where r.id = ($1::jsonb->>'rule_id')::bigint

-- name: availability_sessions_make
-- $2 whether one-off sessions wait for approval. Sessions of the rules this call has made or changed, up to the horizon, and
-- of single days. Where the doctor has a booked session then, a replaced or changed rule leaves it alone; any other one in
-- the way is refused by the constraints of schedules (R-74).
with ctx as materialized (
    select $1::jsonb as c, ($1::jsonb->>'now')::timestamptz as now, ($1::jsonb->>'today')::date as today,
           ($1::jsonb->>'doctor_id')::bigint as doctor_id, ($1::jsonb->>'today')::date + gh_horizon_days(true) as last
), fresh as materialized (
    select r.* from ctx
      join doctors d on d.id = ctx.doctor_id and d.accepting_patients and d.status = 'ACTIVE'
      join availability_rules r on r.doctor_id = ctx.doctor_id and r.status = 'ACTIVE'
           and case when c->>'rule_id' is null then r.created_at = ctx.now else r.id = (c->>'rule_id')::bigint end
), extended as (
    update availability_rules r set extended_to = ctx.last from ctx, fresh f where r.id = f.id
)
insert into schedules (doctor_id, clinic_id, date, time_section, slot_type, total_slots, remaining_slots, price, starts_at, ends_at,
                       slot_minutes, status, rule_id, created_at, updated_at)
select ctx.doctor_id, p.clinic_id, p.date, p.time_section, p.slot_type, p.total_slots, p.total_slots, p.price, p.starts_at,
       p.ends_at, p.slot_minutes, '正常', f.id, ctx.now, ctx.now
  from ctx
 cross join fresh f
 cross join lateral gh_planned_sessions(to_jsonb(f), ctx.doctor_id, ctx.today, ctx.last, c->>'tz') p
 where p.starts_at > ctx.now
   and (c->>'op' = 'add'
        or not exists (select from schedules k
                        where k.doctor_id = ctx.doctor_id and k.is_latest and k.remaining_slots < k.total_slots
                          and ((k.date = p.date and k.time_section = p.time_section)
                               or tstzrange(k.starts_at, k.ends_at) && tstzrange(p.starts_at, p.ends_at))))
   and not exists (select from schedules k where k.rule_id = f.id and k.date = p.date and k.time_section = p.time_section)
union all
select ctx.doctor_id, p.clinic_id, p.date, p.time_section, p.slot_type, p.total_slots, p.total_slots, p.price, p.starts_at,
       p.ends_at, p.slot_minutes, case when $2::boolean then '待审核' else '正常' end, null, ctx.now, ctx.now
  from ctx
 cross join lateral gh_availability_items(c) x
 cross join lateral gh_planned_sessions(x.item, ctx.doctor_id, ctx.today, ctx.last, c->>'tz') p
 where c->>'op' = 'add' and x.item ? 'date'

-- name: availability_apply
-- R-80: rules that wait become part of the application of their clinic's first week (BR-50, BR-51): the week as it stands, or as
-- it is applied for, with the doctor in the cells of the rules. Its approval makes them ACTIVE (trigger schedule_audits_rules).
with ctx as materialized (
    select ($1::jsonb->>'now')::timestamptz as now, ($1::jsonb->>'today')::date as today, ($1::jsonb->>'doctor_id')::bigint as doctor_id
), waiting as materialized (
    select r.id, r.clinic_id, r.weekday, p.time_section, p.date - (r.weekday - 1) as week,
           min(p.date - (r.weekday - 1)) over (partition by r.id) as first_week
      from ctx
      join availability_rules r on r.doctor_id = ctx.doctor_id and r.status = 'PENDING_APPROVAL' and r.clinic_id is not null
           and r.updated_at = ctx.now
     cross join lateral gh_planned_sessions(to_jsonb(r), ctx.doctor_id, ctx.today + 1, greatest(ctx.today, r.valid_from) + 14,
                                            $1::jsonb->>'tz') p
), weeks as (
    select w.clinic_id, w.week, coalesce(c.minor_dept_id, d.dept_id) as dept_id,
           (select jsonb_agg(g.cells order by g.dow)
              from (select dow, jsonb_agg(
                               case when exists (select from waiting x where x.clinic_id = w.clinic_id and x.week = w.week
                                                    and x.week = x.first_week and x.weekday = dow and x.time_section = s.section)
                                    then jsonb_build_object('doctor_id', ctx.doctor_id)
                                    when a.id is not null then a.schedule_data->(dow - 1)->(s.n::int - 1)
                                    else (select jsonb_build_object('doctor_id', k.doctor_id) from schedules k
                                           where k.clinic_id = w.clinic_id and k.date = w.week + dow - 1 and k.is_latest
                                             and k.time_section = s.section) end order by s.n) as cells
                      from generate_series(1, 7) dow
                     cross join unnest('{上午,下午,晚上}'::text[]) with ordinality as s (section, n)
                     group by dow) g) as data
      from (select distinct clinic_id, week from waiting where week = first_week) w
     cross join ctx
      join clinics c on c.id = w.clinic_id
      join doctors d on d.id = ctx.doctor_id
      left join schedule_audits a on a.clinic_id = w.clinic_id and a.week_start_date = w.week and a.status = 'pending'
), applied as (
    insert into schedule_audits (minor_dept_id, clinic_id, submitter_doctor_id, week_start_date, week_end_date, schedule_data,
                                 submit_time, remark)
    select w.dept_id, w.clinic_id, ctx.doctor_id, w.week, w.week + 6, w.data, ctx.now, '每周出诊时间申请'
      from weeks w cross join ctx
     where w.dept_id is not null
        on conflict (clinic_id, week_start_date) do update
       set schedule_data = excluded.schedule_data, submitter_doctor_id = excluded.submitter_doctor_id,
           submit_time = excluded.submit_time, remark = excluded.remark, status = 'pending', auditor_user_id = null,
           audit_time = null, audit_remark = null, version = schedule_audits.version + 1, updated_at = excluded.submit_time
    returning id, clinic_id, week_start_date
)
update availability_rules r set schedule_audit_id = a.id
  from (select distinct id, clinic_id, first_week from waiting) w
  join applied a on a.clinic_id = w.clinic_id and a.week_start_date = w.first_week
 where r.id = w.id

-- name: availability_answer
-- $2 kept sessions, $3 how many go, $4 whether it waits, $5 the rules before: the reply, and what changed for the audit log
with ctx as (
    select $1::jsonb as c, ($1::jsonb->>'doctor_id')::bigint as doctor_id, ($1::jsonb->>'now')::timestamptz as now,
           ($1::jsonb->>'today')::date as today
), made as (
    select coalesce((select json_agg(gh_v1_rule(r) order by r.id) from availability_rules r
                      where r.doctor_id = ctx.doctor_id and r.created_at = ctx.now), '[]') as rules,
           (select count(*) from schedules s where s.doctor_id = ctx.doctor_id and s.created_at = ctx.now
                                               and s.status = '正常') as sessions
      from ctx
)
select case c->>'op'
       when 'add' then case when $4::boolean
            then json_build_object('rules', m.rules, 'sessions_created', m.sessions, 'status', 'PENDING_APPROVAL')
            else json_build_object('rules', m.rules, 'sessions_created', m.sessions) end
       when 'replace' then (
            gh_v1_availability(ctx.doctor_id, ctx.today, ctx.today + 13, null, true, false, ctx.now, c->>'tz', c->>'currency')::jsonb
            || jsonb_build_object('kept_sessions', coalesce((
                   select jsonb_agg(gh_v1_session(s, c->>'tz', c->>'currency')::jsonb order by s.starts_at)
                     from schedules s where s.id = any ($2::bigint[])), '[]')))::json
       when 'update' then (select gh_v1_rule(r) from availability_rules r where r.id = (c->>'rule_id')::bigint)
       else json_build_object('sessions_removed', $3::int, 'sessions_kept', cardinality($2::bigint[])) end::text as body,
       case when c->>'op' = 'add' then case when $4 then 202 else 201 end else 200 end as status,
       gh_changes(jsonb_build_object('rules', $5::jsonb),
                  jsonb_build_object('rules', gh_v1_rules(ctx.doctor_id, '-infinity', 'infinity', false)::jsonb)
                  || case when m.sessions > 0 then jsonb_build_object('sessions_created', m.sessions) else '{}' end)::text as changes
  from ctx cross join made m

-- name: extend_rules
-- Carry rules on to the horizon: $1 now, $2 today, $3 zone, $4 how many at most. What is in the way is left alone, and so is a
-- day whose session was deleted. Rules of doctors who take nobody wait. One row: how many rules were carried on.
with due as materialized (
    select r.* from availability_rules r
      join doctors d on d.id = r.doctor_id and d.deleted_at is null and d.accepting_patients and d.status = 'ACTIVE'
     where r.status = 'ACTIVE' and (r.extended_to is null or r.extended_to < $2::date + gh_horizon_days(true))
       and (r.valid_to is null or r.extended_to is null or r.extended_to < r.valid_to)
       and (r.valid_to is null or r.valid_to >= $2)
     order by r.id limit $4::int
       for no key update of r skip locked
), carried as (
    update availability_rules r set extended_to = $2 + gh_horizon_days(true) from due where r.id = due.id
), made as (
    insert into schedules (doctor_id, clinic_id, date, time_section, slot_type, total_slots, remaining_slots, price, starts_at,
                           ends_at, slot_minutes, rule_id, created_at, updated_at)
    select r.doctor_id, p.clinic_id, p.date, p.time_section, p.slot_type, p.total_slots, p.total_slots, p.price, p.starts_at,
           p.ends_at, p.slot_minutes, r.id, $1::timestamptz, $1
      from due r
     cross join lateral gh_planned_sessions(to_jsonb(r), r.doctor_id, greatest($2, r.extended_to + 1), $2 + gh_horizon_days(true),
                                            $3::text) p
     where p.starts_at > $1
       and not exists (select from schedules k where k.rule_id = r.id and k.date = p.date and k.time_section = p.time_section)
        on conflict do nothing
    returning id
)
select (select count(*) from due) as rules, (select count(*) from made) as sessions
