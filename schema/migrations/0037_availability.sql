-- Weekly rules of availability and the sessions they become (api/23 AV-01 to AV-05; R-70 to R-80).

-- extended_to: sessions of the rule have been made up to that day; null: none yet. The schedule pool carries it on every day.
alter table availability_rules add column extended_to date;
create index availability_rules_due_ix on availability_rules (extended_to nulls first) where status = 'ACTIVE';

-- AvailabilityRule of api/23.
create function gh_v1_rule(r availability_rules) returns json language sql immutable as $$
    select json_build_object('id', r.id, 'doctor_id', r.doctor_id, 'weekday', r.weekday,
               'start_time', substr(r.start_time::text, 1, 5), 'end_time', substr(r.end_time::text, 1, 5),
               'slot_minutes', r.slot_minutes, 'clinic_id', r.clinic_id, 'slot_type', gh_slot_type_v1(r.slot_type),
               'valid_from', r.valid_from, 'valid_to', r.valid_to, 'status', r.status)
$$;

-- Rules of a doctor that hold on some day from `since` on.
create function gh_v1_rules(of_doctor_id bigint, since date, until date, active_only boolean) returns json language sql stable as $$
    select coalesce(json_agg(gh_v1_rule(r) order by r.weekday, r.start_time, r.valid_from, r.id), '[]')
      from availability_rules r
     where r.doctor_id = of_doctor_id and r.status <> 'INACTIVE' and (r.status = 'ACTIVE' or not active_only)
       and (r.valid_to is null or r.valid_to >= since) and r.valid_from <= until
$$;

-- AV-01.
create function gh_v1_availability(of_doctor_id bigint, since date, until date, types text[], only_free boolean, active_only boolean,
                                   at_now timestamptz, tz text, currency text) returns json language sql stable as $$
    select json_build_object(
               'doctor_id', of_doctor_id, 'timezone', tz, 'rules', gh_v1_rules(of_doctor_id, since, until, active_only),
               'sessions', coalesce(json_agg(gh_v1_session(s, tz, currency) order by s.starts_at, s.id), '[]'),
               'slots', coalesce((select json_agg(x.slot order by f.starts_at, f.id, x.n)
                                    from schedules f
                                   cross join lateral json_array_elements(gh_v1_slots(f, only_free, at_now, tz))
                                         with ordinality as x (slot, n)
                                   where f.id = any (array_agg(s.id))), '[]'))
      from schedules s
     where s.doctor_id = of_doctor_id and s.is_latest and s.date between since and until
       and (types is null or s.slot_type = any (types))
       and (not only_free or (s.status = '正常' and s.remaining_slots > 0 and s.ends_at > at_now))
$$;

-- The sessions that an item (a rule, or one day: `date`) becomes on the days first to last: split where a part of the day ends
-- (api/23), pieces shorter than a place left out, and for rules days of approved leave. Members as columns of
-- availability_rules, and date and price.
create function gh_planned_sessions(item jsonb, of_doctor_id bigint, first date, last date, tz text)
returns table (clinic_id bigint, date date, time_section text, slot_type text, total_slots int, price numeric,
               starts_at timestamptz, ends_at timestamptz, slot_minutes int) language sql stable as $$
    with rule as (
        select (item->>'clinic_id')::bigint as clinic_id, item->>'slot_type' as slot_type, (item->>'slot_minutes')::int as minutes,
               (extract(epoch from (item->>'start_time')::time) / 60)::int as starts,
               (extract(epoch from (item->>'end_time')::time) / 60)::int as ends,
               gh_schedule_setting((item->>'clinic_id')::bigint) as setting
    ), days as (
        select (item->>'date')::date as day where item ? 'date'
        union all
        select g::date
          from generate_series(greatest(first, (item->>'valid_from')::date)::timestamp,
                               least(last, (item->>'valid_to')::date)::timestamp, '1 day') g
         where not item ? 'date' and extract(isodow from g) = (item->>'weekday')::int
    ), parts as (
        select h.section, greatest(r.starts, coalesce(lag(h.ends) over (order by h.ends), 0)) as lo,
               least(r.ends, case when h.section = '晚上' then 1440 else h.ends end) as hi
          from rule r
         cross join lateral gh_section_hours(r.setting) h
    )
    select r.clinic_id, d.day, p.section, r.slot_type, (p.hi - p.lo) / r.minutes,
           case when (item->>'price')::numeric > 0 then round((item->>'price')::numeric, 2)
                else gh_list_price(of_doctor_id, r.clinic_id, r.slot_type) end,
           (d.day + make_interval(mins => p.lo)) at time zone tz, (d.day + make_interval(mins => p.hi)) at time zone tz, r.minutes
      from rule r
     cross join days d
      join parts p on p.hi - p.lo >= r.minutes
     where item ? 'date'
        or not exists (select from leave_audits l
                        where l.doctor_id = of_doctor_id and l.status = 'approved'
                          and d.day between l.leave_start_date and l.leave_end_date
                          and (l.shift = 'full' or gh_section(l.shift) = p.section))
$$;

-- What a call about availability (availability.c) asks for, one row an item: its place in the body, for refusals, and the item
-- with its defaults. ctx: op, body, today, rule_id.
create function gh_availability_items(ctx jsonb) returns table (i bigint, place text, item jsonb) language sql stable as $$
    with raw as (
        select x.n - 1 as i, format('[%s].', x.n - 1) as place, x.e
          from jsonb_array_elements(case when ctx->>'op' = 'add' and jsonb_typeof(ctx->'body') = 'array' then ctx->'body' end)
               with ordinality as x (e, n)
        union all
        select 0, '', ctx->'body' where ctx->>'op' = 'add' and jsonb_typeof(ctx->'body') = 'object'
        union all
        select x.n - 1, format('rules[%s].', x.n - 1), x.e
          from jsonb_array_elements(case when ctx->>'op' = 'replace' then ctx->'body'->'rules' end) with ordinality as x (e, n)
        union all
        select 0, '', to_jsonb(r) - '{id,created_at,updated_at,version,extended_to}'::text[] || (ctx->'body')
          from availability_rules r
         where ctx->>'op' = 'update' and r.id = (ctx->>'rule_id')::bigint and r.doctor_id = (ctx->>'doctor_id')::bigint
    )
    select r.i, r.place, jsonb_strip_nulls(r.e) || jsonb_build_object(
               'slot_type', gh_slot_type(coalesce(r.e->>'slot_type', 'NORMAL')),
               'slot_minutes', coalesce((r.e->>'slot_minutes')::int, gh_place_minutes(gh_schedule_setting((r.e->>'clinic_id')::bigint))),
               'valid_from', greatest(coalesce((r.e->>'valid_from')::date, (ctx->>'today')::date),
                                      case when ctx->>'op' = 'replace' then (ctx->>'effective_from')::date end))
      from raw r
$$;
