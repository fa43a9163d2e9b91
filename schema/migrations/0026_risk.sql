-- Risk scores (BR-127, BR-134, BR-135), and sessions whose refresh token lives in a cookie (R-16).

alter table sessions add column cookie boolean not null default false;
comment on column sessions.cookie is 'the refresh token is in a cookie: replies do not show it';

create function gh_risk_level(score int) returns varchar language sql immutable as $$
    select case when score >= 75 then 'HIGH' when score >= 50 then 'MEDIUM' when score >= 30 then 'LOW' else 'SAFE' end
$$;

-- Add to the score of a user for a behaviour, log it, and ban who comes to 75 without being banned. Good behaviour is a negative
-- change, of which half counts from 75 on. Administrators are not banned. Gives the kind of a new ban, else null. The user's summary
-- is locked from here on.
create function gh_risk_add(of_user bigint, change int, behaviour text, told text, at_now timestamptz) returns text
language plpgsql as $$
declare
    score int;
    counted int := change;
    kind text;
begin
    insert into user_risk_summaries (user_id, updated_at) values (of_user, at_now) on conflict (user_id) do nothing;
    select current_score into score from user_risk_summaries where user_id = of_user for update;
    if change < 0 and score >= 75 then
        counted := change / 2;
    end if;
    score := greatest(0, score + counted);
    update user_risk_summaries
       set current_score = score, current_level = gh_risk_level(score), updated_at = at_now,
           last_incident_time = case when change > 0 then at_now else last_incident_time end,
           total_positive_count = total_positive_count + (change < 0)::int,
           total_negative_count = total_negative_count + (change > 0)::int
     where user_id = of_user;
    insert into risk_logs (user_id, risk_score, risk_level, behavior_type, description, alert_time)
    values (of_user, counted, gh_risk_level(score), behaviour, told, at_now);
    if score < 75 or exists (select from users u where u.id = of_user and (u.is_admin or u.is_superuser)) then
        return null;
    end if;
    update user_bans set is_active = false, unban_time = at_now, updated_at = at_now      -- BR-133
     where user_id = of_user and is_active and ban_until <= at_now;
    insert into user_bans (user_id, ban_type, ban_until, reason, created_at, updated_at)
    values (of_user, case when score >= 90 then 'all' else 'login' end,
            at_now + case when score >= 90 then interval '30 days' else interval '7 days' end,
            '风险分数达到 ' || score, at_now, at_now)
        on conflict (user_id) where is_active do nothing
    returning ban_type into kind;
    return kind;
end
$$;

-- Sign-ins of an account within the hour, under any of its names, since the last time that they were too many (BR-130).
create function gh_logins(u users, at_now timestamptz) returns bigint language sql stable as $$
    select count(*)
      from login_attempts a
     where a.name_hash = any (gh_login_hashes(u)) and a.ok
       and a.at > greatest(at_now - interval '1 hour',
                           (select max(r.alert_time) from risk_logs r
                             where r.user_id = u.id and r.behavior_type = 'high_frequency_login'))
$$;
