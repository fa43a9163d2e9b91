-- Durable jobs as their owners see them (api/29, R-17): another one's job is absent.

-- name: v1_jobs
-- JB-01. $1 the query as an object, $2 who asks, $3 his scopes, $4 zone
with asked as (
    select coalesce($1::jsonb, '{}') as query, coalesce(($1::jsonb->>'page')::int, 1) as page,
           coalesce(($1::jsonb->>'per_page')::int, ($1::jsonb->>'limit')::int, ($1::jsonb->>'page_size')::int, 20) as size,
           gh_json_texts($1::jsonb->'kind') as kinds, gh_json_texts($1::jsonb->'status') as states,
           replace(coalesce($1::jsonb->>'sort', '-created_at'), ' ', '') as sort,
           string_to_array(replace($1::jsonb->>'fields', ' ', ''), ',') as fields
), found as materialized (
    select j.id, j.finished_at
      from asked a
      join jobs j on (j.owner_id = $2::bigint or $3::int & 1 <> 0)
                 and (a.kinds is null or j.kind = any (a.kinds)) and (a.states is null or j.status = any (a.states))
), page as (
    select x.id, row_number() over () as place
      from (select f.id
              from found f cross join asked a
             order by case when a.sort like 'finished_at%' then f.finished_at end,
                      case when a.sort like '-finished_at%' then f.finished_at end desc nulls last,
                      case when a.sort not like '-%' then f.id end, f.id desc
             limit (select size from asked) offset (select (page - 1)::bigint * size from asked)) x
)
select json_build_object(
           'items', coalesce((select json_agg(gh_pick(gh_v1_job(j, $4::text), a.fields) order by p.place)
                                from page p join jobs j on j.id = p.id), '[]'),
           'page', a.page, 'page_size', a.size, 'total', t.total, 'pages', (t.total + a.size - 1) / a.size)::text as body,
       gh_page_headers(a.query, a.page, a.size, t.total) as headers
  from asked a
 cross join (select count(*) as total from found) t;

-- name: v1_job
-- JB-02. $1 job, $2 who asks, $3 his scopes, $4 zone
select gh_v1_job(j, $4::text)::text as body,
       case when j.finished_at is null then json_build_object('Retry-After', '1')
            when j.status = 'DONE' then json_build_object('Content-Location', '/api/v1/jobs/' || j.id || '/result') end as headers
  from jobs j
 where j.id = $1::uuid and (j.owner_id = $2::bigint or $3::int & 1 <> 0);

-- name: v1_job_cancel
-- JB-04. $1 job, $2 who asks, $3 his scopes, $4 zone, $5 now. What a running one does meanwhile no longer counts for the job.
with held as materialized (
    select j.* from jobs j
     where j.id = $1::uuid and (j.owner_id = $2::bigint or $3::int & 1 <> 0)
       for update of j
), done as (
    update jobs j
       set status = 'CANCELLED', lease_until = null, place = null, finished_at = $5::timestamptz,
           expires_at = $5::timestamptz + interval '24 hours'
      from held h
     where j.id = h.id and h.finished_at is null
 returning j.*
)
select case when d.id is null then 'JOB_NOT_CANCELLABLE' end as error,
       (select gh_v1_job(row(x.*)::jobs, $4::text) from done x)::text as body
  from held h left join done d on d.id = h.id;
