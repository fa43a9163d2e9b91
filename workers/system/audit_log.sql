-- Reading and checking the audit log (api/29 SY-07, SY-08; R-214).

-- name: v1_audit_log
-- $1 the query as an object, $2 zone, $3 actors, $4 beginning of the action, $5 entities, $6 their ids, $7 patients, $8 outcomes,
-- $9 words. Newest first; `at` orders as `id` does, but for entries of one moment.
with asked as (
    select coalesce($1::jsonb, '{}') as query,
           coalesce(($1::jsonb->>'page')::int, 1) as page,
           coalesce(($1::jsonb->>'per_page')::int, ($1::jsonb->>'limit')::int, ($1::jsonb->>'page_size')::int, 20) as size,
           split_part(replace(coalesce($1::jsonb->>'sort', '-id'), ' ', ''), ',', 1) as sort,
           string_to_array(replace($1::jsonb->>'fields', ' ', ''), ',') as fields
), found as not materialized (
    select *
      from gh_audit_find($3::bigint[], $4::text, $5::text[], $6::text[], $7::bigint[], $8::text[],
                         gh_moment($1::jsonb->>'at_from', $2::text, false), gh_moment($1::jsonb->>'at_to', $2, true),
                         lower(nullif($9::text, '')))
), page as (
    (select f.id, f.at from found f where (select sort from asked) = '-id'
      order by f.id desc limit (select size from asked) offset (select (page - 1)::bigint * size from asked))
    union all
    (select f.id, f.at from found f where (select sort from asked) = 'id'
      order by f.id limit (select size from asked) offset (select (page - 1)::bigint * size from asked))
    union all
    (select f.id, f.at from found f where (select sort from asked) = '-at'
      order by f.at desc, f.id desc limit (select size from asked) offset (select (page - 1)::bigint * size from asked))
    union all
    (select f.id, f.at from found f where (select sort from asked) = 'at'
      order by f.at, f.id limit (select size from asked) offset (select (page - 1)::bigint * size from asked))
)
select json_build_object(
           'items', coalesce((select json_agg(gh_pick(gh_audit_entry(e, $2), a.fields)
                                              order by case a.sort when 'at' then p.at end, case a.sort when '-at' then p.at end desc,
                                                       case when a.sort like '-%' then -p.id else p.id end)
                                from page p join audit_log e on e.id = p.id and e.at = p.at), '[]'),
           'page', a.page, 'page_size', a.size, 'total', t.total, 'pages', (t.total + a.size - 1) / a.size)::text as body,
       gh_page_headers(a.query, a.page, a.size, t.total) as headers
  from asked a
 cross join (select count(*) as total from found) t

-- name: audit_range
-- $1, $2 ids or null: the first and the last entry of the range that there is, or was (the end of the chain)
select min(x.id), max(x.id)
  from (select min(a.id) as id from audit_log a where a.id between coalesce($1::bigint, 0) and coalesce($2::bigint, 9223372036854775807)
        union all
        select max(a.id) from audit_log a where a.id between coalesce($1, 0) and coalesce($2, 9223372036854775807)
        union all
        select c.id from audit_chain c where c.id between coalesce($1, 0) and coalesce($2, 9223372036854775807)) x

-- name: audit_verify
-- $1, $2 ids of a piece
select checked, unsealed, first_bad_id from gh_audit_verify($1::bigint, $2::bigint)
