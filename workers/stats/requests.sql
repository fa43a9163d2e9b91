-- Requests recorded (api/00 section 0.14, api/12 section 12.8): fronts send them in batches.

-- name: record_lock
-- One batch after the other: a repeat is seen even when another front sent the request before.
select pg_advisory_xact_lock(hashtextextended('user_access_log', 0))

-- name: record_requests
-- $1 columns of a batch. A row within 5 s of another of the same caller (nobody: the address) and path is left out; front/rows.c
-- has done so for the rows of one front worker.
with given as (
    select nullif(r.user_id, '0')::bigint as user_id, r.ip::inet as ip, r.ua, r.url, r.method, r.status::smallint as status,
           r.code::int as code, timestamptz 'epoch' + r.at::bigint * interval '1 microsecond' as at, r.ms::int as ms
      from (select $1::jsonb as c) x,
           rows from (jsonb_array_elements_text(c->'user'), jsonb_array_elements_text(c->'ip'),
                      jsonb_array_elements_text(c->'agent'), jsonb_array_elements_text(c->'url'),
                      jsonb_array_elements_text(c->'method'), jsonb_array_elements_text(c->'status'),
                      jsonb_array_elements_text(c->'code'), jsonb_array_elements_text(c->'at'),
                      jsonb_array_elements_text(c->'ms')) as r(user_id, ip, ua, url, method, status, code, at, ms)
), stored as (
    insert into user_access_log (user_id, ip, ua, url, method, status_code, response_code, access_time, duration_ms)
    select g.user_id, g.ip, g.ua, g.url, g.method, g.status, g.code, g.at, g.ms
      from given g
     where not exists (select from user_access_log l
                        where l.user_id = g.user_id and l.access_time > g.at - interval '5 s'
                          and l.access_time < g.at + interval '5 s' and split_part(l.url, '?', 1) = split_part(g.url, '?', 1))
       and not exists (select from user_access_log l
                        where g.user_id is null and l.user_id is null and host(l.ip) = host(g.ip) and l.access_time > g.at - interval '5 s'
                          and l.access_time < g.at + interval '5 s' and split_part(l.url, '?', 1) = split_part(g.url, '?', 1))
     order by g.at
    returning access_time
)
insert into visit_hours as v (hour, visits)
select date_trunc('hour', access_time, 'UTC'), count(*) from stored group by 1
    on conflict (hour) do update set visits = v.visits + excluded.visits

-- name: list_requests
-- GET /auth/user-logs. $1 the query as an object, $2 zone. `action` is part of the url, whatever its case. Rows come by the index of
-- the caller, else of the address, else of the time; no more than a million are counted.
with asked as materialized (
    select ($1::jsonb->>'page')::int as page, ($1::jsonb->>'page_size')::int as size,
           ($1::jsonb->>'user_id')::bigint as user_id, lower($1::jsonb->>'ip') as ip,
           lower(nullif($1::jsonb->>'action', '')) as action,
           coalesce(gh_moment($1::jsonb->>'start_time', $2::text, false), '-infinity') as since,
           coalesce(gh_moment($1::jsonb->>'end_time', $2::text, true), 'infinity') as until
), counted as (
    select count(*) as total
      from asked a
     cross join lateral (
           select from gh_requests_found(a.user_id, a.ip, a.action, a.since, a.until, 1000000)) l
), page as (
    select l.*
      from asked a
     cross join lateral (
           select * from gh_requests_found(a.user_id, a.ip, a.action, a.since, a.until, a.page::bigint * a.size) f
            order by f.access_time desc, f.id desc limit a.size offset (a.page - 1)::bigint * a.size) l
)
select json_build_object(
           'logs', coalesce((select json_agg(json_build_object(
                                        'user_access_log_id', p.id, 'user_id', p.user_id, 'ip', host(p.ip), 'ua', p.ua,
                                        'url', p.url, 'method', p.method, 'status_code', p.status_code,
                                        'response_code', p.response_code,
                                        'access_time', to_char(p.access_time at time zone $2, 'YYYY-MM-DD"T"HH24:MI:SS'),
                                        'duration_ms', p.duration_ms) order by p.access_time desc, p.id desc) from page p), '[]'),
           'total', c.total, 'total_pages', (c.total + a.size - 1) / a.size, 'page', a.page, 'page_size', a.size)::text as body
  from asked a, counted c

-- name: count_users
-- GET /statistics/users (BR-143)
select json_build_object('total_users', sum(n))::text as body from account_counts

-- name: count_visits
-- GET /statistics/visits (BR-143): rows recorded, by the days and hours they are counted in. $1 days asked for or null, $2 the setting,
-- $3 now.
with asked as (
    select coalesce($1::int, $2::int) as days
), cut as materialized (
    select $3::timestamptz - make_interval(days => a.days) as at from asked a
), counted as (
    select (select coalesce(sum(visits), 0)::bigint from visit_days) as total,
           (select coalesce(sum(visits), 0)::bigint from visit_days where day < (cut.at at time zone 'UTC')::date)
           + (select coalesce(sum(visits), 0)::bigint from visit_hours
               where hour >= date_trunc('day', cut.at, 'UTC') and hour < cut.at) as before
      from cut
)
select json_build_object('total_visits', c.total,
                         'growth_percent', case when c.before = 0 then 0
                                                else round((c.total - c.before) * 100.0 / c.before, 2) end,
                         'compare_days', a.days)::text as body
  from asked a, counted c

-- name: keep_requests
-- $1 now, $2 days that requests are kept: their partitions, and accounts counted anew
select p.made, p.dropped, p.strays, gh_accounts_counted() from gh_request_partitions($1::timestamptz, $2::int) p
