-- Sessions as /api/v1 shows them (api/23), and what the audit log says of them.

-- A session without its bookkeeping, for the log of changes.
create function gh_session_logged(s schedules) returns jsonb language sql immutable as $$
    select to_jsonb(s) - '{id,is_demo,week_day,slot_minutes,version,created_at,updated_at}'::text[]
$$;

-- OPEN, SUSPENDED (停诊, or waiting for approval), CLOSED (no longer current).
create function gh_session_status(s schedules) returns text language sql immutable as $$
    select case when not s.is_latest then 'CLOSED' when s.status = '正常' then 'OPEN' else 'SUSPENDED' end
$$;

-- Session of api/23. The department is the doctor's.
create function gh_v1_session(s schedules, tz text, currency text) returns json language sql stable as $$
    select json_build_object(
               'id', s.id, 'doctor_id', s.doctor_id, 'doctor_name', coalesce(d.full_name, d.name),
               'department', case when m.id is not null then json_build_object('id', m.id, 'name', m.name) end,
               'clinic_id', s.clinic_id, 'clinic_name', c.name, 'date', s.date, 'weekday', s.week_day,
               'section', gh_section_v1(s.time_section), 'starts_at', gh_ts_text(s.starts_at, tz),
               'ends_at', gh_ts_text(s.ends_at, tz), 'slot_type', gh_slot_type_v1(s.slot_type),
               'slot_minutes', s.slot_minutes, 'total_slots', s.total_slots, 'booked', s.total_slots - s.remaining_slots,
               'remaining_slots', s.remaining_slots, 'price', s.price, 'currency', currency,
               'status', gh_session_status(s), 'rule_id', s.rule_id)
      from doctors d
      left join minor_departments m on m.id = d.dept_id
      left join clinics c on c.id = s.clinic_id
     where d.id = s.doctor_id
$$;

-- The places of a session (api/24, slot model) in order; available: it can be booked at the moment at_now.
create function gh_session_slots(s schedules, at_now timestamptz)
returns table (slot_no int, starts_at timestamptz, ends_at timestamptz, available boolean) language sql stable as $$
    select k, b.starts, b.starts + make_interval(mins => s.slot_minutes),
           s.is_latest and s.status = '正常' and s.remaining_slots > 0 and b.starts > at_now
           and not exists (select from registration_orders o
                            where o.schedule_id = s.id and o.slot_no = k
                              and o.status in ('pending', 'confirmed', 'completed', 'no_show'))
      from generate_series(1, s.total_slots) k
     cross join lateral (
           select s.starts_at + make_interval(mins => s.slot_minutes * (least(k, greatest(1,
                  floor(extract(epoch from s.ends_at - s.starts_at) / 60 / s.slot_minutes)::int)) - 1)) as starts) b
$$;

-- Slot of api/23.
create function gh_v1_slots(s schedules, only_free boolean, at_now timestamptz, tz text) returns json language sql stable as $$
    select coalesce(json_agg(json_build_object(
               'schedule_id', s.id, 'slot_no', x.slot_no, 'starts_at', gh_ts_text(x.starts_at, tz),
               'ends_at', gh_ts_text(x.ends_at, tz), 'slot_type', gh_slot_type_v1(s.slot_type), 'price', s.price,
               'available', x.available) order by x.slot_no), '[]')
      from gh_session_slots(s, at_now) x
     where x.available or not only_free
$$;

-- Filters of SC-01 that no index serves; null: not asked for.
create function gh_session_listed(s schedules, statuses text[], types text[], free boolean) returns boolean language sql immutable as $$
    select (statuses is null or gh_session_status(s) = any (statuses)) and (types is null or s.slot_type = any (types))
           and (not free or (s.remaining_slots > 0 and s.status = '正常' and s.is_latest))
$$;

-- The value by which sessions are ordered for one key of `sort` (api/20 section 7).
create function gh_session_order(key text, id bigint, day date, starts_at timestamptz) returns numeric language sql stable as $$
    select case key when 'id' then id when '-id' then -id when 'date' then day - date '1970-01-01'
                    when '-date' then date '1970-01-01' - day when 'starts_at' then extract(epoch from starts_at)
                    when '-starts_at' then -extract(epoch from starts_at) end
$$;
