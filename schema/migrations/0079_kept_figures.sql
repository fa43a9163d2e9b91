-- 0079: figures of registrations are planned once for each connection
--
-- gh_registrations() and gh_hospital_registrations() are inlined into what asks for them, which made most calls plan five parts anew:
-- two thirds of the time of a figure of counted days. Their plans do not depend on the days (always an index), so they are
-- kept here. What is filtered by stays a condition of each part.
create function gh_registrations_kept(since date, until date, of_doctor bigint default null, of_clinics bigint[] default null)
returns table (day date, schedule_id bigint, time_section text, doctor_id bigint, clinic_id bigint, slot_type text, registrations bigint,
               completed bigint, revenue numeric) language plpgsql stable set plan_cache_mode = force_generic_plan as $$
begin
    if since is null or until is null then
        return;
    elsif of_doctor is not null then
        return query select f.* from gh_registrations(since, until) f where f.doctor_id = of_doctor;
    elsif of_clinics is not null then
        return query select f.* from gh_registrations(since, until) f where f.clinic_id = any (of_clinics);
    else
        return query select f.* from gh_registrations(since, until) f;
    end if;
end $$;

create function gh_hospital_registrations_kept(since date, until date)
returns table (day date, slot_type text, registrations bigint, completed bigint, revenue numeric)
language plpgsql stable set plan_cache_mode = force_generic_plan as $$
begin
    if since is not null and until is not null then
        return query select f.* from gh_hospital_registrations(since, until) f;
    end if;
end $$;
