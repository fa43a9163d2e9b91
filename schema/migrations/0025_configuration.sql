-- Settings that administrators change (api/06, api/03; BR-31 to BR-37, BR-67 to BR-71), and who changed them.

alter table system_config add column updated_by bigint;

-- Members of the groups `registration` and `schedule`: bounds of BR-67, defaults of api/06. place: their order in replies.
create function gh_config_members() returns table (place int, grp text, member text, lo int, hi int, otherwise jsonb)
language sql immutable as $$
    values ( 1, 'registration', 'advanceBookingDays',        1,  90, '14'::jsonb),
           ( 2, 'registration', 'sameDayDeadline',        null, null, '"08:00"'),
           ( 3, 'registration', 'noShowLimit',               1,  10, '3'),
           ( 4, 'registration', 'cancelHoursBefore',         1,  72, '2'),
           ( 5, 'registration', 'sameClinicInterval',        1,  30, '7'),
           ( 6, 'registration', 'paymentTimeoutMinutes',     5, 120, '30'),
           ( 7, 'registration', 'maxAppointmentsPerPeriod',  1,  50, '10'),
           ( 8, 'registration', 'appointmentPeriodDays',     1,  30, '8'),
           ( 9, 'schedule',     'maxFutureDays',             7, 180, '60'),
           (10, 'schedule',     'morningStart',           null, null, '"08:00"'),
           (11, 'schedule',     'morningEnd',             null, null, '"12:00"'),
           (12, 'schedule',     'afternoonStart',         null, null, '"14:00"'),
           (13, 'schedule',     'afternoonEnd',           null, null, '"18:00"'),
           (14, 'schedule',     'eveningStart',           null, null, '"18:30"'),
           (15, 'schedule',     'eveningEnd',             null, null, '"21:00"'),
           (16, 'schedule',     'consultationDuration',      5,  60, '15'),
           (17, 'schedule',     'intervalTime',              0,  30, '5')
$$;

-- A group as rules read it: every member, with its default where the entry lacks it or has something else.
create function gh_config_group(of_grp text, stored jsonb) returns json language sql immutable as $$
    select json_object_agg(m.member, case
               when m.lo is null and gh_setting_minutes(stored, m.member) is not null then stored -> m.member
               when gh_setting_int(stored, m.member) between m.lo and m.hi then to_jsonb(gh_setting_int(stored, m.member))
               else m.otherwise end order by m.place)
      from gh_config_members() m
     where m.grp = of_grp
$$;

-- Identity rates by patient type. Stored names are the Chinese ones, else the English ones; BR-37: what is not in (0, 1] is the
-- default.
create function gh_identity_rates(stored jsonb) returns json language sql immutable as $$
    select json_object_agg(t.zh, case when r.rate > 0 and r.rate <= 1 then r.rate else t.otherwise end order by t.place)
      from (values (1, '学生', 'student', 0.8), (2, '教师', 'teacher', 0.8), (3, '职工', 'staff', 0.8),
                   (4, '校外', 'external', 1.0)) t (place, zh, en, otherwise)
     cross join lateral (
           select case when jsonb_typeof(v.value) = 'number' then (v.value #>> '{}')::numeric end as rate
             from (select coalesce(stored -> t.zh, stored -> t.en) as value) v) r
$$;

-- Those under both names: clients read the English ones, the reference writes the Chinese ones.
create function gh_identity_rates_twice(stored jsonb) returns json language sql immutable as $$
    select json_build_object('student', r -> '学生', 'teacher', r -> '教师', 'staff', r -> '职工', 'external', r -> '校外',
                             '学生', r -> '学生', '教师', r -> '教师', '职工', r -> '职工', '校外', r -> '校外')
      from gh_identity_rates(stored) r
$$;

-- A global entry as it is now, locked until the transaction ends; {} when there is none or it is switched off. Entries are
-- locked in the order of their keys.
create function gh_config_lock(of_key text, at_now timestamptz) returns jsonb language plpgsql as $$
declare
    stored jsonb;
begin
    loop
        select case when c.is_active and jsonb_typeof(c.config_value) = 'object' then c.config_value else '{}' end into stored
          from system_config c where c.config_key = of_key and c.scope_type = 'GLOBAL' for no key update;
        if found then
            return stored;
        end if;
        insert into system_config (config_key, config_value, created_at, updated_at) values (of_key, '{}', at_now, at_now)
            on conflict (config_key, scope_type, coalesce(scope_id, 0)) do nothing;
    end loop;
end $$;

create procedure gh_config_write(of_key text, value jsonb, by_user bigint, at_now timestamptz) language sql as $$
    update system_config c
       set config_value = value, is_active = true, version = c.version + 1, updated_at = at_now, updated_by = by_user
     where c.config_key = of_key and c.scope_type = 'GLOBAL' and (c.config_value is distinct from value or not c.is_active)
$$;

-- Merge identity rates: the English name counts where both are given, what is given under neither stays (BR-70).
create function gh_set_identity_rates(given jsonb, by_user bigint, at_now timestamptz, out before json, out after json)
language plpgsql as $$
declare
    stored jsonb := gh_config_lock('patientIdentityDiscounts', at_now);
    will   jsonb;
begin
    select coalesce(jsonb_object_agg(t.zh, coalesce(given -> t.en, given -> t.zh, stored -> t.zh, stored -> t.en)), '{}')
      into will
      from (values ('学生', 'student'), ('教师', 'teacher'), ('职工', 'staff'), ('校外', 'external')) t (zh, en)
     where coalesce(given -> t.en, given -> t.zh, stored -> t.zh, stored -> t.en) is not null;
    call gh_config_write('patientIdentityDiscounts', will, by_user, at_now);
    before := gh_identity_rates(stored);
    after := gh_identity_rates(will);
end $$;

-- Merge the three groups of api/06 (BR-69, BR-70). error: the name of a refusal, nothing is written then. changes: for the audit
-- log, {"registration.noShowLimit": [3, 5], ...}.
create function gh_config_update(given jsonb, by_user bigint, at_now timestamptz, out error text, out changes jsonb)
language plpgsql as $$
declare
    g      text;
    was    jsonb;
    will   jsonb;
    hours  json;
    rates  record;
begin
    changes := '{}';
    if jsonb_typeof(given -> 'patientIdentityDiscounts') = 'object' then
        perform gh_config_lock('patientIdentityDiscounts', at_now);
    end if;
    foreach g in array '{registration,schedule}'::text[] loop
        continue when jsonb_typeof(given -> g) is distinct from 'object';
        was := gh_config_lock(g, at_now);
        select was || coalesce(jsonb_object_agg(m.member, given -> g -> m.member), '{}') into will
          from gh_config_members() m
         where m.grp = g and given -> g ? m.member;
        if g = 'schedule' then
            hours := gh_config_group(g, will);
            error := case when hours ->> 'morningStart' >= hours ->> 'morningEnd' then 'MORNING_HOURS_INVALID'
                          when hours ->> 'afternoonStart' >= hours ->> 'afternoonEnd' then 'AFTERNOON_HOURS_INVALID'
                          when hours ->> 'eveningStart' >= hours ->> 'eveningEnd' then 'EVENING_HOURS_INVALID' end;
        end if;
        changes := changes || (select coalesce(jsonb_object_agg(g || '.' || c.key, c.value), '{}')
                                 from jsonb_each(gh_changes(gh_config_group(g, was)::jsonb, gh_config_group(g, will)::jsonb)) c);
        if error is not null then
            return;
        end if;
        given := jsonb_set(given, array[g], will);
    end loop;
    foreach g in array '{registration,schedule}'::text[] loop
        if jsonb_typeof(given -> g) = 'object' then
            call gh_config_write(g, given -> g, by_user, at_now);
        end if;
    end loop;
    if jsonb_typeof(given -> 'patientIdentityDiscounts') = 'object' then
        select * into rates from gh_set_identity_rates(given -> 'patientIdentityDiscounts', by_user, at_now);
        changes := changes || (select coalesce(jsonb_object_agg('patientIdentityDiscounts.' || c.key, c.value), '{}')
                                 from jsonb_each(gh_changes(rates.before::jsonb, rates.after::jsonb)) c);
    end if;
end $$;

-- Global entries that are switched on.
create view v_global_config as
    select config_key, config_value, version, updated_at, updated_by
      from system_config where scope_type = 'GLOBAL' and is_active;
