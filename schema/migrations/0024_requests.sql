-- Requests recorded as rows: found by time, caller and address; counted by the hour, which outlives the rows.
drop index user_access_log_time_ix;
drop index user_access_log_user_ix;
create index user_access_log_time_ix on user_access_log (access_time, id);
create index user_access_log_user_ix on user_access_log (user_id, access_time, id);
create index user_access_log_ip_ix on user_access_log (host(ip), access_time, id);

-- The newest rows, at most `most`, by the narrowest index: one of the three parts has rows. Written so that it is inlined.
create function gh_requests_found(of_user bigint, of_ip text, action text, since timestamptz, until timestamptz, most bigint)
returns setof user_access_log language sql stable as $$
    (select l.* from user_access_log l
      where of_user is not null and l.user_id = of_user and (of_ip is null or host(l.ip) = of_ip)
        and l.access_time >= since and l.access_time <= until and (action is null or strpos(lower(l.url), action) > 0)
      order by l.access_time desc, l.id desc limit most)
    union all
    (select l.* from user_access_log l
      where of_user is null and of_ip is not null and host(l.ip) = of_ip
        and l.access_time >= since and l.access_time <= until and (action is null or strpos(lower(l.url), action) > 0)
      order by l.access_time desc, l.id desc limit most)
    union all
    (select l.* from user_access_log l
      where of_user is null and of_ip is null
        and l.access_time >= since and l.access_time <= until and (action is null or strpos(lower(l.url), action) > 0)
      order by l.access_time desc, l.id desc limit most)
$$;

create table visit_hours (
    hour   timestamptz not null,
    visits bigint      not null,
    constraint visit_hours_pk        primary key (hour),
    constraint visit_hours_hour_ck   check (hour = date_trunc('hour', hour, 'UTC')),
    constraint visit_hours_visits_ck check (visits > 0)
);
insert into visit_hours (hour, visits)
select date_trunc('hour', access_time, 'UTC'), count(*) from user_access_log group by 1;
